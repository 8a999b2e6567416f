"""The text of statements that write, and how several become one. Nothing is sent here: `service.db` does."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast
from uuid import UUID

import msgspec
from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import JSONB

LARGE_DOUBLE = re.compile(r"\de\d+[,\]}]")
"""What may be a double of 1e16 or more, as it is written."""

PLACE = re.compile(r"\$(\d+)")
PLACES_MAX = 32_767
"""So many values may a statement have: the driver refuses more, as if its connection were lost."""

TEXTS_KEPT = 512
"""Of each kind; an INSERT of two rows is another statement than one of three."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What is sent to the driver.

    Attributes:
        text: with `$1`… and, if it is to be one of several, without a WITH of its own.
        values: in the order of the places.
    """

    text: str
    values: Sequence[object]


def insertion(table: Table, rows: Sequence[Mapping[str, Any]]) -> Statement:
    """Insert rows, at least one, that all name the same columns."""
    text, columns = _insertion(table, tuple(rows[0]), len(rows))
    return Statement(text, [value for row in rows for value in _values(columns, row)])


def insertions(table: Table, rows: Sequence[Mapping[str, Any]]) -> list[Statement]:
    """The same by as many statements as it takes to hold all values."""
    most = PLACES_MAX // len(rows[0])
    return [insertion(table, rows[start : start + most]) for start in range(0, len(rows), most)]


def insertion_of_new(table: Table, row: Mapping[str, Any]) -> Statement:
    """Insert a row unless one of its keys is taken; a row comes back if it was inserted."""
    inserted = insertion(table, [row])
    return Statement(f"{inserted.text} on conflict do nothing returning 1", inserted.values)


def change(table: Table, tenant_id: UUID, row_id: UUID, changed: Mapping[str, Any]) -> Statement:
    """Write these columns, at least one, of one row."""
    text, columns = _change(table, tuple(changed))
    return Statement(text, [tenant_id, row_id, *_values(columns, changed)])


def together(statements: Sequence[Statement]) -> Statement:
    """One statement that does what all of these do, at least one; the last one answers.

    None sees what another has written. Foreign keys are looked at when all of them are done.
    """
    if len(statements) == 1:
        return statements[0]
    text = _together(tuple((each.text, len(each.values)) for each in statements))
    return Statement(text, [value for each in statements for value in each.values])


def packed(statements: Sequence[Statement]) -> list[Statement]:
    """As few statements as can do what these do, in their order: each of them some of these `together`."""
    shares: list[list[Statement]] = []
    places = PLACES_MAX
    for each in statements:
        places += len(each.values)
        if places > PLACES_MAX or not shares:
            shares.append([])
            places = len(each.values)
        shares[-1].append(each)
    return [together(share) for share in shares]


def encode(value: object) -> str:
    """The JSON of a value, where a double looks like one: PostgreSQL would give 1e16 back as an integer."""
    written = msgspec.json.encode(value).decode()
    if LARGE_DOUBLE.search(written) is None:
        return written
    return msgspec.json.encode(_with_all_digits(msgspec.to_builtins(value))).decode()


def _with_all_digits(value: Any) -> Any:
    match value:
        case float() if math.isfinite(value) and value.is_integer():
            return msgspec.Raw(format(value, ".1f").encode())
        case dict():
            return {name: _with_all_digits(each) for name, each in cast("dict[str, Any]", value).items()}
        case list() | tuple():
            return [_with_all_digits(each) for each in cast("list[Any]", value)]
        case _:
            return value


_Columns = tuple[tuple[str, bool], ...]
"""Names of columns, each with whether it holds JSON."""


def _values(columns: _Columns, row: Mapping[str, Any]) -> list[object]:
    return [
        encode(row[name]) if is_json and row[name] is not None else row[name] for name, is_json in columns
    ]


@lru_cache(maxsize=TEXTS_KEPT)
def _insertion(table: Table, columns: tuple[str, ...], rows: int) -> tuple[str, _Columns]:
    width = len(columns)
    places = (", ".join(f"${row * width + column}" for column in range(1, width + 1)) for row in range(rows))
    values = ", ".join(f"({row})" for row in places)
    text = f"insert into {table.name} ({', '.join(columns)}) values {values}"  # noqa: S608 - names of ours
    return text, _with_json(table, columns)


@lru_cache(maxsize=TEXTS_KEPT)
def _change(table: Table, columns: tuple[str, ...]) -> tuple[str, _Columns]:
    places = ", ".join(f"{name} = ${place}" for place, name in enumerate(columns, start=3))
    text = f"update {table.name} set {places} where tenant_id = $1 and id = $2"  # noqa: S608 - names of ours
    return text, _with_json(table, columns)


def _with_json(table: Table, columns: tuple[str, ...]) -> _Columns:
    return tuple((name, isinstance(table.columns[name].type, JSONB)) for name in columns)


@lru_cache(maxsize=TEXTS_KEPT)
def _together(parts: tuple[tuple[str, int], ...]) -> str:
    texts: list[str] = []
    before = 0
    for text, places in parts:
        texts.append(_moved(text, before))
        before += places
    *first, last = texts
    named = ", ".join(f"part_{number} as ({text})" for number, text in enumerate(first, start=1))
    return f"with {named} {last}"


def _moved(text: str, by: int) -> str:
    """The statement with its places counted from `by` + 1 on."""
    return PLACE.sub(lambda place: f"${int(place[1]) + by}", text)
