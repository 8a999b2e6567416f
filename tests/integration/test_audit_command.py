"""`rooted audit verify`: what an operator reads, and how it ends."""

import asyncio
import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from service import operations
from service.audit.domain import PLATFORM, Sought
from service.audit.service import list_records
from service.cli import main
from service.clock import SystemClock
from service.db import Sessions, tenant_transaction
from service.embedded import EmbeddedDatabase
from service.tenants.domain import Tenant
from tests import factories
from tests.factories import VAULT
from tests.integration.test_audit_chain import changed, forcing, links, sealed, written

pytestmark = pytest.mark.concurrent


@pytest.fixture
async def acme(own_sessions: Sessions) -> Tenant:
    """A tenant with a chain of nine."""
    made = await factories.tenant(own_sessions)
    await written(own_sessions, made.id, 8)
    await sealed(own_sessions)
    return made


async def verify(database: EmbeddedDatabase, *arguments: str) -> Result:
    address = {"ROOTED_DATABASE_URL": database.app_url}
    return await asyncio.to_thread(CliRunner().invoke, main, ["audit", "verify", *arguments], env=address)


def described(result: Result) -> dict[str, Any]:
    return json.loads(result.stdout)


async def test_a_whole_trail_is_said_to_be_and_its_head_is_told(
    own_database: EmbeddedDatabase, acme: Tenant
) -> None:
    found = await verify(own_database)
    as_json = described(await verify(own_database, "--json"))

    assert found.exit_code == 0, found.output
    assert f"ok   {acme.slug}: 9 records, 9 links, head {as_json[acme.slug]['head']}" in found.output
    assert set(as_json) == {acme.slug, operations.PLATFORM_TRAIL}
    assert as_json[acme.slug]["sound"] is True


async def test_a_changed_record_ends_it_with_1_and_is_named(
    own_database: EmbeddedDatabase, own_sessions: Sessions, acme: Tenant
) -> None:
    ids_of = [record_id for _, record_id in await links(own_sessions, acme.id)]
    async with forcing(own_database, acme.id) as force:
        await changed(force, ids_of)

    found = await verify(own_database, "--tenant", acme.slug)
    as_json = described(await verify(own_database, "--tenant", acme.slug, "--json"))[acme.slug]

    assert found.exit_code == 1
    assert f"BAD  {acme.slug}: link 5, record {ids_of[4]}: the record or its link was changed" in found.output
    assert as_json["broken"] == {"flaw": "digest-differs", "sequence": 5, "record_id": str(ids_of[4])}
    assert (as_json["links"], as_json["records"]) == (4, 9)


async def test_an_earlier_head_is_proved_and_a_made_up_one_is_not(
    own_database: EmbeddedDatabase, own_sessions: Sessions, acme: Tenant
) -> None:
    head = described(await verify(own_database, "--json"))[acme.slug]["head"]
    await written(own_sessions, acme.id, 3)
    await sealed(own_sessions)

    proved = await verify(own_database, "--tenant", acme.slug, "--head", head)
    made_up = await verify(own_database, "--tenant", acme.slug, "--head", "ab" * 32)

    assert (proved.exit_code, made_up.exit_code) == (0, 1)
    assert "the given head is in the chain" in proved.output
    assert "the given head is not in the chain" in made_up.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--head", "ab" * 32), "name it with --tenant"),
        (("--tenant", "acme", "--head", "xyz"), "is not hexadecimal"),
        (("--tenant", "acme", "--head", "abcd"), "64 digits"),
        (("--tenant", "nobody"), "does not exist"),
    ],
)
async def test_what_cannot_be_verified_is_said_with_the_remedy(
    own_database: EmbeddedDatabase, arguments: tuple[str, ...], said: str
) -> None:
    refused = await verify(own_database, *arguments)
    assert refused.exit_code in {1, 2}
    assert said in refused.output


async def test_a_new_signing_key_is_recorded_in_the_platforms_own_trail(own_sessions: Sessions) -> None:
    kid = await operations.rotate_signing_key(own_sessions, SystemClock(), VAULT)

    async with tenant_transaction(own_sessions, PLATFORM) as session:
        (entry,) = await list_records(session, Sought(), before=None, limit=10)
    assert (entry.record.actor, entry.record.action) == ("operator", "signing_key.added")
    assert entry.record.subject == f"signing_key:{kid}"
