"""The container files name only settings, commands and paths that exist."""

import re
from pathlib import Path
from typing import Any, cast

import yaml

from service import cli
from service.embedded.__main__ import Addresses
from service.settings import Settings

PROJECT = Path(__file__).parents[2]
COMPOSE = cast("dict[str, Any]", yaml.safe_load((PROJECT / "docker-compose.yml").read_text()))
SERVICES = cast("dict[str, dict[str, Any]]", COMPOSE["services"])


def test_every_variable_that_a_container_gets_is_a_setting() -> None:
    known = {f"ROOTED_{name}".upper() for name in (*Settings.model_fields, *Addresses.model_fields)}
    given = {name for each in SERVICES.values() for name in each.get("environment", {})}

    assert {name for name in given if name.startswith("ROOTED_")} <= known


def test_every_command_that_a_container_runs_exists() -> None:
    commands = [each["command"] for each in SERVICES.values() if "command" in each]

    rooted = {command[1] for command in commands if command[0] == "rooted"}
    assert rooted <= set(cli.main.commands)
    assert [command for command in commands if command[0] != "rooted"] == [
        ["python", "-m", "service.embedded"]
    ]


def test_everything_copied_into_the_image_is_sent_to_the_builder_and_exists() -> None:
    sent = {line[1:] for line in (PROJECT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        source
        for sources in re.findall(
            r"^COPY (?!--from)(.+) \S+$", (PROJECT / "Dockerfile").read_text(), re.MULTILINE
        )
        for source in sources.split()
    }

    assert copied <= sent
    assert all((PROJECT / source).exists() for source in copied)


def test_no_container_that_runs_our_code_may_write_or_gain_powers() -> None:
    ours = [each for each in SERVICES.values() if each["image"] == "rooted"]

    assert len(ours) == 4
    assert all(each["read_only"] and each["cap_drop"] == ["ALL"] for each in ours)
