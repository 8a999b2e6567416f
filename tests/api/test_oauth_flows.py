"""The flows of the authorization server as its clients go through them, Authlib's own client among them."""

import logging
import re
from datetime import timedelta
from typing import Any, cast

import pytest
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from httpx2 import ASGITransport
from sqlalchemy import func, select, text, update

from service.api.oauth.granted import store
from service.api.oauth.granted.domain import GRACE
from service.api.oauth.granted.models import (
    AuthorizationCodeRow,
    ClientAssertionRow,
    RefreshTokenRow,
    TokenFamilyRow,
)
from service.api.oauth.verification import STANDING_KEPT_FOR
from service.app import create_app
from service.audit.models import AuditRecordRow
from service.db import tenant_transaction
from service.people.domain import Role
from service.people.models import MemberRow, MembershipRecord
from service.settings import Settings
from service.vault import GivenKeys, Vault, new_key_line
from tests import factories
from tests.api import scene as scenes
from tests.api.scene import BY_PEOPLE, CONSOLE, ISSUER, VERIFIER, WEB_URI, Client, Scene, claims_of, sent_back


def _authlib(scene: Scene, client: Client, **options: Any) -> Any:
    """Authlib's client, which has no types."""
    return cast("Any", AsyncOAuth2Client)(
        client_id=client.id,
        client_secret=client.key or client.secret or None,
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


async def test_authlibs_client_authenticates_by_a_signed_assertion(scene: Scene) -> None:
    soon = int(scene.clock.now().timestamp()) + 60
    async with _authlib(
        scene,
        scene.signer,
        token_endpoint_auth_method=PrivateKeyJWT(
            ISSUER, claims={"exp": soon}, headers={"kid": "key-1"}, alg="ES256"
        ),
    ) as caller:
        token = await caller.fetch_token(grant_type="client_credentials", scope="tenant:read")
        assert (await caller.get(f"{ISSUER}/v1/tenant")).status_code == 200

    assert claims_of(token["access_token"])["sub"] == scene.signer.id


async def test_authlibs_client_introspects_and_revokes(scene: Scene) -> None:
    async with _authlib(scene, scene.web) as caller:
        token = await caller.fetch_token(grant_type="client_credentials", scope="tenant:read")
        asked = (f"{ISSUER}/oauth/introspect", token["access_token"])
        assert (await caller.get(f"{ISSUER}/v1/tenant")).status_code == 200

        before = (await caller.introspect_token(asked[0], token=asked[1])).json()
        assert before == {
            "active": True,
            "aud": ISSUER,
            "client_id": scene.web.id,
            "exp": before["iat"] + 900,
            "iat": before["iat"],
            "iss": ISSUER,
            "jti": claims_of(token["access_token"])["jti"],
            "scope": "tenant:read",
            "sub": scene.web.id,
            "tenant_id": str(scene.tenant.id),
            "token_type": "Bearer",
        }
        revoked = await caller.revoke_token(f"{ISSUER}/oauth/revoke", token=asked[1])
        assert revoked.status_code == 200
        assert (await caller.introspect_token(asked[0], token=asked[1])).json() == {"active": False}
        assert (await caller.get(f"{ISSUER}/v1/tenant")).status_code == 200  # for 30 s at most
        scene.clock.move(STANDING_KEPT_FOR)
        assert (await caller.get(f"{ISSUER}/v1/tenant")).status_code == 401


async def test_what_members_allow_and_what_ends_it_is_in_the_audit_trail(scene: Scene) -> None:
    first = await scene.tokens(scene.web)
    await scene.refresh(scene.web, first["refresh_token"])
    scene.clock.move(GRACE + timedelta(seconds=1))
    await scene.refresh(scene.web, first["refresh_token"])

    async with tenant_transaction(scene.sessions, scene.tenant.id) as session:
        records = await session.db.scalars(
            select(AuditRecordRow)
            .where(AuditRecordRow.tenant_id == scene.tenant.id)
            .where(AuditRecordRow.action.in_(["consent.given", "tokens.begun", "tokens.revoked"]))
            .order_by(AuditRecordRow.id)
        )
        told = [(each.actor, each.action, each.changes) for each in records]
    member, application = f"member:{scene.member_id}", f"application:{scene.web.application_id}"
    assert [(actor, action) for actor, action, _ in told] == [
        (member, "consent.given"),
        (member, "tokens.begun"),
        (application, "tokens.revoked"),
    ]
    assert told[-1][2] == {"reason": {"after": "refresh token used twice"}}
    assert first["refresh_token"] not in str(told)


async def test_nothing_that_is_given_out_is_logged(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        code = await scene.code(scene.web)
        tokens = (await scene.exchange(scene.web, code)).json()
        await scene.refresh(scene.web, tokens["refresh_token"])

    for secret in (code, tokens["access_token"], tokens["refresh_token"], scene.web.secret):
        assert secret not in caplog.text


async def test_no_secret_is_kept_but_as_a_digest(scene: Scene) -> None:
    code = await scene.code(scene.web)
    tokens = (await scene.exchange(scene.web, code)).json()
    await scene.refresh(scene.web, tokens["refresh_token"])

    async with tenant_transaction(scene.sessions, scene.tenant.id) as session:
        tables = ("authorization_code", "refresh_token", "token_family", "audit_record")
        read = [text(f"select t::text from {name} t") for name in tables]  # noqa: S608 - names of ours
        kept = "".join([row for each in read for row in (await session.db.scalars(each)).all()])
    assert str(scene.member_id) in kept
    for secret in (code, tokens["refresh_token"]):
        assert secret not in kept
        assert secret.partition(".")[2] not in kept


async def test_a_consent_can_be_narrower_than_the_application_but_never_wider(scene: Scene) -> None:
    auditor = await factories.member(scene.sessions, scene.tenant, Role.AUDITOR)
    browser = await scene.log_in(auditor)
    client = await scene.client(
        scopes=["requests:read", "requests:write"], grant_types=BY_PEOPLE, redirect_uris=[WEB_URI]
    )
    page = await browser.get("/oauth/authorize", params=scene.asking(client, scope=None))

    form = {**scenes.hidden_fields(page), "decision": "allow", "scope": "requests:read requests:write"}
    back = await browser.post("/oauth/authorize", data=form)
    tokens = (await scene.exchange(client, sent_back(back)["code"])).json()

    assert scenes.hidden_fields(page)["scope"] == tokens["scope"] == "requests:read"


async def test_a_person_of_two_tenants_uses_the_application_of_either(scene: Scene) -> None:
    """Whichever tenant was chosen at log-in: the page names the one that it is about."""
    other = await factories.tenant(scene.sessions)
    async with tenant_transaction(scene.sessions, scene.tenant.id) as session:
        row = await session.db.get_one(MemberRow, (scene.tenant.id, scene.member_id))
    member_id = await factories.member(scene.sessions, other, Role.AGENT)
    async with tenant_transaction(scene.sessions, other.id) as session:
        of_other = await session.db.get_one(MemberRow, (other.id, member_id))
        await session.db.execute(
            update(MembershipRecord)
            .where(MembershipRecord.person_id == of_other.person_id)
            .values(person_id=row.person_id)
        )
        of_other.person_id = row.person_id
    client = await scene.client(of=other, grant_types=BY_PEOPLE, redirect_uris=[WEB_URI])

    tokens = await scene.tokens(client)

    assert claims_of(tokens["access_token"])["tenant_id"] == str(other.id)
    assert claims_of(tokens["access_token"])["member_id"] == str(member_id)


async def test_a_challenge_leads_to_the_authorization_server(scene: Scene) -> None:
    refused = await scene.http.get("/v1/tenant")
    (address,) = re.findall(r'resource_metadata="([^"]+)"', refused.headers["www-authenticate"])
    resource = (await scene.http.get(address)).json()

    assert resource["resource"] == ISSUER
    assert resource["authorization_servers"] == [ISSUER]
    found = await scene.http.get(
        f"{resource['authorization_servers'][0]}/.well-known/oauth-authorization-server"
    )
    assert found.json()["issuer"] == ISSUER


async def test_what_counts_no_more_is_forgotten_and_what_does_is_kept(scene: Scene) -> None:
    ended, alive = await scene.tokens(scene.web), await scene.tokens(scene.native)
    await scene.revoke(scene.web, ended["refresh_token"])
    await scene.code(scene.web)
    await scene.http.post(
        "/oauth/token", data={"grant_type": "client_credentials", **scene.proof(scene.signer)}
    )
    later = scene.clock.now() + timedelta(days=2)

    async with tenant_transaction(scene.sessions, scene.tenant.id) as session:
        await store.purge(session, now=later)
        left = {
            row.__tablename__: await session.db.scalar(
                select(func.count()).select_from(row).where(row.tenant_id == scene.tenant.id)
            )
            for row in (TokenFamilyRow, RefreshTokenRow, AuthorizationCodeRow, ClientAssertionRow)
        }

    assert left == {
        "token_family": 1,
        "refresh_token": 1,
        "authorization_code": 1,
        "client_assertion": 0,
    }
    assert (await scene.refresh(scene.native, alive["refresh_token"])).status_code == 200
    assert (await scene.refresh(scene.web, ended["refresh_token"])).status_code == 400


async def test_a_lost_answer_is_given_again_though_the_master_key_has_changed_since(
    scene: Scene, settings: Settings
) -> None:
    first = (await scene.tokens(scene.native))["refresh_token"]
    second = (await scene.refresh(scene.native, first)).json()["refresh_token"]
    new, old = new_key_line(bytes(32), key_id="new"), new_key_line(bytes(range(32)), key_id="test")
    vault = Vault(GivenKeys(f"{new} {old}"))
    rotated = create_app(settings, scene.sessions, vault=vault, clock=scene.clock)
    scene.http = scenes.visitor(rotated)
    scene.opened.append(scene.http)

    again = await scene.refresh(scene.native, first)
    third = await scene.refresh(scene.native, second)

    assert again.json()["refresh_token"] == second
    assert third.status_code == 200
