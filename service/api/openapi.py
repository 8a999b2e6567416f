"""The OpenAPI 3.1 document: made from the controllers, with what Litestar cannot know added."""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import msgspec
from litestar import Controller, Litestar, Response, get
from litestar.di import NamedDependency, Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Tag
from litestar.routes import HTTPRoute

from service.api import idempotency, problems
from service.api.oauth import described as oauth
from service.api.permissions import Permission
from service.api.problems import Problem
from service.api.security import permission_of
from service.outbox.domain.events import EVENT_TYPES, EventType
from service.tenants.domain import SCOPES

TITLE = "Rooted"
DESCRIPTION = (
    "Decides what an IT service organisation promises for each request, keeps the clocks of those promises,"
    " and says why."
)
JSON = "application/json"
PROBLEM = {"$ref": "#/components/responses/Problem"}
JSON_POINTER = "#/components/schemas/{name}"
ROLES = "x-roles"
"""Names the roles of members that an operation is open to."""

GENERIC = re.compile(rb"\b(\w+)_service\.[\w.]*?(\w+)_\b")

SHEETS = frozenset({"revisePolicyTable"})
"""Operations whose body is a sheet, which Litestar does not see."""

SHEET = {
    "required": True,
    "content": {"text/csv": {"schema": {"type": "string", "description": "RFC 4180, in UTF-8."}}},
}

DESCRIBED = ("service.api.", "service.rationalization.gates.documents")
"""Where the objects are written down that HTTP shows or takes; records of gates are kept as they came."""

OR_ANYTHING = re.compile(rb'"items":{"oneOf":\[({[^{}]*}),{}\]}')

Document = dict[str, Any]


class Description:
    """The document as bytes, made when it is first asked for."""

    def __init__(self, make: Callable[[], Document]) -> None:
        self._make = make

    @cached_property
    def content(self) -> bytes:
        return msgspec.json.encode(self._make())


def document(
    controllers: Sequence[type[Controller]], dependencies: Mapping[str, Provide], *, version: str
) -> Document:
    """The document of an application with these controllers. The application itself is never served."""
    shown = [each for each in controllers if each.include_in_schema is not False]
    app = Litestar(
        route_handlers=list(controllers),
        dependencies=dict(dependencies),
        openapi_config=OpenAPIConfig(
            title=TITLE,
            version=version,
            description=DESCRIPTION,
            tags=[Tag(name=tag) for tag in sorted({tag for each in shown for tag in each.tags or ()})],
            use_handler_docstrings=True,
        ),
        logging_config=None,
    )
    described = app.openapi_schema.to_schema()
    for operation, permission in _operations(app, described):
        _amend(operation, permission)
    _close_bodies(described)
    _add_components(described)
    _describe_schemas(described["components"]["schemas"])
    described["webhooks"] = {name: _webhook(name, kind) for name, kind in EVENT_TYPES.items()}
    return _with_short_names(described)


class OpenAPIController(Controller):
    tags = ("Documentation",)

    @get("/openapi.json", operation_id="getOpenAPI", include_in_schema=False)
    async def show(self, description: NamedDependency[Description]) -> Response[bytes]:
        """Show this document."""
        return Response(
            description.content,
            media_type="application/json",
            headers={"Cache-Control": "public, max-age=300"},
        )


def _operations(app: Litestar, described: Document) -> Iterator[tuple[Document, Permission | None]]:
    for route in app.routes:
        path: Document = described["paths"].get(route.path_format or "/", {})
        for handler in route.route_handlers if isinstance(route, HTTPRoute) else ():
            for method in handler.http_methods:
                if method.lower() in path:
                    yield path[method.lower()], permission_of(handler)


def _amend(operation: Document, permission: Permission | None) -> None:
    operation["summary"] = re.split(r"\.\s", operation["description"])[0].rstrip(".")
    operation["security"] = [] if permission is None else [{"oauth2": [permission.scope]}]
    if permission is not None:
        operation[ROLES] = sorted(permission.roles)
    if operation["operationId"] in SHEETS:
        operation["requestBody"] = SHEET
    responses: Document = operation["responses"]
    responses.pop("400", None)
    for status in sorted(_refusals(operation, permission)):
        responses[str(status)] = PROBLEM
    responses["default"] = PROBLEM
    for parameter in operation.get("parameters", []):
        if parameter["name"] in (idempotency.HEADER, "If-Match"):
            parameter["required"] = True
            parameter["schema"] = {"type": "string"}
    body: Document = operation.get("requestBody", {})
    if {"type": "null"} in body.get("content", {}).get(JSON, {}).get("schema", {}).get("oneOf", ()):
        body["required"] = False
    if operation["operationId"] in oauth.FORMS:
        operation["requestBody"] = oauth.FORMS[operation["operationId"]]
        responses |= oauth.REFUSALS


