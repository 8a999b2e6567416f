"""HTTP for rotas: parse, call one use case, render."""

import hashlib
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from service.api import conditional, fields
from service.api.conditional import Precondition
from service.api.idempotency import Once
from service.api.pagination import Page, Paging
from service.api.rota_views import DutyView, GapView, RotaView, ShiftView, WriteRota
from service.audit.domain import Actor
from service.db import TenantSession
from service.escalations.ladders import service as ladders
from service.escalations.rotas import feeds, ics, service
from service.escalations.rotas.domain import WrittenRota
from service.ids import RotaId
from service.people import directory
from service.people import service as people

Start = Annotated[str, fields.instant_parameter("Where the stretch begins")]
End = Annotated[str, fields.instant_parameter("Where the stretch ends, 400 days later at most")]
At = Annotated[str | None, fields.instant_parameter("As of when; the tenant's now when left out")]


class RotaController(Controller):
    path = "/v1/rotas"
    tags = ("Rotas",)

    @post("/", operation_id="createRota")
    async def create(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        once: NamedDependency[Once],
        data: JSONBody[WriteRota],
    ) -> Response[RotaView]:
        """Create a rota. Ladders refer to it by its name."""

        async def effect() -> Response[RotaView]:
            entry = data.entry(await directory.named(session, data.named()))
            rota = await service.create(session, actor, entry, now=now)
            return conditional.created(RotaView.of(rota), tag=_tag(rota), address=f"/v1/rotas/{rota.id}")

        return await once(effect)

    @get("/", operation_id="listRotas")
    async def list_all(
        self, session: NamedDependency[TenantSession], paging: NamedDependency[Paging]
    ) -> Response[Page[RotaView]]:
        """List the rotas, oldest first."""
        found = await service.list_rotas(session, after=paging.after(UUID), limit=paging.sought)
        return paging.page(found, position=lambda rota: rota.id, view=RotaView.of)

    @get("/{rota_id:uuid}", operation_id="getRota")
    async def get_one(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[TenantSession],
        rota_id: FromPath[RotaId],
    ) -> Response[RotaView]:
        """Show one rota as it is written."""
        rota = await service.get(session, rota_id)
        return conditional.respond(request, RotaView.of(rota), tag=_tag(rota))

    @put("/{rota_id:uuid}", operation_id="changeRota")
    async def change(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        precondition: NamedDependency[Precondition],
        rota_id: FromPath[RotaId],
        data: JSONBody[WriteRota],
    ) -> Response[RotaView]:
        """Replace what is written of a rota. It keeps its name; what is agreed beside it stands."""
        precondition.check(_tag(await service.get(session, rota_id, lock=True)))
        entry = data.entry(await directory.named(session, data.named()))
        rota = await service.change(session, actor, rota_id, entry, now=now)
        return Response(RotaView.of(rota), headers={"ETag": _tag(rota)})

    @delete("/{rota_id:uuid}", operation_id="removeRota", status_code=204)
    async def remove(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        precondition: NamedDependency[Precondition],
        rota_id: FromPath[RotaId],
    ) -> None:
        """Remove a rota that no ladder names, with its overrides and links."""
        rota = await service.get(session, rota_id, lock=True)
        precondition.check(_tag(rota))
        named_by = await ladders.naming(session, "rota", rota.name)
        await service.remove(session, actor, rota_id, named_by=named_by, now=now)

    @get("/{rota_id:uuid}/on-duty", operation_id="getRotaDuty")
    async def show_duty(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        rota_id: FromPath[RotaId],
        at: At = None,
    ) -> DutyView:
        """Show who is on duty, and who is next, as far as 60 days reach."""
        asked = fields.instant("at", at) or now
        duty = await service.on_duty(session, rota_id, at=asked)
        members = await people.members(session, {each.member for each in (duty.now, duty.next) if each})
        return DutyView.of(duty, members, asked)

    @get("/{rota_id:uuid}/shifts", operation_id="listRotaShifts")
    async def list_shifts(
        self,
        session: NamedDependency[TenantSession],
        paging: NamedDependency[Paging],
        rota_id: FromPath[RotaId],
        start: Start,
        end: End,
    ) -> Response[Page[ShiftView]]:
        """List who is on duty from `start` to `end`, in order. Shifts are cut at both."""
        first, last = _stretch(paging, start, end)
        found = await service.shifts(session, rota_id, first, last)
        members = await people.members(session, {shift.member for shift in found})
        return paging.page(
            found, position=lambda shift: shift.end, view=lambda shift: ShiftView.of(shift, members)
        )

    @get("/{rota_id:uuid}/gaps", operation_id="listRotaGaps")
    async def list_gaps(
        self,
        session: NamedDependency[TenantSession],
        paging: NamedDependency[Paging],
        rota_id: FromPath[RotaId],
        start: Start,
        end: End,
    ) -> Response[Page[GapView]]:
        """List when nobody is on duty from `start` to `end`, and why, in order."""
        first, last = _stretch(paging, start, end)
        found = await service.gaps(session, rota_id, first, last)
        return paging.page(found, position=lambda gap: gap.end, view=GapView.of)

    @get("/{rota_id:uuid}/calendar.ics", operation_id="getRotaCalendar", media_type=ics.MEDIA_TYPE)
    async def show_calendar(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        rota_id: FromPath[RotaId],
    ) -> Response[bytes]:
        """Show the shifts as a calendar (iCalendar), from last month to half a year ahead."""
        return calendar(request, await feeds.calendar(session, rota_id, now=now))


def calendar(request: Request[Any, Any, Any], document: bytes) -> Response[bytes]:
    """An iCalendar document, unless the caller has it already."""
    tag = f'"{hashlib.sha256(document).hexdigest()}"'
    response = conditional.respond(request, document, tag=tag)
    response.media_type = ics.MEDIA_TYPE
    return response


def _stretch(paging: Paging, start: str, end: str) -> tuple[datetime, datetime]:
    """Where a page begins, and where the list ends. Raises ParameterMalformed, CursorUnknown."""
    first, last = fields.named_instant("start", start), fields.named_instant("end", end)
    return paging.after(datetime) or first, last


def _tag(rota: WrittenRota) -> str:
    return conditional.etag(rota.id, rota.version)
