"""A copy of the whole database, and everything that was logged, is searched for secrets that went in."""

import base64
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from pyotp.totp import TOTP
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine
from structlog.testing import capture_logs

from service.api.oauth import store as signing_keys
from service.app import create_app
from service.clock import SystemClock
from service.db import Sessions, tenant_transaction
from service.embedded import EmbeddedDatabase
from service.people import invitations, logins, passwords, second_factors
from service.people.domain import Origin, Role
from service.people.domain.outcomes import Attempt, FactorAttempt, RecoveryCodes
from service.people.invitations import Acceptance, Delivery, Invitee
from service.platform import platform_transaction
from service.settings import Settings
from service.tenants.domain import Tenant
from tests import factories
from tests.api import scene as scenes
from tests.api.scene import ISSUER, Scene
from tests.factories import VAULT, MovableClock
from tests.probes.world import UNMETERED

pytestmark = pytest.mark.concurrent

HOME = Origin(address="192.0.2.1")
TABLES = text("""
select quote_ident(n.nspname) || '.' || quote_ident(c.relname) from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema')
""")
CANARY = "canary-in-a-name-that-is-no-secret"

Planted = dict[str, list[str]]
"""Secrets in the clear, by what they are."""


async def dumped(database: EmbeddedDatabase) -> str:
    """Every row of every table as text, as the superuser sees it: row security hides nothing."""
    name = make_url(database.app_url).database
    engine = create_async_engine(make_url(database.superuser_url).set(database=name))
    rows: list[str] = []
    async with engine.connect() as connection:
        for table in (await connection.scalars(TABLES)).all():
            rows += (await connection.scalars(text(f"select t::text from {table} t"))).all()  # noqa: S608
    await engine.dispose()
    return "\n".join(rows)


def forms(secret: str) -> Mapping[str, str]:
    """How a secret may lie in a dump: as it is, as bytes of a column, in base 64."""
    plain = secret.encode()
    found = {
        "text": secret,
        "bytes": plain.hex(),
        "base 64": base64.b64encode(plain).decode().rstrip("=")[:-1],
    }
    if secret.startswith("whsec_"):
        key = base64.b64decode(secret.removeprefix("whsec_"))
        found |= {"key": key.hex(), "key in base 64": secret.removeprefix("whsec_").rstrip("=")}
    return found


async def planted_by_machines(scene: Scene) -> Planted:
    """Secrets of applications and webhooks, through the API; each answer is asked for twice."""
    caller = scene.http
    token = (await factories_token(scene))["access_token"]
    headers = {"Authorization": f"Bearer {token}"}

    async def twice(path: str, body: dict[str, Any]) -> dict[str, Any]:
        keyed = headers | factories.key()
        first = await caller.post(path, json=body, headers=keyed)
        again = await caller.post(path, json=body, headers=keyed)
        assert (first.status_code, again.content) == (201, first.content), first.text
        return first.json()

    webhooks = [
        (await twice("/v1/webhook-endpoints", {"url": f"https://example.com/{each}"}))["secret"]
        for each in range(12)
    ]
    made = [
        await twice("/v1/applications", {"name": f"A{each}", "scopes": ["requests:read"]})
        for each in range(10)
    ]
    rotated = [
        await twice(f"/v1/applications/{each['id']}/secret", {"overlap_seconds": 60}) for each in made[:5]
    ]
    await twice("/v1/clients", {"name": CANARY})
    secrets = [each["client_secret"] for each in (*made, *rotated)]
    return {"webhook secret": webhooks, "client secret": secrets, "access token": [token]}


async def factories_token(scene: Scene) -> dict[str, str]:
    credentials = await factories.application(scene.sessions, scene.tenant)
    form = {"grant_type": "client_credentials"}
    return (await scene.http.post("/oauth/token", data=form, auth=credentials)).json()


async def planted_by_members(scene: Scene) -> Planted:
    """Codes and tokens of members who let applications act for them."""
    unused = [await scene.code(scene.web) for _ in range(3)]
    used = [await scene.code(scene.web) for _ in range(3)]
    answers = [(await scene.exchange(scene.web, code)).json() for code in used]
    later = (await scene.refresh(scene.web, answers[0]["refresh_token"])).json()
    return {
        "authorization code": unused + used,
        "refresh token": [each["refresh_token"] for each in (*answers, later)],
        "access token of a member": [each["access_token"] for each in (*answers, later)],
        "verifier": [scenes.VERIFIER],
        "client secret of an operator": [scene.web.secret],
    }


