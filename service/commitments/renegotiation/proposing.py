"""What must hold for a promise to be renegotiated, and what is proposed instead of it."""

from datetime import datetime
from uuid import UUID

from service import ids
from service.audit.domain import Actor
from service.calendars import service as calendars
from service.calendars.domain import BeyondHorizon
from service.commitments import service as commitments
from service.commitments.domain import Calendars, ClockState, ElapsedTarget, Level, Origin, Terms
from service.commitments.errors import CommitmentEnded
from service.commitments.renegotiation import revising, store
from service.commitments.renegotiation.domain import Standing, State
from service.commitments.renegotiation.errors import (
    CommitmentRevised,
    RenegotiatedTooOften,
    RenegotiationInvalid,
)
from service.commitments.renegotiation.links import Link
from service.commitments.renegotiation.models import Renegotiation
from service.commitments.renegotiation.revising import CHAIN_MAX, Proposal
from service.commitments.service import Account
from service.db import TenantSession
from service.errors import Fault
from service.ids import CommitmentId, RenegotiationId


async def refuse_unless_open(session: TenantSession, account: Account, *, now: datetime) -> None:
    """Raises CommitmentEnded, CommitmentRevised, RenegotiatedTooOften."""
    commitment = account.commitment
    if account.standing.current.clock is ClockState.STOPPED:
        raise CommitmentEnded(commitment.id)
    before = await store.understood_of(session, commitment.id)
    if before is not None and before.revised_id is not None:
        revised_id = CommitmentId(before.revised_id)
        beside = await commitments.get(session, revised_id, client_id=None, now=now)
        if beside.standing.current.clock is not ClockState.STOPPED:
            raise CommitmentRevised(commitment.id, revised_id)
    if await _length_of_chain(session, account, now=now) >= CHAIN_MAX:
        raise RenegotiatedTooOften(commitment.id, CHAIN_MAX)


async def proposed(
    session: TenantSession, actor: Actor, account: Account, proposal: Proposal, *, now: datetime
) -> Renegotiation:
    """The renegotiation that begins with this, not written yet. Raises RenegotiationInvalid."""
    commitment, judged = account.commitment, account.standing.current
    if proposal.link_secret is not None and judged.terms.level is not Level.SLA:
        detail = f"An {judged.terms.level.value} is not promised to the requester, who is given no link."
        raise RenegotiationInvalid([Fault("/link", detail)])
    known = await calendars_of(session, judged.terms)
    due_at = _due_at(proposal, judged.terms, known, now)
    found = revising.proposed(proposal, due_at, judged, known, now)
    if isinstance(found, list):
        raise RenegotiationInvalid(found)
    renegotiation_id, secret = RenegotiationId(ids.new_id()), proposal.link_secret
    return Renegotiation(
        id=renegotiation_id,
        commitment_id=commitment.id,
        request_id=commitment.request_id,
        client_id=commitment.client_id if judged.terms.level is Level.SLA else None,
        metric=commitment.metric,
        cycle=judged.cycle,
        proposed_by=actor.name,
        proposed=found,
        working_distance=revising.working_distance(found, judged.terms, known),
        standing=Standing(state=State.WAITING, since=now, due_at=due_at),
        link_sha256=None if secret is None else Link(session.tenant_id, renegotiation_id, secret).sha256,
        sequence=1,
    )


async def calendars_of(session: TenantSession, terms: Terms) -> Calendars:
    """What these terms count by."""
    if terms.calendar is None:
        return {}
    return {terms.calendar: await calendars.working_time(session, UUID(terms.calendar))}


def _due_at(proposal: Proposal, terms: Terms, known: Calendars, now: datetime) -> datetime:
    if isinstance(proposal.due, datetime):
        return proposal.due
    if terms.calendar is None and not isinstance(proposal.due, ElapsedTarget):
        detail = "The promise counts by no calendar: propose elapsed_time, or an instant as due_at."
        raise RenegotiationInvalid([Fault("/target/unit", detail)])
    try:
        return revising.due_of(proposal.due, terms, known, now)
    except BeyondHorizon as error:
        detail = "The promise's calendar opens too seldom for this; propose less, or an instant as due_at."
        raise RenegotiationInvalid([Fault("/target", detail)]) from error


async def _length_of_chain(session: TenantSession, account: Account, *, now: datetime) -> int:
    """How many promises stand in place of the first one, this one included."""
    length, made = 0, account.commitment.made
    while made.origin is Origin.RENEGOTIATION and made.revises is not None and length < CHAIN_MAX:
        length += 1
        made = (await commitments.get(session, made.revises, client_id=None, now=now)).commitment.made
    return length
