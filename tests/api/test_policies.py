"""Policies and single conditions over HTTP."""

from typing import Any

import pytest
from httpx2 import AsyncClient

from service.db import Sessions
from tests import factories
from tests.api import desk
from tests.conftest import SignIn


async def _created(caller: AsyncClient, **overrides: Any) -> dict[str, Any]:
    body = {"name": "promises", "kind": "commitment", "document": desk.DOCUMENT} | overrides
    return await desk.created(caller, "/v1/policies", body)


async def test_a_policy_decides_nothing_before_it_is_published(caller: AsyncClient) -> None:
    await desk.created(caller, "/v1/calendars", {"name": "office", "definition": desk.OFFICE})
    policy = await _created(caller)

    before = await desk.submitted(caller)
    published = await caller.post(f"/v1/policies/{policy['id']}/publish", headers=factories.key())
    after = await desk.submitted(caller)

    assert (policy["version"], policy["published_version"]) == (1, None)
    assert published.json()["published_version"] == 1
    assert (before["rule_id"], after["rule_id"]) == (None, "p1")


async def test_publishing_is_a_change_of_the_policy_to_whoever_has_read_it(caller: AsyncClient) -> None:
    await desk.created(caller, "/v1/calendars", {"name": "office", "definition": desk.OFFICE})
    path = f"/v1/policies/{(await _created(caller))['id']}"
    tag = (await caller.get(path)).headers["ETag"]

    published = await caller.post(f"{path}/publish", headers=factories.key())
    shown = await caller.get(path, headers={"If-None-Match": tag})
    revised = await caller.put(path, json={"document": desk.DOCUMENT}, headers={"If-Match": tag})

    assert (shown.status_code, shown.json()["published_version"]) == (200, 1)
    assert shown.headers["ETag"] == published.headers["ETag"] != tag
    assert revised.status_code == 412


async def test_a_version_never_changes_and_the_one_in_effect_stays_until_the_next_is_published(
    caller: AsyncClient,
) -> None:
    policy = await desk.set_up(caller)
    path = f"/v1/policies/{policy['id']}"
    shorter = {"rules": [desk.DOCUMENT["rules"][1] | {"id": "all", "when": "true"}]}
    tag = (await caller.get(path)).headers["ETag"]

    revised = await caller.put(path, json={"document": shorter}, headers={"If-Match": tag})
    before = await desk.submitted(caller)
    await caller.post(f"{path}/publish", headers=factories.key())
    after = await desk.submitted(caller)
    versions = [(await caller.get(f"{path}/versions/{number}")).json() for number in (1, 2)]

    assert revised.json()["version"] == 2
    assert (before["rule_id"], after["rule_id"]) == ("p1", "all")
    assert [version["document"] for version in versions] == [desk.DOCUMENT, shorter]
    decided = (await caller.get(f"/v1/requests/{before['id']}/decision")).json()["decision"]
    (asked,) = [answer["versions"] for answer in decided["answers"] if answer["kind"] == "commitment"]
    assert [version["version"] for version in asked] == [1]


async def test_a_policy_that_counts_by_an_unknown_calendar_is_not_published(caller: AsyncClient) -> None:
    policy = await _created(caller)

    refused = await caller.post(f"/v1/policies/{policy['id']}/publish", headers=factories.key())

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/document/rules/0/then"
    assert (await caller.get(f"/v1/policies/{policy['id']}")).json()["published_version"] is None


@pytest.mark.parametrize("version", [0, -1, 2, 2**31, 2**63, 10**30])
async def test_a_version_that_there_is_not_is_not_found(caller: AsyncClient, version: int) -> None:
    policy = await _created(caller)

    answer = await caller.get(f"/v1/policies/{policy['id']}/versions/{version}")

    assert answer.status_code == 404


async def test_a_bad_condition_is_refused_with_line_column_and_a_suggestion(caller: AsyncClient) -> None:
    rule = desk.DOCUMENT["rules"][0] | {"when": "request.priorty == 'P1'"}
    body = {"name": "typo", "kind": "commitment", "document": {"rules": [rule]}}

    refused = await caller.post("/v1/policies", json=body, headers=factories.key())

    assert refused.status_code == 422
    (fault,) = refused.json()["errors"]
    assert (fault["pointer"], fault["line"]) == ("/document/rules/0/when", 1)
    assert "request.priority" in fault["detail"]
    assert (await caller.get("/v1/policies")).json()["items"] == []


async def test_a_condition_that_can_never_hold_is_saved_with_a_warning(caller: AsyncClient) -> None:
    rule = desk.DOCUMENT["rules"][1] | {"when": "request.type == 'incidnt'"}

    created = await _created(caller, document={"rules": [rule]})
    path = f"/v1/policies/{created['id']}"
    tag = (await caller.get(path)).headers["ETag"]
    revised = await caller.put(path, json={"document": desk.DOCUMENT}, headers={"If-Match": tag})

    finding, *_ = created["findings"]
    assert (finding["code"], finding["severity"]) == ("value-never-taken", "warning")
    assert (finding["pointer"], finding["line"]) == ("/document/rules/0/when", 1)
    assert "incident" in finding["remedy"]
    assert revised.json()["findings"] == []


async def test_an_unknown_kind_and_a_taken_or_empty_name_are_refused(caller: AsyncClient) -> None:
    await _created(caller)
    bodies = [
        {"name": "promises", "kind": "commitment"},
        {"name": "other", "kind": "wish"},
        {"name": " ", "kind": "commitment"},
    ]

    answers = [
        await caller.post("/v1/policies", json=body | {"document": desk.DOCUMENT}, headers=factories.key())
        for body in bodies
    ]

    assert [answer.status_code for answer in answers] == [409, 422, 422]


