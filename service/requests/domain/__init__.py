"""What a request is, what can happen to it, and what is decided on it. Pure."""

from service.requests.domain.decisions import (
    Decision,
    facts_for_client,
    for_client,
    rule_facts,
)
from service.requests.domain.facts import (
    AHEAD_MAX,
    BACKDATED_AFTER,
    Facts,
    faults_of_facts,
    faults_of_time,
    is_backdated,
    merged,
)
from service.requests.domain.ledger import (
    EventType,
    Place,
    Recount,
    Repinned,
    Request,
    RequestEvent,
    State,
    facts_after,
    in_order,
    ledger_entry,
    received,
    recounts,
    state_after,
)

__all__ = [
    "AHEAD_MAX",
    "BACKDATED_AFTER",
    "Decision",
    "EventType",
    "Facts",
    "Place",
    "Recount",
    "Repinned",
    "Request",
    "RequestEvent",
    "State",
    "facts_after",
    "facts_for_client",
    "faults_of_facts",
    "faults_of_time",
    "for_client",
    "in_order",
    "is_backdated",
    "ledger_entry",
    "merged",
    "received",
    "recounts",
    "rule_facts",
    "state_after",
]
