"""Queries of this slice. All but the finder's name the tenant."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

import msgspec
from sqlalchemy import Table

from service.audit.chain import GENESIS, Linked
from service.audit.domain import Actor, Deed, Link, Record, Sought
from service.audit.models import AuditLinkRow
from service.db import Row, TenantSession, insert_rows, run, write
from service.ids import ApplicationId, AuditRecordId, ClientId, TenantId
from service.platform import PlatformSession
from service.statements import Statement

LINKS = cast("Table", AuditLinkRow.__table__)

LIST = "insert into audit_unlinked (tenant_id, id) values ($1, $2)"
ADD = """
insert into audit_record (
    tenant_id, id, recorded_at, actor, application_id, client_id, action, subject, changes, address,
    http_request_id
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""
"""The record, and that it has no link yet, are written together: whoever sees one sees the other."""

COLUMNS = """
r.tenant_id, r.id, r.recorded_at, r.actor, r.application_id, r.client_id, r.action, r.subject,
r.changes::text as changes, r.address, r.http_request_id
"""
LINK_OF_RECORD = "left join audit_link l on l.tenant_id = $1 and l.id = r.id"

WAITING_TENANTS = """
with recursive waiting as (
    (select tenant_id, id from audit_unlinked where tenant_id >= $1 order by tenant_id, id limit 1)
    union all
    select next.tenant_id, next.id from waiting, lateral (
        select tenant_id, id from audit_unlinked
        where tenant_id > waiting.tenant_id order by tenant_id, id limit 1
    ) next
)
select tenant_id, id from waiting limit $2
"""
"""From tenant to tenant by the index: one with a hundred thousand records costs as much as one with one."""

LOCK = "select pg_try_advisory_xact_lock($1)"
HEAD = "select sequence, digest from audit_link where tenant_id = $1 order by sequence desc limit 1"
UNLINKED = f"""
select u.id as listed_id, l.id as linked_id, {COLUMNS} from audit_unlinked u
left join audit_record r on r.tenant_id = $1 and r.id = u.id
left join audit_link l on l.tenant_id = $1 and l.id = u.id
where u.tenant_id = $1 order by u.id limit $2
"""  # noqa: S608 - constants
UNLIST = "delete from audit_unlinked where tenant_id = $1 and id = any($2)"

CHAIN = f"""
select l.sequence, l.digest, l.id as link_id, {COLUMNS} from audit_link l
left join audit_record r on r.tenant_id = $1 and r.id = l.id
where l.tenant_id = $1 and l.sequence > $2 order by l.sequence limit $3
"""  # noqa: S608 - constants
STATES = """
select r.id, l.id is not null as linked, u.id is not null as listed from audit_record r
left join audit_link l on l.tenant_id = $1 and l.id = r.id and l.sequence > 0
left join audit_unlinked u on u.tenant_id = $1 and u.id = r.id
where r.tenant_id = $1 and r.id > $2 order by r.id limit $3
"""
"""The chain is followed from link 1 on: a link with a lower number, which nobody looks at, is none."""

ONE = f"""
select l.sequence, l.digest, {COLUMNS} from audit_record r {LINK_OF_RECORD}
where r.tenant_id = $1 and r.id = $2
"""  # noqa: S608 - constants
LISTED = f"select l.sequence, l.digest, {COLUMNS} from audit_record r {LINK_OF_RECORD} where r.tenant_id = $1"  # noqa: S608
IN_ORDER = """
select set_config('plan_cache_mode', 'force_custom_plan', true), set_config('enable_bitmapscan', 'off', true)
"""
"""Else hundreds of thousands of records are sorted for a page of fifty: how many a filter leaves depends on
its value, and the planner takes the wall between clients for a filter that leaves hardly any."""

NEWEST_FIRST = "order by r.recorded_at desc, r.id desc"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A tenant with records that have no link, and the first of them."""

    tenant_id: TenantId
    first: AuditRecordId


@dataclass(frozen=True, slots=True)
class Entry:
    """A record with its link, once it has one."""

    record: Record
    link: Link | None


@dataclass(frozen=True, slots=True)
class State:
    """What has become of a record: it has a link, or is on the list of those that are to have one."""

    id: AuditRecordId
    linked: bool
    listed: bool


async def add(session: TenantSession, record_id: UUID, actor: Actor, deed: Deed, *, at: datetime) -> None:
    values = (
        *(session.tenant_id, record_id, at, actor.name, actor.application_id, actor.client_id),
        *(deed.action, deed.subject, msgspec.json.encode(deed.changes).decode()),
        *(actor.address, actor.http_request_id),
    )
    await write(session.db, Statement(LIST, (session.tenant_id, record_id)), Statement(ADD, values))


async def waiting(platform: PlatformSession, *, start: UUID, limit: int) -> list[Waiting]:
    """Tenants with records that have no link, in the order of their ids, from `start` on."""
    found = await run(platform.db, WAITING_TENANTS, start, limit)
    return [Waiting(TenantId(row.tenant_id), AuditRecordId(row.id)) for row in found]


async def lock_chain(session: TenantSession) -> bool:
    """Take the tenant's chain until the transaction ends; False when another has it."""
    name = hashlib.sha256(b"audit" + session.tenant_id.bytes).digest()
    lock = int.from_bytes(name[:8], "big", signed=True)
    return (await run(session.db, LOCK, lock)).scalar_one()


async def head(session: TenantSession) -> Link:
    """The last link; GENESIS when there is none."""
    row = (await run(session.db, HEAD, session.tenant_id)).first()
    return GENESIS if row is None else Link(row.sequence, row.digest)


async def unlinked(session: TenantSession, *, limit: int) -> tuple[list[AuditRecordId], list[Record]]:
    """What is on the list, oldest first, and the records of it that can be linked.

    By force a record may have been removed that is still on the list, or one put there that has its link.
    """
    found = await run(session.db, UNLINKED, session.tenant_id, limit)
    listed = [AuditRecordId(row.listed_id) for row in found]
    return listed, [_record(row) for row in found if row.id is not None and row.linked_id is None]


async def add_links(session: TenantSession, links: Sequence[tuple[AuditRecordId, Link]]) -> None:
    rows = [
        {"tenant_id": session.tenant_id, "id": record_id, "sequence": link.sequence, "digest": link.digest}
        for record_id, link in links
    ]
    await insert_rows(session.db, LINKS, rows)


async def unlist(session: TenantSession, record_ids: Sequence[AuditRecordId]) -> None:
    await run(session.db, UNLIST, session.tenant_id, list(record_ids))


async def chain(session: TenantSession, *, after: int, limit: int) -> list[Linked]:
    """Links in their order, each with its record unless that is gone."""
    return [
        Linked(
            Link(row.sequence, row.digest),
            AuditRecordId(row.link_id),
            None if row.id is None else _record(row),
        )
        for row in await run(session.db, CHAIN, session.tenant_id, after, limit)
    ]


async def states(session: TenantSession, *, after: UUID, limit: int) -> list[State]:
    """Records in the order of their ids, and what has become of each."""
    found = await run(session.db, STATES, session.tenant_id, after, limit)
    return [State(AuditRecordId(row.id), row.linked, row.listed) for row in found]


async def one(session: TenantSession, record_id: AuditRecordId) -> Entry | None:
    row = (await run(session.db, ONE, session.tenant_id, record_id)).first()
    return None if row is None else _entry(row)


async def listed(
    session: TenantSession, sought: Sought, *, before: tuple[datetime, UUID] | None, limit: int
) -> list[Entry]:
    """Records, newest first, from before the place `before` on."""
    wanted: list[tuple[str, object]] = [
        ("r.actor =", sought.actor),
        ("r.subject =", sought.subject),
        ("r.application_id =", sought.application_id),
        ("r.client_id =", sought.client_id),
        ("r.recorded_at >=", sought.from_at),
        ("r.recorded_at <", sought.until_at),
        ("r.action ~>=~", sought.action),
        ("r.action ~<~", None if sought.action is None else _after_all_of(sought.action)),
    ]
    wanted = [each for each in wanted if each[1] is not None]
    parameters: list[object] = [session.tenant_id, *(value for _, value in wanted)]
    clauses = [f"{clause} ${place}" for place, (clause, _) in enumerate(wanted, start=2)]
    if before is not None:
        clauses.append(f"(r.recorded_at, r.id) < (${len(parameters) + 1}, ${len(parameters) + 2})")
        parameters += before
    parameters.append(limit)
    await run(session.db, IN_ORDER)
    query = " and ".join([LISTED, *clauses]) + f" {NEWEST_FIRST} limit ${len(parameters)}"
    return [_entry(row) for row in await run(session.db, query, *parameters)]


def _after_all_of(prefix: str) -> str:
    """What stands after every text that begins with `prefix`, byte by byte; it is ASCII and not empty."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


def _entry(row: Row) -> Entry:
    return Entry(_record(row), None if row.sequence is None else Link(row.sequence, row.digest))


def _record(row: Row) -> Record:
    return Record(
        tenant_id=TenantId(row.tenant_id),
        id=AuditRecordId(row.id),
        recorded_at=row.recorded_at,
        actor=row.actor,
        application_id=None if row.application_id is None else ApplicationId(row.application_id),
        client_id=None if row.client_id is None else ClientId(row.client_id),
        action=row.action,
        subject=row.subject,
        changes=row.changes,
        address=row.address,
        http_request_id=row.http_request_id,
    )
