"""Queries over what was granted. Every statement names the tenant."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Select, Table, delete, func, select, update

from service import ids
from service.api.oauth.granted.domain import Code, Consent, Family, RefreshToken
from service.api.oauth.granted.models import (
    AuthorizationCodeRow,
    ClientAssertionRow,
    ClientFailureRow,
    RefreshTokenRow,
    RevokedTokenRow,
    TokenFamilyRow,
)
from service.db import TenantSession, insert_new, insert_rows, run
from service.ids import ApplicationId, FamilyId

FAMILIES = cast("Table", TokenFamilyRow.__table__)
CODES = cast("Table", AuthorizationCodeRow.__table__)
REFRESH_TOKENS = cast("Table", RefreshTokenRow.__table__)
ASSERTIONS = cast("Table", ClientAssertionRow.__table__)
REVOKED_TOKENS = cast("Table", RevokedTokenRow.__table__)

STANDING = """
select
  (select created_at from token_family where tenant_id = $1 and id = $2 and revoked_at is null)
    as family_since,
  exists (select from revoked_token where tenant_id = $1 and id = $3) as revoked
"""


FAIL = """
insert into client_failure as known (tenant_id, id, since, failures) values ($1, $2, $3, 1)
on conflict (tenant_id, id) do update set
  failures = case when known.since <= $4 then 1 else known.failures + 1 end,
  since = case when known.since <= $4 then excluded.since else known.since end
