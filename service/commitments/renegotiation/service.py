"""Use cases of renegotiations: propose, answer, settle, withdraw; see what silence means.

What follows above this slice is the caller's: it holds the request's row locked, so that what is said here
comes one after another, and has ladders follow what `Changed` names. See `service.requests.renegotiating`.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from service import ids
from service.audit import service as audit
from service.audit.domain import Actor
from service.commitments import service as commitments
from service.commitments.domain import Announced, ClockState, EntryId
from service.commitments.models import Commitment
from service.commitments.renegotiation import domain, ending, models, proposing, store, telling
from service.commitments.renegotiation.domain import Answered, Settled, State, Withdrawn
from service.commitments.renegotiation.ending import Changed
from service.commitments.renegotiation.errors import (
    CounterPassed,
    RenegotiationEnded,
    RenegotiationInvalid,
    RenegotiationNotCountered,
)
from service.commitments.renegotiation.models import Renegotiation
from service.commitments.renegotiation.revising import Proposal
from service.commitments.renegotiation.store import Sought
from service.commitments.service import Account
from service.db import TenantSession
from service.errors import Fault
from service.ids import ClientId, CommitmentId, RenegotiationId
from service.outbox import service as outbox

SUBJECT_KIND = telling.SUBJECT_KIND

REPLACED = "Another proposal took its place."
NO_LONGER_NEEDED = "The promise has ended."

__all__ = [
    "SUBJECT_KIND",
    "Changed",
    "Proposal",
    "Sought",
    "advance",
    "answer",
    "get",
    "list_renegotiations",
    "propose",
    "settle",
    "withdraw",
    "withdraw_ended",
]


async def propose(
    session: TenantSession,
    actor: Actor,
    commitment_id: CommitmentId,
    proposal: Proposal,
    *,
    now: datetime,
) -> Changed:
    """Say that a promise will not be kept, and what is promised instead; an open proposal gives way to it.

    Raises:
        CommitmentNotFound, CommitmentEnded, CommitmentRevised, RenegotiatedTooOften, RenegotiationInvalid
    """
    account = await commitments.get(session, commitment_id, client_id=None, now=now)
    await proposing.refuse_unless_open(session, account, now=now)
    made = await proposing.proposed(session, actor, account, proposal, now=now)
    announced = _announced(made, now, since=account.standing.current.started_at)
    commitment = await commitments.append(session, commitment_id, [announced], now=now)
    for row in await store.open_of(session, [commitment_id]):
        await ending.withdrawn(session, row, Withdrawn(at=now, because=REPLACED, by=actor.name))
    await store.add(session, models.columns(made))
    await outbox.append(session, [telling.event("proposed", made, now)])
    await ending.sleep(session, made, now=now)
    await audit.record(session, actor, telling.deed("proposed", made), now=now)
    return Changed(made, (commitment,))


async def answer(
    session: TenantSession,
    actor: Actor,
    renegotiation_id: RenegotiationId,
    said: Answered,
    *,
    client_id: ClientId | None,
) -> Changed:
    """Record what the user says, at `said.at`; the first answer counts.

    Raises:
        RenegotiationNotFound, RenegotiationEnded, RenegotiationInvalid, CommitmentEnded
    """
    row = await store.get(session, renegotiation_id, client_id=client_id, lock=True)
    before = row.to_domain()
    if not domain.is_taken(before.entries, said):
        raise RenegotiationEnded(before.id, domain.standing(before.entries, said.at).state)
    if said.due_at is not None and said.due_at <= said.at:
        raise RenegotiationInvalid([Fault("/due_at", "Ask for a time that has not passed.")])
    after = ending.with_entry(before, said)
    changed = await ending.stood(session, row, after, "answered", now=said.at)
    deed = telling.deed("answered", changed.renegotiation, before=before)
    await audit.record(session, actor, deed, now=said.at)
    return changed


async def settle(
    session: TenantSession, actor: Actor, renegotiation_id: RenegotiationId, settled: Settled
) -> Changed:
    """Take the counter-proposal, or do not.

    Raises:
        RenegotiationNotFound, RenegotiationEnded, RenegotiationNotCountered, CounterPassed, CommitmentEnded
    """
    row = await store.get(session, renegotiation_id, lock=True)
    before, now = row.to_domain(), settled.at
    standing = domain.standing(before.entries, now)
    if standing.state is State.WAITING:
        raise RenegotiationNotCountered(renegotiation_id)
    if standing.state is not State.COUNTERED:
        raise RenegotiationEnded(renegotiation_id, standing.state)
    if settled.accepted and standing.due_at <= now:
        raise CounterPassed(standing.due_at)
    changed = await ending.stood(session, row, ending.with_entry(before, settled), "settled", now=now)
    deed = telling.deed("settled", changed.renegotiation, before=before)
    await audit.record(session, actor, deed, now=now)
    return changed


async def withdraw(
    session: TenantSession, actor: Actor, renegotiation_id: RenegotiationId, withdrawn: Withdrawn
) -> Changed:
    """Take a proposal back: the promise will be kept after all, and is not announced as missed any more.

    Raises:
        RenegotiationNotFound, RenegotiationEnded
    """
    row = await store.get(session, renegotiation_id, lock=True)
    before, now = row.to_domain(), withdrawn.at
    if not domain.is_taken(before.entries, withdrawn):
        raise RenegotiationEnded(renegotiation_id, domain.standing(before.entries, now).state)
    after = await ending.withdrawn(session, row, withdrawn)
    account = await commitments.get(session, after.commitment_id, client_id=None, now=now)
    taken_back = replace(_announced(after, now, since=_cycle_start(account, after)), taken_back=True)
    commitment = await commitments.append(session, after.commitment_id, [taken_back], now=now)
    await audit.record(session, actor, telling.deed("withdrawn", after, before=before), now=now)
    return Changed(after, (commitment,))


async def withdraw_ended(session: TenantSession, found: Iterable[Commitment], *, now: datetime) -> None:
    """Withdraw what is proposed instead of promises that have ended meanwhile, or begun anew."""
    concerned = {
        commitment.id: commitment
        for commitment in found
        if commitment.clock is ClockState.STOPPED or commitment.cycle > 1
    }
    for row in await store.open_of(session, concerned.keys()) if concerned else ():
        commitment = concerned[CommitmentId(row.commitment_id)]
        if commitment.clock is ClockState.STOPPED or row.proposed_at < commitment.started_at:
            await ending.withdrawn(session, row, Withdrawn(at=now, because=NO_LONGER_NEEDED))


async def advance(session: TenantSession, renegotiation_id: RenegotiationId, *, now: datetime) -> Changed:
    """See whether silence, the user's or ours, counts by now. Safe to repeat: it locks and decides again.

    Raises:
        RenegotiationNotFound
    """
    row = await store.get(session, renegotiation_id, lock=True)
    before = row.to_domain()
    account = await commitments.get(session, before.commitment_id, client_id=None, now=now)
    if before.standing.state in domain.OPEN and account.standing.current.clock is ClockState.STOPPED:
        await withdraw_ended(session, [account.commitment], now=now)
        return Changed(row.to_domain())
    after = replace(before, standing=domain.standing(before.entries, now))
    if after == before:
        await ending.sleep(session, before, now=now)
        return Changed(before)
    kind = "settled" if before.standing.state is State.COUNTERED else "answered"
    return await ending.stood(session, row, after, kind, now=now)


async def get(
    session: TenantSession, renegotiation_id: RenegotiationId, *, client_id: ClientId | None
) -> Renegotiation:
    """One of them; with a `client_id`, only if it is that client's. Raises RenegotiationNotFound."""
    return (await store.get(session, renegotiation_id, client_id=client_id)).to_domain()


async def list_renegotiations(
    session: TenantSession, sought: Sought, *, after: UUID | None, limit: int
) -> list[Renegotiation]:
    """Renegotiations in the order of their making, as they were last looked at."""
    return [row.to_domain() for row in await store.listed(session, sought, after=after, limit=limit)]


def _cycle_start(account: Account, renegotiation: Renegotiation) -> datetime | None:
    """When the cycle began that was announced to be missed."""
    announced = [
        entry
        for entry in account.entries
        if isinstance(entry, Announced) and entry.renegotiation == str(renegotiation.id)
    ]
    return announced[0].since if announced else None


def _announced(renegotiation: Renegotiation, now: datetime, *, since: datetime | None) -> Announced:
    return Announced(
        at=now,
        received_at=now,
        id=EntryId(str(ids.new_id())),
        cycle=renegotiation.cycle,
        renegotiation=str(renegotiation.id),
        since=since,
    )
