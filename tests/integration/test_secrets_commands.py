"""What the operator does about master keys, by command, on a database of their own."""

import asyncio
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service.cli import main
from service.embedded import EmbeddedDatabase
from service.vault import parse_keys
from tests.unit.test_vault import NEW, OLD, key_file

pytestmark = pytest.mark.concurrent


async def run(database: EmbeddedDatabase, *arguments: str, **environment: str) -> Result:
    address = {"ROOTED_DATABASE_URL": database.app_url, "ROOTED_OWNER_DATABASE_URL": database.owner_url}
    return await asyncio.to_thread(CliRunner().invoke, main, arguments, env=address | environment)


async def ended(database: EmbeddedDatabase, *arguments: str, **environment: str) -> tuple[int | None, str]:
    """The exit code and the errors of a command in a process of its own, which is not to last."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "service", *arguments),
        env={"ROOTED_DATABASE_URL": database.app_url, **environment},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(60):
            _, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, errors.decode()


async def test_a_new_key_is_a_line_for_the_file(tmp_path: Path) -> None:
    made = [await asyncio.to_thread(CliRunner().invoke, main, ["secrets", "new-key"]) for _ in range(2)]

    assert [each.exit_code for each in made] == [0, 0]
    keys = parse_keys("".join(each.output for each in made), where=str(tmp_path))
    assert len(keys) == len({key.secret for key in keys.values()}) == 2


@pytest.mark.parametrize("command", [["serve", "--port", "0"], ["keys", "rotate"]])
async def test_nothing_that_needs_it_starts_without_a_master_key(
    own_database: EmbeddedDatabase, command: list[str]
) -> None:
    code, errors = await ended(own_database, *command)

    assert code == 1
    assert "Error: There is no master key. Run `rooted secrets new-key" in errors
    assert "ROOTED_MASTER_KEY_FILE" in errors


async def test_a_key_is_replaced_and_the_status_says_when_the_old_one_may_go(
    own_database: EmbeddedDatabase, tmp_path: Path
) -> None:
    file = {"ROOTED_MASTER_KEY_FILE": str(key_file(tmp_path, OLD))}
    assert (await run(own_database, "keys", "rotate", **file)).exit_code == 0
    key_file(tmp_path, NEW, OLD)

    before = await run(own_database, "secrets", "status", **file)
    rotated = await run(own_database, "secrets", "rotate", **file)
    after = await run(own_database, "secrets", "status", **file)
    key_file(tmp_path, NEW)
    alone = await run(own_database, "secrets", "status", **file)

    assert before.output.splitlines() == ["new: 0 secrets (current)", "old: 1 secrets", "not sealed: 0"]
    assert "Sealed 1 secrets anew." in rotated.output
    assert after.output.splitlines() == ["new: 1 secrets (current)", "not sealed: 0"]
    assert (after.output, alone.exit_code) == (alone.output, 0)


async def test_a_key_that_is_missing_is_told_before_anything_starts(
    own_database: EmbeddedDatabase, tmp_path: Path
) -> None:
    file = {"ROOTED_MASTER_KEY_FILE": str(key_file(tmp_path, OLD))}
    assert (await run(own_database, "keys", "rotate", **file)).exit_code == 0
    key_file(tmp_path, NEW)

    status = await run(own_database, "secrets", "status", **file)
    doctor = await run(own_database, "doctor", **file)
    code, errors = await ended(own_database, "serve", "--port", "0", **file)

    assert (status.exit_code, doctor.exit_code, code) == (1, 1, 1)
    assert "old: 1 secrets MISSING" in status.output
    assert "BAD  master keys: missing: old" in doctor.output
    assert "sealed under the master key 'old'" in errors


async def test_doctor_says_which_key_is_the_current_one(own_database: EmbeddedDatabase) -> None:
    found = await run(own_database, "doctor", ROOTED_MASTER_KEYS=f"{NEW} {OLD}")

    assert "ok   master keys: new is the current one" in found.output
