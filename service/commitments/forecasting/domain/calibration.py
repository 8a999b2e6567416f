"""How forecasts compare with what came."""

from collections.abc import Sequence
from dataclasses import dataclass


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
