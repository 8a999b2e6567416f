"""Accounts: how an e-mail address is written, and the secrets that links and cookies carry."""

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from service.errors import Fault
from service.ids import MemberId, PersonId, TenantId, read_id
from service.mail.domain import ADDRESS_CHARACTERS_MAX, is_address
from service.people.domain.members import Role

RESET_TTL = timedelta(hours=1)
OPERATORS_RESET_TTL = timedelta(days=1)
DEVICE_TTL = timedelta(days=365)
DEVICE_PURPOSE = b"device cookie"
FACTOR_DEVICE_PURPOSE = b"device cookie of who showed a second factor"
NONCE_BYTES = 16
HEX_DIGITS = 32
"""Of an id."""

_MAC_BYTES = 32
_STAMP_BYTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """An account."""

    id: PersonId
    email: str
    name: str
    has_totp: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where somebody who is not known yet calls from.

    Attributes:
        device: what `LoggedInAnew.device` was, if the browser still has it.
    """

    address: str | None = None
    http_request_id: str | None = None
    device: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """What an open invitation offers, and to whom.

    Attributes:
        has_account: the person logs in to accept; else it makes an account.
    """

    tenant_id: TenantId
    tenant_name: str
    member_id: MemberId
    email: str
    name: str
    roles: frozenset[Role]
    expires_at: datetime
    has_account: bool


@dataclass(frozen=True, slots=True)
class Link:
    """A link that works once, and until when."""

    url: str = field(repr=False)
    expires_at: datetime


def normal_email(text: str) -> str:
    """An address as accounts are found by it: without surrounding space, and in lower case.

    Nothing but ASCII is written otherwise. Unicode's folding makes other letters of some, and so the address
    of somebody else: `straße.example` would become `strasse.example`.
    """
    stripped = text.strip()
    return stripped.lower() if stripped.isascii() else stripped


def known_form(text: str) -> str:
    """What an account is looked for by; empty when no account can have what was typed."""
    email = normal_email(text)
    return "" if faults_of_email(email) else email


def faults_of_email(email: str) -> list[Fault]:
    """What is wrong with an address that `normal_email` wrote."""
    if len(email) <= ADDRESS_CHARACTERS_MAX and is_address(email):
        return []
    return [Fault("/email", "This is not a mail address, such as ada@example.org.")]


def digest(secret: str) -> bytes:
    """Links and cookies carry 256 random bits, so one round of SHA-256 hides them well enough."""
    return hashlib.sha256(secret.encode()).digest()


def invitation_path(tenant_id: TenantId, secret: str) -> str:
    return f"/invitation/{tenant_id.hex}.{secret}"


def reset_path(secret: str) -> str:
    return f"/password-reset/{secret}"


def read_invitation(text: str) -> tuple[TenantId, str] | None:
    """The tenant and the secret of the last part of an invitation's path; None when it is none."""
    tenant, separated, secret = text.partition(".")
    if not separated or not secret or len(tenant) != HEX_DIGITS:
        return None
    try:
        return TenantId(read_id(tenant)), secret
    except ValueError:
        return None


def tokens_end_at(now: datetime) -> datetime:
    """From when on tokens count again: the next full second, as finely as they say when they were made."""
    floor = now.replace(microsecond=0)
    return floor if floor == now else floor + timedelta(seconds=1)


def tokens_begin_at(now: datetime) -> datetime:
    """From when on the tokens of somebody new count: this second."""
    return now.replace(microsecond=0)


def signed_device(person_id: PersonId, nonce: bytes, key: bytes, now: datetime) -> bytes:
    """What a browser keeps to be known again as one in which this person has logged in.

    Args:
        person_id: whose browser it is.
        nonce: NONCE_BYTES random bytes, which tell it from the person's other browsers.
        key: 32 secret bytes.
        now: the wall clock's.
    """
    content = person_id.bytes + nonce + int(now.timestamp()).to_bytes(_STAMP_BYTES, "big")
    return hmac.digest(key, content, hashlib.sha256) + content


def nonce_of_device(
    signed: bytes, person_id: PersonId, keys: tuple[bytes, ...], now: datetime
) -> bytes | None:
    """The nonce of what `signed_device` made for this person at most DEVICE_TTL ago; None of all else."""
    mac, content = signed[:_MAC_BYTES], signed[_MAC_BYTES:]
    whose, rest = content[: len(person_id.bytes)], content[len(person_id.bytes) :]
    if len(rest) != NONCE_BYTES + _STAMP_BYTES or whose != person_id.bytes:
        return None
    if not any(hmac.compare_digest(mac, hmac.digest(key, content, hashlib.sha256)) for key in keys):
        return None
    age = now.timestamp() - int.from_bytes(rest[NONCE_BYTES:], "big")
    return rest[:NONCE_BYTES] if age <= DEVICE_TTL.total_seconds() else None
