"""What clients ask about their tokens once they have them: to end one, or what it still counts for."""

from datetime import datetime

from service.api.oauth import tokens
from service.api.oauth.desk import Desk
from service.api.oauth.granted import domain, store
from service.api.oauth.granted.domain import RefreshVerdict
from service.api.oauth.granted.store import KeptRefreshToken
from service.api.oauth.tokens import Grant
from service.audit.domain import Deed
from service.tenants.domain import Application


async def revoke(desk: Desk, application: Application, token: str, grant: Grant | None) -> None:
    """End a refresh token's family, or an access token, which says `grant`; nothing that is another's."""
    kept = await store.refresh_token(desk.session, domain.digest(token), lock=True)
    if kept is not None and desk.owns(application, kept.family.consent):
        await desk.end_family(kept.family.id, because="revoked by its client")
    elif grant is not None and _is_granted(desk, application, grant):
        ends_at = grant.expires_at + tokens.LEEWAY
        if await store.revoke_token(desk.session, grant.token_id, expires_at=ends_at):
            await desk.record(Deed("token.revoked", f"token:{grant.token_id}"))


async def introspect(
    desk: Desk, application: Application, token: str, grant: Grant | None
) -> dict[str, object]:
    """What a token of the client's own says, if it counts (RFC 7662); nothing of any other."""
    kept = await store.refresh_token(desk.session, domain.digest(token))
    if kept is not None and desk.owns(application, kept.family.consent):
        return await _introspect_refresh_token(desk, application, kept)
    if grant is None or not _is_granted(desk, application, grant):
        return {}
    found = await store.standing(desk.session, grant.token_id, grant.family_id)
    scopes = await _scopes_of(desk, application, grant, found.family_since)
    if found.revoked or not scopes:
        return {}
    return {
        "token_type": "Bearer",
        "sub": tokens.subject_of(grant),
        "iat": int(grant.issued_at.timestamp()),
        "exp": int(grant.expires_at.timestamp()),
        "jti": grant.token_id.hex,
        "aud": desk.terms.issuer,
        **_introspected(desk, scopes),
    }


async def _introspect_refresh_token(
    desk: Desk, application: Application, kept: KeptRefreshToken
) -> dict[str, object]:
    family, verdict = (
        kept.family,
        domain.judge_refresh(kept.token, kept.family, desk.now, idle=desk.terms.family_idle),
    )
    consent = family.consent
    scopes = await desk.scopes_now(application, consent.member_id, consent.scopes, since=family.created_at)
    if verdict is not RefreshVerdict.ROTATE or not scopes:
        return {}
    return {
        "sub": f"member:{consent.member_id}",
        "exp": int(family.ends_at(idle=desk.terms.family_idle).timestamp()),
        **_introspected(desk, scopes),
    }


async def _scopes_of(
    desk: Desk, application: Application, grant: Grant, family_since: datetime | None
) -> frozenset[str]:
    if grant.member_id is None:
        return grant.scopes & application.scopes
    if family_since is None:
        return frozenset()
    return await desk.scopes_now(application, grant.member_id, grant.scopes, since=family_since)


def _introspected(desk: Desk, scopes: frozenset[str]) -> dict[str, object]:
    return {
        "scope": " ".join(sorted(scopes)),
        "client_id": desk.client,
        "iss": desk.terms.issuer,
        "tenant_id": str(desk.session.tenant_id),
    }


def _is_granted(desk: Desk, application: Application, grant: Grant) -> bool:
    named = (grant.tenant_id, grant.application_id, grant.client)
    return named == (application.tenant_id, application.id, desk.client)
