"""Ladders over HTTP: written, revised, retired, previewed."""

from typing import Any
from uuid import uuid4

import pytest
from httpx2 import AsyncClient, Response

from service.db import Sessions, TenantSession
from service.escalations.ladders import service
from service.ids import MemberId
from service.people.domain import Role
from service.tenants.domain import Tenant
from tests import factories
from tests.api import desk, kinds
from tests.conftest import SignIn
from tests.factories import NOON

OWNER = {"owner": True}
LADDER: dict[str, Any] = {
    "steps": [
        {
            "name": "warning",
            "at": {"anchor": "used", "share": 0.75},
            "tell": [OWNER, {"group": "Network", "hours": "office"}],
            "only_first": True,
        },
        {
            "name": "broken",
            "at": {"anchor": "breach"},
            "tell": [{"manager": True}],
            "repeat": {"every_seconds": 3600, "times": 2},
        },
    ],
    "acknowledged_for_seconds": 7200,
    "manager_step": "broken",
}
MONDAY_9 = "2026-01-05T09:00:00Z"
FOUR_HOURS = {
    "started_at": MONDAY_9,
    "target": {"unit": "working_time", "seconds": 14400},
    "calendar": "office",
}


@pytest.fixture
async def network(caller: AsyncClient, sessions: Sessions, tenant: Tenant) -> dict[str, Any]:
    """A group with one member and a manager, and the calendar of the office."""
    manager = await factories.member(sessions, tenant, Role.MANAGER)
    group = await desk.created(caller, "/v1/groups", {"name": "Network", "manager_id": str(manager)})
    member = await factories.member(sessions, tenant, Role.AGENT)
    await put_into(caller, group, member)
    await desk.created(caller, "/v1/calendars", {"name": "office", "definition": desk.OFFICE})
    return {"manager": str(manager), "member": str(member), "group": group["id"]}


