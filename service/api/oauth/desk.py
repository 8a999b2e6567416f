"""What the authorization server does in the transaction of one request: look up, judge, give out, revoke."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from service import ids
from service.api.oauth import assertions, credentials, throttle, tokens
from service.api.oauth.assertions import AssertionRefused
from service.api.oauth.credentials import Credentials
from service.api.oauth.granted import domain, store
from service.api.oauth.granted.domain import Code, CodeVerdict, Consent, Family, RefreshVerdict
from service.api.oauth.granted.store import KeptCode, KeptRefreshToken
from service.api.oauth.keys import SigningKey
from service.api.oauth.tokens import Grant
from service.api.permissions import scopes_of
from service.audit import service as audit
from service.audit.domain import Actor, Deed, name_of
from service.db import TenantSession
from service.ids import ApplicationId, FamilyId, MemberId
from service.people import service as people
from service.tenants import service as tenants
from service.tenants.domain import Application, AuthMethod, GrantType, secret_digest

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


@dataclass(frozen=True, slots=True)
class Presented:
    """A refresh token that counts, and what to do about it."""

    kept: KeptRefreshToken
    verdict: RefreshVerdict
    token: str = field(repr=False)


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

    async def add_code(self, consent: Consent, *, redirect_uri: str, challenge: str) -> str:
        """A code for what a member has just allowed."""
        code = domain.ticket(self.session.tenant_id, secrets.token_bytes(RANDOM_BYTES))
        kept = Code(
            consent=consent,
            redirect_uri=redirect_uri,
            challenge=challenge,
            expires_at=self.now + domain.CODE_TTL,
            family_id=None,
        )
        await store.add_code(self.session, domain.digest(code), kept)
        subject, after = f"application:{consent.application_id}", {"scopes": sorted(consent.scopes)}
        await self._record(Deed("consent.given", subject, after=after), member_id=consent.member_id)
        return code

    async def find_code(self, application: Application, code: str) -> KeptCode | None:
        """The code, used and expired ones too, if it was given to this client."""
        kept = await store.code(self.session, domain.digest(code))
        return kept if kept is not None and self._is_own(application, kept.code.consent) else None

    async def exchange(self, application: Application, kept: KeptCode) -> Holder | None:
        """Begin the family of a code; None when the code does not count. A replay ends what it gave."""
        verdict = domain.judge_code(kept.code, self.now)
        if verdict is CodeVerdict.REPLAYED and kept.code.family_id is not None:
            await self.end_family(kept.code.family_id, because="authorization code used twice")
        if verdict is not CodeVerdict.GOOD:
            return None
        consent = kept.code.consent
        scopes = await self.scopes_now(application, consent.member_id, consent.scopes, since=self.now)
        if not scopes:
            return None
        family = Family(
            id=FamilyId(ids.new_id()),
            consent=consent,
            created_at=self.now,
            expires_at=self.now + self.terms.family_ttl,
            used_at=self.now,
            revoked_at=None,
        )
        await store.add_family(self.session, family)
        await store.mark_exchanged(self.session, kept.id, family.id)
        after = {"client": consent.client, "scopes": sorted(consent.scopes)}
        await self._record(
            Deed("tokens.begun", f"family:{family.id}", after=after), member_id=consent.member_id
        )
        first = None
        if GrantType.REFRESH_TOKEN in application.grant_types:
            first = domain.ticket(self.session.tenant_id, secrets.token_bytes(RANDOM_BYTES))
            await store.add_refresh_token(self.session, family.id, domain.digest(first), generation=0)
        return Holder(consent.member_id, family.id, scopes, first)

    async def find_refresh_token(self, application: Application, token: str) -> Presented | None:
        """The refresh token, if it counts for this client. One that was used before ends its family."""
        kept = await store.refresh_token(self.session, domain.digest(token), lock=True)
        if kept is None or not self._is_own(application, kept.family.consent):
            return None
        verdict = domain.judge_refresh(kept.token, kept.family, self.now, idle=self.terms.family_idle)
        if verdict is RefreshVerdict.REUSED:
            await self.end_family(kept.family.id, because="refresh token used twice")
        if verdict in (RefreshVerdict.REUSED, RefreshVerdict.DEAD):
            return None
        return Presented(kept, verdict, token)

    async def rotate(
        self, application: Application, presented: Presented, asked: frozenset[str]
    ) -> Holder | None:
        """Give out the successor of a refresh token; None when its member may do nothing of it any more.

        Args:
            application: the client.
            presented: the refresh token.
            asked: the scopes that the access token is to have; all of the consent's when empty.
        """
        kept, consent = presented.kept, presented.kept.family.consent
        scopes = await self.scopes_now(
            application,
            consent.member_id,
            asked & consent.scopes or consent.scopes,
            since=kept.family.created_at,
        )
        following = await self._following(presented) if scopes else None
        return None if following is None else Holder(consent.member_id, kept.family.id, scopes, following)

    async def end_family(self, family_id: FamilyId, *, because: str) -> None:
        """Revoke a family. Committed though the answer may be an error: nothing is raised for it."""
        if await store.revoke_family(self.session, family_id, now=self.now):
            await self._record(Deed("tokens.revoked", f"family:{family_id}", after={"because": because}))

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

    async def revoke(self, application: Application, token: str, grant: Grant | None) -> None:
        """End a refresh token's family, or an access token; nothing happens to what is not the client's own.

        Args:
            application: the client.
            token: as it was presented.
            grant: what it says if it is an access token of ours.
        """
        kept = await store.refresh_token(self.session, domain.digest(token), lock=True)
        if kept is not None and self._is_own(application, kept.family.consent):
            await self.end_family(kept.family.id, because="revoked by its client")
        elif grant is not None and self._is_granted(application, grant):
            ends_at = grant.expires_at + tokens.LEEWAY
            if await store.revoke_token(self.session, grant.token_id, expires_at=ends_at):
                await self._record(Deed("token.revoked", f"token:{grant.token_id}"))

    async def introspect(
        self, application: Application, token: str, grant: Grant | None
    ) -> dict[str, object]:
        """What a token of the client's own says, if it counts (RFC 7662); nothing of any other."""
        kept = await store.refresh_token(self.session, domain.digest(token))
        if kept is not None and self._is_own(application, kept.family.consent):
            return await self._introspect_refresh_token(application, kept)
        if grant is None or not self._is_granted(application, grant):
            return {}
        found = await store.standing(self.session, grant.token_id, grant.family_id)
        scopes = await self._scopes_of(application, grant, found.family_since)
        if found.revoked or not scopes:
            return {}
        return {
            "token_type": "Bearer",
            "sub": tokens.subject_of(grant),
            "iat": int(grant.issued_at.timestamp()),
            "exp": int(grant.expires_at.timestamp()),
            "jti": grant.token_id.hex,
            "aud": self.terms.issuer,
            **self._introspected(scopes),
        }

    async def _introspect_refresh_token(
        self, application: Application, kept: KeptRefreshToken
    ) -> dict[str, object]:
        family, verdict = (
            kept.family,
            domain.judge_refresh(kept.token, kept.family, self.now, idle=self.terms.family_idle),
        )
        consent = family.consent
        scopes = await self.scopes_now(
            application, consent.member_id, consent.scopes, since=family.created_at
        )
        if verdict is not RefreshVerdict.ROTATE or not scopes:
            return {}
        return {
            "sub": f"member:{consent.member_id}",
            "exp": int(family.ends_at(idle=self.terms.family_idle).timestamp()),
            **self._introspected(scopes),
        }

    async def _scopes_of(
        self, application: Application, grant: Grant, family_since: datetime | None
    ) -> frozenset[str]:
        if grant.member_id is None:
            return grant.scopes & application.scopes
        if family_since is None:
            return frozenset()
        return await self.scopes_now(application, grant.member_id, grant.scopes, since=family_since)

    def _introspected(self, scopes: frozenset[str]) -> dict[str, object]:
        return {
            "scope": " ".join(sorted(scopes)),
            "client_id": self.client,
            "iss": self.terms.issuer,
            "tenant_id": str(self.session.tenant_id),
        }

    async def _following(self, presented: Presented) -> str | None:
        """The successor; for a token that was exchanged just now, the one that it was exchanged for."""
        kept, tenant_id = presented.kept, self.session.tenant_id
        candidates = [domain.successor(presented.token, tenant_id, secret) for secret in self.successions]
        generation = kept.token.generation + 1
        if presented.verdict is RefreshVerdict.REPEAT:
            given = await store.digest_of(self.session, kept.family.id, generation=generation)
            return next((each for each in candidates if domain.digest(each) == given), None)
        await store.add_refresh_token(
            self.session, kept.family.id, domain.digest(candidates[0]), generation=generation
        )
        await store.mark_used(self.session, kept, now=self.now)
        return candidates[0]

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

    def _is_own(self, application: Application, consent: Consent) -> bool:
        return (consent.application_id, consent.client) == (application.id, self.client)

    def _is_granted(self, application: Application, grant: Grant) -> bool:
        named = (grant.tenant_id, grant.application_id, grant.client)
        return named == (application.tenant_id, application.id, self.client)

    async def _record(self, deed: Deed, *, member_id: MemberId | None = None) -> None:
        actor = Actor(
            name=name_of(self.application_id, member_id),
            application_id=self.application_id,
            address=self.origin.address,
            http_request_id=self.origin.http_request_id,
        )
        now = await tenants.now(self.session)
        await audit.record(self.session, actor, deed, now=now)
