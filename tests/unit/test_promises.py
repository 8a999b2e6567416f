from datetime import time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.commitments import promises
from service.commitments.domain.terms import (
    BusinessDaysTarget,
    CalendarKey,
    ElapsedTarget,
    EndOfBusinessDayTarget,
    Level,
    OnChange,
    Silence,
    Target,
    TimeOfBusinessDayTarget,
    WorkingTarget,
)
from service.commitments.promises import Whose
from service.rules.errors import OutcomeInvalid

HOUR = {"unit": "elapsed_time", "seconds": 3600}


def _promise(**overrides: Any) -> dict[str, Any]:
    return {"metric": "resolve", "target": HOUR} | overrides


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({"unit": "working_time", "seconds": 60}, WorkingTarget(60)),
        ({"unit": "elapsed_time", "seconds": 60}, ElapsedTarget(60)),
        ({"unit": "business_days", "days": 2}, BusinessDaysTarget(2)),
        ({"unit": "end_of_business_day", "days": 0}, EndOfBusinessDayTarget(0)),
        (
            {"unit": "time_of_business_day", "days": 1, "time": "16:00"},
            TimeOfBusinessDayTarget(1, time(16)),
        ),
    ],
)
def test_the_units_stay_distinct(target: dict[str, Any], expected: Target) -> None:
    outcome = promises.read({"promises": [_promise(target=target, calendar="office")]})

    terms = promises.terms_of(outcome, {"office": CalendarKey("v1")})

    assert [one.target for one in terms] == [expected]
    assert promises.calendars_of(outcome) == {"office"}


@pytest.mark.parametrize(
    ("then", "pointer"),
    [
        ({}, ""),
        ({"promises": []}, "/promises"),
        ({"promises": [_promise(target={"unit": "hours", "seconds": 1})]}, "/promises/0/target/unit"),
        (
            {"promises": [_promise(target={"unit": "elapsed_time", "seconds": 0})]},
            "/promises/0/target/seconds",
        ),
        ({"promises": [_promise(target={"unit": "business_days", "days": 1})]}, "/promises/0/calendar"),
        ({"promises": [_promise(metric="Resolve!")]}, "/promises/0/metric"),
        ({"promises": [_promise(), _promise()]}, "/promises/1/metric"),
        ({"promises": [_promise(fulfilled_by=[])]}, "/promises/0/fulfilled_by"),
        ({"promises": [_promise(fulfilled_by=["Done!"])]}, "/promises/0/fulfilled_by/0"),
        (
            {"promises": [_promise(target={"unit": "instant", "at": "2026-01-05T10:00:00Z"})]},
            "/promises/0/target/unit",
        ),
        (
            {
                "promises": [
                    _promise(
                        target={"unit": "time_of_business_day", "days": 1, "time": "24:00"}, calendar="o"
                    )
                ]
            },
            "/promises/0/target/time",
        ),
        ({"promises": [_promise(held_by="Network")]}, "/promises/0/held_by"),
        ({"promises": [_promise(part_of="resolve")]}, "/promises/0/part_of"),
        ({"promises": [_promise(level="xla")]}, "/promises/0/level"),
        ({"promises": [_promise(restarts_by=["resolved", "reply"])]}, "/promises/0/restarts_by/1"),
        ({"promises": [_promise(metric="update", fulfilled_by=["resolved"])]}, "/promises/0/fulfilled_by"),
        ({"promises": [_promise(renegotiate_above=1)]}, "/promises/0/renegotiate_above"),
        ({"promises": [_promise(calendar_of="service")]}, "/promises/0/calendar_of"),
        ({"promises": [_promise(renegotiation={"silence": "maybe"})]}, "/promises/0/renegotiation/silence"),
        ({"promises": [_promise(on_change="forget")]}, "/promises/0/on_change"),
        ({"promises": [_promise(deadline=3)]}, "/promises/0"),
        ({"promises": [_promise(warn_before_seconds=True)]}, "/promises/0/warn_before_seconds"),
    ],
)
def test_a_bad_outcome_names_the_place(then: dict[str, Any], pointer: str) -> None:
    with pytest.raises(OutcomeInvalid) as refused:
        promises.read(then)

    assert [fault.pointer for fault in refused.value.faults] == [pointer]


def test_what_is_left_out_is_as_usual_for_the_metric() -> None:
    outcome = promises.read({"promises": [_promise(), _promise(metric="respond")]})

    resolve, respond = promises.terms_of(outcome, {})

    assert resolve.pausable_by == {"waiting_requester"}
    assert respond.pausable_by == frozenset()
    assert "reply" in respond.fulfilled_by
    assert resolve.on_change is OnChange.CARRY


