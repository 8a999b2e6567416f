"""Random calendars and questions about them, each made from its number alone."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from tests.unit.calendars.reference import WEEKDAYS, Walk, utc, walk

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)

WINDOWS = (
    ("UTC", "2026-02-20"),
    ("Europe/Berlin", "2026-03-22"),
    ("Europe/Berlin", "2026-10-18"),
    ("America/New_York", "2026-03-01"),
    ("America/New_York", "2026-10-25"),
    ("Australia/Lord_Howe", "2026-03-29"),
    ("Australia/Lord_Howe", "2026-09-27"),
    ("America/Sao_Paulo", "2015-02-15"),
    ("America/Sao_Paulo", "2015-10-11"),
    ("Asia/Tehran", "2016-03-15"),
    ("Asia/Tehran", "2016-09-15"),
    ("Africa/Casablanca", "2026-02-10"),
    ("Africa/Casablanca", "2026-03-16"),
    ("America/Havana", "2026-03-02"),
    ("America/Havana", "2026-10-26"),
    ("Asia/Beirut", "2026-03-23"),
    ("Pacific/Chatham", "2026-03-30"),
    ("Pacific/Chatham", "2026-09-21"),
    ("Pacific/Apia", "2011-12-24"),
    ("Antarctica/Troll", "2026-03-23"),
    ("Antarctica/Troll", "2026-10-19"),
    ("Europe/Dublin", "2026-10-18"),
    ("America/St_Johns", "2011-03-07"),
    ("America/St_Johns", "2010-11-01"),
    ("Asia/Pyongyang", "2018-04-29"),
    ("America/Caracas", "2016-04-25"),
    ("Asia/Kathmandu", "2024-02-22"),
    ("Pacific/Kiritimati", "2025-12-25"),
    ("Asia/Shanghai", "1991-04-08"),
    ("Africa/Cairo", "2026-04-19"),
)
"""Zone and start (UTC) of fortnights that hold what is awkward: DST of 30, 60 and 120 minutes, at night, at
midnight and a minute past it, a skipped date, changes of standard time, a leap day, the turn of the year."""

WALK_DAYS = 22
LEAD_DAYS = 4
QUESTION_DAYS = 14


@dataclass(frozen=True)
class Scenario:
    """One calendar and one set of questions.

    Attributes:
        start, end: ticks of the walk; now and then the end comes first.
        amount: ticks of open time.
        pauses: stretches of ticks, which may overlap.
        days: working days.
    """

    number: int
    raw: dict[str, Any]
    path: Walk
    start: int
    end: int
    amount: int
    pauses: list[tuple[int, int]]
    days: int


def minute_scenario(number: int) -> Scenario:
    """Everything lies on whole minutes; questions span up to a fortnight."""
    random = Random(number)  # noqa: S311 - the same scenario for the same number
    zone, start = random.choice(WINDOWS)
    path = walk(zone, utc(start) - timedelta(days=LEAD_DAYS), WALK_DAYS, MINUTE)
    return _scenario(random, number, zone, path, QUESTION_DAYS)


def second_scenario(number: int) -> Scenario:
    """Everything lies on whole seconds; questions span up to two days around a change of the clocks."""
    random = Random(number)  # noqa: S311 - the same scenario for the same number
    zone, start = random.choice(WINDOWS)
    path = walk(zone, utc(start) + timedelta(days=5), 5, SECOND)
    return _scenario(random, number, zone, path, 2)


def _scenario(random: Random, number: int, zone: str, path: Walk, question_days: int) -> Scenario:
    per_day = timedelta(days=1) // path.tick
    lead = (len(path.wall) - question_days * per_day) // 2
    start = lead + random.randrange(question_days * per_day)
    end = lead + random.randrange(question_days * per_day)
    return Scenario(
        number=number,
        raw=_calendar(random, zone, path),
        path=path,
        start=start,
        end=end if random.random() < 0.2 else max(start, end),
        amount=random.choice((0, 1, random.randrange(per_day // 2), random.randrange(3 * per_day))),
        pauses=[_pause(random, start, per_day) for _ in range(random.choice((0, 0, 1, 2, 4)))],
        days=random.randrange(-3, 5),
    )


def _pause(random: Random, start: int, per_day: int) -> tuple[int, int]:
    begun = max(0, start + random.randrange(-per_day, 3 * per_day))
    return begun, begun + random.choice((0, random.randrange(per_day // 4), random.randrange(3 * per_day)))


def _calendar(random: Random, zone: str, path: Walk) -> dict[str, Any]:
    seconds = path.tick == SECOND
    dates = sorted(
        {path.at(tick).date() for tick in range(0, len(path.wall), timedelta(hours=6) // path.tick)}
    )
    raw: dict[str, Any] = {"tz": zone, "weekly": _weekly(random, seconds=seconds)}
    if random.random() < 0.5:
        raw["holidays"] = sorted({random.choice(dates).isoformat() for _ in range(random.randrange(1, 5))})
    if random.random() < 0.3:
        raw["recurring_holidays"] = sorted({random.choice(dates).isoformat()[5:] for _ in range(2)})
    for key in ("closures", "openings"):
        if random.random() < 0.4:
            raw[key] = [_local_span(random, dates, seconds=seconds) for _ in range(random.randrange(1, 4))]
    if "closures" in raw and random.random() < 0.5:
        raw["openings"] = [*raw.get("openings", []), *(_part(random, closed) for closed in raw["closures"])]
    return raw


def _part(random: Random, span: list[str]) -> list[str]:
    """From somewhere inside the span to an hour after it."""
    start, end = (datetime.fromisoformat(local) for local in span)
    begun = start + timedelta(minutes=random.randrange((end - start) // MINUTE))
    return [_local(begun), _local(end + timedelta(hours=1))]


def _weekly(random: Random, *, seconds: bool) -> dict[str, Any]:
    shape = random.random()
    if shape < 0.12:
        return {name: [["00:00", "24:00"]] for name in random.choice((WEEKDAYS, WEEKDAYS[:5]))}
    if shape < 0.2:
        return {name: [["22:00", "30:00"]] for name in random.choice((WEEKDAYS, WEEKDAYS[1:6]))}
    if shape < 0.25:
        return {}
    return {
        name: [_day_span(random, seconds=seconds) for _ in range(random.randrange(1, 4))]
        for name in WEEKDAYS
        if random.random() < 0.75
    }


def _day_span(random: Random, *, seconds: bool) -> list[str]:
    start_minute = random.choice((random.randrange(1440), random.randrange(240), 15 * random.randrange(96)))
    length = random.choice((random.randrange(1, 90), random.randrange(1, 720), random.randrange(1, 2880)))
    end_minute = min(start_minute + length, 2880)
    if not seconds:
        return [_clock(start_minute * 60), _clock(end_minute * 60)]
    return [
        _clock(start_minute * 60 + random.randrange(60)),
        _clock(min(end_minute * 60 + random.randrange(60), 172_800) if length > 1 else end_minute * 60 + 60),
    ]


def _clock(seconds: int) -> str:
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}"
    return f"{text}:{seconds % 60:02}" if seconds % 60 else text


def _local_span(random: Random, dates: list[Any], *, seconds: bool) -> list[str]:
    midnight = datetime.combine(random.choice(dates), datetime.min.time())
    start = midnight + timedelta(
        minutes=random.choice((0, 15 * random.randrange(96), random.randrange(1440)))
    )
    length = timedelta(minutes=random.choice((random.randrange(1, 120), 60 * random.randrange(1, 72))))
    odd = timedelta(seconds=random.randrange(60) if seconds else 0)
    return [_local(start + odd), _local(start + odd + length)]


def _local(at: datetime) -> str:
    return at.isoformat(timespec="seconds" if at.second else "minutes")
