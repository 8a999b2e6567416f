"""Policies, and what is chosen when their rules have been matched. Pure."""

from service.rules.domain.answers import (
    Answer,
    Choice,
    Consulted,
    Decided,
    Doubt,
    Winner,
    choose,
)
from service.rules.domain.kinds import (
    Climbed,
    Deed,
    Kind,
    Promised,
    Reach,
    Target,
)
from service.rules.domain.policies import (
    EVERYTHING,
    ORDER_DEFAULT,
    UNREADABLE,
    Document,
    HitPolicy,
    Rule,
    Saved,
    Scope,
    VersionRef,
)

__all__ = [
    "EVERYTHING",
    "ORDER_DEFAULT",
    "UNREADABLE",
    "Answer",
    "Choice",
    "Climbed",
    "Consulted",
    "Decided",
    "Deed",
    "Document",
    "Doubt",
    "HitPolicy",
    "Kind",
    "Promised",
    "Reach",
    "Rule",
    "Saved",
    "Scope",
    "Target",
    "VersionRef",
    "Winner",
    "choose",
]
