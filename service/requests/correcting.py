"""Corrections of breaches that were recorded wrongly, of whatever promise: they stay on record."""

from datetime import datetime

from service import ids
from service.audit import service as audit
from service.audit.domain import Actor, Deed
from service.commitments import service as commitments
from service.commitments.domain import EntryId, Threshold, Told
from service.commitments.models import Commitment
from service.db import TenantSession
from service.ids import CommitmentId
from service.requests import promising, renegotiating
from service.requests.errors import BreachAlreadyCorrected, BreachNotRecorded


async def correct(
    session: TenantSession,
    actor: Actor,
    commitment_id: CommitmentId,
    because: str,
    *,
    cycle: int | None,
    now: datetime,
) -> Commitment:
    """Mark a breach as recorded wrongly. It stays on record, and counts no more as one.

    Args:
        session: of the tenant.
        actor: who says so.
        commitment_id: the promise.
        because: why it was recorded wrongly.
        cycle: in which cycle it was broken; None for the current one.
        now: the tenant's now.

    Raises:
        CommitmentNotFound, BreachNotRecorded, BreachAlreadyCorrected
    """
    await promising.lock(session, commitment_id, now=now)
    account = await commitments.get(session, commitment_id, client_id=None, now=now)
    number = account.standing.current.cycle if cycle is None else cycle
    judged = next((one for one in account.standing.cycles if one.cycle == number), None)
    if judged is None or judged.broken_at is None:
        raise BreachNotRecorded(commitment_id, number)
    if judged.corrected is not None:
        raise BreachAlreadyCorrected(commitment_id, number)
    told = Told(
        at=now,
        received_at=now,
        id=EntryId(str(ids.new_id())),
        cycle=number,
        threshold=Threshold.CORRECTED,
        because=because,
        by=actor.name,
        since=judged.started_at,
    )
    commitment = await commitments.append(session, commitment_id, [told], now=now)
    deed = Deed(
        "commitment.corrected", f"commitment:{commitment_id}", after={"cycle": number, "reason": because}
    )
    await audit.record(session, actor, deed, now=now)
    await renegotiating.follow(session, [commitment], now=now)
    return commitment
