"""Publishes policies from files: creates or revises only what changed, by name, and puts it into effect."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Any

import msgspec

from service.instants import rfc3339
from service.remote.errors import PolicyRefused, PublishedInPart
from service.remote.files import KIND_DEFAULT, PolicyFile
from service.replay.client import Answer, Client, Problem, ProblemFault, new_key
from service.rules import canonical
from service.rules.canonical import Difference
from service.rules.language.faults import LanguageError

POLICIES = "/v1/policies"
CANDIDATE = re.compile(r"/policies/(?P<place>\d+)(?P<within>.*)", re.ASCII)
OUT_OF_TURN = "policy-step-out-of-turn"
DRAFT, IN_REVIEW, SCHEDULED = "draft", "in_review", "scheduled"
READ_AS_CHANGED = (LanguageError, ValueError, KeyError)
"""Why two documents cannot be compared: one of them is none. The server says then what is wrong with it."""


class Fate(StrEnum):
    """What became of a policy, or would become of it."""

    UNCHANGED = "unchanged"
    PUBLISHED = "published"
    SCHEDULED = "scheduled"
    WAITING = "waits for approval"
    CREATED = "would be created"
    REVISED = "would be revised"


class Policy(msgspec.Struct, frozen=True):
    """A policy, as the API shows it."""

    id: str
    name: str
    kind: str
    version: int
    stage: str
    published_version: int | None = None
    scheduled_version: int | None = None
    scheduled_at: datetime | None = None


class Finding(msgspec.Struct, frozen=True):
    """Something found in a document that was saved."""

    severity: str
    pointer: str
    reason: str
    remedy: str = ""


class _Version(msgspec.Struct, frozen=True):
    document: dict[str, Any]


class _Findings(msgspec.Struct, frozen=True):
    findings: list[Finding] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """How policies are to take effect; None leaves it to the server."""

    effective_at: datetime | None = None
    running: str | None = None

    def body(self, version: int) -> dict[str, object]:
        at = None if self.effective_at is None else rfc3339(self.effective_at)
        asked = {"version": version, "effective_at": at, "running": self.running}
        return {name: value for name, value in asked.items() if value is not None}


@dataclass(slots=True)
class Result:
    """What became of one file.

    Attributes:
        effective_at: from when on a version that is scheduled holds.
        differences: from what is in effect, or else from the newest version.
    """

    file: PolicyFile
    fate: Fate
    version: int | None
    effective_at: datetime | None = None
    differences: list[Difference] = field(default_factory=list[Difference])
    findings: list[Finding] = field(default_factory=list[Finding])


@dataclass(frozen=True, slots=True)
class _Saved:
    """A file whose document the server has, and which is not in effect yet."""

    result: Result
    policy: Policy


async def named(client: Client) -> dict[str, Policy]:
    """All policies of the tenant, by their names."""
    return {policy.name: policy async for policy in client.items(POLICIES, Policy)}


async def compare(client: Client, files: Sequence[PolicyFile]) -> list[Result]:
    """What publishing the files would change. Changes nothing."""
    known = await named(client)
    return [await _compared(client, file, known.get(file.name)) for file in files]


async def publish(client: Client, files: Sequence[PolicyFile], publication: Publication) -> list[Result]:
    """Save what changed, all of it before any of it takes effect; then publish it, or ask for its review.

    Raises:
        PolicyRefused, PublishedInPart, ReplayRefused, ServerUnreachable
    """
    known = await named(client)
    results = [await _compared(client, file, known.get(file.name)) for file in files]
    saved = [
        await _save(client, result, known.get(result.file.name))
        for result in results
        if result.fate is not Fate.UNCHANGED
    ]
    done: list[str] = []
    for each in saved:
        try:
            await _put_into_effect(client, each, publication)
        except PolicyRefused as refusal:
            raise PublishedInPart(done, str(refusal)) if done else refusal from refusal
        done.append(each.result.file.name)
    return results


def says_the_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Do two documents say the same, however they are written?"""
    return one == other or not differences(one, other)


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """What differs; the whole of it when one of them is no document."""
    try:
        return canonical.differences(before, after)
    except READ_AS_CHANGED:
        return [Difference(canonical.Change.CHANGED, None, "", dict(before), dict(after))]


