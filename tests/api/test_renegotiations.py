"""Renegotiations over HTTP: told in advance, answered, promised anew beside the original."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy import select

from service import ids
from service.commitments.renegotiation.revising import CHAIN_MAX
from service.db import Sessions, tenant_transaction
from service.outbox.models import EventRow
from service.people.domain import Role
from service.tenants.domain import Tenant
from tests import factories
from tests.api import desk
from tests.api.desk import at
from tests.conftest import SignIn
from tests.factories import NOON

TOMORROW = at(hours=24)
PROPOSAL: dict[str, Any] = {
    "reason": "The spare part comes tomorrow.",
    "tried": "Two other suppliers were asked.",
    "remedies": [{"kind": "interim_service", "description": "A loan device today."}],
    "due_at": TOMORROW,
}
"""Of a promise that is due today at 16:00, an hour before closing time."""


@dataclass(frozen=True, slots=True)
class Desk:
    """A service desk with a request of a client, and the promise that was made of it.

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
    def promise(self) -> str:
        return self.request["commitments"][0]["id"]

    async def propose(self, promise: str = "", **overrides: Any) -> dict[str, Any]:
        path = f"/v1/commitments/{promise or self.promise}/renegotiations"
        return await desk.created(self.staff, path, PROPOSAL | overrides)

    async def commitment(self, promise: str = "") -> dict[str, Any]:
        return (await self.staff.get(f"/v1/commitments/{promise or self.promise}")).json()

    async def told(self, about: str) -> list[EventRow]:
        async with tenant_transaction(self.sessions, self.tenant.id) as session:
            query = select(EventRow).where(EventRow.subject_id == UUID(about)).order_by(EventRow.sequence)
            return list(await session.db.scalars(query))

    async def shown(self, proposed: dict[str, Any]) -> dict[str, Any]:
        return (await self.staff.get(f"/v1/renegotiations/{proposed['id']}")).json()


async def _post(caller: AsyncClient, path: str, body: dict[str, Any]) -> Response:
    return await caller.post(path, json=body, headers=factories.key())


async def _said(caller: AsyncClient, proposed: dict[str, Any], what: str, **body: Any) -> dict[str, Any]:
    answer = await _post(caller, f"/v1/renegotiations/{proposed['id']}/{what}", body)
    assert answer.status_code == 200, answer.text
    return answer.json()


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


async def test_what_is_proposed_is_recorded_with_how_far_it_lies_from_the_original(at_desk: Desk) -> None:
    proposed = await at_desk.propose()

    assert (proposed["state"], proposed["in_advance"]) == ("waiting", True)
    assert (proposed["original_due_at"], proposed["due_at"]) == (at(hours=4), TOMORROW)
    assert proposed["distance_seconds"] == 20 * 3600
    assert proposed["working_distance_seconds"] == 4 * 3600
    assert (proposed["reason"], proposed["remedies"]) == (PROPOSAL["reason"], PROPOSAL["remedies"])
    assert proposed["link"] is None
    assert await at_desk.shown(proposed) == {k: v for k, v in proposed.items() if k != "link"}
    assert (await at_desk.commitment())["announced_at"] == at()


async def test_a_working_time_target_is_counted_on_the_promises_calendar(at_desk: Desk) -> None:
    target = {"unit": "working_time", "seconds": 6 * 3600}

    proposed = await at_desk.propose(due_at=None, target=target)

    assert proposed["due_at"] == at(hours=22)


async def test_once_understood_a_promise_stands_beside_the_original_and_both_are_measured(
    at_desk: Desk,
) -> None:
    proposed = await at_desk.propose()
    await desk.pass_time(at_desk.staff, hours=1)

    answered = await _said(at_desk.client, proposed, "answer", reply="understood")
    revised = await at_desk.commitment(answered["revised_id"])

    assert (answered["state"], answered["answer"]["channel"]) == ("understood", "api")
    made = revised["made"]
    assert (made["revises"], made["origin"]) == (at_desk.promise, "renegotiation")
    assert (revised["due_at"], revised["outcome"]) == (TOMORROW, "pending")
    assert revised["warn_at"] == at(hours=22.25), "a quarter of 7 hours before, as of the original"
    await desk.pass_time(at_desk.staff, hours=23, minutes=30)
    await desk.report(at_desk.staff, at_desk.request, type="changed", state="resolved")
    original, revised = await at_desk.commitment(), await at_desk.commitment(revised["id"])
    assert (original["outcome"], original["silent"]) == ("broken", False)
    assert (revised["outcome"], revised["lateness_seconds"]) == ("kept", 0)
    told = await at_desk.told(revised["id"])
    assert [each.type for each in told] == ["commitment.made", "commitment.warned", "commitment.kept"]


