"""Reads a CSV log into what is to be sent, in the order of time. Bad rows are counted, never fatal."""

import csv
import gzip
import itertools
import lzma
import zlib
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import TextIO, cast

from service.replay import mapping as mappings
from service.replay import rows as reading
from service.replay import steps as planning
from service.replay.errors import LogUnreadable, MappingInvalid
from service.replay.mapping import LogMapping
from service.replay.rows import Row, Unusable
from service.replay.sorting import Sorter
from service.replay.steps import Step, Verdict

BAD_ROWS_KEPT = 1_000
"""How many bad rows are kept one by one; all are counted."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that could not be used. `line` is 1-based and counts the header."""

    line: int
    kind: str
    detail: str


@dataclass(slots=True)
class BadRows:
    count: int = 0
    by_kind: Counter[str] = field(default_factory=Counter[str])
    first: list[BadRow] = field(default_factory=list[BadRow])

    def add(self, bad: BadRow) -> None:
        self.count += 1
        self.by_kind[bad.kind] += 1
        if len(self.first) < BAD_ROWS_KEPT:
            self.first.append(bad)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A log, read: what to send in the order of time, and what the log says came of it."""

    source: str
    metric: str
    steps: Sorter[Step]
    verdicts: Mapping[str, Verdict]
    bad_rows: BadRows
    events: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Cases:
    """A log, read case by case in the order of their ids, any number of times."""

    rows: Sorter[Row]
    mapping: LogMapping
    bad_rows: BadRows

    def __iter__(self) -> Iterator[list[Step]]:
        return (steps for steps, _ in _planned(self.rows, self.mapping))

    def count(self) -> int:
        return sum(1 for _ in itertools.groupby(self.rows, key=attrgetter("case")))


@contextmanager
def read_cases(path: Path, mapping: LogMapping, *, limit: int | None = None) -> Generator[Cases]:
    """Read the whole log, sorted in temporary files; see `read`.

    Raises:
        LogUnreadable, MappingInvalid
    """
    bad_rows = BadRows()
    with Sorter(Row, key=attrgetter("case", "order", "line", "index")) as rows:
        rows.add(_first_cases(_read_rows(path, mapping, bad_rows), limit))
        if not rows.count:
            raise LogUnreadable(path.name, _nothing_usable(bad_rows))
        yield Cases(rows, mapping, bad_rows)


@contextmanager
def read(path: Path, mapping: LogMapping, *, limit: int | None = None) -> Generator[Plan]:
    """Read the whole log, with memory bounded by its number of cases.

    Args:
        path: a CSV file, or one packed as .gz or .xz.
        mapping: what its columns are.
        limit: only the first so many cases of the file.

    Raises:
        LogUnreadable: it cannot be opened or unpacked, or nothing in it can be used.
        MappingInvalid: the mapping names columns that the log does not have.
    """
    with (
        read_cases(path, mapping, limit=limit) as cases,
        Sorter(Step, key=attrgetter("post_at", "case", "ordinal")) as steps,
    ):
        verdicts: dict[str, Verdict] = {}
        first_at, last_at = datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)
        for planned, verdict in _planned(cases.rows, mapping):
            verdicts[planned[0].case] = verdict
            steps.add(planned)
            first_at, last_at = min(first_at, planned[0].post_at), max(last_at, planned[-1].post_at)
        yield Plan(
            source=mapping.source,
            metric=mapping.outcome.metric if mapping.outcome else "resolve",
            steps=steps,
            verdicts=verdicts,
            bad_rows=cases.bad_rows,
            events=cases.rows.count,
            first_at=first_at,
            last_at=last_at,
        )


def _planned(rows: Iterable[Row], mapping: LogMapping) -> Iterator[tuple[list[Step], Verdict]]:
    for _, of_case in itertools.groupby(rows, key=attrgetter("case")):
        yield planning.plan_case(list(of_case), mapping)


def _nothing_usable(bad_rows: BadRows) -> str:
    if not bad_rows.first:
        return "it has no rows."
    first = bad_rows.first[0]
    return f"none of its {bad_rows.count} rows can be used; the first, line {first.line}: {first.detail}"


def _first_cases(rows: Iterable[Row], limit: int | None) -> Iterator[Row]:
    seen: set[str] = set()
    for row in rows:
        if row.case not in seen:
            if limit is not None and len(seen) >= limit:
                continue
            if limit is not None:
                seen.add(row.case)
        yield row


def _read_rows(path: Path, mapping: LogMapping, bad_rows: BadRows) -> Iterator[Row]:
    try:
        with _open(path) as text:
            yield from _parse_rows(path.name, text, mapping, bad_rows)
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise LogUnreadable(path.name, f"{error or 'it ends too early'}.") from error


def _open(path: Path) -> TextIO:
    """Text of the log. Bytes that are not UTF-8 come as lone surrogates, so that only their row is bad."""
    opened = {".xz": lzma.open, ".gz": gzip.open}.get(path.suffix, open)
    return cast("TextIO", opened(path, "rt", encoding="utf-8-sig", errors="surrogateescape", newline=""))


def _parse_rows(name: str, text: TextIO, mapping: LogMapping, bad_rows: BadRows) -> Iterator[Row]:
    reader = csv.reader(text, delimiter=mapping.delimiter)
    header = next(reader, None)
    if header is None:
        raise LogUnreadable(name, "it is empty.")
    faults = mappings.faults_of_header(mapping, header)
    if faults:
        raise MappingInvalid(f"The mapping for {name}", faults)
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader)
            if fields:
                yield from reading.rows_of(line, fields, mapping, header)
        except StopIteration:
            return
        except csv.Error as error:
            bad_rows.add(BadRow(line, "not CSV", f"not CSV: {error}"))
        except Unusable as error:
            bad_rows.add(BadRow(line, error.kind, str(error)))
