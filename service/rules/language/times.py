"""Timestamps and durations as text, and the calendar fields of an instant in a zone."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from service.rules.language.values import Duration, Timestamp

NANOSECONDS = 1_000_000_000
_NANOSECONDS_PER_MICROSECOND = 1_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
TIMESTAMP_MIN = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND * _NANOSECONDS_PER_MICROSECOND
TIMESTAMP_MAX = (
    datetime.max.replace(tzinfo=UTC) - _EPOCH
) // _MICROSECOND * _NANOSECONDS_PER_MICROSECOND + 999
DURATION_MIN = -(2**63)
DURATION_MAX = 2**63 - 1
_TEXT_LENGTH_MAX = 64
_ZONE_LENGTH_MAX = 64
_ZONES_CACHED = 1_024

_TIMESTAMP = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))", re.ASCII
)
_DURATION = re.compile(r"([+-]?)(0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)", re.ASCII)
_DURATION_PART = re.compile(r"(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_UNIT_NANOSECONDS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": NANOSECONDS,
    "m": 60 * NANOSECONDS,
    "h": 3_600 * NANOSECONDS,
}
_FIXED_ZONE = re.compile(r"([+-]?)(\d\d):([0-5]\d)", re.ASCII)
_HOURS_MAX = 23
_ZONE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*", re.ASCII)


def timestamp_of(instant: datetime) -> Timestamp:
    """The timestamp of an aware datetime."""
    return Timestamp((instant - _EPOCH) // _MICROSECOND * _NANOSECONDS_PER_MICROSECOND)


def duration_of(span: timedelta) -> Duration | None:
    """The duration of a span; None when it is longer than 292 years."""
    return duration_within_range(span // _MICROSECOND * _NANOSECONDS_PER_MICROSECOND)


def timestamp_within_range(nanoseconds: int) -> Timestamp | None:
    return Timestamp(nanoseconds) if TIMESTAMP_MIN <= nanoseconds <= TIMESTAMP_MAX else None


def duration_within_range(nanoseconds: int) -> Duration | None:
    return Duration(nanoseconds) if DURATION_MIN <= nanoseconds <= DURATION_MAX else None


def timestamp_from_text(text: str) -> Timestamp | None:
    """Read RFC 3339 with up to nine digits of a second; None when `text` is anything else or out of range."""
    match = _TIMESTAMP.fullmatch(text) if len(text) <= _TEXT_LENGTH_MAX else None
    if match is None:
        return None
    day, time, fraction, sign, hours, minutes = match.groups()
    try:
        instant = datetime.fromisoformat(f"{day}T{time}+00:00")
    except ValueError:
        return None
    nanoseconds = timestamp_of(instant).nanoseconds + int((fraction or "0").ljust(9, "0"))
    if sign is not None:
        offset = (int(hours) * 60 + int(minutes)) * 60 * NANOSECONDS
        nanoseconds -= offset if sign == "+" else -offset
    return timestamp_within_range(nanoseconds)


def timestamp_text(timestamp: Timestamp) -> str:
    """RFC 3339 in UTC, with as many digits of a second as there are."""
    seconds, nanoseconds = divmod(timestamp.nanoseconds, NANOSECONDS)
    whole = (_EPOCH + timedelta(seconds=seconds)).isoformat().removesuffix("+00:00")
    return f"{whole}{_fraction(nanoseconds)}Z"


def duration_from_text(text: str) -> Duration | None:
    """Read Go's form: `1h30m`, `-1.5s`, `0`; None when `text` is anything else or out of range."""
    match = _DURATION.fullmatch(text) if len(text) <= _TEXT_LENGTH_MAX else None
    if match is None:
        return None
    total = sum(_part_nanoseconds(*part.groups()) for part in _DURATION_PART.finditer(match[2]))
    return duration_within_range(-total if match[1] == "-" else total)


def _part_nanoseconds(whole: str, fraction: str | None, unit: str) -> int:
    scale = _UNIT_NANOSECONDS[unit]
    digits = fraction or ""
    return int(whole or "0") * scale + int(digits or "0") * scale // 10 ** len(digits)


def duration_text(duration: Duration) -> str:
    """Seconds, as CEL writes them: `5400s`, `-1.5s`."""
    sign = "-" if duration.nanoseconds < 0 else ""
    seconds, nanoseconds = divmod(abs(duration.nanoseconds), NANOSECONDS)
    return f"{sign}{seconds}{_fraction(nanoseconds)}s"


def _fraction(nanoseconds: int) -> str:
    return "" if nanoseconds == 0 else f".{nanoseconds:09d}".rstrip("0")


def local(timestamp: Timestamp, zone: tzinfo) -> datetime | None:
    """The local date and time to the microsecond below; None when it lies outside the years 1 to 9999."""
    instant = _EPOCH + timedelta(microseconds=timestamp.nanoseconds // _NANOSECONDS_PER_MICROSECOND)
    try:
        return instant.astimezone(zone)
    except OverflowError:
        return None


@lru_cache(maxsize=_ZONES_CACHED)
def zone(name: str) -> tzinfo | None:
    """The zone called `name`: an IANA name or a fixed offset such as `+05:30`; None when there is none.

    Names are looked up in the tzdata package alone, so that every machine answers alike.
    """
    if name == "UTC":
        return UTC
    fixed = _FIXED_ZONE.fullmatch(name) if len(name) <= _ZONE_LENGTH_MAX else None
    if fixed is not None:
        return _fixed_zone(fixed[1], int(fixed[2]), int(fixed[3]))
    if len(name) > _ZONE_LENGTH_MAX or _ZONE_NAME.fullmatch(name) is None:
        return None
    source = files("tzdata").joinpath("zoneinfo", *name.split("/"))
    try:
        with source.open("rb") as stream:
            return ZoneInfo.from_file(stream, key=name)
    except (OSError, ValueError):
        return None


def _fixed_zone(sign: str, hours: int, minutes: int) -> tzinfo | None:
    if hours > _HOURS_MAX:
        return None
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if sign == "-" else offset)
