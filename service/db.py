"""Engine, sessions and the declarative base. The only module that opens or commits a transaction."""

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, cast
from uuid import UUID

import asyncpg
import msgspec
from sqlalchemy import DateTime, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from service import statements
from service.ids import ClientId, TenantId
from service.statements import Statement

Sessions = async_sessionmaker[AsyncSession]

PREPARED_STATEMENTS_KEPT = 400
"""By SQLAlchemy and by the driver, each for each connection; an INSERT of two rows is another statement than
one of three."""


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
GATHERED = "gathered"
"""Names, in what a session knows, its driver, and what is to be sent with the next statement."""

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

FAILURES = (*LOST, asyncpg.PostgresError)
"""What the driver raises, if no ValueError: it calls a parameter of the wrong type an interface error too."""

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


def create_engine(url: str, *, pool_size: int, timeouts: Timeouts = UNBOUNDED) -> AsyncEngine:
    """An engine whose pool holds `pool_size` connections and never more, each with these timeouts."""
    return create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=5,
        hide_parameters=True,
        json_serializer=statements.encode,
        json_deserializer=msgspec.json.decode,
        connect_args={
            "server_settings": {"application_name": "rooted", "timezone": "UTC", **timeouts.settings()},
            "prepared_statement_cache_size": PREPARED_STATEMENTS_KEPT,
            "statement_cache_size": PREPARED_STATEMENTS_KEPT,
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


async def run(db: AsyncSession, text: str, *values: object) -> Found:
    """Send a statement with `$1`… as it stands. For what every request does: nothing is built or compiled."""
    await _send_gathered(db)
    return await _send(db, Statement(text, values))


async def run_beside(db: AsyncSession, text: str, *values: object) -> Found:
    """The same for one that does not read what was gathered: both are sent as one statement."""
    gathered: list[Statement] = db.info.get(GATHERED, [])
    *before, last = statements.packed([*gathered, Statement(text, values)])
    gathered.clear()
    for each in before:
        await _send(db, each)
    return await _send(db, last)


async def run_many(db: AsyncSession, text: str, values: Sequence[Sequence[object]]) -> None:
    """Send a statement once for each set of values, in one round trip."""
    await _send_gathered(db)
    driver = await driver_of(db)
    try:
        await driver.executemany(text, values)
    except ValueError:
        raise
    except FAILURES as error:
        raise await _failure(db, text, error) from error


async def write(db: AsyncSession, *writes: Statement) -> None:
    """Send statements of which nobody wants an answer as one; inside of `gathering` with all others there."""
    if (gathered := db.info.get(GATHERED)) is not None:
        gathered += writes
    else:
        for each in statements.packed(writes):
            await _send(db, each)


@asynccontextmanager
async def gathering(db: AsyncSession) -> AsyncGenerator[None]:
    """Send what is written inside as one statement, at the end, or before the next that is run.

    It is for slices that add rows one after another, each row once, which none of them reads again; which is
    added first is up to PostgreSQL. What goes through SQLAlchemy goes past it, and sees nothing of what is
    still gathered. A refusal by PostgreSQL comes when it is sent.
    """
    if GATHERED in db.info:
        yield
        return
    db.info[GATHERED] = list[Statement]()
    try:
        yield
        await _send_gathered(db)
    finally:
        del db.info[GATHERED]


async def _send_gathered(db: AsyncSession) -> None:
    if gathered := db.info.get(GATHERED):
        packed = statements.packed(gathered)
        gathered.clear()
        for each in packed:
            await _send(db, each)


async def _send(db: AsyncSession, statement: Statement) -> Found:
    driver = await driver_of(db)
    try:
        return Found(await driver.fetch(statement.text, *statement.values, record_class=Row))
    except ValueError:
        raise
    except FAILURES as error:
        raise await _failure(db, statement.text, error) from error


async def _failure(db: AsyncSession, text: str, error: Exception) -> DBAPIError:
    """What SQLAlchemy would raise for what the driver raises; a lost connection leaves the pool."""
    if isinstance(error, LOST):
        await (await db.connection()).invalidate(error)
        return DBAPIError(text, None, error, hide_parameters=True, connection_invalidated=True)
    kind = IntegrityError if isinstance(error, asyncpg.IntegrityConstraintViolationError) else DBAPIError
    return kind(text, None, error, hide_parameters=True)


async def driver_of(db: AsyncSession) -> Driver:
    """The driver's own connection, with the session's transaction begun on it."""
    return db.info.get(DRIVER) or await _begin(db, "select")


async def _begin(db: AsyncSession, statement: str, *parameters: object) -> Driver:
    """Send a first statement through SQLAlchemy, which begins a transaction with it, and keep the driver."""
    driver = await db.run_sync(_begun, statement, parameters)
    db.info[DRIVER] = driver
    return driver


def _begun(session: Session, statement: str, parameters: tuple[object, ...]) -> Driver:
    """In one step over from asyncio to SQLAlchemy, each of which costs as much as a short statement."""
    connection = session.connection()
    connection.exec_driver_sql(statement, parameters).close()
    return cast("Driver", connection.connection.driver_connection)


async def insert_rows(db: AsyncSession, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all name the same columns: one statement, if it can hold them, sent as it stands."""
    if rows:
        await write(db, *statements.insertions(table, rows))


async def insert_new(db: AsyncSession, table: Table, row: Mapping[str, Any]) -> bool:
    """Insert a row unless one of its keys is taken; say whether it was inserted."""
    insertion = statements.insertion_of_new(table, row)
    return (await run(db, insertion.text, *insertion.values)).first() is not None


async def update_row(session: TenantSession, table: Table, row_id: UUID, changed: Mapping[str, Any]) -> None:
    """Write these columns of one row, sent as it stands; nothing where none changed."""
    if changed:
        change = statements.change(table, session.tenant_id, row_id, changed)
        await run(session.db, change.text, *change.values)