async def test_silence_declines_unless_the_policy_says_otherwise(at_desk: Desk) -> None:
    proposed = await at_desk.propose(answer_within_seconds=3600)

    await desk.pass_time(at_desk.staff, hours=1)
    waiting = await at_desk.shown(proposed)
    await desk.pass_time(at_desk.staff, hours=1, seconds=1)
    over = await at_desk.shown(proposed)

    assert waiting["state"] == "waiting"
    assert (over["state"], over["by_silence"], over["since"]) == ("declined", True, at(hours=1))
    assert over["revised_id"] is None


async def test_silence_that_counts_as_understood_promises_anew(
    sessions: Sessions, tenant: Tenant, sign_in: SignIn
) -> None:
    staff = await sign_in()
    promise = desk.DOCUMENT["rules"][0]["then"]["promises"][0]
    silent = {"renegotiation": {"answer_within_seconds": 7200, "silence": "understood"}}
    rule = {**desk.DOCUMENT["rules"][0], "then": {"promises": [promise | silent]}}
    await desk.set_up(staff, {"rules": [rule]})
    at_desk = Desk(staff, staff, await desk.submitted(staff), sessions, tenant)

    proposed = await at_desk.propose()
    await desk.pass_time(staff, hours=3)
    over = await at_desk.shown(proposed)

    assert (proposed["answer_by"], proposed["silence"]) == (at(hours=2), "understood")
    assert (over["state"], over["by_silence"]) == ("understood", True)
    assert (await at_desk.commitment(over["revised_id"]))["due_at"] == TOMORROW


async def test_the_user_has_two_working_days_to_answer_but_not_longer_than_what_is_proposed(
    at_desk: Desk,
) -> None:
    soon, later = await at_desk.propose(), await at_desk.propose(due_at=at(days=10))

    assert (soon["answer_by"], later["answer_by"]) == (TOMORROW, at(days=2))


@pytest.mark.parametrize(("accepted", "state"), [(True, "understood"), (False, "declined")])
async def test_a_counter_proposal_is_taken_or_not(at_desk: Desk, accepted: bool, state: str) -> None:  # noqa: FBT001 - pytest passes parameters by name
    proposed = await at_desk.propose()
    asked = at(hours=23)

    countered = await _said(at_desk.client, proposed, "answer", reply="counter", due_at=asked)
    settled = await _said(at_desk.staff, proposed, "settlement", accepted=accepted, comment="Agreed.")

    assert (countered["state"], countered["due_at"]) == ("countered", asked)
    assert settled["state"] == state
    if accepted:
        assert (await at_desk.commitment(settled["revised_id"]))["due_at"] == asked
    else:
        assert settled["revised_id"] is None


async def test_a_counter_proposal_that_nobody_settles_in_time_counts_as_declined(at_desk: Desk) -> None:
    proposed = await at_desk.propose(answer_within_seconds=3_600)
    await _said(at_desk.client, proposed, "answer", reply="counter", due_at=at(hours=23))
    await desk.pass_time(at_desk.staff, hours=1)
    in_time = await at_desk.shown(proposed)

    await desk.pass_time(at_desk.staff, hours=1, minutes=1)
    after = await at_desk.shown(proposed)
    late = await _post(at_desk.staff, f"/v1/renegotiations/{proposed['id']}/settlement", {"accepted": True})

    assert in_time["state"] == "countered"
    assert (after["state"], after["since"], after["by_silence"]) == ("declined", at(hours=1), False)
    assert (after["settlement"], late.status_code) == (None, 409)
    assert [each.type for each in await at_desk.told(proposed["id"])][-1] == "renegotiation.settled"


async def test_who_withdraws_says_that_it_will_be_kept_and_a_breach_after_that_is_silent(
    at_desk: Desk,
) -> None:
    proposed = await at_desk.propose()

    withdrawn = await _said(at_desk.staff, proposed, "withdrawal", reason="The part came today.")
    await desk.pass_time(at_desk.staff, hours=5)

    assert (withdrawn["state"], withdrawn["withdrawal"]["reason"]) == ("withdrawn", "The part came today.")
    promise = await at_desk.commitment()
    assert (promise["outcome"], promise["silent"], promise["announced_at"]) == ("broken", True, None)


