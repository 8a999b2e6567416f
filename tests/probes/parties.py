"""Who takes part in the probes, and what each comes to have: made by itself, through the API."""

import itertools
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from httpx2 import AsyncClient, Response

from service.ids import ClientId
from service.tenants.domain import CLIENT_SCOPES, Tenant
from tests.probes import calls
from tests.probes.bodies import BODIES, LATER, Given, reasonable
from tests.probes.calls import Call
from tests.probes.document import Operation
from tests.probes.places import kind_at

MAKES = {
    "createApplication": "application",
    "createBacktest": "backtest",
    "createCalendar": "calendar",
    "createClient": "client",
    "createCommitment": "promise",
    "createContact": "contact",
    "createGroup": "group",
    "createHistoryLog": "history log",
    "createLadder": "ladder",
    "createMessageTemplate": "message template",
    "createPolicy": "policy",
    "createQuestionnaire": "questionnaire",
    "createRequestType": "request type",
    "createRota": "rota",
    "createRotaFeed": "rota feed",
    "createRotaOverride": "rota override",
    "createWebhookEndpoint": "endpoint",
    "startEscalation": "escalation",
    "declareFact": "fact",
    "declareMajorIncident": "major incident",
    "inviteMember": "member",
    "planMaintenance": "maintenance window",
    "raiseObjection": "objection",
    "recordAccident": "accident",
    "openImprovement": "improvement",
    "startReview": "review",
    "proposeRenegotiation": "renegotiation",
    "registerService": "service",
    "repinCalendar": "repinning",
    "repinPolicy": "repinning",
    "submitRequest": "request",
}
"""What an operation makes: the kind of the id that it answers."""

STEPS = (
    *("createCalendar", "createCalendar", "reviseCalendar", "createPolicy", "createPolicy", "publishPolicy"),
    *("createClient", "createClient", "registerService", "registerService"),
    *("planMaintenance", "planMaintenance"),
    *("createContact", "createContact", "createApplication", "createApplication"),
    *("inviteMember", "inviteMember", "createGroup", "createGroup", "addGroupMember"),
    *("createRota", "createRota", "createRotaOverride", "createRotaFeed"),
    *("createLadder", "createLadder"),
    *("createQuestionnaire", "createQuestionnaire"),
    *("createMessageTemplate", "createMessageTemplate"),
    *("repinPolicy", "repinCalendar"),
    *("createRequestType", "publishRequestType", "createRequestType"),
    *(
        "submitRequest",
        "raiseObjection",
        "submitRequest",
        "createCommitment",
        "createCommitment",
        "proposeRenegotiation",
    ),
    *("reportEvent", "startEscalation", "createWebhookEndpoint", "createWebhookEndpoint"),
    *("declareMajorIncident",),
    *("recordAccident", "recordAccident", "openImprovement", "openImprovement"),
    *("createHistoryLog", "createHistoryLog", "importCases", "declareFact", "declareFact"),
    *("createBacktest", "createBacktest"),
)
"""How a party comes to have something of each kind, and two of what is listed. Each is done if it may be."""

FIRST = {
    "askApprovalAnew": ("moveSandboxClock",),
    "checkSpecialMethod": ("endSpecialMethod",),
    "approvePolicy": ("revisePolicy", "submitPolicy"),
    "approveRequestType": ("reviseRequestType", "submitRequestType"),
    "cancelRepinning": ("resumeRepinning",),
    "correctCommitment": ("moveSandboxClock",),
    "publishPolicy": ("revisePolicy",),
    "publishRequestType": ("reviseRequestType",),
    "declareMajorIncident": ("endMajorIncident",),
    "deleteBacktest": ("cancelBacktest",),
    "reactivateMember": ("deactivateMember",),
    "resumeRepinning": ("cancelRepinning",),
    "returnPolicy": ("revisePolicy", "submitPolicy"),
    "returnRequestType": ("reviseRequestType", "submitRequestType"),
    "retirePolicy": ("revisePolicy", "publishPolicy"),
    "revertPolicy": ("revisePolicy", "publishPolicy"),
    "settleRenegotiation": ("answerRenegotiation",),
    "submitPolicy": ("revisePolicy",),
    "submitRequestType": ("reviseRequestType",),
    "unschedulePolicy": ("revisePolicy", "publishPolicy"),
}
"""What must be done to an object before an operation can be done to it."""

FIRST_WITH = {
    ("settleRenegotiation", "answerRenegotiation"): {"reply": "counter", "due_at": LATER},
    ("unschedulePolicy", "publishPolicy"): {"effective_at": LATER},
}
"""The body of such a step, where it is another than usual."""

