"""A freeze that is moved, or a gate that a type gets, names exactly the changes that it concerns."""

import asyncio
import copy
import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from httpx2 import AsyncClient, Response

from service.backtests.drive import Staff, Turn
from service.db import Sessions
from service.ids import BacktestId, TenantId
from service.tenants.domain import Tenant
from tests import factories
from tests.api import desk, kinds
from tests.integration.test_backtests import changes, ended

pytestmark = pytest.mark.concurrent

EXAMPLE = Path(__file__).parents[2] / "examples" / "changes"
REQUESTS: list[dict[str, Any]] = json.loads((EXAMPLE / "requests.json").read_text())
REASONABLE: dict[str, Any] = json.loads((EXAMPLE / "reasonable.json").read_text())["document"]
NIGHTS = {"tz": "UTC", "weekly": {day: [["20:00", "30:00"]] for day in ("mon", "tue", "wed", "thu")}}
FROZEN_FROM, FROZEN_TO = "2026-12-18T17:00", "2027-01-04T05:00"
LATER_FROM, EARLIER_TO = "2026-12-20T00:00", "2026-12-29T00:00"
GATE = {
    "hit_policy": "COLLECT",
    "applies_to": {"request_types": ["change"]},
    "order": 300,
    "rules": [
        kinds.rule(
            "no-work-in-the-freeze",
            "true",
            {"verdict": "accept", "requires": [{"gate": "freeze_window", "calendar": "freeze"}]},
        )
    ],
}
"""Whatever is changed waits for the end of the freeze."""


def freeze(start: str, end: str) -> dict[str, Any]:
    """A calendar that is open while no work is to be done."""
    return {"tz": "UTC", "openings": [[start, end]]}


def planned_in(start: str, end: str) -> set[str]:
    """The changes whose work is planned within: by their texts, which are of one form."""
    found: set[str] = set()
    for request in REQUESTS:
        planned = request["facts"].get("custom", {}).get("planned_start")
        if request["type"] == "change" and planned is not None and start <= planned < end:
            found.add(request["external_id"])
    return found


@dataclass(frozen=True, slots=True)
class Desk:
    """A tenant with the example's policy of verdicts in effect, and its forty requests as a log."""

    caller: AsyncClient
    sessions: Sessions
    tenant_id: TenantId
    log_id: str

    async def asked(self, **body: Any) -> Response:
        asked = {"name": "freeze", "history": {"log_id": self.log_id}, **body}
        return await self.caller.post("/v1/backtests", json=asked, headers=factories.key())

    async def tried(self, **body: Any) -> dict[str, Any]:
        answer = await self.asked(**body)
        assert answer.status_code == 202, answer.text
        backtest_id = BacktestId(UUID(answer.json()["id"]))
        await Turn(self.sessions, self.tenant_id, backtest_id, Staff(1, asyncio.Event())).run()
        done = await ended(self.caller, str(backtest_id))
        assert done["state"] == "done", done
        return done

    async def changed(self, done: dict[str, Any], **query: str) -> dict[str, dict[str, Any]]:
        listed = await changes(self.caller, done["id"], **query)
        return {change["external_id"]: change for change in listed}


@pytest.fixture
def sessions(own_sessions: Sessions) -> Sessions:
    """Real commits: backtests are run in transactions of their own."""
    return own_sessions


@pytest.fixture
async def here(caller: AsyncClient, own_sessions: Sessions, tenant: Tenant) -> Desk:
    for request in REQUESTS:
        await caller.post("/v1/services", json=request["service"], headers=factories.key())
    await desk.created(caller, "/v1/calendars", {"name": "change nights", "definition": NIGHTS})
    await desk.created(
        caller, "/v1/calendars", {"name": "freeze", "definition": freeze(FROZEN_FROM, FROZEN_TO)}
    )
    await _in_effect(caller, "reasonable", REASONABLE)
    return Desk(caller, own_sessions, tenant.id, await _log(caller))


