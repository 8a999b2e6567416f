"""A calendar compiled to UTC intervals with running totals, and the arithmetic of promises over them.

Instants go in and come out as aware datetimes (UTC comes out); inside they are whole microseconds since 1970,
so that nothing is ever rounded. Intervals are half open: at closing time it is closed. An amount of time that
ends exactly at closing time ends there, not at the next opening.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import accumulate

from service.calendars.domain import spans, zones
from service.calendars.domain.definition import CalendarDefinition
from service.calendars.domain.failures import BeyondHorizon, NeverDue
from service.calendars.domain.parse import FIRST_YEAR, LAST_YEAR
from service.calendars.domain.spans import Span

HORIZON_YEARS = 100
"""How far from where it is asked an answer may lie."""

HORIZON = timedelta(days=366 * HORIZON_YEARS)

KEPT_YEARS = 20
"""The widest table that is kept: what lies further apart is computed, and forgotten."""

BUSINESS_DAYS_MAX = 366 * HORIZON_YEARS

Pauses = Sequence[tuple[datetime, datetime | None]]
"""Stretches in which the clock stands still, in any order; `None` is a pause that has not ended."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAY = timedelta(days=1)
_SECOND_MICROSECONDS = 1_000_000
_DAY_MICROSECONDS = 86_400 * _SECOND_MICROSECONDS
_HORIZON_MICROSECONDS = HORIZON // _MICROSECOND
_EPOCH_ORDINAL = _EPOCH.toordinal()
_MONDAY_ORDINAL = date(1900, 1, 1).toordinal()
_FOREVER = 1 << 63
_REMEMBERED_DAYS_MAX = 4_000
_MARGIN_DAYS = 4
"""A date's hours reach 48 h past its midnight, and its midnight lies within 27 h of UTC's."""


def _micros(at: datetime) -> int:
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * _SECOND_MICROSECONDS + since.microseconds


def _instant(micros: int) -> datetime:
    return _EPOCH + micros * _MICROSECOND


def _year_start(year: int) -> int:
    return (date(year, 1, 1).toordinal() - _EPOCH_ORDINAL) * _DAY_MICROSECONDS


_FIRST_MICROS = _year_start(FIRST_YEAR)
_END_MICROS = _year_start(LAST_YEAR + 1)


@dataclass(frozen=True, slots=True)
class _Table:
    """Every open interval in [start, end), whole years. `totals[i]` is the open time before `opens[i]`."""

    first_year: int
    last_year: int
    start: int
    end: int
    opens: Sequence[int]
    closes: Sequence[int]
    totals: Sequence[int]

    @classmethod
    def of(cls, first_year: int, last_year: int, intervals: Sequence[Span]) -> "_Table":
        return cls(
            first_year=first_year,
            last_year=last_year,
            start=_year_start(first_year),
            end=_year_start(last_year + 1),
            opens=[start for start, _ in intervals],
            closes=[end for _, end in intervals],
            totals=[0, *accumulate(end - start for start, end in intervals)],
        )

    def position(self, at: int) -> int:
        """Open time from the table's start to `at`."""
        place = bisect_right(self.opens, at) - 1
        if place < 0:
            return 0
        close = self.closes[place]
        return self.totals[place] + (at if at < close else close) - self.opens[place]  # noqa: FURB136 - half the time of min()

    def first_after(self, at: int, span: int) -> int | None:
        """The first instant with `span` (more than none) of open time since `at`, if the table reaches it."""
        position = self.position(at) + span
        place = bisect_left(self.totals, position) - 1
        if place >= len(self.opens):
            return None
        return self.opens[place] + position - self.totals[place]

    def last_at(self, position: int) -> int | None:
        """The last instant with that much open time before it, if the table shows where it ends."""
        place = bisect_right(self.totals, position) - 1
        if position < 0 or place >= len(self.opens):
            return None
        return self.opens[place] + position - self.totals[place]


