"""Runs of ladders with what stands above them: the request that a step may give to another group.

Whoever tells by a step holds the rows of the request, of the promise and of the run locked, in this order.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from service import ids
from service.audit.domain import ROOTED
from service.commitments import service as commitments
from service.commitments.domain import ClockState
from service.commitments.errors import CommitmentNotFound
from service.commitments.models import Commitment
from service.db import TenantSession
from service.escalations.runs import acting, climbing
from service.escalations.runs import service as runs
from service.escalations.runs.errors import NothingToEscalate
from service.escalations.runs.models import Responder
from service.escalations.runs.service import Start
from service.ids import CommitmentId, EscalationId, EventId, RequestId
from service.requests import affairs, renegotiating, service, store
from service.requests.domain import EventType, RequestEvent
from service.requests.holding import AFTER_ALL
from service.rules.service import Rulebook


async def look_at_promise(session: TenantSession, subject_id: UUID, /, *, now: datetime) -> None:
    """Look at a promise whose wake-up has come, with all that follows from where it stands."""
    commitment = await commitments.advance(session, subject_id, now=now)
    await renegotiating.follow(session, [commitment], now=now)


async def look_at_request(session: TenantSession, subject_id: UUID, /, *, now: datetime) -> None:
    """Have the ladders of a request follow what a client's own transaction changed."""
    request_id = RequestId(subject_id)
    await store.get(session, request_id, client_id=None, lock=True)
    promised = await commitments.record(session, request_id, [], now=now)
    await runs.catch_up(session, promised, now=now)


async def advance(session: TenantSession, subject_id: UUID, *, rulebook: Rulebook, now: datetime) -> None:
    """Tell what is due of a run. Safe to repeat: it locks and decides again.

    Args:
        session: of the tenant.
        subject_id: of the run.
        rulebook: decides anew where a step gives the request to another group.
        now: the tenant's now.

    Raises:
        EscalationNotFound
    """
    escalation_id = EscalationId(subject_id)
    commitment = await _locked(session, escalation_id, now=now)
    await _climb(session, rulebook, escalation_id, commitment, now=now)


async def start(
    session: TenantSession,
    rulebook: Rulebook,
    responder: Responder,
    request_id: RequestId,
    wanted: Start,
    *,
    now: datetime,
) -> EscalationId:
    """Begin a ladder by hand, and tell its first step.

    Args:
        session: of the tenant.
        rulebook: decides anew where a step gives the request to another group.
        responder: who begins it.
        request_id: the request.
        wanted: what is begun.
        now: the tenant's now.

    Raises:
        RequestNotFound, CommitmentNotFound, NothingToEscalate, EscalationInvalid, EscalationUnderWay
    """
    request = (await store.get(session, request_id, client_id=None, lock=True)).to_domain()
    promised = await commitments.record(session, request_id, [], now=now)
    commitment = _chosen(promised, wanted.commitment_id)
    affair = affairs.of(request, None)
    escalation_id = await runs.start(session, responder, affair, commitment, wanted, now=now)
    await _climb(session, rulebook, escalation_id, commitment, now=now)
    return escalation_id


async def raise_to(
    session: TenantSession,
    rulebook: Rulebook,
    responder: Responder,
    escalation_id: EscalationId,
    step: str,
    *,
    now: datetime,
) -> None:
    """Go up to a step by hand, and tell it.

    Raises:
        EscalationNotFound, EscalationOver, EscalationInvalid
    """
    commitment = await _locked(session, escalation_id, now=now)
    await acting.raise_to(session, responder, escalation_id, step, now=now)
    await _climb(session, rulebook, escalation_id, commitment, now=now)


async def _locked(session: TenantSession, escalation_id: EscalationId, *, now: datetime) -> Commitment:
    """Lock the request and the promise of a run, and see where the promise stands now."""
    run = await runs.find(session, escalation_id)
    await store.get(session, run.request_id, client_id=None, lock=True)
    commitment = await commitments.advance(session, run.commitment_id, now=now)
    await renegotiating.follow(session, [commitment], now=now)
    return commitment


async def _climb(
    session: TenantSession,
    rulebook: Rulebook,
    escalation_id: EscalationId,
    commitment: Commitment,
    *,
    now: datetime,
) -> None:
    """Tell what is due, and give the request to whichever group a step says."""
    for group in await climbing.climb(session, escalation_id, commitment, now=now):
        request = (await store.get(session, commitment.request_id, client_id=None, lock=True)).to_domain()
        if request.facts.get("assignment_group") == group:
            continue
        event = RequestEvent(
            id=EventId(ids.new_id()),
            type=EventType.CHANGED,
            occurred_at=max(now, request.opened_at),
            source_sequence=AFTER_ALL,
            received_at=now,
            facts={"assignment_group": group, "assignee": None},
        )
        await service.append(session, rulebook, request, event, ROOTED, now=now)


def _chosen(promised: Sequence[Commitment], commitment_id: CommitmentId | None) -> Commitment:
    """The promise to climb for: the one that was asked for, else the one that is due next."""
    if commitment_id is not None and commitment_id not in {each.id for each in promised}:
        raise CommitmentNotFound(commitment_id)
    replaced = {each.made.revises for each in promised}
    running = [
        each
        for each in promised
        if each.clock is not ClockState.STOPPED
        and (each.id == commitment_id or (commitment_id is None and each.id not in replaced))
    ]
    if not running:
        raise NothingToEscalate
    return min(running, key=lambda each: (each.due_at is None, each.due_at or each.started_at, each.id))