async def _in_effect(caller: AsyncClient, name: str, document: dict[str, Any]) -> None:
    body = {"name": name, "kind": "rationalization", "document": document}
    policy = await desk.created(caller, "/v1/policies", body)
    answer = await caller.post(f"/v1/policies/{policy['id']}/publish", headers=factories.key())
    assert answer.status_code == 200, answer.text


async def _log(caller: AsyncClient) -> str:
    """The forty requests as past ones."""
    made = await desk.created(caller, "/v1/history-logs", {"name": "changes", "source": "desk"})
    path = f"/v1/history-logs/{made['id']}"
    cases: list[dict[str, Any]] = [
        {
            "submission": {
                "source": "desk",
                "external_id": request["external_id"],
                "type": request["type"],
                "title": request["title"],
                "occurred_at": "2026-01-04T10:00:00Z",
                "service": request["service"]["name"],
                "facts": request["facts"],
            },
            "events": [],
        }
        for request in REQUESTS
    ]
    answer = await caller.post(f"{path}/cases", json={"cases": cases}, headers=factories.key())
    assert answer.status_code == 200, answer.text
    answer = await caller.post(f"{path}/complete", json={}, headers=factories.key())
    assert answer.status_code == 200, answer.text
    return made["id"]


def _moved() -> dict[str, Any]:
    """The policy with its freeze from two days later until a week earlier."""
    document = copy.deepcopy(REASONABLE)
    (rule,) = [rule for rule in document["rules"] if rule["id"] == "freeze"]
    for old, new in ((FROZEN_FROM, LATER_FROM), (FROZEN_TO, EARLIER_TO)):
        assert f"{old}:00Z" in rule["when"]
        rule["when"] = rule["when"].replace(f"{old}:00Z", f"{new}:00Z")
    return document


async def test_a_freeze_that_a_rule_moves_names_the_changes_whose_verdict_differs(here: Desk) -> None:
    candidate = {"kind": "rationalization", "name": "reasonable", "document": _moved()}

    done = await here.tried(policies=[candidate])

    found = await here.changed(done)
    assert found.keys() == {"CHG-0013", "CHG-0014"}
    assert found == await here.changed(done, kind="verdict")
    for change in found.values():
        assert (change["before"]["verdict"], change["after"]["verdict"]) == ("adjust", "accept")
        reasons = {side: change[side]["reason"] for side in ("before", "after")}
        assert reasons["before"] == _because("freeze")
        assert reasons["after"] == _because("reasonable")
        assert change["before"]["proposal"]["proposal"]["window"]["calendar"] == "change nights"
        assert change["after"]["proposal"] == {}
    verdicts = {side: done["result"][side]["verdicts"] for side in ("before", "after")}
    assert verdicts["after"]["accept"] - verdicts["before"]["accept"] == 2
    assert verdicts["before"]["adjust"] - verdicts["after"]["adjust"] == 2
    assert sum(verdicts["after"].values()) == len(REQUESTS) == 40


def _because(rule_id: str) -> str:
    (rule,) = [rule for rule in REASONABLE["rules"] if rule["id"] == rule_id]
    return rule["because"]


@pytest.mark.parametrize(
    ("start", "end"),
    [(LATER_FROM, EARLIER_TO), ("2026-11-23T00:00", FROZEN_TO), ("2030-01-01T00:00", "2030-01-02T00:00")],
    ids=["shorter", "longer", "elsewhere"],
)
async def test_a_freeze_calendar_that_is_tried_names_the_changes_that_may_begin_otherwise(
    here: Desk, start: str, end: str
) -> None:
    await _in_effect(here.caller, "gate", GATE)

    done = await here.tried(calendars=[{"name": "freeze", "definition": freeze(start, end)}])

    old, new = planned_in(FROZEN_FROM, FROZEN_TO), planned_in(start, end)
    found = await here.changed(done)
    assert found.keys() == old ^ new
    assert old ^ new, "otherwise it shows nothing"
    for name, change in found.items():
        assert change["kinds"] == ["window"]
        assert _state(change, "before") == ("open" if name in old else "satisfied")
        assert _state(change, "after") == ("open" if name in new else "satisfied")
    windows = {side: done["result"][side]["windows"]["freeze_window freeze"] for side in ("before", "after")}
    is_unclear = sum(request["type"] == "change" for request in REQUESTS) - len(planned_in("", "9"))
    assert windows["before"]["open"] == len(old) + is_unclear
    assert windows["after"]["open"] == len(new) + is_unclear
    assert done["calendars"] == [{"name": "freeze", "version": None}]


