"""The audit trail over HTTP: who may read it, what it shows, and that a reader misses nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from httpx2 import AsyncClient

from service.audit import service
from service.audit.domain import Actor, Deed
from service.db import Sessions, tenant_transaction
from service.ids import ApplicationId, ClientId, read_id
from service.people.domain import Role
from service.tenants.domain import Tenant
from tests import factories
from tests.api import desk
from tests.conftest import SignIn
from tests.integration import sent
from tests.integration.test_audit_chain import sealed

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)


async def written(
    sessions: Sessions, of: Tenant, *deeds: Deed, actor: Actor | None = None, at: datetime = AT
) -> None:
    async with tenant_transaction(sessions, of.id) as session:
        for number, deed in enumerate(deeds):
            who = actor or Actor(name="member:anna", address="192.0.2.7")
            await service.record(session, who, deed, now=at + timedelta(minutes=number))


async def items(caller: AsyncClient, **query: Any) -> list[dict[str, Any]]:
    answer = await caller.get("/v1/audit-records", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def test_a_change_is_shown_with_who_what_from_where_and_in_which_request(caller: AsyncClient) -> None:
    made = await caller.post("/v1/clients", json={"name": "Port", "tier": "gold"}, headers=factories.key())

    (found,) = await items(caller, action="client.")

    assert found["action"] == "client.created"
    assert found["subject"] == f"client:{made.json()['id']}"
    assert found["changes"]["name"] == {"after": "Port"}
    assert found["changes"]["tier"] == {"after": "gold"}
    assert found["actor"] == f"application:{found['application_id']}"
    assert found["address"] == "127.0.0.1"
    assert found["http_request_id"] == made.headers["x-request-id"]
    assert found["client_id"] is None


async def test_the_whole_trail_is_paged_newest_first_and_stays_in_place_while_more_is_recorded(
    caller: AsyncClient, sessions: Sessions, tenant: Tenant
) -> None:
    await written(sessions, tenant, *(Deed("test.done", f"thing:{number}") for number in range(25)))
    seen: list[str] = []
    page = (await caller.get("/v1/audit-records", params={"action": "test.", "limit": 10})).json()
    seen += [each["subject"] for each in page["items"]]

    while page["next"]:
        await written(sessions, tenant, Deed("test.done", "thing:late"), at=AT + timedelta(days=1))
        query = {"action": "test.", "limit": 10, "cursor": page["next"]}
        page = (await caller.get("/v1/audit-records", params=query)).json()
        seen += [each["subject"] for each in page["items"]]

    assert seen == [f"thing:{number}" for number in reversed(range(25))]


@pytest.fixture
async def trail(sessions: Sessions, tenant: Tenant) -> None:
    """Six records, which every filter tells apart."""
    port = Actor(
        name="application:desk", application_id=ApplicationId(UUID(int=7)), client_id=ClientId(UUID(int=8))
    )
    anna = Actor(name="member:anna", application_id=ApplicationId(UUID(int=9)))
    for minute, (actor, action, subject) in enumerate(
        (
            (port, "request.submitted", "request:1"),
            (port, "request.event_reported", "request:1"),
            (port, "requests.moved", "request:2"),
            (anna, "client.changed", "client:1"),
            (anna, "client.created", "client:2"),
            (anna, "access.denied", "operation:listClients"),
        )
    ):
        await written(sessions, tenant, Deed(action, subject), actor=actor, at=AT + timedelta(minutes=minute))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"actor": "member:anna"}, ["access.denied", "client.created", "client.changed"]),
        ({"actor": "member:ann"}, []),
        ({"action": "request."}, ["request.event_reported", "request.submitted"]),
        ({"action": "client.created"}, ["client.created"]),
        ({"subject": "request:1"}, ["request.event_reported", "request.submitted"]),
        ({"application": str(UUID(int=9)), "action": "client."}, ["client.created", "client.changed"]),
        ({"client": str(UUID(int=8)), "subject": "request:2"}, ["requests.moved"]),
        (
            {"from": "2026-03-02T10:02:00Z", "until": "2026-03-02T10:04:00Z"},
            ["client.changed", "requests.moved"],
        ),
        ({"from": "2026-03-02T18:04:00+08:00", "until": "2026-03-02T10:05:00Z"}, ["client.created"]),
        ({"actor": "member:anna", "action": "client.", "until": "2026-03-02T10:04:00Z"}, ["client.changed"]),
    ],
)
async def test_a_filter_leaves_what_it_says(
    caller: AsyncClient, trail: None, query: dict[str, str], found: list[str]
) -> None:
    del trail
    assert [each["action"] for each in await items(caller, **query)] == found


@pytest.mark.parametrize(
    "query",
    [
        {"action": "Client"},
        {"action": "client\x7f"},
        {"actor": "member\x00"},
        {"subject": ""},
        {"from": "2026-03-02T10:00:00"},
        {"until": "yesterday"},
        {"until": "9999-12-31T23:59:59-14:00"},
        {"application": "desk"},
        {"cursor": "x"},
    ],
)
async def test_a_filter_that_cannot_be_read_is_refused(caller: AsyncClient, query: dict[str, str]) -> None:
    answer = await caller.get("/v1/audit-records", params=query)
    assert answer.status_code == 400, answer.text


async def test_a_record_shows_its_place_in_the_chain_and_the_head_is_that_of_the_last(
    caller: AsyncClient, sessions: Sessions, tenant: Tenant
) -> None:
    await written(sessions, tenant, Deed("test.done", "thing:1"))
    (waiting,) = await items(caller, action="test.")
    nothing = (await caller.get("/v1/audit-chain/head")).json()

    await sealed(sessions)

    one = (await caller.get(f"/v1/audit-records/{waiting['id']}")).json()
    head = (await caller.get("/v1/audit-chain/head")).json()
    assert (waiting["link"], nothing) == (None, {"sequence": 0, "digest": "0" * 64})
    assert one | {"link": None} == waiting
    assert 1 <= one["link"]["sequence"] <= head["sequence"]
    assert {one["link"]["digest"], head["digest"]} <= {
        each["link"]["digest"] for each in await items(caller, limit=200)
    }


async def test_another_tenants_record_cannot_be_told_from_one_that_never_was(
    caller: AsyncClient, sign_in: SignIn, sessions: Sessions
) -> None:
    stranger = await factories.tenant(sessions)
    (theirs, *_) = await items(await sign_in(of=stranger))

    foreign, random = [await caller.get(f"/v1/audit-records/{each}") for each in (theirs["id"], UUID(int=1))]

    assert (foreign.status_code, random.status_code) == (404, 404)
    assert foreign.json()["type"] == random.json()["type"] == "/problems/audit-record-not-found"
    assert theirs["id"] not in {each["id"] for each in await items(caller, limit=200)}


@pytest.mark.parametrize(
    "address", ["/v1/audit-records", f"/v1/audit-records/{UUID(int=1)}", "/v1/audit-chain/head"]
)
async def test_the_trail_is_read_by_admins_and_auditors_and_by_no_client_organization(
    caller: AsyncClient, sign_in: SignIn, sign_in_as: SignIn, address: str
) -> None:
    client = (await caller.post("/v1/clients", json={"name": "Port"}, headers=factories.key())).json()["id"]
    allowed = {role: (await (await sign_in_as(role)).get(address)).status_code != 403 for role in Role}

    assert allowed == {role: role in {Role.ADMIN, Role.AUDITOR} for role in Role}
    assert (await (await sign_in("clients:read")).get(address)).status_code == 403
    assert (await (await sign_in(client_id=ClientId(read_id(client)))).get(address)).status_code == 403


async def test_a_request_costs_no_statement_more_to_be_recorded(caller: AsyncClient) -> None:
    await desk.set_up(caller)
    with sent.statements() as statements:
        await desk.submitted(caller)

    (recording,) = (each for each in statements if "audit" in each)
    assert "insert into audit_record" in recording
    assert "insert into audit_unlinked" in recording
    assert "insert into decision" in recording


async def test_a_policys_records_say_which_document_was_made_and_published(caller: AsyncClient) -> None:
    document = {
        **desk.DOCUMENT,
        "rules": [{**desk.DOCUMENT["rules"][1], "when": "request.custom.site == 'h\u00e4fen' && 1.50 < 2.0"}],
    }
    body = {"name": "ours", "kind": "commitment", "document": document}
    made = await desk.created(caller, "/v1/policies", body)
    done = await caller.post(f"/v1/policies/{made['id']}/publish", headers=factories.key())
    assert done.is_success, done.text

    published, approved, submitted, created = await items(caller, action="policy.")

    actions = [each["action"] for each in (published, approved, submitted, created)]
    assert actions == ["policy.published", "policy.approved", "policy.submitted", "policy.created"]
    assert published["changes"]["document_sha256"] == created["changes"]["document_sha256"]
