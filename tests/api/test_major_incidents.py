"""A major incident: whoever it affects is owed reports, is told of it, and never of anybody else."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from httpx2 import AsyncClient, Response

from service.db import Sessions
from service.ids import ClientId
from service.people.domain import Role
from service.tenants.domain import Tenant
from tests import factories
from tests.api import desk
from tests.api.retiming import Shop, promise
from tests.conftest import SignIn
from tests.factories import NOON

ROOT = "/v1/major-incidents"


@dataclass(frozen=True, slots=True)
class Town:
    """A sandbox with two client organizations that use the mail service, and one that does not."""

    shop: Shop
    harbour: AsyncClient
    quay: AsyncClient
    island: AsyncClient
    ids: dict[str, ClientId]
    request: dict[str, Any]

    @property
    def staff(self) -> AsyncClient:
        return self.shop.caller

    async def declared(self, **body: Any) -> dict[str, Any]:
        asked = {"request_id": self.request["id"], "title": "Mail is down"} | body
        return await desk.created(self.staff, ROOT, asked)

    async def post(self, incident: dict[str, Any], place: str, **body: Any) -> Response:
        path = f"{ROOT}/{incident['id']}/{place}"
        return await self.staff.post(path, json=body, headers=factories.key())

    async def reported(self, incident: dict[str, Any], text: str, **body: Any) -> dict[str, Any]:
        answer = await self.post(incident, "reports", text=text, **body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def duties(self, caller: AsyncClient) -> list[dict[str, Any]]:
        """The promises of reports that a caller sees."""
        found = (await caller.get("/v1/commitments", params={"limit": 100})).json()["items"]
        return [each for each in found if each["metric"] == "update"]

    async def told(self, about: dict[str, Any]) -> list[tuple[str, UUID | None]]:
        return [(event.type, event.client_id) for event in await self.shop.told(about["id"])]


@pytest.fixture
async def tenant(sessions: Sessions) -> Tenant:
    return await factories.tenant(sessions, sandbox_at=NOON)


@pytest.fixture
async def town(sessions: Sessions, tenant: Tenant, sign_in: SignIn) -> Town:
    shop = Shop(sessions, tenant, await sign_in())
    await desk.created(shop.caller, "/v1/services", {"name": "mail"})
    await shop.policy(promise(hours=8))
    ids = {
        name: await factories.client_of(sessions, tenant, name=name) for name in ("Harbour", "Quay", "Island")
    }
    harbour, quay, island = [await sign_in(client_id=each) for each in ids.values()]
    request = await desk.submitted(harbour, service="mail")
    await desk.submitted(quay, service="mail")
    await desk.submitted(island)
    return Town(shop, harbour, quay, island, ids, request)


async def test_all_who_have_an_open_request_on_its_service_are_told_and_owed_reports(town: Town) -> None:
    incident = await town.declared(update_every={"unit": "elapsed_time", "seconds": 1_800})

    assert {each["client_id"] for each in incident["affected"]} == {
        str(town.ids["Harbour"]),
        str(town.ids["Quay"]),
    }
    (duty,) = await town.duties(town.quay)
    assert (duty["request_id"], duty["due_at"]) == (town.request["id"], desk.at(minutes=30))
    assert len(await town.duties(town.staff)) == 2
    assert await town.told(incident) == [
        ("major_incident.declared", None),
        *[("major_incident.declared", town.ids[name]) for name in ("Harbour", "Quay")],
    ]


async def test_a_client_organization_sees_what_it_may_know_and_not_who_else_is_affected(town: Town) -> None:
    incident = await town.declared(problem="PRB-7")
    await town.reported(incident, "We found it.")
    await town.reported(incident, "Blame nobody yet.", audience="internal")

    seen = await town.quay.get(f"{ROOT}/{incident['id']}")
    reports = (await town.quay.get(f"{ROOT}/{incident['id']}/reports")).json()["items"]

    assert seen.json() == {
        "id": incident["id"],
        "title": "Mail is down",
        "state": "open",
        "declared_at": desk.at(),
        "ended_at": None,
        "next_report_due_at": desk.at(minutes=30),
        "requests": [],
        **dict.fromkeys(
            ("request_id", "services", "affected", "update_every", "calendar_version_id", "problem"), None
        ),
        **dict.fromkeys(("declared_by", "version"), None),
    }
    assert [(each["text"], each["reported_by"]) for each in reports] == [("We found it.", None)]
    (listed,) = (await town.quay.get(ROOT)).json()["items"]
    assert listed == seen.json()
    own = (await town.harbour.get(f"{ROOT}/{incident['id']}")).json()
    assert own["requests"] == [town.request["id"]]
    hidden = {str(client_id) for name, client_id in town.ids.items() if name != "Quay"}
    events = [event for event in await town.shop.told(incident["id"]) if event.client_id == town.ids["Quay"]]
    assert len(events) == 2
    assert not [name for name in hidden if name in str([event.payload for event in events])]


async def test_whoever_is_not_affected_sees_nothing(town: Town) -> None:
    incident = await town.declared()

    path = f"{ROOT}/{incident['id']}"
    answers = [await town.island.get(each) for each in (path, f"{path}/reports")]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert (await town.island.get(ROOT)).json()["items"] == []
    assert await town.duties(town.island) == []
    denied = await town.quay.post(f"{path}/reports", json={"text": "Hello"}, headers=factories.key())
    assert denied.status_code == 403


async def test_a_report_fulfils_what_was_promised_and_the_next_is_due_from_then_on(town: Town) -> None:
    incident = await town.declared()
    await desk.pass_time(town.staff, minutes=20)

    await town.reported(incident, "We found it.")
    await town.reported(incident, "For us alone.", audience="internal")

    for caller in (town.harbour, town.quay):
        (duty,) = await town.duties(caller)
        assert (duty["cycle"], duty["due_at"]) == (2, desk.at(minutes=50))
    shown = (await town.staff.get(f"{ROOT}/{incident['id']}")).json()
    assert shown["next_report_due_at"] == desk.at(minutes=50)
    reports = (await town.staff.get(f"{ROOT}/{incident['id']}/reports")).json()["items"]
    assert [each["audience"] for each in reports] == ["internal", "clients"]


async def test_a_report_that_does_not_come_breaks_the_promise_to_each(town: Town) -> None:
    await town.declared()

    await desk.pass_time(town.staff, minutes=31)

    assert [duty["outcome"] for duty in await town.duties(town.staff)] == ["broken", "broken"]


async def test_what_happens_to_the_lead_request_is_no_report(town: Town) -> None:
    incident = await town.declared()

    await desk.report(town.staff, town.request, type="replied", by="agent")
    await desk.report(town.staff, town.request, type="changed", state="resolved")
    await desk.report(town.staff, town.request, type="paused", cause="waiting_requester", party="requester")

    assert {duty["due_at"] for duty in await town.duties(town.staff)} == {desk.at(minutes=30)}
    await town.reported(incident, "Resolved; we watch it.")
    assert {duty["cycle"] for duty in await town.duties(town.staff)} == {2}


async def test_reports_are_owed_whatever_becomes_of_the_lead_request(town: Town) -> None:
    incident = await town.declared()
    await desk.report(town.staff, town.request, type="changed", state="cancelled")

    kept = await town.duties(town.staff)
    await town.reported(incident, "The ticket was a double; the incident is not over.")

    again = await town.duties(town.staff)
    assert {(duty["clock"], duty["cycle"]) for duty in kept} == {("running", 1)}
    assert {(duty["clock"], duty["cycle"], duty["due_at"]) for duty in again} == {
        ("running", 2, desk.at(minutes=30))
    }


async def test_no_report_is_owed_any_more_when_the_lead_request_goes_on_after_its_end(town: Town) -> None:
    incident = await town.declared()
    await town.post(incident, "end", text="Mail works again.")

    await desk.report(town.staff, town.request, type="changed", state="resolved")
    await desk.report(town.staff, town.request, type="changed", state="open")

    assert {duty["clock"] for duty in await town.duties(town.staff)} == {"stopped"}


async def test_a_link_to_a_report_that_is_put_off_is_given_to_nobody_else(town: Town) -> None:
    """The page of the link would show the lead request, and its contact would answer for the others."""
    await town.declared()
    duties = {duty["client_id"]: duty["id"] for duty in await town.duties(town.staff)}

    async def put_off(client: str, *, link: bool) -> Response:
        return await town.staff.post(
            f"/v1/commitments/{duties[str(town.ids[client])]}/renegotiations",
            json={"reason": "We know more at three.", "due_at": desk.at(hours=3), "link": link},
            headers=factories.key(),
        )

    refused = await put_off("Quay", link=True)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/link")
    assert (await town.quay.get("/v1/renegotiations")).json()["items"] == []
    assert [
        (await put_off("Quay", link=False)).status_code,
        (await put_off("Harbour", link=True)).status_code,
    ] == [
        201,
        201,
    ]


async def test_its_end_ends_all_duties_after_a_last_report(town: Town) -> None:
    incident = await town.declared()
    await desk.pass_time(town.staff, minutes=10)

    ended = await town.post(incident, "end", text="Mail works again.")
    again = await town.post(incident, "reports", text="One more.")
    await desk.pass_time(town.staff, hours=2)

    assert (ended.json()["state"], ended.json()["ended_at"]) == ("ended", desk.at(minutes=10))
    assert ended.json()["next_report_due_at"] is None
    assert (again.status_code, again.json()["type"]) == (409, "/problems/major-incident-ended")
    assert {(duty["clock"], duty["outcome"]) for duty in await town.duties(town.staff)} == {
        ("stopped", "pending")
    }
    (seen,) = (await town.quay.get(ROOT, params={"state": "ended"})).json()["items"]
    assert seen["id"] == incident["id"]
    kinds = [kind for kind, client_id in await town.told(incident) if client_id == town.ids["Quay"]]
    assert kinds == ["major_incident.declared", "major_incident.reported", "major_incident.ended"]


async def test_a_client_organization_that_is_added_later_is_owed_reports_from_then_on(town: Town) -> None:
    incident = await town.declared()
    await town.reported(incident, "Before it knew.")
    await desk.pass_time(town.staff, minutes=10)

    added = await town.post(incident, "clients", client="Island")
    again = await town.post(incident, "clients", client="Island")

    (duty,) = await town.duties(town.island)
    assert duty["due_at"] == desk.at(minutes=40)
    assert (await town.island.get(f"{ROOT}/{incident['id']}/reports")).json()["items"] == []
    assert len(added.json()["affected"]) == len(again.json()["affected"]) == 3


async def test_a_request_that_is_linked_shows_it_and_its_client_is_affected(town: Town) -> None:
    incident = await town.declared()
    other = await desk.submitted(town.island)

    linked = await town.post(incident, "requests", request_id=other["id"])

    assert linked.json()["requests"] == [town.request["id"], other["id"]]
    (found,) = (await town.island.get(ROOT, params={"request_id": other["id"]})).json()["items"]
    assert (found["id"], found["requests"]) == (incident["id"], [other["id"]])
    (known,) = (await town.staff.get(ROOT, params={"request_id": other["id"]})).json()["items"]
    assert known["id"] == incident["id"]


async def test_it_is_linked_to_a_problem_record_and_reported_more_often(town: Town) -> None:
    incident = await town.declared()
    path = f"{ROOT}/{incident['id']}"
    tag = (await town.staff.get(path)).headers["ETag"]
    body = {
        "title": "Mail is slow",
        "problem": "PRB-7",
        "update_every": {"unit": "elapsed_time", "seconds": 600},
    }

    changed = await town.staff.put(path, json=body, headers={"If-Match": tag})
    stale = await town.staff.put(path, json=body, headers={"If-Match": tag})

    assert (changed.json()["problem"], stale.status_code) == ("PRB-7", 412)
    assert {duty["due_at"] for duty in await town.duties(town.staff)} == {desk.at(minutes=10)}
    assert (await town.quay.get(path)).json()["title"] == "Mail is slow"


async def test_a_request_leads_one_at_a_time(town: Town) -> None:
    incident = await town.declared()

    body = {"request_id": town.request["id"], "title": "Twice"}
    twice = await town.staff.post(ROOT, json=body, headers=factories.key())
    await town.post(incident, "end")

    assert (twice.status_code, twice.json()["type"]) == (409, "/problems/major-incident-exists")
    assert (await town.declared())["state"] == "open"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"update_every": {"unit": "working_time", "seconds": 60}}, 422),
        ({"calendar": "office"}, 422),
        ({"services": ["nothing"]}, 404),
        ({"clients": ["nobody"]}, 404),
        ({"title": ""}, 400),
    ],
)
async def test_what_cannot_be_declared_is_refused(town: Town, body: dict[str, Any], status: int) -> None:
    asked = {"request_id": town.request["id"], "title": "Mail is down"} | body
    answer = await town.staff.post(ROOT, json=asked, headers=factories.key())
    assert answer.status_code == status, answer.text
    assert (await town.staff.get(ROOT)).json()["items"] == []


async def test_reports_may_be_owed_in_working_time(town: Town) -> None:
    await desk.created(town.staff, "/v1/calendars", {"name": "office", "definition": desk.OFFICE})
    every = {"unit": "working_time", "seconds": 6 * 3_600}

    incident = await town.declared(update_every=every, calendar="office", clients=["Quay"])

    assert incident["next_report_due_at"] == desk.at(hours=22)  # it is noon, and the office closes at five
    assert len(incident["affected"]) == 2  # the lead request's client organization is affected in any case


async def test_a_rule_declares_one_and_links_what_comes_after(town: Town) -> None:
    fact = {"name": "request.custom.major_incident", "type": "bool", "description": "Is it a major incident?"}
    await desk.created(town.staff, "/v1/facts", fact)
    rule = {
        "id": "major",
        "when": "request.priority == 'P0'",
        "because": "P0 stops everybody.",
        "then": {"set": {"request.custom.major_incident": True}},
    }
    otherwise = {
        "id": "others",
        "when": "true",
        "because": "All else.",
        "then": {"set": {"request.impact": "low"}},
    }
    document = {"rules": [rule, otherwise]}
    body = {"name": "majors", "kind": "classification", "document": document}
    await town.shop.publish((await desk.created(town.staff, "/v1/policies", body))["id"])

    claimed = await desk.submitted(town.quay, service="mail", facts={"custom": {"major_incident": True}})
    await desk.pass_time(town.staff, minutes=1)
    assert (await town.staff.get(ROOT)).json()["items"] == []  # no source declares one, whatever it says
    first = await desk.submitted(town.quay, service="mail", title="No mail", facts={"priority": "P0"})
    await desk.pass_time(town.staff, minutes=2)
    second = await desk.submitted(town.island, service="mail", facts={"priority": "P0"})
    await desk.pass_time(town.staff, minutes=3)

    (incident,) = (await town.staff.get(ROOT)).json()["items"]
    assert (incident["title"], incident["declared_by"]) == ("No mail", "rule")
    assert incident["requests"] == [first["id"], second["id"]]
    assert claimed["id"] not in incident["requests"]
    assert {each["client_id"] for each in incident["affected"]} == {str(each) for each in town.ids.values()}


async def test_agents_declare_and_auditors_read(town: Town, sign_in_as: SignIn) -> None:
    agent, auditor = await sign_in_as(Role.AGENT), await sign_in_as(Role.AUDITOR)
    body = {"request_id": town.request["id"], "title": "Mail is down"}

    answers = [await each.post(ROOT, json=body, headers=factories.key()) for each in (auditor, agent)]

    assert [answer.status_code for answer in answers] == [403, 201]
    assert len((await auditor.get(ROOT)).json()["items"]) == 1
