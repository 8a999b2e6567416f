"""HTTP for special methods: parse, call one use case, render."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from service.api import conditional, fields
from service.api.idempotency import Once
from service.api.pagination import Page, Paging
from service.api.permissions import LEADS
from service.api.security import Principal
from service.api.special_method_views import (
    CheckSpecialMethod,
    EndSpecialMethod,
    SpecialMethodView,
    UseSpecialMethod,
    UseView,
)
from service.audit.domain import Actor
from service.db import TenantSession
from service.ids import ClientId, RequestId, ServiceId, SpecialMethodId
from service.rationalization.specials import service, using
from service.rationalization.specials.domain import State
from service.rationalization.specials.service import Sought
from service.requests import excepting
from service.requests.excepting import Ender
from service.requests.service import Caller


class SpecialMethodController(Controller):
    path = "/v1/special-methods"
    tags = ("Rationalization",)

    @get("/", operation_id="listSpecialMethods")
    async def list_all(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        paging: NamedDependency[Paging],
        standing: Annotated[
            State | None, QueryParameter(name="state", description="That stand so only.")
        ] = None,
        request_id: Annotated[RequestId | None, QueryParameter(description="Of this request only.")] = None,
        service_id: Annotated[ServiceId | None, QueryParameter(description="On this service only.")] = None,
        client_id: Annotated[
            ClientId | None, QueryParameter(description="Of this client organization only.")
        ] = None,
        expiring_before: Annotated[
            str | None, fields.instant_parameter("That may be used now, and no more at this instant")
        ] = None,
    ) -> Response[Page[SpecialMethodView]]:
        """List special methods, oldest first. A client's application sees those of its own client."""
        sought = Sought(
            client_id=principal.client_id,
            of_client=client_id,
            request_id=request_id,
            service_id=service_id,
            state=standing,
            expiring_before=fields.instant("expiring_before", expiring_before),
        )
        found = await service.list_special_methods(
            session, sought, after=paging.after(UUID), limit=paging.sought
        )
        in_full = principal.client_id is None
        return paging.page(
            found,
            position=lambda special: special.id,
            view=lambda special: SpecialMethodView.of(special, in_full=in_full),
        )

    @get("/{special_method_id:uuid}", operation_id="getSpecialMethod")
    async def get_one(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        special_method_id: FromPath[SpecialMethodId],
    ) -> Response[SpecialMethodView]:
        """Show one special method, and where it stands."""
        found = await service.get(session, special_method_id, client_id=principal.client_id)
        view = SpecialMethodView.of(found, in_full=principal.client_id is None)
        return conditional.respond(request, view, tag=conditional.etag(found.id, found.version))

    @get("/{special_method_id:uuid}/uses", operation_id="listSpecialMethodUses")
    async def list_uses(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        paging: NamedDependency[Paging],
        special_method_id: FromPath[SpecialMethodId],
    ) -> Response[Page[UseView]]:
        """List its uses, in the order in which they were recorded. A client's application is shown none."""
        found = await using.list_uses(
            session,
            special_method_id,
            client_id=principal.client_id,
            after=paging.after(UUID),
            limit=paging.sought,
        )
        return paging.page(found, position=lambda use: use.id, view=UseView.of)

    @post("/{special_method_id:uuid}/uses", operation_id="useSpecialMethod")
    async def use(
        self,
        session: NamedDependency[TenantSession],
        caller: NamedDependency[Caller],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        special_method_id: FromPath[SpecialMethodId],
        data: JSONBody[UseSpecialMethod],
    ) -> Response[UseView]:
        """Record that it was used. What is told late counts by when it was; more than a day needs a scope."""

        async def effect() -> UseView:
            usage = data.usage(now)
            return UseView.of(await excepting.use(session, caller, special_method_id, usage, now=now))

        return await once(effect)

    @post("/{special_method_id:uuid}/end", status_code=200, operation_id="endSpecialMethod")
    async def end(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        special_method_id: FromPath[SpecialMethodId],
        data: JSONBody[EndSpecialMethod],
    ) -> Response[SpecialMethodView]:
        """End it before its time, as a manager or as who asked for it. From then on it is to be undone."""

        async def effect() -> SpecialMethodView:
            leads = principal.member_id is None or bool(principal.roles & LEADS)
            ender = Ender(actor, principal.member_id, leads)
            ended = await excepting.end(session, ender, special_method_id, data.reason, now=now)
            return SpecialMethodView.of(ended, in_full=True)

        return await once(effect, status_code=200)

    @post("/{special_method_id:uuid}/check", status_code=200, operation_id="checkSpecialMethod")
    async def check(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        special_method_id: FromPath[SpecialMethodId],
        data: JSONBody[CheckSpecialMethod],
    ) -> Response[SpecialMethodView]:
        """Say what was found after its end: undone, which fulfils what was promised, or why not yet."""

        async def effect() -> SpecialMethodView:
            checked = data.checked(now, by=actor.name)
            found = await excepting.check(session, actor, special_method_id, checked)
            return SpecialMethodView.of(found, in_full=True)

        return await once(effect, status_code=200)
