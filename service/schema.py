"""The database's schema: which revision the program needs, and how to bring a database there."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

ONE_AT_A_TIME = text("select pg_advisory_xact_lock(7166083501)")
"""Two processes that start at the same moment must not both migrate."""

REVISION = text("select version_num from alembic_version")

ROOT = Path(__file__).resolve().parent.parent


def configuration(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.set_main_option("prepend_sys_path", str(ROOT))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def head() -> str:
    """The revision that this program was written for."""
    revision = ScriptDirectory.from_config(configuration()).get_current_head()
    if revision is None:
        raise RuntimeError(f"no revisions under {ROOT / 'migrations'}")
    return revision


async def revision(db: AsyncSession) -> str | None:
    """The revision that the database is at."""
    return (await db.execute(REVISION)).scalar()


async def upgrade(owner_url: str) -> None:
    """Bring the database to `head()`, as the role that owns it. Safe to repeat."""
    engine = create_async_engine(owner_url)
    try:
        async with engine.connect() as connection:
            await connection.execute(ONE_AT_A_TIME)
            await connection.run_sync(lambda sync: command.upgrade(configuration(sync), "head"))
            await connection.commit()
    finally:
        await engine.dispose()