def _state(change: dict[str, Any], side: str) -> str:
    (window,) = change[side]["windows"]
    assert (window["gate"], window["calendar"]) == ("freeze_window", "freeze")
    assert (window["missing"] == "") == (window["state"] == "satisfied")
    return window["state"]


async def test_a_stored_version_of_a_calendar_is_tried_and_the_sheet_has_both_reasons(here: Desk) -> None:
    await _in_effect(here.caller, "gate", GATE)
    calendars = (await here.caller.get("/v1/calendars")).json()["items"]
    (place,) = [f"/v1/calendars/{each['id']}" for each in calendars if each["name"] == "freeze"]
    definition = freeze(LATER_FROM, EARLIER_TO)
    revised = await here.caller.put(place, json={"definition": definition}, headers={"If-Match": "*"})
    assert revised.status_code == 200, revised.text

    done = await here.tried(calendars=[{"name": "freeze", "version": 1}])

    sheet = await here.caller.get(f"/v1/backtests/{done['id']}/changes.csv")
    rows = {row["external_id"]: row for row in csv.DictReader(io.StringIO(sheet.text))}
    expected = planned_in(FROZEN_FROM, FROZEN_TO) - planned_in(LATER_FROM, EARLIER_TO)
    assert rows.keys() == expected == {"CHG-0013", "CHG-0014"}
    row = rows["CHG-0014"]
    assert row["windows before"] == "freeze_window freeze: satisfied"
    span = "no work from 2026-12-18T17:00:00Z until 2027-01-04T05:00:00Z"
    assert row["windows after"] == f"freeze_window freeze: open, {span}"
    assert row["reason before"] == row["reason after"] == _because("freeze")
    assert row["gates after"] == 'freeze_window {"calendar":"freeze"}'


OWN = {"from": "2016-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"}
BOARD = {"gate": "approval", "name": "board", "roles": ["manager"]}
PLAN = {"gate": "rollback_plan"}
PROVEN = {"planned_start": "2026-12-21T20:00:00Z", "planned_end": "2026-12-21T21:00:00Z"}


def a_type(*gates: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"title": "Change of the network", "requires": list(gates), **more}


async def offered(caller: AsyncClient, name: str, document: dict[str, Any]) -> dict[str, Any]:
    """A type of changes, in effect."""
    body = {"name": name, "family": "change", "document": document}
    made = await desk.created(caller, "/v1/request-types", body)
    await published(caller, made["id"])
    return made


async def published(caller: AsyncClient, type_id: str) -> None:
    headers = {**factories.key(), "If-Match": "*"}
    answer = await caller.post(f"/v1/request-types/{type_id}/publish", headers=headers)
    assert answer.status_code == 200, answer.text


async def revised(caller: AsyncClient, type_id: str, document: dict[str, Any]) -> None:
    path, headers = f"/v1/request-types/{type_id}", {"If-Match": "*"}
    answer = await caller.put(path, json={"document": document}, headers=headers)
    assert answer.status_code == 200, answer.text


async def asked_for(caller: AsyncClient, name: str, *, times: int = 1, **facts: Any) -> list[str]:
    """Requests of a type, by their external ids."""
    found = [f"{name}-{uuid4()}" for _ in range(times)]
    for external_id in found:
        await desk.submitted(caller, type=name, external_id=external_id, facts=facts)
    return found


@pytest.fixture
async def own(caller: AsyncClient, own_sessions: Sessions, tenant: Tenant) -> Desk:
    """A tenant that declines what is forbidden, and whose own requests are looked at."""
    forbidden = kinds.rule(
        "forbidden", "request.category == 'forbidden'", {"verdict": "decline", "objections": kinds.DESK}
    )
    await _in_effect(caller, "reasonable", {"rules": [forbidden]})
    return Desk(caller, own_sessions, tenant.id, "")


