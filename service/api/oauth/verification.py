"""Whose access token is this? What was checked and looked up is remembered for a while."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.api.errors import TokenInvalid
from service.api.oauth import tokens
from service.api.oauth.ring import KeyRing
from service.api.oauth.tokens import Grant
from service.api.security import Principal
from service.clock import Clock
from service.db import Sessions, tenant_transaction
from service.ids import ApplicationId, TenantId
from service.recent import Recent
from service.tenants import service
from service.tenants.domain import Application

TOKENS_KEPT = 10_000
APPLICATIONS_KEPT = 10_000
APPLICATION_KEPT_FOR = timedelta(seconds=30)
"""How long an application is believed to be as it was: a revoked one is refused after at most this."""


@dataclass(frozen=True, slots=True)
class _Checked:
    """A token that was found good, and the key that says so: withdrawn keys take their tokens with them."""

    grant: Grant
    kid: str


@dataclass(frozen=True, slots=True)
class _Seen:
    application: Application | None
    at: datetime


class Verifier:
    """The `Authenticate` of the API. One per process."""

    def __init__(self, sessions: Sessions, ring: KeyRing, clock: Clock, *, issuer: str) -> None:
        self._sessions = sessions
        self._ring = ring
        self._clock = clock
        self._issuer = issuer
        self._tokens: Recent[bytes, _Checked] = Recent(TOKENS_KEPT)
        self._applications: Recent[tuple[TenantId, ApplicationId], _Seen] = Recent(APPLICATIONS_KEPT)

    async def __call__(self, token: str) -> Principal:
        """The principal that the token names. Raises TokenInvalid."""
        grant = await self._grant(token)
        application = await self._application(grant.tenant_id, grant.application_id)
        if application is None or application.revoked_at is not None:
            raise TokenInvalid
        return Principal(
            tenant_id=grant.tenant_id,
            application_id=grant.application_id,
            client_id=application.client_id,
            scopes=grant.scopes & application.scopes,
        )

    async def _grant(self, token: str) -> Grant:
        now, name = self._clock.now(), hashlib.sha256(token.encode()).digest()
        checked = self._tokens.get(name)
        kid = tokens.kid_of(token) if checked is None else checked.kid
        keys = await self._ring.published(sought=kid)
        if checked is not None and kid in keys and tokens.counts_at(checked.grant, now):
            return checked.grant
        self._tokens.drop(name)
        grant = tokens.verify(token, keys, issuer=self._issuer, now=now)
        self._tokens.put(name, _Checked(grant, kid))
        return grant

    async def _application(self, tenant_id: TenantId, application_id: ApplicationId) -> Application | None:
        now = self._clock.now()
        seen = self._applications.get((tenant_id, application_id))
        if seen is None or now - seen.at >= APPLICATION_KEPT_FOR:
            async with tenant_transaction(self._sessions, tenant_id) as session:
                seen = _Seen(await service.find_application(session, application_id), now)
            self._applications.put((tenant_id, application_id), seen)
        return seen.application
