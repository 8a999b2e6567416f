"""Escalations that silently did not run: the traps that ladders are known to fall into."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from service.escalations.runs import domain
from service.escalations.runs.domain import Acknowledged, Begun, Entry, Ladder, Sent, Standing, Step
from service.ids import MemberId

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ADA = MemberId(UUID(int=1))
EVERY_TEN = Step(repeat_every=10 * MINUTE, repeats_max=3)
LADDER = Ladder(steps=(Step(), EVERY_TEN, Step()))
INSTANTS = {0: NOON, 1: NOON + 5 * MINUTE, 2: NOON + 60 * MINUTE}


class Watch:
    """A run, and a worker that looks at it."""

    def __init__(self, ladder: Ladder = LADDER, instants: Mapping[int, datetime | None] = INSTANTS) -> None:
        self.ladder = ladder
        self.instants = instants
        self.ledger: list[Entry] = [Begun(at=NOON, received_at=NOON, id="0")]

    def standing(self, minutes: float) -> Standing:
        return domain.standing(self.ladder, self.ledger, self.instants, NOON + minutes * MINUTE)

    def look(self, minutes: float, *, unstaffed: Sequence[int] = ()) -> list[tuple[int, int]]:
        """Tell what is due, and what is due because of that; these steps have nobody to tell."""
        told: list[tuple[int, int]] = []
        while due := self.standing(minutes).due:
            for telling in due:
                told.append((telling.step, telling.repeat))
                now = NOON + minutes * MINUTE
                self.ledger.append(
                    Sent(
                        at=now,
                        received_at=now,
                        id=str(len(self.ledger)),
                        step=telling.step,
                        repeat=telling.repeat,
                        planned_at=telling.planned_at,
                        staffed=telling.step not in unstaffed,
                    )
                )
        return told

    def acknowledge(self, minutes: float) -> None:
        at = NOON + minutes * MINUTE
        self.ledger.append(Acknowledged(at=at, received_at=at, id=str(len(self.ledger)), by=ADA))


def test_repeated_from_a_step_on() -> None:
    """Only the step that says so is repeated, not the ladder from its first step."""
    watch = Watch()

    told = [watch.look(minutes) for minutes in (0, 5, 15, 25, 35, 45)]

    assert told == [[(0, 0)], [(1, 0)], [(1, 1)], [(1, 2)], [(1, 3)], []]


def test_nobody_on_call_waits_for_no_delay() -> None:
    """A step without anybody passes on to the next at once, and that one waits for nothing."""
    watch = Watch()
    watch.look(0)

    assert watch.look(5, unstaffed=[1]) == [(1, 0), (2, 0)]


def test_nobody_on_call_at_all_does_not_end_the_run() -> None:
    watch = Watch()

    assert watch.look(5, unstaffed=[0, 1, 2]) == [(0, 0), (1, 0), (2, 0)]
    assert watch.standing(5).next_at == NOON + 15 * MINUTE
    assert watch.look(15) == [(1, 1)]


def test_only_the_first_level_was_told() -> None:
    """Every step is told, whether or not the one before it was looked at in time."""
    watch = Watch()

    assert watch.look(90) == [(0, 0), (1, 3), (2, 0)]


def test_a_paused_chain_is_resumed_after_a_restart() -> None:
    """Where it stands is read from its ledger: a worker that begins anew goes on where the other ended."""
    watch, restarted = Watch(), Watch()
    watch.look(0)
    watch.look(5)
    restarted.ledger = list(reversed(watch.ledger))

    assert restarted.standing(6) == watch.standing(6)
    assert restarted.look(15) == [(1, 1)]


@pytest.mark.parametrize("steps", [1, 3])
def test_an_acknowledgement_that_ran_out_is_no_end(steps: int) -> None:
    ladder = Ladder(steps=LADDER.steps[:steps], acknowledged_for=20 * MINUTE)
    watch = Watch(ladder, {step: INSTANTS[step] for step in range(steps)})
    watch.look(0)
    watch.acknowledge(1)

    assert watch.look(20) == []
    assert watch.standing(20).next_at == NOON + 21 * MINUTE
    assert watch.look(21) != []


def test_a_step_that_waits_for_a_pause_is_not_forgotten() -> None:
    """While its instant is not known there is nothing to wait for; whoever resumes the promise sets it."""
    watch = Watch(instants={0: NOON, 1: None, 2: None})
    watch.look(0)
    assert watch.standing(30).look_at is None

    watch.instants = {0: NOON, 1: NOON + 30 * MINUTE, 2: NOON + 85 * MINUTE}

    assert watch.standing(31).look_at == NOON + 30 * MINUTE
    assert watch.look(31) == [(1, 0)]
