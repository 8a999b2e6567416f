"""Applications over HTTP: who may register which, what is shown, and what their secrets can still do."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import AsyncClient, Response
from joserfc.jwk import ECKey
from sqlalchemy import text

from service.db import Sessions, TenantSession
from service.tenants import domain
from service.tenants.domain import SCOPES, Tenant
from tests import factories
from tests.api import desk
from tests.conftest import SignIn
from tests.factories import MovableClock

APPLICATIONS = "/v1/applications"
DESK: dict[str, Any] = {"name": "Desk", "scopes": ["requests:read", "requests:write"]}
BROWSER: dict[str, Any] = {
    "name": "Reports",
    "scopes": ["requests:read"],
    "auth_method": "none",
    "grant_types": ["authorization_code", "refresh_token"],
    "redirect_uris": ["https://reports.example.com/callback"],
}


def _signed(kid: str = "one") -> dict[str, Any]:
    key = ECKey.generate_key("P-256").as_dict(private=False) | {"kid": kid}
    return {
        "name": "Connector",
        "scopes": ["requests:write"],
        "auth_method": "private_key_jwt",
        "jwks": {"keys": [key]},
    }


async def _token(client: AsyncClient, oauth_client_id: str, secret: str) -> Response:
    form = {"grant_type": "client_credentials"}
    return await client.post("/oauth/token", data=form, auth=(oauth_client_id, secret))


async def _sent(caller: AsyncClient, method: str, path: str, body: Any = None, tag: str = "*") -> Response:
    headers = factories.key() | {"If-Match": tag}
    return await caller.request(method, f"{APPLICATIONS}{path}", json=body, headers=headers)


async def test_a_secret_is_shown_once_and_gets_a_token(caller: AsyncClient, client: AsyncClient) -> None:
    created = await desk.created(caller, APPLICATIONS, DESK)
    secret = created.pop("client_secret")

    shown = (await caller.get(f"{APPLICATIONS}/{created['id']}")).json()
    listed = (await caller.get(APPLICATIONS, params={"limit": 200})).json()["items"]
    token = await _token(client, created["oauth_client_id"], secret)

    assert shown == created
    assert created in listed
    assert all("client_secret" not in each for each in listed)
    assert token.status_code == 200, token.text
    assert token.json()["scope"] == "requests:read requests:write"


async def test_a_repeated_registration_shows_the_same_secret_and_keeps_none_in_the_clear(
    caller: AsyncClient, session: TenantSession
) -> None:
    headers = factories.key()
    first, again = [await caller.post(APPLICATIONS, json=DESK, headers=headers) for _ in range(2)]
    secret = first.json()["client_secret"]

    kept = await session.db.execute(
        text("select idempotency_key.*::text from idempotency_key where tenant_id = :tenant"),
        {"tenant": session.tenant_id},
    )
    told = await session.db.execute(
        text("select audit_record.*::text from audit_record where tenant_id = :tenant"),
        {"tenant": session.tenant_id},
    )

    assert first.json() == again.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    rows = [*kept.scalars(), *told.scalars()]
    assert any("application.created" in row for row in rows)
    assert not any(secret in row or secret.encode().hex() in row for row in rows)


@pytest.mark.parametrize("body", [BROWSER, _signed()])
async def test_a_public_and_a_signing_application_have_no_secret(
    caller: AsyncClient, body: dict[str, Any]
) -> None:
    created = await desk.created(caller, APPLICATIONS, body)

    assert created["client_secret"] is None
    assert {name: created[name] for name in body} == body
    assert (await _sent(caller, "POST", f"/{created['id']}/secret", {})).status_code == 409


BAD: list[tuple[dict[str, Any], int, str]] = [
    (DESK | {"scopes": ["requests:own"]}, 422, "/scopes/0"),
    (BROWSER | {"redirect_uris": ["http://example.com/"]}, 422, "/redirect_uris/0"),
    (BROWSER | {"grant_types": ["password"]}, 400, "/grant_types/0"),
    (BROWSER | {"jwks": _signed()["jwks"]}, 422, "/jwks"),
    (_signed() | {"jwks": None}, 422, "/jwks"),
    (_signed() | {"jwks": {"keys": [{"kty": "oct", "k": "AA"}]}}, 422, "/jwks/keys/0"),
    (DESK | {"client_secret": "mine"}, 400, ""),
    (DESK | {"id": str(uuid4())}, 400, ""),
]


@pytest.mark.parametrize(("body", "status", "pointer"), BAD)
async def test_a_bad_registration_names_the_place(
    caller: AsyncClient, body: dict[str, Any], status: int, pointer: str
) -> None:
    refused = await caller.post(APPLICATIONS, json=body, headers=factories.key())

    assert refused.status_code == status, refused.text
    assert [fault["pointer"] for fault in refused.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("held", "asked", "status"),
    [
        (["requests:read"], ["requests:read"], 201),
        (["requests:read"], [], 201),
        (["requests:read"], ["requests:read", "audit:read"], 403),
        ([], ["requests:read"], 403),
        ([], ["applications:write"], 201),
    ],
)
async def test_an_application_is_given_no_more_than_its_creator_holds(
    sign_in: SignIn, held: list[str], asked: list[str], status: int
) -> None:
    creator = await sign_in("applications:write", "applications:read", *held)

    answer = await creator.post(APPLICATIONS, json=DESK | {"scopes": asked}, headers=factories.key())

    assert answer.status_code == status, answer.text
    if status == 403:
        assert answer.json()["type"] == "/problems/scopes-beyond-own"
        names = [each["name"] for each in (await creator.get(APPLICATIONS)).json()["items"]]
        assert "Desk" not in names


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "", {"name": "Mine", "scopes": []}),
        ("PUT", "", {"name": "Mine", "scopes": ["audit:read"]}),
        ("POST", "/secret", {}),
    ],
)
async def test_nobody_gets_hold_of_an_application_that_may_do_more_than_they(
    caller: AsyncClient, sign_in: SignIn, method: str, path: str, body: dict[str, Any]
) -> None:
    mighty = await desk.created(caller, APPLICATIONS, DESK | {"scopes": ["audit:read"]})
    humble = await sign_in("applications:write", "applications:read")

    refused = await _sent(humble, method, f"/{mighty['id']}{path}", body)

    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/scopes-beyond-own")
    assert (await humble.get(f"{APPLICATIONS}/{mighty['id']}")).json()["version"] == 1
    assert (await _sent(humble, "POST", f"/{mighty['id']}/revoke")).status_code == 200


async def test_a_change_is_based_on_what_was_read(caller: AsyncClient) -> None:
    created = await caller.post(APPLICATIONS, json=BROWSER, headers=factories.key())
    address, tag = created.headers["Location"], created.headers["ETag"]
    wanted = {
        "name": "Reports",
        "scopes": ["requests:read", "commitments:read"],
        "redirect_uris": ["https://reports.example.com/new"],
    }

    blind = await caller.put(address, json=wanted)
    changed = await caller.put(address, json=wanted, headers={"If-Match": tag})
    stale = await caller.put(address, json=wanted, headers={"If-Match": tag})

    assert [blind.status_code, changed.status_code, stale.status_code] == [428, 200, 412]
    assert changed.json()["redirect_uris"] == wanted["redirect_uris"]
    assert changed.json()["scopes"] == sorted(wanted["scopes"])
    assert (await caller.get(address)).json() == changed.json()


async def test_a_scope_that_is_taken_away_is_gone_from_new_tokens(
    caller: AsyncClient, client: AsyncClient
) -> None:
    created = await desk.created(caller, APPLICATIONS, DESK)
    wanted = {"name": "Desk", "scopes": ["requests:read"]}

    assert (await _sent(caller, "PUT", f"/{created['id']}", wanted)).status_code == 200

    token = await _token(client, created["oauth_client_id"], created["client_secret"])
    assert token.json()["scope"] == "requests:read"


async def test_a_secret_that_was_replaced_counts_for_a_day(
    caller: AsyncClient, client: AsyncClient, clock: MovableClock
) -> None:
    created = await desk.created(caller, APPLICATIONS, DESK)
    rotated = await _sent(caller, "POST", f"/{created['id']}/secret", {})
    old, new = created["client_secret"], rotated.json()["client_secret"]

    async def statuses() -> list[int]:
        return [(await _token(client, created["oauth_client_id"], each)).status_code for each in (old, new)]

    assert rotated.status_code == 201
    assert old != new
    assert await statuses() == [200, 200]
    clock.move(timedelta(hours=25))
    assert await statuses() == [401, 200]


async def test_a_secret_can_be_replaced_at_once(caller: AsyncClient, client: AsyncClient) -> None:
    created = await desk.created(caller, APPLICATIONS, DESK)

    rotated = await _sent(caller, "POST", f"/{created['id']}/secret", {"overlap_seconds": 0})

    assert rotated.status_code == 201
    assert (await _token(client, created["oauth_client_id"], created["client_secret"])).status_code == 401
    too_long = await _sent(caller, "POST", f"/{created['id']}/secret", {"overlap_seconds": 8 * 86_400})
    assert too_long.status_code == 400


async def test_a_revoked_application_calls_no_more_and_stays_revoked(
    caller: AsyncClient, client: AsyncClient
) -> None:
    created = await desk.created(caller, APPLICATIONS, DESK)
    path = f"/{created['id']}"

    first, again = [await _sent(caller, "POST", f"{path}/revoke") for _ in range(2)]

    assert [first.status_code, again.status_code] == [200, 200]
    assert first.json()["revoked_at"] == again.json()["revoked_at"] is not None
    assert first.headers["ETag"] == again.headers["ETag"]
    assert (await _token(client, created["oauth_client_id"], created["client_secret"])).status_code == 401
    for answer in (await _sent(caller, "PUT", path, DESK), await _sent(caller, "POST", f"{path}/secret", {})):
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/application-revoked")


async def test_every_tenant_has_a_console_that_stays_as_it_is(
    caller: AsyncClient, sessions: Sessions
) -> None:
    other = await factories.tenant(sessions)
    (console,) = [each for each in (await caller.get(APPLICATIONS)).json()["items"] if each["console"]]
    path = f"/{console['id']}"

    answers = [
        await _sent(caller, "PUT", path, DESK),
        await _sent(caller, "POST", f"{path}/secret", {}),
        await _sent(caller, "POST", f"{path}/revoke"),
    ]

    assert [answer.status_code for answer in answers] == [409, 409, 409]
    assert (console["auth_method"], console["scopes"]) == ("none", sorted(SCOPES))
    assert (await caller.get(f"{APPLICATIONS}/{console['id']}")).json() == console
    assert (await caller.get(f"{APPLICATIONS}/{domain.console_id(other.id)}")).status_code == 404


async def test_a_clients_application_is_confined_to_it_and_sees_no_applications(
    caller: AsyncClient, sign_in: SignIn
) -> None:
    harbour = await desk.created(caller, "/v1/clients", {"name": "Harbour"})
    body = DESK | {"client_id": harbour["id"]}
    created = await desk.created(caller, APPLICATIONS, body)
    confined = await sign_in(client_id=harbour["id"])

    refused = await caller.post(
        APPLICATIONS, json=body | {"scopes": ["clients:read"]}, headers=factories.key()
    )
    unknown = await caller.post(
        APPLICATIONS, json=body | {"client_id": str(uuid4())}, headers=factories.key()
    )

    assert created["client_id"] == harbour["id"]
    assert refused.status_code == 422
    assert (unknown.status_code, unknown.json()["type"]) == (404, "/problems/client-not-found")
    assert (await confined.get(APPLICATIONS)).status_code == 403
    assert (await confined.get(f"{APPLICATIONS}/{created['id']}")).status_code == 403


async def test_another_tenants_application_answers_as_a_random_id(
    caller: AsyncClient, sign_in: SignIn, sessions: Sessions, tenant: Tenant
) -> None:
    created = await desk.created(caller, APPLICATIONS, DESK)
    stranger = await sign_in(of=await factories.tenant(sessions))

    for method, suffix, body in (
        ("GET", "", None),
        ("PUT", "", DESK),
        ("POST", "/secret", {}),
        ("POST", "/revoke", None),
    ):
        real, none = [
            await _sent(stranger, method, f"/{each}{suffix}", body) for each in (created["id"], str(uuid4()))
        ]
        assert real.status_code == none.status_code == 404
        assert real.json()["type"] == none.json()["type"] == "/problems/application-not-found"
    assert (await caller.get(f"{APPLICATIONS}/{created['id']}")).json()["version"] == 1
    assert tenant.slug in created["oauth_client_id"]
