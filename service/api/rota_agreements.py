"""HTTP for what is agreed beside a rota, and for the secret links to it: parse, call one use case, render."""

import secrets
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Controller, Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from service.api import conditional, rotas
from service.api.conditional import Precondition
from service.api.errors import RoleInsufficient
from service.api.idempotency import Once
from service.api.pagination import Page, Paging
from service.api.permissions import LEADS
from service.api.rota_views import (
    AgreeOnOverride,
    CreatedFeedView,
    CreateFeed,
    FeedView,
    OverrideView,
    SwapShifts,
    SwapView,
)
from service.api.security import Principal
from service.audit.domain import Actor
from service.db import Sessions, TenantSession, tenant_transaction
from service.escalations.rotas import feeds, ics, overrides
from service.ids import RotaFeedId, RotaId, RotaOverrideId
from service.settings import Settings
from service.tenants import service as tenants

SECRET_BYTES = 32


class RotaAgreementController(Controller):
    path = "/v1/rotas/{rota_id:uuid}"
    tags = ("Rotas",)

    @post("/overrides", operation_id="createRotaOverride")
    async def create(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        once: NamedDependency[Once],
        rota_id: FromPath[RotaId],
        data: JSONBody[AgreeOnOverride],
    ) -> Response[OverrideView]:
        """Put somebody else, or nobody, on duty for a while."""

        async def effect() -> Response[OverrideView]:
            planned = await overrides.add(session, actor, rota_id, data.entry(), now=now)
            address = f"/v1/rotas/{rota_id}/overrides/{planned.id}"
            return conditional.created(OverrideView.of(planned), tag=_tag(planned.id), address=address)

        return await once(effect)

    @get("/overrides", operation_id="listRotaOverrides")
    async def list_all(
        self,
        session: NamedDependency[TenantSession],
        paging: NamedDependency[Paging],
        rota_id: FromPath[RotaId],
    ) -> Response[Page[OverrideView]]:
        """List what was agreed beside a rota, oldest first; what is over stays."""
        found = await overrides.list_overrides(
            session, rota_id, after=paging.after(UUID), limit=paging.sought
        )
        return paging.page(found, position=lambda planned: planned.id, view=OverrideView.of)

    @get("/overrides/{override_id:uuid}", operation_id="getRotaOverride")
    async def get_one(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[TenantSession],
        rota_id: FromPath[RotaId],
        override_id: FromPath[RotaOverrideId],
    ) -> Response[OverrideView]:
        """Show one override."""
        planned = await overrides.get(session, rota_id, override_id)
        return conditional.respond(request, OverrideView.of(planned), tag=_tag(planned.id))

    @delete("/overrides/{override_id:uuid}", operation_id="removeRotaOverride", status_code=204)
    async def remove(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        precondition: NamedDependency[Precondition],
        rota_id: FromPath[RotaId],
        override_id: FromPath[RotaOverrideId],
    ) -> None:
        """Remove an override: whoever it stood in for is on duty again."""
        planned = await overrides.get(session, rota_id, override_id, lock=True)
        precondition.check(_tag(planned.id))
        await overrides.remove(session, actor, rota_id, override_id, now=now)

    @post("/swaps", operation_id="swapRotaShifts")
    async def swap(
        self,
        principal: NamedDependency[Principal],
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        once: NamedDependency[Once],
        rota_id: FromPath[RotaId],
        data: JSONBody[SwapShifts],
    ) -> Response[SwapView]:
        """Let two members stand in for one another, each for a whole shift.

        An agent swaps shifts of its own with others'; admins and managers swap anybody's.
        """
        _refuse_others_shifts(principal, data)

        async def effect() -> Response[SwapView]:
            a, b = await overrides.swap(session, actor, rota_id, data.a.seat(), data.b.seat(), now=now)
            view = SwapView(OverrideView.of(a), OverrideView.of(b))
            return Response(view, headers={"Location": f"/v1/rotas/{rota_id}/overrides"})

        return await once(effect)