@pytest.fixture
async def ladder(caller: AsyncClient, network: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001 it names it
    made = await desk.created(caller, "/v1/ladders", {"name": "usual", "definition": LADDER})
    assert made.pop("findings") == []
    return made


async def put_into(caller: AsyncClient, group: dict[str, Any], member: MemberId) -> None:
    path = f"/v1/groups/{group['id']}"
    tag = (await caller.get(path)).headers["ETag"]
    added = await caller.put(f"{path}/members/{member}", headers={"If-Match": tag})
    assert added.status_code == 200, added.text


async def tag(caller: AsyncClient, ladder: dict[str, Any]) -> dict[str, str]:
    return {"If-Match": (await caller.get(f"/v1/ladders/{ladder['id']}")).headers["ETag"]}


async def revised(caller: AsyncClient, ladder: dict[str, Any], definition: dict[str, Any]) -> dict[str, Any]:
    answer = await caller.put(
        f"/v1/ladders/{ladder['id']}", json={"definition": definition}, headers=await tag(caller, ladder)
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


async def retired(caller: AsyncClient, ladder: dict[str, Any]) -> dict[str, Any]:
    headers = {**await tag(caller, ladder), **factories.key()}
    answer = await caller.post(f"/v1/ladders/{ladder['id']}/retire", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def previewed(caller: AsyncClient, ladder: dict[str, Any], **asked: Any) -> dict[str, Any]:
    answer = await caller.post(f"/v1/ladders/{ladder['id']}/preview", json=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_ladder_is_created_shown_and_listed(caller: AsyncClient, ladder: dict[str, Any]) -> None:
    again = await caller.post(
        "/v1/ladders", json={"name": "usual", "definition": LADDER}, headers=factories.key()
    )

    assert ladder["definition"] == LADDER
    assert (await caller.get(f"/v1/ladders/{ladder['id']}")).json() == ladder
    assert (await caller.get("/v1/ladders")).json() == {"items": [ladder], "next": None}
    assert again.status_code == 409
    assert again.json()["type"] == "/problems/ladder-name-taken"


async def test_a_revision_makes_the_next_version_and_keeps_those_before(
    caller: AsyncClient, ladder: dict[str, Any]
) -> None:
    definition = {"steps": LADDER["steps"][:1]}
    stale = await tag(caller, ladder)

    changed = await revised(caller, ladder, definition)

    versions = (await caller.get(f"/v1/ladders/{ladder['id']}/versions")).json()["items"]
    assert changed["version"] == 2
    assert [(each["version"], each["definition"]) for each in versions] == [(1, LADDER), (2, definition)]
    late = await caller.put(f"/v1/ladders/{ladder['id']}", json={"definition": LADDER}, headers=stale)
    assert late.status_code == 412


async def test_what_looks_wrong_with_a_ladder_comes_with_it_when_it_is_saved(
    caller: AsyncClient, ladder: dict[str, Any]
) -> None:
    await desk.created(caller, "/v1/groups", {"name": "Empty"})
    tell = [{"group": "Empty"}]
    steps = [{"name": "one", "at": {"anchor": "breach"}, "tell": tell}, LADDER["steps"][0]]

    found = (await revised(caller, ladder, {"steps": steps}))["findings"]

    assert [(each["code"], each["severity"], each["pointer"]) for each in found] == [
        ("nobody-told", "warning", "/definition/steps/0")
    ]
    assert "group Empty (nobody there)" in found[0]["reason"]


async def test_a_ladder_that_a_policy_in_effect_has_climbed_is_not_retired(
    caller: AsyncClient, ladder: dict[str, Any]
) -> None:
    then = {"ladders": [{"ladder": "usual", "metrics": ["resolve"]}]}
    await kinds.in_effect(caller, "escalation", {"rules": [kinds.rule("all", "true", then)]})
    headers = {**await tag(caller, ladder), **factories.key()}

    answer = await caller.post(f"/v1/ladders/{ladder['id']}/retire", headers=headers)

    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/ladder-in-use")


async def test_a_policy_is_published_with_what_is_wrong_with_its_ladders(
    caller: AsyncClient, ladder: dict[str, Any]
) -> None:
    await desk.created(caller, "/v1/groups", {"name": "Empty"})
    lone = [{"name": "one", "at": {"anchor": "breach"}, "tell": [{"group": "Empty"}]}]
    await desk.created(caller, "/v1/ladders", {"name": "alone", "definition": {"steps": lone}})
    before = {"anchor": "due", "after_seconds": -8 * 3600, "working": True}
    early = [{"name": "early", "at": before, "tell": [OWNER]}]
    await revised(caller, ladder, {"steps": early})
    promise = {"metric": "resolve", "target": {"unit": "elapsed_time", "seconds": 3600}}
    await kinds.in_effect(
        caller, "commitment", {"rules": [kinds.rule("all", "true", {"promises": [promise]})]}
    )

    published = [
        await published_as(caller, name, {"ladder": ladder})
        for name, ladder in (("unknown", "nowhere"), ("empty", "alone"), ("early", "usual"))
    ]

    assert [answer.status_code for answer in published] == [422, 422, 200]
    held_up = [fault["code"] for answer in published[:2] for fault in answer.json()["errors"]]
    assert held_up == ["unknown-ladder", "empty-ladder"]
    assert [each["code"] for each in published[2].json()["findings"]] == ["step-at-once"]


async def published_as(caller: AsyncClient, name: str, then: dict[str, Any]) -> Response:
    document = {"rules": [kinds.rule("all", "true", then)]}
    policy = await desk.created(
        caller, "/v1/policies", {"name": name, "kind": "escalation", "document": document}
    )
    return await caller.post(f"/v1/policies/{policy['id']}/publish", headers=factories.key())


async def test_a_ladder_keeps_its_name(caller: AsyncClient, ladder: dict[str, Any]) -> None:
    body = {"name": "unusual", "definition": LADDER}
    path = f"/v1/ladders/{ladder['id']}"

    answer = await caller.put(path, json=body, headers=await tag(caller, ladder))

    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/name"]


async def test_a_retired_ladder_is_not_begun_and_a_revision_takes_it_up_again(
    caller: AsyncClient, ladder: dict[str, Any], session: TenantSession
) -> None:
    assert (await retired(caller, ladder))["retired_at"] is not None
    assert await service.effective(session, ["usual"]) == {}
    headers = {**await tag(caller, ladder), **factories.key()}
    twice = await caller.post(f"/v1/ladders/{ladder['id']}/retire", headers=headers)
    assert (twice.status_code, twice.json()["type"]) == (409, "/problems/ladder-retired")

    assert (await revised(caller, ladder, LADDER))["retired_at"] is None

    found = (await service.effective(session, ["usual", "unknown"]))["usual"]
    assert (found.version, found.name) == (2, "usual")
    assert found.id in await service.versions(session, [found.id])


async def test_what_a_ladder_names_must_be_there(
    caller: AsyncClient, network: dict[str, Any], sessions: Sessions
) -> None:
    stranger = await factories.member(sessions, await factories.tenant(sessions), Role.AGENT)
    tell = [
        {"member": str(stranger)},
        {"member": str(uuid4())},
        {"group": "Netwrok"},
        {"rota": "first line"},
        {"reassign": "Nowhere"},
        {"webhook": str(uuid4())},
        {"owner": True, "hours": "offices"},
        {"member": network["member"]},
    ]
    step = {"name": "one", "at": {"anchor": "breach"}, "tell": tell}

    answer = await caller.post(
        "/v1/ladders", json={"name": "x", "definition": {"steps": [step]}}, headers=factories.key()
    )

    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/ladder-invalid"
    place = "/definition/steps/0/tell"
    faults = {fault["pointer"]: fault["detail"] for fault in answer.json()["errors"]}
    assert set(faults) == {
        f"{place}/0/member",
        f"{place}/1/member",
        f"{place}/2/group",
        f"{place}/3/rota",
        f"{place}/4/reassign",
        f"{place}/5/webhook",
        f"{place}/6/hours",
    }
    assert "Did you mean 'Network'?" in faults[f"{place}/2/group"]


async def test_an_endpoint_of_a_client_is_none_of_the_tenants_own(
    caller: AsyncClient, sign_in: SignIn
) -> None:
    client = await desk.created(caller, "/v1/clients", {"name": "Acme"})
    theirs = await sign_in(client_id=client["id"])
    endpoints = [
        await desk.created(each, "/v1/webhook-endpoints", {"url": "https://example.com/hook"})
        for each in (caller, theirs)
    ]
    step = {"name": "one", "at": {"anchor": "breach"}}
    ladders = [
        {"name": each["id"], "definition": {"steps": [{**step, "tell": [{"webhook": each["id"]}]}]}}
        for each in endpoints
    ]

    answers = [await caller.post("/v1/ladders", json=body, headers=factories.key()) for body in ladders]

    assert [answer.status_code for answer in answers] == [201, 422]
    assert "webhook endpoint of the tenant's own" in answers[1].json()["errors"][0]["detail"]


async def test_members_are_named_by_address_and_kept_by_id(
    caller: AsyncClient, network: dict[str, Any]
) -> None:
    email = (await caller.get(f"/v1/members/{network['member']}")).json()["email"]
    step = {"name": "one", "at": {"anchor": "breach"}, "tell": [{"member": email.upper()}]}

    ladder = await desk.created(caller, "/v1/ladders", {"name": "x", "definition": {"steps": [step]}})

    assert ladder["definition"]["steps"][0]["tell"] == [{"member": network["member"]}]


async def test_a_preview_says_who_would_be_told_when_and_by_what(
    caller: AsyncClient, ladder: dict[str, Any], network: dict[str, Any]
) -> None:
    found = await previewed(
        caller, ladder, promise=FOUR_HOURS, request={"assignment_group": "Network"}, hours=6
    )

    told = [
        (each["at"], each["step"], each["repeat"], [who["member_id"] for who in each["recipients"]])
        for each in found["tellings"]
    ]
    assert found["due_at"] == "2026-01-05T13:00:00Z"
    assert [each[1:] for each in told] == [
        ("warning", 0, [network["member"]]),
        ("broken", 0, [network["manager"]]),
        ("broken", 1, [network["manager"]]),
    ]
    assert told[0][0] == "2026-01-05T12:00:00Z"
    assert [each["by"] for each in found["tellings"][0]["recipients"]] == ["owner"]
    assert found["timeline"][0] == "Mon 2026-01-05 12:00 UTC  warning: Ada Harbour (owner)"
    assert (found["gaps"], found["untold"], found["cut_at"]) == ([], [], None)


async def test_a_preview_from_later_on_leaves_out_what_was_told_before(
    caller: AsyncClient, ladder: dict[str, Any]
) -> None:
    asked = {"promise": FOUR_HOURS, "from": "2026-01-05T13:30:00Z", "hours": 1}

    found = await previewed(caller, ladder, **asked, request={"assignment_group": "Network"})

    assert [(each["step"], each["repeat"]) for each in found["tellings"]] == [("broken", 1)]
    assert (found["from"], found["until"]) == ("2026-01-05T13:30:00Z", "2026-01-05T14:30:00Z")


async def test_where_nobody_is_behind_a_step_the_preview_shows_that_the_next_is_told_at_once(
    caller: AsyncClient, ladder: dict[str, Any]
) -> None:
    found = await previewed(caller, ladder, promise=FOUR_HOURS, hours=6)

    told = [(each["at"], each["step"], len(each["recipients"])) for each in found["tellings"]]
    assert told[0] == ("2026-01-05T12:00:00Z", "warning", 1)
    assert found["tellings"][0]["passed_by"] == [{"target": 0, "by": "owner", "cause": "nobody"}]
    assert found["timeline"][1].endswith("broken: NOBODY; passed by manager: nobody there")


async def test_a_preview_of_a_promise_that_there_is_goes_by_its_own_clock(
    sign_in: SignIn, sessions: Sessions
) -> None:
    sandbox = await factories.tenant(sessions, sandbox_at=NOON)
    caller = await sign_in(of=sandbox)
    await desk.set_up(caller)
    await desk.created(caller, "/v1/groups", {"name": "Network"})
    ladder = await desk.created(caller, "/v1/ladders", {"name": "usual", "definition": LADDER})
    request = await desk.submitted(caller)
    commitment = (await caller.get("/v1/commitments")).json()["items"][0]

    found = await previewed(caller, ladder, commitment_id=commitment["id"])
    assert found["due_at"] == commitment["due_at"] == desk.at(hours=4)
    assert [each["step"] for each in found["tellings"]] == ["warning", "broken", "broken", "broken"]
    assert found["from"] == desk.at()

    await desk.report(caller, request, type="changed", state="resolved")
    over = await previewed(caller, ladder, commitment_id=commitment["id"])
    assert over["tellings"] == []


async def test_a_preview_of_a_paused_promise_says_what_cannot_be_known(
    sign_in: SignIn, sessions: Sessions
) -> None:
    sandbox = await factories.tenant(sessions, sandbox_at=NOON)
    caller = await sign_in(of=sandbox)
    await desk.set_up(caller)
    await desk.created(caller, "/v1/groups", {"name": "Network"})
    ladder = await desk.created(caller, "/v1/ladders", {"name": "usual", "definition": LADDER})
    request = await desk.submitted(caller)
    commitment = (await caller.get("/v1/commitments")).json()["items"][0]
    await desk.report(caller, request, type="paused", cause="waiting_requester", party="requester")

    found = await previewed(caller, ladder, commitment_id=commitment["id"])

    assert found["due_at"] is None
    assert found["tellings"] == []
    assert found["untold"] == [{"step": "warning", "at": None}, {"step": "broken", "at": None}]


async def test_a_preview_can_be_of_a_ladder_that_is_not_saved_yet(
    caller: AsyncClient, ladder: dict[str, Any]
) -> None:
    draft = {"steps": [{"name": "draft", "at": {"anchor": "start"}, "tell": [{"role": "manager"}]}]}

    found = await previewed(caller, ladder, promise=FOUR_HOURS, definition=draft)

    assert [each["step"] for each in found["tellings"]] == ["draft"]
    assert (await caller.get(f"/v1/ladders/{ladder['id']}")).json() == ladder


NO_TIME = {"unit": "working_time", "seconds": 0}
LONG_AGO = "1900-01-01T00:00:00Z"
UNFORESEEABLE: list[tuple[dict[str, Any], str]] = [
    ({}, ""),
    ({"promise": FOUR_HOURS, "commitment_id": str(uuid4())}, ""),
    ({"promise": {**FOUR_HOURS, "calendar": None}}, "/promise/calendar"),
    ({"promise": {**FOUR_HOURS, "calendar": "nowhere"}}, "/promise/calendar"),
    ({"promise": {**FOUR_HOURS, "target": {"unit": "moons"}}}, "/promise/target/unit"),
    (
        {"promise": {**FOUR_HOURS, "target": {"unit": "working_time", "seconds": 0}}},
        "/promise/target/seconds",
    ),
    ({"promise": FOUR_HOURS, "from": "2200-01-01T00:00:00Z"}, "/from"),
    (
        {"promise": {**FOUR_HOURS, "started_at": "1900-01-01T00:00:00Z"}, "from": MONDAY_9},
        "/promise/started_at",
    ),
    ({"promise": FOUR_HOURS, "definition": {"steps": []}}, "/definition/steps"),
]


@pytest.mark.parametrize(("asked", "pointer"), UNFORESEEABLE, ids=range(len(UNFORESEEABLE)))
async def test_what_cannot_be_foreseen_is_refused_at_its_place(
    caller: AsyncClient, ladder: dict[str, Any], asked: dict[str, Any], pointer: str
) -> None:
    answer = await caller.post(f"/v1/ladders/{ladder['id']}/preview", json=asked)

    assert answer.status_code == 422, answer.text
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]


async def test_another_tenants_ladder_does_not_exist(
    ladder: dict[str, Any], sign_in: SignIn, sessions: Sessions
) -> None:
    stranger = await sign_in(of=await factories.tenant(sessions))

    shown = [await stranger.get(f"/v1/ladders/{each}") for each in (ladder["id"], uuid4())]
    previews = [
        await stranger.post(f"/v1/ladders/{each}/preview", json={"promise": FOUR_HOURS})
        for each in (ladder["id"], uuid4())
    ]

    assert [answer.status_code for answer in shown + previews] == [404] * 4
