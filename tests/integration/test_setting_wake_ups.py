"""Wake-ups are set in one order, however many they are: whoever sets the same ones waits for the other."""

import asyncio

import pytest

from service import db, ids
from service.db import Sessions, tenant_transaction
from service.tenants.domain import Tenant
from service.wakeups import service as wakeups
from service.wakeups.models import WakeUp
from service.wakeups.store import TOGETHER_MAX
from tests import factories, locks
from tests.factories import NOON
from tests.integration import sent

pytestmark = pytest.mark.concurrent
HOLD = "select 1 from wake_up where tenant_id = $1 and subject_id = $2 for update"
FREE = "select subject_id from wake_up where tenant_id = $1 for update skip locked"
GENERATIONS = "select generation from wake_up where tenant_id = $1"


@pytest.fixture
async def tenant(own_sessions: Sessions) -> Tenant:
    return await factories.tenant(own_sessions)


async def _set(sessions: Sessions, tenant: Tenant, wake_ups: list[WakeUp]) -> None:
    async with tenant_transaction(sessions, tenant.id) as session:
        await wakeups.schedule(session, wake_ups)


@pytest.mark.parametrize("step", [1, -1], ids=["forwards", "backwards"])
@pytest.mark.parametrize("count", [3, TOGETHER_MAX + 1])
async def test_whoever_waits_for_one_has_set_those_before_it(
    own_sessions: Sessions, tenant: Tenant, count: int, step: int
) -> None:
    subjects = [ids.new_id() for _ in range(count)]
    wake_ups = [WakeUp("thing", subject, NOON) for subject in subjects]
    await _set(own_sessions, tenant, wake_ups)
    async with tenant_transaction(own_sessions, tenant.id) as holding:
        await db.run(holding.db, HOLD, tenant.id, subjects[1])
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_set(own_sessions, tenant, wake_ups[::step]))
            await locks.is_waited_for(own_sessions)
            async with tenant_transaction(own_sessions, tenant.id) as looking:
                free = {row.subject_id for row in await db.run(looking.db, FREE, tenant.id)}
            await holding.db.rollback()

    assert free == set(subjects[2:])


async def test_several_are_set_by_one_statement_each_once(own_sessions: Sessions, tenant: Tenant) -> None:
    wake_ups = [WakeUp("thing", ids.new_id(), NOON) for _ in range(TOGETHER_MAX)]

    with sent.statements() as statements:
        await _set(own_sessions, tenant, [*wake_ups, *wake_ups])

    async with tenant_transaction(own_sessions, tenant.id) as session:
        found = [row.generation for row in await db.run(session.db, GENERATIONS, tenant.id)]
    assert len([each for each in statements if "insert into wake_up" in each]) == 1
    assert found == [1] * TOGETHER_MAX
