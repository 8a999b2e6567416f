"""Public holidays of countries and their parts. Nothing else knows the `holidays` library."""

import warnings
from datetime import date
from difflib import get_close_matches
from functools import cache

import holidays

from service.calendars.domain import UnknownCountry

FIRST_YEAR = 2000
LAST_YEAR = 2050
"""Holidays are expanded for these years, and fewer where the library knows fewer."""

CODE_CHARACTERS_MAX = 64


@cache
def _subdivisions() -> dict[str, frozenset[str]]:
    countries = holidays.list_supported_countries(include_aliases=False)
    return {country: frozenset(parts) for country, parts in countries.items()}


def dates(code: str) -> frozenset[date]:
    """The public holidays of a country (`CN`) or of a part of one (`DE-BY`), as ISO 3166 names them.

    A working day that is moved to a weekend is no holiday, and is not opened by this: list it as an opening.

    Raises:
        UnknownCountry: there is no table of that name.
    """
    country, _, part = code[:CODE_CHARACTERS_MAX].partition("-")
    known = _subdivisions()
    if country not in known:
        raise UnknownCountry(_refusal(code, country, known))
    if (part and part not in known[country]) or code.endswith("-"):
        raise UnknownCountry(_refusal(code, part, known[country], prefix=f"{country}-"))
    return _expanded(country, part or None)


@cache
def _expanded(country: str, part: str | None) -> frozenset[date]:
    table = holidays.country_holidays(country, subdiv=part)
    first, last = max(FIRST_YEAR, table.start_year), min(LAST_YEAR, table.end_year)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of years beyond what some tables (India's) hold in full
        return frozenset(holidays.country_holidays(country, subdiv=part, years=range(first, last + 1)))


def _refusal(
    code: str, given: str, known: dict[str, frozenset[str]] | frozenset[str], prefix: str = ""
) -> str:
    shown = repr(code[:CODE_CHARACTERS_MAX])
    if given.upper() in known:
        return f"no holidays are known for {shown}; did you mean {prefix + given.upper()!r}?"
    if near := get_close_matches(given.upper(), sorted(known), n=1, cutoff=0.5):
        return f"no holidays are known for {shown}; did you mean {prefix + near[0]!r}?"
    return f"no holidays are known for {shown}; use an ISO 3166 code such as 'CN' or 'DE-BY'."
