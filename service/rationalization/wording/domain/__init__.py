"""How the requester is told what became of a demand: messages, their variables, languages. Pure."""

from service.rationalization.wording.domain.messages import (
    VARIABLES,
    MessageKind,
    Value,
    ValueType,
    Variable,
)
from service.rationalization.wording.domain.telling import Message, Told, Written

__all__ = [
    "VARIABLES",
    "Message",
    "MessageKind",
    "Told",
    "Value",
    "ValueType",
    "Variable",
    "Written",
]
