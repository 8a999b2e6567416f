"""Which messages there are, and what each may speak of: the one table that templates are held to. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

Value: TypeAlias = str | datetime | Sequence[str]


class MessageKind(StrEnum):
    """What the requester is told of."""

    ACCEPT_HELD_UP = "accept.held_up"
    ACCEPT_READY = "accept.ready"
    ADJUST = "adjust"
    ADJUST_AGREED = "adjust.agreed"
    ADJUST_LAPSED = "adjust.lapsed"
    SPECIAL_METHOD = "special_method"
    SPECIAL_METHOD_ALLOWED = "special_method.allowed"
    REDIRECT = "redirect"
    DECLINE = "decline"
    REFUSED = "refused"
    OBJECTION_UPHELD = "objection.upheld"


class ValueType(StrEnum):
    TEXT = "text"
    INSTANT = "instant"
    """Said in the language and the time zone of whoever is told."""
    TEXTS = "texts"
    """A list, to be gone through by `for`."""


@dataclass(frozen=True, slots=True)
class Variable:
    """Something a message may speak of.

    Attributes:
        is_always_there: whether a template may speak of it without asking for it by `if`.
        is_owed: whether a template has to say it wherever it is there.
    """

    name: str
    type: ValueType
    meaning: str
    is_always_there: bool = False
    is_owed: bool = False


def _text(name: str, meaning: str) -> Variable:
    return Variable(name, ValueType.TEXT, meaning)


def _always(variable: Variable) -> Variable:
    return replace(variable, is_always_there=True)


def _owed(variable: Variable) -> Variable:
    return replace(variable, is_owed=True)


_OF_ALL = (
    _always(_text("request", "What is asked for: its title, or else what its source calls it.")),
    _always(_text("external_id", "What its source calls it.")),
    _always(_text("source", "The system that it came from.")),
    _text("contact", "The name of whoever asks."),
)
_REASON = _text("reason", "Why, as the rule or whoever decided says.")
_WHY = _always(_owed(_REASON))
_OBJECTIONS = (
    _text("objections", "Where somebody objects to it: the name of the channel."),
    _text("objections_url", "The address of that channel."),
)
_OWED_OBJECTIONS = (_OBJECTIONS[0], _owed(_OBJECTIONS[1]))
_AWAITED = Variable(
    "awaited",
    ValueType.TEXTS,
    "What must be there before work starts, in words; client organizations are not told.",
)
_PROPOSED = (
    Variable("proposed_start", ValueType.INSTANT, "When it would begin instead."),
    Variable("proposed_end", ValueType.INSTANT, "When it would be done instead."),
    _text("proposed_priority", "Which priority it would have."),
    _text("proposed_scope", "What it would cover."),
    _text("proposed_type", "Which type of request it would be."),
)
_EXCEPTION = (
    _always(_text("justification", "Why the deviation may be allowed.")),
    _always(_text("way_back", "How it is undone when it ends.")),
)
_EXPIRES = Variable("expires_at", ValueType.INSTANT, "Until when the deviation is allowed.")

VARIABLES: Mapping[MessageKind, tuple[Variable, ...]] = MappingProxyType(
    {
        MessageKind.ACCEPT_HELD_UP: (*_OF_ALL, _REASON, _AWAITED),
        MessageKind.ACCEPT_READY: (*_OF_ALL, _REASON),
        MessageKind.ADJUST: (
            *_OF_ALL,
            _WHY,
            _always(Variable("answer_by", ValueType.INSTANT, "Until when an answer is awaited.")),
            *_PROPOSED,
            *_OBJECTIONS,
        ),
        MessageKind.ADJUST_AGREED: (*_OF_ALL, _REASON, *_PROPOSED),
        MessageKind.ADJUST_LAPSED: (*_OF_ALL, _WHY, *_PROPOSED, *_OWED_OBJECTIONS),
        MessageKind.SPECIAL_METHOD: (*_OF_ALL, _REASON, *_EXCEPTION, _AWAITED),
        MessageKind.SPECIAL_METHOD_ALLOWED: (*_OF_ALL, _REASON, *_EXCEPTION, _always(_EXPIRES)),
        MessageKind.REDIRECT: (
            *_OF_ALL,
            _WHY,
            _always(_text("channel", "Where it belongs: the name of the channel.")),
            _always(_owed(_text("channel_url", "The address of that channel."))),
            _text("carried_to", "What it goes on as, where it was carried over."),
            *_OWED_OBJECTIONS,
        ),
        MessageKind.DECLINE: (*_OF_ALL, _WHY, *map(_always, _OWED_OBJECTIONS)),
        MessageKind.REFUSED: (*_OF_ALL, _WHY, *_OWED_OBJECTIONS),
        MessageKind.OBJECTION_UPHELD: (*_OF_ALL, _always(_REASON)),
    }
)
"""What each message may speak of. docs/guides/messages.md shows the same."""
