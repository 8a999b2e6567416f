"""Running requests are put on a new version: shown first, then done, and every promise keeps its past."""

from typing import Any

import pytest

from service.db import Sessions
from service.tenants.domain import Tenant
from tests import factories
from tests.api import desk
from tests.api.retiming import Shop, promise
from tests.conftest import SignIn
from tests.factories import NOON


@pytest.fixture
async def tenant(sessions: Sessions) -> Tenant:
    return await factories.tenant(sessions, sandbox_at=NOON)


@pytest.fixture
async def shop(sessions: Sessions, tenant: Tenant, sign_in: SignIn) -> Shop:
    return Shop(sessions, tenant, await sign_in())


def _totals(**counts: int) -> dict[str, int]:
    return dict.fromkeys(("changed", "earlier", "later", "same", "new", "held_back", "broken"), 0) | counts


async def test_a_preview_shows_what_would_change_and_changes_nothing(shop: Shop) -> None:
    policy = await shop.policy(promise(hours=8))
    request = await desk.submitted(shop.caller)
    await desk.pass_time(shop.caller, hours=1)
    await shop.revised(policy, promise(hours=4))

    preview = await shop.preview(policy, note="Half the time.")
    (change,) = await shop.changes(preview)

    assert preview["state"] == "done"
    assert (preview["total"], preview["done"], preview["repinned"], preview["changed"]) == (1, 1, 1, 1)
    assert preview["promises"] == _totals(changed=1, earlier=1)
    assert change["request_id"] == request["id"]
    assert change["promises"] == [
        {
            "metric": "resolve",
            "effect": "earlier",
            "was_due_at": desk.at(hours=8),
            "due_at": desk.at(hours=4),
            "held_back_due_at": None,
            "breaks": False,
        }
    ]
    assert await shop.dues(request) == {"resolve": desk.at(hours=8)}
    events = (await shop.caller.get(f"/v1/requests/{request['id']}/events")).json()["items"]
    assert [event["type"] for event in events] == ["opened"]


async def test_what_was_previewed_is_carried_out_and_told(shop: Shop) -> None:
    policy = await shop.policy(promise(hours=8))
    request = await desk.submitted(shop.caller)
    await desk.pass_time(shop.caller, hours=1)
    await shop.revised(policy, promise(hours=4))

    done = await shop.repinned(policy)

    assert (done["state"], done["repinned"], done["changed"], done["failed"]) == ("done", 1, 1, 0)
    assert done["promises"] == _totals(changed=1, earlier=1)
    assert done["differs_from_preview"] == {"unforeseen": 0, "fallen_away": 0}
    assert await shop.dues(request) == {"resolve": desk.at(hours=4)}
    (moved,) = [
        event
        for event in await shop.told(request["commitments"][0]["id"])
        if event.type == "commitment.due_changed"
    ]
    assert (moved.payload["was_due_at"], moved.payload["due_at"]) == (desk.at(hours=8), desk.at(hours=4))
    (ended,) = await shop.told(done["id"])
    assert (ended.type, ended.audience) == ("policy.repinned", "internal")
    assert (ended.payload["policy_id"], ended.payload["changed"]) == (policy, 1)


async def test_the_ledger_the_decision_and_the_audit_trail_say_who_put_a_request_on_which_version(
    shop: Shop,
) -> None:
    policy = await shop.policy(promise(hours=8))
    request = await desk.submitted(shop.caller)
    await shop.revised(policy, promise(hours=4), rule="half")

    done = await shop.repinned(policy)
    path = f"/v1/requests/{request['id']}"
    events = (await shop.caller.get(f"{path}/events")).json()["items"]
    decision = (await shop.caller.get(f"{path}/decision")).json()
    records = (await shop.caller.get("/v1/audit-records", params={"limit": 200})).json()["items"]

    assert [event["type"] for event in events] == ["opened", "repinned"]
    assert decision["decision"]["rule_id"] == "half"
    assert [earlier["rule_id"] for earlier in decision["earlier"]] == ["all"]
    actions = [record["action"] for record in records if "repin" in record["action"]]
    assert actions == [
        "policy.repinned",
        "request.repinned",
        "policy.repinning_started",
        "policy.repinning_previewed",
    ]
    (record,) = [record for record in records if record["action"] == "request.repinned"]
    assert record["subject"] == f"request:{request['id']}"
    assert record["changes"]["repinning_id"]["after"] == done["id"]


