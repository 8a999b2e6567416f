"""Declarations of facts: read from their JSON form, or inferred from facts that came without any."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from service.errors import pointer_to
from service.rules.language.faults import FactFault
from service.rules.language.types import (
    BOOL,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    KNOWN_TYPES,
    LIST,
    MAP,
    STRING,
    TIMESTAMP,
    Declarations,
    FactType,
    Type,
    joined,
    list_of,
    type_from_text,
)
from service.rules.language.values import Duration, Timestamp, Value

DECLARATIONS_MAX = 1_000
NAME_LENGTH_MAX = 200
VALUES_MAX = 200
_INFERRED_DEPTH_MAX = 16
_VALUE_CLASSES: dict[Type, tuple[type, ...]] = {
    BOOL: (bool,),
    INT: (int,),
    DOUBLE: (int, float),
    STRING: (str,),
}
_INFERRED: dict[type, Type] = {
    bool: BOOL,
    int: INT,
    float: DOUBLE,
    str: STRING,
    Timestamp: TIMESTAMP,
    Duration: DURATION,
}
_NAME_FORM = (
    f"A fact's name is words joined by dots, at most {NAME_LENGTH_MAX} characters: `request.priority`."
)
_FORM = 'write the name of a type, as in "string", or an object, as in {"type": "int", "values": [1, 2, 3]}'


@dataclass(frozen=True, slots=True)
class Declared:
    """What could be read, and what could not."""

    declarations: Declarations
    faults: tuple[FactFault, ...]


def declarations_from_json(document: Mapping[str, object]) -> Declared:
    """Read `{"request.priority": "string", "request.impact": {"type": "int", "values": [1, 2, 3]}}`."""
    if len(document) > DECLARATIONS_MAX:
        return Declared({}, (FactFault("", f"More than {DECLARATIONS_MAX:,} facts are declared."),))
    declarations: dict[str, FactType] = {}
    faults: list[FactFault] = []
    for name, form in document.items():
        found = _declaration(form, pointer_to("", name)) if _is_name(name) else _bad_name(name)
        if isinstance(found, FactFault):
            faults.append(found)
        else:
            declarations[name] = found
    faults.extend(_groups_that_are_facts(declarations))
    return Declared(declarations, tuple(faults))


def _is_name(name: str) -> bool:
    return len(name) <= NAME_LENGTH_MAX and all(name.split("."))


def _bad_name(name: str) -> FactFault:
    return FactFault(pointer_to("", name), _NAME_FORM)


def _groups_that_are_facts(declarations: Declarations) -> list[FactFault]:
    return [
        FactFault(
            pointer_to("", name),
            f"`{parent}` is declared as {declarations[parent].type}; it has no facts below it.",
        )
        for name in declarations
        for parent in _parents(name)
        if parent in declarations and declarations[parent].type.name not in {MAP.name, DYN.name}
    ]


def _parents(name: str) -> list[str]:
    words = name.split(".")
    return [".".join(words[:count]) for count in range(1, len(words))]


def _declaration(form: object, pointer: str) -> FactType | FactFault:
    if isinstance(form, str):
        return _typed(form, None, pointer)
    if not isinstance(form, dict):
        return FactFault(pointer, f"No declaration: {_FORM}.")
    entries = cast("dict[str, object]", form)
    text = entries.get("type")
    if not isinstance(text, str):
        return FactFault(pointer_to(pointer, "type"), f"The type is missing: {_FORM}.")
    return _typed(text, entries.get("values"), pointer)


def _typed(text: str, values: object, pointer: str) -> FactType | FactFault:
    found = type_from_text(text)
    if found is None:
        return FactFault(pointer, f"`{text[:40]}` is no type; known are {KNOWN_TYPES}.")
    if values is None:
        return FactType(found)
    if not isinstance(values, list):
        return FactFault(pointer_to(pointer, "values"), "The allowed values are a list.")
    return _with_values(found, cast("list[object]", values), pointer_to(pointer, "values"))


def _with_values(of: Type, values: Sequence[object], pointer: str) -> FactType | FactFault:
    classes = _VALUE_CLASSES.get(of)
    if classes is None:
        return FactFault(pointer, f"A fact of type {of} cannot have a list of allowed values.")
    if not 0 < len(values) <= VALUES_MAX:
        return FactFault(pointer, f"Between 1 and {VALUES_MAX:,} allowed values are expected.")
    for position, value in enumerate(values):
        if type(value) not in classes:
            return FactFault(pointer_to(pointer, position), f"This allowed value is not of type {of}.")
    return FactType(of, tuple(cast("Sequence[bool | int | float | str]", values)))


def inferred(facts: Mapping[str, Value]) -> Declarations:
    """The declarations that bound facts amount to: one for every value that is not itself a map."""
    found: dict[str, FactType] = {}
    _infer(facts, "", found)
    return found


def _infer(facts: Mapping[str, Value], prefix: str, found: dict[str, FactType]) -> None:
    for key, value in facts.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and value and name.count(".") < _INFERRED_DEPTH_MAX:
            _infer(value, f"{name}.", found)
        elif value is not None:
            found[name] = FactType(_inferred_type(value))


def _inferred_type(value: Value) -> Type:
    if isinstance(value, dict):
        return MAP
    if not isinstance(value, list):
        return _INFERRED.get(type(value), DYN)
    if not value:
        return LIST
    element = _inferred_type(value[0])
    for item in value[1:]:
        element = joined(element, _inferred_type(item))
    return list_of(element)
