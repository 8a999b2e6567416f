"""Whether a gate is satisfied by what there is."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import ids
from service.ids import GateId, RequestId
from service.rationalization.approvals.domain import Standing
from service.rationalization.approvals.domain import State as Consent
from service.rationalization.gates.domain import (
    Finding,
    GateStanding,
    Kind,
    State,
    conflicts,
    consents,
    judging,
    lets_work_start,
)
from service.rationalization.gates.domain.conflicts import OtherChange
from service.rationalization.gates.domain.judging import Plan, Scored
from service.rationalization.gates.domain.windows import Planned, Span, Unclear

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
WORK = Planned(NOON, NOON + 2 * HOUR)
FITS = (NOON + 9 * HOUR, NOON + 11 * HOUR)
SAY_WHEN = Unclear("Say when it is planned.")


def plan(when: Planned | Unclear = WORK, fits: Span | None = FITS) -> Plan:
    return Plan(when=when, fits=fits)


def other(start: int, end: int | None, *, name: str = "CHG-2", waits: bool = False) -> OtherChange:
    """Another change from and until so many minutes after noon."""
    planned = Planned(NOON + start * MINUTE, None if end is None else NOON + end * MINUTE)
    request_id = RequestId(ids.derived_id(ids.UUID(int=1), name))
    return OtherChange(request_id=request_id, source="desk", external_id=name, planned=planned, waits=waits)


def judged(*others: OtherChange, margin: timedelta = timedelta(), when: Planned | Unclear = WORK) -> Finding:
    return judging.of_conflicts(others, margin, plan(when), maintenance=())


@pytest.mark.parametrize(
    ("recorded_at", "edited_at", "state", "edited_since"),
    [
        pytest.param(None, None, State.OPEN, None, id="nothing yet"),
        pytest.param(NOON, None, State.SATISFIED, False, id="recorded"),
        pytest.param(NOON, NOON + HOUR, State.SATISFIED, True, id="edited since"),
        pytest.param(NOON + HOUR, NOON, State.SATISFIED, False, id="recorded after the edit"),
        pytest.param(NOON, NOON, State.SATISFIED, False, id="recorded with the edit"),
    ],
)
def test_a_plan_is_there_or_not_and_says_whether_it_is_older_than_the_edit(
    recorded_at: datetime | None, edited_at: datetime | None, state: State, *, edited_since: bool | None
) -> None:
    found = judging.of_record(Kind.ROLLBACK_PLAN, recorded_at, edited_at=edited_at)

    assert (found.state, found.detail.get("edited_since")) == (state, edited_since)
    assert bool(found.missing) is (state is State.OPEN)


def test_a_test_that_failed_satisfies_nothing() -> None:
    assert judging.of_failed_test(NOON, edited_at=None).state is State.OPEN


RANKS = ("low", "medium", "high")


@pytest.mark.parametrize(
    ("score", "score_max", "state"),
    [
        pytest.param(40, 40, State.SATISFIED, id="the most that is allowed"),
        pytest.param(41, 40, State.OPEN, id="one more"),
        pytest.param(60, None, State.SATISFIED, id="no bound"),
        pytest.param(0, 0, State.SATISFIED, id="no risk at all"),
    ],
)
def test_a_risk_is_held_against_its_bound(score: int, score_max: int | None, state: State) -> None:
    scored = Scored(score=score, level="medium", rank=1, ranks=RANKS)

    found = judging.of_assessment(scored, score_max, recorded_at=NOON, edited_at=None)

    assert found.state is state
    if state is State.OPEN:
        assert "scored 41, at most 40" in found.missing[0]


@pytest.mark.parametrize(
    ("level", "wanted_from", "needs_two"),
    [
        pytest.param("high", None, False, id="never"),
        pytest.param("low", "medium", False, id="below"),
        pytest.param("medium", "medium", True, id="at the rank"),
        pytest.param("high", "medium", True, id="above"),
        pytest.param("low", "extreme", True, id="a rank that nobody knows"),
    ],
)
def test_two_persons_are_needed_from_a_rank_on(
    level: str, wanted_from: str | None, *, needs_two: bool
) -> None:
    scored = Scored(score=1, level=level, rank=RANKS.index(level), ranks=RANKS)

    assert scored.calls_for_two(wanted_from) is needs_two


def test_without_a_questionnaire_it_is_said_that_one_is_to_be_made() -> None:
    assert "create it" in judging.of_no_assessment("change_risk", exists=False).missing[0]
    assert "to be answered" in judging.of_no_assessment("change_risk", exists=True).missing[0]


def test_a_freeze_that_is_touched_is_named_with_the_next_window_that_fits() -> None:
    frozen = [(NOON + HOUR, NOON + 8 * HOUR)]

    found = judging.of_freeze(frozen, plan())

    assert found.state is State.OPEN
    (missing,) = found.missing
    assert missing == (
        "No work from 2026-01-05T13:00:00Z until 2026-01-05T20:00:00Z."
        " The next that fits begins 2026-01-05T21:00:00Z."
    )
    assert found.detail["in_the_way"] == [{"from": "2026-01-05T13:00:00Z", "to": "2026-01-05T20:00:00Z"}]
    assert found.detail["next_fit"] == {"from": "2026-01-05T21:00:00Z", "to": "2026-01-05T23:00:00Z"}


def test_work_that_ends_as_the_freeze_begins_is_fine() -> None:
    assert judging.of_freeze([(NOON + 2 * HOUR, FITS[0])], plan()).state is State.SATISFIED


@pytest.mark.parametrize(
    ("allowed", "state"),
    [
        pytest.param([(NOON, NOON + 2 * HOUR)], State.SATISFIED, id="exactly"),
        pytest.param([(NOON, NOON + HOUR), (NOON + HOUR + MINUTE, FITS[1])], State.OPEN, id="with a gap"),
        pytest.param([], State.OPEN, id="never open"),
    ],
)
def test_work_lies_wholly_in_a_maintenance_window(allowed: list[Span], state: State) -> None:
    assert judging.of_maintenance(allowed, plan()).state is state


def test_where_nothing_fits_within_a_year_it_is_said() -> None:
    assert "ask for less time" in judging.of_maintenance([], plan(fits=None)).missing[0]


@pytest.mark.parametrize("judge", ["freeze", "maintenance", "conflict"])
def test_without_a_planned_start_the_gate_asks_when(judge: str) -> None:
    found = {
        "freeze": judging.of_freeze([], plan(SAY_WHEN)),
        "maintenance": judging.of_maintenance([], plan(SAY_WHEN)),
        "conflict": judged(when=SAY_WHEN),
    }[judge]

    assert (found.state, found.missing) == (State.OPEN, (SAY_WHEN.missing,))


@pytest.mark.parametrize(
    ("start", "end", "margin", "conflicts_with"),
    [
        pytest.param(120, 180, 0, False, id="begins as ours ends"),
        pytest.param(-60, 0, 0, False, id="ends as ours begins"),
        pytest.param(119, 180, 0, True, id="a minute together"),
        pytest.param(180, 240, 60, False, id="just the margin after"),
        pytest.param(179, 240, 60, True, id="a minute less after"),
        pytest.param(-120, -60, 60, False, id="just the margin before"),
        pytest.param(-120, -59, 60, True, id="a minute less before"),
        pytest.param(30, None, 0, True, id="an instant within"),
        pytest.param(120, None, 0, False, id="an instant at our end"),
        pytest.param(-600, 600, 0, True, id="around"),
    ],
)
def test_two_changes_come_too_near_within_the_margin(
    start: int, end: int | None, margin: int, *, conflicts_with: bool
) -> None:
    found = judged(other(start, end), margin=margin * MINUTE)

    assert found.state is (State.OPEN if conflicts_with else State.SATISFIED)
    assert [each["external_id"] for each in found.detail["in_conflict"]] == ["CHG-2"] * conflicts_with


def test_conflicts_are_named_and_those_without_a_plan_are_counted() -> None:
    named = [other(minute, minute + 60, name=f"CHG-{minute}") for minute in (0, 10, 20, 30, 40)]
    unplanned = OtherChange(
        request_id=RequestId(ids.UUID(int=9)), source="desk", external_id="CHG-9", planned=None
    )

    found = judged(*named, unplanned)

    assert found.missing[0].startswith(
        "It comes too near to CHG-0 (desk), CHG-10 (desk), CHG-20 (desk) and 2 more on the same service."
    )
    assert (found.detail["compared_with"], found.detail["unplanned"]) == (5, 1)


def test_a_change_that_waits_itself_is_counted_and_in_nobodys_way() -> None:
    found = judged(other(0, 60, waits=True), other(300, 360, name="CHG-3"))

    assert found.state is State.SATISFIED
    assert (found.detail["compared_with"], found.detail["waiting"]) == (1, 1)


@pytest.mark.parametrize(
    ("end", "assumed", "until", "is_assumed"),
    [
        pytest.param(90, 240, 90, False, id="it says until when"),
        pytest.param(0, 240, 0, False, id="it says that it takes no time"),
        pytest.param(None, 240, 240, True, id="it does not say"),
    ],
)
def test_a_change_that_does_not_say_until_when_is_taken_to_last(
    end: int | None, assumed: int, until: int, *, is_assumed: bool
) -> None:
    found = other(0, end).lasting(assumed * MINUTE)

    assert found.planned == Planned(NOON, NOON + until * MINUTE)
    assert found.end_is_assumed is is_assumed


def test_a_change_without_a_plan_lasts_no_time() -> None:
    unplanned = replace(other(0, None), planned=None)

    assert unplanned.lasting(HOUR) == unplanned


@pytest.mark.parametrize(
    ("starts_at", "moved", "margin", "came_near"),
    [
        pytest.param(1, other(0, 30), 0, True, id="at the same time"),
        pytest.param(1, other(60, 90), 0, False, id="after it"),
        pytest.param(1, other(60, 90), 30, True, id="within the margin"),
        pytest.param(0, other(0, 30), 0, False, id="begun this instant"),
        pytest.param(-1, other(0, 30), 0, False, id="begun before"),
        pytest.param(1, other(0, 30, waits=True), 0, False, id="it waits itself"),
        pytest.param(1, replace(other(0, 30), planned=None), 0, False, id="it has ended"),
    ],
)
def test_what_comes_near_concerns_who_has_not_begun(
    starts_at: int, moved: OtherChange, margin: int, *, came_near: bool
) -> None:
    work = Planned(NOON + starts_at * MINUTE, NOON + 60 * MINUTE)

    assert conflicts.has_come_near(work, moved, margin * MINUTE, NOON) is came_near


def test_planned_maintenance_is_told_of_and_in_no_way() -> None:
    found = judging.of_conflicts(
        [], timedelta(), plan(), maintenance=[(NOON, NOON + HOUR), (NOON + 5 * HOUR, NOON + 6 * HOUR)]
    )

    assert found.state is State.SATISFIED
    assert found.detail["maintenance"] == [{"from": "2026-01-05T12:00:00Z", "to": "2026-01-05T13:00:00Z"}]


def lasting(start: int, length: int) -> OtherChange:
    return other(start, start + length)


OTHERS = st.lists(st.builds(lasting, st.integers(-1_000, 1_000), st.integers(0, 500)), max_size=6)


@given(others=OTHERS, margin=st.integers(0, 300), more=st.integers(0, 300))
def test_a_wider_margin_or_more_changes_never_satisfy(
    others: list[OtherChange], margin: int, more: int
) -> None:
    narrow = judged(*others, margin=margin * MINUTE)
    wide = judged(*others, margin=(margin + more) * MINUTE)

    assert narrow.state is State.SATISFIED or wide.state is State.OPEN
    assert wide.state is State.OPEN or judged(*others[:-1], margin=margin * MINUTE).state is State.SATISFIED


@given(others=OTHERS, waiting=OTHERS, margin=st.integers(0, 300))
def test_who_waits_makes_no_difference(
    others: list[OtherChange], waiting: list[OtherChange], margin: int
) -> None:
    waiting = [replace(each, waits=True) for each in waiting]

    found = judged(*others, *waiting, margin=margin * MINUTE)

    assert found.state is judged(*others, margin=margin * MINUTE).state


@given(
    spans=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 120)), min_size=1, max_size=7),
    margin=st.integers(0, 60),
    order=st.randoms(use_true_random=False),
)
def test_judged_in_whatever_order_none_wait_for_one_another(
    spans: list[tuple[int, int]], margin: int, order: Random
) -> None:
    changes = [
        replace(lasting(*span), request_id=RequestId(ids.UUID(int=number)), waits=True)
        for number, span in enumerate(spans)
    ]
    places = list(range(len(changes)))
    order.shuffle(places)

    def in_the_way(place: int) -> list[OtherChange]:
        planned = changes[place].planned
        assert planned is not None
        return conflicts.in_conflict(planned, [*changes[:place], *changes[place + 1 :]], margin * MINUTE)

    for place in (*places, *reversed(places)):
        changes[place] = replace(changes[place], waits=bool(in_the_way(place)))

    assert not all(each.waits for each in changes)
    for place, each in enumerate(changes):
        assert bool(in_the_way(place)) is each.waits


@given(others=OTHERS, start=st.integers(-1_000, 1_000), length=st.integers(1, 300), margin=st.integers(0, 60))
def test_the_bounds_of_others_allow_just_what_is_in_no_conflict(
    others: list[OtherChange], start: int, length: int, margin: int
) -> None:
    work = Planned(NOON + start * MINUTE, NOON + (start + length) * MINUTE)
    bounds = conflicts.bounds(others, margin * MINUTE)

    is_free = bounds.earliest(*_begin(work)) == work.start

    assert is_free is not bool(conflicts.in_conflict(work, others, margin * MINUTE))


def _begin(work: Planned) -> tuple[datetime, timedelta]:
    return work.start, work.length


def consent(
    state: Consent, *, seats_open: frozenset[str] = frozenset(), persons_missing: int = 0
) -> Standing:
    return Standing(
        state=state, since=NOON, seats_open=seats_open, persons_missing=persons_missing, deadline_at=None
    )


@pytest.mark.parametrize(
    ("standing", "state"),
    [
        (consent(Consent.PENDING, persons_missing=1), State.OPEN),
        (consent(Consent.GRANTED), State.SATISFIED),
        (consent(Consent.REFUSED), State.REFUSED),
        (consent(Consent.EXPIRED), State.EXPIRED),
        (consent(Consent.WITHDRAWN), State.OPEN),
    ],
    ids=["pending", "granted", "refused", "expired", "withdrawn"],
)
def test_an_approval_decides_its_gate(standing: Standing, state: State) -> None:
    found = consents.of_approval(standing, ["manager"])

    assert found.state is state
    assert bool(found.missing) is (state is not State.SATISFIED)


@pytest.mark.parametrize(
    ("standing", "words"),
    [
        pytest.param(
            consent(Consent.PENDING, persons_missing=1),
            "The consent of one person more is wanted, of these: manager, Change board.",
            id="one",
        ),
        pytest.param(
            consent(Consent.PENDING, persons_missing=2),
            "The consent of 2 people more is wanted, of these: manager, Change board.",
            id="two",
        ),
        pytest.param(
            consent(Consent.PENDING, persons_missing=0, seats_open=frozenset({"group:Change board"})),
            "The consent of each of these is wanted: Change board.",
            id="each seat",
        ),
    ],
)
def test_it_is_said_whose_consent_is_wanted(standing: Standing, words: str) -> None:
    assert consents.of_approval(standing, ["manager", "Change board"]).missing == (words,)


def test_what_is_not_available_holds_nothing_up() -> None:
    def gate(state: State) -> GateStanding:
        return GateStanding(
            id=GateId(ids.UUID(int=1)),
            kind=Kind.READINESS,
            name="readiness",
            state=state,
            missing=(),
            since=NOON,
        )

    assert judging.READINESS.state is State.NOT_AVAILABLE
    assert lets_work_start([gate(State.SATISFIED), gate(State.NOT_AVAILABLE)])
    for state in (State.OPEN, State.REFUSED, State.EXPIRED):
        assert not lets_work_start([gate(State.SATISFIED), gate(state)])
