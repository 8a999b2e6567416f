"""What the operator reads when a command is refused."""

import asyncio
import json
from uuid import UUID

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import make_url

from service.cli import main
from service.db import Sessions
from service.embedded import EmbeddedDatabase
from service.platform import platform_transaction
from service.tenants import service as tenants

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


async def test_an_application_is_created_listed_and_revoked(own_database: EmbeddedDatabase) -> None:
    await _run(own_database, "tenant", "create", "operator-test")
    created = await _run(own_database, "application", "create", "operator-test", "--name", "Desk", "--json")
    client_id = json.loads(created.stdout)["client_id"]

    before = await _run(own_database, "application", "list", "operator-test")
    revoked = [await _run(own_database, "application", "revoke", client_id) for _ in range(2)]
    after = await _run(own_database, "application", "list", "operator-test")

    assert f"{client_id}  client_secret    Desk" in before.output
    assert [each.exit_code for each in revoked] == [0, 0], revoked[0].output
    assert f"{client_id}  revoked          Desk" in after.output
    assert "  none             Console" in after.output


async def test_a_command_that_writes_says_where_to_and_one_that_reads_says_nothing(
    own_database: EmbeddedDatabase,
) -> None:
    address = make_url(own_database.app_url)

    created = await _run(own_database, "tenant", "create", "operator-test")
    changed = await _run(own_database, "tenant", "limit", "operator-test", "contacts", "7")
    shown = await _run(own_database, "tenant", "limit", "operator-test")
    refused = await _run(own_database, "tenant", "create", "operator-test")

    for each in (created, changed):
        assert each.stderr.startswith("Written to the database postgresql://")
        assert f"/{address.database}" in each.stderr
        assert str(address.password) not in each.stderr
    assert created.stdout == "Created the live tenant operator-test.\n"
    assert "Written to" not in shown.stderr + refused.stderr
    assert refused.exit_code == 1


@pytest.mark.parametrize("client_id", ["nonsense", "operator-test.", f"operator-test.{UUID(int=7).hex}"])
async def test_an_application_that_there_is_not_is_not_revoked(
    own_database: EmbeddedDatabase, client_id: str
) -> None:
    await _run(own_database, "tenant", "create", "operator-test")

    refused = await _run(own_database, "application", "revoke", client_id)

    assert refused.exit_code == 1
    assert "does not exist" in refused.output


@pytest.mark.parametrize("address", ["postgresql+asyncpg://a:b@127.0.0.1:1/rooted", "nonsense"])
async def test_a_database_that_does_not_answer_is_told_in_a_line(address: str) -> None:
    arguments = ["tenant", "create", "acme"]

    refused = await asyncio.to_thread(
        CliRunner().invoke, main, arguments, env={"ROOTED_DATABASE_URL": address}
    )

    assert refused.exit_code == 1
    assert refused.output.startswith("Error: The database does not answer as it should")


async def test_a_variable_that_cannot_be_read_is_named() -> None:
    refused = await asyncio.to_thread(CliRunner().invoke, main, ["doctor"], env={"ROOTED_PORT": "many"})

    assert refused.exit_code == 2
    assert "ROOTED_PORT" in refused.output


async def test_a_tenant_says_from_its_beginning_where_its_policies_are_reviewed(
    own_database: EmbeddedDatabase, own_sessions: Sessions
) -> None:
    created = [
        await _run(own_database, "tenant", "create", slug, *options)
        for slug, options in (
            ("in-git", ["--approval", "git"]),
            ("by-members", []),
            ("rehearsal", ["--sandbox"]),
            ("strict", ["--sandbox", "--approval", "members"]),
        )
    ]
    unknown = await _run(own_database, "tenant", "create", "acme", "--approval", "nobody")

    assert [answer.exit_code for answer in created] == [0] * 4, [answer.output for answer in created]
    assert unknown.exit_code == 2
    async with platform_transaction(own_sessions) as platform:
        found = [
            (await tenants.find(platform, slug)).approval
            for slug in ("in-git", "by-members", "rehearsal", "strict")
        ]
    assert found == ["git", "members", "git", "members"]


async def test_a_tenant_is_created_together_with_its_first_admin(own_database: EmbeddedDatabase) -> None:
    refused = await _run(own_database, "tenant", "create", "acme", "--admin", "nobody")
    created = await _run(own_database, "tenant", "create", "acme", "--admin", "ada@harbour.test")
    invited = await _run(own_database, "member", "invite", "acme", "grace@harbour.test", "--role", "agent")
    again = await _run(own_database, "member", "invite", "acme", "Grace@harbour.test", "--role", "agent")

    assert refused.exit_code == 1
    assert "not a mail address" in refused.output
    assert created.exit_code == 0, created.output
    assert "http://127.0.0.1:8080/invitation/" in created.output
    assert invited.stdout.startswith("http://127.0.0.1:8080/invitation/")
    assert again.exit_code == 1
    assert "exists already" in again.output


async def test_a_person_that_is_unknown_gets_no_link(own_database: EmbeddedDatabase) -> None:
    refused = await _run(own_database, "person", "reset", "nobody@harbour.test")

    assert refused.exit_code == 1
    assert "There is no account nobody@harbour.test." in refused.output
