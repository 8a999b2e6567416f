"""Alarms over HTTP: a run of a ladder that lost its step, found by the auditor and shown to overseers."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from service.auditor import drive
from service.auditor.drive import Auditor, Gauges, Result
from service.db import Sessions, tenant_transaction
from service.people.domain import Role
from service.telemetry import Metrics
from service.tenants.domain import Tenant
from tests import factories
from tests.api import desk, watch
from tests.api.watch import STEPS, Watch
from tests.conftest import SignIn
from tests.factories import NOON

NETWORK = {"facts": {"priority": "P1", "assignment_group": "Network"}}


@pytest.fixture
async def tenant(sessions: Sessions) -> Tenant:
    return await factories.tenant(sessions, sandbox_at=NOON)


@pytest.fixture
async def climbing(sign_in: SignIn, sessions: Sessions, tenant: Tenant) -> Watch:
    """A request whose ladder is being climbed."""
    found = await watch.opened(await sign_in(), sessions, tenant)
    await found.ladder("usual", STEPS)
    await found.climbed({"ladder": "usual"})
    await found.submitted(**NETWORK)
    return found


async def audited(sessions: Sessions) -> Result:
    auditor = Auditor(sessions, None, Gauges.of(Metrics()), asyncio.Event(), spacing=timedelta(0))
    result = await drive.audit(auditor)
    assert result is not None
    return result


async def spoil(on: Watch, statement: str) -> None:
    async with tenant_transaction(on.sessions, on.tenant.id) as session:
        await session.db.execute(text(statement), {"tenant": on.tenant.id})


WAKE_UP_LOST = "delete from wake_up where tenant_id = :tenant and subject_kind = 'escalation'"
STEP_LOST = "update escalation set next_at = null where tenant_id = :tenant"


@pytest.mark.parametrize(
    ("spoilt", "kind"),
    [((WAKE_UP_LOST,), "wake_up_missing"), ((WAKE_UP_LOST, STEP_LOST), "step_missing")],
)
async def test_a_run_that_lost_its_next_step_finds_it_again_and_tells_in_time(
    climbing: Watch, sessions: Sessions, spoilt: tuple[str, ...], kind: str
) -> None:
    assert (await audited(sessions)).standing == 0
    run = await climbing.run()
    for statement in spoilt:
        await spoil(climbing, statement)

    found = await audited(sessions)

    assert found.standing == 1
    (alarm,) = (await climbing.caller.get("/v1/alarms", params={"stands": True})).json()["items"]
    assert (alarm["kind"], alarm["subject_kind"], alarm["subject_id"]) == (kind, "escalation", run["id"])
    assert (alarm["mended"], alarm["cleared_at"]) == (True, None)
    await climbing.pass_hours(10)
    assert [each[:2] for each in await climbing.told()][2:] == [(7, "due"), (8, "broken")]
    assert (await audited(sessions)).standing == 0
    shown = (await climbing.caller.get(f"/v1/alarms/{alarm['id']}")).json()
    assert shown["cleared_at"] is not None
    assert (await climbing.caller.get("/v1/alarms", params={"stands": True})).json()["items"] == []
    assert len((await climbing.caller.get("/v1/alarms", params={"stands": False})).json()["items"]) == 1
    told = [event.type for event in await climbing.events("alarm.raised", "alarm.cleared")]
    assert sorted(told) == ["alarm.cleared", "alarm.raised"]


async def test_a_run_that_has_told_all_its_steps_is_no_fault(climbing: Watch, sessions: Sessions) -> None:
    await climbing.pass_hours(10)
    assert (await climbing.run())["next_at"] is None
    assert (await audited(sessions)).standing == 0


async def test_a_while_of_quiet_that_nobody_would_end_is_found(climbing: Watch, sessions: Sessions) -> None:
    run = await climbing.run()
    await climbing.did(run, "snooze", by=str(climbing.people["ada"]), until=desk.at(hours=1))

    assert (await audited(sessions)).standing == 0
    for statement in (WAKE_UP_LOST, STEP_LOST):
        await spoil(climbing, statement)

    await audited(sessions)

    (alarm,) = (await climbing.caller.get("/v1/alarms", params={"stands": True})).json()["items"]
    assert (alarm["kind"], alarm["subject_id"]) == ("wake_up_missing", run["id"])


async def test_alarms_are_shown_to_admins_and_auditors(climbing: Watch, sign_in_as: SignIn) -> None:
    assert climbing.tenant
    callers = [await sign_in_as(role) for role in (Role.ADMIN, Role.AUDITOR, Role.MANAGER, Role.AGENT)]
    answers = [await caller.get("/v1/alarms") for caller in callers]
    assert [answer.status_code for answer in answers] == [200, 200, 403, 403]


async def test_an_alarm_that_never_was_is_not_found(climbing: Watch) -> None:
    answer = await climbing.caller.get(f"/v1/alarms/{climbing.tenant.id}")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/alarm-not-found")
