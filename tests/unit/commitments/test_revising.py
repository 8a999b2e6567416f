"""What may be proposed instead of a promise, and the terms of what is promised then."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.commitments import domain
from service.commitments.domain import (
    BusinessDaysTarget,
    CalendarKey,
    ElapsedTarget,
    EntryId,
    InstantTarget,
    Judgement,
    OnReopen,
    Silence,
    Started,
    Target,
    Terms,
    WorkingTarget,
)
from service.commitments.renegotiation import links, revising
from service.commitments.renegotiation.domain import Proposed
from service.commitments.renegotiation.links import Link
from service.commitments.renegotiation.revising import Proposal
from service.ids import RenegotiationId, TenantId, new_id
from tests.unit.commitments.ledgers import CALENDARS, OFFICE, at, patient

NOON = at("12:00")
HOUR = timedelta(hours=1)
PROPOSAL = Proposal(reason="The spare part comes tomorrow.", due=at("12:00", day=1))


def _terms(target: Target, calendar: CalendarKey | None = OFFICE, **changes: Any) -> Terms:
    return replace(domain.usual_terms("resolve", target, calendar=calendar), **changes)


def _judged(terms: Terms, now: datetime = NOON) -> Judgement:
    started = Started(at=NOON, received_at=NOON, id=EntryId("1"), terms=terms, decision="d")
    return domain.standing([started], CALENDARS, now).current


FOUR_HOURS = _judged(_terms(WorkingTarget(4 * 3600), warn_before=HOUR))


@pytest.mark.parametrize(
    ("due", "instant"),
    [
        (at("13:00", day=3), at("13:00", day=3)),
        (WorkingTarget(6 * 3600), at("10:00", day=1)),
        (ElapsedTarget(6 * 3600), at("18:00")),
        (BusinessDaysTarget(2), at("12:00", day=2)),
    ],
)
def test_what_is_proposed_counts_from_now_in_the_promises_clock(
    due: datetime | Target, instant: datetime
) -> None:
    assert revising.due_of(due, FOUR_HOURS.terms, CALENDARS, NOON) == instant


@pytest.mark.parametrize(
    ("within", "policy", "due", "answer_by"),
    [
        (None, None, at("12:00", day=9), at("12:00", day=2)),
        (None, None, at("12:00", day=1), at("12:00", day=1)),
        (None, 3 * HOUR, at("12:00", day=1), at("15:00")),
        (None, 90 * HOUR, at("12:00", day=1), at("12:00", day=1)),
        (2 * HOUR, 3 * HOUR, at("12:00", day=1), at("14:00")),
    ],
)
def test_how_long_the_user_has_to_answer(
    within: timedelta | None, policy: timedelta | None, due: datetime, answer_by: datetime
) -> None:
    judged = _judged(_terms(WorkingTarget(4 * 3600), answer_within=policy, silence=Silence.UNDERSTOOD))
    proposal = replace(PROPOSAL, answer_within=within)

    found = revising.proposed(proposal, due, judged, CALENDARS, NOON)

    assert isinstance(found, Proposed)
    assert (found.answer_by, found.silence) == (answer_by, Silence.UNDERSTOOD)


@pytest.mark.parametrize(
    ("due", "within", "now", "pointer"),
    [
        (at("16:00"), None, NOON, "/due_at"),
        (at("11:00"), None, NOON, "/due_at"),
        (at("12:00", day=4_000), None, NOON, "/due_at"),
        (at("18:00"), None, at("18:00"), "/due_at"),
        (at("12:00", day=1), 25 * HOUR, NOON, "/answer_within_seconds"),
    ],
)
def test_what_helps_nobody_is_not_proposed(
    due: datetime, within: timedelta | None, now: datetime, pointer: str
) -> None:
    judged = _judged(FOUR_HOURS.terms, now)

    found = revising.proposed(replace(PROPOSAL, answer_within=within), due, judged, CALENDARS, now)

    assert isinstance(found, list)
    assert [fault.pointer for fault in found] == [pointer]


@pytest.mark.parametrize(
    ("target", "calendar", "warn_before", "expected"),
    [
        (WorkingTarget(4 * 3600), OFFICE, HOUR, 2 * HOUR),
        (ElapsedTarget(4 * 3600), None, HOUR, 6 * HOUR),
        (BusinessDaysTarget(1), OFFICE, 4 * HOUR, 4 * HOUR),
        (InstantTarget(at("16:00")), None, 2 * HOUR, 12 * HOUR),
        (WorkingTarget(4 * 3600), OFFICE, None, None),
    ],
)
def test_it_is_warned_of_at_the_same_share_of_its_time(
    target: Target,
    calendar: CalendarKey | None,
    warn_before: timedelta | None,
    expected: timedelta | None,
) -> None:
    judged = _judged(_terms(target, calendar, warn_before=warn_before))

    revised = revising.revised_terms(judged, at("12:00", day=1), CALENDARS, NOON)

    assert revised.warn_before == expected


@pytest.mark.parametrize(
    ("on_reopen", "expected"),
    [
        (OnReopen.RESUME, OnReopen.RESUME),
        (OnReopen.FINAL, OnReopen.FINAL),
        (OnReopen.NEW_CYCLE, OnReopen.FINAL),
    ],
)
def test_where_the_original_begins_another_cycle_that_one_is_promised_in_full(
    on_reopen: OnReopen, expected: OnReopen
) -> None:
    judged = _judged(_terms(WorkingTarget(3600), on_reopen=on_reopen, restarts_by=frozenset({"resolved"})))

    revised = revising.revised_terms(judged, at("12:00", day=1), CALENDARS, NOON)

    assert (revised.on_reopen, revised.restarts_by) == (expected, frozenset())


TARGETS = st.one_of(
    st.integers(60, 200_000).map(WorkingTarget),
    st.integers(60, 200_000).map(ElapsedTarget),
    st.integers(1, 9).map(BusinessDaysTarget),
)


@patient
@given(target=TARGETS, warn=st.integers(1, 100_000), later=st.integers(1, 1_000_000))
def test_a_revised_promise_is_due_when_it_was_agreed_and_warned_of_before(
    target: Target, warn: int, later: int
) -> None:
    judged = _judged(_terms(target, warn_before=timedelta(seconds=warn)))
    due_at = judged.due_if_resumed_now + timedelta(seconds=later)

    revised = _judged(revising.revised_terms(judged, due_at, CALENDARS, NOON))

    assert (revised.due_at, revised.terms.metric) == (due_at, judged.terms.metric)
    assert revised.terms.fulfilled_by == judged.terms.fulfilled_by
    assert revised.warn_at is None or NOON <= revised.warn_at <= due_at


@patient
@given(target=TARGETS, later=st.integers(1, 1_000_000), within=st.none() | st.integers(1, 2_000_000))
def test_what_is_proposed_can_be_answered_and_kept(target: Target, later: int, within: int | None) -> None:
    judged = _judged(_terms(target))
    due_at = judged.due_if_resumed_now + timedelta(seconds=later)
    answer_within = None if within is None else timedelta(seconds=within)

    found = revising.proposed(replace(PROPOSAL, answer_within=answer_within), due_at, judged, CALENDARS, NOON)

    if isinstance(found, Proposed):
        assert NOON < found.answer_by <= found.due_at
        working = revising.working_distance(found, judged.terms, CALENDARS)
        assert working is not None
        assert found.distance is not None
        assert timedelta(0) <= working <= found.distance
    else:
        assert within is not None
        assert NOON + timedelta(seconds=within) > due_at


def _link(secret: str = "s" * 43) -> Link:
    return Link(TenantId(new_id()), RenegotiationId(new_id()), secret)


@given(secret=st.text(st.characters(codec="ascii", exclude_characters="/"), min_size=1, max_size=64))
def test_a_link_is_read_as_it_was_written(secret: str) -> None:
    link = _link(secret)

    assert links.read(link.path.removeprefix("/renegotiation/")) == link


@given(text=st.text(max_size=200))
def test_no_text_makes_reading_a_link_fail(text: str) -> None:
    found = links.read(text)

    assert found is None or text.endswith(found.secret)


def test_a_secret_opens_one_renegotiation_of_one_tenant() -> None:
    link = _link()

    others = [replace(link, tenant_id=TenantId(new_id())), replace(link, secret="t" * 43)]
    others.append(replace(link, subject_id=new_id()))

    assert link.sha256 not in {other.sha256 for other in others}
