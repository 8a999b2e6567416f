"""Whoever had a hand in a change does not decide on it: over HTTP, each way of having one."""

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, cast

import pytest
from httpx2 import ASGITransport, AsyncClient, Response
from litestar import Litestar

from service.db import Sessions, tenant_transaction
from service.ids import MemberId
from service.people import service as people
from service.people.domain import Role
from service.tenants.domain import Tenant
from tests import factories
from tests.api import desk, kinds
from tests.api.desk import at
from tests.conftest import ISSUER, SignIn
from tests.factories import NOON

TOKEN = re.compile(r'name="form_token" value="([^"]+)"')
CONSENT = {"gate": "approval", "name": "board", "roles": ["manager"]}
TWO = CONSENT | {"needed": 2}
RISK = {"gate": "risk_assessment", "questionnaire": "change_risk"}
QUESTIONS = {
    "questions": [
        {"name": "tried", "text": "Tried?", "axis": "likelihood", "options": {"yes": 1, "no": 5}},
        {"name": "noticed", "text": "By whom?", "axis": "consequence", "options": {"few": 1, "all": 5}},
    ],
    "likelihood_from": [5],
    "consequence_from": [5],
    "levels": [["low", "medium"], ["medium", "high"]],
    "ranks": ["low", "medium", "high"],
}
ANSWERS = {"kind": "risk_assessment", "answers": {"tried": "yes", "noticed": "few"}}
PLAN = {
    "kind": "rollback_plan",
    "steps": [{"what": "Put the old version back.", "who": "on duty", "seconds": 600}],
    "trigger": "The shop answers errors.",
    "point_of_no_return": None,
    "duration_seconds": 600,
}
EVIDENCE = {
    "kind": "test_evidence",
    "what": "The upgrade.",
    "where": "staging",
    "at": "2026-01-04T12:00:00Z",
    "by": "Mia",
    "result": "passed",
    "reference": "run 7",
}
CATALOGUE = {"name": "Catalogue", "url": "https://desk.example/catalogue", "type": "service_request"}
VERDICTS: dict[str, dict[str, Any]] = {
    "board": {"verdict": "accept", "requires": [CONSENT]},
    "two": {"verdict": "accept", "requires": [TWO]},
    "risk": {"verdict": "accept", "requires": [CONSENT, RISK]},
    "two-and-risk": {"verdict": "accept", "requires": [TWO, RISK]},
    "proven": {
        "verdict": "accept",
        "requires": [CONSENT, {"gate": "rollback_plan"}, {"gate": "test_evidence"}],
    },
    "smaller": {"verdict": "adjust", "proposal": {"scope": "One shop only."}, "requires": [CONSENT]},
    "later": {"verdict": "adjust", "proposal": {"priority": "P4"}, "requires": [CONSENT]},
}
"""By the priority that a change is asked for with."""


def _policy() -> dict[str, Any]:
    elsewhere = {"verdict": "redirect", "channel": CATALOGUE}
    carried = kinds.rule("carried", "request.type == 'service_request'", VERDICTS["board"])
    rules = [kinds.rule(name, f"request.category == '{name}'", then) for name, then in VERDICTS.items()]
    return {"rules": [carried, kinds.rule("elsewhere", "request.category == 'elsewhere'", elsewhere), *rules]}


@dataclass(frozen=True, slots=True)
class Member:
    id: MemberId
    caller: AsyncClient


@dataclass(frozen=True, slots=True)
class Office:
    """Two managers who may approve, and an agent who asks.

    Attributes:
        staff: an application of the tenant with all scopes.
    """

    staff: AsyncClient
    mia: Member
    max: Member
    ann: Member

    async def asked(self, category: str) -> dict[str, Any]:
        return await desk.submitted(
            self.ann.caller, type="change", facts={"category": category, "impact": "low"}
        )

    async def gate(self, request: dict[str, Any], kind: str = "approval") -> str:
        listed = await self.staff.get("/v1/gates", params={"request_id": request["id"]})
        (found,) = [gate for gate in listed.json()["items"] if gate["kind"] == kind]
        return found["id"]

    async def arrangement(self, request: dict[str, Any]) -> dict[str, Any]:
        listed = await self.staff.get("/v1/arrangements", params={"request_id": request["id"]})
        return listed.json()["items"][-1]


