"""Draws how forecasts compare with what came, as SVG: the same forecasts give the same picture."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from service.commitments.forecasting import domain as forecasting
from service.commitments.forecasting.domain import Bin

SIDE, LEFT, TOP, GAP = 300, 60, 50, 70
HEIGHT = TOP + SIDE + 70
COLOURS = ("#1b6ca8", "#c8553d", "#4a7c59")
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
DOT_MAX = 13.0
SHOWN_MIN = 10
"""A bin of fewer forecasts says nothing, and is not drawn."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One way of learning: the forecasts that it gave, by how much of the target was used."""

    name: str
    forecasts: Mapping[float, Sequence[tuple[float, bool]]]


def drawn(panels: Sequence[Panel], *, bins: int) -> str:
    """The panels side by side."""
    width = LEFT + len(panels) * (SIDE + GAP) - GAP + 30
    size = f'viewBox="0 0 {width} {HEIGHT}" width="{width}" height="{HEIGHT}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12" role="img">',
        "<title>Chance of a miss as forecast, against the share that was missed</title>",
        f'<rect width="{width}" height="{HEIGHT}" fill="#ffffff"/>',
    ]
    for place, panel in enumerate(panels):
        parts += _panel(panel, LEFT + place * (SIDE + GAP), bins=bins)
    return "\n".join([*parts, "</svg>", ""])


def _panel(panel: Panel, left: float, *, bins: int) -> Iterator[str]:
    bottom = TOP + SIDE
    yield _text(left + SIDE / 2, TOP - 16, panel.name, anchor="middle", size=14)
    yield f'<rect x="{left}" y="{TOP}" width="{SIDE}" height="{SIDE}" fill="none" stroke="#888888"/>'
    for share in SHARES:
        x, y = left + share * SIDE, bottom - share * SIDE
        yield f'<line x1="{left}" y1="{y:.1f}" x2="{left + SIDE}" y2="{y:.1f}" stroke="#eeeeee"/>'
        yield _text(x, bottom + 16, f"{share:.0%}", anchor="middle")
        yield _text(left - 6, y + 4, f"{share:.0%}", anchor="end")
    yield (
        f'<line x1="{left}" y1="{bottom}" x2="{left + SIDE}" y2="{TOP}" stroke="#aaaaaa"'
        ' stroke-dasharray="4 4"/>'
    )
    yield _text(left + SIDE / 2, bottom + 34, "said: chance of a miss", anchor="middle")
    yield (
        f'<text x="{left - 42}" y="{TOP + SIDE / 2}" text-anchor="middle" fill="#333333"'
        f' transform="rotate(-90 {left - 42} {TOP + SIDE / 2})">came: share missed</text>'
    )
    for place, (used, said) in enumerate(panel.forecasts.items()):
        yield from _series(said, left, COLOURS[place], bins=bins)
        label = f"{used:.0%} used: {len(said):,}, Brier {forecasting.brier_score(said):.3f}"
        yield _text(left + 8, TOP + 18 + 16 * place, label, colour=COLOURS[place])


def _series(said: Sequence[tuple[float, bool]], left: float, colour: str, *, bins: int) -> Iterator[str]:
    found = [one for one in forecasting.calibration(said, bins=bins) if one.count >= SHOWN_MIN]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (_place(one, left) for one in found))
    yield f'<polyline points="{points}" fill="none" stroke="{colour}"/>'
    most = max((one.count for one in found), default=1)
    for one in found:
        x, y = _place(one, left)
        radius = max(2.0, DOT_MAX * sqrt(one.count / most))
        yield (
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{colour}" fill-opacity="0.35"'
            f' stroke="{colour}"><title>{one.count:,} forecasts, said {one.forecast:.0%},'
            f" missed {one.missed:.0%}</title></circle>"
        )


def _place(one: Bin, left: float) -> tuple[float, float]:
    return left + one.forecast * SIDE, TOP + SIDE - one.missed * SIDE


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", size: int = 12, colour: str = "#333333"
) -> str:
    look = f'text-anchor="{anchor}" font-size="{size}" fill="{colour}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {look}>{text}</text>'
