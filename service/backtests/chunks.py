"""One run of past requests, judged by the policies in effect and by those that are tried."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from service.backtests import agreeing, tellings, weighing, windows
from service.backtests import course as courses
from service.backtests.cases import Case
from service.backtests.climbing import NO_LADDERS, Ladders
from service.backtests.course import Course, Decided
from service.backtests.domain import ChangeKind
from service.backtests.effects import Effect
from service.backtests.errors import Unjudgeable
from service.backtests.ruling import Ruling, Side
from service.backtests.tellings import Point, Told
from service.backtests.typed import AS_TAKEN_IN, Required, Types
from service.backtests.weighing import Counts, Way, Weights
from service.backtests.windows import WindowStanding
from service.calendars.domain import BeyondHorizon, WorkingTime
from service.commitments.domain import Calendars
from service.ids import EventId
from service.rationalization.verdicts import Gate
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
        types: what each version of a type requires that took one of them in.
    """

    number: int
    cases: Sequence[msgspec.Raw]
    clients: dict[str, Client] = {}
    services: dict[str, OperatedService] = {}
    groups: dict[str, str] = {}
    types: dict[UUID, list[Gate]] = {}

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
        types: of request, on either side.
    """

    before: Side
    after: Side
    calendars: Calendars
    until: datetime
    ladders: Ladders = NO_LADDERS
    types: tuple[Types, Types] = (AS_TAKEN_IN, AS_TAKEN_IN)

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.before, self.after


def check(case: Case) -> None:
    """Raises Unjudgeable: there is more to it than a process gets through in good time."""
    if len(case.events) > EVENTS_MAX:
        raise Unjudgeable(f"More than {EVENTS_MAX:,} things happened to the request.")
    check_decisions(1 + sum(event.is_decided_on for event in case.events))


def check_decisions(count: int) -> None:
    """Raises Unjudgeable: so many decisions on one request are too many."""
    if count > DECISIONS_MAX:
        raise Unjudgeable(f"The request is decided on more than {DECISIONS_MAX} times.")


async def judged(comparison: Comparison, chunk: Chunk) -> Judged:
    """Judge every request of a chunk by both sides. What cannot be judged is counted with the reason."""
    changes: list[Counts] = []
    kinds_changed, unjudged, agreements = Counter[str](), Counter[str](), Counter[str]()
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
        agreements.update(carried_over=told.agreements, left_out=told.left_out)
        if kinds := weighing.kinds_of_change(*ways):
            kinds_changed.update(kind.value for kind in kinds)
            changes.append(weighing.change(told, *ways, kinds))
    totals = {
        "requests": len(chunk.cases) - unjudged.total(),
        "changed": len(changes),
        "changes": {kind.value: kinds_changed[kind.value] for kind in ChangeKind},
        "unjudged": dict(unjudged),
        "agreements": {name: agreements[name] for name in ("carried_over", "left_out")},
        "before": weights[0].totals(),
        "after": weights[1].totals(),
    }
    return Judged(chunk.number, len(chunk.cases), totals, changes)


async def _judged(comparison: Comparison, chunk: Chunk, case: Case) -> tuple[Told, tuple[Way, Way]]:
    check(case)
    client = chunk.client_of(case)
    told, old, new = await _ruled(comparison, chunk, case, client)
    does = agreeing.effects(told, old), agreeing.effects(told, new)
    course = _course(comparison, told, old, does[0])
    same = does[0] == does[1] and all(
        (one.terms, one.climbs) == (other.terms, other.climbs) for one, other in zip(old, new, strict=True)
    )
    before = Way(old, course, _windows(comparison, comparison.before, told, old[-1]))
    after = Way(
        new,
        course if same else _course(comparison, told, new, does[1]),
        _windows(comparison, comparison.after, told, new[-1]),
    )
    return told, (before, after)


async def _ruled(
    comparison: Comparison, chunk: Chunk, case: Case, client: Client | None
) -> tuple[Told, list[Ruling], list[Ruling]]:
    """What both sides say to each of its points. What was agreed is left out where not both offer it."""
    service, without = chunk.service_of(case), set[EventId]()
    while True:
        told = tellings.told(case, client=client, service=service, groups=chunk.groups, without=without)
        check_decisions(len(told.points))
        old, new = [
            [await _ruling(side, types, point, client, chunk.types) for point in told.points]
            for side, types in zip(comparison.sides, comparison.types, strict=True)
        ]
        left_out = agreeing.left_out(told, (old, new), comparison.sides)
        if left_out is None:
            return replace(told, left_out=len(without)), old, new
        without.add(left_out)


async def _ruling(side: Side, types: Types, point: Point, client: Client | None, own: Required) -> Ruling:
    seen, required = types.asked(point, own)
    return (await side.ruling(seen, client)).requiring(required)


def _windows(comparison: Comparison, side: Side, told: Told, ruling: Ruling) -> tuple[WindowStanding, ...]:
    """Where the windows stand that the last decision requires."""
    if not ruling.windows:
        return ()

    def open_time(name: str) -> WorkingTime | None:
        key = side.calendar(name)
        return None if key is None else comparison.calendars[key]

    return windows.standings(ruling.windows, told.points[-1].facts["request"], open_time)


def _course(comparison: Comparison, told: Told, rulings: Sequence[Ruling], does: Sequence[Effect]) -> Course:
    decided = [
        Decided(ruling.terms, ruling.climbs, effect) for ruling, effect in zip(rulings, does, strict=True)
    ]
    return courses.course(
        told, decided, comparison.calendars, until=comparison.until, ladders=comparison.ladders
    )
