"""What policies promise beside an answer and a solution, and what happens to requests, over HTTP."""

from typing import Any
from uuid import uuid4

import pytest
from httpx2 import AsyncClient

from service.db import Sessions
from service.tenants.domain import Tenant
from tests import factories
from tests.api import desk
from tests.conftest import SignIn
from tests.factories import NOON

HOUR = 3600
DOCUMENT: dict[str, Any] = {
    "rules": [
        {
            "id": "all",
            "when": "true",
            "because": "Everybody is promised this.",
            "then": {
                "promises": [
                    {"metric": "resolve", "target": {"unit": "elapsed_time", "seconds": 8 * HOUR}},
                    {"metric": "update", "target": {"unit": "elapsed_time", "seconds": 2 * HOUR}},
                    {
                        "metric": "deliver",
                        "calendar": "office",
                        "target": {"unit": "time_of_business_day", "days": 1, "time": "16:00"},
                    },
                    {
                        "metric": "network",
                        "level": "ola",
                        "held_by": "Network",
                        "part_of": "resolve",
                        "target": {"unit": "elapsed_time", "seconds": 4 * HOUR},
                    },
                ]
            },
        }
    ]
}


@pytest.fixture
async def tenant(sessions: Sessions) -> Tenant:
    return await factories.tenant(sessions, sandbox_at=NOON)


@pytest.fixture
async def caller(sign_in: SignIn) -> AsyncClient:
    """An application with all scopes, in a tenant whose policy promises all there is."""
    caller = await sign_in()
    await desk.set_up(caller, DOCUMENT)
    return caller


async def _promised(caller: AsyncClient, request: dict[str, Any], metric: str) -> dict[str, Any]:
    found = await caller.get("/v1/commitments", params={"request_id": request["id"], "metric": metric})
    (promise,) = found.json()["items"]
    return (await caller.get(f"/v1/commitments/{promise['id']}")).json()


async def test_each_report_to_the_requester_keeps_one_cycle_and_begins_the_next(caller: AsyncClient) -> None:
    request = await desk.submitted(caller)

    await desk.pass_time(caller, hours=1)
    await desk.report(caller, request, type="replied", by="agent")
    await desk.pass_time(caller, hours=4)
    await desk.report(caller, request, type="replied", by="agent")

    update = await _promised(caller, request, "update")
    assert [(one["cycle"], one["outcome"], one["due_at"]) for one in update["cycles"]] == [
        (1, "kept", desk.at(hours=2)),
        (2, "broken", desk.at(hours=3)),
        (3, "pending", desk.at(hours=6)),
    ]
    assert [(one["cycle"], one["threshold"]) for one in update["told"]] == [(2, "broken")]


async def test_what_is_done_fulfils_what_names_it(caller: AsyncClient) -> None:
    request = await desk.submitted(caller)

    recorded = await desk.report(caller, request, type="done", deed="delivered")

    outcomes = {one["metric"]: one["outcome"] for one in recorded["commitments"]}
    assert outcomes == {"resolve": "pending", "update": "pending", "deliver": "kept", "network": "pending"}
    assert (await _promised(caller, request, "deliver"))["due_at"] == desk.at(days=1, hours=4)


async def test_what_was_delivered_stays_so_while_its_source_goes_on_saying_that_the_request_is_open(
    caller: AsyncClient,
) -> None:
    request = await desk.submitted(caller)
    await desk.report(caller, request, type="done", deed="delivered")

    await desk.report(caller, request, type="changed", state="open")
    await desk.pass_time(caller, days=3)

    deliver = await _promised(caller, request, "deliver")
    assert (deliver["clock"], deliver["outcome"]) == ("stopped", "kept")


async def test_what_was_proposed_instead_of_one_report_is_withdrawn_when_the_next_is_owed(
    caller: AsyncClient,
) -> None:
    request = await desk.submitted(caller)
    update = await _promised(caller, request, "update")
    proposal = {"reason": "Nothing is known before tonight.", "due_at": desk.at(hours=6)}
    proposed = await desk.created(caller, f"/v1/commitments/{update['id']}/renegotiations", proposal)
    await desk.pass_time(caller, hours=1)

    await desk.report(caller, request, type="replied", by="agent")
    again = await desk.created(caller, f"/v1/commitments/{update['id']}/renegotiations", proposal)

    shown = (await caller.get(f"/v1/renegotiations/{proposed['id']}")).json()
    assert (shown["state"], again["state"], again["cycle"]) == ("withdrawn", "waiting", 2)
    assert shown["withdrawal"]["reason"] == "The promise has ended."


@pytest.mark.parametrize("deed", ["resolved", "reply", "closed", "done", "Delivered!"])
async def test_a_deed_is_not_what_other_events_tell(caller: AsyncClient, deed: str) -> None:
    request = await desk.submitted(caller)

    answer = await caller.post(
        f"/v1/requests/{request['id']}/events", json={"type": "done", "deed": deed}, headers=factories.key()
    )

    assert answer.status_code == 400, answer.text


