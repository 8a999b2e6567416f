"""Reads a CSV log into what is to be sent, in the order of time. Bad rows are counted, never fatal."""

import csv
import gzip
import itertools
import lzma
import zlib
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from operator import attrgetter
from pathlib import Path
from typing import TextIO, cast

from service.replay import mapping as mappings
from service.replay.errors import LogUnreadable, MappingInvalid
from service.replay.mapping import (
    CUSTOM,
    LAST,
    REPLIED,
    CaseRows,
    EventRows,
    FactColumn,
    FactType,
    Immaterial,
    LogMapping,
    State,
)
from service.replay.sorting import Sorter

Value = str | int | float | bool | None

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
class Row:
    """One happening in a case, as the log tells it.

    Attributes:
        order: what orders the rows of a case; then `line`, then `index`.
        happening: a state of the request after it, or `replied`.
        pause: the cause for which the clocks wait after it.
        kept: the log's verdict as it stands on this row.
    """

    case: str
    order: int
    line: int
    index: int = 0
    opened_at: datetime | None
    at: datetime
    happening: str
    pause: str | None
    facts: dict[str, Value]
    texts: dict[str, str]
    kept: bool | None
    group: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to send. The first of a case is the request itself, the others are its events.

    Attributes:
        ordinal: 0 for the request, then 1, 2, … in the case's own order.
        post_at: when to send it: when it happened, but never before what precedes it in its case.
    """

    case: str
    ordinal: int
    post_at: datetime
    line: int
    body: dict[str, object]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the log says of a case at its end: its group, and whether the promise was kept."""

    group: str
    kept: bool | None


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


class _Unusable(ValueError):
    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


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
    bad_rows = BadRows()
    with (
        Sorter(Row, key=attrgetter("case", "order", "line", "index")) as rows,
        Sorter(Step, key=attrgetter("post_at", "case", "ordinal")) as steps,
    ):
        rows.add(_first_cases(_read_rows(path, mapping, bad_rows), limit))
        verdicts: dict[str, Verdict] = {}
        first_at: datetime | None = None
        last_at: datetime | None = None
        for case, of_case in itertools.groupby(rows, key=attrgetter("case")):
            planned, verdicts[case] = plan_case(list(of_case), mapping)
            steps.add(planned)
            first_at = planned[0].post_at if first_at is None else min(first_at, planned[0].post_at)
            last_at = planned[-1].post_at if last_at is None else max(last_at, planned[-1].post_at)
        if first_at is None or last_at is None:
            raise LogUnreadable(path.name, _nothing_usable(bad_rows))
        yield Plan(
            source=mapping.source,
            metric=mapping.outcome.metric if mapping.outcome else "resolve",
            steps=steps,
            verdicts=verdicts,
            bad_rows=bad_rows,
            events=rows.count,
            first_at=first_at,
            last_at=last_at,
        )


def plan_case(rows: Sequence[Row], mapping: LogMapping) -> tuple[list[Step], Verdict]:
    """What to send for one case, whose rows come in the case's own order, and the log's verdict on it."""
    first = rows[0]
    opened_at = first.opened_at or first.at
    steps = [
        Step(
            case=first.case,
            ordinal=0,
            post_at=opened_at,
            line=first.line,
            body=_request(first, mapping, opened_at),
        )
    ]
    before = replace(first, happening=State.OPEN, pause=None)
    for row in rows:
        immaterial = [] if row is first else _immaterial(mapping)
        for body in _changes(before, row) or immaterial:
            steps.append(_next_step(steps[-1], row, body))
        before = row if row.happening != REPLIED else replace(row, happening=before.happening)
    return steps, _verdict(rows, mapping)


def _request(row: Row, mapping: LogMapping, opened_at: datetime) -> dict[str, object]:
    return {
        "source": mapping.source,
        "external_id": row.case,
        "type": mapping.type,
        "occurred_at": _instant(opened_at),
        "facts": _nested({name: value for name, value in row.facts.items() if value is not None}),
        **row.texts,
    }


def _next_step(before: Step, row: Row, body: dict[str, object]) -> Step:
    ordinal = before.ordinal + 1
    happened = {"occurred_at": _instant(row.at), "sequence": ordinal}
    return Step(
        case=row.case,
        ordinal=ordinal,
        post_at=max(row.at, before.post_at),
        line=row.line,
        body={**body, **happened},
    )


def _immaterial(mapping: LogMapping) -> list[dict[str, object]]:
    noted = isinstance(mapping.rows, EventRows) and mapping.rows.immaterial is Immaterial.NOTED
    return [{"type": "noted"}] if noted else []


def _changes(before: Row, after: Row) -> list[dict[str, object]]:
    """The events that lead from one row to the next; none when nothing changed that matters."""
    if after.happening == REPLIED:
        return [{"type": "replied", "by": "agent"}]
    events: list[dict[str, object]] = []
    if before.pause and before.pause != after.pause:
        events.append({"type": "resumed", "cause": before.pause})
    changed: dict[str, object] = {}
    if before.happening != after.happening:
        changed["state"] = after.happening
    facts = {name: value for name, value in after.facts.items() if value != before.facts.get(name)}
    if facts:
        changed["facts"] = _nested(facts)
    if changed:
        events.append({"type": "changed", **changed})
    if after.pause and before.pause != after.pause:
        events.append({"type": "paused", "cause": after.pause})
    return events


