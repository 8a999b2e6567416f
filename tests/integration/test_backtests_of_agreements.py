"""What was agreed in counter-proposals counts where both sides make them, and is counted where not."""

import copy
from typing import Any

import pytest
from httpx2 import AsyncClient

from service.db import Sessions
from service.tenants.domain import Tenant
from tests import factories
from tests.api import desk, kinds
from tests.integration.test_backtests_of_rationalization import OWN, Desk

pytestmark = pytest.mark.concurrent

HOUR = 3_600
PATIENT = "request.priority == 'P1' && request.category == 'network'"
LATER = {"priority": "P3", "scope": "One site"}


def promising(*, p3: int) -> dict[str, Any]:
    """An hour for what is urgent, and so many for what is not."""
    return {
        "rules": [
            kinds.rule(
                name.lower(),
                f"request.priority == '{name}'",
                {
                    "promises": [
                        {"metric": "resolve", "target": {"unit": "elapsed_time", "seconds": hours * HOUR}}
                    ]
                },
            )
            for name, hours in (("P1", 1), ("P3", p3))
        ]
    }


def adjusting(proposal: dict[str, Any], **more: Any) -> dict[str, Any]:
    rule = kinds.rule("patience", PATIENT, {"verdict": "adjust", "proposal": proposal, **more})
    return {"rules": [rule]}


@pytest.fixture
def sessions(own_sessions: Sessions) -> Sessions:
    """Real commits: backtests are run in transactions of their own."""
    return own_sessions


@pytest.fixture
async def office(caller: AsyncClient, own_sessions: Sessions, tenant: Tenant) -> Desk:
    for kind, document in (("commitment", promising(p3=24)), ("rationalization", adjusting(LATER))):
        body = {"name": kind, "kind": kind, "document": document}
        policy = await desk.created(caller, "/v1/policies", body)
        answer = await caller.post(f"/v1/policies/{policy['id']}/publish", headers=factories.key())
        assert answer.status_code == 200, answer.text
    return Desk(caller, own_sessions, tenant.id, "")


async def asked(caller: AsyncClient, **said: Any) -> dict[str, Any]:
    """A request to which the tenant makes a counter-proposal."""
    facts = {"priority": "P1", "category": "network"}
    return await desk.submitted(caller, **{"type": "change", "facts": facts, **said})


async def agreed(caller: AsyncClient, **said: Any) -> dict[str, Any]:
    """One whose requester accepted it."""
    request = await asked(caller, **said)
    (made,) = (await caller.get("/v1/arrangements", params={"request_id": request["id"]})).json()["items"]
    body, path = {"accept": True}, f"/v1/arrangements/{made['id']}/answers"
    answer = await caller.post(path, json=body, headers=factories.key())
    assert answer.status_code in {200, 201}, answer.text
    return request


def candidate(kind: str, document: dict[str, Any]) -> dict[str, Any]:
    return {"kind": kind, "name": kind, "document": document}


def target(side: dict[str, Any]) -> int:
    (promise,) = side["promises"]
    return promise["target"]["seconds"] // HOUR


async def test_what_was_agreed_counts_on_both_sides_where_both_propose_it(office: Desk) -> None:
    request, waiting = await agreed(office.caller), await asked(office.caller)

    done = await office.tried(history=OWN, policies=[candidate("commitment", promising(p3=48))])

    found = await office.changed(done)
    assert done["result"]["agreements"] == {"carried_over": 1, "left_out": 0}
    (change,) = found.values()
    assert change["id"] == request["id"]
    assert change["kinds"] == ["promise"]
    assert (target(change["before"]), target(change["after"])) == (24, 48)
    assert [change[side]["verdict"] for side in ("before", "after")] == ["accept", "accept"]
    assert done["result"]["before"]["verdicts"] == {"accept": 1, "adjust": 1}, waiting


