"""Logs of past requests over HTTP: what comes in, what is refused, and that nothing is doubled."""

from typing import Any
from uuid import uuid4

import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy import insert

from service.backtests import store
from service.backtests.chunks import CASES
from service.backtests.logs.domain import CASE_BYTES_MAX, EVENTS_MAX
from service.backtests.models import BacktestRow
from service.backtests.progress import BEFORE_ALL
from service.db import Sessions, TenantSession, tenant_transaction
from service.ids import HistoryLogId
from service.limits import service as limits
from service.limits.domain.table import HISTORY_CASES, HISTORY_LOGS, Limit
from service.tenants.domain import Tenant
from tests import factories
from tests.conftest import SignIn
from tests.factories import NOON, OPERATOR

LOGS = "/v1/history-logs"
LOG = {"name": "2016", "source": "desk", "mapping_sha256": "0f" * 32}
NONE: list[dict[str, Any]] = []
EVENTS: list[dict[str, Any]] = [
    {"type": "paused", "cause": "waiting_for_requester", "occurred_at": "2016-02-29T09:30:00Z"},
    {"type": "resumed", "cause": "waiting_for_requester", "occurred_at": "2016-02-29T10:30:00Z"},
    {"type": "changed", "state": "resolved", "occurred_at": "2016-02-29T12:00:00Z", "sequence": 3},
]


def _case(external_id: str = "INC-1", **changed: Any) -> dict[str, Any]:
    submission = {
        "source": "desk",
        "external_id": external_id,
        "type": "incident",
        "occurred_at": "2016-02-29T09:00:00Z",
        "facts": {"priority": "P1", "custom": {"site": "harbour"}},
    }
    return {"submission": submission | changed, "events": EVENTS}


async def _begun(caller: AsyncClient, **changed: Any) -> str:
    created = await caller.post(LOGS, json=LOG | changed, headers=factories.key())
    assert created.status_code == 201, created.text
    return created.headers["Location"]


async def _brought(caller: AsyncClient, address: str, *cases: dict[str, Any]) -> Response:
    return await caller.post(f"{address}/cases", json={"cases": list(cases)})


async def _fates(caller: AsyncClient, address: str, *cases: dict[str, Any]) -> list[str]:
    answer = await _brought(caller, address, *cases)
    assert answer.status_code == 200, answer.text
    return [case["fate"] for case in answer.json()["cases"]]


async def _allow(session: TenantSession, limit: Limit, value: int) -> None:
    await limits.change(session, OPERATOR, limit, value, now=NOON)


async def test_a_log_is_begun_filled_completed_and_removed(caller: AsyncClient) -> None:
    address = await _begun(caller)

    filled = await _brought(caller, address, _case("INC-2", occurred_at="2016-02-28T23:00:00+01:00"), _case())
    completed = await caller.post(f"{address}/complete", json={"bad_rows": 2})
    shown = await caller.get(address)
    found = await caller.get(LOGS, params={"name": "2016"})
    removed = await caller.delete(address, headers={"If-Match": shown.headers["ETag"]})

    assert [case["fate"] for case in filled.json()["cases"]] == ["added", "added"]
    assert shown.json() == completed.json() == found.json()["items"][0]
    kept = {"name": "2016", "state": "complete", "cases": 2, "events": 6, "bad_rows": 2}
    assert {name: shown.json()[name] for name in kept} == kept
    assert shown.json()["first_at"] == "2016-02-28T22:00:00Z"
    assert shown.json()["last_at"] == "2016-02-29T12:00:00Z"
    assert removed.status_code == 204
    assert (await caller.get(address)).status_code == 404
    assert (await caller.get(LOGS)).json()["items"] == []


async def test_a_case_is_read_again_as_it_came(caller: AsyncClient, session: TenantSession) -> None:
    address = await _begun(caller)
    await _brought(caller, address, _case())

    log_id = HistoryLogId((await caller.get(address)).json()["id"])
    (row,) = await store.cases_of_log(session, log_id, BEFORE_ALL, limit=10)
    case = CASES.decode(row.written)

    assert case.submission.external_id == "INC-1"
    assert case.submission.facts == {"priority": "P1", "custom": {"site": "harbour"}}
    assert [(event.type, event.cause, event.state) for event in case.events] == [
        ("paused", "waiting_for_requester", None),
        ("resumed", "waiting_for_requester", None),
        ("changed", None, "resolved"),
    ]
    assert case.events[2].sequence == 3


