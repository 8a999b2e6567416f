"""What a major incident is, and what is owed to those whom it affects. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from service.commitments.domain import (
    UPDATE,
    CalendarKey,
    ElapsedTarget,
    OnReopen,
    Terms,
    WorkingTarget,
)
from service.ids import MajorIncidentId, RequestId, ServiceId

REPORT = "report"
"""What fulfils the duty to report, and begins the next cycle of it."""

BY_RULE = "rule"
"""Who declares what an escalation policy asks for, as `declared_by` has it."""


class State(StrEnum):
    OPEN = "open"
    ENDED = "ended"


class ReportAudience(StrEnum):
    CLIENTS = "clients"
    """All affected client organizations are told, and the duty to each of them is fulfilled."""
    INTERNAL = "internal"
    """The tenant's own people alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MajorIncident:
    """One major incident.

    Attributes:
        request_id: the lead request, by which it is worked on; the duties to report hang on it.
        services: those that it concerns.
        update_every: how often each affected client organization is to hear of it.
        problem: what the tenant's register of problems calls its cause: an id, or an address.
        declared_by: as the audit trail calls them, or `rule`.
        version: grows with each change.
        sequence: how many events were told of it.
    """

    id: MajorIncidentId
    request_id: RequestId
    title: str
    state: State
    services: tuple[ServiceId, ...]
    update_every: ElapsedTarget | WorkingTarget
    calendar: CalendarKey | None
    problem: str | None
    declared_by: str
    declared_at: datetime
    ended_at: datetime | None
    version: int
    sequence: int


def duty(update_every: ElapsedTarget | WorkingTarget, calendar: CalendarKey | None) -> Terms:
    """The terms of the duty to report: nothing pauses it, and only a report fulfils it."""
    return Terms(
        metric=UPDATE,
        target=update_every,
        calendar=calendar,
        fulfilled_by=frozenset({REPORT}),
        restarts_by=frozenset({REPORT}),
        on_reopen=OnReopen.FINAL,
    )
