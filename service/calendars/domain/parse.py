"""From the JSON form of a calendar to its definition. Every fault is collected, with its place and remedy."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from difflib import get_close_matches
from typing import cast

from service.calendars.domain import zones
from service.calendars.domain.definition import (
    COUNTRY_DATES,
    WEEKDAYS,
    CalendarDefinition,
    DaySpan,
    LocalSpan,
    clock_time,
)
from service.calendars.domain.failures import CalendarInvalid, UnknownCountry
from service.errors import Fault, pointer_to

FIRST_YEAR = 1900
"""No calendar is computed before this year, nor may it name a date there."""

LAST_YEAR = 2199
"""No calendar is computed after this year, nor may it name a date there."""

# Stored versions are read again under these limits: they may grow, and never shrink.
INTERVALS_PER_DAY_MAX = 12
HOLIDAYS_MAX = 2_000
RECURRING_HOLIDAYS_MAX = 366
CLOSURES_MAX = 1_000
OPENINGS_MAX = 1_000
FAULTS_MAX = 50
"""Faults that are listed; a calendar with more is refused with the first of them."""

KEYS = (
    "tz",
    "always_open",
    "weekly",
    "holidays",
    "recurring_holidays",
    "closures",
    "openings",
    "country_holidays",
)

CountryDates = Callable[[str], frozenset[date]]
"""The dates of a country's holidays, by its code. Raises UnknownCountry."""

_DAY_SECONDS = 24 * 3600
_SHIFT_END_SECONDS_MAX = 2 * _DAY_SECONDS
_SHOWN_CHARACTERS_MAX = 60
_SHOWN_BITS_MAX = 128
_LEAP_YEAR = 2000
_PAIR = 2
_CLOCK_TIME = re.compile(r"([0-9]{2}):([0-5][0-9])(?::([0-5][0-9]))?")
_LOCAL_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MONTH_DAY = re.compile(r"([0-9]{2})-([0-9]{2})")


@dataclass(slots=True)
class _Reading:
    """Where faults are collected while the parts are read.

    Attributes:
        zone_names: the time zones there are.
    """

    zone_names: frozenset[str]
    faults: list[Fault] = field(default_factory=list[Fault])

    def fault(self, pointer: str, detail: str) -> None:
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(Fault(pointer, detail))

    def entries(self, raw: object, pointer: str, *, most: int) -> Sequence[object]:
        """The entries of a list of bounded length; nothing when it is none."""
        if not isinstance(raw, list):
            self.fault(pointer, f"must be a list, not {shown(raw)}.")
            return ()
        entries = cast("list[object]", raw)
        if len(entries) > most:
            self.fault(pointer, f"has {len(entries)} entries; at most {most} are allowed.")
            return ()
        return entries


def parse_definition(raw: object, *, country_dates: CountryDates) -> CalendarDefinition:
    """Read a calendar from decoded JSON.

    Raises:
        CalendarInvalid: with every fault, each pointing at its place.
    """
    return _parsed(_Reading(zones.names()), raw, country_dates)


def from_expanded(written: Mapping[str, object]) -> CalendarDefinition:
    """Read what `definition.expanded_json` wrote: no holiday table is asked, no zone need be known any more.

    Raises:
        CalendarInvalid: it wrote something else.
    """
    dates = cast("list[str]", written.get(COUNTRY_DATES, []))
    table = frozenset(date.fromisoformat(day) for day in dates)
    members = {key: value for key, value in written.items() if key != COUNTRY_DATES}
    return _parsed(_Reading(frozenset({str(written.get("tz"))})), members, lambda _code: table)


def shown(raw: object) -> str:
    """A value from outside, as it may stand in a message: quoted and short."""
    if isinstance(raw, int) and raw.bit_length() > _SHOWN_BITS_MAX:
        return "a huge number"
    text = repr(raw)
    return text if len(text) <= _SHOWN_CHARACTERS_MAX else text[: _SHOWN_CHARACTERS_MAX - 1] + "…"


def unknown_key(key: str, known: Sequence[str]) -> str:
    """What to say of a key nobody knows."""
    near = get_close_matches(key[:_SHOWN_CHARACTERS_MAX], known, n=1)
    remedy = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}."
    return f"unknown key {shown(key)}; {remedy}"


def _parsed(reading: _Reading, raw: object, country_dates: CountryDates) -> CalendarDefinition:
    definition = _definition(reading, raw, country_dates)
    if reading.faults:
        raise CalendarInvalid(reading.faults)
    return definition


