"""Contacts over HTTP: the people of clients, and requests that name them."""

from typing import Any
from uuid import uuid4

import pytest
from httpx2 import AsyncClient

from service.db import Sessions
from service.ids import ClientId
from service.tenants.domain import Tenant
from tests import factories
from tests.api import desk
from tests.conftest import SignIn

CONTACTS = "/v1/contacts"
ANN = {
    "name": "Ann",
    "external_id": "4711",
    "email": "ann@example.com",
    "phone": "+49 30 1234567",
    "language": "de",
    "time_zone": "Europe/Berlin",
}


@pytest.fixture
async def clients(sessions: Sessions, tenant: Tenant) -> list[ClientId]:
    return [await factories.client_of(sessions, tenant, name=name) for name in ("Harbour", "Hill")]


async def test_a_contact_is_registered_read_changed_and_removed(caller: AsyncClient) -> None:
    created = await caller.post(CONTACTS, json=ANN, headers=factories.key())
    address, tag = created.headers["Location"], created.headers["ETag"]

    changed = await caller.put(address, json={"name": "Anna"}, headers={"If-Match": tag})
    stale = await caller.put(address, json=ANN, headers={"If-Match": tag})
    shown = await caller.get(address)
    removed = await caller.delete(address, headers={"If-Match": changed.headers["ETag"]})

    assert {name: created.json()[name] for name in ANN} == ANN
    assert (changed.status_code, stale.status_code) == (200, 412)
    assert shown.json() == changed.json()
    assert (shown.json()["name"], shown.json()["email"]) == ("Anna", None)
    assert removed.status_code == 204
    assert (await caller.get(address)).status_code == 404


async def test_what_a_client_calls_its_people_is_its_own_affair(
    caller: AsyncClient, clients: list[ClientId]
) -> None:
    for client_id in (*clients, None):
        await desk.created(caller, CONTACTS, ANN | {"client_id": client_id and str(client_id)})
        again = await caller.post(
            CONTACTS, json=ANN | {"client_id": client_id and str(client_id)}, headers=factories.key()
        )
        assert (again.status_code, again.json()["type"]) == (409, "/problems/contact-exists")

    of_one = (await caller.get(CONTACTS, params={"client_id": str(clients[0])})).json()["items"]
    assert [each["client_id"] for each in of_one] == [str(clients[0])]
    assert len((await caller.get(CONTACTS)).json()["items"]) == 3


async def test_a_clients_application_has_its_own_people_only(
    caller: AsyncClient, sign_in: SignIn, clients: list[ClientId]
) -> None:
    ours, theirs = clients
    confined = await sign_in(client_id=ours)
    foreign = [
        await desk.created(caller, CONTACTS, ANN | {"client_id": client_id and str(client_id)})
        for client_id in (theirs, None)
    ]

    own = await desk.created(confined, CONTACTS, ANN | {"client_id": str(theirs)})

    assert own["client_id"] == str(ours)
    assert (await confined.get(CONTACTS)).json()["items"] == [own]
    assert (await confined.get(CONTACTS, params={"client_id": str(theirs)})).json()["items"] == [own]
    for hidden in (*foreign, {"id": str(uuid4())}):
        address = f"{CONTACTS}/{hidden['id']}"
        answers = [
            await confined.get(address),
            await confined.put(address, json=ANN, headers={"If-Match": "*"}),
            await confined.delete(address, headers={"If-Match": "*"}),
        ]
        assert {answer.status_code for answer in answers} == {404}
        assert {answer.json()["type"] for answer in answers} == {"/problems/contact-not-found"}


@pytest.mark.parametrize("by", ["id", "external_id"])
async def test_a_request_names_who_asks(caller: AsyncClient, clients: list[ClientId], by: str) -> None:
    contact = await desk.created(caller, CONTACTS, ANN | {"client_id": str(clients[0])})

    accepted = await desk.submitted(caller, client="Harbour", requester=contact[by])

    shown = (await caller.get(f"/v1/requests/{accepted['id']}")).json()
    assert shown["contact_id"] == contact["id"]
    tag = (await caller.get(f"{CONTACTS}/{contact['id']}")).headers["ETag"]
    kept = await caller.delete(f"{CONTACTS}/{contact['id']}", headers={"If-Match": tag})
    assert (kept.status_code, kept.json()["type"]) == (409, "/problems/contact-in-use")


async def test_a_request_names_nobody_of_another_client(
    caller: AsyncClient, sign_in: SignIn, clients: list[ClientId]
) -> None:
    theirs = await desk.created(caller, CONTACTS, ANN | {"client_id": str(clients[1])})
    confined = await sign_in(client_id=clients[0])
    body = {"source": "desk", "type": "incident"}

    refused = [
        await sender.post(
            "/v1/requests",
            json=body | extra | {"external_id": str(uuid4()), "requester": requester},
            headers=factories.key(),
        )
        for sender, extra in ((confined, {}), (caller, {"client": "Harbour"}), (caller, {}))
        for requester in (theirs["id"], "4711", str(uuid4()))
    ]

    assert {answer.status_code for answer in refused} == {404}
    assert {answer.json()["type"] for answer in refused} == {"/problems/contact-not-found"}
    assert (await caller.get("/v1/requests")).json()["items"] == []


@pytest.mark.parametrize(
    ("change", "status", "pointer"),
    [
        ({"email": "ann"}, 422, "/email"),
        ({"time_zone": "Europe/Atlantis"}, 422, "/time_zone"),
        ({"name": " "}, 422, "/name"),
        ({"phone": "7" * 65}, 400, "/phone"),
        ({"version": 7}, 400, ""),
    ],
)
async def test_a_bad_contact_names_the_place(
    caller: AsyncClient, change: dict[str, Any], status: int, pointer: str
) -> None:
    refused = await caller.post(CONTACTS, json=ANN | change, headers=factories.key())

    assert refused.status_code == status, refused.text
    assert [fault["pointer"] for fault in refused.json()["errors"]] == [pointer]


async def test_another_tenants_contact_does_not_exist(
    caller: AsyncClient, sign_in: SignIn, sessions: Sessions
) -> None:
    created = await desk.created(caller, CONTACTS, ANN)
    stranger = await sign_in(of=await factories.tenant(sessions))

    assert (await stranger.get(f"{CONTACTS}/{created['id']}")).status_code == 404
    assert (await stranger.get(CONTACTS)).json()["items"] == []
