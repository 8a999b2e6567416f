"""HTTP for the tenant itself: parse, call one use case, render."""

from datetime import datetime
from typing import Any

import msgspec
from litestar import Controller, Request, Response, get, patch
from litestar.di import NamedDependency
from litestar.params import JSONBody

from service.api import conditional
from service.api.conditional import Precondition
from service.audit.domain import Actor
from service.db import TenantSession
from service.ids import TenantId
from service.tenants import service
from service.tenants.domain import Approval, Tenant, TenantKind


class ChangeTenant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be recorded of the tenant: where its policies are reviewed before they are published."""

    approval: Approval


class TenantView(msgspec.Struct, frozen=True):
    id: TenantId
    slug: str
    name: str
    kind: TenantKind
    approval: Approval

    @classmethod
    def of(cls, tenant: Tenant) -> "TenantView":
        return cls(
            id=tenant.id, slug=tenant.slug, name=tenant.name, kind=tenant.kind, approval=tenant.approval
        )


class TenantController(Controller):
    path = "/v1/tenant"
    tags = ("Tenants",)

    @get("/", operation_id="getTenant")
    async def get_tenant(
        self, request: Request[Any, Any, Any], session: NamedDependency[TenantSession]
    ) -> Response[TenantView]:
        """Show the tenant that the access token belongs to."""
        tenant = await service.get(session)
        return conditional.respond(request, TenantView.of(tenant), tag=_tag(tenant))

    @patch("/", operation_id="changeTenant")
    async def change(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        precondition: NamedDependency[Precondition],
        data: JSONBody[ChangeTenant],
    ) -> Response[TenantView]:
        """Record where the tenant's policies are reviewed: by its members, or in git before they come."""
        precondition.check(_tag(await service.get(session, lock=True)))
        tenant = await service.change(session, actor, approval=data.approval, now=now)
        return Response(TenantView.of(tenant), headers={"ETag": _tag(tenant)})


def _tag(tenant: Tenant) -> str:
    return conditional.etag(tenant.id, tenant.version)
