"""A repinning that is killed, meets failures, or works beside others: each request once, or not at all."""

import asyncio
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from service import worker
from service.audit.domain import Actor
from service.db import Sessions, create_engine, create_sessions, tenant_transaction
from service.embedded import EmbeddedDatabase
from service.ids import RequestId
from service.requests import service as requests_service
from service.requests.domain import EventType, State
from service.requests.service import Caller, Report
from service.rules.matching import Matches, MatchingTooSlow, RuleSet
from service.rules.reference import ReferenceEngine
from service.rules.service import Rulebook
from service.settings import Settings
from service.tenants.domain import Tenant
from tests import factories, locks
from tests.api import contents, desk
from tests.api.retiming import Shop, promise
from tests.conftest import SignIn
from tests.factories import NOON, VAULT

pytestmark = pytest.mark.concurrent

ROOT = Path(__file__).parents[2]
DONE_SECONDS_MAX = 30


@pytest.fixture
def sessions(own_sessions: Sessions) -> Sessions:
    return own_sessions


@pytest.fixture
async def tenant(sessions: Sessions) -> Tenant:
    return await factories.tenant(sessions, sandbox_at=NOON)


@pytest.fixture
async def shop(sessions: Sessions, tenant: Tenant, sign_in: SignIn) -> Shop:
    return Shop(sessions, tenant, await sign_in())


class Stubborn(ReferenceEngine):
    """Matches as the reference does, but fails for one request."""

    def __init__(self, title: str, error: Exception) -> None:
        super().__init__()
        self._title = title
        self._error = error

    async def match(self, ruleset: RuleSet, facts: Mapping[str, Any]) -> Matches:
        if facts["request"].get("title") == self._title:
            raise self._error
        return await super().match(ruleset, facts)


