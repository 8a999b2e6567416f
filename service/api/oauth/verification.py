"""Whose access token is this? What was checked and looked up is remembered for a while."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from service.api.errors import Claimed, TokenInvalid
from service.api.oauth import tokens
from service.api.oauth.granted import store
from service.api.oauth.ring import KeyRing
from service.api.oauth.tokens import Grant
from service.api.permissions import scopes_of
from service.api.security import Principal
from service.clock import Clock
from service.db import Sessions, tenant_transaction
from service.ids import TenantId
from service.people import service as people
from service.people.domain import Role
from service.recent import Recent
from service.tenants import service

TOKENS_KEPT = 10_000
STANDING_KEPT_FOR = timedelta(seconds=30)
"""How long what a token stands on is believed to be as it was: its application, its consent, its member.

What is revoked is refused after at most this.
"""


@dataclass(frozen=True, slots=True)
class _Checked:
    """A token that was found good, and the key that says so: withdrawn keys take their tokens with them."""

    grant: Grant
    kid: str


@dataclass(frozen=True, slots=True)
class _Seen:
    """Whom a token stood for when it was last looked up; nobody when it did not count."""

    principal: Principal | None
    at: datetime


class Verifier:
    """The `Authenticate` of the API. One per process."""

    def __init__(self, sessions: Sessions, ring: KeyRing, clock: Clock, *, issuer: str) -> None:
        self._sessions = sessions
        self._ring = ring
        self._clock = clock
        self._issuer = issuer
        self._tokens: Recent[bytes, _Checked] = Recent(TOKENS_KEPT)
        self._standings: Recent[tuple[TenantId, UUID], _Seen] = Recent(TOKENS_KEPT)

    async def __call__(self, token: str) -> Principal:
        """The principal that the token names. Raises TokenInvalid."""
        grant = await self._grant(token)
        principal = await self._principal(grant)
        if principal is None:
            raise TokenInvalid(Claimed(grant.tenant_id, grant.application_id, grant.member_id))
        return principal

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

    async def _principal(self, grant: Grant) -> Principal | None:
        now, name = self._clock.now(), (grant.tenant_id, grant.token_id)
        seen = self._standings.get(name)
        if seen is None or now - seen.at >= STANDING_KEPT_FOR:
            seen = _Seen(await self._look_up(grant), now)
            self._standings.put(name, seen)
        return seen.principal

    async def _look_up(self, grant: Grant) -> Principal | None:
        """The principal, as far as the database still says that the token counts."""
        async with tenant_transaction(self._sessions, grant.tenant_id) as session:
            application = await service.find_application(session, grant.application_id)
            found = await store.standing(session, grant.token_id, grant.family_id)
            if application is None or application.revoked_at is not None or found.revoked:
                return None
            scopes, roles = grant.scopes & application.scopes, frozenset[Role]()
            if grant.member_id is not None:
                member = await people.standing(session, grant.member_id)
                since = found.family_since
                if since is None or member is None or not member.active or since < member.tokens_valid_from:
                    return None
                scopes, roles = scopes & scopes_of(member.roles), member.roles
            return Principal(
                tenant_id=grant.tenant_id,
                application_id=application.id,
                client_id=application.client_id,
                scopes=scopes,
                member_id=grant.member_id,
                roles=roles,
            )
