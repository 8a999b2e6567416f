"""A service in maintenance: its requests wait, as the policies say, and whoever uses it is told."""

from datetime import timedelta
from typing import Any

import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy import update

from service.db import Sessions, tenant_transaction
from service.people.domain import Role
from service.requests.maintenance import service as maintenance
from service.tenants.domain import Tenant
from service.wakeups.models import WakeUpRow
from tests import factories
from tests.api import desk, kinds
from tests.api.retiming import Shop, promise
from tests.conftest import SignIn
from tests.factories import NOON

PAUSABLE = promise(hours=8, pausable_by=["maintenance", "waiting_requester"])


@pytest.fixture
async def tenant(sessions: Sessions) -> Tenant:
    return await factories.tenant(sessions, sandbox_at=NOON)


@pytest.fixture
async def shop(sessions: Sessions, tenant: Tenant, sign_in: SignIn) -> Shop:
    return Shop(sessions, tenant, await sign_in())


async def service_of(caller: AsyncClient, name: str = "mail") -> str:
    return (await desk.created(caller, "/v1/services", {"name": name}))["id"]


async def asked(caller: AsyncClient, service_id: str, **body: Any) -> Response:
    path = f"/v1/services/{service_id}/maintenance-windows"
    return await caller.post(path, json=body, headers=factories.key())


async def planned(caller: AsyncClient, service_id: str, begin: float, end: float) -> dict[str, Any]:
    """A window from `begin` to `end`, in hours after noon."""
    answer = await asked(caller, service_id, **{"from": desk.at(hours=begin), "until": desk.at(hours=end)})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def changed(caller: AsyncClient, window: dict[str, Any], **body: Any) -> Response:
    path = f"/v1/maintenance-windows/{window['id']}"
    tag = (await caller.get(path)).headers["ETag"]
    return await caller.put(path, json=body, headers={"If-Match": tag})


async def called_off(caller: AsyncClient, window: dict[str, Any]) -> Response:
    return await caller.post(f"/v1/maintenance-windows/{window['id']}/call-off", headers=factories.key())


async def happened(caller: AsyncClient, request: dict[str, Any]) -> list[tuple[str, str]]:
    """What the request's ledger says of maintenance, in order, each with when."""
    found = (await caller.get(f"/v1/requests/{request['id']}/events")).json()["items"]
    of_maintenance = [each for each in found if each.get("cause") == "maintenance"]
    return sorted((each["occurred_at"], each["type"]) for each in of_maintenance)


def turns(*hours: float) -> list[tuple[str, str]]:
    kinds = ("paused", "resumed")
    return [(desk.at(hours=hour), kinds[place % 2]) for place, hour in enumerate(hours)]


async def test_what_a_verdict_lets_go_on_in_the_middle_of_maintenance_waits_for_its_end(shop: Shop) -> None:
    service = await service_of(shop.caller)
    await shop.policy(PAUSABLE)
    there = {"name": "Catalogue", "url": "https://x.example", "type": "service_request"}
    rules = [
        kinds.rule("no", "request.priority == 'P4'", {"verdict": "decline", "objections": kinds.DESK}),
        kinds.rule("ours", "request.priority == 'P5'", {"verdict": "redirect", "channel": there}),
    ]
    await kinds.in_effect(shop.caller, "rationalization", {"rules": rules})
    await planned(shop.caller, service, 2, 5)
    await desk.pass_time(shop.caller, hours=3)
    declined = await desk.submitted(shop.caller, service="mail", facts={"priority": "P4"})
    redirected = await desk.submitted(shop.caller, service="mail", facts={"priority": "P5"})
    shown = (await shop.caller.get(f"/v1/requests/{redirected['id']}")).json()

    await desk.report(shop.caller, declined, type="changed", facts={"priority": "P1"})
    await desk.pass_time(shop.caller, hours=4)

    assert await happened(shop.caller, {"id": shown["merged_into"]}) == turns(3)
    assert await happened(shop.caller, declined) == turns(3)


async def test_a_promise_that_maintenance_pauses_is_due_later_by_as_much(shop: Shop) -> None:
    service = await service_of(shop.caller)
    await shop.policy(PAUSABLE)
    request = await desk.submitted(shop.caller, service="mail")
    await planned(shop.caller, service, 2, 5)

    await desk.pass_time(shop.caller, hours=3)
    (held,) = (await shop.caller.get("/v1/commitments")).json()["items"]
    await desk.pass_time(shop.caller, hours=6)

    assert (held["clock"], held["due_at"]) == ("paused", None)
    assert await happened(shop.caller, request) == turns(2, 5)
    assert await shop.dues(request) == {"resolve": desk.at(hours=11)}