class WorkingTime:
    """One calendar, ready to compute. Safe to share: what it remembers does not change its answers.

    Attributes:
        definition: what the calendar says.
        zone: the rules of its time zone.
        days_walked: how many dates it has looked at so far: a measure of the work it took.
    """

    def __init__(self, definition: CalendarDefinition, zone: tzinfo) -> None:
        self.definition = definition
        self.zone = zone
        self._closures = spans.union(
            (self._utc(span.start), self._utc(span.end)) for span in definition.closures
        )
        self._openings = spans.union(
            (self._utc(span.start), self._utc(span.end)) for span in definition.openings
        )
        self._weekly = [
            [
                (span.start_seconds * _SECOND_MICROSECONDS, span.end_seconds * _SECOND_MICROSECONDS)
                for span in day
            ]
            for day in definition.weekly
        ]
        self._grown: _Table | None = None
        self._last_closes: dict[int, int | None] = {}
        self.days_walked = 0

    def local_to_utc(self, local: datetime) -> datetime:
        """The instant of a naive local time: in a gap moved later by the gap, in an overlap the first."""
        return _instant(self._utc(local))

    def to_local(self, at: datetime) -> datetime:
        """The naive local time of an instant."""
        return at.astimezone(self.zone).replace(tzinfo=None, fold=0)

    def is_open(self, at: datetime) -> bool:
        micros = self._within(at)
        if self.definition.always_open:
            return True
        table = self._table(micros)
        place = bisect_right(table.opens, micros) - 1
        return place >= 0 and micros < table.closes[place]

    def next_open(self, at: datetime) -> datetime:
        """The first open instant from `at` on. Raises BeyondHorizon when there is none near enough."""
        return _instant(self._next_open(self._within(at)))

    def intervals(self, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
        """The open intervals between two instants, cut at both."""
        first, last = self._within(start), self._within(end)
        if first >= last:
            return []
        if self.definition.always_open:
            return [(_instant(first), _instant(last))]
        table = self._covering(first, last)
        here = slice(bisect_right(table.closes, first), bisect_left(table.opens, last))
        cut = spans.clip(list(zip(table.opens[here], table.closes[here], strict=True)), first, last)
        return [(_instant(opened), _instant(closed)) for opened, closed in cut]

    def elapsed(self, start: datetime, end: datetime) -> timedelta:
        """Open time between two instants; none when the end comes first."""
        return timedelta(microseconds=self._elapsed(self._within(start), self._within(end)))

    def elapsed_paused(self, pauses: Sequence[tuple[datetime, datetime]]) -> timedelta:
        """Open time inside the pauses; where they overlap it counts once."""
        paused = spans.union((self._within(start), self._within(end)) for start, end in pauses)
        return timedelta(microseconds=sum(self._elapsed(start, end) for start, end in paused))

    def due(self, start: datetime, span: timedelta, *, pauses: Pauses = ()) -> datetime:
        """The first instant at which `span` of open, unpaused time has passed since `start`.

        No time at all is due at the next open, unpaused moment.

        Raises:
            BeyondHorizon: it is not reached within HORIZON_YEARS.
            NeverDue: a pause without an end begins before it is reached.
            ValueError: the span is negative.
        """
        table, begun, left = self._grown, _micros(start), span // _MICROSECOND
        if table is not None and left > 0 and not pauses and table.start <= begun < table.end:
            reached = table.first_after(begun, left)
            if reached is not None:
                return _instant(reached)
        return _instant(self._due_with_pauses(_bounded(begun), _amount(span), self._standing_still(pauses)))

    def before(self, end: datetime, span: timedelta) -> datetime:
        """The last instant from which `span` of open time passes until `end`: `due`, mirrored in time.

        No time at all before a closed moment is the closing time before it.

        Raises:
            BeyondHorizon: it is not reached within HORIZON_YEARS.
            ValueError: the span is negative.
        """
        micros, left = self._within(end), _amount(span)
        if self.definition.always_open:
            return _instant(_bounded(micros - left))
        for table in self._growing(micros, years=-1):
            target = table.position(micros) - left
            reached = table.last_at(target) if left else _last_open(table, micros)
            if reached is not None:
                return _instant(reached)
        raise _too_far("before", micros)

    def is_business_day(self, day: date) -> bool:
        """Whether open time belongs to that local date: a night shift belongs to the date it starts on."""
        return self._last_close(day) is not None

    def business_days(self, start: datetime, days: int) -> datetime:
        """`days` working days later (earlier if negative) at the same clock time, capped at the last close.

        With 0 days the start's own date counts, unless it is no working day or already over: then the next.
        """
        day, close = self._working_day(start, days)
        local = self.to_local(start)
        if day == local.date():
            return start.astimezone(UTC)
        return _instant(min(self._utc(datetime.combine(day, local.time())), close))

    def end_of_business_day(self, start: datetime, days: int) -> datetime:
        """The last close of the day that `business_days` counts to."""
        return _instant(self._working_day(start, days)[1])

    def time_of_business_day(self, start: datetime, days: int, local: time) -> datetime:
        """That local time of the day that `business_days` counts to, capped at its last close.

        Where that lies before `start`, the working day after it.
        """
        day, close = self._working_day(start, days)
        at = min(self._utc(datetime.combine(day, local)), close)
        if at < _micros(start):
            day, close = self._working_day(start, days + 1)
            at = min(self._utc(datetime.combine(day, local)), close)
        return _instant(at)

    def next_business_days(self, start: datetime, days: int) -> datetime:
        """The `days`-th following working day at the same clock time, then the next open moment.

        Raises:
            BeyondHorizon: it is not reached within HORIZON_YEARS.
            ValueError: `days` is negative.
        """
        if days < 0:
            raise ValueError(f"days must not be negative, but is {days}")
        if days == 0:
            return self.next_open(start)
        day, _ = self._working_day(start, days)
        local = self.to_local(start)
        return _instant(self._next_open(self._utc(datetime.combine(day, local.time()))))

    def _utc(self, local: datetime) -> int:
        offset = self.zone.utcoffset(local.replace(tzinfo=self.zone, fold=0))
        if offset is None:
            raise ValueError(f"the zone {self.zone} has no offset")
        return _micros(local.replace(tzinfo=UTC)) - offset // _MICROSECOND

    def _within(self, at: datetime) -> int:
        return _bounded(_micros(at))

    def _standing_still(self, pauses: Pauses) -> list[Span]:
        if not pauses:
            return []
        return spans.union(
            (self._within(start), _FOREVER if end is None else self._within(end)) for start, end in pauses
        )

    def _next_open(self, micros: int) -> int:
        if self.definition.always_open:
            return micros
        for table in self._growing(micros, years=1):
            place = bisect_right(table.closes, micros)
            if place < len(table.opens):
                return max(micros, table.opens[place])
        raise _too_far("after", micros)

    def _elapsed(self, start: int, end: int) -> int:
        if start >= end:
            return 0
        if self.definition.always_open:
            return end - start
        if end - start > _HORIZON_MICROSECONDS:
            raise BeyondHorizon(
                f"{_instant(start):%Y-%m-%d} and {_instant(end):%Y-%m-%d} lie more than {HORIZON_YEARS} "
                "years apart; ask for a shorter time."
            )
        table = self._covering(start, end)
        return table.position(end) - table.position(start)

    def _due_with_pauses(self, start: int, span: int, standing_still: Sequence[Span]) -> int:
        cursor, left = start, span
        for paused_at, resumed_at in standing_still:
            if resumed_at <= cursor:
                continue
            reached = self._due(cursor, left)
            if reached < paused_at or (left and reached == paused_at):
                return reached
            if resumed_at == _FOREVER:
                raise NeverDue(f"The pause from {_instant(paused_at):%Y-%m-%dT%H:%M:%SZ} on has no end.")
            left -= self._elapsed(cursor, paused_at)
            cursor = resumed_at
        return self._due(cursor, left)

    def _due(self, start: int, span: int) -> int:
        if not span:
            return self._next_open(start)
        if self.definition.always_open:
            return _bounded(start + span)
        for table in self._growing(start, years=1):
            reached = table.first_after(start, span)
            if reached is not None:
                return reached
        raise _too_far("after", start)

    def _working_day(self, start: datetime, days: int) -> tuple[date, int]:
        """The working day that many from the start's date, and its last close."""
        micros = self._within(start)
        day = start.astimezone(self.zone).date()
        if not days:
            close = self._last_close(day)
            if close is not None and close >= micros:
                return day, close
        if abs(days) > BUSINESS_DAYS_MAX:
            raise BeyondHorizon(f"{days} days pass the horizon of {HORIZON_YEARS} years; ask for fewer days.")
        step = -_DAY if days < 0 else _DAY
        left = max(1, abs(days))
        for _ in range(BUSINESS_DAYS_MAX):
            day += step
            if not FIRST_YEAR <= day.year <= LAST_YEAR:
                break
            close = self._last_close(day)
            left -= close is not None
            if close is not None and not left:
                return day, close
        raise _too_far("before" if days < 0 else "after", micros)

    def _last_close(self, day: date) -> int | None:
        """When the working day of that date is over; None when it is no working day."""
        ordinal = day.toordinal()
        known = self._last_closes
        if ordinal in known:
            return known[ordinal]
        close = self._find_last_close(ordinal)
        self.days_walked += 1
        self._last_closes = {ordinal: close} if len(known) >= _REMEMBERED_DAYS_MAX else known
        self._last_closes[ordinal] = close
        return close

    def _find_last_close(self, ordinal: int) -> int | None:
        if self.definition.always_open:
            return self._midnight(ordinal + 1)
        open_spans = spans.union(self._hours(ordinal))
        if self._closures and open_spans:
            near = spans.clip(self._closures, open_spans[0][0], open_spans[-1][1])
            open_spans = spans.without(open_spans, near)
        if self._openings:
            today = self._midnight(ordinal), self._midnight(ordinal + 1)
            open_spans = [*open_spans, *spans.clip(self._openings, *today)]
        return max((end for _, end in open_spans), default=None)

    def _hours(self, ordinal: int) -> list[Span]:
        """The weekly hours that belong to a date, unless it is a holiday.

        Two days of 24 h in a row have no change of offset in them, for no zone changes twice within a day
        (`tests/unit/calendars/test_zones.py` looks at all of them); then the ends need no look at the zone.
        """
        hours = self._weekly[(ordinal - _MONDAY_ORDINAL) % len(self._weekly)]
        day = date.fromordinal(ordinal)
        if not hours or self.definition.is_holiday(day):
            return []
        midnight, day_after = self._midnight(ordinal), self._midnight(ordinal + 2)
        if day_after - midnight == 2 * _DAY_MICROSECONDS == 2 * (self._midnight(ordinal + 1) - midnight):
            return [(midnight + start, midnight + end) for start, end in hours]
        local = datetime.combine(day, datetime.min.time())
        return [
            (
                self._utc(local + timedelta(microseconds=start)),
                self._utc(local + timedelta(microseconds=end)),
            )
            for start, end in hours
        ]

    def _midnight(self, ordinal: int) -> int:
        return self._utc(datetime.fromordinal(ordinal))

    def _table(self, micros: int) -> _Table:
        return self._covering(micros, micros)

    def _covering(self, first: int, last: int) -> _Table:
        table = self._grown
        if table is not None and table.start <= first and last < table.end:
            return table
        return self._grow(_instant(first).year, min(_instant(last).year, LAST_YEAR))

    def _growing(self, micros: int, *, years: int) -> Iterator[_Table]:
        """The table around an instant, then ever larger ones in the direction of `years`, to the horizon."""
        table = self._table(micros)
        yield table
        year = _instant(micros).year
        limit = max(FIRST_YEAR, min(LAST_YEAR, year + years * HORIZON_YEARS))
        step = years
        while (table.last_year < limit) if years > 0 else (table.first_year > limit):
            table = (
                self._grow(year, min(table.last_year + step, limit))
                if years > 0
                else self._grow(max(table.first_year + step, limit), year)
            )
            yield table
            step *= 2

    def _grow(self, first_year: int, last_year: int) -> _Table:
        """A table of these years at least. It is kept, with what was there, unless it gets too wide."""
        known = self._grown
        first, last = first_year, last_year
        if known is not None:
            first, last = min(first, known.first_year), max(last, known.last_year)
        if known is None or last - first >= KEPT_YEARS:
            table = _Table.of(first_year, last_year, self._compiled(first_year, last_year))
        else:
            before, after = (
                self._compiled(first, known.first_year - 1),
                self._compiled(known.last_year + 1, last),
            )
            kept = zip(known.opens, known.closes, strict=True)
            table = _Table.of(first, last, spans.union([*before, *kept, *after]))
        if table.last_year - table.first_year < KEPT_YEARS:
            self._grown = table
        return table

    def _compiled(self, first_year: int, last_year: int) -> list[Span]:
        """The open intervals of whole years, by UTC."""
        if last_year < first_year:
            return []
        self.days_walked += 366 * (last_year - first_year + 1)
        start, end = _year_start(first_year), _year_start(last_year + 1)
        first = date(first_year, 1, 1).toordinal() - _MARGIN_DAYS
        last = date(last_year, 12, 31).toordinal() + _MARGIN_DAYS
        weekly = spans.union(span for ordinal in range(first, last + 1) for span in self._hours(ordinal))
        worked = spans.without(weekly, self._closures)
        return spans.clip(spans.union([*worked, *self._openings]), start, end)


def compile_calendar(definition: CalendarDefinition, *, zone: tzinfo | None = None) -> WorkingTime:
    """Make a calendar ready to compute.

    Args:
        definition: what the calendar says.
        zone: the zone's rules that were kept with the version; those of the installed tzdata when left out.
    """
    return WorkingTime(definition, zones.zone(definition.tz) if zone is None else zone)


def _amount(span: timedelta) -> int:
    micros = span // _MICROSECOND
    if micros < 0:
        raise ValueError(f"a span of working time must not be negative, but is {span}")
    if micros > _HORIZON_MICROSECONDS:
        raise BeyondHorizon(f"The time asked for passes the horizon of {HORIZON_YEARS} years; ask for less.")
    return micros


def _bounded(micros: int) -> int:
    if not _FIRST_MICROS <= micros < _END_MICROS:
        raise BeyondHorizon(
            f"Calendars are computed for the years {FIRST_YEAR} to {LAST_YEAR}; stay within them."
        )
    return micros


def _last_open(table: _Table, micros: int) -> int | None:
    """The last instant up to `micros` with open time right before it."""
    place = bisect_left(table.opens, micros) - 1
    return None if place < 0 else min(micros, table.closes[place])


def _too_far(direction: str, micros: int) -> BeyondHorizon:
    return BeyondHorizon(
        f"The calendar is not open for long enough within {HORIZON_YEARS} years {direction} "
        f"{_instant(micros):%Y-%m-%dT%H:%M:%SZ} (years {FIRST_YEAR} to {LAST_YEAR}); check its opening hours."
    )
