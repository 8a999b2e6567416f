"""HTTP for client organizations: parse, call one use case, render."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
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
from service.calendars import service as calendars
from service.db import TenantSession
from service.ids import ClientId
from service.tenants import service
from service.tenants.domain import Client
from service.tenants.service import ClientEntry

ProfileFact = str | int | float | bool
Profile = Annotated[
    dict[str, ProfileFact],
    msgspec.Meta(
        description="Facts of your own, which rules read as `client.custom.<name>`.",
        examples=[{"sites": 3, "on_site_staff": True, "sector": "shipping"}],
    ),
]
CalendarName = Annotated[
    Name, msgspec.Meta(description="The calendar that its days go by: a shared one, or its own.")
]


class RegisterClient(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A client organization. What is said of it are the facts `client.*`."""

    name: Name
    tier: Text | None = None
    profile: Profile = {}
    calendar: CalendarName | None = None

    def entry(self) -> ClientEntry:
        return ClientEntry(name=self.name, tier=self.tier, profile=dict(self.profile), calendar=self.calendar)


class ClientView(msgspec.Struct, frozen=True):
    id: ClientId
    name: str
    tier: str | None
    profile: Mapping[str, ProfileFact]
    calendar: str | None
    version: int
    created_at: datetime

    @classmethod
    def of(cls, client: Client) -> "ClientView":
        return cls(
            id=client.id,
            name=client.name,
            tier=client.tier,
            profile=client.profile,
            calendar=client.calendar,
            version=client.version,
            created_at=client.created_at,
        )


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
        data: JSONBody[RegisterClient],
    ) -> Response[ClientView]:
        """Register a client organization."""

        async def effect() -> Response[ClientView]:
            shared = await calendars.names(session)
            client = await service.create_client(session, actor, data.entry(), calendars=shared, now=now)
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

    @put("/{client_id:uuid}", operation_id="changeClient")
    async def change(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        precondition: NamedDependency[Precondition],
        client_id: FromPath[ClientId],
        data: JSONBody[RegisterClient],
    ) -> Response[ClientView]:
        """Replace what is said of a client organization. What was decided before stays as it is."""
        held = await service.get_client(session, client_id, lock=True)
        precondition.check(_tag(held))
        open_to_it = await calendars.names(session, client_id=client_id)
        changed = await service.change_client(
            session, actor, client_id, data.entry(), calendars=open_to_it, now=now
        )
        return Response(ClientView.of(changed), headers={"ETag": _tag(changed)})


def _tag(client: Client) -> str:
    return conditional.etag(client.id, client.version)
