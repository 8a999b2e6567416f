"""One intention acts once, whatever is repeated, raced or refused."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from functools import partial
from typing import Any, cast
from uuid import UUID, uuid4

import msgspec
import pytest
from httpx2 import ASGITransport, AsyncClient, Response
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from service.api import idempotency
from service.api.errors import IdempotencyKeyInFlight, IdempotencyKeyMalformed
from service.api.idempotency import Answer, Claim, Once
from service.api.models import IdempotencyKeyRow
from service.app import create_app
from service.db import Sessions, TenantSession, run, tenant_transaction
from service.errors import ServiceError
from service.escalations.ladders.errors import LadderNameTaken, LadderNotFound
from service.ids import ApplicationId, TenantId
from service.people.domain import Role
from service.settings import Settings
from service.tenants.domain import Tenant
from service.tenants.models import ClientRow
from tests import factories
from tests.conftest import ISSUER, SignIn
from tests.factories import VAULT
from tests.integration import sent

URL = "/v1/clients"
KEY = {"Idempotency-Key": "order-1"}
JSON = {"Content-Type": "application/json"}


class View(msgspec.Struct):
    id: UUID


def _claim(tenant_id: TenantId, *, key: str = "order-1", fingerprint: bytes = b"one") -> Claim:
    return Claim(
        tenant_id=tenant_id, application_id=ApplicationId(UUID(int=1)), key=key, fingerprint=fingerprint
    )


async def _names(caller: AsyncClient) -> list[str]:
    return [item["name"] for item in (await caller.get(URL)).json()["items"]]


async def test_a_repetition_is_answered_as_before_and_does_nothing(caller: AsyncClient) -> None:
    first = await caller.post(URL, json={"name": "Harbour"}, headers=KEY)
    again = await caller.post(URL, json={"name": "Harbour"}, headers=KEY)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert await _names(caller) == ["Harbour"]


async def test_a_repetition_brings_the_headers_again(caller: AsyncClient) -> None:
    answers = [await caller.post("/v1/services", json={"name": "Mail"}, headers=KEY) for _ in range(2)]
    assert answers[0].headers["etag"] == answers[1].headers["etag"] != ""


async def test_another_request_under_the_same_key_is_422(caller: AsyncClient) -> None:
    await caller.post(URL, json={"name": "Harbour"}, headers=KEY)
    others = [
        await caller.post(URL, json={"name": "Dock"}, headers=KEY),
        await caller.post(
            URL, content=b'{"name":  "Harbour"}', headers=KEY | {"Content-Type": "application/json"}
        ),
        await caller.post("/v1/services", json={"name": "Harbour"}, headers=KEY),
    ]
    assert [(other.status_code, other.json()["type"]) for other in others] == [
        (422, "/problems/idempotency-key-reused")
    ] * 3


async def test_a_key_belongs_to_one_application_of_one_tenant(
    caller: AsyncClient, sign_in: SignIn, sessions: Sessions
) -> None:
    others = [await sign_in(), await sign_in(of=await factories.tenant(sessions))]
    await caller.post(URL, json={"name": "Harbour"}, headers=KEY)
    answers = [await other.post(URL, json={"name": "Dock"}, headers=KEY) for other in others]
    assert [answer.status_code for answer in answers] == [201, 201]


async def test_a_key_belongs_to_one_member(sign_in_as: SignIn) -> None:
    """All members work through one application: the answer that shows one a secret is not another's."""
    first, second = await sign_in_as(Role.ADMIN), await sign_in_as(Role.ADMIN)
    desk = {"name": "Desk", "scopes": ["requests:read"]}

    answers = [await member.post("/v1/applications", json=desk, headers=KEY) for member in (first, second)]
    again = await first.post("/v1/applications", json=desk, headers=KEY)

    assert [answer.status_code for answer in answers] == [201, 201]
    assert "idempotency-replayed" not in answers[1].headers
    assert answers[0].json()["client_secret"] != answers[1].json()["client_secret"]
    assert again.content == answers[0].content


