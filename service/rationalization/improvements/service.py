"""Use cases of the register of improvements: open an item, add what was found again, change it, read it."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from service import ids
from service.audit import service as audit
from service.audit.domain import ROOTED, Actor, Deed, difference
from service.db import TenantSession
from service.errors import Fault
from service.ids import GroupId, ImprovementId, MemberId
from service.limits import service as limits
from service.limits.domain.table import IMPROVEMENTS
from service.outbox import service as outbox
from service.outbox.models import EventDraft
from service.people import groups
from service.people import service as people
from service.people.errors import GroupNotFound
from service.rationalization.improvements import domain, models, store
from service.rationalization.improvements.domain import (
    OPEN,
    Change,
    EntryKind,
    Evidence,
    Finding,
    Improvement,
    Source,
)
from service.rationalization.improvements.errors import ImprovementEnded, ImprovementInvalid
from service.rationalization.improvements.models import ImprovementEntryRow
from service.rationalization.improvements.store import Sought

SUBJECT_KIND = "improvement"

__all__ = [
    "SUBJECT_KIND",
    "Change",
    "Evidence",
    "Finding",
    "Sought",
    "Source",
    "change",
    "count",
    "entries",
    "get",
    "list_improvements",
    "open_by_hand",
    "open_for",
]


async def open_for(
    session: TenantSession, finding: Finding, *, now: datetime, actor: Actor = ROOTED
) -> Improvement:
    """Open an item for what was found, or add the evidence to the one that is open for its key.

    Args:
        session: of the tenant, not confined to a client organization.
        finding: what was found.
        now: the tenant's now.
        actor: who found it, where somebody did.
    """
    new = domain.opened(finding, ImprovementId(ids.new_id()), by=actor.name, at=now)
    while not await store.add(session, models.columns(new)):
        if (known := await _add_to_open(session, finding, actor, now=now)) is not None:
            return known
    return await _opened(session, actor, new, now=now)


async def open_by_hand(
    session: TenantSession,
    actor: Actor,
    finding: Finding,
    *,
    owner_id: MemberId | None = None,
    group_id: GroupId | None = None,
    now: datetime,
) -> Improvement:
    """Open an item that somebody asks for: one of its own, whatever else is open.

    Raises:
        ImprovementInvalid, ImprovementsTooMany
    """
    await _refuse_strangers(session, owner_id, group_id)
    await limits.make_room(session, IMPROVEMENTS, lambda: store.open_count(session))
    new = domain.opened(replace(finding, key=None), ImprovementId(ids.new_id()), by=actor.name, at=now)
    new = replace(new, owner_id=owner_id, group_id=group_id)
    await store.add(session, models.columns(new))
    return await _opened(session, actor, new, now=now)


async def change(
    session: TenantSession, actor: Actor, improvement_id: ImprovementId, asked: Change, *, now: datetime
) -> Improvement:
    """Call an item otherwise, give it to somebody, or let it go on or end.

    Raises:
        ImprovementNotFound, ImprovementEnded, ImprovementInvalid
    """
    before = (await store.get(session, improvement_id, lock=True)).to_domain()
    if before.state not in OPEN:
        raise ImprovementEnded(improvement_id)
    if asked.state is not before.state and asked.because is None:
        raise ImprovementInvalid([Fault("/state_reason", "Say why it stands otherwise from now on.")])
    await _refuse_strangers(
        session,
        None if asked.owner_id == before.owner_id else asked.owner_id,
        None if asked.group_id == before.group_id else asked.group_id,
    )
    after = domain.changed(before, asked, at=now)
    return await _save(session, actor, EntryKind.CHANGED, before, after, now=now)


async def count(session: TenantSession) -> int:
    """How many items are not done or dropped."""
    return await store.open_count(session)


async def get(session: TenantSession, improvement_id: ImprovementId, *, lock: bool = False) -> Improvement:
    """One item. Raises ImprovementNotFound."""
    return (await store.get(session, improvement_id, lock=lock)).to_domain()


async def list_improvements(
    session: TenantSession, sought: Sought, *, before: UUID | None, limit: int
) -> list[Improvement]:
    """Items, the youngest first."""
    return [row.to_domain() for row in await store.listed(session, sought, before=before, limit=limit)]


async def entries(
    session: TenantSession, improvement_id: ImprovementId, *, after: int, limit: int
) -> list[ImprovementEntryRow]:
    """What became of an item, in order. Raises ImprovementNotFound."""
    await store.get(session, improvement_id)
    return await store.entries(session, improvement_id, after=after, limit=limit)


async def _add_to_open(
    session: TenantSession, finding: Finding, actor: Actor, *, now: datetime
) -> Improvement | None:
    """Add the evidence to the open item of the key; None where that has ended meanwhile."""
    row = None if finding.key is None else await store.hold_open(session, finding.key)
    if row is None:
        return None
    before = row.to_domain()
    after = domain.found_again(before, finding)
    if after is before:
        return before
    return await _save(session, actor, EntryKind.FOUND, before, after, now=now)


async def _opened(session: TenantSession, actor: Actor, new: Improvement, *, now: datetime) -> Improvement:
    await _record(session, actor, EntryKind.OPENED, None, new, now=now)
    return await _tell(session, new, "improvement.opened", now=now)


async def _save(
    session: TenantSession,
    actor: Actor,
    kind: EntryKind,
    before: Improvement,
    after: Improvement,
    *,
    now: datetime,
) -> Improvement:
    await store.change(session, after.id, models.changing_columns(after))
    await _record(session, actor, kind, before, after, now=now)
    return await _tell(session, after, "improvement.changed", now=now)


async def _record(
    session: TenantSession,
    actor: Actor,
    kind: EntryKind,
    before: Improvement | None,
    after: Improvement,
    *,
    now: datetime,
) -> None:
    """Write down what changed, in the item's own history and in the audit trail."""
    was: dict[str, Any] = {} if before is None else _fields(before)
    known = () if before is None else before.evidence
    is_now = _fields(after)
    if new := [models.evidence_document(each) for each in after.evidence if each not in known]:
        is_now["evidence"] = new
    await store.add_entry(
        session,
        ids.new_id(),
        after.id,
        {
            "version": after.version,
            "kind": kind.value,
            "recorded_by": actor.name,
            "recorded_at": now,
            "changes": difference(was, is_now),
        },
    )
    action = "improvement.opened" if before is None else "improvement.changed"
    deed = Deed(action, f"{SUBJECT_KIND}:{after.id}", before=was, after=is_now)
    await audit.record(session, actor, deed, now=now)


