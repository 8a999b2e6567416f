"""Every expected failure. The kind is the base class; the code is the name clients match on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with an input.

    Attributes:
        pointer: JSON Pointer (RFC 6901) into the request body, or `""` for the whole of it.
        detail: what is wrong, and the remedy.
        line: 1-based line inside a rule's text, when the fault lies in one.
        column: 1-based column inside a rule's text.
        code: what kind of fault, for programs; None where the kind of the failure says enough.
        remedy: the last part of the detail, if that says what to do.
    """

    pointer: str
    detail: str
    line: int | None = None
    column: int | None = None
    code: str | None = None
    remedy: str = ""


def pointer_to(parent: str, *steps: str | int) -> str:
    """The JSON Pointer (RFC 6901) that goes these steps on from `parent`, which is a pointer itself."""
    escaped = (str(step).replace("~", "~0").replace("/", "~1") for step in steps)
    return "/".join([parent, *escaped])


class ServiceError(Exception):
    """An outcome we foresaw. Anything else that escapes is a bug and becomes a 500."""

    code: ClassVar[str]

    def __init__(self, detail: str, *, faults: Sequence[Fault] = ()) -> None:
        super().__init__(detail)
        self.faults = tuple(faults)


class NotFound(ServiceError):
    """The thing does not exist, or not for this tenant."""


class Forbidden(ServiceError):
    """The caller is known, and may not do this."""


class Conflict(ServiceError):
    """The request is well formed, but the current state forbids it."""


class Invalid(ServiceError):
    """The request is well formed JSON, and cannot be accepted as it stands."""


class TooMany(ServiceError):
    """The caller has used up what it may use for now."""

    def __init__(self, detail: str, *, retry_after: timedelta) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Unavailable(ServiceError):
    """We cannot answer now; the same request may be sent again."""
