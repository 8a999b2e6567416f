"""A decision table as CSV (RFC 4180), for spreadsheets, and back.

The first line names the columns: `id`, `when request.priority`, …, `then /promises/0/target/seconds`, …,
`because`; where rows have a rank, `rank` comes after `id`. A spreadsheet takes a cell that begins with one of
`= + - @` for a formula: such a cell gets an apostrophe before it, which is taken off again.
"""

import csv
import io
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from service.errors import Fault, pointer_to
from service.rules.tables.table import (
    RANK_MAX,
    InputForm,
    OutputForm,
    RowForm,
    Scalar,
    TableForm,
    TableInvalid,
)

ID, RANK, BECAUSE = "id", "rank", "because"
WHEN, THEN = "when ", "then "
FORMULA_BEGINS = ("=", "+", "-", "@", "\t", "\r")
CHARACTERS_MAX = 4_000_000


def write(table: TableForm) -> str:
    """The table as CSV. Its template, `then`, is not part of it."""
    file = io.StringIO()
    writer = csv.writer(file)
    ranked = any(row.rank is not None for row in table.rows)
    header = [
        *([ID, RANK] if ranked else [ID]),
        *(f"{WHEN}{each.fact}" for each in table.inputs),
        *(f"{THEN}{each.at}" for each in table.outputs),
        BECAUSE,
    ]
    writer.writerow(header)
    for row in table.rows:
        rank = [_value_text(row.rank)] if ranked else []
        cells = [row.id or "", *rank, *row.when, *(_value_text(value) for value in row.then), row.because]
        writer.writerow([guarded(cell) for cell in cells])
    return file.getvalue()


def read(text: str, *, then: dict[str, Any]) -> TableForm:
    """The table with this template.

    Raises:
        TableInvalid: pointing at `/<line>/<column>` of the sheet, both counted from 0.
    """
    if len(text) > CHARACTERS_MAX:
        raise TableInvalid([Fault("", f"The sheet has more than {CHARACTERS_MAX:,} characters.")])
    try:
        lines = [line for line in csv.reader(io.StringIO(text.removeprefix("\ufeff")), strict=True) if line]
    except csv.Error as error:
        raise TableInvalid([Fault("", f"The sheet is not CSV: {error}.")]) from error
    if not lines:
        raise TableInvalid([Fault("", "The sheet is empty; its first line names the columns.")])
    inputs, outputs = _columns(lines[0])
    rows = [_row(line, index, (inputs, outputs)) for index, line in enumerate(lines[1:], 1)]
    form = {
        "inputs": [InputForm(lines[0][column].removeprefix(WHEN)) for column in inputs],
        "outputs": [OutputForm(lines[0][column].removeprefix(THEN)) for column in outputs],
        "then": then,
        "rows": rows,
    }
    try:
        return msgspec.convert(msgspec.to_builtins(form), TableForm)
    except msgspec.ValidationError as error:
        raise TableInvalid([Fault("", str(error))]) from error


Columns = tuple[Sequence[int], Sequence[int]]
"""The positions of the inputs, and of the outputs."""


def _columns(header: Sequence[str]) -> Columns:
    inputs = [index for index, name in enumerate(header) if name.startswith(WHEN)]
    outputs = [index for index, name in enumerate(header) if name.startswith(THEN)]
    rank = [RANK] if RANK in header[1:2] else []
    wanted = [ID, *rank, *(header[index] for index in inputs), *(header[index] for index in outputs), BECAUSE]
    if list(header) != wanted or not inputs:
        first = f"`{ID}`, then `{RANK}` where rows have one"
        told = f"{first}, then `{WHEN}<fact>`, then `{THEN}<place>`, then `{BECAUSE}`"
        raise TableInvalid([Fault("/0", f"The first line names the columns: {told}.")])
    return inputs, outputs


def _row(line: Sequence[str], index: int, columns: Columns) -> RowForm:
    inputs, outputs = columns
    is_ranked = inputs[0] > 1
    wanted = len(inputs) + len(outputs) + (3 if is_ranked else 2)
    if len(line) != wanted:
        raise TableInvalid([Fault(pointer_to("", index), f"Expected {wanted} cells, found {len(line)}.")])
    cells = [_unguarded(cell) for cell in line]
    return RowForm(
        id=cells[0] or None,
        when=[cells[column] for column in inputs],
        then=[_value(cells[column]) for column in outputs],
        because=cells[-1],
        rank=_rank(cells[1], index) if is_ranked else None,
    )


def _rank(cell: str, index: int) -> int | None:
    if not cell.strip():
        return None
    rank = _value(cell.strip())
    if type(rank) is not int or not 0 <= rank <= RANK_MAX:
        told = f"A rank is empty, or a number up to {RANK_MAX:,}; the lowest counts."
        raise TableInvalid([Fault(pointer_to("", index, 1), told)])
    return rank


def _value_text(value: Scalar) -> str:
    """A value as JSON; a text that would not be read as something else stands without quotes."""
    if value is None:
        return ""
    if isinstance(value, str) and value and _value(value) == value and value == value.strip():
        return value
    return msgspec.json.encode(value).decode()


def _value(text: str) -> Scalar:
    if not text:
        return None
    try:
        found = msgspec.json.decode(text, type=Scalar)
    except msgspec.DecodeError:
        return text
    return text if found is None else found


def guarded(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.lstrip("'").startswith(FORMULA_BEGINS) else cell


def _unguarded(cell: str) -> str:
    is_guarded = cell.startswith("'") and cell.lstrip("'").startswith(FORMULA_BEGINS)
    return cell[1:] if is_guarded else cell


def titled(table: TableForm, before: TableForm) -> TableForm:
    """The table with the names that its columns had before; a sheet does not hold them."""
    inputs = {each.fact: each.name for each in before.inputs}
    outputs = {each.at: each.name for each in before.outputs}
    return replace(
        table,
        inputs=[InputForm(each.fact, inputs.get(each.fact)) for each in table.inputs],
        outputs=[OutputForm(each.at, outputs.get(each.at)) for each in table.outputs],
    )
