"""Cursors and pages: what one list gave out counts there, and nowhere else."""

import base64
from datetime import datetime
from uuid import UUID, uuid4

import pytest
from httpx2 import AsyncClient
from hypothesis import given
from hypothesis import strategies as st

from service.api import pagination
from service.api.errors import CursorUnknown
from service.api.pagination import CursorKeys
from service.db import Sessions
from service.ids import ClientId
from tests import factories
from tests.conftest import SignIn

KEYS = CursorKeys("new", {"old": b"o" * 32, "new": b"n" * 32})
POSITIONS = st.uuids() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=30)


@given(position=POSITIONS)
def test_a_cursor_stands_where_it_was_put(position: UUID | int | str) -> None:
    cursor = pagination.sign(position, keys=KEYS, binding="here")
    assert pagination.read(cursor, type(position), keys=KEYS, binding="here") == position


@given(position=POSITIONS, at=st.integers(0, 10_000), to=st.sampled_from("AZaz09-_~\0é="))
def test_a_cursor_changed_anywhere_does_not_count(position: UUID | int | str, at: int, to: str) -> None:
    cursor = pagination.sign(position, keys=KEYS, binding="here")
    at %= len(cursor)
    changed = cursor[:at] + to + cursor[at + 1 :]

    if _bytes(changed) != _bytes(cursor):
        with pytest.raises(CursorUnknown):
            pagination.read(changed, type(position), keys=KEYS, binding="here")


def _bytes(cursor: str) -> object:
    """What a cursor holds: its last letter may have bits that belong to no byte."""
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return cursor


@given(cursor=st.text(max_size=2_000) | st.text("abcXYZ019-_", max_size=200))
def test_no_text_that_we_did_not_sign_is_a_cursor(cursor: str) -> None:
    with pytest.raises(CursorUnknown):
        pagination.read(cursor, int, keys=KEYS, binding="here")


def test_a_cursor_counts_neither_elsewhere_nor_as_something_else() -> None:
    cursor = pagination.sign(5, keys=KEYS, binding="tenant a")
    with pytest.raises(CursorUnknown):
        pagination.read(cursor, int, keys=KEYS, binding="tenant b")
    with pytest.raises(CursorUnknown):
        pagination.read(cursor, datetime, keys=KEYS, binding="tenant a")


def test_a_cursor_of_an_older_key_goes_on_to_count() -> None:
    before = CursorKeys("old", KEYS.secrets)
    cursor = pagination.sign(5, keys=before, binding="here")
    assert pagination.read(cursor, int, keys=KEYS, binding="here") == 5


@given(limit=st.integers())
def test_a_limit_is_coerced_into_its_range(limit: int) -> None:
    assert 1 <= pagination.coerced(limit) <= pagination.LIMIT_MAX
    if 1 <= limit <= pagination.LIMIT_MAX:
        assert pagination.coerced(limit) == limit


async def _clients(caller: AsyncClient, count: int) -> list[str]:
    made = [
        await caller.post("/v1/clients", json={"name": f"Client {number}"}, headers=factories.key())
        for number in range(count)
    ]
    return [answer.json()["id"] for answer in made]


async def test_following_the_links_shows_everything_once_and_in_order(caller: AsyncClient) -> None:
    expected = await _clients(caller, 5)

    seen: list[str] = []
    address: str | None = "/v1/clients?limit=2"
    while address:
        answer = await caller.get(address)
        seen += [item["id"] for item in answer.json()["items"]]
        assert ("next" in answer.links) == (answer.json()["next"] is not None)
        address = answer.links.get("next", {}).get("url")

    assert seen == expected


async def test_the_link_keeps_the_rest_of_the_query(caller: AsyncClient) -> None:
    await _clients(caller, 2)
    answer = await caller.get("/v1/clients", params={"limit": 1, "note": "a&b"})
    assert answer.links["next"]["url"].startswith("/v1/clients?")
    assert {"limit=1", "note=a%26b"} < set(answer.links["next"]["url"].partition("?")[2].split("&"))


@pytest.mark.parametrize("limit", ["0", "-5", "1000000000", str(10**30)])
async def test_any_integer_will_do_as_a_limit(caller: AsyncClient, limit: str) -> None:
    assert (await caller.get("/v1/clients", params={"limit": limit})).status_code == 200


@pytest.mark.parametrize("limit", ["", "ten", "1.5", "NaN", "9" * 5_000])
async def test_what_is_no_integer_will_not_do_as_a_limit(caller: AsyncClient, limit: str) -> None:
    answer = await caller.get("/v1/clients", params={"limit": limit})
    assert answer.status_code == 400
    assert answer.json()["type"] == "/problems/parameter-malformed"


async def test_a_cursor_from_another_list_or_tenant_is_400(
    caller: AsyncClient, sign_in: SignIn, sessions: Sessions
) -> None:
    await _clients(caller, 2)
    cursor = (await caller.get("/v1/clients?limit=1")).json()["next"]
    stranger = await sign_in(of=await factories.tenant(sessions))

    elsewhere = [
        await caller.get("/v1/services", params={"cursor": cursor}),
        await stranger.get("/v1/clients", params={"cursor": cursor}),
        await caller.get("/v1/clients", params={"cursor": str(uuid4())}),
    ]

    assert [answer.status_code for answer in elsewhere] == [400, 400, 400]
    assert {answer.json()["type"] for answer in elsewhere} == {"/problems/cursor-unknown"}


async def test_a_cursor_of_the_tenant_or_of_another_client_organization_is_400(
    caller: AsyncClient, sign_in: SignIn
) -> None:
    clients = [await sign_in(client_id=ClientId(UUID(each))) for each in await _clients(caller, 2)]
    for client in clients:
        for name in ("Ada", "Grace"):
            await client.post("/v1/contacts", json={"name": name}, headers=factories.key())
    askers = [caller, *clients]
    cursors = [(await each.get("/v1/contacts?limit=1")).json()["next"] for each in askers]

    statuses = [
        [(await each.get("/v1/contacts", params={"cursor": cursor})).status_code for cursor in cursors]
        for each in askers
    ]

    assert statuses == [[200, 400, 400], [400, 200, 400], [400, 400, 200]]


@pytest.mark.parametrize("limit", ["0.0", "1e2", "five", "", " 5", "5_0"])
async def test_what_is_no_whole_number_is_no_limit(caller: AsyncClient, limit: str) -> None:
    answer = await caller.get("/v1/clients", params={"limit": limit})

    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/parameter-malformed")
