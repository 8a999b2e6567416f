"""What every place of every operation refers to. The one table that a new operation may need a line in.

A place is known by its name, or by `operation/name` where that operation means something else by it. What is
in neither table fails the matrix: nobody has said yet whether it can name what belongs to somebody else.
"""

from collections.abc import Iterable, Mapping

from tests.probes.document import Operation, Place

REFERS: Mapping[str, str] = {
    **{f"{deed}Escalation/by": "responder" for deed in ("start", "acknowledge", "snooze", "handOver")},
    **{f"{deed}Escalation/by": "responder" for deed in ("raise", "resolve")},
    "escalation_id": "escalation",
    "readRotaFeed/token": "rota feed",
    "handOverEscalation/to": "responder",
    "startEscalation/ladder": "ladder name",
    "actor": "actor",
    "alarm_id": "alarm",
    "approval_id": "approval",
    "application": "application",
    "application_id": "application",
    "arrangement_id": "arrangement",
    "backtest_id": "backtest",
    "calendar": "calendar name",
    "calendar_id": "calendar",
    "client": "client name",
    "client_id": "client",
    "commitment_id": "commitment",
    "contact_id": "contact",
    "cancelCommitment/commitment_id": "promise",
    "createCommitment/to": "contact",
    "fulfilCommitment/commitment_id": "promise",
    "cursor": "cursor",
    "email": "email",
    "endpoint_id": "endpoint",
    "external_id": "external id",
    "fact_id": "fact",
    "group": "group name",
    "group_id": "group",
    "hours": "calendar name",
    "Idempotency-Key": "key",
    "If-Match": "etag",
    "If-None-Match": "etag",
    "ladder_id": "ladder",
    "listAuditRecords/client": "client",
    "listAuditRecords/subject": "audit subject",
    "incident_id": "major incident",
    "addMajorIncidentClient/client": "client name",
    "declareMajorIncident/clients": "client name",
    "delegation_id": "delegation",
    "deputy_id": "responder",
    "giveDelegation/groups": "group name",
    "on_behalf_of": "member",
    "declareMajorIncident/services": "service name",
    "log_id": "history log",
    "feed_id": "rota feed",
    "gate_id": "gate",
    "groups": "group name",
    "questionnaire_id": "questionnaire",
    "accident_id": "accident",
    "improvement_id": "improvement",
    "review_id": "review",
    "listImprovements/came_from": "review",
    "listImprovements/group_id": "group",
    "caused_by": "request",
    "owner_id": "member",
    "recordAccident/promises": "commitment",
    "changeAccident/promises": "commitment",
    "recordAccident/requests": "request",
    "changeAccident/requests": "request",
    "startReview/calendar": "calendar name",
    "startReview/ladder": "ladder name",
    "concludeReview/by": "responder",
    "instead_of": "member",
    "into": "request",
    "manager_id": "member",
    "members": "member",
    "changeObjectionTerms/ladder": "ladder name",
    "listObjections/subject_id": "commitment",
    "raiseObjection/id": "commitment",
    "objection_id": "objection",
    "override_id": "rota override",
    "rota_id": "rota",
    "member_id": "member",
    "window_id": "maintenance window",
    "name": "name",
    "owner_group": "group name",
    "policy_id": "policy",
    "record_id": "audit record",
    "repinCalendar/clients": "client name",
    "repinCalendar/preview_id": "repinning",
    "repinCalendar/services": "service name",
    "repinPolicy/clients": "client name",
    "repinPolicy/preview_id": "repinning",
    "repinPolicy/services": "service name",
    "renegotiation_id": "renegotiation",
    "repinning_id": "repinning",
    "request_id": "request",
    "requester": "contact",
    "proposeStandardChange/requests": "done change",
    "submitRequest/type": "request type name",
    "type_id": "request type",
    "template_id": "message template",
    "service": "service name",
    "service_id": "service",
    "special_method_id": "special method",
    "subject": "request",
}
"""A place that names something, and the kind of what it names: a key of `Party.held`."""