def _verdict(rows: Sequence[Row], mapping: LogMapping) -> Verdict:
    groups = [row.group for row in rows if row.group is not None]
    on = mapping.outcome.on if mapping.outcome else LAST
    judged = [row.kept for row in rows if on in (LAST, row.happening)]
    return Verdict(groups[-1] if groups else "", judged[-1] if judged else None)


def _nested(facts: Mapping[str, Value]) -> dict[str, object]:
    """Facts as the API takes them: those of the tenant's own making stand under `custom`."""
    body: dict[str, object] = {name: value for name, value in facts.items() if not name.startswith(CUSTOM)}
    custom = {name.removeprefix(CUSTOM): value for name, value in facts.items() if name.startswith(CUSTOM)}
    return {**body, "custom": custom} if custom else body


def _instant(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


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
    index = {column: position for position, column in enumerate(header)}
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader)
            if fields:
                yield from rows_of(line, fields, mapping, index)
        except StopIteration:
            return
        except csv.Error as error:
            bad_rows.add(BadRow(line, "not CSV", f"not CSV: {error}"))
        except _Unusable as error:
            bad_rows.add(BadRow(line, error.kind, str(error)))


def rows_of(line: int, fields: Sequence[str], mapping: LogMapping, index: Mapping[str, int]) -> list[Row]:
    """What one line of the log tells. Raises a ValueError that says what is wrong with it."""
    if len(fields) != len(index):
        raise _Unusable("wrong number of columns", f"{len(fields)} columns instead of {len(index)}")
    _refuse_bytes(fields)
    cells = {
        column: None if fields[position] in mapping.nulls else fields[position]
        for column, position in index.items()
    }
    case = cells[mapping.case]
    if case is None:
        raise _Unusable("no id", f"column {mapping.case!r} is empty")
    opened_at = _time(cells, mapping, mapping.opened_at)
    if isinstance(mapping.rows, CaseRows):
        return _case_rows(line, case, cells, mapping, opened_at)
    return [_event_row(line, case, cells, mapping, opened_at, mapping.rows)]


Cells = Mapping[str, str | None]


def _event_row(
    line: int, case: str, cells: Cells, mapping: LogMapping, opened_at: datetime | None, rows: EventRows
) -> Row:
    at = _time(cells, mapping, rows.happened_at)
    if at is None:
        raise _Unusable("no time", f"column {rows.happened_at!r} is empty")
    name = cells[rows.state]
    standing = rows.states.get(name or "")
    if standing is None:
        raise _Unusable("unknown state", f"state {name!r} in column {rows.state!r} is not in the mapping")
    order = _integer(cells[rows.order], rows.order) if rows.order else 0
    row = _row(line, case, cells, mapping, at)
    return replace(row, order=order, opened_at=opened_at, happening=standing.state, pause=standing.pause)


def _case_rows(
    line: int, case: str, cells: Cells, mapping: LogMapping, opened_at: datetime | None
) -> list[Row]:
    if opened_at is None or not isinstance(mapping.rows, CaseRows):
        raise _Unusable("no time", f"column {mapping.opened_at!r} is empty")
    happened = [
        (at, name)
        for name, column in mapping.rows.milestones.items()
        if (at := _time(cells, mapping, column)) is not None
    ]
    # Equal times keep the order of the milestones: replied, resolved, closed, cancelled.
    happened.sort(key=lambda milestone: milestone[0])
    opened = replace(_row(line, case, cells, mapping, opened_at), opened_at=opened_at)
    return [
        replace(opened, index=index, at=at, happening=name)
        for index, (at, name) in enumerate([(opened_at, State.OPEN.value), *happened])
    ]


def _row(line: int, case: str, cells: Cells, mapping: LogMapping, at: datetime) -> Row:
    named = {"title": mapping.title, "client": mapping.client, "service": mapping.service}
    return Row(
        case=case,
        order=0,
        line=line,
        opened_at=None,
        at=at,
        happening=State.OPEN,
        pause=None,
        facts={fact.name: _value(cells[fact.column], fact) for fact in mapping.facts},
        texts={name: text for name, column in named.items() if column and (text := cells[column])},
        kept=_kept(cells, mapping),
        group=cells[mapping.group_by] if mapping.group_by else None,
    )


def _refuse_bytes(fields: Sequence[str]) -> None:
    for text in fields:
        if "\x00" in text or (not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text)):
            raise _Unusable("not text", "it holds bytes that are not UTF-8 text")


def _time(cells: Cells, mapping: LogMapping, column: str | None) -> datetime | None:
    text = cells[column] if column else None
    if text is None:
        return None
    try:
        return mapping.times.instant(text)
    except ValueError as error:
        raise _Unusable(
            "bad time", f"{text!r} in column {column!r} is not a time of the log's form"
        ) from error


def _integer(text: str | None, column: str) -> int:
    try:
        return int(text or "")
    except ValueError as error:
        raise _Unusable("bad number", f"{text!r} in column {column!r} is not a whole number") from error


def _value(text: str | None, fact: FactColumn) -> Value:
    if text is None or fact.type is FactType.STRING:
        return text
    try:
        if fact.type is FactType.BOOLEAN:
            return {"true": True, "false": False}[text.lower()]
        return int(text) if fact.type is FactType.INTEGER else float(text)
    except (ValueError, KeyError) as error:
        raise _Unusable("bad value", f"{text!r} in column {fact.column!r} is no {fact.type}") from error


def _kept(cells: Cells, mapping: LogMapping) -> bool | None:
    outcome = mapping.outcome
    verdict = cells[outcome.column] if outcome else None
    if outcome is None or verdict is None:
        return None
    return True if verdict in outcome.kept else False if verdict in outcome.broken else None