async def test_a_refused_request_may_be_repeated_with_its_key(caller: AsyncClient) -> None:
    await caller.post(URL, json={"name": "Harbour"}, headers=factories.key())
    refused = await caller.post(URL, json={"name": "Harbour"}, headers=KEY)
    accepted = await caller.post(URL, json={"name": "Dock"}, headers=KEY)
    assert (refused.status_code, accepted.status_code) == (409, 201)


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (None, "idempotency-key-missing"),
        ("", "idempotency-key-malformed"),
        ('""', "idempotency-key-malformed"),
        ("a" * 256, "idempotency-key-malformed"),
        ("caf\u00e9", "idempotency-key-malformed"),
        ("a\tb", "idempotency-key-malformed"),
    ],
)
async def test_a_key_that_is_none_is_400(caller: AsyncClient, key: str | None, kind: str) -> None:
    headers = [] if key is None else [(b"Idempotency-Key", key.encode("latin-1"))]
    answer = await caller.post(URL, json={"name": "Harbour"}, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (400, f"/problems/{kind}")


@given(key=st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=253))
def test_a_key_may_be_quoted(key: str) -> None:
    assert idempotency.parse_key(f'"{key}"') == key


@given(header=st.text(max_size=300))
def test_a_key_is_printable_ascii_or_refused(header: str) -> None:
    try:
        key = idempotency.parse_key(header)
    except IdempotencyKeyMalformed:
        return
    assert 1 <= len(key) <= idempotency.KEY_LENGTH_MAX
    assert key.isascii()
    assert key.isprintable()


@given(parts=st.lists(st.text(max_size=10), min_size=2, max_size=2), body=st.binary(max_size=10))
def test_a_fingerprint_marks_its_parts_off(parts: list[str], body: bytes) -> None:
    method, path = parts
    moved = idempotency.fingerprint(method + path[:1], path[1:], body)
    assert (moved == idempotency.fingerprint(method, path, body)) is (path == "")


async def test_a_request_costs_two_statements_more_and_a_repetition_one(caller: AsyncClient) -> None:
    with sent.statements() as statements:
        await caller.post(URL, json={"name": "Harbour"}, headers=KEY)
    first = [statement for statement in statements if "idempotency_key" in statement]
    with sent.statements() as statements:
        await caller.post(URL, json={"name": "Harbour"}, headers=KEY)

    assert [statement.split()[0] for statement in first] == ["select", "insert"]
    assert len([statement for statement in statements if "idempotency_key" in statement]) == 1


async def test_an_answer_is_kept_for_seven_days_and_then_purged(session: TenantSession) -> None:
    claim = _claim(session.tenant_id)
    await idempotency.record(session, claim, Answer(201, b"{}"))
    now = (await session.db.execute(select(func.now()))).scalar_one()

    await idempotency.purge(session, now=now + timedelta(days=7))
    assert await Once(session, claim, VAULT).earlier() is not None

    await idempotency.purge(session, now=now + timedelta(days=7, seconds=1))
    assert await Once(session, claim, VAULT).earlier() is None


@pytest.fixture
async def racing(
    settings: Settings, own_sessions: Sessions
) -> AsyncGenerator[tuple[AsyncClient, Tenant, Sessions]]:
    """A caller whose requests have connections of their own."""
    tenant = await factories.tenant(own_sessions)
    credentials = await factories.application(own_sessions, tenant)
    transport = ASGITransport(cast("Any", create_app(settings, own_sessions, vault=VAULT)))
    async with AsyncClient(transport=transport, base_url=ISSUER) as caller:
        form = {"grant_type": "client_credentials"}
        token = (await caller.post("/oauth/token", data=form, auth=credentials)).json()["access_token"]
        caller.headers["Authorization"] = f"Bearer {token}"
        yield caller, tenant, own_sessions


