"""What the authorization server does in the transaction of one request: look up, judge, give out, revoke."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from service import ids
from service.api.oauth import assertions, credentials, throttle, tokens
from service.api.oauth.assertions import AssertionRefused
from service.api.oauth.credentials import Credentials
from service.api.oauth.granted import store
from service.api.oauth.granted.domain import Consent
from service.api.oauth.keys import SigningKey
from service.api.oauth.tokens import Grant
from service.api.permissions import scopes_of
from service.audit import service as audit
from service.audit.domain import Actor, Deed, name_of
from service.db import TenantSession
from service.ids import ApplicationId, FamilyId, MemberId
from service.people import service as people
from service.tenants import service as tenants
from service.tenants.domain import Application, AuthMethod, secret_digest

log = structlog.stdlib.get_logger(__name__)

RANDOM_BYTES = 32
METHODS = {
    credentials.BY_SECRET_IN_HEADER: AuthMethod.CLIENT_SECRET,
    credentials.BY_SECRET_IN_FORM: AuthMethod.CLIENT_SECRET,
    credentials.BY_ASSERTION: AuthMethod.PRIVATE_KEY_JWT,
    credentials.PUBLIC: AuthMethod.NONE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On what terms tokens are given out.

    Attributes:
        issuer: our public address, which is also the audience of our tokens.
        token_ttl: how long an access token counts.
        family_ttl: how long a consent lasts, however often it is used.
        family_idle: after how long without use it ends.
    """

    issuer: str
    token_ttl: timedelta
    family_ttl: timedelta
    family_idle: timedelta


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from, for the audit trail."""

    address: str | None = None
    http_request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Holder:
    """The member on whose behalf tokens are given out.

    Attributes:
        scopes: what its consent and its roles allow.
        refresh_token: the one to give out; None when its application takes none.
    """

    member_id: MemberId
    family_id: FamilyId
    scopes: frozenset[str]
    refresh_token: str | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Serves one request of one client.

    Attributes:
        client: what the client calls itself.
        application_id: what it would be, if it is known.
        successions: the secrets that refresh tokens are derived with, the current one first.
        now: the wall clock's.
    """

    session: TenantSession
    client: str
    application_id: ApplicationId
    key: SigningKey
    successions: Sequence[bytes] = field(repr=False)
    terms: Terms
    now: datetime
    origin: Origin

    async def authenticate(self, presented: Credentials) -> Application | None:
        """The application, if it may call and has proved who it is. Takes as long when there is none."""
        application = await tenants.find_application(self.session, self.application_id)
        if application is None:
            secret_digest(presented.proof)
            return None
        genuine = await self._is_genuine(application, presented)
        return application if genuine and application.revoked_at is None else None

    async def note_failure(self) -> timedelta | None:
        """Count a failure to authenticate. Returns how long to wait when there were too many."""
        application = await tenants.find_application(self.session, self.application_id)
        bucket = throttle.share_of(self.client) if application is None else application.id
        named = self.client if credentials.parse_client(self.client) else None  # else it may be a secret
        log.info("client authentication failed", client=named)
        failures, since = await store.add_failure(self.session, bucket, now=self.now, window=throttle.WINDOW)
        return throttle.wait_after(failures, since, self.now)

    async def end_family(self, family_id: FamilyId, *, because: str) -> None:
        """Revoke a family. Committed though the answer may be an error: nothing is raised for it."""
        if await store.revoke_family(self.session, family_id, now=self.now):
            await self.record(Deed("tokens.revoked", f"family:{family_id}", after={"reason": because}))

    async def scopes_now(
        self,
        application: Application,
        member_id: MemberId,
        asked: frozenset[str],
        *,
        since: datetime,
    ) -> frozenset[str]:
        """What of these the application may have on behalf of the member; nothing if that may do nothing.

        Args:
            application: what it holds.
            member_id: whose roles limit it.
            asked: what is asked for.
            since: when the consent was given.
        """
        standing = await people.standing(self.session, member_id)
        if standing is None or not standing.active or since < standing.tokens_valid_from:
            return frozenset()
        return asked & application.scopes & scopes_of(standing.roles)

    def issue(
        self, application: Application, scopes: frozenset[str], holder: Holder | None
    ) -> dict[str, object]:
        """A token response (RFC 6749 §5.1)."""
        grant = Grant(
            tenant_id=application.tenant_id,
            application_id=application.id,
            client=self.client,
            scopes=scopes,
            token_id=ids.new_id(),
            issued_at=self.now,
            expires_at=self.now + self.terms.token_ttl,
            member_id=None if holder is None else holder.member_id,
            family_id=None if holder is None else holder.family_id,
        )
        answer: dict[str, object] = {
            "access_token": tokens.issue(grant, self.key, issuer=self.terms.issuer),
            "token_type": "Bearer",
            "expires_in": int(self.terms.token_ttl.total_seconds()),
            "scope": " ".join(sorted(scopes)),
        }
        if holder is not None and holder.refresh_token is not None:
            answer["refresh_token"] = holder.refresh_token
        return answer

    async def _is_genuine(self, application: Application, presented: Credentials) -> bool:
        if METHODS.get(presented.method) is not application.auth_method:
            secret_digest(presented.proof)
            return False
        match application.auth_method:
            case AuthMethod.NONE:
                return True
            case AuthMethod.CLIENT_SECRET:
                return application.knows(presented.proof, self.now)
            case AuthMethod.PRIVATE_KEY_JWT:
                return await self._is_asserted(application, presented)

    async def _is_asserted(self, application: Application, presented: Credentials) -> bool:
        try:
            proof = assertions.verify(
                presented.proof,
                application.jwks or {},
                client=presented.client,
                issuer=self.terms.issuer,
                now=self.now,
            )
        except AssertionRefused:
            return False
        return await store.add_assertion(
            self.session, application.id, proof.jti_sha256, expires_at=proof.expires_at
        )

    def owns(self, application: Application, consent: Consent) -> bool:
        """Was this allowed to the client that is served?"""
        return (consent.application_id, consent.client) == (application.id, self.client)

    async def record(self, deed: Deed, *, member_id: MemberId | None = None) -> None:
        """Write into the audit trail what the client did, or its member through it."""
        actor = Actor(
            name=name_of(self.application_id, member_id),
            application_id=self.application_id,
            address=self.origin.address,
            http_request_id=self.origin.http_request_id,
        )
        now = await tenants.now(self.session)
        await audit.record(self.session, actor, deed, now=now)
