"""The fields of a type: a subset of JSON Schema, each with the fact that it is to rules. Pure.

What is not named here is refused: nothing that refers, combines or nests deeper than a list of scalars.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias, cast

from service.errors import Fault, pointer_to
from service.rules.language import patterns
from service.tenants.profiles import FACT_NAME

FIELDS_MAX = 100
ENUM_MAX = 200
LENGTH_MAX = 100_000
LIST_MAX = 1_000
NUMBER_MAX = 2**53
TITLE_CHARACTERS_MAX = 200
DESCRIPTION_CHARACTERS_MAX = 500
VALUE_CHARACTERS_MAX = 500
SHOWN_MAX = 40
FORMATS = ("date-time", "date", "email", "uri")

PREFIX = "request.custom."
"""What a field's fact begins with."""

Schema: TypeAlias = Mapping[str, Any]

_OF_OBJECT = frozenset({"type", "title", "description", "properties", "required", "additionalProperties"})
_OF_ALL = frozenset({"type", "title", "description", "enum", "const"})
_OF_NUMBER = _OF_ALL | {"minimum", "maximum"}
KEYWORDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "string": _OF_ALL | {"minLength", "maxLength", "pattern", "format"},
        "integer": _OF_NUMBER,
        "number": _OF_NUMBER,
        "boolean": _OF_ALL,
        "array": frozenset({"type", "title", "description", "items", "minItems", "maxItems"}),
    }
)
"""What may be said of a field, by its type."""
SCALARS = tuple(name for name in KEYWORDS if name != "array")
_CLASSES: Mapping[str, tuple[type, ...]] = MappingProxyType(
    {"string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,)}
)
_FACT_TYPES: Mapping[str, str] = MappingProxyType(
    {"string": "string", "integer": "int", "number": "double", "boolean": "bool"}
)


def faults_of(schema: Schema, place: str) -> list[Fault]:
    """What is wrong with the fields of a type, which are written at `place`."""
    found = [*_unknown(schema, _OF_OBJECT, place, "the fields of a type")]
    if schema.get("type") != "object":
        found.append(Fault(f"{place}/type", 'The fields are an object: write `"type": "object"`.'))
    if schema.get("additionalProperties", False) is not False:
        message = "What a type does not name is refused: leave it out, or write false."
        found.append(Fault(f"{place}/additionalProperties", message))
    found += _faults_of_words(schema, place)
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return [*found, Fault(f"{place}/properties", "The fields by name are missing: write an object.")]
    named = cast("dict[str, object]", properties)
    if len(named) > FIELDS_MAX:
        return [*found, Fault(f"{place}/properties", f"A type has {FIELDS_MAX} fields at most.")]
    for name, field in named.items():
        found += _faults_of_field(name, field, pointer_to(f"{place}/properties", name))
    return [*found, *_faults_of_required(schema.get("required", []), named, f"{place}/required")]


def facts_of(schema: Schema | None) -> dict[str, str]:
    """The facts that the fields are to rules, each with its type as facts are declared."""
    if schema is None:
        return {}
    return {f"{PREFIX}{name}": _fact_type(field) for name, field in schema["properties"].items()}


def _fact_type(field: Schema) -> str:
    if field["type"] == "array":
        return f"list<{_fact_type(field['items'])}>"
    return "timestamp" if field.get("format") == "date-time" else _FACT_TYPES[field["type"]]


def _faults_of_field(name: str, field: object, place: str) -> list[Fault]:
    found: list[Fault] = []
    if not FACT_NAME.fullmatch(name):
        message = "A field is called by up to 64 lower-case letters, digits and underscores, a letter first."
        found.append(Fault(place, message))
    return [*found, *_faults_of_schema(field, place, [*KEYWORDS])]


def _faults_of_schema(field: object, place: str, types: Sequence[str]) -> Iterator[Fault]:
    """Of a field, or of what its list holds."""
    if not isinstance(field, dict):
        yield Fault(place, 'A field is an object, such as {"type": "string"}.')
        return
    schema = cast("Schema", field)
    kind = schema.get("type")
    if not isinstance(kind, str) or kind not in types:
        yield Fault(f"{place}/type", f"Say of which type it is: {', '.join(types)}.")
        return
    yield from _unknown(schema, KEYWORDS[kind], place, f"a field of type {kind}")
    yield from _faults_of_words(schema, place)
    for keyword, fault in _CHECKS.items():
        if keyword in schema and keyword in KEYWORDS[kind]:
            message = fault(schema[keyword], kind)
            if message is not None:
                yield Fault(f"{place}/{keyword}", message)
    yield from _faults_of_bounds(schema, place)
    if kind == "array":
        yield from _faults_of_schema(schema.get("items"), f"{place}/items", SCALARS)


def _unknown(schema: Schema, known: frozenset[str], place: str, what: str) -> Iterator[Fault]:
    for keyword in schema:
        if keyword not in known:
            told = ", ".join(sorted(known))
            message = f"`{keyword[:SHOWN_MAX]}` cannot be said of {what}; leave it out. Known are {told}."
            yield Fault(pointer_to(place, keyword[:SHOWN_MAX]), message)


def _faults_of_words(schema: Schema, place: str) -> Iterator[Fault]:
    for keyword, most in (("title", TITLE_CHARACTERS_MAX), ("description", DESCRIPTION_CHARACTERS_MAX)):
        text = schema.get(keyword)
        if text is not None and not (isinstance(text, str) and _is_said(text, most)):
            yield Fault(f"{place}/{keyword}", f"Write a text of 1 to {most} printable characters.")


def _is_said(text: str, most: int) -> bool:
    return bool(text.strip()) and text.isprintable() and len(text) <= most


def _faults_of_required(required: object, named: Mapping[str, object], place: str) -> Iterator[Fault]:
    if not isinstance(required, list):
        yield Fault(place, 'The names of the fields that must be there are a list, such as ["site"].')
        return
    names = cast("list[object]", required)[: FIELDS_MAX + 1]
    for at, name in enumerate(names):
        if not isinstance(name, str) or name not in named:
            yield Fault(pointer_to(place, at), "This is the name of no field; name one of `properties`.")
        elif name in names[:at]:
            yield Fault(pointer_to(place, at), "This field is named already; name it once.")


def _faults_of_bounds(schema: Schema, place: str) -> Iterator[Fault]:
    for least, most in (("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems")):
        low, high = schema.get(least), schema.get(most)
        if _is_number(low) and _is_number(high) and cast("float", low) > cast("float", high):
            yield Fault(f"{place}/{most}", f"`{most}` lies below `{least}`: nothing could ever be said.")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_of(value: object, kind: str) -> bool:
    if type(value) not in _CLASSES[kind]:
        return False
    if isinstance(value, str):
        return len(value) <= VALUE_CHARACTERS_MAX
    return abs(cast("float", value)) <= NUMBER_MAX


def _enum(values: object, kind: str) -> str | None:
    if not isinstance(values, list) or not 0 < len(cast("list[object]", values)) <= ENUM_MAX:
        return f"Write a list of 1 to {ENUM_MAX} values."
    if not all(_is_of(value, kind) for value in cast("list[object]", values)):
        return f"Each value is of type {kind}, a text of {VALUE_CHARACTERS_MAX} characters at most."
    return None


def _const(value: object, kind: str) -> str | None:
    if _is_of(value, kind):
        return None
    return f"The value is of type {kind}, a text of {VALUE_CHARACTERS_MAX} characters at most."


def _bound(value: object, kind: str) -> str | None:
    if _is_number(value) and _is_of(value, kind):
        return None
    return f"Write a number of type {kind} between -{NUMBER_MAX} and {NUMBER_MAX}."


def _length(most: int) -> Callable[[object, str], str | None]:
    def fault(value: object, _: str) -> str | None:
        is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most
        return None if is_count else f"Write a whole number from 0 to {most}."

    return fault


def _pattern(value: object, _: str) -> str | None:
    if not isinstance(value, str):
        return "A pattern is a text: a regular expression as RE2 reads it."
    fault = patterns.fault_in(value)
    return None if fault is None else f"{fault[:200]}; write one that RE2 reads."


def _format(value: object, _: str) -> str | None:
    return None if value in FORMATS else f"Known formats are {', '.join(FORMATS)}."


_CHECKS: Mapping[str, Callable[[object, str], str | None]] = MappingProxyType(
    {
        "enum": _enum,
        "const": _const,
        "minimum": _bound,
        "maximum": _bound,
        "minLength": _length(LENGTH_MAX),
        "maxLength": _length(LENGTH_MAX),
        "minItems": _length(LIST_MAX),
        "maxItems": _length(LIST_MAX),
        "pattern": _pattern,
        "format": _format,
    }
)
"""What a keyword's value has to be: a check says what is wrong with it, given the field's type."""
