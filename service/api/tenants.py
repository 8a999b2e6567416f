"""HTTP for tenants, clients and the service register: parse, call one use case, render."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, Request, Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from service.api import conditional
from service.api.conditional import Precondition
from service.api.fields import Name
from service.api.idempotency import Once
from service.api.pagination import Page, Paging
from service.audit.domain import Actor
from service.db import TenantSession
from service.ids import ClientId, ServiceId, TenantId
from service.tenants import service
from service.tenants.domain import Client, OperatedService, TenantKind
from service.tenants.service import ServiceEntry

Text = Annotated[str, msgspec.Meta(max_length=200)]


class TenantView(msgspec.Struct, frozen=True):
    id: TenantId
    slug: str
    name: str
    kind: TenantKind


class CreateClient(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A client organization. Its tier is the fact `client.tier`."""

    name: Name
    tier: Text | None = None


class ClientView(msgspec.Struct, frozen=True):
    id: ClientId
    name: str
    tier: str | None
    version: int
    created_at: datetime

    @classmethod
    def of(cls, client: Client) -> "ClientView":
        return cls(
            id=client.id,
            name=client.name,
            tier=client.tier,
            version=client.version,
            created_at=client.created_at,
        )


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


class TenantController(Controller):
    path = "/v1/tenant"
    tags = ("Tenants",)

    @get("/", operation_id="getTenant")
    async def get_tenant(self, session: NamedDependency[TenantSession]) -> TenantView:
        """Show the tenant that the access token belongs to."""
        tenant = await service.get(session)
        return TenantView(id=tenant.id, slug=tenant.slug, name=tenant.name, kind=tenant.kind)


class ClientController(Controller):
    path = "/v1/clients"
    tags = ("Clients",)

    @post("/", operation_id="createClient")
    async def create(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        once: NamedDependency[Once],
        data: JSONBody[CreateClient],
    ) -> Response[ClientView]:
        """Register a client organization."""

        async def effect() -> Response[ClientView]:
            client = await service.create_client(session, actor, name=data.name, tier=data.tier, now=now)
            view, address = ClientView.of(client), f"/v1/clients/{client.id}"
            return conditional.created(view, tag=_tag(client), address=address)

        return await once(effect)

    @get("/", operation_id="listClients")
    async def list_all(
        self, session: NamedDependency[TenantSession], paging: NamedDependency[Paging]
    ) -> Response[Page[ClientView]]:
        """List the client organizations, oldest first."""
        found = await service.list_clients(session, after=paging.after(UUID), limit=paging.sought)
        return paging.page(found, position=lambda client: client.id, view=ClientView.of)

    @get("/{client_id:uuid}", operation_id="getClient")
    async def get_one(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[TenantSession],
        client_id: FromPath[ClientId],
    ) -> Response[ClientView]:
        """Show one client organization."""
        client = await service.get_client(session, client_id)
        return conditional.respond(request, ClientView.of(client), tag=_tag(client))


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


def _tag(registered: Client | OperatedService) -> str:
    return conditional.etag(registered.id, registered.version)
