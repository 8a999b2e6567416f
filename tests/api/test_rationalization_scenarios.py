"""Each verdict from the request to its end, on the sandbox's clock, with the tokens of all who take part.

A client's application asks, managers of the tenant consent, and outsiders see nothing: another client's
application, and a manager of another tenant.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from httpx2 import AsyncClient, Response

from service.db import Sessions
from service.people.domain import Role
from service.tenants.domain import Tenant
from tests import factories
from tests.api import desk, kinds
from tests.api.desk import at
from tests.conftest import SignIn
from tests.factories import NOON

pytestmark = pytest.mark.concurrent

CHANGE_DESK = {"name": "Change desk", "url": "mailto:changes@example.com"}
PROJECTS = {"name": "Project intake", "url": "https://portal.example.com/projects"}
TWO_MANAGERS = {
    "gate": "approval",
    "name": "board",
    "roles": ["manager"],
    "needed": 2,
    "within": {"unit": "elapsed_time", "seconds": 4 * 3600},
    "ladder": "board",
}
LADDER = {
    "steps": [
        {
            "name": "soon over",
            "at": {"anchor": "due", "after_seconds": -3600},
            "tell": [{"role": "admin"}],
        }
    ]
}
POLICY = {
    "facts": {
        "request.custom.planned_start": "timestamp",
        "request.custom.planned_end": "timestamp",
        "request.custom.days": "int",
    },
    "rules": [
        kinds.rule(
            "no-log", "request.category == 'logging'", {"verdict": "decline", "objections": CHANGE_DESK}
        ),
        kinds.rule(
            "project",
            "has(request.custom.days) && request.custom.days > 20",
            {"verdict": "redirect", "channel": PROJECTS},
        ),
        kinds.rule(
            "order",
            "request.category == 'order'",
            {"verdict": "redirect", "channel": {**PROJECTS, "type": "service_request"}},
        ),
        kinds.rule(
            "emergency",
            "request.priority == 'P1'",
            {
                "verdict": "special_method",
                "justification": "The usual way takes too long.",
                "way_back": "The rule is taken out of the firewall.",
                "proof": "It was tried at the Mill for a year.",
                "expires_in_days": 2,
                "requires": [TWO_MANAGERS],
            },
        ),
        kinds.rule(
            "at-night",
            "request.priority == 'P2'",
            {"verdict": "adjust", "proposal": {"window": {"calendar": "night"}}},
        ),
        kinds.rule("board", "request.priority == 'P3'", {"verdict": "accept", "requires": [TWO_MANAGERS]}),
    ],
    "applies_to": {"request_types": ["change"]},
}
NIGHT = {"tz": "UTC", "weekly": {day: [["22:00", "26:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}}


@dataclass(frozen=True, slots=True)
class Scene:
    """Who takes part.

    Attributes:
        staff: an application of the tenant, with all scopes.
        client: an application of the client organization that asks.
        managers: three members who manage, of whom the first asks now and then itself.
        outsiders: an application of another client organization, and a manager of another tenant.
    """

    staff: AsyncClient
    client: AsyncClient
    managers: tuple[AsyncClient, AsyncClient, AsyncClient]
    outsiders: tuple[AsyncClient, AsyncClient]

    async def asked(self, priority: str | None = None, **facts: Any) -> dict[str, Any]:
        """A change that the client asks for, looked at once by whoever looks after it."""
        said = facts | ({} if priority is None else {"priority": priority})
        request = await desk.submitted(self.client, type="change", title="Open a port", facts=said)
        await desk.pass_time(self.staff, seconds=1)
        return request

    async def arrangement(self, request: dict[str, Any], caller: AsyncClient | None = None) -> dict[str, Any]:
        found = await (caller or self.staff).get("/v1/arrangements", params={"request_id": request["id"]})
        assert found.status_code == 200, found.text
        last = found.json()["items"][-1]
        return (await (caller or self.staff).get(f"/v1/arrangements/{last['id']}")).json()

    async def state(self, request: dict[str, Any]) -> str:
        return (await self.staff.get(f"/v1/requests/{request['id']}")).json()["state"]

    async def approval(self, request: dict[str, Any]) -> dict[str, Any]:
        found = await self.staff.get("/v1/approvals", params={"request_id": request["id"]})
        (only,) = found.json()["items"]
        return only

    async def events(self, caller: AsyncClient, about: str) -> Counter[str]:
        return Counter(await desk.told(caller, about))


async def post(caller: AsyncClient, path: str, body: dict[str, Any] | None = None) -> Response:
    return await caller.post(path, json=body, headers=factories.key())


async def answer(caller: AsyncClient, approval: dict[str, Any], *, approve: bool = True) -> Response:
    body = {"approve": approve} if approve else {"approve": False, "reason": "It opens too much."}
    return await post(caller, f"/v1/approvals/{approval['id']}/answers", body)


def problem(response: Response) -> tuple[int, str]:
    return response.status_code, response.json()["type"].rpartition("/")[2]


@pytest.fixture
def sessions(own_sessions: Sessions) -> Sessions:
    """What is answered at once is answered on connections of its own."""
    return own_sessions


@pytest.fixture
async def tenant(sessions: Sessions) -> Tenant:
    """A sandbox, whose clock stands at noon of a Monday."""
    return await factories.tenant(sessions, sandbox_at=NOON)


@pytest.fixture
async def scene(sessions: Sessions, tenant: Tenant, sign_in: SignIn, sign_in_as: SignIn) -> Scene:
    staff = await sign_in()
    await desk.set_up(staff)
    await desk.created(staff, "/v1/calendars", {"name": "night", "definition": NIGHT})
    await desk.created(staff, "/v1/ladders", {"name": "board", "definition": LADDER})
    await factories.member(sessions, tenant, Role.ADMIN)
    await kinds.in_effect(staff, "rationalization", POLICY)
    elsewhere = await factories.tenant(sessions, sandbox_at=NOON)
    clients = [await factories.client_of(sessions, tenant, name=name) for name in ("Harbour", "Mill")]
    return Scene(
        staff=staff,
        client=await sign_in(client_id=clients[0]),
        managers=(
            await sign_in_as(Role.MANAGER),
            await sign_in_as(Role.MANAGER),
            await sign_in_as(Role.MANAGER),
        ),
        outsiders=(await sign_in(client_id=clients[1]), await sign_in_as(Role.MANAGER, of=elsewhere)),
    )


async def test_accepted_once_two_managers_consent_who_race_and_count_once_each(scene: Scene) -> None:
    request = await scene.asked("P3")
    approval = await scene.approval(request)
    assert (await scene.arrangement(request))["state"] == "held_up"

    said = await asyncio.gather(*(answer(each, approval) for each in scene.managers for _ in range(2)))

    assert {each.status_code for each in said} <= {200, 409}
    granted = await scene.approval(request)
    assert (granted["state"], len({each["by"]["id"] for each in granted["answers"]})) == ("granted", 2)
    assert (await scene.arrangement(request))["state"] == "ready"
    told = await scene.events(scene.staff, request["id"])
    assert (told["arrangement.ready"], told["approval.settled"]) == (1, 1)
    assert (await scene.events(scene.client, request["id"]))["arrangement.ready"] == 1


async def test_nobody_approves_what_they_ask_for_themselves(scene: Scene) -> None:
    ada, ben, mia = scene.managers
    request = await desk.submitted(ada, type="change", facts={"priority": "P3"})
    approval = await scene.approval(request)

    assert problem(await answer(ada, approval)) == (403, "approval-of-own-request")
    assert (await answer(ben, approval)).status_code == 200
    assert problem(await answer(ada, approval)) == (403, "approval-of-own-request")
    assert (await scene.arrangement(request))["state"] == "held_up"
    assert (await answer(mia, approval)).status_code == 200
    assert (await scene.arrangement(request))["state"] == "ready"


async def test_outsiders_see_nothing_and_answer_nothing(scene: Scene) -> None:
    request = await scene.asked("P3")
    approval, arrangement = await scene.approval(request), await scene.arrangement(request)

    for outsider in scene.outsiders:
        assert (await outsider.get(f"/v1/arrangements/{arrangement['id']}")).status_code == 404
        listed = await outsider.get("/v1/arrangements", params={"request_id": request["id"]})
        assert listed.json()["items"] == []
    other_client, other_manager = scene.outsiders
    assert (await answer(other_client, approval)).status_code == 403
    assert problem(await answer(other_manager, approval)) == (404, "approval-not-found")
    told = await scene.arrangement(request, scene.client)
    assert (told["gates"], told["missing"], told["verdict"].get("requires")) == (None, None, None)


async def test_an_approval_after_the_deadline_is_refused_and_who_could_have_given_it_was_told_before(
    scene: Scene,
) -> None:
    request = await scene.asked("P3")
    approval = await scene.approval(request)
    ben, mia, _ = scene.managers
    assert (await answer(ben, approval)).status_code == 200

    await desk.pass_time(scene.staff, hours=5)

    assert problem(await answer(mia, approval)) == (409, "approval-expired")
    assert (await scene.approval(request))["state"] == "expired"
    assert (await scene.arrangement(request))["state"] == "held_up"
    notices = (await scene.staff.get("/v1/notices")).json()["items"]
    assert [(each["step"], each["given_at"]) for each in notices] == [("soon over", at(hours=3))]

    asked = await post(ben, f"/v1/approvals/{approval['id']}/ask-anew")
    assert asked.status_code == 200, asked.text
    assert {(await answer(each, approval)).status_code for each in (ben, mia)} == {200}
    assert (await scene.arrangement(request))["state"] == "ready"


async def test_what_one_refuses_ends_with_the_reason_and_the_channel_and_may_be_objected_to(
    scene: Scene,
) -> None:
    request = await scene.asked("P3")
    ben, mia, eve = scene.managers

    assert (await answer(ben, await scene.approval(request), approve=False)).status_code == 200

    told = await scene.arrangement(request, scene.client)
    assert (told["state"], told["state_reason"]) == ("refused", "It opens too much.")
    assert told["objections"]["url"]
    assert await scene.state(request) == "cancelled"
    plea = {
        "subject": {"kind": "arrangement", "id": told["id"]},
        "cause": "wrong_facts",
        "words": "One port.",
    }
    objection = await desk.created(scene.client, "/v1/objections", plea)
    counted = (await scene.staff.get("/v1/objections/statistics")).json()
    assert counted["all"]["raised"] == 1, "what is raised now counts, though the clock stands still"
    decide = f"/v1/objections/{objection['id']}/decision"
    upheld = {"upheld": True, "reason": "One port is little."}
    assert (await post(ben, decide, upheld)).status_code == 403
    assert (await post(mia, decide, upheld)).status_code == 200
    assert problem(await post(eve, decide, upheld))[0] == 409
    assert (await scene.arrangement(request))["state"] == "overturned"
    assert await scene.state(request) == "open"


async def test_a_counter_proposal_is_accepted_by_the_client_and_changes_the_plan(scene: Scene) -> None:
    request = await scene.asked("P2", custom={"planned_start": at(hours=2), "planned_end": at(hours=3)})
    offered = await scene.arrangement(request, scene.client)
    assert (offered["state"], offered["proposal"]["window"]) == (
        "proposed",
        {"from": at(hours=10), "to": at(hours=11)},
    )

    agreed = await post(scene.client, f"/v1/arrangements/{offered['id']}/answers", {"accept": True})

    assert (agreed.status_code, agreed.json()["state"]) == (200, "agreed")
    shown = (await scene.client.get(f"/v1/requests/{request['id']}")).json()
    assert shown["facts"]["custom"] == {"planned_start": at(hours=10), "planned_end": at(hours=11)}
    again = await post(scene.client, f"/v1/arrangements/{offered['id']}/answers", {"accept": True})
    assert again.status_code == 409


async def test_what_the_ticket_system_sends_again_does_not_undo_what_was_agreed(scene: Scene) -> None:
    planned = {"planned_start": at(hours=2), "planned_end": at(hours=3)}
    request = await scene.asked("P2", custom=planned)
    offered = await scene.arrangement(request, scene.client)
    await post(scene.client, f"/v1/arrangements/{offered['id']}/answers", {"accept": True})

    sent = {"priority": "P2", "category": "network", "custom": planned}
    await desk.report(scene.client, request, type="changed", facts=sent)

    shown = (await scene.client.get(f"/v1/requests/{request['id']}")).json()
    assert shown["facts"]["custom"] == {"planned_start": at(hours=10), "planned_end": at(hours=11)}
    assert (shown["facts"]["category"], shown["arrangement"]["state"]) == ("network", "agreed")


async def test_a_counter_proposal_that_is_objected_to_is_decided_by_somebody(scene: Scene) -> None:
    request = await scene.asked("P2", custom={"planned_start": at(hours=2), "planned_end": at(hours=3)})
    offered = await scene.arrangement(request, scene.client)

    body = {"accept": False, "reason": "At night nobody is here to test it.", "cause": "hardship"}
    objected = await post(scene.client, f"/v1/arrangements/{offered['id']}/answers", body)

    assert (objected.status_code, objected.json()["state"]) == (200, "objected")
    (objection,) = (await scene.staff.get("/v1/objections")).json()["items"]
    upheld = {"upheld": True, "reason": "Then by day."}
    decided = await post(scene.managers[1], f"/v1/objections/{objection['id']}/decision", upheld)
    assert decided.status_code == 200, decided.text
    assert (await scene.arrangement(request))["state"] == "overturned"
    assert await scene.state(request) == "open"


async def test_a_special_method_is_used_while_it_is_allowed_and_refused_before_and_after(
    scene: Scene,
) -> None:
    request = await scene.asked("P1")
    (method,) = (await scene.staff.get("/v1/special-methods")).json()["items"]
    uses = f"/v1/special-methods/{method['id']}/uses"
    use = {"who": "Ada", "what_for": "To let the supplier in."}
    assert (await post(scene.staff, uses, use)).status_code == 409
    approval = await scene.approval(request)
    for manager in scene.managers[:2]:
        assert (await answer(manager, approval)).status_code == 200

    assert (await post(scene.staff, uses, use)).status_code == 201
    await desk.pass_time(scene.staff, days=2, hours=1)
    expired = await post(scene.staff, uses, use)

    assert expired.status_code == 409, expired.text
    assert (await scene.staff.get(f"/v1/special-methods/{method['id']}")).json()["state"] == "expired"
    checked = await post(
        scene.managers[0],
        f"/v1/special-methods/{method['id']}/check",
        {"undone": True, "result": "The port is closed."},
    )
    assert checked.status_code == 200, checked.text
    told = await scene.events(scene.client, method["id"])
    assert {"special_method.allowed", "special_method.expiring", "special_method.ended"} <= told.keys()


async def test_what_belongs_elsewhere_is_sent_there_with_what_was_typed(scene: Scene) -> None:
    request = await scene.asked(custom={"days": 30})

    told = await scene.arrangement(request, scene.client)

    assert (told["state"], told["channel"]["name"], told["channel"]["url"]) == (
        "redirected",
        PROJECTS["name"],
        PROJECTS["url"],
    )
    assert told["carried"]["title"] == "Open a port"
    assert told["carried"]["facts"] == {"custom": {"days": 30}}
    assert await scene.state(request) == "cancelled"


async def test_what_is_of_another_type_here_goes_on_as_that(scene: Scene) -> None:
    request = await scene.asked(category="order")

    told = await scene.arrangement(request, scene.client)

    goes_on = (await scene.client.get(f"/v1/requests/{told['carried_to']}")).json()
    assert (goes_on["type"], goes_on["title"], goes_on["state"]) == ("service_request", "Open a port", "open")
    assert goes_on["facts"] == {"category": "order"}
    shown = (await scene.client.get(f"/v1/requests/{request['id']}")).json()
    assert (shown["state"], shown["merged_into"]) == ("cancelled", told["carried_to"])


async def test_who_is_declined_finds_the_reason_and_the_channel_wherever_they_look(scene: Scene) -> None:
    request = await scene.asked(category="logging")

    arrangement = await scene.arrangement(request, scene.client)
    shown = (await scene.client.get(f"/v1/requests/{request['id']}")).json()
    decision = (await scene.client.get(f"/v1/requests/{request['id']}/decision")).json()["decision"]
    events = (await scene.client.get("/v1/events", params={"type": "request.rationalized"})).json()["items"]

    assert shown["arrangement"]["state"] == "declined"
    assert arrangement["objections"]["url"] == CHANGE_DESK["url"]
    assert decision["verdict"]["objections"]["url"] == CHANGE_DESK["url"]
    assert CHANGE_DESK["url"] in str(events[-1]["payload"])
    assert arrangement["reason"] == decision["reason"] == "Because of no-log."
    assert arrangement["message"]["text"].count(CHANGE_DESK["url"]) >= 1
    promises = (await scene.client.get("/v1/commitments", params={"request_id": request["id"]})).json()
    assert {each["clock"] for each in promises["items"]} <= {"stopped"}


async def test_a_declined_demand_lives_again_when_the_objection_is_upheld_in_time(scene: Scene) -> None:
    request = await scene.asked(category="logging")
    declined = await scene.arrangement(request, scene.client)
    plea = {
        "subject": {"kind": "arrangement", "id": declined["id"]},
        "cause": "wrong_facts",
        "words": "It is a log that nobody needs.",
    }

    objection = await desk.created(scene.client, "/v1/objections", plea)
    owed = (await scene.client.get("/v1/commitments", params={"metric": "objection"})).json()["items"]
    decided = await post(
        scene.managers[0],
        f"/v1/objections/{objection['id']}/decision",
        {"upheld": True, "reason": "That one may go."},
    )

    assert decided.status_code == 200, decided.text
    assert [each["clock"] for each in owed] == ["running"]
    assert await scene.state(request) == "open"
    kept = (await scene.client.get("/v1/commitments", params={"metric": "objection"})).json()["items"]
    assert [each["outcome"] for each in kept] == ["kept"]
    told = await scene.events(scene.client, request["id"])
    assert told["objection.decided"] == 1
