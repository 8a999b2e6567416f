"""The ladders that a past request would climb, and whom they would tell. Pure.

Runs are climbed as live ones are, but nobody acknowledges anything: what people would have done nobody can
know. Targets are counted as they are written; of them only a rota, a calendar, a skill and a missing client
say that nobody would be told.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from typing import Protocol
from uuid import UUID

from service.commitments.domain import Calendars, LedgerEntry, marks
from service.commitments.models import Commitment
from service.escalations.climbs import Climb
from service.escalations.ladders import wording
from service.escalations.ladders.domain import Definition, Target, ToContact, ToMember, ToRota, ToSkill
from service.escalations.rotas import domain as rotas
from service.escalations.rotas.domain import Rota
from service.escalations.runs import domain, following
from service.escalations.runs.domain import Begun, EndCause, Ended, Entry, Ladder, Sent, State
from service.escalations.runs.following import ROUNDS_MAX, SETTLING, Beginning
from service.escalations.runs.models import Run, Snapshot
from service.ids import EscalationId

TELLINGS_MAX = 100
"""Of one run: more of them are only ever repeats that nobody acknowledges."""


class Hours(Protocol):
    """A calendar, in whose open time a target is told."""

    def is_open(self, at: datetime) -> bool: ...


@dataclass(frozen=True, slots=True)
class Notice:
    """A step that would be told.

    Attributes:
        repeat: 0 for the first time.
        metric: of the promise.
        to: the targets that would be told, as they are written.
        off_duty: the rotas by which nobody would be on duty.
    """

    at: datetime
    ladder: str
    step: str
    repeat: int
    metric: str
    to: tuple[str, ...]
    off_duty: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Climbed:
    """What the ladders of one request came to.

    Attributes:
        notices: in the order of time.
        cut: how many runs told no more after TELLINGS_MAX.
        unknown: the names of ladders that there are not.
    """

    notices: tuple[Notice, ...] = ()
    cut: int = 0
    unknown: frozenset[str] = frozenset()


NOTHING_CLIMBED = Climbed()


class Ladders:
    """The ladders that there are, and what they go by. Who is on duty is remembered from look to look.

    Args:
        definitions: by name.
        by_rota: by name, those that the ladders name and that there are.
        hours: the calendars that they name, by name.
    """

    def __init__(
        self,
        definitions: Mapping[str, Definition],
        by_rota: Mapping[str, Rota],
        hours: Mapping[str, Hours],
    ) -> None:
        self.definitions = definitions
        self._rotas = by_rota
        self._hours = hours
        self._years: dict[tuple[str, int], _Year] = {}

    def is_closed(self, target: Target, at: datetime) -> bool:
        hours = None if target.hours is None else self._hours.get(target.hours)
        return hours is not None and not hours.is_open(at)

    def has_anybody(self, rota: str, at: datetime) -> bool:
        """Is anybody on duty? By a rota that there is not, nobody is."""
        if rota not in self._rotas:
            return False
        year = at.astimezone(UTC).year
        key = rota, year
        if key not in self._years:
            self._years[key] = _Year(self._rotas[rota], year)
        return self._years[key].has_anybody(at)


NO_LADDERS = Ladders({}, {}, {})


class _Year:
    """When somebody is on duty in a year of UTC."""

    def __init__(self, rota: Rota, year: int) -> None:
        start, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
        self._gaps = rotas.gaps(rota, start, end)

    def has_anybody(self, at: datetime) -> bool:
        place = bisect_right(self._gaps, at, key=lambda gap: gap[0]) - 1
        return place < 0 or self._gaps[place][1] <= at


@dataclass(slots=True)
class _Run:
    """A run that nobody keeps."""

    run: Run
    ladder: Ladder
    definition: Definition
    ledger: list[Entry]
    tellings: int = 0
    wakes_at: datetime | None = None


Promise = tuple[Commitment, Sequence[LedgerEntry]]


@dataclass(slots=True)
class Climber:
    """The runs of one request, while its history is gone through."""

    ladders: Ladders
    has_client: bool
    climbs: tuple[Climb, ...] = ()
    runs: list[_Run] = field(default_factory=list["_Run"])
    notices: list[Notice] = field(default_factory=list[Notice])
    unknown: set[str] = field(default_factory=set[str])
    cut: int = 0
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    @property
    def found(self) -> Climbed:
        if not self.notices and not self.unknown:
            return NOTHING_CLIMBED
        return Climbed(tuple(self.notices), self.cut, frozenset(self.unknown))

    @property
    def is_idle(self) -> bool:
        """Is there no ladder to climb, and never was?"""
        return not self.climbs and not self.runs

    @property
    def wakes_at(self) -> datetime | None:
        """When the first run wakes."""
        return min((each.wakes_at for each in self.runs if each.wakes_at is not None), default=None)

    def follow(self, promises: Sequence[Promise], calendars: Calendars, now: datetime) -> None:
        """Begin what is wanted, end what is over, and see when the others wake."""
        plan = following.plan(
            self.climbs, [promise for promise, _ in promises], [each.run for each in self.runs]
        )
        kept = {each.run.id: each for each in self.runs}
        for ending in plan.end:
            self._end(kept[ending.run.id], ending.cause, now)
        for beginning in plan.begin:
            self._begin(beginning, now)
        known = {promise.id: (promise, ledger) for promise, ledger in promises}
        for each in self.runs:
            if not each.run.is_over:
                self._look(each, known[each.run.commitment_id], calendars, now)

    def wake(self, promises: Sequence[Promise], calendars: Calendars, now: datetime) -> None:
        """Have the runs that wake by now tell what is due."""
        known = {promise.id: (promise, ledger) for promise, ledger in promises}
        for each in self.runs:
            if each.wakes_at is not None and each.wakes_at <= now:
                self._tell(each, known[each.run.commitment_id], calendars, now)

    def _begin(self, beginning: Beginning, now: datetime) -> None:
        definition = self.ladders.definitions.get(beginning.ladder)
        if definition is None:
            self.unknown.add(beginning.ladder)
            return
        number = next(self.numbers)
        skipped = frozenset[int]()
        if beginning.before is not None:
            before = next(each for each in self.runs if each.run.id == beginning.before.id)
            skipped = following.skips(before.ledger)
        begun = Begun(at=now, received_at=now, id=self._entry_id(), skips=skipped)
        run = _Run(_run(beginning, number, now), Ladder.of(definition), definition, [begun])
        self.runs.append(run)
        if beginning.round > ROUNDS_MAX:
            self._end(run, EndCause.TOO_MANY_ROUNDS, now)

    def _end(self, each: _Run, cause: EndCause, now: datetime) -> None:
        each.ledger.append(Ended(at=now, received_at=now, id=self._entry_id(), cause=cause))
        settled = cause in SETTLING or cause is EndCause.NEXT_CYCLE
        each.run = replace(each.run, state=State.ENDED, ended_at=now, end_cause=cause, settled=settled)
        each.wakes_at = None

    def _look(self, each: _Run, promise: Promise, calendars: Calendars, now: datetime) -> None:
        if each.tellings < TELLINGS_MAX:
            each.wakes_at = self._standing(each, promise, calendars, now).look_at

    def _tell(self, each: _Run, promise: Promise, calendars: Calendars, now: datetime) -> None:
        standing = self._standing(each, promise, calendars, now)
        while standing.due and each.tellings < TELLINGS_MAX:
            for telling in standing.due:
                notice = self._notice(each, telling, promise[0].metric, now)
                self.notices.append(notice)
                each.ledger.append(
                    Sent(
                        at=now,
                        received_at=now,
                        id=self._entry_id(),
                        step=telling.step,
                        repeat=telling.repeat,
                        planned_at=telling.planned_at,
                        staffed=bool(notice.to),
                    )
                )
            each.tellings += len(standing.due)
            standing = self._standing(each, promise, calendars, now)
        each.wakes_at = standing.look_at
        if each.tellings >= TELLINGS_MAX and each.wakes_at is not None:
            each.wakes_at, self.cut = None, self.cut + 1

    def _standing(self, each: _Run, promise: Promise, calendars: Calendars, now: datetime) -> domain.Standing:
        wanted = [step.at for step in each.definition.steps]
        instants = marks.instants(promise[1], calendars, wanted, now)
        return domain.standing(each.ladder, each.ledger, dict(enumerate(instants)), now)

    def _notice(self, each: _Run, telling: domain.Telling, metric: str, now: datetime) -> Notice:
        step = each.definition.steps[telling.step]
        to: list[str] = []
        off_duty: list[str] = []
        for target in step.targets:
            if not self._is_there(target, now):
                off_duty += [target.who.rota] if isinstance(target.who, ToRota) else []
                continue
            to.append(written(target))
            if step.only_first:
                break
        return Notice(
            at=now,
            ladder=each.run.ladder,
            step=step.name,
            repeat=telling.repeat,
            metric=metric,
            to=tuple(dict.fromkeys(to)),
            off_duty=tuple(off_duty),
        )

    def _is_there(self, target: Target, now: datetime) -> bool:
        """Would a target be told? Whatever is not known is taken for granted."""
        if self.ladders.is_closed(target, now):
            return False
        match target.who:
            case ToRota(rota):
                return self.ladders.has_anybody(rota, now)
            case ToSkill():
                return False
            case ToContact():
                return self.has_client
            case _:
                return True

    def _entry_id(self) -> str:
        return f"{next(self.numbers):09}"


def written(target: Target) -> str:
    """A target as it is written; a member goes by its id."""
    match target.who:
        case ToMember(member_id):
            return f"member {member_id}"
        case who:
            return wording.target(who)


def named(definitions: Iterable[Definition]) -> tuple[set[str], set[str]]:
    """The names of the rotas and of the calendars that ladders go by."""
    targets = [target for each in definitions for step in each.steps for target in step.targets]
    return (
        {target.who.rota for target in targets if isinstance(target.who, ToRota)},
        {target.hours for target in targets if target.hours is not None},
    )


def _run(beginning: Beginning, number: int, now: datetime) -> Run:
    commitment = beginning.commitment
    return Run(
        id=EscalationId(UUID(int=number)),
        request_id=commitment.request_id,
        commitment_id=commitment.id,
        client_id=commitment.client_id,
        service_id=commitment.service_id,
        cycle=commitment.cycle,
        round=beginning.round,
        snapshot=Snapshot(ladder=beginning.ladder, document={}),
        by_hand=False,
        state=State.CLIMBING,
        held_by=None,
        held_until=None,
        begun_at=now,
        ended_at=None,
        end_cause=None,
        settled=False,
        next_at=None,
        sequence=0,
        version=0,
    )