@pytest.mark.parametrize(
    ("terms", "totals", "due_in_hours"),
    [
        ({"hours": 12}, {"same": 1, "held_back": 1}, 8),
        ({"hours": 12, "may_be_later": True}, {"later": 1}, 12),
        ({"hours": 4}, {"earlier": 1}, 4),
        ({"hours": 2, "on_change": "restart"}, {"earlier": 1}, 3),
        ({"hours": 4, "on_change": "keep"}, {"same": 1}, 8),
        ({"hours": 8, "warn_before_seconds": 60}, {"same": 1}, 8),
        ({"hours": 0.5}, {"earlier": 1, "broken": 1}, 1),
        ({"hours": 0.5, "on_change": "from_origin"}, {"earlier": 1, "broken": 1}, 0.5),
    ],
    ids=[
        *("later", "may be later", "earlier", "restart", "keep", "only warned of"),
        *("due at once", "broken at once"),
    ],
)
async def test_the_new_terms_say_what_they_do_with_the_time_that_was_used(
    shop: Shop, terms: dict[str, Any], totals: dict[str, int], due_in_hours: float
) -> None:
    policy = await shop.policy(promise(hours=8))
    request = await desk.submitted(shop.caller)
    await desk.pass_time(shop.caller, hours=1)
    await shop.revised(policy, promise(**terms))

    done = await shop.repinned(policy)
    (held,) = await shop.promises(request)
    await desk.pass_time(shop.caller, hours=1.001)
    (later,) = await shop.promises(request)

    assert done["promises"] == _totals(changed=1, **totals)
    assert held["due_at"] == desk.at(hours=due_in_hours)
    assert later["outcome"] == ("broken" if "broken" in totals else "pending")
    (change,) = await shop.changes(done)
    assert change["promises"][0]["due_at"] == held["due_at"]


async def test_the_same_terms_change_no_promise_and_yet_the_version_decides(shop: Shop) -> None:
    policy = await shop.policy(promise(hours=8))
    request = await desk.submitted(shop.caller)
    await shop.revised(policy, promise(hours=8), rule="renamed")

    done = await shop.repinned(policy)
    again = await shop.preview(policy)

    assert (done["repinned"], done["changed"], done["promises"]) == (1, 0, _totals())
    assert await shop.changes(done) == []
    decision = (await shop.caller.get(f"/v1/requests/{request['id']}/decision")).json()["decision"]
    assert decision["rule_id"] == "renamed"
    assert (again["done"], again["repinned"]) == (1, 0)


async def test_what_was_not_promised_yet_is_promised_from_now_on(shop: Shop) -> None:
    policy = await shop.policy(promise(hours=8))
    request = await desk.submitted(shop.caller)
    await desk.pass_time(shop.caller, hours=1)
    await shop.revised(policy, promise(hours=8), promise("respond", hours=1))

    done = await shop.repinned(policy)

    assert done["promises"] == _totals(changed=1, new=1)
    assert await shop.dues(request) == {"resolve": desk.at(hours=8), "respond": desk.at(hours=2)}


async def test_a_breach_that_was_recorded_stays(shop: Shop) -> None:
    policy = await shop.policy(promise(hours=1))
    request = await desk.submitted(shop.caller)
    await desk.pass_time(shop.caller, hours=2)
    await shop.revised(policy, promise(hours=8, may_be_later=True))

    done = await shop.repinned(policy)
    await desk.pass_time(shop.caller, hours=3)

    (held,) = await shop.promises(request)
    assert (held["outcome"], held["due_at"]) == ("broken", desk.at(hours=1))
    told = [event.type for event in await shop.told(held["id"])]
    assert told.count("commitment.broken") == 1
    assert "commitment.corrected" not in told
    assert done["promises"] == _totals(changed=1, same=1, held_back=1)


