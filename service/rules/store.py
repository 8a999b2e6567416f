"""Queries of this slice. Every statement of a tenant names the tenant."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, Select, and_, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from service import ids
from service.db import TenantSession, run
from service.ids import PolicyId, TenantId
from service.rules import pointers
from service.rules.domain import Saved, VersionRef
from service.rules.errors import PolicyNameTaken, PolicyNotFound
from service.rules.lifecycle import STAGE_OF, Policy, Stage, Step, Taken
from service.rules.models import PolicyPointerRow, PolicyRow, PolicyStepRow, PolicyVersionRow
from service.rules.pointers import Pointed, Received

POLICY_COUNT = "select count(*) from policy where tenant_id = $1"
GLANCE = "select effective::text as effective, changed_at from policy_pointer where tenant_id = $1"
POINTED = f"{GLANCE} and (select pg_advisory_xact_lock_shared($2)::text) = '' for share"
QUEUE_UP = """
select 1 from policy_pointer where tenant_id = $1 and (select pg_advisory_xact_lock($2)::text) = ''
"""
"""Row locks that go together are given out of turn: those who decide would keep the one who publishes waiting
for as long as there is always one of them. The advisory lock has a queue; it is taken where the row lies."""
POINT = """
update policy_pointer set
    effective = effective || jsonb_build_object($2::text, $3::jsonb), changed_at = greatest(changed_at, $4)
