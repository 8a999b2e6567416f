"""HTTP for the tenant itself: parse, call one use case, render."""

import msgspec
from litestar import Controller, get
from litestar.di import NamedDependency

from service.db import TenantSession
from service.ids import TenantId
from service.tenants import service
from service.tenants.domain import TenantKind


class TenantView(msgspec.Struct, frozen=True):
    id: TenantId
    slug: str
    name: str
    kind: TenantKind


class TenantController(Controller):
    path = "/v1/tenant"
    tags = ("Tenants",)

    @get("/", operation_id="getTenant")
    async def get_tenant(self, session: NamedDependency[TenantSession]) -> TenantView:
        """Show the tenant that the access token belongs to."""
        tenant = await service.get(session)
        return TenantView(id=tenant.id, slug=tenant.slug, name=tenant.name, kind=tenant.kind)