async def test_a_groups_promise_counts_while_the_request_is_with_it(caller: AsyncClient) -> None:
    request = await desk.submitted(caller, facts={"priority": "P1", "assignment_group": "Desk"})
    network = await _promised(caller, request, "network")
    assert (network["clock"], network["level"], network["held_by"]) == ("paused", "ola", "Network")

    await desk.pass_time(caller, hours=1)
    await desk.report(caller, request, type="changed", facts={"assignment_group": "Network"})
    await desk.pass_time(caller, hours=3)
    await desk.report(caller, request, type="changed", facts={"assignee": "bob"})
    await desk.pass_time(caller, hours=4)

    network = await _promised(caller, request, "network")
    assert (network["clock"], network["due_at"]) == ("running", desk.at(hours=5))
    assert network["cycles"][0]["time"] == [
        _time("us", "Network", None, used=2 * HOUR),
        _time("us", "Network", "bob", used=HOUR),
        _time("us", "Desk", None, paused=HOUR),
    ]
    resolve = await _promised(caller, request, "resolve")
    assert sum(one["used_seconds"] for one in resolve["cycles"][0]["time"]) == 4 * HOUR


def _time(
    party: str, group: str | None, person: str | None, *, used: float = 0, paused: float = 0
) -> dict[str, Any]:
    return {
        "party": party,
        "group": group,
        "person": person,
        "used_seconds": float(used),
        "paused_seconds": float(paused),
    }


async def test_a_client_is_shown_what_it_was_promised_and_not_what_groups_promise_one_another(
    caller: AsyncClient, sign_in: SignIn
) -> None:
    client = await desk.created(caller, "/v1/clients", {"name": "Harbour"})
    theirs = await sign_in(client_id=client["id"])
    request = await desk.submitted(caller, client="Harbour", facts={"assignment_group": "Network"})
    network = await _promised(caller, request, "network")

    listed = (await theirs.get("/v1/commitments", params={"request_id": request["id"]})).json()["items"]
    timeline = (await theirs.get(f"/v1/requests/{request['id']}/timeline")).json()["commitments"]
    hidden = await theirs.get(f"/v1/commitments/{network['id']}")

    assert {one["metric"] for one in listed} == {"resolve", "update", "deliver"}
    assert {one["commitment"]["metric"] for one in timeline} == {"resolve", "update", "deliver"}
    assert hidden.status_code == 404
    assert {(one["group"], one["person"]) for each in timeline for one in each["time"]} <= {(None, None)}


async def test_a_merged_request_is_over_and_says_what_goes_on_in_its_place(caller: AsyncClient) -> None:
    kept, merged = await desk.submitted(caller), await desk.submitted(caller)

    recorded = await desk.report(caller, merged, type="merged", into=kept["id"])

    assert recorded["state"] == "cancelled"
    assert {one["clock"] for one in recorded["commitments"]} == {"stopped"}
    assert {one["outcome"] for one in recorded["commitments"]} == {"pending"}
    shown = (await caller.get(f"/v1/requests/{merged['id']}")).json()
    assert shown["merged_into"] == kept["id"]
    events = (await caller.get(f"/v1/requests/{kept['id']}/events")).json()["items"]
    assert [(one["type"], one.get("other")) for one in events[1:]] == [("noted", merged["id"])]
    assert (await caller.get(f"/v1/requests/{kept['id']}")).json()["state"] == "open"


async def test_a_merged_request_that_is_reopened_goes_on_by_itself(caller: AsyncClient) -> None:
    kept, merged = await desk.submitted(caller), await desk.submitted(caller)
    await desk.report(caller, merged, type="merged", into=kept["id"])

    reopened = await desk.report(caller, merged, type="changed", state="open")

    assert {one["clock"] for one in reopened["commitments"] if one["level"] == "sla"} == {"running"}
    assert (await caller.get(f"/v1/requests/{merged['id']}")).json()["merged_into"] is None


async def _refused(caller: AsyncClient, source: dict[str, Any], into: str) -> tuple[int, list[str]]:
    answer = await caller.post(
        f"/v1/requests/{source['id']}/events", json={"type": "merged", "into": into}, headers=factories.key()
    )
    return answer.status_code, [each["pointer"] for each in answer.json().get("errors", [])]


async def test_neither_a_circle_nor_a_chain_of_merged_requests_comes_about(caller: AsyncClient) -> None:
    first, second, third = [await desk.submitted(caller) for _ in range(3)]
    await desk.report(caller, first, type="merged", into=second["id"])

    assert await _refused(caller, second, first["id"]) == (422, ["/into"])
    assert await _refused(caller, third, first["id"]) == (422, ["/into"])
    assert await _refused(caller, second, third["id"]) == (422, ["/into"])
    assert await _refused(caller, third, third["id"]) == (422, ["/into"])
    assert (await _refused(caller, third, str(uuid4())))[0] == 404