@pytest.mark.concurrent
async def test_fifty_at_once_act_once(racing: tuple[AsyncClient, Tenant, Sessions]) -> None:
    caller, tenant, sessions = racing

    async def attempt() -> Response:
        return await caller.post(URL, json={"name": "Harbour"}, headers=KEY)

    answers = await asyncio.gather(*[attempt() for _ in range(50)])

    made = {answer.content for answer in answers if answer.status_code == 201}
    refused = {answer.json()["type"] for answer in answers if answer.status_code != 201}
    assert len(made) == 1
    assert refused <= {"/problems/idempotency-key-in-flight"}
    assert (
        sum("idempotency-replayed" not in answer.headers for answer in answers if answer.status_code == 201)
        == 1
    )
    async with tenant_transaction(sessions, tenant.id) as session:
        count = select(func.count()).select_from(ClientRow).where(ClientRow.tenant_id == tenant.id)
        assert (await session.db.execute(count)).scalar_one() == 1
    assert (await attempt()).headers["idempotency-replayed"] == "true"


@pytest.mark.concurrent
async def test_while_one_is_worked_on_the_other_is_409(own_sessions: Sessions) -> None:
    tenant = await factories.tenant(own_sessions)
    claim = _claim(tenant.id)

    async with tenant_transaction(own_sessions, tenant.id) as first:
        assert await Once(first, claim, VAULT).earlier() is None
        async with tenant_transaction(own_sessions, tenant.id) as second:
            with pytest.raises(IdempotencyKeyInFlight):
                await Once(second, claim, VAULT).earlier()

    async with tenant_transaction(own_sessions, tenant.id) as third:
        assert await Once(third, claim, VAULT).earlier() is None


@pytest.mark.concurrent
async def test_an_effect_that_fails_leaves_neither_itself_nor_its_key(own_sessions: Sessions) -> None:
    tenant = await factories.tenant(own_sessions)

    async def effect() -> View:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        async with tenant_transaction(own_sessions, tenant.id) as session:
            await Once(session, _claim(tenant.id), VAULT)(effect)

    async with tenant_transaction(own_sessions, tenant.id) as session:
        count = select(func.count()).select_from(IdempotencyKeyRow)
        mine = count.where(IdempotencyKeyRow.tenant_id == tenant.id)
        assert (await session.db.execute(mine)).scalar_one() == 0


@pytest.mark.concurrent
async def test_who_looked_too_early_does_not_act_a_second_time(own_sessions: Sessions) -> None:
    """The look has the snapshot of its beginning: the other may commit and let go of the lock meanwhile."""
    tenant = await factories.tenant(own_sessions)
    claim = _claim(tenant.id)
    view = View(uuid4())

    async def commits_meanwhile() -> View:
        async with tenant_transaction(own_sessions, tenant.id) as other:
            await idempotency.record(other, claim, Answer(201, b"{}"))
        return view

    with pytest.raises(IdempotencyKeyInFlight):
        async with tenant_transaction(own_sessions, tenant.id) as session:
            await Once(session, claim, VAULT)(commits_meanwhile)


@pytest.mark.concurrent
@pytest.mark.parametrize("refusal", [LadderNameTaken("night"), LadderNotFound("night")])
@pytest.mark.parametrize("is_answered", [True, False])
async def test_what_the_same_request_did_meanwhile_is_not_held_against_it(
    own_sessions: Sessions, refusal: ServiceError, *, is_answered: bool
) -> None:
    tenant = await factories.tenant(own_sessions)
    claim = _claim(tenant.id)

    async def is_refused() -> View:
        if is_answered:
            async with tenant_transaction(own_sessions, tenant.id) as other:
                await idempotency.record(other, claim, Answer(201, b"{}"))
        raise refusal

    with pytest.raises(IdempotencyKeyInFlight if is_answered else type(refusal)):
        async with tenant_transaction(own_sessions, tenant.id) as session:
            await Once(session, claim, VAULT)(is_refused)


@pytest.mark.concurrent
async def test_a_refusal_that_ended_the_transaction_is_told_as_it_is(own_sessions: Sessions) -> None:
    tenant = await factories.tenant(own_sessions)

    async def fails_in_the_database(session: TenantSession) -> View:
        with pytest.raises(DBAPIError):
            await run(session.db, "select 1 / 0")
        raise LadderNameTaken("night")

    with pytest.raises(LadderNameTaken):
        async with tenant_transaction(own_sessions, tenant.id) as session:
            await Once(session, _claim(tenant.id), VAULT)(partial(fails_in_the_database, session))
