"""Engine, sessions and the declarative base. The only module that opens or commits a transaction."""

import math
import re
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Protocol, cast
from uuid import UUID

import asyncpg
import msgspec
from sqlalchemy import DateTime, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from service.ids import ClientId, TenantId

Sessions = async_sessionmaker[AsyncSession]

PREPARED_STATEMENTS_KEPT = 400
"""For each connection; an INSERT of two rows is another statement than one of three."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long PostgreSQL lets a connection of ours take; None for as long as it likes.

    Attributes:
        statement: for one statement, with what it waits for.
        lock: to wait for one lock. Shorter than a statement's, so that the log says which it was.
        idle_in_transaction: between two statements of a transaction, while its locks are held.
    """

    statement: timedelta | None = None
    lock: timedelta | None = None
    idle_in_transaction: timedelta | None = None

    def settings(self) -> dict[str, str]:
        """As PostgreSQL calls them, in milliseconds."""
        spans = {
            "statement_timeout": self.statement,
            "lock_timeout": self.lock,
            "idle_in_transaction_session_timeout": self.idle_in_transaction,
        }
        return {
            name: str(span // timedelta(milliseconds=1)) for name, span in spans.items() if span is not None
        }


UNBOUNDED = Timeouts()
"""For an operator's commands, of which some look at every row."""

API_TIMEOUTS = Timeouts(
    statement=timedelta(seconds=2),
    lock=timedelta(milliseconds=1_500),
    idle_in_transaction=timedelta(seconds=10),
)
"""The longest wait for a lock that is in order is that for a sandbox's clock, which fires at most 100
wake-ups while it is held: well under a second, and twice that on a busy machine."""

WORKER_TIMEOUTS = Timeouts(
    statement=timedelta(seconds=30), lock=timedelta(seconds=10), idle_in_transaction=timedelta(seconds=30)
)

DRIVER = "driver"
LOST = (
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what was under way when the server went is still noted as such
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    OSError,
)
"""What the driver raises when its connection is of no more use."""

SET_TENANT = "select rooted.set_tenant($1)"
SET_CLIENT = "select rooted.set_tenant($1, $2)"


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads a plain class attribute
        str: Text(),
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB(none_as_null=True),
        list[Any]: JSONB(none_as_null=True),
    }


class TenantRow(Base):
    """What every table of a tenant begins with: its key is led by the tenant."""

    __abstract__ = True

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)


@dataclass(frozen=True, slots=True)
class TenantSession:
    """A transaction together with the only tenant it may see.

    Attributes:
        client_id: the only client organization of that tenant that it may see; None for all of them.
    """

    db: AsyncSession
    tenant_id: TenantId
    client_id: ClientId | None = None


LARGE_DOUBLE = re.compile(r"\de\d+[,\]}]")
"""What may be a double of 1e16 or more, as it is written."""


def _encode(value: object) -> str:
    """The JSON of a value, where a double looks like one: PostgreSQL would give 1e16 back as an integer."""
    written = msgspec.json.encode(value).decode()
    if LARGE_DOUBLE.search(written) is None:
        return written
    return msgspec.json.encode(_with_all_digits(msgspec.to_builtins(value))).decode()


def _with_all_digits(value: Any) -> Any:
    match value:
        case float() if math.isfinite(value) and value.is_integer():
            return msgspec.Raw(format(value, ".1f").encode())
        case dict():
            return {name: _with_all_digits(each) for name, each in cast("dict[str, Any]", value).items()}
        case list() | tuple():
            return [_with_all_digits(each) for each in cast("list[Any]", value)]
        case _:
            return value


def create_engine(url: str, *, pool_size: int, timeouts: Timeouts = UNBOUNDED) -> AsyncEngine:
    """An engine whose pool holds `pool_size` connections and never more, each with these timeouts."""
    return create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=5,
        hide_parameters=True,
        json_serializer=_encode,
        json_deserializer=msgspec.json.decode,
        connect_args={
            "server_settings": {"application_name": "rooted", "timezone": "UTC", **timeouts.settings()},
            "prepared_statement_cache_size": PREPARED_STATEMENTS_KEPT,
        },
    )


def create_sessions(engine: AsyncEngine) -> Sessions:
    return async_sessionmaker(engine, expire_on_commit=False)


@asynccontextmanager
async def tenant_transaction(
    sessions: Sessions, tenant_id: TenantId, *, client_id: ClientId | None = None
) -> AsyncGenerator[TenantSession]:
    """One transaction of one tenant, or of one client organization of it.

    Both are set by an ordinary first statement, and for this transaction alone.
    """
    async with sessions.begin() as db:
        if client_id is None:
            await _begin(db, SET_TENANT, tenant_id)
        else:
            await _begin(db, SET_CLIENT, tenant_id, client_id)
        yield TenantSession(db, tenant_id, client_id)


class Row(asyncpg.Record):
    """A row whose columns are read by their names."""

    def __getattr__(self, name: str) -> Any:
        return self[name]