async def _begun(shop: Shop, *, requests: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A repinning of so many requests whose job has not run yet."""
    policy = await shop.policy(promise(hours=8))
    opened = [await desk.submitted(shop.caller, title=f"request {number}") for number in range(requests)]
    await shop.revised(policy, promise(hours=4))
    preview = await shop.preview(policy)
    answer = await shop.asked(policy, preview=False, preview_id=preview["id"])
    assert answer.status_code == 202, answer.text
    return answer.json(), opened


async def _check_once(shop: Shop, requests: list[dict[str, Any]]) -> None:
    """Each request has been put on the version once, with all that belongs to it."""
    for request in requests:
        events = (await shop.caller.get(f"/v1/requests/{request['id']}/events")).json()["items"]
        assert [event["type"] for event in events].count("repinned") == 1
        assert len(await shop.decisions(request)) == 2
        assert await shop.dues(request) == {"resolve": desk.at(hours=4)}
        told = [event.type for event in await shop.told(request["commitments"][0]["id"])]
        assert told == ["commitment.made", "commitment.due_changed"]


async def test_kill_9_at_every_step_leaves_each_request_done_once_or_not_at_all(
    shop: Shop, own_database: EmbeddedDatabase
) -> None:
    begun, requests = await _begun(shop, requests=3)

    async def run_until_match(number: int) -> int:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.api.dying_repinner", own_database.app_url),
            *(str(shop.tenant.id), begun["id"], str(number)),
            cwd=ROOT,
        )
        return await process.wait()

    ends: list[tuple[int, int]] = []
    for number in (1, 2, 3, 2, 3, 1, 3):
        code = await run_until_match(number)
        ends.append((code, (await shop.shown(begun["id"]))["done"]))
    done = await shop.shown(begun["id"])

    killed = -signal.SIGKILL
    assert ends == [(killed, 0), (killed, 0), (killed, 1), (killed, 1), (killed, 2), (killed, 2), (0, 3)]
    assert (done["state"], done["done"], done["repinned"], done["changed"]) == ("done", 3, 3, 3)
    assert len(await shop.changes(done)) == 3
    await _check_once(shop, requests)


async def test_two_jobs_of_one_repinning_do_each_request_once(shop: Shop) -> None:
    begun, requests = await _begun(shop, requests=12)

    await asyncio.gather(*(shop.worked(begun["id"]) for _ in range(3)))

    done = await shop.shown(begun["id"])
    assert (done["state"], done["done"], done["changed"]) == ("done", 12, 12)
    await _check_once(shop, requests)


async def test_what_happens_to_requests_meanwhile_is_neither_lost_nor_in_the_way(shop: Shop) -> None:
    begun, requests = await _begun(shop, requests=6)

    async def report(request: dict[str, Any]) -> None:
        await desk.report(shop.caller, request, type="changed", facts={"custom": {"note": "meanwhile"}})

    await asyncio.gather(shop.worked(begun["id"]), *map(report, requests))

    done = await shop.shown(begun["id"])
    assert (done["state"], done["done"], done["failed"]) == ("done", 6, 0)
    for request in requests:
        assert await shop.dues(request) == {"resolve": desk.at(hours=4)}
        facts = (await shop.caller.get(f"/v1/requests/{request['id']}")).json()["facts"]
        assert facts["custom"] == {"note": "meanwhile"}


async def test_a_request_that_is_closed_while_it_is_waited_for_is_left(shop: Shop) -> None:
    begun, (request,) = await _begun(shop, requests=1)
    await shop.stepped(begun["id"], times=1)
    caller = Caller(client_id=None, may_backdate=False, actor=Actor())
    closing = Report(type=EventType.CHANGED, occurred_at=NOON, sequence=0, state=State.CLOSED)

    async with tenant_transaction(shop.sessions, shop.tenant.id) as session:
        rulebook, request_id = shop.tools.part(Rulebook), RequestId(UUID(request["id"]))
        await requests_service.record(session, rulebook, request_id, closing, caller=caller, now=NOON)
        working = asyncio.create_task(shop.worked(begun["id"]))
        await locks.is_waited_for(shop.sessions)
    done = await working

    assert (done["state"], done["done"], done["repinned"], done["failed"]) == ("done", 1, 0, 0)
    assert len(await shop.decisions(request)) == 1


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MatchingTooSlow("rules", 0.15), "too slow"),
        (RuntimeError("out of order"), "the worker's log"),
    ],
    ids=["too slow", "a fault of ours"],
)
async def test_a_request_that_fails_holds_up_no_other_and_is_tried_again(
    shop: Shop, error: Exception, reason: str
) -> None:
    begun, requests = await _begun(shop, requests=3)
    failing = Shop(shop.sessions, shop.tenant, shop.caller, Stubborn("request 1", error))

    partly = await failing.worked(begun["id"])
    (failure,) = await shop.changes(partly, outcome="failed")
    untouched = await shop.dues(requests[1])
    resumed = await shop.ordered(begun["id"], "resume")
    done = await shop.worked(begun["id"])

    assert (partly["state"], partly["done"], partly["changed"], partly["failed"]) == ("done", 3, 2, 1)
    assert (failure["request_id"], failure["outcome"]) == (requests[1]["id"], "failed")
    assert reason in failure["reason"]
    assert untouched == {"resolve": desk.at(hours=8)}
    assert resumed.status_code == 200, resumed.text
    assert (done["state"], done["done"], done["changed"], done["failed"]) == ("done", 3, 3, 0)
    assert await shop.changes(done, outcome="failed") == []
    await _check_once(shop, requests)


async def test_a_worker_takes_it_from_the_queue(shop: Shop, own_database: EmbeddedDatabase) -> None:
    begun, requests = await _begun(shop, requests=2)
    engine, stop = create_engine(own_database.app_url, pool_size=8), asyncio.Event()
    work = worker.run(
        Settings.model_validate({}), create_sessions(engine), vault=VAULT, advances={}, stop=stop
    )

    async with asyncio.TaskGroup() as tasks, asyncio.timeout(DONE_SECONDS_MAX):
        tasks.create_task(work)
        while (await shop.shown(begun["id"]))["state"] != "done":  # noqa: ASYNC110 - a database sets no events
            await asyncio.sleep(0.05)
        stop.set()
    await engine.dispose()

    await _check_once(shop, requests)


async def test_nothing_of_another_tenant_or_client_is_touched_and_by_a_preview_nothing_of_requests(
    shop: Shop, sessions: Sessions, sign_in: SignIn
) -> None:
    stranger = await factories.tenant(sessions, sandbox_at=NOON)
    strange = Shop(sessions, stranger, await sign_in(of=stranger))
    await desk.submitted(strange.caller)
    quay, harbour = [
        (await desk.created(shop.caller, "/v1/clients", {"name": name}))["id"] for name in ("Quay", "Harbour")
    ]
    policy = await shop.policy(promise(hours=8))
    for client in ("Quay", "Harbour"):
        await desk.submitted(shop.caller, client=client)
    await shop.revised(policy, promise(hours=4))

    async def held(tenant: Tenant, *, client_id: str | None = None) -> dict[str, str]:
        async with tenant_transaction(sessions, tenant.id) as session:
            return await contents.digests(session, client_id=client_id)

    before = await held(shop.tenant), await held(stranger), await held(shop.tenant, client_id=harbour)
    await shop.preview(policy, scope={"clients": ["Quay"]})
    shown = await held(shop.tenant)
    await shop.repinned(policy, scope={"clients": ["Quay"]})
    after = await held(shop.tenant), await held(stranger), await held(shop.tenant, client_id=harbour)
    quays = await held(shop.tenant, client_id=quay)

    written = {name for name in shown if shown[name] != before[0].get(name)}
    assert written <= {"repinning", "repinning_change", "audit_record", "audit_unlinked", "idempotency_key"}
    assert after[1:] == before[1:]
    assert after[0] != before[0]
    assert {"commitment", "commitment_entry", "decision", "request_event"} <= quays.keys()
