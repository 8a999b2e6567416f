import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.escalations.runs import domain as climbing
from service.escalations.runs.domain import (
    Acknowledged,
    Begun,
    Ended,
    Entry,
    HandedOver,
    Held,
    Ladder,
    Raised,
    Released,
    Reopened,
    Sent,
    Snoozed,
    State,
    Step,
)
from service.escalations.runs.wire import When
from service.ids import MemberId

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ADA = MemberId(UUID(int=1))
BEN = MemberId(UUID(int=2))
ONCE = Step()
EVERY_TEN = Step(repeat_every=10 * MINUTE, repeats_max=3)
NUMBERS = itertools.count()


def _at(minutes: float) -> datetime:
    return NOON + minutes * MINUTE


def _stamp(minutes: float) -> dict[str, object]:
    return {"at": _at(minutes), "received_at": _at(minutes), "id": f"{next(NUMBERS):09}"}


def _begun() -> Begun:
    return Begun(**_stamp(0))  # pyright: ignore[reportArgumentType] instants and an id


def _ack(minutes: float) -> Acknowledged:
    return Acknowledged(**_stamp(minutes), by=ADA)  # pyright: ignore[reportArgumentType]


def _snooze(minutes: float, until: float) -> Snoozed:
    return Snoozed(**_stamp(minutes), by=ADA, until=_at(until))  # pyright: ignore[reportArgumentType]


def _raise(minutes: float, step: int) -> Raised:
    return Raised(**_stamp(minutes), by=ADA, step=step)  # pyright: ignore[reportArgumentType]


def _end(minutes: float) -> Ended:
    return Ended(**_stamp(minutes), cause=climbing.EndCause.RESOLVED)  # pyright: ignore[reportArgumentType]


def _sent(telling: climbing.Telling, at: datetime) -> Sent:
    return Sent(
        at=at,
        received_at=at,
        id=f"{next(NUMBERS):09}",
        step=telling.step,
        repeat=telling.repeat,
        planned_at=telling.planned_at,
    )


Instants = Mapping[int, datetime | None]


def _climbed(ladder: Ladder, deeds: Sequence[Entry], instants: Instants, *, until: datetime) -> list[Sent]:
    """Everything that is told by a worker that looks exactly when it is to look, and at each deed."""
    ledger: list[Entry] = [_begun()]
    ahead = sorted(deeds, key=lambda entry: (entry.at, entry.id))
    now: datetime | None = NOON
    while now is not None and now <= until:
        while ahead and ahead[0].at <= now:
            ledger.append(ahead.pop(0))
        found = climbing.standing(ladder, ledger, instants, now)
        ledger += [_sent(telling, now) for telling in found.due]
        if found.reopened_at is not None:
            ledger.append(Reopened(at=now, received_at=now, id=f"{next(NUMBERS):09}"))
        again = climbing.standing(ladder, ledger, instants, now)
        assert again.due == ()
        upcoming = [again.next_at, ahead[0].at if ahead else None]
        now = min((at for at in upcoming if at is not None), default=None)
    return [entry for entry in ledger if isinstance(entry, Sent)]


def _told(sent: Sequence[Sent]) -> list[tuple[float, int, int]]:
    return [((entry.planned_at - NOON) / MINUTE, entry.step, entry.repeat) for entry in sent]


