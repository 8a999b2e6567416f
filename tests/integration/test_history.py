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
from service.rationalization.accidents.models import AccidentRow
from service.rationalization.reviews.models import ReviewResultRow, ReviewRow
from service.requests import history, store
from service.requests.domain import Request, State
from service.requests.models import RequestRow
from service.rules.vocabulary import HISTORY
from service.tenants.domain import Tenant
from service.tenants.models import ClientRow, ContactRow, ServiceRow
from tests import factories, histories
from tests.factories import NOON
from tests.histories import CLIENTS, CONTACTS, COUNT_MAX, PASTS, SERVICES, End, Mishap, Past, Reviewed

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

MANY_ACCIDENTS = """
insert into accident (
  tenant_id, id, title, what_happened, service_id, began_at, found_at, effects, actions, state, recorded_by,
  recorded_at, version, sequence
)
select :tenant, gen_random_uuid(), number::text, '', :service, :at, :at, '[]', '[]', 'open', 'operator',
  :at, 1, 1
from generate_series(1, :count) number
"""
MANY_REVIEWS = """
insert into review (
  tenant_id, id, request_id, service_id, type, state, owed_by, owed_at, version, sequence
)
select tenant_id, gen_random_uuid(), id, service_id, 'change', 'done', 'operator', :at, 2, 2
from request where tenant_id = :tenant
"""
MANY_RESULTS = """
insert into review_result (
  tenant_id, id, review_id, request_id, service_id, is_change, is_success, result, objectives_met, evidence,
  reviewed_by, reviewed_at
)
select tenant_id, gen_random_uuid(), id, request_id, service_id, true, true, 'successful', true, '[]',
  'operator', cast(:at as timestamptz)
from review where tenant_id = :tenant
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
SHARES = {"client.kept_share_30d", "change.success_rate"}
COUNTED_BY = [
    *(f"request.{name}" for name in ("client_id", "service_id", "category", "requester")),
    *(f"commitment.{name}" for name in ("client_id", "service_id")),
    *("accident.service_id", "review_result.service_id", "review_result.reviewed_at"),
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
    for model in (ReviewResultRow, ReviewRow, AccidentRow, CommitmentRow, RequestRow):
        await session.db.execute(delete(model).where(model.tenant_id == session.tenant_id))
    session.db.add_all(_row(session, past.request) for past in pasts)
    await session.db.flush()
    session.db.add_all(_promise(session, past.request, end) for past in pasts for end in past.ends)
    session.db.add_all(_accident(session, past.request, mishap) for past in pasts for mishap in past.mishaps)
    for past in pasts:
        await _review(session, past)
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


def _accident(session: TenantSession, request: Request, mishap: Mishap) -> AccidentRow:
    return AccidentRow(
        tenant_id=session.tenant_id,
        id=ids.new_id(),
        title="Taken offline",
        what_happened="The wrong one.",
        service_id=mishap.service,
        severity=None,
        began_at=mishap.at,
        found_at=mishap.at,
        ended_at=None,
        effects=[],
        cause=None,
        change_id=request.id if mishap.is_of_request else None,
        actions=[],
        next_due_at=None,
        state="withdrawn" if mishap.is_withdrawn else "open",
        because=None,
        recorded_by="operator",
        recorded_at=NOON,
        version=1,
        sequence=1,
    )


async def _review(session: TenantSession, past: Past) -> None:
    """Write what was found of a request's work, each time; the next takes the place of the one before."""
    later = [review.at for review in past.reviews[1:]]
    for review, superseded_at in zip(past.reviews, [*later, None], strict=False):
        review_id = ids.new_id()
        whose = {"tenant_id": session.tenant_id, "request_id": past.request.id}
        row = ReviewRow(
            **whose,
            id=review_id,
            client_id=past.request.client_id,
            service_id=past.request.service_id,
            type="change" if review.is_change else "incident",
            arrangement_id=None,
            commitment_id=None,
            state="done",
            because=None,
            owed_by="rooted",
            owed_at=review.at,
            version=2,
            sequence=2,
        )
        session.db.add(row)
        await session.db.flush()
        session.db.add(
            ReviewResultRow(
                **whose,
                id=ids.new_id(),
                review_id=review_id,
                service_id=past.request.service_id,
                is_change=review.is_change,
                is_success=review.is_success,
                result="successful" if review.is_success else "failed",
                objectives_met=review.is_success,
                deviations=None,
                lessons=None,
                accident_id=None,
                improvement_id=None,
                evidence=[],
                reviewed_by="operator",
                reviewed_at=review.at,
                superseded_at=superseded_at,
            )
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
        name: float if name in SHARES else int for name in told
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
        for statement in (MANY, MANY_ACCIDENTS, MANY_REVIEWS, MANY_RESULTS):
            await session.db.execute(text(statement), {**row, "count": COUNT_MAX + 1})
        told = await history.history_of(session, request, now=NOON)(ALL)

    assert {name: value for name, value in told.items() if value} == {
        name: 1.0 if name == "change.success_rate" else COUNT_MAX
        for name in ALL
        if "breaches" not in name and "share" not in name
    }


@pytest.mark.parametrize(
    ("results", "told"),
    [
        ([], {"change.reviews_365d": 0}),
        ([True] * 4, {"change.reviews_365d": 4}),
        ([True] * 5, {"change.reviews_365d": 5, "change.success_rate": 1.0}),
        ([True, False, True, False, False], {"change.reviews_365d": 5, "change.success_rate": 0.4}),
    ],
)
async def test_a_share_of_changes_is_told_of_five_or_more(
    sessions: Sessions, registers: Tenant, results: list[bool], told: dict[str, object]
) -> None:
    """One of another service, and one that was no change, are beside the point."""
    pasts = [
        *(_reviewed(number, Reviewed(NOON, good)) for number, good in enumerate(results, start=1)),
        _reviewed(98, Reviewed(NOON, is_success=False), service=SERVICES[1]),
        _reviewed(99, Reviewed(NOON, is_success=False, is_change=False)),
    ]
    async with tenant_transaction(sessions, registers.id) as session:
        await _write(session, pasts)
        tell = history.history_of(session, histories.requested(100, service=SERVICES[0]), now=NOON)

        assert await tell(frozenset({"change"})) == told


def _reviewed(number: int, review: Reviewed, *, service: UUID = SERVICES[0]) -> Past:
    request = histories.requested(number, service=service)
    return Past(request, request, (), reviews=(review,))


async def test_of_a_change_what_was_found_last_counts_from_then_on(
    sessions: Sessions, registers: Tenant
) -> None:
    earlier, request = NOON - timedelta(days=1), histories.requested(100)
    found = (Reviewed(earlier, is_success=False), Reviewed(NOON, is_success=True))
    others = [_reviewed(number, Reviewed(earlier, is_success=True)) for number in range(2, 6)]
    first = histories.requested(1, service=SERVICES[0])
    async with tenant_transaction(sessions, registers.id) as session:
        await _write(session, [Past(first, first, (), reviews=found), *others])
        before = history.history_of(session, request, now=NOON - histories.SECOND)
        after = history.history_of(session, request, now=NOON)

        assert (await before(frozenset({"change.success_rate"})))["change.success_rate"] == 0.8
        assert (await after(frozenset({"change.success_rate"})))["change.success_rate"] == 1.0


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
