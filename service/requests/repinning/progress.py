"""How a repinning goes on: request by request, each in a transaction of its own under its lock."""

from dataclasses import dataclass, replace
from datetime import datetime

from service import ids
from service.calendars import service as calendars
from service.db import TenantSession
from service.errors import ServiceError
from service.ids import CalendarVersionId, EventId, RepinningId, RequestId
from service.requests import service as requests
from service.requests import store as requests_store
from service.requests.domain import Decision, EventType, Recount, Repinned, Request, RequestEvent
from service.requests.repinning import domain, ending, store
from service.requests.repinning.domain import UNDER_WAY, Phase, PromiseChange
from service.requests.repinning.errors import RulesLeftAside, TermsImpossible
from service.requests.repinning.models import (
    Outcome,
    Repinning,
    RepinningRow,
    RequestChange,
    RuleChange,
    RuleRef,
)
from service.rules import service as rules
from service.rules.service import Rulebook

AFTER_ALL = 2**53
"""The sequence of the event: whatever a request's source tells of the same instant comes before it."""

UNFORESEEN = "it failed for a reason that the worker's log names"


class RequestNotRepinned(Exception):
    """Putting a request on the version failed: roll the transaction back, and have the failure recorded."""

    def __init__(self, request_id: RequestId, reason: str) -> None:
        super().__init__(f"request {request_id} was not repinned: {reason}")
        self.request_id = request_id
        self.reason = reason


@dataclass(frozen=True, slots=True)
class _Looked:
    """What was found at a request that the version means something to."""

    request: Request
    rules: RuleChange
    promises: tuple[PromiseChange, ...]


async def advance(
    session: TenantSession, rulebook: Rulebook, repinning_id: RepinningId, *, now: datetime
) -> bool:
    """Take one step, safe to repeat: what is done and how far one is are written together.

    Returns:
        Whether there may be another step.

    Raises:
        RepinningNotFound
        RequestNotRepinned: roll back, have the failure recorded, and go on.
    """
    row = await store.get(session, repinning_id, lock=True)
    held = row.to_domain()
    if held.phase not in UNDER_WAY:
        return False
    obstacle = await _obstacle(session, held, now=now)
    if obstacle is not None:
        ended = await ending.end(session, held, Phase.FAILED, actor=held.actor, reason=obstacle, now=now)
        await store.save(session, ended, last_request_id=row.last_request_id)
        return False
    if held.phase is Phase.QUEUED:
        await _begin(session, row, held)
        return True
    return await _go_on(session, rulebook, row, held, now=now)


async def record_failure(
    session: TenantSession, repinning_id: RepinningId, failure: RequestNotRepinned
) -> None:
    """Keep that a request failed, so that the others have their turn."""
    row = await store.get(session, repinning_id, lock=True)
    held = row.to_domain()
    if held.phase not in UNDER_WAY:
        return
    request = (await requests_store.get(session, failure.request_id, client_id=None)).to_domain()
    before = await store.failure(session, repinning_id, request.id)
    tries = 1 if before is None else before.tries + 1
    change = RequestChange(
        id=ids.new_id(),
        request_id=request.id,
        client_id=request.client_id,
        outcome=Outcome.FAILED,
        tries=tries,
        reason=failure.reason,
    )
    await store.put_change(session, repinning_id, change)
    if before is not None:
        return
    counted = replace(held, done=held.done + 1, failed=held.failed + 1)
    await store.save(session, counted, last_request_id=request.id)


async def _obstacle(session: TenantSession, held: Repinning, *, now: datetime) -> str | None:
    """Why it cannot go on: the version that requests are put on must be the one in effect."""
    subject, current = held.subject, None
    if subject.policy_id is not None:
        ref = await rules.version_in_effect(session, subject.policy_id, now=now)
        current = None if ref is None else ref.version_id
    elif subject.calendar_id is not None:
        current = (await calendars.get(session, subject.calendar_id)).current.id
    return None if current == subject.version_id else f"version {subject.version} is in effect no more"


async def _begin(session: TenantSession, row: RepinningRow, held: Repinning) -> None:
    total = held.total
    if total is None:
        total = await store.running_count(session, held.reach, until=held.created_at)
    begun = replace(held, phase=Phase.RUNNING, total=total)
    await store.save(session, begun, last_request_id=row.last_request_id)