async def test_what_only_one_side_proposes_is_not_carried_over_and_counted(office: Desk) -> None:
    request = await agreed(office.caller)
    welcome = {"rules": [kinds.rule("welcome", "true", {"verdict": "accept"})]}

    done = await office.tried(history=OWN, policies=[candidate("rationalization", welcome)])

    assert done["result"]["agreements"] == {"carried_over": 0, "left_out": 1}
    (change,) = (await office.changed(done)).values()
    assert change["id"] == request["id"]
    assert change["agreements_left_out"] == 1
    assert [change[side]["verdict"] for side in ("before", "after")] == ["adjust", "accept"]
    assert (target(change["before"]), target(change["after"])) == (1, 1)


@pytest.mark.parametrize(
    ("tried", "carried_over"),
    [
        (adjusting({"priority": "P3"}), 0),
        (adjusting({**LATER, "scope": "Two sites"}), 0),
        (adjusting(LATER, answer_within_seconds=60), 1),
        (adjusting(LATER, requires=[{"gate": "rollback_plan"}]), 1),
    ],
    ids=["less", "something else", "sooner", "with a gate"],
)
async def test_an_agreement_is_about_what_was_proposed(
    office: Desk, tried: dict[str, Any], carried_over: int
) -> None:
    await agreed(office.caller)

    done = await office.tried(history=OWN, policies=[candidate("rationalization", tried)])

    left_out = 1 - carried_over
    assert done["result"]["agreements"] == {"carried_over": carried_over, "left_out": left_out}


async def test_a_type_that_gets_a_gate_is_compared_on_what_was_agreed(office: Desk) -> None:
    body = {"name": "network", "family": "change", "document": {"title": "Network"}}
    made = await desk.created(office.caller, "/v1/request-types", body)
    headers = {**factories.key(), "If-Match": "*"}
    await office.caller.post(f"/v1/request-types/{made['id']}/publish", headers=headers)
    await agreed(office.caller, type="network")
    board = {"gate": "approval", "name": "board", "roles": ["manager"]}

    tried = {"name": "network", "document": {"title": "Network", "requires": [board]}}
    done = await office.tried(history=OWN, types=[tried])

    assert done["result"]["agreements"] == {"carried_over": 1, "left_out": 0}
    (change,) = (await office.changed(done)).values()
    assert change["kinds"] == ["gate"]
    assert (change["before"]["gates"], change["after"]["gates"]) == ([], [board])
    assert target(change["after"]) == 24


async def test_a_request_that_was_agreed_to_be_another_is_judged_as_it_was_asked_for(office: Desk) -> None:
    """It is of its type until then, and of the agreed one from then on."""
    other = {"type": "service_request", "priority": "P3"}
    (policy,) = (
        each
        for each in (await office.caller.get("/v1/policies")).json()["items"]
        if each["name"] == "rationalization"
    )
    changes = copy.deepcopy(adjusting(other))
    changes["applies_to"] = {"request_types": ["change"]}
    headers = {"If-Match": "*"}
    path = f"/v1/policies/{policy['id']}"
    answer = await office.caller.put(path, json={"document": changes}, headers=headers)
    assert answer.status_code == 200, answer.text
    published = await office.caller.post(f"{path}/publish", headers=factories.key())
    assert published.status_code == 200, published.text
    request = await agreed(office.caller)
    assert (await office.caller.get(f"/v1/requests/{request['id']}")).json()["type"] == "service_request"

    done = await office.tried(history=OWN, policies=[candidate("commitment", promising(p3=48))])

    assert done["result"]["agreements"] == {"carried_over": 1, "left_out": 0}
    (change,) = (await office.changed(done)).values()
    assert (target(change["before"]), target(change["after"])) == (24, 48)


async def test_what_is_asked_for_anew_after_an_agreement_is_proposed_anew(office: Desk) -> None:
    request = await agreed(office.caller)
    await desk.report(office.caller, request, type="changed", facts={"priority": "P2"})
    await desk.report(office.caller, request, type="changed", facts={"priority": "P1"})

    done = await office.tried(history=OWN, policies=[candidate("commitment", promising(p3=48))])

    assert done["result"]["agreements"] == {"carried_over": 1, "left_out": 0}
    assert done["result"]["before"]["verdicts"] == {"adjust": 1}
    shown = (await office.caller.get("/v1/arrangements", params={"request_id": request["id"]})).json()
    assert [each["state"] for each in shown["items"]][-1] == "proposed"
