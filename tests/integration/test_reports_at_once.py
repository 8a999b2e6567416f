"""Reports that wait for one another: what has one instant counts in the order in which it was written."""

import asyncio

import pytest

from service import ids
from service.audit.domain import Actor
from service.db import Sessions, tenant_transaction
from service.requests import service, store
from service.requests.domain import EventType, State
from service.requests.intake import Caller, Report
from service.requests.kinds import KINDS
from service.requests.recording import Recorded
from service.rules.library import Library
from service.rules.reference import ReferenceEngine
from service.rules.service import Rulebook
from tests import factories, locks
from tests.factories import NOON

pytestmark = pytest.mark.concurrent

RULEBOOK = Rulebook(ReferenceEngine(), KINDS, Library())
CALLER = Caller(client_id=None, may_backdate=False, actor=Actor(name="application:desk"))


async def test_an_event_that_waited_comes_after_what_was_written_meanwhile(own_sessions: Sessions) -> None:
    tenant = await factories.tenant(own_sessions)
    async with tenant_transaction(own_sessions, tenant.id) as session:
        request_id = await factories.request(session)
    report = Report(type=EventType.CHANGED, occurred_at=NOON, sequence=0, state=State.CANCELLED)

    async def told() -> Recorded:
        async with tenant_transaction(own_sessions, tenant.id) as session:
            return await service.record(session, RULEBOOK, request_id, report, caller=CALLER, now=NOON)

    async with asyncio.TaskGroup() as tasks, tenant_transaction(own_sessions, tenant.id) as holding:
        await store.get(holding, request_id, client_id=None, lock=True)
        waiting = tasks.create_task(told())
        await locks.is_waited_for(own_sessions)
        meanwhile = ids.new_id()

    assert waiting.result().event.id > meanwhile
