"""What a client's signed assertion proves, and when. Attacks on it are in tests/api/attacks_on_clients.py."""

import base64
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from service.api.oauth import assertions
from service.api.oauth.assertions import LEEWAY, LIFE_MAX, AssertionRefused
from tests.factories import NOON

ISSUER, CLIENT = "https://rooted.test", "acme.0123"
NOW = int(NOON.timestamp())
EC_KEY = ECKey.generate_key("P-256", {"kid": "ec"})
RSA_KEY = RSAKey.generate_key(2048, {"kid": "rsa"})
LARGE_KEY = ECKey.generate_key("P-521", {"kid": "ec"})
JWKS = {"keys": [EC_KEY.as_dict(private=False), RSA_KEY.as_dict(private=False)]}
CLAIMS = {"iss": CLIENT, "sub": CLIENT, "aud": ISSUER, "jti": "1", "iat": NOW, "exp": NOW + 60}


def _signed(header: Mapping[str, str], key: ECKey | RSAKey, **claims: Any) -> str:
    return jwt.encode(dict(header), {**CLAIMS, **claims}, key, algorithms=[header["alg"]])


def _is_proof(signed: str, jwks: Mapping[str, Any] = JWKS) -> bool:
    try:
        assertions.verify(signed, jwks, client=CLIENT, issuer=ISSUER, now=NOON)
    except AssertionRefused:
        return False
    return True


@pytest.mark.parametrize(
    ("header", "key", "proves"),
    [
        ({"alg": "ES256", "kid": "ec"}, EC_KEY, True),
        ({"alg": "RS256", "kid": "rsa"}, RSA_KEY, True),
        ({"alg": "PS256", "kid": "rsa"}, RSA_KEY, True),
        ({"alg": "ES256"}, EC_KEY, True),
        ({"alg": "ES256", "typ": "JWT"}, EC_KEY, True),
        ({"alg": "ES256", "kid": "rsa"}, EC_KEY, False),
        ({"alg": "RS512", "kid": "rsa"}, RSA_KEY, False),
        ({"alg": "ES512", "kid": "ec"}, LARGE_KEY, False),
    ],
)
def test_only_registered_keys_and_three_algorithms_count(
    header: Mapping[str, str], key: ECKey | RSAKey, *, proves: bool
) -> None:
    assert _is_proof(_signed(header, key)) is proves


@pytest.mark.parametrize(
    ("changes", "proves"),
    [
        ({"use": "sig", "alg": "ES256"}, True),
        ({"use": "enc"}, False),
        ({"alg": "ES384"}, False),
        ({"kty": "RSA"}, False),
        ({"x": "AAAA"}, False),
        ({"crv": "P-384"}, False),
    ],
)
def test_a_key_is_used_for_what_it_was_registered_for(changes: Mapping[str, str], *, proves: bool) -> None:
    jwks = {"keys": [{**EC_KEY.as_dict(private=False), **changes}]}
    assert _is_proof(_signed({"alg": "ES256"}, EC_KEY), jwks) is proves


def test_of_two_keys_that_fit_one_must_be_named() -> None:
    other = ECKey.generate_key("P-256", {"kid": "ec-2"})
    jwks = {"keys": [*JWKS["keys"], other.as_dict(private=False)]}
    assert not _is_proof(_signed({"alg": "ES256"}, EC_KEY), jwks)
    assert _is_proof(_signed({"alg": "ES256", "kid": "ec"}, EC_KEY), jwks)


@given(begins=st.integers(-1_000, 1_000), ends=st.integers(-1_000, 1_000))
def test_it_proves_something_in_its_time_which_is_short(begins: int, ends: int) -> None:
    signed = _signed({"alg": "ES256"}, EC_KEY, iat=NOW + begins, exp=NOW + ends)

    leeway = LEEWAY.total_seconds()
    in_time = begins <= leeway and -leeway < ends <= LIFE_MAX.total_seconds() + leeway
    assert _is_proof(signed) is in_time


SIGNED = _signed({"alg": "ES256", "kid": "ec"}, EC_KEY)


@given(at=st.integers(0, len(SIGNED) - 1), to=st.characters(min_codepoint=33, max_codepoint=126))
def test_changed_anywhere_it_proves_nothing(at: int, to: str) -> None:
    changed = SIGNED[:at] + to + SIGNED[at + 1 :]
    if [_decoded(part) for part in changed.split(".")] != [_decoded(part) for part in SIGNED.split(".")]:
        assert not _is_proof(changed)


def _decoded(part: str) -> object:
    """The bytes of a segment: its last letter may have bits that belong to none."""
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return part


@given(text=st.text(max_size=300))
def test_other_text_is_of_no_client(text: str) -> None:
    with pytest.raises(AssertionRefused):
        assertions.client_of(text)
