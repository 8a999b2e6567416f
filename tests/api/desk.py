"""A service desk to test with: a calendar, a policy, and what its ticket system sends."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from httpx2 import AsyncClient

from tests import factories
from tests.factories import NOON

OFFICE: dict[str, Any] = {
    "tz": "UTC",
    "weekly": {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")},
}
DOCUMENT: dict[str, Any] = {
    "facts": {"request.custom.site": "string"},
    "rules": [
        {
            "id": "p1",
            "when": "request.priority == 'P1'",
            "because": "P1 stops work at the client.",
            "then": {
                "promises": [
                    {
                        "metric": "resolve",
                        "calendar": "office",
                        "target": {"unit": "working_time", "seconds": 4 * 3600},
                        "warn_before_seconds": 3600,
                    }
                ]
            },
        },
        {
            "id": "harbour",
            "when": "request.custom.site == 'harbour'",
            "because": "The harbour works around the clock.",
            "then": {
                "promises": [{"metric": "resolve", "target": {"unit": "elapsed_time", "seconds": 8 * 3600}}]
            },
        },
        {
            "id": "others",
            "when": "!(request.priority == 'P1')",
            "because": "Everything else has two days.",
            "then": {
                "promises": [
                    {
                        "metric": "resolve",
                        "calendar": "office",
                        "target": {"unit": "working_time", "seconds": 16 * 3600},
                    }
                ]
            },
        },
    ],
}


async def set_up(caller: AsyncClient, document: dict[str, Any] = DOCUMENT) -> dict[str, Any]:
    """Create the calendar and the policy, and put it into effect. Returns the policy."""
    await created(caller, "/v1/calendars", {"name": "office", "definition": OFFICE})
    policy = await created(
        caller, "/v1/policies", {"name": "promises", "kind": "commitment", "document": document}
    )
    published = await caller.post(f"/v1/policies/{policy['id']}/publish", headers=factories.key())
    assert published.status_code == 200, published.text
    return policy


async def created(caller: AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await caller.post(path, json=body, headers=factories.key())
    assert answer.status_code == 201, answer.text
    return answer.json()


async def submitted(caller: AsyncClient, **overrides: Any) -> dict[str, Any]:
    body = {
        "source": "desk",
        "external_id": f"INC-{uuid4().hex}",
        "type": "incident",
        "facts": {"priority": "P1"},
    } | overrides
    return await created(caller, "/v1/requests", body)


async def report(caller: AsyncClient, request: dict[str, Any], **event: Any) -> dict[str, Any]:
    return await created(caller, f"/v1/requests/{request['id']}/events", event)


async def told(caller: AsyncClient, about: str) -> list[str]:
    events = (await caller.get("/v1/events", params={"limit": 200})).json()["items"]
    return [
        event["type"]
        for event in events
        if about in (event["subject_id"], event["payload"].get("request_id"))
    ]


def at(**later: float) -> str:
    return (NOON + timedelta(**later)).isoformat().replace("+00:00", "Z")


async def pass_time(caller: AsyncClient, **later: float) -> None:
    answer = await caller.post("/v1/sandbox/clock", json={"now": at(**later)})
    assert answer.status_code == 200, answer.text
