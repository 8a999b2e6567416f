"""`python -m service.embedded`: the roles and the database on a server of the operator's own."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

from service.embedded import EmbeddedDatabase

PROJECT = Path(__file__).parents[2]


async def test_it_prepares_the_database_and_roles_that_the_addresses_name(template: EmbeddedDatabase) -> None:
    status, said = await _run(
        {
            "ROOTED_SUPERUSER_DATABASE_URL": template.superuser_url,
            "ROOTED_OWNER_DATABASE_URL": template.owner_url,
            "ROOTED_DATABASE_URL": template.app_url,
        }
    )

    assert (status, said) == (0, "")


async def test_it_names_every_address_that_is_lacking() -> None:
    status, said = await _run({"ROOTED_DATABASE_URL": "postgresql+asyncpg://app:x@127.0.0.1/rooted"})

    assert (status, said) == (2, "Set ROOTED_SUPERUSER_DATABASE_URL, ROOTED_OWNER_DATABASE_URL.\n")


async def test_it_says_when_the_addresses_do_not_fit_together() -> None:
    address = "postgresql+asyncpg://same:x@127.0.0.1/rooted"
    status, said = await _run(
        {
            "ROOTED_SUPERUSER_DATABASE_URL": address,
            "ROOTED_OWNER_DATABASE_URL": address,
            "ROOTED_DATABASE_URL": address,
        }
    )

    assert status == 1
    assert "same cannot be both" in said


async def test_it_says_when_no_server_answers() -> None:
    status, said = await _run(
        {
            "ROOTED_SUPERUSER_DATABASE_URL": "postgresql+asyncpg://postgres:x@127.0.0.1:1/postgres",
            "ROOTED_OWNER_DATABASE_URL": "postgresql+asyncpg://owner:x@127.0.0.1:1/rooted",
            "ROOTED_DATABASE_URL": "postgresql+asyncpg://app:x@127.0.0.1:1/rooted",
        }
    )

    assert status == 1
    assert "127.0.0.1" in said
    assert "Traceback" not in said


async def test_it_says_when_the_server_refuses_the_password(template: EmbeddedDatabase) -> None:
    status, said = await _run(
        {
            "ROOTED_SUPERUSER_DATABASE_URL": template.superuser_url.replace("postgres:", "postgres:not-"),
            "ROOTED_OWNER_DATABASE_URL": template.owner_url,
            "ROOTED_DATABASE_URL": template.app_url,
        }
    )

    assert status == 1
    assert "password authentication failed" in said
    assert "Traceback" not in said


async def _run(environment: dict[str, str]) -> tuple[int | None, str]:
    command = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "service.embedded", cwd=PROJECT, env=environment, stderr=PIPE
    )
    _, said = await command.communicate()
    return command.returncode, said.decode()