async def test_what_is_told_after_the_due_is_called_late_and_leaves_the_breach_silent(at_desk: Desk) -> None:
    await desk.pass_time(at_desk.staff, hours=5)

    proposed = await at_desk.propose()

    assert proposed["in_advance"] is False
    assert (await at_desk.commitment())["silent"] is True


async def test_another_proposal_takes_the_place_of_the_open_one(at_desk: Desk) -> None:
    first = await at_desk.propose()
    second = await at_desk.propose(due_at=at(days=3))

    assert (await at_desk.shown(first))["state"] == "withdrawn"
    refused = await _post(at_desk.client, f"/v1/renegotiations/{first['id']}/answer", {"reply": "understood"})
    assert refused.status_code == 409, refused.text
    await desk.pass_time(at_desk.staff, hours=5)
    assert (await at_desk.commitment())["silent"] is False
    assert (await at_desk.shown(second))["state"] == "waiting"


async def test_what_is_proposed_is_withdrawn_by_itself_once_the_promise_has_ended(at_desk: Desk) -> None:
    proposed = await at_desk.propose()

    await desk.report(at_desk.staff, at_desk.request, type="changed", state="resolved")

    shown = await at_desk.shown(proposed)
    assert (shown["state"], shown["withdrawal"]["by"]) == ("withdrawn", None)
    told = [each.type for each in await at_desk.told(proposed["id"])]
    assert told == ["renegotiation.proposed", "renegotiation.withdrawn"]


async def test_what_waits_for_the_requester_has_no_due_to_be_told_before(at_desk: Desk) -> None:
    await desk.report(
        at_desk.staff, at_desk.request, type="paused", cause="waiting_requester", party="requester"
    )

    proposed = await at_desk.propose()

    assert (proposed["original_due_at"], proposed["distance_seconds"], proposed["in_advance"]) == (
        None,
        None,
        True,
    )
    answered = await _said(at_desk.client, proposed, "answer", reply="understood")
    revised = await at_desk.commitment(answered["revised_id"])
    assert (revised["clock"], revised["due_if_resumed_now"]) == ("paused", TOMORROW)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"due_at": at(hours=-1)}, "/due_at"),
        ({"due_at": at(hours=4)}, "/due_at"),
        ({"due_at": "9999-01-01T00:00:00Z"}, "/due_at"),
        ({"due_at": None}, ""),
        ({"target": {"unit": "elapsed_time", "seconds": 90_000}}, ""),
        ({"due_at": None, "target": {"unit": "working_time", "seconds": 60}}, "/target"),
        ({"answer_within_seconds": 90_000}, "/answer_within_seconds"),
    ],
)
async def test_what_cannot_be_promised_or_answered_is_not_proposed(
    at_desk: Desk, changes: dict[str, Any], pointer: str
) -> None:
    refused = await _post(
        at_desk.staff, f"/v1/commitments/{at_desk.promise}/renegotiations", PROPOSAL | changes
    )

    assert refused.status_code == 422, refused.text
    assert [fault["pointer"] for fault in refused.json()["errors"]] == [pointer]
    assert (await at_desk.commitment())["announced_at"] is None


@pytest.mark.parametrize(
    ("what", "body", "status"),
    [
        ("answer", {"reply": "counter"}, 422),
        ("answer", {"reply": "understood", "due_at": TOMORROW}, 422),
        ("answer", {"reply": "counter", "due_at": at(hours=-1)}, 422),
        ("settlement", {"accepted": True}, 409),
    ],
)
async def test_what_is_no_answer_leaves_it_open(
    at_desk: Desk, what: str, body: dict[str, Any], status: int
) -> None:
    proposed = await at_desk.propose()

    refused = await _post(at_desk.staff, f"/v1/renegotiations/{proposed['id']}/{what}", body)

    assert refused.status_code == status, refused.text
    assert (await at_desk.shown(proposed))["state"] == "waiting"


