"""What the OpenAPI document says that a caller may send: operations, parameters, fields. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

METHODS = ("get", "put", "post", "delete", "patch")
DEPTH_MAX = 8
JSON = "application/json"

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """One thing that a caller fills in.

    Attributes:
        where: path, query, header or body.
        steps: the parameter's name, or the way into the body, where 0 stands for any item of a list.
        required: it cannot be left out.
    """

    where: str
    steps: tuple[str | int, ...]
    required: bool = False

    @property
    def name(self) -> str:
        """The last name on the way: `types` of `/types/0`."""
        return next((step for step in reversed(self.steps) if isinstance(step, str)), "")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation, as documented.

    Attributes:
        places: in path, query and header, and in the body every field that is described.
        scope: what the caller's token needs; None for an operation that is open to all.
        roles: of members who may; empty for an operation that is open to all.
    """

    id: str
    method: str
    path: str
    places: tuple[Place, ...]
    scope: str | None
    roles: frozenset[str]
    body: Document | None

    def at(self, where: str) -> list[Place]:
        return [place for place in self.places if place.where == where]

    @property
    def needs_body(self) -> bool:
        return self.body is not None and self.body.get("required", False)

    @property
    def takes_json(self) -> bool:
        return self.body is not None and JSON in self.body["content"]


def operations(document: Document) -> list[Operation]:
    """Every operation, in the document's order."""
    return [
        _operation(document, path, method, item[method])
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item
    ]


def fields(document: Document, schema: Document) -> list[Place]:
    """Every field of a body of this schema, whichever variants it has."""
    return list(_fields(document, schema, (), required=True))


def shown_fields(document: Document, described: Mapping[str, Any]) -> set[str]:
    """The name of every field that any answer of any operation shows."""
    found: set[str] = set()
    for response in described["responses"].values():
        for content in response.get("content", {}).values():
            found |= {place.name for place in fields(document, content.get("schema", {}))}
    return found


def _operation(document: Document, path: str, method: str, described: Document) -> Operation:
    parameters = [
        Place(each["in"], (each["name"],), each.get("required", False))
        for each in described.get("parameters", ())
    ]
    body: Document | None = described.get("requestBody")
    for content in body["content"].values() if body else ():
        parameters += fields(document, content["schema"])
    security: Sequence[Document] = described.get("security", ())
    return Operation(
        id=described["operationId"],
        method=method,
        path=path,
        places=tuple(dict.fromkeys(parameters)),
        scope=security[0]["oauth2"][0] if security else None,
        roles=frozenset(described.get("x-roles", ())),
        body=body,
    )


def _fields(
    document: Document, schema: Document, steps: tuple[str | int, ...], *, required: bool
) -> Iterator[Place]:
    schema = _resolved(document, schema)
    if len(steps) > DEPTH_MAX:
        return
    for variant in (*schema.get("oneOf", ()), *schema.get("anyOf", ()), *schema.get("allOf", ())):
        yield from _fields(document, variant, steps, required=required)
    for name, inner in schema.get("properties", {}).items():
        needed = name in schema.get("required", ())
        yield Place("body", (*steps, name), needed)
        yield from _fields(document, inner, (*steps, name), required=needed)
    if schema.get("items"):
        yield from _fields(document, schema["items"], (*steps, 0), required=False)


def _resolved(document: Document, schema: Document) -> Document:
    reference = schema.get("$ref")
    found: Any = document
    for step in reference.removeprefix("#/").split("/") if reference else ():
        found = found[step]
    return found if reference else schema