async def test_requests_of_two_clients_are_not_merged_and_neither_can_tell(
    caller: AsyncClient, sign_in: SignIn
) -> None:
    clients = [await desk.created(caller, "/v1/clients", {"name": name}) for name in ("Harbour", "Quarry")]
    theirs = await sign_in(client_id=clients[0]["id"])
    own = await desk.submitted(theirs)
    other = await desk.submitted(caller, client="Quarry")

    assert await _refused(caller, own, other["id"]) == (422, ["/into"])
    foreign, random = await _refused(theirs, own, other["id"]), await _refused(theirs, own, str(uuid4()))
    assert foreign == random == (404, [])


async def test_promises_are_listed_by_how_they_stand(caller: AsyncClient) -> None:
    request = await desk.submitted(caller)
    await desk.pass_time(caller, hours=3)

    async def metrics(**filters: Any) -> list[str]:
        params = {"request_id": request["id"], **filters}
        found = (await caller.get("/v1/commitments", params=params)).json()["items"]
        return [one["metric"] for one in found]

    assert await metrics(silent=True) == ["update"]
    assert await metrics(level="ola") == ["network"]
    assert await metrics(origin="person") == []
    assert await metrics(corrected=True) == []
    assert len(await metrics(origin="policy", corrected=False)) == 4
    assert await metrics(silent=False, metric="resolve") == ["resolve"]


async def test_a_promise_counts_by_the_calendar_of_whose_it_is(caller: AsyncClient, sign_in: SignIn) -> None:
    """By the service's hours, what the request names, the group's calendar, and else by the rule's own."""
    for name, closes in (("night", "23:00"), ("late", "20:00")):
        hours = [["09:00", closes]]
        weekly = dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), hours)
        await desk.created(
            caller, "/v1/calendars", {"name": name, "definition": {"tz": "UTC", "weekly": weekly}}
        )
    await desk.created(caller, "/v1/services", {"name": "Mail", "hours": "night"})
    await desk.created(caller, "/v1/groups", {"name": "Nights", "calendar": "night"})
    client = await desk.created(caller, "/v1/clients", {"name": "Harbour"})
    theirs = await sign_in(client_id=client["id"])
    target = {"unit": "end_of_business_day", "days": 0}
    promises = [
        {"metric": metric, "target": target, "calendar": "office", "calendar_of": whose}
        for metric, whose in (("resolve", "service"), ("visit", "request"), ("respond", "group"))
    ]
    rule = {"id": "own", "when": "true", "because": "Each by its own hours.", "then": {"promises": promises}}
    policies = (await caller.get("/v1/policies")).json()["items"]
    address = f"/v1/policies/{policies[0]['id']}"
    tag = (await caller.get(address)).headers["ETag"]
    revised = await caller.put(
        address, json={"document": {"rules": [rule]}}, headers=factories.key() | {"If-Match": tag}
    )
    assert revised.status_code == 200, revised.text
    published = await caller.post(f"{address}/publish", headers=factories.key())
    assert published.status_code == 200, published.text

    async def dues(by: AsyncClient = caller, **more: Any) -> list[str]:
        return [one["due_at"] for one in (await desk.submitted(by, **more))["commitments"]]

    office, late, night = desk.at(hours=5), desk.at(hours=8), desk.at(hours=11)
    assert await dues() == [office] * 3
    named = {"custom": {"calendar": "late"}}
    assert await dues(service="Mail", facts=named) == [night, late, office]
    assert await dues(facts={"custom": {"calendar": "no such thing"}}) == [office] * 3
    assert await dues(facts={"assignment_group": "Nights"}) == [office, office, night]
    assert await dues(theirs, facts={"assignment_group": "Nights"}) == [office, office, night]


async def test_what_a_group_broke_counts_for_the_service_and_not_as_broken_to_the_client(
    caller: AsyncClient,
) -> None:
    await desk.created(caller, "/v1/clients", {"name": "Harbour"})
    await desk.created(caller, "/v1/services", {"name": "Mail"})
    target = {"unit": "elapsed_time", "seconds": HOUR}
    promises = [{"metric": "desk", "level": "ola", "target": target}]
    when = "client.breaches_30d >= 0 && service.breaches_30d >= 0 && request.title == 'ours'"
    rule = {"id": "ola", "when": when, "because": "Ours.", "then": {"promises": promises}}
    policy = {"name": "ours", "kind": "commitment", "document": {"rules": [rule]}}
    created = await desk.created(caller, "/v1/policies", policy)
    published = await caller.post(f"/v1/policies/{created['id']}/publish", headers=factories.key())
    assert published.status_code == 200, published.text
    everybody = (await caller.get("/v1/policies")).json()["items"][0]
    retire = factories.key() | {"If-Match": "*"}
    retired = await caller.post(f"/v1/policies/{everybody['id']}/retire", headers=retire, json={})
    assert retired.status_code == 200, retired.text

    await desk.submitted(caller, client="Harbour", service="Mail", title="ours")
    await desk.pass_time(caller, hours=2)
    second = await desk.submitted(
        caller, client="Harbour", service="Mail", title="ours", occurred_at=desk.at(hours=2)
    )

    facts = (await caller.get(f"/v1/requests/{second['id']}/decision")).json()["decision"]["facts"]
    assert (facts["client"]["breaches_30d"], facts["service"]["breaches_30d"]) == (0, 1)
