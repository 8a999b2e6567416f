"""Facts over HTTP: declare, change, remove, and what they do to policies and decisions."""

from typing import Any

import pytest
from httpx2 import AsyncClient

from service.db import Sessions, TenantSession
from service.limits import service as limits
from service.limits.domain.table import FACTS as LIMIT
from service.rules.vocabulary import FACTS
from service.tenants.domain import Tenant
from tests import factories
from tests.api import desk
from tests.conftest import SignIn
from tests.factories import NOON

SITE: dict[str, Any] = {
    "name": "request.custom.site",
    "type": "string",
    "values": ["harbour", "airport"],
    "description": "Where the work is to be done.",
}
THEN = desk.DOCUMENT["rules"][1]["then"]


def _document(when: str) -> dict[str, Any]:
    return {"rules": [{"id": "asked", "when": when, "then": THEN, "because": "It was asked."}]}


async def _declared(caller: AsyncClient, **said: Any) -> dict[str, Any]:
    return await desk.created(caller, "/v1/facts", SITE | said)


async def _listed(caller: AsyncClient, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    path: str | None = "/v1/facts"
    while path is not None:
        answer = await caller.get(path, params=query)
        found += answer.json()["items"]
        query = query | {"cursor": answer.json()["next"]}
        path = "/v1/facts" if query["cursor"] else None
    return found


async def _changed(caller: AsyncClient, fact: dict[str, Any], **said: Any) -> Any:
    path = f"/v1/facts/{fact['id']}"
    tag = (await caller.get(path)).headers["ETag"]
    body = {key: value for key, value in (SITE | said).items() if key != "name"}
    return await caller.put(path, json=body, headers={"If-Match": tag})


async def _decision(caller: AsyncClient, request: dict[str, Any]) -> dict[str, Any]:
    return (await caller.get(f"/v1/requests/{request['id']}/decision")).json()["decision"]


async def _removed(caller: AsyncClient, fact: dict[str, Any]) -> Any:
    return await caller.delete(f"/v1/facts/{fact['id']}", headers={"If-Match": "*"})


async def test_the_list_has_everybodys_facts_and_the_tenants_own_by_name(caller: AsyncClient) -> None:
    fact = await _declared(caller)

    listed = await _listed(caller, limit=10)

    assert [each["name"] for each in listed] == sorted([*FACTS, SITE["name"]])
    (own,) = [each for each in listed if each["id"] is not None]
    assert own == fact
    (counted,) = [each for each in listed if each["name"] == "client.open_requests"]
    assert (counted["type"], counted["unit"], counted["source"]) == ("int", "count", "history")


async def test_a_fact_is_declared_shown_changed_and_removed_and_each_is_audited(caller: AsyncClient) -> None:
    fact = await _declared(caller)
    shown = await caller.get(f"/v1/facts/{fact['id']}")
    changed = await _changed(caller, fact, values=None, description="Where.")
    removed = await _removed(caller, fact)
    gone = await caller.get(f"/v1/facts/{fact['id']}")
    audited = (await caller.get("/v1/audit-records", params={"subject": f"fact:{fact['id']}"})).json()[
        "items"
    ]

    assert (
        shown.json()
        == fact
        == SITE
        | {key: fact[key] for key in ("id", "created_at")}
        | {"version": 1, "unit": None, "source": "tenant"}
    )
    assert changed.json() == fact | {"values": None, "description": "Where.", "version": 2}
    assert removed.status_code == 204
    assert (gone.status_code, gone.json()["type"]) == (404, "/problems/fact-not-found")
    assert sorted(each["action"] for each in audited) == ["fact.changed", "fact.declared", "fact.removed"]


async def test_a_faulty_declaration_is_refused_with_its_places(caller: AsyncClient) -> None:
    answer = await caller.post(
        "/v1/facts", json=SITE | {"name": "site", "values": [1]}, headers=factories.key()
    )

    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/fact-invalid")
    assert [each["pointer"] for each in answer.json()["errors"]] == ["/name", "/values/0"]


async def test_a_name_is_declared_once(caller: AsyncClient) -> None:
    await _declared(caller)

    again = await caller.post("/v1/facts", json=SITE, headers=factories.key())

    assert (again.status_code, again.json()["type"]) == (409, "/problems/fact-name-taken")


async def test_there_are_as_many_facts_as_the_limit_says(caller: AsyncClient, session: TenantSession) -> None:
    await limits.change(session, factories.OPERATOR, LIMIT, 1, now=NOON)
    await session.db.commit()
    await _declared(caller)

    second = await caller.post(
        "/v1/facts", json=SITE | {"name": "request.custom.floor"}, headers=factories.key()
    )

    assert (second.status_code, second.json()["type"]) == (409, "/problems/facts-too-many")


async def test_a_change_moves_no_version_that_was_saved_before(caller: AsyncClient) -> None:
    fact = await _declared(caller, type="int", values=None, name="request.custom.floor")
    policy = await desk.set_up(caller, _document("request.custom.floor > 3"))
    await _changed(caller, fact, type="string", values=None)

    matched = await desk.submitted(caller, facts={"custom": {"floor": 4}})
    refused = await caller.put(
        f"/v1/policies/{policy['id']}",
        json={"document": _document("request.custom.floor > 3")},
        headers={"If-Match": "*"},
    )

    assert (matched["rule_id"], matched["degraded"]) == ("asked", False)
    assert refused.status_code == 422


async def test_a_fact_that_is_read_is_removed_only_when_nothing_published_reads_it(
    caller: AsyncClient,
) -> None:
    fact = await _declared(caller)
    policy = await desk.set_up(caller, _document("request.custom.site == 'harbour'"))

    in_use = await _removed(caller, fact)
    path = f"/v1/policies/{policy['id']}"
    revised = await caller.put(path, json={"document": _document("true")}, headers={"If-Match": "*"})
    still = await _removed(caller, fact)
    published = await caller.post(f"{path}/publish", headers=factories.key())
    removed = await _removed(caller, fact)

    assert (in_use.status_code, in_use.json()["type"]) == (409, "/problems/fact-in-use")
    assert "'promises'" in in_use.json()["detail"]
    assert (revised.status_code, published.status_code) == (200, 200)
    assert (still.status_code, removed.status_code) == (409, 204)


async def test_another_tenants_facts_are_not_there(
    caller: AsyncClient, sessions: Sessions, sign_in: SignIn
) -> None:
    fact = await _declared(caller)
    stranger = await sign_in(of=await factories.tenant(sessions))

    answers = [
        await stranger.get(f"/v1/facts/{fact['id']}"),
        await stranger.put(
            f"/v1/facts/{fact['id']}",
            json={"type": "int", "description": "Mine."},
            headers={"If-Match": "*"},
        ),
        await _removed(stranger, fact),
    ]

    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert [each["name"] for each in await _listed(stranger)] == sorted(FACTS)


@pytest.mark.parametrize(
    ("custom", "degraded", "pointers"),
    [
        ({"site": "harbour"}, False, []),
        ({"site": "mill"}, False, ["/request/custom/site"]),
        ({"site": 7}, True, ["/request/custom/site"]),
    ],
    ids=str,
)
async def test_a_value_that_does_not_fit_loses_no_request_and_is_named(
    caller: AsyncClient, custom: dict[str, Any], pointers: list[str], *, degraded: bool
) -> None:
    await _declared(caller)
    await desk.set_up(
        caller, _document("has(request.custom.site) && request.custom.site == 'harbour' || true")
    )

    request = await desk.submitted(caller, facts={"custom": custom})
    decision = await _decision(caller, request)

    (answer,) = [each for each in decision["answers"] if each["kind"] == "commitment"]
    assert [each["pointer"] for each in answer["consulted"][0]["unfit"]] == pointers
    assert decision["degraded"] is degraded


async def test_history_is_counted_alike_for_the_tenant_and_for_a_client_of_it(
    caller: AsyncClient, sessions: Sessions, tenant: Tenant, sign_in: SignIn
) -> None:
    ours, theirs = [await factories.client_of(sessions, tenant, name=name) for name in ("Ours", "Theirs")]
    await desk.created(caller, "/v1/services", {"name": "mail"})
    await desk.set_up(caller, _document("history.same_service_24h >= 2 && client.open_requests == 1"))
    await desk.submitted(caller, client="Theirs", service="mail")
    await desk.submitted(caller, client="Ours", service="mail")
    our_own = await sign_in(client_id=ours)

    by_client = await desk.submitted(our_own, service="mail")
    seen = (await _decision(caller, by_client))["facts"]
    told = (await our_own.get(f"/v1/requests/{by_client['id']}/why")).json()["facts"]
    by_tenant = await desk.submitted(caller, client="Theirs", service="mail")

    assert theirs != ours
    assert (by_client["rule_id"], by_tenant["rule_id"]) == ("asked", "asked")
    assert (seen["history"], seen["client"]["open_requests"]) == ({"same_service_24h": 2}, 1)
    assert (told["client"], "history" in told) == ({"open_requests": 1}, False)
    assert "requests_30d" not in seen["client"]


async def test_a_request_that_is_decided_again_is_counted_again_without_itself(caller: AsyncClient) -> None:
    await desk.created(caller, "/v1/services", {"name": "mail"})
    await desk.set_up(caller, _document("history.same_service_1h >= 1"))
    first = await desk.submitted(caller, service="mail")
    await desk.submitted(caller, service="mail")

    await desk.report(caller, first, type="changed", facts={"priority": "P2"})
    decision = await _decision(caller, first)

    assert (first["rule_id"], decision["rule_id"]) == (None, "asked")
    assert decision["facts"]["history"] == {"same_service_1h": 1}


async def test_a_broken_promise_counts_for_its_client_and_its_service(
    sessions: Sessions, sign_in: SignIn
) -> None:
    sandbox = await factories.tenant(sessions, sandbox_at=NOON)
    await factories.client_of(sessions, sandbox)
    caller = await sign_in(of=sandbox)
    await desk.created(caller, "/v1/services", {"name": "mail"})
    await desk.set_up(caller, _document("service.breaches_30d >= 1 && client.breaches_30d >= 1 || true"))
    first = await desk.submitted(caller, client="Harbour", service="mail", occurred_at=desk.at())
    await desk.pass_time(caller, days=2)

    second = await desk.submitted(caller, client="Harbour", service="mail", occurred_at=desk.at(days=2))
    before, after = [(await _decision(caller, each))["facts"] for each in (first, second)]

    assert (before["service"]["breaches_30d"], before["client"]["breaches_30d"]) == (0, 0)
    assert (after["service"]["breaches_30d"], after["client"]["breaches_30d"]) == (1, 1)
