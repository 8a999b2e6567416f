"""Which promises are compared with one another, and the curves that a history of them gives."""

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import chain

from service.commitments.domain.terms import ElapsedTarget, InstantTarget, Target
from service.commitments.forecasting.domain import curves
from service.commitments.forecasting.domain.curves import Curve, Spell

FULFILLED_MIN = 30
"""Of fewer promises that were fulfilled, nothing is forecast."""

COHORT_MIN = 10
"""A cohort of fewer promises has no curve of its own: the wider one stands for it."""

REMEMBERED_MIN = 200
"""So many of the newest promises of a metric count at least half, however long they took to come."""

COHORTS_MAX = 200
"""For each metric; of more, the largest."""


class Meter(StrEnum):
    """By what clock time is counted: what took hours by one says nothing of hours by the other."""

    WORKING = "working"
    ELAPSED = "elapsed"


@dataclass(frozen=True, slots=True, order=True)
class Cohort:
    """Promises that are compared with one another.

    Attributes:
        peers: the kind of request and its priority, such as `incident/2 - High`; the kind alone in a wider
            cohort; empty in the widest.
    """

    metric: str
    meter: Meter
    peers: str = ""

    @classmethod
    def of(cls, metric: str, target: Target, peers: str | None) -> "Cohort | None":
        """The cohort of a promise; none for an instant that somebody named.

        What is to be done on Tuesday is done on Tuesday: how long others took says nothing of it.
        """
        if isinstance(target, InstantTarget):
            return None
        meter = Meter.ELAPSED if isinstance(target, ElapsedTarget) else Meter.WORKING
        return cls(metric, meter, peers or "")

    @property
    def key(self) -> str:
        """As it is kept."""
        return f"{self.metric}/{self.meter.value}/{self.peers}"

    def wider(self) -> Iterator["Cohort"]:
        """Those around it, the nearest first."""
        kind, divided, _ = self.peers.partition("/")
        if divided:
            yield replace(self, peers=kind)
        if self.peers:
            yield replace(self, peers="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """One promise of the past, or one that is still open."""

    cohort: Cohort
    started_at: datetime
    used: timedelta
    fulfilled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a cohort.

    Attributes:
        promises: how many it was made of.
        fulfilled: how many of these had been fulfilled.
        since: when the oldest of them started.
    """

    cohort: Cohort
    promises: int
    fulfilled: int
    since: datetime
    curve: Curve


def known(lived: Iterable[Lived], *, half_life: timedelta = curves.HALF_LIFE) -> list[Known]:
    """What a history says of each cohort in it. The same history, in any order, always says the same.

    How old a promise is is counted from the newest one: a history does not change by being looked at later.

    Args:
        lived: the history.
        half_life: how fast it is forgotten where promises are many.
    """
    by_widest: dict[Cohort, list[Lived]] = {}
    for one in lived:
        by_widest.setdefault(Cohort(one.cohort.metric, one.cohort.meter), []).append(one)
    return list(chain.from_iterable(_of_metric(by_widest[widest], half_life) for widest in sorted(by_widest)))


def _of_metric(lived: Sequence[Lived], half_life: timedelta) -> Iterator[Known]:
    if sum(one.fulfilled for one in lived) < FULFILLED_MIN:
        return
    starts = sorted((one.started_at for one in lived), reverse=True)
    newest, half_life = starts[0], max(half_life, starts[0] - starts[:REMEMBERED_MIN][-1])
    found: dict[Cohort, Known] = {}
    for cohort, those in _cohorts(lived):
        wider = next((found[one] for one in cohort.wider() if one in found), None)
        if wider is not None and wider.promises == len(those):
            continue
        spells = [
            Spell(one.used, one.fulfilled, curves.weight_at(newest - one.started_at, half_life=half_life))
            for one in those
        ]
        found[cohort] = Known(
            cohort=cohort,
            promises=len(those),
            fulfilled=sum(one.fulfilled for one in those),
            since=min(one.started_at for one in those),
            curve=curves.curve(spells, None if wider is None else wider.curve),
        )
    yield from (replace(one, curve=curves.condensed(one.curve)) for one in found.values())


def _cohorts(lived: Iterable[Lived]) -> list[tuple[Cohort, list[Lived]]]:
    """The cohorts of one metric, the wider ones first; of each kind the larger ones."""
    members: dict[Cohort, list[Lived]] = {}
    for one in sorted(lived, key=lambda one: (one.used, one.started_at, one.fulfilled)):
        for cohort in (one.cohort, *one.cohort.wider()):
            members.setdefault(cohort, []).append(one)
    large = sorted(
        ((cohort, those) for cohort, those in members.items() if len(those) >= COHORT_MIN),
        key=lambda found: (-len(found[1]), found[0]),
    )
    return sorted(large[:COHORTS_MAX], key=lambda found: len(list(found[0].wider())))


def nearest(cohort: Cohort, found: Container[Cohort]) -> Cohort | None:
    """The cohort itself if it is among these, or else the nearest one around it."""
    return next((one for one in (cohort, *cohort.wider()) if one in found), None)
