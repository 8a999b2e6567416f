"""Whom the ladders of a past request would have told: told on paper, and beside what a preview foresees."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.backtests import climbing, tellings, weighing
from service.backtests import course as courses
from service.backtests.cases import Case, CaseEvent, Submitted
from service.backtests.climbing import Climbed, Ladders, Notice
from service.backtests.course import Course, Decided
from service.commitments.domain import ElapsedTarget, Level, usual_terms
from service.commitments.domain.marks import Anchor, Mark
from service.escalations.climbs import Climb
from service.escalations.ladders.domain import (
    Definition,
    Step,
    Target,
    ToContact,
    ToGroup,
    ToMember,
    ToRole,
    ToRota,
    ToSkill,
)
from service.escalations.previews import domain as previews
from service.escalations.rotas.domain import Rota, Rotation, Unit
from service.ids import MemberId
from service.requests.domain import EventType, State
from service.rules.vocabulary import RequestType
from tests.factories import NOON

HOUR = timedelta(hours=1)
ADA = MemberId(UUID(int=1))
NIGHT = Climb("night")
RESOLVE = usual_terms("resolve", ElapsedTarget(8 * 3_600), calendar=None)
RESPOND = usual_terms("respond", ElapsedTarget(3_600), calendar=None)
BY_DAY = Rota(
    zone=UTC,
    rotations=(
        Rotation(
            name="ada",
            members=(ADA,),
            length=1,
            unit=Unit.WEEKS,
            first_handover=NOON.replace(tzinfo=None),
            ends_at=NOON + 4 * HOUR,
        ),
    ),
)
"""Ada is on duty until four hours after noon."""


class Mornings:
    """Open before one o'clock."""

    def is_open(self, at: datetime) -> bool:
        return at < NOON + HOUR


def step(name: str, at: timedelta, *tells: Any, **more: Any) -> Step:
    """A step so long after the start, that tells these."""
    targets = tuple(each if isinstance(each, Target) else Target(who=each) for each in tells)
    return Step(name=name, at=Mark(anchor=Anchor.START, after=at), targets=targets, **more)


def at_breach(name: str, *tells: Any) -> Step:
    return replace(step(name, timedelta(0), *tells), at=Mark(anchor=Anchor.BREACH))


def ladders(*steps: Step, **more: Any) -> Ladders:
    return Ladders({"night": Definition(steps=steps, **more)}, {"day": BY_DAY}, {"mornings": Mornings()})


def course(
    given: Ladders, *events: CaseEvent, decided: Sequence[Decided] | None = None, hours: float = 24
) -> Course:
    """A request that is opened at noon, and looked at so many hours later."""
    case = Case(
        id=UUID(int=7),
        submission=Submitted(
            source="desk", external_id="1", type=RequestType.INCIDENT, occurred_at=NOON, facts={"a": 1}
        ),
        events=list(events),
    )
    told = tellings.told(case, client=None, service=None)
    found = decided or [Decided((RESOLVE,), (NIGHT,))] * len(told.points)
    return courses.course(told, found, {}, until=NOON + hours * HOUR, ladders=given)


def event(kind: EventType, after: float, **more: Any) -> CaseEvent:
    return CaseEvent(type=kind, occurred_at=NOON + after * HOUR, **more)


def spelled(found: Course) -> list[str]:
    """Each notice as `hours after noon, step, whom it tells`."""
    return [
        f"{(each.at - NOON) / HOUR:g} {each.step} {','.join(each.to) or '-'}"
        for each in found.climbed.notices
    ]


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ([step("first", HOUR, ToRole("manager"))], ["1 first role manager"]),
        (
            [step("first", HOUR, ToGroup("desk"), repeat_every=HOUR, repeats_max=2)],
            ["1 first group desk", "2 first group desk", "3 first group desk"],
        ),
        ([at_breach("late", ToMember(ADA))], [f"8 late member {ADA}"]),
        (
            [step("after", 9 * HOUR, ToRole("admin")), at_breach("late", ToRole("admin"))],
            ["8 late role admin", "9 after role admin"],
        ),
        (
            [step("first", HOUR, ToRota("day")), at_breach("late", ToRota("day"))],
            ["1 first rota day", "8 late -"],
        ),
        (
            [step("first", 5 * HOUR, ToRota("day")), at_breach("late", ToRole("admin"))],
            ["5 first -", "5 late role admin"],
        ),
        ([step("first", HOUR, ToRota("no such"), ToRole("admin"))], ["1 first role admin"]),
        ([step("first", HOUR, ToSkill("network"))], ["1 first -"]),
        ([step("first", HOUR, ToContact(), ToRole("admin"))], ["1 first role admin"]),
        (
            [
                step(
                    "first",
                    timedelta(0),
                    Target(who=ToRole("admin"), hours="mornings"),
                    ToGroup("desk"),
                    only_first=True,
                    repeat_every=2 * HOUR,
                    repeats_max=1,
                )
            ],
            ["0 first role admin", "2 first group desk"],
        ),
    ],
)
def test_steps_tell_their_targets_as_they_are_written(steps: list[Step], told: list[str]) -> None:
    assert spelled(course(ladders(*steps))) == told


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ([], ["1 first role admin", "8 late role admin"]),
        ([event(EventType.CHANGED, 0.5, state=State.RESOLVED)], []),
        ([event(EventType.CHANGED, 3, state=State.RESOLVED)], ["1 first role admin"]),
        (
            [
                event(EventType.PAUSED, 2, cause="waiting_requester"),
                event(EventType.RESUMED, 5, cause="waiting_requester"),
            ],
            ["1 first role admin", "11 late role admin"],
        ),
        (
            [
                event(EventType.CHANGED, 3, state=State.RESOLVED),
                event(EventType.CHANGED, 4, state=State.OPEN),
            ],
            ["1 first role admin", "4 first role admin", "9 late role admin"],
        ),
    ],
)
def test_ladders_follow_the_promise(events: list[CaseEvent], told: list[str]) -> None:
    given = ladders(step("first", HOUR, ToRole("admin")), at_breach("late", ToRole("admin")))

    assert spelled(course(given, *events)) == told


