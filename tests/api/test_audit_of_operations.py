"""Whatever changes something says in the audit trail who did it: generated from the API document."""

from collections.abc import AsyncGenerator, Iterator
from typing import Any, cast

import msgspec
import pytest
from httpx2 import Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from service.audit import service as audit
from service.audit.domain import Record, Sought
from service.db import Sessions, tenant_transaction
from service.outbox.models import EventRow
from service.settings import Settings
from tests.factories import MovableClock
from tests.probes import parties, world
from tests.probes.document import Operation
from tests.probes.parties import Party
from tests.probes.world import World

COMPUTES_ONLY = {
    "computeWorkingTime",
    "evaluateCondition",
    "previewLadder",
    "previewMessageTemplate",
    "simulatePolicy",
    "testPolicy",
    "tryQuestionnaire",
}
"""What is asked by POST because it takes a body, and changes nothing."""

FIRST = {"addGroupMember": ("removeGroupMember",)}
"""What must be done besides before an operation, so that it has something to change."""

SECRETS = ("secret", "client_secret", "url")
"""Fields of answers that show something once; an invitation's url lets in whoever has it."""

LOOKED_AT = 500
"""How many of the newest records are looked through: what time brings about is recorded too."""

KEPT = {"createWebhookEndpoint"}
"""Whose url is an address and no secret."""


OF_A_RULE = {"when", "version_id", "expression"}
"""What stands beside the `because` of a rule, and of how it was evaluated."""


@pytest.fixture(scope="module")
async def here(
    engine: AsyncEngine, undone: Sessions, settings: Settings, wall_clock: MovableClock
) -> AsyncGenerator[World]:
    async with world.standing(engine, undone, settings, wall_clock) as made:
        yield made


def changing(here: World) -> list[Operation]:
    return [
        each
        for each in here.operations.values()
        if each.method != "get" and each.id not in COMPUTES_ONLY | parties.MEMBERS_ONLY
    ]


async def done(here: World, party: Party, operation: Operation) -> Response:
    for before in parties.first(party, here.operations, operation):
        await party.send(before)
    for name in FIRST.get(operation.id, ()):
        await party.send(party.call(here.operations[name]))
    answer = await party.send(party.call(operation))
    assert answer.is_success, (operation.id, answer.text)
    return answer


async def left_by(here: World, party: Party, answer: Response) -> list[Record]:
    """The records of the request that got this answer."""
    async with tenant_transaction(here.ground.sessions, party.tenant.id) as session:
        newest = await audit.list_records(session, Sought(), before=None, limit=LOOKED_AT)
    asked = answer.headers["x-request-id"]
    return [each.record for each in newest if each.record.http_request_id == asked]


def shown_once(operation: Operation, answer: Response) -> list[str]:
    if operation.id in KEPT or not answer.content:
        return [cast("dict[str, Any]", answer.json())["secret"]] if operation.id in KEPT else []
    return list(_found(answer.json()))


def _found(value: Any) -> Any:
    if isinstance(value, dict):
        for name, inner in cast("dict[str, Any]", value).items():
            if name in SECRETS and isinstance(inner, str):
                yield inner
            yield from _found(inner)


async def events_of(here: World, party: Party) -> list[dict[str, Any]]:
    """What the newest events say."""
    async with tenant_transaction(here.ground.sessions, party.tenant.id) as session:
        query = select(EventRow.payload).where(EventRow.tenant_id == session.tenant_id)
        return list(await session.db.scalars(query.order_by(EventRow.id.desc()).limit(LOOKED_AT)))


def misnamed(value: Any) -> Iterator[str]:
    """What says why by another name than `reason`, and is no rule."""
    if isinstance(value, dict):
        named = cast("dict[str, Any]", value)
        if "why" in named or ("because" in named and not OF_A_RULE & named.keys()):
            yield f"{named}"
        value = list(named.values())
    if isinstance(value, list):
        for inner in cast("list[Any]", value):
            yield from misnamed(inner)


@pytest.mark.parametrize("name", ["staff", "clerk"])
async def test_every_change_leaves_a_record_that_names_the_caller(here: World, name: str) -> None:
    party: Party = getattr(here, name)
    tried = [each for each in changing(here) if party.may(each)]

    for operation in tried:
        async with here.undone():
            answer = await done(here, party, operation)
            records = await left_by(here, party, answer)

            assert records, f"{operation.id} leaves no record"
            for record in records:
                assert record.actor == f"application:{record.application_id}", operation.id
                assert record.client_id == party.client_id, operation.id
                assert record.address == "127.0.0.1", operation.id
                assert msgspec.json.decode(record.changes), f"{operation.id} does not say what changed"
                told = f"{record}"
                assert not [each for each in shown_once(operation, answer) if each in told], operation.id

    assert len(tried) >= {"staff": 25, "clerk": 4}[name]


async def test_answers_events_and_records_say_why_by_one_name(here: World) -> None:
    for operation in filter(here.staff.may, changing(here)):
        async with here.undone():
            answer = await done(here, here.staff, operation)
            shown = answer.json() if answer.headers.get("content-type") == "application/json" else None
            recorded = [msgspec.json.decode(each.changes) for each in await left_by(here, here.staff, answer)]

            assert list(misnamed([shown, recorded, await events_of(here, here.staff)])) == [], operation.id


async def test_what_only_computes_leaves_none(here: World) -> None:
    for operation_id in COMPUTES_ONLY:
        async with here.undone():
            answer = await done(here, here.staff, here.operations[operation_id])
            assert await left_by(here, here.staff, answer) == []


async def test_a_refused_change_leaves_no_record_of_a_change(here: World) -> None:
    operation = here.operations["changeService"]
    async with here.undone():
        refused = await here.staff.send(here.staff.call(operation).with_header(If_Match='"stale"'))
        assert refused.status_code == 412
        assert await left_by(here, here.staff, refused) == []