async def test_a_promise_that_is_over_is_never_touched(shop: Shop) -> None:
    policy = await shop.policy(promise(hours=8), promise("respond", hours=2))
    request = await desk.submitted(shop.caller)
    await desk.report(shop.caller, request, type="replied", by="agent")
    await desk.pass_time(shop.caller, hours=1)
    await shop.revised(policy, promise(hours=4), promise("respond", hours=1))
    answered = next(each for each in request["commitments"] if each["metric"] == "respond")
    before = (await shop.caller.get(f"/v1/commitments/{answered['id']}")).json()

    done = await shop.repinned(policy)

    assert done["promises"] == _totals(changed=1, earlier=1)
    assert (await shop.caller.get(f"/v1/commitments/{answered['id']}")).json() == before


async def test_a_request_that_is_over_by_then_is_left(shop: Shop) -> None:
    policy = await shop.policy(promise(hours=8))
    ends, runs = [await desk.submitted(shop.caller) for _ in range(2)]
    await shop.revised(policy, promise(hours=4))
    preview = await shop.preview(policy)
    await desk.report(shop.caller, ends, type="changed", state="closed")
    before = (await shop.caller.get(f"/v1/requests/{ends['id']}/timeline")).json()

    asked = await shop.asked(policy, preview=False, preview_id=preview["id"])
    done = await shop.worked(asked.json()["id"])

    assert (preview["changed"], done["changed"]) == (2, 1)
    assert done["differs_from_preview"] == {"unforeseen": 0, "fallen_away": 1}
    assert [change["request_id"] for change in await shop.changes(done)] == [runs["id"]]
    assert (await shop.caller.get(f"/v1/requests/{ends['id']}/timeline")).json() == before


async def test_a_request_that_came_before_a_version_for_new_ones_is_decided_by_it_once_put_on_it(
    shop: Shop,
) -> None:
    policy = await shop.policy(promise(hours=8), rule="old")
    request = await desk.submitted(shop.caller)
    await desk.pass_time(shop.caller, hours=1)
    await shop.revised(policy, promise(hours=4), rule="new", running="new_requests_only")

    async def rule_after(note: str) -> str:
        facts = {"custom": {"note": note}}
        await desk.report(shop.caller, request, type="changed", facts=facts)
        decided = await shop.caller.get(f"/v1/requests/{request['id']}/decision")
        return decided.json()["decision"]["rule_id"]

    before = await rule_after("before")
    await shop.repinned(policy)
    await desk.pass_time(shop.caller, hours=2)

    assert before == "old"
    assert await rule_after("after") == "new"
    assert await shop.dues(request) == {"resolve": desk.at(hours=4)}


async def test_a_late_event_from_before_leaves_the_request_on_the_version_that_it_was_put_on(
    shop: Shop,
) -> None:
    policy = await shop.policy(promise(hours=8), rule="old")
    request = await desk.submitted(shop.caller)
    await desk.pass_time(shop.caller, hours=2)
    await shop.revised(policy, promise(hours=4), rule="new", running="new_requests_only")
    await shop.repinned(policy)

    facts = {"custom": {"note": "told late"}}
    occurred_at = desk.at(hours=1)
    await desk.report(shop.caller, request, type="changed", facts=facts, occurred_at=occurred_at)

    decision = (await shop.caller.get(f"/v1/requests/{request['id']}/decision")).json()["decision"]
    assert decision["rule_id"] == "new"
    assert await shop.dues(request) == {"resolve": desk.at(hours=4)}


async def test_what_its_source_told_of_the_same_instant_comes_before_it(shop: Shop) -> None:
    """In a sandbox whose clock stands all happens at one instant, in the order of the source's sequence."""
    policy = await shop.policy(promise(hours=8))
    request = await desk.submitted(shop.caller)
    facts = {"custom": {"note": "the same instant"}}
    await desk.report(shop.caller, request, type="changed", facts=facts, sequence=7)
    await shop.revised(policy, promise(hours=4))

    await shop.repinned(policy)

    events = (await shop.caller.get(f"/v1/requests/{request['id']}/events")).json()["items"]
    assert [event["type"] for event in events] == ["opened", "changed", "repinned"]
    assert len(await shop.decisions(request)) == 3


