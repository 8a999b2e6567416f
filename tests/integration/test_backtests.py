"""Backtests from the call to the result: in processes of their own, with nothing else changed."""

import asyncio
import copy
import csv
import io
import itertools
import os
import signal
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from httpx2 import AsyncClient
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from service import composition, worker
from service.backtests import drive, jobs, progress
from service.backtests.chunks import Chunk, Judged
from service.backtests.crew import Crew, Process
from service.backtests.drive import End, Staff, Turn
from service.backtests.progress import Reached
from service.clock import SystemClock
from service.db import Sessions, TenantSession, create_engine, create_sessions
from service.embedded import EmbeddedDatabase
from service.ids import BacktestId, TenantId
from service.instants import rfc3339
from service.jobs import runner
from service.jobs.registry import Tools
from service.limits.domain.table import BACKTESTS_AT_ONCE
from service.replay import log, parsing
from service.replay.steps import Step
from service.settings import Settings
from service.tenants.domain import Tenant
from tests import factories, past
from tests.api import desk
from tests.conftest import SignIn
from tests.factories import VAULT

pytestmark = pytest.mark.concurrent

ENDED = {"done", "failed", "cancelled"}
FEW = 60
SMALL = 7
HANGS_SECONDS = 300
"""Nothing takes so long that goes on at all, however busy the machine is."""
POLL = timedelta(milliseconds=20)
ELAPSED: dict[str, Any] = {"unit": "elapsed_time", "seconds": 3_600}
WITHOUT_RULES: dict[str, Any] = {"rules": []}
TABLES = "select tablename from pg_tables where schemaname = 'public' order by tablename"
DIGEST = "select md5(string_agg(row::text, ';' order by row::text)) from {name} row"


@pytest.fixture
def sessions(own_sessions: Sessions) -> Sessions:
    """Real commits: jobs are run by a worker."""
    return own_sessions


