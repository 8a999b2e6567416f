"""What can be wrong with a condition's text, as values that name the place and the remedy."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from service.rules.language.syntax import Place


class Severity(StrEnum):
    """An `ERROR` means the condition cannot be used; a `WARNING`, that it can hardly be what was meant."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class SyntaxFault:
    """One thing wrong with a condition.

    Attributes:
        line: 1-based.
        column: 1-based, in code points.
        message: what was found, and what is expected instead.
        severity: whether the condition can still be used.
        code: what kind of fault.
        remedy: the last part of the message, if that says what to do.
    """

    line: int
    column: int
    message: str
    severity: Severity = Severity.ERROR
    code: str = "syntax"
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class FactFault:
    """One thing wrong with facts or declarations.

    Attributes:
        pointer: JSON Pointer (RFC 6901) to it.
        message: what was found, and what is expected instead.
    """

    pointer: str
    message: str


class LanguageError(Exception):
    """The text is no condition of this language, or not one that fits the declared facts."""

    def __init__(self, faults: Sequence[SyntaxFault]) -> None:
        first = faults[0]
        super().__init__(f"line {first.line}, column {first.column}: {first.message}")
        self.faults = tuple(faults)


def fault(place: Place, message: str) -> SyntaxFault:
    return SyntaxFault(line=place.line, column=place.column, message=message)
