"""What an application may be registered as: addresses, grants, scopes and keys."""

import base64
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, RSAKey

from service.ids import ClientId
from service.tenants import keysets, registration
from service.tenants.domain import CLIENT_SCOPES, SCOPES, AuthMethod, GrantType
from service.tenants.registration import Registration

SECRET, PUBLIC, SIGNED = AuthMethod.CLIENT_SECRET, AuthMethod.NONE, AuthMethod.PRIVATE_KEY_JWT
ALONE, CODE, REFRESH = GrantType.CLIENT_CREDENTIALS, GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN
CLIENT = ClientId(UUID(int=7))
ADDRESS = "https://desk.example.com/callback"


def _asked(**given: Any) -> Registration:
    usual: dict[str, Any] = {"name": "Desk", "scopes": ["requests:read"]}
    return Registration(**usual | given)


def _pointers(**given: Any) -> list[str]:
    return [fault.pointer for fault in registration.faults(_asked(**given))]


@pytest.mark.parametrize(
    ("given", "pointers"),
    [
        ({}, []),
        ({"auth_method": SIGNED}, []),
        ({"client_id": CLIENT}, []),
        ({"grant_types": (CODE, REFRESH), "redirect_uris": [ADDRESS]}, []),
        ({"auth_method": PUBLIC, "grant_types": (CODE, REFRESH), "redirect_uris": [ADDRESS]}, []),
        ({"grant_types": (ALONE, CODE), "redirect_uris": [ADDRESS]}, []),
        ({"grant_types": ()}, ["/grant_types"]),
        ({"auth_method": PUBLIC}, ["/grant_types"]),
        ({"grant_types": (ALONE, REFRESH)}, ["/grant_types"]),
        ({"grant_types": (CODE,)}, ["/redirect_uris"]),
        ({"redirect_uris": [ADDRESS]}, ["/redirect_uris"]),
        ({"client_id": CLIENT, "grant_types": (CODE,), "redirect_uris": [ADDRESS]}, ["/grant_types"]),
        ({"name": " "}, ["/name"]),
        ({"scopes": ["requests:read", "requests:own"]}, ["/scopes/1"]),
        ({"client_id": CLIENT, "scopes": ["policies:read"]}, ["/scopes/0"]),
    ],
)
def test_how_an_application_proves_itself_fits_what_it_is_given(
    given: dict[str, Any], pointers: list[str]
) -> None:
    assert _pointers(**given) == pointers


@pytest.mark.parametrize(
    ("uri", "fine"),
    [
        (ADDRESS, True),
        ("https://desk.example.com", True),
        ("https://desk.example.com:8443/callback?tenant=acme", True),
        ("http://127.0.0.1/callback", True),
        ("http://127.0.0.1:53111/callback", True),
        ("http://[::1]:53111/callback", True),
        ("http://desk.example.com/callback", False),
        ("http://localhost/callback", False),
        ("http://127.0.0.1.example.com/callback", False),
        ("http://127.0.0.1@example.com/callback", False),
        ("https://user:secret@example.com/", False),
        ("https://desk.example.com/callback#part", False),
        ("https://*.example.com/callback", False),
        ("https://desk.example.com/../callback", False),
        ("https://desk.example.com/./callback", False),
        ("https://desk.example.com\\@evil.example.com/", False),
        ("https:///callback", False),
        ("https://", False),
        ("https:desk.example.com/callback", False),
        ("HTTPS://desk.example.com/callback", False),
        ("https://desk.example.com:99999/", False),
        ("https://[::1/callback", False),
        ("https://désk.example.com/", False),
        ("https://desk.example.com/ callback", False),
        ("https://desk.example.com/\ncallback", False),
        ("https://desk.example.com;frame-ancestors/callback", False),
        ("https://desk.example.com,script-src/callback", False),
        ("https://desk'.example.com/callback", False),
        ("https://desk%2eexample.com/callback", False),
        ("https://[2001:db8::1]:8443/callback", True),
        ("javascript:alert(1)", False),
        ("com.example.app:/callback", False),
        ("data:text/html,x", False),
        ("/callback", False),
        ("", False),
        ("https://desk.example.com/" + "x" * 2_000, False),
    ],
)
def test_a_code_goes_to_https_or_to_this_machine(uri: str, *, fine: bool) -> None:
    pointers = _pointers(grant_types=(CODE,), redirect_uris=[uri])

    assert pointers == ([] if fine else ["/redirect_uris/0"])


@given(uri=st.text(max_size=40) | st.from_regex(r"https?://[\w.:@\[\]#?/\\-]{0,30}", fullmatch=True))
def test_whatever_address_is_taken_is_exact_and_leads_to_one_host(uri: str) -> None:
    if _pointers(grant_types=(CODE,), redirect_uris=[uri]):
        return

    parts = urlsplit(uri)
    assert parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in {"127.0.0.1", "::1"})
    assert parts.hostname
    assert (parts.username, parts.password, parts.fragment) == (None, None, "")
    assert not {"#", "*", "\\", " "} & set(uri)


def test_there_are_at_most_ten_addresses_each_once() -> None:
    eleven = [f"https://desk.example.com/{number}" for number in range(11)]

    assert _pointers(grant_types=(CODE,), redirect_uris=eleven[:10]) == []
    assert _pointers(grant_types=(CODE,), redirect_uris=eleven) == ["/redirect_uris"]
    assert _pointers(grant_types=(CODE,), redirect_uris=[ADDRESS, ADDRESS]) == ["/redirect_uris/1"]


