"""Use cases of this slice: what takes effect, from when on, and what is taken out of effect again.

The pointer is held last: every decision of the tenant waits for it.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import structlog

from service.audit.domain import Actor
from service.db import TenantSession
from service.ids import PolicyId, PolicyVersionId
from service.limits import service as limits
from service.rules import examining, lifecycle, pointers, policies, recording, store
from service.rules.domain import Document, VersionRef
from service.rules.errors import (
    EffectiveAtPast,
    NothingInEffect,
    NothingScheduled,
    ScheduledAlready,
    VersionNeverPublished,
)
from service.rules.examining import Means
from service.rules.findings import Finding
from service.rules.lifecycle import Basis, Policy, Stage, Step, Taken
from service.rules.matching import RuleSet
from service.rules.models import PolicyRow, PolicyVersionRow
from service.rules.pointers import Pointed
from service.rules.recording import SUBJECT_KIND, Entry
from service.rules.service import Rulebook, ruleset_of
from service.tenants import service as tenants
from service.wakeups import service as wakeups
from service.wakeups.models import WakeUp

IDLE_SECONDS_MAX = 3.0
"""How long the transaction says nothing while a rule set is tried."""

log = structlog.stdlib.get_logger(__name__)


class Running(StrEnum):
    """What happens to the requests that were received before a version takes effect."""

    KEEP = "keep"
    """Their promises keep their terms; what is decided anew is decided by the new version."""
    NEW_REQUESTS_ONLY = "new_requests_only"
    """They go on being decided by the version that was in effect when they were received."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What is to take effect.

    Attributes:
        version: None names the newest.
        effective_at: from when on, by the tenant's clock; None is now.
    """

    version: int | None = None
    effective_at: datetime | None = None
    running: Running = Running.KEEP


@dataclass(frozen=True, slots=True)
class _Ready:
    """A version that nothing holds up."""

    ref: VersionRef
    document: Document
    findings: list[Finding]
    refusal: str | None

    def pointed(self, *, at: datetime, running: Running) -> Pointed:
        return Pointed(
            ref=self.ref,
            order=self.document.order,
            effective_at=at,
            new_requests_only=running is Running.NEW_REQUESTS_ONLY,
        )


async def publish(
    session: TenantSession,
    means: Means,
    actor: Actor,
    policy_id: PolicyId,
    publication: Publication,
    *,
    now: datetime,
) -> tuple[Policy, list[Finding]]:
    """Put an approved version into effect, now or from an instant on; also what is found in it.

    A draft that was reviewed where it is kept takes all steps on the way, each recorded.

    Raises:
        PolicyNotFound, StepOutOfTurn, EffectiveAtPast, ScheduledAlready, VersionsHeldTooMany
        PolicyInvalid: what is found in it holds its publication up.
    """
    row, now = await _held(session, policy_id, now=now)
    at = publication.effective_at or now
    if at < now:
        raise EffectiveAtPast(now)
    number = row.version if publication.version is None else publication.version
    stored = await policies.stored_version(session, policy_id, number)
    step = Step.PUBLISHED if at == now else Step.SCHEDULED
    on_the_way = await _on_the_way(session, stored, step)
    if step is Step.SCHEDULED and row.scheduled_version is not None and row.scheduled_at is not None:
        raise ScheduledAlready(row.scheduled_version, row.scheduled_at)
    ready = await _ready(session, means, row, stored, now=now)
    for entry in on_the_way:
        await recording.take(session, actor, row, entry, now=now)
    told = {
        "running": publication.running.value,
        **policies.digest(stored.document),
        **({} if ready.refusal is None else {"engine_refusal": ready.refusal}),
    }
    entry = Entry(version=number, step=step, effective_at=at, told=told)
    if step is Step.SCHEDULED:
        row.scheduled_version, row.scheduled_at = number, at
        await recording.take(session, actor, row, entry, now=now)
        await wakeups.schedule(session, [WakeUp(SUBJECT_KIND, row.id, at)])
    else:
        await _publish(session, actor, row, entry, now=now)
    await _tell_refusal(session, row, number, ready.refusal, now=now)
    await _put(session, row, ready.pointed(at=at, running=publication.running), now=now)
    return await store.shown(session, policy_id), ready.findings


async def unschedule(session: TenantSession, actor: Actor, policy_id: PolicyId, *, now: datetime) -> Policy:
    """Let the version that waits for its instant not take effect; it stays approved.

    Raises:
        PolicyNotFound, NothingScheduled
    """
    row, now = await _held(session, policy_id, now=now)
    if row.scheduled_version is None:
        raise NothingScheduled
    await _unschedule(session, actor, row, now=now)
    pointed = (await store.hold_pointer(session)).get(row.kind, [])
    await store.point(session, row.kind, pointers.without_waiting(pointed, policy_id, now=now), now=now)
    return await store.shown(session, policy_id)


async def retire(
    session: TenantSession, actor: Actor, policy_id: PolicyId, *, note: str | None, now: datetime
) -> Policy:
    """Take a policy out of effect, for all requests, and what waits for its instant with it.

    Raises:
        PolicyNotFound, NothingInEffect, MemberNeeded
    """
    row, now = await _held(session, policy_id, now=now)
    await _refuse_to_undo(session, actor, "Taking a policy out of effect")
    if row.published_version is None:
        raise NothingInEffect
    if row.scheduled_version is not None:
        await _unschedule(session, actor, row, now=now)
    retired, row.published_version = row.published_version, None
    entry = Entry(version=retired, step=Step.RETIRED, note=note)
    await recording.take(session, actor, row, entry, now=now)
    pointed = (await store.hold_pointer(session)).get(row.kind, [])
    await store.point(session, row.kind, pointers.without(pointed, policy_id), now=now)
    return await store.shown(session, policy_id)


async def revert(
    session: TenantSession, means: Means, actor: Actor, policy_id: PolicyId, *, version: int, now: datetime
) -> tuple[Policy, list[Finding]]:
    """Publish what an earlier version said, at once, as a new version: it was approved then.

    Raises:
        PolicyNotFound, VersionNeverPublished, MemberNeeded
        PolicyInvalid: what is found in it holds its publication up by now.
    """
    row, now = await _held(session, policy_id, now=now)
    await _refuse_to_undo(session, actor, "Reverting to an earlier version")
    earlier = await policies.stored_version(session, policy_id, version)
    stage = lifecycle.stage_of((await store.steps(session, policy_id, [version]))[version])
    if stage is not Stage.RETIRED:
        raise VersionNeverPublished(version, stage=stage)
    ref = policies.new_ref(policy_id, row.version + 1)
    await store.add_version(session, ref, earlier.saved, author=actor.name, now=now)
    row.version = ref.version
    stored = await policies.stored_version(session, policy_id, ref.version)
    ready = await _ready(session, means, row, stored, now=now)
    told = {"to_version": version, **policies.digest(earlier.document)}
    copied = Entry(version=ref.version, step=Step.REVERTED, basis=Basis.REVERT, told=told)
    await recording.take(session, actor, row, copied, now=now)
    entry = Entry(version=ref.version, step=Step.PUBLISHED, effective_at=now, basis=Basis.REVERT)
    await _publish(session, actor, row, entry, now=now)
    await _tell_refusal(session, row, ref.version, ready.refusal, now=now)
    await _put(session, row, ready.pointed(at=now, running=Running.KEEP), now=now)
    return await store.shown(session, policy_id), ready.findings


async def advance(session: TenantSession, subject_id: UUID, *, now: datetime) -> None:
    """Record that a scheduled version has taken over, if its instant has come. Safe to repeat.

    Decisions need nobody for that: they read the instant. Nothing can hold the version up any more.
    """
    await _held(session, PolicyId(subject_id), now=now)


async def _held(session: TenantSession, policy_id: PolicyId, *, now: datetime) -> tuple[PolicyRow, datetime]:
    """The policy, locked, with what has taken over by now recorded; and now as it is for the policy.

    Of two that publish at once the second may have read its clock before the first. What it puts into effect
    comes after the other's all the same.
    """
    row = await store.get(session, policy_id, lock=True)
    pointed = (await store.pointed(session, hold=False)).get(row.kind, [])
    now = max([now, *pointers.taken_over_at(pointed, policy_id, waiting=row.scheduled_version)])
    number, at = row.scheduled_version, row.scheduled_at
    if number is None or at is None or at > now:
        return row, now
    taken = (await store.steps(session, policy_id, [number]))[number]
    row.scheduled_version = row.scheduled_at = None
    entry = Entry(version=number, step=Step.PUBLISHED, effective_at=at)
    await _publish(session, Actor(name=taken[-1].by), row, entry, now=now)
    await wakeups.cancel(session, SUBJECT_KIND, [row.id])
    pointed = (await store.hold_pointer(session)).get(row.kind, [])
    await store.point(session, row.kind, pointers.choosable(pointed, now=now), now=now)
    return row, now


async def _on_the_way(session: TenantSession, stored: PolicyVersionRow, step: Step) -> Sequence[Entry]:
    """The steps that a version takes before it can take this one. Raises StepOutOfTurn."""
    number, policy_id = stored.version, PolicyId(stored.policy_id)
    taken: Sequence[Taken] = (await store.steps(session, policy_id, [number]))[number]
    stage = lifecycle.stage_of(taken)
    approval = (await tenants.get(session)).approval
    author = lifecycle.author_of(taken)
    if stage is Stage.DRAFT and lifecycle.is_reviewed_elsewhere(author, approval=approval):
        return (
            Entry(version=number, step=Step.SUBMITTED, basis=Basis.GIT),
            Entry(version=number, step=Step.APPROVED, basis=Basis.GIT),
        )
    lifecycle.refuse_out_of_turn(number, stage, step)
    if stage is Stage.SCHEDULED:  # it takes over by itself
        lifecycle.refuse_out_of_turn(number, stage, Step.SCHEDULED)
    return ()


async def _ready(
    session: TenantSession, means: Means, row: PolicyRow, stored: PolicyVersionRow, *, now: datetime
) -> _Ready:
    """Raises PolicyInvalid, RulesTooMany."""
    document, findings = await examining.to_publish(session, means, row, stored.saved, now=now)
    await limits.refuse_rules(session, len(document.rules))
    ref = VersionRef(
        policy_id=PolicyId(row.id), version_id=PolicyVersionId(stored.id), version=stored.version
    )
    refusal = await _refusal(session, means.rulebook, ruleset_of(session, ref, document))
    return _Ready(ref, document, findings, refusal)


async def _refusal(session: TenantSession, rulebook: Rulebook, ruleset: RuleSet) -> str | None:
    """Why the engine does not take a rule set; the reference evaluator decides by it then.

    The largest are tried for longer than PostgreSQL lets a transaction idle.
    """
    if rulebook.vet is None:
        return None
    trial = asyncio.ensure_future(rulebook.vet(ruleset))
    try:
        while not (await asyncio.wait([trial], timeout=IDLE_SECONDS_MAX))[0]:
            await store.still_here(session)
    finally:
        if not trial.done():
            trial.cancel()
            await asyncio.wait([trial])
    refusal = trial.result().refusal
    if refusal is not None:
        log.warning("rules left to the reference evaluator", ruleset=ruleset.key, reason=refusal)
    return refusal


async def _tell_refusal(
    session: TenantSession, row: PolicyRow, version: int, refusal: str | None, *, now: datetime
) -> None:
    if refusal is not None:
        await recording.tell_refusal(session, row, version, refusal, now=now)


async def _put(session: TenantSession, row: PolicyRow, entry: Pointed, *, now: datetime) -> None:
    """Put a version into the pointer. Raises VersionsHeldTooMany."""
    pointed = (await store.hold_pointer(session)).get(row.kind, [])
    await store.point(session, row.kind, pointers.with_entry(pointed, entry, now=now), now=now)


async def _publish(
    session: TenantSession, actor: Actor, row: PolicyRow, entry: Entry, *, now: datetime
) -> None:
    """Record that a version is in effect, and the one before it not any more."""
    replaced, row.published_version = row.published_version, entry.version
    if replaced is not None:
        gone = Entry(version=replaced, step=Step.REPLACED, told={"by_version": entry.version})
        await recording.take(session, actor, row, gone, now=now)
    await recording.take(session, actor, row, entry, now=now)


async def _unschedule(session: TenantSession, actor: Actor, row: PolicyRow, *, now: datetime) -> None:
    number, row.scheduled_version, row.scheduled_at = row.scheduled_version, None, None
    if number is None:
        raise NothingScheduled
    await recording.take(session, actor, row, Entry(version=number, step=Step.UNSCHEDULED), now=now)
    await wakeups.cancel(session, SUBJECT_KIND, [row.id])


async def _refuse_to_undo(session: TenantSession, actor: Actor, what: str) -> None:
    """Raises MemberNeeded."""
    approval = (await tenants.get(session)).approval
    lifecycle.refuse_to_undo(actor.name, what=what, approval=approval)
