"""The facts that every tenant's rules may read, and what they are. Tenants and policies declare their own."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from service.rules.language.types import BOOL, DOUBLE, INT, MAP, STRING, TIMESTAMP, FactType, Type

GIVEN_BY_SOURCE = (
    "priority",
    "impact",
    "urgency",
    "category",
    "subcategory",
    "channel",
    "location",
    "assignment_group",
    "assignee",
    "requester",
)
"""What a source may say of a request by itself, as `request.<name>`; all else goes under `request.custom`."""

OWN_PREFIXES = ("request.custom.", "client.custom.")
"""What a tenant, or a policy, may declare of its own begins with one of these."""

COUNT = "count"
SHARE = "share"


class RequestType(StrEnum):
    INCIDENT = "incident"
    SERVICE_REQUEST = "service_request"
    CHANGE = "change"
    PLAN_CHANGE = "plan_change"
    ACCESS = "access"
    OTHER = "other"


class Source(StrEnum):
    """Who says what a fact is worth."""

    REQUEST = "request"
    CLIENT_REGISTER = "client register"
    SERVICE_REGISTER = "service register"
    GROUP_REGISTER = "group register"
    CATALOGUE = "catalogue of request types"
    HISTORY = "history"
    """Counted when it is decided, over the tenant's requests and promises."""
    TENANT = "tenant"
    """Declared by the tenant: the request or the client's profile says it, as the name tells."""
    DERIVED = "derived"
    """What policies derive from other facts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact(FactType):
    """The declaration of a fact, for people too.

    Attributes:
        unit: of a number: `count`, `share`, `seconds`; None where there is none.
        source: where its value comes from.
        description: what it is, in a sentence.
    """

    unit: str | None = None
    source: Source
    description: str


def _text(source: Source, description: str) -> Fact:
    return Fact(STRING, source=source, description=description)


def _counted(description: str, *, of: Type = INT, unit: str = COUNT) -> Fact:
    return Fact(of, unit=unit, source=Source.HISTORY, description=description)


HISTORY: Mapping[str, Fact] = MappingProxyType(
    {
        "history.same_service_1h": _counted("Requests for the same service in the last hour."),
        "history.same_service_24h": _counted("Requests for the same service in the last 24 hours."),
        "history.same_client_24h": _counted("Requests of the same client in the last 24 hours."),
        "history.same_requester_7d": _counted(
            "Requests of the same client by the same requester in the last 7 days."
        ),
        "history.same_category_24h": _counted("Requests of the same category in the last 24 hours."),
        "client.open_requests": _counted("Requests of the client that are open."),
        "client.requests_30d": _counted("Requests of the client in the last 30 days."),
        "client.breaches_30d": _counted("Promises to the client that were broken in the last 30 days."),
        "client.kept_share_30d": _counted(
            "Of the promises to the client that were kept or broken in the last 30 days, the share that was"
            " kept: 0 to 1. Absent when there were none.",
            of=DOUBLE,
            unit=SHARE,
        ),
        "service.open_requests": _counted("Requests for the service that are open."),
        "service.breaches_30d": _counted("Promises for the service that were broken in the last 30 days."),
        "service.accidents_90d": _counted("Accidents of the service that began in the last 90 days."),
        "change.reviews_365d": _counted(
            "Changes of the same service that were reviewed in the last 365 days; without a service, of all."
        ),
        "change.success_rate": _counted(
            "Of these changes, the share that was successful, with deviations or without: 0 to 1. Absent"
            " below 5 of them.",
            of=DOUBLE,
            unit=SHARE,
        ),
    }
)
"""The facts that are counted when it is decided, and only if a policy in effect reads them."""

FACTS: Mapping[str, Fact] = MappingProxyType(
    {
        "request.type": Fact(
            STRING,
            tuple(each.value for each in RequestType),
            source=Source.REQUEST,
            description="What kind of request it is.",
        ),
        "request.type_name": _text(
            Source.CATALOGUE, "The type of the tenant's catalogue that it is of, or else its kind."
        ),
        "request.standard": Fact(
            BOOL, source=Source.CATALOGUE, description="Whether its type is a change approved beforehand."
        ),
        "request.source": _text(Source.REQUEST, "The system that it came from."),
        "request.external_id": _text(Source.REQUEST, "What that system calls it."),
        "request.title": _text(Source.REQUEST, "Its title."),
        "request.opened_at": Fact(
            TIMESTAMP, source=Source.REQUEST, description="When it was opened, as its source says."
        ),
        "request.priority": _text(Source.REQUEST, "Its priority."),
        "request.impact": _text(Source.REQUEST, "How much it affects."),
        "request.urgency": _text(Source.REQUEST, "How soon it is needed."),
        "request.category": _text(Source.REQUEST, "Its category."),
        "request.subcategory": _text(Source.REQUEST, "Its subcategory."),
        "request.channel": _text(Source.REQUEST, "The way it came: mail, phone, portal."),
        "request.location": _text(Source.REQUEST, "Where it is about."),
        "request.assignment_group": _text(Source.REQUEST, "The group that works on it."),
        "request.assignee": _text(Source.REQUEST, "Who works on it, as its source calls them."),
        "request.requester": _text(Source.REQUEST, "Who asks, as its source calls them."),
        "request.custom": Fact(
            MAP, source=Source.REQUEST, description="What else its source says, under names of your own."
        ),
        "client.name": _text(Source.CLIENT_REGISTER, "The client organization's name."),
        "client.tier": _text(Source.CLIENT_REGISTER, "Its tier."),
        "client.calendar": _text(
            Source.CLIENT_REGISTER, "The name of the calendar that the client's days go by."
        ),
        "client.custom": Fact(
            MAP,
            source=Source.CLIENT_REGISTER,
            description="What else its profile says, under names of your own.",
        ),
        "service.name": _text(Source.SERVICE_REGISTER, "The service's name."),
        "service.owner_group": _text(Source.SERVICE_REGISTER, "The group that answers for it."),
        "service.criticality": _text(Source.SERVICE_REGISTER, "How critical it is."),
        "service.hours": _text(Source.SERVICE_REGISTER, "The name of the calendar in which it is operated."),
        "group.calendar": _text(
            Source.GROUP_REGISTER, "The name of the calendar by which the assignment group works."
        ),
        **HISTORY,
    }
)


def read_by(names: Collection[str], reads: Collection[str]) -> frozenset[str]:
    """Those of the facts that are read, be it as a part of a group, or a part of them.

    Args:
        names: of facts, dotted.
        reads: what rules read, as `Document.reads` has it; `history["same_service_1h"]` reads `history`.
    """
    return frozenset(
        name
        for name in names
        if any(name == read or name.startswith(f"{read}.") or read.startswith(f"{name}.") for read in reads)
    )
