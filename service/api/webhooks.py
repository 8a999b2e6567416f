"""HTTP for webhook endpoints: parse, call one use case, render."""

import secrets
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from service.api import conditional
from service.api.conditional import Precondition
from service.api.idempotency import Once
from service.api.pagination import Page, Paging
from service.api.security import Principal
from service.audit.domain import Actor
from service.db import TenantSession
from service.ids import ClientId, EndpointId
from service.outbox import service
from service.outbox.domain.addresses import URL_LENGTH_MAX
from service.outbox.domain.deliveries import SECRET_BYTES
from service.outbox.models import Endpoint, EndpointDraft
from service.settings import Settings
from service.tenants import service as tenants
from service.vault import Vault

Url = Annotated[str, msgspec.Meta(max_length=URL_LENGTH_MAX, description="https, and a public address.")]
Types = Annotated[
    tuple[Annotated[str, msgspec.Meta(max_length=100)], ...],
    msgspec.Meta(max_length=100, description="The events that are wanted; all when empty."),
]


class CreateWebhookEndpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where to tell of events. With a client, of those only that concern it and that it may know."""

    url: Url
    types: Types = ()
    client_id: ClientId | None = None


class WebhookEndpointView(msgspec.Struct, frozen=True):
    id: EndpointId
    url: str
    types: tuple[str, ...]
    client_id: ClientId | None
    enabled: bool
    version: int
    created_at: datetime

    @classmethod
    def of(cls, endpoint: Endpoint) -> "WebhookEndpointView":
        return cls(
            id=endpoint.id,
            url=endpoint.url,
            types=endpoint.types,
            client_id=endpoint.client_id,
            enabled=endpoint.enabled,
            version=endpoint.version,
            created_at=endpoint.created_at,
        )


class CreatedWebhookEndpointView(WebhookEndpointView, frozen=True):
    """The endpoint with its secret, by which receivers know our deliveries. It is shown this once."""

    secret: str


class WebhookController(Controller):
    path = "/v1/webhook-endpoints"
    tags = ("Webhooks",)

    @post("/", operation_id="createWebhookEndpoint")
    async def create(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        settings: NamedDependency[Settings],
        vault: NamedDependency[Vault],
        data: JSONBody[CreateWebhookEndpoint],
    ) -> Response[CreatedWebhookEndpointView]:
        """Register a webhook endpoint. An application of a client organization registers one for it."""

        async def effect() -> Response[CreatedWebhookEndpointView]:
            draft = EndpointDraft(data.url, data.types, principal.client_id or data.client_id, actor)
            if draft.client_id is not None:
                await tenants.get_client(session, draft.client_id)
            endpoint, secret = await service.register(
                session,
                draft,
                vault,
                key=secrets.token_bytes(SECRET_BYTES),
                now=now,
                loopback_allowed=settings.webhooks_allow_loopback,
            )
            view = WebhookEndpointView.of(endpoint)
            shown_once = CreatedWebhookEndpointView(**msgspec.structs.asdict(view), secret=secret)
            address = f"/v1/webhook-endpoints/{endpoint.id}"
            return conditional.created(shown_once, tag=_tag(endpoint), address=address)

        return await once(effect, secret=True)

    @get("/", operation_id="listWebhookEndpoints")
    async def list_all(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        paging: NamedDependency[Paging],
    ) -> Response[Page[WebhookEndpointView]]:
        """List the webhook endpoints, oldest first."""
        found = await service.list_endpoints(
            session, client_id=principal.client_id, after=paging.after(UUID), limit=paging.sought
        )
        return paging.page(found, position=lambda endpoint: endpoint.id, view=WebhookEndpointView.of)

    @get("/{endpoint_id:uuid}", operation_id="getWebhookEndpoint")
    async def get_one(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        endpoint_id: FromPath[EndpointId],
    ) -> Response[WebhookEndpointView]:
        """Show one webhook endpoint, without its secret."""
        endpoint = await service.get_endpoint(session, endpoint_id, client_id=principal.client_id)
        return conditional.respond(request, WebhookEndpointView.of(endpoint), tag=_tag(endpoint))

    @delete(
        "/{endpoint_id:uuid}",
        operation_id="deleteWebhookEndpoint",
        status_code=204,
    )
    async def remove(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        precondition: NamedDependency[Precondition],
        endpoint_id: FromPath[EndpointId],
    ) -> None:
        """Remove a webhook endpoint, and what was on its way to it."""
        held = await service.get_endpoint(session, endpoint_id, client_id=principal.client_id, lock=True)
        precondition.check(_tag(held))
        await service.remove_endpoint(session, actor, held, now=now)


def _tag(endpoint: Endpoint) -> str:
    return conditional.etag(endpoint.id, endpoint.version)
