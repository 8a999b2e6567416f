"""Use cases of this slice: the life of a policy, from its first draft on."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from service import ids
from service.audit import service as audit
from service.audit.domain import Actor, Deed
from service.db import TenantSession
from service.errors import Fault
from service.ids import PolicyId, PolicyVersionId
from service.limits import service as limits
from service.limits.domain.table import POLICIES
from service.names import faults_of_name
from service.rules import documents, lint, store
from service.rules.domain import Document, Kind, Policy, Saved, VersionRef
from service.rules.errors import PolicyInvalid, PolicyNotFound
from service.rules.findings import Finding
from service.rules.matching import RuleSet
from service.rules.pointers import Pointed
from service.rules.service import Rulebook, ruleset_of

VERSIONS = range(1, 2**31)
"""The numbers that a version may have; PostgreSQL knows no others."""

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDraft:
    """A policy to be; its document as it was written."""

    name: str
    kind: str
    document: dict[str, Any]


async def create(
    session: TenantSession, rulebook: Rulebook, actor: Actor, draft: PolicyDraft, *, now: datetime
) -> tuple[Policy, list[Finding]]:
    """Create a policy with its first version, as a draft; also what is found in it.

    Raises:
        PolicyInvalid, PolicyNameTaken, RulesTooMany, PoliciesTooMany
    """
    document, findings = await asyncio.to_thread(_examine, draft.document, _kind(rulebook, draft.kind))
    if faults := faults_of_name(draft.name):
        raise PolicyInvalid(faults)
    await limits.refuse_rules(session, len(document.rules))
    await limits.make_room(session, POLICIES, lambda: store.policy_count(session))
    policy_id = PolicyId(ids.new_id())
    await store.add(session, policy_id, name=draft.name, kind=draft.kind, now=now)
    await store.add_version(session, _ref(policy_id, 1), Saved(draft.document), now=now)
    after = {"name": draft.name, "kind": draft.kind, **_told(1, draft.document)}
    await audit.record(session, actor, Deed("policy.created", f"policy:{policy_id}", after=after), now=now)
    policy = Policy(
        id=policy_id, name=draft.name, kind=draft.kind, version=1, published_version=None, created_at=now
    )
    return policy, findings


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
    read, findings = await asyncio.to_thread(_examine, document, _kind(rulebook, policy.kind))
    await limits.refuse_rules(session, len(read.rules))
    row = await store.get(session, policy.id, lock=True)
    row.version += 1
    await store.add_version(session, _ref(policy.id, row.version), Saved(document), now=now)
    await audit.record(
        session,
        actor,
        Deed(
            "policy.revised",
            f"policy:{policy.id}",
            before={"version": policy.version},
            after=_told(row.version, document),
        ),
        now=now,
    )
    return row.to_domain(), findings


async def get(session: TenantSession, policy_id: PolicyId, *, lock: bool = False) -> Policy:
    return (await store.get(session, policy_id, lock=lock)).to_domain()


async def get_document(session: TenantSession, policy_id: PolicyId, version: int) -> dict[str, Any]:
    if version not in VERSIONS:
        raise PolicyNotFound(policy_id)
    return (await store.version(session, policy_id, version)).document


async def list_all(session: TenantSession, *, after: UUID | None, limit: int) -> list[Policy]:
    return [row.to_domain() for row in await store.listed(session, after=after, limit=limit)]


async def policy_count(session: TenantSession) -> int:
    return await store.policy_count(session)


async def publish(
    session: TenantSession,
    rulebook: Rulebook,
    actor: Actor,
    policy_id: PolicyId,
    *,
    calendars: Collection[str],
    now: datetime,
) -> Policy:
    """Put the newest version into effect, in the place of the one before, or after all others.

    Args:
        session: of the tenant.
        rulebook: of this process.
        actor: who publishes.
        policy_id: which policy.
        calendars: the names of the calendars there are.
        now: the tenant's now.

    Raises:
        PolicyNotFound; PolicyInvalid: a rule counts by a calendar that there is not.
    """
    row = await store.get(session, policy_id, lock=True)
    stored = await store.version(session, policy_id, row.version)
    kind = _kind(rulebook, row.kind)
    document = _read(stored.document, kind)
    _refuse_unknown_calendars(document, kind, calendars)
    ref = VersionRef(policy_id=policy_id, version_id=PolicyVersionId(stored.id), version=stored.version)
    refusal = await _refusal(rulebook, ruleset_of(session, ref, document))
    pointer = await store.hold_pointer(session, ids.new_id(), row.kind, now=now)
    pointed = [each for each in map(Pointed.of, pointer.effective) if each.ref.policy_id != ref.policy_id]
    pointed.append(Pointed(ref=ref, order=document.order, effective_at=now))
    await store.point(session, pointer, pointed, now=now)
    before = {"published_version": row.published_version}
    row.published_version = stored.version
    sha256 = documents.fingerprint(stored.document)
    after = {"published_version": stored.version, "document_sha256": sha256, "engine_refusal": refusal}
    subject = f"policy:{policy_id}"
    await audit.record(session, actor, Deed("policy.published", subject, before=before, after=after), now=now)
    return row.to_domain()


def _told(version: int, document: Mapping[str, Any]) -> dict[str, Any]:
    """What the audit trail says of a version: enough to prove later what it said."""
    return {"version": version, "document_sha256": documents.fingerprint(document)}


async def _refusal(rulebook: Rulebook, ruleset: RuleSet) -> str | None:
    """Why the engine does not take a rule set; the reference evaluator decides by it then."""
    if rulebook.vet is None:
        return None
    refusal = (await rulebook.vet(ruleset)).refusal
    if refusal is not None:
        log.warning("rules left to the reference evaluator", ruleset=ruleset.key, reason=refusal)
    return refusal


def _read(document: Mapping[str, Any], kind: Kind) -> Document:
    """The document in a body's `/document`. Raises PolicyInvalid."""
    try:
        return documents.read(document, kind)
    except PolicyInvalid as refusal:
        raise PolicyInvalid(_in_body(refusal.faults)) from refusal


def _examine(document: Mapping[str, Any], kind: Kind) -> tuple[Document, list[Finding]]:
    """The document in a body's `/document`, and what is found in it. Raises PolicyInvalid."""
    read = _read(document, kind)
    found = lint.find(document, read, kind)
    return read, [replace(finding, pointer=f"/document{finding.pointer}") for finding in found]


def _in_body(faults: Sequence[Fault]) -> list[Fault]:
    """Faults of a document, with where they are in a body."""
    return [replace(fault, pointer=f"/document{fault.pointer}") for fault in faults]


def _kind(rulebook: Rulebook, name: str) -> Kind:
    kind = rulebook.kinds.get(name)
    if kind is None:
        known = ", ".join(sorted(rulebook.kinds))
        raise PolicyInvalid([Fault("/kind", f"{name!r} is not a kind of policy; known are {known}.")])
    return kind


def _ref(policy_id: PolicyId, version: int) -> VersionRef:
    return VersionRef(policy_id=policy_id, version_id=PolicyVersionId(ids.new_id()), version=version)


def _refuse_unknown_calendars(document: Document, kind: Kind, calendars: Collection[str]) -> None:
    faults = [
        Fault(f"/document/rules/{index}/then", f"There is no calendar {name!r}; create it first.")
        for index, rule in enumerate(document.rules)
        for name in sorted(kind.calendars_of(rule.outcome))
        if name not in calendars
    ]
    if faults:
        raise PolicyInvalid(faults)
