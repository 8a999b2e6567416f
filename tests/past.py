"""Real past requests for tests and benchmarks: a log as `rooted replay` reads it, as a backtest judges it."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from service.backtests.basis import Version
from service.backtests.cases import Case, CaseEvent, Submitted
from service.backtests.chunks import Chunk
from service.backtests.setup import EngineName, Setup
from service.calendars import countries
from service.calendars.domain import definition, parse_definition, zones
from service.calendars.service import CalendarSource
from service.replay import log, parsing
from service.replay.steps import Step
from service.rules.domain import Saved

EXAMPLE = Path(__file__).parents[1] / "examples" / "uci498"
SAMPLE = EXAMPLE / "sample.csv.xz"
HALF = Path(__file__).parents[1] / "var" / "uci498" / "incident_event_log_even.csv.xz"
"""The 12,438 incidents with even numbers, which are not part of the repository."""

CALENDAR = UUID(int=1)
UNTIL = datetime(2017, 3, 1, tzinfo=UTC)
"""After the last event of the log."""


def case_of(steps: Sequence[Step]) -> Case:
    """One case of a log, told when a replay would send it."""
    opening, *events = steps
    return Case(
        id=UUID(int=int(opening.case.removeprefix("INC"))),
        submission=msgspec.convert(opening.body, Submitted),
        received_at=opening.post_at,
        events=[msgspec.convert({**step.body, "received_at": step.post_at}, CaseEvent) for step in events],
    )


def cases(path: Path = SAMPLE, *, limit: int | None = None) -> list[Case]:
    """The cases of a UCI 498 log, in the order of their opening."""
    mapping = parsing.parse((EXAMPLE / "mapping.yaml").read_text(), name="mapping.yaml")
    with log.read_cases(path, mapping, limit=limit) as found:
        return sorted(map(case_of, found), key=lambda case: (case.submission.occurred_at, case.id))


def policy() -> dict[str, Any]:
    """The document of the example's policy."""
    return json.loads((EXAMPLE / "policy.json").read_text())["document"]


def calendar_definition() -> dict[str, Any]:
    """That of the example's calendar, `weekdays`."""
    return json.loads((EXAMPLE / "calendar.json").read_text())["definition"]


def calendar() -> CalendarSource:
    read = parse_definition(calendar_definition(), country_dates=countries.dates)
    return CalendarSource(definition.expanded_json(read), zones.rules(read.tz))


def setup(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    *,
    engine: EngineName = "durable",
    rulings_kept: int = 20_000,
) -> Setup:
    """One commitment policy on either side."""
    versions = [
        Version("commitment", f"promises@{number}", UUID(int=1), UUID(int=number), number)
        for number in (1, 2)
    ]
    return Setup(
        before=versions[:1],
        after=versions[1:],
        saved={UUID(int=1): Saved(before), UUID(int=2): Saved(after)},
        calendars={"weekdays": CALENDAR},
        sources={CALENDAR: calendar()},
        until=UNTIL,
        engine=engine,
        rulings_kept=rulings_kept,
    )


def chunk(found: Sequence[Case], *, number: int = 0) -> Chunk:
    return Chunk(number, [msgspec.Raw(msgspec.json.encode(case)) for case in found])
