"""What a calendar says, as values. Local times are those of its zone; nothing here knows UTC."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

COUNTRY_DATES = "country_dates"
"""The key under which the expanded form keeps a country's holidays."""

_MINUTE_SECONDS = 60
_HOUR_SECONDS = 3600
_NO_HOURS: tuple[tuple["DaySpan", ...], ...] = ((),) * len(WEEKDAYS)


@dataclass(frozen=True, slots=True, order=True)
class DaySpan:
    """Opening hours that belong to one date.

    Attributes:
        start_seconds: since local midnight of that date, below 24 h.
        end_seconds: since the same midnight, at most 48 h: a night shift passes 24 h.
    """

    start_seconds: int
    end_seconds: int


@dataclass(frozen=True, slots=True, order=True)
class LocalSpan:
    """A half-open stretch of local time, both ends naive."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarDefinition:
    """One calendar version.

    Attributes:
        weekly: opening hours by weekday, Monday first.
        recurring_holidays: (month, day) of every year; (2, 29) only in leap years.
        country_holidays: the code whose holiday table was asked for, such as `CN` or `DE-BY`.
        country_dates: that table, expanded to dates when the version was made.
    """

    tz: str = "UTC"
    always_open: bool = False
    weekly: tuple[tuple[DaySpan, ...], ...] = _NO_HOURS
    holidays: frozenset[date] = frozenset()
    recurring_holidays: frozenset[tuple[int, int]] = frozenset()
    closures: tuple[LocalSpan, ...] = ()
    openings: tuple[LocalSpan, ...] = ()
    country_holidays: str | None = None
    country_dates: frozenset[date] = frozenset()

    def is_holiday(self, day: date) -> bool:
        return (
            day in self.holidays
            or day in self.country_dates
            or (day.month, day.day) in self.recurring_holidays
        )


def canonical_json(definition: CalendarDefinition) -> dict[str, object]:
    """The definition as JSON, in one fixed spelling and order."""
    if definition.always_open:
        return {"tz": definition.tz, "always_open": True}
    days = zip(WEEKDAYS, definition.weekly, strict=True)
    written: dict[str, object] = {
        "tz": definition.tz,
        "weekly": {name: [_clock_times(span) for span in sorted(spans)] for name, spans in days if spans},
        "holidays": [day.isoformat() for day in sorted(definition.holidays)],
        "recurring_holidays": [
            f"{month:02}-{day:02}" for month, day in sorted(definition.recurring_holidays)
        ],
        "closures": _local_times(definition.closures),
        "openings": _local_times(definition.openings),
        "country_holidays": definition.country_holidays,
    }
    return {key: value for key, value in written.items() if value or key == "weekly"}


def expanded_json(definition: CalendarDefinition) -> dict[str, object]:
    """The same, with the country's holidays as dates, so that no holiday table is needed to read it again."""
    dates = [day.isoformat() for day in sorted(definition.country_dates)]
    return canonical_json(definition) | ({COUNTRY_DATES: dates} if dates else {})


def _clock_times(span: DaySpan) -> list[str]:
    return [clock_time(span.start_seconds), clock_time(span.end_seconds)]


def clock_time(seconds: int) -> str:
    """Seconds since midnight as `HH:MM` or `HH:MM:SS`; hours go on past 24."""
    hour, minute, second = (
        seconds // _HOUR_SECONDS,
        seconds // _MINUTE_SECONDS % 60,
        seconds % _MINUTE_SECONDS,
    )
    return f"{hour:02}:{minute:02}" + (f":{second:02}" if second else "")


def _local_times(spans: Iterable[LocalSpan]) -> list[list[str]]:
    return [[_local_time(span.start), _local_time(span.end)] for span in sorted(spans)]


def _local_time(at: datetime) -> str:
    return at.isoformat(timespec="seconds" if at.second else "minutes")
