"""When an authorization code counts, and what presenting a refresh token means. Pure.

Codes and refresh tokens are 256 random bits behind the tenant that they belong to, so that they can be
looked up in that tenant's transaction. Only their digests are kept.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from service.ids import ApplicationId, FamilyId, MemberId, TenantId, read_id

CODE_TTL = timedelta(seconds=60)
GRACE = timedelta(seconds=5)
"""How long the refresh token before the newest gets that one again: for a client that lost our answer."""

TICKET = re.compile(r"([0-9a-f]{32})\.[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What a member allowed an application.

    Attributes:
        client: the OAuth client id that the application called itself by.
    """

    application_id: ApplicationId
    client: str
    member_id: MemberId
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """An authorization code.

    Attributes:
        challenge: the S256 challenge of its PKCE verifier.
        family_id: the family of tokens that it was exchanged for; None before.
    """

    consent: Consent
    redirect_uri: str
    challenge: str
    expires_at: datetime
    family_id: FamilyId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """All tokens that came from one consent. They live and die together.

    Attributes:
        expires_at: the end, however often it is refreshed.
        used_at: when a refresh token of it was used last, or when it began.
    """

    id: FamilyId
    consent: Consent
    created_at: datetime
    expires_at: datetime
    used_at: datetime
    revoked_at: datetime | None

    def ends_at(self, *, idle: timedelta) -> datetime:
        """When its newest refresh token ceases to count, if nobody uses it: after `idle`, or for good."""
        return min(self.expires_at, self.used_at + idle)

    def lives_at(self, now: datetime, *, idle: timedelta) -> bool:
        return self.revoked_at is None and now < self.ends_at(idle=idle)


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """Where a refresh token stands in its family.

    Attributes:
        generation: 0 for the first.
        newest: the generation of the family's newest.
        used_at: when it was exchanged for its successor; None for the newest.
    """

    generation: int
    newest: int
    used_at: datetime | None


class CodeVerdict(Enum):
    GOOD = "good"
    EXPIRED = "expired"
    REPLAYED = "replayed"
    """It was exchanged before. Whoever did that may have stolen it: what it gave is revoked."""


class RefreshVerdict(Enum):
    ROTATE = "rotate"
    REPEAT = "repeat"
    """Its successor is given out again."""
    REUSED = "reused"
    """Somebody else has used it: the family is revoked."""
    DEAD = "dead"


def judge_code(code: Code, now: datetime) -> CodeVerdict:
    """What becomes of a code that its own client presents with the right verifier."""
    if code.family_id is not None:
        return CodeVerdict.REPLAYED
    return CodeVerdict.GOOD if now < code.expires_at else CodeVerdict.EXPIRED


def judge_refresh(token: RefreshToken, family: Family, now: datetime, *, idle: timedelta) -> RefreshVerdict:
    """What becomes of a refresh token that its own client presents."""
    if not family.lives_at(now, idle=idle):
        return RefreshVerdict.DEAD
    if token.used_at is None:
        return RefreshVerdict.ROTATE
    is_previous = token.generation + 1 == token.newest
    return RefreshVerdict.REPEAT if is_previous and now - token.used_at <= GRACE else RefreshVerdict.REUSED


def ticket(tenant_id: TenantId, random: bytes) -> str:
    """A code or a refresh token of 32 random bytes."""
    return f"{tenant_id.hex}.{base64.urlsafe_b64encode(random).rstrip(b'=').decode()}"


def tenant_of(presented: str) -> TenantId | None:
    """The tenant in a code or a refresh token, None when it cannot be one of ours."""
    found = TICKET.fullmatch(presented)
    return None if found is None else TenantId(read_id(found[1]))


def digest(presented: str) -> bytes:
    return hashlib.sha256(presented.encode()).digest()


def successor(presented: str, tenant_id: TenantId, secret: bytes) -> str:
    """The refresh token that follows: derived, to be given out twice though only hashes are kept."""
    return ticket(tenant_id, hmac.digest(secret, presented.encode(), hashlib.sha256))
