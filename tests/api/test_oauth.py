"""The token endpoint as clients and attackers meet it, rotation, revocation, and Authlib's own client."""

import asyncio
import base64
import json
from datetime import timedelta
from typing import Any, cast
from urllib.parse import quote

import pytest
from authlib.integrations.httpx_client import AsyncOAuth2Client
from httpx2 import ASGITransport, AsyncClient, Response
from litestar import Litestar
from sqlalchemy import event, update
from sqlalchemy.ext.asyncio import AsyncEngine

from service import ids
from service.api.oauth import credentials, keys, store
from service.api.oauth.credentials import RequestMalformed
from service.api.oauth.ring import RELOAD_AFTER, KeyRing
from service.api.oauth.throttle import FAILURES_MAX, WINDOW
from service.api.oauth.verification import STANDING_KEPT_FOR
from service.app import create_app
from service.db import Sessions, tenant_transaction
from service.platform import platform_transaction
from service.settings import Settings
from service.tenants.domain import Tenant, console_id
from service.tenants.models import ApplicationRow
from tests import factories
from tests.conftest import ISSUER, SignIn
from tests.factories import VAULT, MovableClock

FORM = {"grant_type": "client_credentials"}
Credentials = tuple[str, str]


@pytest.fixture
def app(settings: Settings, sessions: Sessions, clock: MovableClock) -> Litestar:
    """An app of the test's own, since it remembers keys and applications."""
    return create_app(settings, sessions, vault=VAULT, clock=clock)


@pytest.fixture
async def known(sessions: Sessions, tenant: Tenant) -> Credentials:
    """The id and secret of an application that may read requests and calendars."""
    return await factories.application(sessions, tenant, scopes=["requests:read", "calendars:read"])


def _claims(token: str) -> dict[str, Any]:
    return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))


def _basic(joined: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(joined.encode()).decode()}


async def test_a_client_gets_a_token_by_the_header(
    client: AsyncClient, known: Credentials, tenant: Tenant
) -> None:
    answer = await client.post("/oauth/token", data=FORM, auth=known)

    body = answer.json()
    assert answer.status_code == 200
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 900)
    assert body["scope"] == "calendars:read requests:read"
    claims = _claims(body["access_token"])
    assert claims["iss"] == claims["aud"] == ISSUER
    assert claims["sub"] == claims["client_id"] == known[0]
    assert claims["tenant_id"] == str(tenant.id)
    assert claims["exp"] - claims["iat"] == 900


async def test_a_client_gets_a_token_by_the_form(client: AsyncClient, known: Credentials) -> None:
    form = {**FORM, "client_id": known[0], "client_secret": known[1]}
    assert (await client.post("/oauth/token", data=form)).status_code == 200


async def test_two_tokens_are_never_the_same(client: AsyncClient, known: Credentials) -> None:
    answers = [await client.post("/oauth/token", data=FORM, auth=known) for _ in range(2)]
    assert len({_claims(answer.json()["access_token"])["jti"] for answer in answers}) == 2


