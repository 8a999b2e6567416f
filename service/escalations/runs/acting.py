"""What people do with a run: take it, put it off, give it away, go up, end it. Load, decide, save."""

from datetime import datetime, timedelta

from service import ids, instants
from service.audit import service as audit
from service.audit.domain import Actor, Deed
from service.commitments import service as commitments
from service.db import TenantSession
from service.errors import Fault
from service.escalations.ladders.domain import Member
from service.escalations.runs import keeping, store, telling, wire
from service.escalations.runs.domain import (
    Acknowledged,
    EndCause,
    Ended,
    Entry,
    HandedOver,
    Raised,
    Reopened,
    Snoozed,
    Standing,
    State,
)
from service.escalations.runs.errors import EscalationInvalid, EscalationOver, EscalationTaken
from service.escalations.runs.keeping import Held
from service.escalations.runs.models import Responder
from service.escalations.runs.telling import Scene, Told
from service.ids import EscalationId, MemberId
from service.people import directory
from service.people import service as people
from service.people.domain import MemberState

HANDED_OVER_FOR = timedelta(minutes=15)
"""How long the run stays quiet for whoever it is handed over to, until they acknowledge it themselves."""

SNOOZE_MAX = timedelta(days=7)


async def responder(
    session: TenantSession, actor: Actor, *, member_id: MemberId | None, by: str | None
) -> Responder:
    """Who acts: the member who calls, or the one for whom an application does.

    Args:
        session: of the tenant.
        actor: as the audit trail calls the caller.
        member_id: the member who calls, if one does.
        by: id or e-mail address of the member that an application acts for.

    Raises:
        EscalationInvalid
    """
    if member_id is not None:
        if by is not None:
            raise EscalationInvalid(Fault("/by", "A member acts as itself; leave it out."))
        return Responder(member_id, actor)
    if by is None:
        said = "Name the member that the application acts for, by id or e-mail address."
        raise EscalationInvalid(Fault("/by", said))
    return Responder((await _active(session, by, "/by")).id, actor)


async def acknowledge(
    session: TenantSession, responder: Responder, escalation_id: EscalationId, *, now: datetime
) -> None:
    """Take it. Whoever has it already has it anew from now on.

    Raises:
        EscalationNotFound, EscalationOver, EscalationTaken
    """
    held, standing = await _held(session, escalation_id, now=now)
    await _refuse_taken(session, held, standing, responder.member_id)
    entry = Acknowledged(**held.when(now), by=responder.member_id)
    await _do(session, responder, held, entry, now=now)


async def snooze(
    session: TenantSession,
    responder: Responder,
    escalation_id: EscalationId,
    *,
    until: datetime,
    now: datetime,
) -> None:
    """Put it off: nothing is told until then.

    Raises:
        EscalationNotFound, EscalationOver, EscalationTaken, EscalationInvalid
    """
    held, standing = await _held(session, escalation_id, now=now)
    await _refuse_taken(session, held, standing, responder.member_id)
    if not now < until <= now + SNOOZE_MAX:
        latest = instants.rfc3339(now + SNOOZE_MAX)
        said = f"It can be put off until an instant after {instants.rfc3339(now)}, up to {latest}."
        raise EscalationInvalid(Fault("/until", said))
    entry = Snoozed(**held.when(now), by=responder.member_id, until=until)
    await _do(session, responder, held, entry, now=now)


async def hand_over(
    session: TenantSession,
    responder: Responder,
    escalation_id: EscalationId,
    *,
    to: str,
    now: datetime,
) -> None:
    """Give it to somebody, named by id or e-mail address, who is told; to oneself, take it from who has it.

    Raises:
        EscalationNotFound, EscalationOver, EscalationInvalid
    """
    held, _ = await _held(session, escalation_id, now=now)
    whom = await _active(session, to, "/to")
    if responder.member_id == whom.id:
        taken = Acknowledged(**held.when(now), by=responder.member_id)
        await _do(session, responder, held, taken, now=now)
        return
    lasts = held.run.snapshot.definition.acknowledged_for
    until = now + (HANDED_OVER_FOR if lasts is None else min(lasts, HANDED_OVER_FOR))
    entry = HandedOver(**held.when(now), by=responder.member_id, to=whom.id, until=until)
    await _do(session, responder, held, entry, now=now, tell=whom)


