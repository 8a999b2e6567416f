"""What follows from what is said in a renegotiation: the promise beside the original, events, wake-ups."""

from dataclasses import dataclass, replace
from datetime import datetime

from service import ids
from service.commitments import service as commitments
from service.commitments.domain import ClockState, EntryId, Origin
from service.commitments.errors import CommitmentEnded
from service.commitments.models import Commitment, Made
from service.commitments.renegotiation import domain, proposing, revising, store, telling
from service.commitments.renegotiation.domain import Answered, Entry, Settled, State, Withdrawn
from service.commitments.renegotiation.models import Renegotiation, RenegotiationRow
from service.commitments.service import Account, Offer
from service.db import TenantSession
from service.ids import CommitmentId, DecisionId
from service.outbox import service as outbox
from service.wakeups import service as wakeups
from service.wakeups.models import WakeUp


@dataclass(frozen=True, slots=True)
class Changed:
    """A renegotiation, and the promises that ladders are to follow now.

    Attributes:
        commitments: the original, and what was promised beside it; none where nothing changed for them.
        declined: whether it came to stand as declined just now.
    """

    renegotiation: Renegotiation
    commitments: tuple[Commitment, ...] = ()
    declined: bool = False


def with_entry(renegotiation: Renegotiation, entry: Entry) -> Renegotiation:
    """The same with what was said now; whether that is taken is for the caller to have asked."""
    standing = domain.standing([*renegotiation.entries, entry], entry.at)
    match entry:
        case Answered():
            return replace(renegotiation, standing=standing, answer=entry)
        case Settled():
            return replace(renegotiation, standing=standing, settlement=entry)
        case Withdrawn():
            return replace(renegotiation, standing=standing, withdrawal=entry)
        case _:
            raise ValueError("what is proposed begins a renegotiation")


async def withdrawn(session: TenantSession, row: RenegotiationRow, entry: Withdrawn) -> Renegotiation:
    """Write that what was proposed is proposed no more; the row is locked."""
    after = with_entry(row.to_domain(), entry)
    return await _written(session, row, after, "withdrawn", at=entry.at)


async def stood(
    session: TenantSession, row: RenegotiationRow, after: Renegotiation, kind: str, *, now: datetime
) -> Changed:
    """Write where a renegotiation came to stand, with what is promised if it is understood.

    Args:
        session: of the tenant; the caller holds the rows of the request and of the renegotiation locked.
        row: as it was.
        after: as it is.
        kind: of the event that tells of it.
        now: the tenant's now.

    Raises:
        CommitmentEnded: there is nothing left to put a promise beside.
    """
    if after.standing.state not in (State.UNDERSTOOD, State.DECLINED):
        return Changed(await _written(session, row, after, kind, at=after.standing.since))
    account = await commitments.get(session, after.commitment_id, client_id=None, now=now)
    if account.standing.current.clock is ClockState.STOPPED:
        raise CommitmentEnded(after.commitment_id)
    made: list[Commitment] = []
    if after.standing.state is State.UNDERSTOOD:
        made = await _promise_beside(session, account, after, now=now)
        after = replace(after, revised_id=made[0].id)
    written = await _written(session, row, after, kind, at=after.standing.since)
    return Changed(written, (account.commitment, *made), declined=after.standing.state is State.DECLINED)


async def _promise_beside(
    session: TenantSession, account: Account, after: Renegotiation, *, now: datetime
) -> list[Commitment]:
    original, judged, at = account.commitment, account.standing.current, after.standing.since
    known = await proposing.calendars_of(session, judged.terms)
    offer = Offer(
        request_id=original.request_id,
        client_id=original.client_id,
        service_id=original.service_id,
        terms=(revising.revised_terms(judged, after.standing.due_at, known, at),),
        decision_id=DecisionId(after.id),
        at=at,
        source_sequence=0,
        received_at=now,
        entry_id=EntryId(str(ids.new_id())),
        made=Made(
            origin=Origin.RENEGOTIATION,
            what=original.made.what,
            by=after.proposed_by,
            to=original.made.to,
            revises=CommitmentId(original.id),
            ladder=original.made.ladder,
        ),
        peers=original.peers,
    )
    return await commitments.make(session, offer, now=now)


async def _written(
    session: TenantSession, row: RenegotiationRow, after: Renegotiation, kind: str, *, at: datetime
) -> Renegotiation:
    after = replace(after, sequence=after.sequence + 1)
    await store.save(session, row, after)
    await outbox.append(session, [telling.event(kind, after, at)])
    await sleep(session, after, now=at)
    return after


async def sleep(session: TenantSession, renegotiation: Renegotiation, *, now: datetime) -> None:
    """Set the wake-up at which silence counts, or remove it."""
    wake_up = domain.next_wake_up(renegotiation.entries, now)
    if wake_up is None:
        await wakeups.cancel(session, telling.SUBJECT_KIND, [renegotiation.id])
    else:
        await wakeups.schedule(session, [WakeUp(telling.SUBJECT_KIND, renegotiation.id, wake_up)])