def _close_bodies(described: Document) -> None:
    """Say of every object of a JSON body that it takes no other fields than those that it names."""
    bodies: list[Document] = [
        operation["requestBody"]["content"][JSON]["schema"]
        for path in described["paths"].values()
        for operation in path.values()
        if JSON in operation.get("requestBody", {}).get("content", {})
    ]
    schemas: Document = described.get("components", {}).get("schemas", {})
    while bodies:
        schema = bodies.pop()
        named = schemas.get(schema.get("$ref", "").rpartition("/")[2], schema)
        bodies += [each for kind in ("oneOf", "anyOf", "allOf") for each in named.get(kind, ())]
        bodies += [named["items"]] if "items" in named else []
        if "properties" in named and "additionalProperties" not in named:
            named["additionalProperties"] = False
            bodies += named["properties"].values()


def _describe_schemas(schemas: Document) -> None:
    """Say what each object is, in the words of its class, which Litestar leaves out: the first paragraph."""
    for kind in _structs(msgspec.Struct):
        for name in _names(kind) & schemas.keys() if kind.__doc__ else ():
            said = inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0]
            schemas[name].setdefault("description", " ".join(said.split()))


def _names(kind: type[msgspec.Struct]) -> set[str]:
    """What Litestar may call it: by its name, with as much of its module as tells it from others."""
    parts = [*kind.__module__.split("."), kind.__name__]
    return {"_".join(parts[at:]) for at in range(len(parts))}


def _structs(of: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    """Those that HTTP shows or takes. Others may have the same names and mean something else."""
    for kind in of.__subclasses__():
        if kind.__module__.startswith(DESCRIBED):
            yield kind
        yield from _structs(kind)


def _with_short_names(described: Document) -> Document:
    """The document without the names of our modules, which Litestar puts into those of generic schemas.

    Nor with the `...` of `tuple[T, ...]`, which it takes for a type of its own.
    """
    text = GENERIC.sub(rb"\1Of\2", msgspec.json.encode(described))
    return msgspec.json.decode(OR_ANYTHING.sub(rb'"items":\1', text))


def _refusals(operation: Document, permission: Permission | None) -> set[int]:
    """The statuses that follow from what an operation reads."""
    parameters = {(each["in"], each["name"]) for each in operation.get("parameters", [])}
    reads = {
        400: bool(parameters) or "requestBody" in operation,
        401: permission is not None,
        403: permission is not None,
        404: any(place == "path" for place, _ in parameters),
        409: ("header", idempotency.HEADER) in parameters,
        412: ("header", "If-Match") in parameters,
        413: "requestBody" in operation,
        415: "requestBody" in operation,
        422: "requestBody" in operation,
        428: ("header", "If-Match") in parameters,
    }
    return {status for status, possible in reads.items() if possible}


def _webhook(name: str, kind: EventType) -> Document:
    """What an endpoint of the tenant's receives: signed by Standard Webhooks, at least once."""
    headers = ("webhook-id", "webhook-timestamp", "webhook-signature")
    text = {"type": "string"}
    body = {
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"type": "string", "const": name},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": {"$ref": JSON_POINTER.format(name="EventView")},
        },
    }
    return {
        "post": {
            "summary": kind.description.rstrip("."),
            "description": f"{kind.description} Audience: {kind.audience.value}.",
            "operationId": name,
            "tags": ["Webhooks"],
            "security": [],
            "parameters": [
                {"name": header, "in": "header", "required": True, "schema": text} for header in headers
            ],
            "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
            "responses": {"2XX": {"description": "Received. Anything else is tried again."}},
        }
    }


def _add_components(described: Document) -> None:
    _, schemas = msgspec.json.schema_components([Problem], ref_template=JSON_POINTER)
    components: Document = described.setdefault("components", {})
    components["schemas"] = dict(sorted({**components.get("schemas", {}), **schemas}.items()))
    components["responses"] = {
        "Problem": {
            "description": "A problem (RFC 9457); its `type` leads to an explanation.",
            "headers": {"X-Request-Id": {"schema": {"type": "string"}}},
            "content": {problems.MEDIA_TYPE: {"schema": {"$ref": JSON_POINTER.format(name="Problem")}}},
        }
    }
    components["securitySchemes"] = {"oauth2": oauth.security_scheme(SCOPES)}
