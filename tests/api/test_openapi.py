"""The OpenAPI document is the API: complete, secured, and reviewed as a snapshot.

After a change that is meant: `pytest tests/api/test_openapi.py --update-generated`, then read the difference.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from httpx2 import AsyncClient
from litestar import Litestar, get
from litestar.routes import HTTPRoute

from service.api.permissions import PERMISSIONS
from service.api.security import permission_of, refuse_unlisted
from service.app import CONTROLLERS
from service.tenants.domain import SCOPES

SNAPSHOT = Path(__file__).with_name("openapi.json")
METHODS = ("get", "put", "post", "delete", "patch")


@pytest.fixture
async def described(client: AsyncClient) -> dict[str, Any]:
    answer = await client.get("/openapi.json")
    assert answer.status_code == 200
    return answer.json()


def _operations(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in described["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def _pages(app: Litestar) -> set[tuple[str, str]]:
    """What is served for people, of the controllers that are tagged so."""
    controllers = [each for each in CONTROLLERS if "Pages" in (each.tags or ())]
    alone = Litestar(controllers, dependencies=app.dependencies, openapi_config=None, logging_config=None)
    return {
        (route.path_format, method.lower())
        for route in alone.routes
        for handler in (route.route_handlers if isinstance(route, HTTPRoute) else ())
        for method in handler.http_methods
        if method != "OPTIONS"
    }


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():  # pyright: ignore[reportUnknownVariableType] - any JSON
            if name == "$ref":
                yield str(inner)  # pyright: ignore[reportUnknownArgumentType] - any JSON
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:  # pyright: ignore[reportUnknownVariableType] - any JSON
            yield from _references(inner)


def test_the_document_is_the_reviewed_one(described: dict[str, Any], pytestconfig: pytest.Config) -> None:
    text = json.dumps(described, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    if pytestconfig.getoption("--update-generated"):
        SNAPSHOT.write_text(text)
    assert text == SNAPSHOT.read_text(), "run with --update-generated, and read the difference"


def test_every_v1_operation_is_in_the_table_and_no_other_is(app: Litestar) -> None:
    for route in app.routes:
        for handler in route.route_handlers if isinstance(route, HTTPRoute) else ():
            if handler.http_methods != {"OPTIONS"}:
                assert (permission_of(handler) is not None) is route.path.startswith("/v1/"), route.path


def test_the_document_says_which_scope_each_operation_needs(described: dict[str, Any]) -> None:
    for path, method, operation in _operations(described):
        if path.startswith("/v1/"):
            ((scheme, scopes),) = operation["security"][0].items()
            assert scheme == "oauth2", (path, method)
            assert set(scopes) < set(SCOPES), (path, method)
            assert operation["x-roles"], (path, method)
            assert {"401", "403"} < set(operation["responses"]), (path, method)
        else:
            assert operation["security"] == [], (path, method)


def test_operation_ids_are_unique_and_every_operation_says_what_it_does(described: dict[str, Any]) -> None:
    operations = list(_operations(described))
    assert len({operation["operationId"] for _, _, operation in operations}) == len(operations)
    assert all(operation.get("description") for _, _, operation in operations)


def test_every_creation_needs_an_idempotency_key(described: dict[str, Any]) -> None:
    for path, method, operation in _operations(described):
        if "201" in operation["responses"]:
            named = [each for each in operation.get("parameters", []) if each["name"] == "Idempotency-Key"]
            assert [each["required"] for each in named] == [True], (method, path)
            assert "409" in operation["responses"]


def test_every_reference_leads_somewhere(described: dict[str, Any]) -> None:
    for reference in _references(described):
        found: Any = described
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]


def test_what_is_served_is_what_is_described(app: Litestar, described: dict[str, Any]) -> None:
    served = {
        (route.path_format, method.lower())
        for route in app.routes
        for handler in (route.route_handlers if isinstance(route, HTTPRoute) else ())
        for method in handler.http_methods
        if method != "OPTIONS"
    }
    assert served - {("/openapi.json", "get")} - _pages(app) == {
        (path, method) for path, method, _ in _operations(described)
    }


def test_only_pages_for_people_are_left_out_of_the_document_and_none_is_under_v1(app: Litestar) -> None:
    left_out = [controller for controller in CONTROLLERS if controller.include_in_schema is False]
    assert left_out == [controller for controller in CONTROLLERS if "Pages" in (controller.tags or ())]
    assert [path for path, _ in _pages(app) if path.startswith("/v1")] == []


def test_every_controller_is_served_under_a_tag(described: dict[str, Any]) -> None:
    assert all(controller.tags for controller in CONTROLLERS)
    assert all(operation["tags"] for _, _, operation in _operations(described))


def test_every_body_says_what_it_is(described: dict[str, Any]) -> None:
    bodies = [
        operation["requestBody"]["content"]["application/json"]["schema"]
        for _, _, operation in _operations(described)
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    ]
    schemas = described["components"]["schemas"]
    named = {reference.rpartition("/")[2] for reference in _references(bodies)}

    assert "InviteMember" in named
    assert [name for name in sorted(named) if "description" not in schemas[name]] == []


def _properties(schema: Any) -> Iterator[tuple[str, Any]]:
    """Every property of a schema and of those inside it, with what it may be."""
    if isinstance(schema, dict):
        inside: dict[str, Any] = schema  # pyright: ignore[reportUnknownVariableType] - any JSON
        yield from inside.get("properties", {}).items()
        for inner in inside.values():
            yield from _properties(inner)
    elif isinstance(schema, list):
        for inner in schema:  # pyright: ignore[reportUnknownVariableType] - any JSON
            yield from _properties(inner)


def test_why_is_said_by_one_name_and_in_words_and_because_is_of_rules(described: dict[str, Any]) -> None:
    named = [
        (schema, name, json.dumps(content))
        for schema, whole in described["components"]["schemas"].items()
        for name, content in _properties(whole)
    ]
    reasons = [each for each in named if "reason" in each[1]]

    assert {schema for schema, name, _ in named if "because" in name} == {"FollowedView", "RuleWhyView"}
    assert {name for _, name, _ in reasons} == {"reason", "state_reason"}
    assert [each for each in reasons if '"string"' not in each[2] or '"enum"' in each[2]] == []
    assert [each for each in reasons if '"minLength"' in each[2] and '"pattern"' not in each[2]] == []
    assert [each for each in named if each[1] == "why"] == []


async def test_no_operation_on_an_object_breaks_at_an_id_that_never_was_or_an_empty_body(
    caller: AsyncClient, described: dict[str, Any]
) -> None:
    for path, method, operation in _operations(described):
        if not path.startswith("/v1/") or "{" not in path:
            continue
        address = "/".join("0" * 32 if part.startswith("{") else part for part in path.split("/"))
        headers = {"Idempotency-Key": "probe", "If-Match": '"probe"'}
        media_type: str | None = next(iter(operation.get("requestBody", {}).get("content", ())), None)
        headers |= {} if media_type is None else {"Content-Type": media_type}
        body = b"{}" if media_type == "application/json" else b""
        answer = await caller.request(method, address, headers=headers, content=body)
        assert answer.status_code in (400, 404, 422), (method, path, answer.text)


def test_every_scope_permits_something(described: dict[str, Any]) -> None:
    required = {
        scope
        for path, _, operation in _operations(described)
        if path.startswith("/v1/")
        for scope in operation["security"][0]["oauth2"]
    }
    assert set(SCOPES) - required == {"requests:backdate"}


def test_the_table_names_known_scopes_and_served_operations(described: dict[str, Any]) -> None:
    assert {permission.scope for permission in PERMISSIONS.values()} <= set(SCOPES)
    assert set(PERMISSIONS) == {
        operation["operationId"] for path, _, operation in _operations(described) if path.startswith("/v1/")
    }


def test_an_operation_that_is_not_in_the_table_is_not_served() -> None:
    @get("/v1/unlisted", operation_id="getUnlisted")
    async def unlisted() -> None: ...

    with pytest.raises(ValueError, match="getUnlisted"):
        refuse_unlisted(Litestar([unlisted]))
