"""What the columns of one CSV log are. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from service.errors import Fault
from service.replay.forms import suggestion
from service.requests.domain import State

ISO = "iso"
CUSTOM = "custom."
LAST = "last"
REPLIED = "replied"


class FactType(StrEnum):
    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"


class Immaterial(StrEnum):
    """What becomes of a row that changes nothing a policy can see."""

    NOTED = "noted"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Standing:
    """What a state of the log means: a state of the request, and the cause when its clocks wait."""

    state: State
    pause: str | None = None


@dataclass(frozen=True, slots=True)
class FactColumn:
    """A column that becomes a fact; `name` is as in `request.<name>`."""

    name: str
    column: str
    type: FactType = FactType.STRING


@dataclass(frozen=True, slots=True)
class Times:
    """How the log writes an instant.

    Attributes:
        pattern: as for strptime, or `iso`.
        zone: the zone of times that carry no offset.
    """

    pattern: str
    zone: ZoneInfo

    def instant(self, text: str) -> datetime:
        """The instant in UTC; a time that the zone has twice is its first. Raises ValueError."""
        local = (
            datetime.fromisoformat(text) if self.pattern == ISO else datetime.strptime(text, self.pattern)  # noqa: DTZ007 - the zone follows
        )
        aware = local if local.tzinfo is not None else local.replace(tzinfo=self.zone)
        try:
            return aware.astimezone(UTC)
        except OverflowError as error:
            raise ValueError(f"{text!r} lies outside the calendar") from error


@dataclass(frozen=True, slots=True)
class EventRows:
    """One row per event: when it happened, what orders the rows of a case, and the state after it."""

    happened_at: str
    order: str | None
    state: str
    states: dict[str, Standing]
    immaterial: Immaterial


@dataclass(frozen=True, slots=True)
class CaseRows:
    """One row per case: the columns that hold when it was replied to, resolved, closed, cancelled."""

    milestones: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeColumn:
    """The log's own verdict on a promise, to compare with.

    Attributes:
        metric: of which promise.
        on: the verdict counts as it stands on the case's last row in this state, or on its `last` row.
    """

    metric: str
    column: str
    kept: frozenset[str]
    broken: frozenset[str]
    on: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogMapping:
    source: str
    type: str
    case: str
    opened_at: str | None
    times: Times
    rows: EventRows | CaseRows
    facts: tuple[FactColumn, ...]
    title: str | None = None
    client: str | None = None
    service: str | None = None
    nulls: frozenset[str] = frozenset({""})
    hindsight: frozenset[str] = frozenset()
    outcome: OutcomeColumn | None = None
    group_by: str | None = None
    delimiter: str = ","

    def columns(self) -> dict[str, str]:
        """Every column that the mapping reads, by the place in the mapping that names it."""
        named = {
            "/case": self.case,
            "/opened_at": self.opened_at,
            "/title": self.title,
            "/client": self.client,
            "/service": self.service,
            "/group_by": self.group_by,
            "/outcome/column": self.outcome.column if self.outcome else None,
        }
        named |= {f"/facts/{fact.name}": fact.column for fact in self.facts}
        if isinstance(self.rows, EventRows):
            named |= {
                "/happened_at": self.rows.happened_at,
                "/order": self.rows.order,
                "/state/column": self.rows.state,
            }
        else:
            named |= {f"/milestones/{name}": column for name, column in self.rows.milestones.items()}
        return {pointer: column for pointer, column in named.items() if column is not None}


def faults_of_header(mapping: LogMapping, header: Sequence[str]) -> list[Fault]:
    """Which columns the mapping names and the log does not have, or has twice."""
    faults: list[Fault] = []
    for pointer, column in mapping.columns().items():
        if column not in header:
            faults.append(Fault(pointer, f"the log has no column {column!r}{suggestion(column, header)}."))
        elif header.count(column) > 1:
            faults.append(Fault(pointer, f"the log has more than one column {column!r}; rename one."))
    return faults
