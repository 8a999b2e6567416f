"""A past request as a backtest reads it: what was submitted, and what happened to it.

The tenant's own requests and those of an imported log have this one shape. It is stored and sent as JSON.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from service.requests.domain import Becoming, EventType, State
from service.rules.vocabulary import RequestType


class TypedAs(msgspec.Struct, frozen=True, kw_only=True):
    """The type of the tenant's catalogue that a request is of, as rules read it, and its version."""

    name: str
    family: RequestType
    standard: bool
    version_id: UUID | None = None


class Submitted(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was submitted, as `POST /v1/requests` takes it. `client` and `service` are names.

    Only the tenant's own requests are `typed`. What was agreed since shows in the events alone.
    """

    source: str
    external_id: str
    type: RequestType
    occurred_at: datetime
    title: str | None = None
    sequence: int = 0
    state: State = State.OPEN
    facts: dict[str, Any] = {}
    client: str | None = None
    service: str | None = None
    requester: str | None = None
    typed: TypedAs | None = None


class Agreed(msgspec.Struct, frozen=True, kw_only=True):
    """A counter-proposal that was accepted.

    Attributes:
        proposal: as a rule writes it.
        terms: what was agreed by it, in concrete terms: the `facts` that are set, the `type`.
    """

    proposal: dict[str, Any]
    terms: dict[str, Any]


class CaseEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What happened, as `POST /v1/requests/{id}/events` takes it, in the order of the source.

    Attributes:
        occurred_at: when it happened.
        received_at: when it was told; left out, when it happened, but never before what precedes it.
        deed: what was done, of `done`.
        becomes: the type that it was, and that it goes on as by what was agreed.
        agreed: of what only the tenant's own requests have: something was agreed with the requester.
    """

    type: EventType
    occurred_at: datetime
    received_at: datetime | None = None
    sequence: int = 0
    state: State | None = None
    facts: dict[str, Any] | None = None
    cause: str | None = None
    party: str | None = None
    by: str | None = None
    deed: str | None = None
    becomes: Becoming | None = None
    agreed: Agreed | None = None

    @property
    def is_decided_on(self) -> bool:
        return bool(self.facts) or self.agreed is not None


class Case(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One past request.

    Attributes:
        id: of the request, or of the imported case.
        received_at: when it was submitted; left out, when it was opened.
        history: the facts of history at each of its decisions, in their order, by their dotted names.
    """

    id: UUID
    submission: Submitted
    events: list[CaseEvent] = []
    received_at: datetime | None = None
    history: list[dict[str, Any]] = []
