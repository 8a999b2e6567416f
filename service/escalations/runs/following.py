"""Which runs there are to be of the promises of a request: what begins, what goes on, what is over. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from service.commitments.domain import ClockState, Origin
from service.commitments.models import Commitment
from service.escalations.climbs import Climb
from service.escalations.runs.domain import EndCause, Entry, Sent
from service.escalations.runs.models import Run, Snapshot
from service.ids import CommitmentId

ROUNDS_MAX = 20
"""A ladder begins so often for one cycle of one promise; beyond that, rules must go round in circles."""


class Place(NamedTuple):
    """What has at most one run at a time."""

    commitment_id: CommitmentId
    cycle: int
    ladder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """A run that is to begin.

    Attributes:
        before: the run before it of the same promise and cycle, if any.
        snapshot: the ladder as it was climbed before, if it was; it goes on as it was then.
    """

    commitment: Commitment
    ladder: str
    round: int = 1
    before: Run | None = None
    snapshot: Snapshot | None = None
    by_hand: bool = False


@dataclass(frozen=True, slots=True)
class Ending:
    """A run that is over."""

    run: Run
    cause: EndCause


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to become of the runs of some promises.

    Attributes:
        settled: runs that somebody ended by hand, and whose promises are over by now.
    """

    begin: tuple[Beginning, ...]
    end: tuple[Ending, ...]
    settled: tuple[Run, ...]


SETTLING = frozenset({EndCause.FULFILLED, EndCause.CANCELLED, EndCause.UNWANTED, EndCause.NO_SUCH_LADDER})
"""After these another round begins once the ladder is wanted again."""


def plan(climbs: Sequence[Climb], commitments: Sequence[Commitment], runs: Sequence[Run]) -> Plan:
    """What is to become of the runs of these promises.

    Args:
        climbs: the ladders that the request climbs.
        commitments: the promises, as they stand.
        runs: all of theirs, and of the promises that they were made beside.
    """
    last = {_place(run): run for run in sorted(runs, key=lambda run: run.round)}
    replaced = {each.made.revises for each in commitments if stands_instead(each)}
    wanted = [
        wish
        for each in commitments
        if not _is_over(each) and each.id not in replaced
        for wish in _wishes(each, climbs, runs)
    ]
    places = {Place(wish.commitment.id, wish.commitment.cycle, wish.ladder) for wish in wanted}
    known = {each.id: each for each in commitments}
    running = [run for run in last.values() if not run.is_over and run.commitment_id in known]
    endings = [(run, _over(run, known[run.commitment_id], places, replaced)) for run in running]
    return Plan(
        begin=tuple(each for wish in wanted if (each := _begun(wish, last, runs)) is not None),
        end=tuple(Ending(run, cause) for run, cause in endings if cause is not None),
        settled=tuple(
            run
            for run in last.values()
            if run.end_cause is EndCause.RESOLVED and not run.settled and _is_done(run, known)
        ),
    )


def stands_instead(commitment: Commitment) -> bool:
    """Is it climbed for instead of the promise that it was made beside?"""
    return _replaces(commitment) and not _is_over(commitment)


def skips(ledger: Iterable[Entry]) -> frozenset[int]:
    """What a run that goes on after this one does not tell again: all that it told, but for the last."""
    told = [entry for entry in ledger if isinstance(entry, Sent)]
    if not told:
        return frozenset()
    last = max(told, key=lambda entry: (entry.planned_at, entry.step))
    return frozenset(entry.step for entry in told) - {last.step}


def _wishes(commitment: Commitment, climbs: Sequence[Climb], runs: Sequence[Run]) -> list[Beginning]:
    """The ladders that a promise climbs: by policy, its own, and those begun by hand for what it replaces."""
    found = {
        climb.ladder: Beginning(commitment=commitment, ladder=climb.ladder)
        for climb in climbs
        if climb.takes(commitment.metric, commitment.level)
    }
    if (own := commitment.made.ladder) is not None:
        found[own] = Beginning(commitment=commitment, ladder=own)
    if _replaces(commitment):
        for run in runs:
            if run.commitment_id == commitment.made.revises and run.by_hand and not run.is_over:
                found[run.ladder] = Beginning(commitment=commitment, ladder=run.ladder, by_hand=True)
    begun = [run for run in runs if run.commitment_id == commitment.id and run.by_hand]
    for run in begun:
        found.setdefault(run.ladder, Beginning(commitment=commitment, ladder=run.ladder, by_hand=True))
    return list(found.values())


def _begun(wish: Beginning, last: dict[Place, Run], runs: Sequence[Run]) -> Beginning | None:
    """The run that a wish leads to; none where there is one, or where somebody ended it."""
    commitment = wish.commitment
    held = last.get(Place(commitment.id, commitment.cycle, wish.ladder))
    if held is None:
        return None if wish.by_hand and not _replaces(commitment) else _first(wish, runs)
    if not held.is_over or not held.settled or held.round > ROUNDS_MAX:
        return None
    return Beginning(
        commitment=commitment,
        ladder=wish.ladder,
        round=held.round + 1,
        before=held,
        snapshot=_kept(held),
        by_hand=wish.by_hand,
    )


def _first(wish: Beginning, runs: Sequence[Run]) -> Beginning:
    """The first run of a promise; one that was made beside another goes on as that was climbed."""
    revises = wish.commitment.made.revises
    before = [run for run in runs if run.commitment_id == revises and run.ladder == wish.ladder]
    snapshot = _kept(before[-1]) if before and _replaces(wish.commitment) else None
    return Beginning(commitment=wish.commitment, ladder=wish.ladder, snapshot=snapshot, by_hand=wish.by_hand)


def _kept(run: Run) -> Snapshot | None:
    return None if run.end_cause is EndCause.NO_SUCH_LADDER else run.snapshot


def _over(
    run: Run,
    commitment: Commitment,
    wanted: set[Place],
    replaced: set[CommitmentId | None],
) -> EndCause | None:
    """Why a run is over, if it is."""
    if _is_over(commitment):
        return EndCause.CANCELLED if commitment.fulfilled_at is None else EndCause.FULFILLED
    if run.cycle != commitment.cycle:
        return EndCause.NEXT_CYCLE
    if commitment.id in replaced:
        return EndCause.RENEGOTIATED
    return None if run.by_hand or _place(run) in wanted else EndCause.UNWANTED


def _is_done(run: Run, known: dict[CommitmentId, Commitment]) -> bool:
    commitment = known.get(run.commitment_id)
    return commitment is not None and (_is_over(commitment) or commitment.cycle != run.cycle)


def _replaces(commitment: Commitment) -> bool:
    return commitment.made.origin is Origin.RENEGOTIATION


def _is_over(commitment: Commitment) -> bool:
    return commitment.clock is ClockState.STOPPED


def _place(run: Run) -> Place:
    return Place(run.commitment_id, run.cycle, run.ladder)
