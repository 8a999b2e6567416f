"""Where a rule, its condition or a cell stands in a document as it was written. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from service.errors import Fault, pointer_to
from service.rules.language.syntax import Place
from service.rules.language.types import Declarations
from service.rules.language.walk import path_text
from service.rules.tables import table
from service.rules.tables.cells import FORMULA
from service.rules.tables.table import TableForm

ROWS = "/table/rows"
_IN_ROW = re.compile(rf"{ROWS}/(?P<row>\d+)/(?P<key>when|then)(?P<below>/.*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Where:
    """A place in a document, and in a condition's text where that helps to find it."""

    pointer: str
    line: int | None = None
    column: int | None = None


@dataclass(frozen=True, slots=True)
class Places:
    """The places of one document, which has a table or its rules one by one."""

    table: TableForm | None

    @classmethod
    def of(cls, written: Mapping[str, Any]) -> "Places":
        found = written.get("table")
        return cls(None if found is None else msgspec.convert(found, TableForm))

    @property
    def rules(self) -> str:
        return "/rules" if self.table is None else ROWS

    def rule(self, index: int) -> str:
        return pointer_to(self.rules, index)

    def condition(self, index: int) -> str:
        return f"{self.rule(index)}/when"

    def part(self, index: int, place: Place, path: Sequence[str] | None) -> Where:
        """A part of a rule's condition; in a table the cell that asks for its fact, if there is only one."""
        if self.table is None:
            return Where(self.condition(index), place.line, place.column)
        cells = self.table.rows[index].when
        formulas = [column for column, cell in enumerate(cells) if cell.lstrip().startswith(FORMULA)]
        asking = [
            column
            for column, each in enumerate(self.table.inputs)
            if path is not None and path_text(each.fact.split(".")) == path_text(path)
        ]
        meant = sorted({*formulas, *asking})
        return Where(self._cell(index, meant[0] if len(meant) == 1 else None))

    def outcome(self, index: int, below: str) -> str:
        """A place in what follows from a rule; in a table the cell that fills it, else the template."""
        if self.table is None:
            return f"{self.rule(index)}/then{below}"
        values = self.table.rows[index].then
        for column, (output, value) in enumerate(zip(self.table.outputs, values, strict=False)):
            if value is not None and _overlap(output.at, below):
                return pointer_to(f"{self.rule(index)}/then", column)
        return f"/table/then{below}"

    def as_written(self, fault: Fault, declarations: Declarations) -> Fault:
        """The fault of a rule that is a row of the table, at the cell that is meant."""
        found = None if self.table is None else _IN_ROW.fullmatch(fault.pointer)
        if found is None or self.table is None:
            return fault
        row, below = int(found["row"]), found["below"] or ""
        if found["key"] == "then":
            return replace(fault, pointer=self.outcome(row, below))
        if fault.column is None:
            return fault
        cell = table.cell_at(self.table, declarations, row, fault.column)
        return replace(fault, pointer=self._cell(row, cell), line=None, column=None)

    def _cell(self, index: int, column: int | None) -> str:
        return self.condition(index) if column is None else pointer_to(self.condition(index), column)


def _overlap(one: str, other: str) -> bool:
    """Whether one place is the other, or lies in it."""
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")
