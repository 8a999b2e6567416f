"""What a backtest finds on real incidents, against a count that shares no code with it."""

import copy
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncSession

from service.backtests import chunks, progress, recalling, setup, tellings, weighing
from service.backtests.cases import Case, CaseEvent
from service.backtests.chunks import Judged
from service.db import TenantSession
from service.ids import TenantId
from service.requests.domain import EventType
from tests import past

RULES = {"1 - Critical": 0, "2 - High": 1, "3 - Moderate": 2, "4 - Low": 3}
NEEDS_HALF = pytest.mark.skipif(not past.HALF.exists(), reason=f"put the even half of the log at {past.HALF}")
DAY = timedelta(days=1)
SATURDAY = 5


def seconds_of(document: dict[str, Any]) -> list[int]:
    """The targets of the four rules, by their order."""
    return [rule["then"]["promises"][0]["target"]["seconds"] for rule in document["rules"]]


def weekday_time(start: datetime, end: datetime) -> timedelta:
    """How much of the time between lies on weekdays, walked day by day."""
    spent = timedelta(0)
    while start < end:
        stop = min(end, datetime.combine(start.date(), datetime.min.time(), UTC) + DAY)
        spent += stop - start if start.weekday() < SATURDAY else timedelta(0)
        start = stop
    return spent


def due(start: datetime, left: timedelta) -> datetime:
    """So much weekday time later; what ends with a day is due at its end."""
    while True:
        midnight = datetime.combine(start.date(), datetime.min.time(), UTC) + DAY
        if start.weekday() < SATURDAY:
            if start + left <= midnight:
                return start + left
            left -= midnight - start
        start = midnight


def outcome(case: Case, targets: Sequence[int]) -> str:
    """What the example's policy comes to: the target of the last priority, without the time spent closed."""
    facts, opened_at = dict(case.submission.facts), case.submission.occurred_at
    closed_at: datetime | None = None
    shut = timedelta(0)
    for event in case.events:
        if event.state == "open" and closed_at is not None:
            shut, closed_at = shut + weekday_time(closed_at, event.occurred_at), None
        if closed_at is None:
            facts |= event.facts or {}
            closed_at = event.occurred_at if event.state == "closed" else None
    target = timedelta(seconds=targets[RULES[facts["priority"]]])
    if (closed_at or past.UNTIL) > due(opened_at, target + shut):
        return "broken"
    return "pending" if closed_at is None else "kept"


def tighter() -> dict[str, Any]:
    document = copy.deepcopy(past.policy())
    document["rules"][2]["then"]["promises"][0]["target"]["seconds"] = 400_000
    return document