@pytest.mark.parametrize("way", ["draft", "document"])
async def test_a_gate_that_a_type_gets_names_exactly_the_changes_that_would_have_needed_it(
    own: Desk, way: str
) -> None:
    network = await offered(own.caller, "network", a_type(PLAN))
    await offered(own.caller, "disk", a_type(PLAN))
    concerned = await asked_for(own.caller, "network", times=3)
    await asked_for(own.caller, "network", category="forbidden")
    await asked_for(own.caller, "disk", times=2)
    await asked_for(own.caller, "change")
    await revised(own.caller, network["id"], a_type(PLAN, BOARD))
    tried = {
        "draft": {"type_id": network["id"], "version": 2},
        "document": {"name": "network", "document": a_type(PLAN, BOARD)},
    }

    done = await own.tried(history=OWN, types=[tried[way]])

    found = await own.changed(done)
    assert list(found) == concerned
    for change in found.values():
        assert change["kinds"] == ["gate"]
        assert (change["before"]["gates"], change["after"]["gates"]) == ([PLAN], [PLAN, BOARD])
    assert done["result"]["before"]["gates"] == {"rollback_plan": 5}
    assert done["result"]["after"]["gates"] == {"rollback_plan": 5, "approval": 3}
    assert done["result"]["after"]["approvals"] == {"board": 3}
    assert done["types"] == [{"name": "network", "version": 2 if way == "draft" else None}]


async def test_each_request_is_held_to_the_version_that_took_it_in(own: Desk) -> None:
    network = await offered(own.caller, "network", a_type())
    await asked_for(own.caller, "network", times=2)
    await revised(own.caller, network["id"], a_type(BOARD))
    await published(own.caller, network["id"])
    later = await asked_for(own.caller, "network")

    without = await own.tried(history=OWN, types=[{"type_id": network["id"], "version": 1}])
    beside = await own.tried(history=OWN, types=[{"name": "disk", "family": "change", "document": a_type()}])

    found = await own.changed(without)
    assert list(found) == later
    assert (found[later[0]]["before"]["gates"], found[later[0]]["after"]["gates"]) == ([BOARD], [])
    assert beside["result"]["changed"] == 0


async def test_a_type_that_approves_beforehand_is_read_by_rules_and_by_its_family_too(own: Desk) -> None:
    rule = kinds.rule("board", "!request.standard", {"verdict": "accept", "requires": [BOARD]})
    await _in_effect(own.caller, "consent", {"applies_to": {"request_types": ["change"]}, "rules": [rule]})
    plain = await asked_for(own.caller, "change", times=2)
    await asked_for(own.caller, "incident")

    done = await own.tried(history=OWN, types=[{"name": "change", "document": a_type(PLAN, standard=True)}])

    found = await own.changed(done)
    assert list(found) == plain
    for change in found.values():
        assert (change["before"]["gates"], change["after"]["gates"]) == ([BOARD], [PLAN])
        assert change["after"]["rules"] == {}


async def test_the_freeze_that_a_type_waits_for_may_be_tried(own: Desk) -> None:
    calendar = {"name": "freeze", "definition": freeze(FROZEN_FROM, FROZEN_TO)}
    await desk.created(own.caller, "/v1/calendars", calendar)
    await offered(own.caller, "network", a_type({"gate": "freeze_window", "calendar": "freeze"}))
    planned = await asked_for(own.caller, "network", custom=PROVEN)
    await asked_for(own.caller, "change", custom=PROVEN)

    later = freeze("2026-12-22T00:00", FROZEN_TO)
    done = await own.tried(history=OWN, calendars=[{"name": "freeze", "definition": later}])

    found = await own.changed(done)
    assert list(found) == planned
    assert [_state(found[planned[0]], side) for side in ("before", "after")] == ["open", "satisfied"]


