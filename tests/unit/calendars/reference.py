"""A slow second opinion: it walks through time tick by tick and looks at the clock on the wall.

It is written from the words of the design, reads the JSON form by itself, and shares no arithmetic with
`service.calendars`: local times are found by searching the walk for the moment at which the wall shows them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import tzdata

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ORIGIN = datetime(2000, 1, 1)  # noqa: DTZ001 - wall times are naive


@cache
def zone(name: str) -> ZoneInfo:
    with files(tzdata).joinpath("zoneinfo", *name.split("/")).open("rb") as rules:
        return ZoneInfo.from_file(rules, key=name)


@dataclass(frozen=True)
class Walk:
    """A stretch of time in one zone, tick by tick.

    Attributes:
        wall: what the clock on the wall shows at each tick, in ticks since ORIGIN.
        first_tick: the first tick at which the wall shows a time.
        jumps: what the wall shows before and after it leaves something out.
    """

    start: datetime
    tick: timedelta
    wall: Sequence[int] = field(repr=False)
    first_tick: Mapping[int, int] = field(repr=False)
    jumps: Sequence[tuple[int, int]]

    def at(self, tick: int) -> datetime:
        return self.start + tick * self.tick

    def tick_of_wall(self, local: datetime) -> int | None:
        """The first tick that shows this time; for one that is skipped, the one later by what is skipped.

        None outside the walk.
        """
        shown = (local - ORIGIN) // self.tick
        if shown in self.first_tick:
            return self.first_tick[shown]
        for before, after in self.jumps:
            if before < shown < after:
                skipped = after - before - 1
                return self.first_tick.get(shown + skipped)
        return None


@cache
def walk(zone_name: str, start: datetime, days: int, tick: timedelta) -> Walk:
    ticks = days * timedelta(days=1) // tick
    local = (
        (start + number * tick).astimezone(zone(zone_name)).replace(tzinfo=None) for number in range(ticks)
    )
    wall = [(shown - ORIGIN) // tick for shown in local]
    first_tick: dict[int, int] = {}
    for number, shown in enumerate(wall):
        first_tick.setdefault(shown, number)
    jumps = [(before, after) for before, after in pairwise(wall) if after > before + 1]
    return Walk(start, tick, wall, first_tick, jumps)


class SteppedCalendar:
    """A calendar as one flag per tick: is it open?"""

    def __init__(self, raw: Mapping[str, Any], path: Walk) -> None:
        self.path = path
        self.raw = raw
        self.zone = zone(raw.get("tz", "UTC"))
        ticks = len(path.wall)
        self.closed_by_hand = [False] * ticks
        self.opened_by_hand = [False] * ticks
        for flags, key in ((self.closed_by_hand, "closures"), (self.opened_by_hand, "openings")):
            for start, end in raw.get(key, []):
                for tick in self._ticks(moment(start), moment(end)):
                    flags[tick] = True
        self.first_date, self.last_date = self._date(0), self._date(ticks - 1)
        self.of_date = {day: self._of_date(day) for day in self._dates()}
        self.open = list(self.opened_by_hand)
        for own in self.of_date.values():
            for tick in own:
                self.open[tick] = True

    def _dates(self) -> Iterator[date]:
        day = self.first_date - timedelta(days=3)
        while day <= self.last_date + timedelta(days=1):
            yield day
            day += timedelta(days=1)

    def _ticks(self, start: datetime, end: datetime) -> range:
        first, last = self.path.tick_of_wall(start), self.path.tick_of_wall(end)
        path_start, path_end = self.path.wall[0], self.path.wall[-1]
        if first is None:
            first = 0 if (start - ORIGIN) // self.path.tick <= path_start else len(self.path.wall)
        if last is None:
            last = len(self.path.wall) if (end - ORIGIN) // self.path.tick >= path_end else 0
        return range(first, last)

    def _of_date(self, day: date) -> list[int]:
        """The ticks at which it is open because of this date: its own hours, and what is opened on it."""
        own: set[int] = set()
        midnight = datetime.combine(day, datetime.min.time())
        if not self._is_holiday(day):
            for start, end in self.raw.get("weekly", {}).get(WEEKDAYS[day.weekday()], []):
                hours = self._ticks(midnight + clock(start), midnight + clock(end))
                own.update(tick for tick in hours if not self.closed_by_hand[tick])
        today = self._ticks(midnight, midnight + timedelta(days=1))
        own.update(tick for tick in today if self.opened_by_hand[tick])
        return sorted(own)

    def _is_holiday(self, day: date) -> bool:
        text = day.isoformat()
        return text in self.raw.get("holidays", []) or text[5:] in self.raw.get("recurring_holidays", [])

    def next_open(self, tick: int) -> int | None:
        return next((later for later in range(tick, len(self.open)) if self.open[later]), None)

    def elapsed(self, start: int, end: int) -> int:
        return sum(self.open[start:end])

    def elapsed_paused(self, pauses: Sequence[tuple[int, int]]) -> int:
        return sum(
            is_open and stands for is_open, stands in zip(self.open, self._paused(pauses), strict=True)
        )

    def _paused(self, pauses: Sequence[tuple[int, int]]) -> list[bool]:
        flags = [False] * len(self.open)
        for start, end in pauses:
            for tick in range(start, min(end, len(flags))):
                flags[tick] = True
        return flags

    def due(self, start: int, amount: int, pauses: Sequence[tuple[int, int]]) -> int | None:
        left, stands_still = amount, self._paused(pauses)
        for tick in range(start, len(self.open)):
            if not self.open[tick] or stands_still[tick]:
                continue
            if left == 0:
                return tick
            left -= 1
            if left == 0:
                return tick + 1
        return None

    def before(self, end: int, amount: int) -> int | None:
        left = amount
        for tick in range(end - 1, -1, -1):
            if not self.open[tick]:
                continue
            if left == 0:
                return tick + 1
            left -= 1
            if left == 0:
                return tick
        return None

    def end_of_business_day(self, start: int, days: int) -> int | None:
        day = self._business_day(start, days)
        return None if day is None else self._last_close(day)

    def business_days(self, start: int, days: int) -> int | None:
        day = self._business_day(start, days)
        if day is None:
            return None
        same_clock = start if day == self._date(start) else self._same_clock(start, day)
        return None if same_clock is None else min(same_clock, self._last_close(day))

    def next_business_days(self, start: int, days: int) -> int | None:
        day = self._business_day(start, days) if days else self._date(start)
        same_clock = None if day is None else (self._same_clock(start, day) if days else start)
        return None if same_clock is None else self.next_open(same_clock)

    def _date(self, tick: int) -> date:
        return (ORIGIN + self.path.wall[tick] * self.path.tick).date()

    def _same_clock(self, start: int, day: date) -> int | None:
        clock_time = (ORIGIN + self.path.wall[start] * self.path.tick).time()
        return self.path.tick_of_wall(datetime.combine(day, clock_time))

    def _last_close(self, day: date) -> int:
        return self.of_date[day][-1] + 1

    def _business_day(self, start: int, days: int) -> date | None:
        day = self._date(start)
        if days == 0:
            if self.of_date[day] and self._last_close(day) >= start:
                return day
            days = 1
        step, left = timedelta(days=1 if days > 0 else -1), abs(days)
        while left:
            day += step
            if not self.first_date < day < self.last_date - timedelta(days=3):
                return None  # part of what belongs to it may lie outside the walk
            left -= bool(self.of_date[day])
        return day


def clock(text: str) -> timedelta:
    hours, minutes, seconds = (int(part) for part in f"{text}:00".split(":")[:3])
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def moment(text: str) -> datetime:
    day, _, time = text.partition("T")
    return datetime.combine(date.fromisoformat(day), datetime.min.time()) + clock(time)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