async def judged(found: Sequence[Case], *, size: int = 250, **options: Any) -> list[Judged]:
    comparison = setup.comparison(past.setup(past.policy(), tighter(), **options))
    return [
        await chunks.judged(comparison, past.chunk(found[at : at + size], number=at // size))
        for at in range(0, len(found), size)
    ]


def result(parts: Sequence[Judged]) -> bytes:
    """All that is kept, as bytes."""
    totals: weighing.Counts = {}
    for part in parts:
        weighing.added(totals, part.totals)
    listed = [change for part in parts for change in part.changes]
    return msgspec.json.encode([weighing.result(totals, listed_max=20_000), listed], order="sorted")


@pytest.mark.parametrize(
    "path",
    [past.SAMPLE, pytest.param(past.HALF, marks=[pytest.mark.prove, NEEDS_HALF])],
    ids=["sample", "half"],
)
async def test_the_difference_is_exactly_that_of_an_independent_count(path: Path) -> None:
    found = past.cases(path)

    parts = await judged(found)

    before, after = seconds_of(past.policy()), seconds_of(tighter())
    expected = {str(case.id): (outcome(case, before), outcome(case, after)) for case in found}
    changes = {change["id"]: change for part in parts for change in part.changes}
    for side, place in (("before", 0), ("after", 1)):
        totals: weighing.Counts = {}
        for part in parts:
            weighing.added(totals, part.totals[side]["promises"]["resolve"])
        counted = Counter(outcomes[place] for outcomes in expected.values())
        assert {name: totals.get(name, 0) for name in ("kept", "broken", "pending")} == {
            name: counted[name] for name in ("kept", "broken", "pending")
        }
    differing = {case_id for case_id, (old, new) in expected.items() if old != new}
    assert {
        case_id for case_id, change in changes.items() if _outcomes(change)[0] != _outcomes(change)[1]
    } == (differing)
    assert len(differing) > 50


def _outcomes(change: dict[str, Any]) -> tuple[str, str]:
    return change["before"]["promises"][0]["outcome"], change["after"]["promises"][0]["outcome"]


@pytest.mark.parametrize(
    ("path", "most"),
    [(past.SAMPLE, 200), pytest.param(past.HALF, None, marks=[pytest.mark.prove, NEEDS_HALF])],
    ids=["sample", "half"],
)
async def test_twice_the_same_bits_however_it_is_cut_and_whatever_matches(
    path: Path, most: int | None
) -> None:
    found = past.cases(path)[:most]

    first = result(await judged(found))

    assert result(await judged(found)) == first
    assert result(await judged(found, size=7)) == first
    assert result(await judged(found, engine="reference")) == first
    assert result(await judged(found, rulings_kept=0)) == first


def changing(case: Case, times: int) -> Case:
    """A request whose facts change so often."""
    changes = [
        CaseEvent(
            type=EventType.CHANGED,
            occurred_at=case.submission.occurred_at + timedelta(minutes=number),
            facts={"priority": ("3 - Moderate", "4 - Low")[number % 2]},
        )
        for number in range(times)
    ]
    return msgspec.structs.replace(case, events=changes)


async def test_a_request_whose_facts_change_too_often_is_counted_and_left_out() -> None:
    one, other = past.cases()[:2]

    (part,) = await judged([changing(one, chunks.DECISIONS_MAX), other])

    assert part.totals["requests"] == 1
    assert part.totals["unjudged"] == {"The request is decided on more than 100 times.": 1}


def test_each_decision_knows_by_which_calendar_the_group_works_that_has_the_request_then() -> None:
    case = past.cases()[0]
    opened_at = case.submission.occurred_at
    moved = [
        CaseEvent(type=EventType.CHANGED, occurred_at=opened_at, facts={"assignment_group": group})
        for group in ("Nights", "Days", None)
    ]
    given = msgspec.structs.replace(case, events=moved)

    found = tellings.told(given, client=None, service=None, groups={"Nights": "night"})

    assert [point.facts.get("group") for point in found.points] == [None, {"calendar": "night"}, None, None]


async def test_a_request_to_which_too_much_happened_is_counted_and_left_out() -> None:
    one, other = past.cases()[:2]
    noted = CaseEvent(type=EventType.NOTED, occurred_at=one.submission.occurred_at)
    longest, longer = (
        msgspec.structs.replace(one, events=[noted] * count)
        for count in (chunks.EVENTS_MAX, chunks.EVENTS_MAX + 1)
    )

    (part,) = await judged([longest, longer, other])

    assert part.totals["requests"] == 2
    assert part.totals["unjudged"] == {"More than 2,000 things happened to the request.": 1}


async def test_the_history_of_what_is_not_judged_is_not_asked_for() -> None:
    session = TenantSession(
        cast("AsyncSession", None), TenantId(UUID(int=1))
    )  # whatever is asked of it fails
    written = msgspec.json.encode(changing(past.cases()[0], chunks.DECISIONS_MAX)).decode()

    found = await recalling.with_history(session, written, ["history.open"], client=None, service=None)

    assert bytes(found).decode() == written


@given(sizes=st.lists(st.integers(1, 400_000), min_size=1, max_size=60))
def test_a_chunk_has_what_a_process_gets_through_and_at_least_one_request(sizes: list[int]) -> None:
    count = progress.affordable(sizes)

    assert 1 <= count <= len(sizes)
    labour = [sum(size**2 for size in sizes[:most]) for most in (count, count + 1)]
    assert count == 1 or labour[0] <= progress.LABOUR_IN_CHUNK
    assert count == len(sizes) or labour[1] > progress.LABOUR_IN_CHUNK
