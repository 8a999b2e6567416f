"""Renegotiations with all that follows: what is said comes one after another, and ladders follow it.

The one place for the API, the signed link and the wake-up at which silence counts. Each holds the request's
row locked first: so nothing that is reported of the request misses a promise that is being made beside it.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from service.audit.domain import Actor
from service.commitments import service as commitments
from service.commitments.models import Commitment
from service.commitments.renegotiation import service as renegotiations
from service.commitments.renegotiation.domain import Answered, Settled, Withdrawn
from service.commitments.renegotiation.models import Renegotiation
from service.commitments.renegotiation.service import Changed, Proposal
from service.db import TenantSession
from service.escalations.runs import service as runs
from service.escalations.runs.models import Affair
from service.ids import ClientId, CommitmentId, RenegotiationId
from service.requests import affairs, store


async def propose(
    session: TenantSession,
    actor: Actor,
    commitment_id: CommitmentId,
    proposal: Proposal,
    *,
    now: datetime,
) -> Renegotiation:
    """See `renegotiations.propose`."""
    found = await commitments.get(session, commitment_id, client_id=None, now=now)
    await store.get(session, found.commitment.request_id, client_id=None, lock=True)
    changed = await renegotiations.propose(session, actor, commitment_id, proposal, now=now)
    return await _followed(session, changed, now=now)


async def answer(
    session: TenantSession,
    actor: Actor,
    renegotiation_id: RenegotiationId,
    said: Answered,
    *,
    client_id: ClientId | None,
) -> Renegotiation:
    """See `renegotiations.answer`."""
    await _lock(session, renegotiation_id, client_id=client_id, now=said.at)
    changed = await renegotiations.answer(session, actor, renegotiation_id, said, client_id=client_id)
    return await _followed(session, changed, now=said.at)


async def settle(
    session: TenantSession, actor: Actor, renegotiation_id: RenegotiationId, settled: Settled
) -> Renegotiation:
    """See `renegotiations.settle`."""
    await _lock(session, renegotiation_id, now=settled.at)
    changed = await renegotiations.settle(session, actor, renegotiation_id, settled)
    return await _followed(session, changed, now=settled.at)


async def withdraw(
    session: TenantSession, actor: Actor, renegotiation_id: RenegotiationId, withdrawn: Withdrawn
) -> Renegotiation:
    """See `renegotiations.withdraw`."""
    await _lock(session, renegotiation_id, now=withdrawn.at)
    changed = await renegotiations.withdraw(session, actor, renegotiation_id, withdrawn)
    return await _followed(session, changed, now=withdrawn.at)


async def advance(session: TenantSession, subject_id: UUID, /, *, now: datetime) -> Renegotiation:
    """See whether silence counts by now; see `renegotiations.advance`."""
    renegotiation_id = RenegotiationId(subject_id)
    await _lock(session, renegotiation_id, now=now)
    changed = await renegotiations.advance(session, renegotiation_id, now=now)
    return await _followed(session, changed, now=now)


async def follow(
    session: TenantSession, found: Sequence[Commitment], *, affair: Affair | None = None, now: datetime
) -> None:
    """What follows from where promises came to stand: what is proposed instead, and who climbs for them.

    Args:
        session: of the tenant; the caller holds the rows of the promises locked.
        found: promises of one request.
        affair: what ladders go by of the request, if that may have changed; a promise with a ladder of its
            own may be the first of its request to climb one.
        now: the tenant's now.
    """
    await renegotiations.withdraw_ended(session, found, now=now)
    if affair is None and any(each.made.ladder is not None for each in found):
        request = await store.get(session, found[0].request_id, client_id=None)
        affair = affairs.of(request.to_domain(), None)
    await runs.follow(session, found, affair=affair, now=now)


async def _lock(
    session: TenantSession,
    renegotiation_id: RenegotiationId,
    *,
    client_id: ClientId | None = None,
    now: datetime,
) -> None:
    """Lock the request and the promise that it is about: always in this order, and before it itself.

    Raises:
        RenegotiationNotFound
    """
    found = await renegotiations.get(session, renegotiation_id, client_id=client_id)
    await store.get(session, found.request_id, client_id=None, lock=True)
    await commitments.append(session, found.commitment_id, [], now=now)


async def _followed(session: TenantSession, changed: Changed, *, now: datetime) -> Renegotiation:
    await follow(session, changed.commitments, now=now)
    if changed.declined:
        await runs.declined(session, changed.commitments[0], now=now)
    return changed.renegotiation
