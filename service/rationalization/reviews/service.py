"""Use cases of reviews: one is owed when work was done, withdrawn when it goes on, and concluded by a result.

That a review is owed is a promise like any other: its warnings, its breach and its ladder are those of
`commitments` and `escalations`. The caller holds the request's row locked, and has ladders follow the
promises that are returned.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from service import ids
from service.audit import service as audit
from service.audit.domain import ROOTED, Actor, Deed
from service.commitments import duties
from service.commitments.models import Commitment
from service.db import TenantSession
from service.ids import ArrangementId, RequestId, ReviewId
from service.outbox import service as outbox
from service.outbox.models import EventDraft
from service.rationalization.matters import Matter
from service.rationalization.reviews import models, promising, store
from service.rationalization.reviews.domain import Concluded, Findings, Review, State, counts
from service.rationalization.reviews.errors import ReviewOver, ReviewOwed
from service.rationalization.reviews.store import Sought
from service.rationalization.verdicts import Review as Wanted

SUBJECT_KIND = "review"

__all__ = [
    "SUBJECT_KIND",
    "Changed",
    "Concluded",
    "Findings",
    "Sought",
    "conclude",
    "get",
    "list_reviews",
    "owe",
    "put_off_by",
    "start",
    "withdraw",
]


@dataclass(frozen=True, slots=True)
class Changed:
    """A review after something was done about it, and the promises that ladders have to follow."""

    review: Review
    commitments: tuple[Commitment, ...] = ()


async def owe(
    session: TenantSession, matter: Matter, arrangement_id: ArrangementId, review: Wanted, *, now: datetime
) -> list[Commitment]:
    """Have work reviewed that was done; nothing where a review of it is owed already.

    Args:
        session: of the tenant, or of the client whose request it is.
        matter: the request that was resolved or closed.
        arrangement_id: of the verdict that asks for the review.
        review: by when, counted from now.
        now: the tenant's now.
    """
    if await store.owed(session, matter.request_id) is not None:
        return []
    changed = await _begin(session, ROOTED, matter, review, arrangement_id=arrangement_id, now=now)
    return list(changed.commitments)


async def start(
    session: TenantSession, actor: Actor, matter: Matter, review: Wanted | None, *, now: datetime
) -> Changed:
    """Have work reviewed because a person asks for it.

    Args:
        session: of the tenant.
        actor: who asks for it.
        matter: the request that was resolved or closed.
        review: by when, if anybody says so.
        now: the tenant's now.

    Raises:
        ReviewOwed, CalendarsUnknown
    """
    if (owed := await store.owed(session, matter.request_id)) is not None:
        raise ReviewOwed(matter.request_id, ReviewId(owed.id))
    changed = await _begin(session, actor, matter, review, arrangement_id=None, now=now)
    deed = Deed("review.owed", _label(changed.review), after=_fields(changed.review))
    await audit.record(session, actor, deed, now=now)
    return changed


async def withdraw(
    session: TenantSession, matter: Matter, *, because: str, now: datetime
) -> list[Commitment]:
    """The work goes on after all: a review that is owed of it is not owed any more."""
    row = await store.owed(session, matter.request_id)
    if row is None:
        return []
    review = row.to_domain()
    withdrawn = replace(review, state=State.WITHDRAWN, because=because, version=review.version + 1)
    await store.change(session, review.id, models.changing_columns(withdrawn))
    promises = await duties.cancel(session, withdrawn.commitment_id, because, now=now)
    await _tell(session, matter, withdrawn, "review.withdrawn", now=now)
    return promises


async def put_off_by(session: TenantSession, request_id: RequestId) -> ArrangementId | None:
    """The verdict that asked for the last review of a request, if that was withdrawn as the work went on."""
    row = await store.last(session, request_id)
    if row is None or row.state != State.WITHDRAWN.value or row.arrangement_id is None:
        return None
    return ArrangementId(row.arrangement_id)


async def conclude(
    session: TenantSession, actor: Actor, matter: Matter, review_id: ReviewId, concluded: Concluded
) -> Changed:
    """Record what was found. It takes the place of what was found of the same request before.

    Args:
        session: of the tenant.
        actor: who reviewed it, somebody other than who did the work.
        matter: the request whose work it is.
        review_id: of one that is owed.
        concluded: what was found; the caller has seen that it can be kept: see `domain.faults_of`.

    Raises:
        ReviewNotFound, ReviewOver
    """
    before = (await store.get(session, review_id, lock=True)).to_domain()
    if before.state is not State.OWED:
        raise ReviewOver(review_id)
    now = concluded.at
    review = replace(before, state=State.DONE, concluded=concluded, version=before.version + 1)
    await store.supersede(session, review.request_id, now=now)
    await store.add_result(session, _result_columns(matter, review_id, concluded))
    await store.change(session, review.id, models.changing_columns(review))
    promises = await duties.fulfil(session, review.commitment_id, now=now)
    deed = Deed("review.done", _label(review), before=_fields(before), after=_fields(review))
    await audit.record(session, actor, deed, now=now)
    return Changed(await _tell(session, matter, review, "review.done", now=now), tuple(promises))


async def get(session: TenantSession, review_id: ReviewId) -> Review:
    """One review. Raises ReviewNotFound."""
    row = await store.get(session, review_id)
    return row.to_domain((await store.results(session, [row.id])).get(row.id))


async def list_reviews(
    session: TenantSession, sought: Sought, *, before: UUID | None, limit: int
) -> list[Review]:
    """Reviews, the youngest first."""
    rows = await store.listed(session, sought, before=before, limit=limit)
    results = await store.results(session, [row.id for row in rows])
    return [row.to_domain(results.get(row.id)) for row in rows]


async def _begin(
    session: TenantSession,
    actor: Actor,
    matter: Matter,
    wanted: Wanted | None,
    *,
    arrangement_id: ArrangementId | None,
    now: datetime,
) -> Changed:
    review_id = ReviewId(ids.new_id())
    promises = await promising.promise(session, actor, matter, wanted, review_id=review_id, now=now)
    review = Review(
        id=review_id,
        request_id=matter.request_id,
        client_id=matter.client_id,
        service_id=matter.service_id,
        type=matter.type,
        arrangement_id=arrangement_id,
        commitment_id=promises[0].id if promises else None,
        state=State.OWED,
        because=None,
        owed_by=actor.name,
        owed_at=now,
        concluded=None,
        version=1,
        sequence=0,
    )
    await store.add(session, models.columns(review))
    return Changed(await _tell(session, matter, review, "review.owed", now=now), tuple(promises))


async def _tell(
    session: TenantSession, matter: Matter, review: Review, kind: str, *, now: datetime
) -> Review:
    told = replace(review, sequence=review.sequence + 1)
    draft = EventDraft(
        type=kind,
        subject_kind=SUBJECT_KIND,
        subject_id=told.id,
        sequence=told.sequence,
        occurred_at=now,
        payload={
            "review_id": told.id,
            "source": matter.source,
            "external_id": matter.external_id,
            **_fields(told),
        },
        client_id=told.client_id,
    )
    await outbox.append(session, [draft])
    await store.change(session, told.id, {"sequence": told.sequence})
    return told


def _result_columns(matter: Matter, review_id: ReviewId, concluded: Concluded) -> dict[str, Any]:
    return {
        "id": ids.new_id(),
        "review_id": review_id,
        "request_id": matter.request_id,
        "service_id": matter.service_id,
        "is_change": counts(matter.type, concluded.findings.result),
        "improvement_id": concluded.improvement_id,
        "reviewed_by": concluded.by,
        "reviewed_at": concluded.at,
        "superseded_at": None,
        **models.findings_columns(concluded.findings),
    }


def _fields(review: Review) -> dict[str, Any]:
    """What the audit trail and events say of it."""
    concluded = review.concluded
    found: dict[str, Any] = {} if concluded is None else models.findings_columns(concluded.findings)
    return {
        "request_id": review.request_id,
        "service_id": review.service_id,
        "arrangement_id": review.arrangement_id,
        "commitment_id": review.commitment_id,
        "state": review.state.value,
        "state_reason": review.because,
        **found,
    }


def _label(review: Review) -> str:
    return f"{SUBJECT_KIND}:{review.id}"
