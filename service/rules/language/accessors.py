"""The calendar fields of a timestamp and the parts of a duration, and doubles as text."""

import math
from collections.abc import Callable
from datetime import UTC, datetime

from service.rules.language import times
from service.rules.language.values import Duration, Refusal, Timestamp

_DAYS_PER_WEEK = 7
_MILLISECOND = times.NANOSECONDS // 1_000
_MINUTE = 60 * times.NANOSECONDS
_HOUR = 60 * _MINUTE


def _month(moment: datetime) -> int:
    return moment.month - 1


def _date(moment: datetime) -> int:
    return moment.day


def _day_of_month(moment: datetime) -> int:
    return moment.day - 1


def _day_of_week(moment: datetime) -> int:
    return moment.isoweekday() % _DAYS_PER_WEEK


def _day_of_year(moment: datetime) -> int:
    return moment.timetuple().tm_yday - 1


def _year(moment: datetime) -> int:
    return moment.year


def _hours(moment: datetime) -> int:
    return moment.hour


def _minutes(moment: datetime) -> int:
    return moment.minute


def _seconds(moment: datetime) -> int:
    return moment.second


def _milliseconds(moment: datetime) -> int:
    return moment.microsecond // 1_000


TIMESTAMP_FIELDS: dict[str, Callable[[datetime], int]] = {
    "getFullYear": _year,
    "getMonth": _month,
    "getDate": _date,
    "getDayOfMonth": _day_of_month,
    "getDayOfWeek": _day_of_week,
    "getDayOfYear": _day_of_year,
    "getHours": _hours,
    "getMinutes": _minutes,
    "getSeconds": _seconds,
    "getMilliseconds": _milliseconds,
}
"""All count from 0, Sunday being 0, but for years and `getDate`, which counts days from 1: CEL's choice."""

_UNITS = {"getHours": _HOUR, "getMinutes": _MINUTE, "getSeconds": times.NANOSECONDS}


def field_in_utc(name: str) -> Callable[[Timestamp], int | Refusal]:
    read = TIMESTAMP_FIELDS[name]

    def field(timestamp: Timestamp) -> int | Refusal:
        moment = times.local(timestamp, UTC)
        return _OUT_OF_YEARS if moment is None else read(moment)

    return field


def field_in_zone(name: str) -> Callable[[Timestamp, str], int | Refusal]:
    read = TIMESTAMP_FIELDS[name]

    def field(timestamp: Timestamp, zone_name: str) -> int | Refusal:
        zone = times.zone(zone_name)
        if zone is None:
            return Refusal(
                "this string names no time zone: expected an IANA name or an offset such as +05:30"
            )
        moment = times.local(timestamp, zone)
        return _OUT_OF_YEARS if moment is None else read(moment)

    return field


_OUT_OF_YEARS = Refusal("timestamp out of range: in this zone the year is not within 1 to 9999")


def duration_in(name: str) -> Callable[[Duration], int]:
    """The whole duration in hours, minutes or seconds, cut towards zero."""
    unit = _UNITS[name]

    def whole(duration: Duration) -> int:
        count = abs(duration.nanoseconds) // unit
        return -count if duration.nanoseconds < 0 else count

    return whole


def duration_milliseconds(duration: Duration) -> int:
    """The milliseconds beside the whole seconds, cut towards zero."""
    count = abs(duration.nanoseconds) % times.NANOSECONDS // _MILLISECOND
    return -count if duration.nanoseconds < 0 else count


def double_text(value: float) -> str:
    """The shortest text that reads back as `value`: `1`, `0.1`, `1e+21`, `inf`, `nan`."""
    if not math.isfinite(value):
        return str(value)
    mantissa, _, exponent = repr(value).partition("e")
    if exponent:
        return f"{mantissa.removesuffix('.0')}e{int(exponent):+03d}"
    return mantissa.removesuffix(".0")
