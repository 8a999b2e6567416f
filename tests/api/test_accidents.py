"""The register of accidents over HTTP, and what rules read of it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy import select

from service import ids
from service.db import Sessions, tenant_transaction
from service.outbox.models import EventRow
from service.people.domain import Role
from service.tenants.domain import Tenant
from tests import factories
from tests.api import desk
from tests.api.desk import at
from tests.conftest import SignIn
from tests.factories import NOON

PATH = "/v1/accidents"
ACCIDENT: dict[str, Any] = {
    "title": "The wrong volume was taken offline",
    "what_happened": "Volume 3 was taken for volume 8, whose label it had.",
    "service": "Mail",
    "severity": "major",
    "began_at": at(hours=-1),
    "effects": [{"affects": "continuity", "amount": 12, "measure": "minutes"}],
}
CLOSED = {
    "ended_at": at(minutes=-48),
    "cause": {"kind": "unclear_procedure", "words": "Labels are not renewed when volumes move."},
    "state": "closed",
    "state_reason": "Labels say what is on a volume.",
}
AFTER_ACCIDENTS: dict[str, Any] = {
    "rules": [
        {
            "id": "after",
            "when": "service.accidents_90d >= 2",
            "because": "The service had two accidents.",
            "then": {"promises": [{"metric": "call", "target": {"unit": "elapsed_time", "seconds": 60}}]},
        },
        {
            "id": "usual",
            "when": "service.accidents_90d < 2",
            "because": "It is as usual.",
            "then": {"promises": [{"metric": "resolve", "target": {"unit": "elapsed_time", "seconds": 60}}]},
        },
    ]
}


@pytest.fixture
async def tenant(sessions: Sessions) -> Tenant:
    """A sandbox, whose clock stands at noon."""
    return await factories.tenant(sessions, sandbox_at=NOON)


@dataclass(frozen=True, slots=True)
class Register:
    caller: AsyncClient

    async def record(self, **overrides: Any) -> dict[str, Any]:
        return await desk.created(self.caller, PATH, ACCIDENT | overrides)

    async def refused(self, **overrides: Any) -> list[str]:
        """Where the accident that is not recorded is wrong."""
        answer = await self.caller.post(PATH, json=ACCIDENT | overrides, headers=factories.key())
        assert answer.status_code == 422, answer.text
        return [error["pointer"] for error in answer.json()["errors"]]

    async def change(self, accident: dict[str, Any], *, tag: str = "*", **overrides: Any) -> Response:
        body, headers = ACCIDENT | overrides, {"If-Match": tag}
        return await self.caller.put(f"{PATH}/{accident['id']}", json=body, headers=headers)

    async def listed(self, **query: str) -> list[str]:
        answer = await self.caller.get(PATH, params=query)
        assert answer.status_code == 200, answer.text
        return [each["id"] for each in answer.json()["items"]]


@pytest.fixture
async def register(caller: AsyncClient) -> Register:
    await desk.created(caller, "/v1/services", {"name": "Mail"})
    return Register(caller)


async def test_an_accident_is_recorded_closed_and_its_history_kept(
    register: Register, sessions: Sessions, tenant: Tenant
) -> None:
    accident = await register.record()
    shown = await register.caller.get(f"{PATH}/{accident['id']}")

    closed = await register.change(accident, tag=shown.headers["ETag"], **CLOSED)
    entries = (await register.caller.get(f"{PATH}/{accident['id']}/entries")).json()["items"]

    assert shown.json() == accident
    assert (accident["state"], accident["found_at"]) == ("open", at())
    assert (closed.status_code, closed.json()["state"]) == (200, "closed")
    assert [each["version"] for each in entries] == [1, 2]
    assert entries[1]["changes"]["state"] == {"before": "open", "after": "closed"}
    assert entries[1]["changes"]["cause"]["before"] is None
    assert "title" not in entries[1]["changes"]
    async with tenant_transaction(sessions, tenant.id) as session:
        about = EventRow.subject_id == UUID(accident["id"])
        told = list(await session.db.scalars(select(EventRow).where(about).order_by(EventRow.sequence)))
    assert [each.type for each in told] == ["accident.recorded", "accident.changed"]
    assert {each.client_id for each in told} == {None}


async def test_what_it_is_linked_to_is_shown_and_found_again(register: Register) -> None:
    await desk.set_up(register.caller)
    change, other = [await desk.submitted(register.caller, type="change") for _ in range(2)]
    promise = other["commitments"][0]["id"]

    accident = await register.record(caused_by=change["id"], requests=[other["id"]], promises=[promise])
    plain = await register.record()
    unlinked = (await register.change(accident, requests=[], promises=[])).json()

    assert (accident["caused_by"], accident["requests"], accident["promises"]) == (
        change["id"],
        [other["id"]],
        [promise],
    )
    assert (unlinked["caused_by"], unlinked["requests"], unlinked["promises"]) == (None, [], [])
    assert plain["id"] in await register.listed()
    assert await register.listed(request_id=other["id"]) == []


async def test_the_list_is_of_a_service_of_a_request_or_of_a_state(register: Register) -> None:
    service = await desk.created(register.caller, "/v1/services", {"name": "Files"})
    request = await desk.submitted(register.caller)
    mail = await register.record(requests=[request["id"]])
    files = await register.record(service="Files", caused_by=request["id"])
    closed = await register.record(**CLOSED)

    assert await register.listed() == [closed["id"], files["id"], mail["id"]]
    assert await register.listed(service_id=service["id"]) == [files["id"]]
    assert await register.listed(request_id=request["id"]) == [files["id"], mail["id"]]
    assert await register.listed(state="closed") == [closed["id"]]


async def test_measures_that_are_behind_are_listed_from_the_instant_after_their_due(
    register: Register,
) -> None:
    measure = {"what": "Name volumes by what is on them.", "due_at": at(hours=2)}
    accident = await register.record(measures=[measure])
    await register.record(measures=[measure | {"due_at": None}])

    assert await register.listed(measures="open") == [accident["id"]]
    await desk.pass_time(register.caller, hours=2)
    assert await register.listed(measures="overdue") == []
    await desk.pass_time(register.caller, hours=2, seconds=1)
    assert await register.listed(measures="overdue") == [accident["id"]]
    shown = (await register.caller.get(f"{PATH}/{accident['id']}")).json()
    assert [each["overdue"] for each in shown["measures"]] == [True]
    await register.change(accident, measures=[measure | {"done_at": at(hours=1)}])
    assert await register.listed(measures="open") == []


async def test_what_is_not_there_is_refused_with_its_place(register: Register) -> None:
    nobody = str(ids.new_id())

    assert await register.refused(service="Post") == ["/service"]
    assert await register.refused(caused_by=nobody, requests=[nobody], promises=[nobody]) == [
        "/caused_by",
        "/requests/0",
        "/promises/0",
    ]
    assert await register.refused(measures=[{"what": "x", "owner_id": nobody}]) == ["/measures/0/owner_id"]


async def test_what_another_tenant_has_cannot_be_linked(
    register: Register, sessions: Sessions, sign_in: SignIn
) -> None:
    theirs = await sign_in(of=await factories.tenant(sessions, sandbox_at=NOON))
    request = await desk.submitted(theirs)
    promise = request["commitments"][0]["id"]

    assert await register.refused(caused_by=request["id"], promises=[promise]) == [
        "/caused_by",
        "/promises/0",
    ]
    mine = await register.record()
    assert (await theirs.get(f"{PATH}/{mine['id']}")).status_code == 404
    assert (await theirs.get(PATH)).json()["items"] == []


async def test_rules_read_how_many_began_in_ninety_days_to_the_second(
    register: Register, sessions: Sessions, tenant: Tenant, sign_in: SignIn
) -> None:
    await desk.set_up(register.caller, AFTER_ACCIDENTS)
    await register.record(began_at=at(days=-90))
    await register.record(began_at=at(days=-90, seconds=1))
    last = await register.record(began_at=at())

    theirs = await sign_in(client_id=await factories.client_of(sessions, tenant))
    first = await desk.submitted(register.caller, service="Mail")
    by_client = await desk.submitted(theirs, service="Mail")
    told = (await theirs.get(f"/v1/requests/{by_client['id']}/why")).json()["facts"]
    other = await desk.submitted(register.caller)
    withdrawn = await register.change(last, began_at=at(), state="withdrawn", state_reason="It was a test.")
    second = await desk.submitted(register.caller, service="Mail")

    assert withdrawn.status_code == 200, withdrawn.text
    assert [each["rule_id"] for each in (first, by_client, other, second)] == [
        "after",
        "after",
        "usual",
        "usual",
    ]
    assert "accidents_90d" not in told.get("service", {})


async def test_an_improvement_that_comes_of_an_accident_names_it(register: Register) -> None:
    accident = await register.record()
    body = {"title": "Labels that stay", "accident_id": accident["id"]}

    item = await desk.created(register.caller, "/v1/improvements", body)

    assert (item["source"], item["came_from"]) == ("accident", accident["id"])
    assert [(each["kind"], each["id"]) for each in item["evidence"]] == [("accident", accident["id"])]


async def test_each_change_is_in_the_audit_trail(register: Register) -> None:
    accident = await register.record()
    await register.change(accident, severity="minor")

    query = {"subject": f"accident:{accident['id']}"}
    records = (await register.caller.get("/v1/audit-records", params=query)).json()["items"]

    assert [each["action"] for each in records] == ["accident.changed", "accident.recorded"]
    assert records[0]["changes"]["severity"] == {"before": "major", "after": "minor"}


async def test_client_organizations_are_never_told(
    register: Register, sessions: Sessions, tenant: Tenant, sign_in: SignIn, sign_in_as: SignIn
) -> None:
    theirs = await sign_in(client_id=await factories.client_of(sessions, tenant))
    auditor = await sign_in_as(Role.AUDITOR)
    accident = await register.record()

    assert (await theirs.get(PATH)).status_code == 403
    assert (await auditor.get(f"{PATH}/{accident['id']}")).status_code == 200
    assert (await auditor.post(PATH, json=ACCIDENT, headers=factories.key())).status_code == 403
