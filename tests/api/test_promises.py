"""What people promise, and what they say of promises, over HTTP."""

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

CALL: dict[str, Any] = {"what": "I will call.", "metric": "call", "due_at": at(hours=2)}


@dataclass(frozen=True, slots=True)
class Desk:
    """A service desk with a request of a client.

    Attributes:
        staff, client: callers of the tenant, and of the client organization.
        sessions: on the connection of the test, whose events the feed does not show before it commits.
    """

    staff: AsyncClient
    client: AsyncClient
    request: dict[str, Any]
    sessions: Sessions
    tenant: Tenant

    @property
    def path(self) -> str:
        return f"/v1/requests/{self.request['id']}/commitments"

    async def promise(self, **overrides: Any) -> dict[str, Any]:
        return await desk.created(self.staff, self.path, CALL | overrides)

    async def commitment(self, promise: dict[str, Any]) -> dict[str, Any]:
        return (await self.staff.get(f"/v1/commitments/{promise['id']}")).json()

    async def told(self, promise: dict[str, Any]) -> list[EventRow]:
        async with tenant_transaction(self.sessions, self.tenant.id) as session:
            query = select(EventRow).where(EventRow.subject_id == UUID(promise["id"]))
            return list(await session.db.scalars(query.order_by(EventRow.sequence)))


@pytest.fixture
async def tenant(sessions: Sessions) -> Tenant:
    """A sandbox, whose clock stands at noon."""
    return await factories.tenant(sessions, sandbox_at=NOON)


@pytest.fixture
async def at_desk(sessions: Sessions, tenant: Tenant, sign_in: SignIn) -> Desk:
    staff = await sign_in()
    await desk.set_up(staff)
    client = await sign_in(client_id=await factories.client_of(sessions, tenant))
    return Desk(staff, client, await desk.submitted(client), sessions, tenant)


async def _post(caller: AsyncClient, path: str, body: dict[str, Any]) -> Response:
    return await caller.post(path, json=body, headers=factories.key())


async def _said(caller: AsyncClient, promise: dict[str, Any], what: str, **body: Any) -> Response:
    return await _post(caller, f"/v1/commitments/{promise['id']}/{what}", body)


async def test_an_instant_is_shown_in_utc_whatever_offset_it_was_said_with(at_desk: Desk) -> None:
    promise = await at_desk.promise(due_at="2026-01-05T15:00:00+01:00")

    assert (promise["due_at"], promise["due_if_resumed_now"]) == (at(hours=2), at(hours=2))


async def test_what_a_person_promises_has_a_clock_like_any_other_promise(
    sign_in_as: SignIn, at_desk: Desk
) -> None:
    agent = await sign_in_as(Role.AGENT)

    promise = await desk.created(agent, at_desk.path, CALL | {"warn_before_seconds": 1800})

    made = promise["made"]
    assert (made["origin"], made["what"]) == ("person", "I will call.")
    assert made["by"].startswith("member:")
    assert (promise["due_at"], promise["warn_at"]) == (at(hours=2), at(hours=1.5))
    await desk.pass_time(at_desk.staff, hours=3)
    broken = await at_desk.commitment(promise)
    assert (broken["outcome"], broken["silent"], broken["clock"]) == ("broken", True, "running")
    assert [each.type.partition(".")[2] for each in await at_desk.told(promise)] == [
        "made",
        "warned",
        "broken",
    ]


async def test_a_promise_is_counted_on_a_calendar_and_made_to_a_contact(at_desk: Desk) -> None:
    contact = await desk.created(at_desk.client, "/v1/contacts", {"name": "Ada", "external_id": "P-1"})
    target = {"unit": "working_time", "seconds": 6 * 3600}

    promise = await at_desk.promise(due_at=None, target=target, calendar="office", to="P-1")

    assert (promise["due_at"], promise["made"]["to"]) == (at(hours=22), contact["id"])


async def test_it_is_kept_by_who_says_that_it_is_done(at_desk: Desk) -> None:
    promise = await at_desk.promise()
    await desk.pass_time(at_desk.staff, hours=3)

    done = await _said(at_desk.staff, promise, "fulfilment", at=at(hours=1))
    again = await _said(at_desk.staff, promise, "fulfilment")

    assert (done.status_code, done.json()["outcome"]) == (200, "kept")
    assert (again.status_code, again.json()["type"]) == (409, "/problems/commitment-ended")
    assert [each.type.partition(".")[2] for each in await at_desk.told(promise)] == [
        "made",
        "broken",
        "kept",
        "corrected",
    ]