async def _go_on(
    session: TenantSession, rulebook: Rulebook, row: RepinningRow, held: Repinning, *, now: datetime
) -> bool:
    """The next request; when there is none, one of those that failed; when there is none, the end."""
    following = await store.next_running(
        session, held.reach, until=held.created_at, after=row.last_request_id
    )
    if following is not None:
        counted = await _with(session, rulebook, held, following, now=now)
        counted = replace(counted, done=held.done + 1)
        await store.save(session, counted, last_request_id=following)
        return True
    failed = await store.next_failed(session, held.id)
    if failed is not None:
        await store.drop_change(session, held.id, failed)
        counted = await _with(session, rulebook, held, failed, now=now)
        counted = replace(counted, failed=held.failed - 1)
        await store.save(session, counted, last_request_id=row.last_request_id)
        return True
    ended = await ending.end(session, held, Phase.DONE, actor=held.actor, now=now)
    await store.save(session, ended, last_request_id=row.last_request_id)
    return False


async def _with(
    session: TenantSession, rulebook: Rulebook, held: Repinning, request_id: RequestId, *, now: datetime
) -> Repinning:
    """The repinning with what was found at a request, which is kept. Raises RequestNotRepinned."""
    try:
        looked = await _look(session, rulebook, held, request_id, now=now)
    except ServiceError as error:
        raise RequestNotRepinned(request_id, str(error)) from error
    except Exception as error:
        raise RequestNotRepinned(request_id, UNFORESEEN) from error
    if looked is None:
        return held
    counted = replace(held, repinned=held.repinned + 1)
    if not looked.promises:
        return counted
    change = RequestChange(
        id=ids.new_id(),
        request_id=request_id,
        client_id=looked.request.client_id,
        outcome=Outcome.CHANGED,
        rules=looked.rules,
        promises=looked.promises,
    )
    await store.put_change(session, held.id, change)
    return replace(counted, changed=held.changed + 1, promises=held.promises.plus(looked.promises))


async def _look(
    session: TenantSession, rulebook: Rulebook, held: Repinning, request_id: RequestId, *, now: datetime
) -> _Looked | None:
    """What the version changes at a request, which is put on it unless this is a preview.

    None when it means nothing to the request, or when nothing of it runs any more.
    """
    at = held.created_at if held.is_preview else now
    row = await requests_store.get(session, request_id, client_id=None, lock=not held.is_preview)
    if not await store.is_running(session, held.reach, request_id, until=held.created_at):
        return None
    request, event = row.to_domain(), await _event(session, held, at)
    foreseen = await requests.foresee(session, rulebook, request, event, now=at)
    before = foreseen.before[-1] if foreseen.before else None
    if domain.was_left_aside(foreseen.decision):
        raise RulesLeftAside(request_id)
    if not domain.concerns(held.subject, held=before, anew=foreseen.decision):
        return None
    if not foreseen.can_be_followed:
        raise TermsImpossible(request_id)
    if not held.is_preview:
        await requests.append(session, rulebook, request, event, held.actor, now=at)
    found = RuleChange(_rule(before), _rule(foreseen.decision))
    return _Looked(request, found, tuple(domain.changes(foreseen.promised)))


async def _event(session: TenantSession, held: Repinning, at: datetime) -> RequestEvent:
    subject, recount = held.subject, None
    if subject.calendar_id is not None:
        calendar = await calendars.get(session, subject.calendar_id)
        recount = Recount(calendar.name, CalendarVersionId(subject.version_id))
    return RequestEvent(
        id=EventId(ids.new_id()),
        type=EventType.REPINNED,
        occurred_at=at,
        source_sequence=AFTER_ALL,
        received_at=at,
        repinned=Repinned(
            repinning_id=held.id, by=held.actor.name, policy_id=subject.policy_id, recount=recount
        ),
    )


def _rule(decision: Decision | None) -> RuleRef | None:
    if decision is None or decision.policy_version_id is None or decision.rule_id is None:
        return None
    return RuleRef(decision.policy_version_id, decision.rule_id)
