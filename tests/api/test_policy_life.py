"""The life of a policy over HTTP: who reviews it, what is recorded, and that nobody gets round it."""

from collections.abc import Sequence
from typing import Any

import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy import select

from service.db import Sessions, tenant_transaction
from service.outbox.models import EventRow
from service.people.domain import Role
from service.tenants.domain import Approval, Tenant
from tests import factories
from tests.api import desk
from tests.conftest import SignIn

SHORTER = {"rules": [desk.DOCUMENT["rules"][1] | {"id": "all", "when": "true"}]}
TABLE = {
    "table": {
        "inputs": [{"fact": "request.priority"}],
        "outputs": [{"at": "/promises/0/target/seconds"}],
        "then": desk.DOCUMENT["rules"][1]["then"],
        "rows": [
            {"id": "p1", "when": ["P1"], "then": [3600], "because": "P1 is urgent."},
            {"id": "others", "when": ["*"], "then": [7200], "because": "All else is not."},
        ],
    }
}


@pytest.fixture
async def reviewed(sessions: Sessions) -> Tenant:
    """A live tenant whose members approve its policies."""
    return await factories.tenant(sessions, approval=Approval.MEMBERS)


async def drafted(caller: AsyncClient, **overrides: Any) -> str:
    """The path of a new policy, whose only version is a draft."""
    body = {"name": "promises", "kind": "commitment", "document": SHORTER} | overrides
    return f"/v1/policies/{(await desk.created(caller, '/v1/policies', body))['id']}"


async def do(caller: AsyncClient, path: str, verb: str, body: Any = None, *, tag: str = "*") -> Response:
    headers = {**factories.key(), "If-Match": tag}
    return await caller.post(f"{path}/{verb}", json=body or {}, headers=headers)


