"""Arrangements: where one stands, what a counter-proposal comes to, and what another verdict makes of it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import ids
from service.calendars.domain import WorkingTime, compile_calendar, parse_definition
from service.ids import ArrangementId, DecisionId, PolicyId, PolicyVersionId, RequestId
from service.rationalization import verdicts
from service.rationalization.arrangements import courses, domain, terms
from service.rationalization.arrangements.courses import Course
from service.rationalization.arrangements.domain import (
    Accepted,
    Arranged,
    Entry,
    Lapsed,
    Looked,
    Objected,
    Overturned,
    Refusal,
    Refused,
    Renewed,
    State,
    Superseded,
    VerdictKind,
    Withdrawn,
)
from service.rationalization.arrangements.models import KINDS, Arrangement, RuledBy
from service.rationalization.gates.domain.windows import Planned
from service.rationalization.matters import Matter
from service.rationalization.verdicts import Proposal, Verdict, Window
from service.rules.vocabulary import RequestType

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
NIGHTS: dict[str, Any] = {"tz": "UTC", "weekly": {"tue": [["22:00", "24:00"]], "sat": [["20:00", "24:00"]]}}


def _at(**later: float) -> datetime:
    return NOON + timedelta(**later)


ACCEPT = Arranged(at=NOON, verdict=VerdictKind.ACCEPT, gated=True)
ADJUST = Arranged(at=NOON, verdict=VerdictKind.ADJUST, answer_by=_at(days=5))
ADJUST_GATED = replace(ADJUST, gated=True)
DECLINE = Arranged(at=NOON, verdict=VerdictKind.DECLINE)
REDIRECT = Arranged(at=NOON, verdict=VerdictKind.REDIRECT)
LATER = _at(days=1)

CASES: dict[str, tuple[Sequence[Entry], State]] = {
    "an acceptance with gates is held up": ([ACCEPT], State.HELD_UP),
    "an acceptance without any is ready": ([replace(ACCEPT, gated=False)], State.READY),
    "all gates stand": ([ACCEPT, Looked(at=LATER)], State.READY),
    "one is missing": ([ACCEPT, Looked(at=LATER, missing=("a plan",))], State.HELD_UP),
    "one fell back": (
        [ACCEPT, Looked(at=LATER), Looked(at=_at(days=2), missing=("a plan",))],
        State.HELD_UP,
    ),
    "a consent was refused": ([ACCEPT, Refused(at=LATER, because="No.")], State.REFUSED),
    "what was refused is not ready": (
        [ACCEPT, Refused(at=LATER, because="No."), Looked(at=LATER)],
        State.REFUSED,
    ),
    "a counter-proposal waits": ([ADJUST], State.PROPOSED),
    "it is accepted": ([ADJUST, Accepted(at=LATER)], State.AGREED),
    "it is accepted, and something is required": ([ADJUST_GATED, Accepted(at=LATER)], State.HELD_UP),
    "it is accepted at the last instant": ([ADJUST, Accepted(at=_at(days=5))], State.AGREED),
    "it is accepted too late": (
        [ADJUST, Accepted(at=_at(days=5) + timedelta.resolution)],
        State.LAPSED,
    ),
    "it is objected to": ([ADJUST, Objected(at=LATER)], State.OBJECTED),
    "it is objected to after it lapsed": ([ADJUST, Objected(at=_at(days=6))], State.OBJECTED),
    "the first answer counts": ([ADJUST, Accepted(at=LATER), Objected(at=LATER)], State.AGREED),
    "the objection is not upheld": (
        [ADJUST, Objected(at=LATER), Renewed(at=_at(days=8), answer_by=_at(days=13))],
        State.PROPOSED,
    ),
    "the objection is upheld": (
        [ADJUST, Objected(at=LATER), Overturned(at=_at(days=2), because="Right.")],
        State.OVERTURNED,
    ),
    "gates are looked at in vain while it waits": ([ADJUST_GATED, Looked(at=LATER)], State.PROPOSED),
    "it is declined": ([DECLINE], State.DECLINED),
    "a decline is overturned": ([DECLINE, Overturned(at=LATER, because="Right.")], State.OVERTURNED),
    "a decline is not withdrawn": ([DECLINE, Withdrawn(at=LATER, because="Over.")], State.DECLINED),
    "a redirect": ([REDIRECT], State.REDIRECTED),
    "another verdict": ([REDIRECT, Superseded(at=LATER)], State.SUPERSEDED),
    "nothing after another verdict": (
        [ACCEPT, Superseded(at=LATER), Overturned(at=LATER, because="Right."), Looked(at=LATER)],
        State.SUPERSEDED,
    ),
    "the request ended otherwise": ([ACCEPT, Withdrawn(at=LATER, because="Over.")], State.WITHDRAWN),
    "what was withdrawn is not replaced": (
        [ACCEPT, Withdrawn(at=LATER, because="Over."), Superseded(at=LATER)],
        State.WITHDRAWN,
    ),
}


@pytest.mark.parametrize("case", CASES, ids=lambda name: name)
def test_where_it_stands(case: str) -> None:
    entries, state = CASES[case]

    assert domain.standing(entries, entries[-1].at).state is state


def test_a_counter_proposal_lapses_by_itself_and_not_an_instant_too_early() -> None:
    assert domain.standing([ADJUST], _at(days=5)).state is State.PROPOSED
    wake_up = domain.next_wake_up(domain.standing([ADJUST], NOON))

    assert wake_up is not None
    assert domain.standing([ADJUST], wake_up).state is State.LAPSED
    assert domain.standing([ADJUST], wake_up - timedelta.resolution).state is State.PROPOSED
    assert domain.standing([ADJUST], _at(days=90)).since == _at(days=5)


def test_a_verdict_that_waits_for_an_answer_says_until_when_and_no_other_does() -> None:
    with pytest.raises(ValueError, match="waits for an answer"):
        Arranged(at=NOON, verdict=VerdictKind.ADJUST)
    with pytest.raises(ValueError, match="waits for an answer"):
        Arranged(at=NOON, verdict=VerdictKind.ACCEPT, answer_by=LATER)
    with pytest.raises(ValueError, match="nothing was arranged"):
        domain.standing([Accepted(at=NOON)], NOON)


@pytest.mark.parametrize(
    ("entries", "entry", "refusal"),
    [
        ([ADJUST], Accepted(at=_at(days=6)), Refusal.LAPSED),
        ([ADJUST, Accepted(at=LATER)], Accepted(at=LATER), Refusal.ANSWERED),
        ([ADJUST, Superseded(at=LATER)], Accepted(at=LATER), Refusal.OVER),
        ([ACCEPT], Accepted(at=LATER), Refusal.NOT_ASKED),
        ([DECLINE], Accepted(at=LATER), Refusal.NOT_ASKED),
        ([ADJUST], Accepted(at=LATER), None),
    ],
    ids=["lapsed", "answered", "over", "an acceptance", "a decline", "taken"],
)
def test_an_answer_is_refused_with_the_reason(
    entries: Sequence[Entry], entry: Entry, refusal: Refusal | None
) -> None:
    assert domain.refusal(domain.standing(entries, entries[-1].at), entry) is refusal


MOMENTS = st.integers(0, 12).map(lambda days: _at(days=days))
FOLLOWING: st.SearchStrategy[Entry] = st.one_of(
    st.builds(Accepted, at=MOMENTS),
    st.builds(Objected, at=MOMENTS, because=st.just("No.")),
    st.builds(Renewed, at=MOMENTS, answer_by=MOMENTS),
    st.builds(Lapsed, at=MOMENTS),
    st.builds(Looked, at=MOMENTS, missing=st.sampled_from([(), ("a plan",)])),
    st.builds(Refused, at=MOMENTS, because=st.just("No.")),
    st.builds(Superseded, at=MOMENTS),
    st.builds(Withdrawn, at=MOMENTS, because=st.just("Over.")),
    st.builds(Overturned, at=MOMENTS, because=st.just("Right.")),
)
LEDGERS = st.tuples(
    st.sampled_from([ACCEPT, ADJUST, ADJUST_GATED, DECLINE, REDIRECT]),
    st.lists(FOLLOWING, max_size=8).map(lambda found: sorted(found, key=lambda entry: entry.at)),
).map(lambda made: [made[0], *made[1]])

MAY_FOLLOW: dict[State, set[State]] = {
    State.PROPOSED: {
        *(State.AGREED, State.HELD_UP, State.OBJECTED, State.LAPSED),
        *(State.SUPERSEDED, State.WITHDRAWN, State.OVERTURNED),
    },
    State.OBJECTED: {State.PROPOSED, State.SUPERSEDED, State.WITHDRAWN, State.OVERTURNED, State.LAPSED},
    State.LAPSED: {State.OBJECTED, State.SUPERSEDED, State.WITHDRAWN, State.OVERTURNED},
    State.AGREED: {State.SUPERSEDED, State.WITHDRAWN, State.OVERTURNED},
    State.HELD_UP: {State.READY, State.REFUSED, State.SUPERSEDED, State.WITHDRAWN, State.OVERTURNED},
    State.READY: {State.HELD_UP, State.REFUSED, State.SUPERSEDED, State.WITHDRAWN, State.OVERTURNED},
    State.REFUSED: {State.SUPERSEDED, State.OVERTURNED},
    State.REDIRECTED: {State.SUPERSEDED, State.OVERTURNED},
    State.DECLINED: {State.SUPERSEDED, State.OVERTURNED},
    State.OVERTURNED: {State.SUPERSEDED},
    State.SUPERSEDED: set(),
    State.WITHDRAWN: set(),
}
"""What may come after what: written down once more, apart from the table that it is decided by."""


@given(ledger=LEDGERS)
def test_whatever_comes_in_whatever_order_only_what_may_follow_follows(ledger: list[Entry]) -> None:
    for length in range(1, len(ledger)):
        before = domain.standing(ledger[:length], ledger[length].at)
        after = domain.standing(ledger[: length + 1], ledger[length].at)

        assert after.state is before.state or after.state in MAY_FOLLOW[before.state]
        if domain.refusal(before, ledger[length]) is not None:
            assert after == before


@given(ledger=LEDGERS, later=st.integers(0, 400))
def test_where_it_stands_is_what_was_kept_and_the_entries_since(ledger: list[Entry], later: int) -> None:
    """A row keeps the standing: replaying the ledger gives the same."""
    found = domain.begun(ledger[0]) if isinstance(ledger[0], Arranged) else None
    assert found is not None
    for entry in ledger[1:]:
        found = domain.after(found, entry)

    now = ledger[-1].at + timedelta(hours=later)
    assert domain.at(found, now) == domain.standing(ledger, now)


def test_every_kind_of_entry_has_a_name() -> None:
    assert len(set(KINDS.values())) == len(KINDS) == 10


HOURS = compile_calendar(parse_definition(NIGHTS, country_dates=lambda _: frozenset()))
PLANNED = {"custom": {"planned_start": "2026-03-02T14:00:00Z", "planned_end": "2026-03-02T17:00:00Z"}}


@pytest.mark.parametrize(
    ("facts", "window", "starts", "ends"),
    [
        (PLANNED, Window(not_before_seconds=3_600), "2026-03-02T15:00:00Z", "2026-03-02T18:00:00Z"),
        (PLANNED, Window(calendar="nights"), "2026-03-07T20:00:00Z", "2026-03-07T23:00:00Z"),
        ({}, Window(calendar="nights"), "2026-03-03T22:00:00Z", None),
        (
            {"custom": {"planned_start": "2026-03-04T10:00:00Z"}},
            Window(calendar="nights"),
            "2026-03-07T20:00:00Z",
            None,
        ),
        (
            {"custom": {"planned_start": "2026-01-01T00:00:00Z"}},
            Window(not_before_seconds=60),
            "2026-03-02T12:01:00Z",
            None,
        ),
        (
            {"custom": {"planned_start": "2026-03-02T14:00:00Z", "planned_end": "2026-03-03T14:00:00Z"}},
            Window(calendar="nights"),
            "2026-03-03T22:00:00Z",
            "2026-03-04T22:00:00Z",
        ),
        (
            {"custom": {"planned_start": "tomorrow"}},
            Window(not_before_seconds=60),
            "2026-03-02T12:01:00Z",
            None,
        ),
    ],
    ids=[
        "so much later",
        "the next night that is long enough",
        "nothing was planned",
        "no end was planned",
        "what was planned has passed",
        "no night is long enough",
        "what was planned cannot be read",
    ],
)
def test_a_window_comes_to_instants(
    facts: dict[str, Any], window: Window, starts: str, ends: str | None
) -> None:
    hours = None if window.calendar is None else HOURS

    found = terms.concrete(Proposal(window=window), facts, hours, NOON)

    assert found["window"] == {"from": starts, "to": ends}
    assert found["facts"] == {"custom": {"planned_start": starts, "planned_end": ends}}


def test_a_calendar_that_never_opens_again_moves_nothing() -> None:
    past: dict[str, Any] = {"tz": "UTC", "weekly": {}, "openings": [["2026-01-01T00:00", "2026-01-02T00:00"]]}
    closed = compile_calendar(parse_definition(past, country_dates=lambda _: frozenset()))

    assert terms.moved(None, Window(calendar="closed"), closed, NOON) == Planned(NOON, None)


@given(
    start=st.integers(-5_000, 100_000).map(lambda minutes: _at(minutes=minutes)),
    minutes=st.integers(1, 240),
    later=st.integers(1, 10**6),
)
def test_what_is_offered_lies_in_open_time_is_as_long_and_never_sooner(
    start: datetime, minutes: int, later: int
) -> None:
    asked = Planned(start, start + timedelta(minutes=minutes))

    found = terms.moved(asked, Window(calendar="nights", not_before_seconds=later), HOURS, NOON)

    assert found.end is not None
    assert found.end - found.start == timedelta(minutes=minutes)
    assert found.start >= max(start, NOON) + timedelta(seconds=later)
    assert _is_open_throughout(HOURS, found.start, found.end)


def _is_open_throughout(hours: WorkingTime, start: datetime, end: datetime) -> bool:
    return hours.elapsed(start, end) == end - start


def test_what_was_agreed_holds_as_long_as_the_request_says_so() -> None:
    proposal = terms.concrete(
        Proposal(priority="P3", scope="One site", type=RequestType.SERVICE_REQUEST), {}, None, NOON
    )
    facts = {"priority": "P3", "category": "mail", "custom": {"scope": "One site", "site": "harbour"}}

    assert terms.holds(proposal, facts, "service_request")
    assert not terms.holds(proposal, facts, "change")
    assert not terms.holds(proposal, facts | {"priority": "P1"}, "service_request")
    assert not terms.holds(proposal, facts | {"custom": {"site": "harbour"}}, "service_request")
    assert not terms.holds(proposal, {"priority": "P3"}, "service_request")


RULE = RuledBy(PolicyId(ids.read_id("1" * 32)), PolicyVersionId(ids.read_id("2" * 32)), "r")
MATTER = Matter(
    request_id=RequestId(ids.read_id("3" * 32)),
    client_id=None,
    service_id=None,
    type=RequestType.CHANGE,
    source="desk",
    external_id="C-1",
    title=None,
    contact_id=None,
    submitted_by=None,
    facts={"priority": "P3"},
)
OFFER = verdicts.Adjust(proposal=Proposal(priority="P3"))
NO = verdicts.Decline(objections=verdicts.Channel(name="Desk", url="https://desk.example"))
ELSEWHERE = verdicts.Redirect(channel=verdicts.Channel(name="Desk", url="https://desk.example"))
WITH_PLAN = verdicts.Accept(requires=[verdicts.RollbackPlan()])


def _arrangement(verdict: Verdict, arranged: Arranged, *entries: Entry, **more: Any) -> Arrangement:
    last = entries[-1].at if entries else NOON
    made = Arrangement(
        id=ArrangementId(ids.read_id("4" * 32)),
        request_id=MATTER.request_id,
        client_id=None,
        decision_id=DecisionId(ids.read_id("5" * 32)),
        verdict=verdict,
        ruled_by=RULE,
        reason="Because.",
        made_at=NOON,
        standing=domain.standing([arranged, *entries], last),
        proposal={"facts": {"priority": "P3"}, "priority": "P3"} if verdict is OFFER else {},
    )
    return replace(made, **more)


PROPOSED = _arrangement(OFFER, ADJUST)
AGREED = _arrangement(OFFER, ADJUST, Accepted(at=LATER))
DECLINED = _arrangement(NO, DECLINE)
HELD_UP = _arrangement(WITH_PLAN, ACCEPT)
REFUSED = _arrangement(WITH_PLAN, ACCEPT, Refused(at=LATER, because="No."))
LAPSED = replace(PROPOSED, standing=domain.standing([ADJUST], _at(days=9)))
CARRIED = _arrangement(ELSEWHERE, REDIRECT, carried_to=MATTER.request_id)
OVERTURNED = _arrangement(NO, DECLINE, Overturned(at=LATER, because="Right."))
OTHER_RULE = replace(RULE, rule_id="other")
OTHER_TERMS = {"facts": {"priority": "P4"}, "priority": "P4"}


@pytest.mark.parametrize(
    ("current", "draft", "is_edited", "course"),
    [
        (HELD_UP, HELD_UP, False, Course.KEEP),
        (HELD_UP, HELD_UP, True, Course.KEEP),
        (HELD_UP, None, False, Course.DROP),
        (HELD_UP, DECLINED, False, Course.REPLACE),
        (HELD_UP, replace(HELD_UP, ruled_by=OTHER_RULE), False, Course.REPLACE),
        (HELD_UP, replace(HELD_UP, reason="For another reason."), False, Course.REPLACE),
        (PROPOSED, PROPOSED, True, Course.KEEP),
        (PROPOSED, replace(PROPOSED, proposal=OTHER_TERMS), True, Course.REPLACE),
        (PROPOSED, replace(PROPOSED, proposal=OTHER_TERMS), False, Course.KEEP),
        (LAPSED, PROPOSED, False, Course.KEEP),
        (LAPSED, PROPOSED, True, Course.REPLACE),
        (AGREED, PROPOSED, True, Course.KEEP),
        (AGREED, None, True, Course.KEEP),
        (AGREED, DECLINED, True, Course.REPLACE),
        (AGREED, replace(PROPOSED, ruled_by=OTHER_RULE), True, Course.REPLACE),
        (DECLINED, DECLINED, True, Course.KEEP),
        (DECLINED, None, True, Course.DROP),
        (REFUSED, HELD_UP, False, Course.KEEP),
        (REFUSED, HELD_UP, True, Course.REPLACE),
        (OVERTURNED, DECLINED, True, Course.KEEP),
        (OVERTURNED, None, True, Course.KEEP),
        (OVERTURNED, replace(DECLINED, ruled_by=OTHER_RULE), True, Course.REPLACE),
        (CARRIED, None, True, Course.KEEP),
        (CARRIED, DECLINED, True, Course.KEEP),
    ],
)
def test_what_another_verdict_makes_of_it(
    *, current: Arrangement, draft: Arrangement | None, is_edited: bool, course: Course
) -> None:
    assert courses.course(current, draft, MATTER, is_edited=is_edited) is course


def test_what_was_agreed_is_offered_again_once_the_request_says_otherwise() -> None:
    back = replace(MATTER, facts={"priority": "P1"})

    assert courses.course(AGREED, PROPOSED, back, is_edited=True) is Course.REPLACE
    assert courses.course(AGREED, None, back, is_edited=True) is Course.DROP
