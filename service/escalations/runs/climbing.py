"""A run that wakes: who is told by its steps is found out then, and they are told. Load, decide, save."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from service import ids
from service.commitments.models import Commitment
from service.db import TenantSession
from service.escalations.ladders import resolving
from service.escalations.ladders.domain import Maintenance, Reassignment, Resolution, Situation, Whom
from service.escalations.runs import keeping, store, telling
from service.escalations.runs.domain import Entry, Held, Released, Reopened, Sent, Standing, Telling
from service.escalations.runs.keeping import Held as HeldRun
from service.escalations.runs.models import Affair, Notice
from service.escalations.runs.telling import Scene, Told
from service.ids import EscalationId
from service.tenants import maintenance

LOOKS_MAX = 50
"""Steps that find nobody pass on to the next; a ladder is shorter than this."""


@dataclass(frozen=True, slots=True)
class _Climb:
    """A look at a run, as it grows.

    Attributes:
        heard: who was told by this look already.
    """

    held: HeldRun
    scene: Scene
    entries: list[Entry] = field(default_factory=list[Entry])
    events: list[Told] = field(default_factory=list[Told])
    notices: list[Notice] = field(default_factory=list[Notice])
    heard: set[Whom] = field(default_factory=set[Whom])
    groups: list[str] = field(default_factory=list[str])

    def standing(self) -> Standing:
        return self.held.standing(self.entries, self.scene.now)


async def climb(
    session: TenantSession, escalation_id: EscalationId, commitment: Commitment, *, now: datetime
) -> list[str]:
    """Tell what is due of a run, to whom it is due now. Safe to repeat: it locks and decides again.

    Args:
        session: of the tenant, not confined to a client organization.
        escalation_id: of the run.
        commitment: the promise that it is of, as it stands; the caller holds its row locked.
        now: the tenant's now.

    Returns:
        The groups that get the request by what was told, in order: for the caller to record.

    Raises:
        EscalationNotFound
    """
    held = await keeping.hold(session, escalation_id, now=now)
    affair = await store.affair(session, held.run.request_id)
    if held.run.is_over or affair is None:
        await keeping.sleep(session, [held.run])
        return []
    scene = Scene(run=held.run, affair=affair, commitment=commitment, now=now, new_id=ids.new_id)
    look = _Climb(held, scene)
    until = await _maintenance_until(session, look)
    for _ in range(LOOKS_MAX):
        if not await _step_on(session, look, until):
            break
    await keeping.write(session, held, look.entries, look.events, now=now)
    await store.add_notices(session, look.notices)
    return look.groups


async def _step_on(session: TenantSession, look: _Climb, until: datetime | None) -> bool:
    """Do what is due; says whether there was anything."""
    found, now = look.standing(), look.scene.now
    if found.reopened_at is not None:
        look.entries.append(Reopened(**look.held.when(now)))
        said = {"state": found.state.value}
        look.events.append(telling.told("escalation.reopened", look.scene, said, at=found.reopened_at))
    if found.held is not None and (until is None or found.held.end != until):
        look.entries.append(
            Released(**look.held.when(now)) if until is None else Held(**look.held.when(now), until=until)
        )
        return True
    if not found.due:
        return False
    if until is not None:
        look.entries.append(Held(**look.held.when(now), until=until))
        return True
    await _tell(session, look, found.due)
    return True


async def _tell(session: TenantSession, look: _Climb, due: Sequence[Telling]) -> None:
    """Tell the steps that are due, each recipient once."""
    definition, now = look.held.run.snapshot.definition, look.scene.now
    resolved: list[tuple[Telling, Resolution]] = []
    for each in due:
        step = definition.steps[each.step]
        found = await resolving.resolve(
            session, step.targets, _situation(look.scene.affair), only_first=step.only_first, now=now
        )
        resolved.append((each, found))
    for each, found in resolved:
        staffed = bool(found.recipients)
        look.entries.append(
            Sent(
                **look.held.when(now),
                step=each.step,
                repeat=each.repeat,
                planned_at=each.planned_at,
                staffed=staffed,
            )
        )
        if not staffed:
            look.events.append(telling.unstaffed(look.scene, each, found.skipped))
    for each, whom in telling.shared(resolved):
        _give(look, each, whom)


def _give(look: _Climb, due: Telling, recipients: Sequence[Whom]) -> None:
    for whom in recipients:
        if isinstance(whom, Reassignment):
            look.groups.append(whom.group)
        elif whom not in look.heard:
            look.heard.add(whom)
            notice = telling.notice(look.scene, whom, due)
            look.notices.append(notice)
            look.events.append(telling.given(notice, whom, look.scene))


async def _maintenance_until(session: TenantSession, look: _Climb) -> datetime | None:
    """Until when the service's maintenance lasts, where the ladder is held by it."""
    service_id = look.scene.affair.service_id
    if service_id is None or look.held.run.snapshot.definition.maintenance is Maintenance.TELL:
        return None
    return (await maintenance.current(session, [service_id], now=look.scene.now)).get(service_id)


def _situation(affair: Affair) -> Situation:
    return Situation(
        client_id=affair.client_id,
        contact_id=affair.contact_id,
        service_id=affair.service_id,
        assignee=affair.assignee,
        assignment_group=affair.assignment_group,
    )