returning failures, since
"""

KEPT_AFTER_END = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class KeptCode:
    id: UUID
    code: Code


@dataclass(frozen=True, slots=True)
class KeptRefreshToken:
    id: UUID
    token: RefreshToken
    family: Family


@dataclass(frozen=True, slots=True)
class TokenStanding:
    """What became of an access token since it was given out.

    Attributes:
        family_since: when its family began; None when it has none, or one that has ended.
    """

    family_since: datetime | None
    revoked: bool


async def add_code(session: TenantSession, digest: bytes, code: Code) -> None:
    row = {
        **_keys(session),
        **_consent(code.consent),
        "digest": digest,
        "redirect_uri": code.redirect_uri,
        "challenge": code.challenge,
        "expires_at": code.expires_at,
        "family_id": None,
    }
    await insert_rows(session.db, CODES, [row])


async def code(session: TenantSession, digest: bytes) -> KeptCode | None:
    """The code, locked until the transaction ends: two exchanges at once become one after the other."""
    row = await session.db.scalar(
        select(AuthorizationCodeRow)
        .where(AuthorizationCodeRow.tenant_id == session.tenant_id, AuthorizationCodeRow.digest == digest)
        .with_for_update()
    )
    return None if row is None else KeptCode(row.id, row.to_domain())


async def mark_exchanged(session: TenantSession, code_id: UUID, family_id: FamilyId) -> None:
    row = AuthorizationCodeRow
    await session.db.execute(
        update(row).where(row.tenant_id == session.tenant_id, row.id == code_id).values(family_id=family_id)
    )


async def add_family(session: TenantSession, family: Family) -> None:
    row = {
        "tenant_id": session.tenant_id,
        "id": family.id,
        **_consent(family.consent),
        "created_at": family.created_at,
        "expires_at": family.expires_at,
        "used_at": family.used_at,
        "revoked_at": None,
    }
    await insert_rows(session.db, FAMILIES, [row])


async def family(session: TenantSession, family_id: FamilyId, *, lock: bool = False) -> Family | None:
    query = _families(session).where(TokenFamilyRow.id == family_id)
    row = await session.db.scalar(query.with_for_update() if lock else query)
    return None if row is None else row.to_domain()


async def revoke_family(session: TenantSession, family_id: FamilyId, *, now: datetime) -> bool:
    """End a family. False when it had ended already, or never was."""
    row = TokenFamilyRow
    ended = await session.db.execute(
        update(row)
        .where(row.tenant_id == session.tenant_id, row.id == family_id, row.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(row.id)
    )
    return ended.first() is not None


async def add_refresh_token(
    session: TenantSession, family_id: FamilyId, digest: bytes, *, generation: int
) -> None:
    row = {
        **_keys(session),
        "family_id": family_id,
        "generation": generation,
        "digest": digest,
        "used_at": None,
    }
    await insert_rows(session.db, REFRESH_TOKENS, [row])


async def refresh_token(
    session: TenantSession, digest: bytes, *, lock: bool = False
) -> KeptRefreshToken | None:
    """The refresh token and its family; the family is locked first, so that rotations queue up."""
    row = RefreshTokenRow
    mine = select(row).where(row.tenant_id == session.tenant_id)
    named = await session.db.scalar(mine.where(row.digest == digest))
    if named is None:
        return None
    of = await family(session, FamilyId(named.family_id), lock=lock)
    if of is None:
        return None
    await session.db.refresh(named)  # it may have been used while we waited for its family
    newest = await session.db.scalar(
        select(func.max(row.generation)).where(
            row.tenant_id == session.tenant_id, row.family_id == named.family_id
        )
    )
    return KeptRefreshToken(named.id, RefreshToken(named.generation, newest or 0, named.used_at), of)


async def digest_of(session: TenantSession, family_id: FamilyId, *, generation: int) -> bytes | None:
    row = RefreshTokenRow
    return await session.db.scalar(
        select(row.digest).where(
            row.tenant_id == session.tenant_id, row.family_id == family_id, row.generation == generation
        )
    )


async def mark_used(session: TenantSession, kept: KeptRefreshToken, *, now: datetime) -> None:
    token, of = RefreshTokenRow, TokenFamilyRow
    await session.db.execute(
        update(token).where(token.tenant_id == session.tenant_id, token.id == kept.id).values(used_at=now)
    )
    await session.db.execute(
        update(of).where(of.tenant_id == session.tenant_id, of.id == kept.family.id).values(used_at=now)
    )


async def add_assertion(
    session: TenantSession, application_id: ApplicationId, jti_sha256: bytes, *, expires_at: datetime
) -> bool:
    """Note that this assertion was used. False when it had been."""
    row = {
        **_keys(session),
        "application_id": application_id,
        "jti_sha256": jti_sha256,
        "expires_at": expires_at,
    }
    return await insert_new(session.db, ASSERTIONS, row)


async def revoke_token(session: TenantSession, token_id: UUID, *, expires_at: datetime) -> bool:
    """Let an access token count no more. False when it did not already."""
    row = {"tenant_id": session.tenant_id, "id": token_id, "expires_at": expires_at}
    return await insert_new(session.db, REVOKED_TOKENS, row)


async def standing(session: TenantSession, token_id: UUID, family_id: FamilyId | None) -> TokenStanding:
    found = (await run(session.db, STANDING, session.tenant_id, family_id, token_id)).one()
    return TokenStanding(found.family_since, found.revoked)


async def add_failure(
    session: TenantSession, bucket: UUID, *, now: datetime, window: timedelta
) -> tuple[int, datetime]:
    """Count a failed authentication. Returns how many there were since when, this one included."""
    row = (await run(session.db, FAIL, session.tenant_id, bucket, now, now - window)).one()
    return row.failures, row.since


async def purge(session: TenantSession, *, now: datetime) -> None:
    """Forget what counts no more: single uses after their time, and families some time after their end."""
    for row in (ClientAssertionRow, RevokedTokenRow):
        await session.db.execute(delete(row).where(row.tenant_id == session.tenant_id, row.expires_at < now))
    ended_before = now - KEPT_AFTER_END
    failure = ClientFailureRow
    await session.db.execute(
        delete(failure).where(failure.tenant_id == session.tenant_id, failure.since < ended_before)
    )
    ended = (
        select(TokenFamilyRow.id)
        .where(TokenFamilyRow.tenant_id == session.tenant_id)
        .where((TokenFamilyRow.expires_at < ended_before) | (TokenFamilyRow.revoked_at < ended_before))
    )
    code, token, of = AuthorizationCodeRow, RefreshTokenRow, TokenFamilyRow
    await session.db.execute(
        delete(code).where(
            code.tenant_id == session.tenant_id,
            ((code.expires_at < ended_before) & code.family_id.is_(None)) | code.family_id.in_(ended),
        )
    )
    await session.db.execute(
        delete(token).where(token.tenant_id == session.tenant_id, token.family_id.in_(ended))
    )
    await session.db.execute(delete(of).where(of.tenant_id == session.tenant_id, of.id.in_(ended)))


def _families(session: TenantSession) -> Select[TokenFamilyRow]:
    return select(TokenFamilyRow).where(TokenFamilyRow.tenant_id == session.tenant_id)


def _keys(session: TenantSession) -> dict[str, Any]:
    return {"tenant_id": session.tenant_id, "id": ids.new_id()}


def _consent(consent: Consent) -> dict[str, Any]:
    return {
        "application_id": consent.application_id,
        "client": consent.client,
        "member_id": consent.member_id,
        "scopes": sorted(consent.scopes),
    }
