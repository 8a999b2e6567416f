"""Types of request that many change at once: one end, whoever is first."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from service.audit.domain import Actor
from service.db import Sessions, TenantSession, tenant_transaction
from service.errors import ServiceError
from service.ids import RequestTypeId
from service.people.domain import Role
from service.rationalization.catalogue import publishing, service
from service.rationalization.catalogue.domain import TypeDraft
from service.requests import cataloguing
from service.rules.lifecycle import Stage, Step
from service.rules.vocabulary import RequestType
from service.tenants.domain import Approval, Tenant
from tests import factories
from tests.factories import NOON

pytestmark = pytest.mark.concurrent

FIELDS: dict[str, Any] = {"type": "object", "properties": {"site": {"type": "string"}}}
DRAFT = TypeDraft(
    name="laptop", family=RequestType.SERVICE_REQUEST, document={"title": "Laptop", "fields": FIELDS}
)
AT_ONCE = 20


async def _tried(sessions: Sessions, tenant: Tenant, deed: Any) -> str:
    """What became of something that was done in a transaction of its own."""
    try:
        async with tenant_transaction(sessions, tenant.id) as session:
            await deed(session)
    except ServiceError as error:
        return error.code
    return "done"


async def test_of_all_who_approve_return_publish_and_retire_at_once_the_steps_make_one_life(
    own_sessions: Sessions,
) -> None:
    tenant = await factories.tenant(own_sessions, approval=Approval.MEMBERS)
    ada, bob = [
        Actor(name=f"member:{await factories.member(own_sessions, tenant, Role.MANAGER)}") for _ in range(2)
    ]
    async with tenant_transaction(own_sessions, tenant.id) as session:
        type_id = (await service.create(session, ada, DRAFT, now=NOON)).own.id
        await publishing.submit(session, ada, type_id, version=1, note=None, now=NOON)

    async def approve(session: TenantSession) -> None:
        await publishing.approve(session, bob, type_id, version=1, note=None, now=NOON)

    async def give_back(session: TenantSession) -> None:
        await publishing.give_back(session, bob, type_id, version=1, note="Which site?", now=NOON)

    async def publish(session: TenantSession) -> None:
        await cataloguing.publish(session, ada, type_id, version=1, now=NOON)

    async def retire(session: TenantSession) -> None:
        await publishing.retire(session, ada, type_id, note=None, now=NOON)

    deeds = [approve, give_back, publish, retire] * (AT_ONCE // 4)
    found = Counter(await asyncio.gather(*(_tried(own_sessions, tenant, deed) for deed in deeds)))

    async with tenant_transaction(own_sessions, tenant.id) as session:
        lived = await service.get_version(session, type_id, 1, client_id=None)
        shown = await service.get(session, type_id)
    steps = [taken.step for taken in lived.steps]
    assert len(steps) == 2 + found["done"]
    assert [taken.number for taken in lived.steps] == list(range(1, len(steps) + 1))
    assert steps.count(Step.PUBLISHED) <= 1
    assert (shown.own.published_version is not None) is (lived.stage is Stage.PUBLISHED)
    assert found.keys() <= {"done", "request-type-step-out-of-turn", "request-type-not-offered"}


async def test_two_types_with_the_same_field_are_published_at_once(own_sessions: Sessions) -> None:
    tenant = await factories.tenant(own_sessions)
    script = Actor(name="application:00000000-0000-7000-8000-000000000001")
    made: list[RequestTypeId] = []
    async with tenant_transaction(own_sessions, tenant.id) as session:
        for number in range(5):
            draft = TypeDraft(name=f"laptop-{number}", family=DRAFT.family, document=DRAFT.document)
            made.append((await service.create(session, script, draft, now=NOON)).own.id)

    async def publish(type_id: RequestTypeId) -> str:
        async def deed(session: TenantSession) -> None:
            await cataloguing.publish(session, script, type_id, version=None, now=NOON)

        return await _tried(own_sessions, tenant, deed)

    found = await asyncio.gather(*map(publish, made))

    assert found == ["done"] * len(made)
