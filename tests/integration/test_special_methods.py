"""Special methods in PostgreSQL: what time does to them, what is owed after their end, and patterns."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from service import ids
from service.audit.domain import Actor
from service.auditor import store as auditor
from service.calendars import service as calendars
from service.commitments import service as commitments
from service.commitments.domain import Cancelled, ClockState, EntryId, Level, Outcome
from service.commitments.models import Commitment
from service.commitments.service import Sought as SoughtCommitments
from service.db import Sessions, TenantSession, tenant_transaction
from service.ids import (
    ArrangementId,
    ClientId,
    MemberId,
    PolicyId,
    PolicyVersionId,
    RequestId,
    ServiceId,
    SpecialMethodId,
    TenantId,
)
from service.outbox.models import EventRow
from service.rationalization import checking
from service.rationalization.arrangements.models import ArrangementRow
from service.rationalization.improvements import service as improvements
from service.rationalization.improvements.domain import Improvement
from service.rationalization.improvements.store import Sought as SoughtImprovements
from service.rationalization.specials import domain, service, store, using, wire
from service.rationalization.specials.domain import Checked, Ruling, State
from service.rationalization.specials.errors import (
    SpecialMethodInvalid,
    SpecialMethodNotFound,
    SpecialMethodNotInForce,
    SpecialMethodNotOver,
    SpecialMethodOver,
)
from service.rationalization.specials.models import SpecialMethod
from service.rationalization.specials.service import Sought
from service.rationalization.specials.using import Usage
from service.rationalization.verdicts import SpecialMethod as Verdict
from service.requests import affairs, excepting
from service.requests import store as requests
from service.requests.errors import BackdatingForbidden
from service.requests.excepting import Ender
from service.requests.intake import Caller
from service.requests.models import DecisionRow, RequestEventRow
from service.wakeups import service as wakeups
from service.wakeups.models import WakeUpRow
from tests import factories
from tests.factories import NOON

DAY = timedelta(days=1)
TICK = timedelta.resolution
END = NOON + 30 * DAY
BY = Actor(name="member:ada")
CALLER = Caller(client_id=None, may_backdate=False, actor=BY)
ASKER = MemberId(ids.new_id())
RULING = Ruling(
    policy_id=PolicyId(ids.new_id()),
    policy_version_id=PolicyVersionId(ids.new_id()),
    rule_id="deviation",
    because="It is known how to come back.",
)
WRITTEN: dict[str, Any] = {
    "verdict": "special_method",
    "justification": "The supplier is closed.",
    "expires_in_days": 30,
    "way_back": "Take the rule out.",
    "requires": [{"gate": "approval", "name": "board", "roles": ["manager"]}, {"gate": "rollback_plan"}],
}


@dataclass(frozen=True)
class Asked:
    """A request, and what became of its verdict."""

    request_id: RequestId
    arrangement_id: ArrangementId


def _verdict(**more: object) -> Verdict:
    found = checking.read(WRITTEN | more)
    assert isinstance(found, Verdict)
    return found


async def _asked(session: TenantSession, *, client_id: ClientId | None = None) -> Asked:
    """A request with an arrangement that nobody looks at: what is above this is tried elsewhere."""
    request_id = await factories.request(session, client_id=client_id)
    event_id, decision_id, arrangement_id = ids.new_id(), ids.new_id(), ids.new_id()
    of: dict[str, Any] = {"tenant_id": session.tenant_id, "request_id": request_id, "client_id": client_id}
    session.db.add(
        RequestEventRow(
            **of,
            id=event_id,
            type="opened",
            occurred_at=NOON,
            source_sequence=0,
            received_at=NOON,
            detail={},
            backdated=False,
        )
    )
    await session.db.flush()
    session.db.add(
        DecisionRow(
            **of,
            id=decision_id,
            request_event_id=event_id,
            decided_at=NOON,
            facts={},
            given={},
            answers=[],
            calendars={},
            policy_version_id=None,
            rule_id=None,
            degraded=False,
            engine="reference",
        )
    )
    await session.db.flush()
    session.db.add(
        ArrangementRow(
            **of,
            id=arrangement_id,
            decision_id=decision_id,
            kind="special_method",
            verdict=WRITTEN,
            policy_id=RULING.policy_id,
            policy_version_id=RULING.policy_version_id,
            rule_id=RULING.rule_id,
            reason=None,
            made_at=NOON,
            message={},
            proposal={},
            carried={},
            state="ready",
            since=NOON,
            gated=True,
            missing=[],
            because="",
            version=1,
            sequence=0,
        )
    )
    await session.db.flush()
    return Asked(request_id, ArrangementId(arrangement_id))


async def _proposed(
    session: TenantSession,
    asked: Asked,
    *,
    verdict: Verdict | None = None,
    ruling: Ruling = RULING,
    service_id: ServiceId | None = None,
) -> SpecialMethod:
    request = (await requests.get(session, asked.request_id, client_id=None, lock=True)).to_domain()
    matter = replace(affairs.matter(request), submitted_by=ASKER, service_id=service_id)
    return await service.propose(
        session, matter, asked.arrangement_id, verdict or _verdict(), ruling, now=NOON
    )


async def _allow(session: TenantSession, asked: Asked, *, at: datetime = NOON) -> None:
    request = (await requests.get(session, asked.request_id, client_id=None, lock=True)).to_domain()
    matter = affairs.matter(request)
    await service.allow(session, matter, asked.arrangement_id, now=at)


async def _allowed(session: TenantSession, **more: object) -> SpecialMethod:
    asked = await _asked(session)
    made = await _proposed(session, asked, verdict=_verdict(**more))
    await _allow(session, asked)
    return await service.get(session, made.id, client_id=None)


async def _told(session: TenantSession, special_id: SpecialMethodId) -> list[EventRow]:
    query = (
        select(EventRow)
        .where(EventRow.tenant_id == session.tenant_id, EventRow.subject_id == special_id)
        .order_by(EventRow.sequence)
    )
    return list(await session.db.scalars(query))


async def _types(session: TenantSession, special_id: SpecialMethodId) -> list[str]:
    return [row.type.removeprefix("special_method.") for row in await _told(session, special_id)]


async def _owed(session: TenantSession, request_id: RequestId) -> list[Commitment]:
    sought = SoughtCommitments(request_id=request_id)
    return await commitments.list_commitments(session, sought, after=None, limit=9, now=NOON)


async def _is_its_ledger(session: TenantSession, special_id: SpecialMethodId, now: datetime) -> bool:
    found = await service.get(session, special_id, client_id=None)
    ledger = await store.entries(session, special_id)
    return (domain.standing(ledger, now), len(ledger)) == (found.standing, found.version)


async def test_a_proposal_has_no_end_and_counts_from_its_approval(session: TenantSession) -> None:
    asked = await _asked(session)
    made = await _proposed(session, asked)
    proposed = await service.get(session, made.id, client_id=None)

    await _allow(session, asked, at=NOON + 100 * DAY)

    found = await service.get(session, made.id, client_id=None)
    assert proposed == made
    assert (proposed.state, proposed.standing.ends_at) == (State.PROPOSED, None)
    assert (found.state, found.standing.ends_at) == (State.ALLOWED, NOON + 130 * DAY)
    assert await _types(session, made.id) == ["allowed"]
    assert await _is_its_ledger(session, made.id, NOON + 100 * DAY)


async def test_what_is_told_to_the_client_says_until_when_and_not_by_whom_approved(
    session: TenantSession,
) -> None:
    found = await _allowed(session, scope="Port 22 of one host.")

    [told] = await _told(session, found.id)

    assert told.payload["ends_at"] == "2026-02-04T12:00:00Z"
    assert told.payload["scope"] == "Port 22 of one host."
    assert told.payload["external_id"] == str(found.request_id)
    assert "approved_by" not in told.payload


async def test_what_is_allowed_twice_is_allowed_once(session: TenantSession) -> None:
    asked = await _asked(session)
    made = await _proposed(session, asked)
    await _allow(session, asked)

    await _allow(session, asked, at=NOON + DAY)

    found = await service.get(session, made.id, client_id=None)
    assert found.standing.approved_at == NOON
    assert await _types(session, made.id) == ["allowed"]


async def test_it_is_reminded_of_and_ends_by_itself(session: TenantSession) -> None:
    found = await _allowed(session)

    for at in (NOON, END - 7 * DAY, END - 7 * DAY, END - DAY, END, END + TICK, END + TICK):
        await excepting.advance(session, found.id, now=at)

    ended = await service.get(session, found.id, client_id=None)
    assert (ended.state, ended.standing.since) == (State.EXPIRED, END)
    assert await _types(session, found.id) == ["allowed", "expiring", "expiring", "ended"]
    assert [row.payload.get("before_seconds") for row in await _told(session, found.id)] == [
        *(None, 7 * 86_400, 86_400, None)
    ]
    assert [row.sequence for row in await _told(session, found.id)] == [1, 2, 3, 4]
    assert await _is_its_ledger(session, found.id, END + TICK)


async def test_after_an_outage_nobody_hears_the_same_thing_twice(session: TenantSession) -> None:
    found = await _allowed(session)

    for _ in range(3):
        await excepting.advance(session, found.id, now=END)

    assert await _types(session, found.id) == ["allowed", "expiring"]


async def test_a_policy_says_when_its_end_is_told(session: TenantSession) -> None:
    found = await _allowed(session, remind_before_seconds=[3_600])

    for at in (END - DAY, END - timedelta(hours=1), END):
        await excepting.advance(session, found.id, now=at)

    [_, told] = await _told(session, found.id)
    assert (told.occurred_at, told.payload["before_seconds"]) == (END - timedelta(hours=1), 3_600)


async def test_from_its_end_on_it_is_owed_that_it_is_undone(session: TenantSession) -> None:
    found = await _allowed(session)

    await excepting.advance(session, found.id, now=END + DAY)

    [owed] = await _owed(session, found.request_id)
    ended = await service.get(session, found.id, client_id=None)
    assert (owed.metric, owed.level, owed.due_at) == ("undo", Level.OLA, END + 2 * DAY)
    assert ended.commitment_id == owed.id


async def test_undoing_may_be_promised_in_working_time_and_climb_a_ladder(session: TenantSession) -> None:
    always = {"tz": "UTC", "always_open": True}
    await calendars.create(session, BY, name="office", raw=always, now=NOON)
    undo = {"within": {"unit": "working_time", "seconds": 3_600}, "calendar": "office", "ladder": "undoing"}
    found = await _allowed(session, undo=undo)

    await excepting.advance(session, found.id, now=END + TICK)

    [owed] = await _owed(session, found.request_id)
    assert (owed.due_at, owed.made.ladder) == (END + timedelta(hours=1), "undoing")


async def test_a_calendar_that_opens_no_more_keeps_nothing_from_ending(session: TenantSession) -> None:
    day = (NOON + DAY).date().isoformat()
    once: dict[str, Any] = {"tz": "UTC", "weekly": {}, "openings": [[f"{day}T08:00:00", f"{day}T09:00:00"]]}
    await calendars.create(session, BY, name="office", raw=once, now=NOON)
    undo = {"within": {"unit": "working_time", "seconds": 7_200}, "calendar": "office", "ladder": "undoing"}
    found = await _allowed(session, undo=undo)

    await excepting.advance(session, found.id, now=END + TICK)

    [owed] = await _owed(session, found.request_id)
    assert (owed.due_at, owed.made.ladder) == (END + 2 * DAY, "undoing")


async def test_undoing_is_owed_whatever_becomes_of_the_request(session: TenantSession) -> None:
    found = await _allowed(session)
    await excepting.advance(session, found.id, now=END + TICK)
    cancelled = Cancelled(at=END + DAY, received_at=END + DAY, id=EntryId(str(ids.new_id())))

    [owed] = await commitments.record(session, found.request_id, [cancelled], now=END + DAY)

    assert owed.clock is ClockState.RUNNING


async def test_the_check_that_finds_it_undone_keeps_the_promise(session: TenantSession) -> None:
    found = await _allowed(session)
    not_yet = Checked(at=END + DAY, undone=False, result="The window is on Sunday.", by=BY.name)
    undone = Checked(at=END + 2 * DAY, undone=True, result="The port is closed.", by=BY.name)

    left = await excepting.check(session, BY, found.id, not_yet)
    [before] = await _owed(session, found.request_id)
    after = await excepting.check(session, BY, found.id, undone)

    [kept] = await _owed(session, found.request_id)
    assert (left.state, left.standing.undone, left.result) == (State.EXPIRED, False, not_yet.result)
    assert before.clock is ClockState.RUNNING
    assert (after.state, after.standing.undone, after.result) == (State.CHECKED, True, undone.result)
    assert kept.outcome is Outcome.KEPT
    assert await _types(session, found.id) == ["allowed", "ended", "checked", "checked"]
    assert await _is_its_ledger(session, found.id, END + 2 * DAY)
    with pytest.raises(SpecialMethodNotOver):
        await excepting.check(session, BY, found.id, replace(undone, at=END + 3 * DAY))


async def test_what_has_not_ended_is_not_checked(session: TenantSession) -> None:
    found = await _allowed(session)

    with pytest.raises(SpecialMethodNotOver):
        await excepting.check(session, BY, found.id, Checked(at=END, undone=True, result="Gone."))


def _used(at: datetime) -> Usage:
    return Usage(who="Ada", what_for="To let the engineer in.", at=at)


@pytest.mark.parametrize(("at", "counts"), [(NOON, True), (END, True), (END + TICK, False)])
async def test_it_is_used_up_to_its_last_instant(
    session: TenantSession, at: datetime, *, counts: bool
) -> None:
    found = await _allowed(session)

    if not counts:
        with pytest.raises(SpecialMethodNotInForce):
            await excepting.use(session, CALLER, found.id, _used(at), now=at)
        return
    await excepting.use(session, CALLER, found.id, _used(at), now=at)

    [use] = await using.list_uses(session, found.id, client_id=None, after=None, limit=9)
    assert (use.at, use.who, use.recorded_by) == (at, "Ada", BY.name)
    assert (await _types(session, found.id))[-1] == "used"


async def test_a_use_told_late_counts_by_when_it_was_whatever_happened_since(session: TenantSession) -> None:
    found = await _allowed(session)
    lead = Ender(BY, None, leads=True)
    await excepting.end(session, lead, found.id, "The supplier is back.", now=NOON + 5 * DAY)
    late = replace(CALLER, may_backdate=True)
    now = NOON + 9 * DAY

    await excepting.use(session, late, found.id, _used(NOON + 5 * DAY - TICK), now=now)

    with pytest.raises(SpecialMethodNotInForce, match="had ended"):
        await excepting.use(session, late, found.id, _used(NOON + 5 * DAY), now=now)
    with pytest.raises(SpecialMethodNotInForce, match="not approved by then"):
        await excepting.use(session, late, found.id, _used(NOON - TICK), now=now)
    with pytest.raises(BackdatingForbidden):
        await excepting.use(session, CALLER, found.id, _used(NOON + 4 * DAY), now=now)
    with pytest.raises(SpecialMethodInvalid):
        await excepting.use(session, late, found.id, _used(now + TICK), now=now)


async def test_what_was_refused_is_never_used(session: TenantSession) -> None:
    asked = await _asked(session)
    made = await _proposed(session, asked)
    matter = affairs.matter((await requests.get(session, asked.request_id, client_id=None)).to_domain())

    owed = await service.refuse(session, matter, asked.arrangement_id, because="Too risky.", now=NOON)
    await _allow(session, asked, at=NOON + DAY)

    found = await service.get(session, made.id, client_id=None)
    assert (owed, found.state, found.end_because) == ([], State.REFUSED, "Too risky.")
    assert await _told(session, made.id) == []
    with pytest.raises(SpecialMethodNotInForce, match="anew"):
        await excepting.use(session, CALLER, made.id, _used(NOON + DAY), now=NOON + DAY)


@pytest.mark.parametrize("allowed", [True, False])
async def test_what_is_withdrawn_is_undone_if_it_was_allowed(
    session: TenantSession, *, allowed: bool
) -> None:
    asked = await _asked(session)
    made = await _proposed(session, asked)
    if allowed:
        await _allow(session, asked)
    matter = affairs.matter((await requests.get(session, asked.request_id, client_id=None)).to_domain())

    owed = await service.withdraw(session, matter, asked.arrangement_id, because="Cancelled.", now=NOON + DAY)
    again = await service.withdraw(session, matter, asked.arrangement_id, because="Again.", now=NOON + DAY)

    found = await service.get(session, made.id, client_id=None)
    assert found.state is (State.ENDED if allowed else State.WITHDRAWN)
    assert found.end_because == "Cancelled."
    assert [one.metric for one in owed] == (["undo"] if allowed else [])
    assert again == []
    assert await _is_its_ledger(session, made.id, NOON + DAY)


async def test_another_may_be_proposed_when_one_is_over(session: TenantSession) -> None:
    asked = await _asked(session)
    first = await _proposed(session, asked)
    matter = affairs.matter((await requests.get(session, asked.request_id, client_id=None)).to_domain())
    await service.withdraw(session, matter, asked.arrangement_id, because="It was edited.", now=NOON)

    second = await _proposed(session, asked)
    await _allow(session, asked)

    assert (await service.get(session, first.id, client_id=None)).state is State.WITHDRAWN
    assert (await service.get(session, second.id, client_id=None)).state is State.ALLOWED
    last = await service.last_of(session, asked.arrangement_id)
    assert last is not None
    assert last.id == second.id


@pytest.mark.parametrize("allowed", [True, False])
async def test_what_is_edited_is_allowed_no_more_until_it_is_approved_anew(
    session: TenantSession, *, allowed: bool
) -> None:
    asked = await _asked(session)
    made = await _proposed(session, asked)
    if allowed:
        await _allow(session, asked)
    matter = affairs.matter((await requests.get(session, asked.request_id, client_id=None)).to_domain())

    owed = await service.edited(session, matter, asked.arrangement_id, now=NOON + DAY)

    last = await service.last_of(session, asked.arrangement_id)
    assert last is not None
    assert (last.state, last.id == made.id) == (State.PROPOSED, not allowed)
    assert [one.metric for one in owed] == (["undo"] if allowed else [])
    with pytest.raises(SpecialMethodNotInForce):
        await excepting.use(session, CALLER, made.id, _used(NOON + DAY), now=NOON + DAY)


async def test_what_is_edited_after_its_end_is_asked_for_anew(session: TenantSession) -> None:
    found = await _allowed(session)
    await excepting.advance(session, found.id, now=END + TICK)
    matter = affairs.matter((await requests.get(session, found.request_id, client_id=None)).to_domain())

    owed = await service.edited(session, matter, found.arrangement_id, now=END + DAY)

    last = await service.last_of(session, found.arrangement_id)
    assert last is not None
    assert (last.state, owed) == (State.PROPOSED, [])


@pytest.mark.parametrize(
    ("member_id", "leads", "may"),
    [(None, True, True), (ASKER, False, True), (MemberId(UUID(int=7)), False, False), (None, False, False)],
    ids=["lead", "who asked", "another", "nobody"],
)
async def test_a_lead_or_who_asked_for_it_ends_it_early(
    session: TenantSession, member_id: MemberId | None, *, leads: bool, may: bool
) -> None:
    found = await _allowed(session)
    ender = Ender(BY, member_id, leads)

    if not may:
        with pytest.raises(Exception, match="who asked for it"):
            await excepting.end(session, ender, found.id, "Enough.", now=NOON + DAY)
        return
    ended = await excepting.end(session, ender, found.id, "Enough.", now=NOON + DAY)

    [owed] = await _owed(session, found.request_id)
    assert (ended.state, ended.end_because) == (State.ENDED, "Enough.")
    assert owed.due_at == NOON + 3 * DAY
    assert await _types(session, found.id) == ["allowed", "ended"]
    with pytest.raises(SpecialMethodOver):
        await excepting.end(session, ender, found.id, "Again.", now=NOON + DAY)


async def test_an_end_that_comes_too_late_finds_it_expired(session: TenantSession) -> None:
    found = await _allowed(session)

    with pytest.raises(SpecialMethodOver):
        await excepting.end(session, Ender(BY, None, leads=True), found.id, "Enough.", now=END + TICK)


async def test_the_list_is_narrowed(session: TenantSession) -> None:
    found = await _allowed(session)
    other = await _asked(session)
    proposed = await _proposed(session, other)

    async def listed(**sought: Any) -> set[SpecialMethodId]:
        rows = await service.list_special_methods(session, Sought(**sought), after=None, limit=9)
        return {row.id for row in rows}

    assert await listed() == {found.id, proposed.id}
    assert await listed(state=State.PROPOSED) == {proposed.id}
    assert await listed(request_id=found.request_id) == {found.id}
    assert await listed(expiring_before=END + TICK) == {found.id}
    assert await listed(expiring_before=END) == set()
    assert await listed(of_client=ClientId(ids.new_id())) == set()
    assert await listed(service_id=ServiceId(ids.new_id())) == set()


async def test_a_row_reads_as_it_was_written(session: TenantSession) -> None:
    found = await _allowed(session)
    await excepting.advance(session, found.id, now=END - 7 * DAY)
    await excepting.check(session, BY, found.id, Checked(at=END + DAY, undone=True, result="Gone.", by="x"))

    ledger = await store.entries(session, found.id)

    assert ledger[0] == found.proposed
    assert {wire.KINDS[type(entry)] for entry in ledger} == {
        *("proposed", "approved", "compared", "reminded", "expired", "checked")
    }


async def test_another_tenants_special_method_does_not_exist(session: TenantSession) -> None:
    found = await _allowed(session)
    stranger = TenantSession(session.db, TenantId(ids.new_id()))

    with pytest.raises(SpecialMethodNotFound):
        await excepting.use(stranger, CALLER, found.id, _used(NOON), now=NOON)


async def _found(session: TenantSession) -> list[Improvement]:
    return await improvements.list_improvements(session, SoughtImprovements(), before=None, limit=9)


async def _exception(
    session: TenantSession, *, day: int, ruling: Ruling = RULING, service_id: ServiceId | None = None
) -> SpecialMethodId:
    asked = await _asked(session)
    made = await _proposed(session, asked, ruling=ruling, service_id=service_id)
    await _allow(session, asked, at=NOON + day * DAY)
    await excepting.advance(session, made.id, now=NOON + day * DAY)
    return made.id


async def test_the_third_similar_exception_opens_one_improvement(session: TenantSession) -> None:
    first, second = [await _exception(session, day=day) for day in (0, 40)]
    before = await _found(session)

    third = await _exception(session, day=80)
    fourth = await _exception(session, day=81)

    [item] = await _found(session)
    assert before == []
    assert [each.id for each in item.evidence] == [str(each) for each in (first, second, third, fourth)]
    assert [each.at for each in item.evidence][:3] == [NOON, NOON + 40 * DAY, NOON + 80 * DAY]


async def test_exceptions_by_other_rules_for_other_services_or_long_ago_are_not_similar(
    session: TenantSession,
) -> None:
    await _exception(session, day=0)
    await _exception(session, day=70)
    await _exception(session, day=80, ruling=replace(RULING, rule_id="another"))
    await _exception(session, day=80, ruling=replace(RULING, policy_id=PolicyId(ids.new_id())))
    await _exception(session, day=80, service_id=ServiceId(ids.new_id()))

    await _exception(session, day=90)

    assert await _found(session) == []


async def test_another_version_of_the_policy_is_the_same_policy(session: TenantSession) -> None:
    for day in range(3):
        version = PolicyVersionId(ids.new_id())
        await _exception(session, day=day, ruling=replace(RULING, policy_version_id=version))

    assert len(await _found(session)) == 1


async def _at_once(tries: Sequence[Any]) -> None:
    for each in await asyncio.gather(*tries, return_exceptions=True):
        if isinstance(each, BaseException):
            raise each


@pytest.mark.concurrent
@pytest.mark.parametrize("already", [0, 1, 2])
async def test_of_exceptions_that_are_approved_at_once_whoever_is_last_finds_the_pattern(
    own_sessions: Sessions, already: int
) -> None:
    tenant_id = (await factories.tenant(own_sessions)).id
    async with tenant_transaction(own_sessions, tenant_id) as session:
        for _ in range(already):
            await _exception(session, day=0)
        asked = [await _asked(session) for _ in range(3)]
        made = [await _proposed(session, each) for each in asked]

    async def approve(one: Asked, special: SpecialMethod) -> None:
        async with tenant_transaction(own_sessions, tenant_id) as session:
            await _allow(session, one, at=NOON + DAY)
        async with tenant_transaction(own_sessions, tenant_id) as session:
            await excepting.advance(session, special.id, now=NOON + DAY)

    await _at_once([approve(one, special) for one, special in zip(asked, made, strict=True)])

    async with tenant_transaction(own_sessions, tenant_id) as session:
        [item] = await _found(session)
    assert {each.id for each in item.evidence} >= {str(each.id) for each in made}


@pytest.mark.concurrent
async def test_whoever_uses_it_in_time_counts_however_the_end_races_it(own_sessions: Sessions) -> None:
    tenant_id = (await factories.tenant(own_sessions)).id
    async with tenant_transaction(own_sessions, tenant_id) as session:
        found = await _allowed(session)

    async def use(at: datetime) -> bool:
        async with tenant_transaction(own_sessions, tenant_id) as session:
            try:
                await excepting.use(session, CALLER, found.id, _used(at), now=at)
            except SpecialMethodNotInForce:
                return False
        return True

    async def advance() -> None:
        async with tenant_transaction(own_sessions, tenant_id) as session:
            await excepting.advance(session, found.id, now=END + TICK)

    instants = [END - TICK, END, END + TICK] * 8
    used = await asyncio.gather(*(use(at) for at in instants), *(advance() for _ in range(6)))

    assert used[: len(instants)] == [at <= END for at in instants]
    async with tenant_transaction(own_sessions, tenant_id) as session:
        told = await _told(session, found.id)
        assert await store.use_count(session, found.id) == 16
        assert await _is_its_ledger(session, found.id, END + TICK)
        assert len(await _owed(session, found.request_id)) == 1
    assert [row.sequence for row in told] == list(range(1, len(told) + 1))
    assert [row.type for row in told].count("special_method.ended") == 1


async def test_it_sleeps_until_something_is_due(session: TenantSession) -> None:
    found = await _allowed(session)
    seen: list[datetime | None] = []

    for at in (NOON, END - 7 * DAY, END - DAY, END + TICK):
        await excepting.advance(session, found.id, now=at)
        seen.append(await _wakes_at(session, found.id))

    assert seen == [END - 7 * DAY, END - DAY, END + TICK, None]


async def test_the_auditor_misses_whatever_nobody_will_look_at(session: TenantSession) -> None:
    found = await _allowed(session)
    before = await auditor.unwatched(session, NOON, limit=9)
    await wakeups.cancel(session, service.SUBJECT_KIND, [found.id])

    missed = await auditor.unwatched(session, NOON, limit=9)

    assert (before, missed) == ([], [(service.SUBJECT_KIND, found.id)])


async def _wakes_at(session: TenantSession, special_id: SpecialMethodId) -> datetime | None:
    query = select(WakeUpRow.fire_at).where(
        WakeUpRow.tenant_id == session.tenant_id, WakeUpRow.subject_id == special_id
    )
    return await session.db.scalar(query)