class RotaFeedController(Controller):
    path = "/v1/rotas/{rota_id:uuid}/feeds"
    tags = ("Rotas",)

    @post("/", operation_id="createRotaFeed")
    async def create(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        once: NamedDependency[Once],
        settings: NamedDependency[Settings],
        rota_id: FromPath[RotaId],
        data: JSONBody[CreateFeed],
    ) -> Response[CreatedFeedView]:
        """Make a secret link to the calendar of a rota, for a calendar program that cannot send tokens."""

        async def effect() -> Response[CreatedFeedView]:
            secret = secrets.token_urlsafe(SECRET_BYTES)
            feed = await feeds.create(session, actor, rota_id, name=data.name, secret=secret, now=now)
            url = f"{settings.issuer}{feeds.path(session.tenant_id, secret)}"
            shown_once = CreatedFeedView(**msgspec.structs.asdict(FeedView.of(feed)), url=url)
            address = f"/v1/rotas/{rota_id}/feeds/{feed.id}"
            return conditional.created(shown_once, tag=_tag(feed.id), address=address)

        return await once(effect, secret=True)

    @get("/", operation_id="listRotaFeeds")
    async def list_all(
        self,
        session: NamedDependency[TenantSession],
        paging: NamedDependency[Paging],
        rota_id: FromPath[RotaId],
    ) -> Response[Page[FeedView]]:
        """List the secret links to a rota that count, oldest first, without their secrets."""
        found = await feeds.list_feeds(session, rota_id, after=paging.after(UUID), limit=paging.sought)
        return paging.page(found, position=lambda feed: feed.id, view=FeedView.of)

    @get("/{feed_id:uuid}", operation_id="getRotaFeed")
    async def get_one(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[TenantSession],
        rota_id: FromPath[RotaId],
        feed_id: FromPath[RotaFeedId],
    ) -> Response[FeedView]:
        """Show one secret link, without its secret."""
        feed = await feeds.get(session, rota_id, feed_id)
        return conditional.respond(request, FeedView.of(feed), tag=_tag(feed.id))

    @delete("/{feed_id:uuid}", operation_id="revokeRotaFeed", status_code=204)
    async def revoke(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        precondition: NamedDependency[Precondition],
        rota_id: FromPath[RotaId],
        feed_id: FromPath[RotaFeedId],
    ) -> None:
        """Revoke a secret link: from now on it leads nowhere."""
        feed = await feeds.get(session, rota_id, feed_id, lock=True)
        precondition.check(_tag(feed.id))
        await feeds.revoke(session, actor, rota_id, feed_id, now=now)


class FeedController(Controller):
    path = "/rota-feeds"
    tags = ("Rotas",)

    @get("/{token:str}/calendar.ics", operation_id="readRotaFeed", media_type=ics.MEDIA_TYPE)
    async def read(
        self,
        request: Request[Any, Any, Any],
        sessions: NamedDependency[Sessions],
        token: FromPath[str],
    ) -> Response[bytes]:
        """Show a rota as a calendar (iCalendar) to whoever has its secret link."""
        tenant_id, secret = feeds.read_token(token)
        async with tenant_transaction(sessions, tenant_id) as session:
            feed = await feeds.found(session, secret)
            now = await tenants.now(session)
            document = await feeds.calendar(session, feed.rota_id, now=now)
        return rotas.calendar(request, document)


def _refuse_others_shifts(principal: Principal, swap: SwapShifts) -> None:
    """Raises RoleInsufficient: neither shift is the caller's own, and it leads nobody."""
    if principal.member_id is None or principal.roles & LEADS:
        return
    if principal.member_id not in {swap.a.member_id, swap.b.member_id}:
        raise RoleInsufficient(LEADS)


def _tag(part_id: UUID) -> str:
    """Neither an override nor a link ever changes."""
    return conditional.etag(part_id)