async def test_a_request_whose_calendar_never_leaves_time_for_the_new_terms_is_left_and_listed(
    shop: Shop,
) -> None:
    once: dict[str, Any] = {"tz": "UTC", "weekly": {}, "openings": [["2100-01-01T09:00", "2100-01-01T10:00"]]}
    await desk.created(shop.caller, "/v1/calendars", {"name": "office", "definition": desk.OFFICE})
    await desk.created(shop.caller, "/v1/calendars", {"name": "once", "definition": once})
    await desk.created(shop.caller, "/v1/clients", {"name": "Quay", "calendar": "once"})
    policy = await shop.policy(promise(hours=8))
    closed, usual = await desk.submitted(shop.caller, client="Quay"), await desk.submitted(shop.caller)
    target = {"unit": "working_time", "seconds": 4 * 3_600}
    working = {"metric": "resolve", "target": target, "calendar": "office", "client_calendar": True}
    await shop.revised(policy, working)

    preview = await shop.preview(policy)
    done = await shop.repinned(policy)

    assert [(each["repinned"], each["failed"]) for each in (preview, done)] == [(1, 1), (1, 1)]
    (failure,) = await shop.changes(done, outcome="failed")
    assert (failure["request_id"], failure["promises"]) == (closed["id"], [])
    assert "calendars" in failure["reason"]
    assert await shop.dues(closed) == {"resolve": desk.at(hours=8)}
    assert await shop.dues(usual) == {"resolve": desk.at(hours=4)}
    assert len(await shop.decisions(closed)) == 1


async def test_only_what_is_within_the_scope_is_put_on_the_version(shop: Shop) -> None:
    policy = await shop.policy(promise(hours=8))
    for name in ("Quay", "Harbour"):
        await desk.created(shop.caller, "/v1/clients", {"name": name})
    await desk.created(shop.caller, "/v1/services", {"name": "mail"})
    early = await desk.submitted(shop.caller, client="Quay", service="mail")
    await desk.pass_time(shop.caller, hours=1)
    meant = await desk.submitted(shop.caller, client="Quay", service="mail")
    others = [
        await desk.submitted(shop.caller, client="Harbour", service="mail"),
        await desk.submitted(shop.caller, client="Quay"),
        await desk.submitted(shop.caller, client="Quay", service="mail", type="change"),
    ]
    await shop.revised(policy, promise(hours=4))

    scope = {
        "clients": ["Quay"],
        "services": ["mail"],
        "request_types": ["incident"],
        "received_after": desk.at(),
    }
    done = await shop.repinned(policy, scope=scope)

    assert done["scope"] == scope
    assert (done["total"], done["changed"]) == (1, 1)
    assert [change["request_id"] for change in await shop.changes(done)] == [meant["id"]]
    assert {(await shop.dues(each))["resolve"] for each in [early, *others]} == {
        desk.at(hours=8),
        desk.at(hours=9),
    }


async def test_a_request_that_the_policy_is_not_for_is_left(shop: Shop) -> None:
    policy = await shop.policy(promise(hours=8), applies_to={"request_types": ["incident"]})
    await desk.submitted(shop.caller, type="change")
    await shop.revised(policy, promise(hours=4), applies_to={"request_types": ["incident"]})

    done = await shop.repinned(policy)

    assert (done["total"], done["done"], done["repinned"]) == (1, 1, 0)


async def test_a_request_that_the_policy_is_for_only_now_is_put_on_it(shop: Shop) -> None:
    policy = await shop.policy(promise(hours=8), applies_to={"request_types": ["incident"]})
    request = await desk.submitted(shop.caller, type="change")
    await shop.revised(policy, promise(hours=4))

    done = await shop.repinned(policy)

    assert (done["repinned"], done["changed"]) == (1, 1)
    assert (await shop.dues(request))["resolve"] == desk.at(hours=4)