@asynccontextmanager
async def working(database: EmbeddedDatabase, *, processes: int = 2) -> AsyncGenerator[None]:
    """A worker that judges in so many processes."""
    stop, engine = asyncio.Event(), create_engine(database.app_url, pool_size=4)
    settings = Settings.model_validate({"backtest_processes": processes, "worker_poll_interval": POLL})
    work = asyncio.create_task(
        worker.run(settings, create_sessions(engine), vault=VAULT, advances=composition.ADVANCES, stop=stop)
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


NEW: dict[str, Any] = {"kind": "commitment", "name": "new", "document": past.policy()}
ACCEPTING: dict[str, Any] = {
    "rules": [{"id": "all", "when": "true", "because": "Welcome.", "then": {"verdict": "accept"}}]
}


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


async def ended(caller: AsyncClient, backtest_id: str, *, seconds: float = HANGS_SECONDS) -> dict[str, Any]:
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


@dataclass
class Desk:
    """A tenant with the example's policy in effect, and a log of a few real incidents."""

    caller: AsyncClient
    sessions: Sessions
    database: EmbeddedDatabase
    tenant_id: TenantId
    log_id: str
    policy: dict[str, Any]

    def turn(self, backtest_id: str, *, processes: int = 2, stop: asyncio.Event | None = None) -> Turn:
        staff = Staff(processes, stop or asyncio.Event())
        return Turn(self.sessions, self.tenant_id, BacktestId(UUID(backtest_id)), staff)

    async def found(self, backtest_id: str) -> tuple[Any, list[dict[str, Any]]]:
        """All that a backtest found."""
        done = await ended(self.caller, backtest_id)
        assert done["state"] == "done", done
        return done["result"], await changes(self.caller, backtest_id)


@pytest.fixture
async def here(
    caller: AsyncClient, own_sessions: Sessions, own_database: EmbeddedDatabase, tenant: Tenant
) -> Desk:
    policy = await a_policy(caller)
    return Desk(caller, own_sessions, own_database, tenant.id, await a_log(caller, plans()), policy)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a few requests make many parts."""
    monkeypatch.setattr(progress, "CASES_IN_CHUNK", SMALL)


async def test_a_backtest_on_a_log_says_what_would_change(here: Desk) -> None:
    backtest_id = await started(here.caller, history={"log_id": here.log_id})
    async with working(here.database):
        done = await ended(here.caller, backtest_id)

    assert done["state"] == "done", done
    assert done["done"] == done["total"] == done["result"]["requests"] == FEW
    assert [each["label"] for each in done["before"] + done["after"]] == ["promises@1", "promises@document"]
    listed = await changes(here.caller, backtest_id)
    assert len(listed) == done["changed"] == done["result"]["changed"] > 0
    assert all(change["kinds"] for change in listed)
    outcomes = await changes(here.caller, backtest_id, kind="outcome")
    assert outcomes == [change for change in listed if "outcome" in change["kinds"]]
    assert len(outcomes) == done["result"]["changes"]["outcome"]
    for change in outcomes:
        assert change["before"]["rules"] == {"commitment": ["promises@1/p3"]}
        assert change["after"]["rules"] == {"commitment": ["promises@document/p3"]}


async def test_the_changes_are_a_sheet_too(here: Desk) -> None:
    backtest_id = await started(here.caller, history={"log_id": here.log_id})
    await here.turn(backtest_id).run()

    answer = await here.caller.get(f"/v1/backtests/{backtest_id}/changes.csv", params={"kind": "outcome"})

    rows = list(csv.DictReader(io.StringIO(answer.text)))
    listed = await changes(here.caller, backtest_id, kind="outcome")
    assert answer.headers["content-type"].startswith("text/csv")
    assert [row["external_id"] for row in rows] == [change["external_id"] for change in listed]
    assert {row["rules after"] for row in rows} == {"promises@document/p3"}


async def test_no_table_but_those_of_backtests_changes(here: Desk) -> None:
    backtest_id = await started(here.caller, history={"log_id": here.log_id})
    before = await contents(here.database)

    assert await here.turn(backtest_id).run() is End.FINISHED

    after = await contents(here.database)
    assert {name for name in after if after[name] != before[name]} == {"backtest", "backtest_change"}
    assert len(after) > 40


@pytest.mark.usefixtures("small_chunks")
async def test_the_same_is_found_however_many_processes_there_are_and_however_they_end(
    here: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, dying = [
        await started(here.caller, history={"log_id": here.log_id}, name=name) for name in ("one", "dying")
    ]
    await here.turn(alone, processes=1).run()
    killed, ask = Counter[int](), Process.ask

    async def killing(self: Process, body: bytes) -> bytes:
        """The processes that work on a chunk are killed: none, one or two, until the evaluator is left."""
        number = msgspec.json.decode(body).get("number")
        if number is not None and killed[number] < number % 3:
            killed[number] += 1
            os.kill(self.pid, signal.SIGKILL)
        return await ask(self, body)

    monkeypatch.setattr(Process, "ask", killing)
    await here.turn(dying, processes=3).run()

    assert killed.total() == 9
    assert await here.found(dying) == await here.found(alone)


async def test_a_chunk_that_no_process_gets_through_ends_the_backtest_with_the_reason(
    here: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    backtest_id, ask = await started(here.caller, history={"log_id": here.log_id}), Process.ask

    async def killing(self: Process, body: bytes) -> bytes:
        if "number" in msgspec.json.decode(body):
            os.kill(self.pid, signal.SIGKILL)
        return await ask(self, body)

    monkeypatch.setattr(Process, "ask", killing)
    await here.turn(backtest_id).run()

    failed = (await here.caller.get(f"/v1/backtests/{backtest_id}")).json()
    assert (failed["state"], failed["result"]) == ("failed", None)
    assert "part 0 of the history" in failed["failure"]


async def test_a_backtest_whose_work_keeps_failing_fails_and_says_so(
    here: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[BacktestId] = []

    async def failing(_session: TenantSession, backtest_id: BacktestId, *, now: datetime) -> None:
        del now
        tried.append(backtest_id)
        raise ConnectionResetError

    monkeypatch.setattr(progress, "begin", failing)
    monkeypatch.setattr(runner, "RETRY_DELAY_MIN", POLL / 20)
    monkeypatch.setattr(runner, "RETRY_DELAY_MAX", POLL / 20)
    backtest_id = await started(here.caller, history={"log_id": here.log_id})
    async with working(here.database):
        failed = await ended(here.caller, backtest_id)

    assert (failed["state"], failed["result"]) == ("failed", None)
    assert failed["failure"] == jobs.GIVEN_UP
    assert tried == [BacktestId(UUID(backtest_id))] * jobs.MAX_ATTEMPTS
    assert failed["ended_at"] is not None
    assert (await here.caller.delete(f"/v1/backtests/{backtest_id}")).status_code == 204


@pytest.mark.parametrize("fate", ["cancelled", "removed"])
async def test_work_that_is_given_up_leaves_alone_what_has_ended(here: Desk, fate: str) -> None:
    backtest_id = await started(here.caller, history={"log_id": here.log_id})
    path = f"/v1/backtests/{backtest_id}"
    await here.caller.post(f"{path}/cancel", headers=factories.key())
    if fate == "removed":
        await here.caller.delete(path)

    tools = Tools(here.sessions, SystemClock(), {})
    await jobs.give_up(tools, tenant_id=here.tenant_id, backtest_id=UUID(backtest_id))

    found = await here.caller.get(path)
    assert found.status_code == (404 if fate == "removed" else 200)
    assert fate == "removed" or found.json()["state"] == "cancelled"


@pytest.mark.usefixtures("small_chunks")
async def test_what_was_interrupted_goes_on_where_it_was(here: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, cut = [
        await started(here.caller, history={"log_id": here.log_id}, name=name) for name in ("whole", "cut")
    ]
    await here.turn(whole).run()
    keep, kept = progress.keep, list[int]()

    async def stopping(session: TenantSession, *args: Any, **kwargs: Any) -> bool:
        """After every second part, whoever works on it is gone: nothing of the next is kept."""
        if len(kept) % 3 == 2:
            kept.append(-1)
            raise ConnectionResetError
        kept.append(args[1].number)
        return await keep(session, *args, **kwargs)

    monkeypatch.setattr(progress, "keep", stopping)
    interruptions = 0
    while True:
        try:
            assert await here.turn(cut).run() is End.FINISHED
            break
        except ConnectionResetError:
            interruptions += 1

    parts = [number for number in kept if number >= 0]
    assert parts == list(range(-(-FEW // 7)))
    assert interruptions >= 3
    assert await here.found(cut) == await here.found(whole)


async def test_two_workers_do_not_count_anything_twice(here: Desk) -> None:
    backtest_id, alone = [
        await started(here.caller, history={"log_id": here.log_id}, name=name) for name in ("two", "one")
    ]
    await here.turn(alone).run()

    ends = await asyncio.gather(here.turn(backtest_id).run(), here.turn(backtest_id).run())

    assert End.FINISHED in ends
    assert await here.found(backtest_id) == await here.found(alone)


@pytest.mark.usefixtures("small_chunks")
async def test_a_backtest_that_is_cancelled_stops_and_can_be_deleted(
    here: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its second chunk never comes back, so whoever works on it has to look whether it is still wanted."""
    judge, kept = Crew.judge, asyncio.Event()

    async def the_first_only(crew: Crew, chunk: Chunk) -> Judged:
        if chunk.number == 2:  # with one process, that many are asked for once the first is kept
            kept.set()
        return await (judge(crew, chunk) if chunk.number == 0 else asyncio.get_running_loop().create_future())

    looks, reached = list[bool](), progress.reached

    async def looked(session: TenantSession, backtest_id: BacktestId) -> Reached | None:
        found = await reached(session, backtest_id)
        looks.append(found is not None)
        return found

    monkeypatch.setattr(Crew, "judge", the_first_only)
    monkeypatch.setattr(progress, "reached", looked)
    backtest_id = await started(here.caller, history={"log_id": here.log_id})
    path = f"/v1/backtests/{backtest_id}"
    under_way = await here.caller.delete(path)
    work = asyncio.create_task(here.turn(backtest_id, processes=1).run())
    async with asyncio.timeout(HANGS_SECONDS):
        await kept.wait()

    cancelled = await here.caller.post(f"{path}/cancel", headers=factories.key())
    looks_before = len(looks)
    async with asyncio.timeout(HANGS_SECONDS):
        end = await work

    assert under_way.status_code == 409
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    assert end is End.NOT_OURS
    assert looks[looks_before:].count(True) <= 1, "but for one that was under way, the next look is the last"
    assert timedelta(seconds=1) >= drive.WATCH
    again = await here.caller.post(f"{path}/cancel", headers=factories.key())
    assert again.json()["done"] == (await here.caller.get(path)).json()["done"] == SMALL
    assert (await here.caller.delete(path)).status_code == 204
    assert (await here.caller.get(path)).status_code == 404
    assert (await here.caller.get(f"{path}/changes")).status_code == 404


async def test_a_worker_that_stops_hands_the_backtest_on(here: Desk) -> None:
    backtest_id, stop = await started(here.caller, history={"log_id": here.log_id}), asyncio.Event()
    stop.set()

    assert await here.turn(backtest_id, stop=stop).run() is End.TO_BE_GONE_ON_WITH
    assert (await here.caller.get(f"/v1/backtests/{backtest_id}")).json()["state"] == "running"


async def test_parts_that_take_longer_than_a_turn_are_kept_all_the_same(
    here: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "CASES_IN_CHUNK", FEW // 2)
    backtest_id, ends = await started(here.caller, history={"log_id": here.log_id}), list[End]()
    for _ in range(2):
        turn = here.turn(backtest_id, processes=1)
        turn.staff.monotonic = itertools.count(step=2 * drive.TURN.total_seconds()).__next__
        ends.append(await turn.run())

    assert ends == [End.TO_BE_GONE_ON_WITH, End.FINISHED]
    assert (await here.found(backtest_id))[0]["requests"] == FEW


async def test_the_own_history_is_judged_as_it_was_decided_and_kept(here: Desk, sign_in: SignIn) -> None:
    """What is in effect, tried against itself, finds what was recorded."""
    sandbox = await factories.tenant(here.sessions, sandbox_at=datetime(2016, 2, 1, tzinfo=UTC))
    caller = await sign_in(of=sandbox)
    policy = await a_policy(caller)
    async with working(here.database):
        await replayed(caller, plans(limit=15))
        candidate = {"policy_id": policy["id"], "version": 1}
        history = {"from": "2016-01-01T00:00:00Z", "to": "2018-01-01T00:00:00Z"}
        backtest_id = await started(caller, policies=[candidate], history=history)
        done = await ended(caller, backtest_id)

    recorded = (await caller.get("/v1/commitments", params={"limit": 200})).json()["items"]
    told = (await caller.get("/v1/events", params={"limit": 200})).json()["items"]
    assert done["result"]["changed"] == 0
    assert done["result"]["before"] == {**done["result"]["after"], "rules": done["result"]["before"]["rules"]}
    promises = done["result"]["before"]["promises"]["resolve"]
    assert promises["made"] == len(recorded) == 15
    for outcome in ("kept", "broken", "pending"):
        assert promises.get(outcome, 0) == sum(each["outcome"] == outcome for each in recorded)
    kinds = Counter(event["type"] for event in told)
    assert kinds.total() < 200
    assert promises.get("warnings", 0) == kinds["commitment.warned"] > 0
    assert promises.get("breaches", 0) == kinds["commitment.broken"] > 0


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        pytest.param({"history": {}}, "/history", id="no history"),
        pytest.param(
            {"history": {"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}},
            "/history/to",
            id="backwards",
        ),
        pytest.param({"policies": [{"name": "x"}]}, "/policies/0", id="nothing to try"),
        pytest.param(
            {"policies": [{"kind": "commitment", "name": "x", "document": WITHOUT_RULES}]},
            "/policies/0/document/rules",
            id="a faulty document",
        ),
        pytest.param(
            {"policies": [{"kind": "none", "name": "x", "document": WITHOUT_RULES}]},
            "/policies/0/kind",
            id="no such kind",
        ),
        pytest.param(
            {"policies": [{"policy_id": "00000000-0000-0000-0000-000000000001", "version": 1}]},
            "/policies/0",
            id="no such policy",
        ),
        pytest.param(
            {"policies": [{"kind": "commitment", "name": "promises", "document": past.policy()}] * 2},
            "/policies/1",
            id="the same policy twice",
        ),
        pytest.param(
            {"history": {"from": "0001-01-01T00:00:00+14:00", "to": "2026-01-01T00:00:00Z"}},
            "/history/from",
            id="from before all years",
        ),
        pytest.param(
            {"history": {"from": "2026-01-01T00:00:00Z", "to": "9999-12-31T23:59:59-14:00"}},
            "/history/to",
            id="to beyond all years",
        ),
        *(
            pytest.param(
                {"policies": [NEW, {"kind": kind, "name": "new", "document": document}]},
                "/policies/1",
                id=f"two new ones of one name, the other a {kind}",
            )
            for kind, document in (("commitment", tighter()), ("rationalization", ACCEPTING))
        ),
    ],
)
async def test_what_cannot_be_compared_is_refused_with_its_place(
    here: Desk, body: dict[str, Any], pointer: str
) -> None:
    candidate = {"kind": "commitment", "name": "promises", "document": tighter()}
    asked = {"name": "x", "policies": [candidate], "history": {"log_id": here.log_id}, **body}

    answer = await here.caller.post("/v1/backtests", json=asked, headers=factories.key())

    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert (await here.caller.get("/v1/backtests")).json()["items"] == []


async def test_a_history_that_ends_before_it_begins_is_told_what_is_wrong(here: Desk) -> None:
    candidate = {"kind": "commitment", "name": "promises", "document": tighter()}
    history = {"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}
    asked = {"name": "x", "policies": [candidate], "history": history}

    answer = await here.caller.post("/v1/backtests", json=asked, headers=factories.key())

    (fault,) = answer.json()["errors"]
    assert (fault["pointer"], fault["detail"]) == (
        "/history/to",
        "It is not after `from`; name a later instant.",
    )


async def test_only_so_many_are_under_way_at_once(here: Desk) -> None:
    for number in range(BACKTESTS_AT_ONCE.default):
        await started(here.caller, history={"log_id": here.log_id}, name=str(number))
    candidate = {"kind": "commitment", "name": "promises", "document": tighter()}
    asked = {"name": "more", "policies": [candidate], "history": {"log_id": here.log_id}}

    answer = await here.caller.post("/v1/backtests", json=asked, headers=factories.key())

    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/backtests-at-once-too-many")


async def test_an_empty_history_is_no_failure(here: Desk) -> None:
    history = {"from": "2016-01-01T00:00:00Z", "to": "2018-01-01T00:00:00Z"}
    backtest_id = await started(here.caller, history=history)

    assert await here.turn(backtest_id).run() is End.FINISHED

    result, listed = await here.found(backtest_id)
    assert (result["requests"], result["changed"], listed) == (0, 0, [])
    assert result["rules_never_matched"] == {"promises@document": ["p1", "p2", "p3", "p4"]}


async def replayed(caller: AsyncClient, cases: Sequence[Sequence[Step]]) -> None:
    """Send these cases through the API on the sandbox's clock, each step at its instant, then go past all."""
    requests: dict[str, dict[str, Any]] = {}
    for step in sorted(itertools.chain(*cases), key=lambda step: (step.post_at, step.case, step.ordinal)):
        await moved(caller, rfc3339(step.post_at))
        if step.ordinal == 0:
            requests[step.case] = await desk.created(caller, "/v1/requests", step.body)
        elif step.body["type"] != "noted":
            await desk.report(caller, requests[step.case], **step.body)
    await moved(caller, "2017-06-01T00:00:00Z")


async def moved(caller: AsyncClient, now: str) -> None:
    answer = await caller.post("/v1/sandbox/clock", json={"now": now}, headers=factories.key())
    assert answer.status_code in {200, 202}, answer.text
    async with asyncio.timeout(HANGS_SECONDS):
        while True:
            if (await caller.get("/v1/sandbox/clock")).json()["now"] == now:
                return
            await asyncio.sleep(POLL.total_seconds())


async def contents(database: EmbeddedDatabase) -> dict[str, str]:
    """A digest of all that each table holds, whoever owns it."""
    url = make_url(database.superuser_url).set(database=make_url(database.app_url).database)
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        names = list(await connection.scalars(text(TABLES)))
        digests = {name: await connection.scalar(text(DIGEST.format(name=name))) for name in names}
    await engine.dispose()
    return {name: digest or "" for name, digest in digests.items()}


async def test_the_history_that_rules_read_is_what_it_was_when_they_were_asked(here: Desk) -> None:
    client = await desk.created(here.caller, "/v1/clients", {"name": "Harbour"})
    document = {
        "rules": [
            {
                "id": "again",
                "when": "client.requests_30d >= 2",
                "because": "Whoever comes often is served sooner.",
                "then": {"promises": [{"metric": "resolve", "target": ELAPSED}]},
            },
            {
                "id": "others",
                "when": "client.requests_30d < 2 && !has(client.open_requests)",
                "because": "All others have a day.",
                "then": {"promises": [{"metric": "resolve", "target": {**ELAPSED, "seconds": 86_400}}]},
            },
        ]
    }
    sent = [await desk.submitted(here.caller, client=client["name"], facts={}) for _ in range(4)]
    candidate = {"kind": "commitment", "name": "promises", "document": document}
    history = {"from": "2016-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"}

    backtest_id = await started(here.caller, policies=[candidate], history=history)
    await here.turn(backtest_id).run()

    result, listed = await here.found(backtest_id)
    assert [change["id"] for change in listed] == [request["id"] for request in sent]
    assert [change["after"]["rules"]["commitment"] for change in listed] == [
        ["promises@document/others"],
        ["promises@document/others"],
        ["promises@document/again"],
        ["promises@document/again"],
    ]
    assert result["after"]["absent"] == {"client.open_requests": 4}
