"""HTTP for the service register: parse, call one use case, render."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Controller, Request, Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from service.api import conditional
from service.api.conditional import Precondition
from service.api.fields import Name, Text
from service.api.idempotency import Once
from service.api.pagination import Page, Paging
from service.audit.domain import Actor
from service.db import TenantSession
from service.ids import ServiceId
from service.tenants import service
from service.tenants.domain import OperatedService
from service.tenants.service import ServiceEntry


class RegisterService(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An entry of the service register: the source of the `service.*` facts."""

    name: Name
    owner_group: Text | None = None
    criticality: Text | None = None
    hours: Text | None = None

    def entry(self) -> ServiceEntry:
        return ServiceEntry(
            name=self.name, owner_group=self.owner_group, criticality=self.criticality, hours=self.hours
        )


class ServiceView(msgspec.Struct, frozen=True):
    id: ServiceId
    name: str
    owner_group: str | None
    criticality: str | None
    hours: str | None
    version: int
    created_at: datetime

    @classmethod
    def of(cls, service: OperatedService) -> "ServiceView":
        return cls(
            id=service.id,
            name=service.name,
            owner_group=service.owner_group,
            criticality=service.criticality,
            hours=service.hours,
            version=service.version,
            created_at=service.created_at,
        )


class ServiceController(Controller):
    path = "/v1/services"
    tags = ("Services",)

    @post("/", operation_id="registerService")
    async def register(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        once: NamedDependency[Once],
        data: JSONBody[RegisterService],
    ) -> Response[ServiceView]:
        """Add an entry to the service register."""

        async def effect() -> Response[ServiceView]:
            entry = await service.register_service(session, actor, data.entry(), now=now)
            view, address = ServiceView.of(entry), f"/v1/services/{entry.id}"
            return conditional.created(view, tag=_tag(entry), address=address)

        return await once(effect)

    @get("/", operation_id="listServices")
    async def list_all(
        self, session: NamedDependency[TenantSession], paging: NamedDependency[Paging]
    ) -> Response[Page[ServiceView]]:
        """List the service register, oldest entries first."""
        found = await service.list_services(session, after=paging.after(UUID), limit=paging.sought)
        return paging.page(found, position=lambda entry: entry.id, view=ServiceView.of)

    @get("/{service_id:uuid}", operation_id="getService")
    async def get_one(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[TenantSession],
        service_id: FromPath[ServiceId],
    ) -> Response[ServiceView]:
        """Show one entry of the service register."""
        entry = await service.get_service(session, service_id)
        return conditional.respond(request, ServiceView.of(entry), tag=_tag(entry))

    @put("/{service_id:uuid}", operation_id="changeService")
    async def change(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        precondition: NamedDependency[Precondition],
        service_id: FromPath[ServiceId],
        data: JSONBody[RegisterService],
    ) -> Response[ServiceView]:
        """Replace an entry of the service register."""
        held = await service.get_service(session, service_id, lock=True)
        precondition.check(_tag(held))
        changed = await service.change_service(session, actor, service_id, data.entry(), now=now)
        return Response(ServiceView.of(changed), headers={"ETag": _tag(changed)})


def _tag(entry: OperatedService) -> str:
    return conditional.etag(entry.id, entry.version)
