"""Promises in PostgreSQL: made, recorded, advanced, told; what is stored is what the ledger says."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from service import ids
from service.audit.domain import Actor
from service.calendars import service as calendars
from service.commitments import domain, service, store
from service.commitments.domain import (
    CalendarKey,
    Cancelled,
    ClockState,
    ElapsedTarget,
    EntryId,
    Fulfilled,
    LedgerEntry,
    OnReopen,
    Outcome,
    Paused,
    Reopened,
    Resumed,
    Terms,
)
from service.commitments.errors import CommitmentNotFound
from service.commitments.models import Commitment, CommitmentEntryRow
from service.commitments.store import Sought
from service.db import Sessions, TenantSession, tenant_transaction
from service.ids import ClientId, CommitmentId
from service.outbox.models import EventRow
from service.wakeups.models import WakeUpRow
from tests import factories
from tests.factories import NOON
from tests.integration import sent

HOUR = timedelta(hours=1)
FOUR_HOURS = replace(
    domain.usual_terms("resolve", ElapsedTarget(4 * 3600), calendar=None), warn_before=timedelta(hours=1)
)
ANSWER = domain.usual_terms("respond", ElapsedTarget(3600), calendar=None)


def _when(at: datetime, received_at: datetime | None = None) -> dict[str, Any]:
    return {"at": at, "received_at": received_at or at, "id": EntryId(str(ids.new_id()))}


async def _promised(session: TenantSession, *terms: Terms) -> list[Commitment]:
    request_id = await factories.request(session)
    return await service.promise(session, [factories.offer(request_id, *terms)], now=NOON)


async def _events(session: TenantSession, commitment_id: CommitmentId) -> list[str]:
    query = (
        select(EventRow.type)
        .where(EventRow.tenant_id == session.tenant_id, EventRow.subject_id == commitment_id)
        .order_by(EventRow.sequence)
    )
    return list(await session.db.scalars(query))


async def _wake_up(session: TenantSession, commitment_id: CommitmentId) -> datetime | None:
    query = select(WakeUpRow.fire_at).where(
        WakeUpRow.tenant_id == session.tenant_id, WakeUpRow.subject_id == commitment_id
    )
    return await session.db.scalar(query)


async def _replayed(session: TenantSession, commitment: Commitment) -> None:
    """What is stored is what the ledger says at the instant of the last look."""
    row = await store.get(session, commitment.id, client_id=None)
    stored = row.to_domain()
    account = await service.get(session, commitment.id, client_id=None, now=stored.looked_at)
    current = account.standing.current
    assert (stored.clock, stored.outcome, stored.due_at) == (current.clock, current.outcome, current.due_at)
    assert (stored.fulfilled_at, stored.broken_at) == (current.fulfilled_at, current.broken_at)
    assert (stored.cycle, stored.warn_at) == (current.cycle, current.warn_at)


async def test_a_promise_is_made_with_its_ledger_its_wake_up_and_its_event(session: TenantSession) -> None:
    [resolve, respond] = await _promised(session, FOUR_HOURS, ANSWER)

    assert (resolve.due_at, respond.due_at) == (NOON + 4 * HOUR, NOON + HOUR)
    assert await _events(session, resolve.id) == ["commitment.made"]
    assert await _wake_up(session, resolve.id) == NOON + 3 * HOUR
    assert await _wake_up(session, respond.id) == NOON + HOUR + domain.RESOLUTION
    await _replayed(session, resolve)


async def test_a_wake_up_warns_then_breaks_and_is_safe_to_repeat(session: TenantSession) -> None:
    [promise] = await _promised(session, FOUR_HOURS)
    warning = NOON + 3 * HOUR
    breach = NOON + 4 * HOUR + domain.RESOLUTION

    warned = await service.advance(session, promise.id, now=warning)
    await service.advance(session, promise.id, now=warning)
    assert (warned.warned_at, await _wake_up(session, promise.id)) == (warning, breach)

    broken = await service.advance(session, promise.id, now=breach)
    again = await service.advance(session, promise.id, now=breach + HOUR)

    assert (broken.outcome, broken.broken_at, again.clock) == (Outcome.BROKEN, breach, ClockState.RUNNING)
    assert await _events(session, promise.id) == [
        "commitment.made",
        "commitment.warned",
        "commitment.broken",
    ]
    assert await _wake_up(session, promise.id) is None
    await _replayed(session, promise)


async def test_what_changes_nothing_is_kept_in_the_ledger_and_counts_when_it_matters(
    session: TenantSession,
) -> None:
    [promise] = await _promised(session, FOUR_HOURS)
    reopened = Reopened(**_when(NOON + 2 * HOUR))
    [untouched] = await service.record(session, promise.request_id, [reopened], now=NOON + 2 * HOUR)
    late = Fulfilled(**_when(NOON + HOUR, received_at=NOON + 2.5 * HOUR), by="resolved")

    [moved] = await service.record(session, promise.request_id, [late], now=NOON + 2.5 * HOUR)

    assert untouched.due_at == NOON + 4 * HOUR
    assert (moved.clock, moved.due_at) == (ClockState.RUNNING, NOON + 5 * HOUR)
    assert (await _events(session, promise.id))[1:] == ["commitment.reopened"]
    await _replayed(session, promise)


async def test_looking_too_early_changes_nothing(session: TenantSession) -> None:
    [promise] = await _promised(session, FOUR_HOURS)

    early = await service.advance(session, promise.id, now=NOON + 2 * HOUR)

    assert (early.outcome, await _events(session, promise.id)) == (Outcome.PENDING, ["commitment.made"])
    assert await _wake_up(session, promise.id) == NOON + 3 * HOUR


async def test_what_happens_to_a_request_touches_all_its_promises(session: TenantSession) -> None:
    [resolve, respond] = await _promised(session, FOUR_HOURS, ANSWER)

    await service.record(
        session,
        resolve.request_id,
        [Paused(**_when(NOON + HOUR / 2), cause="waiting_requester", party="requester")],
        now=NOON + HOUR / 2,
    )
    sought = Sought(request_id=resolve.request_id)
    found = await service.list_commitments(session, sought, after=None, limit=9, now=NOON + HOUR)

    assert [(one.metric, one.clock) for one in found] == [
        ("resolve", ClockState.PAUSED),
        ("respond", ClockState.RUNNING),
    ]
    assert (found[0].due_at, found[0].due_if_resumed_now) == (None, NOON + 4.5 * HOUR)
    assert await _wake_up(session, resolve.id) is None
    assert await _wake_up(session, respond.id) is not None


async def test_resuming_sets_the_due_and_the_wake_up_anew(session: TenantSession) -> None:
    [promise] = await _promised(session, FOUR_HOURS)
    pause = Paused(**_when(NOON + HOUR), cause="waiting_requester", party="requester")
    resume = Resumed(**_when(NOON + 2 * HOUR), cause=None)

    await service.record(session, promise.request_id, [pause], now=NOON + HOUR)
    [resumed] = await service.record(session, promise.request_id, [resume], now=NOON + 2 * HOUR)

    assert resumed.due_at == NOON + 5 * HOUR
    assert await _wake_up(session, promise.id) == NOON + 4 * HOUR
    assert (await _events(session, promise.id))[1:] == ["commitment.paused", "commitment.resumed"]
    await _replayed(session, promise)


async def test_a_reply_keeps_the_answer_and_not_the_solution(session: TenantSession) -> None:
    [resolve, respond] = await _promised(session, FOUR_HOURS, ANSWER)

    await service.record(
        session, resolve.request_id, [Fulfilled(**_when(NOON + HOUR / 2), by="reply")], now=NOON + HOUR / 2
    )
    sought = Sought(request_id=resolve.request_id)
    found = await service.list_commitments(session, sought, after=None, limit=9, now=NOON + HOUR)

    assert [one.outcome for one in found] == [Outcome.PENDING, Outcome.KEPT]
    assert await _wake_up(session, respond.id) is None
    assert await _events(session, respond.id) == ["commitment.made", "commitment.kept"]


async def test_a_late_report_corrects_a_breach_and_leaves_it_on_record(session: TenantSession) -> None:
    [promise] = await _promised(session, FOUR_HOURS)
    await service.advance(session, promise.id, now=NOON + 5 * HOUR)
    late = Fulfilled(**_when(NOON + 2 * HOUR, received_at=NOON + 6 * HOUR), by="resolved")

    [corrected] = await service.record(session, promise.request_id, [late], now=NOON + 6 * HOUR)

    assert (corrected.outcome, corrected.corrected_at) == (Outcome.KEPT, NOON + 6 * HOUR)
    assert sorted((await _events(session, promise.id))[2:]) == ["commitment.corrected", "commitment.kept"]
    account = await service.get(session, promise.id, client_id=None, now=NOON + 6 * HOUR)
    told = [(one.threshold.value, bool(one.because)) for one in account.standing.told]
    assert told == [("broken", False), ("corrected", True)]


async def test_a_breach_after_a_corrected_one_is_not_marked_corrected(session: TenantSession) -> None:
    [promise] = await _promised(session, FOUR_HOURS)
    await service.advance(session, promise.id, now=NOON + 5 * HOUR)
    late = Fulfilled(**_when(NOON + 2 * HOUR, received_at=NOON + 6 * HOUR), by="resolved")
    await service.record(session, promise.request_id, [late], now=NOON + 6 * HOUR)
    reopened = Reopened(**_when(NOON + 3 * HOUR, received_at=NOON + 7 * HOUR))

    [broken] = await service.record(session, promise.request_id, [reopened], now=NOON + 7 * HOUR)

    assert (broken.outcome, broken.corrected_at) == (Outcome.BROKEN, None)
    assert (await _events(session, promise.id)).count("commitment.broken") == 2


async def test_a_new_decision_reterms_promises_it_names_and_makes_those_that_are_new(
    session: TenantSession,
) -> None:
    [promise] = await _promised(session, FOUR_HOURS)
    pause = Paused(**_when(NOON + HOUR / 2), cause="waiting_requester", party="requester")
    await service.record(session, promise.request_id, [pause], now=NOON + HOUR / 2)
    resume = Resumed(**_when(NOON + HOUR), cause=None)
    faster = replace(FOUR_HOURS, target=ElapsedTarget(2 * 3600))
    visit = domain.usual_terms("visit", ElapsedTarget(24 * 3600), calendar=None)

    found = await service.record(
        session,
        promise.request_id,
        [resume],
        offer=factories.offer(promise.request_id, faster, visit, at=NOON + HOUR),
        now=NOON + HOUR,
    )

    assert [(one.metric, one.due_at) for one in found] == [
        ("resolve", NOON + 2.5 * HOUR),
        ("visit", NOON + 25 * HOUR),
    ]


async def test_a_decision_that_promises_the_same_changes_nothing(session: TenantSession) -> None:
    [promise] = await _promised(session, FOUR_HOURS)

    await service.record(
        session,
        promise.request_id,
        [],
        offer=factories.offer(promise.request_id, FOUR_HOURS, at=NOON + HOUR),
        now=NOON + HOUR,
    )

    account = await service.get(session, promise.id, client_id=None, now=NOON + HOUR)
    assert len(account.standing.current.segments) == 1
    assert await _events(session, promise.id) == ["commitment.made"]


async def test_a_new_promise_knows_of_the_pause_it_is_born_into(session: TenantSession) -> None:
    [respond] = await _promised(session, ANSWER)
    pause = Paused(**_when(NOON + HOUR / 2), cause="waiting_requester", party="requester")
    await service.record(session, respond.request_id, [pause], now=NOON + HOUR / 2)

    found = await service.record(
        session,
        respond.request_id,
        [],
        offer=factories.offer(respond.request_id, ANSWER, FOUR_HOURS, at=NOON + HOUR),
        now=NOON + HOUR,
    )

    assert [(one.metric, one.clock) for one in found] == [
        ("respond", ClockState.RUNNING),
        ("resolve", ClockState.PAUSED),
    ]


@pytest.mark.parametrize(
    ("entry", "metrics"),
    [
        (Fulfilled(**_when(NOON + HOUR / 2), by="closed"), ["respond"]),
        (Fulfilled(**_when(NOON + HOUR / 2), by="reply"), ["respond", "resolve"]),
        (Cancelled(**_when(NOON + HOUR / 2)), ["respond"]),
        (Reopened(**_when(NOON + HOUR / 2)), ["respond", "resolve"]),
    ],
)
async def test_nothing_new_is_promised_to_a_request_that_is_over(
    session: TenantSession, entry: LedgerEntry, metrics: list[str]
) -> None:
    [respond] = await _promised(session, ANSWER)
    await service.record(session, respond.request_id, [entry], now=NOON + HOUR / 2)

    found = await service.record(
        session,
        respond.request_id,
        [],
        offer=factories.offer(respond.request_id, ANSWER, FOUR_HOURS, at=NOON + HOUR),
        now=NOON + HOUR,
    )

    assert [one.metric for one in found] == metrics


async def test_a_promise_shown_is_true_at_the_instant_even_before_anybody_looked(
    session: TenantSession,
) -> None:
    [promise] = await _promised(session, FOUR_HOURS)

    shown = (await service.get(session, promise.id, client_id=None, now=NOON + 5 * HOUR)).commitment

    assert (shown.outcome, shown.lateness(NOON + 5 * HOUR)) == (Outcome.BROKEN, HOUR)


async def test_a_promise_that_was_closed_at_its_birth_is_kept(session: TenantSession) -> None:
    request_id = await factories.request(session)
    closed = Fulfilled(**_when(NOON), by="closed")

    [promise] = await service.promise(
        session, [factories.offer(request_id, FOUR_HOURS, entries=[closed])], now=NOON + HOUR
    )

    assert promise.outcome is Outcome.KEPT
    assert await _events(session, promise.id) == ["commitment.made", "commitment.kept"]
    assert await _wake_up(session, promise.id) is None


async def test_a_new_cycle_keeps_the_figures_of_the_one_before(session: TenantSession) -> None:
    [promise] = await _promised(session, replace(FOUR_HOURS, on_reopen=OnReopen.NEW_CYCLE))
    await service.advance(session, promise.id, now=NOON + 5 * HOUR)
    entries = [
        Fulfilled(**_when(NOON + 6 * HOUR), by="resolved"),
        Reopened(**_when(NOON + 7 * HOUR)),
    ]

    [reopened] = await service.record(session, promise.request_id, entries, now=NOON + 7 * HOUR)

    assert (reopened.cycle, reopened.outcome, reopened.due_at) == (2, Outcome.PENDING, NOON + 11 * HOUR)
    account = await service.get(session, promise.id, client_id=None, now=NOON + 7 * HOUR)
    assert [one.outcome for one in account.standing.cycles] == [Outcome.BROKEN, Outcome.PENDING]
    assert (await _events(session, promise.id))[2:] == ["commitment.fulfilled_late", "commitment.reopened"]


async def test_cancelling_silences_a_promise(session: TenantSession) -> None:
    [promise] = await _promised(session, FOUR_HOURS)

    await service.record(session, promise.request_id, [Cancelled(**_when(NOON + HOUR))], now=NOON + HOUR)
    later = await service.advance(session, promise.id, now=NOON + 9 * HOUR)

    assert (later.clock, later.outcome) == (ClockState.STOPPED, Outcome.PENDING)
    assert await _wake_up(session, promise.id) is None
    assert await _events(session, promise.id) == ["commitment.made", "commitment.cancelled"]


async def test_nothing_is_told_twice_when_the_clock_goes_back(session: TenantSession) -> None:
    [promise] = await _promised(session, FOUR_HOURS)
    await service.advance(session, promise.id, now=NOON + 5 * HOUR)

    again = await service.advance(session, promise.id, now=NOON + 2 * HOUR)

    assert again.outcome is Outcome.BROKEN
    assert (await _events(session, promise.id)).count("commitment.broken") == 1


async def test_another_tenants_commitment_does_not_exist(sessions: Sessions, session: TenantSession) -> None:
    [promise] = await _promised(session, FOUR_HOURS)
    other = await factories.tenant(sessions)

    async with tenant_transaction(sessions, other.id) as stranger:
        with pytest.raises(CommitmentNotFound):
            await service.get(stranger, promise.id, client_id=None, now=NOON)


async def test_a_client_sees_its_own_promises_only(session: TenantSession) -> None:
    [promise] = await _promised(session, FOUR_HOURS)
    client_id = ClientId(ids.new_id())

    with pytest.raises(CommitmentNotFound):
        await service.get(session, promise.id, client_id=client_id, now=NOON)
    assert (
        await service.list_commitments(session, Sought(client_id=client_id), after=None, limit=9, now=NOON)
        == []
    )


async def test_promises_are_listed_by_what_is_sought_and_page_by_page(session: TenantSession) -> None:
    promises = [*await _promised(session, FOUR_HOURS, ANSWER), *await _promised(session, ANSWER)]
    await service.advance(session, promises[2].id, now=NOON + 2 * HOUR)

    async def listed(sought: Sought, *, after: UUID | None = None, limit: int = 10) -> list[UUID]:
        found = await service.list_commitments(session, sought, after=after, limit=limit, now=NOON)
        return [one.id for one in found]

    everything = [one.id for one in promises]
    assert await listed(Sought()) == everything
    assert await listed(Sought(), limit=2) == everything[:2]
    assert await listed(Sought(), after=everything[1]) == everything[2:]
    assert await listed(Sought(request_id=promises[0].request_id)) == everything[:2]
    assert await listed(Sought(outcome=Outcome.BROKEN)) == everything[2:]
    assert await listed(Sought(clock=ClockState.PAUSED)) == []
    assert await listed(Sought(due_before=NOON + 2 * HOUR)) == everything[1:]


async def test_working_time_is_counted_by_the_version_that_was_promised(session: TenantSession) -> None:
    weekly = {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
    raw = {"tz": "Europe/Berlin", "weekly": weekly}
    calendar = await calendars.create(session, Actor(), name="Office", raw=raw, now=NOON)
    terms = domain.usual_terms(
        "resolve", domain.WorkingTarget(8 * 3600), calendar=CalendarKey(str(calendar.current.id))
    )
    [promise] = await _promised(session, terms)
    shorter = raw | {"weekly": {"mon": [["09:00", "10:00"]]}}
    await calendars.revise(session, Actor(), calendar.id, raw=shorter, now=NOON)

    [recorded] = await service.record(session, promise.request_id, [], now=NOON + HOUR)

    assert promise.due_at == recorded.due_at == NOON + 24 * HOUR
    account = (await service.accounts(session, promise.request_id, client_id=None, now=NOON + 6 * HOUR))[0]
    assert [interval.spent.value for interval in account.intervals] == ["counting", "closed"]


async def test_the_ledger_cannot_be_changed(session: TenantSession) -> None:
    [promise] = await _promised(session, FOUR_HOURS)
    count = select(func.count()).where(
        CommitmentEntryRow.tenant_id == session.tenant_id, CommitmentEntryRow.commitment_id == promise.id
    )
    assert await session.db.scalar(count) == 1

    with pytest.raises(DBAPIError, match="permission denied"):
        async with session.db.begin_nested():
            await session.db.execute(text("update commitment_entry set kind = 'cancelled'"))


async def test_making_and_recording_take_few_statements(session: TenantSession) -> None:
    request_id = await factories.request(session)
    with sent.statements() as made:
        await service.promise(session, [factories.offer(request_id, FOUR_HOURS, ANSWER)], now=NOON)
    pause = Paused(**_when(NOON + HOUR), cause="waiting_requester", party="requester")
    with sent.statements() as recorded:
        await service.record(session, request_id, [pause], now=NOON + HOUR)

    assert 0 < len(made) <= 5, "promises, entries, events, who is told of them, wake-ups"
    assert 0 < len(recorded) <= 9, recorded