async def done(caller: AsyncClient, path: str, verb: str, body: Any = None) -> dict[str, Any]:
    answer = await do(caller, path, verb, body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def revised(caller: AsyncClient, path: str, document: dict[str, Any]) -> dict[str, Any]:
    answer = await caller.put(path, json={"document": document}, headers={"If-Match": "*"})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def steps(caller: AsyncClient, path: str, version: int) -> list[tuple[str, str | None]]:
    shown = (await caller.get(f"{path}/versions/{version}")).json()
    return [(step["step"], step["basis"]) for step in shown["steps"]]


async def events(sessions: Sessions, of: Tenant) -> list[EventRow]:
    """What was told of policies; the feed itself shows only what is committed."""
    async with tenant_transaction(sessions, of.id) as session:
        query = select(EventRow).where(EventRow.tenant_id == of.id, EventRow.subject_kind == "policy")
        return list(await session.db.scalars(query.order_by(EventRow.sequence)))


async def test_one_member_writes_another_approves_and_every_step_is_told(
    sign_in: SignIn, sign_in_as: SignIn, sessions: Sessions, reviewed: Tenant
) -> None:
    ada, bob = [await sign_in_as(Role.MANAGER, of=reviewed) for _ in range(2)]
    script = await sign_in(of=reviewed)
    path = await drafted(ada)

    submitted = await done(ada, path, "submit", {"note": "Please look at P1."})
    returned = await done(bob, path, "return", {"version": 1, "note": "Too short."})
    again = await done(ada, path, "submit")
    approved = await done(bob, path, "approve", {"version": 1})
    published = await done(ada, path, "publish")

    stages = [each["stage"] for each in (submitted, returned, again, approved, published)]
    assert stages == ["in_review", "draft", "in_review", "approved", "published"]
    assert published["published_version"] == 1
    names = ["written", "submitted", "returned", "submitted", "approved", "published"]
    (version,) = (await script.get(f"{path}/versions")).json()["items"]
    assert [step["step"] for step in version["steps"]] == names
    assert [step["number"] for step in version["steps"]] == [1, 2, 3, 4, 5, 6]
    writer, reviewer = version["steps"][0]["by"], version["steps"][2]["by"]
    assert version["author"] == writer != reviewer
    assert [step["by"] for step in version["steps"]] == [writer, writer, reviewer, writer, reviewer, writer]
    assert {step["basis"] for step in version["steps"]} == {None}
    told = await events(sessions, reviewed)
    assert [event.type for event in told] == [f"policy.{name}" for name in ["drafted", *names[1:]]]
    assert [event.sequence for event in told] == [1, 2, 3, 4, 5, 6]
    assert told[2].payload["note"] == "Too short."
    records = (await script.get("/v1/audit-records", params={"action": "policy."})).json()["items"]
    assert [record["action"] for record in reversed(records)] == [
        f"policy.{name}" for name in ["created", *names[1:]]
    ]
    assert records[0]["changes"]["stage"] == {"before": "approved", "after": "published"}


async def test_who_wrote_or_submitted_a_version_does_not_approve_it(
    sign_in_as: SignIn, reviewed: Tenant
) -> None:
    ada, bob, eve = [await sign_in_as(Role.ADMIN, of=reviewed) for _ in range(3)]
    path = await drafted(ada)
    await done(bob, path, "submit")

    refused = [
        await do(caller, path, verb, {"version": 1, "note": "It is mine."})
        for caller in (ada, bob)
        for verb in ("approve", "return")
    ]
    approved = await do(eve, path, "approve", {"version": 1})

    assert {(answer.status_code, answer.json()["type"]) for answer in refused} == {
        (403, "/problems/policy-approver-involved")
    }
    assert approved.status_code == 200


async def test_the_only_lead_approves_alone_and_it_is_recorded_as_such(
    sign_in_as: SignIn, reviewed: Tenant
) -> None:
    await sign_in_as(Role.AGENT, of=reviewed)
    ada = await sign_in_as(Role.ADMIN, of=reviewed)
    path = await drafted(ada)
    await done(ada, path, "submit")

    await done(ada, path, "approve", {"version": 1})

    assert await steps(ada, path, 1) == [("written", None), ("submitted", None), ("approved", "sole_admin")]


async def test_an_application_drafts_submits_and_publishes_what_was_approved_and_never_approves(
    sign_in: SignIn, sign_in_as: SignIn, reviewed: Tenant
) -> None:
    script, ada = await sign_in(of=reviewed), await sign_in_as(Role.MANAGER, of=reviewed)
    path = await drafted(script)

    unapproved = await do(script, path, "publish")
    await done(script, path, "submit")
    unreviewed = await do(script, path, "publish")
    refused = [
        await do(script, path, verb, {"version": 1, "note": "It is fine."}) for verb in ("approve", "return")
    ]
    await done(ada, path, "approve", {"version": 1})
    published = await done(script, path, "publish")
    undone = [
        await do(script, path, verb, body) for verb, body in (("retire", {}), ("revert", {"to_version": 1}))
    ]

    assert [unapproved.status_code, unreviewed.status_code] == [409, 409]
    assert unapproved.json()["type"] == "/problems/policy-step-out-of-turn"
    assert {(answer.status_code, answer.json()["type"]) for answer in (*refused, *undone)} == {
        (403, "/problems/policy-member-needed")
    }
    assert published["stage"] == "published"


async def test_where_policies_are_reviewed_in_git_an_applications_draft_takes_all_steps_at_once(
    caller: AsyncClient, sign_in_as: SignIn
) -> None:
    path = await drafted(caller)

    published = await done(caller, path, "publish")

    assert published["stage"] == "published"
    assert await steps(caller, path, 1) == [
        ("written", None),
        ("submitted", "git"),
        ("approved", "git"),
        ("published", None),
    ]
    member = await sign_in_as(Role.ADMIN)
    await revised(member, path, desk.DOCUMENT | {"rules": SHORTER["rules"]})
    by_hand = await do(member, path, "publish")
    assert by_hand.status_code == 409


@pytest.mark.parametrize("role", [Role.AGENT, Role.AUDITOR])
async def test_only_leads_take_steps(sign_in_as: SignIn, caller: AsyncClient, role: Role) -> None:
    path, member = await drafted(caller), await sign_in_as(role)

    answers = [
        await do(member, path, verb, body)
        for verb, body in (
            ("submit", {}),
            ("approve", {"version": 1}),
            ("return", {"version": 1, "note": "no"}),
            ("publish", {}),
            ("unschedule", None),
            ("retire", {}),
            ("revert", {"to_version": 1}),
        )
    ]

    assert [answer.status_code for answer in answers] == [403] * 7


async def test_every_change_is_based_on_what_was_read(caller: AsyncClient) -> None:
    path = await drafted(caller)
    tag = (await caller.get(path)).headers["ETag"]
    changed = await do(caller, path, "submit", tag=tag)
    calls: Sequence[tuple[str, Any]] = (
        ("submit", {}),
        ("approve", {"version": 1}),
        ("return", {"version": 1, "note": "no"}),
        ("unschedule", None),
        ("retire", {}),
        ("revert", {"to_version": 1}),
    )

    stale = [await do(caller, path, verb, body, tag=tag) for verb, body in calls]
    unbased = [
        await caller.post(f"{path}/{verb}", json=body, headers=factories.key()) for verb, body in calls
    ]
    unkeyed = [
        await caller.post(f"{path}/{verb}", json=body, headers={"If-Match": "*"}) for verb, body in calls
    ]

    assert changed.headers["ETag"] != tag
    assert [answer.status_code for answer in stale] == [412] * 6
    assert [answer.status_code for answer in unbased] == [428] * 6
    assert [answer.status_code for answer in unkeyed] == [400] * 6


async def test_a_step_that_is_sent_again_under_its_key_is_taken_once(caller: AsyncClient) -> None:
    path = await drafted(caller)
    headers = {**factories.key(), "If-Match": (await caller.get(path)).headers["ETag"]}

    first, again = [await caller.post(f"{path}/submit", json={}, headers=headers) for _ in range(2)]

    assert (first.status_code, first.content) == (again.status_code, again.content) == (200, first.content)
    assert await steps(caller, path, 1) == [("written", None), ("submitted", None)]


async def test_what_was_written_after_the_review_is_not_approved_with_it(
    sign_in_as: SignIn, reviewed: Tenant
) -> None:
    ada, bob = [await sign_in_as(Role.MANAGER, of=reviewed) for _ in range(2)]
    path = await drafted(ada)
    await done(ada, path, "submit")
    await revised(ada, path, desk.DOCUMENT | {"rules": SHORTER["rules"]})

    unnamed = await do(bob, path, "approve")
    await done(bob, path, "approve", {"version": 1})
    newest = await do(ada, path, "publish")
    named = await done(ada, path, "publish", {"version": 1})

    assert unnamed.status_code == 400
    assert newest.status_code == 409
    assert (named["version"], named["stage"], named["published_version"]) == (2, "draft", 1)


async def test_a_policy_is_retired_and_reverted_to_what_it_said(
    caller: AsyncClient, sign_in_as: SignIn
) -> None:
    member = await sign_in_as(Role.MANAGER)
    path = await drafted(caller)
    await done(caller, path, "publish")
    await revised(caller, path, {"rules": [SHORTER["rules"][0] | {"id": "other"}]})
    await done(caller, path, "publish")

    reverted = await done(member, path, "revert", {"to_version": 1})
    decided = await desk.submitted(caller)
    current = await do(member, path, "revert", {"to_version": 3})
    retired = await done(member, path, "retire", {"note": "We promise nothing any more."})
    after = await desk.submitted(caller)
    twice = await do(member, path, "retire")

    assert (reverted["version"], reverted["published_version"], reverted["stage"]) == (3, 3, "published")
    assert decided["rule_id"] == "all"
    assert await steps(caller, path, 2) == [
        ("written", None),
        ("submitted", "git"),
        ("approved", "git"),
        ("published", None),
        ("replaced", None),
    ]
    assert (await steps(caller, path, 3))[:2] == [("reverted", "revert"), ("published", "revert")]
    documents = [(await caller.get(f"{path}/versions/{number}")).json()["document"] for number in (1, 3)]
    assert documents[0] == documents[1]
    assert (current.status_code, current.json()["type"]) == (409, "/problems/policy-version-not-revertible")
    assert (retired["published_version"], retired["stage"]) == (None, "retired")
    assert after["rule_id"] is None
    assert (twice.status_code, twice.json()["type"]) == (409, "/problems/policy-nothing-in-effect")


async def test_requests_received_before_stay_with_their_version_if_that_is_asked_for(
    caller: AsyncClient,
) -> None:
    path = await drafted(caller)
    await done(caller, path, "publish")
    early = await desk.submitted(caller)
    await revised(caller, path, {"rules": [SHORTER["rules"][0] | {"id": "new"}]})

    await done(caller, path, "publish", {"running": "new_requests_only"})

    await desk.report(caller, early, type="changed", facts={"priority": "P2"})
    late = await desk.submitted(caller)
    decided = [
        (await caller.get(f"/v1/requests/{each['id']}/decision")).json()["decision"] for each in (early, late)
    ]
    assert [each["rule_id"] for each in decided] == ["all", "new"]


async def test_stored_tests_must_pass_to_publish_and_their_failures_are_told_when_it_is_saved(
    caller: AsyncClient,
) -> None:
    good: dict[str, Any] = {"name": "all count", "facts": {"request.priority": "P3"}, "rules": ["all"]}
    bad: dict[str, Any] = {"name": "none counts", "facts": {"request": {"priority": "P1"}}, "rules": []}
    body = {"name": "promises", "kind": "commitment", "document": SHORTER | {"tests": [good, bad]}}
    created = await desk.created(caller, "/v1/policies", body)
    path = f"/v1/policies/{created['id']}"

    refused = await do(caller, path, "publish")
    tested = await caller.post(f"{path}/test", json={})
    await revised(caller, path, SHORTER | {"tests": [good]})
    passed = await caller.post(f"{path}/test")
    before = await caller.post(f"{path}/test", json={"version": 1})
    published = await do(caller, path, "publish")

    (finding,) = [each for each in created["findings"] if each["code"] == "test-fails"]
    assert finding["pointer"] == "/document/tests/1"
    assert refused.status_code == 422
    (fault,) = refused.json()["errors"]
    assert fault["pointer"] == "/document/tests/1"
    assert all(part in fault["detail"] for part in ("none counts", "no rule should count", "`all` does"))
    shown = tested.json()
    assert (shown["version"], shown["passed"]) == (1, False)
    assert [(each["name"], each["passed"], each["rules"]) for each in shown["tests"]] == [
        ("all count", True, ["all"]),
        ("none counts", False, ["all"]),
    ]
    assert (passed.json()["version"], passed.json()["passed"]) == (2, True)
    assert before.json() == shown
    assert published.status_code == 200


async def test_a_table_goes_into_a_spreadsheet_and_comes_back_as_a_draft(caller: AsyncClient) -> None:
    path = await drafted(caller, document=TABLE | {"order": 7})
    sheet = await caller.get(f"{path}/versions/1/table.csv")
    changed = sheet.text.replace("3600", "1800")

    saved = await caller.put(
        f"{path}/table.csv",
        content=changed.encode(),
        headers={"If-Match": (await caller.get(path)).headers["ETag"], "Content-Type": "text/csv"},
    )
    compared = (await caller.get(f"{path}/differences", params={"from": 1, "to": 2})).json()

    assert sheet.headers["content-type"].startswith("text/csv")
    assert (saved.status_code, saved.json()["version"], saved.json()["stage"]) == (200, 2, "draft")
    assert saved.json()["order"] == 7
    (difference,) = compared["differences"]
    assert (compared["from"], compared["to"]) == (1, 2)
    assert (difference["rule"], difference["before"], difference["after"]) == ("p1", 3600, 1800)


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b"", "text/csv", 422),
        (b"id,when request.priority,because\n", "application/json", 415),
        (b"id,because\n", "text/csv", 422),
        (b"id,when request.priority,because\np1,P1\n", "text/csv", 422),
        (b"id,when request.priority,because\np1,\0,x\n", "text/csv", 400),
        (b"id,when request.priority,because\np1,\xff,x\n", "text/csv", 400),
        (b"id,when request.prority,because\np1,P1,x\n", "text/csv", 422),
    ],
)
async def test_a_sheet_that_cannot_be_read_changes_nothing(
    caller: AsyncClient, content: bytes, media_type: str, status: int
) -> None:
    path = await drafted(caller, document=TABLE)

    answer = await caller.put(
        f"{path}/table.csv", content=content, headers={"If-Match": "*", "Content-Type": media_type}
    )

    assert answer.status_code == status, answer.text
    assert (await caller.get(path)).json()["version"] == 1


