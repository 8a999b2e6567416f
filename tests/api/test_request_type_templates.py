"""The types that are shipped: each can be published as it is, and takes the request of the examples."""

import json
from pathlib import Path
from typing import Any

import pytest
from httpx2 import AsyncClient

from service.rationalization.catalogue import templates
from service.rationalization.catalogue.domain import FiveS
from tests import factories
from tests.api import desk
from tests.api.test_request_types import step

ROOT = "/v1/request-types"
EXAMPLES = Path(__file__).parents[2] / "examples" / "request-types" / "requests.json"
REQUESTS: list[dict[str, Any]] = json.loads(EXAMPLES.read_text())


def test_there_is_a_request_of_each_type_that_is_shipped() -> None:
    assert sorted(request["type"] for request in REQUESTS) == list(templates.shipped())


def test_every_part_of_5s_and_conduct_is_in_what_is_shipped() -> None:
    items = [
        item
        for template in templates.shipped().values()
        for each in template.document["steps"]
        for item in each["items"]
    ]

    assert {item["part"] for item in items if item["kind"] == "5s"} == set(FiveS)
    assert {item["kind"] for item in items} == {"5s", "conduct", "technical"}


async def test_all_that_are_shipped_can_be_offered_together_and_take_their_request(
    caller: AsyncClient,
) -> None:
    listed = (await caller.get(f"{ROOT}/templates")).json()["items"]

    for request in REQUESTS:
        made = await desk.created(caller, f"{ROOT}/from-template", {"template": request["type"]})
        published = await step(caller, made, "publish")
        answer = await caller.post("/v1/requests", json=request, headers=factories.key())

        assert published.status_code == 200, published.text
        assert answer.status_code == 201, (request["type"], answer.text)
        assert answer.json()["incomplete"] == []
    assert [each["name"] for each in listed] == sorted(request["type"] for request in REQUESTS)


@pytest.mark.parametrize("request_of", REQUESTS, ids=lambda request: request["type"])
async def test_a_request_that_says_nothing_is_not_what_a_shipped_type_asks_for(
    caller: AsyncClient, request_of: dict[str, Any]
) -> None:
    made = await desk.created(caller, f"{ROOT}/from-template", {"template": request_of["type"]})
    await step(caller, made, "publish")

    silent = {name: value for name, value in request_of.items() if name != "facts"}
    answer = await caller.post("/v1/requests", json=silent, headers=factories.key())
    lacking = answer.json().get("incomplete") or answer.json()["errors"]

    required = made["document"]["fields"]["required"]
    assert [each["pointer"] for each in lacking] == sorted(f"/facts/custom/{name}" for name in required)


async def test_a_template_that_is_not_shipped_is_not_there(caller: AsyncClient) -> None:
    answer = await caller.post(f"{ROOT}/from-template", json={"template": "wish"}, headers=factories.key())

    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/request-type-template-unknown")
