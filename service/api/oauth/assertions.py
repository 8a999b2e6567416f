"""Client authentication by a signed assertion (`private_key_jwt`: RFC 7523). Pure: keys and time come in."""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIFE_MAX = timedelta(minutes=5)
LEEWAY = timedelta(seconds=10)
"""How far a client's clock may differ from ours."""

SEGMENTS = 3
ALGORITHMS = ("ES256", "PS256", "RS256")
KEY_KINDS: dict[str, type[ECKey] | type[RSAKey]] = {"ES256": ECKey, "PS256": RSAKey, "RS256": RSAKey}

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
EpochSeconds = Annotated[int, msgspec.Meta(ge=0, le=2**40)]
Read = TypeVar("Read")


class AssertionRefused(Exception):
    """The assertion does not prove who the client is."""


@dataclass(frozen=True, slots=True)
class Proof:
    """An assertion that counts, if it has not been used before.

    Attributes:
        jti_sha256: names it among those of its client.
        expires_at: until when its name must be remembered.
    """

    jti_sha256: bytes
    expires_at: datetime


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    """The only header that counts: keys and addresses of keys that an assertion brings along do not."""

    alg: Literal["ES256", "PS256", "RS256"]
    typ: Literal["JWT", "jwt", "client-authentication+jwt"] = "JWT"
    kid: Name | None = None


class _Claims(msgspec.Struct):
    iss: Name
    sub: Name
    aud: str
    jti: Name
    exp: EpochSeconds
    iat: EpochSeconds = 0
    nbf: EpochSeconds = 0


class _Subject(msgspec.Struct):
    sub: Name


def client_of(assertion: str) -> str:
    """Which client the assertion is said to be of. Nothing is believed yet. Raises AssertionRefused."""
    return _segment(assertion, 1, _Subject).sub


def verify(assertion: str, jwks: Mapping[str, Any], *, client: str, issuer: str, now: datetime) -> Proof:
    """What an assertion proves, if one of the client's own keys signed it for us and just now.

    Args:
        assertion: as the client sent it.
        jwks: the client's public keys, as they were registered.
        client: the client id, which must be its issuer and its subject.
        issuer: we; it must be the audience, and the only one.
        now: the wall clock's.

    Raises:
        AssertionRefused
    """
    header = _segment(assertion, 0, _Header)
    key = _key(jwks, header)
    try:
        decoded = jwt.decode(assertion, key, registry=JWSRegistry(algorithms=[header.alg]))
        claims = msgspec.convert(decoded.claims, _Claims)
    except (JoseError, ValueError, RecursionError) as error:
        raise AssertionRefused from error
    if (claims.iss, claims.sub, claims.aud) != (client, client, issuer):
        raise AssertionRefused
    _check_time(claims, now.timestamp())
    expires_at = datetime.fromtimestamp(claims.exp, tz=UTC) + LEEWAY
    return Proof(hashlib.sha256(claims.jti.encode()).digest(), expires_at)


def _check_time(claims: _Claims, seconds: float) -> None:
    leeway = LEEWAY.total_seconds()
    has_begun = max(claims.iat, claims.nbf) <= seconds + leeway
    left = claims.exp - seconds
    if not has_begun or not -leeway < left <= LIFE_MAX.total_seconds() + leeway:
        raise AssertionRefused


def _key(jwks: Mapping[str, Any], header: _Header) -> ECKey | RSAKey:
    """The client's key that the header names, or the only one that fits when it names none."""
    kind = KEY_KINDS[header.alg]
    fitting = [
        jwk
        for jwk in jwks.get("keys", [])
        if jwk.get("kty") == kind.key_type
        and jwk.get("alg", header.alg) == header.alg
        and jwk.get("use", "sig") == "sig"
        and header.kid in (None, jwk.get("kid"))
    ]
    if len(fitting) != 1:
        raise AssertionRefused
    try:
        return kind.import_key(fitting[0])
    except (JoseError, ValueError, KeyError) as error:
        raise AssertionRefused from error


def _segment(assertion: str, number: int, kind: type[Read]) -> Read:
    segments = assertion.split(".")
    if len(segments) != SEGMENTS:
        raise AssertionRefused
    try:
        padded = segments[number] + "=" * (-len(segments[number]) % 4)
        return msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=kind)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise AssertionRefused from error
