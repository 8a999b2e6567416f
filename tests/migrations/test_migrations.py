"""The revisions lead one way up and the same way down, and end where the models are."""

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from service import schema
from service.embedded import EmbeddedDatabase

pytestmark = pytest.mark.concurrent

TABLES = "select count(*) from pg_tables where schemaname = 'public' and tablename <> 'alembic_version'"


def test_there_is_one_head_and_every_revision_says_why() -> None:
    revisions = ScriptDirectory.from_config(schema.configuration())
    assert len(revisions.get_heads()) == 1
    assert [each.revision for each in revisions.walk_revisions() if not each.doc] == []


async def test_up_down_and_up_again_ends_where_the_models_are(own_database: EmbeddedDatabase) -> None:
    engine = create_async_engine(own_database.owner_url)
    async with engine.connect() as connection:
        await connection.run_sync(lambda sync: command.check(schema.configuration(sync)))
        await connection.run_sync(lambda sync: command.downgrade(schema.configuration(sync), "base"))
        assert (await connection.execute(text(TABLES))).scalar_one() == 0
        await connection.commit()
        await connection.run_sync(lambda sync: command.upgrade(schema.configuration(sync), "head"))
        await connection.run_sync(lambda sync: command.check(schema.configuration(sync)))
    await engine.dispose()
