"""Types of request over HTTP: written, approved, published; what requests of them are held to."""

from typing import Any

from httpx2 import AsyncClient, Response

from tests import factories
from tests.api import desk

ROOT = "/v1/request-types"
LAPTOP: dict[str, Any] = {
    "title": "New laptop",
    "fields": {
        "type": "object",
        "properties": {
            "site": {"type": "string", "enum": ["harbour", "airport"], "title": "Site"},
            "screens": {"type": "integer", "minimum": 0, "maximum": 3},
            "needed_on": {"type": "string", "format": "date"},
            "assets": {"type": "array", "items": {"type": "string", "pattern": "^LT-[0-9]+$"}, "maxItems": 2},
        },
        "required": ["site"],
        "additionalProperties": False,
    },
    "steps": [
        {
            "name": "prepare",
            "title": "Prepare it",
            "role": "agent",
            "items": [
                {"name": "wiped", "title": "Disk wiped"},
                {"name": "desk", "title": "Desk clear", "kind": "5s", "part": "sort", "obligatory": False},
            ],
        }
    ],
}


async def put_into_effect(caller: AsyncClient, name: str, document: dict[str, Any], **said: Any) -> Any:
    """A type that is offered; an application of a tenant that reviews elsewhere needs nobody else."""
    body = {"name": name, "family": "service_request", "document": document} | said
    made = await desk.created(caller, ROOT, body)
    answer = await step(caller, made, "publish")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def step(caller: AsyncClient, of: dict[str, Any], deed: str, **body: Any) -> Response:
    path = f"{ROOT}/{of['id']}"
    tag = (await caller.get(path)).headers["ETag"]
    return await caller.post(
        f"{path}/{deed}", json=body or None, headers={**factories.key(), "If-Match": tag}
    )


def _pointers(answer: Response) -> list[str]:
    return [each["pointer"] for each in answer.json()["errors"]]


async def _submit(caller: AsyncClient, name: str, custom: dict[str, Any], **said: Any) -> Response:
    body = {"source": "desk", "external_id": factories.key()["Idempotency-Key"], "type": name} | said
    return await caller.post(
        "/v1/requests", json={**body, "facts": {"custom": custom}}, headers=factories.key()
    )


async def test_a_request_of_a_type_is_taken_with_its_family_and_keeps_its_version(
    caller: AsyncClient,
) -> None:
    made = await put_into_effect(caller, "laptop", LAPTOP)

    answer = await _submit(caller, "laptop", {"site": "harbour", "screens": 2, "assets": ["LT-1"]})
    shown = (await caller.get(answer.headers["Location"])).json()

    assert answer.status_code == 201, answer.text
    assert (shown["type"], shown["type_name"]) == ("service_request", "laptop")
    assert shown["type_version_id"] == made["shown_version_id"]
    assert (shown["standard"], shown["incomplete"]) == (False, [])
