"""A right body for every operation that takes one, so that nothing but the probe can be wrong with it."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.api import desk


@dataclass(frozen=True, slots=True)
class Given:
    """What a body is made of.

    Attributes:
        own: by kind, what the caller itself has.
        fresh: a text that nothing is called by yet.
        second: by kind, another one that it has.
    """

    own: Mapping[str, str]
    fresh: str
    second: Mapping[str, str] = field(default_factory=dict[str, str])


Make = Callable[[Given], Any]

LATER = "2027-01-04T12:00:00Z"
SOON = "2026-01-06T12:00:00Z"
FAR = "2100-01-01T12:00:00Z"
"""An even number of days after 2026-01-01."""

WHO_MAY_APPROVE = ["admin", "agent", "auditor", "manager"]
"""Whoever the operation is open to: any one of them answers, so that no probe is refused for its seat."""


def _unlike(fresh: str) -> str:
    """A name that is near no other one, nor to one that is made up in its form: near names are told."""
    return "".join(chr(ord("a") + byte % 26) for byte in hashlib.sha256(fresh.encode()).digest())


def _policy(given: Given) -> dict[str, Any]:
    promise = {"metric": "resolve", "target": {"unit": "working_time", "seconds": 14_400}}
    then = {"promises": [{**promise, "calendar": given.own["calendar name"]}]}
    row = {"id": "all", "when": ["*"], "then": [], "because": f"Because of {given.fresh}."}
    return {
        "table": {"inputs": [{"fact": "request.priority"}], "outputs": [], "then": then, "rows": [row]},
        "tests": [{"name": "one", "facts": {"request.priority": "P1"}, "rules": ["all"]}],
    }


def reasonable(name: str) -> dict[str, Any]:
    """A policy of rationalization for requests that say that they are to be arranged."""
    within = {"unit": "elapsed_time", "seconds": 3_600}
    consent = {"gate": "approval", "name": "lead", "roles": WHO_MAY_APPROVE, "within": within}
    then = {"verdict": "accept", "requires": [{"gate": "rollback_plan"}, consent]}
    rule = {
        "id": "arranged",
        "when": "request.custom.arranged == 'yes'",
        "then": then,
        "because": "So it is.",
    }
    offered = {
        "id": "offered",
        "when": "request.custom.arranged == 'offered'",
        "then": {"verdict": "adjust", "proposal": {"scope": "Half of it."}},
        "because": "That is too much.",
    }
    special = {
        "id": "special",
        "when": "request.custom.arranged == 'specially'",
        "then": {
            "verdict": "special_method",
            "justification": "It cannot wait.",
            "expires_in_days": 3_000,
            "way_back": "Undo it.",
            "proof": "It was tried.",
            "requires": [consent],
        },
        "because": "For once.",
    }
    document = {"facts": {"request.custom.arranged": "string"}, "rules": [rule, offered, special]}
    return {"name": f"Reasonable {name}", "kind": "rationalization", "document": document}


def _questionnaire(answers: int) -> dict[str, Any]:
    options = {str(points): points for points in range(answers)}
    question = {"name": "harm", "text": "How bad?", "axis": "consequence", "options": options}
    return {
        "questions": [question],
        "likelihood_from": [],
        "consequence_from": [],
        "levels": [["low"]],
        "ranks": ["low"],
    }


def _ladder(given: Given) -> dict[str, Any]:
    tell = {"group": given.own["group name"], "hours": given.own["calendar name"]}
    warning = {"name": "warning", "at": {"anchor": "used", "share": 0.75}, "tell": [tell, {"owner": True}]}
    return {"steps": [warning]}


def _email(given: Given) -> str:
    return f"{given.fresh}@harbour.test"


def _request(given: Given) -> dict[str, Any]:
    facts = {"priority": "P1", "custom": {"note": given.fresh}}
    return {
        "source": "desk",
        "external_id": f"INC-{given.fresh}",
        "type": given.own.get("request type name", "incident"),
        "title": f"About {given.fresh}",
        "facts": facts,
    } | {place: given.own[f"{place} name"] for place in ("client", "service") if f"{place} name" in given.own}


def _type(given: Given) -> dict[str, Any]:
    items = [{"name": "labels", "title": f"Labels of {given.fresh}"}]
    work = {"name": "work", "title": "Work", "group": given.own["group name"], "items": items}
    return {"title": f"About {given.fresh}", "service": given.own["service name"], "steps": [work]}


def _case(given: Given) -> dict[str, Any]:
    replied = {"type": "replied", "by": "agent", "occurred_at": "2026-01-05T13:00:00Z"}
    past = _request(given) | {"type": "incident"}
    return {"submission": {**past, "occurred_at": "2026-01-05T12:00:00Z"}, "events": [replied]}


def _rota(given: Given, *, unit: str = "days") -> dict[str, Any]:
    """Two members who take turns."""
    members = [given.own["member"], given.second["member"]]
    daily = {"name": "first", "members": members, "unit": unit, "first_handover": "2026-01-01T00:00"}
    return {"name": f"Rota {given.fresh}", "zone": "UTC", "rotations": [daily]}


def _accident(given: Given) -> dict[str, Any]:
    return {
        "title": f"About {given.fresh}",
        "what_happened": "The wrong volume was taken offline.",
        "service": given.own["service name"],
        "began_at": "2026-01-05T11:00:00Z",
        "effects": [{"affects": "continuity", "amount": 12, "measure": "minutes"}],
        "caused_by": given.own["request"],
        "promises": [given.own["commitment"]],
        "measures": [{"what": "Name volumes by what is on them.", "owner_id": given.own["member"]}],
    }


BODIES: Mapping[str, Make] = {
    "createClient": lambda given: {"name": f"Client {given.fresh}", "tier": "gold"},
    "changeClient": lambda given: {"name": f"Client {given.fresh}"},
    "createContact": lambda given: (
        {"name": f"Contact {given.fresh}", "external_id": f"P-{given.fresh}"}
        | ({"client_id": given.own["client"]} if "client" in given.own else {})
    ),
    "changeContact": lambda given: {"name": f"Contact {given.fresh}", "email": _email(given)},
    "createApplication": lambda given: {"name": f"Application {given.fresh}", "scopes": ["requests:read"]},
    "changeApplication": lambda given: {"name": f"Application {given.fresh}", "scopes": ["events:read"]},
    "rotateApplicationSecret": lambda _: {"overlap_seconds": 60},
    "inviteMember": lambda given: {"email": _email(given), "name": "Ada Harbour", "roles": ["agent"]},
    "changeMember": lambda _: {"name": "Grace Harbour", "roles": ["auditor"]},
    "createGroup": lambda given: {"name": f"Group {given.fresh}", "manager_id": given.own["member"]},
    "changeGroup": lambda given: {"name": f"Group {given.fresh}"},
    "registerService": lambda given: {"name": f"Service {given.fresh}", "hours": given.own["calendar name"]},
    "changeService": lambda given: {"name": f"Service {given.fresh}"},
    "declareMajorIncident": lambda given: {
        "request_id": given.own["request"],
        "title": f"About {given.fresh}",
    },
    "changeMajorIncident": lambda given: {"title": f"About {given.fresh}", "problem": given.fresh},
    "reportMajorIncident": lambda given: {"text": f"About {given.fresh}"},
    "linkMajorIncidentRequest": lambda given: {"request_id": given.own["request"]},
    "addMajorIncidentClient": lambda given: {"client": given.own["client name"]},
    "endMajorIncident": lambda given: {"text": f"About {given.fresh}"},
    "planMaintenance": lambda given: {"until": LATER, "reason": f"About {given.fresh}"},
    "changeMaintenance": lambda given: {"until": LATER, "reason": f"About {given.fresh}"},
    "createCalendar": lambda given: {"name": f"Calendar {given.fresh}", "definition": desk.OFFICE},
    "reviseCalendar": lambda _: {"definition": {"tz": "UTC", "always_open": True}},
    "computeWorkingTime": lambda given: [
        {"id": given.fresh, "calendar": desk.OFFICE, "op": "is_open", "input": {"at": LATER}}
    ],
    "createLadder": lambda given: {"name": f"Ladder {given.fresh}", "definition": _ladder(given)},
    "reviseLadder": lambda given: {"definition": _ladder(given)},
    "giveArrangementLink": lambda _: {},
    "createMessageTemplate": lambda given: {
        "message": "accept.ready",
        "wording": f"about_{given.fresh}".replace("-", "_"),
        "language": "en",
        "subject": "{{ request }}",
        "body": f"About {given.fresh}: {{{{ request }}}}",
    },
    "reviseMessageTemplate": lambda given: {"subject": "{{ request }}", "body": f"About {given.fresh}"},
    "previewMessageTemplate": lambda given: {
        "message": "accept.ready",
        "language": "en",
        "request_id": given.own["request"],
    },
    "previewLadder": lambda _: {
        "promise": {"started_at": LATER, "target": {"unit": "elapsed_time", "seconds": 7_200}}
    },
    "recordForGate": lambda given: {
        "kind": "rollback_plan",
        "steps": [{"what": f"Undo {given.fresh}", "who": "desk", "seconds": 60}],
        "trigger": "It fails.",
        "point_of_no_return": None,
        "duration_seconds": 60,
    },
    "createQuestionnaire": lambda given: {
        "name": given.fresh.replace("-", "_"),
        "definition": _questionnaire(2),
    },
    "reviseQuestionnaire": lambda _: {"definition": _questionnaire(3)},
    "tryQuestionnaire": lambda _: {"answers": {"harm": "1"}},
    "createRota": _rota,
    "changeRota": lambda given: {**_rota(given, unit="weeks"), "name": given.own["rota name"]},
    "createRotaOverride": lambda given: {
        "start_at": FAR.replace("T12", "T18"),
        "end_at": FAR.replace("T12", "T19"),
        "member_id": given.second["member"],
        "instead_of": given.own["member"],
    },
    "swapRotaShifts": lambda given: {
        "a": {"member_id": given.own["member"], "at": FAR},
        "b": {"member_id": given.second["member"], "at": FAR.replace("-01T", "-02T")},
    },
    "createRotaFeed": lambda given: {"name": f"Calendar {given.fresh}"},
    "declareFact": lambda given: {
        "name": f"request.custom.{given.fresh}",
        "type": "string",
        "description": f"What is said of {given.fresh}.",
    },
    "changeFact": lambda given: {"type": "int", "unit": "days", "description": f"Of {given.fresh}."},
    "createPolicy": lambda given: {
        "name": f"Policy {given.fresh}",
        "kind": "commitment",
        "document": _policy(given),
    },
    "simulatePolicy": lambda given: (
        {"document": _policy(given)}
        | ({"request_id": given.own["request"]} if "request" in given.own else {"facts": {}})
    ),
    "createBacktest": lambda given: {
        "name": f"Backtest {given.fresh}",
        "policies": [{"kind": "commitment", "name": "Draft", "document": _policy(given)}],
        "history": {"from": "2026-01-01T00:00:00Z", "to": LATER},
    },
    "revisePolicy": lambda given: {"document": _policy(given)},
    "revisePolicyTable": lambda given: f"id,when request.priority,because\nall,*,Because of {given.fresh}.\n",
    "testPolicy": lambda _: {"version": 1},
    "submitPolicy": lambda given: {"note": f"About {given.fresh}"},
    "approvePolicy": lambda given: {"version": 2, "note": f"About {given.fresh}"},
    "returnPolicy": lambda given: {"version": 2, "note": f"About {given.fresh}"},
    "publishPolicy": lambda _: {"running": "keep"},
    "retirePolicy": lambda given: {"note": f"About {given.fresh}"},
    "revertPolicy": lambda _: {"to_version": 1},
    "changeTenant": lambda _: {"approval": "members"},
    "repinPolicy": lambda given: {"preview": True, "note": f"Because of {given.fresh}."},
    "repinCalendar": lambda given: {"preview": True, "note": f"Because of {given.fresh}."},
    "evaluateCondition": lambda _: {"expression": "1 == 1", "facts": {}},
    "createHistoryLog": lambda given: {"name": f"Log {given.fresh}", "source": "desk"},
    "importCases": lambda given: {"cases": [_case(given)]},
    "completeHistoryLog": lambda _: {"bad_rows": 1},
    "createRequestType": lambda given: {
        "name": _unlike(given.fresh),
        "family": "incident",
        "document": _type(given),
    },
    "createRequestTypeFromTemplate": lambda given: {
        "template": "incident",
        "name": f"template-{given.fresh.lower()}",
    },
    "proposeStandardChange": lambda given: {
        "name": f"standard-{given.fresh.lower()}",
        "title": f"About {given.fresh}",
        "requests": [given.own["done change"]],
    },
    "reviseRequestType": lambda given: {"document": _type(given)},
    "submitRequestType": lambda given: {"note": f"About {given.fresh}"},
    "approveRequestType": lambda given: {"version": 2, "note": f"About {given.fresh}"},
    "returnRequestType": lambda given: {"version": 2, "note": f"About {given.fresh}"},
    "publishRequestType": lambda _: {},
    "retireRequestType": lambda given: {"note": f"About {given.fresh}"},
    "noteChecklistItem": lambda given: {"outcome": "done", "evidence": f"About {given.fresh}"},
    "submitRequest": _request,
    "reportEvent": lambda given: {"type": "changed", "facts": {"custom": {"note": given.fresh}}},
    "createCommitment": lambda given: {
        "what": f"I will call {given.fresh}",
        "metric": "call",
        "due_at": LATER,
    },
    "fulfilCommitment": lambda _: {},
    "cancelCommitment": lambda given: {"reason": f"Because of {given.fresh}."},
    "correctCommitment": lambda given: {"reason": f"Because of {given.fresh}."},
    "proposeRenegotiation": lambda given: {"reason": f"Because of {given.fresh}.", "due_at": LATER},
    "answerRenegotiation": lambda given: {"reply": "understood", "comment": f"About {given.fresh}"},
    "answerApproval": lambda given: {"approve": True, "reason": f"Because of {given.fresh}."},
    "giveDelegation": lambda given: {
        "deputy_id": given.own["responder"],
        "from_at": SOON,
        "until_at": LATER,
        "reason": f"Because of {given.fresh}.",
    },
    "changeObjectionTerms": lambda given: {
        "target": {"unit": "working_time", "seconds": 28_800},
        "calendar": given.own["calendar name"],
        "ladder": given.own["ladder name"],
    },
    "decideObjection": lambda given: {"upheld": False, "reason": f"Because of {given.fresh}."},
    "raiseObjection": lambda given: {
        "subject": {"kind": "commitment", "id": given.second.get("commitment", given.own["commitment"])},
        "cause": "promise_too_late",
        "words": f"Because of {given.fresh}.",
    },
    "answerArrangement": lambda given: {"accept": False, "reason": f"Because of {given.fresh}."},
    "settleRenegotiation": lambda _: {"accepted": True},
    "withdrawRenegotiation": lambda given: {"reason": f"Because of {given.fresh}."},
    "useSpecialMethod": lambda given: {"who": "Ada Harbour", "what_for": f"About {given.fresh}"},
    "endSpecialMethod": lambda given: {"reason": f"Because of {given.fresh}."},
    "checkSpecialMethod": lambda given: {"undone": True, "result": f"About {given.fresh}"},
    "recordAccident": _accident,
    "changeAccident": _accident,
    "startReview": lambda given: {
        "request_id": given.own["finished request"],
        "within": {"unit": "working_time", "seconds": 28_800},
        "calendar": given.own["calendar name"],
        "ladder": given.own["ladder name"],
    },
    "concludeReview": lambda given: {
        "result": "failed",
        "objectives_met": False,
        "deviations": f"Because of {given.fresh}.",
        "accident_id": given.own["accident"],
        "improvement": f"About {given.fresh}",
    },
    "openImprovement": lambda given: {
        "title": f"About {given.fresh}",
        "accident_id": given.own["accident"],
        "owner_id": given.own["member"],
        "group_id": given.own["group"],
    },
    "changeImprovement": lambda given: {"state": "in_progress", "state_reason": f"Because of {given.fresh}."},
    "startEscalation": lambda given: {
        "ladder": given.own["ladder name"],
        "reason": f"About {given.fresh}.",
        "by": given.own["responder"],
    },
    "acknowledgeEscalation": lambda given: {"by": given.own["responder"]},
    "snoozeEscalation": lambda given: {"until": SOON, "by": given.own["responder"]},
    "handOverEscalation": lambda given: {"to": given.own["responder"], "by": given.own["responder"]},
    "raiseEscalation": lambda given: {"step": "warning", "by": given.own["responder"]},
    "resolveEscalation": lambda given: {"reason": f"About {given.fresh}.", "by": given.own["responder"]},
    "createWebhookEndpoint": lambda given: {"url": f"https://example.com/{given.fresh}"},
    "moveSandboxClock": lambda _: {"now": LATER},
}
"""By operation."""
