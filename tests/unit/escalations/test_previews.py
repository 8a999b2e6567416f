"""A ladder climbed in thought."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from service.calendars.domain import zones
from service.commitments.domain.marks import Anchor, Mark
from service.escalations.ladders import wording
from service.escalations.ladders.domain import (
    Definition,
    Directory,
    Maintenance,
    Member,
    Situation,
    Step,
    Target,
    ToMember,
    ToRota,
    ToSkill,
    Who,
)
from service.escalations.previews import domain
from service.escalations.previews.domain import Climb
from service.escalations.rotas.domain import Override, Rota, Rotation, Unit
from service.escalations.runs import domain as runs
from service.escalations.runs.domain import Begun, Entry, Ladder, Sent
from service.ids import MemberId

ADA, BEN = MemberId(UUID(int=1)), MemberId(UUID(int=2))
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
BERLIN = zones.zone("Europe/Berlin")
DIRECTORY = Directory(
    members={ADA: Member(ADA, "Ada", "ada@harbour.test"), BEN: Member(BEN, "Ben", "ben@harbour.test")},
    roles={},
    groups={},
)
DAILY = Rotation(
    name="daily",
    members=(ADA, BEN),
    length=12,
    unit=Unit.HOURS,
    first_handover=datetime.fromisoformat("2026-01-05T08:00"),
)
SHIFTS = Rota(zone=BERLIN, rotations=(DAILY,))


def step(*who: Who, name: str = "one", every: timedelta | None = None, times: int = 0) -> Step:
    targets = tuple(Target(who=each) for each in who)
    return Step(name=name, at=Mark(anchor=Anchor.DUE), targets=targets, repeat_every=every, repeats_max=times)


def climb(*steps: tuple[Step, datetime | None], rotas: Mapping[str, Rota] | None = None) -> Climb:
    return Climb(
        definition=Definition(steps=tuple(each for each, _ in steps)),
        instants=[at for _, at in steps],
        begun_at=NOON,
        situation=Situation(),
        directory=DIRECTORY,
        rotas=rotas or {},
        hours={},
    )


def told(given: Climb, since: datetime, until: datetime) -> list[tuple[datetime, int, int, list[str]]]:
    return [
        (each.at, each.step, each.repeat, [_name(found.whom) for found in each.resolution.recipients])
        for each in domain.foresee(given, since, until).told
    ]


def _name(whom: object) -> str:
    return whom.name if isinstance(whom, Member) else repr(whom)


def test_steps_and_repeats_are_told_at_their_instants_whatever_their_order() -> None:
    late = step(ToMember(BEN), name="late"), NOON + 4 * HOUR
    early = step(ToMember(ADA), name="early", every=HOUR, times=2), NOON + HOUR

    assert told(climb(late, early), NOON, NOON + DAY) == [
        (NOON + HOUR, 1, 0, ["Ada"]),
        (NOON + 2 * HOUR, 1, 1, ["Ada"]),
        (NOON + 3 * HOUR, 1, 2, ["Ada"]),
        (NOON + 4 * HOUR, 0, 0, ["Ben"]),
    ]


def test_what_lies_before_the_beginning_is_told_at_once() -> None:
    assert told(climb((step(ToMember(ADA)), NOON - HOUR)), NOON, NOON + HOUR) == [(NOON, 0, 0, ["Ada"])]


def test_a_step_with_nobody_to_tell_passes_on_to_the_next_at_once() -> None:
    nobody = step(ToSkill("fibre"), name="nobody"), NOON + HOUR
    ada = step(ToMember(ADA), name="ada"), NOON + 9 * HOUR

    assert told(climb(nobody, ada), NOON, NOON + DAY) == [
        (NOON + HOUR, 0, 0, []),
        (NOON + HOUR, 1, 0, ["Ada"]),
    ]


def test_whoever_is_on_duty_then_is_told_over_both_changes_of_the_clocks() -> None:
    night_shift = Rotation(
        name="nights",
        members=(ADA, BEN),
        length=1,
        unit=Unit.DAYS,
        first_handover=datetime.fromisoformat("2026-01-01T03:00"),
    )
    rotas = {"nights": Rota(zone=BERLIN, rotations=(night_shift,))}
    for year_day, before_utc in (("2026-03-29", 0), ("2026-10-25", 1)):
        midnight = datetime.fromisoformat(f"{year_day}T00:00").replace(tzinfo=UTC)
        handover = midnight + timedelta(hours=before_utc + 1)
        around = [handover - timedelta(seconds=1), handover]
        steps = [(step(ToRota("nights"), name=str(number)), at) for number, at in enumerate(around)]
        given = replace(climb(*steps, rotas=rotas), begun_at=midnight)

        names = [people for _, _, _, people in told(given, midnight, midnight + DAY)]

        assert sorted(names) == [["Ada"], ["Ben"]], year_day
        assert handover.astimezone(BERLIN).hour == 3


def test_a_gap_is_told_with_the_steps_that_rely_on_the_rota_alone() -> None:
    away = Override(start=NOON + HOUR, end=NOON + 5 * HOUR, member=None)
    rotas = {"shifts": replace(SHIFTS, overrides=(away,))}
    alone = step(ToRota("shifts"), name="alone"), NOON + 2 * HOUR
    bridged = step(ToRota("shifts"), ToMember(BEN), name="bridged"), NOON + 3 * HOUR

    found = domain.foresee(climb(alone, bridged, rotas=rotas), NOON, NOON + DAY)

    (gap,) = found.uncovered
    assert (gap.start, gap.end, gap.steps) == (NOON + HOUR, NOON + 5 * HOUR, (0,))
    assert wording.stretch(gap.start, gap.end, BERLIN) == "Monday 14:00-18:00"
    assert [len(each.resolution.recipients) for each in found.told] == [0, 1]


def test_maintenance_holds_what_is_told_unless_the_ladder_says_otherwise() -> None:
    window = [(NOON + HOUR, NOON + 3 * HOUR)]
    held = replace(climb((step(ToMember(ADA)), NOON + 2 * HOUR)), maintenance=window)
    telling = replace(held, definition=replace(held.definition, maintenance=Maintenance.TELL))

    assert [at for at, *_ in told(held, NOON, NOON + DAY)] == [NOON + 3 * HOUR]
    assert [at for at, *_ in told(telling, NOON, NOON + DAY)] == [NOON + 2 * HOUR]


def test_nothing_is_told_of_what_is_done_with() -> None:
    steps = [(step(ToMember(ADA), name=str(number)), NOON + number * HOUR) for number in (1, 3)]

    over = replace(climb(*steps), ended_at=NOON + 2 * HOUR)

    assert [at for at, *_ in told(over, NOON, NOON + DAY)] == [NOON + HOUR]


def test_what_is_not_told_says_when_it_would_be_if_that_is_known() -> None:
    later = step(ToMember(ADA), name="later"), NOON + 2 * DAY
    unknown = step(ToMember(ADA), name="unknown"), None

    found = domain.foresee(climb(later, unknown), NOON, NOON + DAY)

    assert [(each.step, each.at) for each in found.untold] == [(0, NOON + 2 * DAY), (1, None)]


def test_what_is_too_much_is_cut_and_that_is_said() -> None:
    often = [
        (step(ToMember(ADA), name=str(number), every=timedelta(minutes=1), times=100), NOON)
        for number in range(4)
    ]

    found = domain.foresee(climb(*often), NOON, NOON + DAY)

    assert len(found.told) == domain.TOLD_MAX
    assert found.cut_at is not None
    assert found.told[-1].at <= found.cut_at


MINUTE = timedelta(minutes=1)
STEPS = st.lists(
    st.tuples(
        st.sampled_from([ToMember(ADA), ToSkill("fibre")]),
        st.none() | st.integers(-30, 90),
        st.integers(1, 20),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=4,
)


@given(STEPS, st.integers(0, 120))
def test_what_is_foreseen_is_what_a_run_that_is_looked_at_every_minute_tells(
    drawn: Sequence[tuple[Who, int | None, int, int]], until: int
) -> None:
    steps = [
        (
            step(who, name=str(number), every=every * MINUTE if times else None, times=times),
            None if at is None else NOON + at * MINUTE,
        )
        for number, (who, at, every, times) in enumerate(drawn)
    ]
    given = climb(*steps)

    found = domain.foresee(given, NOON, NOON + until * MINUTE).told

    assert [(each.at, each.step, each.repeat) for each in found] == _run(given, until)


def _run(given: Climb, until: int) -> list[tuple[datetime, int, int]]:
    """A run that a worker looks at once a minute."""
    entries: list[Entry] = [Begun(at=NOON, received_at=NOON, id="0")]
    found: list[tuple[datetime, int, int]] = []
    for minute in range(until):
        at = NOON + minute * MINUTE
        while due := runs.standing(
            Ladder.of(given.definition), entries, dict(enumerate(given.instants)), at
        ).due:
            for each in due:
                found.append((at, each.step, each.repeat))
                targets = given.definition.steps[each.step].targets
                sent = Sent(
                    at=at,
                    received_at=at,
                    id=f"{len(entries):06}",
                    step=each.step,
                    repeat=each.repeat,
                    planned_at=each.planned_at,
                    staffed=targets[0].who == ToMember(ADA),
                )
                entries.append(sent)
    return found