async def test_the_end_of_the_request_is_not_the_call_unless_it_was_said_so(at_desk: Desk) -> None:
    call, fixed = await at_desk.promise(), await at_desk.promise(metric="fix", fulfilled_by=["resolved"])

    await desk.report(at_desk.staff, at_desk.request, type="changed", state="resolved")

    assert (await at_desk.commitment(call))["outcome"] == "pending"
    assert (await at_desk.commitment(fixed))["outcome"] == "kept"


async def test_what_pauses_the_request_pauses_it_if_it_was_said_so(at_desk: Desk) -> None:
    waits = {"type": "paused", "cause": "waiting_requester", "party": "requester"}
    await desk.report(at_desk.staff, at_desk.request, **waits)

    stubborn, patient = await at_desk.promise(), await at_desk.promise(pausable_by=["waiting_requester"])

    assert (stubborn["clock"], patient["clock"]) == ("running", "paused")


async def test_a_change_of_priority_leaves_what_people_promised(at_desk: Desk) -> None:
    promise = await at_desk.promise(metric="resolve")

    await desk.report(at_desk.staff, at_desk.request, type="changed", facts={"priority": "P3"})

    assert (await at_desk.commitment(promise))["due_at"] == CALL["due_at"]


async def test_who_takes_a_promise_back_says_why_to_the_client_and_hides_no_breach(at_desk: Desk) -> None:
    early, late = await at_desk.promise(due_at=at(hours=5)), await at_desk.promise()
    await desk.pass_time(at_desk.staff, hours=3)

    taken_back = await _said(at_desk.staff, early, "cancellation", reason="She called us.")
    after_all = await _said(at_desk.staff, late, "cancellation", reason="She called us.")

    assert (taken_back.json()["outcome"], taken_back.json()["clock"]) == ("pending", "stopped")
    assert (after_all.json()["outcome"], after_all.json()["silent"]) == ("broken", True)
    told = (await at_desk.told(early))[-1]
    assert (told.type, told.audience) == ("commitment.cancelled", "client")
    assert told.payload["reason"] == "She called us."


async def test_what_was_taken_back_does_not_come_back_with_whatever_is_told_of_its_request(
    at_desk: Desk,
) -> None:
    made = await at_desk.promise()
    await _said(at_desk.staff, made, "cancellation", reason="The user called us first.")

    for state in ("open", "resolved", "open"):
        await desk.report(at_desk.staff, at_desk.request, type="changed", state=state)
    await desk.pass_time(at_desk.staff, days=2)

    after = await at_desk.commitment(made)
    assert (after["clock"], after["outcome"]) == ("stopped", "pending")


async def test_what_is_done_is_done_for_every_promise_of_it(at_desk: Desk) -> None:
    promise = await at_desk.promise()
    path = f"/v1/commitments/{promise['id']}/renegotiations"
    proposed = await desk.created(at_desk.staff, path, {"reason": "Ill.", "due_at": at(hours=5)})
    answer = f"/v1/renegotiations/{proposed['id']}/answer"
    revised = (await _post(at_desk.client, answer, {"reply": "understood"})).json()["revised_id"]
    await desk.pass_time(at_desk.staff, hours=3)

    done = await _said(at_desk.staff, {"id": revised}, "fulfilment")

    assert done.json()["outcome"] == "kept"
    original = await at_desk.commitment(promise)
    assert (original["outcome"], original["fulfilled_at"], original["silent"]) == (
        "broken",
        at(hours=3),
        False,
    )


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"due_at": at(hours=-1)}, "/due_at"),
        ({"due_at": at()}, "/due_at"),
        ({"due_at": "2140-01-01T00:00:00Z"}, "/due_at"),
        ({"due_at": "9999-01-01T00:00:00Z"}, "/due_at"),
        ({"due_at": None}, ""),
        ({"target": {"unit": "elapsed_time", "seconds": 60}}, ""),
        ({"calendar": "office"}, "/calendar"),
        ({"due_at": None, "target": {"unit": "business_days", "days": 1}}, "/calendar"),
        (
            {"due_at": None, "target": {"unit": "business_days", "days": 1}, "calendar": "nowhere"},
            "/calendar",
        ),
        ({"to": "nobody"}, "/to"),
    ],
)
async def test_what_cannot_be_kept_watch_over_is_not_promised(
    at_desk: Desk, changes: dict[str, Any], pointer: str
) -> None:
    refused = await _post(at_desk.staff, at_desk.path, CALL | changes)

    assert refused.status_code == 422, refused.text
    assert [fault["pointer"] for fault in refused.json()["errors"]] == [pointer]
    listed = await at_desk.staff.get("/v1/commitments", params={"request_id": at_desk.request["id"]})
    assert len(listed.json()["items"]) == 1