async def _compared(client: Client, file: PolicyFile, policy: Policy | None) -> Result:
    if policy is None:
        return Result(file, Fate.CREATED, None)
    basis = policy.published_version or policy.version
    before = await _document(client, policy, basis)
    found = differences(before, file.document) if before != file.document else []
    is_in_effect = basis == policy.published_version
    fate = Fate.UNCHANGED if is_in_effect and not found else Fate.REVISED
    version = policy.published_version if fate is Fate.UNCHANGED else None
    return Result(file, fate, version, differences=found)


async def _document(client: Client, policy: Policy, version: int) -> dict[str, Any]:
    return (await client.fetch(f"{POLICIES}/{policy.id}/versions/{version}", _Version)).document


async def _save(client: Client, result: Result, policy: Policy | None) -> _Saved:
    """The file's document as the newest version of its policy."""
    file = result.file
    if policy is None:
        body = {"name": file.name, "kind": file.kind or KIND_DEFAULT, "document": file.document}
        answer = await client.post(POLICIES, body, key=new_key())
    elif says_the_same(await _document(client, policy, policy.version), file.document):
        result.version = policy.version
        return _Saved(result, policy)
    else:
        place = f"{POLICIES}/{policy.id}"
        tag = (await client.get(place)).tag
        answer = await client.send("PUT", place, {"document": file.document}, headers={"If-Match": tag})
    saved = _accepted(answer, file).read(Policy)
    result.version = saved.version
    result.findings = answer.read(_Findings).findings
    return _Saved(result, saved)


async def _put_into_effect(client: Client, saved: _Saved, publication: Publication) -> None:
    result, policy = saved.result, saved.policy
    if policy.stage in {IN_REVIEW, SCHEDULED}:
        result.fate = Fate.WAITING if policy.stage == IN_REVIEW else Fate.SCHEDULED
        result.effective_at = policy.scheduled_at
        return
    place = f"{POLICIES}/{policy.id}"
    answer = await client.post(f"{place}/publish", publication.body(policy.version), key=new_key())
    if _is_out_of_turn(answer) and policy.stage == DRAFT:
        await _submit(client, saved)
        return
    published = _accepted(answer, result.file).read(Policy)
    is_scheduled = published.scheduled_version == policy.version
    result.effective_at = published.scheduled_at if is_scheduled else None
    result.fate = Fate.SCHEDULED if is_scheduled else Fate.PUBLISHED


async def _submit(client: Client, saved: _Saved) -> None:
    """Ask for a review of what only another member may let take effect."""
    place = f"{POLICIES}/{saved.policy.id}"
    headers = {"If-Match": (await client.get(place)).tag, "Idempotency-Key": new_key()}
    body = {"version": saved.policy.version}
    _accepted(await client.send("POST", f"{place}/submit", body, headers=headers), saved.result.file)
    saved.result.fate = Fate.WAITING


def _is_out_of_turn(answer: Answer) -> bool:
    return (
        answer.status == HTTPStatus.CONFLICT
        and answer.problem is not None
        and answer.problem.code == OUT_OF_TURN
    )


def _accepted(answer: Answer, file: PolicyFile) -> Answer:
    if answer.problem is not None:
        raise refusal(file, answer.status, answer.problem)
    return answer


def refusal(file: PolicyFile, status: int, problem: Problem) -> PolicyRefused:
    """What the server said of a file, with each place in it."""
    lines = [f"{file.place_of(fault.pointer)}{_within(fault)}: {fault.detail}" for fault in problem.errors]
    return PolicyRefused(file.path, status, problem.detail or problem.title, lines)


def refusal_of_all(files: Sequence[PolicyFile], status: int, problem: Problem) -> PolicyRefused:
    """The same of several files that were sent together, each under `/policies/<place>`."""
    lines: list[str] = []
    for fault in problem.errors:
        found = CANDIDATE.match(fault.pointer)
        place = fault.pointer
        if found is not None and int(found["place"]) < len(files):
            place = files[int(found["place"])].place_of(found["within"])
        lines.append(f"{place}{_within(fault)}: {fault.detail}")
    return PolicyRefused(files[0].path, status, problem.detail or problem.title, lines)


def _within(fault: ProblemFault) -> str:
    return "" if fault.line is None else f", line {fault.line}, column {fault.column}"
