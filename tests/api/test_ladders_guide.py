"""The guide to ladders shows what a preview answers, line by line."""

import json
from pathlib import Path
from typing import Any

import pytest
from httpx2 import AsyncClient

from service.db import Sessions
from service.escalations.climbs import ESCALATION
from service.ids import MemberId
from service.people.domain import Role
from service.rules import documents
from service.tenants.domain import Tenant
from tests import factories
from tests.api import desk

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "guides" / "ladders.md").read_text()
EXAMPLES = ROOT / "examples" / "ladders"
WORKDAYS = ("mon", "tue", "wed", "thu", "fri")
OFFICE = {"tz": "Europe/Berlin", "weekly": {day: [["09:00", "17:00"]] for day in WORKDAYS}}
MANNED = {
    "tz": "Europe/Berlin",
    "weekly": {
        **{day: [["00:00", "24:00"]] for day in (*WORKDAYS, "sat")},
        "sun": [["00:00", "02:00"], ["06:00", "24:00"]],
    },
}


def _block(language: str, after: str) -> str:
    """The first block of code in this language after some words."""
    return GUIDE.split(after, 1)[1].split(f"```{language}\n", 1)[1].split("\n```", 1)[0]


async def _named(caller: AsyncClient, member_id: MemberId, name: str) -> None:
    path = f"/v1/members/{member_id}"
    shown = await caller.get(path)
    body = {"name": name, "roles": shown.json()["roles"]}
    answer = await caller.put(path, json=body, headers={"If-Match": shown.headers["ETag"]})
    assert answer.status_code == 200, answer.text


async def _group(caller: AsyncClient, name: str, manager: MemberId, members: list[MemberId]) -> None:
    group = await desk.created(caller, "/v1/groups", {"name": name, "manager_id": str(manager)})
    path = f"/v1/groups/{group['id']}"
    for member in members:
        tag = (await caller.get(path)).headers["ETag"]
        added = await caller.put(f"{path}/members/{member}", headers={"If-Match": tag})
        assert added.status_code == 200, added.text


@pytest.fixture
async def ladder(caller: AsyncClient, sessions: Sessions, tenant: Tenant) -> dict[str, Any]:
    """The example, among the people whom the guide tells of."""
    people = [await factories.member(sessions, tenant, Role.AGENT) for _ in range(4)]
    for member, name in zip(people, ("Ada Harbour", "Ben Quay", "Cleo Pier", "Dora Locks"), strict=True):
        await _named(caller, member, name)
    ada, ben, cleo, dora = people
    for name, definition in (("office", OFFICE), ("manned", MANNED)):
        await desk.created(caller, "/v1/calendars", {"name": name, "definition": definition})
    await _group(caller, "Service desk", dora, [ada])
    await _group(caller, "Second line", dora, [cleo])
    rotation = {
        "name": "days and nights",
        "members": [str(ben), str(cleo)],
        "length": 12,
        "unit": "hours",
        "first_handover": "2026-01-05T08:00",
        "hours": "manned",
    }
    rota = {"name": "first line", "zone": "Europe/Berlin", "rotations": [rotation]}
    await desk.created(caller, "/v1/rotas", rota)
    definition = json.loads((EXAMPLES / "incident.json").read_text())
    return await desk.created(caller, "/v1/ladders", {"name": "incident", "definition": definition})


async def test_the_guide_shows_what_the_preview_of_the_example_answers(
    caller: AsyncClient, ladder: dict[str, Any]
) -> None:
    asked = json.loads(_block("json", "## Preview"))

    answer = await caller.post(f"/v1/ladders/{ladder['id']}/preview", json=asked)

    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert _block("text", "## Preview").splitlines() == found["timeline"]
    assert [each["reason"] for each in found["gaps"]] == ["nobody on duty Sunday 03:00-06:00"]
    assert f'"reason": "{found["gaps"][0]["reason"]}"' in GUIDE


def test_the_example_of_a_policy_can_be_published_as_it_stands() -> None:
    written = json.loads((EXAMPLES / "policy.json").read_text())["document"]

    read = documents.read(written, ESCALATION)

    assert [rule.id for rule in read.rules] == ["incidents", "network"]