@pytest.mark.parametrize(
    ("ladder", "deeds", "told"),
    [
        (Ladder(steps=(ONCE, ONCE)), [], [(0, 0, 0), (30, 1, 0)]),
        (Ladder(steps=(EVERY_TEN,)), [], [(0, 0, 0), (10, 0, 1), (20, 0, 2), (30, 0, 3)]),
        (Ladder(steps=(EVERY_TEN, ONCE)), [_ack(15)], [(0, 0, 0), (10, 0, 1)]),
        (Ladder(steps=(EVERY_TEN, ONCE)), [_end(15)], [(0, 0, 0), (10, 0, 1)]),
        (
            Ladder(steps=(EVERY_TEN, ONCE), acknowledged_for=20 * MINUTE),
            [_ack(15)],
            [(0, 0, 0), (10, 0, 1), (35, 0, 2), (35, 1, 0), (45, 0, 3)],
        ),
        (
            Ladder(steps=(ONCE, ONCE), acknowledged_for=5 * MINUTE),
            [_ack(1)],
            [(0, 0, 0), (6, 0, 1), (30, 1, 0)],
        ),
        (Ladder(steps=(ONCE, ONCE)), [_snooze(10, 40)], [(0, 0, 0), (40, 1, 0)]),
        (Ladder(steps=(ONCE, ONCE)), [_ack(10), _raise(20, 1)], [(0, 0, 0), (20, 1, 0)]),
        (Ladder(steps=(ONCE, ONCE)), [_raise(40, 0)], [(0, 0, 0), (30, 1, 0), (40, 0, 1)]),
        (
            Ladder(steps=(ONCE, ONCE), acknowledged_for=60 * MINUTE),
            [_ack(10), _ack(50)],
            [(0, 0, 0), (110, 1, 0)],
        ),
        (Ladder(steps=(ONCE, ONCE)), [_ack(10), _snooze(20, 25)], [(0, 0, 0), (25, 0, 1), (30, 1, 0)]),
    ],
)  # fmt: skip
def test_who_is_told_when(ladder: Ladder, deeds: list[Entry], told: list[tuple[float, int, int]]) -> None:
    sent = _climbed(ladder, deeds, {0: _at(0), 1: _at(30)}, until=_at(600))

    assert _told(sent) == told


def test_after_an_outage_each_step_is_told_once_by_its_latest_repeat() -> None:
    ladder = Ladder(steps=(EVERY_TEN, ONCE))

    found = climbing.standing(ladder, [_begun()], {0: _at(0), 1: _at(15)}, _at(25))

    assert [(each.step, each.repeat) for each in found.due] == [(1, 0), (0, 2)]
    assert found.next_at == _at(30)


def test_what_ended_in_an_outage_is_not_told_at_all() -> None:
    found = climbing.standing(Ladder(steps=(EVERY_TEN,)), [_begun(), _end(3)], {0: _at(1)}, _at(500))

    assert (found.state, found.due, found.next_at) == (State.ENDED, (), None)


def test_a_step_whose_instant_cannot_be_said_waits() -> None:
    found = climbing.standing(Ladder(steps=(ONCE,)), [_begun()], {0: None}, _at(500))

    assert (found.state, found.due, found.next_at) == (State.CLIMBING, (), None)


def test_a_step_that_was_told_is_not_told_again_when_its_instant_moves() -> None:
    ladder, ledger = Ladder(steps=(ONCE,)), [_begun()]
    told = climbing.standing(ladder, ledger, {0: _at(5)}, _at(5)).due

    found = climbing.standing(ladder, [*ledger, _sent(told[0], _at(5))], {0: _at(50)}, _at(60))

    assert (found.due, found.next_at) == ((), None)


def _when(minutes: float) -> When:
    return When(at=_at(minutes), received_at=_at(minutes), id=f"{next(NUMBERS):09}")


def _gone(minutes: float, step: int) -> Sent:
    """A step that had nobody to tell."""
    return Sent(**_when(minutes), step=step, repeat=0, planned_at=_at(minutes), staffed=False)


def _give(minutes: float, until: float) -> HandedOver:
    return HandedOver(**_when(minutes), by=ADA, to=BEN, until=_at(until))


def _hold(minutes: float, until: float | None) -> Held:
    return Held(**_when(minutes), until=None if until is None else _at(until))


def test_where_nobody_is_told_the_step_above_is_told_at_once() -> None:
    ladder = Ladder(steps=(ONCE, ONCE, ONCE))

    found = climbing.standing(ladder, [_begun(), _gone(5, 0)], {0: _at(5), 1: _at(50), 2: _at(60)}, _at(5))

    assert [(each.step, each.planned_at) for each in found.due] == [(1, _at(5))]
    assert found.next_at == _at(60)


@pytest.mark.parametrize(
    ("step", "again"),
    [(ONCE, [(60, 1)]), (Step(repeat_every=10 * MINUTE, repeats_max=1), [(15, 1), (60, 2)])],
)
def test_a_step_that_was_called_in_vain_is_told_when_its_own_time_comes(
    step: Step, again: list[tuple[float, int]]
) -> None:
    ladder, ledger = Ladder(steps=(ONCE, step)), [_begun(), _gone(5, 0), _gone(5, 1)]
    told: list[tuple[float, int]] = []

    for minutes in range(6, 90):
        due = climbing.standing(ladder, ledger, {0: _at(5), 1: _at(60)}, _at(minutes)).due
        told += [((each.planned_at - NOON) / MINUTE, each.repeat) for each in due]
        ledger += [replace(_sent(each, _at(minutes)), staffed=False) for each in due]

    assert told == again


