"""What is written when something happens to an approval: ledger, row, events, the next wake-up."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from service.commitments.models import Commitment
from service.db import TenantSession
from service.ids import GateId
from service.outbox import service as outbox
from service.rationalization.approvals import domain, holders, store, telling
from service.rationalization.approvals.domain import Answered, Asked, Entry, Standing, State
from service.rationalization.approvals.models import Approval
from service.wakeups import service as wakeups
from service.wakeups.models import WakeUp


@dataclass(frozen=True, slots=True)
class Case:
    """An approval that is locked, with its ledger."""

    approval: Approval
    entries: list[Entry]

    def standing(self, now: datetime) -> Standing:
        return domain.standing(self.entries, now)


@dataclass(frozen=True, slots=True)
class Changed:
    """An approval, and the promises that ladders are to follow now.

    Attributes:
        is_changed: whether anything was recorded.
    """

    approval: Approval
    commitments: tuple[Commitment, ...] = ()
    is_changed: bool = True


async def hold(session: TenantSession, gate_id: GateId, *, now: datetime) -> Case:
    """An approval, locked. Raises ApprovalNotFound."""
    approval = (await store.get(session, gate_id, lock=True)).to_domain()
    case = Case(approval, (await store.ledgers(session, [gate_id]))[gate_id])
    return await tell(session, case, now=now)


async def hold_all(session: TenantSession, gate_ids: Collection[GateId], *, now: datetime) -> list[Case]:
    """Those of these that there are, locked."""
    found = [row.to_domain() for row in await store.these(session, gate_ids, lock=True)]
    ledgers = await store.ledgers(session, [approval.id for approval in found])
    cases = [Case(approval, ledgers[approval.id]) for approval in found]
    return [await tell(session, case, now=now) for case in cases]


async def begin(session: TenantSession, approval: Approval, asked: Asked) -> None:
    """Write an approval that is new."""
    after = replace(approval, deadline_at=asked.deadline_at, position=1)
    await store.add(session, after)
    await store.append(session, after, asked, position=0)
    await _told(session, None, Case(after, [asked]), now=asked.at)


async def record(session: TenantSession, case: Case, after: Approval, entry: Entry) -> Case:
    """Append to the ledger of an approval, and write where it stands then.

    Args:
        session: of the tenant.
        case: as it was.
        after: as it is, but for where it stands.
        entry: what happened.
    """
    entries = [*case.entries, entry]
    standing = domain.standing(entries, entry.at)
    after = replace(
        after,
        state=standing.state,
        since=standing.since,
        deadline_at=standing.deadline_at,
        untold=after.untold and standing.state is State.PENDING,
        position=after.position + 1,
    )
    kinds = ["answered"] if isinstance(entry, Answered) else []
    if standing.state not in (State.PENDING, case.approval.state):
        kinds.append("settled")
    drafts = [
        telling.event(kind, replace(after, sequence=number), standing, entry.at, entry)
        for number, kind in enumerate(kinds, start=after.sequence + 1)
    ]
    after = replace(after, sequence=after.sequence + len(drafts))
    await store.append(session, after, entry, position=case.approval.position)
    await store.save(session, case.approval, after)
    await outbox.append(session, drafts)
    return await _told(session, case.approval, Case(after, entries), now=entry.at)


async def tell(session: TenantSession, case: Case, *, now: datetime) -> Case:
    """Tell that it is asked, where that was left to whoever sees the members: before all that follows."""
    return await _told(session, case.approval, case, now=now) if case.approval.untold else case


async def look(session: TenantSession, case: Case) -> None:
    """Set its next wake-up anew: the one that led here is used up."""
    await _sleep(session, None, case.approval)


async def _told(session: TenantSession, before: Approval | None, case: Case, *, now: datetime) -> Case:
    """Tell that it is asked, unless that is left undone, and set the wake-up if it is another than before."""
    if case.approval.untold and session.client_id is None:
        told = replace(case.approval, untold=False, sequence=case.approval.sequence + 1)
        own = (await holders.involved(session, [told]))[told.id].everybody
        crowd = await holders.crowd(session, told.wanted.seats)
        hopeless = holders.cannot_be_met(told.wanted, crowd, own)
        event = telling.asking(told, case.standing(now), now, cannot_be_met=hopeless)
        await store.save(session, case.approval, told)
        await outbox.append(session, [event])
        case = replace(case, approval=told)
    await _sleep(session, before, case.approval)
    return case


async def _sleep(session: TenantSession, before: Approval | None, after: Approval) -> None:
    was, at = None if before is None else _wakes_at(before), _wakes_at(after)
    if at is not None and at != was:
        await wakeups.schedule(session, [WakeUp(telling.SUBJECT_KIND, after.id, at)])
    elif at is None and was is not None:
        await wakeups.cancel(session, telling.SUBJECT_KIND, [after.id])


def _wakes_at(approval: Approval) -> datetime | None:
    """When it is to be looked at again: at once if it is still to be told, else when it has expired."""
    if approval.untold:
        return approval.since
    if approval.state is not State.PENDING or approval.deadline_at is None:
        return None
    return approval.deadline_at + timedelta.resolution
