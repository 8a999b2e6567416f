"""Whether what is said of a request is as its type asks. The one module that knows the jsonschema-rs library.

Patterns are matched by RE2 and instants read as rules read them; the library does the rest. It is given no
way to fetch anything, and a schema can name nothing that it would fetch.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, cast

import jsonschema_rs
import msgspec
from jsonschema_rs import Draft202012Validator, ValidationError

from service.errors import Fault, pointer_to
from service.rationalization.catalogue.fields import Schema
from service.rules.language import patterns, times
from service.rules.language.values import Refusal

PLACE = "/facts/custom"
"""Where in a request what its type asks for is said."""
FAULTS_MAX = 200
SHOWN_MAX = 100
_SCHEMAS_KEPT = 256


def faults_of(schema: Schema, said: Mapping[str, Any]) -> list[Fault]:
    """What is wrong with what is said under `custom`: all of it at once, one thing at each place.

    Args:
        schema: one that `fields.faults_of` finds nothing wrong with.
        said: as it is when all that was said before is laid together.
    """
    properties = cast("Mapping[str, Schema]", schema["properties"])
    found: dict[str, Fault] = {}
    for error in _validator(msgspec.json.encode(schema)).iter_errors(dict(said)):
        for fault in _faults(error, properties):
            found.setdefault(fault.pointer, fault)
        if len(found) >= FAULTS_MAX:
            return sorted(found.values(), key=_order)[:FAULTS_MAX]
    for name, field in properties.items():
        for fault in _beside(field, name, said.get(name)):
            found.setdefault(fault.pointer, fault)
    return sorted(found.values(), key=_order)


def _order(fault: Fault) -> str:
    return fault.pointer


@lru_cache(maxsize=_SCHEMAS_KEPT)
def _validator(schema: bytes) -> Draft202012Validator:
    written = msgspec.json.decode(schema, type=dict[str, Any])
    fields = {name: _checked(field) for name, field in written["properties"].items()}
    checked = written | {"properties": fields, "additionalProperties": False}
    return Draft202012Validator(
        checked,
        validate_formats=True,
        ignore_unknown_formats=False,
        formats={"date-time": _is_instant},
        pattern_options=jsonschema_rs.RegexOptions(),
        offline=True,
    )


def _checked(field: Schema) -> dict[str, Any]:
    """What the library looks at: no patterns, and no type where the values themselves are named."""
    left = {"pattern", "type"} if "enum" in field or "const" in field else {"pattern"}
    kept = {keyword: value for keyword, value in field.items() if keyword not in left}
    return kept if "items" not in kept else kept | {"items": _checked(kept["items"])}


def _is_instant(text: str) -> bool:
    return times.timestamp_from_text(text) is not None


def _beside(field: Schema, name: str, said: object) -> Iterator[Fault]:
    """What the library does not look at: patterns, and 1.0 for a whole number."""
    values: list[tuple[Schema, str, object]] = [(field, pointer_to(PLACE, name), said)]
    if field["type"] == "array" and isinstance(said, list):
        items = enumerate(cast("list[object]", said))
        values = [(field["items"], pointer_to(PLACE, name, at), each) for at, each in items]
    for schema, place, value in values:
        if schema["type"] == "integer" and isinstance(value, float):
            yield Fault(place, "This is a whole number; write it without a decimal point.")
        if "pattern" in schema and isinstance(value, str):
            matched = patterns.matches(value, schema["pattern"])
            if isinstance(matched, Refusal):
                yield Fault(place, f"It cannot be matched: {matched.message}.")
            elif not matched:
                yield Fault(place, f"It does not match {_shown(schema['pattern'])}; write it in that form.")


def _faults(error: ValidationError, properties: Mapping[str, Schema]) -> list[Fault]:
    """One of the library's, as faults with their place and remedy."""
    detail = error.kind.as_dict()
    path = [step if isinstance(step, int) else str(step) for step in error.instance_path]
    match error.kind.name:
        case "required":
            name = detail["property"]
            field = properties[name]
            message = f"`{name}`{_title(field)} is missing; write {_asked(field)}."
            return [Fault(pointer_to(PLACE, name), message)]
        case "additionalProperties":
            known = ", ".join(f"`{name}`" for name in list(properties)[:20]) or "none"
            message = f"The type of the request asks for no such field; leave it out. Its fields are {known}."
            return [Fault(pointer_to(PLACE, name[:SHOWN_MAX]), message) for name in detail["unexpected"]]
        case keyword:
            return [Fault(pointer_to(PLACE, *path), _REMEDIES[keyword](detail))]


def _asked(field: Schema) -> str:
    """What is to be written in a field, in words."""
    if "const" in field:
        return _shown(field["const"])
    if "enum" in field:
        return f"one of {_listed(field['enum'])}"
    if "items" in field:
        return f"a list, each of it {_asked(field['items'])}"
    form = field.get("format")
    return _WORDS[field["type"]] if form is None else f"a text such as {_FORMS[form]}"


def _title(field: Schema) -> str:
    return f" ({field['title']})" if "title" in field else ""


def _shown(value: object) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}…"


def _listed(values: Sequence[object]) -> str:
    told = ", ".join(_shown(value) for value in values[:20])
    return told if len(values) <= 20 else f"{told}, …"  # noqa: PLR2004 - as many as are told


_REMEDIES: Mapping[str, Callable[[Mapping[str, Any]], str]] = MappingProxyType(
    {
        "type": lambda said: f"Write {' or '.join(_WORDS[kind] for kind in said['types'])}.",
        "enum": lambda said: f"Write one of {_listed(said['options'])}.",
        "const": lambda said: f"Write {_shown(said['expected_value'])}; the type says nothing else of it.",
        "minimum": lambda said: f"Write {said['limit']} or more.",
        "maximum": lambda said: f"Write {said['limit']} or less.",
        "minLength": lambda said: f"Write more: {said['limit']} or more characters.",
        "maxLength": lambda said: f"Write less: {said['limit']} characters at most.",
        "minItems": lambda said: f"Name more: at least {said['limit']}.",
        "maxItems": lambda said: f"Name fewer: {said['limit']} at most.",
        "format": lambda said: f"Write a text such as {_FORMS[said['format']]}.",
    }
)
"""What to do about each thing that the library may find wrong with a field."""

_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "string": "a text",
        "integer": "a whole number",
        "number": "a number",
        "boolean": "true or false",
        "array": "a list",
    }
)
_FORMS: Mapping[str, str] = MappingProxyType(
    {
        "date-time": "2026-01-05T13:00:00Z",
        "date": "2026-01-05",
        "email": "ada@example.com",
        "uri": "https://example.com/place",
    }
)
