"""HTTP for applications: parse, call one use case, render."""

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
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
from service.api.security import Principal
from service.audit.domain import Actor
from service.clock import Clock
from service.db import TenantSession
from service.ids import ApplicationId, ClientId
from service.tenants import applications, domain, service
from service.tenants.applications import Change, Granter
from service.tenants.domain import Application, AuthMethod, GrantType
from service.tenants.registration import REDIRECT_URI_CHARACTERS_MAX, Registration

SECRET_BYTES = 32
LISTED_MAX = 100
OVERLAP_SECONDS = 24 * 3_600
OVERLAP_SECONDS_MAX = 7 * 24 * 3_600

Scopes = Annotated[
    tuple[Annotated[str, msgspec.Meta(max_length=100)], ...],
    msgspec.Meta(max_length=LISTED_MAX, description="What it may do: no more than you may yourself."),
]
RedirectUris = Annotated[
    tuple[Annotated[str, msgspec.Meta(max_length=REDIRECT_URI_CHARACTERS_MAX)], ...],
    msgspec.Meta(
        max_length=LISTED_MAX,
        description="Where codes may be sent: https, or http to 127.0.0.1 or [::1]; compared exactly.",
    ),
]
Jwks = Annotated[
    dict[str, Any],
    msgspec.Meta(
        description="The public keys that sign its assertions: EC on P-256, or RSA from 2,048 bits on."
    ),
]
Overlap = Annotated[
    int,
    msgspec.Meta(
        ge=0,
        le=OVERLAP_SECONDS_MAX,
        description="How long the secret before goes on counting; a day when left out.",
    ),
]