async def test_of_one_policy_one_repinning_is_carried_out_at_a_time(shop: Shop) -> None:
    policy, other = await shop.policy(promise()), await shop.policy(promise(), name="other")
    previews = [await shop.preview(each) for each in (policy, policy, other)]
    first = await shop.asked(policy, preview=False, preview_id=previews[0]["id"])

    second = await shop.asked(policy, preview=False, preview_id=previews[1]["id"])
    beside = await shop.asked(other, preview=False, preview_id=previews[2]["id"])
    preview = await shop.asked(policy, preview=True)
    await shop.worked(first.json()["id"])
    after = await shop.asked(policy, preview=False, preview_id=previews[1]["id"])

    assert (second.status_code, second.json()["type"]) == (409, "/problems/repinning-under-way")
    assert [answer.status_code for answer in (beside, preview, after)] == [202, 202, 202]


async def test_what_was_cancelled_is_not_resumed_beside_another_one_of_its_policy(shop: Shop) -> None:
    policy = await shop.policy(promise())
    previews = [await shop.preview(policy) for _ in range(2)]
    first = (await shop.asked(policy, preview=False, preview_id=previews[0]["id"])).json()["id"]
    await shop.ordered(first, "cancel")
    await shop.asked(policy, preview=False, preview_id=previews[1]["id"])

    resumed = await shop.ordered(first, "resume")

    assert (resumed.status_code, resumed.json()["type"]) == (409, "/problems/repinning-under-way")


async def test_a_preview_is_carried_out_while_it_holds_and_of_its_own_policy_only(shop: Shop) -> None:
    policy, other = await shop.policy(promise()), await shop.policy(promise(), name="other")
    waiting = (await shop.asked(policy, preview=True)).json()["id"]

    async def refusal(preview_id: str, *, policy_id: str = policy) -> str:
        answer = await shop.asked(policy_id, preview=False, preview_id=preview_id)
        return answer.json()["type"]

    unfinished = await refusal(waiting)
    await shop.worked(waiting)
    foreign = await refusal(waiting, policy_id=other)
    await desk.pass_time(shop.caller, hours=1.001)
    old = await refusal(waiting)
    young = await shop.preview(policy)
    await shop.revised(policy, promise(hours=2))
    replaced = await refusal(young["id"])
    unknown = await refusal("01a20475-e0a2-74f0-b05a-9cfc1a049ab9")

    assert (unfinished, foreign) == ("/problems/preview-missing", "/problems/preview-missing")
    assert (old, replaced) == ("/problems/preview-stale", "/problems/preview-stale")
    assert unknown == "/problems/repinning-not-found"


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"preview": False}, ["/preview_id"]),
        ({"preview": False, "scope": {}}, ["/preview_id", "/scope"]),
        ({"preview": True, "preview_id": "01a20475-e0a2-74f0-b05a-9cfc1a049ab9"}, ["/preview_id"]),
        (
            {"preview": True, "scope": {"received_after": "0001-01-01T00:00:00+14:00"}},
            ["/scope/received_after"],
        ),
    ],
    ids=["of nothing", "of nothing, with a scope", "a preview of something", "an instant beyond all years"],
)
async def test_what_is_neither_a_preview_nor_of_one_is_refused_with_its_place(
    shop: Shop, body: dict[str, Any], pointers: list[str]
) -> None:
    policy = await shop.policy(promise())

    answer = await shop.asked(policy, **body)

    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/repinning-invalid")
    assert [fault["pointer"] for fault in answer.json()["errors"]] == pointers


async def test_a_policy_that_is_not_in_effect_has_nothing_to_put_requests_on(shop: Shop) -> None:
    body = {"name": "draft", "kind": "commitment", "document": desk.DOCUMENT}
    draft = await desk.created(shop.caller, "/v1/policies", body)

    answer = await shop.asked(draft["id"], preview=True)

    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/policy-not-in-effect")


async def test_until_a_repinning_ends_it_is_told_when_to_ask_again(shop: Shop) -> None:
    policy = await shop.policy(promise())

    answer = await shop.asked(policy, preview=True)
    queued = await shop.caller.get(answer.headers["Location"])
    await shop.worked(answer.json()["id"])
    done = await shop.caller.get(answer.headers["Location"])

    assert (answer.status_code, answer.headers["Retry-After"]) == (202, "1")
    assert (queued.json()["state"], queued.headers["Retry-After"]) == ("queued", "1")
    assert (done.json()["state"], done.headers.get("Retry-After")) == ("done", None)


