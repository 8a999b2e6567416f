"""Which runs begin, go on and end with the promises that they are of."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.commitments.domain import ClockState, ElapsedTarget, Level, Origin, Outcome
from service.commitments.models import Commitment, Made
from service.escalations.climbs import Climb
from service.escalations.runs import following
from service.escalations.runs.domain import EndCause, Sent, State
from service.escalations.runs.following import ROUNDS_MAX, Plan
from service.escalations.runs.models import Run, Snapshot
from service.ids import CommitmentId, EscalationId, RequestId

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
USUAL = Climb("usual")
OWN = Made(origin=Origin.GATE, ladder="its own")


def promise(number: int = 1, **said: Any) -> Commitment:
    made = Commitment(
        id=CommitmentId(UUID(int=number)),
        request_id=RequestId(UUID(int=99)),
        client_id=None,
        service_id=None,
        metric="resolve",
        target=ElapsedTarget(3600),
        cycle=1,
        clock=ClockState.RUNNING,
        outcome=Outcome.PENDING,
        started_at=NOON,
        due_at=NOON + timedelta(hours=1),
        due_if_resumed_now=NOON + timedelta(hours=1),
        warn_at=None,
        fulfilled_at=None,
        cancelled_at=None,
        warned_at=None,
        broken_at=None,
        corrected_at=None,
        flags=(),
        looked_at=NOON,
        sequence=1,
    )
    return replace(made, **said)


def over(number: int = 1, **said: Any) -> Commitment:
    return promise(number, clock=ClockState.STOPPED, fulfilled_at=NOON, **said)


def instead(number: int, of: int, **said: Any) -> Commitment:
    made = Made(origin=Origin.RENEGOTIATION, revises=CommitmentId(UUID(int=of)))
    return promise(number, made=made, **said)


def run(of: int = 1, **said: Any) -> Run:
    begun = Run(
        id=EscalationId(UUID(int=1000 + of)),
        request_id=RequestId(UUID(int=99)),
        commitment_id=CommitmentId(UUID(int=of)),
        client_id=None,
        service_id=None,
        cycle=1,
        round=1,
        snapshot=Snapshot(ladder="usual", version=1, document={}),
        by_hand=False,
        state=State.CLIMBING,
        held_by=None,
        held_until=None,
        begun_at=NOON,
        ended_at=None,
        end_cause=None,
        settled=False,
        next_at=None,
        sequence=1,
        version=1,
    )
    return replace(begun, **said)


def ended(cause: EndCause, *, settled: bool, **said: Any) -> Run:
    return run(state=State.ENDED, ended_at=NOON, end_cause=cause, settled=settled, **said)


def begins(plan: Plan) -> list[tuple[int, str, int]]:
    return [(each.commitment.id.int, each.ladder, each.round) for each in plan.begin]


def ends(plan: Plan) -> list[tuple[int, EndCause]]:
    return [(each.run.commitment_id.int, each.cause) for each in plan.end]


@pytest.mark.parametrize(
    ("climbs", "commitments", "runs", "begun", "done"),
    [
        ([USUAL], [promise()], [], [(1, "usual", 1)], []),
        ([USUAL], [promise()], [run()], [], []),
        ([], [promise(made=OWN, level=Level.OLA)], [], [(1, "its own", 1)], []),
        ([], [promise(made=OWN)], [run(snapshot=Snapshot(ladder="its own", version=1, document={}))], [], []),
        ([USUAL], [promise(level=Level.OLA)], [], [], []),
        ([Climb("usual", levels=(Level.OLA,))], [promise(level=Level.OLA)], [], [(1, "usual", 1)], []),
        ([Climb("usual", metrics=("respond",))], [promise()], [], [], []),
        ([USUAL, Climb("other")], [promise()], [run()], [(1, "other", 1)], []),
        ([], [promise()], [run()], [], [(1, EndCause.UNWANTED)]),
        ([], [promise()], [run(by_hand=True)], [], []),
        ([USUAL], [over()], [], [], []),
        ([USUAL], [over()], [run()], [], [(1, EndCause.FULFILLED)]),
        ([USUAL], [promise(clock=ClockState.STOPPED)], [run()], [], [(1, EndCause.CANCELLED)]),
        ([USUAL], [promise(clock=ClockState.PAUSED)], [run()], [], []),
        ([USUAL], [promise(outcome=Outcome.BROKEN)], [run()], [], []),
        ([USUAL], [promise(cycle=2)], [run()], [(1, "usual", 1)], [(1, EndCause.NEXT_CYCLE)]),
        ([USUAL], [promise()], [ended(EndCause.FULFILLED, settled=True)], [(1, "usual", 2)], []),
        ([USUAL], [promise()], [ended(EndCause.RESOLVED, settled=False)], [], []),
        ([USUAL], [promise()], [ended(EndCause.RESOLVED, settled=True)], [(1, "usual", 2)], []),
        ([USUAL], [promise(), instead(2, 1)], [run()], [(2, "usual", 1)], [(1, EndCause.RENEGOTIATED)]),
        ([USUAL], [promise(), instead(2, 1)], [], [(2, "usual", 1)], []),
        (
            [],
            [promise(), instead(2, 1)],
            [run(by_hand=True)],
            [(2, "usual", 1)],
            [(1, EndCause.RENEGOTIATED)],
        ),
        ([USUAL], [promise()], [ended(EndCause.RENEGOTIATED, settled=False)], [], []),
        ([USUAL], [promise()], [ended(EndCause.FULFILLED, settled=True, round=ROUNDS_MAX + 1)], [], []),
    ],
)
def test_what_begins_and_what_is_over(
    climbs: list[Climb],
    commitments: list[Commitment],
    runs: list[Run],
    begun: list[tuple[int, str, int]],
    done: list[tuple[int, EndCause]],
) -> None:
    plan = following.plan(climbs, commitments, runs)

    assert begins(plan) == begun
    assert ends(plan) == done


def test_a_run_that_somebody_ended_is_settled_once_its_promise_is_over() -> None:
    resolved = ended(EndCause.RESOLVED, settled=False)

    assert following.plan([USUAL], [over()], [resolved]).settled == (resolved,)
    assert following.plan([USUAL], [promise()], [resolved]).settled == ()


def test_the_ladder_goes_on_as_it_was_when_it_follows_the_promise_made_instead() -> None:
    (begun,) = following.plan([USUAL], [promise(), instead(2, 1)], [run()]).begin

    assert begun.snapshot == run().snapshot


def test_a_round_that_follows_does_not_tell_again_what_was_told_but_for_the_last() -> None:
    def sent(step: int, minutes: int) -> Sent:
        at = NOON + timedelta(minutes=minutes)
        return Sent(at=at, received_at=at, id=f"{minutes:03}", step=step, repeat=0, planned_at=at)

    assert following.skips([sent(0, 1), sent(2, 5), sent(1, 3)]) == {0, 1}
    assert following.skips([]) == frozenset()


PROMISES = st.lists(
    st.builds(
        promise,
        number=st.integers(1, 3),
        cycle=st.integers(1, 2),
        clock=st.sampled_from(ClockState),
        fulfilled_at=st.sampled_from([None, NOON]),
        level=st.sampled_from(Level),
    ),
    unique_by=lambda each: each.id,
    min_size=1,
)
CLIMBS = st.lists(st.sampled_from([USUAL, Climb("other", levels=tuple(Level)), Climb("third")]), unique=True)


def carried_out(plan: Plan, runs: list[Run]) -> list[Run]:
    """The runs after a plan, as the service writes them."""
    why = {each.run.id: each.cause for each in plan.end}
    gone = [
        replace(
            each,
            state=State.ENDED,
            end_cause=why[each.id],
            settled=why[each.id] in following.SETTLING or why[each.id] is EndCause.NEXT_CYCLE,
        )
        if each.id in why
        else each
        for each in runs
    ]
    new = [
        run(
            each.commitment.id.int,
            id=EscalationId(UUID(int=5000 + len(gone) + number)),
            cycle=each.commitment.cycle,
            round=each.round,
            snapshot=Snapshot(ladder=each.ladder, version=1, document={}),
        )
        for number, each in enumerate(plan.begin)
    ]
    return [*gone, *new]


@given(before=PROMISES, after=PROMISES, climbs=st.lists(CLIMBS, min_size=2, max_size=4))
def test_one_look_is_enough_and_no_place_has_two_runs(
    before: list[Commitment], after: list[Commitment], climbs: list[list[Climb]]
) -> None:
    runs: list[Run] = []
    for wanted in climbs:
        for commitments in (before, after):
            runs = carried_out(following.plan(wanted, commitments, runs), runs)
            again = following.plan(wanted, commitments, runs)
            assert (again.begin, again.end) == ((), ())
            running = [(each.commitment_id, each.ladder) for each in runs if not each.is_over]
            assert len(set(running)) == len(running)
    rounds = [(each.commitment_id, each.cycle, each.ladder, each.round) for each in runs]
    assert len(set(rounds)) == len(rounds)
