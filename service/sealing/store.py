"""Queries over sealed columns, whatever their table. Names in them are constants of `domain`."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from service.db import TenantSession, run, run_many
from service.ids import TenantId
from service.platform import PlatformSession
from service.sealing.domain import ClearColumn, SealedColumn
from service.vault import Place

AnySession = PlatformSession | TenantSession


@dataclass(frozen=True, slots=True)
class Held:
    """What lies in one row: sealed bytes, or a secret in the clear."""

    row: str
    content: bytes


def place(session: AnySession, column: SealedColumn, row: str) -> Place:
    return Place(_tenant_id(session), column.table, column.column, row)


async def stale(
    session: AnySession, column: SealedColumn, *, current: str, after: str | None, limit: int
) -> list[Held]:
    """Rows that are sealed under another key than `current`, locked, in the order of their keys.

    The lock is the one of an UPDATE that leaves keys alone, so that nobody who refers to a row waits.
    """
    found = await run(
        session.db,
        f"""
        select {column.row}::text as row, {column.column} as content from {column.table}
        where {_mine(column)} and {column.column} is not null
          and {_key_id(column)} is distinct from $2
          and ($3::text is null or {column.row} > $3::text::{column.row_type})
        order by {column.table}.{column.row} limit $4 for no key update
        """,  # noqa: S608 - names of ours
        *(_tenant_id(session), current, after, limit),
    )
    return [Held(each.row, each.content) for each in found]


async def replace(session: AnySession, column: SealedColumn, sealed: Sequence[Held]) -> None:
    await run_many(
        session.db,
        f"""
        update {column.table} set {column.column} = $3
        where {_mine(column)} and {column.row} = $2::text::{column.row_type}
        """,  # noqa: S608 - names of ours
        [(_tenant_id(session), each.row, each.content) for each in sealed],
    )


async def take_time(session: AnySession) -> None:
    """Let the statements of this transaction take as long as they do: they may read all answers of a tenant.

    `serve` waits for them before it begins; cut short, it would never begin on a large database.
    """
    await run(session.db, "select set_config('statement_timeout', '0', true)")


async def clear(session: AnySession, column: ClearColumn, *, limit: int) -> list[Held]:
    """Rows with a secret in the clear, locked."""
    sealed = column.sealed
    found = await run(
        session.db,
        f"""
        select {sealed.row}::text as row, {column.read} as content from {sealed.table}
        where {_mine(sealed)} and {column.where} limit $2 for no key update
        """,  # noqa: S608 - names of ours
        *(_tenant_id(session), limit),
    )
    return [Held(each.row, _bytes(each.content)) for each in found]


async def seal_clear(session: AnySession, column: ClearColumn, sealed: Sequence[Held]) -> None:
    """Put the sealed secrets where they belong, and leave nothing in the clear."""
    target = column.sealed
    await run_many(
        session.db,
        f"""
        update {target.table} set {target.column} = $3, {column.column} = {column.left}
        where {_mine(target)} and {target.row} = $2::text::{target.row_type}
        """,  # noqa: S608 - names of ours
        [(_tenant_id(session), each.row, each.content) for each in sealed],
    )


async def count_by_key(session: AnySession, column: SealedColumn) -> dict[str, int]:
    """How many rows are sealed under which master key."""
    found = await run(
        session.db,
        f"""
        select {_key_id(column)} as key_id, count(*) as rows from {column.table}
        where {_mine(column)} and {column.column} is not null group by 1
        """,  # noqa: S608 - names of ours
        _tenant_id(session),
    )
    return {each.key_id: each.rows for each in found}


async def count_clear(session: AnySession, column: ClearColumn) -> int:
    found = await run(
        session.db,
        f"select count(*) from {column.sealed.table} where {_mine(column.sealed)} and {column.where}",  # noqa: S608 - names of ours
        _tenant_id(session),
    )
    return found.scalar_one()


async def tenants_in_clear(session: PlatformSession) -> list[TenantId]:
    """Tenants from before secrets were sealed, whose secrets are not all sealed yet."""
    found = await run(session.db, "select tenant_id from tenant_in_clear order by tenant_id")
    return [TenantId(each.tenant_id) for each in found]


async def forget_tenant_in_clear(session: PlatformSession, tenant_id: TenantId) -> None:
    await run(session.db, "delete from tenant_in_clear where tenant_id = $1", tenant_id)


def _tenant_id(session: AnySession) -> UUID | None:
    return session.tenant_id if isinstance(session, TenantSession) else None


def _mine(column: SealedColumn) -> str:
    return f"{column.table}.tenant_id = $1" if column.of_tenant else "$1::uuid is null"


def _key_id(column: SealedColumn) -> str:
    """The id behind version and length, as `service.vault` writes it; null for what is too short."""
    name = column.column
    return (
        f"case when length({name}) > 1 then"
        f" encode(substring({name} from 3 for get_byte({name}, 1)), 'escape') end"
    )


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content
