"""Cuts `sample.csv.xz` out of the UCI 498 incident log: the same cases every time.

    python examples/uci498/make_sample.py incident_event_log.csv[.xz] examples/uci498/sample.csv.xz

Taken are the cases with even numbers; by the priority at their end, so many of each as in `CASES`, the first
by `opened_at` and then by number. All rows of a case are taken as they stand, in the order of the log.
"""

import csv
import lzma
import sys
from datetime import UTC, datetime
from pathlib import Path

CASES = {"1 - Critical": 20, "2 - High": 20, "3 - Moderate": 900, "4 - Low": 60}


def main(source: Path, target: Path) -> None:
    opened = lzma.open if source.suffix == ".xz" else open
    with opened(source, "rt", encoding="utf-8", newline="") as text:
        reader = csv.DictReader(text)
        header = list(reader.fieldnames or ())
        rows = [row for row in reader if int(row["number"].removeprefix("INC")) % 2 == 0]
    taken = chosen(rows)
    with lzma.open(target, "wt", preset=9 | lzma.PRESET_EXTREME, encoding="utf-8", newline="") as packed:
        writer = csv.DictWriter(packed, header, lineterminator="\n")
        writer.writeheader()
        writer.writerows(row for row in rows if row["number"] in taken)


def chosen(rows: list[dict[str, str]]) -> set[str]:
    """The numbers of the cases to take."""
    last: dict[str, dict[str, str]] = {}
    for row in rows:
        before = last.get(row["number"])
        if before is None or int(row["sys_mod_count"]) >= int(before["sys_mod_count"]):
            last[row["number"]] = row
    taken: set[str] = set()
    for priority, count in CASES.items():
        cases = [row for row in last.values() if row["priority"] == priority]
        cases.sort(key=lambda row: (opened_at(row), row["number"]))
        taken.update(row["number"] for row in cases[:count])
    return taken


def opened_at(row: dict[str, str]) -> datetime:
    return datetime.strptime(row["opened_at"], "%d/%m/%Y %H:%M").replace(tzinfo=UTC)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