@pytest.fixture
async def tenant(sessions: Sessions) -> Tenant:
    """A sandbox, whose clock stands at noon."""
    return await factories.tenant(sessions, sandbox_at=NOON)


@pytest.fixture
async def browser(app: Litestar) -> AsyncGenerator[AsyncClient]:
    async with AsyncClient(transport=ASGITransport(cast("Any", app)), base_url=ISSUER) as opened:
        yield opened


@pytest.fixture
async def office(sessions: Sessions, tenant: Tenant, sign_in: SignIn, sign_in_as: SignIn) -> Office:
    staff = await sign_in()

    async def member(role: Role) -> Member:
        member_id = await factories.member(sessions, tenant, role)
        return Member(member_id, await sign_in_as(member_id=member_id))

    await desk.created(staff, "/v1/questionnaires", {"name": "change_risk", "definition": QUESTIONS})
    await kinds.in_effect(staff, "rationalization", _policy())
    return Office(staff, await member(Role.MANAGER), await member(Role.MANAGER), await member(Role.AGENT))


async def _answer(member: Member, approval_id: str, **said: Any) -> Response:
    body = {"approve": True} | said
    return await member.caller.post(
        f"/v1/approvals/{approval_id}/answers", json=body, headers=factories.key()
    )


async def _shown(member: Member, approval_id: str) -> dict[str, Any]:
    return (await member.caller.get(f"/v1/approvals/{approval_id}")).json()


async def _waiting_for(member: Member) -> list[str]:
    listed = await member.caller.get("/v1/approvals", params={"mine": True})
    return [each["id"] for each in listed.json()["items"]]


async def _edit(member: Member, request: dict[str, Any], **facts: Any) -> None:
    await desk.report(member.caller, request, type="changed", facts=facts)


async def _record(member: Member, gate_id: str, document: dict[str, Any]) -> Response:
    return await member.caller.post(f"/v1/gates/{gate_id}/records", json=document, headers=factories.key())


async def _away(member: Member, deputy: Member) -> None:
    body = {"deputy_id": str(deputy.id), "from_at": at(), "until_at": at(hours=24)}
    await desk.created(member.caller, "/v1/delegations", body)


