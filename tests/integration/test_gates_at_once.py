"""Gates with real commits: of changes that come at once one is free, and records come one after another."""

import asyncio
import itertools
from collections.abc import AsyncGenerator
from random import Random
from typing import Any, cast
from uuid import UUID

import pytest
from httpx2 import ASGITransport, AsyncClient, Response
from sqlalchemy import select

from service.app import create_app
from service.db import Sessions, tenant_transaction
from service.outbox.models import EventRow
from service.settings import Settings
from service.tenants.domain import Tenant
from tests import factories
from tests.api import desk, kinds
from tests.conftest import ISSUER
from tests.factories import NOON

pytestmark = pytest.mark.concurrent

AT_ONCE = 12
TRIES = 40
START = "2026-01-09T20:00:00Z"
PLAN: dict[str, Any] = {
    "kind": "rollback_plan",
    "steps": [{"what": "Put the old version back.", "who": "on duty", "seconds": 600}],
    "trigger": "The shop answers errors.",
    "point_of_no_return": None,
    "duration_seconds": 900,
}
ALONE = {"gate": "change_conflict", "margin_seconds": 600}
UNDONE = {"gate": "rollback_plan"}


@pytest.fixture
async def tenant(own_sessions: Sessions) -> Tenant:
    """A sandbox, whose clock stands at noon."""
    return await factories.tenant(own_sessions, sandbox_at=NOON)


@pytest.fixture
async def staff(own_sessions: Sessions, tenant: Tenant, settings: Settings) -> AsyncGenerator[AsyncClient]:
    """An application of a tenant whose policy wants a plan of each change, and no other change beside it."""
    app = create_app(settings, own_sessions, vault=factories.VAULT)
    credentials = await factories.application(own_sessions, tenant)
    async with AsyncClient(transport=ASGITransport(cast("Any", app)), base_url=ISSUER) as caller:
        answer = await caller.post(
            "/oauth/token", data={"grant_type": "client_credentials"}, auth=credentials
        )
        caller.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        await desk.set_up(caller)
        await desk.created(caller, "/v1/services", {"name": "Web shop"})
        rule = kinds.rule("all", "true", {"verdict": "accept", "requires": [ALONE, UNDONE]})
        body = {"name": "gates", "kind": "rationalization", "document": {"rules": [rule]}}
        policy = await desk.created(caller, "/v1/policies", body)
        published = await caller.post(f"/v1/policies/{policy['id']}/publish", headers=factories.key())
        assert published.status_code == 200, published.text
        yield caller


async def _change(staff: AsyncClient) -> dict[str, Any]:
    facts = {"custom": {"planned_start": START, "planned_end": "2026-01-09T22:00:00Z"}}
    return await desk.submitted(staff, type="change", service="Web shop", facts=facts)


async def _gates(staff: AsyncClient, **sought: str) -> list[dict[str, Any]]:
    return (await staff.get("/v1/gates", params={"limit": 200, **sought})).json()["items"]


async def test_of_changes_that_come_at_once_one_finds_no_conflict(staff: AsyncClient) -> None:
    await asyncio.gather(*(_change(staff) for _ in range(AT_ONCE)))

    found = await _gates(staff, kind="change_conflict")

    assert len(found) == AT_ONCE
    assert sorted(gate["state"] for gate in found) == ["open"] * (AT_ONCE - 1) + ["satisfied"]


async def test_when_changes_end_at_once_those_that_waited_are_looked_at(staff: AsyncClient) -> None:
    changes = [await _change(staff) for _ in range(AT_ONCE)]

    await asyncio.gather(
        *(desk.report(staff, change, type="changed", state="cancelled") for change in changes[:-1])
    )
    await desk.pass_time(staff, seconds=1)

    (gate,) = await _gates(staff, kind="change_conflict", request_id=changes[-1]["id"])
    assert gate["state"] == "satisfied"


@pytest.mark.parametrize("seed", [1, 2])
async def test_whatever_comes_at_once_is_recorded_one_after_another(
    staff: AsyncClient, own_sessions: Sessions, tenant: Tenant, seed: int
) -> None:
    request = await _change(staff)
    (gate,) = await _gates(staff, kind="rollback_plan")
    path = f"/v1/gates/{gate['id']}"

    async def record(body: dict[str, Any]) -> Response:
        return await staff.post(f"{path}/records", json=body, headers=factories.key())

    async def look() -> Response:
        return await staff.post(f"{path}/look", headers=factories.key())

    async def edit() -> Response:
        event = {"type": "changed", "facts": {"custom": {"planned_start": START, "note": "again"}}}
        return await staff.post(f"/v1/requests/{request['id']}/events", json=event, headers=factories.key())

    kinds_of_call = [
        lambda: record(PLAN),
        lambda: record({"kind": "withdrawal", "reason": "It is wrong."}),
        look,
        edit,
    ]
    order = Random(seed)  # noqa: S311 - an order to try, not a secret
    answers = await asyncio.gather(*(order.choice(kinds_of_call)() for _ in range(TRIES)))

    assert {answer.status_code for answer in answers} <= {200, 201, 409}
    shown = (await staff.get(path)).json()
    records = (await staff.get(f"{path}/records", params={"limit": 200})).json()["items"]
    numbers = [each["number"] for each in records]
    assert numbers == sorted(set(numbers))
    last = records[-1]["kind"] if records else "withdrawal"
    assert shown["state"] == ("satisfied" if last == "rollback_plan" else "open")
    events = await _events(own_sessions, tenant, gate["id"])
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    settled = [event.payload["state"] for event in events if event.type == "gate.settled"]
    assert all(one != other for one, other in itertools.pairwise(["open", *settled]))
    assert ["open", *settled][-1] == shown["state"]
    refused = {answer.json()["type"] for answer in answers if answer.status_code == 409}
    assert refused <= {"/problems/gate-record-missing"}


async def _events(sessions: Sessions, tenant: Tenant, gate_id: str) -> list[EventRow]:
    async with tenant_transaction(sessions, tenant.id) as session:
        query = select(EventRow).where(EventRow.tenant_id == tenant.id, EventRow.subject_id == UUID(gate_id))
        return list(await session.db.scalars(query.order_by(EventRow.sequence)))