async def test_a_promise_that_maintenance_does_not_pause_is_due_as_before(shop: Shop) -> None:
    service = await service_of(shop.caller)
    await shop.policy(promise(hours=8))
    request = await desk.submitted(shop.caller, service="mail")
    await planned(shop.caller, service, 2, 5)

    await desk.pass_time(shop.caller, hours=6)

    assert await happened(shop.caller, request) == turns(2, 5)
    assert await shop.dues(request) == {"resolve": desk.at(hours=8)}


async def test_a_request_that_comes_in_the_midst_of_it_waits_from_the_start(shop: Shop) -> None:
    service = await service_of(shop.caller)
    await shop.policy(PAUSABLE)
    await planned(shop.caller, service, 1, 4)
    await desk.pass_time(shop.caller, hours=2)

    request = await desk.submitted(shop.caller, service="mail", occurred_at=desk.at(hours=2))
    other = await desk.submitted(shop.caller, occurred_at=desk.at(hours=2))
    await desk.pass_time(shop.caller, hours=5)

    assert [each["clock"] for each in request["commitments"]] == ["paused"]
    assert await happened(shop.caller, request) == turns(2, 4)
    assert await shop.dues(request) == {"resolve": desk.at(hours=12)}
    assert await happened(shop.caller, other) == []


async def test_windows_that_overlap_are_one_pause(shop: Shop) -> None:
    service = await service_of(shop.caller)
    request = await desk.submitted(shop.caller, service="mail")
    for begin, end in ((1, 3), (2, 4), (4, 5), (7, 8)):
        await planned(shop.caller, service, begin, end)

    await desk.pass_time(shop.caller, hours=9)

    assert await happened(shop.caller, request) == turns(1, 5, 7, 8)


async def test_a_window_that_is_extended_while_it_runs_holds_longer(shop: Shop) -> None:
    service = await service_of(shop.caller)
    request = await desk.submitted(shop.caller, service="mail")
    window = await planned(shop.caller, service, 1, 2)
    await desk.pass_time(shop.caller, hours=1.5)

    answer = await changed(shop.caller, window, until=desk.at(hours=4))
    moved = await changed(shop.caller, window, **{"from": desk.at(hours=3), "until": desk.at(hours=4)})
    await desk.pass_time(shop.caller, hours=6)

    assert (answer.status_code, answer.json()["state"]) == (200, "running")
    assert (moved.status_code, moved.json()["errors"][0]["pointer"]) == (422, "/from")
    assert await happened(shop.caller, request) == turns(1, 4)


async def test_a_window_that_is_called_off_ends_at_once(shop: Shop) -> None:
    service = await service_of(shop.caller)
    request = await desk.submitted(shop.caller, service="mail")
    running, never = [await planned(shop.caller, service, *hours) for hours in ((1, 5), (6, 7))]
    await desk.pass_time(shop.caller, hours=2)

    answers = [await called_off(shop.caller, each) for each in (running, never)]
    await desk.pass_time(shop.caller, hours=8)

    assert [each.json()["state"] for each in answers] == ["called_off", "called_off"]
    assert await happened(shop.caller, request) == turns(1, 2)
    again = await called_off(shop.caller, running)
    assert (again.status_code, again.json()["type"]) == (409, "/problems/maintenance-window-over")


async def test_a_window_that_is_called_off_at_the_instant_it_began_leaves_nobody_waiting(shop: Shop) -> None:
    service = await service_of(shop.caller)
    request = await desk.submitted(shop.caller, service="mail")
    window = await planned(shop.caller, service, 1, 5)
    await desk.pass_time(shop.caller, hours=1)

    await called_off(shop.caller, window)
    await desk.pass_time(shop.caller, hours=2)

    assert await happened(shop.caller, request) == turns(1, 1)


@pytest.mark.parametrize(
    ("begin", "end", "pointer"),
    [(-1, 1, "/from"), (-2, -1, "/from"), (2, 1, "/until"), (1, 1, "/until"), (1, 24 * 400, "/until")],
)
async def test_a_window_in_the_past_or_without_length_is_refused(
    shop: Shop, begin: float, end: float, pointer: str
) -> None:
    service = await service_of(shop.caller)

    answer = await asked(shop.caller, service, **{"from": desk.at(hours=begin), "until": desk.at(hours=end)})

    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/maintenance-window-invalid")
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]


async def test_a_source_that_ends_every_pause_does_not_end_maintenance(shop: Shop) -> None:
    service = await service_of(shop.caller)
    await shop.policy(PAUSABLE)
    request = await desk.submitted(shop.caller, service="mail")
    await planned(shop.caller, service, 1, 4)
    await desk.pass_time(shop.caller, hours=2)

    await desk.report(shop.caller, request, type="resumed", occurred_at=desk.at(hours=2))
    await desk.pass_time(shop.caller, hours=5)

    assert await shop.dues(request) == {"resolve": desk.at(hours=11)}


