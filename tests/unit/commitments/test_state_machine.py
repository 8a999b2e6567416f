"""The life of a promise, step by step, against a second opinion that counts ten-minute slots.

Reports come in time, late and out of order; the promise is looked at with each of them, and now and then.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from time import monotonic
from typing import Any, ClassVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from service.commitments import domain, steps
from service.commitments.domain import (
    Announced,
    Assigned,
    Cancelled,
    EntryId,
    Fulfilled,
    Judgement,
    LedgerEntry,
    Level,
    OnChange,
    OnReopen,
    Paused,
    Reopened,
    Resumed,
    Retermed,
    Standing,
    Target,
    Terms,
    Threshold,
    Told,
    judging,
)
from service.commitments.models import Commitment
from service.commitments.offers import Offer
from service.commitments.steps import Look, Step
from service.ids import DecisionId, RequestId
from service.outbox.models import EventDraft
from tests.unit.commitments.ledgers import ALWAYS, CALENDARS, MICROSECOND, MONDAY, OFFICE, REQUESTER, SUPPLIER
from tests.unit.commitments.model import SLOTS_A_DAY, Event, Model, Rules, View

SLOT = timedelta(minutes=10)
OWN = "own"
"""A cause that nothing but an added pause has, and that every clock allows."""
OURS, THEIRS = "ours", "theirs"
NOBODY = UUID(int=0)

CAUSES = st.sampled_from([REQUESTER, SUPPLIER])
PARTIES = st.sampled_from(["requester", OURS, THEIRS])
GROUPS = st.sampled_from([None, OURS, THEIRS])
LATE = st.one_of(st.just(0), st.integers(0, SLOTS_A_DAY))
SEQUENCES = st.integers(0, 2)
AMOUNTS: dict[str, st.SearchStrategy[int]] = {
    "working": st.integers(1, 100),
    "elapsed": st.integers(1, 300),
    "business_days": st.integers(1, 3),
    "end_of_business_day": st.integers(0, 3),
    "time_of_business_day": st.integers(0, 3),
    "instant": st.integers(0, 8 * SLOTS_A_DAY),
}


def _rules_of(unit: str) -> st.SearchStrategy[Rules]:
    return st.builds(
        Rules,
        unit=st.just(unit),
        amount=AMOUNTS[unit],
        clock=st.integers(0, SLOTS_A_DAY - 1),
        office=st.booleans(),
        pausable_by=st.frozensets(CAUSES).map(lambda causes: causes | {OWN}),
        on_change=st.sampled_from([change.value for change in OnChange]),
        may_be_later=st.booleans(),
        on_reopen=st.sampled_from([reopen.value for reopen in OnReopen]),
        group=st.sampled_from([None, None, None, OURS]),
        is_supplier=st.booleans(),
        replies=st.sampled_from(["nothing", "nothing", "fulfil", "restart"]),
        warn=st.integers(1, 12),
    )


RULES = st.sampled_from(["working", "working", "working", *AMOUNTS]).flatmap(_rules_of)


def _instant(slot: int) -> datetime:
    return MONDAY + slot * SLOT


def _slot(at: datetime | None) -> int | None:
    if at is None:
        return None
    slot, rest = divmod(at - MONDAY, SLOT)
    assert rest == timedelta(0), at
    return slot


def _target(rules: Rules) -> Target:
    match rules.unit:
        case "working":
            return domain.WorkingTarget(rules.amount * 600)
        case "elapsed":
            return domain.ElapsedTarget(rules.amount * 600)
        case "business_days":
            return domain.BusinessDaysTarget(rules.amount)
        case "end_of_business_day":
            return domain.EndOfBusinessDayTarget(rules.amount)
        case "time_of_business_day":
            hours, tens = divmod(rules.clock, 6)
            return domain.TimeOfBusinessDayTarget(rules.amount, time(hours, tens * 10))
        case _:
            return domain.InstantTarget(_instant(rules.amount))


def _terms(rules: Rules) -> Terms:
    restarts = {"reply"} if rules.replies == "restart" else set[str]()
    return Terms(
        metric="resolve",
        target=_target(rules),
        calendar=OFFICE if rules.office else ALWAYS,
        pausable_by=rules.pausable_by,
        on_change=OnChange(rules.on_change),
        may_be_later=rules.may_be_later,
        warn_before=rules.warn * SLOT,
        fulfilled_by=frozenset({"resolved"} | ({"reply"} if rules.replies != "nothing" else set())),
        on_reopen=OnReopen(rules.on_reopen),
        level=Level.UC if rules.is_supplier else Level.OLA if rules.group else Level.SLA,
        held_by=rules.group,
        restarts_by=frozenset(restarts),
    )


def _view(judged: Judgement) -> View:
    return View(
        clock=judged.clock.value,
        outcome=judged.outcome.value,
        due=_slot(judged.due_at),
        warn=_slot(judged.warn_at),
        fulfilled=_slot(judged.fulfilled_at),
        cancelled=_slot(judged.cancelled_at),
        used=judged.used // SLOT,
        silent=judged.is_silent,
    )


def _lasting(standing: Standing) -> list[tuple[object, ...]]:
    """What is stored of each cycle: all but the figures that grow with the clock."""
    return [
        (
            *(one.clock, one.outcome, one.due_at, one.warn_at, one.paused_since),
            *(one.fulfilled_at, one.cancelled_at, one.is_silent),
        )
        for one in standing.cycles
    ]


def _or_never(judged: Judgement) -> datetime:
    return judged.due_at or datetime.max.replace(tzinfo=MONDAY.tzinfo)


class LifeOfAPromise(RuleBasedStateMachine):
    """Each rule tells the promise and the model the same; what is kept is what a step would write."""

    steps: ClassVar[int] = 0
    seen: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.made_ids = 0
        self.ledger: list[LedgerEntry] = []
        self.events: list[EventDraft] = []
        self.told: list[EntryId] = []
        self.model: Model
        self.taken: Step

    def _new_id(self) -> UUID:
        self.made_ids += 1
        return UUID(int=self.made_ids)

    def _look(self, slot: int | None = None) -> Look:
        return Look(CALENDARS, _instant(self.now if slot is None else slot), self._new_id)

    @property
    def stored(self) -> Commitment:
        return self.taken.commitment

    @property
    def standing(self) -> Standing:
        return self.taken.standing

    @initialize(start=st.integers(0, 3 * SLOTS_A_DAY), rules=RULES, late=LATE)
    def begin(self, start: int, rules: Rules, late: int) -> None:
        self.now = start + late
        self.model = Model(start, rules)
        offer = Offer(
            request_id=RequestId(NOBODY),
            client_id=None,
            terms=(_terms(rules),),
            decision_id=DecisionId(NOBODY),
            at=_instant(start),
            source_sequence=0,
            received_at=_instant(start),
            entry_id=EntryId(str(self._new_id())),
        )
        self._keep(steps.made(offer, offer.terms[0], self._look()))

    def _keep(self, step: Step) -> None:
        """Write what a step says."""
        type(self).steps += 1
        self.taken = step
        self.ledger += step.entries
        self.events += step.events
        type(self).seen.update(event.type for event in step.events)

    def _next(self, *entries: LedgerEntry, slot: int | None = None) -> Step:
        return steps.next_step(self.stored, self.ledger, entries, None, self._look(slot))

    def _tell(self, event: Event, kind: type[LedgerEntry], **says: Any) -> None:
        """Tell the promise and the model of it, and look."""
        self.model.events.append(event)
        self._record(kind, at=_instant(event.slot), source_sequence=event.sequence, **says)

    def _record(self, kind: type[LedgerEntry], **says: Any) -> None:
        entry = kind(received_at=_instant(self.now), id=EntryId(str(self._new_id())), **says)
        self._keep(self._next(entry))

    @rule(slots=st.integers(1, 2 * SLOTS_A_DAY), looks=st.booleans())
    def wait(self, slots: int, looks: bool) -> None:  # noqa: FBT001 - hypothesis names it
        self.now += slots
        if looks:
            self._keep(self._next())

    @rule()
    def wait_for_the_wake_up(self) -> None:
        wake_up = self.taken.wake_up
        if wake_up is not None:
            self.now = max(self.now, -((MONDAY - wake_up.fire_at) // SLOT))
            self._keep(self._next())

    @rule(cause=CAUSES, party=PARTIES, late=LATE, sequence=SEQUENCES)
    def pause(self, cause: str, party: str, late: int, sequence: int) -> None:
        event = Event(self.now - late, "pause", cause, party, sequence=sequence)
        self._tell(event, Paused, cause=cause, party=party)

    @rule(cause=st.one_of(CAUSES, st.none()), late=LATE, sequence=SEQUENCES)
    def resume(self, cause: str | None, late: int, sequence: int) -> None:
        self._tell(Event(self.now - late, "resume", cause, sequence=sequence), Resumed, cause=cause)

    @rule(group=GROUPS, late=LATE, sequence=SEQUENCES)
    def assign(self, group: str | None, late: int, sequence: int) -> None:
        event = Event(self.now - late, "assign", group, sequence=sequence)
        self._tell(event, Assigned, group=group, person=None)

    @rule(rules=RULES, late=LATE, sequence=SEQUENCES)
    def reterm(self, rules: Rules, late: int, sequence: int) -> None:
        event = Event(self.now - late, "reterm", rules=rules, sequence=sequence)
        self._tell(event, Retermed, terms=_terms(rules), decision="later")

    @rule(by=st.sampled_from(["reply", "resolved"]), late=LATE, sequence=SEQUENCES)
    def fulfil(self, by: str, late: int, sequence: int) -> None:
        self._tell(Event(self.now - late, "fulfil", by, sequence=sequence), Fulfilled, by=by)

    @rule(late=LATE)
    def reopen(self, late: int) -> None:
        self._tell(Event(self.now - late, "reopen"), Reopened)

    @rule(sure=st.integers(0, 4), because=st.sampled_from([None, "not needed"]), late=LATE)
    def cancel(self, sure: int, because: str | None, late: int) -> None:
        """The request is cancelled, or the promise alone is taken back."""
        if sure == 0:
            self._tell(Event(self.now - late, "cancel", because), Cancelled, because=because or "")

    @rule()
    def announce(self) -> None:
        event = Event(self.now, "announce", since=_slot(self.stored.started_at) or 0)
        self._tell(event, Announced, renegotiation="r", **self._of_cycle())

    def _of_cycle(self) -> dict[str, Any]:
        return {"cycle": self.stored.cycle, "since": self.stored.started_at}

    @precondition(lambda self: domain.breach_is_told(self.standing, self.standing.current))
    @rule(sure=st.integers(0, 2))
    def correct(self, sure: int) -> None:
        """Somebody says that the breach was recorded wrongly."""
        if sure == 0:
            self.model.corrected.add(_slot(self.stored.started_at) or 0)
            self._record(
                Told,
                at=_instant(self.now),
                threshold=Threshold.CORRECTED,
                by="member:1",
                **self._of_cycle(),
            )

    @rule(data=st.data())
    def order_of_arrival_does_not_matter(self, data: st.DataObject) -> None:
        """Where (occurred_at, source sequence) differ."""
        numbered = [
            replace(entry, source_sequence=place) for place, entry in enumerate(domain.in_order(self.ledger))
        ]
        arrived = data.draw(st.permutations(numbered))
        again = [replace(entry, id=EntryId(f"{place:09}")) for place, entry in enumerate(arrived)]

        shuffled, expected = self._judged(again), self._judged(numbered)
        assert _lasting(shuffled) == _lasting(expected)
        assert shuffled.flags == expected.flags

    @rule(since=st.integers(0, 5 * SLOTS_A_DAY), slots=st.integers(1, 3 * SLOTS_A_DAY))
    def an_added_pause_never_makes_a_due_earlier(self, since: int, slots: int) -> None:
        start = max(0, self.now - since)
        paused = self._judged([*self.ledger, *self._pause(start, start + slots)])

        for before, after in zip(self._judged(self.ledger).cycles, paused.cycles, strict=True):
            assert _or_never(after) >= _or_never(before)

    @precondition(lambda self: all(event.name for event in self.model.events if event.kind == "resume"))
    @rule(since=st.integers(0, 5 * SLOTS_A_DAY), slots=st.integers(1, 200), more=st.integers(1, 200))
    def splitting_a_pause_changes_nothing(self, since: int, slots: int, more: int) -> None:
        """Unless a report ended whatever pause there was: it ends the part that it falls in."""
        start = max(0, self.now - since)
        middle, end = start + slots, start + slots + more
        whole = [*self.ledger, *self._pause(start, end)]
        parts = [*self.ledger, *self._pause(start, middle), *self._pause(middle, end)]

        assert _lasting(self._judged(parts)) == _lasting(self._judged(whole))

    def _judged(self, entries: Sequence[LedgerEntry]) -> Standing:
        """Where a promise with this ledger stands once all of it counts."""
        latest = max(entry.at for entry in entries)
        return domain.standing(entries, CALENDARS, max(latest, _instant(self.now)))

    def _pause(self, since: int, until: int) -> list[LedgerEntry]:
        """A pause that stops every clock, beside whatever the ledger holds."""
        name = EntryId(f"pause {since}")
        when: dict[str, Any] = {"source_sequence": 9, "received_at": _instant(until), "id": name}
        return [
            Paused(at=_instant(since), cause=OWN, party="us", **when),
            Resumed(at=_instant(until), cause=OWN, **when),
        ]

    @invariant()
    def agrees_with_the_second_opinion(self) -> None:
        at = _slot(self.stored.looked_at) or 0
        assert [_view(one) for one in self.standing.cycles] == self.model.views(at)

    @invariant()
    def has_stored_what_the_ledger_says(self) -> None:
        look = replace(self._look(), now=self.stored.looked_at)
        assert steps.account(self.stored, self.ledger, look).commitment == self.stored

    @invariant()
    def has_told_everything_that_is_due_to_be_told(self) -> None:
        again = self._next(slot=_slot(self.stored.looked_at))

        assert again.events == ()
        assert (again.commitment, again.entries) == (self.stored, ())

    @invariant()
    def has_told_each_threshold_once(self) -> None:
        for since in {entry.since for entry in self.standing.told}:
            told = [entry.threshold for entry in self.standing.told if entry.since == since]
            breaches = [one for one in told if one is not Threshold.WARNED]
            assert told.count(Threshold.WARNED) <= 1
            assert breaches[::2] == [Threshold.BROKEN] * len(breaches[::2])
            assert breaches[1::2] == [Threshold.CORRECTED] * len(breaches[1::2])
        warned = [entry for entry in self.standing.told if entry.threshold is Threshold.WARNED]
        assert len(warned) == sum(event.type == "commitment.warned" for event in self.events)
        assert [event.sequence for event in self.events] == list(range(1, len(self.events) + 1))

    @invariant()
    def never_erases_a_breach(self) -> None:
        """What was told stays told; a cycle that is no longer broken says that it was corrected."""
        told = [entry.id for entry in self.standing.told]
        assert told[: len(self.told)] == self.told
        self.told = told
        broken = {one.started_at for one in self.standing.cycles if one.broken_at is not None}
        for one in self.standing.cycles:
            assert one.started_at in broken or not domain.breach_is_told(self.standing, one)
        assert judging.breaches_of_no_cycle(self.standing) == []

    @invariant()
    def does_not_change_before_it_wakes(self) -> None:
        wake_up, looked_at = self.taken.wake_up, self.stored.looked_at
        last = looked_at + timedelta(days=20) if wake_up is None else wake_up.fire_at - MICROSECOND
        look = replace(self._look(), now=last)
        later = steps.next_step(self.stored, self.ledger, (), None, look)

        assert last >= looked_at
        assert later.events == ()
        assert _lasting(later.standing) == _lasting(self.standing)


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
    LifeOfAPromise.steps = 0

    _run(machines=100, steps=25)

    assert LifeOfAPromise.steps > 500


@pytest.mark.prove
def test_a_promise_lives_as_the_second_opinion_says_for_200_000_steps(
    capsys: pytest.CaptureFixture[str],
) -> None:
    LifeOfAPromise.steps, began = 0, monotonic()

    while LifeOfAPromise.steps < 200_000:
        _run(machines=500, steps=50)

    with capsys.disabled():
        print(f"\n{LifeOfAPromise.steps:,} steps in {monotonic() - began:.0f} s", end=" ")  # noqa: T201
    assert {f"commitment.{kind}" for kind in ("warned", "broken", "corrected", "reopened")} <= set(
        LifeOfAPromise.seen
    )
