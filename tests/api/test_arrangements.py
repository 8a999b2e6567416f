"""Arrangements over HTTP: what follows from each verdict, and what is answered to it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy import select

from service.db import Sessions, tenant_transaction
from service.ids import MemberId
from service.outbox.models import EventRow
from service.people.domain import Role
from service.tenants.domain import Tenant
from tests import factories
from tests.api import desk, kinds
from tests.api.desk import at
from tests.conftest import SignIn
from tests.factories import NOON

PLAN = {"gate": "rollback_plan"}
BOARD = {"gate": "approval", "name": "board", "roles": ["manager"]}
NIGHTS = {"tz": "UTC", "weekly": {day: [["22:00", "24:00"]] for day in ("mon", "tue", "wed", "thu")}}
PLANNED = {"planned_start": at(hours=1), "planned_end": at(hours=2)}


def _when(name: str) -> str:
    return f"request.category == '{name}'"


RULES = [
    kinds.rule("no", _when("no"), {"verdict": "decline", "objections": kinds.DESK}),
    kinds.rule(
        "elsewhere",
        _when("elsewhere"),
        {
            "verdict": "redirect",
            "channel": {
                "name": "Portal",
                "url": "https://portal.example/new?form=1",
                "fields": {"what": "title", "where": "request.custom.site", "none": "request.custom.none"},
            },
        },
    ),
    kinds.rule(
        "ours",
        _when("ours"),
        {
            "verdict": "redirect",
            "channel": {"name": "Catalogue", "url": "https://x.example", "type": "service_request"},
        },
    ),
    kinds.rule(
        "night",
        "request.category == 'night' && request.custom.planned_start != '2026-03-02T22:00:00Z'",
        {"verdict": "adjust", "proposal": {"window": {"calendar": "nights"}}},
    ),
    kinds.rule(
        "always-later",
        _when("later"),
        {
            "verdict": "adjust",
            "answer_within_seconds": 86_400,
            "requires": [PLAN],
            "proposal": {"priority": "P4", "scope": "One site", "type": "service_request"},
        },
    ),
    kinds.rule("plan", _when("plan"), {"verdict": "accept", "requires": [PLAN]}),
    kinds.rule("board", _when("board"), {"verdict": "accept", "requires": [BOARD]}),
    kinds.rule(
        "way-out",
        _when("way-out"),
        {
            "verdict": "special_method",
            "justification": "The supplier's office is closed.",
            "expires_in_days": 14,
            "way_back": "Close the port.",
            "proof": "It was done so before.",
            "requires": [BOARD],
        },
    ),
]
POLICY = {
    "facts": {"request.custom.planned_start": "string", "request.custom.site": "string"},
    "rules": RULES,
}


@dataclass(frozen=True, slots=True)
class Office:
    """A service desk in a sandbox with a rule for each verdict.

    Attributes:
        staff: an application of the tenant with all scopes.
        client: one of a client organization; `outsider` of another.
        manager: a member who may consent.
        sessions: on the connection of the test, whose events the feed does not show before it commits.
    """

    staff: AsyncClient
    client: AsyncClient
    outsider: AsyncClient
    manager: AsyncClient
    sessions: Sessions
    tenant: Tenant

    async def told(self, about: str) -> list[str]:
        """The types of the events about something, in its own order, which has no gaps."""
        found = await self.events(about)
        assert [event.sequence for event in found] == list(range(1, len(found) + 1))
        return [event.type for event in found]

    async def events(self, about: str) -> list[EventRow]:
        async with tenant_transaction(self.sessions, self.tenant.id) as session:
            query = select(EventRow).where(EventRow.subject_id == UUID(about)).order_by(EventRow.sequence)
            return list(await session.db.scalars(query))

    async def asked(self, category: str, caller: AsyncClient | None = None, **more: Any) -> dict[str, Any]:
        """A change that is submitted, by the client's application unless somebody else is named."""
        facts = {"category": category, "priority": "P1", "assignee": "ann"} | more.pop("facts", {})
        return await desk.submitted(caller or self.client, type="change", facts=facts, **more)

    async def request(self, request: dict[str, Any], caller: AsyncClient | None = None) -> dict[str, Any]:
        answer = await (caller or self.staff).get(f"/v1/requests/{request['id']}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def of(self, request: dict[str, Any], caller: AsyncClient | None = None) -> dict[str, Any]:
        """What became of the verdict on a request."""
        summary = (await self.request(request))["arrangement"]
        answer = await (caller or self.staff).get(f"/v1/arrangements/{summary['id']}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def look(self) -> None:
        """Let the worker do what clients' own transactions left."""
        await desk.pass_time(self.staff, seconds=1)

    async def answers(self, arrangement: dict[str, Any], caller: AsyncClient, **said: Any) -> Response:
        path = f"/v1/arrangements/{arrangement['id']}/answers"
        return await caller.post(path, json=said, headers=factories.key())

    async def consents(self, request: dict[str, Any], *, approve: bool, reason: str = "") -> Response:
        """The manager answers what is asked of it."""
        (gate,) = (await self.of(request))["gates"]
        body = {"approve": approve} | ({"reason": reason} if reason else {})
        path = f"/v1/approvals/{gate['id']}/answers"
        return await self.manager.post(path, json=body, headers=factories.key())

    async def records_plan(self, request: dict[str, Any]) -> None:
        (gate,) = (await self.of(request))["gates"]
        document = {
            "kind": "rollback_plan",
            "steps": [{"what": "Take the old version back.", "who": "Ann", "seconds": 600}],
            "trigger": "It does not start.",
            "point_of_no_return": None,
            "duration_seconds": 600,
        }
        path = f"/v1/gates/{gate['id']}/records"
        answer = await self.staff.post(path, json=document, headers=factories.key())
        assert answer.status_code == 201, answer.text


@pytest.fixture
async def tenant(sessions: Sessions) -> Tenant:
    """A sandbox, whose clock stands at noon."""
    return await factories.tenant(sessions, sandbox_at=NOON)


@pytest.fixture
async def office(sessions: Sessions, tenant: Tenant, sign_in: SignIn, sign_in_as: SignIn) -> Office:
    staff = await sign_in()
    await desk.set_up(staff)
    await desk.created(staff, "/v1/calendars", {"name": "nights", "definition": NIGHTS})
    await kinds.in_effect(staff, "rationalization", POLICY)
    manager: MemberId = await factories.member(sessions, tenant, Role.MANAGER)
    return Office(
        staff,
        await sign_in(client_id=await factories.client_of(sessions, tenant)),
        await sign_in(client_id=await factories.client_of(sessions, tenant, name="Mill")),
        await sign_in_as(member_id=manager),
        sessions,
        tenant,
    )


def _states(arrangement: dict[str, Any]) -> tuple[str, str]:
    return arrangement["verdict"]["verdict"], arrangement["state"]


async def _commitments(office: Office, request: dict[str, Any]) -> list[dict[str, Any]]:
    found = await office.staff.get("/v1/commitments", params={"request_id": request["id"]})
    return found.json()["items"]


async def test_what_is_plainly_accepted_has_no_arrangement(office: Office) -> None:
    request = await office.asked("anything")

    shown = await office.request(request)
    assert (request["arrangement_id"], shown["arrangement"], shown["state"]) == (None, None, "open")
    assert (await office.staff.get("/v1/arrangements")).json()["items"] == []


async def test_what_is_declined_is_over_with_its_promises_and_says_where_to_object(office: Office) -> None:
    request = await office.asked("no")

    assert (request["state"], request["reason"]) == ("cancelled", "Because of no.")
    assert {each["clock"] for each in request["commitments"]} == {"stopped"}
    shown = await office.request(request, office.client)
    assert shown["state"] == "cancelled"
    assert shown["arrangement"]["state"] == "declined"
    assert shown["arrangement"]["objections"] == {**kinds.DESK, "link": None}
    arrangement = await office.of(request, office.client)
    assert _states(arrangement) == ("decline", "declined")
    assert (arrangement["reason"], arrangement["objections"]["url"]) == ("Because of no.", kinds.DESK["url"])
    assert "Because of no." in arrangement["message"]["text"]
    assert kinds.DESK["url"] in arrangement["message"]["text"]
    last = (await office.staff.get(f"/v1/requests/{request['id']}/events")).json()["items"][-1]
    assert (last["type"], last["state"], last["reason"]) == ("rationalized", "cancelled", "Because of no.")


async def test_what_was_declined_stays_over_though_its_source_opens_it_again(office: Office) -> None:
    request = await office.asked("no")

    reported = await desk.report(
        office.staff, request, type="changed", state="open", occurred_at=at(minutes=4)
    )

    assert reported["state"] == "cancelled"
    assert (await office.of(request))["state"] == "declined"


async def test_a_verdict_that_changes_takes_the_place_of_the_one_before_and_the_request_lives_again(
    office: Office,
) -> None:
    request = await office.asked("no")

    reported = await desk.report(office.staff, request, type="changed", facts={"category": "plan"})

    assert reported["state"] == "open"
    arrangement = await office.of(request)
    assert _states(arrangement) == ("accept", "held_up")
    found = await office.staff.get("/v1/arrangements", params={"request_id": request["id"]})
    assert [each["state"] for each in found.json()["items"]] == ["superseded", "held_up"]

    await desk.report(office.staff, request, type="changed", facts={"category": "anything"})

    shown = await office.request(request)
    assert (shown["state"], shown["arrangement"]) == ("open", None)
    told = await office.told(request["id"])
    assert [each for each in told if each.startswith("request.")] == [
        "request.accepted",
        "request.rationalized",
        *("request.changed", "request.changed", "request.changed", "request.rationalized"),
        *("request.changed", "request.rationalized"),
    ]
    assert [await office.told(each["id"]) for each in found.json()["items"]] == [
        ["arrangement.ended"],
        ["arrangement.held_up", "arrangement.ended"],
    ]


async def test_what_belongs_elsewhere_names_the_channel_and_carries_what_was_typed(office: Office) -> None:
    request = await office.asked(
        "elsewhere", title="A & B", facts={"custom": {"site": "harbour", "note": "kept"}}
    )

    arrangement = await office.of(request, office.client)

    assert _states(arrangement) == ("redirect", "redirected")
    link = "https://portal.example/new?form=1&what=A%20%26%20B&where=harbour"
    assert arrangement["channel"] == {
        "name": "Portal",
        "url": "https://portal.example/new?form=1",
        "link": link,
    }
    assert arrangement["carried"]["title"] == "A & B"
    assert arrangement["carried"]["facts"]["custom"] == {"site": "harbour", "note": "kept"}
    assert arrangement["carried_to"] is None
    assert (await office.request(request))["state"] == "cancelled"


async def test_what_belongs_to_another_type_here_goes_on_as_that(office: Office) -> None:
    request = await office.asked("ours", title="A laptop")

    old = await office.request(request)
    new = await office.request({"id": old["merged_into"]})

    assert old["state"] == "cancelled"
    assert (new["state"], new["type"], new["title"]) == ("open", "service_request", "A laptop")
    assert (new["facts"], new["client_id"]) == (old["facts"], old["client_id"])
    assert (new["source"], new["external_id"]) == ("rooted", old["arrangement"]["id"])
    assert (await office.of(request, office.client))["carried_to"] == new["id"]
    ledger = (await office.staff.get(f"/v1/requests/{new['id']}/events")).json()["items"]
    assert [(each["type"], each.get("other")) for each in ledger] == [
        ("opened", None),
        ("noted", request["id"]),
    ]
    assert await _commitments(office, new)


async def test_what_is_carried_over_is_not_carried_in_circles(office: Office) -> None:
    back = {"name": "Changes", "url": "https://x.example", "type": "change"}
    rule = kinds.rule("back", "request.type == 'service_request'", {"verdict": "redirect", "channel": back})
    await kinds.in_effect(office.staff, "rationalization", {"rules": [rule]})

    request = await office.asked("ours")

    new = await office.request({"id": (await office.request(request))["merged_into"]})
    assert (new["state"], new["merged_into"], new["arrangement"]) == ("open", None, None)


async def test_work_is_held_up_until_all_that_is_required_is_there(office: Office) -> None:
    request = await office.asked("plan")
    await office.look()

    held_up = await office.of(request)
    assert _states(held_up) == ("accept", "held_up")
    assert [gate["kind"] for gate in held_up["gates"]] == ["rollback_plan"]
    assert held_up["missing"]

    await office.records_plan(request)

    ready = await office.of(request)
    assert (ready["state"], ready["missing"]) == ("ready", [])
    assert [entry["kind"] for entry in ready["ledger"]] == ["arranged", "looked", "looked"]
    assert await office.told(ready["id"]) == ["arrangement.held_up", "arrangement.ready"]
    payloads = [event.payload for event in await office.events(ready["id"])]
    assert [each["state_reason"] for each in payloads] == [held_up["state_reason"]] * 2 == [None] * 2


async def test_a_client_is_told_what_it_may_know_and_nothing_of_gates_and_rules(office: Office) -> None:
    request = await office.asked("board")
    await office.look()

    arrangement = await office.of(request, office.client)

    assert arrangement["verdict"] == {"verdict": "accept"}
    hidden = ("gates", "ledger", "rule", "missing")
    assert [arrangement[name] for name in hidden] == [None] * len(hidden)
    assert "manager" not in str(arrangement)
    events = (await office.client.get("/v1/events", params={"limit": 200})).json()["items"]
    assert not [each for each in events if each["type"].startswith(("arrangement.held_up", "gate", "appr"))]


async def test_what_is_to_be_brought_is_told_in_the_requesters_language_but_to_no_client(
    office: Office,
) -> None:
    contact = {"name": "Ada", "external_id": "P-1", "language": "de-AT"}
    await desk.created(office.staff, "/v1/contacts", contact)

    own = await office.of(await office.asked("plan", office.staff, requester="P-1"))
    clients = await office.of(await office.asked("plan"))

    assert own["message"]["text"].endswith("\n\nNoch nötig:\n- ein Plan, wie es rückgängig gemacht wird")
    assert "Still needed" not in clients["message"]["text"]


async def test_another_clients_arrangement_does_not_exist(office: Office) -> None:
    arrangement = await office.of(await office.asked("later"))

    shown = await office.outsider.get(f"/v1/arrangements/{arrangement['id']}")
    answered = await office.answers(arrangement, office.outsider, accept=True)
    objected = await office.answers(arrangement, office.outsider, accept=False, reason="No.")

    assert {answer.status_code for answer in (shown, answered, objected)} == {404}
    assert {answer.json()["type"] for answer in (shown, answered, objected)} == {
        "/problems/arrangement-not-found"
    }
    assert (await office.outsider.get("/v1/arrangements")).json()["items"] == []


async def test_what_is_refused_is_over_with_the_reason_and_where_to_object(office: Office) -> None:
    request = await office.asked("board")
    await office.look()

    answered = await office.consents(request, approve=False, reason="The month's closing runs.")

    assert answered.status_code == 200, answered.text
    arrangement = await office.of(request, office.client)
    assert arrangement["state"] == "refused"
    assert "The month's closing runs." in arrangement["state_reason"]
    assert arrangement["objections"] == {"name": "Objections", "url": "/v1/objections", "link": None}
    assert "/v1/" not in arrangement["message"]["text"], "people are told nothing that only programs call"
    assert (
        "If you do not agree, you can object: say so to whoever you turned to."
        in arrangement["message"]["text"]
    )
    assert (await office.request(request, office.client))["state"] == "cancelled"
    assert {each["clock"] for each in await _commitments(office, request)} == {"stopped"}


async def test_what_all_consent_to_is_ready(office: Office) -> None:
    request = await office.asked("board")
    await office.look()

    answered = await office.consents(request, approve=True)

    assert answered.status_code == 200, answered.text
    assert (await office.of(request))["state"] == "ready"


async def test_a_special_method_may_be_used_from_the_instant_on_at_which_all_is_there(
    office: Office,
) -> None:
    request = await office.asked("way-out")
    await office.look()
    (proposed,) = (await office.staff.get("/v1/special-methods")).json()["items"]

    await office.consents(request, approve=True)

    (allowed,) = (await office.staff.get("/v1/special-methods")).json()["items"]
    assert (proposed["state"], allowed["state"]) == ("proposed", "allowed")
    assert allowed["ends_at"] == at(days=14, seconds=1)
    assert _states(await office.of(request)) == ("special_method", "ready")


async def test_an_edit_of_what_was_asked_for_is_consented_to_anew_and_an_assignment_is_not(
    office: Office,
) -> None:
    request = await office.asked("board")
    await office.look()
    await office.consents(request, approve=True)

    await desk.report(office.staff, request, type="changed", facts={"assignee": "bob"})
    assigned = (await office.of(request))["state"]
    await desk.report(office.staff, request, type="changed", facts={"urgency": "high"})

    assert (assigned, (await office.of(request))["state"]) == ("ready", "held_up")
    await office.consents(request, approve=True)
    assert (await office.of(request))["state"] == "ready"


async def test_a_counter_proposal_comes_to_instants_and_the_request_waits_for_the_answer(
    office: Office,
) -> None:
    request = await office.asked("night", facts={"custom": PLANNED})

    arrangement = await office.of(request, office.client)

    assert _states(arrangement) == ("adjust", "proposed")
    assert arrangement["proposal"]["window"] == {"from": at(hours=10), "to": at(hours=11)}
    assert arrangement["answer_by"] == at(days=5)
    assert [each["clock"] for each in request["commitments"] if each["metric"] == "resolve"] == ["paused"]


async def test_what_was_agreed_becomes_of_the_request_and_is_not_proposed_again(office: Office) -> None:
    request = await office.asked("night", facts={"custom": PLANNED})
    arrangement = await office.of(request)
    await desk.pass_time(office.staff, hours=1)

    answered = await office.answers(arrangement, office.client, accept=True)

    assert answered.status_code == 200, answered.text
    assert answered.json()["state"] == "agreed"
    shown = await office.request(request)
    assert shown["facts"]["custom"] == {"planned_start": at(hours=10), "planned_end": at(hours=11)}
    assert (shown["state"], shown["arrangement"]["state"]) == ("open", "agreed")
    (resolve,) = [each for each in await _commitments(office, request) if each["metric"] == "resolve"]
    assert (resolve["clock"], resolve["outcome"]) == ("running", "pending")

    await desk.report(office.staff, request, type="changed", facts={"urgency": "high"})
    assert (await office.request(request))["arrangement"]["id"] == arrangement["id"]
    moved = {"custom": {"planned_start": at(hours=3)}}
    await desk.report(office.staff, request, type="changed", facts=moved)
    again = await office.of(request)
    assert (again["state"], again["id"] != arrangement["id"]) == ("proposed", True)


async def test_what_was_agreed_stands_against_the_same_rule_and_its_gates_are_asked_for_then(
    office: Office,
) -> None:
    request = await office.asked("later")
    arrangement = await office.of(request)
    assert arrangement["gates"] == []

    answered = await office.answers(arrangement, office.client, accept=True)
    await office.look()

    assert answered.status_code == 200, answered.text
    shown = await office.request(request)
    assert (shown["type"], shown["facts"]["priority"]) == ("service_request", "P4")
    assert shown["facts"]["custom"]["scope"] == "One site"
    agreed = await office.of(request)
    assert (agreed["id"], agreed["state"]) == (arrangement["id"], "held_up")
    assert [gate["kind"] for gate in agreed["gates"]] == ["rollback_plan"]
    await office.records_plan(request)
    assert (await office.of(request))["state"] == "ready"


async def test_a_counter_proposal_is_answered_once(office: Office) -> None:
    arrangement = await office.of(await office.asked("later"))
    await office.answers(arrangement, office.client, accept=True)

    again = await office.answers(arrangement, office.client, accept=True)
    objected = await office.answers(arrangement, office.client, accept=False, reason="No.")
    declined = await office.of(await office.asked("no"))
    to_a_decline = await office.answers(declined, office.client, accept=True)
    held_up = await office.of(await office.asked("plan"))
    to_what_waits = await office.answers(held_up, office.client, accept=True)

    refused = (again, objected, to_a_decline, to_what_waits)
    assert [each.status_code for each in refused] == [409] * 4
    assert again.json()["type"] == "/problems/arrangement-not-open"
    assert "is held up. It is no counter-proposal" in to_what_waits.json()["detail"]


async def test_not_to_accept_says_why(office: Office) -> None:
    arrangement = await office.of(await office.asked("later"))

    answered = await office.answers(arrangement, office.client, accept=False)

    assert (answered.status_code, answered.json()["type"]) == (422, "/problems/answer-invalid")
    assert (await office.staff.get(f"/v1/arrangements/{arrangement['id']}")).json()["state"] == "proposed"


async def test_silence_lets_a_counter_proposal_lapse_and_the_request_waits_on(office: Office) -> None:
    request = await office.asked("later")
    arrangement = await office.of(request)

    await desk.pass_time(office.staff, days=1)
    in_time = await office.of(request)
    await desk.pass_time(office.staff, days=1, seconds=1)

    lapsed = await office.of(request, office.client)
    assert (in_time["state"], lapsed["state"]) == ("proposed", "lapsed")
    assert await office.told(arrangement["id"]) == ["arrangement.answered"]
    (resolve,) = [each for each in await _commitments(office, request) if each["metric"] == "resolve"]
    assert (resolve["clock"], (await office.request(request))["state"]) == ("paused", "open")
    late = await office.answers(arrangement, office.client, accept=True)
    assert (late.status_code, "is over" in late.json()["detail"]) == (409, True)


async def test_who_edits_the_request_after_it_lapsed_is_offered_the_same_again(office: Office) -> None:
    request = await office.asked("later")
    await desk.pass_time(office.staff, days=2)

    await desk.report(office.staff, request, type="changed", facts={"urgency": "high"})

    assert (await office.of(request))["state"] == "proposed"


async def test_an_objection_is_decided_and_the_request_goes_on_as_it_was_asked_for(
    office: Office,
) -> None:
    request = await office.asked("later")
    arrangement = await office.of(request)

    answered = await office.answers(arrangement, office.client, accept=False, reason="It is urgent.")
    assert (answered.status_code, answered.json()["state"]) == (200, "objected")
    (objection,) = (await office.staff.get("/v1/objections")).json()["items"]
    decided = await office.manager.post(
        f"/v1/objections/{objection['id']}/decision",
        json={"upheld": True, "reason": "It is."},
        headers=factories.key(),
    )

    assert decided.status_code == 200, decided.text
    shown = await office.request(request)
    assert (shown["state"], shown["type"], shown["arrangement"]["state"]) == ("open", "change", "overturned")
    (resolve,) = [each for each in await _commitments(office, request) if each["metric"] == "resolve"]
    assert resolve["clock"] == "running"
    await desk.report(office.staff, request, type="changed", facts={"urgency": "high"})
    assert (await office.request(request))["arrangement"]["state"] == "overturned"


async def test_an_objection_that_is_rejected_leaves_the_counter_proposal_to_be_answered(
    office: Office,
) -> None:
    request = await office.asked("later")
    arrangement = await office.of(request)
    await office.answers(arrangement, office.client, accept=False, reason="It is urgent.")
    (objection,) = (await office.staff.get("/v1/objections")).json()["items"]
    await desk.pass_time(office.staff, days=3)

    await office.manager.post(
        f"/v1/objections/{objection['id']}/decision",
        json={"upheld": False, "reason": "It is not."},
        headers=factories.key(),
    )

    shown = await office.of(request, office.client)
    assert (shown["state"], shown["answer_by"]) == ("proposed", at(days=4))
    assert (await office.answers(arrangement, office.client, accept=True)).status_code == 200


async def test_a_declined_request_lives_again_when_an_objection_is_upheld(office: Office) -> None:
    request = await office.asked("no")
    subject = {"kind": "arrangement", "id": (await office.of(request))["id"]}
    body = {"subject": subject, "cause": "wrong_facts", "words": "It is a yes."}
    objection = await desk.created(office.client, "/v1/objections", body)

    decided = await office.manager.post(
        f"/v1/objections/{objection['id']}/decision",
        json={"upheld": True, "reason": "It is."},
        headers=factories.key(),
    )

    assert decided.status_code == 200, decided.text
    shown = await office.request(request)
    assert (shown["state"], shown["arrangement"]["state"]) == ("open", "overturned")
    assert {each["clock"] for each in await _commitments(office, request)} & {"running"}


async def test_what_went_on_as_another_comes_back_when_an_objection_is_upheld(office: Office) -> None:
    request = await office.asked("ours")
    carried = (await office.request(request))["merged_into"]
    subject = {"kind": "arrangement", "id": (await office.of(request))["id"]}
    body = {"subject": subject, "cause": "wrong_facts", "words": "It is a change."}
    objection = await desk.created(office.client, "/v1/objections", body)

    await office.manager.post(
        f"/v1/objections/{objection['id']}/decision",
        json={"upheld": True, "reason": "It is."},
        headers=factories.key(),
    )

    old, new = await office.request(request), await office.request({"id": carried})
    assert (old["state"], old["merged_into"]) == ("open", None)
    assert (new["state"], new["merged_into"]) == ("cancelled", request["id"])


@pytest.mark.parametrize("state", ["cancelled", "resolved"])
async def test_a_request_that_ends_otherwise_withdraws_what_was_arranged(office: Office, state: str) -> None:
    request = await office.asked("board")
    await office.look()

    await desk.report(office.staff, request, type="changed", state=state)

    arrangement = await office.of(request)
    assert arrangement["state"] == "withdrawn"
    assert all(gate["closed_at"] for gate in arrangement["gates"])
    assert {each["clock"] for each in await _commitments(office, request)} == {"stopped"}

    await desk.report(office.staff, request, type="changed", state="open")
    again = await office.of(request)
    assert (again["state"], again["id"] != arrangement["id"]) == ("held_up", True)


async def test_what_its_source_says_of_a_request_that_is_over_changes_nothing_of_how_it_was_done(
    office: Office,
) -> None:
    request = await office.asked("plan")
    await office.look()
    await office.records_plan(request)
    await desk.report(office.staff, request, type="changed", state="resolved")

    await desk.report(office.staff, request, type="changed", facts={"category": "no"})

    shown = await office.request(request)
    assert (shown["state"], shown["arrangement"]["state"]) == ("resolved", "ready")


async def test_what_is_resolved_unanswered_waits_no_more_when_it_goes_on_as_something_else(
    office: Office,
) -> None:
    request = await office.asked("later")
    await desk.report(office.staff, request, type="changed", state="resolved")

    await desk.report(office.staff, request, type="changed", state="open", facts={"category": "plan"})

    (resolve,) = [each for each in await _commitments(office, request) if each["metric"] == "resolve"]
    assert (resolve["clock"], (await office.of(request))["state"]) == ("running", "held_up")


async def test_a_review_that_a_verdict_asks_for_is_owed_once_when_the_work_is_done(office: Office) -> None:
    within = {"unit": "elapsed_time", "seconds": 86_400}
    accept = {"verdict": "accept", "review": {"within": within}}
    rule = kinds.rule("reviewed", _when("reviewed"), accept)
    await kinds.in_effect(office.staff, "rationalization", {"rules": [rule]})
    request = await office.asked("reviewed")

    async def owed() -> list[str]:
        found = await office.staff.get("/v1/reviews", params={"request_id": request["id"]})
        return [each["state"] for each in found.json()["items"]]

    assert ((await office.of(request))["state"], await owed()) == ("ready", [])
    await desk.report(office.staff, request, type="changed", state="resolved")
    resolved = await owed()
    await desk.report(office.staff, request, type="changed", state="closed")

    assert (resolved, await owed()) == (["owed"], ["owed"])
    await desk.report(office.staff, request, type="changed", state="open")
    assert await owed() == ["withdrawn"]


async def test_its_source_cannot_let_a_clock_run_while_the_requester_thinks(office: Office) -> None:
    request = await office.asked("later")

    await desk.report(office.staff, request, type="resumed")

    (resolve,) = [each for each in await _commitments(office, request) if each["metric"] == "resolve"]
    assert resolve["clock"] == "paused"


async def test_a_pause_of_its_source_goes_on_when_the_answer_is_there(office: Office) -> None:
    request = await office.asked("later")
    await desk.report(office.staff, request, type="paused", cause="waiting_requester")

    await office.answers(await office.of(request), office.client, accept=True)

    (resolve,) = [each for each in await _commitments(office, request) if each["metric"] == "resolve"]
    assert resolve["clock"] == "paused"


async def test_a_request_that_is_over_already_is_left_as_it_is(office: Office) -> None:
    request = await office.asked("no", state="resolved")

    shown = await office.request(request)
    assert (shown["state"], shown["arrangement"]) == ("resolved", None)


async def test_arrangements_are_found_by_verdict_and_state(office: Office) -> None:
    declined = await office.asked("no")
    await office.asked("later")

    async def found(**sought: str) -> list[str]:
        answer = await office.client.get("/v1/arrangements", params=sought)
        return [each["request_id"] for each in answer.json()["items"]]

    assert await found(verdict="decline") == [declined["id"]]
    assert await found(state="declined") == [declined["id"]]
    assert len(await found()) == 2


async def test_a_request_shows_another_tag_when_its_arrangement_stands_otherwise(office: Office) -> None:
    request = await office.asked("plan")
    await office.look()
    path = f"/v1/requests/{request['id']}"
    tag = (await office.staff.get(path)).headers["ETag"]

    await office.records_plan(request)

    again = await office.staff.get(path, headers={"If-None-Match": tag})
    assert again.status_code == 200


async def test_who_submitted_a_request_is_known(office: Office) -> None:
    request = await office.asked("board", office.manager)
    await office.look()

    answered = await office.consents(request, approve=True)

    assert (answered.status_code, answered.json()["type"]) == (403, "/problems/approval-of-own-request")


async def test_what_was_decided_while_it_was_resolved_counts_when_it_goes_on(office: Office) -> None:
    request = await office.asked("anything")
    await desk.report(office.staff, request, type="changed", state="resolved")
    await desk.report(office.staff, request, type="changed", facts={"category": "board"})
    assert (await office.request(request))["arrangement"] is None

    await desk.report(office.staff, request, type="changed", state="open")

    assert _states(await office.of(request)) == ("accept", "held_up")


async def test_what_was_edited_while_it_was_resolved_is_asked_anew_when_it_goes_on(office: Office) -> None:
    request = await office.asked("board", office.staff)
    assert (await office.consents(request, approve=True)).status_code == 200
    assert (await office.of(request))["state"] == "ready"
    await desk.report(office.staff, request, type="changed", state="resolved")
    await desk.report(office.staff, request, type="changed", facts={"custom": {"site": "harbour"}})

    await desk.report(office.staff, request, type="changed", state="open")

    assert (await office.of(request))["state"] == "held_up"


async def test_another_verdict_while_it_was_resolved_counts_when_it_goes_on(office: Office) -> None:
    request = await office.asked("plan", office.staff)
    await office.records_plan(request)
    await desk.report(office.staff, request, type="changed", state="resolved")
    await desk.report(office.staff, request, type="changed", facts={"category": "no"})

    reported = await desk.report(office.staff, request, type="changed", state="open")

    assert reported["state"] == "cancelled"
    assert _states(await office.of(request)) == ("decline", "declined")


async def test_what_its_source_closed_after_it_was_refused_is_not_asked_anew(office: Office) -> None:
    request = await office.asked("board", office.staff)
    assert (await office.consents(request, approve=False, reason="Not now.")).status_code == 200

    closed = await desk.report(
        office.staff, request, type="changed", state="closed", facts={"custom": {"site": "harbour"}}
    )

    assert closed["state"] == "closed"
    assert (await office.of(request))["state"] == "refused"

    again = await desk.report(office.staff, request, type="changed", state="open")

    assert again["state"] == "open"
    assert (await office.of(request))["state"] == "held_up"


async def test_what_its_source_closed_is_not_opened_by_another_verdict(office: Office) -> None:
    request = await office.asked("no", office.staff)
    await desk.report(office.staff, request, type="changed", state="closed")

    edited = await desk.report(office.staff, request, type="changed", facts={"category": "anything"})

    assert edited["state"] == "closed"


async def test_what_is_agreed_is_not_ready_before_its_gates_are_laid(office: Office) -> None:
    request = await office.asked("later", office.staff)
    arrangement = await office.of(request)

    agreed = await office.answers(arrangement, office.staff, accept=True)

    assert agreed.status_code == 200, agreed.text
    assert (await office.of(request))["state"] == "held_up"
    assert "arrangement.ready" not in await office.told(arrangement["id"])


async def test_what_a_source_calls_its_own_is_no_way_round_a_redirect(office: Office) -> None:
    body = {"source": "rooted", "external_id": "1", "type": "change", "facts": {"category": "ours"}}

    answer = await office.client.post("/v1/requests", json=body, headers=factories.key())

    assert answer.status_code == 422, answer.text
    assert [each["pointer"] for each in answer.json()["errors"]] == ["/source"]
