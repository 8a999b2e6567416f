"""Arrangement, approval and special method together, under any interleaving, against a second opinion.

The second opinion knows who consented, who had a hand in it, since when, and from when to when something was
allowed: nothing else.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from service.ids import MemberId
from service.rationalization.approvals import domain as approvals
from service.rationalization.approvals.domain import Answered, Asked, Wanted
from service.rationalization.arrangements import domain as arrangements
from service.rationalization.arrangements.domain import Arranged, Looked, VerdictKind
from service.rationalization.involvement import domain as involvement
from service.rationalization.involvement.domain import Hand
from service.rationalization.specials import domain as specials
from service.rationalization.specials.domain import Approved, Ended, Proposed

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
TICK, HOUR, DAY = timedelta.resolution, timedelta(hours=1), timedelta(days=1)
LASTS = 3 * DAY
ASKER, ADA, BOB, EVE = (MemberId(UUID(int=number)) for number in range(4))
SEATS = frozenset({"manager"})
WANTED = Wanted(seats=SEATS, persons_min=2)
COUNTING = {approvals.State.PENDING, approvals.State.GRANTED}
PEOPLE = st.sampled_from([ASKER, ADA, BOB, EVE])


class Model:
    """The second opinion."""

    def __init__(self) -> None:
        self.state = "held_up"
        self.consents: set[MemberId] = set()
        self.editors: set[MemberId] = set()
        self.assessor: MemberId | None = None
        self.decide_by = NOON + HOUR
        self.allowed: list[tuple[datetime, datetime]] = []
        """From when, and up to when, both included."""

    def answers(self, who: MemberId, now: datetime, *, approves: bool) -> None:
        barred = {ASKER, *self.editors, self.assessor}
        if self.state != "held_up" or now > self.decide_by or who in barred:
            return
        if not approves:
            self.state = "refused"
            return
        self.consents.add(who)
        if len(self.consents) == 2:
            self.state = "ready"
            self.allowed.append((now, now + LASTS))

    def assessed(self, who: MemberId, now: datetime) -> None:
        is_over = self.state not in {"held_up", "ready"}
        has_lapsed = self.state == "held_up" and now > self.decide_by
        if is_over or has_lapsed or who not in self.consents:
            self.assessor = who

    def edited(self, who: MemberId, now: datetime) -> None:
        self.editors.add(who)
        if self.state in {"held_up", "ready"}:
            self.cut_short(now)
            self.state, self.consents, self.decide_by = "held_up", set(), now + HOUR

    def withdrawn(self, now: datetime) -> None:
        if self.state in {"held_up", "ready"}:
            self.cut_short(now)
            self.state = "withdrawn"

    def cut_short(self, now: datetime) -> None:
        self.allowed = [(start, min(last, now - TICK)) for start, last in self.allowed]

    def may_be_used(self, at: datetime) -> bool:
        return any(start <= at <= last for start, last in self.allowed)


class Interleaved(RuleBasedStateMachine):
    """What the use cases do with the three ledgers, as one request's lock lets them: one after another."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOON
        self.model = Model()
        self.arrangement: list[arrangements.Entry] = [
            Arranged(at=NOON, verdict=VerdictKind.SPECIAL_METHOD, gated=True)
        ]
        self.approval: list[approvals.Entry] = [self._asked()]
        self.specials: list[list[specials.Entry]] = [[Proposed(at=NOON, lasts=LASTS)]]
        self.hands: dict[Hand, frozenset[MemberId]] = {}
        self.seen = [NOON - TICK]
        self._remember()

    @rule(span=st.sampled_from([TICK, timedelta(minutes=20), HOUR, DAY, LASTS]))
    def time_passes(self, span: timedelta) -> None:
        self.now += span
        self._remember()

    @rule(who=PEOPLE, approves=st.sampled_from([True, True, True, False]))
    def somebody_answers(self, who: MemberId, *, approves: bool) -> None:
        said = Answered(at=self.now, by=who, seats=SEATS, approves=approves, because="So.")
        asked = replace(approvals.asked_last(self.approval), hands=self.hands)
        found = approvals.standing(self.approval, self.now)
        if approvals.refusal(asked, found, said) is None:
            self.approval.append(said)
        self.model.answers(who, self.now, approves=approves)
        self._settle()

    @rule(who=PEOPLE)
    def the_risk_is_assessed(self, who: MemberId) -> None:
        found = approvals.standing(self.approval, self.now)
        counting = found.approvals if found.state in COUNTING else ()
        if all(who not in answer.people for answer in counting):
            self.hands |= {Hand.ASSESSED: frozenset({who})}
        self.model.assessed(who, self.now)

    @rule(who=PEOPLE)
    def it_is_edited(self, who: MemberId) -> None:
        self.hands |= {Hand.EDITED: self.hands.get(Hand.EDITED, frozenset()) | {who}}
        if self._state in arrangements.GATED:
            self.approval.append(self._asked())
            self._end("It was edited.")
            if self._special.state is not specials.State.PROPOSED:
                self.specials.append([Proposed(at=self.now, lasts=LASTS)])
        self.model.edited(who, self.now)
        self._settle()

    @rule()
    def it_is_withdrawn(self) -> None:
        entry = arrangements.Withdrawn(at=self.now, because="It was cancelled.")
        if self._arranges(entry):
            self.approval.append(approvals.Withdrawn(at=self.now))
            self.specials[-1].append(Ended(at=self.now, because="It was cancelled."))
        self.model.withdrawn(self.now)

    @rule()
    def it_is_ended_early(self) -> None:
        self._end("It is enough.")
        self.model.cut_short(self.now)

    @rule()
    def somebody_looks(self) -> None:
        self._settle()

    @invariant()
    def it_stands_as_the_second_opinion_says(self) -> None:
        assert self._state.value == self.model.state

    @invariant()
    def it_is_used_when_the_second_opinion_says(self) -> None:
        for at in self.seen:
            allowed = any(specials.may_be_used(ledger, at) for ledger in self.specials)
            assert allowed == self.model.may_be_used(at)

    @invariant()
    def nobody_who_had_a_hand_in_it_consented(self) -> None:
        found = approvals.standing(self.approval, self.now)
        if self._state in arrangements.GATED and found.state in COUNTING:
            involved = involvement.everybody(self.hands) | {ASKER}
            assert all(answer.people.isdisjoint(involved) for answer in found.approvals)

    @invariant()
    def one_at_most_is_open_and_only_what_is_ready_is_allowed(self) -> None:
        states = [specials.standing(ledger, self.now).state for ledger in self.specials]
        assert sum(state in specials.OPEN for state in states) <= 1
        if specials.State.ALLOWED in states:
            assert self._state is arrangements.State.READY
            assert approvals.standing(self.approval, self.now).state is approvals.State.GRANTED

    def _remember(self) -> None:
        """The instants at which something that begins now would begin, or end."""
        self.seen += [self.now - TICK, self.now, self.now + LASTS, self.now + LASTS + TICK]

    def _settle(self) -> None:
        """What is done whenever something of it has changed."""
        if self._state not in arrangements.GATED:
            return
        found = approvals.standing(self.approval, self.now)
        if found.state is approvals.State.REFUSED:
            self._arranges(arrangements.Refused(at=self.now, because="Too risky."))
            self.specials[-1].append(specials.Refused(at=self.now))
            return
        is_granted = found.state is approvals.State.GRANTED
        before = self._state
        self._arranges(Looked(at=self.now, missing=() if is_granted else ("board",)))
        if is_granted and before is not arrangements.State.READY:
            self.specials[-1].append(Approved(at=self.now))

    def _end(self, because: str) -> None:
        if self._special.state is specials.State.ALLOWED:
            self.specials[-1].append(Ended(at=self.now, because=because))

    def _arranges(self, entry: arrangements.Entry) -> bool:
        taken = arrangements.refusal(arrangements.standing(self.arrangement, self.now), entry) is None
        if taken:
            self.arrangement.append(entry)
        return taken

    def _asked(self) -> Asked:
        return Asked(at=self.now, wanted=WANTED, requesters=frozenset({ASKER}), deadline_at=self.now + HOUR)

    @property
    def _state(self) -> arrangements.State:
        return arrangements.standing(self.arrangement, self.now).state

    @property
    def _special(self) -> specials.Standing:
        return specials.standing(self.specials[-1], self.now)


TestInterleaved = Interleaved.TestCase
TestInterleaved.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
