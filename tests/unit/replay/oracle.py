"""What the UCI 498 log should come to, by arithmetic that shares nothing with the program but the file."""

import csv
import lzma
from datetime import UTC, datetime, timedelta
from pathlib import Path

SAMPLE = Path(__file__).parents[3] / "examples" / "uci498" / "sample.csv.xz"

TARGET_SECONDS = {"1 - Critical": 28_800, "2 - High": 86_400, "3 - Moderate": 553_140, "4 - Low": 1_239_480}


def rows() -> list[dict[str, str]]:
    with lzma.open(SAMPLE, "rt", encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def last_rows() -> dict[str, dict[str, str]]:
    """The last row of each case, in the order in which the cases stand in the file."""
    last: dict[str, dict[str, str]] = {}
    for row in sorted(rows(), key=lambda row: (row["number"], int(row["sys_mod_count"]))):
        last[row["number"]] = row
    return last


def is_kept(row: dict[str, str]) -> bool:
    """Whether the case of this last row was closed in time, all of it judged by its priority at the end."""
    used_seconds = weekday_seconds(_time(row["opened_at"]), _time(row["closed_at"]))
    return used_seconds <= TARGET_SECONDS[row["priority"]]


def weekday_seconds(start: datetime, end: datetime) -> float:
    """Seconds from Monday 00:00 to Friday 24:00 between two instants, counted day by day."""
    total, at = 0.0, start
    while at < end:
        next_day = datetime(at.year, at.month, at.day, tzinfo=UTC) + timedelta(days=1)
        if at.isoweekday() <= 5:
            total += (min(end, next_day) - at).total_seconds()
        at = next_day
    return total


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%d/%m/%Y %H:%M").replace(tzinfo=UTC)
