"""Draws a promise's time as lines of text, one for each day. Pure; legible in 80 columns without colour."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta

CELL = timedelta(minutes=30)
CELLS = 48
LABEL_WIDTH = 10

COUNTING, LATE, CLOSED, PAUSED, OUTSIDE = "#", "!", ".", "=", " "
LEGEND = f"{COUNTING} counting   {LATE} counting, too late   {CLOSED} closed   {PAUSED} paused"
RULER = " " * (LABEL_WIDTH + 2) + "".join(f"{hour:02}:00".ljust(12) for hour in (0, 6, 12, 18)) + "24:00"

ALIKE_MIN = 4
"""So many more days that look the same are not drawn one by one."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A span of a promise's time; `kind` is `counting`, `closed` or `paused`."""

    start: datetime
    end: datetime
    kind: str
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at an instant, in one or two words."""

    at: datetime
    text: str


@dataclass(slots=True)
class _Day:
    start: datetime
    cells: str
    notes: list[str] = field(default_factory=list[str])


def drawn(intervals: Sequence[Interval], marks: Sequence[Mark], *, due_at: datetime | None) -> list[str]:
    """The lines: a ruler, then each day from the first interval to the last instant, in UTC."""
    instants = [interval.start for interval in intervals] + [interval.end for interval in intervals]
    instants += [mark.at for mark in marks]
    if not instants:
        return []
    first, last = _midnight(min(instants)), max(instants)
    days: list[_Day] = []
    at = first
    while at <= last:
        days.append(_day(at, intervals, marks, due_at))
        at += timedelta(days=1)
    return [RULER, *_folded(days)]


def in_words(span: timedelta) -> str:
    """A span in days, hours and minutes, whole minutes; below one minute in seconds."""
    seconds = int(span.total_seconds())
    minutes, hours, days = seconds // 60 % 60, seconds // 3600 % 24, seconds // 86_400
    if span < timedelta(minutes=1):
        return f"{seconds} s"
    parts = [(days, "day" if days == 1 else "days"), (hours, "h"), (minutes, "min")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def counted_after(intervals: Sequence[Interval], at: datetime) -> timedelta:
    """How much of the counting time lies after an instant."""
    spans = (
        interval.end - max(interval.start, at)
        for interval in intervals
        if interval.kind == "counting" and interval.end > at
    )
    return sum(spans, timedelta(0))


def _day(
    start: datetime, intervals: Sequence[Interval], marks: Sequence[Mark], due_at: datetime | None
) -> _Day:
    cells = "".join(_cell(start + CELL * index, intervals, due_at) for index in range(CELLS))
    end = start + timedelta(days=1)
    notes = [f"{mark.text} {mark.at:%H:%M}" for mark in marks if start <= mark.at < end]
    return _Day(start, cells, notes)


def _cell(start: datetime, intervals: Sequence[Interval], due_at: datetime | None) -> str:
    """What most of this half hour was."""
    end = start + CELL
    shares: dict[str, timedelta] = {}
    for interval in intervals:
        overlap = min(end, interval.end) - max(start, interval.start)
        if overlap > timedelta(0):
            kind = _symbol(interval.kind, start, due_at)
            shares[kind] = shares.get(kind, timedelta(0)) + overlap
    return max(shares, key=lambda kind: shares[kind]) if shares else OUTSIDE


def _symbol(kind: str, start: datetime, due_at: datetime | None) -> str:
    if kind != "counting":
        return PAUSED if kind == "paused" else CLOSED
    return LATE if due_at is not None and start + CELL / 2 > due_at else COUNTING


def _folded(days: Sequence[_Day]) -> list[str]:
    lines: list[str] = []
    index = 0
    while index < len(days):
        alike = _alike(days, index)
        lines.extend(_lines(days[index]))
        if alike >= ALIKE_MIN:
            lines.append(f"{'':{LABEL_WIDTH}}  … and so on until {days[index + alike].start:%a %-d %b}")
            index += alike
        index += 1
    return lines


def _alike(days: Sequence[_Day], index: int) -> int:
    """How many days after this one look like it, and nothing happened on them."""
    count = 0
    if days[index].notes:
        return 0
    for day in days[index + 1 :]:
        if day.cells != days[index].cells or day.notes:
            break
        count += 1
    return count


def _lines(day: _Day) -> list[str]:
    """The day with what happened first on it; what happened later stands below that."""
    first, *others = day.notes or [""]
    below = " " * (LABEL_WIDTH + 2 + CELLS + 2)
    return [f"{day.start:%a %d %b}  {day.cells}  {first}".rstrip(), *(below + note for note in others)]


def _midnight(at: datetime) -> datetime:
    return datetime.combine(at.astimezone(UTC).date(), time(), UTC)