@dataclass(frozen=True, slots=True)
class Found:
    """What a statement returned."""

    rows: Sequence[Row]

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def first(self) -> Row | None:
        return self.rows[0] if self.rows else None

    def one(self) -> Row:
        """The only row. Raises ValueError when there is none, or another."""
        (row,) = self.rows
        return row

    def scalar(self) -> Any:
        """The first column of the first row, or None."""
        return self.rows[0][0] if self.rows else None

    def scalar_one(self) -> Any:
        """The first column of the only row. Raises ValueError."""
        return self.one()[0]


class Driver(Protocol):
    """What we use of asyncpg's connection, which has no types."""

    async def fetch(self, query: str, /, *args: object, record_class: type[Row]) -> list[Row]: ...

    async def executemany(self, command: str, args: Sequence[Sequence[object]], /) -> None: ...


async def run(db: AsyncSession, statement: str, *parameters: object) -> Found:
    """Send a statement with `$1`… as it stands. For what every request does: nothing is built or compiled."""
    async with _speaking(db, statement) as driver:
        return Found(await driver.fetch(statement, *parameters, record_class=Row))


async def run_many(db: AsyncSession, statement: str, parameters: Sequence[Sequence[object]]) -> None:
    """Send a statement once for each set of parameters, in one round trip."""
    async with _speaking(db, statement) as driver:
        await driver.executemany(statement, parameters)


@asynccontextmanager
async def _speaking(db: AsyncSession, statement: str) -> AsyncGenerator[Driver]:
    """The driver; what it raises is raised as SQLAlchemy would, and a lost connection leaves the pool."""
    driver = await driver_of(db)
    try:
        yield driver
    except ValueError:  # a parameter of the wrong type, which asyncpg calls an interface error too
        raise
    except LOST as error:
        await (await db.connection()).invalidate(error)
        raise DBAPIError(statement, None, error, hide_parameters=True, connection_invalidated=True) from error
    except asyncpg.IntegrityConstraintViolationError as error:
        raise IntegrityError(statement, None, error, hide_parameters=True) from error
    except asyncpg.PostgresError as error:
        raise DBAPIError(statement, None, error, hide_parameters=True) from error


async def driver_of(db: AsyncSession) -> Driver:
    """The driver's own connection, with the session's transaction begun on it."""
    return db.info.get(DRIVER) or await _begin(db, "select")


async def _begin(db: AsyncSession, statement: str, *parameters: object) -> Driver:
    """Send a first statement through SQLAlchemy, which begins a transaction with it, and keep the driver."""
    connection = await db.connection()
    await connection.exec_driver_sql(statement, parameters)
    driver = (await connection.get_raw_connection()).driver_connection
    db.info[DRIVER] = driver
    return cast("Driver", driver)


async def insert_rows(db: AsyncSession, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all name the same columns: one statement, sent as it stands."""
    if rows:
        insertion = _insertion(table, tuple(rows[0]), len(rows))
        await run(db, insertion.statement, *(value for row in rows for value in insertion.values_of(row)))


async def insert_new(db: AsyncSession, table: Table, row: Mapping[str, Any]) -> bool:
    """Insert a row unless one of its keys is taken; say whether it was inserted."""
    insertion = _insertion(table, tuple(row), 1)
    statement = f"{insertion.statement} on conflict do nothing returning 1"
    return (await run(db, statement, *insertion.values_of(row))).first() is not None


async def update_row(session: TenantSession, table: Table, row_id: UUID, changed: Mapping[str, Any]) -> None:
    """Write these columns of one row, sent as it stands; nothing where none changed."""
    if changed:
        change = _change(table, tuple(changed))
        await run(session.db, change.statement, session.tenant_id, row_id, *change.values_of(changed))


@dataclass(frozen=True, slots=True)
class _Writing:
    """A statement that writes these columns, each with whether it holds JSON."""

    statement: str
    columns: tuple[tuple[str, bool], ...]

    def values_of(self, row: Mapping[str, Any]) -> list[Any]:
        return [
            _encode(row[name]) if is_json and row[name] is not None else row[name]
            for name, is_json in self.columns
        ]


@lru_cache(maxsize=256)
def _insertion(table: Table, columns: tuple[str, ...], rows: int) -> _Writing:
    width = len(columns)
    places = (", ".join(f"${row * width + column}" for column in range(1, width + 1)) for row in range(rows))
    values = ", ".join(f"({row})" for row in places)
    return _Writing(
        f"insert into {table.name} ({', '.join(columns)}) values {values}",  # noqa: S608 - names of ours
        _with_json(table, columns),
    )


@lru_cache(maxsize=256)
def _change(table: Table, columns: tuple[str, ...]) -> _Writing:
    places = ", ".join(f"{name} = ${place}" for place, name in enumerate(columns, start=3))
    return _Writing(
        f"update {table.name} set {places} where tenant_id = $1 and id = $2",  # noqa: S608 - names of ours
        _with_json(table, columns),
    )


def _with_json(table: Table, columns: tuple[str, ...]) -> tuple[tuple[str, bool], ...]:
    return tuple((name, isinstance(table.columns[name].type, JSONB)) for name in columns)