async def test_a_policy_without_a_table_is_no_sheet(caller: AsyncClient) -> None:
    path = await drafted(caller)

    answers = [
        await caller.get(f"{path}/versions/1/table.csv"),
        await caller.put(
            f"{path}/table.csv",
            content=b"id,when request.priority,because\n",
            headers={"If-Match": "*", "Content-Type": "text/csv"},
        ),
        await caller.get(f"{path}/versions/9/table.csv"),
    ]

    assert [answer.status_code for answer in answers] == [409, 409, 404]


async def test_what_differs_is_shown_against_the_version_in_effect(caller: AsyncClient) -> None:
    path = await drafted(caller)
    await done(caller, path, "publish")
    for priority in ("P1", "P2"):
        await revised(
            caller, path, {"rules": [SHORTER["rules"][0] | {"when": f"request.priority == '{priority}'"}]}
        )

    unsaid = (await caller.get(f"{path}/differences")).json()
    unknown = await caller.get(f"{path}/differences", params={"from": 1, "to": 9})

    assert (unsaid["from"], unsaid["to"]) == (1, 3)
    (difference,) = unsaid["differences"]
    assert (difference["rule"], difference["part"], difference["before"]) == ("all", "/when", "true")
    assert unknown.status_code == 404


async def test_policies_are_listed_by_kind_and_by_the_stage_of_their_newest_version(
    caller: AsyncClient,
) -> None:
    published = await drafted(caller, name="published")
    await done(caller, published, "publish")
    submitted = await drafted(caller, name="submitted", document=SHORTER | {"order": 3})
    await done(caller, submitted, "submit")
    await drafted(caller, name="drafted", document=SHORTER | {"applies_to": {"request_types": ["change"]}})

    async def names(**sought: str) -> list[str]:
        answer = await caller.get("/v1/policies", params=sought)
        return [policy["name"] for policy in answer.json()["items"]]

    assert await names() == ["published", "submitted", "drafted"]
    assert await names(stage="draft") == ["drafted"]
    assert await names(stage="in_review", kind="commitment") == ["submitted"]
    assert await names(stage="published") == ["published"]
    assert await names(kind="escalation") == []
    assert (await caller.get("/v1/policies", params={"stage": "born"})).status_code == 400
    shown = {each["name"]: each for each in (await caller.get("/v1/policies")).json()["items"]}
    assert shown["submitted"]["order"] == 3
    assert shown["drafted"]["applies_to"] == {"request_types": ["change"]}


async def test_another_tenants_policy_takes_no_step(
    caller: AsyncClient, sign_in: SignIn, sessions: Sessions
) -> None:
    path = await drafted(caller)
    stranger = await sign_in(of=await factories.tenant(sessions))

    answers = [
        await do(stranger, path, verb, body)
        for verb, body in (
            ("submit", {}),
            ("approve", {"version": 1}),
            ("return", {"version": 1, "note": "no"}),
            ("publish", {}),
            ("unschedule", None),
            ("retire", {}),
            ("revert", {"to_version": 1}),
        )
    ]
    answers += [
        await stranger.get(f"{path}/versions"),
        await stranger.get(f"{path}/differences"),
        await stranger.post(f"{path}/test", json={}),
        await stranger.get(f"{path}/versions/1/table.csv"),
    ]

    assert [answer.status_code for answer in answers] == [404] * 11