async def raise_to(
    session: TenantSession,
    responder: Responder,
    escalation_id: EscalationId,
    step: str,
    *,
    now: datetime,
) -> None:
    """Go up to a step: it is to be told at once. Whatever kept the run quiet does so no longer.

    Raises:
        EscalationNotFound, EscalationOver, EscalationInvalid
    """
    held, _ = await _held(session, escalation_id, now=now)
    names = [each.name for each in held.run.snapshot.definition.steps]
    if step not in names:
        raise EscalationInvalid(
            Fault("/step", f"The ladder has no step {step!r}; it has {', '.join(names)}.")
        )
    entry = Raised(**held.when(now), by=responder.member_id, step=names.index(step))
    await _do(session, responder, held, entry, now=now)


async def resolve(
    session: TenantSession,
    responder: Responder,
    escalation_id: EscalationId,
    *,
    reason: str,
    now: datetime,
) -> None:
    """End it: nobody need be told any more. The promise goes on as it is.

    Raises:
        EscalationNotFound, EscalationOver
    """
    held, _ = await _held(session, escalation_id, now=now)
    entry = Ended(**held.when(now), cause=EndCause.RESOLVED, by=responder.member_id, reason=reason)
    await _do(session, responder, held, entry, now=now)


_EVENTS: dict[type[Entry], str] = {
    Acknowledged: "escalation.acknowledged",
    Snoozed: "escalation.snoozed",
    HandedOver: "escalation.handed_over",
    Raised: "escalation.raised",
    Ended: "escalation.ended",
}


async def _active(session: TenantSession, named: str, pointer: str) -> Member:
    """The active member of this id or e-mail address. Raises EscalationInvalid."""
    found = (await directory.named(session, [named])).get(named)
    if found is None or found.state is not MemberState.ACTIVE:
        raise EscalationInvalid(Fault(pointer, f"No active member has the id or e-mail address {named!r}."))
    return Member(found.id, found.name, found.email)


async def _held(
    session: TenantSession, escalation_id: EscalationId, *, now: datetime
) -> tuple[Held, Standing]:
    """A run that is not over, locked. Raises EscalationNotFound, EscalationOver."""
    held = await keeping.hold(session, escalation_id, now=now)
    if held.run.is_over:
        raise EscalationOver(escalation_id, "" if held.run.end_cause is None else held.run.end_cause)
    return held, held.standing([], now)


async def _refuse_taken(session: TenantSession, held: Held, standing: Standing, by: MemberId) -> None:
    """Raises EscalationTaken: somebody else has it."""
    has_it = standing.by
    if standing.state is not State.ACKNOWLEDGED or has_it is None or has_it == by:
        return
    since = max(entry.at for entry in held.ledger if isinstance(entry, Acknowledged) and entry.by == has_it)
    raise EscalationTaken((await people.get_member(session, has_it)).name, since)


async def _do(
    session: TenantSession,
    responder: Responder,
    held: Held,
    entry: Entry,
    *,
    now: datetime,
    tell: Member | None = None,
) -> None:
    """Append what somebody did, tell it, and audit it."""
    scene = await _scene(session, held, now=now)
    events: list[Told] = []
    entries = [entry]
    reopened_at = held.standing([], now).reopened_at
    if reopened_at is not None:
        entries.insert(0, Reopened(**held.when(now)))
        events.append(telling.told("escalation.reopened", scene, {}, at=reopened_at))
    kind = _EVENTS[type(entry)]
    said = wire.detail(entry)
    if isinstance(entry, Raised):
        said["step"] = held.run.snapshot.definition.steps[entry.step].name
    events.append(telling.told(kind, scene, said))
    notices = [] if tell is None else [telling.notice(scene, tell, None)]
    events += [telling.given(notice, tell, scene) for notice in notices if tell is not None]
    await keeping.write(session, held, entries, events, now=now)
    await store.add_notices(session, notices)
    deed = Deed(kind, f"escalation:{held.run.id}", after=said)
    await audit.record(session, responder.actor, deed, now=now)


async def _scene(session: TenantSession, held: Held, *, now: datetime) -> Scene:
    run = held.run
    affair = await store.affair(session, run.request_id)
    if affair is None:
        raise LookupError(f"nothing is known of request {run.request_id}, which has a run")
    account = await commitments.get(session, run.commitment_id, client_id=None, now=now)
    return Scene(run=run, affair=affair, commitment=account.commitment, now=now, new_id=ids.new_id)