MEMBERS_ONLY = frozenset(
    {
        "answerApproval",
        "giveDelegation",
        "endDelegation",
        "approvePolicy",
        "approveRequestType",
        "returnRequestType",
        "decideObjection",
        "returnPolicy",
    }
)
"""What an application that acts by itself may never do, whatever its scopes."""

SHARED_WITH_CLIENTS = frozenset(
    {
        "calendar",
        "calendar name",
        "maintenance window",
        "service",
        "service name",
        "policy",
        "policy name",
        "request type",
        "request type name",
        "name",
        "etag",
    }
)
"""Kinds that the applications of client organizations may see of their tenant."""

PLAIN_VALUES = {
    "version": "1",
    "item": "labels",
    "code": "internal-error",
    "start": "2026-11-01T00:00:00Z",
    "end": LATER,
}
"""What stands in a path and names nothing."""


@dataclass(frozen=True, slots=True)
class Party:
    """A tenant's own application, or one of a client organization, and what it has.

    Attributes:
        held: ids, names, keys and cursors by kind; the first of each is what it uses itself.
    """

    name: str
    tenant: Tenant
    client_id: ClientId | None
    caller: AsyncClient
    held: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    @property
    def own(self) -> dict[str, str]:
        return {kind: values[0] for kind, values in self.held.items()}

    @property
    def second(self) -> dict[str, str]:
        """Another one of each kind, where it has two."""
        return {kind: values[1] for kind, values in self.held.items() if len(values) > 1}

    def keep(self, kind: str, value: str | None) -> None:
        if value:
            self.held.setdefault(kind, []).append(value)

    def may(self, operation: Operation) -> bool:
        """May its applications be given what the operation needs?"""
        return self.client_id is None or operation.scope in CLIENT_SCOPES

    def call(self, operation: Operation, *, fresh: str | None = None) -> Call:
        """A right call of an operation, on what this party has."""
        fresh = fresh or f"{self.name}-{secrets.token_hex(6)}"
        own, headers = {**PLAIN_VALUES, **self.own}, dict[str, str]()
        for place in operation.at("header"):
            if place.required:
                headers[place.name] = "*" if place.name == "If-Match" else f"key-{fresh}"
        has_body = operation.body is not None and operation.id in BODIES
        if operation.body is not None and not operation.takes_json:
            headers["Content-Type"] = next(iter(operation.body["content"]))
        return Call(
            method=operation.method.upper(),
            path=operation.path,
            path_values={
                place.name: own[kind_at(operation, place) or place.name] for place in operation.at("path")
            },
            query={
                place.name: own[kind_at(operation, place) or place.name]
                for place in operation.at("query")
                if place.required
            },
            headers=headers,
            body=BODIES[operation.id](Given(own, fresh, self.second)) if has_body else None,
            has_body=has_body,
        )

    def beside(self, other: "Party") -> dict[str, list[str]]:
        """What this party has, and the other has not."""
        theirs = {value for values in other.held.values() for value in values}
        return {
            kind: kept
            for kind, values in self.held.items()
            if (kept := [value for value in values if value not in theirs])
        }

    async def send(self, call: Call, **headers: str) -> Response:
        return await send(self.caller, call, **headers)


def first(party: Party, operations: Mapping[str, Operation], operation: Operation) -> list[Call]:
    """What a party has to call before it can call an operation."""
    usual = [(name, party.call(operations[name])) for name in FIRST.get(operation.id, ())]
    return [replace(call, body=FIRST_WITH.get((operation.id, name), call.body)) for name, call in usual]


async def send(caller: AsyncClient, call: Call, **headers: str) -> Response:
    body = calls.sent(call)
    named = {**call.headers, **headers}
    return await caller.request(call.method, call.address, params=call.query, headers=named, **body)


async def furnish(party: Party, operations: Mapping[str, Operation]) -> None:
    """Let a party make what it may, and look at what it then has."""
    numbers = itertools.count(1)
    for step in STEPS:
        if party.may(operations[step]):
            fresh = f"{party.name}-{next(numbers)}-{secrets.token_hex(4)}"
            await take(party, operations[step], fresh=fresh)
    for operation in operations.values():
        if party.may(operation) and operation.method == "get" and not operation.at("path"):
            await _look(party, operation)


async def take(party: Party, operation: Operation, *, fresh: str | None = None) -> None:
    """Let a party take one step, and keep what it has from that."""
    call = party.call(operation, fresh=fresh)
    answer = await party.send(call)
    assert answer.status_code in (200, 201, 202), (operation.id, answer.text)
    _keep(party, operation, call, answer)


async def finish(party: Party, operations: Mapping[str, Operation]) -> None:
    """Let a tenant have two requests of which the work is done, and a review of the first."""
    for _ in range(2):
        call = party.call(operations["submitRequest"])
        request_id = (await party.send(call)).json()["id"]
        report = replace(party.call(operations["reportEvent"]), path_values={"request_id": request_id})
        answer = await party.send(replace(report, body={"type": "changed", "state": "resolved"}))
        assert answer.status_code == 201, answer.text
        party.keep("finished request", request_id)
    await take(party, operations["startReview"])
    party.held["finished request"].reverse()


