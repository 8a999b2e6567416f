import base64
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import AsyncClient

from service.audit.domain import Actor
from service.db import Sessions, TenantSession, tenant_transaction
from service.ids import ClientId
from service.limits import service as limits
from service.limits.domain.table import WEBHOOK_ENDPOINTS
from service.tenants import service as tenants
from service.tenants.domain import Tenant
from tests import factories
from tests.conftest import SignIn
from tests.factories import NOON, key

ENDPOINTS = "/v1/webhook-endpoints"
URL = "https://example.com/hook"


async def created(caller: AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await caller.post(ENDPOINTS, json={"url": URL} | body, headers=key())
    assert answer.status_code == 201, answer.text
    return answer.json()


async def client_of(sessions: Sessions, tenant: Tenant, name: str) -> ClientId:
    async with tenant_transaction(sessions, tenant.id) as session:
        return (await tenants.create_client(session, Actor(), tenants.ClientEntry(name=name), now=NOON)).id


async def test_the_secret_is_shown_when_an_endpoint_is_created_and_never_again(caller: AsyncClient) -> None:
    endpoint = await created(caller, types=["commitment.broken", "commitment.broken"])

    secret = endpoint.pop("secret")
    shown = await caller.get(f"{ENDPOINTS}/{endpoint['id']}")
    listed = await caller.get(ENDPOINTS)

    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    assert endpoint["types"] == ["commitment.broken"]
    assert endpoint["enabled"] is True
    assert shown.json() == endpoint
    assert listed.json() == {"items": [endpoint], "next": None}


async def test_two_endpoints_have_two_secrets(caller: AsyncClient) -> None:
    assert (await created(caller))["secret"] != (await created(caller))["secret"]


async def test_a_repeated_request_creates_one_endpoint(caller: AsyncClient) -> None:
    headers = key()
    answers = [await caller.post(ENDPOINTS, json={"url": URL}, headers=headers) for _ in range(2)]

    assert answers[0].json() == answers[1].json()
    assert len((await caller.get(ENDPOINTS)).json()["items"]) == 1


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"url": "http://example.com/"}, "/url"),
        ({"url": "https://169.254.169.254/latest/meta-data/"}, "/url"),
        ({"url": "https://localhost/"}, "/url"),
        ({"url": "http://127.0.0.1:8000/"}, "/url"),
        ({"url": URL, "types": ["commitment.kept", "commitment.lost"]}, "/types/1"),
    ],
)
async def test_an_endpoint_that_cannot_be_told_is_refused_with_the_place_and_the_remedy(
    caller: AsyncClient, body: dict[str, Any], pointer: str
) -> None:
    refused = await caller.post(ENDPOINTS, json=body, headers=key())

    assert refused.status_code == 422
    assert refused.json()["type"] == "/problems/webhook-endpoint-invalid"
    assert [fault["pointer"] for fault in refused.json()["errors"]] == [pointer]
    assert (await caller.get(ENDPOINTS)).json()["items"] == []


async def test_a_tenant_has_only_so_many_endpoints(caller: AsyncClient, session: TenantSession) -> None:
    await limits.change(session, Actor(), WEBHOOK_ENDPOINTS, 2, now=NOON)
    for _ in range(2):
        await created(caller)

    refused = await caller.post(ENDPOINTS, json={"url": URL}, headers=key())

    assert refused.status_code == 409
    assert refused.json()["type"] == "/problems/webhook-endpoints-too-many"


async def test_an_endpoint_is_removed_by_whoever_has_seen_its_version(caller: AsyncClient) -> None:
    endpoint = await created(caller)
    address = f"{ENDPOINTS}/{endpoint['id']}"
    tag = (await caller.get(address)).headers["etag"]

    without, stale, removed, again = [
        await caller.delete(address, headers=headers)
        for headers in ({}, {"If-Match": '"other.1"'}, {"If-Match": tag}, {"If-Match": tag})
    ]

    assert [answer.status_code for answer in (without, stale, removed, again)] == [428, 412, 204, 404]
    assert (await caller.get(address)).status_code == 404


async def test_an_endpoint_that_has_not_changed_is_not_sent_again(caller: AsyncClient) -> None:
    endpoint = await created(caller)
    address = f"{ENDPOINTS}/{endpoint['id']}"
    tag = (await caller.get(address)).headers["etag"]

    assert (await caller.get(address, headers={"If-None-Match": tag})).status_code == 304


async def test_an_application_of_a_client_sees_and_makes_endpoints_of_that_client_only(
    sign_in: SignIn, sessions: Sessions, tenant: Tenant
) -> None:
    ours = await client_of(sessions, tenant, "Harbour")
    theirs = await client_of(sessions, tenant, "Airport")
    whole, confined = await sign_in(), await sign_in(client_id=ours)
    of_tenant = await created(whole)
    of_theirs = await created(whole, client_id=str(theirs))

    of_ours = await created(confined, client_id=str(theirs))

    assert of_ours["client_id"] == str(ours)
    assert of_theirs["client_id"] == str(theirs)
    assert [item["id"] for item in (await confined.get(ENDPOINTS)).json()["items"]] == [of_ours["id"]]
    assert len((await whole.get(ENDPOINTS)).json()["items"]) == 3
    for hidden in (of_tenant, of_theirs):
        address = f"{ENDPOINTS}/{hidden['id']}"
        assert (await confined.get(address)).status_code == 404
        assert (await confined.delete(address, headers={"If-Match": "*"})).status_code == 404


async def test_an_endpoint_of_a_client_that_does_not_exist_is_refused(caller: AsyncClient) -> None:
    refused = await caller.post(ENDPOINTS, json={"url": URL, "client_id": str(uuid4())}, headers=key())

    assert refused.status_code == 404
    assert refused.json()["type"] == "/problems/client-not-found"


async def test_another_tenants_endpoint_does_not_exist(
    sign_in: SignIn, sessions: Sessions, caller: AsyncClient
) -> None:
    endpoint = await created(caller)
    stranger = await sign_in(of=await factories.tenant(sessions))

    answers = [await stranger.get(f"{ENDPOINTS}/{each}") for each in (endpoint["id"], uuid4())]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert (await stranger.get(ENDPOINTS)).json()["items"] == []


async def test_endpoints_need_their_scopes(sign_in: SignIn) -> None:
    reader, stranger = await sign_in("webhooks:read"), await sign_in("events:read")

    assert (await reader.get(ENDPOINTS)).status_code == 200
    assert (await reader.post(ENDPOINTS, json={"url": URL}, headers=key())).status_code == 403
    assert (await stranger.get(ENDPOINTS)).status_code == 403
