"""The feed shows what was committed before every transaction still running: these tests commit for real."""

from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from httpx2 import AsyncClient
from sqlalchemy.exc import IntegrityError

from service.audit.domain import Actor
from service.db import SET_TENANT, Sessions, TenantSession, run, tenant_transaction
from service.ids import ClientId
from service.outbox import service
from service.outbox.models import EventDraft
from service.tenants import service as tenants
from service.tenants.domain import Tenant
from tests import factories
from tests.conftest import SignIn
from tests.factories import NOON

pytestmark = pytest.mark.concurrent

EVENTS = "/v1/events"


@pytest.fixture
def sessions(own_sessions: Sessions) -> Sessions:
    return own_sessions


def draft(sequence: int = 1, **overrides: Any) -> EventDraft:
    values: dict[str, Any] = {
        "type": "commitment.kept",
        "subject_kind": "commitment",
        "subject_id": uuid4(),
        "occurred_at": NOON + timedelta(minutes=sequence),
        "payload": {"metric": "resolve"},
    }
    return EventDraft(sequence=sequence, **(values | overrides))


async def append(sessions: Sessions, tenant: Tenant, *drafts: EventDraft) -> None:
    async with tenant_transaction(sessions, tenant.id) as session:
        await service.append(session, drafts)


async def client_of(sessions: Sessions, tenant: Tenant, name: str) -> ClientId:
    async with tenant_transaction(sessions, tenant.id) as session:
        return (await tenants.create_client(session, Actor(), tenants.ClientEntry(name=name), now=NOON)).id


@pytest.fixture
async def session_of(sessions: Sessions, tenant: Tenant) -> AsyncGenerator[TenantSession]:
    """A transaction that does not survive what is tried in it."""
    async with sessions() as db:
        await run(db, SET_TENANT, tenant.id)
        yield TenantSession(db, tenant.id)


async def followed(caller: AsyncClient, **query: Any) -> list[dict[str, Any]]:
    """All events from the beginning, by `next`."""
    items: list[dict[str, Any]] = []
    part: dict[str, Any] = {"more": True}
    while part["more"]:
        answer = await caller.get(EVENTS, params=query)
        assert answer.status_code == 200, answer.text
        part = answer.json()
        items += part["items"]
        query["cursor"] = part["next"]
    return items


async def test_events_are_read_in_order_part_by_part(
    sign_in: SignIn, sessions: Sessions, tenant: Tenant
) -> None:
    subject = uuid4()
    for number in range(1, 6):
        await append(sessions, tenant, draft(number, subject_id=subject))
    caller = await sign_in("events:read")

    items = await followed(caller, limit=2)

    assert [item["sequence"] for item in items] == [1, 2, 3, 4, 5]
    assert items[0] | {"id": None, "recorded_at": None} == {
        "id": None,
        "type": "commitment.kept",
        "subject_kind": "commitment",
        "subject_id": str(subject),
        "sequence": 1,
        "client_id": None,
        "audience": "client",
        "occurred_at": "2026-01-05T12:01:00Z",
        "recorded_at": None,
        "payload": {"metric": "resolve"},
    }


async def test_at_the_end_the_cursor_waits_for_what_comes(
    sign_in: SignIn, sessions: Sessions, tenant: Tenant
) -> None:
    caller = await sign_in("events:read")
    end = (await caller.get(EVENTS)).json()

    nothing = (await caller.get(EVENTS, params={"cursor": end["next"]})).json()
    await append(sessions, tenant, draft())
    something = await caller.get(EVENTS, params={"cursor": nothing["next"]})

    assert end["items"] == nothing["items"] == []
    assert not end["more"]
    assert [item["type"] for item in something.json()["items"]] == ["commitment.kept"]
    assert something.headers["link"].endswith('rel="next"')
    assert (await caller.get(EVENTS, params={"cursor": something.json()["next"]})).json()["items"] == []


async def test_only_what_is_asked_for_is_shown(sign_in: SignIn, sessions: Sessions, tenant: Tenant) -> None:
    subject = uuid4()
    await append(
        sessions,
        tenant,
        draft(1, subject_id=subject),
        draft(2, subject_id=subject, type="commitment.broken"),
        draft(3, type="request.accepted", subject_kind="request"),
    )
    caller = await sign_in("events:read")

    by_subject = await followed(caller, subject=str(subject))
    by_type = await followed(caller, type="commitment.broken")
    by_types = await followed(caller, type=["commitment.broken", "request.accepted"], limit=1)

    assert [item["sequence"] for item in by_subject] == [1, 2]
    assert [item["sequence"] for item in by_type] == [2]
    assert [item["sequence"] for item in by_types] == [2, 3]


async def test_a_type_that_there_is_not_is_refused_with_those_there_are(sign_in: SignIn) -> None:
    caller = await sign_in("events:read")

    refused = await caller.get(EVENTS, params={"type": "commitment.lost"})

    assert refused.status_code == 422
    assert refused.json()["type"] == "/problems/event-type-unknown"
    (fault,) = refused.json()["errors"]
    assert fault["pointer"] == ""
    assert "commitment.kept" in fault["detail"]


async def test_an_application_of_a_client_reads_of_its_own_what_clients_may_know(
    sign_in: SignIn, sessions: Sessions, tenant: Tenant
) -> None:
    ours = await client_of(sessions, tenant, "Harbour")
    theirs = await client_of(sessions, tenant, "Airport")
    await append(
        sessions,
        tenant,
        draft(1, client_id=ours),
        draft(2, client_id=ours, type="commitment.warned"),
        draft(3, client_id=theirs),
        draft(4),
    )

    confined = await followed(await sign_in("events:read", client_id=ours))
    everything = await followed(await sign_in("events:read"))

    assert [item["sequence"] for item in confined] == [1]
    assert [item["sequence"] for item in everything] == [1, 2, 3, 4]


async def test_another_tenants_events_and_cursors_do_not_exist(sign_in: SignIn, sessions: Sessions) -> None:
    stranger = await factories.tenant(sessions)
    await append(sessions, stranger, draft())
    caller, strange_caller = await sign_in("events:read"), await sign_in("events:read", of=stranger)
    cursor = (await strange_caller.get(EVENTS)).json()["next"]

    assert await followed(caller) == []
    assert (await caller.get(EVENTS, params={"cursor": cursor})).status_code == 400


async def test_reading_the_feed_needs_its_scope(sign_in: SignIn) -> None:
    caller = await sign_in("requests:read")

    assert (await caller.get(EVENTS)).status_code == 403


async def test_two_events_of_a_subject_cannot_have_one_sequence(
    session_of: TenantSession,
) -> None:
    subject = UUID(int=7)
    await service.append(session_of, [draft(1, subject_id=subject)])

    with pytest.raises(IntegrityError, match="uq_event_tenant_id_subject_id_sequence"):
        await service.append(session_of, [draft(1, subject_id=subject)])


async def test_an_event_of_a_type_that_there_is_not_is_a_bug(session_of: TenantSession) -> None:
    with pytest.raises(KeyError):
        await service.append(session_of, [draft(type="commitment.lost")])