def _problem(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


async def test_who_edited_a_change_does_not_approve_it(office: Office) -> None:
    request = await office.asked("board")
    await _edit(office.mia, request, impact="high")
    approval_id = await office.gate(request)

    refused = await _answer(office.mia, approval_id)

    assert _problem(refused) == (403, "approval-of-own-edit")
    said = refused.json()["detail"]
    assert said.startswith("Who edited what is asked for does not decide on it")
    assert said.endswith("somebody else of the role manager must answer.")
    assert (await _shown(office.mia, approval_id))["why_not"] == "own_edit"
    assert (await _waiting_for(office.mia), await _waiting_for(office.max)) == ([], [approval_id])
    assert (await _answer(office.max, approval_id)).json()["state"] == "granted"


async def test_nor_does_who_edited_it_before_any_approval_was_asked_for(office: Office) -> None:
    request = await office.asked("none")
    await _edit(office.mia, request, category="board")
    await _edit(office.ann, request, impact="high")

    refused = await _answer(office.mia, await office.gate(request))

    assert _problem(refused) == (403, "approval-of-own-edit")


async def test_who_refuses_what_they_edited_is_refused_too(office: Office) -> None:
    request = await office.asked("board")
    await _edit(office.mia, request, impact="high")

    refused = await _answer(office.mia, await office.gate(request), approve=False, reason="I dislike it.")

    assert _problem(refused) == (403, "approval-of-own-edit")


async def test_an_edit_takes_the_consent_of_whoever_made_it_back(office: Office) -> None:
    request = await office.asked("two")
    approval_id = await office.gate(request)
    assert (await _answer(office.mia, approval_id)).json()["persons_missing"] == 1

    await _edit(office.mia, request, impact="high")

    shown = await _shown(office.max, approval_id)
    assert (shown["persons_missing"], shown["cannot_be_met"]) == (2, True)
    assert (await _answer(office.max, approval_id)).json()["persons_missing"] == 1
    assert _problem(await _answer(office.mia, approval_id)) == (403, "approval-of-own-edit")


async def test_whose_turn_it_is_and_what_was_said_before_is_no_edit(office: Office) -> None:
    request = await office.asked("board")
    await _edit(office.mia, request, assignment_group="Network", assignee="Ann", impact="low")

    assert (await _answer(office.mia, await office.gate(request))).json()["state"] == "granted"


@pytest.mark.parametrize("proposed", ["smaller", "later"])
async def test_who_agrees_in_the_requesters_place_does_not_approve_it(office: Office, proposed: str) -> None:
    request = await office.asked(proposed)
    arrangement = await office.arrangement(request)
    agreed = await office.mia.caller.post(
        f"/v1/arrangements/{arrangement['id']}/answers", json={"accept": True}, headers=factories.key()
    )
    assert agreed.status_code == 200, agreed.text
    approval_id = await office.gate(request)

    refused = await _answer(office.mia, approval_id)

    assert _problem(refused) == (403, "approval-of-own-agreement")
    assert "agreed to a counter-proposal" in refused.json()["detail"]
    assert (await _shown(office.mia, approval_id))["why_not"] == "own_agreement"
    assert await _waiting_for(office.mia) == []
    assert (await _answer(office.max, approval_id)).json()["state"] == "granted"


async def test_who_was_told_the_link_by_which_it_was_agreed_to_does_not_approve_it(
    office: Office, browser: AsyncClient
) -> None:
    request = await office.asked("smaller")
    arrangement = await office.arrangement(request)
    path = f"/v1/arrangements/{arrangement['id']}/links"
    link = (await desk.created(office.mia.caller, path, {}))["url"].removeprefix(ISSUER)
    token = TOKEN.search((await browser.get(link)).text)
    assert token is not None
    agreed = await browser.post(link, data={"form_token": token[1], "reply": "accept"})
    assert agreed.status_code == 200, agreed.text
    approval_id = await office.gate(request)

    refused = await _answer(office.mia, approval_id)

    assert _problem(refused) == (403, "approval-of-own-agreement")
    assert "was told the link" in refused.json()["detail"]
    assert (await _waiting_for(office.mia), await _waiting_for(office.max)) == ([], [approval_id])
    assert (await _answer(office.max, approval_id)).json()["state"] == "granted"


async def test_a_link_by_which_nobody_agreed_stands_in_nobodys_way(office: Office) -> None:
    request = await office.asked("smaller")
    arrangement = await office.arrangement(request)
    await desk.created(office.mia.caller, f"/v1/arrangements/{arrangement['id']}/links", {})
    agreed = await office.ann.caller.post(
        f"/v1/arrangements/{arrangement['id']}/answers", json={"accept": True}, headers=factories.key()
    )
    assert agreed.status_code == 200, agreed.text
    approval_id = await office.gate(request)

    assert await _waiting_for(office.mia) == [approval_id]
    assert (await _answer(office.mia, approval_id)).json()["state"] == "granted"


async def test_who_assessed_the_risk_last_does_not_approve_what_is_judged_by_it(office: Office) -> None:
    request = await office.asked("risk")
    approval_id, risk = await office.gate(request), await office.gate(request, "risk_assessment")
    assert (await _record(office.mia, risk, ANSWERS)).status_code == 201

    refused = await _answer(office.mia, approval_id)

    assert _problem(refused) == (403, "approval-of-own-assessment")
    assert refused.json()["detail"].startswith("Who assessed its risk does not decide on it")
    assert (await _shown(office.mia, approval_id))["why_not"] == "own_assessment"
    assert (await _waiting_for(office.mia), await _waiting_for(office.max)) == ([], [approval_id])

    assert (await _record(office.ann, risk, ANSWERS)).status_code == 201
    assert (await _answer(office.mia, approval_id)).json()["state"] == "granted"


async def test_what_was_assessed_and_withdrawn_stands_in_nobodys_way(office: Office) -> None:
    request = await office.asked("risk")
    risk = await office.gate(request, "risk_assessment")
    await _record(office.mia, risk, ANSWERS)
    withdrawn = await _record(office.ann, risk, {"kind": "withdrawal", "reason": "Too early."})
    assert withdrawn.status_code == 201, withdrawn.text

    assert (await _answer(office.mia, await office.gate(request))).json()["state"] == "granted"
    again = await _record(office.mia, risk, ANSWERS)

    assert _problem(again) == (403, "gate-risk-of-own-consent")
    assert "somebody else must assess its risk" in again.json()["detail"]


async def test_who_consented_does_not_assess_the_risk_nor_does_the_one_it_was_done_for(
    office: Office,
) -> None:
    request = await desk.submitted(office.staff, type="change", facts={"category": "two-and-risk"})
    approval_id, risk = await office.gate(request), await office.gate(request, "risk_assessment")
    await _away(office.mia, office.ann)
    for_mia = await _answer(office.ann, approval_id)
    assert for_mia.json()["persons_missing"] == 1

    assert _problem(await _record(office.ann, risk, ANSWERS)) == (403, "gate-risk-of-own-consent")
    assert _problem(await _record(office.mia, risk, ANSWERS)) == (403, "gate-risk-of-own-consent")
    assert (await _record(office.max, risk, ANSWERS)).status_code == 201


async def test_an_edit_lets_who_consented_before_assess_the_risk_of_what_it_is_now(office: Office) -> None:
    request = await office.asked("two-and-risk")
    await _answer(office.mia, await office.gate(request))
    await _edit(office.ann, request, impact="high")

    assessed = await _record(office.mia, await office.gate(request, "risk_assessment"), ANSWERS)

    assert assessed.status_code == 201, assessed.text


async def test_who_recorded_the_plan_and_the_evidence_may_approve(office: Office) -> None:
    request = await office.asked("proven")
    for kind, document in (("rollback_plan", PLAN), ("test_evidence", EVIDENCE)):
        assert (await _record(office.mia, await office.gate(request, kind), document)).status_code == 201

    assert (await _answer(office.mia, await office.gate(request))).json()["state"] == "granted"
    assert (await office.arrangement(request))["state"] == "ready"


async def test_a_deputy_is_no_way_round(office: Office) -> None:
    request = await office.asked("board")
    approval_id = await office.gate(request)
    await _edit(office.mia, request, impact="high")
    await _away(office.mia, office.ann)
    await _away(office.max, office.mia)

    for_who_edited = await _answer(office.max, approval_id, on_behalf_of=str(office.mia.id))
    by_who_edited = await _answer(office.mia, approval_id, on_behalf_of=str(office.max.id))

    assert _problem(for_who_edited)[0] == 403
    assert _problem(by_who_edited) == (403, "approval-of-own-edit")
    assert _problem(await _answer(office.ann, approval_id)) == (403, "approval-of-own-request")
    assert (await _waiting_for(office.mia), await _waiting_for(office.ann)) == ([], [])
    assert (await _shown(office.max, approval_id))["may_answer"] is True


async def test_a_deputy_of_who_edited_does_not_answer_for_that_one(office: Office) -> None:
    request = await desk.submitted(office.staff, type="change", facts={"category": "board", "impact": "low"})
    approval_id = await office.gate(request)
    await _edit(office.mia, request, impact="high")
    await _away(office.mia, office.ann)

    refused = await _answer(office.ann, approval_id)

    assert _problem(refused) == (403, "approval-of-own-edit")
    assert await _waiting_for(office.ann) == []


async def test_what_goes_on_as_another_request_was_edited_by_the_same_people(office: Office) -> None:
    request = await office.asked("none")
    await _edit(office.mia, request, category="elsewhere")
    carried_to = (await office.arrangement(request))["carried_to"]

    refused = await _answer(office.mia, await office.gate({"id": carried_to}))

    assert _problem(refused) == (403, "approval-of-own-edit")


async def test_a_requester_whose_contact_has_another_address_now_asks_for_it_still(
    office: Office, sessions: Sessions, tenant: Tenant
) -> None:
    async with tenant_transaction(sessions, tenant.id) as session:
        email = (await people.get_member(session, office.mia.id)).email
    contact = await desk.created(office.staff, "/v1/contacts", {"name": "Mia", "email": email})
    facts = {"category": "board", "impact": "low"}
    request = await desk.submitted(office.staff, type="change", requester=contact["id"], facts=facts)
    changed = await office.mia.caller.put(
        f"/v1/contacts/{contact['id']}",
        json={"name": "Mia", "email": "elsewhere@example.org"},
        headers={"If-Match": "*"},
    )
    assert changed.status_code == 200, changed.text
    approval_id = await office.gate(request)

    at_once = await _answer(office.mia, approval_id)
    await _edit(office.ann, request, impact="high")
    after_an_edit = await _answer(office.mia, approval_id)

    refused = [_problem(each) for each in (at_once, after_an_edit)]
    assert refused == [(403, "approval-of-own-request")] * 2
    assert await _waiting_for(office.mia) == []
    assert (await _answer(office.max, approval_id)).json()["state"] == "granted"
