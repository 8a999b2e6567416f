"""Rates on a real store: what the statement does is what the arithmetic says, and processes share it."""

import asyncio
import random
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from service import ids
from service.audit.domain import Actor
from service.db import Sessions, TenantSession, run, tenant_transaction
from service.ids import ApplicationId, TenantId
from service.limits import gate as gates
from service.limits import service, store
from service.limits.domain import rates
from service.limits.domain.rates import Rate
from service.limits.domain.table import (
    APPLICATION_BURST,
    APPLICATION_RATE,
    BURST,
    DEFAULTS,
    OPEN_PROMISES,
    RATE,
    WEBHOOK_ENDPOINTS,
    Limit,
    Limits,
)
from service.limits.errors import LimitOutOfRange, LimitUnknown, OpenPromisesTooMany, WebhookEndpointsTooMany
from service.limits.gate import Gate
from service.limits.tally import COUNT_KEPT_SECONDS, Tally
from tests import factories
from tests.factories import NOON

SLOW = {**DEFAULTS, RATE.name: 10, BURST.name: 20}
APPLICATION = ApplicationId(ids.new_id())
FILL = """
insert into rate_bucket (tenant_id, id, full_at, granted)
values ($1, $2, now() + $3::float8 * interval '1 s', 0)
"""
FULL_IN = """
select extract(epoch from full_at - now())::float8 from rate_bucket where tenant_id = $1 and id = $2
"""
FAILING = "select 1 / ($3::int - $3::int) as granted, $1::uuid, $2::uuid, $4::float8, $5::int"


@dataclass
class Watch:
    """A monotonic clock that stands still."""

    seconds: float = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@contextmanager
def connections_taken(sessions: Sessions) -> Generator[list[object]]:
    """Notes each connection that is taken out of the pool: who takes none sends no statement."""
    taken: list[object] = []

    def note(connection: object, *_: Any) -> None:
        taken.append(connection)

    pool = sessions.kw["bind"].sync_engine.pool
    event.listen(pool, "checkout", note)
    try:
        yield taken
    finally:
        event.remove(pool, "checkout", note)


@pytest.fixture
async def own_tenant_id(own_sessions: Sessions) -> TenantId:
    return (await factories.tenant(own_sessions)).id


async def give(sessions: Sessions, tenant_id: TenantId, limit: Limit, value: int | None) -> None:
    async with tenant_transaction(sessions, tenant_id) as session:
        await service.change(session, Actor(), limit, value, now=NOON)


async def test_the_statement_gives_what_the_arithmetic_gives(session: TenantSession) -> None:
    chosen = random.Random(3)  # noqa: S311 - hides nothing
    for _ in range(300):
        rate = Rate(chosen.randint(1, 1_000), chosen.randint(1, 2_000))
        full_in = round(chosen.uniform(-1, 1.2 * rate.refill_seconds), 6)
        wanted, bucket = chosen.randint(1, 100), ids.new_id()
        await run(session.db, FILL, session.tenant_id, bucket, full_in)

        granted = await store.take(session, bucket, rate, wanted)
        left_in = (await run(session.db, FULL_IN, session.tenant_id, bucket)).scalar_one()

        full_at, expected = rates.take(full_in, 0.0, rate, wanted)
        assert granted.granted == expected.granted, (rate, full_in, wanted)
        assert granted.left == pytest.approx(expected.left, abs=0.01)
        assert granted.wait_seconds == pytest.approx(expected.wait_seconds, abs=1e-4)
        assert left_in == pytest.approx(full_at, abs=1e-4)


async def test_a_bucket_that_nobody_has_taken_from_is_full(session: TenantSession) -> None:
    grant = await store.take(session, ids.new_id(), Rate(10, 20), 30)

    assert (grant.granted, grant.wait_seconds) == (20, 0)
    assert grant.left == pytest.approx(0)


@pytest.mark.concurrent
async def test_processes_that_share_a_store_let_through_no_more_than_the_rate_together(
    own_sessions: Sessions, own_tenant_id: TenantId
) -> None:
    now = asyncio.get_running_loop().time
    processes = [Gate(own_sessions, monotonic=now, defaults=SLOW) for _ in range(4)]
    began = now()

    admissions = await asyncio.gather(
        *(processes[number % 4].admit(own_tenant_id, APPLICATION) for number in range(400))
    )

    passed = sum(each.refusal is None for each in admissions)
    assert 20 <= passed <= 20 + 10 * (now() - began) + 1