@pytest.mark.parametrize(
    ("asked", "error", "given"),
    [
        ("requests:read", None, "requests:read"),
        ("calendars:read requests:read", None, "calendars:read requests:read"),
        ("requests:read requests:read", None, "requests:read"),
        ("requests:write", "invalid_scope", None),
        ("requests:read requests:write", "invalid_scope", None),
        ("everything", "invalid_scope", None),
        ("*", "invalid_scope", None),
    ],
)
async def test_a_client_gets_the_scopes_that_it_asks_for_and_holds(
    client: AsyncClient, known: Credentials, asked: str, error: str | None, given: str | None
) -> None:
    answer = await client.post("/oauth/token", data={**FORM, "scope": asked}, auth=known)
    assert answer.json().get("error") == error
    assert answer.json().get("scope") == given


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password", "username": "a", "password": "b"}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code", "code": "x"}, "unauthorized_client"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, "unauthorized_client"),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer"}, "unsupported_grant_type"),
        ({"grant_type": "<script>"}, "unsupported_grant_type"),
        ({"response_type": "token"}, "invalid_request"),
        ({"grant_type": ""}, "invalid_request"),
        ({}, "invalid_request"),
        ({**FORM, "client_secret": "twice"}, "invalid_request"),
        ({**FORM, "scope": "a\0b"}, "invalid_request"),
        ({**FORM, "scope": "a" * 5_000}, "invalid_request"),
        ({**FORM, **{f"field-{number}": "" for number in range(30)}}, "invalid_request"),
    ],
)
async def test_what_is_no_such_request_is_refused_in_the_shape_of_rfc_6749(
    client: AsyncClient, known: Credentials, form: dict[str, str], error: str
) -> None:
    answer = await client.post("/oauth/token", data=form, auth=known)

    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert set(answer.json()) == {"error", "error_description"}
    assert answer.json()["error_description"].isascii()
    assert answer.headers["cache-control"] == "no-store"
    assert "<" not in answer.text
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"grant_type=client_credentials&grant_type=client_credentials", "application/x-www-form-urlencoded"),
        (b"grant_type=client_credentials&scope=%ff", "application/x-www-form-urlencoded"),
        (b"grant_type=client_credentials&scope=\xff", "application/x-www-form-urlencoded"),
        (b'{"grant_type": "client_credentials"}', "application/json"),
        (b"grant_type=client_credentials", "text/plain"),
        (b"grant_type=client_credentials", ""),
    ],
)
async def test_a_form_that_cannot_be_read_is_an_invalid_request(
    client: AsyncClient, known: Credentials, content: bytes, kind: str
) -> None:
    answer = await client.post("/oauth/token", content=content, headers={"Content-Type": kind}, auth=known)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_a_form_over_the_limit_is_413(client: AsyncClient) -> None:
    answer = await client.post("/oauth/token", data={**FORM, "note": "a" * 1_000_000})
    assert answer.status_code == 413


async def test_an_unknown_client_and_a_wrong_secret_get_the_same_answer(
    client: AsyncClient, known: Credentials, tenant: Tenant
) -> None:
    name, secret = known
    wrong = [
        (name, secret + "x"),
        (name, secret[:-1]),
        (name, "wrong"),
        (f"{tenant.slug}.{ids.new_id().hex}", secret),
        (f"no-such-tenant.{name.rpartition('.')[2]}", secret),
        (name.upper(), secret),
        (f"{tenant.slug}.{console_id(tenant.id).hex}", secret),
        ("rooted", secret),
        ("nobody", secret),
        (".", secret),
        ("a" * 500, secret),
        (f"{tenant.slug}.{'0' * 32}", secret),
    ]

    answers = [await client.post("/oauth/token", data=FORM, auth=each) for each in wrong]

    description = "The client is not known, or has not proved who it is."
    body = f'{{"error":"invalid_client","error_description":"{description}"}}'
    assert {(answer.status_code, answer.text) for answer in answers} == {(401, body)}
    assert {answer.headers["www-authenticate"] for answer in answers} == {'Basic realm="rooted"'}
    assert len({len(answer.headers) for answer in answers}) == 1


@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic !!!!",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b":").decode(),
        "Basic " + base64.b64encode(b"\xff:\xff").decode(),
        "Basic " + base64.b64encode(b"a%00b:c").decode(),
        "Basic " + base64.b64encode(b"a%ff:c").decode(),
        "Basic " + "QUFB" * 1_000,
        "Bearer abc",
        "Digest username=a",
    ],
)
async def test_credentials_that_cannot_be_read_are_an_invalid_client(
    client: AsyncClient, header: str
) -> None:
    answer = await client.post("/oauth/token", data=FORM, headers={"Authorization": header})
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_a_client_without_credentials_is_an_invalid_client(
    client: AsyncClient, known: Credentials
) -> None:
    for form in (FORM, {**FORM, "client_id": known[0]}, {**FORM, "client_secret": known[1]}):
        answer = await client.post("/oauth/token", data=form)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_credentials_in_the_address_do_not_count(client: AsyncClient, known: Credentials) -> None:
    query = {**FORM, "client_id": known[0], "client_secret": known[1]}
    answer = await client.post("/oauth/token", params=query, data=FORM)
    assert answer.json()["error"] == "invalid_client"


@pytest.mark.parametrize("secret", ["simple", "with space", "50%", "a+b", "é:ü", "a&b=c"])
def test_both_halves_of_the_header_are_form_encoded(secret: str) -> None:
    header = _basic(f"client:{quote(secret, safe='')}")["Authorization"]
    presented = credentials.presented(header, {})
    assert presented is not None
    assert presented.proof == secret


