"""Second factors: codes that change every 30 seconds (TOTP, RFC 6238), and recovery codes that count once."""

import base64
import hashlib
from datetime import datetime

from pyotp.exceptions import OTPVerificationError
from pyotp.totp import TOTP

from service.ids import PersonId

SEED_BYTES = 20
"""As RFC 4226 asks for: 160 bits."""

ISSUER = "Rooted"
STEPS_OFF_MAX = 1
CODE_DIGITS = 6
RECOVERY_CODES = 10
RECOVERY_CODE_BYTES = 10
_GROUP = 4


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
