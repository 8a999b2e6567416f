"""The flows of the authorization server as its clients go through them, Authlib's own client among them."""

from collections.abc import AsyncGenerator
from typing import Any, cast

import pytest
from authlib.integrations.httpx_client import AsyncOAuth2Client
from httpx2 import ASGITransport
from litestar import Litestar

from service.db import Sessions
from service.tenants.domain import Tenant
from tests.api import scene as scenes
from tests.api.scene import CONSOLE, ISSUER, VERIFIER, Client, Scene, claims_of, sent_back
from tests.factories import MovableClock


@pytest.fixture
async def scene(
    app: Litestar, sessions: Sessions, tenant: Tenant, clock: MovableClock
) -> AsyncGenerator[Scene]:
    opened = await scenes.open_scene(app, sessions, tenant, clock)
    yield opened
    await scenes.close_scene(opened)


def _authlib(scene: Scene, client: Client, **options: Any) -> Any:
    """Authlib's client, which has no types."""
    return cast("Any", AsyncOAuth2Client)(
        client_id=client.id,
        client_secret=client.secret or None,
        redirect_uri=client.redirect_uri,
        token_endpoint=f"{ISSUER}/oauth/token",
        transport=ASGITransport(cast("Any", scene.app)),
        **options,
    )


@pytest.mark.parametrize("kind", ["web", "native", "console"])
async def test_a_member_lets_an_application_act_for_it(scene: Scene, kind: str) -> None:
    client = {"web": scene.web, "native": scene.native, "console": CONSOLE}[kind]
    method = "client_secret_basic" if client.secret else "none"
    async with _authlib(
        scene, client, code_challenge_method="S256", token_endpoint_auth_method=method
    ) as caller:
        address, state = caller.create_authorization_url(
            f"{ISSUER}/oauth/authorize", code_verifier=VERIFIER, scope="tenant:read"
        )
        page = await scene.browser.get(address)
        back = await scene.answer(page)
        location = back.headers["location"]

        assert location.startswith(client.redirect_uri + "?")
        assert sent_back(back)["iss"] == ISSUER
        token = await caller.fetch_token(authorization_response=location, state=state, code_verifier=VERIFIER)
        assert (await caller.get(f"{ISSUER}/v1/tenant")).status_code == 200
        assert token["scope"] == "tenant:read"
        refreshed = await caller.refresh_token(f"{ISSUER}/oauth/token")
        assert refreshed["refresh_token"] != token["refresh_token"]
        assert (await caller.get(f"{ISSUER}/v1/tenant")).status_code == 200

    claims = claims_of(refreshed["access_token"])
    assert claims["sub"] == f"member:{scene.member_id}"
    assert claims["member_id"] == str(scene.member_id)
    assert claims["client_id"] == client.id
