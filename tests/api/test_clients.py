"""Client organizations: what is said of them, what rules make of it, and what each is told."""

from typing import Any

import pytest
from httpx2 import AsyncClient
from sqlalchemy import text

from service.db import Sessions, tenant_transaction
from service.jobs import service as jobs
from service.jobs.registry import Tools
from service.outbox import jobs as outbox_jobs
from service.outbox import service as outbox
from service.tenants.domain import Tenant
from tests import factories
from tests.api import desk
from tests.conftest import SignIn
from tests.factories import MovableClock

CLIENTS = "/v1/clients"
ROUND_THE_CLOCK = {"always_open": True}
PROMISE = {
    "metric": "resolve",
    "calendar": "office",
    "client_calendar": True,
    "target": {"unit": "working_time", "seconds": 4 * 3_600},
}
BY_PROFILE: dict[str, Any] = {
    "facts": {"client.custom.sites": "int", "client.custom.risk": "string"},
    "rules": [
        {
            "id": "many-sites",
            "when": "client.custom.sites > 2 && service.name != 'x'",
            "because": "Whoever has many sites cannot wait.",
            "then": {"promises": [PROMISE]},
        },
        {
            "id": "risky",
            "when": "client.custom.risk == 'high'",
            "because": "They complain.",
            "then": {"promises": [PROMISE]},
        },
        {
            "id": "others",
            "when": "has(request.type)",
            "because": "Everybody.",
            "then": {"promises": [PROMISE]},
        },
    ],
}


async def test_what_is_said_of_a_client_is_changed_on_the_version_that_was_read(caller: AsyncClient) -> None:
    created = await caller.post(CLIENTS, json={"name": "Harbour"}, headers=factories.key())
    address, tag = created.headers["Location"], {"If-Match": created.headers["ETag"]}
    wanted = {"name": "Harbour", "tier": "gold", "profile": {"sites": 3, "on_site": True}, "calendar": None}

    blind = await caller.put(address, json=wanted)
    changed = await caller.put(address, json=wanted, headers=tag)
    stale = await caller.put(address, json=wanted, headers=tag)

    assert [blind.status_code, changed.status_code, stale.status_code] == [428, 200, 412]
    assert {name: changed.json()[name] for name in wanted} == wanted
    assert (await caller.get(address)).json() == changed.json()


async def test_a_client_cannot_take_another_ones_name(caller: AsyncClient) -> None:
    harbour = await desk.created(caller, CLIENTS, {"name": "Harbour"})
    await desk.created(caller, CLIENTS, {"name": "Hill"})

    refused = await caller.put(f"{CLIENTS}/{harbour['id']}", json={"name": "Hill"}, headers={"If-Match": "*"})

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/name-taken")


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"profile": {"Sites": 3}}, 422, "/profile/Sites"),
        ({"profile": {"sites": None}}, 400, "/profile"),
        ({"profile": {"sites": [1]}}, 400, "/profile"),
        ({"profile": {"note": "\x07"}}, 422, "/profile/note"),
        ({"calendar": "nowhere"}, 422, "/calendar"),
    ],
)
async def test_a_bad_client_names_the_place(
    caller: AsyncClient, body: dict[str, Any], status: int, pointer: str
) -> None:
    refused = await caller.post(CLIENTS, json={"name": "Harbour"} | body, headers=factories.key())

    assert refused.status_code == status, refused.text
    assert [fault["pointer"] for fault in refused.json()["errors"]] == [pointer]


async def _harbour(caller: AsyncClient, **entry: Any) -> dict[str, Any]:
    """A client with a calendar of its own that never closes, and rules that read its profile."""
    await desk.set_up(caller, BY_PROFILE)
    harbour = await desk.created(caller, CLIENTS, {"name": "Harbour"})
    calendar = {"name": "quay", "definition": ROUND_THE_CLOCK, "client_id": harbour["id"]}
    await desk.created(caller, "/v1/calendars", calendar)
    changed = await caller.put(
        f"{CLIENTS}/{harbour['id']}",
        json={"name": "Harbour", "calendar": "quay"} | entry,
        headers={"If-Match": "*"},
    )
    assert changed.status_code == 200, changed.text
    return changed.json()


async def test_a_profile_is_what_rules_read_and_a_promise_counts_by_the_clients_calendar(
    caller: AsyncClient, sign_in: SignIn
) -> None:
    harbour = await _harbour(caller, profile={"sites": 3})
    confined = await sign_in(client_id=harbour["id"])

    for submitter, extra in ((caller, {"client": "Harbour"}), (confined, {})):
        accepted = await desk.submitted(submitter, occurred_at=None, **extra)
        (promise,) = accepted["commitments"]
        decision = (await caller.get(f"/v1/requests/{accepted['id']}/decision")).json()["decision"]
        timeline = (await caller.get(f"/v1/requests/{accepted['id']}/timeline")).json()
        assert decision["facts"]["client"] == {"name": "Harbour", "calendar": "quay", "custom": {"sites": 3}}
        assert {each["spent"] for each in timeline["commitments"][0]["intervals"]} <= {"counting"}
        assert promise["due_at"] is not None