@pytest.mark.parametrize("blank", ["", "  "])
async def test_a_reason_says_something(at_desk: Desk, blank: str) -> None:
    promise = await at_desk.promise()

    for what in ("cancellation", "corrections"):
        assert (await _said(at_desk.staff, promise, what, reason=blank)).status_code == 400


async def test_what_a_policy_promised_is_not_for_people_to_fulfil_or_take_back(at_desk: Desk) -> None:
    promise = at_desk.request["commitments"][0]

    said = [
        await _said(at_desk.staff, promise, "fulfilment"),
        await _said(at_desk.staff, promise, "cancellation", reason="It is too much."),
    ]

    assert {each.json()["type"] for each in said} == {"/problems/commitment-not-of-person"}


async def test_what_lies_in_the_future_is_not_done_yet(at_desk: Desk) -> None:
    promise = await at_desk.promise()

    refused = await _said(at_desk.staff, promise, "fulfilment", at=at(hours=1))

    assert refused.status_code == 422
    assert (await at_desk.commitment(promise))["outcome"] == "pending"


async def test_a_cancelled_request_is_promised_nothing(at_desk: Desk) -> None:
    await desk.report(at_desk.staff, at_desk.request, type="changed", state="cancelled")

    refused = await _post(at_desk.staff, at_desk.path, CALL)

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/request-over")


async def test_a_corrected_breach_stays_on_record_and_is_not_told_again(
    sign_in_as: SignIn, at_desk: Desk
) -> None:
    manager, promise = await sign_in_as(Role.MANAGER), await at_desk.promise()
    await desk.pass_time(at_desk.staff, hours=3)

    corrected = await _said(manager, promise, "corrections", reason="The call came; nobody wrote it down.")
    again = await _said(manager, promise, "corrections", reason="Once more.")
    await desk.pass_time(at_desk.staff, hours=4)
    await _said(at_desk.staff, promise, "fulfilment")

    assert corrected.status_code == 201, corrected.text
    assert (again.status_code, again.json()["type"]) == (409, "/problems/breach-already-corrected")
    shown = await at_desk.commitment(promise)
    assert (shown["outcome"], shown["corrected_at"], shown["silent"]) == ("broken", at(hours=3), False)
    assert shown["broken_at"] is not None
    told = await at_desk.told(promise)
    assert [each.type.partition(".")[2] for each in told].count("broken") == 1
    (said,) = [each for each in told if each.type == "commitment.corrected"]
    assert said.payload["reason"] == "The call came; nobody wrote it down."


@pytest.mark.parametrize("cycle", [None, 2])
async def test_what_is_not_broken_cannot_be_corrected(at_desk: Desk, cycle: int | None) -> None:
    promise = await at_desk.promise()

    refused = await _said(at_desk.staff, promise, "corrections", reason="Why not.", cycle=cycle)

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/breach-not-recorded")


async def test_who_may_promise_correct_and_look(sign_in_as: SignIn, at_desk: Desk) -> None:
    promise = await at_desk.promise()
    agent, auditor = await sign_in_as(Role.AGENT), await sign_in_as(Role.AUDITOR)

    refused = [
        await _said(agent, promise, "corrections", reason="Mine."),
        await _post(auditor, at_desk.path, CALL),
        await _said(auditor, promise, "fulfilment"),
        await _post(at_desk.client, at_desk.path, CALL),
        await _said(at_desk.client, promise, "fulfilment"),
    ]

    assert {each.status_code for each in refused} == {403}
    assert (await auditor.get(f"/v1/commitments/{promise['id']}")).status_code == 200
    seen = await at_desk.client.get(f"/v1/commitments/{promise['id']}")
    assert (seen.status_code, seen.json()["made"]["what"]) == (200, "I will call.")


async def test_a_request_of_nobody_is_promised_nothing(at_desk: Desk) -> None:
    refused = await _post(at_desk.staff, f"/v1/requests/{ids.new_id()}/commitments", CALL)
    unknown = await _said(at_desk.staff, {"id": ids.new_id()}, "fulfilment")

    assert (refused.status_code, unknown.status_code) == (404, 404)
