"""Holiday tables of countries, as far as calendars rely on them."""

from datetime import date

import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.calendars import countries
from service.calendars.domain import UnknownCountry


@pytest.mark.parametrize(
    ("code", "day", "is_holiday"),
    [
        ("CN", date(2026, 10, 1), True),
        ("CN", date(2026, 2, 17), True),
        ("DE", date(2026, 10, 3), True),
        ("DE", date(2026, 1, 6), False),
        ("DE-BY", date(2026, 1, 6), True),
        ("US", date(2026, 7, 3), True),
        ("IN", date(2026, 1, 26), True),
    ],
)
def test_a_known_holiday(code: str, day: date, *, is_holiday: bool) -> None:
    assert (day in countries.dates(code)) is is_holiday


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("cn", "did you mean 'CN'?"),
        ("DE-by", "did you mean 'DE-BY'?"),
        ("DE-XX", "no holidays are known for 'DE-XX'"),
        ("DE-", "no holidays are known for 'DE-'"),
        ("XX", "no holidays are known for 'XX'"),
        ("", "use an ISO 3166 code"),
        ("Germany", "no holidays are known for 'Germany'"),
        ("C" * 100_000, "no holidays are known"),
    ],
)
def test_an_unknown_country_is_refused_with_a_remedy(code: str, remedy: str) -> None:
    with pytest.raises(UnknownCountry) as refusal:
        countries.dates(code)

    assert remedy in str(refusal.value)
    assert len(str(refusal.value)) < 200


@given(code=st.sampled_from(["AT", "CH", "DE", "FR", "GB", "NZ", "US"]))
def test_holidays_lie_within_the_years_that_are_expanded(code: str) -> None:
    years = {day.year for day in countries.dates(code)}

    assert years == set(range(countries.FIRST_YEAR, countries.LAST_YEAR + 1))


UNINHABITED = {"BV", "HM", "IO"}
"""Bouvet, Heard and McDonald, the British Indian Ocean Territory: nobody has a day off there."""


@pytest.mark.prove
def test_every_country_and_part_can_be_expanded() -> None:
    known = holidays.list_supported_countries(include_aliases=False)
    codes = [*known, *(f"{country}-{part}" for country, parts in known.items() for part in parts)]

    without = {code for code in codes if not countries.dates(code)}

    assert without <= UNINHABITED