def _definition(reading: _Reading, raw: object, country_dates: CountryDates) -> CalendarDefinition:
    if not isinstance(raw, dict):
        reading.fault("", f"a calendar is an object, not {shown(raw)}.")
        return CalendarDefinition()
    members = cast("dict[str, object]", raw)
    for key in members:
        if key not in KEYS:
            reading.fault(pointer_to("", key), unknown_key(key, KEYS))
    if _always_open(reading, members):
        return CalendarDefinition(tz=_tz(reading, members, required=False), always_open=True)
    country, dates = _country(reading, members, country_dates)
    return CalendarDefinition(
        tz=_tz(reading, members, required=True),
        weekly=_weekly(reading, members.get("weekly", {})),
        holidays=_holidays(reading, members.get("holidays", [])),
        recurring_holidays=_recurring(reading, members.get("recurring_holidays", [])),
        closures=_local_spans(reading, members.get("closures", []), "/closures", most=CLOSURES_MAX),
        openings=_local_spans(reading, members.get("openings", []), "/openings", most=OPENINGS_MAX),
        country_holidays=country,
        country_dates=dates,
    )


def _always_open(reading: _Reading, members: dict[str, object]) -> bool:
    value = members.get("always_open", False)
    if not isinstance(value, bool):
        reading.fault("/always_open", f"must be true or false, not {shown(value)}.")
        return False
    if value:
        for key in members:
            if key in KEYS and key not in {"tz", "always_open"}:
                reading.fault(f"/{key}", "a calendar that is always open has no hours; leave this out.")
    return value


def _tz(reading: _Reading, members: dict[str, object], *, required: bool) -> str:
    if "tz" not in members:
        if required:
            reading.fault("/tz", "is missing; name an IANA time zone such as 'Europe/Berlin'.")
        return "UTC"
    name = members["tz"]
    if not isinstance(name, str):
        reading.fault(
            "/tz", f"must be the name of an IANA time zone such as 'Europe/Berlin', not {shown(name)}."
        )
        return "UTC"
    if name not in reading.zone_names:
        near = zones.nearest(name)
        remedy = f"did you mean {near!r}?" if near else "use an IANA name such as 'Europe/Berlin'."
        reading.fault("/tz", f"unknown time zone {shown(name)}; {remedy}")
        return "UTC"
    return name


def _country(
    reading: _Reading, members: dict[str, object], country_dates: CountryDates
) -> tuple[str | None, frozenset[date]]:
    code = members.get("country_holidays")
    if code is None:
        return None, frozenset()
    if not isinstance(code, str):
        reading.fault("/country_holidays", f"must be a code such as 'CN' or 'DE-BY', not {shown(code)}.")
        return None, frozenset()
    try:
        return code, country_dates(code)
    except UnknownCountry as error:
        reading.fault("/country_holidays", str(error))
        return None, frozenset()


def _weekly(reading: _Reading, raw: object) -> tuple[tuple[DaySpan, ...], ...]:
    if not isinstance(raw, dict):
        reading.fault(
            "/weekly", f'must be an object such as {{"mon": [["09:00", "17:00"]]}}, not {shown(raw)}.'
        )
        return ((),) * len(WEEKDAYS)
    members = cast("dict[str, object]", raw)
    for key in members:
        if key not in WEEKDAYS:
            reading.fault(pointer_to("/weekly", key), unknown_key(key, WEEKDAYS))
    return tuple(_day(reading, members.get(name, []), f"/weekly/{name}") for name in WEEKDAYS)


def _day(reading: _Reading, raw: object, pointer: str) -> tuple[DaySpan, ...]:
    entries = reading.entries(raw, pointer, most=INTERVALS_PER_DAY_MAX)
    spans = (_day_span(reading, entry, f"{pointer}/{place}") for place, entry in enumerate(entries))
    return tuple(sorted({span for span in spans if span is not None}))


def _day_span(reading: _Reading, raw: object, pointer: str) -> DaySpan | None:
    pair = _pair(reading, raw, pointer, example='["09:00", "17:00"]')
    if pair is None:
        return None
    start = _clock_seconds(reading, pair[0], f"{pointer}/0")
    end = _clock_seconds(reading, pair[1], f"{pointer}/1")
    if start is None or end is None:
        return None
    if start >= _DAY_SECONDS:
        reading.fault(f"{pointer}/0", "starts on the next date; move it to that weekday.")
        return None
    if end <= start:
        over = clock_time(end + _DAY_SECONDS)
        reading.fault(
            f"{pointer}/1", f"is not after the start; for that time on the next date write {over!r}."
        )
        return None
    return DaySpan(start, end)


