"""The facts of history as PostgreSQL counts them."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, text

from service import ids
from service.commitments.models import CommitmentRow
from service.db import Sessions, TenantSession, tenant_transaction
from service.ids import ClientId
from service.requests import history, store
from service.requests.domain import Request, State
from service.requests.models import RequestRow
from service.rules.vocabulary import HISTORY
from service.tenants.domain import Tenant
from service.tenants.models import ClientRow, ContactRow, ServiceRow
from tests import factories, histories
from tests.factories import NOON
from tests.histories import CLIENTS, CONTACTS, COUNT_MAX, PASTS, SERVICES, End, Past

ALL = frozenset(HISTORY)
MANY = """
insert into request (
  tenant_id, id, client_id, service_id, source, external_id, type, state, facts, opened_at, received_at,
  sequence
)
select :tenant, gen_random_uuid(), :client, :service, 'desk', number::text, 'incident', 'open',
  '{"category": "disk", "requester": "Ada"}', :at, :at, 1
from generate_series(1, :count) number
"""

OPERATORS = """
select p.proleakproof from pg_operator o join pg_proc p on p.oid = o.oprcode
where o.oprleft = o.oprright and (o.oprname, o.oprleft) in (
  ('=', 'uuid'::regtype), ('=', 'text'::regtype),
  ('>', 'timestamptz'::regtype), ('<=', 'timestamptz'::regtype)
)
"""
INDEXED = """
select distinct c.relname || '.' || a.attname from pg_index i
join pg_class c on c.oid = i.indrelid
join pg_attribute leader on leader.attrelid = c.oid and leader.attnum = i.indkey[0]
join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[1]
where leader.attname = 'tenant_id' and c.relname || '.' || a.attname = any(:columns)
"""
COUNTED_BY = [
    *(f"request.{name}" for name in ("client_id", "service_id", "category", "requester")),
    *(f"commitment.{name}" for name in ("client_id", "service_id")),
]


@pytest.fixture
async def registers(sessions: Sessions, tenant: Tenant) -> Tenant:
    """A tenant with the clients, services and contacts that histories name."""
    async with tenant_transaction(sessions, tenant.id) as session:
        named: dict[str, Any] = {"tenant_id": tenant.id, "version": 1, "created_at": NOON}
        session.db.add_all(
            [
                *(
                    ClientRow(
                        **named, id=each, name=f"Client {each.int}", tier=None, profile={}, calendar=None
                    )
                    for each in CLIENTS
                ),
                *(
                    ServiceRow(
                        **named,
                        id=each,
                        name=f"Service {each.int}",
                        owner_group=None,
                        criticality=None,
                        hours=None,
                    )
                    for each in SERVICES
                ),
            ]
        )
        await session.db.flush()
        session.db.add_all(
            ContactRow(
                **named,
                id=each,
                client_id=None,
                external_id=None,
                name="Ada",
                email=None,
                phone=None,
                language=None,
                time_zone=None,
            )
            for each in CONTACTS
        )
    return tenant


async def _write(session: TenantSession, pasts: Sequence[Past]) -> None:
    for model in (CommitmentRow, RequestRow):
        await session.db.execute(delete(model).where(model.tenant_id == session.tenant_id))
    session.db.add_all(_row(session, past.request) for past in pasts)
    await session.db.flush()
    session.db.add_all(_promise(session, past.request, end) for past in pasts for end in past.ends)
    await session.db.flush()
    session.db.expunge_all()


def _row(session: TenantSession, request: Request) -> RequestRow:
    return RequestRow(
        tenant_id=session.tenant_id,
        id=request.id,
        client_id=request.client_id,
        service_id=request.service_id,
        contact_id=request.contact_id,
        source_client_id=None,
        source=request.source,
        external_id=request.external_id,
        type=request.type.value,
        title=None,
        state=request.state.value,
        facts=request.facts,
        opened_at=request.opened_at,
        received_at=request.received_at,
        sequence=1,
    )


def _promise(session: TenantSession, request: Request, end: End) -> CommitmentRow:
    return CommitmentRow(
        tenant_id=session.tenant_id,
        id=ids.new_id(),
        request_id=request.id,
        client_id=request.client_id,
        service_id=request.service_id,
        metric="resolve",
        origin="policy",
        level="sla",
        silent=end.is_broken,
        target={},
        cycle=1,
        clock="stopped",
        outcome="broken" if end.is_broken else "kept",
        started_at=NOON,
        fulfilled_at=None if end.is_broken else end.at,
        broken_at=end.at if end.is_broken else None,
        corrected_at=NOON if end.is_corrected else None,
        flags=[],
        looked_at=NOON,
        sequence=1,
    )


@given(pasts=PASTS, asking=st.integers(0, 8), confined_to=st.sampled_from(CLIENTS))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_the_database_counts_what_the_definitions_do_whoever_asks(
    sessions: Sessions, registers: Tenant, pasts: tuple[Past, ...], asking: int, confined_to: UUID
) -> None:
    request = pasts[asking].request if asking < len(pasts) else histories.requested(99, client=CLIENTS[0])
    async with tenant_transaction(sessions, registers.id) as session:
        await _write(session, pasts)

    async with tenant_transaction(sessions, registers.id) as session:
        told = await history.history_of(session, request, now=NOON)(ALL)
    async with tenant_transaction(sessions, registers.id, client_id=ClientId(confined_to)) as confined:
        told_to_client = await history.history_of(confined, request, now=NOON)(ALL)

    assert told == histories.counted(pasts, request, NOON)
    assert told_to_client == told
    assert {name: type(value) for name, value in told.items()} == {
        name: float if name == "client.kept_share_30d" else int for name in told
    }


async def test_counting_for_a_client_leaves_its_wall_standing(sessions: Sessions, registers: Tenant) -> None:
    request = histories.requested(1, client=CLIENTS[0])
    async with tenant_transaction(sessions, registers.id) as session:
        await _write(session, [Past(request, request, ()) for request in _two()])

    async with tenant_transaction(sessions, registers.id, client_id=ClientId(CLIENTS[0])) as confined:
        await history.history_of(confined, request, now=NOON)(ALL)
        seen = await store.listed(confined, client_id=None, external=None, after=None, limit=10)

    assert [row.client_id for row in seen] == [CLIENTS[0]]


async def test_nothing_of_another_tenant_is_counted(sessions: Sessions, registers: Tenant) -> None:
    request = histories.requested(9, client=CLIENTS[0], service=SERVICES[0])
    async with tenant_transaction(sessions, registers.id) as session:
        await _write(session, [Past(request, request, ()) for request in _two()])
    stranger = await factories.tenant(sessions)

    async with tenant_transaction(sessions, stranger.id) as theirs:
        told = await history.history_of(theirs, request, now=NOON)(ALL)
        asked_for_ours = TenantSession(theirs.db, registers.id)
        told_of_ours = await history.history_of(asked_for_ours, request, now=NOON)(ALL)

    assert set(told.values()) == {0}
    assert set(told_of_ours.values()) == {0}


async def test_only_what_is_asked_for_is_counted(session: TenantSession) -> None:
    tell = history.history_of(session, histories.requested(1), now=NOON)

    assert await tell(frozenset({"request.priority"})) == {}
    assert await tell(frozenset({"request.priority", "service.open_requests"})) == {
        "service.open_requests": 0
    }
    assert set(await tell(frozenset({"history"}))) == {
        name for name in HISTORY if name.startswith("history.")
    }


async def test_no_count_goes_beyond_the_most(sessions: Sessions, registers: Tenant) -> None:
    request = histories.requested(
        1, client=CLIENTS[0], service=SERVICES[0], facts={"category": "disk", "requester": "Ada"}
    )
    async with tenant_transaction(sessions, registers.id) as session:
        row = {
            "tenant": registers.id,
            "client": CLIENTS[0],
            "service": SERVICES[0],
            "at": NOON - timedelta(minutes=1),
        }
        await session.db.execute(text(MANY), {**row, "count": COUNT_MAX + 1})
        told = await history.history_of(session, request, now=NOON)(ALL)

    assert {name: value for name, value in told.items() if value} == {
        name: COUNT_MAX for name in ALL if "breaches" not in name and "share" not in name
    }


async def test_row_security_lets_an_index_find_what_is_counted_by(session: TenantSession) -> None:
    leakproof = (await session.db.execute(text(OPERATORS))).scalars().all()
    indexed = (await session.db.execute(text(INDEXED), {"columns": COUNTED_BY})).scalars().all()

    assert leakproof == [True] * 4
    assert set(indexed) == set(COUNTED_BY)


async def test_every_state_of_a_request_is_counted(session: TenantSession) -> None:
    source = (
        await session.db.execute(text("select prosrc from pg_proc where proname = 'count_history'"))
    ).scalar_one()

    assert f"'{{{','.join(state.value for state in State)}}}'" in source
    assert f":= {COUNT_MAX};" in source


def _two() -> list[Request]:
    """A request of each client, for one service."""
    return [
        histories.requested(number, client=client, service=SERVICES[0])
        for number, client in enumerate(CLIENTS, start=1)
    ]
