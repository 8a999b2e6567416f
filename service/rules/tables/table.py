"""A decision table in its JSON form, and the rules that it stands for.

```json
{
  "inputs": [{"fact": "request.priority"}, {"fact": "client.tier"}],
  "outputs": [{"at": "/promises/0/target/seconds"}],
  "then": {"promises": [{"metric": "resolve", "target": {"unit": "elapsed_time", "seconds": 86400}}]},
  "rows": [
    {"when": ["P1", "gold, platinum"], "then": [3600], "because": "Gold clients wait an hour at most."},
    {"id": "others", "when": ["*", "*"], "then": [null], "because": "Everybody else has a day."}
  ]
}
```

What follows from a row is `then` of the table, with the row's values put in the places that the outputs name;
null leaves what is there.
"""

import copy
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, cast

import msgspec

from service.errors import Fault, pointer_to
from service.rules.language.types import DYN, Declarations, FactType
from service.rules.language.walk import shortened
from service.rules.tables import cells
from service.rules.tables.cells import CellInvalid, Input

COLUMNS_MAX = 40
ROWS_MAX = 2_000
ID_LENGTH_MAX = 60
RANK_MAX = 10_000
OTHERWISE = "otherwise"
EVERYTHING = "true"
BETWEEN = " && "

_WORDS = {">=": "ge-", "<=": "le-", "!=": "ne-", "==": "", ">": "gt-", "<": "lt-", "..": "-to-"}
_NOT_IN_ID = re.compile(r"[^a-z0-9]+", re.ASCII)

Scalar = bool | int | float | str | None


class InputForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A column that asks for a fact."""

    fact: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    name: Annotated[str, msgspec.Meta(max_length=100)] | None = None


class OutputForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A column that fills a place of the outcome: a JSON Pointer (RFC 6901) into `then`."""

    at: Annotated[str, msgspec.Meta(pattern="^/", max_length=200)]
    name: Annotated[str, msgspec.Meta(max_length=100)] | None = None


class RowForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One row. Without an id it is named after its cells."""

    when: list[str]
    because: Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=r"\S")]
    then: list[Scalar] = []
    id: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")] | None = None
    rank: Annotated[int, msgspec.Meta(ge=0, le=RANK_MAX)] | None = None


class TableForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A decision table as it is written."""

    inputs: Annotated[list[InputForm], msgspec.Meta(min_length=1, max_length=COLUMNS_MAX)]
    then: dict[str, Any]
    rows: Annotated[list[RowForm], msgspec.Meta(min_length=1, max_length=ROWS_MAX)]
    outputs: Annotated[list[OutputForm], msgspec.Meta(max_length=COLUMNS_MAX)] = []


