"""Use cases of this slice: object, decide, withdraw; and how soon that is decided. Load, decide, save.

Whoever calls holds the request's row locked, and lets the ladders of the promises that are returned follow.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from service import ids
from service.audit import service as audit
from service.audit.domain import Actor
from service.commitments import duties
from service.commitments.domain import Level
from service.commitments.models import Commitment
from service.db import TenantSession
from service.ids import ClientId, ObjectionId
from service.limits import service as limits
from service.limits.domain.table import OPEN_OBJECTIONS
from service.outbox import service as outbox
from service.rationalization.matters import Matter
from service.rationalization.objections import domain, models, promising, store, telling
from service.rationalization.objections.domain import Barred, Decided, Refusal, Standing, State, Withdrawn
from service.rationalization.objections.errors import (
    ObjectionDeciderInvolved,
    ObjectionExists,
    ObjectionFinal,
    ObjectionOfAnother,
    ObjectionSettled,
)
from service.rationalization.objections.models import Objection, ObjectionEntryRow, Plea, Ruled
from service.rationalization.objections.promising import Owed
from service.rationalization.objections.store import Sought

__all__ = [
    "Changed",
    "Concern",
    "Sought",
    "entries",
    "get",
    "list_objections",
    "raise_objection",
    "settle",
    "withdraw",
]

NO_LONGER = "whoever objected does so no more"


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """What an objection is about.

    Attributes:
        client_id: the client organization that is told of the subject, if any.
        level: of the promise to decide: the tenant's own affair where no client is told of the subject.
        ruled: the decision that is objected to, or by which it was promised.
    """

    matter: Matter
    client_id: ClientId | None
    level: Level
    ruled: Ruled


@dataclass(frozen=True, slots=True)
class Changed:
    """An objection, and the promise that ladders are to follow now."""

    objection: Objection
    commitments: tuple[Commitment, ...]


async def raise_objection(
    session: TenantSession, actor: Actor, plea: Plea, concern: Concern, *, now: datetime
) -> Changed:
    """Record that somebody objects, and promise that it is decided.

    Raises:
        ObjectionFinal, ObjectionExists, OpenObjectionsTooMany
    """
    before = await store.decided_on(session, plea.subject, concern.ruled.decision_id)
    if before is not None:
        raise ObjectionFinal(ObjectionId(before.id), before.state, before.reason or "")
    request_id = concern.matter.request_id
    await limits.make_room(session, OPEN_OBJECTIONS, lambda: store.open_count(session, request_id))
    objection_id = ObjectionId(ids.new_id())
    owed = Owed(
        objection_id=objection_id,
        matter=concern.matter,
        client_id=concern.client_id,
        level=concern.level,
        by=actor.name,
    )
    promise = await promising.promise(session, owed, now=now)
    made = Objection(
        id=objection_id,
        plea=plea,
        ruled=concern.ruled,
        request_id=request_id,
        client_id=concern.client_id,
        service_id=concern.matter.service_id,
        commitment_id=promise.id,
        raised_by=actor.name,
        raised_at=now,
        standing=Standing(state=State.OPEN, since=now, due_at=promise.due_at or now),
        sequence=1,
    )
    if not await store.add(session, models.columns(made)):
        raise ObjectionExists(plea.subject.kind.value)
    said = {"cause": plea.cause.value, "words": plea.words, "asks_for": plea.asks_for}
    if actor.is_application and actor.client_id is not None:
        said["client_id"] = str(actor.client_id)
    await _note(session, made, "raised", actor, said, now=now)
    await outbox.append(session, [telling.event("raised", made, concern.matter, now)])
    await audit.record(session, actor, telling.deed("raised", made), now=now)
    return Changed(made, (promise,))


async def settle(
    session: TenantSession,
    actor: Actor,
    objection_id: ObjectionId,
    decided: Decided,
    *,
    barred: Barred,
    matter: Matter,
) -> Changed:
    """Decide on an objection, as a member who has no part in it.

    Raises:
        ObjectionNotFound, ObjectionSettled, ObjectionDeciderInvolved
    """
    before = (await store.get(session, objection_id, lock=True)).to_domain()
    match domain.refusal(before.standing, decided, barred):
        case Refusal.SETTLED:
            raise ObjectionSettled(objection_id, before.standing.state)
        case None:
            pass
        case part:
            raise ObjectionDeciderInvolved(part)
    after = replace(before, standing=domain.after(before.standing, decided), decided_by=actor.name)
    promises = await duties.fulfil(session, before.commitment_id, now=decided.at)
    said = {"upholds": decided.upholds, "reason": decided.reason}
    after = await _ended(session, actor, (before, after), said, matter=matter)
    return Changed(after, tuple(promises))


async def withdraw(
    session: TenantSession, actor: Actor, objection_id: ObjectionId, withdrawn: Withdrawn, *, matter: Matter
) -> Changed:
    """Object no more.

    Raises:
        ObjectionNotFound, ObjectionOfAnother, ObjectionSettled
    """
    before = (await store.get(session, objection_id, lock=True)).to_domain()
    if not before.is_of(actor, raised_for=await store.raised_for(session, objection_id)):
        raise ObjectionOfAnother
    if domain.refusal(before.standing, withdrawn, domain.NOBODY) is not None:
        raise ObjectionSettled(objection_id, before.standing.state)
    after = replace(before, standing=domain.after(before.standing, withdrawn))
    promises = await duties.cancel(session, before.commitment_id, NO_LONGER, now=withdrawn.at)
    after = await _ended(session, actor, (before, after), {}, matter=matter)
    return Changed(after, tuple(promises))


async def get(session: TenantSession, objection_id: ObjectionId, *, client_id: ClientId | None) -> Objection:
    """One of them; with a `client_id`, only if it is that client's. Raises ObjectionNotFound."""
    return (await store.get(session, objection_id, client_id=client_id)).to_domain()


async def list_objections(
    session: TenantSession, sought: Sought, *, before: UUID | None, limit: int, now: datetime
) -> list[Objection]:
    """Objections, the youngest first."""
    rows = await store.listed(session, sought, before=before, limit=limit, now=now)
    return [row.to_domain() for row in rows]


async def entries(session: TenantSession, objection_id: ObjectionId) -> list[ObjectionEntryRow]:
    """What was said of one, in its order."""
    return await store.entries(session, objection_id)


async def _ended(
    session: TenantSession,
    actor: Actor,
    change: tuple[Objection, Objection],
    said: dict[str, Any],
    *,
    matter: Matter,
) -> Objection:
    """Write the end of an objection, from what it was to what it is."""
    before, after = change[0], replace(change[1], sequence=change[0].sequence + 1)
    now = after.standing.since
    kind = "withdrawn" if after.standing.state is State.WITHDRAWN else "decided"
    await store.save(session, after)
    await _note(session, after, kind, actor, said, now=now)
    await outbox.append(session, [telling.event(kind, after, matter, now)])
    await audit.record(session, actor, telling.deed(kind, after, before=before), now=now)
    return after


async def _note(
    session: TenantSession,
    objection: Objection,
    kind: str,
    actor: Actor,
    said: dict[str, Any],
    *,
    now: datetime,
) -> None:
    """Append what was said to the objection's entries."""
    row = {
        "objection_id": objection.id,
        "client_id": objection.client_id,
        "number": objection.sequence,
        "kind": kind,
        "at": now,
        "by": actor.name,
        "detail": said,
    }
    await store.add_entry(session, row)
