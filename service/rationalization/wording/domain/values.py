"""What a message may speak of, as it is bound before it is told: harmless, and within bounds. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

from service.rationalization.wording.domain import characters
from service.rationalization.wording.domain.messages import VARIABLES, MessageKind, Value, ValueType
from service.rationalization.wording.domain.spoken import Instant, Manner

TEXT_CHARACTERS_MAX = 2_000
ENTRY_CHARACTERS_MAX = 300
ENTRIES_MAX = 20

TYPES = {variable.name: variable.type for variables in VARIABLES.values() for variable in variables}

Bound: TypeAlias = str | Instant | list[str]


def bound(kind: MessageKind, values: Mapping[str, Value | None], manner: Manner) -> dict[str, Bound]:
    """What is there of the variables of the message. What is blank is not there: nobody is told nothing.

    Raises:
        ValueError: no message has such a variable, or it is of another type.
    """
    own = frozenset(variable.name for variable in VARIABLES[kind])
    found: dict[str, Bound] = {}
    for name, value in values.items():
        if name not in TYPES:
            raise ValueError(f"no message speaks of {name!r}")
        there = None if value is None else _bound(name, TYPES[name], value, manner)
        if there and name in own:
            found[name] = there
    return found


def _bound(name: str, type_: ValueType, value: Value, manner: Manner) -> Bound | None:
    match type_, value:
        case ValueType.INSTANT, datetime():
            return Instant(value, manner)
        case ValueType.TEXT, str():
            return _text(value, TEXT_CHARACTERS_MAX)
        case ValueType.TEXTS, [*entries] if not isinstance(value, str):
            return _texts(entries)
        case _:
            raise ValueError(f"{name!r} is no {type_}: {value!r}")


def _text(text: str, characters_max: int) -> str:
    return characters.shortened(characters.harmless(text).strip(), characters_max)


def _texts(entries: Sequence[object]) -> list[str]:
    said = [_text(str(entry), ENTRY_CHARACTERS_MAX) for entry in entries[:ENTRIES_MAX]]
    return [text for text in said if text]


def longest(kind: MessageKind, now: datetime) -> dict[str, Value]:
    """A value for each variable of the message that is as long as any can be, to try a template with."""
    return {variable.name: _longest(variable.type, variable.name, now) for variable in VARIABLES[kind]}


def sample(kind: MessageKind, now: datetime) -> dict[str, Value]:
    """A likely value for each variable of the message, to show what a template would say."""
    samples = {variable.name: _sample(variable.type, variable.meaning, now) for variable in VARIABLES[kind]}
    return {**samples, **{name: text for name, text in SAMPLES.items() if name in samples}}


def _longest(type_: ValueType, name: str, now: datetime) -> Value:
    match type_:
        case ValueType.TEXT:
            return _filled(name, TEXT_CHARACTERS_MAX)
        case ValueType.INSTANT:
            return now
        case ValueType.TEXTS:
            return [_filled(f"{name} {number}", ENTRY_CHARACTERS_MAX) for number in range(ENTRIES_MAX)]


def _filled(name: str, characters_max: int) -> str:
    return f"{name} " + "ß" * (characters_max - len(name) - 1)


def _sample(type_: ValueType, meaning: str, now: datetime) -> Value:
    match type_:
        case ValueType.TEXT:
            return meaning
        case ValueType.INSTANT:
            return now + timedelta(days=5)
        case ValueType.TEXTS:
            return [meaning]


SAMPLES: Mapping[str, Value] = {
    "request": "Restart of the payment gateway on Friday",
    "external_id": "CHG0030412",
    "source": "servicenow",
    "contact": "Ann Example",
    "reason": "On Fridays after 16:00 nobody is there who could undo it.",
    "awaited": ["approval", "rollback_plan"],
    "objections": "Change board",
    "objections_url": "https://service.example.com/objections",
    "channel": "Access desk",
    "channel_url": "https://access.example.com/new",
    "proposed_priority": "P3",
    "proposed_scope": "The gateway alone, without its database.",
    "proposed_type": "service_request",
    "justification": "The vendor's patch needs a login that is shared for an hour.",
    "way_back": "The login is locked, and its password changed.",
    "carried_to": "REQ0010042",
}
"""What a preview shows that is given no values."""
