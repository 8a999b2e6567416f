"""Attacks with the proofs of clients, on their tokens, and by what is revoked."""

import base64
import hmac
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from httpx2 import Response
from joserfc.jwk import ECKey, RSAKey

from service import ids
from service.api.oauth.assertions import ASSERTION_TYPE
from service.api.oauth.throttle import FAILURES_MAX
from service.tenants.domain import AuthMethod
from tests.api.attacks import (
    Act,
    Attack,
    Check,
    invalid_client,
    problem,
    refused,
    says,
)
from tests.api.scene import ISSUER, Client, Scene, assertion

OTHER_KEY = ECKey.generate_key("P-256", {"kid": "key-1"})
RSA_KEY = RSAKey.generate_key(2048, {"kid": "key-1"})
FORM = {"grant_type": "client_credentials"}
GUESS = {"client_secret": "guess"}
MINUTE = timedelta(minutes=1).total_seconds()

given: Check = says(200, expires_in=900)
works: Check = says(200, kind="live")


def _in(seconds: int) -> Callable[[int, Client], int]:
    def at(now: int, _client: Client) -> int:
        return now + seconds

    return at


def _another_name(_now: int, client: Client) -> str:
    return client.id[:-32] + "0" * 32


def _assert(
    *, header: Mapping[str, Any] | None = None, key: Any = None, drop: tuple[str, ...] = (), **claims: Any
) -> Act:
    """A client proves itself, but for these changes; one that is callable gets the time and the client."""

    async def act(scene: Scene) -> Response:
        now = scene.clock.now().timestamp()
        said = {
            name: value(int(now), scene.signer) if callable(value) else value
            for name, value in claims.items()
        }
        signed = assertion(scene.signer, now, header=header, key=key, drop=drop, **said)
        return await _present(scene, signed)

    return act


async def _present(scene: Scene, signed: str, **form: str) -> Response:
    fields = {**FORM, "client_assertion_type": ASSERTION_TYPE, "client_assertion": signed, **form}
    return await scene.http.post("/oauth/token", data={name: each for name, each in fields.items() if each})


def _assert_twice(**apart: timedelta) -> Act:
    async def act(scene: Scene) -> Response:
        signed = assertion(scene.signer, scene.clock.now().timestamp())
        assert (await _present(scene, signed)).status_code == 200
        scene.clock.move(apart.get("apart", timedelta(0)))
        return await _present(scene, signed)

    return act


def _assert_with(**form: str) -> Act:
    async def act(scene: Scene) -> Response:
        signed = assertion(scene.signer, scene.clock.now().timestamp())
        return await _present(scene, signed, **form)

    return act


async def _assert_by_an_unsigned_one(scene: Scene) -> Response:
    signed = assertion(scene.signer, scene.clock.now().timestamp())
    header = b'{"alg":"none"}'
    return await _present(scene, f"{_encoded(header)}.{signed.split('.')[1]}.")


async def _assert_by_the_public_key(scene: Scene) -> Response:
    """Its public key taken for the secret of an HMAC: by hand, since joserfc would not do it."""
    assert scene.signer.key is not None
    said = assertion(scene.signer, scene.clock.now().timestamp()).split(".")[1]
    header = b'{"alg":"HS256","kid":"key-1"}'
    text = f"{_encoded(header)}.{said}"
    public = scene.signer.key.as_pem(private=False)
    return await _present(scene, f"{text}.{_encoded(hmac.digest(public, text.encode(), 'sha256'))}")


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


async def _assert_for_another(scene: Scene) -> Response:
    """One client's key, another client's name."""
    key = ECKey.generate_key("P-256", {"kid": "key-1"})
    other = await scene.client(
        key=key,
        auth_method=AuthMethod.PRIVATE_KEY_JWT,
        jwks={"keys": [{**key.as_dict(private=False), "use": "sig", "alg": "ES256"}]},
    )
    signed = assertion(replace(other, key=scene.signer.key), scene.clock.now().timestamp())
    return await _present(scene, signed)


