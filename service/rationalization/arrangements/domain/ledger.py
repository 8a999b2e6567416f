"""What can happen to an arrangement: the entries of its ledger."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias


class VerdictKind(StrEnum):
    ACCEPT = "accept"
    ADJUST = "adjust"
    SPECIAL_METHOD = "special_method"
    REDIRECT = "redirect"
    DECLINE = "decline"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """What every entry says. Entries come in the order in which they were recorded, under the request's lock.

    Attributes:
        by: who, as the audit trail calls them; empty where nobody did it but time or rules.
    """

    at: datetime
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arranged(_Entry):
    """A verdict was given that something follows from.

    Attributes:
        gated: whether it requires something before work starts.
        answer_by: the last instant at which a counter-proposal may be answered; None for other verdicts.
    """

    verdict: VerdictKind
    gated: bool = False
    answer_by: datetime | None = None

    def __post_init__(self) -> None:
        if (self.verdict is VerdictKind.ADJUST) != (self.answer_by is not None):
            raise ValueError("a counter-proposal, and nothing else, waits for an answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted(_Entry):
    """The requester takes the counter-proposal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Objected(_Entry):
    """The requester does not take the counter-proposal."""

    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewed(_Entry):
    """The objection was not upheld, or is raised no more: the counter-proposal stands as it was."""

    answer_by: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Lapsed(_Entry):
    """It was noticed that nobody answered the counter-proposal in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked(_Entry):
    """The gates were looked at.

    Attributes:
        missing: what holds work up, in words.
    """

    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused(_Entry):
    """A consent that is required was refused."""

    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Superseded(_Entry):
    """Another verdict takes its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn(_Entry):
    """The request ended otherwise."""

    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Overturned(_Entry):
    """An objection to it was upheld."""

    because: str


Entry: TypeAlias = (
    Arranged | Accepted | Objected | Renewed | Lapsed | Looked | Refused | Superseded | Withdrawn | Overturned
)