async def test_a_request_that_is_reopened_after_it_does_not_wait_for_ever(shop: Shop) -> None:
    service = await service_of(shop.caller)
    await shop.policy(PAUSABLE)
    request = await desk.submitted(shop.caller, service="mail")
    await planned(shop.caller, service, 1, 3)
    await desk.pass_time(shop.caller, hours=2)
    await desk.report(shop.caller, request, type="changed", state="closed", occurred_at=desk.at(hours=2))
    await desk.pass_time(shop.caller, hours=5)

    await desk.report(shop.caller, request, type="changed", state="open", occurred_at=desk.at(hours=5))

    assert await happened(shop.caller, request) == turns(1, 3)
    (promised,) = (await shop.caller.get("/v1/commitments")).json()["items"]
    assert promised["clock"] == "running"


async def test_client_organizations_that_use_the_service_are_told_and_no_others(
    shop: Shop, sessions: Sessions, tenant: Tenant, sign_in: SignIn
) -> None:
    service = await service_of(shop.caller)
    ours_id, theirs_id = [
        await factories.client_of(sessions, tenant, name=name) for name in ("Harbour", "Quay")
    ]
    ours, theirs = [await sign_in(client_id=each) for each in (ours_id, theirs_id)]
    await desk.submitted(ours, service="mail")
    window = await planned(shop.caller, service, 1, 3)
    await desk.pass_time(shop.caller, hours=4)

    told = [(event.type, event.client_id, event.audience) for event in await shop.told(window["id"])]
    assert told == [
        (f"maintenance.{kind}", client_id, "client")
        for kind in ("planned", "began", "ended")
        for client_id in (None, ours_id)
    ]
    shown = await theirs.get(f"/v1/maintenance-windows/{window['id']}")
    assert (shown.status_code, shown.json()["state"]) == (200, "over")
    (listed,) = (await theirs.get("/v1/maintenance-windows", params={"service_id": service})).json()["items"]
    assert listed["id"] == window["id"]
    assert (await shop.caller.get("/v1/maintenance-windows", params={"not_over": True})).json()["items"] == []


async def test_maintenance_is_planned_by_leads(shop: Shop, sign_in_as: SignIn) -> None:
    service = await service_of(shop.caller)

    agent, manager = await sign_in_as(Role.AGENT), await sign_in_as(Role.MANAGER)
    answers = [await asked(caller, service, until=desk.at(hours=1)) for caller in (agent, manager)]

    assert [answer.status_code for answer in answers] == [403, 201]


async def test_a_clients_own_application_submits_in_the_midst_of_it(
    shop: Shop, sessions: Sessions, tenant: Tenant, sign_in: SignIn
) -> None:
    service = await service_of(shop.caller)
    await shop.policy(PAUSABLE)
    await planned(shop.caller, service, 1, 4)
    await desk.pass_time(shop.caller, hours=2)
    client = await sign_in(client_id=await factories.client_of(sessions, tenant))

    request = await desk.submitted(client, service="mail", occurred_at=desk.at(hours=2))
    await desk.report(client, request, type="resumed", occurred_at=desk.at(hours=2))
    await desk.pass_time(shop.caller, hours=5)

    assert await shop.dues(request) == {"resolve": desk.at(hours=12)}


async def test_more_requests_than_are_woken_at_once_all_wait(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "WOKEN_AT_ONCE", 2)
    service = await service_of(shop.caller)
    requests = [await desk.submitted(shop.caller, service="mail") for _ in range(5)]
    await planned(shop.caller, service, 1, 3)

    await desk.pass_time(shop.caller, hours=5)

    assert [await happened(shop.caller, request) for request in requests] == [turns(1, 3)] * 5


async def test_a_window_that_nobody_was_there_for_is_made_up_for_and_told_once_marked_late(
    shop: Shop,
) -> None:
    service = await service_of(shop.caller)
    await shop.policy(PAUSABLE)
    request = await desk.submitted(shop.caller, service="mail")
    window = await planned(shop.caller, service, 1, 3)
    async with tenant_transaction(shop.sessions, shop.tenant.id) as session:
        await session.db.execute(
            update(WakeUpRow)
            .where(WakeUpRow.tenant_id == shop.tenant.id, WakeUpRow.subject_kind == "maintenance")
            .values(fire_at=NOON + timedelta(hours=5))
        )

    await desk.pass_time(shop.caller, hours=6)

    assert await happened(shop.caller, request) == turns(1, 3)
    assert await shop.dues(request) == {"resolve": desk.at(hours=10)}
    told = [(event.type, event.payload["late"]) for event in await shop.told(window["id"])]
    assert told == [("maintenance.planned", False), ("maintenance.ended", True)]