@pytest.mark.concurrent
async def test_a_flood_that_is_refused_sends_no_statement_until_a_token_is_due(
    own_sessions: Sessions, own_tenant_id: TenantId
) -> None:
    watch = Watch()
    gate = Gate(own_sessions, monotonic=watch, defaults=SLOW)
    while (await gate.admit(own_tenant_id, APPLICATION)).refusal is None:
        pass

    with connections_taken(own_sessions) as taken:
        flood = await asyncio.gather(*(gate.admit(own_tenant_id, APPLICATION) for _ in range(1_000)))
    with connections_taken(own_sessions) as taken_later:
        watch.seconds += 0.1
        await gate.admit(own_tenant_id, APPLICATION)

    assert all(each.refusal is not None for each in flood)
    assert (len(taken), len(taken_later)) == (0, 1)


@pytest.mark.concurrent
async def test_most_requests_of_a_busy_tenant_send_no_statement(
    own_sessions: Sessions, own_tenant_id: TenantId
) -> None:
    watch = Watch()
    gate = Gate(own_sessions, monotonic=watch)
    with connections_taken(own_sessions) as taken:
        for _ in range(180):
            watch.seconds += 0.01
            assert (await gate.admit(own_tenant_id, APPLICATION)).refusal is None

    assert len(taken) <= 18


@pytest.mark.concurrent
async def test_requests_that_wait_for_tokens_ask_the_store_once_together(
    own_sessions: Sessions, own_tenant_id: TenantId
) -> None:
    gate = Gate(own_sessions, monotonic=Watch())
    with connections_taken(own_sessions) as taken:
        await asyncio.gather(*(gate.admit(own_tenant_id, APPLICATION) for _ in range(30)))

    assert len(taken) == 1


@pytest.mark.concurrent
async def test_requests_that_come_at_every_moment_of_an_answer_are_each_let_in_or_refused(
    own_sessions: Sessions, own_tenant_id: TenantId
) -> None:
    gate = Gate(own_sessions, monotonic=asyncio.get_running_loop().time, defaults=SLOW)
    requests: list[asyncio.Task[gates.Admission]] = []
    for _ in range(600):
        requests.append(asyncio.create_task(gate.admit(own_tenant_id, APPLICATION)))
        await asyncio.sleep(0)

    async with asyncio.timeout(30):
        admissions = await asyncio.gather(*requests)

    assert sum(each.refusal is None for each in admissions) >= 20


