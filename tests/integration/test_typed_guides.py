"""The examples with which some guides begin do what the guides show."""

import asyncio
import os
import re
from pathlib import Path

import pytest

from service.embedded import EmbeddedDatabase
from tests.live import served

pytestmark = pytest.mark.concurrent

ROOT = Path(__file__).parents[2]
EXAMPLES = {
    name: (ROOT / "docs" / "guides" / f"{name}.md").read_text().split("\n## ")[1]
    for name in ("escalations", "rationalization")
}
TYPED = re.compile(r"^```sh\n(.*?)^```$(?:\n```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)
SHOWN_URL = "http://127.0.0.1:8080"
END_OF_BLOCK = "-- end of block --"
MOST_SECONDS = 120


@pytest.mark.parametrize("name", EXAMPLES)
async def test_an_example_answers_as_its_guide_shows(
    template: EmbeddedDatabase, place: Path, tmp_path: Path, name: str
) -> None:
    blocks = [(found[1], found[2] or "") for found in TYPED.finditer(EXAMPLES[name])]
    typed = "".join(f"{block}echo '{END_OF_BLOCK}'\n" for block, _ in blocks)
    tmp_path.joinpath(".venv").symlink_to(ROOT / ".venv")

    async with served(template, place / name) as live:
        shell = await asyncio.create_subprocess_exec(
            *("bash", "-e", "-o", "pipefail", "-c", typed.replace(SHOWN_URL, live.url)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=tmp_path,
            env={**os.environ, **live.env},  # noqa: TID251 - the shell finds its commands as we do
        )
        out, told = await asyncio.wait_for(shell.communicate(), MOST_SECONDS)

    assert shell.returncode == 0, f"{out.decode()}\n{told.decode()}"
    assert out.decode().split(f"{END_OF_BLOCK}\n")[:-1] == [shown for _, shown in blocks]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_shows_something(name: str) -> None:
    assert EXAMPLES[name].count("```text") > 5
    assert SHOWN_URL in EXAMPLES[name]
