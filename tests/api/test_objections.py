"""Objections over HTTP: raised by whoever is concerned, decided by somebody who had no part in it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy import select

from service import ids
from service.db import Sessions, tenant_transaction
from service.ids import ClientId, MemberId
from service.limits import service as limits
from service.limits.domain.table import OPEN_OBJECTIONS
from service.outbox.models import EventRow
from service.people import service as people
from service.people.domain import Role
from service.tenants.domain import Tenant
from tests import factories
from tests.api import desk, kinds
from tests.api.desk import at
from tests.conftest import SignIn
from tests.factories import NOON

REFUSED = {
    "rules": [
        kinds.rule("no-p1", "request.priority == 'P1'", {"verdict": "decline", "objections": kinds.DESK}),
    ]
}
"""A policy that declines what is urgent."""
PLEA = {"cause": "wrong_facts", "words": "It is not urgent for us alone.", "asks_for": "Accept it."}


@dataclass(frozen=True, slots=True)
class Manager:
    """A member who manages, and how they call."""

    id: MemberId
    caller: AsyncClient


@dataclass(frozen=True, slots=True)
class Desk:
    """A service desk whose policy declined the request of a client.

    Attributes:
        staff: an application of the tenant with all scopes.
        author, approver, other: managers, who wrote the policy, approved it, and had no part in it.
        sessions: on the connection of the test, whose events the feed does not show before it commits.
    """

    staff: AsyncClient
    client: AsyncClient
    author: Manager
    approver: Manager
    other: Manager
    request: dict[str, Any]
    sessions: Sessions
    tenant: Tenant

    @property
    def promise(self) -> dict[str, str]:
        return {"kind": "commitment", "id": self.request["commitments"][0]["id"]}

    async def verdict(self, request: dict[str, Any] | None = None) -> dict[str, str]:
        """What is objected to, where somebody does not agree with the verdict."""
        decided = await kinds.decision(self.staff, request or self.request)
        return {"kind": "decision", "id": decided["id"]}

    async def objects(self, caller: AsyncClient, subject: dict[str, str], **overrides: Any) -> dict[str, Any]:
        return await desk.created(caller, "/v1/objections", {"subject": subject, **PLEA, **overrides})

    async def shown(self, objection: dict[str, Any], caller: AsyncClient | None = None) -> dict[str, Any]:
        answer = await (caller or self.staff).get(f"/v1/objections/{objection['id']}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def told(self, about: str) -> list[EventRow]:
        async with tenant_transaction(self.sessions, self.tenant.id) as session:
            query = select(EventRow).where(EventRow.subject_id == UUID(about)).order_by(EventRow.sequence)
            return list(await session.db.scalars(query))


async def _post(caller: AsyncClient, path: str, body: dict[str, Any] | None = None) -> Response:
    return await caller.post(path, json=body, headers=factories.key())


async def _decide(
    caller: AsyncClient, objection: dict[str, Any], *, upheld: bool, reason: str = "The facts were wrong."
) -> Response:
    body = {"upheld": upheld, "reason": reason}
    return await _post(caller, f"/v1/objections/{objection['id']}/decision", body)


async def _withdraw(caller: AsyncClient, objection: dict[str, Any]) -> Response:
    return await _post(caller, f"/v1/objections/{objection['id']}/withdrawal")


async def _in_effect(author: Manager, approver: Manager) -> None:
    """Put the policy into effect that one manager writes and another approves."""
    body = {"name": "reason", "kind": "rationalization", "document": REFUSED}
    policy = await desk.created(author.caller, "/v1/policies", body)
    path = f"/v1/policies/{policy['id']}"
    for who, verb, said in (
        (author, "submit", {}),
        (approver, "approve", {"version": 1}),
        (author, "publish", {}),
    ):
        headers = {**factories.key(), "If-Match": "*"}
        answer = await who.caller.post(f"{path}/{verb}", json=said or None, headers=headers)
        assert answer.status_code == 200, answer.text


def _problem(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


@pytest.fixture
async def tenant(sessions: Sessions) -> Tenant:
    """A sandbox, whose clock stands at noon."""
    return await factories.tenant(sessions, sandbox_at=NOON)


@pytest.fixture
async def at_desk(sessions: Sessions, tenant: Tenant, sign_in: SignIn, sign_in_as: SignIn) -> Desk:
    staff = await sign_in()
    await desk.set_up(staff)
    managers = [await factories.member(sessions, tenant, Role.MANAGER) for _ in range(3)]
    author, approver, other = [Manager(each, await sign_in_as(member_id=each)) for each in managers]
    await _in_effect(author, approver)
    client = await sign_in(client_id=await factories.client_of(sessions, tenant))
    request = await desk.submitted(client, type="change")
    return Desk(staff, client, author, approver, other, request, sessions, tenant)


async def test_what_is_held_against_a_verdict_is_promised_to_be_decided(at_desk: Desk) -> None:
    raised = await at_desk.objects(at_desk.client, await at_desk.verdict())

    assert (raised["state"], raised["overdue"]) == ("open", False)
    assert raised["due_at"] == at(days=5)
    assert (raised["raised_by"], raised["rule_id"]) == ("application", None)
    promise = (await at_desk.client.get(f"/v1/commitments/{raised['commitment_id']}")).json()
    assert (promise["metric"], promise["made"]["origin"]) == ("objection", "objection")
    assert (promise["due_at"], promise["warn_at"], promise["level"]) == (at(days=5), at(days=4), "sla")
    in_full = await at_desk.shown(raised)
    assert in_full["rule_id"] == "no-p1"
    assert set(in_full["barred"]) == {str(at_desk.author.id), str(at_desk.approver.id)}
    assert in_full["can_be_decided"] is True
    assert [(entry["kind"], entry["number"]) for entry in in_full["entries"]] == [("raised", 1)]


async def test_the_objection_lives_though_the_request_is_over_and_time_alone_decides_nothing(
    at_desk: Desk,
) -> None:
    raised = await at_desk.objects(at_desk.client, await at_desk.verdict())
    await desk.report(at_desk.staff, at_desk.request, type="changed", state="cancelled")

    await desk.pass_time(at_desk.staff, days=5)
    in_time = await at_desk.shown(raised)
    await desk.pass_time(at_desk.staff, days=5, seconds=1)
    late = await at_desk.shown(raised)

    assert (in_time["state"], in_time["overdue"]) == ("open", False)
    assert (late["state"], late["overdue"]) == ("open", True)
    promise = (await at_desk.staff.get(f"/v1/commitments/{raised['commitment_id']}")).json()
    assert (promise["outcome"], promise["clock"]) == ("broken", "running")
    told = [each.type for each in await at_desk.told(raised["commitment_id"])]
    assert told == ["commitment.made", "commitment.warned", "commitment.broken"]
    decided = await _decide(at_desk.other.caller, raised, upheld=False)
    assert (decided.status_code, decided.json()["overdue"]) == (200, True)


@pytest.mark.parametrize(("upheld", "state"), [(True, "upheld"), (False, "rejected")])
async def test_it_is_decided_by_a_manager_who_had_no_part_in_it_and_the_client_is_told_why(
    at_desk: Desk, *, upheld: bool, state: str
) -> None:
    raised = await at_desk.objects(at_desk.client, await at_desk.verdict())

    refused = [
        await _decide(each.caller, raised, upheld=upheld) for each in (at_desk.author, at_desk.approver)
    ]
    decided = await _decide(at_desk.other.caller, raised, upheld=upheld, reason="The impact was mistaken.")

    assert {_problem(each) for each in refused} == {(403, "objection-decider-involved")}
    assert decided.status_code == 200, decided.text
    assert (decided.json()["state"], decided.json()["decided_by"]) == (state, f"member:{at_desk.other.id}")
    seen = await at_desk.shown(raised, at_desk.client)
    assert (seen["state"], seen["reason"]) == (state, "The impact was mistaken.")
    assert (seen["decided_by"], seen["barred"], seen["policy_id"]) == (None, None, None)
    assert [entry["by"] for entry in seen["entries"]] == [None, None]
    told = await at_desk.told(raised["id"])
    assert [(each.type, each.sequence, each.audience) for each in told] == [
        ("objection.raised", 1, "client"),
        ("objection.decided", 2, "client"),
    ]
    assert told[-1].payload["reason"] == "The impact was mistaken."
    assert str(at_desk.other.id) not in str([each.payload for each in told])
    promise = (await at_desk.staff.get(f"/v1/commitments/{raised['commitment_id']}")).json()
    assert promise["outcome"] == "kept"


async def test_a_declined_request_lives_again_once_the_objection_is_upheld(at_desk: Desk) -> None:
    path = f"/v1/requests/{at_desk.request['id']}"
    declined = (await at_desk.client.get(path)).json()
    raised = await at_desk.objects(at_desk.client, await at_desk.verdict())

    decided = await _decide(at_desk.other.caller, raised, upheld=True)

    assert decided.status_code == 200, decided.text
    assert raised["subject"]["kind"] == "arrangement", "what became of the verdict is what is objected to"
    after = (await at_desk.client.get(path)).json()
    assert (declined["state"], after["state"]) == ("cancelled", "open")
    place = f"/v1/arrangements/{raised['subject']['id']}"
    assert (await at_desk.client.get(place)).json()["state"] == "overturned"
    promise = (await at_desk.client.get(f"/v1/commitments/{at_desk.promise['id']}")).json()
    assert promise["clock"] == "running"
    again = {"subject": raised["subject"], **PLEA}
    assert _problem(await _post(at_desk.client, "/v1/objections", again)) == (409, "objection-subject-past")


async def test_what_took_the_place_of_a_verdict_is_not_overturned_with_it(at_desk: Desk) -> None:
    request = await desk.submitted(at_desk.client, type="change")
    raised = await at_desk.objects(at_desk.client, await at_desk.verdict(request))
    rule = kinds.rule("no-p2", "request.priority == 'P2'", {"verdict": "decline", "objections": kinds.DESK})
    await kinds.in_effect(at_desk.staff, "rationalization", {"rules": [rule]})
    await desk.report(at_desk.staff, request, type="changed", facts={"priority": "P2"})
    path = f"/v1/requests/{request['id']}"
    anew = (await at_desk.client.get(path)).json()["arrangement"]
    assert anew["id"] != raised["subject"]["id"]

    decided = await _decide(at_desk.other.caller, raised, upheld=True)

    assert (decided.status_code, decided.json()["state"]) == (200, "upheld"), decided.text
    assert (await at_desk.client.get(path)).json()["state"] == "cancelled"
    place = f"/v1/arrangements/{anew['id']}"
    assert (await at_desk.client.get(place)).json()["state"] == "declined"


async def test_of_two_who_object_rightly_to_the_same_both_are_told_so(at_desk: Desk) -> None:
    raised = await at_desk.objects(at_desk.client, await at_desk.verdict())
    others = await at_desk.objects(at_desk.staff, await at_desk.verdict())
    await _decide(at_desk.other.caller, raised, upheld=True)

    decided = await _decide(at_desk.other.caller, others, upheld=True)

    assert (decided.status_code, decided.json()["state"]) == (200, "upheld"), decided.text


async def test_an_objection_that_is_rejected_leaves_the_request_as_it_was(at_desk: Desk) -> None:
    raised = await at_desk.objects(at_desk.client, await at_desk.verdict())

    await _decide(at_desk.other.caller, raised, upheld=False)

    shown = (await at_desk.client.get(f"/v1/requests/{at_desk.request['id']}")).json()
    arrangement = (await at_desk.client.get(f"/v1/arrangements/{raised['subject']['id']}")).json()
    assert (shown["state"], arrangement["state"]) == ("cancelled", "declined")


ADJUSTED = {"verdict": "adjust", "proposal": {"scope": "One floor only."}}


@pytest.mark.parametrize(("upheld", "state"), [(True, "overturned"), (False, "proposed")])
async def test_who_objects_to_a_counter_proposal_answers_it_until_that_is_decided(
    at_desk: Desk, *, upheld: bool, state: str
) -> None:
    rule = kinds.rule("smaller", "request.priority == 'P3'", ADJUSTED)
    await kinds.in_effect(at_desk.staff, "rationalization", {"rules": [rule]})
    request = await desk.submitted(at_desk.client, type="change", facts={"priority": "P3"})
    raised = await at_desk.objects(at_desk.client, await at_desk.verdict(request), cause="hardship")
    place = f"/v1/arrangements/{raised['subject']['id']}"
    objected = (await at_desk.client.get(place)).json()["state"]

    decided = await _decide(at_desk.other.caller, raised, upheld=upheld)

    assert decided.status_code == 200, decided.text
    assert (objected, (await at_desk.client.get(place)).json()["state"]) == ("objected", state)


ALLOWED = {
    "verdict": "special_method",
    "justification": "The norm costs more than it helps here.",
    "expires_in_days": 30,
    "way_back": "Put the old rule back.",
    "proof": "It was used in the branch for a year.",
    "scope": "One branch.",
    "requires": [{"gate": "approval", "name": "manager", "roles": ["manager"]}],
}


async def test_a_special_method_that_was_objected_to_rightly_ends_and_its_approver_does_not_decide(
    at_desk: Desk,
) -> None:
    rule = kinds.rule("for-a-while", "request.priority == 'P3'", ALLOWED)
    await kinds.in_effect(at_desk.staff, "rationalization", {"rules": [rule]})
    request = await desk.submitted(at_desk.staff, type="change", facts={"priority": "P3"})
    approvals = (await at_desk.staff.get("/v1/approvals", params={"request_id": request["id"]})).json()[
        "items"
    ]
    body = {"approve": True, "reason": "It is reliable."}
    consented = await _post(at_desk.author.caller, f"/v1/approvals/{approvals[0]['id']}/answers", body)
    assert consented.status_code == 200, consented.text
    found = (await at_desk.staff.get("/v1/special-methods", params={"request_id": request["id"]})).json()
    (special,) = found["items"]
    assert special["state"] == "allowed"
    subject = {"kind": "special_method", "id": special["id"]}
    raised = await at_desk.objects(at_desk.approver.caller, subject, cause="unequal_treatment")

    refused = await _decide(at_desk.author.caller, raised, upheld=True)
    decided = await _decide(at_desk.other.caller, raised, upheld=True, reason="Others may not do so.")

    assert _problem(refused) == (403, "objection-decider-involved")
    assert decided.status_code == 200, decided.text
    ended = (await at_desk.staff.get(f"/v1/special-methods/{special['id']}")).json()
    assert ended["state"] == "ended"


async def test_a_special_method_that_was_only_proposed_is_refused_with_its_request(at_desk: Desk) -> None:
    rule = kinds.rule("for-a-while", "request.priority == 'P3'", ALLOWED)
    await kinds.in_effect(at_desk.staff, "rationalization", {"rules": [rule]})
    request = await desk.submitted(at_desk.staff, type="change", facts={"priority": "P3"})
    found = (await at_desk.staff.get("/v1/special-methods", params={"request_id": request["id"]})).json()
    (special,) = found["items"]
    subject = {"kind": "special_method", "id": special["id"]}
    raised = await at_desk.objects(at_desk.approver.caller, subject, cause="unequal_treatment")

    decided = await _decide(at_desk.other.caller, raised, upheld=True, reason="Others may not do so.")

    assert decided.status_code == 200, decided.text
    shown = (await at_desk.staff.get(f"/v1/requests/{request['id']}")).json()
    assert (shown["state"], shown["arrangement"]["state"]) == ("cancelled", "refused")
    (approval,) = (await at_desk.staff.get("/v1/approvals", params={"request_id": request["id"]})).json()[
        "items"
    ]
    assert approval["state"] == "withdrawn"


async def test_neither_an_application_nor_an_agent_decides(at_desk: Desk, sign_in_as: SignIn) -> None:
    raised = await at_desk.objects(at_desk.client, await at_desk.verdict())
    agent = await sign_in_as(Role.AGENT)

    by_application = await _decide(at_desk.staff, raised, upheld=True)
    by_agent = await _decide(agent, raised, upheld=True)

    assert _problem(by_application) == (403, "objection-decider-unknown")
    assert by_agent.status_code == 403
    assert (await at_desk.shown(raised))["state"] == "open"


async def test_who_objects_does_not_decide_it(at_desk: Desk) -> None:
    raised = await at_desk.objects(at_desk.other.caller, at_desk.promise, cause="promise_too_late")

    refused = await _decide(at_desk.other.caller, raised, upheld=True)

    assert _problem(refused) == (403, "objection-decider-involved")
    assert (await at_desk.shown(raised))["barred"] == [str(at_desk.other.id)]
    assert (await _decide(at_desk.author.caller, raised, upheld=True)).status_code == 200


async def test_the_member_with_the_requesters_mail_address_does_not_decide_it(at_desk: Desk) -> None:
    async with tenant_transaction(at_desk.sessions, at_desk.tenant.id) as session:
        email = (await people.get_member(session, at_desk.other.id)).email
    contact = await desk.created(at_desk.client, "/v1/contacts", {"name": "Ada", "email": email.upper()})
    request = await desk.submitted(at_desk.client, type="change", requester=contact["id"])
    raised = await at_desk.objects(at_desk.client, await at_desk.verdict(request))

    refused = await _decide(at_desk.other.caller, raised, upheld=True)

    assert _problem(refused) == (403, "objection-decider-involved")
    shown = await at_desk.shown(raised)
    assert set(shown["barred"]) == {
        str(each.id) for each in (at_desk.author, at_desk.approver, at_desk.other)
    }
    assert shown["can_be_decided"] is False, "nobody else is an admin or a manager"


async def test_who_asked_for_it_does_not_uphold_what_somebody_else_objects_to(at_desk: Desk) -> None:
    request = await desk.submitted(at_desk.other.caller, type="change")
    raised = await at_desk.objects(at_desk.staff, await at_desk.verdict(request))

    refused = await _decide(at_desk.other.caller, raised, upheld=True)

    assert _problem(refused) == (403, "objection-decider-involved")
    assert refused.json()["detail"].startswith("You asked for what it is about, edited or assessed it")
    shown = await at_desk.shown(raised)
    assert str(at_desk.other.id) in shown["barred"]
    assert shown["can_be_decided"] is False, "nobody else is an admin or a manager"


async def test_nor_does_the_member_whom_its_facts_call_the_requester(at_desk: Desk) -> None:
    async with tenant_transaction(at_desk.sessions, at_desk.tenant.id) as session:
        email = (await people.get_member(session, at_desk.other.id)).email
    facts = {"priority": "P1", "requester": email.upper()}
    request = await desk.submitted(at_desk.staff, type="change", facts=facts)
    raised = await at_desk.objects(at_desk.author.caller, await at_desk.verdict(request))

    refused = await _decide(at_desk.other.caller, raised, upheld=False)

    assert _problem(refused) == (403, "objection-decider-involved")


async def test_nor_does_who_edited_it_but_a_promise_of_it_is_judged_by_them(at_desk: Desk) -> None:
    request = await desk.submitted(at_desk.staff, type="change", facts={"priority": "P2"})
    await desk.report(at_desk.other.caller, request, type="changed", facts={"priority": "P1"})
    verdict = await at_desk.objects(at_desk.client, await at_desk.verdict())
    edited = await at_desk.objects(at_desk.staff, await at_desk.verdict(request))
    promised = {"kind": "commitment", "id": request["commitments"][0]["id"]}
    promise = await at_desk.objects(at_desk.staff, promised, cause="promise_too_late")

    refused = await _decide(at_desk.other.caller, edited, upheld=True)

    assert _problem(refused) == (403, "objection-decider-involved")
    for raised in (verdict, promise):
        assert (await _decide(at_desk.other.caller, raised, upheld=False)).status_code == 200


async def test_what_is_decided_is_final_until_the_request_is_decided_anew(at_desk: Desk) -> None:
    raised = await at_desk.objects(at_desk.client, await at_desk.verdict())
    await _decide(at_desk.other.caller, raised, upheld=False, reason="The rule is right.")

    again = await _post(
        at_desk.client, "/v1/objections", {"subject": await at_desk.verdict(), **PLEA, "cause": "hardship"}
    )

    assert _problem(again) == (409, "objection-final")
    assert "The rule is right." in again.json()["detail"]


async def test_the_same_objector_objects_once_at_a_time(at_desk: Desk) -> None:
    raised = await at_desk.objects(at_desk.client, at_desk.promise)

    again = await _post(at_desk.client, "/v1/objections", {"subject": at_desk.promise, **PLEA})
    others = await at_desk.objects(at_desk.other.caller, at_desk.promise)

    assert _problem(again) == (409, "objection-exists")
    assert others["id"] != raised["id"]


@pytest.mark.parametrize("changed", [{}, {"priority": "P1"}], ids=["as-opened", "under-other-terms"])
async def test_who_promised_is_who_wrote_the_terms_whatever_was_decided_since(
    at_desk: Desk, changed: dict[str, str]
) -> None:
    request = await desk.submitted(at_desk.client, type="incident", facts={"priority": "P3"})
    if changed:
        await desk.report(at_desk.staff, request, type="changed", facts=changed)
    promised = await kinds.decision(at_desk.staff, request)
    await desk.report(at_desk.staff, request, type="changed", facts={"location": "Berth 4"})
    promise = {"kind": "commitment", "id": request["commitments"][0]["id"]}

    raised = await at_desk.objects(at_desk.client, promise)

    assert (await kinds.decision(at_desk.staff, request))["id"] != promised["id"]
    assert (await at_desk.shown(raised))["decision_id"] == promised["id"]


async def test_a_decision_that_holds_no_more_is_not_objected_to(at_desk: Desk) -> None:
    request = await desk.submitted(at_desk.client, type="change", facts={"priority": "P3"})
    before = await at_desk.verdict(request)
    await desk.report(at_desk.staff, request, type="changed", facts={"priority": "P4"})

    refused = await _post(at_desk.client, "/v1/objections", {"subject": before, **PLEA})

    assert _problem(refused) == (409, "objection-subject-past")


async def test_a_promise_that_was_objected_to_rightly_is_put_right_by_people(at_desk: Desk) -> None:
    raised = await at_desk.objects(at_desk.client, at_desk.promise, cause="promise_too_late")

    decided = (await _decide(at_desk.other.caller, raised, upheld=True)).json()

    place = f"/v1/commitments/{at_desk.promise['id']}"
    assert decided["remedies"] == [
        {"name": "renegotiate", "url": f"{place}/renegotiations"},
        {"name": "correct_breach", "url": f"{place}/corrections"},
    ]


async def test_a_proposal_that_was_objected_to_rightly_is_taken_back(at_desk: Desk) -> None:
    request = await desk.submitted(at_desk.client, facts={"priority": "P3"})
    path = f"/v1/commitments/{request['commitments'][0]['id']}/renegotiations"
    proposed = await desk.created(at_desk.author.caller, path, {"reason": "No parts.", "due_at": at(days=9)})
    raised = await at_desk.objects(at_desk.client, {"kind": "renegotiation", "id": proposed["id"]})

    by_proposer = await _decide(at_desk.author.caller, raised, upheld=True)
    decided = await _decide(at_desk.other.caller, raised, upheld=True, reason="There are parts.")

    assert _problem(by_proposer) == (403, "objection-decider-involved")
    assert decided.status_code == 200, decided.text
    shown = (await at_desk.client.get(f"/v1/renegotiations/{proposed['id']}")).json()
    assert (shown["state"], shown["withdrawal"]["reason"]) == ("withdrawn", "There are parts.")


async def test_who_objected_withdraws_and_nobody_else(at_desk: Desk) -> None:
    raised = await at_desk.objects(at_desk.client, at_desk.promise)

    by_staff = await _withdraw(at_desk.staff, raised)
    withdrawn = await _withdraw(at_desk.client, raised)
    decided = await _decide(at_desk.other.caller, raised, upheld=True)

    assert _problem(by_staff) == (403, "objection-of-another")
    assert (withdrawn.status_code, withdrawn.json()["state"]) == (200, "withdrawn")
    assert _problem(decided) == (409, "objection-settled")
    promise = (await at_desk.staff.get(f"/v1/commitments/{raised['commitment_id']}")).json()
    assert (promise["clock"], promise["outcome"]) == ("stopped", "pending")
    assert promise["cancelled_at"] is not None
    again = await at_desk.objects(at_desk.client, at_desk.promise)
    assert again["state"] == "open", "what nobody decided is not final"


async def test_a_client_does_not_take_back_what_the_tenants_own_application_objects_to(
    at_desk: Desk,
) -> None:
    raised = await at_desk.objects(at_desk.staff, at_desk.promise)

    refused = await _withdraw(at_desk.client, raised)

    assert _problem(refused) == (403, "objection-of-another")
    assert (await at_desk.shown(raised))["state"] == "open"


async def test_another_application_of_the_same_client_speaks_for_it(
    at_desk: Desk, sessions: Sessions, tenant: Tenant, sign_in: SignIn
) -> None:
    raised = await at_desk.objects(at_desk.client, at_desk.promise)
    successor = await sign_in(client_id=ClientId(ids.read_id(raised["client_id"])))
    stranger = await sign_in(client_id=await factories.client_of(sessions, tenant, name="Stranger"))

    assert (await _withdraw(stranger, raised)).status_code == 404
    assert (await _withdraw(successor, raised)).status_code == 200


@pytest.mark.parametrize("kind", ["arrangement", "decision", "commitment", "renegotiation", "special_method"])
async def test_what_is_anothers_and_what_is_not_there_answer_alike(
    at_desk: Desk, sessions: Sessions, tenant: Tenant, sign_in: SignIn, kind: str
) -> None:
    stranger = await sign_in(client_id=await factories.client_of(sessions, tenant, name="Stranger"))
    theirs = {"commitment": at_desk.promise["id"], "decision": (await at_desk.verdict())["id"]}
    nobodys = str(ids.new_id())

    answers = [
        await _post(stranger, "/v1/objections", {"subject": {"kind": kind, "id": each}, **PLEA})
        for each in (theirs.get(kind, nobodys), nobodys)
    ]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert len({answer.json()["type"] for answer in answers}) == 1


async def test_a_stranger_sees_nothing_of_it(
    at_desk: Desk, sessions: Sessions, tenant: Tenant, sign_in: SignIn
) -> None:
    raised = await at_desk.objects(at_desk.client, at_desk.promise)
    stranger = await sign_in(client_id=await factories.client_of(sessions, tenant, name="Stranger"))

    assert (await stranger.get(f"/v1/objections/{raised['id']}")).status_code == 404
    assert (await stranger.get("/v1/objections")).json()["items"] == []
    assert (await stranger.get("/v1/objections/statistics")).json()["all"]["raised"] == 0
    assert [each["id"] for each in (await at_desk.client.get("/v1/objections")).json()["items"]] == [
        raised["id"]
    ]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["promise", "verdict"]),
        ({"state": "open"}, ["promise"]),
        ({"state": "rejected"}, ["verdict"]),
        ({"cause": "promise_too_late"}, ["promise"]),
        ({"subject_kind": "commitment"}, ["promise"]),
        ({"overdue": "true"}, ["promise"]),
        ({"overdue": "false"}, ["verdict"]),
    ],
)
async def test_the_list_is_narrowed(at_desk: Desk, query: dict[str, str], found: list[str]) -> None:
    verdict = await at_desk.objects(at_desk.client, await at_desk.verdict())
    promise = await at_desk.objects(at_desk.client, at_desk.promise, cause="promise_too_late")
    await _decide(at_desk.other.caller, verdict, upheld=False)
    await desk.pass_time(at_desk.staff, days=6)
    names = {verdict["id"]: "verdict", promise["id"]: "promise"}

    shown = (await at_desk.staff.get("/v1/objections", params=query)).json()["items"]

    assert [names[each["id"]] for each in shown] == found


async def test_a_tenant_says_how_soon_it_decides_and_what_was_raised_before_keeps_its_due(
    at_desk: Desk,
) -> None:
    before = await at_desk.objects(at_desk.client, await at_desk.verdict())
    usual = await at_desk.client.get("/v1/objection-terms")
    await desk.created(at_desk.staff, "/v1/ladders", {"name": "night", "definition": kinds.LADDER})
    terms = {
        "target": {"unit": "working_time", "seconds": 8 * 3600},
        "calendar": "office",
        "ladder": "night",
        "warn_before_seconds": 3600,
    }

    named = {"If-Match": usual.headers["ETag"]}
    changed = await at_desk.staff.put("/v1/objection-terms", json=terms, headers=named)
    stale = await at_desk.staff.put("/v1/objection-terms", json=terms, headers=named)
    after = await at_desk.objects(at_desk.client, at_desk.promise)
    await desk.pass_time(at_desk.staff, days=2)

    assert usual.json() == {
        "target": {"unit": "elapsed_time", "seconds": 5 * 86_400},
        "calendar": None,
        "ladder": None,
        "warn_before_seconds": 86_400,
        "version": 0,
    }
    assert (changed.status_code, changed.json()) == (200, {**terms, "version": 1})
    assert stale.status_code == 412
    assert (before["due_at"], after["due_at"]) == (at(days=5), at(hours=24)), "8 hours of two days"
    runs = (await at_desk.staff.get("/v1/escalations")).json()["items"]
    assert [(each["ladder"], each["commitment_id"]) for each in runs] == [("night", after["commitment_id"])]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"calendar": "office"}, "/calendar"),
        ({"target": {"unit": "business_days", "days": 2}}, "/calendar"),
        ({"target": {"unit": "business_days", "days": 2}, "calendar": "nowhere"}, "/calendar"),
        ({"ladder": "nowhere"}, "/ladder"),
    ],
)
async def test_terms_that_cannot_be_followed_are_refused(
    at_desk: Desk, changes: dict[str, Any], pointer: str
) -> None:
    terms = {"target": {"unit": "elapsed_time", "seconds": 3600}, **changes}

    refused = await at_desk.staff.put("/v1/objection-terms", json=terms, headers={"If-Match": "*"})

    assert refused.status_code == 422, refused.text
    assert [fault["pointer"] for fault in refused.json()["errors"]] == [pointer]
    assert (await at_desk.staff.get("/v1/objection-terms")).json()["version"] == 0


async def test_how_often_people_object_why_and_what_comes_of_it(at_desk: Desk) -> None:
    verdict = await at_desk.objects(at_desk.client, await at_desk.verdict())
    await at_desk.objects(at_desk.client, at_desk.promise, cause="promise_too_late")
    await at_desk.objects(at_desk.other.caller, at_desk.promise, cause="promise_too_late")
    await desk.pass_time(at_desk.staff, hours=3)
    await _decide(at_desk.other.caller, verdict, upheld=True)
    await desk.pass_time(at_desk.staff, days=6)

    shown = (await at_desk.staff.get("/v1/objections/statistics")).json()

    counts = {"open": 0, "upheld": 0, "rejected": 0, "withdrawn": 0, "decided": 0}
    decided = {**counts, "raised": 1, "upheld": 1, "decided": 1, "overdue": 0}
    undecided = {**counts, "raised": 2, "open": 2, "overdue": 2}
    took = {"upheld_share": 1.0, "median_seconds_to_decide": 3 * 3600}
    unknown = {"upheld_share": None, "median_seconds_to_decide": None}
    assert shown["all"] == counts | {
        "raised": 3,
        "open": 2,
        "upheld": 1,
        "overdue": 2,
        "decided": 1,
        **took,
    }
    assert shown["by_cause"] == [
        {"cause": "promise_too_late", "counts": undecided | unknown},
        {"cause": "wrong_facts", "counts": decided | took},
    ]
    kinds_of = [(each["kind"], each["counts"]["raised"]) for each in shown["by_subject"]]
    assert kinds_of[0] == ("commitment", 2)
    assert [(each["service_id"], each["counts"]["raised"]) for each in shown["by_service"]] == [(None, 3)]
    rules = {each["rule_id"]: each["counts"]["raised"] for each in shown["by_rule"]}
    assert rules == {"no-p1": 1, "p1": 2}
    later = {"from": at(days=1), "until": at(days=7)}
    assert (await at_desk.staff.get("/v1/objections/statistics", params=later)).json()["all"]["raised"] == 0
    to_client = (await at_desk.client.get("/v1/objections/statistics")).json()
    assert (to_client["all"]["raised"], to_client["by_rule"]) == (3, [])


async def test_a_span_that_ends_before_it_begins_is_refused(at_desk: Desk) -> None:
    backwards = {"from": at(days=1), "until": at()}

    refused = await at_desk.staff.get("/v1/objections/statistics", params=backwards)

    assert refused.status_code == 400, refused.text


async def test_each_deed_stands_in_the_audit_trail(at_desk: Desk) -> None:
    raised = await at_desk.objects(at_desk.client, at_desk.promise)
    await _decide(at_desk.other.caller, raised, upheld=False)

    trail = await at_desk.staff.get(
        "/v1/audit-records", params={"subject": f"objection:{raised['id']}", "limit": 50}
    )

    assert sorted(each["action"] for each in trail.json()["items"]) == [
        "objection.decided",
        "objection.raised",
    ]


async def test_of_one_request_so_many_objections_are_open_and_no_more(
    at_desk: Desk, sessions: Sessions, tenant: Tenant
) -> None:
    async with tenant_transaction(sessions, tenant.id) as session:
        await limits.change(session, factories.OPERATOR, OPEN_OBJECTIONS, 1, now=NOON)
    await at_desk.objects(at_desk.client, at_desk.promise)

    refused = await _post(at_desk.other.caller, "/v1/objections", {"subject": at_desk.promise, **PLEA})

    assert _problem(refused) == (409, "open-objections-too-many")