@pytest.mark.concurrent
async def test_a_request_that_goes_away_while_it_waits_takes_no_other_with_it(
    own_sessions: Sessions, own_tenant_id: TenantId
) -> None:
    gate = Gate(own_sessions, monotonic=Watch())
    first, second = (asyncio.create_task(gate.admit(own_tenant_id, APPLICATION)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()

    assert (await second).refusal is None
    assert first.cancelled()


@pytest.mark.concurrent
async def test_who_cannot_be_counted_is_not_let_in_and_the_next_is_counted_again(
    own_sessions: Sessions, own_tenant_id: TenantId, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(own_sessions, monotonic=Watch())
    with monkeypatch.context() as patch:
        patch.setattr(store, "TAKE", FAILING)
        with pytest.raises(DBAPIError, match="DivisionByZero"):
            await gate.admit(own_tenant_id, APPLICATION)

    assert (await gate.admit(own_tenant_id, APPLICATION)).refusal is None


async def test_the_tenants_rate_holds_for_all_its_applications_and_no_other_tenant(
    sessions: Sessions, tenant_id: TenantId
) -> None:
    gate = Gate(sessions, monotonic=Watch(), defaults=SLOW)
    other = (await factories.tenant(sessions)).id
    refusals = [(await gate.admit(tenant_id, ApplicationId(ids.new_id()))).refusal for _ in range(21)]
    admitted = await gate.admit(other, APPLICATION)

    assert [refusal is None for refusal in refusals] == [True] * 20 + [False]
    assert "requests_per_second of 10" in str(refusals[-1])
    assert admitted.refusal is None


async def test_an_applications_rate_holds_for_it_alone(sessions: Sessions, tenant_id: TenantId) -> None:
    own = {**DEFAULTS, APPLICATION_RATE.name: 1, APPLICATION_BURST.name: 2}
    gate = Gate(sessions, monotonic=Watch(), defaults=own)
    busy = [await gate.admit(tenant_id, APPLICATION) for _ in range(3)]
    other = await gate.admit(tenant_id, ApplicationId(ids.new_id()))

    assert [each.refusal is None for each in busy] == [True, True, False]
    assert "application_requests_per_second of 1" in str(busy[-1].refusal)
    assert busy[-1].policy == '"tenant";q=400;w=2, "application";q=2;w=2'
    assert busy[-1].state.endswith('"application";r=0;t=2')
    assert other.refusal is None


async def test_a_changed_limit_is_followed_once_it_is_read_again(
    sessions: Sessions, tenant_id: TenantId
) -> None:
    watch = Watch()
    gate = Gate(sessions, monotonic=watch)
    before = await gate.admit(tenant_id, APPLICATION)
    await give(sessions, tenant_id, BURST, 7)
    watch.seconds += gates.LIMITS_KEPT_SECONDS
    after = await gate.admit(tenant_id, APPLICATION)
    await give(sessions, tenant_id, BURST, None)
    watch.seconds += gates.LIMITS_KEPT_SECONDS
    again = await gate.admit(tenant_id, APPLICATION)

    assert [each.policy.partition(",")[0] for each in (before, after, again)] == [
        '"tenant";q=400;w=2',
        '"tenant";q=7;w=1',
        '"tenant";q=400;w=2',
    ]


async def test_a_limit_is_changed_within_its_range_and_recorded(session: TenantSession) -> None:
    await service.change(session, Actor(), WEBHOOK_ENDPOINTS, 3, now=NOON)
    with pytest.raises(LimitOutOfRange, match="0 to 100 items, not 101"):
        await service.change(session, Actor(), WEBHOOK_ENDPOINTS, 101, now=NOON)
    with pytest.raises(LimitUnknown, match="webhook_endpoints"):
        service.find("webhooks")

    records = await run(
        session.db,
        "select subject, changes::text as changes from audit_record"
        " where tenant_id = $1 and action = 'limit.changed'",
        session.tenant_id,
    )
    assert (await service.get(session)).of(WEBHOOK_ENDPOINTS) == 3
    assert [row.subject for row in records] == ["limit:webhook_endpoints"]
    assert records.one().changes == '{"value": {"after": 3, "before": 20}}'


@pytest.mark.concurrent
async def test_of_many_who_want_the_last_place_at_once_one_gets_it(
    own_sessions: Sessions, own_tenant_id: TenantId
) -> None:
    await give(own_sessions, own_tenant_id, WEBHOOK_ENDPOINTS, 3)
    made: list[int] = []

    async def make(number: int) -> None:
        async def count() -> int:
            found = await run(
                session.db,
                "select count(*) from sandbox_clock where tenant_id = $1",
                session.tenant_id,
            )
            counted = found.scalar_one()
            await asyncio.sleep(0.02)  # in which all others would count too, if they might
            return 2 + counted

        async with tenant_transaction(own_sessions, own_tenant_id) as session:
            await service.make_room(session, WEBHOOK_ENDPOINTS, count)
            await run(
                session.db,
                "insert into sandbox_clock values ($1, $2, now(), now())",
                *(session.tenant_id, ids.new_id()),
            )
        made.append(number)

    outcomes = await asyncio.gather(*(make(number) for number in range(50)), return_exceptions=True)

    refusals = [each for each in outcomes if each is not None]
    assert len(made) == 1
    assert len(refusals) == 49
    assert {type(each) for each in refusals} == {WebhookEndpointsTooMany}


async def test_a_tally_refuses_by_a_count_that_is_a_little_old(
    sessions: Sessions, tenant_id: TenantId
) -> None:
    counted: list[TenantId] = []

    async def count(session: TenantSession) -> int:
        counted.append(session.tenant_id)
        return len(counted)

    watch = Watch()
    tally = Tally(sessions, OPEN_PROMISES, count, monotonic=watch)
    limits = Limits({OPEN_PROMISES.name: 2})
    await tally.refuse(tenant_id, limits)
    await tally.refuse(tenant_id, limits)
    watch.seconds += COUNT_KEPT_SECONDS

    with pytest.raises(OpenPromisesTooMany, match="open_promises is 2"):
        await tally.refuse(tenant_id, limits)
    assert counted == [tenant_id] * 2
