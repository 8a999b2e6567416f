"""Gates over HTTP: laid by a verdict, satisfied by records, windows and the absence of other changes."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy import select

from service import ids
from service.db import Sessions, tenant_transaction
from service.ids import ClientId
from service.instants import rfc3339
from service.outbox.models import EventRow
from service.people.domain import Role
from service.rationalization.gates import recording
from service.tenants.domain import Tenant
from tests import factories
from tests.api import desk, kinds
from tests.api.desk import at
from tests.conftest import SignIn
from tests.factories import NOON

ROLLBACK: dict[str, Any] = {
    "kind": "rollback_plan",
    "steps": [{"what": "Put the old version back.", "who": "on duty", "seconds": 600}],
    "trigger": "The shop answers errors for five minutes.",
    "point_of_no_return": None,
    "duration_seconds": 900,
}
EVIDENCE: dict[str, Any] = {
    "kind": "test_evidence",
    "what": "The upgrade, with last night's data.",
    "where": "staging",
    "at": "2026-01-04T12:00:00Z",
    "by": "Ada Harbour",
    "result": "passed",
    "link": "https://tests.example.com/runs/7",
}
COMMUNICATION: dict[str, Any] = {
    "kind": "communication_plan",
    "notices": [
        {"client": True, "channel": "mail", "phase": "before", "offset_seconds": -86_400, "by": "desk"}
    ],
}
RISK: dict[str, Any] = {
    "questions": [
        {
            "name": "tried",
            "text": "Was it done before?",
            "axis": "likelihood",
            "options": {"often": 1, "once": 5, "never": 10},
        },
        {
            "name": "night",
            "text": "Is it done at night?",
            "axis": "likelihood",
            "options": {"yes": 0, "no": 2},
            "required": False,
        },
        {
            "name": "users",
            "text": "How many notice?",
            "axis": "consequence",
            "options": {"few": 2, "many": 5},
        },
    ],
    "likelihood_from": [6],
    "consequence_from": [4],
    "levels": [["low", "medium"], ["medium", "high"]],
    "ranks": ["low", "medium", "high"],
}
GATES: dict[str, dict[str, Any]] = {
    "rollback": {"gate": "rollback_plan"},
    "tried": {"gate": "test_evidence"},
    "told": {"gate": "communication_plan"},
    "risk": {"gate": "risk_assessment", "questionnaire": "change_risk", "score_max": 40},
    "freeze": {"gate": "freeze_window", "calendar": "freeze"},
    "nights": {"gate": "maintenance_window", "calendar": "nights"},
    "alone": {"gate": "change_conflict", "margin_seconds": 3_600},
    "ready": {"gate": "readiness"},
    "guarded": {
        "gate": "risk_assessment",
        "questionnaire": "change_risk",
        "two_persons_from": "high",
    },
    "consent": {"gate": "approval", "name": "board", "roles": ["manager"]},
}
"""What a policy requires of a request that asks for it by name, in `request.custom.wants`."""

FREEZE = {
    "tz": "UTC",
    "openings": [["2026-01-07T08:00", "2026-01-08T20:00"], ["2026-12-18T00:00", "2027-01-04T00:00"]],
}
NIGHTS = {"tz": "UTC", "weekly": {"mon": [["20:00", "24:00"]], "tue": [["00:00", "04:00"]]}}


def _policy() -> dict[str, Any]:
    rules = [
        kinds.rule(name, f"'{name}' in request.custom.wants", {"verdict": "accept", "requires": [gate]})
        for name, gate in GATES.items()
    ]
    return {
        "hit_policy": "COLLECT",
        "facts": {"request.custom.wants": "list<string>"},
        "rules": rules,
    }


@dataclass(frozen=True, slots=True)
class Desk:
    """A service desk whose policy lays what gates a request wants.

    Attributes:
        staff: an application of the tenant with all scopes.
        service: whose name changes are about.
        questionnaire: the one that gates name.
        sessions: on the connection of the test, whose events the feed does not show before it commits.
    """

    staff: AsyncClient
    service: str
    questionnaire: dict[str, Any]
    sessions: Sessions
    tenant: Tenant

    async def change(
        self, *wants: str, start: str | None = None, end: str | None = None, **more: Any
    ) -> dict[str, Any]:
        """A change that lasts an hour, where it says when it begins and not until when."""
        if start is not None and end is None:
            end = rfc3339(datetime.fromisoformat(start) + timedelta(hours=1))
        custom = {"wants": list(wants), "planned_start": start, "planned_end": end}
        facts = {"custom": {name: said for name, said in custom.items() if said is not None}}
        wanted = {"type": "change", "service": self.service, "facts": facts} | more
        return await desk.submitted(self.staff, **wanted)

    async def gates(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        listed = await self.staff.get("/v1/gates", params={"request_id": request["id"]})
        assert listed.status_code == 200, listed.text
        return listed.json()["items"]

    async def gate(self, request: dict[str, Any], kind: str) -> dict[str, Any]:
        (found,) = [gate for gate in await self.gates(request) if gate["kind"] == kind]
        return found

    async def record(self, gate: dict[str, Any], body: dict[str, Any]) -> Response:
        return await self.staff.post(f"/v1/gates/{gate['id']}/records", json=body, headers=factories.key())

    async def recorded(self, gate: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
        answer = await self.record(gate, body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def shown(self, gate: dict[str, Any]) -> dict[str, Any]:
        answer = await self.staff.get(f"/v1/gates/{gate['id']}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def looked(self, gate: dict[str, Any]) -> dict[str, Any]:
        answer = await self.staff.post(f"/v1/gates/{gate['id']}/look", headers=factories.key())
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def arrangement(self, request: dict[str, Any]) -> dict[str, Any]:
        listed = await self.staff.get("/v1/arrangements", params={"request_id": request["id"]})
        return listed.json()["items"][-1]

    async def edit(self, request: dict[str, Any], **custom: Any) -> None:
        await desk.report(self.staff, request, type="changed", facts={"custom": custom})

    async def told(self, gate: dict[str, Any]) -> list[tuple[int, str, str]]:
        async with tenant_transaction(self.sessions, self.tenant.id) as session:
            query = select(EventRow).where(EventRow.subject_id == UUID(gate["id"]))
            found = list(await session.db.scalars(query.order_by(EventRow.sequence)))
        return [
            (event.sequence, event.type, event.payload.get("state") or event.payload["record"])
            for event in found
        ]


@pytest.fixture
async def tenant(sessions: Sessions) -> Tenant:
    """A sandbox, whose clock stands at noon of a Monday."""
    return await factories.tenant(sessions, sandbox_at=NOON)


@pytest.fixture
async def gated(sessions: Sessions, tenant: Tenant, sign_in: SignIn) -> Desk:
    staff = await sign_in()
    await desk.set_up(staff)
    for name, definition in {"freeze": FREEZE, "nights": NIGHTS}.items():
        await desk.created(staff, "/v1/calendars", {"name": name, "definition": definition})
    await desk.created(staff, "/v1/services", {"name": "Web shop"})
    made = await _questionnaire(staff)
    body = {"name": "gates", "kind": "rationalization", "document": _policy()}
    policy = await desk.created(staff, "/v1/policies", body)
    published = await staff.post(f"/v1/policies/{policy['id']}/publish", headers=factories.key())
    assert published.status_code == 200, published.text
    return Desk(staff, "Web shop", made, sessions, tenant)


async def _questionnaire(staff: AsyncClient, name: str = "change_risk") -> dict[str, Any]:
    return await desk.created(staff, "/v1/questionnaires", {"name": name, "definition": RISK})


def _problem(answer: Response) -> tuple[int, str, list[str]]:
    said = answer.json()
    pointers = [each["pointer"] for each in said.get("errors", [])]
    return answer.status_code, said["type"].rpartition("/")[2], pointers


@pytest.mark.parametrize(
    ("wants", "kind", "document"),
    [
        ("rollback", "rollback_plan", ROLLBACK),
        ("tried", "test_evidence", EVIDENCE),
        ("told", "communication_plan", COMMUNICATION),
    ],
    ids=["rollback", "tried", "told"],
)
async def test_a_record_satisfies_the_gate_and_lets_work_start(
    gated: Desk, wants: str, kind: str, document: dict[str, Any]
) -> None:
    request = await gated.change(wants)
    gate = await gated.gate(request, kind)
    assert (gate["state"], len(gate["missing"])) == ("open", 1)
    assert (await gated.arrangement(request))["state"] == "held_up"

    made = await gated.recorded(gate, document)

    assert made["document"] == document | ({"notes": "", "reference": None} if wants == "tried" else {}) | (
        {"notices": [{"groups": [], "others": [], "at": None} | COMMUNICATION["notices"][0]]}
        if wants == "told"
        else {}
    )
    after = await gated.shown(gate)
    assert (after["state"], after["missing"]) == ("satisfied", [])
    assert (await gated.arrangement(request))["state"] == "ready"
    assert await gated.told(gate) == [(1, "gate.recorded", kind), (2, "gate.settled", "satisfied")]


async def test_a_test_that_failed_satisfies_nothing_and_the_last_record_counts(gated: Desk) -> None:
    gate = await gated.gate(await gated.change("tried"), "test_evidence")

    await gated.recorded(gate, {**EVIDENCE, "result": "failed"})
    assert (await gated.shown(gate))["state"] == "open"
    await gated.recorded(gate, EVIDENCE)
    assert (await gated.shown(gate))["state"] == "satisfied"
    await gated.recorded(gate, {**EVIDENCE, "result": "failed"})

    assert (await gated.shown(gate))["state"] == "open"
    records = (await gated.staff.get(f"/v1/gates/{gate['id']}/records")).json()["items"]
    assert [each["document"]["result"] for each in records] == ["failed", "passed", "failed"]


async def test_what_is_withdrawn_counts_no_more_and_stays_on_record(gated: Desk) -> None:
    request = await gated.change("rollback")
    gate = await gated.gate(request, "rollback_plan")
    plan = await gated.recorded(gate, ROLLBACK)

    withdrawn = await gated.recorded(gate, {"kind": "withdrawal", "reason": "The old version is gone."})

    assert withdrawn["document"]["number"] == plan["number"]
    assert (await gated.shown(gate))["state"] == "open"
    assert (await gated.arrangement(request))["state"] == "held_up"
    again = await gated.record(gate, {"kind": "withdrawal", "reason": "Once more."})
    assert _problem(again)[:2] == (409, "gate-record-missing")
    records = (await gated.staff.get(f"/v1/gates/{gate['id']}/records")).json()["items"]
    assert [each["kind"] for each in records] == ["rollback_plan", "withdrawal"]


@pytest.mark.parametrize(
    ("wants", "kind", "document", "pointers"),
    [
        pytest.param("rollback", "rollback_plan", EVIDENCE, ["/kind"], id="another kind"),
        pytest.param(
            "rollback",
            "rollback_plan",
            {**ROLLBACK, "duration_seconds": 1},
            ["/duration_seconds"],
            id="a fault",
        ),
        pytest.param(
            "tried", "test_evidence", {**EVIDENCE, "at": at(hours=1)}, ["/at"], id="in time to come"
        ),
        pytest.param(
            "told",
            "communication_plan",
            {**COMMUNICATION, "notices": [{**COMMUNICATION["notices"][0], "groups": ["Nobody"]}]},
            ["/notices/0/groups/0"],
            id="a group that there is not",
        ),
        pytest.param("freeze", "freeze_window", ROLLBACK, [""], id="what is judged by its window"),
        pytest.param("consent", "approval", ROLLBACK, [""], id="what people consent to"),
    ],
)
async def test_what_cannot_be_recorded_is_refused_with_its_place(
    gated: Desk, wants: str, kind: str, document: dict[str, Any], pointers: list[str]
) -> None:
    gate = await gated.gate(await gated.change(wants), kind)

    answer = await gated.record(gate, document)

    assert _problem(answer) == (422, "gate-record-invalid", pointers)
    assert (await gated.staff.get(f"/v1/gates/{gate['id']}/records")).json()["items"] == []


async def test_a_group_of_members_may_be_told(gated: Desk) -> None:
    await desk.created(gated.staff, "/v1/groups", {"name": "Shop floor"})
    gate = await gated.gate(await gated.change("told"), "communication_plan")
    notice = {**COMMUNICATION["notices"][0], "client": False, "groups": ["Shop floor"]}

    await gated.recorded(gate, {**COMMUNICATION, "notices": [notice]})

    assert (await gated.shown(gate))["state"] == "satisfied"


async def test_of_one_gate_not_more_is_recorded_than_anybody_reads(
    gated: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "RECORDS_MAX", 2)
    gate = await gated.gate(await gated.change("rollback"), "rollback_plan")
    for _ in range(2):
        await gated.recorded(gate, ROLLBACK)

    answer = await gated.record(gate, ROLLBACK)

    assert _problem(answer)[:2] == (409, "gate-records-too-many")


async def test_a_risk_is_scored_and_more_than_is_allowed_is_refused(gated: Desk) -> None:
    gate = await gated.gate(await gated.change("risk"), "risk_assessment")
    assert gate["missing"] == ["The questionnaire 'change_risk' is to be answered."]
    answers = {"kind": "risk_assessment", "answers": {"tried": "never", "users": "many"}}

    made = await gated.recorded(gate, answers)

    assert (made["document"]["score"], made["document"]["level"]) == (60, "high")
    assert made["document"]["assumed"] == ["night"]
    assert [each["question"] for each in made["document"]["weights"]] == ["tried", "users", "night"]
    assert (made["document"]["matrix"]["row"], made["document"]["matrix"]["column"]) == (1, 1)
    shown = await gated.shown(gate)
    assert (shown["state"], shown["missing"]) == (
        "open",
        ["The risk scored 60, at most 40 is allowed: lessen it, and assess again."],
    )
    await gated.recorded(gate, {**answers, "answers": {"tried": "often", "night": "yes", "users": "many"}})
    assert (await gated.shown(gate))["state"] == "satisfied"


async def test_answers_that_do_not_fit_are_refused_with_their_places(gated: Desk) -> None:
    gate = await gated.gate(await gated.change("risk"), "risk_assessment")

    answer = await gated.record(
        gate, {"kind": "risk_assessment", "answers": {"tried": "perhaps", "moon": "full"}}
    )

    assert _problem(answer) == (422, "answers-invalid", ["/answers/moon", "/answers/tried", "/answers/users"])


async def test_a_high_risk_needs_two_persons_for_every_approval(gated: Desk, sign_in_as: SignIn) -> None:
    request = await gated.change("guarded", "consent")
    approval, risk = await gated.gate(request, "approval"), await gated.gate(request, "risk_assessment")
    mia = await sign_in_as(Role.MANAGER)
    await _approve(mia, approval)
    assert (await gated.shown(approval))["state"] == "satisfied"

    await gated.recorded(
        risk, {"kind": "risk_assessment", "answers": {"tried": "never", "users": "many", "night": "no"}}
    )

    assert (await gated.shown(risk))["two_persons"] is True
    assert (await gated.shown(approval))["state"] == "open"
    await _approve(await sign_in_as(Role.MANAGER), approval)
    assert (await gated.shown(approval))["state"] == "satisfied"
    assert (await gated.arrangement(request))["state"] == "ready"


async def _approve(member: AsyncClient, gate: dict[str, Any]) -> None:
    answer = await member.post(
        f"/v1/approvals/{gate['id']}/answers", json={"approve": True, "reason": ""}, headers=factories.key()
    )
    assert answer.status_code == 200, answer.text


async def test_work_in_a_freeze_is_held_up_and_told_when_it_could_be(gated: Desk) -> None:
    request = await gated.change("freeze", start="2026-01-07T06:00:00Z", end="2026-01-07T08:00:01Z")
    gate = await gated.gate(request, "freeze_window")

    assert gate["state"] == "open"
    (missing,) = gate["missing"]
    assert missing == (
        "No work from 2026-01-07T08:00:00Z until 2026-01-08T20:00:00Z."
        " The next that fits begins 2026-01-08T20:00:00Z."
    )
    assert gate["detail"]["next_fit"] == {"from": "2026-01-08T20:00:00Z", "to": "2026-01-08T22:00:01Z"}

    await gated.edit(request, planned_end="2026-01-07T08:00:00Z")

    assert (await gated.shown(gate))["state"] == "satisfied"
    assert (await gated.arrangement(request))["state"] == "ready"
    assert await gated.told(gate) == [(1, "gate.settled", "satisfied")]


async def test_what_would_fit_fits_all_windows_at_once(gated: Desk) -> None:
    other = await gated.change(start="2026-01-12T20:00:00Z", end="2026-01-12T22:00:00Z")

    request = await gated.change(
        "freeze", "nights", "alone", start="2026-01-07T22:00:00Z", end="2026-01-07T23:00:00Z"
    )

    offered = {"from": "2026-01-12T23:00:00Z", "to": "2026-01-13T00:00:00Z"}
    gates = await gated.gates(request)
    assert [gate["detail"].get("next_fit") for gate in gates] == [offered, offered, None]
    assert [gate["state"] for gate in gates] == ["open", "open", "satisfied"]
    await gated.edit(request, planned_start=offered["from"], planned_end=offered["to"])
    assert {gate["state"] for gate in await gated.gates(request)} == {"satisfied"}
    assert other["id"] != request["id"]


async def test_without_a_planned_start_the_gates_ask_when(gated: Desk) -> None:
    request = await gated.change("freeze", "nights", "alone")

    for gate in await gated.gates(request):
        assert (gate["state"], "planned_start" in gate["missing"][0]) == ("open", True)


async def test_a_calendar_that_is_revised_counts_when_somebody_looks(gated: Desk) -> None:
    request = await gated.change("freeze", start="2026-01-07T10:00:00Z")
    gate = await gated.gate(request, "freeze_window")
    calendars = (await gated.staff.get("/v1/calendars")).json()["items"]
    (frozen,) = [each for each in calendars if each["name"] == "freeze"]
    definition = {"tz": "UTC", "openings": [["2026-12-18T00:00", "2027-01-04T00:00"]]}
    revised = await gated.staff.put(
        f"/v1/calendars/{frozen['id']}", json={"definition": definition}, headers={"If-Match": "*"}
    )
    assert revised.status_code == 200, revised.text
    assert (await gated.shown(gate))["state"] == "open"

    looked = await gated.looked(gate)

    assert looked["state"] == "satisfied"
    records = (await gated.staff.get(f"/v1/gates/{gate['id']}/records")).json()["items"]
    assert [(each["recorded_by"], each["document"]["state"]) for each in records] == [
        (None, "open"),
        (None, "satisfied"),
    ]
    subject = {"subject": f"gate:{gate['id']}", "action": "gate.looked_at"}
    (said,) = (await gated.staff.get("/v1/audit-records", params=subject)).json()["items"]
    assert (said["changes"]["state"]["before"], said["changes"]["state"]["after"]) == ("open", "satisfied")


async def test_looking_twice_tells_nothing_twice(gated: Desk) -> None:
    gate = await gated.gate(await gated.change("freeze", start="2026-01-06T10:00:00Z"), "freeze_window")

    first, second = await gated.looked(gate), await gated.looked(gate)

    assert first == second
    assert await gated.told(gate) == [(1, "gate.settled", "satisfied")]


async def test_two_changes_of_one_service_hold_up_the_second_until_the_first_is_over(gated: Desk) -> None:
    first = await gated.change(
        "alone", start="2026-01-09T20:00:00Z", end="2026-01-09T22:00:00Z", external_id="CHG-1"
    )
    second = await gated.change("alone", start="2026-01-09T22:30:00Z", end="2026-01-09T23:00:00Z")
    assert (await gated.gate(first, "change_conflict"))["state"] == "satisfied"
    gate = await gated.gate(second, "change_conflict")
    assert gate["state"] == "open"
    (named,) = gate["detail"]["in_conflict"]
    assert (named["request_id"], named["external_id"]) == (first["id"], "CHG-1")

    await desk.report(gated.staff, first, type="changed", state="resolved")
    await desk.pass_time(gated.staff, seconds=1)

    assert (await gated.shown(gate))["state"] == "satisfied"
    assert (await gated.arrangement(second))["state"] == "ready"


async def test_who_waits_for_a_change_that_is_moved_is_looked_at_again(gated: Desk) -> None:
    first = await gated.change(start="2026-01-09T20:00:00Z", end="2026-01-09T22:00:00Z")
    second = await gated.change("alone", start="2026-01-09T21:00:00Z")
    gate = await gated.gate(second, "change_conflict")
    assert gate["state"] == "open"

    await gated.edit(first, planned_start="2026-01-10T20:00:00Z", planned_end="2026-01-10T22:00:00Z")
    await desk.pass_time(gated.staff, seconds=1)

    assert (await gated.shown(gate))["state"] == "satisfied"


async def test_a_change_of_another_service_an_incident_or_one_far_away_is_no_conflict(gated: Desk) -> None:
    await desk.created(gated.staff, "/v1/services", {"name": "Mail"})
    start = "2026-01-09T20:00:00Z"
    await gated.change(start=start, service="Mail")
    await gated.change(start=start, type="incident")
    await gated.change(start="2026-01-20T20:00:00Z")

    gate = await gated.gate(await gated.change("alone", start=start), "change_conflict")

    assert (gate["state"], gate["detail"]["compared_with"]) == ("satisfied", 1)


async def test_a_change_that_needs_no_gate_holds_up_what_was_free_before_it_came(gated: Desk) -> None:
    first = await gated.change("alone", start="2026-01-09T20:00:00Z")
    gate = await gated.gate(first, "change_conflict")
    assert (gate["state"], (await gated.arrangement(first))["state"]) == ("satisfied", "ready")

    second = await gated.change(start="2026-01-09T20:30:00Z", external_id="CHG-2")
    await desk.pass_time(gated.staff, seconds=1)

    found = await gated.shown(gate)
    assert (found["state"], (await gated.arrangement(first))["state"]) == ("open", "held_up")
    assert "CHG-2" in found["missing"][0]

    await gated.edit(second, planned_start="2026-01-10T20:30:00Z", planned_end="2026-01-10T21:30:00Z")
    await desk.pass_time(gated.staff, seconds=2)
    assert (await gated.arrangement(first))["state"] == "ready"

    await gated.edit(second, planned_start="2026-01-09T20:30:00Z", planned_end="2026-01-09T21:30:00Z")
    await desk.pass_time(gated.staff, seconds=3)
    assert (await gated.arrangement(first))["state"] == "held_up"

    await desk.report(gated.staff, second, type="changed", state="cancelled")
    await desk.pass_time(gated.staff, seconds=4)
    assert (await gated.arrangement(first))["state"] == "ready"


async def test_what_has_begun_is_not_held_up_by_a_change_that_comes_then(gated: Desk) -> None:
    begun = await gated.change("alone", start="2026-01-05T11:30:00Z")

    await gated.change(start="2026-01-05T12:00:00Z")
    await desk.pass_time(gated.staff, seconds=1)

    assert (await gated.gate(begun, "change_conflict"))["state"] == "satisfied"


async def test_a_change_that_waits_holds_no_window_against_others(gated: Desk) -> None:
    first = await gated.change("alone", start="2026-01-09T20:00:00Z")
    waits = await gated.change("alone", start="2026-01-09T21:30:00Z")
    third = await gated.change("alone", start="2026-01-09T23:00:00Z")

    looked = await gated.looked(await gated.gate(first, "change_conflict"))

    assert (looked["state"], looked["detail"]["waiting"], looked["detail"]["compared_with"]) == (
        "satisfied",
        1,
        1,
    )
    states = [(await gated.gate(each, "change_conflict"))["state"] for each in (waits, third)]
    assert states == ["open", "satisfied"]


async def test_a_change_that_waits_and_needs_no_gate_any_more_holds_its_window(gated: Desk) -> None:
    free = await gated.change("alone", start="2026-01-09T20:00:00Z")
    waits = await gated.change("alone", start="2026-01-09T20:30:00Z", external_id="CHG-2")
    assert (await gated.gate(waits, "change_conflict"))["state"] == "open"
    await desk.pass_time(gated.staff, seconds=1)

    await gated.edit(waits, wants=[])
    await desk.pass_time(gated.staff, seconds=2)

    found = await gated.gate(free, "change_conflict")
    assert (found["state"], (await gated.arrangement(free))["state"]) == ("open", "held_up")
    assert "CHG-2" in found["missing"][0]


async def test_who_waited_for_a_change_that_has_to_wait_now_is_looked_at_again(gated: Desk) -> None:
    waits = await gated.change("alone", start="2026-01-12T20:00:00Z")
    first = await gated.change("alone", start="2026-01-09T20:00:00Z")
    await gated.edit(waits, planned_start="2026-01-09T21:30:00Z", planned_end="2026-01-09T22:30:00Z")
    await desk.pass_time(gated.staff, seconds=1)
    states = [(await gated.gate(each, "change_conflict"))["state"] for each in (first, waits)]
    assert states == ["satisfied", "open"]

    await gated.change(start="2026-01-09T18:30:00Z")
    await desk.pass_time(gated.staff, seconds=2)

    states = [(await gated.gate(each, "change_conflict"))["state"] for each in (first, waits)]
    assert states == ["open", "satisfied"]


async def test_of_two_changes_that_a_client_sends_in_one_is_free(gated: Desk, sign_in: SignIn) -> None:
    client = await desk.created(gated.staff, "/v1/clients", {"name": "Quay Logistics"})
    theirs = await sign_in(client_id=ClientId(ids.read_id(client["id"])))
    planned = {"planned_start": "2026-01-09T20:00:00Z", "planned_end": "2026-01-09T22:00:00Z"}
    facts = {"custom": {"wants": ["alone"], **planned}}
    requests = [
        await desk.submitted(theirs, type="change", service=gated.service, facts=facts) for _ in range(2)
    ]

    await desk.pass_time(gated.staff, seconds=1)

    states = [(await gated.gate(each, "change_conflict"))["state"] for each in requests]
    assert sorted(states) == ["open", "satisfied"]


async def test_without_a_planned_end_the_gates_ask_until_when(gated: Desk) -> None:
    custom = {"wants": ["freeze", "nights", "alone"], "planned_start": "2026-01-05T20:00:00Z"}
    request = await gated.change(facts={"custom": custom})
    asked = [(gate["state"], gate["missing"]) for gate in await gated.gates(request)]
    assert asked == [("open", ["Say until when it lasts: give request.custom.planned_end."])] * 3

    await gated.edit(request, planned_end="2026-01-05T21:00:00Z")

    assert [gate["state"] for gate in await gated.gates(request)] == ["satisfied"] * 3


@pytest.mark.parametrize(
    ("start", "state"), [("2026-01-10T00:59:00Z", "open"), ("2026-01-10T01:00:00Z", "satisfied")]
)
async def test_another_change_without_an_end_is_taken_to_last_four_hours(
    gated: Desk, start: str, state: str
) -> None:
    await gated.change(facts={"custom": {"wants": [], "planned_start": "2026-01-09T20:00:00Z"}})

    gate = await gated.gate(await gated.change("alone", start=start), "change_conflict")

    assert gate["state"] == state
    for named in gate["detail"]["in_conflict"]:
        assert named["end_is_assumed"] is True
        assert named["planned"] == {"from": "2026-01-09T20:00:00Z", "to": "2026-01-10T00:00:00Z"}


async def test_planned_maintenance_of_the_service_is_told_of(gated: Desk) -> None:
    services = (await gated.staff.get("/v1/services")).json()["items"]
    body = {"from": "2026-01-09T19:00:00Z", "until": "2026-01-09T23:00:00Z", "reason": "Storage."}
    await desk.created(gated.staff, f"/v1/services/{services[0]['id']}/maintenance-windows", body)

    gate = await gated.gate(await gated.change("alone", start="2026-01-09T20:00:00Z"), "change_conflict")

    assert gate["state"] == "satisfied"
    assert gate["detail"]["maintenance"] == [{"from": "2026-01-09T19:00:00Z", "to": "2026-01-09T23:00:00Z"}]


async def test_readiness_and_a_conflict_without_a_service_hold_nothing_up(gated: Desk) -> None:
    request = await gated.change("ready", "alone", start="2026-01-09T20:00:00Z", service=None)

    gates = await gated.gates(request)

    assert {gate["state"] for gate in gates} == {"not_available"}
    assert all("holds nothing up" in gate["missing"][0] for gate in gates)
    assert (await gated.arrangement(request))["state"] == "ready"


async def test_an_edit_marks_what_was_recorded_before_it(gated: Desk) -> None:
    request = await gated.change("rollback", start="2026-01-09T20:00:00Z")
    gate = await gated.gate(request, "rollback_plan")
    await gated.recorded(gate, ROLLBACK)
    await desk.pass_time(gated.staff, hours=1)

    await gated.edit(request, planned_start="2026-01-10T20:00:00Z")

    shown = await gated.shown(gate)
    assert (shown["state"], shown["detail"]["edited_since"], shown["edited_at"]) == (
        "satisfied",
        True,
        at(hours=1),
    )
    await desk.pass_time(gated.staff, hours=2)
    await gated.recorded(gate, ROLLBACK)
    assert (await gated.shown(gate))["detail"]["edited_since"] is False


async def test_nothing_is_recorded_for_what_is_wanted_no_more(gated: Desk) -> None:
    request = await gated.change("rollback")
    gate = await gated.gate(request, "rollback_plan")
    await desk.report(gated.staff, request, type="changed", state="cancelled")

    answer = await gated.record(gate, ROLLBACK)

    assert _problem(answer)[:2] == (409, "gate-closed")
    assert (await gated.shown(gate))["closed_at"] == at()


async def test_a_record_that_is_sent_twice_is_made_once(gated: Desk) -> None:
    gate = await gated.gate(await gated.change("rollback"), "rollback_plan")
    key = factories.key()

    answers = [
        await gated.staff.post(f"/v1/gates/{gate['id']}/records", json=ROLLBACK, headers=key)
        for _ in range(2)
    ]

    assert answers[0].json() == answers[1].json()
    assert len((await gated.staff.get(f"/v1/gates/{gate['id']}/records")).json()["items"]) == 1


async def test_clients_are_shown_no_gates_and_no_questionnaires(gated: Desk, sign_in: SignIn) -> None:
    client = await desk.created(gated.staff, "/v1/clients", {"name": "Quay Logistics"})
    theirs = await sign_in(client_id=ClientId(ids.read_id(client["id"])))
    planned = {"planned_start": "2026-01-09T20:00:00Z", "planned_end": "2026-01-09T22:00:00Z"}
    custom = {"wants": ["rollback", "consent", "alone"], **planned}
    request = await desk.submitted(theirs, type="change", service=gated.service, facts={"custom": custom})
    await desk.pass_time(gated.staff, seconds=1)
    laid = await gated.gates(request)
    assert [gate["kind"] for gate in laid] == ["rollback_plan", "change_conflict", "approval"]
    assert [gate["state"] for gate in laid] == ["open", "satisfied", "open"]

    gate = f"/v1/gates/{laid[0]['id']}"
    for path in ("/v1/gates", "/v1/questionnaires", gate, f"{gate}/records"):
        assert (await theirs.get(path)).status_code == 403
    record = await theirs.post(f"/v1/gates/{laid[0]['id']}/records", json=ROLLBACK, headers=factories.key())
    assert record.status_code == 403


async def test_a_questionnaire_is_revised_and_an_assessment_keeps_its_version(gated: Desk) -> None:
    made = gated.questionnaire
    gate = await gated.gate(await gated.change("risk"), "risk_assessment")
    answers = {"kind": "risk_assessment", "answers": {"tried": "once", "users": "few"}}
    before = await gated.recorded(gate, answers)

    path = f"/v1/questionnaires/{made['id']}"
    lowered = {**RISK, "consequence_from": [1]}
    stale = await gated.staff.put(path, json={"definition": lowered}, headers={"If-Match": '"other"'})
    assert stale.status_code == 412
    tag = (await gated.staff.get(path)).headers["ETag"]
    revised = await gated.staff.put(path, json={"definition": lowered}, headers={"If-Match": tag})
    assert (revised.status_code, revised.json()["version"]) == (200, 2)

    after = await gated.recorded(gate, answers)
    assert (before["document"]["questionnaire_version"], before["document"]["level"]) == (1, "medium")
    assert (after["document"]["questionnaire_version"], after["document"]["level"]) == (2, "high")
    versions = (await gated.staff.get(f"{path}/versions")).json()["items"]
    assert [each["version"] for each in versions] == [1, 2]


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        pytest.param({"ranks": ["low", "high"]}, "/definition/levels/0/1", id="a level without rank"),
        pytest.param({"likelihood_from": [6, 6]}, "/definition/likelihood_from", id="bands that do not rise"),
        pytest.param({"questions": []}, "/definition/questions", id="no questions"),
        pytest.param({"levels": [["low"]]}, "/definition/levels", id="a matrix of another size"),
    ],
)
async def test_a_questionnaire_that_does_not_hold_together_is_refused_with_the_place(
    gated: Desk, changed: dict[str, Any], pointer: str
) -> None:
    answer = await gated.staff.post(
        "/v1/questionnaires",
        json={"name": "change_risk", "definition": {**RISK, **changed}},
        headers=factories.key(),
    )

    status, code, pointers = _problem(answer)
    assert (status, code) == (422, "questionnaire-invalid")
    assert pointer in pointers


async def test_a_name_of_a_questionnaire_is_taken_once_and_kept(gated: Desk) -> None:
    made = gated.questionnaire

    again = await gated.staff.post(
        "/v1/questionnaires", json={"name": "change_risk", "definition": RISK}, headers=factories.key()
    )
    renamed = await gated.staff.put(
        f"/v1/questionnaires/{made['id']}",
        json={"name": "other_risk", "definition": RISK},
        headers={"If-Match": "*"},
    )

    assert _problem(again)[:2] == (409, "questionnaire-name-taken")
    assert _problem(renamed) == (422, "questionnaire-invalid", ["/name"])


async def test_answers_can_be_tried_without_recording_them(gated: Desk) -> None:
    made = gated.questionnaire

    tried = await gated.staff.post(
        f"/v1/questionnaires/{made['id']}/trial", json={"answers": {"tried": "never", "users": "few"}}
    )

    shown = tried.json()
    assert (tried.status_code, shown["score"], shown["level"]) == (200, 24, "medium")
    assert [[cell["level"] for cell in row if cell["here"]] for row in shown["matrix"]] == [[], ["medium"]]
    assert [weight["points"] for weight in shown["weights"]] == [10, 2, 2]


async def test_a_freeze_that_is_put_in_the_way_of_what_is_ready_holds_it_up(gated: Desk) -> None:
    request = await gated.change("freeze", start="2026-01-06T10:00:00Z")
    over = await gated.change("freeze", start="2026-01-06T10:00:00Z")
    assert (await gated.arrangement(request))["state"] == "ready"
    await desk.report(gated.staff, over, type="changed", state="resolved")
    calendars = (await gated.staff.get("/v1/calendars")).json()["items"]
    (frozen,) = [each for each in calendars if each["name"] == "freeze"]
    definition = {"tz": "UTC", "openings": [["2026-01-06T00:00", "2026-01-07T00:00"]]}
    revised = await gated.staff.put(
        f"/v1/calendars/{frozen['id']}", json={"definition": definition}, headers={"If-Match": "*"}
    )
    assert revised.status_code == 200, revised.text

    await desk.pass_time(gated.staff, seconds=1)

    assert (await gated.arrangement(request))["state"] == "held_up"
    assert (await gated.arrangement(over))["state"] == "ready"


async def test_who_waits_for_a_change_that_its_client_ends_is_looked_at_again(
    gated: Desk, sign_in: SignIn
) -> None:
    client = await sign_in(client_id=await factories.client_of(gated.sessions, gated.tenant))
    custom = {"planned_start": "2026-01-09T20:00:00Z"}
    first = await desk.submitted(client, type="change", service=gated.service, facts={"custom": custom})
    second = await gated.change("alone", start="2026-01-09T20:00:00Z")
    gate = await gated.gate(second, "change_conflict")
    assert gate["state"] == "open"

    await desk.report(client, first, type="changed", state="cancelled")
    await desk.pass_time(gated.staff, seconds=1)

    assert (await gated.shown(gate))["state"] == "satisfied"


async def test_a_verdict_whose_gates_name_what_there_is_not_is_not_published(gated: Desk) -> None:
    hour = {"unit": "elapsed_time", "seconds": 3_600}
    board = {"gate": "approval", "name": "board", "groups": ["Board"], "within": hour, "ladder": "board"}
    risk = GATES["guarded"] | {"questionnaire": "port_risk", "two_persons_from": "dire"}
    then = {"verdict": "accept", "requires": [risk, board], "wording": "kindly"}
    document = {"rules": [kinds.rule("all", "true", then)]}
    body = {"name": "named", "kind": "rationalization", "document": document}

    async def published() -> Response:
        policy = await desk.created(gated.staff, "/v1/policies", body | {"name": str(ids.new_id())})
        return await gated.staff.post(f"/v1/policies/{policy['id']}/publish", headers=factories.key())

    def places(found: list[dict[str, Any]]) -> list[tuple[str, str]]:
        return [(each["code"], each["pointer"].removeprefix("/document/rules/0/then")) for each in found]

    before = await published()
    await _questionnaire(gated.staff, "port_risk")
    await desk.created(gated.staff, "/v1/groups", {"name": "Board"})
    await desk.created(gated.staff, "/v1/ladders", {"name": "board", "definition": kinds.LADDER})
    without_rank = await published()
    risk["two_persons_from"] = "medium"
    after = await published()

    assert (before.status_code, without_rank.status_code, after.status_code) == (422, 422, 200)
    assert places(before.json()["errors"]) == [
        ("unknown-entry", "/requires/0/questionnaire"),
        ("unknown-entry", "/requires/1/groups/0"),
        ("unknown-entry", "/requires/1/ladder"),
    ]
    (fault,) = without_rank.json()["errors"]
    assert places([fault]) == [("unknown-entry", "/requires/0/two_persons_from")]
    assert fault["detail"] == "There is no rank 'dire' of 'port_risk'. Create it, or mend the name."
    assert [each for each in places(after.json()["findings"]) if each[0].startswith("unknown")] == [
        ("unknown-wording", "/wording")
    ]


async def test_what_is_allowed_may_not_be_used_while_work_is_held_up_again(
    gated: Desk, sign_in_as: SignIn
) -> None:
    then = {
        "verdict": "special_method",
        "justification": "The supplier's office is closed.",
        "expires_in_days": 14,
        "way_back": "Close the port.",
        "proof": "It was done so before.",
        "requires": [GATES["consent"], GATES["freeze"]],
    }
    deviates = {"applies_to": {"request_types": ["plan_change"]}, "rules": [kinds.rule("all", "true", then)]}
    await kinds.in_effect(gated.staff, "rationalization", deviates)
    request = await gated.change(start="2026-01-06T10:00:00Z", type="plan_change")
    await _approve(await sign_in_as(Role.MANAGER), await gated.gate(request, "approval"))
    found = await gated.staff.get("/v1/special-methods", params={"request_id": request["id"]})
    (special,) = found.json()["items"]
    assert special["state"] == "allowed"

    async def used() -> Response:
        body = {"who": "Ann", "what_for": "The port."}
        path = f"/v1/special-methods/{special['id']}/uses"
        return await gated.staff.post(path, json=body, headers=factories.key())

    assert (await used()).status_code == 201

    calendars = (await gated.staff.get("/v1/calendars")).json()["items"]
    (frozen,) = [each for each in calendars if each["name"] == "freeze"]
    body = {"definition": {"tz": "UTC", "openings": [["2026-01-06T00:00", "2026-01-07T00:00"]]}}
    await gated.staff.put(f"/v1/calendars/{frozen['id']}", json=body, headers={"If-Match": "*"})
    await desk.pass_time(gated.staff, minutes=1)

    assert (await gated.arrangement(request))["state"] == "held_up"
    refused = await used()
    assert _problem(refused)[:2] == (409, "special-method-not-in-force")
