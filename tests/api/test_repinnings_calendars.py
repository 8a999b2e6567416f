"""Running promises count by a new version of a calendar: the past by the old one, the rest by the new."""

from typing import Any

import pytest

from service.db import Sessions
from service.tenants.domain import Tenant
from tests import factories
from tests.api import desk
from tests.api.retiming import Shop, document
from tests.conftest import SignIn
from tests.factories import NOON

LONG_DAYS: dict[str, Any] = {
    "tz": "UTC",
    "weekly": {day: [["09:00", "21:00"]] for day in ("mon", "tue", "wed", "thu", "fri")},
}
SHORT_DAYS: dict[str, Any] = {
    "tz": "UTC",
    "weekly": {day: [["09:00", "14:00"]] for day in ("mon", "tue", "wed", "thu", "fri")},
}


@pytest.fixture
async def tenant(sessions: Sessions) -> Tenant:
    return await factories.tenant(sessions, sandbox_at=NOON)


@pytest.fixture
async def shop(sessions: Sessions, tenant: Tenant, sign_in: SignIn) -> Shop:
    return Shop(sessions, tenant, await sign_in())


def _working(hours: int, **terms: Any) -> dict[str, Any]:
    target = {"unit": "working_time", "seconds": hours * 3_600}
    return {"metric": "resolve", "calendar": "office", "target": target} | terms


async def _office(shop: Shop) -> str:
    return (await desk.created(shop.caller, "/v1/calendars", {"name": "office", "definition": desk.OFFICE}))[
        "id"
    ]


async def _revised(shop: Shop, calendar: str, definition: dict[str, Any]) -> None:
    path = f"/v1/calendars/{calendar}"
    tag = (await shop.caller.get(path)).headers["ETag"]
    answer = await shop.caller.put(path, json={"definition": definition}, headers={"If-Match": tag})
    assert answer.status_code == 200, answer.text


async def test_the_past_counts_by_the_old_calendar_and_the_rest_by_the_new(shop: Shop) -> None:
    calendar = await _office(shop)
    await shop.policy(_working(8))
    request = await desk.submitted(shop.caller)
    await desk.pass_time(shop.caller, hours=8)
    before = await shop.dues(request)
    await _revised(shop, calendar, LONG_DAYS)

    done = await shop.repinned(calendar, place="calendars")

    assert before == {"resolve": desk.at(days=1)}
    assert done["promises"]["earlier"] == 1
    assert await shop.dues(request) == {"resolve": desk.at(hours=23)}, "an hour today, two tomorrow"


async def test_a_calendar_that_is_closed_more_moves_only_what_may_be_later(shop: Shop) -> None:
    calendar = await _office(shop)
    await shop.policy(_working(4), applies_to={"request_types": ["incident"]})
    await shop.policy(_working(4, may_be_later=True), name="changes")
    strict = await desk.submitted(shop.caller)
    lenient = await desk.submitted(shop.caller, type="change")
    await _revised(shop, calendar, SHORT_DAYS)

    done = await shop.repinned(calendar, place="calendars")

    assert (done["promises"]["later"], done["promises"]["held_back"]) == (1, 1)
    assert await shop.dues(strict) == {"resolve": desk.at(hours=4)}
    assert await shop.dues(lenient) == {"resolve": desk.at(hours=23)}


async def test_no_rule_is_asked_for_it_and_the_decision_names_the_calendars_version(shop: Shop) -> None:
    calendar = await _office(shop)
    policy = await shop.policy(_working(4), rule="old")
    request = await desk.submitted(shop.caller)
    await shop.revised(policy, _working(2), rule="new")
    await _revised(shop, calendar, LONG_DAYS)
    current = (await shop.caller.get(f"/v1/calendars/{calendar}")).json()["version_id"]

    done = await shop.repinned(calendar, place="calendars")

    decision = (await shop.decisions(request))[-1]
    assert (done["repinned"], done["version_id"]) == (1, current)
    assert (decision.rule_id, decision.calendars) == ("old", {"office": current})


async def test_a_rule_that_is_followed_again_keeps_to_the_calendars_new_version(shop: Shop) -> None:
    calendar = await _office(shop)
    rule = document(_working(2))["rules"][0] | {"id": "p1", "when": "request.priority == 'P1'"}
    rules = [rule, document(_working(8))["rules"][0]]
    body = {"name": "promises", "kind": "commitment", "document": {"rules": rules}}
    await shop.publish((await desk.created(shop.caller, "/v1/policies", body))["id"])
    request = await desk.submitted(shop.caller)
    await desk.report(shop.caller, request, type="changed", facts={"priority": "P2"})
    await _revised(shop, calendar, LONG_DAYS)
    current = (await shop.caller.get(f"/v1/calendars/{calendar}")).json()["version_id"]
    await shop.repinned(calendar, place="calendars")
    await desk.pass_time(shop.caller, minutes=30)

    await desk.report(shop.caller, request, type="changed", facts={"priority": "P1"})

    decision = (await shop.decisions(request))[-1]
    assert (decision.rule_id, decision.calendars) == ("p1", {"office": current})


async def test_a_late_event_from_before_counts_by_the_old_calendar_until_then(shop: Shop) -> None:
    calendar = await _office(shop)
    await shop.policy(_working(8))
    request = await desk.submitted(shop.caller)
    await desk.pass_time(shop.caller, hours=8)
    await _revised(shop, calendar, LONG_DAYS)
    await shop.repinned(calendar, place="calendars")
    before = await shop.dues(request)

    facts, occurred_at = {"custom": {"note": "told late"}}, desk.at(hours=1)
    await desk.report(shop.caller, request, type="changed", facts=facts, occurred_at=occurred_at)

    versions = [each.calendars["office"] for each in await shop.decisions(request)]
    old, new = versions[0], versions[1]
    assert versions == [old, new, old, new]
    assert await shop.dues(request) == before


async def test_what_does_not_count_by_the_calendar_is_left(shop: Shop) -> None:
    calendar = await _office(shop)
    other = await desk.created(shop.caller, "/v1/calendars", {"name": "other", "definition": desk.OFFICE})
    await shop.policy(_working(8))
    await desk.submitted(shop.caller)
    await _revised(shop, other["id"], LONG_DAYS)

    unchanged = await shop.preview(calendar, place="calendars")
    unrelated = await shop.preview(other["id"], place="calendars")

    assert [(each["done"], each["repinned"]) for each in (unchanged, unrelated)] == [(1, 0), (1, 0)]


async def test_its_end_is_told_and_recorded_as_the_calendars(shop: Shop) -> None:
    calendar = await _office(shop)
    await shop.policy(_working(8))
    await desk.submitted(shop.caller)
    await _revised(shop, calendar, LONG_DAYS)

    done = await shop.repinned(calendar, place="calendars")

    (ended,) = await shop.told(done["id"])
    records = (await shop.caller.get("/v1/audit-records", params={"subject": f"calendar:{calendar}"})).json()
    assert (ended.type, ended.payload["calendar_id"]) == ("calendar.repinned", calendar)
    assert [record["action"] for record in records["items"]][:3] == [
        "calendar.repinned",
        "calendar.repinning_started",
        "calendar.repinning_previewed",
    ]
