"""What a backtest says of ladders, beside what they told when the same requests were live."""

import csv
import io
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from httpx2 import AsyncClient

from service.db import Sessions
from service.embedded import EmbeddedDatabase
from service.people.domain import Role
from tests import factories
from tests.api import desk
from tests.conftest import SignIn
from tests.integration import test_backtests as backtesting

pytestmark = pytest.mark.concurrent

BEGINS = datetime(2016, 2, 1, tzinfo=UTC)
HISTORY = {"from": "2016-01-01T00:00:00Z", "to": "2018-01-01T00:00:00Z"}
CLIMBED: dict[str, Any] = {
    "rules": [{"id": "all", "when": "true", "because": "Somebody must know.", "then": {"ladder": "night"}}]
}
STEPS: list[dict[str, Any]] = [
    {
        "name": "half",
        "at": {"anchor": "used", "share": 0.5},
        "tell": [{"rota": "night"}],
        "repeat": {"every_seconds": 6 * 3_600, "times": 4},
    },
    {"name": "due", "at": {"anchor": "due", "after_seconds": -3_600}, "tell": [{"role": "manager"}]},
    {
        "name": "late",
        "at": {"anchor": "breach"},
        "tell": [{"rota": "night", "hours": "weekdays"}, {"role": "manager"}],
        "only_first": True,
    },
]


@pytest.fixture
def sessions(own_sessions: Sessions) -> Sessions:
    """Real commits: jobs are run by a worker."""
    return own_sessions


@pytest.fixture
async def caller(sign_in: SignIn, sessions: Sessions) -> AsyncClient:
    """A sandbox whose ladder is climbed by all requests. Somebody is on duty for twelve hours of each day."""
    sandbox = await factories.tenant(sessions, sandbox_at=BEGINS)
    caller = await sign_in(of=sandbox)
    await backtesting.a_policy(caller)
    agent = await factories.member(sessions, sandbox, Role.AGENT)
    await factories.member(sessions, sandbox, Role.MANAGER)
    days = {day: [["06:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
    await desk.created(caller, "/v1/calendars", {"name": "days", "definition": {"tz": "UTC", "weekly": days}})
    rotation = {"name": "all", "members": [str(agent)], "first_handover": "2016-01-01T00:00", "hours": "days"}
    await desk.created(caller, "/v1/rotas", {"name": "night", "zone": "UTC", "rotations": [rotation]})
    await desk.created(caller, "/v1/ladders", {"name": "night", "definition": {"steps": STEPS}})
    policy = {"name": "who", "kind": "escalation", "document": CLIMBED}
    made = await desk.created(caller, "/v1/policies", policy)
    published = await caller.post(f"/v1/policies/{made['id']}/publish", headers=factories.key())
    assert published.status_code == 200, published.text
    return caller


async def everything(caller: AsyncClient, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await caller.get(path, params={"limit": 200, **cursor})).json()
        found += page["items"]
        if page["next"] is None or not page["items"]:
            return found
        cursor = {"cursor": page["next"]}


async def test_the_ladders_of_the_own_history_tell_as_they_did(
    caller: AsyncClient, own_database: EmbeddedDatabase
) -> None:
    rule = {**CLIMBED["rules"][0], "when": "request.type == 'change'"}
    silent = {"kind": "escalation", "name": "who", "document": {"rules": [rule]}}
    async with backtesting.working(own_database):
        await backtesting.replayed(caller, backtesting.plans(limit=12))
        backtest_id = await backtesting.started(caller, policies=[silent], history=HISTORY)
        done = await backtesting.ended(caller, backtest_id)

    notices = await everything(caller, "/v1/notices")
    unstaffed = [
        each for each in await everything(caller, "/v1/events") if each["type"].endswith("unstaffed")
    ]
    counted = done["result"]["before"]["notices"]["night"]
    assert {name: step["told"] for name, step in counted.items() if step["told"]} == Counter(
        each["step"] for each in notices
    )
    assert sum(step["nobody"] for step in counted.values()) == len(unstaffed) > 0
    assert len(notices) > 20
    assert done["result"]["notices_assume"].startswith("Nobody acknowledges")

    changed = await backtesting.changes(caller, backtest_id, kind="notice")
    sheet = (await caller.get(f"/v1/backtests/{backtest_id}/changes.csv")).text
    assert len(changed) == done["result"]["changes"]["notice"] > 0
    assert done["result"]["after"]["notices"] == {}
    assert all(not each["after"]["notices"] and each["before"]["notices"] for each in changed)
    rows = list(csv.DictReader(io.StringIO(sheet)))
    assert rows[0]["notices after"] == ""
    assert rows[0]["notices before"].startswith("night/half: ")