async def _assert_of_a_secret_client(scene: Scene) -> Response:
    signed = assertion(replace(scene.web, key=OTHER_KEY), scene.clock.now().timestamp())
    return await _present(scene, signed)


async def _assert_with_basic(scene: Scene) -> Response:
    signed = assertion(scene.signer, scene.clock.now().timestamp())
    fields = {**FORM, "client_assertion_type": ASSERTION_TYPE, "client_assertion": signed}
    return await scene.http.post("/oauth/token", data=fields, auth=(scene.web.id, scene.web.secret))


ASSERTIONS: Mapping[str, Act] = {
    "for the token endpoint": _assert(aud=f"{ISSUER}/oauth/token"),
    "for a list of us": _assert(aud=[ISSUER]),
    "for us and another": _assert(aud=[ISSUER, "https://other.test"]),
    "for another": _assert(aud="https://other.test"),
    "for us with a slash": _assert(aud=f"{ISSUER}/"),
    "for nobody": _assert(drop=("aud",)),
    "used before": _assert_twice(),
    "used before, a minute ago": _assert_twice(apart=timedelta(seconds=59)),
    "without a name": _assert(drop=("jti",)),
    "with an empty name": _assert(jti=""),
    "without an end": _assert(drop=("exp",)),
    "that ended": _assert(exp=_in(-60)),
    "that lasts ten minutes": _assert(exp=_in(600)),
    "that ends in text": _assert(exp="9999999999"),
    "from the future": _assert(iat=_in(120)),
    "not valid yet": _assert(nbf=_in(120)),
    "by another issuer": _assert(iss="https://evil.test"),
    "without an issuer": _assert(drop=("iss",)),
    "about another client": _assert(sub=_another_name),
    "about nobody": _assert(drop=("sub",)),
    "by a foreign key": _assert(key=OTHER_KEY),
    "by a key of a foreign name": _assert(header={"kid": "key-2"}),
    "by a key at an address": _assert(header={"jku": "https://evil.test/jwks.json"}, key=OTHER_KEY),
    "by a certificate at an address": _assert(header={"x5u": "https://evil.test/cert.pem"}, key=OTHER_KEY),
    "by a key that it brings": _assert(header={"jwk": OTHER_KEY.as_dict(private=False)}, key=OTHER_KEY),
    "by a key of another kind": _assert(header={"alg": "RS256"}, key=RSA_KEY),
    "with what must be understood": _assert(header={"crit": ["b64"], "b64": True}),
    "of another type": _assert(header={"typ": "at+jwt"}),
    "that nobody signed": _assert_by_an_unsigned_one,
    "by the public key as a secret": _assert_by_the_public_key,
    "by another client's key": _assert_for_another,
    "of a client with a secret": _assert_of_a_secret_client,
    "of another assertion type": _assert_with(
        client_assertion_type="urn:ietf:params:oauth:client-assertion-type:saml2-bearer"
    ),
    "without an assertion type": _assert_with(client_assertion_type=""),
    "that is no JWT": _assert_with(client_assertion="a.b.c"),
    "that is missing": _assert_with(client_assertion=""),
}


def _called(function: Any, *arguments: Any) -> Act:
    async def act(scene: Scene) -> Response:
        return await function(scene, *arguments)

    return act


def _guess(secret: str | None, *, name: str | None = None) -> Act:
    async def act(scene: Scene) -> Response:
        known = scene.web.secret if secret is None else secret
        client = scene.web.id if name is None else name.format(slug=scene.tenant.slug, id=scene.web.id)
        return await scene.http.post("/oauth/token", data=FORM, auth=(client, known))

    return act


async def _by_name_alone(scene: Scene) -> Response:
    return await scene.http.post("/oauth/token", data={**FORM, "client_id": scene.web.id})


async def _secret_for_a_signer(scene: Scene) -> Response:
    form = {**FORM, "client_id": scene.signer.id, "client_secret": "guess"}
    return await scene.http.post("/oauth/token", data=form)


