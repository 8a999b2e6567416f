"""The walk through the life of a policy, as the guide tells it."""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from httpx2 import AsyncClient, Response

from service.backtests.drive import End, Staff, Turn
from service.db import Sessions
from service.ids import BacktestId
from service.instants import rfc3339
from service.people.domain import Role
from service.tenants.domain import Approval, Tenant
from tests import factories
from tests.conftest import SignIn
from tests.factories import MovableClock

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "policy-walk-through.md"
BLOCK = re.compile(r"^```(http|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = {"/v1/policies": "policy", "/v1/requests": "request", "/v1/backtests": "backtest"}
SUCCESS_MAX = 299


@dataclass(frozen=True, slots=True)
class Step:
    """What somebody sends, and what of the answer the guide shows."""

    who: str
    method: str
    path: str
    body: str
    shown: Any


def _steps(guide: str) -> Iterator[Step]:
    blocks = [(match[1], match[2]) for match in BLOCK.finditer(guide)]
    for place, (language, text) in enumerate(blocks):
        if language == "http":
            head, _, body = text.partition("\n")
            who, method, path = head.replace(":", "", 1).split()
            follows = blocks[place + 1] if place + 1 < len(blocks) else ("", "")
            shown = json.loads(follows[1]) if follows[0] == "json" else None
            yield Step(who, method, path, body.strip(), shown)


def _shows(answer: Any, shown: Any) -> bool:
    """Whether the answer holds all that is shown: the keys of an object, every item of a list."""
    if isinstance(shown, dict) and isinstance(answer, dict):
        wanted, held = cast("Mapping[str, Any]", shown), cast("Mapping[str, Any]", answer)
        return all(name in held and _shows(held[name], wanted[name]) for name in wanted)
    if isinstance(shown, list) and isinstance(answer, list):
        items, found = cast("Sequence[Any]", shown), cast("Sequence[Any]", answer)
        return len(items) == len(found) and all(map(_shows, found, items))
    return bool(answer == shown)


async def _send(caller: AsyncClient, step: Step, named: Mapping[str, str], tag: str | None) -> Response:
    headers = {} if step.method == "GET" else factories.key()
    if tag is not None and step.method != "GET":
        headers["If-Match"] = tag
    body = json.loads(_filled(step.body, named)) if step.body else None
    return await caller.request(step.method, _filled(step.path, named), json=body, headers=headers)


def _filled(text: str, named: Mapping[str, str]) -> str:
    for name, value in named.items():
        text = text.replace(f"{{{name}}}", value)
    return text


async def _judge(sessions: Sessions, tenant: Tenant, backtest_id: str) -> None:
    """What a worker does with a backtest."""
    staff = Staff(processes=1, stop=asyncio.Event())
    turn = Turn(sessions, tenant.id, BacktestId(UUID(backtest_id)), staff)
    assert await turn.run() is End.FINISHED


async def test_the_walk_through_the_life_of_a_policy(
    sessions: Sessions, sign_in_as: SignIn, clock: MovableClock
) -> None:
    tenant = await factories.tenant(sessions, approval=Approval.MEMBERS)
    people = {name: await sign_in_as(Role.MANAGER, of=tenant) for name in ("Ada", "Ben")}
    now = clock.now()
    named = {"last_week": rfc3339(now - timedelta(days=7)), "now": rfc3339(now + timedelta(minutes=1))}
    tags: dict[str, str] = {}
    steps = list(_steps(GUIDE.read_text()))

    for step in steps:
        of_policy = step.path.startswith("/v1/policies/{policy}")
        answer = await _send(people[step.who], step, named, tags.get("policy") if of_policy else None)
        told = answer.json()
        if step.shown is None or "status" not in step.shown:
            assert answer.status_code <= SUCCESS_MAX, f"{step.method} {step.path}: {answer.text}"
        assert step.shown is None or _shows(told, step.shown), f"{step.method} {step.path}: {answer.text}"
        if step.method == "POST" and step.path in NAMED:
            named[NAMED[step.path]] = told["id"]
        if step.path == "/v1/backtests":
            await _judge(sessions, tenant, told["id"])
        if step.path.startswith("/v1/policies") and "ETag" in answer.headers:
            tags["policy"] = answer.headers["ETag"]

    assert len(steps) == GUIDE.read_text().count("```http")