where tenant_id = $1
"""
"""The time of the last change never goes back: of two that publish at once the second may have read its clock
before the first."""

QUEUE = b"policy_pointer"

NEVER = datetime.fromtimestamp(0, UTC)
"""When a pointer was changed that nothing was published by yet."""


@dataclass(frozen=True, slots=True)
class Sought:
    """Which policies are asked for; None leaves a filter out.

    Attributes:
        stage: of the newest version.
    """

    kind: str | None = None
    stage: Stage | None = None


def _mine(session: TenantSession) -> Select[PolicyRow]:
    return select(PolicyRow).where(PolicyRow.tenant_id == session.tenant_id)


def _shown(session: TenantSession) -> Select[PolicyRow, dict[str, Any], str]:
    """Policies, each with the document and the last step of its newest version."""
    last_step = (
        select(PolicyStepRow.step)
        .where(
            PolicyStepRow.tenant_id == session.tenant_id,
            PolicyStepRow.policy_id == PolicyRow.id,
            PolicyStepRow.version == PolicyRow.version,
        )
        .order_by(PolicyStepRow.number.desc())
        .limit(1)
        .scalar_subquery()
        .label("last_step")
    )
    return (
        select(PolicyRow, PolicyVersionRow.document, last_step)
        .join(
            PolicyVersionRow,
            and_(
                PolicyVersionRow.tenant_id == session.tenant_id,
                PolicyVersionRow.policy_id == PolicyRow.id,
                PolicyVersionRow.version == PolicyRow.version,
            ),
        )
        .where(PolicyRow.tenant_id == session.tenant_id)
    )


def _policy(found: Row[PolicyRow, dict[str, Any], str]) -> Policy:
    row, document, last_step = found
    return row.to_domain(STAGE_OF[Step(last_step)], document)


async def get(session: TenantSession, policy_id: PolicyId, *, lock: bool = False) -> PolicyRow:
    query = _mine(session).where(PolicyRow.id == policy_id)
    row = await session.db.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise PolicyNotFound(policy_id)
    return row


async def shown(session: TenantSession, policy_id: PolicyId) -> Policy:
    found = (await session.db.execute(_shown(session).where(PolicyRow.id == policy_id))).first()
    if found is None:
        raise PolicyNotFound(policy_id)
    return _policy(found)


async def listed(session: TenantSession, sought: Sought, *, after: UUID | None, limit: int) -> list[Policy]:
    query = _shown(session).order_by(PolicyRow.id).limit(limit)
    if after is not None:
        query = query.where(PolicyRow.id > after)
    if sought.kind is not None:
        query = query.where(PolicyRow.kind == sought.kind)
    if sought.stage is not None:
        steps = [step.value for step, stage in STAGE_OF.items() if stage is sought.stage]
        query = query.where(query.selected_columns.last_step.in_(steps))
    return [_policy(found) for found in await session.db.execute(query)]


async def policy_count(session: TenantSession) -> int:
    found = await run(session.db, POLICY_COUNT, session.tenant_id)
    return found.scalar_one()


async def add(session: TenantSession, policy_id: PolicyId, *, name: str, kind: str, now: datetime) -> None:
    added = await session.db.execute(
        upsert(PolicyRow)
        .values(
            tenant_id=session.tenant_id,
            id=policy_id,
            name=name,
            kind=kind,
            version=1,
            published_version=None,
            revision=0,
            created_at=now,
        )
        .on_conflict_do_nothing()
        .returning(PolicyRow.id)
    )
    if added.first() is None:
        raise PolicyNameTaken(name)


async def add_version(
    session: TenantSession, ref: VersionRef, saved: Saved, *, author: str, now: datetime
) -> None:
    await session.db.execute(
        insert(PolicyVersionRow).values(
            tenant_id=session.tenant_id,
            id=ref.version_id,
            policy_id=ref.policy_id,
            version=ref.version,
            document=saved.document,
            declarations=saved.declared,
            author=author,
            created_at=now,
        )
    )


async def version(session: TenantSession, policy_id: PolicyId, number: int) -> PolicyVersionRow:
    row = await session.db.scalar(
        select(PolicyVersionRow).where(
            PolicyVersionRow.tenant_id == session.tenant_id,
            PolicyVersionRow.policy_id == policy_id,
            PolicyVersionRow.version == number,
        )
    )
    if row is None:
        raise PolicyNotFound(policy_id)
    return row


async def documents(session: TenantSession, version_ids: Sequence[UUID]) -> dict[UUID, Saved]:
    rows = await session.db.execute(
        select(PolicyVersionRow.id, PolicyVersionRow.document, PolicyVersionRow.declarations).where(
            PolicyVersionRow.tenant_id == session.tenant_id, PolicyVersionRow.id.in_(version_ids)
        )
    )
    return {row.id: Saved(row.document, row.declarations) for row in rows}


async def versions(
    session: TenantSession, policy_id: PolicyId, *, before: int | None, limit: int
) -> list[PolicyVersionRow]:
    """The versions of a policy, the newest first."""
    query = (
        select(PolicyVersionRow)
        .where(PolicyVersionRow.tenant_id == session.tenant_id, PolicyVersionRow.policy_id == policy_id)
        .order_by(PolicyVersionRow.version.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(PolicyVersionRow.version < before)
    return list(await session.db.scalars(query))


async def steps(
    session: TenantSession, policy_id: PolicyId, numbers: Sequence[int]
) -> dict[int, list[Taken]]:
    """The steps of these versions of a policy, by version, in their order."""
    rows = await session.db.scalars(
        select(PolicyStepRow)
        .where(
            PolicyStepRow.tenant_id == session.tenant_id,
            PolicyStepRow.policy_id == policy_id,
            PolicyStepRow.version.in_(numbers),
        )
        .order_by(PolicyStepRow.number)
    )
    found: dict[int, list[Taken]] = {number: [] for number in numbers}
    for row in rows:
        found[row.version].append(row.to_domain())
    return found


async def add_step(session: TenantSession, policy_id: PolicyId, taken: Taken) -> None:
    await session.db.execute(
        insert(PolicyStepRow).values(
            tenant_id=session.tenant_id,
            id=ids.new_id(),
            policy_id=policy_id,
            version=taken.version,
            number=taken.number,
            step=taken.step.value,
            at=taken.at,
            by=taken.by,
            note=taken.note,
            effective_at=taken.effective_at,
            basis=None if taken.basis is None else taken.basis.value,
        )
    )


async def pointed(session: TenantSession, *, hold: bool = True) -> dict[str, list[Pointed]]:
    """What was put into effect, by kind; held FOR SHARE until the transaction ends, unless told otherwise."""
    return (await (_held_pointer(session) if hold else _pointer(session, GLANCE)))[0]


async def names(session: TenantSession, policy_ids: Collection[PolicyId]) -> dict[PolicyId, str]:
    query = select(PolicyRow.id, PolicyRow.name).where(
        PolicyRow.tenant_id == session.tenant_id, PolicyRow.id.in_(policy_ids)
    )
    return {PolicyId(row.id): row.name for row in await session.db.execute(query)}


async def versions_for(
    session: TenantSession, received: Received, *, now: datetime
) -> dict[str, list[VersionRef]]:
    """The versions that a request is decided by, by kind; they stay in effect until the transaction ends.

    What was published after the caller had read its clock holds too: by now it has replaced what was before.
    """
    by_kind, changed_at = await _held_pointer(session)
    return {
        kind: pointers.in_effect(each, received, now=max(now, changed_at)) for kind, each in by_kind.items()
    }


async def _held_pointer(session: TenantSession) -> tuple[dict[str, list[Pointed]], datetime]:
    return await _pointer(session, POINTED, _queue_of(session.tenant_id))


def _queue_of(tenant_id: TenantId) -> int:
    """The number of the advisory lock, signed 64 bits. Two tenants with one number wait for each other."""
    return int.from_bytes(hashlib.sha256(QUEUE + tenant_id.bytes).digest()[:8], "big", signed=True)


async def _pointer(
    session: TenantSession, statement: str, *more: int
) -> tuple[dict[str, list[Pointed]], datetime]:
    stored = (await run(session.db, statement, session.tenant_id, *more)).one()
    return _read(msgspec.json.decode(stored.effective)), stored.changed_at


def _read(effective: Mapping[str, Any]) -> dict[str, list[Pointed]]:
    return {kind: [Pointed.of(entry) for entry in entries] for kind, entries in effective.items()}


async def still_here(session: TenantSession) -> None:
    """Let PostgreSQL know that the transaction goes on."""
    await run(session.db, "select")


async def add_pointer(session: TenantSession) -> None:
    await session.db.execute(
        insert(PolicyPointerRow).values(
            tenant_id=session.tenant_id, id=session.tenant_id, effective={}, changed_at=NEVER
        )
    )


async def hold_pointer(session: TenantSession) -> dict[str, list[Pointed]]:
    """What was put into effect, by kind, locked against deciding and publishing."""
    await run(session.db, QUEUE_UP, session.tenant_id, _queue_of(session.tenant_id))
    row = await session.db.scalar(
        select(PolicyPointerRow)
        .where(PolicyPointerRow.tenant_id == session.tenant_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise RuntimeError("a tenant has a policy pointer from its beginning, and this one has none")
    return _read(row.effective)


async def point(session: TenantSession, kind: str, pointed: Sequence[Pointed], *, now: datetime) -> None:
    """Replace what is in effect for a kind. The caller holds the pointer.

    Args:
        session: of the tenant.
        kind: which policies.
        pointed: all of that kind.
        now: the tenant's now.
    """
    entries = msgspec.json.encode([each.to_json() for each in pointed]).decode()
    await run(session.db, POINT, session.tenant_id, kind, entries, now)