async def planted_by_people(sessions: Sessions, tenant: Tenant, clock: MovableClock) -> Planted:
    """What people get and choose on the way from an invitation to a second factor and a new password."""
    planted = Planted()

    def plant(kind: str, *secrets: str) -> None:
        planted.setdefault(kind, []).extend(secrets)

    for number in range(3):
        email, password = f"p{number}@harbour.test", f"three boats in harbour {number} at noon"
        async with tenant_transaction(sessions, tenant.id) as session:
            invitee = Invitee(email, "Ada Harbour", (Role.ADMIN,))
            delivery = Delivery(ISSUER, VAULT)
            invited = await invitations.invite(
                session, factories.OPERATOR, invitee, delivery, now=clock.now()
            )
            link = factories.secret_of(invited.link.url)
            accepted = await invitations.accept_invitation(
                session, VAULT, link, Acceptance("Ada Harbour", password, HOME), now=clock.now()
            )
        plant("invitation", link)
        plant("password", password)
        plant("session", accepted.token)
        plant("device", accepted.device)
        async with platform_transaction(sessions) as platform:
            enrolment = await second_factors.begin_totp(platform, VAULT, accepted.token, now=clock.now())
            assert enrolment is not None
            shown = FactorAttempt(accepted.token, TOTP(enrolment.secret).at(clock.now()), HOME)
            codes = await second_factors.confirm_totp(platform, VAULT, shown, now=clock.now())
            assert isinstance(codes, RecoveryCodes)
            reset = await passwords.operators_reset(
                platform, email, clears_totp=False, issuer=ISSUER, now=clock.now()
            )
            await logins.log_in(platform, VAULT, Attempt(email, f"wrong {password}", HOME), now=clock.now())
            await passwords.request_reset(platform, email, HOME, now=clock.now())
        await passwords.send_requested(sessions, VAULT, issuer=ISSUER, now=clock.now())
        plant("seed of an authenticator", enrolment.secret)
        plant("recovery code", *codes.codes)
        plant("reset", reset.url.rpartition("/")[2], reset.url.rpartition(".")[2])
        plant("wrong password", f"wrong {password}")
        clock.move(timedelta(minutes=1))
    return planted


async def planted_by_the_service(sessions: Sessions) -> Planted:
    async with platform_transaction(sessions) as platform:
        await signing_keys.rotate(platform, VAULT, now=SystemClock().now())
        keys = await signing_keys.signing_keys(platform, VAULT)
    master = base64.b64encode(bytes(range(32))).decode()
    return {"signing key": [str(key.jwk["d"]) for key in keys], "master key": [master]}


async def test_a_dump_and_the_log_hold_none_of_the_secrets_that_went_in(
    own_database: EmbeddedDatabase, own_sessions: Sessions
) -> None:
    clock = MovableClock(SystemClock().now())
    app = create_app(
        Settings.model_validate({"issuer": ISSUER}), own_sessions, vault=VAULT, clock=clock, limits=UNMETERED
    )
    tenant = await factories.tenant(own_sessions)
    with capture_logs() as logged:
        scene = await scenes.open_scene(app, own_sessions, tenant, clock)
        planted = (
            await planted_by_machines(scene)
            | await planted_by_members(scene)
            | await planted_by_people(own_sessions, tenant, clock)
            | await planted_by_the_service(own_sessions)
        )
        await scenes.close_scene(scene)

    dump = await dumped(own_database)

    assert sum(len(secrets) for secrets in planted.values()) >= 100
    assert CANARY in dump  # what is no secret is found
    assert CANARY.encode().hex() in dump  # in bytes too: the answer that was recorded
    log = "\n".join(str(entry) for entry in logged)
    assert "/oauth/token" in log
    for kind, secrets in planted.items():
        for secret in secrets:
            assert len(secret) >= 8, kind
            for name, form in forms(secret).items():
                assert form not in dump, f"{kind} as {name} in the database"
                assert form not in log, f"{kind} as {name} in the log"