async def test_cases_are_read_in_the_order_of_their_opening_part_by_part(
    caller: AsyncClient, session: TenantSession
) -> None:
    address = await _begun(caller)
    hours = [7, 3, 5, 3, 1]
    await _brought(
        caller,
        address,
        *(
            _case(f"INC-{at}", occurred_at=f"2016-02-29T0{hour}:00:00Z", sequence=at)
            for at, hour in enumerate(hours)
        ),
    )

    log_id = HistoryLogId((await caller.get(address)).json()["id"])
    found: list[tuple[int, int | None]] = []
    after = BEFORE_ALL
    while part := await store.cases_of_log(session, log_id, after, limit=2):
        found += [(row.opened_at.hour, CASES.decode(row.written).submission.sequence) for row in part]
        after = part[-1].opened_at, part[-1].id

    assert found == [(1, 4), (3, 1), (3, 3), (5, 2), (7, 0)]


async def test_a_case_that_comes_again_is_known_and_another_of_its_name_is_not_taken(
    caller: AsyncClient,
) -> None:
    address = await _begun(caller)

    first = await _fates(caller, address, _case(), _case())
    second = await _fates(caller, address, _case(), _case(type="change"), _case("INC-2"))

    assert first == ["added", "known"]
    assert second == ["known", "different", "added"]
    assert (await caller.get(address)).json()["cases"] == 2


@pytest.mark.parametrize(
    ("case", "pointer"),
    [
        (_case(source="elsewhere"), "/submission/source"),
        (_case(facts={"prio": "P1"}), "/submission/facts/prio"),
        (_case(facts={"priority": 1}), "/submission/facts/priority"),
        (_case(occurred_at="1816-02-29T09:00:00Z"), "/submission/occurred_at"),
        (_case() | {"events": [EVENTS[2] | {"facts": {"sites": "x"}}]}, "/events/0/facts/sites"),
        (
            _case() | {"events": [EVENTS[0], EVENTS[1] | {"occurred_at": "2216-02-29T09:00:00Z"}]},
            "/events/1/occurred_at",
        ),
        (_case(facts={"custom": {"note": "x" * CASE_BYTES_MAX}}), ""),
    ],
    ids=["source", "fact", "type of a fact", "century", "fact of an event", "event's century", "size"],
)
async def test_a_case_that_cannot_be_is_refused_with_its_place_and_the_others_are_not(
    caller: AsyncClient, case: dict[str, Any], pointer: str
) -> None:
    address = await _begun(caller)

    answer = (await _brought(caller, address, case, _case("INC-2"))).json()

    assert [each["fate"] for each in answer["cases"]] == ["refused", "added"]
    assert pointer in [error.get("pointer", "") for error in answer["cases"][0]["errors"]]
    assert answer["log"]["cases"] == 1


@pytest.mark.parametrize(
    ("cases", "status", "pointer"),
    [
        (NONE, 400, "/cases"),
        ([_case(type="wish")], 400, "/cases/0/submission/type"),
        ([_case(), _case(occurred_at=None)], 422, "/cases/1/submission/occurred_at"),
        ([_case() | {"events": [{"type": "noted"}]}], 422, "/cases/0/events/0/occurred_at"),
        ([_case() | {"events": [EVENTS[0]] * (EVENTS_MAX + 1)}], 400, "/cases/0/events"),
        ([_case(str(at)) for at in range(501)], 400, "/cases"),
    ],
    ids=["none", "no such type", "no time", "no time of an event", "too many events", "too many cases"],
)
async def test_what_is_no_list_of_cases_is_refused_as_a_whole(
    caller: AsyncClient, cases: list[dict[str, Any]], status: int, pointer: str
) -> None:
    address = await _begun(caller)

    answer = await _brought(caller, address, *cases)

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (status, pointer)
    assert (await caller.get(address)).json()["cases"] == 0