async def _tell(session: TenantSession, improvement: Improvement, kind: str, *, now: datetime) -> Improvement:
    told = replace(improvement, sequence=improvement.sequence + 1)
    draft = EventDraft(
        type=kind,
        subject_kind=SUBJECT_KIND,
        subject_id=told.id,
        sequence=told.sequence,
        occurred_at=now,
        payload={
            "improvement_id": told.id,
            **_fields(told),
            "evidence": [models.evidence_document(each) for each in told.evidence],
        },
    )
    await outbox.append(session, [draft])
    await store.change(session, told.id, {"sequence": told.sequence})
    return told


async def _refuse_strangers(
    session: TenantSession, owner_id: MemberId | None, group_id: GroupId | None
) -> None:
    """Raise ImprovementInvalid unless there are this member and this group, where they are named."""
    faults: list[Fault] = []
    if owner_id is not None and owner_id not in await people.members(session, [owner_id]):
        faults.append(Fault("/owner_id", f"There is no member {owner_id}."))
    if group_id is not None:
        try:
            await groups.get_group(session, group_id)
        except GroupNotFound as error:
            faults.append(Fault("/group_id", str(error)))
    if faults:
        raise ImprovementInvalid(faults)


def _fields(improvement: Improvement) -> dict[str, Any]:
    """What the audit trail, the item's history and events say of it, but for its evidence."""
    return {
        "title": improvement.title,
        "source": improvement.source.value,
        "came_from": improvement.came_from,
        "state": improvement.state.value,
        "state_reason": improvement.because,
        "owner_id": improvement.owner_id,
        "group_id": improvement.group_id,
    }