async def test_a_client_without_a_calendar_is_promised_by_the_shared_one(caller: AsyncClient) -> None:
    await _harbour(caller)
    await desk.created(caller, CLIENTS, {"name": "Hill"})

    accepted = await desk.submitted(caller, client="Hill")

    decision = (await caller.get(f"/v1/requests/{accepted['id']}/decision")).json()["decision"]
    assert (accepted["rule_id"], decision["degraded"]) == ("others", True)
    assert len(accepted["commitments"]) == 1


async def test_a_clients_calendar_is_seen_by_that_client_and_named_by_no_policy(
    caller: AsyncClient, sign_in: SignIn
) -> None:
    harbour = await _harbour(caller)
    hill = await desk.created(caller, CLIENTS, {"name": "Hill"})
    seen = {
        name: {each["name"] for each in (await sender.get("/v1/calendars")).json()["items"]}
        for name, sender in (
            ("tenant", caller),
            ("harbour", await sign_in(client_id=harbour["id"])),
            ("hill", await sign_in(client_id=hill["id"])),
        )
    }
    borrowed = await caller.put(
        f"{CLIENTS}/{hill['id']}", json={"name": "Hill", "calendar": "quay"}, headers={"If-Match": "*"}
    )
    document = {"rules": [desk.DOCUMENT["rules"][1] | {"when": "true"}]}
    document["rules"][0]["then"] = {"promises": [PROMISE | {"calendar": "quay"}]}
    policy = await desk.created(
        caller, "/v1/policies", {"name": "quay", "kind": "commitment", "document": document}
    )
    published = await caller.post(f"/v1/policies/{policy['id']}/publish", headers=factories.key())

    assert seen == {"tenant": {"office", "quay"}, "harbour": {"office", "quay"}, "hill": {"office"}}
    assert borrowed.status_code == published.status_code == 422


@pytest.mark.parametrize(
    ("profile", "rule", "read"),
    [
        ({"sites": 3, "risk": "high"}, "many-sites", {"custom": {"sites": 3}}),
        ({"risk": "high"}, "risky", {"custom": {"risk": "high"}}),
        ({"sites": 1, "risk": "low"}, "others", None),
    ],
)
async def test_a_client_is_told_the_rule_that_was_followed_and_not_the_rule_book(
    caller: AsyncClient, sign_in: SignIn, profile: dict[str, Any], rule: str, read: Any
) -> None:
    harbour = await _harbour(caller, profile=profile)
    await desk.created(caller, "/v1/services", {"name": "mail"})
    confined = await sign_in(client_id=harbour["id"])
    accepted = await desk.submitted(confined, service="mail")
    path = f"/v1/requests/{accepted['id']}"

    told, known = [(await each.get(f"{path}/why")).json() for each in (confined, caller)]
    decision = (await confined.get(f"{path}/decision")).json()["decision"]

    (followed,) = told["rules"]
    assert (followed["rule_id"], followed["counts"]) == (rule, True)
    assert followed["because"]
    assert (followed["when"], followed["explanation"]) == (None, None)
    assert told["facts"].get("client") == read
    assert told["facts"]["request"] == known["facts"]["request"]
    assert len(known["rules"]) == 3
    assert known["facts"]["client"]["custom"] == profile
    assert decision["rule_id"] == rule
    assert (decision["answers"], decision["promises"], decision["policy_version_id"]) == ([], None, None)
    assert set(decision["facts"]) == {"request"}


async def test_what_a_client_does_is_told_to_the_tenants_endpoints_and_to_no_other_clients(
    caller: AsyncClient, sign_in: SignIn, sessions: Sessions, tenant: Tenant, clock: MovableClock
) -> None:
    clients = [await desk.created(caller, CLIENTS, {"name": name}) for name in ("Harbour", "Hill")]
    confined = [await sign_in(client_id=client["id"]) for client in clients]
    url = {"url": "https://example.com/hook", "types": ["request.accepted"]}
    endpoints = [await desk.created(each, "/v1/webhook-endpoints", url) for each in (caller, *confined)]
    await desk.submitted(confined[0])

    queued = text("select payload from pgqueuer where entrypoint = :name")
    async with tenant_transaction(sessions, tenant.id) as session:
        found = await session.db.execute(queued, {"name": outbox.ANNOUNCE})
        (announcement,) = [jobs.decode(payload) for payload in found.scalars()]

    for _ in range(2):
        await outbox_jobs.announce(Tools(sessions, clock, {}), **announcement)

    async with tenant_transaction(sessions, tenant.id) as session:
        deliveries = text("select endpoint_id::text from webhook_delivery where tenant_id = :tenant")
        told = list((await session.db.execute(deliveries, {"tenant": tenant.id})).scalars())
        delivered = (await session.db.execute(queued, {"name": outbox.DELIVER})).all()
    assert sorted(told) == sorted(endpoint["id"] for endpoint in endpoints[:2])
    assert len(delivered) == 2
