"""Another tenant's object answers exactly as an id that never was, at every operation that takes an id.

The operations come from the OpenAPI document, so a new one is covered, or fails here until it is.
"""

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from httpx2 import AsyncClient, Response

from service import ids
from service.db import Sessions
from tests import factories
from tests.api import desk
from tests.conftest import SignIn

LISTS = ("clients", "services", "calendars", "policies", "requests", "commitments", "webhook-endpoints")
METHODS = ("get", "put", "post", "delete", "patch")
PARAMETER = re.compile(r"{(\w+)}")

BODIES: dict[str, dict[str, Any]] = {
    "changeService": {"name": "Spy"},
    "reviseCalendar": {"definition": desk.OFFICE},
    "revisePolicy": {"document": desk.DOCUMENT},
    "reportEvent": {"type": "noted"},
}
"""A body that is right, so that nothing but the id can be wrong."""


@pytest.fixture
async def objects(caller: AsyncClient) -> dict[str, str]:
    """An object of each kind that one tenant has: the name of its path parameter, and its id."""
    policy = await desk.set_up(caller)
    request = await desk.submitted(caller)
    calendars = (await caller.get("/v1/calendars")).json()["items"]
    client = await desk.created(caller, "/v1/clients", {"name": "Harbour"})
    service = await desk.created(caller, "/v1/services", {"name": "Mail"})
    endpoint = await desk.created(caller, "/v1/webhook-endpoints", {"url": "https://example.com/hook"})
    return {
        "request_id": request["id"],
        "commitment_id": request["commitments"][0]["id"],
        "policy_id": policy["id"],
        "version": "1",
        "calendar_id": calendars[0]["id"],
        "client_id": client["id"],
        "service_id": service["id"],
        "endpoint_id": endpoint["id"],
    }


async def _called(
    caller: AsyncClient, described: dict[str, Any], objects: dict[str, str]
) -> dict[tuple[str, str], Response]:
    """Call every operation that takes an id, with these ids."""
    answers: dict[tuple[str, str], Response] = {}
    for path, item in described["paths"].items():
        if not path.startswith("/v1/") or "{" not in path:
            continue
        for method in METHODS:
            if method in item:
                address = PARAMETER.sub(lambda found: objects[found[1]], path)
                headers = factories.key() | {"If-Match": '"any.1"'}
                body = BODIES.get(item[method]["operationId"], {}) if "requestBody" in item[method] else None
                answers[method, path] = await caller.request(method, address, headers=headers, json=body)
    return answers


def _shown(answer: Response, objects: dict[str, str]) -> tuple[int, str]:
    """What an answer says, but for the request's own id and the ids that were asked for."""
    problem = answer.json()
    text = str({name: value for name, value in problem.items() if name != "request_id"})
    for identity in objects.values():
        if len(identity) == len(str(UUID(int=0))):
            text = text.replace(identity, "…")
    return answer.status_code, text


async def test_another_tenants_objects_cannot_be_told_from_none(
    client: AsyncClient, sign_in: SignIn, sessions: Sessions, objects: dict[str, str]
) -> None:
    described = (await client.get("/openapi.json")).json()
    stranger = await sign_in(of=await factories.tenant(sessions))
    nothing = {name: each if name == "version" else str(ids.new_id()) for name, each in objects.items()}

    theirs = await _called(stranger, described, objects)
    none = await _called(stranger, described, nothing)

    assert len(theirs) >= 15
    for operation, answer in theirs.items():
        assert _shown(answer, objects) == _shown(none[operation], nothing), operation
        assert answer.status_code == 404, (operation, answer.text)
        assert answer.headers.keys() == none[operation].headers.keys(), operation


async def test_another_tenants_lists_do_not_show_them(
    sign_in: SignIn, sessions: Sessions, objects: dict[str, str]
) -> None:
    stranger = await sign_in(of=await factories.tenant(sessions))
    for path in LISTS:
        assert (await stranger.get(f"/v1/{path}")).json()["items"] == [], path
    assert objects


async def test_every_operation_refuses_a_token_without_its_scope(
    client: AsyncClient, sign_in: SignIn
) -> None:
    """The matrix of operations and scopes: with all scopes but its own, each is 403."""
    described = (await client.get("/openapi.json")).json()
    probed = 0
    for path, method, needed in _guarded(described):
        caller = await sign_in(*(each for each in factories.SCOPES if each != needed))
        address = PARAMETER.sub(lambda found: "1" if found[1] == "version" else str(ids.new_id()), path)
        answer = await caller.request(method, address)
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/insufficient-scope"), path
        probed += 1
    assert probed >= 30


def _guarded(described: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for path, item in described["paths"].items():
        for method in METHODS:
            for scheme in item.get(method, {}).get("security", ()):
                yield path, method, scheme["oauth2"][0]