async def test_a_complete_log_takes_no_more_cases_and_stays_complete(caller: AsyncClient) -> None:
    address = await _begun(caller)
    first = await caller.post(f"{address}/complete", json={"bad_rows": 1})

    late = await _brought(caller, address, _case())
    again = await caller.post(f"{address}/complete", json={"bad_rows": 5})

    assert (late.status_code, late.json()["type"]) == (409, "/problems/history-log-complete")
    assert again.json() == first.json()


async def test_two_logs_of_one_name_cannot_be(caller: AsyncClient) -> None:
    await _begun(caller)

    again = await caller.post(LOGS, json=LOG, headers=factories.key())

    assert (again.status_code, again.json()["type"]) == (409, "/problems/history-log-exists")


async def test_a_log_on_which_a_backtest_runs_stays(
    caller: AsyncClient, sessions: Sessions, tenant: Tenant
) -> None:
    address = await _begun(caller)
    log_id = (await caller.get(address)).json()["id"]
    async with tenant_transaction(sessions, tenant.id) as session:
        row: dict[str, Any] = {
            "tenant_id": tenant.id,
            "id": uuid4(),
            "name": "June",
            "state": "running",
            "log_id": log_id,
            "spec": {},
            "basis": {},
            "total": 0,
            "done": 0,
            "parts": 0,
            "decisions": 0,
            "busy_seconds": 0.0,
            "changed": 0,
            "created_at": NOON,
        }
        await session.db.execute(insert(BacktestRow).values(row))

    refused = await caller.delete(address, headers={"If-Match": "*"})

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/history-log-in-use")
    assert (await caller.get(address)).status_code == 200


async def test_a_log_is_removed_only_by_who_has_seen_it_as_it_is(caller: AsyncClient) -> None:
    address = await _begun(caller)
    seen = (await caller.get(address)).headers["ETag"]
    await _brought(caller, address, _case())

    assert (await caller.delete(address)).status_code == 428
    assert (await caller.delete(address, headers={"If-Match": seen})).status_code == 412


async def test_no_more_cases_than_the_tenant_may_have_all_or_none_of_a_call(
    caller: AsyncClient, session: TenantSession
) -> None:
    await _allow(session, HISTORY_CASES, 3)
    address, other = await _begun(caller), await _begun(caller, name="2017")
    await _brought(caller, address, _case("INC-1"), _case("INC-2"))

    refused = await _brought(caller, other, _case("INC-1"), _case("INC-2"))
    fits = await _fates(caller, other, _case("INC-1"))
    known = await _fates(caller, other, _case("INC-1"))
    shown = (await caller.get("/v1/tenant/limits")).json()["limits"]

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/history-cases-too-many")
    assert (fits, known) == (["added"], ["known"])
    assert (await caller.get(other)).json()["cases"] == 1
    used = {limit["name"]: limit["used"] for limit in shown}
    assert (used["history_cases"], used["history_logs"]) == (3, 2)


async def test_no_more_logs_than_the_tenant_may_have(caller: AsyncClient, session: TenantSession) -> None:
    await _allow(session, HISTORY_LOGS, 1)
    await _begun(caller)

    refused = await caller.post(LOGS, json=LOG | {"name": "2017"}, headers=factories.key())

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/history-logs-too-many")


async def test_a_log_is_nobody_elses(caller: AsyncClient, sign_in: SignIn, sessions: Sessions) -> None:
    address = await _begun(caller)
    stranger = await sign_in(of=await factories.tenant(sessions))

    answers = [await stranger.get(place) for place in (address, f"{LOGS}/{uuid4()}")]

    assert [answer.json()["type"] for answer in answers] == ["/problems/history-log-not-found"] * 2
    assert (await stranger.get(LOGS)).json()["items"] == []


async def test_every_change_of_a_log_is_in_the_audit_trail(caller: AsyncClient) -> None:
    address = await _begun(caller)
    await _brought(caller, address, _case())
    await _brought(caller, address, _case())
    await caller.post(f"{address}/complete", json={})
    await caller.delete(address, headers={"If-Match": "*"})

    records = (await caller.get("/v1/audit-records", params={"action": "history_log."})).json()["items"]

    assert sorted(record["action"] for record in records) == [
        "history_log.completed",
        "history_log.created",
        "history_log.filled",
        "history_log.removed",
    ]
