"""What new terms change in a promise, what an operation may still do, and whom a version concerns."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import ids
from service.commitments import prospects, steps
from service.commitments.domain import (
    ElapsedTarget,
    LedgerEntry,
    OnChange,
    Outcome,
    Terms,
)
from service.commitments.models import Commitment
from service.commitments.prospects import Prospect
from service.commitments.steps import Look
from service.ids import (
    CalendarId,
    CalendarVersionId,
    ClientId,
    DecisionId,
    PolicyId,
    PolicyVersionId,
    RequestId,
    ServiceId,
)
from service.requests.domain import Decision
from service.requests.repinning import domain
from service.requests.repinning.domain import Effect, Phase, PromiseChange, PromiseTotals, Reach, Subject
from service.rules.domain import Consulted, Doubt, VersionRef
from service.rules.records import AnswerRecord
from service.rules.vocabulary import RequestType
from tests import factories
from tests.factories import NOON
from tests.unit.commitments.ledgers import CALENDARS, resolve
from tests.unit.commitments.test_properties import TERMS

HOUR = timedelta(hours=1)
REQUEST = RequestId(ids.read_id("01a20475-e0a2-74f0-b05a-9cfc1a049ab9"))
POLICY, OTHER = (PolicyId(ids.new_id()) for _ in range(2))
OLD, NEW = (PolicyVersionId(ids.new_id()) for _ in range(2))
IN_EFFECT = Subject(policy_id=POLICY, version=2, version_id=NEW)


def _look(now: datetime) -> Look:
    return Look(CALENDARS, now, ids.new_id)


def _made(terms: Terms) -> tuple[Commitment, Sequence[LedgerEntry]]:
    step = steps.made(factories.offer(REQUEST, terms), terms, _look(NOON))
    return step.commitment, step.entries


def _prospects(old: Terms, new: Terms, *, after: timedelta = HOUR) -> list[Prospect]:
    """What is foreseen when a promise with the old terms, made at noon, is offered the new ones."""
    now = NOON + after
    offered = replace(factories.offer(REQUEST, new, at=now), running_only=True)
    return prospects.foreseen([_made(old)], offered, _look(now))


def _terms(count: float, **changes: Any) -> Terms:
    return resolve(ElapsedTarget(int(count * 3_600)), calendar=None, **changes)


@pytest.mark.parametrize(
    ("new", "effect", "due_in_hours", "held_back_in_hours", "breaks"),
    [
        (_terms(4), Effect.EARLIER, 4, None, False),
        (_terms(12), Effect.SAME, 8, 12, False),
        (_terms(12, may_be_later=True), Effect.LATER, 12, None, False),
        (_terms(4, on_change=OnChange.RESTART), Effect.EARLIER, 5, None, False),
        (_terms(4, on_change=OnChange.KEEP), Effect.SAME, 8, None, False),
        (_terms(8, warn_before=HOUR), Effect.SAME, 8, None, False),
        (_terms(1), Effect.EARLIER, 1, None, True),
        (_terms(0.5, on_change=OnChange.FROM_ORIGIN), Effect.EARLIER, 0.5, None, True),
    ],
    ids=["earlier", "later", "may be later", "restart", "keep", "warning", "due at once", "past"],
)
def test_other_terms_change_the_due_as_they_say(
    new: Terms, effect: Effect, due_in_hours: float, held_back_in_hours: float | None, *, breaks: bool
) -> None:
    (change,) = domain.changes(_prospects(_terms(8), new))

    held_back = None if held_back_in_hours is None else NOON + held_back_in_hours * HOUR
    assert change == PromiseChange(
        metric="resolve",
        effect=effect,
        was_due_at=NOON + 8 * HOUR,
        due_at=NOON + due_in_hours * HOUR,
        held_back_due_at=held_back,
        breaks=breaks,
    )


def test_a_promise_that_was_broken_before_is_not_broken_by_its_new_terms() -> None:
    (change,) = domain.changes(_prospects(_terms(1), _terms(0.5), after=2 * HOUR))

    assert not change.breaks


def test_what_is_promised_for_the_first_time_is_new() -> None:
    (change,) = domain.changes(_prospects(_terms(8), replace(_terms(2), metric="respond")))

    assert (change.metric, change.effect, change.was_due_at) == ("respond", Effect.NEW, None)
    assert change.due_at == NOON + 3 * HOUR


@given(terms=TERMS, minutes=st.integers(0, 5 * 24 * 60))
def test_the_terms_that_a_promise_has_change_nothing(terms: Terms, minutes: int) -> None:
    assert domain.changes(_prospects(terms, terms, after=timedelta(minutes=minutes))) == []


@given(old=TERMS, new=TERMS, minutes=st.integers(0, 5 * 24 * 60))
def test_what_is_foreseen_is_what_the_ledger_says_and_never_takes_back_a_breach(
    old: Terms, new: Terms, minutes: int
) -> None:
    """Only terms that judge all of it anew, and may be later, can show that a due was not missed."""
    (prospect, *others) = _prospects(old, replace(new, metric=old.metric), after=timedelta(minutes=minutes))
    assert others == []
    assert prospect.before is not None
    change = domain.change(prospect)
    was, is_now = prospect.before.current, prospect.after.current

    if change is None:
        assert was == is_now
        return
    assert change.due_at == (is_now.due_at or is_now.due_if_resumed_now)
    assert change.was_due_at == (was.due_at or was.due_if_resumed_now)
    if not new.may_be_later and was.due_at is not None:
        assert change.effect is not Effect.LATER
    if was.outcome is Outcome.BROKEN and new.on_change is not OnChange.FROM_ORIGIN:
        assert is_now.outcome is Outcome.BROKEN
    assert PromiseChange.of(change.to_json()) == change


@given(counts=st.lists(st.lists(st.sampled_from(list(Effect)), max_size=4), max_size=6))
def test_totals_are_those_of_all_changes_in_whatever_portions(counts: list[list[Effect]]) -> None:
    portions = [[_change(effect) for effect in portion] for portion in counts]

    total = PromiseTotals()
    for portion in portions:
        total = total.plus(portion)

    assert total == PromiseTotals().plus([change for portion in portions for change in portion])
    assert total.changed == total.earlier + total.later + total.same + total.new
    assert PromiseTotals(**asdict(total)) == total


def _change(effect: Effect) -> PromiseChange:
    return PromiseChange(
        metric="resolve",
        effect=effect,
        was_due_at=None if effect is Effect.NEW else NOON,
        due_at=NOON,
        held_back_due_at=NOON + HOUR if effect is Effect.SAME else None,
        breaks=effect is Effect.EARLIER,
    )


def _decision(
    *asked: tuple[PolicyId, PolicyVersionId], doubts: tuple[Doubt, ...] = (), **calendars: str
) -> Decision:
    refs = [VersionRef(policy_id=policy, version_id=version, version=1) for policy, version in asked]
    consulted = tuple(Consulted(ref=ref, doubts=doubts) for ref in refs)
    answer = AnswerRecord(kind="commitment", versions=tuple(refs), consulted=consulted)
    return Decision(
        id=DecisionId(ids.new_id()),
        decided_at=NOON,
        given={},
        facts={},
        answers=(answer,),
        calendars=calendars,
        policy_version_id=None,
        rule_id=None,
        degraded=False,
        engine="reference",
    )


@pytest.mark.parametrize(
    ("held", "anew", "concerned"),
    [
        (None, _decision(), True),
        (_decision((POLICY, OLD)), _decision((POLICY, NEW)), True),
        (_decision((POLICY, NEW)), _decision((POLICY, NEW)), False),
        (_decision((POLICY, OLD)), _decision((OTHER, OLD)), True),
        (_decision((OTHER, OLD)), _decision((POLICY, NEW)), True),
        (_decision((OTHER, OLD)), _decision((OTHER, NEW)), False),
    ],
    ids=["undecided", "older version", "this version", "not for it any more", "for it now", "never for it"],
)
def test_a_version_concerns_a_request_that_another_one_of_its_policy_decided_or_that_it_is_for_now(
    held: Decision | None, anew: Decision, *, concerned: bool
) -> None:
    assert domain.concerns(IN_EFFECT, held=held, anew=anew) is concerned


def test_a_calendars_version_concerns_what_counted_by_another_one() -> None:
    version = CalendarVersionId(ids.new_id())
    subject = Subject(calendar_id=CalendarId(ids.new_id()), version=2, version_id=version)

    assert domain.concerns(subject, held=_decision(office="1"), anew=_decision(office=str(version)))
    assert not domain.concerns(subject, held=_decision(other="1"), anew=_decision(other="1"))


def test_rules_that_were_left_aside_are_noticed_and_other_doubts_are_not() -> None:
    assert domain.was_left_aside(_decision((POLICY, NEW), doubts=(Doubt.RULE_FAILED, Doubt.TOO_SLOW)))
    assert not domain.was_left_aside(_decision((POLICY, NEW), doubts=(Doubt.RULE_FAILED,)))


@pytest.mark.parametrize(
    ("phase", "failed", "may"),
    [
        (Phase.QUEUED, 0, False),
        (Phase.RUNNING, 1, False),
        (Phase.DONE, 0, False),
        (Phase.DONE, 1, True),
        (Phase.CANCELLED, 0, True),
        (Phase.FAILED, 0, True),
    ],
)
def test_what_ended_before_all_was_done_may_be_resumed(phase: Phase, failed: int, *, may: bool) -> None:
    assert domain.may_resume(phase, failed=failed) is may


@pytest.mark.parametrize(
    "reach",
    [
        Reach(),
        Reach(
            clients={"Quay": ClientId(ids.new_id())},
            services={"mail": ServiceId(ids.new_id())},
            request_types=frozenset({RequestType.INCIDENT}),
            received_after=NOON,
        ),
    ],
    ids=["everything", "something"],
)
def test_a_reach_is_read_as_it_was_written(reach: Reach) -> None:
    assert Reach.of(reach.to_json()) == reach
