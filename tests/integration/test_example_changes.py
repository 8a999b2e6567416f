"""The example changes, put into a sandbox as their README says, are decided as they are expected to be."""

import asyncio
import json
import os
import textwrap
from pathlib import Path
from typing import Any

import pytest

from service.embedded import EmbeddedDatabase
from tests.live import served

pytestmark = pytest.mark.concurrent

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "changes"
SHOWN_URL = "http://127.0.0.1:8080"
MOST_SECONDS = 120


async def test_the_example_changes_are_decided_by_the_api_as_by_the_policies_alone(
    template: EmbeddedDatabase, place: Path, tmp_path: Path
) -> None:
    expected: list[dict[str, Any]] = json.loads((FOLDER / "requests.json").read_text())
    tmp_path.joinpath(".venv").symlink_to(ROOT / ".venv")
    tmp_path.joinpath("examples").symlink_to(ROOT / "examples")

    async with served(template, place / "example-changes") as live:
        shell = await asyncio.create_subprocess_exec(
            *("bash", "-e", "-o", "pipefail", "-c", _typed().replace(SHOWN_URL, live.url)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=tmp_path,
            env={**os.environ, **live.env},  # noqa: TID251 - the shell finds its commands as we do
        )
        out, told = await asyncio.wait_for(shell.communicate(), MOST_SECONDS)

    assert shell.returncode == 0, f"{out.decode()}\n{told.decode()}"
    assert [line.split(" | ") for line in out.decode().splitlines() if " | " in line] == [
        [each["external_id"], each["expected"]["verdict"], each["expected"]["reason"]] for each in expected
    ]


def _typed() -> str:
    """What the README says to type, which stands in its last indented block."""
    indented = [
        block for block in (FOLDER / "README.md").read_text().split("\n\n") if block.startswith("    ")
    ]
    return textwrap.dedent(indented[-1])
