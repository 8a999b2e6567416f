"""How a delivery is signed, when it is tried again, and what counts as delivered. Pure."""

import base64
import hashlib
import hmac
from datetime import timedelta
from enum import StrEnum

SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix of secrets, as Standard Webhooks names it
SECRET_BYTES = 32

RETRY_DELAYS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
)
"""After each failed attempt but the last: the eighth comes about 32 hours after the first."""


class DeliveryState(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    EXHAUSTED = "exhausted"
    """Every attempt failed; it is not tried again."""


def retry_delay(attempts: int) -> timedelta | None:
    """How long to wait after the `attempts`-th attempt failed; None after the last.

    Raises:
        ValueError: `attempts` is below 1.
    """
    if attempts < 1:
        raise ValueError(f"{attempts} attempts cannot have failed")
    return RETRY_DELAYS[attempts - 1] if attempts <= len(RETRY_DELAYS) else None


def state_after(attempts: int, *, succeeded: bool) -> DeliveryState:
    """What has become of a delivery once its `attempts`-th attempt has succeeded or failed."""
    if succeeded:
        return DeliveryState.DELIVERED
    return DeliveryState.EXHAUSTED if retry_delay(attempts) is None else DeliveryState.PENDING


def is_success(status: int) -> bool:
    """Only 2xx: a redirect is a failure, as following it would lead past the check of addresses."""
    return 200 <= status < 300  # noqa: PLR2004 - the class of HTTP status that means success


def secret_of(key: bytes) -> str:
    """How a receiver is told the key."""
    return SECRET_PREFIX + base64.b64encode(key).decode()


def signature(secret: str, *, message_id: str, timestamp: int, body: bytes) -> str:
    """The `webhook-signature` header of Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`.

    `timestamp` is that of this attempt, in seconds since 1970.
    """
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