def test_a_step_that_was_told_is_not_told_again_since_nobody_is_below() -> None:
    told = Sent(**_when(2), step=1, repeat=0, planned_at=_at(2))

    found = climbing.standing(
        Ladder(steps=(ONCE, ONCE)), [_begun(), told, _gone(5, 0)], {0: _at(5), 1: _at(2)}, _at(9)
    )

    assert found.due == ()


def test_what_the_round_before_told_is_told_by_its_last_step_alone() -> None:
    begun = Begun(**_when(0), skips=frozenset({0}))

    found = climbing.standing(
        Ladder(steps=(ONCE, ONCE, ONCE)), [begun], {0: _at(-9), 1: _at(-5), 2: _at(30)}, _at(0)
    )

    assert [each.step for each in found.due] == [1]
    assert found.next_at == _at(30)


def test_whoever_it_is_handed_over_to_has_it_until_they_must_have_taken_it() -> None:
    ladder, ledger = Ladder(steps=(ONCE,)), [_begun(), _give(10, 25)]

    waiting = climbing.standing(ladder, ledger, {0: _at(12)}, _at(20))
    lapsed = climbing.standing(ladder, ledger, {0: _at(12)}, _at(26))

    assert (waiting.state, waiting.by, waiting.until) == (State.HANDED_OVER, BEN, _at(25))
    assert (waiting.due, waiting.next_at) == ((), _at(25))
    assert (lapsed.state, lapsed.reopened_at) == (State.CLIMBING, _at(25))
    assert [each.planned_at for each in lapsed.due] == [_at(25)]


def test_quiet_that_somebody_broke_off_has_not_ended_by_itself() -> None:
    ladder = Ladder(steps=(ONCE,), acknowledged_for=60 * MINUTE)

    found = climbing.standing(ladder, [_begun(), _ack(10), _raise(20, 0)], {0: _at(0)}, _at(30))

    assert found.reopened_at is None


@pytest.mark.parametrize(
    ("entries", "minutes", "due", "next_at"),
    [
        ([_hold(5, 30)], 20, [], 30),
        ([_hold(5, 30)], 30, [30], None),
        ([_hold(5, 30), _hold(10, 60)], 30, [], 60),
        ([_hold(5, None)], 500, [], None),
        ([_hold(5, None), Released(**_when(40))], 40, [40], None),
        ([_hold(5, 60), Released(**_when(40))], 45, [40], None),
    ],
)
def test_maintenance_holds_what_comes_due_in_it(
    entries: list[Entry], minutes: float, due: list[float], next_at: float | None
) -> None:
    found = climbing.standing(Ladder(steps=(ONCE,)), [_begun(), *entries], {0: _at(10)}, _at(minutes))

    assert [each.planned_at for each in found.due] == [_at(each) for each in due]
    assert found.next_at == (None if next_at is None else _at(next_at))
    assert found.state is State.CLIMBING


LADDERS = st.builds(
    Ladder,
    steps=st.lists(
        st.sampled_from([ONCE, EVERY_TEN, Step(repeat_every=7 * MINUTE, repeats_max=2)]),
        min_size=1,
        max_size=3,
    ).map(tuple),
    acknowledged_for=st.sampled_from([None, 5 * MINUTE, 33 * MINUTE]),
)
MINUTES = st.integers(0, 90)
DEEDS = st.lists(
    st.one_of(
        MINUTES.map(_ack),
        st.tuples(MINUTES, st.integers(1, 60)).map(lambda both: _snooze(both[0], both[0] + both[1])),
        st.tuples(MINUTES, st.integers(0, 2)).map(lambda both: _raise(*both)),
        st.tuples(MINUTES, st.integers(1, 60)).map(lambda both: _give(both[0], both[0] + both[1])),
        st.tuples(MINUTES, st.integers(1, 60)).map(lambda both: _hold(both[0], both[0] + both[1])),
        MINUTES.map(lambda minutes: Released(**_when(minutes))),
        MINUTES.map(_end),
    ),
    max_size=5,
)
INSTANTS = st.dictionaries(st.integers(0, 2), st.one_of(st.none(), MINUTES.map(_at)))