PLAIN = frozenset(
    {
        *("late", "mine", "step"),
        *("accept", "asks_for", "verdict"),
        *("assignment_group", "days", "seconds", "time"),
        *("history", "policies"),
        *("note", "preview", "received_after", "request_types", "scope"),
        *(
            "action",
            "auth_method",
            "bad_rows",
            "by",
            "calendars",
            "cases",
            "cause",
            "clock",
            "code",
            "criticality",
            "declarations",
        ),
        *(
            "definition",
            "description",
            "document",
            "due_before",
            "events",
            "expression",
            "facts",
            "from",
            "grant_types",
            "jwks",
        ),
        *(
            "kind",
            "language",
            "limit",
            "mapping_sha256",
            "now",
            "occurred_at",
            "outcome",
            "overlap_seconds",
            "party",
            "phone",
        ),
        *("profile", "redirect_uris", "roles", "scopes", "sequence", "source", "state", "submission", "tier"),
        *("time_zone", "title", "type", "types", "unit", "until", "url", "values", "version"),
        *("not_over", "reason", "a", "b"),
        *("approve", "from_at", "until_at"),
        *("corrected", "deed", "level", "origin", "silent"),
        *("end", "end_at", "ends_at", "first_handover", "length", "rotations", "start", "start_at", "zone"),
        *("assignee", "previewLadder/hours", "metric", "promise", "request", "started_at", "target"),
        *("accepted", "answer_within_seconds", "comment", "cycle", "due_at", "fulfilled_by", "link", "what"),
        *("pausable_by", "remedies", "reply", "tried", "warn_before_seconds"),
        *("expiring_before", "result", "undone", "what_for", "who"),
        *("audience", "problem", "stands", "text", "update_every"),
        *("family", "item", "template"),
        *("message", "wording", "body", "retired", "expires_in_days", "mail"),
        *(f"{deed}MessageTemplate/subject" for deed in ("create", "revise", "preview")),
        *(
            "affects",
            "amount",
            "began_at",
            "done_at",
            "effects",
            "ended_at",
            "found_at",
            "measure",
            "measures",
        ),
        *("deviations", "evidence", "improvement", "lessons", "objectives_met", "severity", "what_happened"),
        *("state_reason", "within", "words", "concludeReview/id", "openImprovement/id"),
        *("recordForGate/groups", "steps", "trigger", "point_of_no_return", "duration_seconds", "where"),
        *("notes", "reference", "notices", "others", "channel", "phase", "offset_seconds", "answers"),
        *("overdue", "subject_kind", "upheld"),
        *("approval", "at", "effective_at", "note", "running", "stage", "to", "to_version"),
    }
)
"""A place that holds a value and names nothing."""

PUBLIC = frozenset(
    {
        *("createToken", "getAuthorizationServer", "getKeySet", "getLiveness", "getMetrics", "getProblem"),
        *("getReadiness", "readRotaFeed", "introspectToken", "revokeToken", "getProtectedResource"),
    }
)
"""Operations that ask for no token, and show nothing of any tenant; the tests of OAuth attack its own."""

INSIDE: Mapping[str, tuple[tuple[str | int, ...], ...]] = {
    "createBacktest": (("policies", 0, "document", "rules", 0, "then", "promises", 0, "calendar"),),
    "createLadder": (
        ("definition", "steps", 0, "tell", 0, "group"),
        ("definition", "steps", 0, "tell", 0, "hours"),
    ),
    "createPolicy": (("document", "table", "then", "promises", 0, "calendar"),),
    "reviseLadder": (
        ("definition", "steps", 0, "tell", 0, "group"),
        ("definition", "steps", 0, "tell", 0, "hours"),
    ),
    "revisePolicy": (("document", "table", "then", "promises", 0, "calendar"),),
}
"""Places inside of what the OpenAPI document leaves open."""


def kind_at(operation: Operation, place: Place) -> str | None:
    """The kind of what a place names; None where it names nothing. Raises KeyError."""
    for name in (f"{operation.id}/{place.name}", place.name):
        if name in REFERS:
            return REFERS[name]
        if name in PLAIN:
            return None
    raise KeyError(place.name)


def unknown(operations: Iterable[Operation]) -> list[str]:
    """What the tables say nothing of, each with what to do about it."""
    found: list[str] = []
    for operation in operations:
        if operation.scope is None:
            found += [] if operation.id in PUBLIC else [f"{operation.id}: needs no token; add it to PUBLIC"]
            continue
        for place in operation.places:
            if not any(name in REFERS or name in PLAIN for name in _names(operation, place)):
                found.append(
                    f"{operation.id}: {place.where} {place.name!r}; add it to REFERS with the kind of what it"
                    " names, or to PLAIN"
                )
    return found


def _names(operation: Operation, place: Place) -> tuple[str, str]:
    return f"{operation.id}/{place.name}", place.name
