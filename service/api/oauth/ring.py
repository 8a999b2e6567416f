"""The signing keys as this process knows them: read from the database now and then, never per request."""

import asyncio
from datetime import datetime, timedelta

from service.api.oauth import keys, store
from service.api.oauth.keys import SigningKey
from service.api.pagination import CursorKeys
from service.clock import Clock
from service.db import Sessions
from service.platform import platform_transaction
from service.vault import Vault

RELOAD_AFTER = timedelta(minutes=1)
"""How old the known keys may be; also how often at most a key that we do not know makes us look again."""


class KeyRing:
    """Keeps the keys at hand. One per process."""

    def __init__(self, sessions: Sessions, clock: Clock, vault: Vault, *, token_ttl: timedelta) -> None:
        self._sessions = sessions
        self._clock = clock
        self._vault = vault
        self._token_ttl = token_ttl
        self._keys: list[SigningKey] = []
        self._loaded_at: datetime | None = None
        self._sought_at: datetime | None = None
        self._loading = asyncio.Lock()

    async def published(self, *, sought: str | None = None) -> dict[str, SigningKey]:
        """The keys whose tokens count now, by kid. At most RELOAD_AFTER old.

        Args:
            sought: a kid that a token names. If it is not known, we look again, but not for each such token.
        """
        known = await self._known()
        if sought is not None and all(key.kid != sought for key in known) and self._may_seek():
            self._sought_at = self._clock.now()
            await self._load()
        return keys.published(self._keys, self._clock.now(), token_ttl=self._token_ttl)

    async def signing_key(self) -> SigningKey:
        """The key that signs now; made when there is none."""
        now = self._clock.now()
        found = keys.signing_key(await self._known(), now)
        if found is not None:
            return found
        async with platform_transaction(self._sessions) as session:
            self._keys = await store.ensure_key(session, self._vault, now=now)
        self._loaded_at = now
        made = keys.signing_key(self._keys, now)
        if made is None:
            raise RuntimeError("a signing key was made and is not there")
        return made

    async def cursor_keys(self) -> CursorKeys:
        """What cursors are signed with. A retired key's cursors go on to count."""
        current = await self.signing_key()
        return CursorKeys(current.kid, {key.kid: key.cursor_secret() for key in self._keys})

    async def _known(self) -> list[SigningKey]:
        if self._is_stale():
            async with self._loading:
                if self._is_stale():
                    await self._load()
        return self._keys

    def _is_stale(self) -> bool:
        return self._loaded_at is None or self._clock.now() - self._loaded_at >= RELOAD_AFTER

    def _may_seek(self) -> bool:
        return self._sought_at is None or self._clock.now() - self._sought_at >= RELOAD_AFTER

    async def _load(self) -> None:
        now = self._clock.now()
        async with platform_transaction(self._sessions) as session:
            self._keys = await store.signing_keys(session, self._vault)
        self._loaded_at = now
