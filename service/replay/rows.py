"""What one line of a log tells: cells read as the mapping says. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from service.replay.mapping import CaseRows, EventRows, FactColumn, FactType, LogMapping
from service.requests.domain import State

Value = str | int | float | bool | None


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


class Unusable(ValueError):
    """Why a line cannot be used; `kind` is the same for all lines with the same trouble."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


def rows_of(line: int, fields: Sequence[str], mapping: LogMapping, header: Sequence[str]) -> list[Row]:
    """What one line of the log tells. Raises Unusable."""
    if len(fields) != len(header):
        raise Unusable("wrong number of columns", f"{len(fields)} columns instead of {len(header)}")
    _refuse_bytes(fields)
    cells = {
        column: None if text in mapping.nulls else text for column, text in zip(header, fields, strict=True)
    }
    case = cells[mapping.case]
    if case is None:
        raise Unusable("no id", f"column {mapping.case!r} is empty")
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
        raise Unusable("no time", f"column {rows.happened_at!r} is empty")
    name = cells[rows.state]
    standing = rows.states.get(name or "")
    if standing is None:
        raise Unusable("unknown state", f"state {name!r} in column {rows.state!r} is not in the mapping")
    order = _integer(cells[rows.order], rows.order) if rows.order else 0
    row = _row(line, case, cells, mapping, at)
    return replace(row, order=order, opened_at=opened_at, happening=standing.state, pause=standing.pause)


def _case_rows(
    line: int, case: str, cells: Cells, mapping: LogMapping, opened_at: datetime | None
) -> list[Row]:
    if opened_at is None or not isinstance(mapping.rows, CaseRows):
        raise Unusable("no time", f"column {mapping.opened_at!r} is empty")
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
            raise Unusable("not text", "it holds bytes that are not UTF-8 text")


def _time(cells: Cells, mapping: LogMapping, column: str | None) -> datetime | None:
    text = cells[column] if column else None
    if text is None:
        return None
    try:
        return mapping.times.instant(text)
    except ValueError as error:
        raise Unusable(
            "bad time", f"{text!r} in column {column!r} is not a time of the log's form"
        ) from error


def _integer(text: str | None, column: str) -> int:
    try:
        return int(text or "")
    except ValueError as error:
        raise Unusable("bad number", f"{text!r} in column {column!r} is not a whole number") from error


def _value(text: str | None, fact: FactColumn) -> Value:
    if text is None or fact.type is FactType.STRING:
        return text
    try:
        if fact.type is FactType.BOOLEAN:
            return {"true": True, "false": False}[text.lower()]
        return int(text) if fact.type is FactType.INTEGER else float(text)
    except (ValueError, KeyError) as error:
        raise Unusable("bad value", f"{text!r} in column {fact.column!r} is no {fact.type}") from error


def _kept(cells: Cells, mapping: LogMapping) -> bool | None:
    outcome = mapping.outcome
    verdict = cells[outcome.column] if outcome else None
    if outcome is None or verdict is None:
        return None
    return True if verdict in outcome.kept else False if verdict in outcome.broken else None
