"""The life of a promise, step by step, against a second opinion that counts ten-minute slots."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from service.commitments import domain
from service.commitments.domain import (
    Judgement,
    OnChange,
    OnReopen,
    Standing,
    Terms,
    Threshold,
    WorkingTarget,
)
from tests.unit.commitments.ledgers import MICROSECOND, MONDAY, REQUESTER, SUPPLIER, Ledger, resolve, step
from tests.unit.commitments.model import SLOTS_A_DAY, Event, Model, Rules, View

SLOT = timedelta(minutes=10)
CAUSES = st.sampled_from([REQUESTER, SUPPLIER])
BACK = st.integers(0, SLOTS_A_DAY)
RULES = st.builds(
    Rules,
    target=st.integers(1, 100),
    pausable_by=st.frozensets(CAUSES),
    on_change=st.sampled_from([change.value for change in OnChange]),
    may_be_later=st.booleans(),
    on_reopen=st.sampled_from([reopen.value for reopen in OnReopen]),
)


def _instant(slot: int) -> datetime:
    return MONDAY + slot * SLOT


def _slot(at: datetime | None) -> int | None:
    return None if at is None else (at - MONDAY) // SLOT


def _terms(rules: Rules) -> Terms:
    return resolve(
        WorkingTarget(rules.target * 600),
        pausable_by=rules.pausable_by,
        on_change=OnChange(rules.on_change),
        may_be_later=rules.may_be_later,
        on_reopen=OnReopen(rules.on_reopen),
        warn_before=timedelta(minutes=30),
    )


def _view(judged: Judgement) -> View:
    return View(
        clock=judged.clock.value,
        outcome=judged.outcome.value,
        due=_slot(judged.due_at),
        fulfilled=_slot(judged.fulfilled_at),
        used=judged.used // SLOT,
    )


class LifeOfAPromise(RuleBasedStateMachine):
    """Each rule tells the ledger and the model the same, now or late; steps are told as the shell does."""

    steps: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.ledger = Ledger()
        self.model: Model | None = None
        self.standing: Standing | None = None

    @initialize(start=st.integers(0, 3 * SLOTS_A_DAY), rules=RULES)
    def begin(self, start: int, rules: Rules) -> None:
        self.now = start
        self.model = Model(start, rules)
        self.ledger.start(_instant(start), _terms(rules))

    def _record(self, event: Event, append: Callable[[datetime], object]) -> None:
        if self.model is None:
            raise ValueError("not begun")
        self.model.events.append(event)
        append(_instant(event.slot))

    @rule(slots=st.integers(1, 2 * SLOTS_A_DAY))
    def wait(self, slots: int) -> None:
        self.now += slots

    @rule()
    def wait_for_the_wake_up(self) -> None:
        wake_up = None if self.standing is None else domain.next_wake_up(self.standing, _instant(self.now))
        if wake_up is not None:
            self.now = -((MONDAY - wake_up) // SLOT)

    @rule(cause=CAUSES, late=BACK)
    def pause(self, cause: str, late: int) -> None:
        event = Event(self.now - late, "pause", cause)
        self._record(event, partial(self.ledger.pause, cause=cause, received_at=_instant(self.now)))

    @rule(cause=st.one_of(CAUSES, st.none()), late=BACK)
    def resume(self, cause: str | None, late: int) -> None:
        event = Event(self.now - late, "resume", cause)
        self._record(event, partial(self.ledger.resume, cause=cause, received_at=_instant(self.now)))

    @rule(rules=RULES, late=BACK)
    def reterm(self, rules: Rules, late: int) -> None:
        event = Event(self.now - late, "reterm", rules=rules)
        self._record(event, partial(self.ledger.reterm, terms=_terms(rules), received_at=_instant(self.now)))

    @rule(late=BACK)
    def fulfil(self, late: int) -> None:
        event = Event(self.now - late, "fulfil")
        self._record(event, partial(self.ledger.fulfil, received_at=_instant(self.now)))

    @rule()
    def reopen(self) -> None:
        self._record(Event(self.now, "reopen"), self.ledger.reopen)

    @rule(sure=st.integers(0, 4))
    def cancel(self, sure: int) -> None:
        if sure == 0:
            self._record(Event(self.now, "cancel"), self.ledger.cancel)

    @invariant()
    def agrees_with_the_second_opinion(self) -> None:
        if self.model is None:
            return
        type(self).steps += 1
        _, self.standing = step(self.ledger, self.standing, _instant(self.now))
        assert [_view(one) for one in self.standing.cycles] == self.model.views(self.now)

    @invariant()
    def has_told_everything_that_is_due_to_be_told(self) -> None:
        if self.standing is not None:
            assert domain.happenings(self.standing, self.standing) == ()

    @invariant()
    def has_told_each_threshold_once(self) -> None:
        told = () if self.standing is None else self.standing.told
        for cycle in {entry.cycle for entry in told}:
            thresholds = [entry.threshold for entry in told if entry.cycle == cycle]
            breaches = [one for one in thresholds if one is not Threshold.WARNED]
            assert thresholds.count(Threshold.WARNED) <= 1
            assert all(one is not other for one, other in pairwise(breaches))

    @invariant()
    def does_not_change_before_it_wakes(self) -> None:
        if self.standing is None:
            return
        now = _instant(self.now)
        wake_up = domain.next_wake_up(self.standing, now)
        last = now + timedelta(days=20) if wake_up is None else wake_up - MICROSECOND
        assert wake_up is None or wake_up > now
        assert domain.happenings(self.standing, self.ledger.standing(last)) == ()


def _run(*, machines: int, steps: int) -> None:
    run_state_machine_as_test(
        LifeOfAPromise,
        settings=settings(
            max_examples=machines,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )


def test_a_promise_lives_as_the_second_opinion_says() -> None:
    _run(machines=50, steps=25)

    assert LifeOfAPromise.steps > 200


@pytest.mark.prove
def test_a_promise_lives_as_the_second_opinion_says_for_200_000_steps() -> None:
    LifeOfAPromise.steps = 0
    while LifeOfAPromise.steps < 200_000:
        _run(machines=500, steps=50)
