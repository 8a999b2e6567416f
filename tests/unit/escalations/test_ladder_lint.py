"""What is wrong with a ladder among those who are there."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.calendars import countries
from service.calendars.domain import WorkingTime, compile_calendar, parse_definition, zones
from service.commitments.domain.marks import Anchor, Mark
from service.escalations.ladders import lint
from service.escalations.ladders.domain import (
    Definition,
    Directory,
    Group,
    Member,
    Step,
    Target,
    ToGroup,
    ToManager,
    ToMember,
    ToOwner,
    ToRole,
    ToRota,
    ToSkill,
    Who,
)
from service.escalations.ladders.lint import Staff
from service.escalations.rotas.domain import Override, Rota, Rotation, Unit
from service.ids import MemberId
from service.rules.findings import Finding

ADA, GONE = MemberId(UUID(int=1)), MemberId(UUID(int=2))
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
BERLIN = zones.zone("Europe/Berlin")
HOUR = timedelta(hours=1)


def calendar(tz: str, start: str, end: str) -> WorkingTime:
    weekly = {day: [[start, end]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
    return compile_calendar(parse_definition({"tz": tz, "weekly": weekly}, country_dates=countries.dates))


WEEKLY = Rotation(
    name="weekly",
    members=(ADA,),
    length=1,
    unit=Unit.WEEKS,
    first_handover=datetime.fromisoformat("2025-12-29T08:00"),
)
ALWAYS = Rota(zone=BERLIN, rotations=(WEEKLY,))


def without(*spans: tuple[str, str]) -> Rota:
    """The rota, with nobody between these instants."""
    away = tuple(
        Override(start=datetime.fromisoformat(start), end=datetime.fromisoformat(end), member=None)
        for start, end in spans
    )
    return replace(ALWAYS, overrides=away)


SUNDAY = ("2026-03-08T02:00+01:00", "2026-03-08T06:00+01:00")


STAFF = Staff(
    directory=Directory(
        members={ADA: Member(ADA, "Ada", "ada@harbour.test")},
        roles={"agent": [ADA]},
        groups={"Network": Group((ADA,)), "Empty": Group()},
    ),
    rotas={"always": ALWAYS, "empty": Rota(zone=BERLIN, rotations=(replace(WEEKLY, ends_at=MONDAY),))},
    hours={"day": calendar("Europe/Berlin", "08:00", "18:00"), "night": calendar("UTC", "16:00", "24:00")},
)


def step(*targets: Who | Target, name: str = "one") -> Step:
    return Step(
        name=name,
        at=Mark(anchor=Anchor.BREACH),
        targets=tuple(each if isinstance(each, Target) else Target(who=each) for each in targets),
    )


def found(*steps: Step, staff: Staff = STAFF) -> list[Finding]:
    return lint.find(Definition(steps=steps), staff, MONDAY)


def codes(*steps: Step, staff: Staff = STAFF) -> list[tuple[str, str]]:
    return [(each.code, each.pointer) for each in found(*steps, staff=staff)]


@pytest.mark.parametrize(
    "who", [ToOwner(), ToManager(), ToMember(ADA), ToRole("agent"), ToGroup("Network"), ToRota("always")]
)
def test_a_step_with_somebody_behind_it_is_in_order(who: Who) -> None:
    assert found(step(who)) == []


NOBODY: list[tuple[Who, str]] = [
    (ToMember(GONE), "not active"),
    (ToRole("auditor"), "role auditor (nobody there)"),
    (ToGroup("Empty"), "group Empty (nobody there)"),
    (ToGroup("Nowhere"), "group Nowhere (not there any more)"),
    (ToSkill("fibre"), "skill fibre"),
    (ToRota("empty"), "rota empty (never on duty)"),
    (ToRota("nowhere"), "rota nowhere (not there any more)"),
]


@pytest.mark.parametrize(("who", "said"), NOBODY)
def test_a_step_that_has_nobody_to_tell_is_found_and_says_why(who: Who, said: str) -> None:
    told = found(step(who), step(ToOwner(), name="two"))

    assert [(each.code, each.pointer) for each in told] == [("nobody-told", "/steps/0")]
    assert said in told[0].reason


def test_a_ladder_that_has_nobody_to_tell_at_all_holds_up_whoever_would_climb_it() -> None:
    assert ("empty-ladder", "/steps") in codes(step(ToSkill("a")), step(ToGroup("Empty"), name="two"))


def test_an_empty_target_is_found_where_others_bridge_it() -> None:
    assert codes(step(ToGroup("Empty"), ToOwner())) == [("empty-target", "/steps/0/tell/0")]


def test_a_gap_is_told_in_the_time_of_the_rota() -> None:
    sundays = without(SUNDAY, ("2026-03-15T02:00+01:00", "2026-03-15T06:00+01:00"))

    (told,) = found(step(ToRota("always")), staff=replace(STAFF, rotas={"always": sundays}))

    assert (told.code, told.pointer) == ("gap-on-duty", "/steps/0")
    assert "nobody on duty Sunday 02:00-06:00 (2 times) (Europe/Berlin), first on 2026-03-08" in told.reason


def test_a_gap_over_a_change_of_the_clocks_names_both_offsets() -> None:
    spring = without(("2026-03-29T01:00+01:00", "2026-03-29T06:00+02:00"))

    (told,) = found(step(ToRota("always")), staff=replace(STAFF, rotas={"always": spring}))

    assert "Sunday 01:00 UTC+0100 - Sunday 06:00 UTC+0200" in told.reason


def test_a_gap_is_none_where_another_target_bridges_it() -> None:
    gap = replace(STAFF, rotas={"always": without(SUNDAY)})

    assert found(step(ToRota("always"), ToGroup("Network")), staff=gap) == []
    by_day = Target(who=ToGroup("Network"), hours="day")
    assert codes(step(ToRota("always"), by_day), staff=gap) == [("gap-on-duty", "/steps/0")]


def test_quiet_hours_that_nobody_bridges_are_a_gap() -> None:
    day, night = Target(who=ToOwner(), hours="day"), Target(who=ToRota("always"), hours="night")

    (by_day,) = found(step(day))
    (both,) = found(step(day, night))

    assert "Monday 01:00-08:00, Monday 18:00 - Tuesday 08:00 (4 times)" in by_day.reason
    assert "Monday 01:00-08:00 (4 times), Tuesday 01:00-08:00 (4 times)" in both.reason


def test_a_gap_that_lies_outside_the_hours_is_no_second_one() -> None:
    staff = replace(STAFF, rotas={"always": without(SUNDAY)})
    by_day = Target(who=ToRota("always"), hours="day")

    spans = lint.uncovered(step(by_day), staff, MONDAY, MONDAY + lint.LOOKED_AHEAD)

    assert spans == lint.uncovered(step(by_day), STAFF, MONDAY, MONDAY + lint.LOOKED_AHEAD)


def test_what_is_repeated_for_longer_than_a_month_is_found() -> None:
    often = replace(step(ToOwner()), repeat_every=timedelta(days=1), repeats_max=31)

    assert found(often) == []
    assert codes(replace(often, repeats_max=32)) == [("repeated-for-long", "/steps/0/repeat")]


def test_steps_that_come_before_the_due_are_known() -> None:
    before = replace(step(ToOwner()), at=Mark(anchor=Anchor.DUE, after=-2 * HOUR, working=True))
    after = replace(step(ToOwner(), name="two"), at=Mark(anchor=Anchor.DUE, after=HOUR))

    (lead,) = lint.leads(Definition(steps=(before, after)))

    assert (lead.step, lead.seconds, lead.in_own_clock) == ("one", 7_200, True)


PARTS = st.lists(st.tuples(st.integers(0, 27 * 24), st.integers(1, 30)), max_size=5)


@given(PARTS, PARTS)
def test_nobody_is_told_exactly_when_both_rotas_are_empty(
    some: list[tuple[int, int]], others: list[tuple[int, int]]
) -> None:
    """Against a second opinion that looks at every half hour."""
    rotas = {
        name: replace(
            ALWAYS,
            overrides=tuple(
                Override(start=MONDAY + at * HOUR, end=MONDAY + (at + lasts) * HOUR, member=None)
                for at, lasts in gaps
            ),
        )
        for name, gaps in (("some", some), ("others", others))
    }
    staff = replace(STAFF, rotas=rotas)
    until = MONDAY + lint.LOOKED_AHEAD

    spans = lint.uncovered(step(ToRota("some"), ToRota("others")), staff, MONDAY, until)

    for half_hours in range(28 * 48):
        at = MONDAY + half_hours * HOUR / 2
        bare = all(
            any(MONDAY + start * HOUR <= at < MONDAY + (start + lasts) * HOUR for start, lasts in gaps)
            for gaps in (some, others)
        )
        assert any(start <= at < end for start, end in spans) is bare
