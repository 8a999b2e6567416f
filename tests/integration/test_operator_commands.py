"""What the operator reads when a command is refused."""

import asyncio

import pytest
from click.testing import CliRunner, Result

from service.cli import main
from service.embedded import EmbeddedDatabase

pytestmark = pytest.mark.concurrent


async def _run(database: EmbeddedDatabase, *arguments: str) -> Result:
    address = {"ROOTED_DATABASE_URL": database.app_url}
    return await asyncio.to_thread(CliRunner().invoke, main, arguments, env=address)


async def test_a_refused_registration_says_what_is_wrong(own_database: EmbeddedDatabase) -> None:
    refused = await _run(own_database, "tenant", "create", "Bad Slug")

    assert refused.exit_code == 1
    assert "'Bad Slug' is not 3 to 40 lower-case letters" in refused.output


async def test_a_refused_scope_is_named_with_those_there_are(own_database: EmbeddedDatabase) -> None:
    created = await _run(own_database, "tenant", "create", "operator-test")
    refused = await _run(own_database, "application", "create", "operator-test", "--scope", "tenant:own")

    assert created.exit_code == 0, created.output
    assert refused.exit_code == 1
    assert "'tenant:own' is not a scope" in refused.output
    assert "requests:write" in refused.output
