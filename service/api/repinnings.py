"""HTTP for putting running requests on a new version: parse, call one use case, render."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from service.api import background
from service.api.idempotency import Once
from service.api.pagination import Page, Paging
from service.api.repinning_views import Repin, RepinningView, RequestChangeView
from service.audit.domain import Actor
from service.db import TenantSession
from service.ids import CalendarId, PolicyId, RepinningId
from service.requests.repinning import service
from service.requests.repinning.domain import UNDER_WAY
from service.requests.repinning.models import Outcome, Repinning


class PolicyRepinningController(Controller):
    path = "/v1/policies/{policy_id:uuid}/repinnings"
    tags = ("Policies",)

    @post("/", status_code=202, operation_id="repinPolicy")
    async def repin(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        policy_id: FromPath[PolicyId],
        data: JSONBody[Repin],
    ) -> Response[RepinningView]:
        """Put running requests on the policy's version in effect, or find out what that would change."""

        async def effect() -> Response[RepinningView]:
            subject = await service.of_policy(session, policy_id, now=now)
            return _begun(await data.begun(session, actor, subject, now))

        return await once(effect, status_code=202)


class CalendarRepinningController(Controller):
    path = "/v1/calendars/{calendar_id:uuid}/repinnings"
    tags = ("Calendars",)

    @post("/", status_code=202, operation_id="repinCalendar")
    async def repin(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        calendar_id: FromPath[CalendarId],
        data: JSONBody[Repin],
    ) -> Response[RepinningView]:
        """Have running promises count by the calendar's current version, or find out what would change."""

        async def effect() -> Response[RepinningView]:
            subject = await service.of_calendar(session, calendar_id)
            return _begun(await data.begun(session, actor, subject, now))

        return await once(effect, status_code=202)


class RepinningController(Controller):
    path = "/v1/repinnings"
    tags = ("Policies",)

    @get("/", operation_id="listRepinnings")
    async def list_all(
        self,
        session: NamedDependency[TenantSession],
        paging: NamedDependency[Paging],
        policy_id: Annotated[PolicyId | None, QueryParameter(description="Of this policy only.")] = None,
        calendar_id: Annotated[
            CalendarId | None, QueryParameter(description="Of this calendar only.")
        ] = None,
    ) -> Response[Page[RepinningView]]:
        """List repinnings and their previews, the newest first."""
        found = await service.list_all(
            session,
            policy_id=policy_id,
            calendar_id=calendar_id,
            before=paging.after(UUID),
            limit=paging.sought,
        )
        return paging.page(found, position=lambda repinning: repinning.id, view=RepinningView.of_domain)

    @get("/{repinning_id:uuid}", operation_id="getRepinning")
    async def get_one(
        self, session: NamedDependency[TenantSession], repinning_id: FromPath[RepinningId]
    ) -> Response[RepinningView]:
        """Show one repinning, or preview, and how far it is; until it ends `Retry-After` says when to ask."""
        found = await service.get(session, repinning_id)
        return background.progress(RepinningView.of_domain(found), is_under_way=found.phase in UNDER_WAY)

    @get("/{repinning_id:uuid}/changes", operation_id="listRepinningChanges")
    async def list_changes(
        self,
        session: NamedDependency[TenantSession],
        paging: NamedDependency[Paging],
        repinning_id: FromPath[RepinningId],
        outcome: Annotated[
            Outcome | None, QueryParameter(description="Only those that changed, or that failed.")
        ] = None,
    ) -> Response[Page[RequestChangeView]]:
        """List the requests whose promises change, and those that could not be decided anew."""
        found = await service.changes(
            session, repinning_id, outcome=outcome, after=paging.after(UUID), limit=paging.sought
        )
        return paging.page(found, position=lambda change: change.id, view=RequestChangeView.of)

    @post("/{repinning_id:uuid}/cancel", status_code=200, operation_id="cancelRepinning")
    async def cancel(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        repinning_id: FromPath[RepinningId],
    ) -> Response[RepinningView]:
        """Let it end after the request that it is at. What was done stays done."""

        async def effect() -> Response[RepinningView]:
            ended = await service.cancel(session, actor, repinning_id, now=now)
            return Response(RepinningView.of_domain(ended))

        return await once(effect, status_code=200)

    @post("/{repinning_id:uuid}/resume", status_code=200, operation_id="resumeRepinning")
    async def resume(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        repinning_id: FromPath[RepinningId],
    ) -> Response[RepinningView]:
        """Go on with what was cancelled or could not go on, and try again what failed."""

        async def effect() -> Response[RepinningView]:
            resumed = await service.resume(session, actor, repinning_id, now=now)
            return Response(RepinningView.of_domain(resumed))

        return await once(effect, status_code=200)


def _begun(repinning: Repinning) -> Response[RepinningView]:
    view, address = RepinningView.of_domain(repinning), f"/v1/repinnings/{repinning.id}"
    return background.accepted(view, address=address)