class TableInvalid(Exception):
    """The table cannot be read as rules. Each of `faults` points into the table."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("The table cannot be read as rules.")
        self.faults = tuple(faults)


class _Misplaced(Exception):
    """There is no such place in the outcome."""


def rules_of(table: TableForm, declarations: Declarations) -> list[dict[str, Any]]:
    """The rules of a policy's document, one for each row, in their order.

    Raises:
        TableInvalid: with every fault and its place.
    """
    faults: list[Fault] = []
    inputs = [_input(each, index, declarations, faults) for index, each in enumerate(table.inputs)]
    names = row_names(table.rows)
    rules: list[dict[str, Any]] = []
    for index, row in enumerate(table.rows):
        pointer = pointer_to("/rows", index)
        when = _when(row, inputs, pointer, faults)
        then = _then(row, table, pointer, faults)
        rule = {"id": names[index], "when": when, "then": then, "because": row.because}
        rules.append(rule if row.rank is None else rule | {"rank": row.rank})
    if faults:
        raise TableInvalid(faults)
    return rules


def _input(form: InputForm, index: int, declarations: Declarations, faults: list[Fault]) -> Input:
    """A column of a fact that is declared, or that lies below one that is a map."""
    steps = form.fact.split(".")
    parents = (declarations.get(".".join(steps[:length])) for length in range(1, len(steps)))
    declared = declarations.get(form.fact)
    if declared is None and not any(parent is not None for parent in parents):
        near = get_close_matches(form.fact, declarations, n=1)
        remedy = f"Did you mean `{near[0]}`?" if near else "Declare it under `facts`."
        message = f"There is no fact `{shortened(form.fact)}`. {remedy}"
        place = pointer_to("/inputs", index, "fact")
        faults.append(Fault(place, message, code="unknown-fact", remedy=remedy))
    return Input(form.fact, declared or FactType(DYN))


def _when(row: RowForm, inputs: Sequence[Input], pointer: str, faults: list[Fault]) -> str:
    if len(row.when) != len(inputs):
        message = f"The table has {len(inputs)} inputs, and this row {len(row.when)} cells for them."
        faults.append(Fault(f"{pointer}/when", message, code="bad-cell"))
        return EVERYTHING
    asked: list[str] = []
    for column, (cell, of) in enumerate(zip(row.when, inputs, strict=True)):
        try:
            found = cells.condition(cell, of)
        except CellInvalid as error:
            faults.append(Fault(pointer_to(f"{pointer}/when", column), str(error), code="bad-cell"))
        else:
            asked += [] if found is None else [found]
    return BETWEEN.join(asked) or EVERYTHING


def cell_at(table: TableForm, declarations: Declarations, row: int, column: int) -> int | None:
    """The cell of a row that stands at a column, 1-based, of the condition that is made of the row.

    Args:
        table: one that `rules_of` accepts.
        declarations: of the facts.
        row: which one.
        column: of the condition.
    """
    start = 1
    for place, (cell, form) in enumerate(zip(table.rows[row].when, table.inputs, strict=True)):
        asked = cells.condition(cell, _input(form, place, declarations, []))
        if asked is None:
            continue
        if start <= column < start + len(asked):
            return place
        start += len(asked) + len(BETWEEN)
    return None


def _then(row: RowForm, table: TableForm, pointer: str, faults: list[Fault]) -> dict[str, Any]:
    then = copy.deepcopy(table.then)
    if len(row.then) != len(table.outputs):
        message = f"The table has {len(table.outputs)} outputs, and this row {len(row.then)} values for them."
        faults.append(Fault(f"{pointer}/then", message, code="bad-cell"))
        return then
    for column, (value, output) in enumerate(zip(row.then, table.outputs, strict=True)):
        if value is not None:
            try:
                _put(then, output.at, value)
            except _Misplaced:
                message = f"The table's `then` has no place {output.at}."
                faults.append(Fault(pointer_to(f"{pointer}/then", column), message, code="bad-cell"))
    return then


def _put(outcome: dict[str, Any], at: str, value: Scalar) -> None:
    """Put a value at a JSON Pointer. Only the last step may be new, and only in an object."""
    steps = [step.replace("~1", "/").replace("~0", "~") for step in at.split("/")[1:]]
    parent: object = outcome
    for step in steps[:-1]:
        parent = _below(parent, step)
    if isinstance(parent, list):
        _below(cast("object", parent), steps[-1])
        parent[int(steps[-1])] = value
    elif isinstance(parent, dict):
        parent[steps[-1]] = value
    else:
        raise _Misplaced


def _below(parent: object, step: str) -> object:
    if isinstance(parent, Mapping):
        entries = cast("Mapping[str, object]", parent)
        if step in entries:
            return entries[step]
    elif isinstance(parent, list) and step.isascii() and step.isdigit():
        items = cast("list[object]", parent)
        if int(step) < len(items):
            return items[int(step)]
    raise _Misplaced


def row_names(rows: Sequence[RowForm]) -> list[str]:
    """The ids of the rows: their own, or made of their cells. A name that is taken gets a number."""
    taken = {row.id for row in rows if row.id is not None}
    names: list[str] = []
    for row in rows:
        name = row.id
        if name is None:
            name = _free(_name(row.when), taken)
            taken.add(name)
        names.append(name)
    return names


def _name(when: Sequence[str]) -> str:
    words = [_word(cell) for cell in when if cell.strip() not in cells.ANYTHING]
    return ".".join(word for word in words if word)[:ID_LENGTH_MAX].strip(".-") or OTHERWISE


def _word(cell: str) -> str:
    text = cell.lower()
    for symbol, word in _WORDS.items():
        text = text.replace(symbol, word)
    return _NOT_IN_ID.sub("-", text).strip("-")


def _free(name: str, taken: set[str]) -> str:
    number = 2
    found = name
    while found in taken:
        found, number = f"{name}-{number}", number + 1
    return found
