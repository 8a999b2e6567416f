from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.commitments.forecasting import domain as forecast
from service.commitments.forecasting.domain import Bin, Curve, Spell

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
        (["1 2"], 2, None),
        ([""], 0, 1.0),
        # Of 22 open until the first hour, 20 ended by what the wider cohort says; nobody of the two did.
        (["1 1 1 1", "5 5"], 0, 2 / 22),
        (["1 2 3 5", ""], 0, 0.25),
    ],
)
def test_the_chance_of_a_miss_is_the_share_of_those_that_lasted_as_long(
    groups: list[str], used: int, chance: float | None
) -> None:
    curve: Curve | None = None
    for group in groups:
        curve = forecast.curve(_spells(group), curve)
    assert curve is not None

    found = forecast.chance_of_miss(curve, used=used * HOUR, target=(5 if used == 5 else 3) * HOUR)

    assert found == (None if chance is None else pytest.approx(chance))


SPELLS = st.lists(
    st.builds(Spell, st.integers(0, 50).map(lambda hours: hours * HOUR), st.booleans()), max_size=40
)
HOURS = st.integers(0, 60).map(lambda hours: hours * HOUR)


@given(spells=SPELLS, one=HOURS, other=HOURS)
def test_the_curve_never_rises(spells: list[Spell], one: timedelta, other: timedelta) -> None:
    found = forecast.curve(spells)

    assert 0 <= found.at(max(one, other)) <= found.at(min(one, other)) <= 1


@given(spells=SPELLS, wider=SPELLS, used=HOURS, one=HOURS, other=HOURS)
def test_more_time_never_makes_a_miss_likelier(
    spells: list[Spell], wider: list[Spell], used: timedelta, one: timedelta, other: timedelta
) -> None:
    found = forecast.curve(spells, forecast.curve(wider))

    longer = forecast.chance_of_miss(found, used=used, target=max(one, other))
    shorter = forecast.chance_of_miss(found, used=used, target=min(one, other))

    if longer is not None and shorter is not None:
        assert 0 <= longer <= shorter <= 1


@given(spells=SPELLS, wider=SPELLS, target=HOURS, one=HOURS, other=HOURS)
def test_a_miss_grows_no_less_likely_while_time_is_used(
    spells: list[Spell], wider: list[Spell], target: timedelta, one: timedelta, other: timedelta
) -> None:
    found = forecast.curve(spells, forecast.curve(wider))

    earlier = forecast.chance_of_miss(found, used=min(one, other), target=target)
    later = forecast.chance_of_miss(found, used=max(one, other), target=target)

    if earlier is not None and later is not None:
        assert earlier <= later


@given(
    spells=SPELLS,
    wider=SPELLS,
    target=HOURS.filter(bool),
    level=st.floats(0, 1, exclude_max=True),
    used=HOURS,
)
def test_the_chance_lies_above_the_level_from_the_first_crossing_on_and_not_before(
    spells: list[Spell], wider: list[Spell], target: timedelta, level: float, used: timedelta
) -> None:
    found = forecast.curve(spells, forecast.curve(wider))

    crossing = forecast.first_above(found, level, target=target)

    chance = forecast.chance_of_miss(found, used=used, target=target)
    if chance is not None and used < target:
        assert (chance > level) == (crossing is not None and used >= crossing)


@given(spells=SPELLS, wider=SPELLS, at=HOURS)
def test_condensing_changes_a_curve_by_little(spells: list[Spell], wider: list[Spell], at: timedelta) -> None:
    whole = forecast.curve(spells, forecast.curve(wider))

    few = forecast.condensed(whole)

    assert whole.at(at) <= few.at(at) <= whole.at(at) / (1 - forecast.STEP_MIN) + 1e-12
    assert len(few.times) <= len(whole.times)


@given(spells=SPELLS.filter(lambda spells: all(spell.fulfilled for spell in spells)), at=HOURS)
def test_without_open_requests_the_curve_is_the_plain_share(spells: list[Spell], at: timedelta) -> None:
    share = sum(spell.used > at for spell in spells) / len(spells) if spells else 1.0

    assert forecast.curve(spells).at(at) == pytest.approx(share)


@given(spells=SPELLS, at=HOURS)
def test_a_request_of_weight_two_counts_as_two(spells: list[Spell], at: timedelta) -> None:
    heavy = forecast.curve(replace(spell, weight=2.0) for spell in spells)
    twice = forecast.curve([*spells, *spells])

    assert heavy.at(at) == pytest.approx(twice.at(at))


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