async def test_a_log_is_taken_for_the_types_that_are_called_as_their_families_are(here: Desk) -> None:
    await offered(here.caller, "change", a_type(PLAN))

    done = await here.tried(types=[{"name": "change", "document": a_type(PLAN, BOARD)}])

    changes = {request["external_id"] for request in REQUESTS if request["type"] == "change"}
    verdicts = done["result"]["before"]["verdicts"]
    found = await here.changed(done)
    assert found.keys() <= changes
    assert len(found) >= len(changes) - verdicts["decline"] - verdicts["redirect"] > 0
    assert all(PLAN in change["before"]["gates"] for change in found.values())
    assert all(change["kinds"] == ["gate"] for change in found.values())


TYPES_REFUSED: list[tuple[dict[str, Any], str]] = [
    ({}, "/types/0"),
    ({"name": "network"}, "/types/0"),
    ({"type_id": "00000000-0000-0000-0000-000000000001"}, "/types/0"),
    ({"type_id": "00000000-0000-0000-0000-000000000001", "version": 1}, "/types/0"),
    ({"type_id": "00000000-0000-0000-0000-000000000001", "version": 1, "document": {}}, "/types/0"),
    ({"name": "change", "family": "incident", "document": a_type()}, "/types/0/family"),
    ({"name": "network", "document": a_type()}, "/types/0/family"),
    ({"name": "change", "document": {}}, "/types/0/document"),
    ({"name": "change", "document": a_type({"gate": "wish"})}, "/types/0/document/requires/0/gate"),
    (
        {"name": "change", "document": a_type({"gate": "freeze_window", "calendar": "nowhere"})},
        "/types/0/document/requires/0/calendar",
    ),
    ({"name": "network", "family": "change", "document": a_type()}, "/types/0"),
]


async def test_types_that_cannot_be_tried_are_refused_with_their_place(here: Desk) -> None:
    for tried, pointer in TYPES_REFUSED:
        refused = await here.asked(types=[tried])

        assert refused.status_code == 422, (tried, refused.text)
        assert [fault["pointer"] for fault in refused.json()["errors"]] == [pointer], (tried, refused.text)
    twice = await here.asked(types=[{"name": "change", "document": a_type()}] * 2)
    assert [fault["pointer"] for fault in twice.json()["errors"]] == ["/types/1"]
    assert (await here.caller.get("/v1/backtests")).json()["items"] == []


async def test_a_stored_version_whose_calendar_is_not_there_is_refused_where_it_is_named(here: Desk) -> None:
    body = {"name": "network", "family": "change"}
    document = a_type({"gate": "freeze_window", "calendar": "nowhere"})
    draft = await desk.created(here.caller, "/v1/request-types", {**body, "document": document})

    refused = await here.asked(types=[{"type_id": draft["id"], "version": 1}], history=OWN)

    assert [fault["pointer"] for fault in refused.json()["errors"]] == ["/types/0"]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({}, "/policies"),
    ({"calendars": []}, "/policies"),
    ({"calendars": "current"}, "/policies"),
    ({"calendars": [{"name": "freeze"}]}, "/calendars/0"),
    ({"calendars": [{"name": "freeze", "version": 1, "definition": NIGHTS}]}, "/calendars/0"),
    ({"calendars": [{"name": "change nights", "version": 7}]}, "/calendars/0"),
    ({"calendars": [{"name": "nowhere", "definition": NIGHTS}]}, "/calendars/0/name"),
    (
        {"calendars": [{"name": "change nights", "definition": {"tz": "Nowhere"}}]},
        "/calendars/0/definition/tz",
    ),
    ({"calendars": [{"name": "change nights", "definition": NIGHTS}] * 2}, "/calendars/1"),
]


async def test_calendars_that_cannot_be_tried_are_refused_with_their_place(here: Desk) -> None:
    for body, pointer in REFUSED:
        refused = await here.asked(**body)

        assert refused.status_code == 422, (body, refused.text)
        assert pointer in {fault["pointer"] for fault in refused.json()["errors"]}, (body, refused.text)
    assert (await here.caller.get("/v1/backtests")).json()["items"] == []
