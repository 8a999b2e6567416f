"""Calendars over HTTP: made, revised, listed, and computed with."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from httpx2 import AsyncClient

from service import ids
from service.db import Sessions
from tests import factories
from tests.conftest import SignIn
from tests.factories import key

CALENDARS = "/v1/calendars"
COMPUTE = "/v1/calendars/compute"
VECTORS: list[dict[str, Any]] = msgspec.json.decode(
    (Path(__file__).parents[1] / "data" / "sla_vectors.json").read_bytes()
)["vectors"]
OFFICE: dict[str, Any] = {"tz": "Europe/Berlin", "weekly": {"mon": [["09:00", "17:00"]]}}
LATE: dict[str, Any] = {"always_open": True}
DUE: dict[str, Any] = {
    "calendar": OFFICE,
    "op": "due",
    "input": {"start": "2026-01-05T08:00:00Z", "seconds": 3_600},
}


async def _create(caller: AsyncClient, **body: object) -> Any:
    answer = await caller.post(CALENDARS, json={"name": "office", "definition": OFFICE} | body, headers=key())
    assert answer.status_code == 201, answer.text
    return answer


async def test_a_calendar_is_created_and_shown(caller: AsyncClient) -> None:
    created = await _create(caller)

    shown = await caller.get(f"{CALENDARS}/{created.json()['id']}")

    assert shown.status_code == 200
    assert shown.json() == created.json()
    assert shown.headers["etag"] == created.headers["etag"]
    assert shown.json()["definition"] == OFFICE
    assert shown.json()["version"] == 1


async def test_creating_twice_with_one_key_makes_one_calendar(caller: AsyncClient) -> None:
    headers, body = key(), {"name": "office", "definition": OFFICE}

    first = await caller.post(CALENDARS, json=body, headers=headers)
    second = await caller.post(CALENDARS, json=body, headers=headers)

    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json() == first.json()
    assert len((await caller.get(CALENDARS)).json()["items"]) == 1


async def test_a_calendar_in_hand_need_not_be_sent_again(caller: AsyncClient) -> None:
    created = await _create(caller)

    answer = await caller.get(
        f"{CALENDARS}/{created.json()['id']}", headers={"If-None-Match": created.headers["etag"]}
    )

    assert answer.status_code == 304


async def test_a_revision_makes_a_version(caller: AsyncClient) -> None:
    created = await _create(caller)
    path = f"{CALENDARS}/{created.json()['id']}"

    revised = await caller.put(path, json={"definition": LATE}, headers={"If-Match": created.headers["etag"]})
    versions = (await caller.get(f"{path}/versions")).json()

    assert revised.status_code == 200, revised.text
    assert revised.json()["version"] == 2
    assert revised.headers["etag"] != created.headers["etag"]
    assert [(entry["version"], entry["definition"]) for entry in versions["items"]] == [
        (1, OFFICE),
        (2, LATE),
    ]
    assert versions["items"][1]["id"] == revised.json()["version_id"]


@pytest.mark.parametrize(("headers", "status"), [({}, 428), ({"If-Match": '"stale"'}, 412)])
async def test_a_revision_names_the_version_it_is_based_on(
    caller: AsyncClient, headers: dict[str, str], status: int
) -> None:
    created = await _create(caller)

    refused = await caller.put(
        f"{CALENDARS}/{created.json()['id']}", json={"definition": LATE}, headers=headers
    )

    assert refused.status_code == status
    assert (await caller.get(f"{CALENDARS}/{created.json()['id']}")).json()["version"] == 1


async def test_a_revision_may_bring_the_name_but_not_another(caller: AsyncClient) -> None:
    created = await _create(caller)
    path, headers = f"{CALENDARS}/{created.json()['id']}", {"If-Match": created.headers["etag"]}

    refused = await caller.put(path, json={"name": "desk", "definition": LATE}, headers=headers)
    revised = await caller.put(path, json={"name": "office", "definition": LATE}, headers=headers)

    assert (refused.status_code, revised.status_code) == (422, 200)
    assert refused.json()["errors"][0]["pointer"] == "/name"


async def test_calendars_are_listed_in_pages(caller: AsyncClient) -> None:
    made = [(await _create(caller, name=name)).json()["id"] for name in ("a", "b", "c")]

    first = (await caller.get(CALENDARS, params={"limit": 2})).json()
    rest = (await caller.get(CALENDARS, params={"limit": 2, "cursor": first["next"]})).json()

    assert [entry["id"] for entry in first["items"] + rest["items"]] == made
    assert rest["next"] is None


async def test_versions_are_listed_in_pages(caller: AsyncClient) -> None:
    created = await _create(caller)
    path, tag = f"{CALENDARS}/{created.json()['id']}", created.headers["etag"]
    for definition in (LATE, OFFICE):
        revised = await caller.put(path, json={"definition": definition}, headers={"If-Match": tag})
        tag = revised.headers["etag"]

    first = (await caller.get(f"{path}/versions", params={"limit": 2})).json()
    rest = (await caller.get(f"{path}/versions", params={"limit": 2, "cursor": first["next"]})).json()

    assert [entry["version"] for entry in first["items"] + rest["items"]] == [1, 2, 3]


async def test_every_fault_of_a_definition_is_named(caller: AsyncClient) -> None:
    faulty = {"tz": "Europe/Berln", "weekly": {"mon": [["22:00", "06:00"]]}, "holidays": ["2026-02-30"]}

    refused = await caller.post(CALENDARS, json={"name": "x", "definition": faulty}, headers=key())

    assert refused.status_code == 422
    assert refused.json()["type"] == "/problems/calendar-invalid"
    assert [fault["pointer"] for fault in refused.json()["errors"]] == [
        "/definition/tz",
        "/definition/weekly/mon/0/1",
        "/definition/holidays/0",
    ]


async def test_a_name_is_taken_once(caller: AsyncClient) -> None:
    await _create(caller)

    refused = await caller.post(CALENDARS, json={"name": "office", "definition": LATE}, headers=key())

    assert refused.status_code == 409
    assert refused.json()["type"] == "/problems/calendar-name-taken"


async def test_another_tenants_calendar_answers_as_one_that_never_was(
    caller: AsyncClient, sign_in: SignIn, sessions: Sessions
) -> None:
    theirs = (await _create(caller)).json()["id"]
    stranger = await sign_in(of=await factories.tenant(sessions))

    for path in ("{}", "{}/versions"):
        foreign = await stranger.get(f"{CALENDARS}/{path.format(theirs)}")
        never = await stranger.get(f"{CALENDARS}/{path.format(ids.new_id())}")
        assert (foreign.status_code, never.status_code) == (404, 404)
        assert foreign.json().keys() == never.json().keys()
        assert foreign.json()["type"] == never.json()["type"] == "/problems/calendar-not-found"
    assert (await stranger.get(CALENDARS)).json()["items"] == []


async def test_reading_does_not_allow_writing(sign_in: SignIn) -> None:
    reader = await sign_in("calendars:read")

    refused = await reader.post(CALENDARS, json={"name": "x", "definition": OFFICE}, headers=key())
    computed = await reader.post(COMPUTE, json=[DUE])

    assert refused.status_code == 403
    assert computed.status_code == 200


async def test_without_a_scope_nothing_is_computed(sign_in: SignIn) -> None:
    stranger = await sign_in("events:read")

    assert (await stranger.post(COMPUTE, json=[DUE])).status_code == 403


async def test_the_published_vectors_are_computed_in_one_call(caller: AsyncClient) -> None:
    items = [{name: vector[name] for name in ("calendar", "op", "input")} for vector in VECTORS]

    answer = await caller.post(COMPUTE, json=items)

    assert answer.status_code == 200, answer.text
    assert answer.json() == [{"result": vector["expected"]} for vector in VECTORS]


async def test_the_published_vectors_may_be_sent_as_they_are(caller: AsyncClient) -> None:
    answer = await caller.post(COMPUTE, json=VECTORS)

    assert b'"result":7200}' in answer.content
    assert answer.json() == [{"id": vector["id"], "result": vector["expected"]} for vector in VECTORS]


async def test_one_bad_item_spoils_no_other(caller: AsyncClient) -> None:
    endless = DUE | {"input": {"start": "2026-01-05T08:00:00Z", "seconds": 10**18}}

    answer = await caller.post(COMPUTE, json=[DUE, endless, None, DUE | {"id": "last"}])

    assert answer.status_code == 200
    first, second, third, last = answer.json()
    assert first == {"result": "2026-01-05T09:00:00Z"}
    assert "horizon" in second["error"]
    assert "An item is an object" in third["error"]
    assert last == {"id": "last", "result": "2026-01-05T09:00:00Z"}


async def test_a_call_brings_no_more_than_a_hundred_items(caller: AsyncClient) -> None:
    refused = await caller.post(COMPUTE, json=[DUE] * 101)
    computed = await caller.post(COMPUTE, json=[DUE] * 100)

    assert refused.status_code == 422
    assert refused.json()["type"] == "/problems/computations-too-many"
    assert len(computed.json()) == 100


@pytest.mark.parametrize("body", [b'{"vectors": []}', b"null", b"[", b'[{"op": "due", "op": "due"}]'])
async def test_a_body_that_is_no_list_is_refused_whole(caller: AsyncClient, body: bytes) -> None:
    refused = await caller.post(COMPUTE, content=body, headers={"Content-Type": "application/json"})

    assert refused.status_code == 400