def _pair(reading: _Reading, raw: object, pointer: str, *, example: str) -> tuple[object, object] | None:
    pair = cast("list[object]", raw) if isinstance(raw, list) else []
    if len(pair) != _PAIR:
        reading.fault(
            pointer, f"must be a start and an end such as {example}, not {shown(cast('object', raw))}."
        )
        return None
    return pair[0], pair[1]


def _clock_seconds(reading: _Reading, raw: object, pointer: str) -> int | None:
    match = _CLOCK_TIME.fullmatch(raw) if isinstance(raw, str) else None
    if match is None:
        reading.fault(pointer, f"must be a local time such as '09:00' or '24:00', not {shown(raw)}.")
        return None
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    total = hours * 3600 + minutes * 60 + seconds
    if total > _SHIFT_END_SECONDS_MAX:
        reading.fault(pointer, f"{raw!r} is after '48:00', the end of the next date; split the interval.")
        return None
    return total


def _holidays(reading: _Reading, raw: object) -> frozenset[date]:
    entries = reading.entries(raw, "/holidays", most=HOLIDAYS_MAX)
    days = (_date(reading, entry, f"/holidays/{place}") for place, entry in enumerate(entries))
    return frozenset(day for day in days if day is not None)


def _date(reading: _Reading, raw: object, pointer: str) -> date | None:
    if not isinstance(raw, str) or not _DATE.fullmatch(raw):
        reading.fault(pointer, f"must be a date such as '2026-12-25', not {shown(raw)}.")
        return None
    try:
        day = date.fromisoformat(raw)
    except ValueError:
        reading.fault(pointer, f"{raw!r} is not a day of the calendar.")
        return None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        reading.fault(pointer, f"{raw!r} lies outside the years {FIRST_YEAR} to {LAST_YEAR}.")
        return None
    return day


def _recurring(reading: _Reading, raw: object) -> frozenset[tuple[int, int]]:
    pointer = "/recurring_holidays"
    entries = reading.entries(raw, pointer, most=RECURRING_HOLIDAYS_MAX)
    days = (_month_day(reading, entry, f"{pointer}/{place}") for place, entry in enumerate(entries))
    return frozenset(day for day in days if day is not None)


def _month_day(reading: _Reading, raw: object, pointer: str) -> tuple[int, int] | None:
    match = _MONTH_DAY.fullmatch(raw) if isinstance(raw, str) else None
    if match is None:
        reading.fault(pointer, f"must be a month and a day such as '12-25', not {shown(raw)}.")
        return None
    month, day = int(match[1]), int(match[2])
    try:
        date(_LEAP_YEAR, month, day)
    except ValueError:
        reading.fault(pointer, f"{raw!r} is not a day of any year.")
        return None
    return month, day


def _local_spans(reading: _Reading, raw: object, pointer: str, *, most: int) -> tuple[LocalSpan, ...]:
    entries = reading.entries(raw, pointer, most=most)
    spans = (_local_span(reading, entry, f"{pointer}/{place}") for place, entry in enumerate(entries))
    return tuple(sorted({span for span in spans if span is not None}))


def _local_span(reading: _Reading, raw: object, pointer: str) -> LocalSpan | None:
    pair = _pair(reading, raw, pointer, example='["2026-12-24T12:00", "2026-12-24T24:00"]')
    if pair is None:
        return None
    start = _local_time(reading, pair[0], f"{pointer}/0")
    end = _local_time(reading, pair[1], f"{pointer}/1")
    if start is None or end is None:
        return None
    if end <= start:
        reading.fault(f"{pointer}/1", "is not after the start.")
        return None
    return LocalSpan(start, end)


def _local_time(reading: _Reading, raw: object, pointer: str) -> datetime | None:
    match = _LOCAL_TIME.fullmatch(raw) if isinstance(raw, str) else None
    if match is None:
        reading.fault(
            pointer, f"must be a local time such as '2026-12-24T12:00', without offset, not {shown(raw)}."
        )
        return None
    day = _date(reading, match[1], pointer)
    seconds = _clock_seconds(reading, match[2], pointer)
    if day is None or seconds is None:
        return None
    if seconds > _DAY_SECONDS:
        reading.fault(pointer, f"{raw!r} is after '24:00'; name the next date.")
        return None
    return datetime(day.year, day.month, day.day) + timedelta(seconds=seconds)  # noqa: DTZ001 - local by nature
