"""Policies kept as files: looked at, formatted, compared and tried, without a server."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import click
import msgspec
from msgspec.structs import replace as replaced

from service.calendars import countries
from service.calendars.domain import CalendarInvalid, WorkingTime, compile_calendar, parse_definition
from service.cli import policy_files, policy_tables, running
from service.cli.parameters import EXISTING_FILE
from service.cli.policy_files import Opened, Seen
from service.cli.policy_remote import difference_line, policy
from service.clock import SystemClock
from service.remote import files as reading
from service.remote.errors import PolicyFileUnusable
from service.rules import canonical, documents, testing
from service.rules.canonical import Change, Difference
from service.rules.errors import PolicyInvalid
from service.rules.findings import Finding, Severity
from service.rules.lint import Neighbour, Surroundings
from service.rules.tables.table import TableForm
from service.rules.testing import TestResult

COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTICE: "blue"}
CHANGE_COLOURS = {
    Change.ADDED: "green",
    Change.REMOVED: "red",
    Change.CHANGED: "yellow",
    Change.MOVED: "cyan",
}
CELL = re.compile(r"/(?P<key>when|then)/(?P<place>\d+)", re.ASCII)
FILES = click.argument("paths", metavar="FILE…", type=EXISTING_FILE, nargs=-1, required=True)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
OWN_FACTS = click.option(
    "--facts",
    "own",
    type=EXISTING_FILE,
    help="The tenant's own facts, in the form of a document's `facts`.",
)


@policy.command("lint")
@FILES
@click.option(
    "--calendars",
    "calendars",
    type=EXISTING_FILE,
    multiple=True,
    help="A calendar that there is, as `rooted replay` takes it. May be given several times.",
)
@OWN_FACTS
@click.option("--strict", is_flag=True, help="Exit with 1 for warnings too.")
@AS_JSON
def lint_files(
    *, paths: Sequence[Path], calendars: Sequence[Path], own: Path | None, strict: bool, as_json: bool
) -> None:
    """Find what is wrong with policies, and what can hardly be meant. Exits 1 when there is an error.

    Calendars are looked at only when they are given. Files of one kind are taken to be published one after
    the other.
    """

    def look() -> list[Seen]:
        around = Surroundings(calendars=_calendars(calendars) if calendars else None, now=SystemClock().now())
        declared = {} if own is None else reading.read_object(own)
        seen: list[Seen] = []
        for path in paths:
            opened = policy_files.opened(path)
            beside = replace(around, neighbours=_of_kind(opened, seen))
            seen.append(policy_files.looked_at(opened, declared, beside))
        return seen

    seen = running.refusing(look)
    if as_json:
        running.print_json({"files": [one.to_json() for one in seen]})
    else:
        for one in seen:
            for finding in one.findings:
                click.echo(_finding_line(one.opened, finding))
        click.echo(_summary(seen), err=True)
    held_up = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    if any(finding.severity in held_up for one in seen for finding in one.findings):
        raise SystemExit(1)


def _of_kind(opened: Opened, seen: Sequence[Seen]) -> list[Neighbour]:
    return [
        Neighbour(name=one.opened.file.name, document=one.document)
        for one in seen
        if one.document is not None and one.opened.kind is opened.kind
    ]


def _calendars(paths: Sequence[Path]) -> dict[str, WorkingTime]:
    """The calendars in these files, by name. Raises PolicyFileUnusable."""
    found: dict[str, WorkingTime] = {}
    for path in paths:
        content = reading.read_object(path)
        name, definition = content.get("name", path.stem), content.get("definition", content)
        try:
            found[str(name)] = compile_calendar(parse_definition(definition, country_dates=countries.dates))
        except CalendarInvalid as error:
            told = "\n  ".join(f"{fault.pointer or '/'}: {fault.detail}" for fault in error.faults)
            raise PolicyFileUnusable(path, f"it is no calendar:\n  {told}") from error
    return found


def _finding_line(opened: Opened, finding: Finding) -> str:
    severity = click.style(finding.severity, fg=COLOURS[finding.severity], bold=True)
    told = f"{finding.reason.removesuffix('.')}; {finding.remedy}" if finding.remedy else finding.reason
    place = click.style(f"{opened.place_of(finding)}:", bold=True)
    return f"{place} {finding.pointer or '/'}: {severity} {finding.code}: {told}"


def _summary(seen: Sequence[Seen]) -> str:
    findings = [finding for one in seen for finding in one.findings]
    counts = {severity: sum(one.severity is severity for one in findings) for severity in Severity}
    told = ", ".join(f"{count} {severity}{'' if count == 1 else 's'}" for severity, count in counts.items())
    return f"{len(seen)} file{'' if len(seen) == 1 else 's'}: {told}"


@policy.command("fmt")
@FILES
@click.option("--check", is_flag=True, help="Change nothing; exit with 1 when something would change.")
def format_files(*, paths: Sequence[Path], check: bool) -> None:
    """Write policies in their canonical form, in place."""

    def rewritten() -> list[tuple[Path, str]]:
        found = [(path, policy_files.opened(path)) for path in paths]
        written = [(path, opened.text, policy_files.formatted(opened)) for path, opened in found]
        return [(path, text) for path, before, text in written if text != before]

    changed = running.refusing(rewritten)
    for path, text in changed:
        click.echo(f"{path} {'would change' if check else 'changed'}")
        if not check:
            path.write_text(text, encoding="utf-8")
    if check and changed:
        raise SystemExit(1)


@policy.command("diff")
@click.argument("old", type=EXISTING_FILE)
@click.argument("new", type=EXISTING_FILE)
@AS_JSON
def diff(*, old: Path, new: Path, as_json: bool) -> None:
    """Show what differs between the policies OLD and NEW, by rule and cell."""

    def compared() -> tuple[Opened, list[Difference]]:
        before, after = policy_files.opened(old), policy_files.opened(new)
        for opened in (before, after):
            policy_files.refuse_unreadable(opened)
        return after, canonical.differences(before.file.document, after.file.document)

    after, found = running.refusing(compared)
    if as_json:
        running.print_json({"differences": found})
        return
    for rule, differences in groupby(found, key=lambda one: one.rule):
        click.echo(click.style(rule or "the policy", bold=True))
        for difference in differences:
            line = difference_line(_by_column(difference, after.file.document))
            click.echo(click.style(line, fg=CHANGE_COLOURS[difference.change]))
    if not found:
        click.echo("They say the same.")


def _by_column(difference: Difference, document: Mapping[str, Any]) -> Difference:
    """The difference without its rule, which is told already; a cell goes by the name of its column."""
    cell = CELL.fullmatch(difference.part)
    part = difference.part
    if cell is not None and difference.rule is not None and document.get("table") is not None:
        table = msgspec.convert(document["table"], TableForm)
        names = (
            [each.fact for each in table.inputs]
            if cell["key"] == "when"
            else [each.at for each in table.outputs]
        )
        place = int(cell["place"])
        part = f"{cell['key']} {names[place]}" if place < len(names) else part
    return replaced(difference, rule=None, part=part)


@policy.command("test")
@FILES
@OWN_FACTS
def test_files(*, paths: Sequence[Path], own: Path | None) -> None:
    """Run the tests that are stored with policies. Exits 1 when one does not pass."""

    def tried() -> list[tuple[Opened, list[TestResult]]]:
        declared = {} if own is None else reading.read_object(own)
        return [(opened, _results(opened, declared)) for opened in map(policy_files.opened, paths)]

    tried_files = running.refusing(tried)
    for opened, results in tried_files:
        for result in results:
            word = click.style("passed", fg="green") if result.passed else click.style("FAILED", fg="red")
            click.echo(f"{opened.file.path}: {word}: {result.name}")
        for finding in testing.findings(results):
            click.echo(_finding_line(opened, finding))
    results = [result for _, several in tried_files for result in several]
    failed = sum(not result.passed for result in results)
    click.echo(f"{len(results)} tests: {len(results) - failed} passed, {failed} failed", err=True)
    if failed:
        raise SystemExit(1)


def _results(opened: Opened, own: Mapping[str, Any]) -> list[TestResult]:
    """Raises PolicyFileUnusable."""
    written, kind = opened.file.document, opened.kind
    try:
        document = documents.read(written, kind, own=own)
    except PolicyInvalid as refused:
        told = "\n  ".join(_finding_line(opened, Finding.of(fault)) for fault in refused.faults)
        raise PolicyFileUnusable(opened.file.path, f"it has errors:\n  {told}") from refused
    return testing.run(written, document, kind)


policy.add_command(policy_tables.tables)
