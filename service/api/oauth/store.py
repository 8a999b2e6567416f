"""Queries over the signing keys. They are read before any tenant is known."""

from datetime import datetime

import msgspec
from sqlalchemy import func, select, update

from service.api.oauth import keys, models
from service.api.oauth.keys import SigningKey
from service.api.oauth.models import SigningKeyRow
from service.platform import PlatformSession
from service.vault import Vault

LOCK = 0x726F6F7465640001
"""Number of the advisory lock under which keys are added: one process at a time."""


async def signing_keys(session: PlatformSession, vault: Vault) -> list[SigningKey]:
    rows = await session.db.scalars(select(SigningKeyRow).order_by(SigningKeyRow.created_at))
    return [row.to_domain(vault) for row in rows]


async def ensure_key(session: PlatformSession, vault: Vault, *, now: datetime) -> list[SigningKey]:
    """All keys, of which there is one able to sign afterwards."""
    await _lock(session)
    found = await signing_keys(session, vault)
    if keys.signing_key(found, now) is None:
        found.append(await _add(session, vault, keys.new_key(now)))
    return found


async def rotate(session: PlatformSession, vault: Vault, *, now: datetime) -> SigningKey:
    """Add a key that signs from `keys.PUBLISHED_AHEAD` on; the others retire then."""
    await _lock(session)
    await session.db.execute(
        update(SigningKeyRow)
        .where(SigningKeyRow.retired_at.is_(None))
        .values(retired_at=now + keys.PUBLISHED_AHEAD)
    )
    return await _add(session, vault, keys.new_key(now))


async def _add(session: PlatformSession, vault: Vault, key: SigningKey) -> SigningKey:
    session.db.add(
        SigningKeyRow(
            kid=key.kid,
            sealed_jwk=vault.seal(msgspec.json.encode(key.jwk), models.place(key.kid)),
            created_at=key.created_at,
            retired_at=key.retired_at,
        )
    )
    await session.db.flush()
    return key


async def _lock(session: PlatformSession) -> None:
    await session.db.execute(select(func.pg_advisory_xact_lock(LOCK)))
