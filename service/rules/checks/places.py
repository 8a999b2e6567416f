"""Where a rule, its condition or a cell stands in a document as it was written. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from service.errors import pointer_to
from service.rules.language.syntax import Place
from service.rules.language.walk import path_text

CONDITION = "="
"""What a cell begins with that is a condition itself."""


@dataclass(frozen=True, slots=True)
class Where:
    """A place in a document, and in a condition's text where that helps to find it."""

    pointer: str
    line: int | None = None
    column: int | None = None


@dataclass(frozen=True, slots=True)
class Places:
    """The places of one document.

    Attributes:
        inputs: the facts that the columns of its table ask for; None when it has rules.
        rows: the cells of its table.
    """

    inputs: Sequence[str] | None
    rows: Sequence[Sequence[str]]

    @classmethod
    def of(cls, written: Mapping[str, Any]) -> "Places":
        table = cast("Mapping[str, Any] | None", written.get("table"))
        if table is None:
            return cls(None, ())
        return cls([each["fact"] for each in table["inputs"]], [row["when"] for row in table["rows"]])

    @property
    def is_table(self) -> bool:
        return self.inputs is not None

    @property
    def rules(self) -> str:
        return "/table/rows" if self.is_table else "/rules"

    def rule(self, index: int) -> str:
        return pointer_to(self.rules, index)

    def condition(self, index: int) -> str:
        return f"{self.rule(index)}/when"

    def part(self, index: int, place: Place, path: Sequence[str] | None) -> Where:
        """A part of a rule's condition; in a table the cell that asks for its fact, if there is only one."""
        if self.inputs is None:
            return Where(self.condition(index), place.line, place.column)
        asking = [
            column
            for column, fact in enumerate(self.inputs)
            if path is not None and path_text(fact.split(".")) == path_text(path)
        ]
        conditions = [
            column for column, cell in enumerate(self.rows[index]) if cell.lstrip().startswith(CONDITION)
        ]
        cells = asking or conditions or asking
        return Where(
            pointer_to(self.condition(index), cells[0]) if len(cells) == 1 else self.condition(index)
        )