def test_credentials_in_two_ways_at_once_are_refused() -> None:
    with pytest.raises(RequestMalformed):
        credentials.presented(_basic("a:b")["Authorization"], {"client_id": "a", "client_secret": "b"})


async def test_guessing_a_secret_is_slowed_down_without_locking_the_client_out(
    client: AsyncClient, known: Credentials, clock: MovableClock
) -> None:
    wrong = (known[0], "guess")
    answers = [await client.post("/oauth/token", data=FORM, auth=wrong) for _ in range(FAILURES_MAX + 1)]

    assert [answer.status_code for answer in answers] == [401] * FAILURES_MAX + [429]
    assert answers[-1].json()["error"] == "invalid_client"
    assert 0 < int(answers[-1].headers["retry-after"]) <= WINDOW.total_seconds()
    assert (await client.post("/oauth/token", data=FORM, auth=known)).status_code == 200
    clock.move(WINDOW)
    assert (await client.post("/oauth/token", data=FORM, auth=wrong)).status_code == 401


async def test_the_key_set_shows_public_keys_only(client: AsyncClient) -> None:
    answer = await client.get("/.well-known/jwks.json")

    (key,) = answer.json()["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert answer.headers["cache-control"] == "public, max-age=300"


async def test_the_metadata_names_what_is_there_and_nothing_else(client: AsyncClient) -> None:
    metadata = (await client.get("/.well-known/oauth-authorization-server")).json()

    assert metadata["issuer"] == ISSUER
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert metadata["authorization_response_iss_parameter_supported"] is True
    assert not {"registration_endpoint", "pushed_authorization_request_endpoint"} & set(metadata)
    for address in (value for name, value in metadata.items() if name.endswith(("_endpoint", "_uri"))):
        assert (await client.get(address.removeprefix(ISSUER))).status_code != 404, address


async def _rotate(sessions: Sessions, clock: MovableClock) -> str:
    async with platform_transaction(sessions) as session:
        return (await store.rotate(session, VAULT, now=clock.now())).kid


async def _kids(client: AsyncClient) -> list[str]:
    return [key["kid"] for key in (await client.get("/.well-known/jwks.json")).json()["keys"]]


def _kid(answer: Response) -> str:
    head = answer.json()["access_token"].split(".")[0]
    return json.loads(base64.urlsafe_b64decode(head + "=="))["kid"]


async def test_a_rotation_fails_nobody(
    client: AsyncClient, sessions: Sessions, known: Credentials, clock: MovableClock
) -> None:
    old = _kid(await client.post("/oauth/token", data=FORM, auth=known))
    new = await _rotate(sessions, clock)
    clock.move(RELOAD_AFTER)

    assert await _kids(client) == [old, new]
    before = await client.post("/oauth/token", data=FORM, auth=known)
    assert _kid(before) == old

    clock.move(keys.PUBLISHED_AHEAD - RELOAD_AFTER)
    after = await client.post("/oauth/token", data=FORM, auth=known)
    assert _kid(after) == new
    for issued in (before, after):
        header = {"Authorization": f"Bearer {issued.json()['access_token']}"}
        assert (
            await client.get("/v1/clients", headers=header)
        ).status_code == 403  # known, without the scope

    clock.move(timedelta(minutes=30))
    assert await _kids(client) == [new]


def _of_key(kid: str) -> str:
    """Looks like a token of ours, signed by a key of this name."""
    header = json.dumps({"alg": "ES256", "typ": "at+jwt", "kid": kid}).encode()
    return base64.urlsafe_b64encode(header).rstrip(b"=").decode() + ".e30.AAAA"


async def test_tokens_of_unknown_keys_make_us_look_once_a_minute_at_most(
    client: AsyncClient, engine: AsyncEngine
) -> None:
    looks: list[str] = []

    def count(*arguments: Any) -> None:
        looks.extend(["look"] if "signing_key" in arguments[2] else [])

    await client.get("/.well-known/jwks.json")
    event.listen(engine.sync_engine, "before_cursor_execute", count)
    for number in range(50):
        header = {"Authorization": f"Bearer {_of_key(f'unknown-{number}')}"}
        assert (await client.get("/v1/tenant", headers=header)).status_code == 401
    event.remove(engine.sync_engine, "before_cursor_execute", count)

    assert looks == ["look"]


async def test_a_key_made_by_another_process_is_found_at_once(
    settings: Settings, sessions: Sessions, clock: MovableClock, client: AsyncClient, known: Credentials
) -> None:
    """Two processes that start on an empty database: the second has looked before the first made the key."""
    other = create_app(settings, sessions, vault=VAULT, clock=clock)
    async with AsyncClient(transport=ASGITransport(cast("Any", other)), base_url=ISSUER) as second:
        assert (
            await second.get("/v1/tenant", headers={"Authorization": "Bearer e30.e30.e30"})
        ).status_code == 401
        token = (await client.post("/oauth/token", data=FORM, auth=known)).json()["access_token"]
        answer = await second.get("/v1/tenant", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 403


@pytest.mark.concurrent
async def test_processes_that_start_together_make_one_key(
    own_sessions: Sessions, clock: MovableClock
) -> None:
    rings = [KeyRing(own_sessions, clock, VAULT, token_ttl=timedelta(minutes=15)) for _ in range(10)]
    chosen = await asyncio.gather(*[ring.signing_key() for ring in rings])
    assert len({key.kid for key in chosen}) == 1


async def test_a_revoked_application_is_refused_within_a_minute(
    caller: AsyncClient, sessions: Sessions, tenant: Tenant, clock: MovableClock
) -> None:
    assert (await caller.get("/v1/tenant")).status_code == 200
    async with tenant_transaction(sessions, tenant.id) as session:
        await session.db.execute(
            update(ApplicationRow).where(ApplicationRow.tenant_id == tenant.id).values(revoked_at=clock.now())
        )

    clock.move(STANDING_KEPT_FOR)

    answer = await caller.get("/v1/tenant")
    assert (answer.status_code, answer.json()["type"]) == (401, "/problems/token-invalid")


async def test_a_revoked_application_gets_no_token(
    client: AsyncClient, sessions: Sessions, known: Credentials, tenant: Tenant
) -> None:
    async with tenant_transaction(sessions, tenant.id) as session:
        await session.db.execute(
            update(ApplicationRow)
            .where(ApplicationRow.tenant_id == tenant.id)
            .values(revoked_at=factories.NOON)
        )
    answer = await client.post("/oauth/token", data=FORM, auth=known)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_a_scope_taken_from_an_application_is_gone_from_its_tokens_within_a_minute(
    sign_in: SignIn, sessions: Sessions, tenant: Tenant, clock: MovableClock
) -> None:
    caller = await sign_in("tenant:read")
    assert (await caller.get("/v1/tenant")).status_code == 200
    async with tenant_transaction(sessions, tenant.id) as session:
        await session.db.execute(
            update(ApplicationRow).where(ApplicationRow.tenant_id == tenant.id).values(scopes=[])
        )

    clock.move(STANDING_KEPT_FOR)

    assert (await caller.get("/v1/tenant")).status_code == 403


async def test_a_token_that_was_remembered_still_expires(caller: AsyncClient, clock: MovableClock) -> None:
    assert (await caller.get("/v1/tenant")).status_code == 200
    clock.move(timedelta(minutes=16))
    assert (await caller.get("/v1/tenant")).status_code == 401


async def test_a_token_without_the_scope_is_403_and_told_which(sign_in: SignIn) -> None:
    caller = await sign_in("requests:read")
    answer = await caller.get("/v1/tenant")
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/insufficient-scope")
    assert answer.headers["www-authenticate"] == (
        'Bearer realm="rooted", error="insufficient_scope", scope="tenant:read", '
        f'resource_metadata="{ISSUER}/.well-known/oauth-protected-resource"'
    )


async def test_authlibs_own_client_gets_a_token_and_uses_it(app: Litestar, known: Credentials) -> None:
    settings: dict[str, Any] = {
        "client_id": known[0],
        "client_secret": known[1],
        "token_endpoint": f"{ISSUER}/oauth/token",
        "transport": ASGITransport(cast("Any", app)),
    }
    async with cast("Any", AsyncOAuth2Client)(**settings) as client:  # Authlib's client has no types
        token = await client.fetch_token(grant_type="client_credentials", scope="calendars:read")
        answer = await client.get(f"{ISSUER}/v1/tenant")

    assert token["scope"] == "calendars:read"
    assert answer.status_code == 403
