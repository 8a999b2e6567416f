"""HTTP for major incidents: parse, call one use case, render."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from service.api import conditional
from service.api.conditional import Precondition
from service.api.idempotency import Once
from service.api.major_incident_views import (
    AddClient,
    ChangeMajorIncident,
    DeclareMajorIncident,
    EndMajorIncident,
    LinkRequest,
    MajorIncidentReport,
    MajorIncidentView,
    ReportView,
)
from service.api.pagination import Page, Paging
from service.api.security import Principal
from service.audit.domain import Actor
from service.db import TenantSession
from service.ids import MajorIncidentId, RequestId
from service.requests.major_incidents import reading, service
from service.requests.major_incidents.domain import MajorIncident, State
from service.requests.major_incidents.store import Sought
from service.tenants import service as tenants


class MajorIncidentController(Controller):
    path = "/v1/major-incidents"
    tags = ("Major incidents",)

    @post("/", operation_id="declareMajorIncident")
    async def declare(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        once: NamedDependency[Once],
        data: JSONBody[DeclareMajorIncident],
    ) -> Response[MajorIncidentView]:
        """Declare a major incident. Every client organization that it affects is told, and owed reports."""

        async def effect() -> Response[MajorIncidentView]:
            incident = await service.declare(session, actor, await data.declaration(session), now=now)
            address = f"/v1/major-incidents/{incident.id}"
            return conditional.created(await _shown(session, incident), tag=_tag(incident), address=address)

        return await once(effect)

    @get("/", operation_id="listMajorIncidents")
    async def list_all(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        paging: NamedDependency[Paging],
        in_state: Annotated[
            State | None, QueryParameter(name="state", description="In this state only.")
        ] = None,
        request_id: Annotated[
            RequestId | None, QueryParameter(description="Those that this request is linked to.")
        ] = None,
    ) -> Response[Page[MajorIncidentView]]:
        """List major incidents, the newest first; to a client's application, those that affect its client."""
        sought, before = Sought(state=in_state, request_id=request_id), paging.after(UUID)
        if principal.client_id is None:
            found = await reading.list_all(session, sought, before=before, limit=paging.sought)
            views = [MajorIncidentView.of(each) for each in found]
        else:
            seen = await reading.glimpses(
                session, principal.client_id, sought, before=before, limit=paging.sought
            )
            views = [MajorIncidentView.glimpsed(each) for each in seen]
        return paging.page(views, position=lambda view: view.id, view=lambda view: view)

    @get("/{incident_id:uuid}", operation_id="getMajorIncident")
    async def get_one(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        incident_id: FromPath[MajorIncidentId],
    ) -> Response[MajorIncidentView]:
        """Show one. A client's application sees what its client may know: never who else is affected."""
        if principal.client_id is not None:
            seen = await reading.glimpse(session, incident_id, principal.client_id)
            return Response(MajorIncidentView.glimpsed(seen))
        account = await reading.get(session, incident_id)
        return Response(MajorIncidentView.of(account), headers={"ETag": _tag(account.incident)})

    @put("/{incident_id:uuid}", operation_id="changeMajorIncident")
    async def change(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        precondition: NamedDependency[Precondition],
        incident_id: FromPath[MajorIncidentId],
        data: JSONBody[ChangeMajorIncident],
    ) -> Response[MajorIncidentView]:
        """Call it otherwise, link it to a problem record, or have it reported more or less often."""
        held = (await reading.get(session, incident_id, lock=True)).incident
        precondition.check(_tag(held))
        changed = await service.change(session, actor, incident_id, await data.change(session), now=now)
        return Response(await _shown(session, changed), headers={"ETag": _tag(changed)})

    @post("/{incident_id:uuid}/reports", operation_id="reportMajorIncident")
    async def report(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        once: NamedDependency[Once],
        incident_id: FromPath[MajorIncidentId],
        data: JSONBody[MajorIncidentReport],
    ) -> Response[ReportView]:
        """Report how it goes on. What clients are told fulfils what was promised to each of them."""

        async def effect() -> Response[ReportView]:
            told = await service.report(session, actor, incident_id, data.text, data.audience, now=now)
            return Response(ReportView.of(told, in_full=True), status_code=201)

        return await once(effect)

    @get("/{incident_id:uuid}/reports", operation_id="listMajorIncidentReports")
    async def list_reports(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        paging: NamedDependency[Paging],
        incident_id: FromPath[MajorIncidentId],
    ) -> Response[Page[ReportView]]:
        """List the reports, the newest first. A client's application sees those that its client was told."""
        found = await reading.reports(
            session,
            incident_id,
            client_id=principal.client_id,
            before=paging.after(UUID),
            limit=paging.sought,
        )
        return paging.page(
            found,
            position=lambda told: told.id,
            view=lambda told: ReportView.of(told, in_full=principal.client_id is None),
        )

    @post("/{incident_id:uuid}/requests", status_code=200, operation_id="linkMajorIncidentRequest")
    async def link(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        once: NamedDependency[Once],
        incident_id: FromPath[MajorIncidentId],
        data: JSONBody[LinkRequest],
    ) -> Response[MajorIncidentView]:
        """Link a request that it is the cause of; the client organization of that is affected from now on."""

        async def effect() -> Response[MajorIncidentView]:
            linked = await service.link(session, actor, incident_id, data.request_id, now=now)
            return Response(await _shown(session, linked), headers={"ETag": _tag(linked)})

        return await once(effect, status_code=200)

    @post("/{incident_id:uuid}/clients", status_code=200, operation_id="addMajorIncidentClient")
    async def add_client(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        once: NamedDependency[Once],
        incident_id: FromPath[MajorIncidentId],
        data: JSONBody[AddClient],
    ) -> Response[MajorIncidentView]:
        """Let it affect another client organization, which is owed reports from now on."""

        async def effect() -> Response[MajorIncidentView]:
            client = await tenants.find_client(session, data.client)
            widened = await service.add_client(session, actor, incident_id, client.id, now=now)
            return Response(await _shown(session, widened), headers={"ETag": _tag(widened)})

        return await once(effect, status_code=200)

    @post("/{incident_id:uuid}/end", status_code=200, operation_id="endMajorIncident")
    async def end(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        once: NamedDependency[Once],
        incident_id: FromPath[MajorIncidentId],
        data: JSONBody[EndMajorIncident],
    ) -> Response[MajorIncidentView]:
        """End it, with a last report if `text` is given. Nobody is owed a further one."""

        async def effect() -> Response[MajorIncidentView]:
            ended = await service.end(session, actor, incident_id, data.text, now=now)
            return Response(await _shown(session, ended), headers={"ETag": _tag(ended)})

        return await once(effect, status_code=200)


async def _shown(session: TenantSession, incident: MajorIncident) -> MajorIncidentView:
    return MajorIncidentView.of(await reading.get(session, incident.id))


def _tag(incident: MajorIncident) -> str:
    return conditional.etag(incident.id, incident.version)
