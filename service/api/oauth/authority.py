"""The use cases of the authorization server: give out a token, show the keys, describe itself."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.util import await_only

from service import ids
from service.api.oauth import credentials, grants, tokens
from service.api.oauth.credentials import Credentials, CredentialsMalformed, RequestMalformed
from service.api.oauth.grants import AUTH_METHODS, GRANT_TYPES, TokenRequest, TokenResponse
from service.api.oauth.keys import SigningKey
from service.api.oauth.ring import KeyRing
from service.api.oauth.throttle import Throttle
from service.api.oauth.tokens import Grant
from service.clock import Clock
from service.db import Sessions, TenantSession, tenant_transaction
from service.ids import ApplicationId, TenantId
from service.platform import platform_transaction
from service.tenants import service
from service.tenants.domain import SCOPES, Application, secret_digest
from service.tenants.errors import TenantNotFound

NOBODY = UUID(int=0)
"""Where an unknown client is looked for, so that it takes as long as a known one."""

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """The authorization server of one process.

    Attributes:
        issuer: its public address, which is also the audience of its tokens.
        token_ttl: how long a token counts.
    """

    sessions: Sessions
    ring: KeyRing
    clock: Clock
    throttle: Throttle
    issuer: str
    token_ttl: timedelta

    async def token(self, content_type: str, authorization: str | None, body: bytes) -> TokenResponse:
        """Answer a request to the token endpoint."""
        try:
            fields = credentials.parse_form(content_type, body)
            presented = credentials.presented(authorization, fields)
        except RequestMalformed as error:
            return grants.refusal("invalid_request", str(error))
        except CredentialsMalformed:
            fields, presented = {"grant_type": GRANT_TYPES[0]}, None
        response = await self._respond(TokenRequest(fields, presented))
        return self._throttled(presented, response)

    async def key_set(self) -> dict[str, list[dict[str, Any]]]:
        """The published keys as a JSON Web Key Set; it always has the one that signs."""
        await self.ring.signing_key()
        return {"keys": [key.public_jwk() for key in (await self.ring.published()).values()]}

    def metadata(self) -> dict[str, object]:
        """What this server supports, and nothing else (RFC 8414)."""
        return {
            "issuer": self.issuer,
            "token_endpoint": f"{self.issuer}/oauth/token",
            "jwks_uri": f"{self.issuer}/.well-known/jwks.json",
            "scopes_supported": list(SCOPES),
            "response_types_supported": [],
            "grant_types_supported": list(GRANT_TYPES),
            "token_endpoint_auth_methods_supported": list(AUTH_METHODS),
        }

    async def _respond(self, request: TokenRequest) -> TokenResponse:
        key = await self.ring.signing_key()
        tenant_id, application_id = await self._place(request.credentials)
        async with tenant_transaction(self.sessions, tenant_id) as session:

            def find(presented: Credentials) -> Application | None:
                return await_only(_authenticated(session, application_id, presented, now=self.clock.now()))

            def issue(application: Application, scopes: frozenset[str]) -> dict[str, object]:
                client = "" if request.credentials is None else request.credentials.client
                return self._issue(application, client, scopes, key)

            return await session.db.run_sync(lambda _: grants.respond(request, find=find, issue=issue))

    async def _place(self, presented: Credentials | None) -> tuple[TenantId, ApplicationId]:
        """Where to look for the client: its own tenant, or NOBODY's."""
        named = None if presented is None else credentials.parse_client(presented.client)
        slug, application_id = named or ("", ApplicationId(NOBODY))
        async with platform_transaction(self.sessions) as session:
            try:
                tenant = await service.find(session, slug)
            except TenantNotFound:
                return TenantId(NOBODY), application_id
        return tenant.id, application_id

    def _issue(
        self, application: Application, client: str, scopes: frozenset[str], key: SigningKey
    ) -> dict[str, object]:
        now = self.clock.now()
        grant = Grant(
            tenant_id=application.tenant_id,
            application_id=application.id,
            client=client,
            scopes=scopes,
            token_id=ids.new_id().hex,
            expires_at=now + self.token_ttl,
        )
        return {
            "access_token": tokens.issue(grant, key, issuer=self.issuer, now=now),
            "token_type": "Bearer",
            "expires_in": int(self.token_ttl.total_seconds()),
            "scope": " ".join(sorted(scopes)),
        }

    def _throttled(self, presented: Credentials | None, response: TokenResponse) -> TokenResponse:
        if response.body.get("error") != "invalid_client":
            return response
        client = "" if presented is None else presented.client
        known_form = credentials.parse_client(client) is not None  # anything else might be a misplaced secret
        log.info("client authentication failed", client=client if known_form else None)
        wait = self.throttle.failed(client, now=self.clock.now())
        return response if wait is None else grants.too_many(wait)


async def _authenticated(
    session: TenantSession, application_id: ApplicationId, presented: Credentials, *, now: datetime
) -> Application | None:
    """The application, if it may still call and this is its secret. Takes as long when there is none."""
    application = await service.find_application(session, application_id)
    if application is None:
        secret_digest(presented.secret)
        return None
    genuine = application.knows(presented.secret, now)
    return application if genuine and application.revoked_at is None else None
