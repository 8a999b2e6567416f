"""Requests over HTTP, on a sandbox whose clock stands at noon on a Monday."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import AsyncClient

from service.commitments.promises import PROMISES_MAX
from service.db import Sessions
from service.requests import deciding
from service.tenants.domain import Tenant
from tests import factories
from tests.api import desk
from tests.conftest import SignIn
from tests.factories import NOON
from tests.integration import sent

CACHED_LENGTH_MAX = 15 * 1024
"""A longer statement is not kept by asyncpg, and prepared each time."""


@pytest.fixture
async def tenant(sessions: Sessions) -> Tenant:
    return await factories.tenant(sessions, sandbox_at=NOON)


@pytest.fixture
async def caller(sign_in: SignIn) -> AsyncClient:
    """An application with all scopes, in a tenant whose policy is in effect."""
    caller = await sign_in()
    await desk.set_up(caller)
    return caller


async def test_a_request_is_promised_what_the_first_matching_rule_says(caller: AsyncClient) -> None:
    request = await desk.submitted(caller)

    assert request["rule_id"] == "p1"
    assert request["degraded"] is False
    assert [one["due_at"] for one in request["commitments"]] == [desk.at(hours=4)]


async def test_a_pause_for_the_requester_moves_the_due_by_its_working_part(caller: AsyncClient) -> None:
    request = await desk.submitted(caller)

    await desk.pass_time(caller, hours=4)
    paused = await desk.report(
        caller, request, type="paused", cause="waiting_requester", occurred_at=desk.at(hours=2)
    )
    await desk.pass_time(caller, hours=22)
    resumed = await desk.report(caller, request, type="resumed", occurred_at=desk.at(hours=22))

    assert paused["commitments"][0]["due_at"] is None
    assert paused["commitments"][0]["due_if_resumed_now"] is not None
    # 12:00 to 14:00 were used; Tuesday 10:00 plus the two hours left.
    assert resumed["commitments"][0]["due_at"] == desk.at(days=1)
    timeline = (await caller.get(f"/v1/requests/{request['id']}/timeline")).json()["commitments"][0]
    assert [(one["spent"], one["cause"]) for one in timeline["intervals"]] == [
        ("counting", None),
        ("paused", "waiting_requester"),
    ]


async def test_another_priority_is_decided_again_and_the_time_used_is_carried(caller: AsyncClient) -> None:
    request = await desk.submitted(caller, facts={"priority": "P3", "custom": {"site": "hill"}})

    await desk.pass_time(caller, hours=2)
    changed = await desk.report(caller, request, type="changed", facts={"priority": "P1"})

    assert request["rule_id"] == "others"
    assert changed["decision_id"] is not None
    assert changed["commitments"][0]["due_at"] == desk.at(hours=4)
    decisions = (await caller.get(f"/v1/requests/{request['id']}/decision")).json()
    assert decisions["decision"]["rule_id"] == "p1"
    assert [one["rule_id"] for one in decisions["earlier"]] == ["others"]


async def test_the_order_of_arrival_does_not_matter(caller: AsyncClient) -> None:
    reports = [
        {"type": "changed", "facts": {"priority": "P1"}, "occurred_at": desk.at(minutes=10), "sequence": 1},
        {"type": "paused", "cause": "waiting_requester", "occurred_at": desk.at(minutes=20), "sequence": 2},
        {"type": "resumed", "occurred_at": desk.at(minutes=50), "sequence": 3},
        {"type": "changed", "state": "resolved", "occurred_at": desk.at(minutes=55), "sequence": 4},
    ]
    requests = [await desk.submitted(caller, facts={"priority": "P3"}) for _ in range(2)]
    await desk.pass_time(caller, hours=1)

    for request, order in zip(requests, ([0, 1, 2, 3], [3, 1, 0, 2]), strict=True):
        for position in order:
            await desk.report(caller, request, **reports[position])

    ends = [
        (await caller.get("/v1/commitments", params={"request_id": request["id"]})).json()["items"][0]
        for request in requests
    ]
    same = ("due_at", "outcome", "clock", "fulfilled_at", "lateness_seconds", "target")
    first, second = [[end[key] for key in same] for end in ends]
    assert first == second
    assert ends[0]["outcome"] == "kept"


async def test_why_shows_every_rule_with_the_values_that_decided_it(caller: AsyncClient) -> None:
    request = await desk.submitted(caller, facts={"priority": "P3"})

    why = (await caller.get(f"/v1/requests/{request['id']}/why")).json()

    assert [(rule["rule_id"], rule["counts"]) for rule in why["rules"]] == [
        ("p1", False),
        ("harbour", False),
        ("others", True),
    ]
    assert why["rules"][0]["explanation"]["result"] is False
    assert why["rules"][0]["explanation"]["because"][0]["result"] == "P3"
    assert "no such fact" in why["rules"][1]["explanation"]["result"]["error"]


async def test_a_rule_that_cannot_be_evaluated_leaves_a_doubt(caller: AsyncClient) -> None:
    request = await desk.submitted(caller, facts={"priority": "P3"})

    assert request["rule_id"] == "others"
    assert request["degraded"] is True  # `harbour` asks for a site, which the request does not name


async def test_what_no_rule_matches_is_accepted_with_the_default_promise(caller: AsyncClient) -> None:
    request = await desk.submitted(caller, facts={})

    assert request["rule_id"] is None
    assert {one["metric"] for one in request["commitments"]} == {"respond", "resolve"}


async def test_a_request_that_its_source_sends_again_is_refused_and_named(caller: AsyncClient) -> None:
    request = await desk.submitted(caller, external_id="INC-7")

    again = await caller.post(
        "/v1/requests",
        json={"source": "desk", "external_id": "INC-7", "type": "incident"},
        headers=factories.key(),
    )
    found = await caller.get("/v1/requests", params={"source": "desk", "external_id": "INC-7"})

    assert again.status_code == 409
    assert again.json()["type"] == "/problems/request-exists"
    assert request["id"] in again.json()["detail"]
    assert [one["id"] for one in found.json()["items"]] == [request["id"]]


async def test_one_key_submits_once(caller: AsyncClient) -> None:
    body = {"source": "desk", "external_id": "INC-8", "type": "incident"}
    key = factories.key()

    first, second = [await caller.post("/v1/requests", json=body, headers=key) for _ in range(2)]
    other = await caller.post("/v1/requests", json=body | {"type": "change"}, headers=key)

    assert first.status_code == second.status_code == 201
    assert second.content == first.content
    assert second.headers["Idempotency-Replayed"] == "true"
    assert other.status_code == 422


@pytest.mark.parametrize(
    ("change", "status", "pointer"),
    [
        ({"facts": {"prority": "P1"}}, 422, "/facts/prority"),
        ({"facts": {"priority": 1}}, 422, "/facts/priority"),
        ({"facts": {"custom": 1}}, 422, "/facts/custom"),
        ({"occurred_at": desk.at(minutes=6)}, 422, "/occurred_at"),
        ({"occurred_at": "2026-01-05T12:00:00"}, 400, "/occurred_at"),
        ({"type": "wish"}, 422, "/type"),
        ({"type": "A wish"}, 400, "/type"),
        ({"state": "half-open"}, 400, "/state"),
        ({"tenant_id": str(uuid4())}, 400, ""),
    ],
)
async def test_a_bad_submission_names_the_place(
    caller: AsyncClient, change: dict[str, Any], status: int, pointer: str
) -> None:
    body = {"source": "desk", "external_id": "INC-9", "type": "incident"} | change

    answer = await caller.post("/v1/requests", json=body, headers=factories.key())

    assert answer.status_code == status, answer.text
    assert pointer in [fault["pointer"] for fault in answer.json()["errors"]]
    assert (await caller.get("/v1/requests")).json()["items"] == []


async def test_an_unknown_client_or_service_is_not_found(caller: AsyncClient) -> None:
    for field in ("client", "service"):
        body = {"source": "desk", "external_id": "INC-10", "type": "incident", field: "nobody"}

        answer = await caller.post("/v1/requests", json=body, headers=factories.key())

        assert answer.status_code == 404, answer.text


async def test_what_is_old_needs_a_scope_and_is_flagged(caller: AsyncClient, sign_in: SignIn) -> None:
    old = (NOON - timedelta(days=2)).isoformat()
    young = await sign_in("requests:write")
    body = {"source": "desk", "external_id": "INC-11", "type": "incident", "occurred_at": old}

    refused = await young.post("/v1/requests", json=body, headers=factories.key())
    accepted = await desk.created(caller, "/v1/requests", body)

    assert refused.status_code == 403
    assert refused.json()["type"] == "/problems/backdating-forbidden"
    events = (await caller.get(f"/v1/requests/{accepted['id']}/events")).json()["items"]
    assert events[0]["backdated"] is True


@pytest.mark.parametrize(
    "at", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]
)
async def test_what_is_dated_outside_of_all_calendars_spoils_no_request(caller: AsyncClient, at: str) -> None:
    request = await desk.submitted(caller)
    body = {"source": "desk", "external_id": "INC-1", "type": "incident", "occurred_at": at}

    refused = [
        await caller.post("/v1/requests", json=body, headers=factories.key()),
        await caller.post(
            f"/v1/requests/{request['id']}/events",
            json={"type": "noted", "occurred_at": at},
            headers=factories.key(),
        ),
    ]

    assert [answer.status_code for answer in refused] == [422, 422]
    assert {answer.json()["errors"][0]["pointer"] for answer in refused} == {"/occurred_at"}
    await desk.report(caller, request, type="noted")


async def test_a_calendar_that_ends_before_the_due_loses_neither_request_nor_event(
    sign_in: SignIn, sessions: Sessions
) -> None:
    caller = await sign_in(of=await factories.tenant(sessions))
    once: dict[str, Any] = {"tz": "UTC", "weekly": {}, "openings": [["2100-01-01T09:00", "2100-01-01T10:00"]]}
    open_now = {"name": "once", "definition": {"always_open": True}}
    calendar = await desk.created(caller, "/v1/calendars", open_now)
    target = {"unit": "working_time", "seconds": 7200}
    rule = {
        "id": "never",
        "when": "request.priority == 'P1'",
        "because": "Nobody can keep it.",
        "then": {"promises": [{"metric": "resolve", "calendar": "once", "target": target}]},
    }
    await desk.set_up(caller, {"rules": [rule]})
    path = f"/v1/calendars/{calendar['id']}"
    tag = (await caller.get(path)).headers["ETag"]
    revised = await caller.put(path, json={"definition": once}, headers={"If-Match": tag})
    assert revised.status_code == 200, revised.text

    request = await desk.submitted(caller)
    other = await desk.submitted(caller, facts={})
    changed = await desk.report(caller, other, type="changed", facts={"priority": "P1"}, state="resolved")

    assert (request["degraded"], request["rule_id"]) == (True, None)
    assert {promise["metric"] for promise in request["commitments"]} == {"respond", "resolve"}
    assert changed["state"] == "resolved"
    assert {promise["outcome"] for promise in changed["commitments"]} == {"kept"}
    decided = (await caller.get(f"/v1/requests/{other['id']}/decision")).json()["decision"]
    assert (decided["degraded"], decided["rule_id"]) == (True, None)


async def test_the_client_and_the_service_are_facts(caller: AsyncClient) -> None:
    await desk.created(caller, "/v1/clients", {"name": "Harbour", "tier": "gold"})
    await desk.created(caller, "/v1/services", {"name": "mail", "owner_group": "messaging"})

    request = await desk.submitted(caller, client="Harbour", service="mail")

    facts = (await caller.get(f"/v1/requests/{request['id']}/decision")).json()["decision"]["facts"]
    assert facts["client"] == {"name": "Harbour", "tier": "gold"}
    assert facts["service"] == {"name": "mail", "owner_group": "messaging"}


async def test_a_clients_application_sees_its_own_requests_only(caller: AsyncClient, sign_in: SignIn) -> None:
    clients = [await desk.created(caller, "/v1/clients", {"name": name}) for name in ("Harbour", "Hill")]
    theirs = await desk.submitted(caller, client="Hill")
    harbour = await sign_in(client_id=clients[0]["id"])

    own = await desk.submitted(harbour)
    shown = (await harbour.get("/v1/requests")).json()["items"]
    foreign = [
        await harbour.get(f"/v1/requests/{theirs['id']}{path}")
        for path in ("", "/decision", "/why", "/timeline", "/events")
    ]

    assert [one["id"] for one in shown] == [own["id"]]
    assert {answer.status_code for answer in foreign} == {404}


async def test_a_name_is_taken_for_whoever_has_used_it_and_for_nobody_else(
    caller: AsyncClient, sign_in: SignIn
) -> None:
    clients = [await desk.created(caller, "/v1/clients", {"name": name}) for name in ("Harbour", "Hill")]
    senders = [caller, *[await sign_in(client_id=client["id"]) for client in clients]]
    colleagues = [await sign_in(), *[await sign_in(client_id=client["id"]) for client in clients]]
    body = {"source": "desk", "external_id": "INC-1", "type": "incident"}

    accepted = [await desk.created(sender, "/v1/requests", body) for sender in senders]
    refused = [
        (await sender.post("/v1/requests", json=body, headers=factories.key())).json()
        for sender in colleagues
    ]

    assert {each["type"] for each in refused} == {"/problems/request-exists"}
    for request, refusal in zip(accepted, refused, strict=True):
        assert request["id"] in refusal["detail"]
    shown = [(await caller.get(f"/v1/requests/{request['id']}")).json() for request in accepted]
    assert [each["source_client_id"] for each in shown] == [None, *[client["id"] for client in clients]]


async def test_another_tenants_request_answers_as_a_random_id(
    caller: AsyncClient, sign_in: SignIn, sessions: Sessions
) -> None:
    request = await desk.submitted(caller)
    stranger = await sign_in(of=await factories.tenant(sessions))
    random = str(uuid4())

    for path in ("", "/decision", "/why", "/timeline", "/events"):
        real = await stranger.get(f"/v1/requests/{request['id']}{path}")
        none = await stranger.get(f"/v1/requests/{random}{path}")
        assert _anonymous(real.json(), request["id"]) == _anonymous(none.json(), random)
        assert real.status_code == none.status_code == 404
    event = {"type": "noted"}
    answers = [
        await stranger.post(f"/v1/requests/{each}/events", json=event, headers=factories.key())
        for each in (request["id"], random)
    ]
    assert [answer.status_code for answer in answers] == [404, 404]


def _anonymous(problem: dict[str, Any], request_id: str) -> dict[str, Any]:
    shown = {key: value for key, value in problem.items() if key != "request_id"}
    return {key: str(value).replace(request_id, "…") for key, value in shown.items()}


async def test_a_request_unchanged_is_not_sent_again(caller: AsyncClient) -> None:
    request = await desk.submitted(caller)
    path = f"/v1/requests/{request['id']}"

    first = await caller.get(path)
    second = await caller.get(path, headers={"If-None-Match": first.headers["ETag"]})
    await desk.report(caller, request, type="changed", state="resolved")
    third = await caller.get(path, headers={"If-None-Match": first.headers["ETag"]})

    assert second.status_code == 304
    assert third.status_code == 200
    assert third.json()["state"] == "resolved"
    assert datetime.fromisoformat(third.json()["opened_at"]) == NOON


async def test_what_is_dated_before_the_opening_counts_at_the_opening(caller: AsyncClient) -> None:
    request = await desk.submitted(caller, facts={"priority": "P3", "custom": {"site": "hill"}})

    changed = await desk.report(
        caller,
        request,
        type="changed",
        facts={"category": "mail"},
        occurred_at=(NOON - timedelta(hours=2)).isoformat(),
    )

    decision = (await caller.get(f"/v1/requests/{request['id']}/decision")).json()["decision"]
    assert decision["rule_id"] == "others"
    assert decision["facts"]["request"]["category"] == "mail"
    assert [one["due_at"] for one in changed["commitments"]] == [
        one["due_at"] for one in request["commitments"]
    ]


async def test_a_revised_calendar_moves_no_promise_that_was_made(caller: AsyncClient) -> None:
    facts = {"priority": "P3"}  # sixteen working hours
    request = await desk.submitted(caller, facts=facts)
    calendar = (await caller.get("/v1/calendars")).json()["items"][0]
    path = f"/v1/calendars/{calendar['id']}"
    tag = (await caller.get(path)).headers["ETag"]
    longer = {"always_open": True}  # an earlier due would stand, were it taken
    revised = await caller.put(path, json={"definition": longer}, headers={"If-Match": tag})
    assert revised.status_code == 200, revised.text

    changed = await desk.report(caller, request, type="changed", facts={"category": "mail"})
    fresh = await desk.submitted(caller, facts=facts)

    assert changed["commitments"][0]["due_at"] == request["commitments"][0]["due_at"]
    assert fresh["commitments"][0]["due_at"] < request["commitments"][0]["due_at"]


async def test_a_ledger_is_paged_in_the_order_in_which_it_counts(caller: AsyncClient) -> None:
    request = await desk.submitted(caller)
    await desk.pass_time(caller, hours=1)
    for minute in (30, 10, 20):
        await desk.report(caller, request, type="noted", occurred_at=desk.at(minutes=minute))

    found: list[str] = []
    params: dict[str, Any] = {"limit": 3}
    while params.get("cursor", "") is not None:
        page = (await caller.get(f"/v1/requests/{request['id']}/events", params=params)).json()
        found += [item["occurred_at"] for item in page["items"]]
        params = {"limit": 3, "cursor": page["next"]}

    assert found == [desk.at(minutes=minute) for minute in (0, 10, 20, 30)]


async def test_a_late_event_has_a_bounded_number_of_later_ones_decided_again(
    caller: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deciding, "DECIDED_AGAIN_MAX", 2)
    request = await desk.submitted(caller)
    await desk.pass_time(caller, hours=1)
    for minute in range(10, 15):
        await desk.report(
            caller,
            request,
            type="changed",
            facts={"category": f"c{minute}"},
            occurred_at=desk.at(minutes=minute),
        )
    path = f"/v1/requests/{request['id']}/decision"
    before = len((await caller.get(path)).json()["earlier"])

    await desk.report(
        caller, request, type="changed", facts={"impact": "high"}, occurred_at=desk.at(minutes=1)
    )

    decisions = (await caller.get(path)).json()
    assert len(decisions["earlier"]) - before == 3  # the late one and two later
    holding = decisions["decision"]["facts"]["request"]
    assert (holding["category"], holding["impact"]) == ("c14", "high")


async def test_a_submission_takes_few_statements(caller: AsyncClient, sign_in: SignIn) -> None:
    client = (await caller.post("/v1/clients", json={"name": "Port"}, headers=factories.key())).json()
    theirs = await sign_in(client_id=client["id"])

    assert await _statements_of_a_submission(caller) == 9
    assert await _statements_of_a_submission(theirs) == 11, "its client is looked up; a job"


async def test_what_is_written_of_many_promises_is_a_statement_that_the_driver_keeps(sign_in: SignIn) -> None:
    caller = await sign_in()
    promises = [
        {
            "metric": f"step_{number}",
            "fulfilled_by": ["resolved"],
            "target": {"unit": "elapsed_time", "seconds": 3600},
        }
        for number in range(PROMISES_MAX)
    ]
    rule = {"id": "all", "when": "true", "because": "Each step counts.", "then": {"promises": promises}}
    await desk.set_up(caller, {"rules": [rule]})

    with sent.statements() as statements:
        await desk.submitted(caller)

    [written] = [each for each in statements if "insert into commitment " in each]
    assert len(written) <= CACHED_LENGTH_MAX


async def _statements_of_a_submission(caller: AsyncClient) -> int:
    """How many a submission takes from the setting of its tenant on; a rate may have been counted before."""
    await desk.submitted(caller)
    with sent.statements() as statements:
        await desk.submitted(caller)
    begun = max(at for at, each in enumerate(statements) if "rooted.set_tenant" in each)
    of_the_test = ("savepoint", "set_config")
    return len([each for each in statements[begun:] if not any(one in each.lower() for one in of_the_test)])
