"""HTTP for the event feed: parse, call one use case, render."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from service.api.pagination import Paging
from service.api.security import Principal
from service.db import TenantSession
from service.ids import ClientId, EventId
from service.outbox import service
from service.outbox.domain.events import Audience
from service.outbox.models import Event
from service.outbox.service import Sought


class EventView(msgspec.Struct, frozen=True):
    """Something that happened. `sequence` grows with each event of a subject."""

    id: EventId
    type: str
    subject_kind: str
    subject_id: UUID
    sequence: int
    client_id: ClientId | None
    audience: Audience
    occurred_at: datetime
    recorded_at: datetime
    payload: dict[str, Any]

    @classmethod
    def of(cls, event: Event) -> "EventView":
        return cls(
            id=event.id,
            type=event.type,
            subject_kind=event.subject_kind,
            subject_id=event.subject_id,
            sequence=event.sequence,
            client_id=event.client_id,
            audience=event.audience,
            occurred_at=event.occurred_at,
            recorded_at=event.recorded_at,
            payload=event.payload,
        )


class FeedView(msgspec.Struct, frozen=True):
    """Events in the order of the feed. `next` is always given: at the end, poll with it."""

    items: list[EventView]
    next: str
    more: bool


class EventController(Controller):
    path = "/v1/events"
    tags = ("Events",)

    @get("/", operation_id="listEvents")
    async def feed(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        paging: NamedDependency[Paging],
        types: Annotated[
            list[str] | None, QueryParameter(name="type", description="Only events of these types.")
        ] = None,
        subject: Annotated[UUID | None, QueryParameter(description="Only events of this subject.")] = None,
    ) -> Response[FeedView]:
        """Read what happened, oldest first. A reader that follows `next` misses nothing."""
        sought = Sought(client_id=principal.client_id, types=tuple(types or ()), subject_id=subject)
        part = await service.feed(session, sought, after=paging.after(service.Position), limit=paging.limit)
        cursor = paging.at(part.next)
        view = FeedView([EventView.of(event) for event in part.events], cursor, part.more)
        return Response(view, headers=paging.link(cursor))
