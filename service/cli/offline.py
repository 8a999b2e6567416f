"""What needs neither database nor settings: working time and conditions, computed from files."""

from pathlib import Path
from typing import Any

import click
import msgspec

from service.calendars import compute as calendar_computing
from service.cli import running
from service.cli.parameters import EXISTING_FILE
from service.rules import conformance
from service.rules.conformance import Outcome
from service.rules.language.trial import evaluate_expression


@click.group("calendar")
def calendar() -> None:
    """Calendars: working time, computed offline."""


@calendar.command("compute")
@click.argument("file", type=EXISTING_FILE)
def compute(file: Path) -> None:
    """Compute every item of FILE, a JSON list of {id?, calendar, op, input} or an object with "vectors"."""
    running.print_json(running.refusing(lambda: calendar_computing.compute_file(file.read_bytes())))


@click.group("rules")
def rules() -> None:
    """Rules: conditions, evaluated offline."""


@rules.command("evaluate")
@click.argument("expression")
@click.option("--facts", type=click.File("rb"), help="A JSON object; `-` reads standard input.")
def evaluate(expression: str, *, facts: Any) -> None:
    """Evaluate EXPRESSION on the facts of a file: its value or error, and why."""
    found = {} if facts is None else _json_object(facts.read(), "--facts")
    running.print_json(evaluate_expression(expression, found, None))


@rules.command("conformance")
@click.argument("file", type=EXISTING_FILE)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def conformance_of(file: Path, *, as_json: bool) -> None:
    """Run the CEL conformance tests of FILE. Exits 1 when one fails that the language claims to pass."""
    try:
        found = conformance.judge(conformance.read(file.read_bytes()))
    except ValueError as error:
        raise click.ClickException(f"{file}: {error}") from error
    counts = {outcome.name.lower(): len(found.of(outcome)) for outcome in Outcome}
    if as_json:
        running.print_json({**counts, "tests": found.verdicts})
    else:
        for verdict in found.verdicts:
            click.echo(f"{verdict.outcome:12} {verdict.id}{verdict.reason and ': '}{verdict.reason}")
        told = ", ".join(f"{len(found.of(outcome))} {outcome}" for outcome in Outcome)
        click.echo(f"{len(found.verdicts)} tests: {told}")
    if found.of(Outcome.FAILED):
        raise SystemExit(1)


def _json_object(content: bytes, name: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(content, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise click.UsageError(f"{name} is not a JSON object: {error}") from error
