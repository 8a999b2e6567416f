"""Which key signs, and which are published. Pure: keys and the time come in.

A key is published a while before it signs, so that everybody who verifies has it by then, and stays published
until the last token that it signed has expired.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from joserfc.jwk import ECKey

ALGORITHM = "ES256"

PUBLISHED_AHEAD = timedelta(minutes=10)
"""How long a new key is published before it signs: longer than any copy of the key set may be kept."""

KEY_SET_KEPT = timedelta(minutes=5)
"""How long others may keep a copy of the published key set."""

CURSOR_PURPOSE = b"rooted: cursors of lists, 1"


@dataclass(frozen=True)
class SigningKey:
    """A private key on P-256.

    Attributes:
        jwk: the private key as a JSON Web Key.
        retired_at: from when on it does not sign any more; None for a key that no other follows.
    """

    kid: str
    jwk: Mapping[str, Any]
    created_at: datetime
    retired_at: datetime | None

    @cached_property
    def key(self) -> ECKey:
        return ECKey.import_key(dict(self.jwk))

    def public_jwk(self) -> dict[str, Any]:
        public = self.key.as_dict(private=False)
        return {**public, "kid": self.kid, "use": "sig", "alg": ALGORITHM}

    def cursor_secret(self) -> bytes:
        """A secret of its own for cursors; knowing it does not help to sign tokens."""
        private = str(self.jwk["d"]).encode()
        return hmac.digest(private, CURSOR_PURPOSE, hashlib.sha256)


def new_key(now: datetime) -> SigningKey:
    """A fresh random key, named by the beginning of its thumbprint (RFC 7638)."""
    key = ECKey.generate_key("P-256")
    return SigningKey(key.thumbprint()[:16], key.as_dict(private=True), now, None)


def signing_key(keys: Sequence[SigningKey], now: datetime) -> SigningKey | None:
    """The newest key that has been published long enough at `now`, else the oldest there is."""
    able = sorted(
        (key for key in keys if key.retired_at is None or key.retired_at > now),
        key=lambda key: key.created_at,
    )
    announced = [key for key in able if key.created_at + PUBLISHED_AHEAD <= now]
    return announced[-1] if announced else next(iter(able), None)


def published(keys: Sequence[SigningKey], now: datetime, *, token_ttl: timedelta) -> dict[str, SigningKey]:
    """The keys whose tokens may count at `now`, by their kid."""
    return {key.kid: key for key in keys if key.retired_at is None or key.retired_at + 2 * token_ttl > now}
