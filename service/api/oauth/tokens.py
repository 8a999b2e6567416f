"""Access tokens as JWTs (RFC 9068): how they are made, and when one counts. Pure: key and time come in."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry

from service.api.errors import Claimed, TokenInvalid
from service.api.oauth.keys import ALGORITHM, SigningKey
from service.api.security import TOKEN_BYTES_MAX
from service.ids import ApplicationId, FamilyId, MemberId, TenantId

LEEWAY = timedelta(seconds=10)
"""How far the clocks of two processes of ours may differ."""

TYPE = "at+jwt"
SEGMENTS = 3

Name = Annotated[str, msgspec.Meta(max_length=512)]
EpochSeconds = Annotated[int, msgspec.Meta(ge=0, le=2**40)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a token says.

    Attributes:
        client: the OAuth client id, which carries the tenant's slug and the application's id.
        token_id: `jti`, unique per token.
        member_id: on whose behalf the application acts; None when it acts by itself.
        family_id: the consent that the token came from, when there is a member.
    """

    tenant_id: TenantId
    application_id: ApplicationId
    client: str
    scopes: frozenset[str]
    token_id: UUID
    issued_at: datetime
    expires_at: datetime
    member_id: MemberId | None = None
    family_id: FamilyId | None = None


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    """The only header that our tokens have: anything else, `crit`, `jwk` and `jku` included, is not ours."""

    alg: Literal["ES256"]
    typ: Literal["at+jwt"]
    kid: Name


class _Claims(msgspec.Struct):
    iss: str
    aud: str
    sub: Name
    client_id: Name
    tenant_id: UUID
    application_id: UUID
    scope: Annotated[str, msgspec.Meta(max_length=4_096)]
    jti: UUID
    iat: EpochSeconds
    exp: EpochSeconds
    nbf: EpochSeconds = 0
    member_id: UUID | None = None
    fid: UUID | None = None


def subject_of(grant: Grant) -> str:
    """Who acts: the member, or else the application."""
    return grant.client if grant.member_id is None else f"member:{grant.member_id}"


def issue(grant: Grant, key: SigningKey, *, issuer: str) -> str:
    """The signed token that says `grant`. Issuer and audience are one: this service."""
    claims = {
        "iss": issuer,
        "aud": issuer,
        "sub": subject_of(grant),
        "client_id": grant.client,
        "tenant_id": str(grant.tenant_id),
        "application_id": str(grant.application_id),
        "scope": " ".join(sorted(grant.scopes)),
        "jti": grant.token_id.hex,
        "iat": int(grant.issued_at.timestamp()),
        "exp": int(grant.expires_at.timestamp()),
    }
    if grant.member_id is not None:
        claims |= {"member_id": str(grant.member_id), "fid": str(grant.family_id)}
    header = {"alg": ALGORITHM, "typ": TYPE, "kid": key.kid}
    return jwt.encode(header, claims, key.key, algorithms=[ALGORITHM])


def kid_of(token: str) -> str:
    """The name of the key that is said to have signed. Nothing is believed yet.

    Raises:
        TokenInvalid: the token is not three segments, or its header is not one of ours.
    """
    segments = token.split(".")
    if len(segments) != SEGMENTS or len(token) > TOKEN_BYTES_MAX:
        raise TokenInvalid
    try:
        padded = segments[0] + "=" * (-len(segments[0]) % 4)
        header = base64.b64decode(padded, altchars=b"-_", validate=True)
        return msgspec.json.decode(header, type=_Header).kid
    except (binascii.Error, ValueError, RecursionError) as error:
        raise TokenInvalid from error


def verify(token: str, keys: Mapping[str, SigningKey], *, issuer: str, now: datetime) -> Grant:
    """What a token says, if one of `keys` signed it for us and its time has come and not gone.

    Raises:
        TokenInvalid
    """
    key = keys.get(kid_of(token))
    if key is None:
        raise TokenInvalid
    try:
        decoded = jwt.decode(token, key.key, registry=JWSRegistry(algorithms=[ALGORITHM]))
        claims = msgspec.convert(decoded.claims, _Claims)
    except (JoseError, ValueError, RecursionError) as error:
        raise TokenInvalid from error
    _check(claims, issuer=issuer, now=now)
    return Grant(
        tenant_id=TenantId(claims.tenant_id),
        application_id=ApplicationId(claims.application_id),
        client=claims.client_id,
        scopes=frozenset(claims.scope.split()),
        token_id=claims.jti,
        issued_at=datetime.fromtimestamp(claims.iat, tz=now.tzinfo),
        expires_at=datetime.fromtimestamp(claims.exp, tz=now.tzinfo),
        member_id=None if claims.member_id is None else MemberId(claims.member_id),
        family_id=None if claims.fid is None else FamilyId(claims.fid),
    )


def counts_at(grant: Grant, now: datetime) -> bool:
    return now < grant.expires_at + LEEWAY


def _check(claims: _Claims, *, issuer: str, now: datetime) -> None:
    seconds, leeway = now.timestamp(), LEEWAY.total_seconds()
    begun = max(claims.iat, claims.nbf) - leeway <= seconds
    if claims.iss != issuer or claims.aud != issuer or not begun:
        raise TokenInvalid
    if (claims.member_id is None) != (claims.fid is None):  # a member's tokens all come from a consent
        raise TokenInvalid
    if seconds >= claims.exp + leeway:
        member_id = None if claims.member_id is None else MemberId(claims.member_id)
        raise TokenInvalid(
            Claimed(TenantId(claims.tenant_id), ApplicationId(claims.application_id), member_id)
        )
