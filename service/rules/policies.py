"""Use cases of this slice: a policy is drafted and shown. See also `reviewing` and `publishing`."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from service import ids
from service.audit.domain import Actor
from service.db import TenantSession
from service.ids import PolicyId, PolicyVersionId
from service.limits import service as limits
from service.limits.domain.table import POLICIES
from service.names import faults_of_name
from service.rules import beside, canonical, documents, examining, lifecycle, recording, store
from service.rules.canonical import Difference
from service.rules.domain import Saved, VersionRef
from service.rules.errors import PolicyInvalid, PolicyNotFound, PolicyWithoutTable
from service.rules.facts import service as facts
from service.rules.facts.domain import pinned
from service.rules.findings import Finding, gravest_first
from service.rules.lifecycle import Policy, Stage, Step, Taken
from service.rules.models import PolicyVersionRow
from service.rules.recording import Entry
from service.rules.service import Rulebook
from service.rules.store import Sought
from service.rules.tables import sheet
from service.rules.tables.table import TableForm, TableInvalid
from service.rules.testing import TestResult

VERSIONS = range(1, 2**31)
"""The numbers that a version may have; PostgreSQL knows no others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDraft:
    """A policy to be; its document as it was written."""

    name: str
    kind: str
    document: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version of a policy, with its life.

    Attributes:
        author: the name of the actor that wrote it; None of one that is older than such records.
    """

    version: int
    stage: Stage
    author: str | None
    created_at: datetime
    steps: tuple[Taken, ...]


async def set_up(session: TenantSession) -> None:
    """Let a new tenant have policies: every decision holds the pointer, which nobody has to make then."""
    await store.add_pointer(session)


async def create(
    session: TenantSession, rulebook: Rulebook, actor: Actor, draft: PolicyDraft, *, now: datetime
) -> tuple[Policy, list[Finding]]:
    """Create a policy with its first version, as a draft; also what is found in it.

    Raises:
        PolicyInvalid, PolicyNameTaken, RulesTooMany, PoliciesTooMany
    """
    kind = examining.kind_of(rulebook, draft.kind)
    saved = Saved(draft.document, await facts.declared(session))
    document, findings = await examining.to_save(saved, kind)
    findings += await beside.find(session, rulebook, kind, document, policy_id=None, now=now)
    if faults := faults_of_name(draft.name):
        raise PolicyInvalid(faults)
    await limits.refuse_rules(session, len(document.rules))
    await limits.make_room(session, POLICIES, lambda: store.policy_count(session))
    policy_id = PolicyId(ids.new_id())
    await store.add(session, policy_id, name=draft.name, kind=draft.kind, now=now)
    kept = pinned(saved, document)
    await store.add_version(session, new_ref(policy_id, 1), kept, author=actor.name, now=now)
    row = await store.get(session, policy_id, lock=True)
    told = {"name": draft.name, "kind": draft.kind, **digest(draft.document)}
    entry = Entry(version=1, step=Step.WRITTEN, told=told, action="policy.created")
    await recording.take(session, actor, row, entry, now=now)
    return await store.shown(session, policy_id), gravest_first(findings)


async def revise(
    session: TenantSession,
    rulebook: Rulebook,
    actor: Actor,
    policy: Policy,
    *,
    document: dict[str, Any],
    now: datetime,
) -> tuple[Policy, list[Finding]]:
    """Add a version, as a draft, to a policy that the caller holds locked; also what is found in it.

    Raises:
        PolicyInvalid, RulesTooMany
    """
    saved = Saved(document, await facts.declared(session))
    kind = examining.kind_of(rulebook, policy.kind)
    read, findings = await examining.to_save(saved, kind)
    findings += await beside.find(session, rulebook, kind, read, policy_id=policy.id, now=now)
    await limits.refuse_rules(session, len(read.rules))
    row = await store.get(session, policy.id, lock=True)
    row.version += 1
    kept = pinned(saved, read)
    await store.add_version(session, new_ref(policy.id, row.version), kept, author=actor.name, now=now)
    entry = Entry(version=row.version, step=Step.WRITTEN, told=digest(document), action="policy.revised")
    await recording.take(session, actor, row, entry, now=now)
    return await store.shown(session, policy.id), gravest_first(findings)


async def get(session: TenantSession, policy_id: PolicyId, *, lock: bool = False) -> Policy:
    if lock:
        await store.get(session, policy_id, lock=True)
    return await store.shown(session, policy_id)


async def list_all(session: TenantSession, sought: Sought, *, after: UUID | None, limit: int) -> list[Policy]:
    return await store.listed(session, sought, after=after, limit=limit)


async def policy_count(session: TenantSession) -> int:
    return await store.policy_count(session)


async def get_document(session: TenantSession, policy_id: PolicyId, version: int) -> dict[str, Any]:
    return (await stored_version(session, policy_id, version)).document


async def get_version(session: TenantSession, policy_id: PolicyId, version: int) -> Version:
    row = await stored_version(session, policy_id, version)
    return _lived(row, (await store.steps(session, policy_id, [version]))[version])


async def list_versions(
    session: TenantSession, policy_id: PolicyId, *, before: int | None, limit: int
) -> list[Version]:
    """The versions of a policy with their life, the newest first. Raises PolicyNotFound."""
    await store.get(session, policy_id)
    rows = await store.versions(session, policy_id, before=before, limit=limit)
    steps = await store.steps(session, policy_id, [row.version for row in rows])
    return [_lived(row, steps[row.version]) for row in rows]


async def differences(
    session: TenantSession, policy_id: PolicyId, *, of: int | None, to: int | None
) -> tuple[int, int, list[Difference]]:
    """What differs between two versions, by rule and cell, and which they are.

    Args:
        session: of the tenant.
        policy_id: which policy.
        of: the version before; the one in effect when None, or else the one before `to`.
        to: the version after; the newest when None.

    Raises:
        PolicyNotFound
    """
    row = await store.get(session, policy_id)
    to = row.version if to is None else to
    of = (row.published_version or max(to - 1, 1)) if of is None else of
    before, after = [await get_document(session, policy_id, each) for each in (of, to)]
    return of, to, await asyncio.to_thread(canonical.differences, before, after)


async def run_tests(
    session: TenantSession, rulebook: Rulebook, policy_id: PolicyId, *, version: int | None
) -> tuple[int, list[TestResult]]:
    """Run the stored tests of a version, the newest when None, and say which it was.

    Raises:
        PolicyNotFound
    """
    row = await store.get(session, policy_id)
    number = row.version if version is None else version
    stored, kind = await stored_version(session, policy_id, number), rulebook.kinds[row.kind]
    return number, await examining.to_test(stored.saved, kind)


async def get_sheet(session: TenantSession, policy_id: PolicyId, version: int) -> str:
    """The table of a version as a sheet. Raises PolicyNotFound, PolicyWithoutTable."""
    return sheet.write(_table(await stored_version(session, policy_id, version)))


async def with_sheet(session: TenantSession, policy: Policy, text: str) -> dict[str, Any]:
    """The newest document of a policy with the table that a sheet holds.

    Raises:
        PolicyWithoutTable; PolicyInvalid: pointing at `/<line>/<column>` of the sheet, both counted from 0.
    """
    newest = await stored_version(session, policy.id, policy.version)
    before = _table(newest)
    try:
        read = await asyncio.to_thread(sheet.read, text, then=before.then)
    except TableInvalid as error:
        raise PolicyInvalid(error.faults) from error
    return {**newest.document, "table": msgspec.to_builtins(sheet.titled(read, before))}


async def stored_version(session: TenantSession, policy_id: PolicyId, version: int) -> PolicyVersionRow:
    if version not in VERSIONS:
        raise PolicyNotFound(policy_id)
    return await store.version(session, policy_id, version)


def _table(row: PolicyVersionRow) -> TableForm:
    table = row.document.get("table")
    if table is None:
        raise PolicyWithoutTable(row.version)
    return msgspec.convert(table, TableForm)


def _lived(row: PolicyVersionRow, taken: list[Taken]) -> Version:
    return Version(
        version=row.version,
        stage=lifecycle.stage_of(taken),
        author=row.author,
        created_at=row.created_at,
        steps=tuple(taken),
    )


def digest(document: Mapping[str, Any]) -> dict[str, Any]:
    """What the audit trail says of a document: enough to prove later what it said."""
    return {"document_sha256": documents.fingerprint(document)}


def new_ref(policy_id: PolicyId, version: int) -> VersionRef:
    return VersionRef(policy_id=policy_id, version_id=PolicyVersionId(ids.new_id()), version=version)
