"""A policy of each kind, to decide on requests with."""

from typing import Any

from httpx2 import AsyncClient

from tests import factories
from tests.api import desk

DESK = {"name": "Service desk", "url": "https://desk.example/objections"}
BOARD = {"gate": "approval", "name": "board", "groups": ["Change board"]}


def rule(rule_id: str, when: str, then: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": rule_id, "when": when, "then": then, "because": f"Because of {rule_id}."} | more


CLASSIFICATION = {
    "rules": [
        rule(
            "both-high",
            "request.impact == 'high' && request.urgency == 'high'",
            {"set": {"request.priority": "P1", "request.custom.watched": True}},
        ),
        rule("else", "true", {"set": {"request.priority": "P3"}}),
    ]
}
RATIONALIZATION = {
    "applies_to": {"request_types": ["change"]},
    "rules": [
        rule("urgent", "request.priority == 'P1'", {"verdict": "decline", "objections": DESK}),
        rule("with-board", "request.priority == 'P3'", {"verdict": "accept", "requires": [BOARD]}),
    ],
}
COMMITMENT = {
    "rules": [
        rule(
            priority.lower(),
            f"request.priority == '{priority}'",
            {"promises": [{"metric": "resolve", "target": {"unit": "elapsed_time", "seconds": seconds}}]},
        )
        for priority, seconds in (("P1", 3_600), ("P3", 86_400))
    ]
}
ESCALATION = {
    "hit_policy": "COLLECT",
    "rules": [
        rule("major", "request.priority == 'P1'", {"ladder": "major incident"}),
        rule("night", "true", {"ladder": "night"}),
    ],
}
LADDER = {"steps": [{"name": "broken", "at": {"anchor": "breach"}, "tell": [{"owner": True}]}]}
POLICIES = {
    "classification": CLASSIFICATION,
    "rationalization": RATIONALIZATION,
    "commitment": COMMITMENT,
    "escalation": ESCALATION,
}
HIGH = {"impact": "high", "urgency": "high", "priority": "low"}
LOW = {"impact": "low", "urgency": "high"}


async def set_up(caller: AsyncClient) -> None:
    """Put a policy of each kind into effect, with the ladders that are climbed, and who is asked."""
    await desk.created(caller, "/v1/groups", {"name": "Change board"})
    for name in ("major incident", "night"):
        await desk.created(caller, "/v1/ladders", {"name": name, "definition": LADDER})
    for kind, document in POLICIES.items():
        await in_effect(caller, kind, document)


async def in_effect(caller: AsyncClient, kind: str, document: dict[str, Any]) -> dict[str, Any]:
    body = {"name": f"{kind} {id(document)}", "kind": kind, "document": document}
    policy = await desk.created(caller, "/v1/policies", body)
    published = await caller.post(f"/v1/policies/{policy['id']}/publish", headers=factories.key())
    assert published.status_code == 200, published.text
    return policy


async def decision(caller: AsyncClient, request: dict[str, Any]) -> dict[str, Any]:
    return (await caller.get(f"/v1/requests/{request['id']}/decision")).json()["decision"]


async def why(caller: AsyncClient, request: dict[str, Any]) -> dict[str, Any]:
    return (await caller.get(f"/v1/requests/{request['id']}/why")).json()