async def test_another_tenants_policy_does_not_exist(
    caller: AsyncClient, sign_in: SignIn, sessions: Sessions
) -> None:
    policy = await desk.set_up(caller)
    stranger = await sign_in(of=await factories.tenant(sessions))
    path = f"/v1/policies/{policy['id']}"

    answers = [
        await stranger.get(path),
        await stranger.get(f"{path}/versions/1"),
        await stranger.put(path, json={"document": desk.DOCUMENT}, headers={"If-Match": "*"}),
        await stranger.post(f"{path}/publish", headers=factories.key()),
    ]

    assert [answer.status_code for answer in answers] == [404] * 4


@pytest.mark.parametrize(
    ("expression", "facts", "value"),
    [
        (
            "request.priority == 'P1' && size(tags) > 1",
            {"request": {"priority": "P1"}, "tags": ["a", "b"]},
            True,
        ),
        ("n + 1", {"n": 9007199254740993}, 9007199254740994),
        ("has(request.site)", {"request": {"site": None}}, False),
    ],
)
async def test_a_condition_is_evaluated_with_its_explanation(
    caller: AsyncClient, expression: str, facts: dict[str, Any], value: object
) -> None:
    answer = await caller.post("/v1/rules/evaluate", json={"expression": expression, "facts": facts})

    assert answer.status_code == 200
    assert answer.json()["value"] == value
    assert answer.json()["explanation"]["result"] == value


async def test_a_condition_that_fails_says_why(caller: AsyncClient) -> None:
    answers = [
        (await caller.post("/v1/rules/evaluate", json={"expression": expression})).json()
        for expression in ("request.priority == 'P1'", "1 +", "1 / 0 > 1")
    ]

    assert all("error" in answer and "value" not in answer for answer in answers)
    assert answers[1]["error"]["column"] == 4


async def test_a_rule_that_never_counts_is_warned_of(caller: AsyncClient) -> None:
    (rule, *_) = desk.DOCUMENT["rules"]
    narrower = rule | {"id": "narrower", "when": f"({rule['when']}) && client.tier == 'gold'"}

    created = await _created(caller, document=desk.DOCUMENT | {"rules": [rule, narrower]})

    finding = next(each for each in created["findings"] if each["code"] == "shadowed")
    assert finding["pointer"] == "/document/rules/1"
    assert f"'{rule['id']}' before it does" in finding["reason"]


async def test_a_policy_may_be_a_table_and_is_told_of_its_gaps(caller: AsyncClient) -> None:
    table = {
        "inputs": [{"fact": "request.priority"}],
        "outputs": [{"at": "/promises/0/target/seconds"}],
        "then": {"promises": [{"metric": "resolve", "target": {"unit": "elapsed_time", "seconds": 60}}]},
        "rows": [{"when": ["P1"], "then": [3600], "because": "Urgent is an hour."}],
    }

    created = await _created(caller, document={"table": table})
    await caller.post(f"/v1/policies/{created['id']}/publish", headers=factories.key())
    decided = await desk.submitted(caller)

    assert [finding["pointer"] for finding in created["findings"]] == ["/document/table/rows"]
    assert decided["rule_id"] == "p1"


async def test_what_is_found_beside_what_is_in_effect_is_told_when_a_policy_is_saved(
    caller: AsyncClient,
) -> None:
    always = desk.DOCUMENT["rules"][1] | {"when": "true"}
    first = await _created(caller, document={"rules": [always]})
    await caller.post(f"/v1/policies/{first['id']}/publish", headers=factories.key())

    created = await _created(
        caller, name="other", document={"rules": [always], "applies_to": {"services": ["Nowhere"]}}
    )

    assert [(finding["code"], finding["pointer"]) for finding in created["findings"]] == [
        ("unknown-name", "/document/applies_to/services"),
        ("never-asked", "/document/order"),
    ]
    assert "'promises' always answers before" in created["findings"][1]["reason"]


async def test_rules_that_overlap_without_a_rank_are_saved_and_not_published(caller: AsyncClient) -> None:
    (rule, *_) = desk.DOCUMENT["rules"][1:]
    rules = [
        rule | {"id": "urgent", "when": "request.priority == 'P1'"},
        rule | {"id": "gold", "when": "client.tier == 'gold'"},
    ]
    ranked = [each | {"rank": place} for place, each in enumerate(rules)]

    created = await _created(caller, document={"hit_policy": "UNIQUE", "rules": rules})
    path = f"/v1/policies/{created['id']}"
    refused = await caller.post(f"{path}/publish", headers=factories.key())
    tag = (await caller.get(path)).headers["ETag"]
    revised = await caller.put(
        path,
        json={"document": {"hit_policy": "UNIQUE", "rules": ranked}},
        headers={"If-Match": tag},
    )
    published = await caller.post(f"{path}/publish", headers=factories.key())

    overlap = next(finding for finding in created["findings"] if finding["code"] == "overlap")
    assert (overlap["severity"], overlap["refused"]) == ("error", "publishing")
    assert 'as when client.tier is "gold" and request.priority is "P1"' in overlap["reason"]
    (fault,) = refused.json()["errors"]
    assert refused.status_code == 422
    assert (fault["pointer"], fault["code"]) == ("/document/rules/1", "overlap")
    assert fault["detail"].endswith(fault["remedy"])
    assert "overlap" not in {finding["code"] for finding in revised.json()["findings"]}
    assert published.status_code == 200, published.text
