"""Every command of ours that a document shows is there, with the options that it is shown with."""

import re
import shlex
from pathlib import Path

import click
import pytest

from service.cli import main

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "docker-compose.yml"])
SHOWN = re.compile(r"(?:^|`|exec api )rooted ((?:[^`\n\\#]|\\\n)+)", re.MULTILINE)
"""At the beginning of a line, in a code span, or in a container."""

NO_COMMAND = {"answers", "decides", "stands", "is", "must"}
"""What a sentence that begins with our name goes on with."""


def _shown() -> list[tuple[str, str]]:
    return [
        (str(path.relative_to(ROOT)), found.strip())
        for path in DOCUMENTS
        for found in SHOWN.findall(re.sub(r"^ {4}", "", path.read_text(), flags=re.MULTILINE))
        if found.split()[0] not in NO_COMMAND
    ]


@pytest.mark.parametrize(("document", "shown"), _shown())
def test_a_command_that_a_document_shows_is_there(document: str, shown: str) -> None:
    words = shlex.split(re.sub(r"\\\n|[][|>]", " ", shown))
    command: click.Command = main
    while isinstance(command, click.Group) and words:
        assert words[0] in command.commands, f"{document}: rooted {shown}"
        command = command.commands[words.pop(0)]

    options = {name for parameter in command.params for name in parameter.opts}
    assert {word.partition("=")[0] for word in words if word.startswith("-")} <= options, document


def test_there_are_commands_in_documents() -> None:
    assert len(_shown()) > 30
