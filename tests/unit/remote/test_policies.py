"""Policies on their way from files into effect: what is saved before what, and what is told."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from httpx2 import AsyncClient, MockTransport, Request, Response

from service.remote import policies
from service.remote.errors import PolicyRefused, PublishedInPart
from service.remote.files import PolicyFile
from service.remote.policies import Fate, Publication, Result
from service.replay.client import Access, Client, Problem

ACCESS = Access(base_url="http://127.0.0.1:1", token="t")  # noqa: S106 - of nobody
RULE: dict[str, Any] = {"id": "a", "when": "true", "because": "b", "then": {}}


class _Server:
    """An API of policies in memory, which refuses to publish those it is told to."""

    def __init__(self, *unpublishable: str) -> None:
        self.unpublishable = unpublishable
        self.policies: list[dict[str, Any]] = []
        self.calls: list[str] = []

    def __call__(self, request: Request) -> Response:
        self.calls.append(f"{request.method} {request.url.path}")
        body: dict[str, Any] = json.loads(request.content or b"{}")
        if request.method == "GET":
            return Response(200, json={"items": self.policies, "next": None})
        if request.url.path == policies.POLICIES:
            made = {"id": str(len(self.policies)), "version": 1, "stage": "draft", **body}
            self.policies.append(made)
            return Response(201, json=made)
        policy = self.policies[int(request.url.path.split("/")[3])]
        if policy["name"] in self.unpublishable:
            fault = {"pointer": "/document/rules/0/then", "detail": "There is no calendar 'x'."}
            return Response(422, json={"detail": "No.", "errors": [fault]})
        return Response(200, json={**policy, "stage": "published", "published_version": 1})


def _file(name: str) -> PolicyFile:
    return PolicyFile(Path(f"{name}.json"), name, None, {"rules": [RULE]}, wrapped=False)


async def _publish(server: _Server, *names: str) -> list[Result]:
    async with AsyncClient(transport=MockTransport(server), base_url=ACCESS.base_url) as http:
        return await policies.publish(Client(http, ACCESS), [_file(name) for name in names], Publication())


async def test_all_files_are_saved_before_the_first_takes_effect() -> None:
    server = _Server()

    results = await _publish(server, "a", "b")

    assert [result.fate for result in results] == [Fate.PUBLISHED, Fate.PUBLISHED]
    posts = [call for call in server.calls if call.startswith("POST")]
    assert posts == [
        "POST /v1/policies",
        "POST /v1/policies",
        "POST /v1/policies/0/publish",
        "POST /v1/policies/1/publish",
    ]


async def test_what_took_effect_before_a_refusal_is_told() -> None:
    with pytest.raises(PublishedInPart, match=r"b\.json: /rules/0/then \(rule 'a'\).*\n.*before it: a\."):
        await _publish(_Server("b"), "a", "b")


async def test_a_refusal_before_anything_took_effect_is_the_refusal_itself() -> None:
    with pytest.raises(PolicyRefused, match="There is no calendar 'x'"):
        await _publish(_Server("a"), "a", "b")


def test_a_fault_of_several_files_is_told_in_its_own() -> None:
    problem = _problem("/policies/1/document/rules/0/when", "/name")

    refusal = policies.refusal_of_all([_file("a"), _file("b")], 422, problem)

    assert "b.json: /rules/0/when (rule 'a'): wrong" in str(refusal)
    assert "\n  /name: wrong" in str(refusal)


@pytest.mark.parametrize(
    ("after", "same"),
    [
        ({"rules": [RULE | {"when": " true "}]}, True),
        ({"rules": [RULE | {"when": "false"}]}, False),
        ({"rules": [RULE], "order": 7}, False),
        ({"rules": [RULE | {"rank": 3}]}, False),
        ({"rules": [RULE | {"when": "true &&"}]}, False),
        ({"rules": 7}, False),
    ],
    ids=["spacing", "a condition", "the order", "a rank", "no condition", "no document"],
)
def test_documents_are_the_same_when_they_say_the_same(after: dict[str, Any], *, same: bool) -> None:
    assert policies.says_the_same({"rules": [RULE]}, after) is same


def _problem(*pointers: str) -> Problem:
    body = {"detail": "No.", "errors": [{"pointer": pointer, "detail": "wrong"} for pointer in pointers]}
    return msgspec.convert(body, Problem)
