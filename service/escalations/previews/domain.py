"""What a ladder would tell of a promise if nobody acknowledged it: climbed as a run is, in thought. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from service.escalations.ladders import domain as ladders
from service.escalations.ladders.domain import (
    Definition,
    Directory,
    Maintenance,
    Moment,
    Reassignment,
    Resolution,
    Situation,
    Step,
    ToRota,
    Whom,
)
from service.escalations.rotas import domain as rotas
from service.escalations.rotas.domain import Rota
from service.escalations.runs import domain as runs
from service.escalations.runs.domain import Begun, Held, Ladder, Sent, Telling

TOLD_MAX = 300
"""How many tellings are looked for at most."""


class Hours(Protocol):
    """A calendar, in whose open time a target is told."""

    def is_open(self, at: datetime) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Climb:
    """What is climbed, and among whom.

    Attributes:
        definition: the ladder.
        instants: of each of its steps; None where that is not known.
        begun_at: when the run begins.
        ended_at: when the promise was done with, if it is.
        directory: who there is.
        rotas: by name, those that the ladder names and that there are.
        hours: the calendars that it names, by name.
        maintenance: when the service is in maintenance.
    """

    definition: Definition
    instants: Sequence[datetime | None]
    begun_at: datetime
    ended_at: datetime | None = None
    situation: Situation
    directory: Directory
    rotas: Mapping[str, Rota]
    hours: Mapping[str, Hours]
    maintenance: Sequence[tuple[datetime, datetime]] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """A step that would be told; without recipients nobody would be, and the step above is told at once.

    Attributes:
        step: its index.
        repeat: 0 for the first time.
        resolution: whom it tells; whoever a higher step tells at the same instant is told by that alone.
    """

    at: datetime
    step: int
    repeat: int
    resolution: Resolution


@dataclass(frozen=True, slots=True)
class Uncovered:
    """Time in which nobody is on duty by a rota.

    Attributes:
        steps: the indexes of the steps that tell nobody else.
    """

    rota: str
    start: datetime
    end: datetime
    steps: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Untold:
    """A step that is not told by then.

    Attributes:
        at: when it is told; None where that is not known, as while the promise is paused.
    """

    step: int
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """What would happen.

    Attributes:
        told: in the order of time.
        uncovered: in the order of time.
        untold: in the order of the ladder.
        cut_at: from when on more is told than is shown; None where everything is.
    """

    told: tuple[Told, ...]
    uncovered: tuple[Uncovered, ...]
    untold: tuple[Untold, ...]
    cut_at: datetime | None = None


def foresee(climb: Climb, since: datetime, until: datetime) -> Foreseen:
    """What would be told from `since` on until before `until`, if nobody acknowledged anything.

    The run is climbed from its beginning, so that what was told before `since` is not told again.

    Raises:
        ValueError: `until` lies too far from `since` for rotas, see `rotas.WINDOW_MAX`.
    """
    told: list[Told] = []
    cut_at = None
    for each in _climbed(climb, until):
        if len(told) == TOLD_MAX:
            cut_at = each.at
            break
        told.append(each)
    heard = {each.step for each in told}
    return Foreseen(
        told=tuple(each for each in told if each.at >= since),
        uncovered=tuple(_uncovered(climb, since, until)),
        untold=tuple(Untold(index, at) for index, at in enumerate(climb.instants) if index not in heard),
        cut_at=cut_at,
    )


def moment_at(
    step: Step, rotas_named: Mapping[str, Rota], hours: Mapping[str, Hours], at: datetime
) -> Moment:
    """What is so at an instant, as far as a step asks for it."""
    named = {target.who.rota for target in step.targets if isinstance(target.who, ToRota)}
    asked = {target.hours for target in step.targets if target.hours is not None}
    return Moment(
        on_duty={name: rotas.member_at(rotas_named[name], at) for name in named & rotas_named.keys()},
        closed=frozenset(name for name in asked & hours.keys() if not hours[name].is_open(at)),
    )


@dataclass(slots=True)
class _Run:
    """The ledger of a run that nobody keeps."""

    entries: list[runs.Entry] = field(default_factory=list[runs.Entry])

    @property
    def next_id(self) -> str:
        return f"{len(self.entries):06}"


def _climbed(climb: Climb, until: datetime) -> Iterator[Told]:
    ladder, run = Ladder.of(climb.definition), _begun(climb)
    instants = dict(enumerate(climb.instants))
    at, heard = climb.begun_at, set[Whom]()
    end = until if climb.ended_at is None else min(until, climb.ended_at)
    while at < end:
        standing = runs.standing(ladder, run.entries, instants, at)
        resolved = [
            (telling, _resolved(climb, climb.definition.steps[telling.step], at)) for telling in standing.due
        ]
        for telling, resolution in resolved:
            run.entries.append(
                Sent(
                    at=at,
                    received_at=at,
                    id=run.next_id,
                    step=telling.step,
                    repeat=telling.repeat,
                    planned_at=telling.planned_at,
                    staffed=bool(resolution.recipients),
                )
            )
        yield from _shared(resolved, heard, at)
        if standing.due:
            continue
        if standing.next_at is None:
            return
        at, heard = standing.next_at, set[Whom]()


def _shared(resolved: Sequence[tuple[Telling, Resolution]], heard: set[Whom], at: datetime) -> Iterator[Told]:
    """Whom each step tells of those that nobody has told at this instant: the highest step goes first."""
    found: list[tuple[Telling, Resolution]] = []
    for telling, resolution in sorted(resolved, key=lambda each: each[0].step, reverse=True):
        left = ladders.besides(resolution, heard)
        heard |= {each.whom for each in left.recipients if not isinstance(each.whom, Reassignment)}
        found.append((telling, left))
    for telling, left in sorted(found, key=lambda each: each[0]):
        yield Told(at, telling.step, telling.repeat, left)


def _begun(climb: Climb) -> _Run:
    run = _Run()
    run.entries.append(Begun(at=climb.begun_at, received_at=climb.begun_at, id=run.next_id))
    if climb.definition.maintenance is Maintenance.HOLD:
        for start, end in climb.maintenance:
            run.entries.append(Held(at=start, received_at=start, id=run.next_id, until=end))
    return run


def _resolved(climb: Climb, step: Step, at: datetime) -> Resolution:
    moment = moment_at(step, climb.rotas, climb.hours, at)
    return ladders.recipients(
        step.targets, climb.situation, climb.directory, moment, only_first=step.only_first
    )


def _uncovered(climb: Climb, since: datetime, until: datetime) -> list[Uncovered]:
    found = [
        Uncovered(name, start, end, _relying_on(climb.definition, name))
        for name, rota in climb.rotas.items()
        for start, end in rotas.gaps(rota, since, until)
    ]
    return sorted(found, key=lambda each: (each.start, each.rota))


def _relying_on(definition: Definition, rota: str) -> tuple[int, ...]:
    return tuple(
        index
        for index, step in enumerate(definition.steps)
        if all(target.who == ToRota(rota) for target in step.targets)
    )
