"""Use cases of special methods: propose, allow, refuse, withdraw; end, check; and what time does.

Whoever calls anything that changes one holds the row of its request locked, and has ladders follow the
promises that are returned: see `service.requests.excepting`.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from service import ids
from service.audit import service as audit
from service.audit.domain import Actor
from service.commitments import duties
from service.commitments.models import Commitment
from service.db import TenantSession
from service.ids import ArrangementId, ClientId, SpecialMethodId
from service.rationalization.approvals import service as approvals
from service.rationalization.gates import service as gates
from service.rationalization.gates.domain import Kind as GateKind
from service.rationalization.gates.store import Sought as SoughtGates
from service.rationalization.matters import Matter
from service.rationalization.specials import domain, patterns, recording, store, telling
from service.rationalization.specials.domain import (
    Approved,
    Checked,
    Compared,
    Refused,
    Reminded,
    Ruling,
    Standing,
    State,
)
from service.rationalization.specials.errors import (
    SpecialMethodNotOver,
    SpecialMethodOver,
)
from service.rationalization.specials.models import SpecialMethod
from service.rationalization.specials.recording import Changed, Happening
from service.rationalization.specials.store import Sought
from service.rationalization.verdicts import SpecialMethod as Verdict

SUBJECT_KIND = telling.SUBJECT_KIND
APPROVALS_MAX = 200
"""So many approvals of one arrangement are looked through for who consented."""
EDITED = "What was asked for was edited."

__all__ = [
    "SUBJECT_KIND",
    "Changed",
    "Sought",
    "advance",
    "allow",
    "check",
    "edited",
    "end",
    "get",
    "last_of",
    "list_special_methods",
    "propose",
    "refuse",
    "withdraw",
]


async def propose(
    session: TenantSession,
    matter: Matter,
    arrangement_id: ArrangementId,
    verdict: Verdict,
    ruled_by: Ruling,
    *,
    now: datetime,
) -> SpecialMethod:
    """Enter what a rule would allow in the register. It may not be used yet, and has no end.

    Args:
        session: of the tenant, or confined to the request's client organization.
        matter: the request.
        arrangement_id: what became of the verdict; it has no other special method that is open.
        verdict: what is allowed, and how it is undone.
        ruled_by: the rule.
        now: the tenant's now.
    """
    new = SpecialMethod(
        id=SpecialMethodId(ids.new_id()),
        arrangement_id=arrangement_id,
        request_id=matter.request_id,
        client_id=matter.client_id,
        service_id=matter.service_id,
        contact_id=matter.contact_id,
        for_group=matter.facts.get("assignment_group"),
        asked_by=matter.submitted_by,
        ruling=ruled_by,
        verdict=verdict,
        proposed_at=now,
        standing=Standing(state=State.PROPOSED, since=now),
        version=1,
    )
    await store.add(session, new)
    return new


async def allow(
    session: TenantSession,
    matter: Matter,
    arrangement_id: ArrangementId,
    *,
    now: datetime,
) -> None:
    """All that its verdict requires is there: it may be used from now on. Nothing happens if it may be."""
    before = await store.hold_open(session, arrangement_id)
    if before is None or before.state is not State.PROPOSED:
        return
    by = await _approvers(session, arrangement_id, now=now)
    approved = Approved(at=max(now, before.proposed_at), by=by)
    found = replace(before, approved_by=approved.by)
    await recording.entered(session, matter, before, found, Happening(approved, "allowed"))


async def refuse(
    session: TenantSession, matter: Matter, arrangement_id: ArrangementId, *, because: str, now: datetime
) -> list[Commitment]:
    """A consent was refused, or not given in time. What was allowed before ends.

    Returns:
        The promise to undo what was allowed, if it was.
    """
    before = await store.hold_open(session, arrangement_id)
    if before is None:
        return []
    if before.state is not State.PROPOSED:
        return await withdraw(session, matter, arrangement_id, because=because, now=now)
    refused = Refused(at=max(now, before.proposed_at), because=because)
    found = replace(before, end_because=because)
    await recording.entered(session, matter, before, found, Happening(refused))
    return []


async def withdraw(
    session: TenantSession, matter: Matter, arrangement_id: ArrangementId, *, because: str, now: datetime
) -> list[Commitment]:
    """It is not wanted any more, or not as it was: what was allowed ends, and is to be undone.

    Returns:
        The promise to undo what was allowed, if it was.
    """
    before = await store.hold_open(session, arrangement_id)
    if before is None:
        return []
    seen = await recording.seen(session, matter, before, now=now)
    if seen.special.state not in domain.OPEN:
        return list(seen.commitments)
    ended = await recording.ended(session, matter, seen.special, because, now=now)
    return list(ended.commitments)


async def edited(
    session: TenantSession, matter: Matter, arrangement_id: ArrangementId, *, now: datetime
) -> list[Commitment]:
    """What was asked for was edited: what was allowed was something else, and ends; this is proposed anew.

    Returns:
        The promise to undo what was allowed, if it was.
    """
    before = await store.last_of(session, arrangement_id)
    if before is None or before.state is State.PROPOSED:
        return []
    owed = await withdraw(session, matter, arrangement_id, because=EDITED, now=now)
    await propose(session, matter, arrangement_id, before.verdict, before.ruling, now=now)
    return owed


async def advance(
    session: TenantSession, matter: Matter, special_method_id: SpecialMethodId, *, now: datetime
) -> list[Commitment]:
    """See whether its end has come or somebody is to be reminded, and once whether it makes a pattern.

    Safe to repeat: it locks and decides again.

    Raises:
        SpecialMethodNotFound
    """
    held = await store.get(session, special_method_id, lock=True)
    seen = await recording.seen(session, matter, held, now=now)
    special, ledger = seen.special, await store.entries(session, special_method_id)
    if domain.is_to_be_compared(ledger, now):
        await patterns.compare(session, special, now=now)
        compared = Compared(at=now)
        special = await recording.entered(session, matter, special, special, Happening(compared))
        ledger.append(compared)
    span = domain.reminder_due(ledger, now)
    if span is None:
        await recording.sleep(session, special_method_id, ledger, now=now)
    else:
        said = {"before_seconds": span // timedelta(seconds=1)}
        told = Happening(Reminded(at=now, before=span), "expiring", said)
        await recording.entered(session, matter, special, special, told)
    return list(seen.commitments)


async def end(
    session: TenantSession,
    actor: Actor,
    matter: Matter,
    special_method_id: SpecialMethodId,
    because: str,
    *,
    now: datetime,
) -> Changed:
    """End it before its time; what was only proposed is withdrawn.

    Raises:
        SpecialMethodNotFound, SpecialMethodOver
    """
    before = await store.get(session, special_method_id, lock=True)
    seen = await recording.seen(session, matter, before, now=now)
    if seen.special.state not in domain.OPEN:
        raise SpecialMethodOver(special_method_id, seen.special.state)
    ended = await recording.ended(session, matter, seen.special, because, by=actor.name, now=now)
    await audit.record(
        session, actor, telling.deed("ended", ended.special, {"state_reason": because}), now=now
    )
    return ended


async def check(
    session: TenantSession,
    actor: Actor,
    matter: Matter,
    special_method_id: SpecialMethodId,
    checked: Checked,
) -> Changed:
    """Record what was found after its end, at `checked.at`. Until it is undone, that is owed.

    Raises:
        SpecialMethodNotFound, SpecialMethodNotOver
    """
    now = checked.at
    before = await store.get(session, special_method_id, lock=True)
    seen = await recording.seen(session, matter, before, now=now)
    special = seen.special
    if special.state not in domain.TO_BE_UNDONE:
        raise SpecialMethodNotOver(special_method_id, special.state)
    said = {"undone": checked.undone, "result": checked.result}
    told = Happening(replace(checked, at=max(now, special.standing.since)), "checked", said)
    after = await recording.entered(session, matter, special, replace(special, result=checked.result), told)
    promises = seen.commitments
    if checked.undone and special.commitment_id is not None:
        promises = tuple(await duties.fulfil(session, special.commitment_id, now=now))
    await audit.record(session, actor, telling.deed("checked", after, said), now=now)
    return Changed(after, promises)


async def get(
    session: TenantSession, special_method_id: SpecialMethodId, *, client_id: ClientId | None
) -> SpecialMethod:
    """One; with a `client_id`, only if it is that client's. Raises SpecialMethodNotFound."""
    return await store.get(session, special_method_id, client_id=client_id)


async def last_of(session: TenantSession, arrangement_id: ArrangementId) -> SpecialMethod | None:
    """The one of an arrangement that was proposed last, if it has any."""
    return await store.last_of(session, arrangement_id)


async def list_special_methods(
    session: TenantSession, sought: Sought, *, after: UUID | None, limit: int
) -> list[SpecialMethod]:
    """Special methods in the order of their making."""
    return await store.listed(session, sought, after=after, limit=limit)


async def _approvers(
    session: TenantSession, arrangement_id: ArrangementId, *, now: datetime
) -> tuple[str, ...]:
    """Who consented to what an arrangement requires, each once, as the audit trail calls them."""
    sought = SoughtGates(arrangement_id=arrangement_id, kind=GateKind.APPROVAL)
    found = await gates.list_gates(session, sought, after=None, limit=APPROVALS_MAX)
    standings = await approvals.standings(session, [gate.id for gate in found], now=now)
    members = [member_id for each in standings.values() for member_id in each.approved_by]
    return tuple(f"member:{member_id}" for member_id in dict.fromkeys(members))