async def test_what_was_cancelled_is_resumed_where_it_stopped(shop: Shop) -> None:
    policy = await shop.policy(promise(hours=8))
    requests = [await desk.submitted(shop.caller) for _ in range(3)]
    await shop.revised(policy, promise(hours=4))
    preview = await shop.preview(policy)
    asked = (await shop.asked(policy, preview=False, preview_id=preview["id"])).json()

    await shop.stepped(asked["id"], times=2)
    cancelled = await shop.ordered(asked["id"], "cancel")
    await shop.worked(asked["id"])
    again = await shop.ordered(asked["id"], "cancel")
    held = await shop.shown(asked["id"])
    resumed = await shop.ordered(asked["id"], "resume")
    done = await shop.worked(asked["id"])

    assert (cancelled.json()["state"], cancelled.json()["done"]) == ("cancelled", 1)
    assert (again.status_code, again.json()["type"]) == (409, "/problems/repinning-ended")
    assert held["done"] == 1
    assert resumed.json()["state"] == "queued"
    assert (done["state"], done["done"], done["changed"]) == ("done", 3, 3)
    for request in requests:
        events = (await shop.caller.get(f"/v1/requests/{request['id']}/events")).json()["items"]
        assert [event["type"] for event in events] == ["opened", "repinned"]
    assert [event.payload["state"] for event in await shop.told(done["id"])] == ["cancelled", "done"]


async def test_it_stops_when_another_version_takes_effect_meanwhile(shop: Shop) -> None:
    policy = await shop.policy(promise(hours=8))
    requests = [await desk.submitted(shop.caller) for _ in range(2)]
    await shop.revised(policy, promise(hours=4))
    preview = await shop.preview(policy)
    asked = (await shop.asked(policy, preview=False, preview_id=preview["id"])).json()
    await shop.stepped(asked["id"], times=2)

    await shop.revised(policy, promise(hours=2))
    failed = await shop.worked(asked["id"])
    resumed = await shop.ordered(asked["id"], "resume")

    assert (failed["state"], failed["done"]) == ("failed", 1)
    assert "version 2" in failed["failure"]
    (told,) = await shop.told(asked["id"])
    assert told.payload["failure"] == failed["failure"]
    assert (resumed.status_code, resumed.json()["type"]) == (409, "/problems/preview-stale")
    assert [(await shop.dues(each))["resolve"] for each in requests] == [desk.at(hours=4), desk.at(hours=8)]


async def test_what_is_done_is_not_resumed(shop: Shop) -> None:
    policy = await shop.policy(promise(hours=8))
    preview = await shop.preview(policy)
    done = await shop.repinned(policy)

    answers = [await shop.ordered(each["id"], "resume") for each in (preview, done)]

    assert [answer.status_code for answer in answers] == [409, 409]
    assert {answer.json()["type"] for answer in answers} == {"/problems/repinning-not-resumable"}


async def test_what_is_under_way_is_resumed_without_effect(shop: Shop) -> None:
    policy = await shop.policy(promise())
    asked = (await shop.asked(policy, preview=True)).json()

    resumed = await shop.ordered(asked["id"], "resume")

    assert (resumed.status_code, resumed.json()) == (200, asked)


async def test_a_preview_that_holds_no_more_is_dropped_with_the_next_unless_something_was_done_by_it(
    shop: Shop,
) -> None:
    policy = await shop.policy(promise(hours=8))
    await desk.submitted(shop.caller)
    await shop.revised(policy, promise(hours=4))
    await shop.preview(policy)
    used = await shop.repinned(policy)
    await desk.pass_time(shop.caller, hours=1)
    kept = await shop.preview(policy)
    before = (await shop.caller.get("/v1/repinnings", params={"policy_id": policy})).json()["items"]
    await desk.pass_time(shop.caller, hours=1.001)

    last = await shop.preview(policy)

    listed = (await shop.caller.get("/v1/repinnings", params={"policy_id": policy})).json()["items"]
    assert len(before) == 4
    assert [each["id"] for each in listed] == [last["id"], kept["id"], used["id"], used["preview_id"]]
