"""The two roles that Rooted works with, and its database: the one place that says what they may do.

The owner runs migrations and owns everything. The login role of the service owns nothing, bypasses nothing,
so that row-level security holds for every statement it sends. The embedded server and docker-compose.yml both
get them from here.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from sqlalchemy import URL, NullPool, make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from service.embedded.errors import RolesUnfit

APP_TIMEOUTS: Mapping[str, str] = {
    "statement_timeout": "15s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "30s",
}
_POWERS = "rolsuper or rolbypassrls or rolcreatedb or rolcreaterole or rolreplication"


async def prepare_roles(superuser_url: str, *, owner_url: str, app_url: str) -> None:
    """Create the database and both roles that the addresses name, or bring them to what is written here.

    Safe to repeat. Passwords become those of the addresses.

    Args:
        superuser_url: a role that may create roles and databases, in any database of the same server.
        owner_url: name and password of the owner; its database is the one to create.
        app_url: name and password of the login role of the service.

    Raises:
        RolesUnfit: the addresses do not name two roles and one database, or a role may do too much.
    """
    owner, app = make_url(owner_url), make_url(app_url)
    database = _agreed_database(owner, app)
    async with _connected(superuser_url) as connection:
        for url in (owner, app):
            await _prepare_role(connection, name=str(url.username), password=str(url.password))
        for setting, limit in APP_TIMEOUTS.items():
            await _run(connection, f"alter role %I set {setting} = %L", str(app.username), limit)
        await _create_database(connection, database, owner=str(owner.username), app=str(app.username))


async def clone(superuser_url: str, *, owner_url: str, app_url: str, name: str) -> None:
    """Create a database `name` as a copy of the one the addresses name, to which nobody may be connected."""
    owner, app = make_url(owner_url), make_url(app_url)
    async with _connected(superuser_url) as connection:
        template = _agreed_database(owner, app)
        await _create_database(
            connection, name, owner=str(owner.username), app=str(app.username), template=template
        )


@asynccontextmanager
async def _connected(superuser_url: str) -> AsyncGenerator[AsyncConnection]:
    """A connection without a transaction: databases are not created inside one."""
    engine = create_async_engine(superuser_url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            yield connection
    finally:
        await engine.dispose()


def _agreed_database(owner: URL, app: URL) -> str:
    if not (owner.username and owner.password and app.username and app.password):
        raise RolesUnfit("both addresses must name a role and its password")
    if owner.username == app.username:
        raise RolesUnfit(f"{owner.username} cannot be both; the service must not own what it works on")
    if owner.database is None or owner.database != app.database:
        raise RolesUnfit(f"they name different databases, {owner.database} and {app.database}")
    return owner.database


async def _prepare_role(connection: AsyncConnection, *, name: str, password: str) -> None:
    powers = await connection.scalar(
        text(f"select {_POWERS} from pg_roles where rolname = :name"),  # noqa: S608 -- a constant
        {"name": name},
    )
    if powers:
        raise RolesUnfit(f"{name} exists and may do more than Rooted's roles must; name another one")
    verb = "create" if powers is None else "alter"
    await _run(connection, f"{verb} role %I login password %L", name, password)


async def _create_database(
    connection: AsyncConnection, name: str, *, owner: str, app: str, template: str = "template0"
) -> None:
    exists = await connection.scalar(
        text("select true from pg_database where datname = :name"), {"name": name}
    )
    if not exists:
        await _run(
            connection, "create database %I owner %I encoding 'UTF8' template %I", name, owner, template
        )
    await _run(connection, "revoke all on database %I from public", name)
    await _run(connection, "grant connect on database %I to %I", name, app)


async def _run(connection: AsyncConnection, statement: str, *names: str) -> None:
    """Run a statement that takes no parameters; the server itself quotes what fills its %I and %L."""
    arguments = {f"name_{at}": name for at, name in enumerate(names)}
    placeholders = ", ".join(f"cast(:{each} as text)" for each in arguments)
    quoted = await connection.scalar(
        text(f"select format(:statement, {placeholders})"), {"statement": statement, **arguments}
    )
    await connection.exec_driver_sql(str(quoted))
