"""How long requests of a cohort stay open, as a curve, and the chance of a miss that it gives."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby

PRIOR_WEIGHT = 20.0
"""The wider cohort counts as much as this many requests of the cohort itself."""

HALF_LIFE = timedelta(days=7)
"""How fast what became of requests is forgotten: service desks change with their staff and their backlog.
Not in less than a week, for the days of the week differ; docs/guides/forecast.md shows the choice."""

STEP_MIN = 0.02
"""A step by which the share falls by less than this part of itself is joined with the next."""

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Spell:
    """How long one request took, in the clock of its promise.

    Attributes:
        used: until it was fulfilled, or until it was last looked at.
        fulfilled: which of both.
        weight: how much it counts, see `weight_at`.
    """

    used: timedelta
    fulfilled: bool
    weight: float = 1.0


def weight_at(age: timedelta, *, half_life: timedelta = HALF_LIFE) -> float:
    """How much a request counts that was opened so long before the newest."""
    return 0.5 ** (age / half_life)


@dataclass(frozen=True, slots=True)
class Curve:
    """The share of requests still open after so much time: a step function that begins at 1.

    Attributes:
        times: at which it falls, ascending.
        survival: its value from each of the times on, descending.
    """

    times: Sequence[timedelta]
    survival: Sequence[float]

    def at(self, used: timedelta) -> float:
        """The share that is still open after `used`."""
        place = bisect_right(self.times, used)
        return 1.0 if place == 0 else self.survival[place - 1]

    def falls(self) -> Iterator[tuple[timedelta, float]]:
        """At each of the times, the part of those still open that ended there."""
        before = 1.0
        for at, share in zip(self.times, self.survival, strict=True):
            yield at, 1 - share / before if before else 1.0
            before = share


def curve(spells: Iterable[Spell], wider: Curve | None = None) -> Curve:
    """The product-limit estimate from what became of requests, beside what is known of a wider cohort.

    Of those open until some time, the part that ended there is that of the cohort itself and PRIOR_WEIGHT
    requests more, which ended as those of the wider cohort did. Of no requests it is the wider curve; without
    that it is 1 for ever.
    """
    ordered = sorted(spells, key=lambda spell: spell.used)
    falls: Mapping[timedelta, float] = {} if wider is None else dict(wider.falls())
    prior = 0.0 if wider is None else PRIOR_WEIGHT
    times: list[timedelta] = []
    survival: list[float] = []
    share, counted = 1.0, _Counted.of(ordered)
    for at in sorted({*falls, *counted.ended}):
        open_until, ended = counted.open_until(at), counted.ended.get(at, 0.0)
        part = (ended + prior * falls.get(at, 0.0)) / (open_until + prior)
        if part > 0:
            share *= max(1 - part, 0.0)
            times.append(at)
            survival.append(share)
    return Curve(times, survival)


@dataclass(frozen=True, slots=True)
class _Counted:
    """Spells, counted by their weights.

    Attributes:
        lasting: how long each was watched, ascending.
        weights: of all from each of `lasting` on, and 0 at the end.
        ended: of those that were fulfilled after each time.
    """

    lasting: Sequence[timedelta]
    weights: Sequence[float]
    ended: Mapping[timedelta, float]

    @classmethod
    def of(cls, ordered: Sequence[Spell]) -> "_Counted":
        """Sums are taken from the end, so that the last that ended are all that were left, exactly."""
        weights, total = [0.0], 0.0
        for spell in reversed(ordered):
            total += spell.weight
            weights.append(total)
        ended = {
            used: sum(spell.weight for spell in reversed(list(those)) if spell.fulfilled)
            for used, those in groupby(ordered, key=lambda spell: spell.used)
        }
        return cls(
            [spell.used for spell in ordered],
            weights[::-1],
            {used: weight for used, weight in ended.items() if weight},
        )

    def open_until(self, at: timedelta) -> float:
        """The weight of those that were watched for as long as `at`, or longer."""
        return self.weights[bisect_left(self.lasting, at)]


def condensed(whole: Curve) -> Curve:
    """A curve of fewer steps, at whole seconds, which lies above by no more than that."""
    steps: dict[timedelta, float] = {}
    kept = 1.0
    for at, share in zip(whole.times, whole.survival, strict=True):
        if share <= kept * (1 - STEP_MIN):
            steps[-(-at // _SECOND) * _SECOND] = share
            kept = share
    return Curve(list(steps), list(steps.values()))


def chance_of_miss(curve: Curve, *, used: timedelta, target: timedelta) -> float | None:
    """The chance that a promise is still not fulfilled when its target is used up.

    Args:
        curve: of the cohort that the request belongs to.
        used: time of the promise's clock that has passed.
        target: time of the promise's clock that it has in all.

    Returns:
        From 0 to 1; None when no request of the cohort lasted as long as this one has.
    """
    if used >= target:
        return 1.0
    share = curve.at(used)
    return curve.at(target) / share if share else None


def first_above(curve: Curve, level: float, *, target: timedelta) -> timedelta | None:
    """After how much time used the chance of a miss first lies above `level`, if it does before the target.

    It never falls while time is used, since those who waited as long grow fewer and those who miss stay.
    """
    missed = curve.at(target)
    if missed > level:
        return timedelta(0)
    for at, share in zip(curve.times, curve.survival, strict=True):
        if at >= target or not share:
            return None
        if missed / share > level:
            return at
    return None
