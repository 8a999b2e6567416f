"""What browsers keep: tokens of sessions, and signed cookies by which a browser is known again."""

import base64
import binascii
import secrets
from datetime import datetime

from service.ids import PersonId
from service.people.domain import Origin, accounts
from service.vault import Vault

TOKEN_BYTES = 32


def new_token() -> str:
    """A secret of 256 random bits, for a cookie or a link."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def recognizable(vault: Vault, person_id: PersonId, *, now: datetime, by_factor: bool) -> str:
    """A cookie for a browser in which this person has logged in, `by_factor` when it showed a second one."""
    key = vault.derive(accounts.FACTOR_DEVICE_PURPOSE if by_factor else accounts.DEVICE_PURPOSE)
    nonce = secrets.token_bytes(accounts.NONCE_BYTES)
    return base64.urlsafe_b64encode(accounts.signed_device(person_id, nonce, key, now)).rstrip(b"=").decode()


def known(vault: Vault, person_id: PersonId | None, origin: Origin, *, now: datetime) -> bytes | None:
    """What names the browser, if this person has logged in there before."""
    keys = vault.derivations(accounts.DEVICE_PURPOSE) + vault.derivations(accounts.FACTOR_DEVICE_PURPOSE)
    return _known(keys, person_id, origin, now=now)


def known_by_factor(vault: Vault, person_id: PersonId, origin: Origin, *, now: datetime) -> bytes | None:
    """What names the browser, if this person has shown a second factor there before."""
    return _known(vault.derivations(accounts.FACTOR_DEVICE_PURPOSE), person_id, origin, now=now)


def _known(
    keys: tuple[bytes, ...], person_id: PersonId | None, origin: Origin, *, now: datetime
) -> bytes | None:
    if person_id is None or origin.device is None:
        return None
    try:
        signed = base64.urlsafe_b64decode(origin.device + "=" * (-len(origin.device) % 4))
    except (binascii.Error, ValueError):
        return None
    return accounts.nonce_of_device(signed, person_id, keys, now)