async def test_an_answer_after_its_time_is_refused_though_nobody_has_looked(at_desk: Desk) -> None:
    proposed = await at_desk.propose(answer_within_seconds=60)
    await _said(at_desk.client, proposed, "answer", reply="declined")

    again = await _post(
        at_desk.client, f"/v1/renegotiations/{proposed['id']}/answer", {"reply": "understood"}
    )

    assert (again.status_code, again.json()["type"]) == (409, "/problems/renegotiation-ended")


async def test_only_the_promise_in_place_of_the_others_is_renegotiated_and_not_without_end(
    at_desk: Desk,
) -> None:
    promise = at_desk.promise
    for link in range(CHAIN_MAX):
        proposed = await at_desk.propose(promise, due_at=at(days=1 + link))
        promise = (await _said(at_desk.client, proposed, "answer", reply="understood"))["revised_id"]

    path = "/v1/commitments/{}/renegotiations"
    beside = await _post(at_desk.staff, path.format(at_desk.promise), PROPOSAL)
    once_more = await _post(at_desk.staff, path.format(promise), PROPOSAL | {"due_at": at(days=30)})

    assert beside.json()["type"] == "/problems/commitment-revised"
    assert once_more.json()["type"] == "/problems/renegotiated-too-often"


async def test_a_client_sees_and_answers_its_own_and_nobody_elses(
    sessions: Sessions, tenant: Tenant, sign_in: SignIn, at_desk: Desk
) -> None:
    stranger = await sign_in(client_id=await factories.client_of(sessions, tenant, name="Stranger"))
    proposed = await at_desk.propose()
    place = f"/v1/renegotiations/{proposed['id']}"

    seen = (await at_desk.client.get("/v1/renegotiations")).json()["items"]
    hidden = await stranger.get(place)
    nobodys = await stranger.get(f"/v1/renegotiations/{ids.new_id()}")
    answered = await _post(stranger, f"{place}/answer", {"reply": "understood"})

    assert [(each["id"], each["proposed_by"]) for each in seen] == [(proposed["id"], None)]
    assert (await stranger.get("/v1/renegotiations")).json()["items"] == []
    assert (hidden.status_code, nobodys.status_code, answered.status_code) == (404, 404, 404)
    assert hidden.json()["type"] == nobodys.json()["type"]


async def test_what_the_tenant_says_for_the_user_is_recorded_as_such(
    sign_in_as: SignIn, at_desk: Desk
) -> None:
    agent = await sign_in_as(Role.AGENT)
    proposed = await at_desk.propose()

    answered = await _said(agent, proposed, "answer", reply="understood", comment="She said so by phone.")

    assert answered["answer"]["channel"] == "on_behalf"
    assert answered["answer"]["by"].startswith("member:")


async def test_an_auditor_reads_and_says_nothing(sign_in_as: SignIn, at_desk: Desk) -> None:
    auditor = await sign_in_as(Role.AUDITOR)
    proposed = await at_desk.propose()
    place = f"/v1/renegotiations/{proposed['id']}"

    said = [
        await _post(auditor, f"{place}/answer", {"reply": "understood"}),
        await _post(auditor, f"{place}/settlement", {"accepted": True}),
        await _post(auditor, f"{place}/withdrawal", {"reason": "No."}),
        await _post(auditor, f"/v1/commitments/{at_desk.promise}/renegotiations", PROPOSAL),
    ]

    assert (await auditor.get(place)).status_code == 200
    assert {each.status_code for each in said} == {403}


async def test_each_deed_is_told_once_and_stands_in_the_audit_trail(at_desk: Desk) -> None:
    proposed = await at_desk.propose(link=True)
    await _said(at_desk.client, proposed, "answer", reply="counter", due_at=at(hours=23))
    await _said(at_desk.staff, proposed, "settlement", accepted=True)

    told = await at_desk.told(proposed["id"])
    trail = await at_desk.staff.get(
        "/v1/audit-records", params={"subject": f"renegotiation:{proposed['id']}", "limit": 50}
    )

    assert [(each.sequence, each.type) for each in told] == [
        (1, "renegotiation.proposed"),
        (2, "renegotiation.answered"),
        (3, "renegotiation.settled"),
    ]
    assert {each.audience for each in told} == {"client"}
    secret = proposed["link"].rpartition(".")[2]
    assert secret not in str([each.payload for each in told]) + trail.text
    assert sorted(each["action"] for each in trail.json()["items"]) == [
        "renegotiation.answered",
        "renegotiation.proposed",
        "renegotiation.settled",
    ]
