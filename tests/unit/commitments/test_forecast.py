from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.commitments.forecasting import domain as forecast
from service.commitments.forecasting.domain import Bin, Spell

HOUR = timedelta(hours=1)


def _spells(text: str) -> list[Spell]:
    """`3 4+`: fulfilled after three hours; still open when last looked at after four."""
    return [Spell(int(each.rstrip("+")) * HOUR, not each.endswith("+")) for each in text.split()]


@pytest.mark.parametrize(
    ("spells", "survival"),
    [
        ("", []),
        ("2+ 3+", []),
        ("1 2 3 4", [(1, 0.75), (2, 0.5), (3, 0.25), (4, 0.0)]),
        ("1 1 2 2+", [(1, 0.5), (2, 0.25)]),
        # The 6-MP arm of Freireich et al. 1963, the textbook example, up to its seventh week.
        (
            "6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+",
            [(6, 0.857), (7, 0.807), (10, 0.753), (13, 0.690), (16, 0.627), (22, 0.538), (23, 0.448)],
        ),
    ],
)
def test_the_curve_is_the_product_limit_estimate(spells: str, survival: list[tuple[int, float]]) -> None:
    found = forecast.curve(_spells(spells))

    assert [at // HOUR for at in found.times] == [at for at, _ in survival]
    assert list(found.survival) == pytest.approx([share for _, share in survival], abs=5e-4)


@pytest.mark.parametrize(
    ("groups", "used", "chance"),
    [
        (["1 2 3 4"], 0, 0.25),
        (["1 2 3 4"], 2, 0.5),
        (["1 2 3 4"], 3, 1.0),
        (["1 2 3 5"], 5, 1.0),
        ([""], 0, None),
        (["1 1 1 1", "5 5"], 0, (2 * 1.0 + 20 * 0.0) / 22),
        (["1 2 3 5", ""], 0, 0.25),
        (["", "1 5"], 0, 0.5),
    ],
)
def test_the_chance_of_a_miss_is_the_share_of_those_that_lasted_as_long(
    groups: list[str], used: int, chance: float | None
) -> None:
    curves = [forecast.curve(_spells(group)) for group in groups]

    found = forecast.chance_of_miss(curves, used=used * HOUR, target=(5 if used == 5 else 3) * HOUR)

    assert found == (None if chance is None else pytest.approx(chance))


SPELLS = st.lists(
    st.builds(Spell, st.integers(0, 50).map(lambda hours: hours * HOUR), st.booleans()), max_size=40
)
HOURS = st.integers(0, 60).map(lambda hours: hours * HOUR)


@given(spells=SPELLS, one=HOURS, other=HOURS)
def test_the_curve_never_rises(spells: list[Spell], one: timedelta, other: timedelta) -> None:
    found = forecast.curve(spells)

    assert 0 <= found.at(max(one, other)) <= found.at(min(one, other)) <= 1


@given(spells=st.lists(SPELLS, max_size=3), used=HOURS, one=HOURS, other=HOURS)
def test_more_time_never_makes_a_miss_likelier(
    spells: list[list[Spell]], used: timedelta, one: timedelta, other: timedelta
) -> None:
    curves = [forecast.curve(group) for group in spells]

    longer = forecast.chance_of_miss(curves, used=used, target=max(one, other))
    shorter = forecast.chance_of_miss(curves, used=used, target=min(one, other))

    if longer is not None and shorter is not None:
        assert 0 <= longer <= shorter + 1e-12 <= 1 + 1e-12


@given(spells=SPELLS.filter(lambda spells: all(spell.fulfilled for spell in spells)), at=HOURS)
def test_without_open_requests_the_curve_is_the_plain_share(spells: list[Spell], at: timedelta) -> None:
    share = sum(spell.used > at for spell in spells) / len(spells) if spells else 1.0

    assert forecast.curve(spells).at(at) == pytest.approx(share)


@given(spells=SPELLS, at=HOURS)
def test_a_request_of_weight_two_counts_as_two(spells: list[Spell], at: timedelta) -> None:
    heavy = forecast.curve(replace(spell, weight=2.0) for spell in spells)
    twice = forecast.curve([*spells, *spells])

    assert heavy.at(at) == pytest.approx(twice.at(at))
    assert heavy.watched(at) == twice.watched(at)


def test_what_lies_a_half_life_back_counts_half() -> None:
    assert forecast.weight_at(timedelta(0)) == 1
    assert forecast.weight_at(2 * forecast.HALF_LIFE) == 0.25


def test_forecasts_are_compared_with_what_came() -> None:
    said = [(0.05, False), (0.15, False), (0.12, True), (0.95, True), (1.0, True)]

    assert forecast.calibration(said, bins=10) == [
        Bin(1, 0.05, 0.0),
        Bin(2, pytest.approx(0.135), 0.5),  # pyright: ignore[reportArgumentType] nearly
        Bin(2, pytest.approx(0.975), 1.0),  # pyright: ignore[reportArgumentType] nearly
    ]
    assert forecast.brier_score(said) == pytest.approx((0.0025 + 0.0225 + 0.7744 + 0.0025 + 0) / 5)
