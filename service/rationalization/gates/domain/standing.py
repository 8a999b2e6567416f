"""Where a gate stands. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from service.ids import GateId


class Kind(StrEnum):
    """What a gate asks for: the tags of `verdicts.Gate`."""

    APPROVAL = "approval"
    RISK_ASSESSMENT = "risk_assessment"
    ROLLBACK_PLAN = "rollback_plan"
    TEST_EVIDENCE = "test_evidence"
    COMMUNICATION_PLAN = "communication_plan"
    FREEZE_WINDOW = "freeze_window"
    MAINTENANCE_WINDOW = "maintenance_window"
    CHANGE_CONFLICT = "change_conflict"
    READINESS = "readiness"


BY_RECORD = frozenset({Kind.RISK_ASSESSMENT, Kind.ROLLBACK_PLAN, Kind.TEST_EVIDENCE, Kind.COMMUNICATION_PLAN})
"""Those that somebody satisfies by what is put on record."""


class State(StrEnum):
    OPEN = "open"
    SATISFIED = "satisfied"
    REFUSED = "refused"
    EXPIRED = "expired"
    NOT_AVAILABLE = "not_available"
    """It cannot be judged here, and holds nothing up."""


PASSABLE = frozenset({State.SATISFIED, State.NOT_AVAILABLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found when a gate was judged.

    Attributes:
        missing: what has to be done, or what to know, each a sentence for people.
        detail: what it was judged by, as JSON.
    """

    state: State
    missing: tuple[str, ...] = ()
    detail: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class GateStanding:
    """Where a gate stands.

    Attributes:
        name: of an approval, a questionnaire or a calendar; otherwise the kind.
        missing: see `Finding`.
        since: when it came to this state.
        has_turned: whether it came to this state as it was judged just now.
    """

    id: GateId
    kind: Kind
    name: str
    state: State
    missing: tuple[str, ...]
    since: datetime
    has_turned: bool = False


def lets_work_start(standings: Iterable[GateStanding]) -> bool:
    """Whether none of the gates holds work up."""
    return all(standing.state in PASSABLE for standing in standings)
