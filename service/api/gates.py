"""HTTP for gates: parse, call one use case, render."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from service.api import conditional
from service.api.gate_views import GateRecordView, GateView
from service.api.idempotency import Once
from service.api.pagination import Page, Paging
from service.audit.domain import Actor
from service.db import TenantSession
from service.ids import ArrangementId, GateId, RequestId
from service.rationalization.gates import service
from service.rationalization.gates.documents import Document
from service.rationalization.gates.domain import Kind, State
from service.rationalization.gates.models import Gate
from service.rationalization.gates.service import Sought
from service.requests import evidencing
from service.rules.service import Rulebook


class GateController(Controller):
    path = "/v1/gates"
    tags = ("Gates",)

    @get("/", operation_id="listGates")
    async def list_all(
        self,
        session: NamedDependency[TenantSession],
        paging: NamedDependency[Paging],
        arrangement_id: Annotated[
            ArrangementId | None, QueryParameter(description="Of this arrangement only.")
        ] = None,
        request_id: Annotated[RequestId | None, QueryParameter(description="Of this request only.")] = None,
        kind: Annotated[Kind | None, QueryParameter(description="Of this kind only.")] = None,
        standing: Annotated[
            State | None, QueryParameter(name="state", description="That stand so only.")
        ] = None,
    ) -> Response[Page[GateView]]:
        """List gates, oldest first."""
        sought = Sought(arrangement_id=arrangement_id, request_id=request_id, kind=kind, state=standing)
        found = await service.list_gates(session, sought, after=paging.after(UUID), limit=paging.sought)
        return paging.page(found, position=lambda gate: gate.id, view=GateView.of)

    @get("/{gate_id:uuid}", operation_id="getGate")
    async def get_one(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[TenantSession],
        gate_id: FromPath[GateId],
    ) -> Response[GateView]:
        """Show one gate, and what is missing, as it was judged last."""
        gate = await service.get(session, gate_id)
        return conditional.respond(request, GateView.of(gate), tag=_tag(gate))

    @get("/{gate_id:uuid}/records", operation_id="listGateRecords")
    async def list_records(
        self,
        session: NamedDependency[TenantSession],
        paging: NamedDependency[Paging],
        gate_id: FromPath[GateId],
    ) -> Response[Page[GateRecordView]]:
        """List what was recorded for a gate and found of it, oldest first."""
        found = await service.list_records(session, gate_id, after=paging.after(int), limit=paging.sought)
        return paging.page(found, position=lambda record: record.number, view=GateRecordView.of)

    @post("/{gate_id:uuid}/records", operation_id="recordForGate")
    async def record(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        rulebook: NamedDependency[Rulebook],
        gate_id: FromPath[GateId],
        data: JSONBody[Document],
    ) -> Response[GateRecordView]:
        """Put something on record for a gate; `kind` is the gate's own, or `withdrawal`.

        The last record counts, and all of them stay.
        """

        async def effect() -> Response[GateRecordView]:
            made = await evidencing.record(session, rulebook, actor, gate_id, data, now=now)
            return Response(GateRecordView.of(made), status_code=201)

        return await once(effect)

    @post("/{gate_id:uuid}/look", status_code=200, operation_id="lookAtGate")
    async def look(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        rulebook: NamedDependency[Rulebook],
        gate_id: FromPath[GateId],
    ) -> Response[GateView]:
        """Judge a gate and those beside it anew, by the calendars and the changes that there are now."""

        async def effect() -> GateView:
            return GateView.of(await evidencing.look(session, rulebook, actor, gate_id, now=now))

        return await once(effect, status_code=200)


def _tag(gate: Gate) -> str:
    return conditional.etag(gate.id, gate.version)