BEYOND: list[tuple[set[str], list[set[str]], list[str]]] = [
    ({"requests:read"}, [{"requests:read"}], []),
    ({"requests:read"}, [set()], []),
    (set(SCOPES), [set(SCOPES)], []),
    ({"requests:read"}, [{"requests:read", "requests:write"}], ["requests:write"]),
    ({"applications:write"}, [{"audit:read", "requests:read"}], ["audit:read", "requests:read"]),
    ({"requests:read"}, [{"requests:read"}, {"audit:read"}], ["audit:read"]),
    (set(CLIENT_SCOPES), [set(CLIENT_SCOPES), {"policies:read"}], ["policies:read"]),
    (set(), [{"tenant:read"}], ["tenant:read"]),
]


@pytest.mark.parametrize(("held", "asked", "missing"), BEYOND)
def test_nobody_gives_what_they_do_not_hold(
    held: set[str], asked: list[set[str]], missing: list[str]
) -> None:
    assert registration.beyond(held, *asked) == missing


@given(held=st.sets(st.sampled_from(sorted(SCOPES))), asked=st.sets(st.sampled_from(sorted(SCOPES))))
def test_what_may_be_given_is_what_is_held(held: set[str], asked: set[str]) -> None:
    missing = registration.beyond(held, asked)

    assert (missing == []) is (asked <= held)
    assert set(missing).isdisjoint(held)


EC = ECKey.generate_key("P-256", private=False).as_dict(private=False) | {"kid": "ec"}
P384 = ECKey.generate_key("P-384").as_dict(private=False) | {"kid": "p384"}
PRIVATE_EC = ECKey.generate_key("P-256").as_dict(private=True) | {"kid": "ec"}
RSA = RSAKey.generate_key(2048).as_dict(private=False) | {"kid": "rsa"}
SMALL_RSA = RSA | {"n": base64.urlsafe_b64encode(bytes([255] * 128)).decode()}


@pytest.mark.parametrize(
    ("keys", "faulty"),
    [
        ([EC], []),
        ([RSA], []),
        ([EC, RSA], []),
        ([EC | {"alg": "ES256", "use": "sig", "key_ops": ["verify"]}], []),
        ([RSA | {"alg": "PS256"}], []),
        ([PRIVATE_EC], [0]),
        ([RSA | {"d": "AQAB"}], [0]),
        ([RSA | {"oth": []}], [0]),
        ([EC, EC], [1]),
        ([P384], [0]),
        ([SMALL_RSA], [0]),
        ([RSA | {"e": "Aw"}], [0]),
        ([RSA | {"alg": "RS512"}], [0]),
        ([RSA | {"alg": "ES256"}], [0]),
        ([RSA | {"alg": "none"}], [0]),
        ([EC | {"alg": "HS256"}], [0]),
        ([EC | {"alg": ["ES256"]}], [0]),
        ([EC | {"use": "enc"}], [0]),
        ([EC | {"key_ops": ["sign"]}], [0]),
        ([EC | {"x5u": "https://example.com/key"}], [0]),
        ([EC | {"x5c": ["…"]}], [0]),
        ([EC | {"x": EC["y"], "y": EC["x"]}], [0]),
        ([EC | {"x": "AA"}], [0]),
        ([EC | {"x": "not base64!"}], [0]),
        ([{name: value for name, value in EC.items() if name != "y"}], [0]),
        ([{name: value for name, value in EC.items() if name != "kid"}], [0]),
        ([EC | {"kid": ""}], [0]),
        ([EC | {"kid": 7}], [0]),
        ([{"kty": "oct", "kid": "k", "k": "c2VjcmV0"}], [0]),
        ([{"kty": "OKP", "kid": "k", "crv": "Ed25519", "x": "AA"}], [0]),
        ([{"kty": ["EC"], "kid": "k"}], [0]),
        (["key"], [0]),
        ([None], [0]),
    ],
)
def test_only_public_keys_that_can_be_trusted_are_taken(keys: list[Any], faulty: list[int]) -> None:
    faults = keysets.faults({"keys": keys})

    assert [fault.pointer for fault in faults] == [f"/jwks/keys/{index}" for index in faulty]


@pytest.mark.parametrize(
    "jwks", [{}, {"keys": {}}, {"keys": []}, {"keys": [EC] * 6}, {"keys": [EC], "jwks_uri": "https://e.com"}]
)
def test_a_key_set_is_a_short_list_and_nothing_else(jwks: dict[str, Any]) -> None:
    assert len(keysets.faults(jwks)) == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(key=st.dictionaries(st.sampled_from([*EC, *RSA, "d", "k", "alg", "use"]), JSON))
def test_whatever_is_sent_as_a_key_is_read_without_a_crash(key: dict[str, Any]) -> None:
    for kind in (EC, RSA):
        faults = keysets.faults({"keys": [kind | key]})
        changed = {name for name, value in key.items() if kind.get(name) != value}
        assert faults or changed <= {"kid", "alg", "use", "key_ops", "x", "y", "n"}


@given(number=st.binary(min_size=1, max_size=64))
def test_a_point_that_is_not_on_the_curve_is_no_key(number: bytes) -> None:
    x = base64.urlsafe_b64encode(number).rstrip(b"=").decode()

    assert keysets.faults({"keys": [EC | {"x": x}]})


def test_a_key_is_told_by_its_thumbprint() -> None:
    told = keysets.thumbprints({"keys": [EC, RSA]})

    assert told == {"ec": ECKey.import_key(EC).thumbprint(), "rsa": RSAKey.import_key(RSA).thumbprint()}
