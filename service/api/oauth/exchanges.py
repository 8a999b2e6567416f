"""Exchanges of codes and refresh tokens: what is given for them, and what a second use ends."""

import secrets
from dataclasses import dataclass, field

from service import ids
from service.api.oauth.desk import Desk, Holder
from service.api.oauth.granted import domain, store
from service.api.oauth.granted.domain import Code, CodeVerdict, Consent, Family, RefreshVerdict
from service.api.oauth.granted.store import KeptCode, KeptRefreshToken
from service.audit.domain import Deed
from service.ids import FamilyId
from service.tenants.domain import Application, GrantType

RANDOM_BYTES = 32


@dataclass(frozen=True, slots=True)
class Presented:
    """A refresh token that counts, and what to do about it."""

    kept: KeptRefreshToken
    verdict: RefreshVerdict
    token: str = field(repr=False)


async def add_code(desk: Desk, consent: Consent, *, redirect_uri: str, challenge: str) -> str:
    """A code for what a member has just allowed."""
    code = domain.ticket(desk.session.tenant_id, secrets.token_bytes(RANDOM_BYTES))
    kept = Code(
        consent=consent,
        redirect_uri=redirect_uri,
        challenge=challenge,
        expires_at=desk.now + domain.CODE_TTL,
        family_id=None,
    )
    await store.add_code(desk.session, domain.digest(code), kept)
    subject, after = f"application:{consent.application_id}", {"scopes": sorted(consent.scopes)}
    await desk.record(Deed("consent.given", subject, after=after), member_id=consent.member_id)
    return code


async def find_code(desk: Desk, application: Application, code: str) -> KeptCode | None:
    """The code, used and expired ones too, if it was given to this client."""
    kept = await store.code(desk.session, domain.digest(code))
    return kept if kept is not None and desk.owns(application, kept.code.consent) else None


async def exchange(desk: Desk, application: Application, kept: KeptCode) -> Holder | None:
    """Begin the family of a code; None when the code does not count. A replay ends what it gave."""
    verdict = domain.judge_code(kept.code, desk.now)
    if verdict is CodeVerdict.REPLAYED and kept.code.family_id is not None:
        await desk.end_family(kept.code.family_id, because="authorization code used twice")
    if verdict is not CodeVerdict.GOOD:
        return None
    consent = kept.code.consent
    given_at = kept.code.expires_at - domain.CODE_TTL  # what ended the member's tokens since ends this too
    scopes = await desk.scopes_now(application, consent.member_id, consent.scopes, since=given_at)
    if not scopes:
        return None
    family = Family(
        id=FamilyId(ids.new_id()),
        consent=consent,
        created_at=desk.now,
        expires_at=desk.now + desk.terms.family_ttl,
        used_at=desk.now,
        revoked_at=None,
    )
    await store.add_family(desk.session, family)
    await store.mark_exchanged(desk.session, kept.id, family.id)
    after = {"client": consent.client, "scopes": sorted(consent.scopes)}
    await desk.record(Deed("tokens.begun", f"family:{family.id}", after=after), member_id=consent.member_id)
    first = None
    if GrantType.REFRESH_TOKEN in application.grant_types:
        first = domain.ticket(desk.session.tenant_id, secrets.token_bytes(RANDOM_BYTES))
        await store.add_refresh_token(desk.session, family.id, domain.digest(first), generation=0)
    return Holder(consent.member_id, family.id, scopes, first)


async def find_refresh_token(desk: Desk, application: Application, token: str) -> Presented | None:
    """The refresh token, if it counts for this client. One that was used before ends its family."""
    kept = await store.refresh_token(desk.session, domain.digest(token), lock=True)
    if kept is None or not desk.owns(application, kept.family.consent):
        return None
    verdict = domain.judge_refresh(kept.token, kept.family, desk.now, idle=desk.terms.family_idle)
    if verdict is RefreshVerdict.REUSED:
        await desk.end_family(kept.family.id, because="refresh token used twice")
    if verdict in (RefreshVerdict.REUSED, RefreshVerdict.DEAD):
        return None
    return Presented(kept, verdict, token)


async def rotate(
    desk: Desk, application: Application, presented: Presented, asked: frozenset[str]
) -> Holder | None:
    """Give out the successor of a refresh token, for `asked`, or for all of its consent when that is empty.

    None when its member may do nothing of it any more.
    """
    kept, consent = presented.kept, presented.kept.family.consent
    scopes = await desk.scopes_now(
        application,
        consent.member_id,
        asked & consent.scopes or consent.scopes,
        since=kept.family.created_at,
    )
    following = await _following(desk, presented) if scopes else None
    return None if following is None else Holder(consent.member_id, kept.family.id, scopes, following)


async def _following(desk: Desk, presented: Presented) -> str | None:
    """The successor; for a token that was exchanged just now, the one that it was exchanged for."""
    kept, tenant_id = presented.kept, desk.session.tenant_id
    candidates = [domain.successor(presented.token, tenant_id, secret) for secret in desk.successions]
    generation = kept.token.generation + 1
    if presented.verdict is RefreshVerdict.REPEAT:
        given = await store.digest_of(desk.session, kept.family.id, generation=generation)
        return next((each for each in candidates if domain.digest(each) == given), None)
    await store.add_refresh_token(
        desk.session, kept.family.id, domain.digest(candidates[0]), generation=generation
    )
    await store.mark_used(desk.session, kept, now=desk.now)
    return candidates[0]