def test_what_is_said_replaces_what_is_usual() -> None:
    said = _promise(
        fulfilled_by=["closed"],
        pausable_by=[],
        on_change="from_origin",
        may_be_later=True,
        warn_before_seconds=60,
    )

    (terms,) = promises.terms_of(promises.read({"promises": [said]}), {})

    assert terms.fulfilled_by == {"closed"}
    assert terms.pausable_by == frozenset()
    assert terms.on_change is OnChange.FROM_ORIGIN
    assert terms.may_be_later
    assert terms.warn_before == timedelta(minutes=1)


def test_the_default_needs_no_calendar() -> None:
    assert promises.calendars_of(promises.DEFAULT) == frozenset()
    assert {one.metric for one in promises.terms_of(promises.DEFAULT, {})} == {"respond", "resolve"}


@given(
    own=st.dictionaries(st.sampled_from(Whose), st.sampled_from(["quay", "office"])),
    follows=st.lists(st.none() | st.sampled_from(Whose), min_size=1, max_size=3),
)
def test_what_is_to_be_counted_by_somebodys_calendar_is_and_nothing_else(
    own: dict[Whose, str], follows: list[Whose | None]
) -> None:
    target = {"unit": "working_time", "seconds": 60}
    said = [
        {"metric": f"m{place}", "target": target, "calendar": "office", "calendar_of": each}
        for place, each in enumerate(follows)
    ]
    outcome = promises.read({"promises": said})

    counted = promises.counted_by(outcome, own)

    for promise, each in zip(counted.promises, follows, strict=True):
        assert promise.calendar == ("office" if each is None else own.get(each, "office"))
    assert promises.counted_by(counted, own) == counted
    assert promises.calendars_of(outcome) == {"office"}
    assert promises.asked_of(outcome) == set(follows) - {None}


def test_the_older_way_to_say_the_clients_calendar_is_still_read() -> None:
    target = {"unit": "working_time", "seconds": 60}
    outcome = promises.read({"promises": [_promise(target=target, calendar="office", client_calendar=True)]})

    (promise,) = promises.counted_by(outcome, {Whose.CLIENT: "quay"}).promises

    assert promise.calendar == "quay"


def test_whose_calendar_it_is_is_said_once() -> None:
    said = _promise(
        target={"unit": "working_time", "seconds": 60},
        calendar="office",
        client_calendar=True,
        calendar_of="service",
    )

    with pytest.raises(OutcomeInvalid) as refused:
        promises.read({"promises": [said]})

    assert [fault.pointer for fault in refused.value.faults] == ["/promises/0/client_calendar"]


def test_a_promise_between_groups_says_whose_time_counts_and_on_what_way_it_lies() -> None:
    said = _promise(metric="network", level="ola", held_by="Network", part_of="resolve")

    (terms,) = promises.terms_of(promises.read({"promises": [said]}), {})

    assert (terms.level, terms.held_by) == (Level.OLA, "Network")
    assert terms.fulfilled_by == {"resolved", "closed"}


@pytest.mark.parametrize(
    ("metric", "fulfilled_by", "restarts_by"),
    [
        ("update", {"reply", "resolved", "closed"}, {"reply"}),
        ("deliver", {"delivered"}, set[str]()),
        ("visit", {"visited"}, set[str]()),
        ("respond", {"reply", "resolved", "closed"}, set[str]()),
        ("calibrate", {"resolved", "closed"}, set[str]()),
    ],
)
def test_each_metric_is_fulfilled_by_what_is_usual_for_it(
    metric: str, fulfilled_by: set[str], restarts_by: set[str]
) -> None:
    (terms,) = promises.terms_of(promises.read({"promises": [_promise(metric=metric)]}), {})

    assert (terms.fulfilled_by, terms.restarts_by) == (fulfilled_by, restarts_by)


def test_how_it_is_renegotiated_becomes_part_of_the_terms() -> None:
    said = _promise(
        renegotiate_above=0.4, renegotiation={"answer_within_seconds": 3600, "silence": "understood"}
    )

    (terms,) = promises.terms_of(promises.read({"promises": [said]}), {})

    assert terms.renegotiate_above == 0.4
    assert (terms.answer_within, terms.silence) == (timedelta(hours=1), Silence.UNDERSTOOD)


def test_elapsed_time_counts_by_no_clients_calendar() -> None:
    with pytest.raises(OutcomeInvalid) as refused:
        promises.read({"promises": [_promise(client_calendar=True)]})

    assert [fault.pointer for fault in refused.value.faults] == ["/promises/0/client_calendar"]
