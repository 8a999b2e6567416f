"""Whoever publishes gets their turn, however many decide meanwhile."""

import asyncio
from time import monotonic

import pytest

from service.db import Sessions, create_engine, create_sessions, tenant_transaction
from service.embedded import EmbeddedDatabase
from service.rules import store
from service.tenants.domain import Tenant
from tests import factories

pytestmark = pytest.mark.concurrent

DECIDERS = 6
HELD_SECONDS = 0.06


async def _decide(sessions: Sessions, tenant: Tenant, is_over: asyncio.Event, *, after: float) -> int:
    """Hold what is in effect again and again, a little later than the one before. Says how often."""
    times = 0
    await asyncio.sleep(after)
    while not is_over.is_set():
        async with tenant_transaction(sessions, tenant.id) as session:
            await store.pointed(session)
            await asyncio.sleep(HELD_SECONDS)
        times += 1
    return times


async def test_those_who_decide_do_not_keep_the_one_who_publishes_waiting(
    own_database: EmbeddedDatabase, own_sessions: Sessions
) -> None:
    tenant = await factories.tenant(own_sessions)
    engine = create_engine(own_database.app_url, pool_size=DECIDERS)
    sessions, is_over = create_sessions(engine), asyncio.Event()
    deciders = [
        asyncio.create_task(_decide(sessions, tenant, is_over, after=place * HELD_SECONDS / DECIDERS))
        for place in range(DECIDERS)
    ]
    await asyncio.sleep(4 * HELD_SECONDS)

    waited: list[float] = []
    for _ in range(5):
        began = monotonic()
        async with tenant_transaction(own_sessions, tenant.id) as session:
            await store.hold_pointer(session)
            waited.append(monotonic() - began)
        await asyncio.sleep(HELD_SECONDS)
    is_over.set()
    times = await asyncio.gather(*deciders)
    await engine.dispose()

    assert max(waited) < 1.0
    assert min(times) > 0
