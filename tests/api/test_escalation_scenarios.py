"""Runs of ladders on the sandbox's clock, each as it would happen to somebody."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from service.db import Sessions, tenant_transaction
from service.escalations.ladders.models import LadderRow
from service.outbox.domain.events import Audience
from service.outbox.models import WebhookDeliveryRow
from service.tenants.domain import Tenant
from service.wakeups import store as wakeups_store
from tests import factories
from tests.api import desk, watch
from tests.api.watch import STEPS, Watch
from tests.conftest import SignIn
from tests.factories import NOON

NETWORK = {"facts": {"priority": "P1", "assignment_group": "Network"}}
OWNER: dict[str, Any] = {"owner": True}


@pytest.fixture
async def tenant(sessions: Sessions) -> Tenant:
    """A sandbox, whose clock stands at noon."""
    return await factories.tenant(sessions, sandbox_at=NOON)


@pytest.fixture
async def on_watch(sign_in: SignIn, sessions: Sessions, tenant: Tenant) -> Watch:
    return await watch.opened(await sign_in(), sessions, tenant)


@pytest.fixture
async def usual(on_watch: Watch) -> Watch:
    """Every request climbs the usual ladder."""
    await on_watch.ladder("usual", STEPS)
    await on_watch.climbed({"ladder": "usual"})
    return on_watch


def step(name: str, tell: list[dict[str, Any]], anchor: str = "start", **said: Any) -> dict[str, Any]:
    after = said.pop("after_seconds", 0)
    return {"name": name, "at": {"anchor": anchor, "after_seconds": after}, "tell": tell, **said}


async def test_a_ladder_is_climbed_to_its_top_and_ends_with_the_promise(usual: Watch) -> None:
    request = await usual.submitted(**NETWORK)

    await usual.pass_hours(10)
    await desk.report(usual.caller, request, type="changed", state="resolved")
    await usual.pass_hours(30)

    assert await usual.told() == [
        (0, "watch", "ada"),
        (0, "watch", "ben"),
        (7, "due", "mia"),
        (8, "broken", "eve"),
    ]
    run = await usual.run()
    assert (run["state"], run["end_cause"], run["next_at"]) == ("ended", "fulfilled", None)


async def test_a_promise_that_is_kept_is_told_no_further(usual: Watch) -> None:
    request = await usual.submitted(**NETWORK)
    await usual.pass_hours(2)

    await desk.report(usual.caller, request, type="changed", state="resolved")
    await usual.pass_hours(30)

    assert {each[1] for each in await usual.told()} == {"watch"}


async def test_repeat_to_the_limit(on_watch: Watch) -> None:
    repeat = {"every_seconds": 1800, "times": 3}
    await on_watch.ladder("nagging", [step("watch", [{"role": "admin"}], repeat=repeat)])
    await on_watch.climbed({"ladder": "nagging"})

    await on_watch.submitted(**NETWORK)
    await on_watch.pass_hours(7)

    assert [each[0] for each in await on_watch.told()] == [0, 0.5, 1, 1.5]
    assert [each["repeat"] for each in await on_watch.notices()] == [0, 1, 2, 3]
    assert (await on_watch.run())["next_at"] is None


async def test_what_is_repeated_says_how_things_stand_then(on_watch: Watch) -> None:
    repeat = {"every_seconds": 5 * 3600, "times": 1}
    await on_watch.ladder(
        "nagging", [step("watch", [{"role": "admin"}], after_seconds=4 * 3600, repeat=repeat)]
    )
    await on_watch.climbed({"ladder": "nagging"})

    await on_watch.submitted(**NETWORK)
    await on_watch.pass_hours(12)

    promises = [each["payload"]["promise"] for each in await on_watch.notices()]
    assert [(each["outcome"], each["lateness_seconds"]) for each in promises] == [
        ("pending", 0),
        ("broken", 3600),
    ]


async def test_acknowledgement_timeout(on_watch: Watch) -> None:
    await on_watch.ladder("usual", STEPS, acknowledged_for_seconds=3600)
    await on_watch.climbed({"ladder": "usual"})
    await on_watch.submitted(**NETWORK)

    taken = await on_watch.did(await on_watch.run(), "acknowledgement", by=str(on_watch.people["ada"]))
    await on_watch.pass_hours(2)

    assert (taken["state"], taken["held_by"]) == ("acknowledged", str(on_watch.people["ada"]))
    assert taken["held_until"] == desk.at(hours=1)
    reopened = await on_watch.run()
    assert (reopened["state"], reopened["held_by"]) == ("climbing", None)
    assert [each for each in await on_watch.told() if each[0] > 0] == [
        (1, "watch", "ada"),
        (1, "watch", "ben"),
    ]
    (event,) = await on_watch.events("escalation.reopened")
    assert event.occurred_at == NOON + timedelta(hours=1)


async def test_a_run_says_what_it_is_about_and_who_has_it(usual: Watch) -> None:
    request = await usual.submitted(external_id="INC-1", title="Mail is down", **NETWORK)
    ada = usual.people["ada"]
    before = await usual.run()

    taken = await usual.did(before, "acknowledgement", by=str(ada))
    (listed,) = await usual.runs()

    about = {name: listed[name] for name in ("request", "promise", "holder")}
    assert about == {
        "request": {
            "source": "desk",
            "external_id": "INC-1",
            "type": "incident",
            "title": "Mail is down",
        },
        "promise": {
            "metric": "resolve",
            "what": None,
            "level": "sla",
            "clock": "running",
            "outcome": "pending",
            "due_at": desk.at(hours=8),
        },
        "holder": {"name": "Ada Harbour", "email": f"{ada.hex[-12:]}@harbour.test"},
    }
    assert {name: taken[name] for name in about} == about
    assert before["holder"] is None
    await desk.report(usual.caller, request, type="changed", state="resolved")
    assert (await usual.run())["promise"]["outcome"] == "kept"


async def test_a_run_foresees_its_steps_after_a_breach_while_its_promise_is_still_to_be_kept(
    usual: Watch,
) -> None:
    request = await usual.submitted(**NETWORK)
    before = await usual.run()

    await usual.pass_hours(7.5)

    assert [(each["at"], each["step"]) for each in before["coming"]] == [
        (desk.at(hours=7), "due"),
        (desk.at(hours=8, microseconds=1), "broken"),
    ]
    assert [each["step"] for each in (await usual.run())["coming"]] == ["broken"]
    assert {each[1] for each in await usual.told()} == {"watch", "due"}
    await desk.report(usual.caller, request, type="changed", state="resolved")
    assert (await usual.run())["coming"] == []


async def test_an_acknowledgement_for_good_keeps_the_ladder_quiet_until_the_end(usual: Watch) -> None:
    await usual.submitted(**NETWORK)
    await usual.did(await usual.run(), "acknowledgement", by=str(usual.people["ada"]))

    await usual.pass_hours(30)

    assert {each[0] for each in await usual.told()} == {0}
    assert (await usual.run())["state"] == "acknowledged"


async def test_several_acknowledging_at_once(usual: Watch, sign_in_as: SignIn) -> None:
    await usual.submitted(**NETWORK)
    run = await usual.run()
    ada, ben = [await sign_in_as(of=usual.tenant, member_id=usual.people[name]) for name in ("ada", "ben")]
    path = f"/v1/escalations/{run['id']}/acknowledgement"

    answers = [await each.post(path, headers=factories.key()) for each in (ada, ben, ada)]

    assert [answer.status_code for answer in answers] == [200, 409, 200]
    assert answers[1].json()["type"] == "/problems/escalation-taken"
    assert "Ada Harbour has had it since 2026-01-05T12:00:00Z" in answers[1].json()["detail"]
    assert (await usual.run())["held_by"] == str(usual.people["ada"])


async def test_who_takes_it_over_has_it(usual: Watch, sign_in_as: SignIn) -> None:
    await usual.submitted(**NETWORK)
    run = await usual.run()
    ben = await sign_in_as(of=usual.tenant, member_id=usual.people["ben"])
    await usual.did(run, "acknowledgement", by=str(usual.people["ada"]))

    body = {"to": str(usual.people["ben"])}
    taken = await ben.post(f"/v1/escalations/{run['id']}/hand-over", json=body, headers=factories.key())

    assert (taken.status_code, taken.json()["state"]) == (200, "acknowledged")
    assert taken.json()["held_by"] == body["to"]
    shown = (await ben.get("/v1/escalations", params={"mine": True})).json()["items"]
    assert [each["id"] for each in shown] == [run["id"]]


async def test_whoever_it_is_handed_over_to_is_told_and_has_a_while_to_take_it(usual: Watch) -> None:
    await usual.submitted(**NETWORK)
    people = {name: str(member_id) for name, member_id in usual.people.items()}

    given = await usual.did(await usual.run(), "hand-over", by=people["ada"], to=people["mia"])
    await usual.pass_hours(1)

    assert (given["state"], given["held_by"]) == ("handed_over", people["mia"])
    assert (0, None, "mia") in await usual.told()
    assert (await usual.run())["state"] == "climbing"
    assert [each for each in await usual.told() if each[0] > 0] == [
        (0.25, "watch", "ada"),
        (0.25, "watch", "ben"),
    ]


async def test_what_was_put_off_is_told_again_when_that_is_over(usual: Watch) -> None:
    await usual.submitted(**NETWORK)

    snoozed = await usual.did(
        await usual.run(), "snooze", by=str(usual.people["ada"]), until=desk.at(hours=2)
    )
    await usual.pass_hours(3)

    assert snoozed["state"] == "snoozed"
    assert [each for each in await usual.told() if each[0] > 0] == [(2, "watch", "ada"), (2, "watch", "ben")]


async def test_whoever_goes_up_a_step_has_it_told_at_once(usual: Watch) -> None:
    await usual.submitted(**NETWORK)
    run = await usual.run()
    await usual.did(run, "acknowledgement", by=str(usual.people["ada"]))

    raised = await usual.did(run, "raise", by=str(usual.people["ada"]), step="broken")

    assert raised["state"] == "climbing"
    assert (await usual.told())[-1] == (0, "broken", "eve")
    assert [each.payload["step"] for each in await usual.events("escalation.raised")] == ["broken"]


async def test_what_somebody_resolved_is_told_no_more_and_begins_anew_with_a_reopening(usual: Watch) -> None:
    request = await usual.submitted(**NETWORK)
    run = await usual.run()

    await usual.did(run, "resolution", by=str(usual.people["ada"]), reason="A false alarm.")
    again = await usual.act(run, "acknowledgement", by=str(usual.people["ada"]))
    await usual.pass_hours(2)
    await desk.report(usual.caller, request, type="changed", facts={"priority": "P1"})
    quiet = await usual.runs()
    await desk.report(usual.caller, request, type="changed", state="resolved")
    await desk.report(usual.caller, request, type="changed", state="open")

    assert (again.status_code, again.json()["type"]) == (409, "/problems/escalation-over")
    assert [(each["round"], each["state"]) for each in quiet] == [(1, "ended")]
    rounds = [(each["round"], each["state"]) for each in await usual.runs()]
    assert rounds == [(1, "ended"), (2, "climbing")]


async def test_manual_escalation(on_watch: Watch) -> None:
    await on_watch.ladder("usual", STEPS)
    request = await on_watch.submitted(**NETWORK)
    body = {"ladder": "usual", "reason": "The client is angry.", "by": str(on_watch.people["ada"])}

    run = await desk.created(on_watch.caller, f"/v1/requests/{request['id']}/escalations", body)
    twice = await on_watch.caller.post(
        f"/v1/requests/{request['id']}/escalations", json=body, headers=factories.key()
    )
    await on_watch.pass_hours(9)

    assert (run["by_hand"], run["commitment_id"]) == (True, request["commitments"][0]["id"])
    assert (twice.status_code, twice.json()["type"]) == (409, "/problems/escalation-under-way")
    assert await on_watch.told() == [
        (0, "watch", "ada"),
        (0, "watch", "ben"),
        (7, "due", "mia"),
        (8, "broken", "eve"),
    ]
    (event,) = await on_watch.events("escalation.started")
    assert (event.payload["reason"], event.payload["by"]) == (body["reason"], body["by"])


async def test_a_request_without_a_promise_that_runs_is_not_escalated(on_watch: Watch) -> None:
    await on_watch.ladder("usual", STEPS)
    request = await on_watch.submitted(**NETWORK, state="closed")
    body = {"ladder": "usual", "reason": "Too late.", "by": str(on_watch.people["ada"])}

    refused = await on_watch.caller.post(
        f"/v1/requests/{request['id']}/escalations", json=body, headers=factories.key()
    )

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/nothing-to-escalate")


async def test_reassignment_while_running(on_watch: Watch) -> None:
    steps = [step("first", [OWNER]), step("later", [OWNER], after_seconds=3600)]
    await on_watch.ladder("owners", steps)
    await on_watch.climbed({"ladder": "owners"})
    await desk.created(
        on_watch.caller, "/v1/groups", {"name": "Servers", "manager_id": str(on_watch.people["mia"])}
    )
    group = (await on_watch.caller.get("/v1/groups")).json()["items"][-1]
    tag = (await on_watch.caller.get(f"/v1/groups/{group['id']}")).headers["ETag"]
    eve = on_watch.people["eve"]
    await on_watch.caller.put(f"/v1/groups/{group['id']}/members/{eve}", headers={"If-Match": tag})
    request = await on_watch.submitted(**NETWORK)

    await desk.report(on_watch.caller, request, type="changed", facts={"assignment_group": "Servers"})
    await on_watch.pass_hours(2)

    assert await on_watch.told() == [(0, "first", "ada"), (0, "first", "ben"), (1, "later", "eve")]
    assert len(await on_watch.runs()) == 1


async def test_a_step_gives_the_request_to_another_group(on_watch: Watch) -> None:
    await on_watch.ladder("functional", [step("hand on", [{"reassign": "Network"}], after_seconds=3600)])
    await on_watch.climbed({"ladder": "functional"})
    request = await on_watch.submitted(
        facts={"priority": "P1", "assignment_group": "Desk", "assignee": "joe"}
    )

    await on_watch.pass_hours(2)

    shown = (await on_watch.caller.get(f"/v1/requests/{request['id']}")).json()
    assert shown["facts"] == {"priority": "P1", "assignment_group": "Network"}
    assert await on_watch.told() == [(1, "hand on", "ada"), (1, "hand on", "ben")]
    records = (await on_watch.caller.get("/v1/audit-records", params={"actor": "rooted"})).json()["items"]
    assert [record["subject"] for record in records] == [f"request:{request['id']}"]


async def test_ladder_changed_or_deleted_while_running(on_watch: Watch) -> None:
    ladder = await on_watch.ladder("usual", STEPS)
    policy = await on_watch.climbed({"ladder": "usual"})
    first = await on_watch.submitted(**NETWORK)
    path = f"/v1/ladders/{ladder['id']}"
    other = {"steps": [step("else", [{"role": "admin"}], after_seconds=60)]}
    tag = (await on_watch.caller.get(path)).headers["ETag"]
    revised = await on_watch.caller.put(path, json={"definition": other}, headers={"If-Match": tag})
    await on_watch.submitted(**NETWORK)
    tag = (await on_watch.caller.get(f"/v1/policies/{policy['id']}")).headers["ETag"]
    out_of_use = {"If-Match": tag, **factories.key()}
    await on_watch.caller.post(f"/v1/policies/{policy['id']}/retire", headers=out_of_use)
    retired = await on_watch.caller.post(
        f"{path}/retire", headers={"If-Match": revised.headers["ETag"], **factories.key()}
    )

    await on_watch.pass_hours(9)

    assert retired.status_code == 200, retired.text
    runs = await on_watch.runs()
    assert [(each["ladder_version"], each["state"]) for each in runs] == [(1, "climbing"), (2, "climbing")]
    told = [[each[1] for each in await on_watch.told(escalation_id=run["id"])] for run in runs]
    assert told == [["watch", "watch", "due", "broken"], ["else"]]
    assert (await on_watch.run(request_id=first["id"]))["definition"]["steps"][0]["name"] == "watch"


async def test_a_ladder_that_there_is_not_is_on_record_and_begins_once_there_is_one(
    usual: Watch, sessions: Sessions
) -> None:
    await set_retired(sessions, usual.tenant, NOON)
    request = await usual.submitted(**NETWORK)
    missing = await usual.run()
    await desk.report(usual.caller, request, type="changed", facts={"priority": "P2"})
    still = await usual.runs()

    await set_retired(sessions, usual.tenant, None)
    await desk.report(usual.caller, request, type="changed", facts={"priority": "P3"})

    assert (missing["state"], missing["end_cause"]) == ("ended", "no_such_ladder")
    assert len(still) == 1
    assert [each["state"] for each in await usual.runs()] == ["ended", "climbing"]


async def set_retired(sessions: Sessions, tenant: Tenant, at: datetime | None) -> None:
    """Take all ladders out of use behind the back of the policies that name them, or back into it."""
    async with tenant_transaction(sessions, tenant.id) as session:
        row = LadderRow
        changed = update(row).where(row.tenant_id == tenant.id).values(retired_at=at)
        await session.db.execute(changed)


@pytest.mark.parametrize(
    ("now", "local_hours", "told"),
    [
        # Clocks go forward on 29 March: 24 h of local time are 23.
        ("2026-03-28T07:00:00Z", 25, ["2026-03-28T07:00:00Z", "2026-03-29T06:00:00Z"]),
        # And back on 25 October: they are 25.
        ("2026-10-24T06:00:00Z", 26, ["2026-10-24T06:00:00Z", "2026-10-25T07:00:00Z"]),
    ],
)
async def test_rota_handover_over_both_dst_changes(
    on_watch: Watch, now: str, local_hours: int, told: list[str]
) -> None:
    """Ada and Ben take turns at eight in the morning in Berlin; each is told to the second."""
    await on_watch.pass_time_to(now)
    ada, ben = str(on_watch.people["ada"]), str(on_watch.people["ben"])
    daily = {
        "name": "daily",
        "members": [ada, ben],
        "unit": "days",
        "length": 1,
        "first_handover": f"{now[:10]}T08:00:00",
    }
    await desk.created(
        on_watch.caller, "/v1/rotas", {"name": "duty", "zone": "Europe/Berlin", "rotations": [daily]}
    )
    span = watch.hours(told[1]) - watch.hours(told[0])
    steps = [
        step("first", [{"rota": "duty"}]),
        step("before", [{"rota": "duty"}], after_seconds=int(span * 3600) - 1),
        step("after", [{"rota": "duty"}], after_seconds=int(span * 3600)),
    ]
    await on_watch.ladder("rota", steps)
    await on_watch.climbed({"ladder": "rota"})

    await on_watch.submitted(**NETWORK)
    await on_watch.pass_hours(watch.hours(now) + local_hours)

    assert [(each[1], each[2]) for each in await on_watch.told()] == [
        ("first", "ada"),
        ("before", "ada"),
        ("after", "ben"),
    ]
    assert (await on_watch.notices())[-1]["given_at"] == told[1]


async def test_a_gap_on_the_rota(on_watch: Watch) -> None:
    rotation = {
        "name": "daily",
        "members": [str(on_watch.people["ada"])],
        "unit": "days",
        "length": 1,
        "first_handover": "2026-01-06T08:00:00",
    }
    await desk.created(on_watch.caller, "/v1/rotas", {"name": "duty", "zone": "UTC", "rotations": [rotation]})
    steps = [
        step("watch", [{"rota": "duty"}], after_seconds=600),
        step("lead", [{"role": "admin"}], after_seconds=7200),
    ]
    await on_watch.ladder("rota", steps)
    await on_watch.climbed({"ladder": "rota"})

    await on_watch.submitted(**NETWORK)
    await on_watch.pass_hours(3)

    assert await on_watch.told() == [(0.1667, "lead", "eve")]
    (event,) = await on_watch.events("escalation.unstaffed")
    assert event.payload["step"] == "watch"
    assert event.payload["skipped"] == [{"target": 0, "cause": "nobody"}]


async def in_maintenance(on_watch: Watch, **said: Any) -> dict[str, Any]:
    """A request on a service that is in maintenance from one to three."""
    service = await desk.created(on_watch.caller, "/v1/services", {"name": "Mail"})
    steps = [
        step("watch", [{"role": "admin"}], after_seconds=2 * 3600),
        step("late", [{"role": "admin"}], "breach"),
    ]
    await on_watch.ladder("usual", steps, **said)
    await on_watch.climbed({"ladder": "usual"})
    window = {"from": desk.at(hours=1), "until": desk.at(hours=3), "reason": "Patches"}
    planned = await desk.created(on_watch.caller, f"/v1/services/{service['id']}/maintenance-windows", window)
    await on_watch.submitted(**NETWORK, service="Mail")
    return planned


async def test_a_service_in_maintenance(on_watch: Watch) -> None:
    await in_maintenance(on_watch)

    await on_watch.pass_hours(2.5)
    held = await on_watch.run()
    await on_watch.pass_hours(4)

    assert held["maintenance_until"] == desk.at(hours=3)
    assert await on_watch.told() == [(3, "watch", "eve")]
    assert [each["late"] for each in await on_watch.notices()] == [False]


async def test_a_ladder_that_tells_in_maintenance(on_watch: Watch) -> None:
    await in_maintenance(on_watch, maintenance="tell")

    await on_watch.pass_hours(4)

    assert await on_watch.told() == [(2, "watch", "eve")]


async def test_maintenance_that_is_called_off_holds_nothing_up_any_more(on_watch: Watch) -> None:
    window = await in_maintenance(on_watch)
    await on_watch.pass_hours(2.25)
    path = f"/v1/maintenance-windows/{window['id']}"
    tag = (await on_watch.caller.get(path)).headers["ETag"]

    off = await on_watch.caller.post(f"{path}/call-off", headers={"If-Match": tag, **factories.key()})
    await on_watch.pass_hours(2.5)

    assert off.status_code == 200, off.text
    assert await on_watch.told() == [(2.25, "watch", "eve")]


async def renegotiated(on_watch: Watch, request: dict[str, Any], answer: str) -> None:
    """A promise is to be kept at twenty instead, and the client answers that."""
    path = f"/v1/commitments/{request['commitments'][0]['id']}/renegotiations"
    offered = {"reason": "A part is missing.", "due_at": desk.at(hours=20), "answer_within_seconds": 3600}
    proposed = await desk.created(on_watch.caller, path, offered)
    answered = await on_watch.caller.post(
        f"/v1/renegotiations/{proposed['id']}/answer", json={"reply": answer}, headers=factories.key()
    )
    assert answered.status_code == 200, answered.text
    await on_watch.pass_time_to(await on_watch.now())


async def test_the_ladder_follows_the_promise_that_was_understood(usual: Watch) -> None:
    request = await usual.submitted(**NETWORK)
    await usual.pass_hours(7.5)

    await renegotiated(usual, request, "understood")
    await usual.pass_hours(30)

    original, revised = await usual.runs()
    assert (original["state"], original["end_cause"]) == ("ended", "renegotiated")
    assert revised["commitment_id"] != original["commitment_id"]
    told = [each[:2] for each in await usual.told(escalation_id=revised["id"])]
    assert told == [(7.5, "watch"), (7.5, "watch"), (19, "due"), (20, "broken")]
    assert [each[:2] for each in await usual.told(escalation_id=original["id"])] == [
        (0, "watch"),
        (0, "watch"),
        (7, "due"),
    ]


async def test_a_promise_that_another_stands_for_begins_no_ladder_when_it_breaks(on_watch: Watch) -> None:
    """Neither by a rule that asks for one only since then, nor while nothing else happens to the request."""
    for name, priority in (("usual", "P1"), ("urgent", "P0")):
        await on_watch.ladder(name, STEPS)
        await on_watch.climbed({"ladder": name}, when=f"request.priority == '{priority}'")
    request = await on_watch.submitted(**NETWORK)
    await on_watch.pass_hours(1)
    await renegotiated(on_watch, request, "understood")
    await desk.report(on_watch.caller, request, type="changed", facts={"priority": "P0"})

    await on_watch.pass_hours(12)

    urgent = [run for run in await on_watch.runs() if run["ladder"] == "urgent"]
    assert [run["state"] for run in urgent] == ["climbing"]
    assert urgent[0]["commitment_id"] != request["commitments"][0]["id"]


async def test_what_the_client_declines_is_told_to_a_manager_at_once(usual: Watch) -> None:
    request = await usual.submitted(**NETWORK)
    run = await usual.run()
    await usual.did(run, "acknowledgement", by=str(usual.people["ada"]))
    await usual.pass_hours(1)

    await renegotiated(usual, request, "declined")

    assert await usual.told() == [(0, "watch", "ada"), (0, "watch", "ben"), (1, "due", "mia")]
    assert (await usual.run())["state"] == "climbing"


async def test_two_requests_climbing_one_ladder(usual: Watch) -> None:
    first = await usual.submitted(**NETWORK)
    await usual.pass_hours(1)
    second = await usual.submitted(**NETWORK)
    run = await usual.run(request_id=first["id"])
    await usual.did(run, "acknowledgement", by=str(usual.people["ada"]))

    await usual.pass_hours(20)

    other = await usual.run(request_id=second["id"])
    assert [each[1] for each in await usual.told(escalation_id=run["id"])] == ["watch", "watch"]
    assert [each[0] for each in await usual.told(escalation_id=other["id"])] == [1, 1, 8, 9]


async def outage(sessions: Sessions, tenant: Tenant, **later: float) -> None:
    """The clock goes on, and nobody looks at what falls due."""
    at = NOON + timedelta(**later)
    async with tenant_transaction(sessions, tenant.id) as session:
        await wakeups_store.set_clock(session, now_at=at, target_at=at)


async def test_after_an_outage_each_is_told_once_and_late(usual: Watch, sessions: Sessions) -> None:
    await usual.submitted(**NETWORK)

    await outage(sessions, usual.tenant, hours=14)
    await usual.pass_hours(14)
    await usual.pass_hours(20)

    assert await usual.told() == [
        (0, "watch", "ada"),
        (0, "watch", "ben"),
        (14, "due", "mia"),
        (14, "broken", "eve"),
    ]
    assert [each["late"] for each in await usual.notices()] == [False, False, True, True]


async def test_who_is_meant_by_several_steps_is_told_once_after_an_outage(
    on_watch: Watch, sessions: Sessions
) -> None:
    everybody = [{"role": "admin"}, {"manager": True}]
    repeat = {"every_seconds": 600, "times": 20}
    steps = [
        step("one", [{"role": "admin"}], after_seconds=3600, repeat=repeat),
        step("two", everybody, after_seconds=7200),
    ]
    await on_watch.ladder("steep", steps)
    await on_watch.climbed({"ladder": "steep"})
    await on_watch.submitted(**NETWORK)

    await outage(sessions, on_watch.tenant, hours=6)
    await on_watch.pass_hours(6)

    assert sorted(await on_watch.told()) == [(6, "two", "eve"), (6, "two", "mia")]


async def test_what_was_closed_in_an_outage_is_not_told_at_all(usual: Watch, sessions: Sessions) -> None:
    request = await usual.submitted(**NETWORK)

    await outage(sessions, usual.tenant, hours=6)
    await desk.report(usual.caller, request, type="changed", state="closed", occurred_at=desk.at(hours=5))
    await usual.pass_hours(20)

    assert {each[1] for each in await usual.told()} == {"watch"}


async def test_while_a_promise_is_paused_its_steps_wait(usual: Watch) -> None:
    request = await usual.submitted(**NETWORK)
    await usual.pass_hours(1)
    await desk.report(usual.caller, request, type="paused", cause="waiting_requester", party="requester")

    await usual.pass_hours(21)
    waiting = await usual.run()
    await desk.report(usual.caller, request, type="resumed", cause="waiting_requester")
    await usual.pass_hours(40)

    assert waiting["next_at"] is None
    assert [each[0] for each in await usual.told()] == [0, 0, 27, 28]


async def test_a_step_that_was_told_is_not_told_again_when_its_instant_moves(usual: Watch) -> None:
    request = await usual.submitted(**NETWORK)
    await usual.pass_hours(7.5)

    await desk.report(usual.caller, request, type="paused", cause="waiting_requester", party="requester")
    await usual.pass_hours(10)
    await desk.report(usual.caller, request, type="resumed", cause="waiting_requester")
    await usual.pass_hours(20)

    assert [each[:2] for each in await usual.told()] == [
        (0, "watch"),
        (0, "watch"),
        (7, "due"),
        (10.5, "broken"),
    ]


async def test_a_request_that_is_opened_again_is_told_of_from_where_it_was(usual: Watch) -> None:
    request = await usual.submitted(**NETWORK)
    await usual.pass_hours(7.5)
    await desk.report(usual.caller, request, type="changed", state="resolved")
    await usual.pass_hours(10)

    await desk.report(usual.caller, request, type="changed", state="open")
    await usual.pass_hours(20)

    assert [each[:2] for each in await usual.told()] == [
        (0, "watch"),
        (0, "watch"),
        (7, "due"),
        (10, "due"),
        (10.5, "broken"),
    ]


async def test_a_rule_that_asks_for_a_ladder_no_more_ends_its_run(on_watch: Watch) -> None:
    await on_watch.ladder("urgent", STEPS)
    await on_watch.climbed({"ladder": "urgent"}, when="request.priority == 'P1'")
    request = await on_watch.submitted(**NETWORK)

    await desk.report(on_watch.caller, request, type="changed", facts={"priority": "P3"})
    lowered = await on_watch.run()
    await desk.report(on_watch.caller, request, type="changed", facts={"priority": "P1"})

    assert (lowered["state"], lowered["end_cause"]) == ("ended", "unwanted")
    assert [(each["round"], each["state"]) for each in await on_watch.runs()] == [
        (1, "ended"),
        (2, "climbing"),
    ]


async def test_a_request_of_a_clients_own_application_climbs_its_ladder(
    on_watch: Watch, sign_in: SignIn, sessions: Sessions
) -> None:
    await on_watch.ladder("usual", STEPS)
    await on_watch.ladder("client", [step("contact", [{"contact": True}], after_seconds=3600)])
    await on_watch.climbed({"ladder": "usual"}, {"ladder": "client"})
    client_id = await factories.client_of(sessions, on_watch.tenant)
    theirs = await sign_in(of=on_watch.tenant, client_id=client_id)

    request = await desk.submitted(theirs)
    before = await on_watch.runs()
    await on_watch.pass_hours(2)

    assert before == []
    runs = await on_watch.runs(request_id=request["id"])
    assert {(each["ladder"], each["client_id"]) for each in runs} == {
        ("usual", str(client_id)),
        ("client", str(client_id)),
    }
    (given,) = await on_watch.events("notice.given")
    assert (given.client_id, given.audience, given.subject_kind) == (client_id, Audience.CLIENT, "notice")
    assert given.payload["promise"]["metric"] == "resolve"
    assert "ladder" not in given.payload
    assert (await theirs.get("/v1/escalations")).status_code == 403


async def test_what_a_clients_own_application_reports_moves_and_ends_its_runs(
    usual: Watch, sign_in: SignIn, sessions: Sessions
) -> None:
    client_id = await factories.client_of(sessions, usual.tenant)
    theirs = await sign_in(of=usual.tenant, client_id=client_id)
    request = await desk.submitted(theirs, **NETWORK)
    await usual.pass_hours(1)

    await desk.report(theirs, request, type="changed", state="cancelled")
    await usual.pass_hours(20)

    assert {each[1] for each in await usual.told()} == {"watch"}
    assert (await usual.run())["end_cause"] == "cancelled"


async def test_what_a_clients_own_application_declines_is_told_to_a_manager(
    usual: Watch, sign_in: SignIn, sessions: Sessions
) -> None:
    client_id = await factories.client_of(sessions, usual.tenant)
    theirs = await sign_in(of=usual.tenant, client_id=client_id)
    request = await desk.submitted(theirs, **NETWORK)
    path = f"/v1/commitments/{request['commitments'][0]['id']}/renegotiations"
    offered = {"reason": "A part is missing.", "due_at": desk.at(hours=20), "answer_within_seconds": 3600}
    proposed = await desk.created(usual.caller, path, offered)

    await theirs.post(
        f"/v1/renegotiations/{proposed['id']}/answer", json={"reply": "declined"}, headers=factories.key()
    )
    await usual.pass_hours(1)

    assert (0, "due", "mia") in await usual.told()


async def test_a_worker_that_stood_still_begins_a_clients_run_as_of_when_it_was_asked_for(
    on_watch: Watch, sign_in: SignIn, sessions: Sessions
) -> None:
    await on_watch.ladder("late", [step("watch", [{"role": "admin"}], after_seconds=600)])
    await on_watch.climbed({"ladder": "late"})
    client_id = await factories.client_of(sessions, on_watch.tenant)
    theirs = await sign_in(of=on_watch.tenant, client_id=client_id)
    await desk.submitted(theirs, **NETWORK)

    await outage(sessions, on_watch.tenant, hours=6)
    await on_watch.pass_hours(6)

    (notice,) = await on_watch.notices()
    assert (notice["planned_at"], notice["late"]) == (desk.at(minutes=10), True)
    assert (await on_watch.run())["begun_at"] == desk.at()


async def test_a_webhook_of_a_ladder_is_told_alone(on_watch: Watch, sessions: Sessions) -> None:
    named, other = [
        await desk.created(
            on_watch.caller, "/v1/webhook-endpoints", {"url": f"https://example.com/{name}", "types": types}
        )
        for name, types in (("named", ["policy.published"]), ("other", ["escalation.notice"]))
    ]
    await on_watch.ladder("hook", [step("chat", [{"webhook": named["id"]}])])
    await on_watch.climbed({"ladder": "hook"})

    await on_watch.submitted(**NETWORK)

    (event,) = await on_watch.events("escalation.notice")
    assert event.payload["recipient"] == {"endpoint_id": named["id"]}
    async with tenant_transaction(sessions, on_watch.tenant.id) as session:
        row = WebhookDeliveryRow
        found = select(row.endpoint_id).where(row.tenant_id == session.tenant_id, row.event_id == event.id)
        assert [str(each) for each in await session.db.scalars(found)] == [named["id"]]
    assert other["id"] != named["id"]


async def test_an_application_says_for_whom_it_acts_and_a_member_acts_as_itself(
    usual: Watch, sign_in_as: SignIn
) -> None:
    await usual.submitted(**NETWORK)
    run = await usual.run()
    ada = await sign_in_as(of=usual.tenant, member_id=usual.people["ada"])
    path = f"/v1/escalations/{run['id']}/acknowledgement"

    nobody = await usual.act(run, "acknowledgement")
    stranger = await usual.act(run, "acknowledgement", by=str(run["id"]))
    posing = await ada.post(path, json={"by": str(usual.people["ben"])}, headers=factories.key())

    assert [answer.status_code for answer in (nobody, stranger, posing)] == [422, 422, 422]
    assert {answer.json()["errors"][0]["pointer"] for answer in (nobody, stranger, posing)} == {"/by"}
    assert (await usual.run())["state"] == "climbing"


@pytest.mark.parametrize("later", [{"hours": 0}, {"hours": -1}, {"days": 8}])
async def test_a_run_is_put_off_for_a_while_only(usual: Watch, later: dict[str, float]) -> None:
    await usual.submitted(**NETWORK)

    refused = await usual.act(
        await usual.run(), "snooze", by=str(usual.people["ada"]), until=desk.at(**later)
    )

    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/until")


async def test_a_step_that_the_ladder_has_not_is_named_with_those_that_it_has(usual: Watch) -> None:
    await usual.submitted(**NETWORK)

    refused = await usual.act(await usual.run(), "raise", by=str(usual.people["ada"]), step="top")

    assert refused.json()["errors"] == [
        {"pointer": "/step", "detail": "The ladder has no step 'top'; it has watch, due, broken."}
    ]
