"""Second factors: codes that change every 30 seconds (TOTP, RFC 6238), and recovery codes that count once."""

import base64
import hashlib
import hmac
from datetime import datetime

from pyotp.exceptions import OTPVerificationError
from pyotp.totp import TOTP

from service.ids import PersonId

SEED_BYTES = 20
"""As RFC 4226 asks for: 160 bits."""

SEED_PURPOSE = b"seed of an authenticator"
"""What the secret is for that seeds are derived with until one is confirmed."""

ISSUER = "Rooted"
STEPS_OFF_MAX = 1
CODE_DIGITS = 6
RECOVERY_CODES = 10
RECOVERY_CODE_BYTES = 10
_GROUP = 4


def offered_seed(session_digest: bytes, shown: int, key: bytes) -> bytes:
    """The seed that this session is shown, and no other: who was in before the owner does not know it.

    Args:
        session_digest: 32 bytes that name the log-in session in which an authenticator is set up.
        shown: how many factors have been shown in it; a seed that was removed is not offered again.
        key: 32 secret bytes.
    """
    content = session_digest + shown.to_bytes(4, "big")
    return hmac.digest(key, content, hashlib.sha256)[:SEED_BYTES]


def secret_of(seed: bytes) -> str:
    """A seed as people type it into an authenticator."""
    return base64.b32encode(seed).decode().rstrip("=")


def enrolment_uri(seed: bytes, email: str) -> str:
    """What the QR code says."""
    return TOTP(secret_of(seed)).provisioning_uri(name=email, issuer_name=ISSUER)


def step_of(seed: bytes, code: str, now: datetime, used_step: int | None) -> int | None:
    """The step whose code this is, STEPS_OFF_MAX from now's at most; None when it is wrong or was used.

    Args:
        seed: the secret shared with the authenticator.
        code: as it was typed.
        now: the wall clock's.
        used_step: the latest step whose code was used; none up to it counts again.
    """
    digits = normal_code(code)
    if len(digits) != CODE_DIGITS or not (digits.isascii() and digits.isdigit()):
        return None
    try:
        found = TOTP(secret_of(seed)).verify_and_get_timecode(
            digits, for_time=now, valid_window=STEPS_OFF_MAX
        )
    except OTPVerificationError:
        return None
    return found if used_step is None or found > used_step else None


def normal_code(code: str) -> str:
    """A code without what people put between its characters."""
    return "".join(code.split()).replace("-", "").upper()


def recovery_code(random: bytes) -> str:
    """A recovery code of RECOVERY_CODE_BYTES random bytes, in groups that can be copied by hand."""
    text = base64.b32encode(random).decode()
    return "-".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))


def recovery_digest(person_id: PersonId, code: str) -> bytes:
    """What is kept of a recovery code: it has 80 random bits, and attempts are counted."""
    return hashlib.sha256(person_id.bytes + normal_code(code).encode()).digest()
