"""ETags: a read that has not changed is not sent again, and a change overwrites nobody's work."""

from typing import Any
from uuid import UUID

import pytest
from httpx2 import AsyncClient
from hypothesis import given
from hypothesis import strategies as st

from service.api import conditional
from service.api.conditional import Precondition
from service.api.errors import VersionStale
from tests import factories
from tests.api import desk

VERSIONS = st.integers(1, 10**9)
ID = UUID(int=7)
ONE = conditional.etag(ID, 1)


async def _registered(caller: AsyncClient) -> tuple[str, str]:
    answer = await caller.post("/v1/services", json={"name": "Mail"}, headers=factories.key())
    return f"/v1/services/{answer.json()['id']}", answer.headers["etag"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/clients", {"name": "Harbour"}),
        ("/v1/services", {"name": "Mail"}),
        ("/v1/calendars", {"name": "office", "definition": desk.OFFICE}),
        ("/v1/policies", {"name": "promises", "kind": "commitment", "document": desk.DOCUMENT}),
        ("/v1/webhook-endpoints", {"url": "https://example.com/hooks"}),
    ],
)
async def test_what_was_created_stands_where_its_answer_says(
    caller: AsyncClient, path: str, body: dict[str, Any]
) -> None:
    created = await caller.post(path, json=body, headers=factories.key())

    shown = await caller.get(created.headers["Location"])

    assert (created.status_code, shown.status_code) == (201, 200)
    assert shown.json().items() <= created.json().items()
    assert shown.headers["ETag"] == created.headers["ETag"]


async def test_a_read_that_has_not_changed_is_304_without_a_body(caller: AsyncClient) -> None:
    url, tag = await _registered(caller)
    for named in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer = await caller.get(url, headers={"If-None-Match": named})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)


async def test_a_read_that_has_changed_is_sent(caller: AsyncClient) -> None:
    url, tag = await _registered(caller)
    changed = await caller.put(url, json={"name": "Post"}, headers={"If-Match": tag})

    answer = await caller.get(url, headers={"If-None-Match": tag})

    assert (answer.status_code, answer.json()["name"]) == (200, "Post")
    assert answer.headers["etag"] == changed.headers["etag"] != tag


async def test_a_change_without_a_version_is_428(caller: AsyncClient) -> None:
    url, _ = await _registered(caller)
    answer = await caller.put(url, json={"name": "Post"})
    assert (answer.status_code, answer.json()["type"]) == (428, "/problems/if-match-missing")


async def test_a_change_on_a_stale_version_is_412_and_changes_nothing(caller: AsyncClient) -> None:
    url, tag = await _registered(caller)
    await caller.put(url, json={"name": "Post"}, headers={"If-Match": tag})

    answer = await caller.put(url, json={"name": "Letters"}, headers={"If-Match": tag})

    assert (answer.status_code, answer.json()["type"]) == (412, "/problems/version-stale")
    assert (await caller.get(url)).json()["name"] == "Post"


@given(version=VERSIONS, other=VERSIONS)
def test_only_the_very_version_may_be_changed(version: int, other: int) -> None:
    precondition = Precondition(conditional.strong_tags(conditional.etag(ID, version)))
    if version == other:
        precondition.check(conditional.etag(ID, other))
    else:
        with pytest.raises(VersionStale):
            precondition.check(conditional.etag(ID, other))


@pytest.mark.parametrize(
    ("header", "matches"),
    [
        (ONE, True),
        (f'"x", {ONE}', True),
        (f'{ONE},"x"', True),
        ("*", True),
        (" * ", True),
        (f"W/{ONE}", False),
        (ONE.strip('"'), False),
        (conditional.etag(UUID(int=8), 1), False),
        ("", False),
        ('"', False),
    ],
)
def test_a_change_needs_a_strong_tag(header: str, *, matches: bool) -> None:
    precondition = Precondition(conditional.strong_tags(header))
    if matches:
        precondition.check(ONE)
    else:
        with pytest.raises(VersionStale):
            precondition.check(ONE)
