"""Which access tokens count: attacks on the token itself, each answered 401 and none believed."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import AsyncClient
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import RSAKey

from service.api.errors import TokenInvalid
from service.api.oauth import keys, tokens
from service.api.oauth.keys import SigningKey
from service.api.oauth.tokens import Grant
from service.ids import ApplicationId, FamilyId, MemberId, TenantId
from tests.factories import NOON

ISSUER = "https://rooted.test"
KEY = keys.new_key(NOON)
OTHER_KEY = keys.new_key(NOON)
RSA_KEY = RSAKey.generate_key(2048)
KEYS = {KEY.kid: KEY}
TTL = timedelta(minutes=15)

GRANT = Grant(
    tenant_id=TenantId(uuid4()),
    application_id=ApplicationId(uuid4()),
    client="acme.0123",
    scopes=frozenset({"requests:read", "requests:write"}),
    token_id=uuid4(),
    issued_at=NOON,
    expires_at=NOON + TTL,
)
OF_A_MEMBER = replace(GRANT, member_id=MemberId(uuid4()), family_id=FamilyId(uuid4()))
TOKEN = tokens.issue(GRANT, KEY, issuer=ISSUER)
HEADER: dict[str, Any] = {"alg": "ES256", "typ": "at+jwt", "kid": KEY.kid}
CLAIMS: dict[str, Any] = json.loads(base64.urlsafe_b64decode(TOKEN.split(".")[1] + "=="))


def _encoded(content: object) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _signed(
    *, header: dict[str, Any] | None = None, key: Any = KEY.key, drop: Sequence[str] = (), **claims: Any
) -> str:
    """A token as ours would be, but for what the attack changes."""
    said = {name: value for name, value in {**CLAIMS, **claims}.items() if name not in drop}
    asked = {**HEADER, **(header or {})}
    registry = jws.JWSRegistry(algorithms=[asked["alg"]], strict_check_header=False)
    return jws.serialize_compact(asked, json.dumps(said).encode(), key, registry=registry)


def _unsigned(header: dict[str, Any]) -> str:
    return f"{_encoded(header)}.{_encoded(CLAIMS)}."


def _key_confusion(before: bytes = b"") -> str:
    """Our public key taken for the secret of an HMAC: by hand, since joserfc would not do it."""
    said = f"{_encoded({**HEADER, 'alg': 'HS256'})}.{_encoded(CLAIMS)}"
    public = before + KEY.key.as_pem(private=False)
    return f"{said}.{_encoded(hmac.digest(public, said.encode(), hashlib.sha256))}"


def _swapped_claims() -> str:
    head, _, signature = TOKEN.split(".")
    return f"{head}.{_encoded({**CLAIMS, 'tenant_id': str(uuid4())})}.{signature}"


def _as_json() -> str:
    head, claims, _ = TOKEN.split(".")
    return json.dumps({"payload": claims, "signatures": [{"protected": head}]})


def _seconds(offset: timedelta) -> int:
    return int((NOON + offset).timestamp())


FAR = timedelta(minutes=1)

ATTACKS: dict[str, Callable[[], str]] = {
    "alg none": lambda: _unsigned({**HEADER, "alg": "none"}),
    "alg None": lambda: _unsigned({**HEADER, "alg": "None"}),
    "no alg": lambda: _unsigned({"typ": "at+jwt", "kid": KEY.kid}),
    "signature left out": lambda: TOKEN.rpartition(".")[0] + ".",
    "HS256 with our public key": _key_confusion,
    "HS256 with our public key after whitespace": lambda: _key_confusion(b"\n "),
    "HS256 with an empty key": lambda: _unsigned({**HEADER, "alg": "HS256"}) + "AAAA",
    "RS256": lambda: _signed(header={"alg": "RS256"}, key=RSA_KEY),
    "another key under our kid": lambda: _signed(key=OTHER_KEY.key),
    "a kid we do not know": lambda: _signed(header={"kid": OTHER_KEY.kid}, key=OTHER_KEY.key),
    "a kid that is a path": lambda: _signed(header={"kid": "../../dev/null"}),
    "no kid": lambda: f"{_encoded({'alg': 'ES256', 'typ': 'at+jwt'})}.{TOKEN.partition('.')[2]}",
    "a key in the header": lambda: _signed(
        header={"jwk": OTHER_KEY.key.as_dict(private=False)}, key=OTHER_KEY.key
    ),
    "a key set's address": lambda: _signed(header={"jku": "https://evil.test/jwks.json"}),
    "a certificate": lambda: _signed(header={"x5u": "https://evil.test/cert.pem"}),
    "crit": lambda: f"{_encoded({**HEADER, 'crit': ['exp'], 'exp': 1})}.{TOKEN.partition('.')[2]}",
    "typ JWT": lambda: _signed(header={"typ": "JWT"}),
    "an ID token": lambda: _signed(header={"typ": "JWT"}, nonce="n"),
    "no typ": lambda: f"{_encoded({'alg': 'ES256', 'kid': KEY.kid})}.{TOKEN.partition('.')[2]}",
    "JSON serialization": _as_json,
    "a large header": lambda: _signed(header={"note": "a" * 4_000}),
    "other claims under our signature": _swapped_claims,
    "claims that are a list": lambda: jws.serialize_compact(HEADER, b"[]", KEY.key, algorithms=["ES256"]),
    "claims that are deep": lambda: jws.serialize_compact(
        HEADER, b"[" * 4_000, KEY.key, algorithms=["ES256"]
    ),
    "another issuer": lambda: _signed(iss="https://evil.test"),
    "an issuer but for a slash": lambda: _signed(iss=f"{ISSUER}/"),
    "another audience": lambda: _signed(aud="https://other.test"),
    "several audiences": lambda: _signed(aud=[ISSUER, "https://other.test"]),
    "expired": lambda: _signed(exp=_seconds(-FAR)),
    "not yet": lambda: _signed(nbf=_seconds(FAR)),
    "issued in the future": lambda: _signed(iat=_seconds(FAR)),
    "expiry as text": lambda: _signed(exp="9999999999"),
    "expiry past all time": lambda: _signed(exp=10**18),
    "expiry that is no number": lambda: _signed(exp=float("nan")),
    "no expiry": lambda: _signed(drop=["exp"]),
    "no audience": lambda: _signed(drop=["aud"]),
    "no tenant": lambda: _signed(drop=["tenant_id"]),
    "a tenant that is none": lambda: _signed(tenant_id="' or true"),
    "a token id that is none": lambda: _signed(jti="1"),
    "a member without a consent": lambda: _signed(member_id=str(uuid4())),
    "a consent without a member": lambda: _signed(fid=str(uuid4())),
    "a member that is none": lambda: _signed(member_id="admin", fid=str(uuid4())),
    "nothing": lambda: "",
    "dots": lambda: "..",
    "many dots": lambda: "." * 8_000,
    "too long": lambda: "a" * 1_000_000,
    "no base 64": lambda: f"{{}}.{TOKEN.partition('.')[2]}",
    "no ASCII": lambda: "é.é.é",
    "whitespace in it": lambda: TOKEN.replace(".", " .", 1),
}


@pytest.mark.parametrize("grant", [GRANT, OF_A_MEMBER])
def test_a_token_says_what_was_granted(grant: Grant) -> None:
    token = tokens.issue(grant, KEY, issuer=ISSUER)
    assert tokens.verify(token, KEYS, issuer=ISSUER, now=NOON) == grant


@pytest.mark.parametrize(
    ("grant", "subject"),
    [(GRANT, GRANT.client), (OF_A_MEMBER, f"member:{OF_A_MEMBER.member_id}")],
    ids=["an application", "a member"],
)
def test_a_token_names_who_acts(grant: Grant, subject: str) -> None:
    claims = tokens.issue(grant, KEY, issuer=ISSUER).split(".")[1]
    assert json.loads(base64.urlsafe_b64decode(claims + "=="))["sub"] == subject


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_attack_on_a_token_succeeds_or_takes_long(attack: str) -> None:
    token = ATTACKS[attack]()

    begun = time.process_time()
    with pytest.raises(TokenInvalid):
        tokens.verify(token, KEYS, issuer=ISSUER, now=NOON)

    assert time.process_time() - begun < 0.05


@given(at=st.integers(0, 10_000), to=st.characters(min_codepoint=33, max_codepoint=126))
def test_a_token_changed_anywhere_does_not_count(at: int, to: str) -> None:
    at %= len(TOKEN)
    changed = TOKEN[:at] + to + TOKEN[at + 1 :]

    if [_decoded(part) for part in changed.split(".")] != [_decoded(part) for part in TOKEN.split(".")]:
        with pytest.raises(TokenInvalid):
            tokens.verify(changed, KEYS, issuer=ISSUER, now=NOON)


def _decoded(part: str) -> object:
    """The bytes of a segment: its last letter may have bits that belong to none."""
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return part


@pytest.mark.parametrize(
    ("offset", "counts"),
    [
        (-tokens.LEEWAY - timedelta(seconds=1), False),
        (-tokens.LEEWAY, True),
        (timedelta(0), True),
        (TTL, True),
        (TTL + tokens.LEEWAY - timedelta(microseconds=1), True),
        (TTL + tokens.LEEWAY, False),
    ],
)
def test_a_token_counts_in_its_time_but_for_a_small_leeway(offset: timedelta, *, counts: bool) -> None:
    now = NOON + offset
    if counts:
        assert tokens.verify(TOKEN, KEYS, issuer=ISSUER, now=now) == GRANT
    else:
        with pytest.raises(TokenInvalid):
            tokens.verify(TOKEN, KEYS, issuer=ISSUER, now=now)


INSTANTS = st.integers(0, 10_000).map(lambda minutes: NOON + timedelta(minutes=minutes))


def _rotated(at: Sequence[datetime]) -> list[SigningKey]:
    """The keys after rotations at these times, by the rule of `store.rotate`."""
    retirements = [each + keys.PUBLISHED_AHEAD for each in at[1:]]
    return [
        SigningKey(f"key-{number}", {}, created, retired)
        for number, (created, retired) in enumerate(zip(at, [*retirements, None], strict=True))
    ]


@given(rotations=st.lists(INSTANTS, min_size=1, max_size=6).map(sorted), now=INSTANTS)
def test_there_is_always_a_key_that_signs_and_others_have_had_time_to_learn_it(
    rotations: list[datetime], now: datetime
) -> None:
    known = [key for key in _rotated(rotations) if key.created_at <= now]
    chosen = keys.signing_key(known, now)

    if known:
        assert chosen is not None
        first = min(key.created_at for key in known)
        assert chosen.created_at == first or chosen.created_at + keys.PUBLISHED_AHEAD <= now


@given(rotations=st.lists(INSTANTS, min_size=1, max_size=6).map(sorted), issued=INSTANTS)
def test_a_token_can_be_verified_until_it_expires_whatever_rotates_meanwhile(
    rotations: list[datetime], issued: datetime
) -> None:
    signer = keys.signing_key([key for key in _rotated(rotations) if key.created_at <= issued], issued)

    if signer is not None:
        last = issued + TTL
        later = [key for key in _rotated(rotations) if key.created_at <= last]
        assert signer.kid in keys.published(later, last, token_ttl=TTL)


async def test_only_a_bearer_token_in_the_header_counts(client: AsyncClient, caller: AsyncClient) -> None:
    good = caller.headers["Authorization"]
    token = good.partition(" ")[2]

    answers = {
        "header": await client.get("/v1/tenant", headers={"Authorization": good}),
        "lower case": await client.get("/v1/tenant", headers={"Authorization": f"bearer {token}"}),
        "nothing": await client.get("/v1/tenant"),
        "query": await client.get("/v1/tenant", params={"access_token": token}),
        "body": await client.request("GET", "/v1/tenant", data={"access_token": token}),
        "cookie": await client.get("/v1/tenant", headers={"Cookie": f"access_token={token}"}),
        "basic": await client.get("/v1/tenant", headers={"Authorization": f"Basic {token}"}),
        "no scheme": await client.get("/v1/tenant", headers={"Authorization": token}),
        "twice": await client.get("/v1/tenant", headers=[("Authorization", good), ("Authorization", good)]),
        "large": await client.get("/v1/tenant", headers={"Authorization": "Bearer " + "a" * 100_000}),
        "forged": await client.get("/v1/tenant", headers={"Authorization": f"Bearer {TOKEN}"}),
    }

    statuses = {name: answer.status_code for name, answer in answers.items()}
    assert statuses == {name: 200 if name in ("header", "lower case") else 401 for name in answers}
    for name in ("nothing", "query", "body", "cookie", "basic", "no scheme"):
        place = "http://rooted.test/.well-known/oauth-protected-resource"
        challenge = f'Bearer realm="rooted", resource_metadata="{place}"'
        assert answers[name].headers["www-authenticate"] == challenge
    for name in ("twice", "large", "forged"):
        assert 'error="invalid_token"' in answers[name].headers["www-authenticate"]
        assert answers[name].json()["type"] == "/problems/token-invalid"
