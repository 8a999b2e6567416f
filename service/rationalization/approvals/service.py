"""Use cases of approvals: ask, ask anew, withdraw, want a second person; see what has expired.

What follows above this slice is the caller's: it holds the request's row locked, so that what is said here
comes one after another, and has ladders follow the promises that come back.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from service.audit import service as audit
from service.audit.domain import Actor
from service.commitments import duties
from service.commitments.models import Commitment
from service.db import TenantSession
from service.ids import GateId, MemberId
from service.rationalization.approvals import deadlines, domain, recording, seating, store, telling
from service.rationalization.approvals.deadlines import Deadline
from service.rationalization.approvals.domain import (
    Asked,
    Lapsed,
    Standing,
    State,
    TwoNeeded,
    Withdrawn,
)
from service.rationalization.approvals.errors import (
    ApprovalNotExpired,
    ApprovalNotFound,
)
from service.rationalization.approvals.models import Approval
from service.rationalization.approvals.recording import Case, Changed
from service.rationalization.approvals.store import Sought
from service.rationalization.matters import Matter
from service.rationalization.verdicts import ApprovalGate
from service.tenants import contacts

SUBJECT_KIND = telling.SUBJECT_KIND
ASKED_ANEW = "It is asked for anew."
WITHDRAWN = "What it is about is not wanted any more."
WAITING = frozenset({State.PENDING, State.EXPIRED})
"""Nobody has decided yet."""
COUNTING = frozenset({State.PENDING, State.GRANTED})
"""What was consented to holds."""


async def ask(
    session: TenantSession, matter: Matter, gate_id: GateId, gate: ApprovalGate, *, now: datetime
) -> list[Commitment]:
    """Ask for somebody's consent, with a deadline from now on where the gate has one.

    A transaction that is confined to a client organization writes it only: who may answer it cannot see.
    That it is asked is told as soon as the approval is looked at, which is at once.
    """
    blank = Approval(
        id=gate_id,
        request_id=matter.request_id,
        client_id=matter.client_id,
        service_id=matter.service_id,
        source=matter.source,
        external_id=matter.external_id,
        gate=gate,
        wanted=seating.wanted(gate),
        submitted_by=None,
        contact_id=None,
        requester=None,
        state=State.PENDING,
        since=now,
        deadline_at=None,
        commitment_id=None,
        untold=True,
        asked_position=0,
        position=0,
        sequence=0,
    )
    deadline = await deadlines.promise(session, blank, now=now)
    approval = replace(await _asking(session, blank, matter), commitment_id=deadline.commitment_id)
    await recording.begin(session, approval, _asked(approval, deadline, now))
    return deadline.commitments


async def ask_anew(
    session: TenantSession, matter: Matter, gate_ids: Collection[GateId], *, now: datetime
) -> list[Commitment]:
    """Ask again, with a new deadline: answers given so far are void. What was withdrawn stays so."""
    found: list[Commitment] = []
    for case in await recording.hold_all(session, gate_ids, now=now):
        if case.standing(now).state is not State.WITHDRAWN:
            found += (await _asked_again(session, matter, case, now=now)).commitments
    return found


async def withdraw(
    session: TenantSession, gate_ids: Collection[GateId], *, now: datetime
) -> list[Commitment]:
    """Nothing is wanted any more. What was granted or refused stays so."""
    found: list[Commitment] = []
    for case in await recording.hold_all(session, gate_ids, now=now):
        if case.standing(now).state in WAITING:
            await recording.record(session, case, case.approval, Withdrawn(at=now))
            found += await duties.cancel(session, case.approval.commitment_id, WITHDRAWN, now=now)
    return found


async def need_two(
    session: TenantSession, gate_ids: Collection[GateId], *, now: datetime
) -> list[Commitment]:
    """A high risk was found: each of these needs two different people at least, also once it is asked anew.

    Answers given stay; what one alone had granted is pending again, with as much time as in the beginning.
    """
    found: list[Commitment] = []
    for case in await recording.hold_all(session, gate_ids, now=now):
        if case.approval.wanted.persons_min < domain.TWO:
            found += await _wanted_of_two(session, case, now=now)
    return found


async def ask_again(
    session: TenantSession, actor: Actor, matter: Matter, gate_id: GateId, *, now: datetime
) -> Changed:
    """Ask anew what nobody answered in time.

    Raises:
        ApprovalNotFound, ApprovalNotExpired
    """
    case = await recording.hold(session, gate_id, now=now)
    state = case.standing(now).state
    if state is not State.EXPIRED:
        raise ApprovalNotExpired(gate_id, state)
    changed = await _asked_again(session, matter, case, now=now)
    deed = telling.deed("asked_anew", changed.approval, before=case.approval)
    await audit.record(session, actor, deed, now=now)
    return changed


async def advance(session: TenantSession, gate_id: GateId, *, now: datetime) -> Changed:
    """Tell that it is asked, if nobody was told yet, and see whether its deadline has passed.

    Safe to repeat. `is_changed` says whether it has just expired.

    Raises:
        ApprovalNotFound
    """
    case = await recording.hold(session, gate_id, now=now)
    if case.standing(now).state is State.EXPIRED and case.approval.state is State.PENDING:
        lapsed = await recording.record(session, case, case.approval, Lapsed(at=now))
        return Changed(lapsed.approval)
    await recording.look(session, case)
    return Changed(case.approval, is_changed=False)


async def get(session: TenantSession, gate_id: GateId) -> Approval:
    """One, as it was last looked at. Raises ApprovalNotFound; clients are shown none."""
    if session.client_id is not None:
        raise ApprovalNotFound(gate_id)
    return (await store.get(session, gate_id)).to_domain()


async def consenting(
    session: TenantSession, gate_ids: Collection[GateId], *, now: datetime
) -> frozenset[MemberId]:
    """Whose consent counts in one of these, and in whose place it was given."""
    found = await standings(session, gate_ids, now=now)
    counting = [each for each in found.values() if each.state in COUNTING]
    return frozenset[MemberId]().union(*(answer.people for each in counting for answer in each.approvals))


async def standings(
    session: TenantSession, gate_ids: Collection[GateId], *, now: datetime
) -> dict[GateId, Standing]:
    """Where each of these stands at `now`; nothing is written."""
    ledgers = await store.ledgers(session, gate_ids)
    return {gate_id: domain.standing(entries, now) for gate_id, entries in ledgers.items() if entries}


async def list_approvals(
    session: TenantSession, sought: Sought, *, after: UUID | None, limit: int
) -> list[Approval]:
    """Approvals in the order of their asking; clients are shown none."""
    if session.client_id is not None:
        return []
    return [row.to_domain() for row in await store.listed(session, sought, after=after, limit=limit)]


async def _asked_again(session: TenantSession, matter: Matter, case: Case, *, now: datetime) -> Changed:
    """Ask anew; the promise that it is decided by the old deadline gives way to one by the new."""
    before = case.approval
    is_waiting = case.standing(now).state in WAITING
    ended = await duties.cancel(session, before.commitment_id, ASKED_ANEW, now=now) if is_waiting else []
    deadline = await deadlines.promise(session, before, now=now)
    asking = replace(
        await _asking(session, before, matter),
        commitment_id=deadline.commitment_id,
        untold=True,
        asked_position=before.position,
    )
    after = await recording.record(session, case, asking, _asked(asking, deadline, now))
    return Changed(after.approval, (*ended, *deadline.commitments))


async def _wanted_of_two(session: TenantSession, case: Case, *, now: datetime) -> list[Commitment]:
    """Want a second person; what is over wants it once it is asked anew."""
    by_two = replace(case.approval, wanted=domain.by_two(case.approval.wanted))
    before = case.standing(now)
    if before.state not in (State.PENDING, State.GRANTED):
        await store.save(session, case.approval, by_two)
        return []
    deadline, entry = deadlines.NONE, TwoNeeded(at=now)
    if domain.standing([*case.entries, entry], now).state is not before.state:
        deadline = await deadlines.promise(session, by_two, now=now)
        by_two = replace(by_two, commitment_id=deadline.commitment_id, untold=True)
        entry = replace(entry, deadline_at=deadline.at)
    await recording.record(session, case, by_two, entry)
    return deadline.commitments


async def _asking(session: TenantSession, approval: Approval, matter: Matter) -> Approval:
    """The same with what is known by now of who asks for what is to be approved.

    Where its facts name nobody, the mail address that its contact had when it was first asked for is kept:
    who has another one by now asks for it still.
    """
    named, requester = matter.facts.get("requester"), approval.requester
    if isinstance(named, str):
        requester = named.strip().lower()
    elif requester is None and matter.contact_id is not None:
        requester = (await contacts.emails_of(session, [matter.contact_id])).get(matter.contact_id)
    return replace(
        approval, submitted_by=matter.submitted_by, contact_id=matter.contact_id, requester=requester
    )


def _asked(approval: Approval, deadline: Deadline, now: datetime) -> Asked:
    own = frozenset[MemberId]() if approval.submitted_by is None else frozenset({approval.submitted_by})
    return Asked(at=now, wanted=approval.wanted, requesters=own, deadline_at=deadline.at)
