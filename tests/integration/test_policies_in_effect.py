"""The pointer to what is in effect: held by every decision, so that none goes by what was replaced."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from service import composition, ids
from service.audit.domain import Actor
from service.db import Sessions, TenantSession, run, tenant_transaction
from service.ids import PolicyId
from service.outbox.models import EventRow
from service.rules import policies, publishing, service, store
from service.rules.examining import Means
from service.rules.matching import RuleSet
from service.rules.pointers import HELD_MAX, Received
from service.rules.policies import PolicyDraft
from service.rules.publishing import Publication, Running
from service.rules.reference import ReferenceEngine
from service.rules.service import Rulebook
from service.rules.vetting import Vetted
from service.tenants import service as tenants
from service.tenants.domain import Tenant
from tests import factories, locks
from tests.factories import NOON

SCRIPT = Actor(name=f"application:{ids.new_id()}")
THEN = {"promises": [{"metric": "resolve", "target": {"unit": "elapsed_time", "seconds": 3600}}]}
FACTS = {"request": {"type": "incident"}}
SECOND = timedelta(seconds=1)


def _rulebook() -> Rulebook:
    return composition.rulebook(ReferenceEngine())


def _document(rule: str) -> dict[str, Any]:
    return {"rules": [{"id": rule, "when": "true", "then": THEN, "because": "It is so."}]}


def _means(rulebook: Rulebook) -> Means:
    async def none(_: object) -> dict[str, Any]:
        return {}

    return Means(rulebook, none, none)


async def _published(
    session: TenantSession,
    rulebook: Rulebook,
    rule: str,
    *,
    now: datetime,
    policy_id: PolicyId | None = None,
    running: Running = Running.KEEP,
) -> PolicyId:
    """Publish a document, of a new policy when none is named."""
    if policy_id is None:
        draft = PolicyDraft(name="promises", kind="commitment", document=_document(rule))
        policy, _ = await policies.create(session, rulebook, SCRIPT, draft, now=now)
        policy_id = policy.id
    else:
        held = await policies.get(session, policy_id, lock=True)
        await policies.revise(session, rulebook, SCRIPT, held, document=_document(rule), now=now)
    await publishing.publish(
        session, _means(rulebook), SCRIPT, policy_id, Publication(running=running), now=now
    )
    return policy_id


async def _decided(session: TenantSession, rulebook: Rulebook, *, now: datetime) -> list[str]:
    decided = await service.decide(session, rulebook, FACTS, received=Received(now), now=now)
    return [winner.rule.id for winner in decided.of("commitment").winners]


async def test_what_one_process_publishes_another_decides_by_at_once(
    sessions: Sessions, tenant: Tenant
) -> None:
    here, there = _rulebook(), _rulebook()
    policy_id: PolicyId | None = None
    for number, rule in enumerate(("first", "second", "third")):
        now = NOON + number * SECOND
        async with tenant_transaction(sessions, tenant.id) as session:
            policy_id = await _published(session, here, rule, now=now, policy_id=policy_id)
        async with tenant_transaction(sessions, tenant.id) as session:
            assert await _decided(session, there, now=now) == [rule]


async def test_a_decision_that_read_its_clock_before_goes_by_what_was_published_meanwhile(
    session: TenantSession,
) -> None:
    rulebook = _rulebook()
    policy_id = await _published(session, rulebook, "first", now=NOON)
    await _published(session, rulebook, "second", now=NOON + SECOND, policy_id=policy_id)

    assert await _decided(session, rulebook, now=NOON + SECOND / 2) == ["second"]


async def test_what_was_published_last_holds_also_if_its_clock_was_read_before(
    session: TenantSession,
) -> None:
    rulebook = _rulebook()
    policy_id = await _published(session, rulebook, "first", now=NOON)
    await _published(session, rulebook, "second", now=NOON + 2 * SECOND, policy_id=policy_id)

    await _published(session, rulebook, "third", now=NOON + SECOND, policy_id=policy_id)

    assert (await policies.get(session, policy_id)).published_version == 3
    assert await _decided(session, rulebook, now=NOON + 3 * SECOND) == ["third"]


async def test_who_unschedules_by_an_earlier_clock_takes_nothing_out_of_effect(
    session: TenantSession,
) -> None:
    rulebook = _rulebook()
    policy_id = await _published(session, rulebook, "first", now=NOON)
    held = await policies.get(session, policy_id, lock=True)
    await policies.revise(session, rulebook, SCRIPT, held, document=_document("later"), now=NOON)
    later = Publication(effective_at=NOON + 10 * SECOND)
    await publishing.publish(session, _means(rulebook), SCRIPT, policy_id, later, now=NOON)
    await _published(session, rulebook, "second", now=NOON + 2 * SECOND, policy_id=policy_id)

    await publishing.unschedule(session, SCRIPT, policy_id, now=NOON + SECOND)

    assert await _decided(session, rulebook, now=NOON + 20 * SECOND) == ["second"]


async def test_a_scheduled_version_takes_over_before_anybody_has_recorded_it(session: TenantSession) -> None:
    rulebook = _rulebook()
    policy_id = await _published(session, rulebook, "first", now=NOON)
    held = await policies.get(session, policy_id, lock=True)
    await policies.revise(session, rulebook, SCRIPT, held, document=_document("second"), now=NOON)
    at = NOON + 10 * SECOND
    await publishing.publish(
        session, _means(rulebook), SCRIPT, policy_id, Publication(effective_at=at), now=NOON
    )

    decided = [await _decided(session, rulebook, now=now) for now in (at - SECOND / 1_000_000, at)]
    await publishing.advance(session, policy_id, now=at)
    recorded = await policies.get(session, policy_id)
    await publishing.advance(session, policy_id, now=at + SECOND)

    assert decided == [["first"], ["second"]]
    assert (recorded.published_version, recorded.scheduled_version) == (2, None)
    assert (await policies.get(session, policy_id)) == recorded
    assert [each.ref.version for each in (await store.pointed(session))["commitment"]] == [2]


async def test_the_versions_that_hold_side_by_side_are_bounded(session: TenantSession) -> None:
    rulebook = _rulebook()
    policy_id = await _published(session, rulebook, "rule-0", now=NOON)
    for number in range(1, HELD_MAX + 5):
        running = Running.NEW_REQUESTS_ONLY if number % HELD_MAX else Running.KEEP
        now = NOON + number * SECOND
        await _published(session, rulebook, f"rule-{number}", now=now, policy_id=policy_id, running=running)

    entries = (await store.pointed(session))["commitment"]
    assert [each.ref.version for each in entries] == list(range(HELD_MAX + 1, HELD_MAX + 6))


@pytest.mark.concurrent
async def test_the_first_publication_waits_for_the_decisions_that_saw_no_policy(
    own_sessions: Sessions,
) -> None:
    """Else such a decision could commit after the publication was acknowledged."""
    tenant = await factories.tenant(own_sessions)
    rulebook, order = _rulebook(), list[str]()

    async def publish() -> None:
        async with tenant_transaction(own_sessions, tenant.id) as session:
            await _published(session, rulebook, "first", now=await tenants.now(session))
        order.append("published")

    async with tenant_transaction(own_sessions, tenant.id) as session:
        assert await _decided(session, rulebook, now=await tenants.now(session)) == []
        publishing_ = asyncio.create_task(publish())
        await locks.is_waited_for(own_sessions)
        order.append("decided")
    await publishing_

    assert order == ["decided", "published"]
    async with tenant_transaction(own_sessions, tenant.id) as session:
        assert await _decided(session, rulebook, now=await tenants.now(session)) == ["first"]


@pytest.mark.concurrent
async def test_a_policy_may_be_tried_for_longer_than_a_transaction_may_idle(
    own_sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = await factories.tenant(own_sessions)

    async def take_long(_: RuleSet) -> Vetted:
        await asyncio.sleep(1.5)
        return Vetted(1, None)

    monkeypatch.setattr(publishing, "IDLE_SECONDS_MAX", 0.1)
    rulebook = replace(_rulebook(), vet=take_long)
    async with tenant_transaction(own_sessions, tenant.id) as session:
        await run(session.db, "set local idle_in_transaction_session_timeout = '1s'")
        await _published(session, rulebook, "first", now=await tenants.now(session))

    async with tenant_transaction(own_sessions, tenant.id) as session:
        assert await _decided(session, rulebook, now=await tenants.now(session)) == ["first"]


@pytest.mark.concurrent
async def test_two_that_publish_at_once_are_both_in_effect(own_sessions: Sessions) -> None:
    tenant = await factories.tenant(own_sessions)
    rulebook = _rulebook()

    async def publish(name: str, kind: str, document: dict[str, Any]) -> None:
        async with tenant_transaction(own_sessions, tenant.id) as session:
            now = await tenants.now(session)
            draft = PolicyDraft(name=name, kind=kind, document=document)
            policy, _ = await policies.create(session, rulebook, SCRIPT, draft, now=now)
            await publishing.publish(session, _means(rulebook), SCRIPT, policy.id, Publication(), now=now)

    await asyncio.gather(
        *[publish(f"policy {number}", "commitment", _document("all")) for number in range(8)]
    )

    async with tenant_transaction(own_sessions, tenant.id) as session:
        assert len((await store.pointed(session))["commitment"]) == 8


async def test_a_version_that_the_engine_refuses_is_published_and_that_is_told(
    session: TenantSession,
) -> None:
    async def refuse(_: RuleSet) -> Vetted:
        return Vetted(0, "too many terms")

    rulebook = replace(_rulebook(), vet=refuse)

    policy_id = await _published(session, rulebook, "first", now=NOON)

    told = list(
        await session.db.scalars(
            select(EventRow)
            .where(EventRow.tenant_id == session.tenant_id, EventRow.subject_id == policy_id)
            .order_by(EventRow.sequence)
        )
    )
    assert [event.type for event in told][-2:] == ["policy.published", "policy.engine_refused"]
    assert [event.sequence for event in told] == list(range(1, len(told) + 1))
    assert told[-1].payload["reason"] == told[-2].payload["engine_refusal"] == "too many terms"
    assert await _decided(session, rulebook, now=NOON) == ["first"]