@given(ladder=LADDERS, deeds=DEEDS, instants=INSTANTS)
def test_each_step_and_repeat_is_told_once_never_early_and_never_in_quiet(
    ladder: Ladder, deeds: list[Entry], instants: Instants
) -> None:
    sent = _climbed(ladder, deeds, instants, until=_at(400))

    assert len({(entry.step, entry.repeat) for entry in sent}) == len(sent)
    assert all(entry.planned_at <= entry.at for entry in sent)
    over = min((deed.at for deed in deeds if isinstance(deed, Ended)), default=_at(500))
    assert all(entry.at < over for entry in sent)
    for entry in sent:
        before = [deed for deed in deeds if deed.at <= entry.at]
        found = climbing.standing(ladder, [_begun(), *before], instants, entry.at)
        assert (found.state, found.held) == (State.CLIMBING, None)


@given(ladder=LADDERS, deeds=DEEDS, instants=INSTANTS, looks=st.lists(MINUTES, max_size=20))
def test_looking_more_often_changes_nothing(
    ladder: Ladder, deeds: list[Entry], instants: Instants, looks: list[int]
) -> None:
    idle = [_snooze(minutes, minutes) for minutes in looks]
    watched: list[Entry] = [_begun()]
    told: list[Sent] = []
    wanted = _climbed(ladder, deeds, instants, until=_at(90))

    for at in sorted({entry.at for entry in (*deeds, *wanted, *idle)} | {NOON}):
        watched += [deed for deed in deeds if deed.at == at]
        new = [_sent(each, at) for each in climbing.standing(ladder, watched, instants, at).due]
        watched, told = [*watched, *new], [*told, *new]

    assert _told(told) == _told(wanted)


@given(ladder=LADDERS, deeds=DEEDS, instants=INSTANTS, data=st.data())
def test_the_order_in_which_entries_arrive_does_not_matter(
    ladder: Ladder, deeds: list[Entry], instants: Instants, data: st.DataObject
) -> None:
    ledger: list[Entry] = [_begun(), *deeds]
    shuffled = data.draw(st.permutations(ledger))

    assert climbing.standing(ladder, shuffled, instants, _at(60)) == climbing.standing(
        ladder, ledger, instants, _at(60)
    )


@given(ladder=LADDERS, deeds=DEEDS, instants=INSTANTS, at=MINUTES)
def test_nothing_changes_before_it_is_to_be_looked_at_again(
    ladder: Ladder, deeds: list[Entry], instants: Instants, at: int
) -> None:
    ledger = [_begun(), *(deed for deed in deeds if deed.at <= _at(at))]
    found = climbing.standing(ladder, ledger, instants, _at(at))
    last = _at(at) + timedelta(days=1) if found.next_at is None else found.next_at - timedelta(microseconds=1)
    held = found.held is not None and found.held.end is not None and found.held.end <= last

    later = climbing.standing(ladder, ledger, instants, last)

    assert (later.state, later.by, later.due) == (found.state, found.by, found.due)
    assert (later.held is None) == (found.held is None) or held


@given(ladder=LADDERS, before=INSTANTS, after=INSTANTS, moved_at=MINUTES, deeds=DEEDS)
def test_each_step_and_repeat_is_told_once_wherever_its_instant_moves(
    ladder: Ladder, before: Instants, after: Instants, moved_at: int, deeds: list[Entry]
) -> None:
    ledger: list[Entry] = [_begun()]
    for minutes in range(0, 200, 3):
        instants = before if minutes < moved_at else after
        now = _at(minutes)
        seen = [*ledger, *(deed for deed in deeds if deed.at <= now)]
        ledger += [_sent(each, now) for each in climbing.standing(ladder, seen, instants, now).due]

    sent = [(each.step, each.repeat) for each in ledger if isinstance(each, Sent)]
    assert len(set(sent)) == len(sent)
    most = max(step.repeats_max for step in ladder.steps)
    raised = sum(isinstance(deed, Raised | Acknowledged | Snoozed | HandedOver) for deed in deeds)
    assert all(repeat <= most + raised for _, repeat in sent)