async def _secret_for_a_public_client(scene: Scene) -> Response:
    form = {**FORM, "client_id": scene.native.id, "client_secret": "guess"}
    return await scene.http.post("/oauth/token", data=form)


async def _many_guesses(scene: Scene) -> Response:
    for _ in range(FAILURES_MAX):
        invalid_client(await _guess("guess")(scene))
    return await _guess("guess")(scene)


async def _right_after_many_guesses(scene: Scene) -> Response:
    await _many_guesses(scene)
    return await _guess(None)(scene)


async def _secret_in_the_address(scene: Scene) -> Response:
    return await scene.http.post("/oauth/token", params={**FORM, **scene.proof(scene.web)}, data=FORM)


async def _token_by_get(scene: Scene) -> Response:
    return await scene.http.get("/oauth/token", params={**FORM, **scene.proof(scene.web)})


async def _register(scene: Scene, path: str = "/oauth/register") -> Response:
    return await scene.http.post(path, json={"redirect_uris": ["javascript:alert(1)"]})


async def _absent_from_the_metadata(scene: Scene) -> Response:
    answer = await scene.http.get("/.well-known/oauth-authorization-server")
    absent = {"registration_endpoint", "dpop_signing_alg_values_supported", "device_authorization_endpoint"}
    assert not absent & set(answer.json())
    return answer


async def _dpop_proof(scene: Scene) -> Response:
    """A proof that we do not read binds nothing, and the answer does not say that it does."""
    answer = await scene.http.post(
        "/oauth/token", data={**FORM, **scene.proof(scene.web)}, headers={"DPoP": "e30.e30.AAAA"}
    )
    assert "DPoP" not in answer.text
    return answer


ATTACKS: list[Attack] = [
    Attack("O14 a good assertion", _assert(), given),
    Attack(
        "O14 a good assertion of the registered type",
        _assert(header={"typ": "client-authentication+jwt"}),
        given,
    ),
    *(Attack(f"O14 an assertion {name}", act, invalid_client) for name, act in ASSERTIONS.items()),
    Attack("O14 an assertion and a secret", _assert_with(**GUESS), refused("invalid_request")),
    Attack("O14 an assertion and a header", _assert_with_basic, refused("invalid_request")),
    Attack("O14 an assertion and another name", _assert_with(client_id="acme.0"), refused("invalid_request")),
    Attack("O15 a proof that binds nothing", _dpop_proof, given),
    Attack("O16 a registration", _register, problem(404, "address-unknown")),
    Attack("O16 a registration elsewhere", _called(_register, "/register"), problem(404, "address-unknown")),
    Attack("O16 nothing promises it", _absent_from_the_metadata, says(200, issuer=ISSUER)),
    Attack("O20 a guess", _guess("guess"), invalid_client),
    Attack("O20 a very long guess", _guess("a" * 700), invalid_client),
    Attack("O20 an unknown application", _guess(None, name="{slug}." + ids.new_id().hex), invalid_client),
    Attack("O20 an unknown tenant", _guess(None, name="nobody." + "0" * 32), invalid_client),
    Attack("O20 a name in other case", _guess(None, name="{slug}." + "A" * 32), invalid_client),
    Attack("O20 no client's name", _guess(None, name="admin"), invalid_client),
    Attack("O20 the console's name", _guess(None, name="rooted"), invalid_client),
    Attack("O20 a name with a blank", _guess(None, name="{id} "), invalid_client),
    Attack("O20 a name alone", _by_name_alone, invalid_client),
    Attack("O20 a secret for a key's client", _secret_for_a_signer, invalid_client),
    Attack("O20 a secret for a public client", _secret_for_a_public_client, invalid_client),
    Attack("O20 a secret in the address", _secret_in_the_address, invalid_client),
    Attack("O20 credentials in a GET", _token_by_get, problem(405, "method-not-allowed")),
    Attack("O20 guess after guess", _many_guesses, refused("invalid_client", 429)),
    Attack("O20 the right secret after many guesses", _right_after_many_guesses, given),
]
