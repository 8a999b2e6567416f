"""How likely a promise is to be missed, from what became of others like it. Pure.

The estimator is the empirical conditional survival curve: of the requests that were still open after so much
time of the promise's own clock, the share that was still open when the target was used up. One that is open
counts for as long as it has been watched, by the product-limit estimator (E. L. Kaplan and P. Meier,
"Nonparametric Estimation from Incomplete Observations", JASA 53, 1958).

A group of few requests says little: its curve is weighed against that of the wider group around it. What lies
long back says little too: a request counts half as much as one that was opened a half-life later.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate, groupby

PRIOR_WEIGHT = 20.0
"""The wider group's share counts as much as this many requests of the group itself."""

HALF_LIFE = timedelta(days=14)
"""How fast what became of requests is forgotten: service desks change with their staff and their backlog."""


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


def weight_at(age: timedelta) -> float:
    """How much a request counts that was opened so long ago."""
    return 0.5 ** (age / HALF_LIFE)


@dataclass(frozen=True, slots=True)
class Curve:
    """The share of requests still open after so much time: a step function that begins at 1.

    Attributes:
        times: at which it falls, ascending.
        survival: its value from each of the times on.
        lasting: how long each request was watched, ascending.
        weights: of all requests from each of `lasting` on, and 0 at the end.
    """

    times: Sequence[timedelta]
    survival: Sequence[float]
    lasting: Sequence[timedelta]
    weights: Sequence[float]

    def at(self, used: timedelta) -> float:
        """The share that is still open after `used`."""
        place = bisect_right(self.times, used)
        return 1.0 if place == 0 else self.survival[place - 1]

    def watched(self, used: timedelta) -> float:
        """The weight of the requests that were watched for longer than `used`."""
        return self.weights[bisect_right(self.lasting, used)]


def curve(spells: Iterable[Spell]) -> Curve:
    """The product-limit estimate from what became of requests. Of none it is 1 for ever."""
    ordered = sorted(spells, key=lambda spell: spell.used)
    weights = [*accumulate((spell.weight for spell in reversed(ordered)), initial=0.0)][::-1]
    times: list[timedelta] = []
    survival: list[float] = []
    place, share = 0, 1.0
    for used, group in groupby(ordered, key=lambda spell: spell.used):
        spells_here = list(group)
        ended = sum(spell.weight for spell in spells_here if spell.fulfilled)
        if ended:
            all_ended = place + sum(spell.fulfilled for spell in spells_here) == len(ordered)
            share *= 0.0 if all_ended else max(1 - ended / weights[place], 0.0)
            times.append(used)
            survival.append(share)
        place += len(spells_here)
    return Curve(times, survival, [spell.used for spell in ordered], weights)


def chance_of_miss(curves: Sequence[Curve], *, used: timedelta, target: timedelta) -> float | None:
    """The chance that a promise is still not fulfilled when its target is used up.

    Args:
        curves: of the groups that the request belongs to, the widest first.
        used: time of the promise's clock that has passed.
        target: time of the promise's clock that it has in all.

    Returns:
        From 0 to 1; None when no request of any group lasted as long as this one has.
    """
    if used >= target:
        return 1.0
    chance: float | None = None
    for one in curves:
        lasted = one.watched(used)
        if lasted == 0 or one.at(used) == 0:
            continue
        share = one.at(target) / one.at(used)
        chance = (
            share if chance is None else (lasted * share + PRIOR_WEIGHT * chance) / (lasted + PRIOR_WEIGHT)
        )
    return chance


@dataclass(frozen=True, slots=True)
class Bin:
    """Forecasts that were near one another, and what became of them.

    Attributes:
        forecast: their mean.
        missed: the share that was missed.
    """

    count: int
    forecast: float
    missed: float


def calibration(forecasts: Sequence[tuple[float, bool]], *, bins: int) -> list[Bin]:
    """How forecasts compare with what came: in bins of equal width from 0 to 1, without empty ones.

    Args:
        forecasts: the chance that was said, and whether it was missed.
        bins: how many.
    """
    placed: dict[int, list[tuple[float, bool]]] = {}
    for chance, missed in forecasts:
        placed.setdefault(min(int(chance * bins), bins - 1), []).append((chance, missed))
    return [
        Bin(
            len(found),
            sum(chance for chance, _ in found) / len(found),
            sum(missed for _, missed in found) / len(found),
        )
        for _, found in sorted(placed.items())
    ]


def brier_score(forecasts: Sequence[tuple[float, bool]]) -> float:
    """The mean squared distance from what came (G. W. Brier, Monthly Weather Review 78, 1950). 0 is best."""
    return sum((chance - missed) ** 2 for chance, missed in forecasts) / len(forecasts)
