"""What slices write one after another is sent as one statement, and nothing that reads overtakes it."""

from dataclasses import replace

import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError

from service import db, ids, statements
from service.audit import service as audit
from service.audit.domain import Actor, Deed, Sought
from service.audit.store import LIST
from service.db import Sessions, TenantSession, tenant_transaction
from service.ids import ClientId
from service.outbox import service as outbox
from service.outbox.models import EventDraft
from service.statements import Statement
from service.tenants.domain import Tenant
from service.wakeups import service as wakeups
from service.wakeups.models import WakeUp
from tests import factories
from tests.factories import NOON
from tests.integration import sent

COUNT = "select count(*) from wake_up where tenant_id = $1"
COUNT_EVENTS = "select count(*) from event where tenant_id = $1"
DRAFT = EventDraft(
    type="request.accepted",
    subject_kind="request",
    subject_id=ids.new_id(),
    sequence=1,
    occurred_at=NOON,
    payload={},
)


async def _write(session: TenantSession, *, wake_ups: int = 1) -> None:
    await audit.record(session, Actor(), Deed("thing.done", "thing:1"), now=NOON)
    await wakeups.schedule(session, [WakeUp("thing", ids.new_id(), NOON) for _ in range(wake_ups)])


async def _written(session: TenantSession) -> tuple[int, int]:
    records = await audit.list_records(session, Sought(subject="thing:1"), before=None, limit=10)
    return len(records), (await db.run(session.db, COUNT, session.tenant_id)).scalar_one()


async def test_what_is_gathered_is_sent_as_one_statement(session: TenantSession) -> None:
    with sent.statements() as heard:
        async with db.gathering(session.db):
            await _write(session, wake_ups=2)
            await _write(session)
            assert heard == []

    assert len(heard) == 1
    assert await _written(session) == (2, 3)


async def test_what_reads_sees_all_that_was_written_before_it(session: TenantSession) -> None:
    async with db.gathering(session.db):
        await _write(session)
        assert await _written(session) == (1, 1)
        await _write(session)

    assert await _written(session) == (2, 2)


async def test_what_reads_beside_it_is_sent_with_it_and_does_not_see_it(session: TenantSession) -> None:
    with sent.statements() as heard:
        async with db.gathering(session.db):
            await _write(session)
            beside = await db.run_beside(session.db, COUNT, session.tenant_id)

    assert (len(heard), beside.scalar_one()) == (1, 0)
    assert await _written(session) == (1, 1)


async def test_gathering_inside_of_gathering_waits_for_the_outer_one(session: TenantSession) -> None:
    with sent.statements() as heard:
        async with db.gathering(session.db):
            async with db.gathering(session.db):
                await _write(session)
            await _write(session)

    assert len(heard) == 1


async def test_nothing_of_what_failed_is_sent_later(session: TenantSession) -> None:
    async def failing() -> None:
        async with db.gathering(session.db):
            await _write(session)
            raise ZeroDivisionError

    with sent.statements() as heard, pytest.raises(ZeroDivisionError):
        await failing()

    assert heard == []
    assert await _written(session) == (0, 0)


async def test_what_postgresql_refuses_is_raised_when_it_is_sent(sessions: Sessions, tenant: Tenant) -> None:
    listing = Statement(LIST, (tenant.id, ids.new_id()))

    async def refused() -> None:
        async with tenant_transaction(sessions, tenant.id) as session, db.gathering(session.db):
            await _write(session)
            await db.write(session.db, listing, listing)

    with pytest.raises(IntegrityError):
        await refused()

    async with tenant_transaction(sessions, tenant.id) as session:
        assert await _written(session) == (0, 0)


async def test_a_client_writes_nothing_of_another_among_what_is_its_own(
    sessions: Sessions, tenant: Tenant
) -> None:
    ours, theirs = [await factories.client_of(sessions, tenant, name=name) for name in ("Ours", "Theirs")]

    async def written(*owners: ClientId) -> None:
        drafts = [replace(DRAFT, subject_id=ids.new_id(), client_id=owner) for owner in owners]
        async with tenant_transaction(sessions, tenant.id, client_id=ours) as session:
            await outbox.append(session, drafts)

    await written(ours, ours)
    with pytest.raises(DBAPIError, match="row-level security"):
        await written(theirs, ours)

    async with tenant_transaction(sessions, tenant.id) as session:
        assert (await db.run(session.db, COUNT_EVENTS, session.tenant_id)).scalar_one() == 2


async def test_of_two_wake_ups_of_one_subject_the_last_counts(session: TenantSession) -> None:
    subject = ids.new_id()

    await wakeups.schedule(session, [WakeUp("thing", subject, NOON), WakeUp("thing", subject, NOON)])

    assert await _written(session) == (0, 1)


async def test_what_is_too_much_for_one_statement_is_written_by_several(session: TenantSession) -> None:
    drafts = [replace(DRAFT, sequence=number) for number in range(statements.PLACES_MAX // 10 + 1)]

    with sent.statements() as heard:
        async with db.gathering(session.db):
            await _write(session)
            await outbox.append(session, drafts)

    assert len(heard) == 3
    assert (await db.run(session.db, COUNT_EVENTS, session.tenant_id)).scalar_one() == len(drafts)
    assert await _written(session) == (1, 1)


async def test_each_connection_keeps_as_many_statements_as_it_is_told_to(session: TenantSession) -> None:
    for number in range(db.PREPARED_STATEMENTS_KEPT):
        await db.run(session.db, f"select {number}")

    kept = await db.run(
        session.db, "select count(*) from pg_prepared_statements where statement ~ '^select [0-9]+$'"
    )

    assert kept.scalar_one() > db.PREPARED_STATEMENTS_KEPT - 10
