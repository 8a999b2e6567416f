"""HTTP for calendars: parse, call one use case, render."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, Request, Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from service.api import conditional
from service.api.conditional import Precondition
from service.api.fields import Name
from service.api.idempotency import Once
from service.api.pagination import Page, Paging
from service.audit.domain import Actor
from service.calendars import service
from service.calendars.service import Calendar, CalendarVersion
from service.db import TenantSession
from service.ids import CalendarId, ClientId
from service.requests import rescheduling
from service.tenants import service as tenants

Definition = Annotated[
    dict[str, Any],
    msgspec.Meta(
        description="`tz`, `weekly`, `holidays`, `recurring_holidays`, `closures`, `openings`, "
        "`country_holidays`; or `always_open`. See docs/guides/calendars.md.",
        examples=[{"tz": "Europe/Berlin", "weekly": {"mon": [["09:00", "17:00"]]}, "country_holidays": "DE"}],
    ),
]


class CreateCalendar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A calendar with its first version. Policies refer to it by its name.

    With a `client_id` it is that client organization's own: promises count by it where the client goes by it.
    """

    name: Name
    definition: Definition
    client_id: ClientId | None = None


class ReviseCalendar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the calendar says from now on. Its name may be sent along, and stays as it is."""

    definition: Definition
    name: Name | None = None


class CalendarView(msgspec.Struct, frozen=True):
    """A calendar and its current version. Its versions show the dates of its `country_holidays`."""

    id: CalendarId
    client_id: ClientId | None
    name: str
    version: int
    version_id: UUID
    definition: Mapping[str, Any]
    tzdata_version: str
    created_at: datetime
    revised_at: datetime

    @classmethod
    def of(cls, calendar: Calendar) -> "CalendarView":
        return cls(
            id=calendar.id,
            client_id=calendar.client_id,
            name=calendar.name,
            version=calendar.current.version,
            version_id=calendar.current.id,
            definition=calendar.current.definition,
            tzdata_version=calendar.current.tzdata_version,
            created_at=calendar.created_at,
            revised_at=calendar.current.created_at,
        )


class CalendarVersionView(msgspec.Struct, frozen=True):
    """A version, which never changes; `country_dates` is what `country_holidays` stands for in it."""

    id: UUID
    calendar_id: CalendarId
    version: int
    definition: Mapping[str, Any]
    country_dates: Sequence[str]
    tzdata_version: str
    created_at: datetime

    @classmethod
    def of(cls, version: CalendarVersion) -> "CalendarVersionView":
        return cls(
            id=version.id,
            calendar_id=version.calendar_id,
            version=version.version,
            definition=version.definition,
            country_dates=version.country_dates,
            tzdata_version=version.tzdata_version,
            created_at=version.created_at,
        )


class ComputedView(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer to one item: a time or a number of seconds in `result`, or why there is none in `error`."""

    id: str | int | msgspec.UnsetType = msgspec.UNSET
    result: str | float | msgspec.UnsetType = msgspec.UNSET
    error: str | msgspec.UnsetType = msgspec.UNSET

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> "ComputedView":
        return cls(**answer)


class CalendarController(Controller):
    path = "/v1/calendars"
    tags = ("Calendars",)

    @post("/", operation_id="createCalendar")
    async def create(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        data: JSONBody[CreateCalendar],
    ) -> Response[CalendarView]:
        """Create a calendar."""

        async def effect() -> Response[CalendarView]:
            if data.client_id is not None:
                await tenants.get_client(session, data.client_id)
            calendar = await service.create(
                session, actor, name=data.name, raw=data.definition, client_id=data.client_id, now=now
            )
            view, address = CalendarView.of(calendar), f"/v1/calendars/{calendar.id}"
            return conditional.created(view, tag=_tag(calendar), address=address)

        return await once(effect)

    @get("/", operation_id="listCalendars")
    async def list_all(
        self, session: NamedDependency[TenantSession], paging: NamedDependency[Paging]
    ) -> Response[Page[CalendarView]]:
        """List the calendars, oldest first. A client's application sees those all share, and its own."""
        found = await service.list_calendars(session, after=paging.after(UUID), limit=paging.sought)
        return paging.page(found, position=lambda calendar: calendar.id, view=CalendarView.of)

    @get("/{calendar_id:uuid}", operation_id="getCalendar")
    async def get_one(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[TenantSession],
        calendar_id: FromPath[CalendarId],
    ) -> Response[CalendarView]:
        """Show one calendar as it is now."""
        calendar = await service.get(session, calendar_id)
        return conditional.respond(request, CalendarView.of(calendar), tag=_tag(calendar))

    @put("/{calendar_id:uuid}", operation_id="reviseCalendar")
    async def revise(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        precondition: NamedDependency[Precondition],
        calendar_id: FromPath[CalendarId],
        data: JSONBody[ReviseCalendar],
    ) -> Response[CalendarView]:
        """Make a new version current. Promises made before keep the version they were made by."""
        held = await service.get(session, calendar_id, lock=True)
        precondition.check(_tag(held))
        calendar = await rescheduling.revise(
            session, actor, calendar_id, raw=data.definition, now=now, name=data.name
        )
        return Response(CalendarView.of(calendar), headers={"ETag": _tag(calendar)})

    @get(
        "/{calendar_id:uuid}/versions",
        operation_id="listCalendarVersions",
    )
    async def list_versions(
        self,
        session: NamedDependency[TenantSession],
        paging: NamedDependency[Paging],
        calendar_id: FromPath[CalendarId],
    ) -> Response[Page[CalendarVersionView]]:
        """List what the calendar has said, oldest version first."""
        found = await service.list_versions(
            session, calendar_id, after=paging.after(UUID), limit=paging.sought
        )
        return paging.page(found, position=lambda version: version.id, view=CalendarVersionView.of)

    @post("/compute", status_code=200, operation_id="computeWorkingTime")
    async def compute(self, data: JSONBody[list[Any]]) -> list[ComputedView]:
        """Compute with calendars that need not be stored.

        Up to 100 items `{id?, calendar, op, input}` are answered in order, each with its `result` or an
        `error`: a bad one spoils no other. See docs/guides/calendars.md.
        """
        return [ComputedView.of(answer) for answer in await service.compute(data)]


def _tag(calendar: Calendar) -> str:
    return conditional.etag(calendar.id, calendar.current.version)