async def change(party: Party, operations: Mapping[str, Operation]) -> None:
    """Let a tenant have two changes that were done."""
    for _ in range(2):
        call = party.call(operations["submitRequest"])
        body = {**cast("dict[str, Any]", call.body), "type": "change"}
        request_id = (await party.send(replace(call, body=body))).json()["id"]
        report = replace(party.call(operations["reportEvent"]), path_values={"request_id": request_id})
        answer = await party.send(replace(report, body={"type": "changed", "state": "resolved"}))
        assert answer.status_code == 201, answer.text
        party.keep("done change", request_id)


async def arrange(party: Party, operations: Mapping[str, Operation]) -> None:
    """Let a party have requests of which something is arranged, and keep that; by its tenant's policy."""
    if party.client_id is None:
        await _put_into_effect(party, operations)
    for said in ARRANGED:
        for _ in range(2):
            await ask(party, operations, said)


async def ask(party: Party, operations: Mapping[str, Operation], said: str) -> None:
    """Let a party have one request that says this, and keep what follows from that."""
    call = party.call(operations["submitRequest"])
    body = cast("dict[str, Any]", call.body)
    facts = {**body["facts"], "custom": {**body["facts"]["custom"], "arranged": said}}
    answer = await party.send(replace(call, body={**body, "facts": facts}))
    assert answer.status_code == 201, answer.text
    about = {"request_id": answer.json()["id"]}
    for kind, name in ARRANGED[said].items():
        if party.may(operations[name]):
            found = await party.caller.get(operations[name].path, params=about)
            for each in found.json()["items"]:
                party.keep(kind, each["id"])


async def _put_into_effect(party: Party, operations: Mapping[str, Operation]) -> None:
    made = await party.send(replace(party.call(operations["createPolicy"]), body=reasonable(party.name)))
    assert made.status_code == 201, made.text
    publish = replace(party.call(operations["publishPolicy"]), path_values={"policy_id": made.json()["id"]})
    published = await party.send(publish)
    assert published.status_code == 200, published.text


ARRANGED = {
    "yes": {"approval": "listApprovals", "gate": "listGates"},
    "offered": {"arrangement": "listArrangements"},
    "specially": {"special method": "listSpecialMethods"},
}
"""What follows from the verdict on what a request says, by kind, and what lists it."""


async def involve(owner: Party, party: Party, operations: Mapping[str, Operation]) -> None:
    """Let a client organization be affected by a major incident, which its tenant declares of its request."""
    if party is owner:
        return
    operation = operations["declareMajorIncident"]
    call = owner.call(operation)
    body = {"request_id": party.own["request"], "title": f"About {party.name}-{secrets.token_hex(6)}"}
    answer = await owner.send(replace(call, body=body))
    assert answer.status_code == 201, answer.text
    party.keep("major incident", answer.json()["id"])


def _keep(party: Party, operation: Operation, call: Call, answer: Response) -> None:
    shown: dict[str, Any] = answer.json()
    kind, sent = MAKES.get(operation.id), cast("dict[str, Any]", call.body or {})
    if kind is not None:
        party.keep(kind, shown["id"])
        name = sent.get("name")
        party.keep(f"{kind} name", name)
        party.keep("name", name)
    party.keep("external id", sent.get("external_id"))
    party.keep("email", sent.get("email"))
    party.keep("key", call.headers.get("Idempotency-Key"))
    party.keep("etag", answer.headers.get("etag"))
    for promise in shown.get("commitments", ()):
        party.keep("commitment", promise["id"])


async def _look(party: Party, operation: Operation) -> None:
    """Keep a cursor of each list, and the ids of what nobody makes by hand."""
    answer = await party.caller.get(operation.path, params={"limit": 1})
    shown: dict[str, Any] = answer.json()
    if answer.is_success:
        party.keep("cursor", shown.get("next"))
    if answer.is_success and operation.id == "listAuditRecords":
        (record,) = shown["items"]
        party.keep("audit record", record["id"])
        party.keep("audit subject", record["subject"])
        party.keep("actor", record["actor"])


async def propose(owner: Party, party: Party, operations: Mapping[str, Operation]) -> None:
    """Let the owner of a tenant propose something to a client organization, which it may answer."""
    operation = operations["proposeRenegotiation"]
    call = owner.call(operation)
    named = replace(call, path_values={"commitment_id": party.own["commitment"]})
    answer = await owner.send(named)
    assert answer.status_code == 201, answer.text
    party.keep("renegotiation", answer.json()["id"])
