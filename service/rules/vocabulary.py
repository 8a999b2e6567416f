"""The facts that every tenant's rules may read, and what they are. A policy declares its own beside them."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from service.rules.language.types import MAP, STRING, TIMESTAMP, FactType

_TEXT = FactType(STRING)

GIVEN_BY_SOURCE = (
    "priority",
    "impact",
    "urgency",
    "category",
    "subcategory",
    "channel",
    "location",
    "assignment_group",
    "requester",
)
"""What a source may say of a request by itself, as `request.<name>`; all else goes under `request.custom`."""


class RequestType(StrEnum):
    INCIDENT = "incident"
    SERVICE_REQUEST = "service_request"
    CHANGE = "change"
    PLAN_CHANGE = "plan_change"
    OTHER = "other"


FACTS: Mapping[str, FactType] = MappingProxyType(
    {
        "request.type": FactType(STRING, tuple(each.value for each in RequestType)),
        "request.source": _TEXT,
        "request.external_id": _TEXT,
        "request.title": _TEXT,
        "request.opened_at": FactType(TIMESTAMP),
        **{f"request.{name}": _TEXT for name in GIVEN_BY_SOURCE},
        "request.custom": FactType(MAP),
        "client.name": _TEXT,
        "client.tier": _TEXT,
        "client.calendar": _TEXT,
        "client.custom": FactType(MAP),
        "service.name": _TEXT,
        "service.owner_group": _TEXT,
        "service.criticality": _TEXT,
        "service.hours": _TEXT,
    }
)