class ChangeApplication(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is to be said of an application from now on. How it proves itself does not change."""

    name: Name
    scopes: Scopes
    redirect_uris: RedirectUris = ()
    jwks: Jwks | None = None


class CreateApplication(ChangeApplication, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An OAuth client. With a `client_id` it is that client organization's, and sees nothing else."""

    client_id: ClientId | None = None
    auth_method: AuthMethod = AuthMethod.CLIENT_SECRET
    grant_types: Annotated[tuple[GrantType, ...], msgspec.Meta(max_length=len(GrantType))] = (
        GrantType.CLIENT_CREDENTIALS,
    )

    def registration(self) -> Registration:
        return Registration(
            name=self.name,
            scopes=self.scopes,
            client_id=self.client_id,
            auth_method=self.auth_method,
            grant_types=self.grant_types,
            redirect_uris=self.redirect_uris,
            jwks=self.jwks,
        )


class RotateSecret(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the secret is to be replaced."""

    overlap_seconds: Overlap = OVERLAP_SECONDS


class ApplicationView(msgspec.Struct, frozen=True, kw_only=True):
    """An application, without its secret. `oauth_client_id` is what it calls itself at the token endpoint.

    The console is the one through which members work; it belongs to every tenant, and stays as it is.
    """

    id: ApplicationId
    oauth_client_id: str
    name: str
    client_id: ClientId | None
    auth_method: AuthMethod
    grant_types: list[GrantType]
    scopes: list[str]
    redirect_uris: tuple[str, ...]
    jwks: Mapping[str, Any] | None
    previous_secret_until: datetime | None
    console: bool
    version: int
    created_at: datetime
    revoked_at: datetime | None

    @classmethod
    def of(cls, application: Application, slug: str) -> "ApplicationView":
        return cls(**_shown(application, slug))


class ApplicationWithSecretView(ApplicationView, frozen=True, kw_only=True):
    """The application with its new secret, which is shown this once; null where it has none."""

    client_secret: str | None

    @classmethod
    def showing(cls, application: Application, slug: str, secret: str) -> "ApplicationWithSecretView":
        shown = secret if application.auth_method is AuthMethod.CLIENT_SECRET else None
        return cls(**_shown(application, slug), client_secret=shown)


class ApplicationController(Controller):
    path = "/v1/applications"
    tags = ("Applications",)

    @post("/", operation_id="createApplication")
    async def create(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        once: NamedDependency[Once],
        data: JSONBody[CreateApplication],
    ) -> Response[ApplicationWithSecretView]:
        """Register an application. Its secret is shown in this answer, and never again."""

        async def effect() -> Response[ApplicationWithSecretView]:
            secret = secrets.token_urlsafe(SECRET_BYTES)
            granter = Granter(actor, principal.scopes)
            created = await applications.create(session, granter, data.registration(), secret=secret, now=now)
            slug = (await service.get(session)).slug
            view = ApplicationWithSecretView.showing(created, slug, secret)
            return conditional.created(view, tag=_tag(created), address=f"/v1/applications/{created.id}")

        return await once(effect, secret=True)

    @get("/", operation_id="listApplications")
    async def list_all(
        self, session: NamedDependency[TenantSession], paging: NamedDependency[Paging]
    ) -> Response[Page[ApplicationView]]:
        """List the applications in the order of their ids, revoked ones too."""
        slug = (await service.get(session)).slug
        found = await applications.list_applications(session, after=paging.after(UUID), limit=paging.sought)
        return paging.page(
            found,
            position=lambda application: application.id,
            view=lambda application: ApplicationView.of(application, slug),
        )

    @get("/{application_id:uuid}", operation_id="getApplication")
    async def get_one(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[TenantSession],
        application_id: FromPath[ApplicationId],
    ) -> Response[ApplicationView]:
        """Show one application, without its secret."""
        found = await applications.get(session, application_id)
        view = ApplicationView.of(found, (await service.get(session)).slug)
        return conditional.respond(request, view, tag=_tag(found))

    @put("/{application_id:uuid}", operation_id="changeApplication")
    async def change(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        precondition: NamedDependency[Precondition],
        application_id: FromPath[ApplicationId],
        data: JSONBody[ChangeApplication],
    ) -> Response[ApplicationView]:
        """Replace what may change of an application. What it lost counts no more within half a minute."""
        held = await applications.get(session, application_id, lock=True)
        precondition.check(_tag(held))
        wanted = Change(name=data.name, scopes=data.scopes, redirect_uris=data.redirect_uris, jwks=data.jwks)
        granter = Granter(actor, principal.scopes)
        changed = await applications.change(session, granter, held, wanted, now=now)
        view = ApplicationView.of(changed, (await service.get(session)).slug)
        return Response(view, headers={"ETag": _tag(changed)})

    @post("/{application_id:uuid}/secret", operation_id="rotateApplicationSecret")
    async def rotate_secret(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        now: NamedDependency[datetime],
        clock: NamedDependency[Clock],
        actor: NamedDependency[Actor],
        once: NamedDependency[Once],
        application_id: FromPath[ApplicationId],
        data: JSONBody[RotateSecret],
    ) -> Response[ApplicationWithSecretView]:
        """Give an application another secret, shown this once. The one before counts for a while."""

        async def effect() -> Response[ApplicationWithSecretView]:
            held = await applications.get(session, application_id, lock=True)
            overlap = timedelta(seconds=data.overlap_seconds)
            secret = secrets.token_urlsafe(SECRET_BYTES)
            changed = await applications.rotate_secret(
                session,
                Granter(actor, principal.scopes),
                held,
                secret=secret,
                previous_until=clock.now() + overlap if overlap else None,
                now=now,
            )
            slug = (await service.get(session)).slug
            view = ApplicationWithSecretView.showing(changed, slug, secret)
            return conditional.created(view, tag=_tag(changed), address=f"/v1/applications/{changed.id}")

        return await once(effect, secret=True)

    @post("/{application_id:uuid}/revoke", operation_id="revokeApplication", status_code=200)
    async def revoke(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        application_id: FromPath[ApplicationId],
    ) -> Response[ApplicationView]:
        """Let an application call no more, for good. Its tokens are refused within half a minute."""
        held = await applications.get(session, application_id, lock=True)
        revoked = await applications.revoke(session, actor, held, now=now)
        view = ApplicationView.of(revoked, (await service.get(session)).slug)
        return Response(view, headers={"ETag": _tag(revoked)})


def _shown(application: Application, slug: str) -> dict[str, Any]:
    return {
        "id": application.id,
        "oauth_client_id": domain.oauth_client_id(slug, application.id),
        "name": application.name,
        "client_id": application.client_id,
        "auth_method": application.auth_method,
        "grant_types": sorted(application.grant_types),
        "scopes": sorted(application.scopes),
        "redirect_uris": application.redirect_uris,
        "jwks": application.jwks,
        "previous_secret_until": application.previous_secret_until,
        "console": application.is_console,
        "version": application.version,
        "created_at": application.created_at,
        "revoked_at": application.revoked_at,
    }


def _tag(application: Application) -> str:
    return conditional.etag(application.id, application.version)