def test_a_ladder_that_no_rule_asks_for_any_more_ends_and_another_begins() -> None:
    changed = event(EventType.CHANGED, 2, facts={"a": 2})
    given = Ladders(
        {
            name: Definition(steps=(step(name, 3 * HOUR, ToRole("admin")),), acknowledged_for=None)
            for name in ("night", "day")
        },
        {},
        {},
    )
    decided = [Decided((RESOLVE,), (NIGHT,)), Decided((RESOLVE,), (Climb("day"),))]

    assert spelled(course(given, changed, decided=decided)) == ["3 day role admin"]


def test_only_promises_of_the_metric_and_level_climb() -> None:
    given = ladders(step("first", HOUR / 2, ToRole("admin")))
    inner = replace(RESPOND, level=Level.OLA)
    decided = [Decided((RESOLVE, inner), (Climb("night", metrics=("respond",), levels=(Level.OLA,)),))]

    found = course(given, decided=decided)

    assert [each.metric for each in found.climbed.notices] == ["respond"]


def test_a_ladder_that_there_is_not_is_named_and_tells_nobody() -> None:
    assert course(Ladders({}, {}, {})).climbed == Climbed(unknown=frozenset({"night"}))


def test_what_nobody_acknowledges_is_bounded() -> None:
    endless = step("first", timedelta(0), ToRole("admin"), repeat_every=HOUR / 60, repeats_max=100)

    found = course(ladders(endless, replace(endless, name="second"))).climbed

    assert (len(found.notices), found.cut) == (climbing.TELLINGS_MAX, 1)


def test_without_ladders_nothing_is_kept() -> None:
    found = course(Ladders({}, {}, {}), decided=[Decided((RESOLVE,))])

    assert found.climbed is climbing.NOTHING_CLIMBED


def test_totals_and_changes_tell_how_often_each_step_tells_whom() -> None:
    given = ladders(
        step("first", HOUR, ToRota("day"), repeat_every=2 * HOUR, repeats_max=2),
        step("second", 3 * HOUR, ToRole("manager"), ToGroup("desk")),
    )

    climbed = course(given).climbed
    totals = weighing.notices_told(climbed)

    assert totals == {
        "notices": {
            "night": {
                "first": {"told": 2, "nobody": 1, "to": {"rota day": 2}, "off_duty": {"day": 1}},
                "second": {
                    "told": 1,
                    "nobody": 0,
                    "to": {"role manager": 1, "group desk": 1},
                    "off_duty": {},
                },
            }
        }
    }
    twice = weighing.added(weighing.added({}, totals), totals)
    assert twice["notices"]["night"]["first"]["to"] == {"rota day": 4}


SPANS = st.integers(0, 12 * 4).map(lambda quarters: quarters * HOUR / 4)
WHO = st.sampled_from([ToRole("admin"), ToGroup("desk"), ToRota("day"), ToSkill("network")])


@st.composite
def steps(draw: st.DrawFn) -> tuple[Step, ...]:
    found: list[Step] = []
    for index in range(draw(st.integers(1, 4))):
        times = draw(st.integers(0, 3))
        found.append(
            step(
                f"{index}",
                draw(SPANS),
                *draw(st.lists(WHO, min_size=1, max_size=2)),
                only_first=draw(st.booleans()),
                repeat_every=draw(SPANS.filter(bool)) if times else None,
                repeats_max=times,
            )
        )
    return tuple(found)


@given(found=steps())
def test_a_promise_to_which_nothing_happens_is_escalated_as_a_preview_foresees(
    found: tuple[Step, ...],
) -> None:
    given = ladders(*found)
    climbed = course(given, hours=23).climbed
    before_the_end = [each for each in climbed.notices if each.at < NOON + 23 * HOUR]

    foreseen = previews.foresee(_previewed(given.definitions["night"]), NOON, NOON + 23 * HOUR)

    assert Counter((each.at, found[each.step].name, each.repeat) for each in foreseen.told) == Counter(
        (each.at, each.step, each.repeat) for each in before_the_end
    )
    off_duty = {each.at for each in climbed.notices if each.off_duty}
    assert all(at >= NOON + 4 * HOUR for at in off_duty)


def _previewed(definition: Definition) -> previews.Climb:
    """The same with everybody there, so that only rotas and skills have nobody."""
    ada = previews.ladders.Member(ADA, "Ada Harbour", "ada@harbour.test")
    directory = previews.Directory(
        members={ADA: ada},
        roles={"admin": (ADA,)},
        groups={"desk": previews.ladders.Group((ADA,), None)},
        endpoints=frozenset(),
        owner_group=None,
    )
    return previews.Climb(
        definition=definition,
        instants=[NOON + each.at.after for each in definition.steps],
        begun_at=NOON,
        situation=previews.Situation(),
        directory=directory,
        rotas={"day": BY_DAY},
        hours={},
    )


def test_the_same_is_found_twice() -> None:
    given = ladders(step("first", HOUR, ToRota("day"), repeat_every=HOUR, repeats_max=9))

    assert course(given).climbed == course(given).climbed
    assert _notices(course(given)) == _notices(course(ladders(*given.definitions["night"].steps)))


def _notices(found: Course) -> Mapping[Notice, int]:
    return Counter(found.climbed.notices)
