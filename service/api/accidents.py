"""HTTP for the register of accidents: parse, call one use case, render."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from service.api import conditional
from service.api.accident_views import AccidentEntryView, AccidentForm, AccidentView
from service.api.conditional import Precondition
from service.api.idempotency import Once
from service.api.pagination import Page, Paging
from service.audit.domain import Actor
from service.db import TenantSession
from service.ids import AccidentId, RequestId, ServiceId
from service.rationalization.accidents import service
from service.rationalization.accidents.domain import Accident, State
from service.rationalization.accidents.service import Behind, Sought
from service.requests import reviewing


class AccidentController(Controller):
    path = "/v1/accidents"
    tags = ("Accidents",)

    @post("/", operation_id="recordAccident")
    async def record(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        once: NamedDependency[Once],
        data: JSONBody[AccidentForm],
    ) -> Response[AccidentView]:
        """Record an accident: an event caused by operating that hurt a service. Nobody needs to be named."""

        async def effect() -> Response[AccidentView]:
            report = await data.report(session, found_at=now)
            accident = await reviewing.record_accident(session, actor, report, now=now)
            address = f"/v1/accidents/{accident.id}"
            return conditional.created(AccidentView.of(accident, now), tag=_tag(accident), address=address)

        return await once(effect)

    @get("/", operation_id="listAccidents")
    async def list_all(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        paging: NamedDependency[Paging],
        in_state: Annotated[
            State | None, QueryParameter(name="state", description="In this state only.")
        ] = None,
        service_id: Annotated[ServiceId | None, QueryParameter(description="Of this service only.")] = None,
        request_id: Annotated[
            RequestId | None, QueryParameter(description="Those that this request caused, or is linked to.")
        ] = None,
        measures: Annotated[
            Behind | None,
            QueryParameter(
                description="Those with a measure that has a due and is `open`, or is `overdue` by now."
            ),
        ] = None,
    ) -> Response[Page[AccidentView]]:
        """List accidents, the one that was recorded last first."""
        sought = Sought(state=in_state, service_id=service_id, request_id=request_id, measures=measures)
        found = await service.list_accidents(
            session, sought, before=paging.after(UUID), limit=paging.sought, now=now
        )
        return paging.page(found, position=lambda each: each.id, view=lambda each: AccidentView.of(each, now))

    @get("/{accident_id:uuid}", operation_id="getAccident")
    async def get_one(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        accident_id: FromPath[AccidentId],
    ) -> Response[AccidentView]:
        """Show one, with its measures as they stand now."""
        found = await service.get(session, accident_id)
        return Response(AccidentView.of(found, now), headers={"ETag": _tag(found)})

    @put("/{accident_id:uuid}", operation_id="changeAccident")
    async def change(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        precondition: NamedDependency[Precondition],
        accident_id: FromPath[AccidentId],
        data: JSONBody[AccidentForm],
    ) -> Response[AccidentView]:
        """Say of it what is known by now, all of it; what was said before stays in its entries."""
        held = await service.get(session, accident_id, lock=True)
        precondition.check(_tag(held))
        report = await data.report(session, found_at=held.report.found_at)
        changed = await reviewing.change_accident(session, actor, accident_id, report, now=now)
        return Response(AccidentView.of(changed, now), headers={"ETag": _tag(changed)})

    @get("/{accident_id:uuid}/entries", operation_id="listAccidentEntries")
    async def list_entries(
        self,
        session: NamedDependency[TenantSession],
        paging: NamedDependency[Paging],
        accident_id: FromPath[AccidentId],
    ) -> Response[Page[AccidentEntryView]]:
        """List what was ever said of it, in order."""
        found = await service.entries(session, accident_id, after=paging.after(int) or 0, limit=paging.sought)
        return paging.page(found, position=lambda row: row.version, view=AccidentEntryView.of)


def _tag(accident: Accident) -> str:
    return conditional.etag(accident.id, accident.version)
