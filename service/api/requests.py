"""HTTP for requests: parse, call one use case, render."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from service.api import conditional
from service.api.decision_views import DecisionsView, WhyView
from service.api.idempotency import Once
from service.api.pagination import Page, Paging
from service.api.request_forms import Reported, SubmitRequest
from service.api.request_views import (
    AcceptedView,
    PromiseTimelineView,
    RecordedView,
    RequestEventView,
    RequestView,
    TimelineView,
)
from service.db import TenantSession
from service.ids import RequestId
from service.requests import reading, service
from service.requests.domain import Place
from service.requests.service import Caller
from service.rules.service import Rulebook


class RequestController(Controller):
    path = "/v1/requests"
    tags = ("Requests",)

    @post("/", operation_id="submitRequest")
    async def submit(
        self,
        session: NamedDependency[TenantSession],
        rulebook: NamedDependency[Rulebook],
        caller: NamedDependency[Caller],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        data: JSONBody[SubmitRequest],
    ) -> Response[AcceptedView]:
        """Submit a request: what is promised is decided, and kept watch over, from this answer on."""

        async def effect() -> Response[AcceptedView]:
            accepted = await service.submit(session, rulebook, data.submission(now), caller=caller, now=now)
            view = AcceptedView.of(accepted, now, in_full=caller.client_id is None)
            return Response(view, headers={"Location": f"/v1/requests/{accepted.request.id}"})

        return await once(effect)

    @get("/", operation_id="listRequests")
    async def list_all(
        self,
        session: NamedDependency[TenantSession],
        caller: NamedDependency[Caller],
        paging: NamedDependency[Paging],
        source: Annotated[
            str | None, QueryParameter(description="From this source; with `external_id`.")
        ] = None,
        external_id: Annotated[str | None, QueryParameter(description="What the source calls it.")] = None,
    ) -> Response[Page[RequestView]]:
        """List requests, oldest first. A client's application sees those of its own client."""
        external = None if source is None or external_id is None else (source, external_id)
        found = await reading.list_requests(
            session,
            client_id=caller.client_id,
            external=external,
            after=paging.after(UUID),
            limit=paging.sought,
        )
        arranged = await reading.arrangements_of(session, found)
        return paging.page(
            found,
            position=lambda request: request.id,
            view=lambda request: RequestView.of(request, arranged.get(request.id)),
        )

    @get("/{request_id:uuid}", operation_id="getRequest")
    async def get_one(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[TenantSession],
        caller: NamedDependency[Caller],
        request_id: FromPath[RequestId],
    ) -> Response[RequestView]:
        """Show one request as it is known now."""
        found = await reading.get(session, request_id, client_id=caller.client_id)
        arranged = (await reading.arrangements_of(session, [found])).get(found.id)
        versions = (found.sequence,) if arranged is None else (found.sequence, arranged.version)
        tag = conditional.etag(found.id, *versions)
        return conditional.respond(request, RequestView.of(found, arranged), tag=tag)

    @post("/{request_id:uuid}/events", operation_id="reportEvent")
    async def report(
        self,
        session: NamedDependency[TenantSession],
        rulebook: NamedDependency[Rulebook],
        caller: NamedDependency[Caller],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        request_id: FromPath[RequestId],
        data: JSONBody[Reported],
    ) -> Response[RecordedView]:
        """Report what happened to a request. What is told late counts from when it happened."""

        async def effect() -> RecordedView:
            recorded = await service.record(
                session, rulebook, request_id, data.report(now), caller=caller, now=now
            )
            return RecordedView.of(recorded, now, in_full=caller.client_id is None)

        return await once(effect)

    @get("/{request_id:uuid}/events", operation_id="listRequestEvents")
    async def list_events(
        self,
        session: NamedDependency[TenantSession],
        caller: NamedDependency[Caller],
        paging: NamedDependency[Paging],
        request_id: FromPath[RequestId],
    ) -> Response[Page[RequestEventView]]:
        """List the request's ledger, in the order in which its entries count."""
        found = await reading.list_events(
            session, request_id, client_id=caller.client_id, after=paging.after(Place), limit=paging.sought
        )
        return paging.page(found, position=lambda event: event.order, view=RequestEventView.of)

    @get("/{request_id:uuid}/decision", operation_id="getDecision")
    async def get_decision(
        self,
        session: NamedDependency[TenantSession],
        caller: NamedDependency[Caller],
        request_id: FromPath[RequestId],
    ) -> DecisionsView:
        """Show the decision that holds, and those before it."""
        found = await reading.decisions(session, request_id, client_id=caller.client_id)
        return DecisionsView.of(request_id, found, in_full=caller.client_id is None)

    @get("/{request_id:uuid}/why", operation_id="getWhy")
    async def get_why(
        self,
        session: NamedDependency[TenantSession],
        rulebook: NamedDependency[Rulebook],
        caller: NamedDependency[Caller],
        request_id: FromPath[RequestId],
    ) -> WhyView:
        """Say why: every rule that was in effect, matched or not, with the values that decided it."""
        found = await reading.why(session, rulebook, request_id, client_id=caller.client_id)
        return WhyView.of(found, in_full=caller.client_id is None)

    @get("/{request_id:uuid}/timeline", operation_id="getTimeline")
    async def get_timeline(
        self,
        session: NamedDependency[TenantSession],
        caller: NamedDependency[Caller],
        now: NamedDependency[datetime],
        request_id: FromPath[RequestId],
    ) -> TimelineView:
        """Show how the time of each promise was spent: counting, closed or paused; and who used it."""
        found = await reading.timeline(session, request_id, client_id=caller.client_id, now=now)
        in_full = caller.client_id is None
        shown = [PromiseTimelineView.of(account, now, in_full=in_full) for account in found]
        return TimelineView(request_id, now, shown)
