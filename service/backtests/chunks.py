"""One run of past requests, judged by the policies in effect and by those that are tried."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from service.backtests import course as courses
from service.backtests import weighing, windows
from service.backtests.cases import Case
from service.backtests.climbing import NO_LADDERS, Ladders
from service.backtests.course import Course, Decided, Told
from service.backtests.domain import ChangeKind
from service.backtests.errors import Unjudgeable
from service.backtests.ruling import Ruling, Side
from service.backtests.weighing import Counts, Way, Weights
from service.backtests.windows import WindowStanding
from service.calendars.domain import BeyondHorizon, WorkingTime
from service.commitments.domain import Calendars
from service.tenants.domain import Client, OperatedService

CASES = msgspec.json.Decoder(Case)


DECISIONS_MAX = 100
"""On one request. What a further one costs grows with the square of those before it."""
EVENTS_MAX = 2_000
"""Of one request: for each event its promises are looked at, and each look reads all events before."""

REASONS_MAX = 20
"""Of one chunk; whatever else cannot be judged is counted together."""
OTHER_REASONS = "for other reasons"


class Chunk(msgspec.Struct, frozen=True):
    """Past requests in the order of their opening, and whom and what they concern, by name.

    Attributes:
        groups: by which calendar each group works, by its name.
    """

    number: int
    cases: Sequence[msgspec.Raw]
    clients: dict[str, Client] = {}
    services: dict[str, OperatedService] = {}
    groups: dict[str, str] = {}

    def client_of(self, case: Case) -> Client | None:
        """Raises Unjudgeable: it is not in the register any more."""
        name = case.submission.client
        if name is not None and name not in self.clients:
            raise Unjudgeable(f"There is no client {name!r}.")
        return None if name is None else self.clients[name]

    def service_of(self, case: Case) -> OperatedService | None:
        """Raises Unjudgeable: it is not in the register any more."""
        name = case.submission.service
        if name is not None and name not in self.services:
            raise Unjudgeable(f"There is no service {name!r}.")
        return None if name is None else self.services[name]


class Judged(msgspec.Struct, frozen=True):
    """What came of a chunk.

    Attributes:
        changes: every request that differs, in the order of the chunk.
    """

    number: int
    cases: int
    totals: dict[str, Any]
    changes: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a backtest compares, read.

    Attributes:
        until: as of when promises are looked at.
        ladders: those that some policy of either side names.
    """

    before: Side
    after: Side
    calendars: Calendars
    until: datetime
    ladders: Ladders = NO_LADDERS


def check(case: Case) -> None:
    """Raises Unjudgeable: there is more to it than a process gets through in good time."""
    if len(case.events) > EVENTS_MAX:
        raise Unjudgeable(f"More than {EVENTS_MAX:,} things happened to the request.")
    check_decisions(1 + sum(bool(event.facts) for event in case.events))


def check_decisions(count: int) -> None:
    """Raises Unjudgeable: so many decisions on one request are too many."""
    if count > DECISIONS_MAX:
        raise Unjudgeable(f"The request is decided on more than {DECISIONS_MAX} times.")


async def judged(comparison: Comparison, chunk: Chunk) -> Judged:
    """Judge every request of a chunk by both sides. What cannot be judged is counted with the reason."""
    changes: list[Counts] = []
    kinds_changed, unjudged = Counter[str](), Counter[str]()
    weights = Weights(comparison.before.rules), Weights(comparison.after.rules)
    for raw in chunk.cases:
        try:
            told, ways = await _judged(comparison, chunk, CASES.decode(raw))
        except (Unjudgeable, BeyondHorizon, msgspec.ValidationError) as error:
            reason = str(error)
            unjudged[reason if reason in unjudged or len(unjudged) < REASONS_MAX else OTHER_REASONS] += 1
            continue
        for weight, way in zip(weights, ways, strict=True):
            weight.add(way)
        if kinds := weighing.kinds_of_change(*ways):
            kinds_changed.update(kind.value for kind in kinds)
            changes.append(weighing.change(told, *ways, kinds))
    totals = {
        "requests": len(chunk.cases) - unjudged.total(),
        "changed": len(changes),
        "changes": {kind.value: kinds_changed[kind.value] for kind in ChangeKind},
        "unjudged": dict(unjudged),
        "before": weights[0].totals(),
        "after": weights[1].totals(),
    }
    return Judged(chunk.number, len(chunk.cases), totals, changes)


async def _judged(comparison: Comparison, chunk: Chunk, case: Case) -> tuple[Told, tuple[Way, Way]]:
    check(case)
    client = chunk.client_of(case)
    told = courses.told(case, client=client, service=chunk.service_of(case), groups=chunk.groups)
    points = told.points
    check_decisions(len(points))
    old = [await comparison.before.ruling(point, client) for point in points]
    new = [await comparison.after.ruling(point, client) for point in points]
    course = _course(comparison, told, old)
    same = all(
        (one.terms, one.climbs, one.effect) == (other.terms, other.climbs, other.effect)
        for one, other in zip(old, new, strict=True)
    )
    before = Way(old, course, _windows(comparison, comparison.before, told, old[-1]))
    after = Way(
        new,
        course if same else _course(comparison, told, new),
        _windows(comparison, comparison.after, told, new[-1]),
    )
    return told, (before, after)


def _windows(comparison: Comparison, side: Side, told: Told, ruling: Ruling) -> tuple[WindowStanding, ...]:
    """Where the windows stand that the last decision requires."""
    if not ruling.windows:
        return ()

    def open_time(name: str) -> WorkingTime | None:
        key = side.calendar(name)
        return None if key is None else comparison.calendars[key]

    return windows.standings(ruling.windows, told.points[-1].facts["request"], open_time)


def _course(comparison: Comparison, told: Told, rulings: Sequence[Ruling]) -> Course:
    decided = [Decided(ruling.terms, ruling.climbs, ruling.effect) for ruling in rulings]
    return courses.course(
        told, decided, comparison.calendars, until=comparison.until, ladders=comparison.ladders
    )
