"""What a replay found: counted, compared with the log's own verdicts, and shown. Pure but for the console."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table

from service.replay.log import BadRow, BadRows
from service.replay.steps import Verdict

LISTED_MAX = 20
"""How many bad rows and refusals are shown to people one by one."""
NO_GROUP = "(none)"


class Outcome(StrEnum):
    PENDING = "pending"
    KEPT = "kept"
    BROKEN = "broken"
    NOT_PROMISED = "not_promised"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that the server did not take, and why."""

    line: int
    case: str
    status: int
    reason: str


@dataclass(slots=True)
class Agreement:
    """Of so many cases with a verdict of the log's, how many came out the same."""

    agree: int = 0
    of: int = 0


@dataclass(slots=True)
class Group:
    """The cases of one group: what became of their promises, and the agreement with the log."""

    outcomes: Counter[Outcome] = field(default_factory=Counter[Outcome])
    agreement: Agreement = field(default_factory=Agreement)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of a replay.

    Attributes:
        events: rows of the log that were replayed.
        sent: requests and events sent to the API; a row may need none, or several.
        decided: requests that were accepted, each with a decision.
        silent: of the broken ones those whose requesters were not told before the promise was due.
        seconds: from the first to the last request, without reading the log.
        repeats: how often something had to be sent again, by cause.
    """

    cases: int
    events: int
    sent: int
    decided: int
    groups: Mapping[str, Group]
    silent: int
    bad_rows: BadRows
    refused: int
    refusals: tuple[Refusal, ...]
    clock_moves: int
    seconds: float
    repeats: Mapping[str, int]

    def total(self, outcome: Outcome) -> int:
        return sum(group.outcomes[outcome] for group in self.groups.values())

    @property
    def events_per_second(self) -> float:
        return self.events / self.seconds if self.seconds else 0.0

    @property
    def calls_per_second(self) -> float:
        return self.sent / self.seconds if self.seconds else 0.0


def agrees(outcome: Outcome, *, kept: bool) -> bool:
    """Whether we judged as the log did. What is not decided yet agrees with nothing."""
    return outcome is (Outcome.KEPT if kept else Outcome.BROKEN)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """What became of a case that has several promises of one metric."""
    found = set(outcomes)
    order = (Outcome.BROKEN, Outcome.PENDING, Outcome.KEPT)
    return next((outcome for outcome in order if outcome in found), Outcome.NOT_PROMISED)


def compare(verdicts: Mapping[str, Verdict], outcomes: Mapping[str, Outcome]) -> dict[str, Group]:
    """Count what became of each case, by the group that the log puts it in at its end."""
    groups: dict[str, Group] = {}
    for case, verdict in verdicts.items():
        group = groups.setdefault(verdict.group or NO_GROUP, Group())
        outcome = outcomes.get(case, Outcome.NOT_PROMISED)
        group.outcomes[outcome] += 1
        if verdict.kept is not None:
            group.agreement.of += 1
            group.agreement.agree += agrees(outcome, kept=verdict.kept)
    return dict(sorted(groups.items()))


def to_json(report: Report) -> str:
    """One JSON object; the names are part of the command's contract."""
    content = {
        "cases": report.cases,
        "events": report.events,
        "sent": report.sent,
        "decided": report.decided,
        "kept": report.total(Outcome.KEPT),
        "broken": report.total(Outcome.BROKEN),
        "broken_silently": report.silent,
        "pending": report.total(Outcome.PENDING),
        "not_promised": report.total(Outcome.NOT_PROMISED),
        "bad_rows": report.bad_rows.count,
        "bad_rows_by_kind": dict(report.bad_rows.by_kind),
        "bad_rows_first": [{"line": bad.line, "detail": bad.detail} for bad in report.bad_rows.first],
        "refused": report.refused,
        "refusals_first": report.refusals,
        "clock_moves": report.clock_moves,
        "repeats": dict(report.repeats),
        "seconds": round(report.seconds, 3),
        "events_per_second": round(report.events_per_second, 1),
        "calls_per_second": round(report.calls_per_second, 1),
        "agreement": {
            name: {"agree": group.agreement.agree, "of": group.agreement.of}
            for name, group in report.groups.items()
            if group.agreement.of
        },
    }
    return msgspec.json.encode(content).decode()


def show(report: Report, console: Console) -> None:
    """Print the result for people: legible in 80 columns and without colour."""
    console.print(
        f"[bold]{report.cases:,}[/] requests and [bold]{report.events:,}[/] events of the log replayed,\n"
        f"by {report.sent:,} calls in {report.seconds:,.1f} s ({report.calls_per_second:,.0f} calls/s); "
        f"[bold]{report.decided:,}[/] requests decided.",
        highlight=False,
    )
    console.print(_table(report))
    if report.silent:
        console.print(
            f"{report.silent:,} of the broken ones silently: nobody was told before they were due.",
            highlight=False,
        )
    show_bad_rows(report.bad_rows, console)
    _show_refusals(report, console)


def _table(report: Report) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_footer=True, pad_edge=False)
    footers = ["all", f"{report.cases:,}", *(f"{report.total(outcome):,}" for outcome in Outcome)]
    names = ["priority", "requests", "pending", "kept", "broken", "no promise"]
    shown = [
        index
        for index, name in enumerate(names)
        if name not in {"pending", "no promise"} or footers[index] != "0"
    ]
    for index in shown:
        table.add_column(names[index], footer=footers[index], justify="left" if index == 0 else "right")
    total = Agreement(
        sum(group.agreement.agree for group in report.groups.values()),
        sum(group.agreement.of for group in report.groups.values()),
    )
    table.add_column("agrees with the log", footer=_share(total), justify="right")
    for name, group in report.groups.items():
        counts = [f"{group.outcomes[outcome]:,}" for outcome in Outcome]
        cells = [name, f"{group.outcomes.total():,}", *counts]
        table.add_row(*(cells[index] for index in shown), _share(group.agreement))
    return table


def _share(agreement: Agreement) -> str:
    if not agreement.of:
        return "-"
    percent = 100 * agreement.agree / agreement.of
    return f"{agreement.agree:,} of {agreement.of:,}  {percent:6.2f} %"


def show_bad_rows(bad_rows: BadRows, console: Console) -> None:
    """Say how many rows could not be used, why, and which."""
    if not bad_rows.count:
        return
    kinds = ", ".join(f"{count} {kind}" for kind, count in bad_rows.by_kind.most_common())
    console.print(f"{bad_rows.count:,} bad rows left out: {kinds}.", markup=False, highlight=False)
    listed((_line(bad) for bad in bad_rows.first), bad_rows.count, console)


def _line(bad: BadRow) -> str:
    return f"  line {bad.line}: {bad.detail}"


def _show_refusals(report: Report, console: Console) -> None:
    if not report.refused:
        return
    console.print(f"{report.refused:,} rows were refused by the server:", highlight=False)
    lines = (f"  line {one.line} ({one.case}): {one.status} {one.reason}" for one in report.refusals)
    listed(lines, report.refused, console)


def listed(lines: Iterable[str], count: int, console: Console) -> None:
    """Print the first of `count` lines, and how many more there are."""
    for _, line in zip(range(LISTED_MAX), lines, strict=False):
        console.print(line, markup=False, highlight=False)
    if count > LISTED_MAX:
        console.print(f"  and {count - LISTED_MAX:,} more", highlight=False)
