"""Backtests from the call to the result: in processes of their own, with nothing else changed."""

import asyncio
import copy
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from httpx2 import AsyncClient

from service import composition, worker
from service.backtests.cases import Case
from service.db import Sessions, create_engine, create_sessions
from service.embedded import EmbeddedDatabase
from service.replay import log, parsing
from service.replay.steps import Step
from service.settings import Settings
from tests import factories, past
from tests.api import desk
from tests.factories import VAULT

pytestmark = pytest.mark.concurrent

ENDED = {"done", "failed", "cancelled"}
FEW = 60


@pytest.fixture
def sessions(own_sessions: Sessions) -> Sessions:
    """Real commits: jobs are run by a worker."""
    return own_sessions


@asynccontextmanager
async def working(database: EmbeddedDatabase, *, processes: int = 2) -> AsyncGenerator[None]:
    """A worker that judges in so many processes."""
    stop, engine = asyncio.Event(), create_engine(database.app_url, pool_size=4)
    settings = Settings.model_validate({"backtest_processes": processes})
    work = asyncio.create_task(
        worker.run(
            settings, create_sessions(engine), vault=VAULT, advances=composition.ADVANCES, stop=stop
        )
    )
    try:
        yield
    finally:
        stop.set()
        await work
        await engine.dispose()


def plans(*, limit: int = FEW) -> list[list[Step]]:
    mapping = parsing.parse((past.EXAMPLE / "mapping.yaml").read_text(), name="mapping.yaml")
    with log.read_cases(past.SAMPLE, mapping, limit=limit) as found:
        return list(found)


async def a_log(caller: AsyncClient, cases: Sequence[Sequence[Step]], *, name: str = "uci") -> str:
    """A log of these cases, complete."""
    made = await desk.created(caller, "/v1/history-logs", {"name": name, "source": "uci498"})
    path = f"/v1/history-logs/{made['id']}"
    for at in range(0, len(cases), 50):
        body = {
            "cases": [
                {"submission": first.body, "events": [step.body for step in events]}
                for first, *events in cases[at : at + 50]
            ]
        }
        answer = await caller.post(f"{path}/cases", json=body, headers=factories.key())
        assert answer.status_code == 200, answer.text
    answer = await caller.post(f"{path}/complete", json={}, headers=factories.key())
    assert answer.status_code == 200, answer.text
    return made["id"]


async def a_policy(caller: AsyncClient) -> dict[str, Any]:
    """The example's policy, in effect."""
    calendar = {"name": "weekdays", "definition": past.calendar_definition()}
    await desk.created(caller, "/v1/calendars", calendar)
    body = {"name": "promises", "kind": "commitment", "document": past.policy()}
    policy = await desk.created(caller, "/v1/policies", body)
    answer = await caller.post(f"/v1/policies/{policy['id']}/publish", headers=factories.key())
    assert answer.status_code == 200, answer.text
    return policy


def tighter() -> dict[str, Any]:
    """The same with less time for incidents of moderate priority."""
    document = copy.deepcopy(past.policy())
    document["rules"][2]["then"]["promises"][0]["target"]["seconds"] = 400_000
    return document


async def started(caller: AsyncClient, **body: Any) -> str:
    candidate = {"kind": "commitment", "name": "promises", "document": tighter()}
    asked = {"name": "tighter", "policies": [candidate], **body}
    answer = await caller.post("/v1/backtests", json=asked, headers=factories.key())
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


async def ended(caller: AsyncClient, backtest_id: str, *, seconds: float = 15) -> dict[str, Any]:
    async with asyncio.timeout(seconds):
        while True:
            answer = await caller.get(f"/v1/backtests/{backtest_id}")
            assert answer.status_code == 200, answer.text
            if answer.json()["state"] in ENDED:
                return answer.json()
            await asyncio.sleep(float(answer.headers["Retry-After"]) / 5)


async def changes(caller: AsyncClient, backtest_id: str, **query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        path = f"/v1/backtests/{backtest_id}/changes"
        page = (await caller.get(path, params={"limit": 200, **query, **cursor})).json()
        found += page["items"]
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}


async def test_a_backtest_on_a_log_says_what_would_change(
    caller: AsyncClient, own_database: EmbeddedDatabase
) -> None:
    await a_policy(caller)
    log_id = await a_log(caller, plans())

    backtest_id = await started(caller, history={"log_id": log_id})
    async with working(own_database):
        done = await ended(caller, backtest_id)

    assert done["state"] == "done", done
    assert done["done"] == done["total"] == FEW
    assert done["result"]["requests"] == FEW
    listed = await changes(caller, backtest_id)
    assert len(listed) == done["changed"] == done["result"]["changed"] > 0
