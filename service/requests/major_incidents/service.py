"""Use cases of major incidents: declare, report on, widen and end them.

To each client organization that one affects, progress is promised: a promise of its own on the lead request,
of which each report begins the next cycle. So it warns, breaks and escalates as every promise does.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from service import ids
from service.audit import service as audit
from service.audit.domain import Actor, Deed
from service.commitments.domain import CalendarKey, ElapsedTarget, WorkingTarget
from service.db import TenantSession
from service.ids import ClientId, MajorIncidentId, RequestId, ServiceId
from service.limits import service as limits
from service.limits.domain.table import MAJOR_INCIDENTS
from service.requests import store as requests_store
from service.requests.domain import Request
from service.requests.major_incidents import duties, store, telling
from service.requests.major_incidents.domain import BY_RULE, MajorIncident, ReportAudience, State
from service.requests.major_incidents.errors import MajorIncidentEnded
from service.requests.major_incidents.models import MajorIncidentReportRow, Report
from service.tenants import service as tenants
from service.wakeups import service as wakeups
from service.wakeups.models import WakeUp

SUBJECT_KIND = telling.SUBJECT_KIND

UPDATE_EVERY = ElapsedTarget(30 * 60)
"""How often it is reported where nobody says otherwise, as where a rule declares it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What is declared.

    Attributes:
        services: those that it concerns; None for that of the lead request.
        clients: whom it affects; None for all who have an open request on these services. The client
            organization of the lead request is affected in any case.
        calendar: in whose open time `update_every` counts.
    """

    request_id: RequestId
    title: str
    services: tuple[ServiceId, ...] | None = None
    clients: tuple[ClientId, ...] | None = None
    update_every: ElapsedTarget | WorkingTarget = UPDATE_EVERY
    calendar: CalendarKey | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What may be changed of one that is open; see `MajorIncident`."""

    title: str
    problem: str | None
    update_every: ElapsedTarget | WorkingTarget
    calendar: CalendarKey | None


async def declare(
    session: TenantSession, actor: Actor, declared: Declaration, *, now: datetime
) -> MajorIncident:
    """Declare a major incident, and tell all whom it affects.

    Raises:
        RequestNotFound, MajorIncidentExists, MajorIncidentsTooMany
    """
    request = await _lead(session, declared.request_id)
    await limits.make_room(session, MAJOR_INCIDENTS, lambda: store.open_count(session))
    services = declared.services
    if services is None:
        services = () if request.service_id is None else (request.service_id,)
    incident = MajorIncident(
        id=MajorIncidentId(ids.new_id()),
        request_id=request.id,
        title=declared.title,
        state=State.OPEN,
        services=services,
        update_every=declared.update_every,
        calendar=declared.calendar,
        problem=declared.problem,
        declared_by=actor.name,
        declared_at=now,
        ended_at=None,
        version=1,
        sequence=0,
    )
    await store.add(session, request.id, **telling.columns(incident))
    await store.link(session, incident.id, (request.id, request.client_id), link_id=ids.new_id(), now=now)
    clients = declared.clients
    if clients is None:
        clients = tuple(await store.clients_on(session, services))
    own = [] if request.client_id is None else [request.client_id]
    whom = sorted({*clients, *own})
    await duties.owe(session, incident, request, whom, by=actor.name, now=now)
    deed = Deed("major_incident.declared", telling.label(incident), after=telling.fields(incident))
    await audit.record(session, actor, deed, now=now)
    return await telling.tell(session, incident, "major_incident.declared", [None, *whom], {}, now=now)


async def report(
    session: TenantSession,
    actor: Actor,
    incident_id: MajorIncidentId,
    text: str,
    audience: ReportAudience,
    *,
    now: datetime,
) -> Report:
    """Report how it goes on. What client organizations are told fulfils what was promised to them.

    Raises:
        MajorIncidentNotFound, MajorIncidentEnded
    """
    incident = await _open(session, incident_id)
    _, told = await _report(session, actor, incident, text, audience, now=now)
    return told


async def change(
    session: TenantSession,
    actor: Actor,
    incident_id: MajorIncidentId,
    asked: Change,
    *,
    now: datetime,
) -> MajorIncident:
    """Call it otherwise, link it to a problem record, or report more or less often.

    A report that is due stays due: reporting less often counts from the next report on.

    Raises:
        MajorIncidentNotFound, MajorIncidentEnded
    """
    before = await _open(session, incident_id)
    changed = replace(
        before,
        title=asked.title,
        problem=asked.problem,
        update_every=asked.update_every,
        calendar=asked.calendar,
        version=before.version + 1,
    )
    await store.change(session, incident_id, **telling.columns(changed))
    await store.change_copies(session, incident_id, title=asked.title)
    if (before.update_every, before.calendar) != (asked.update_every, asked.calendar):
        affected = [row.to_domain() for row in await store.affected(session, [incident_id])]
        await duties.reterm(session, changed, affected, now=now)
    deed = Deed(
        "major_incident.changed",
        telling.label(changed),
        before=telling.fields(before),
        after=telling.fields(changed),
    )
    await audit.record(session, actor, deed, now=now)
    return changed


async def link(
    session: TenantSession,
    actor: Actor,
    incident_id: MajorIncidentId,
    request_id: RequestId,
    *,
    now: datetime,
) -> MajorIncident:
    """Link a request that it is the cause of. The client organization of that is affected from now on.

    Raises:
        MajorIncidentNotFound, MajorIncidentEnded, RequestNotFound
    """
    incident = await _open(session, incident_id)
    row = await requests_store.get(session, request_id, client_id=None)
    client_id = None if row.client_id is None else ClientId(row.client_id)
    await store.link(session, incident_id, (request_id, client_id), link_id=ids.new_id(), now=now)
    deed = Deed("major_incident.linked", telling.label(incident), after={"request_id": request_id})
    await audit.record(session, actor, deed, now=now)
    whom = [] if client_id is None else [client_id]
    return await _widen(session, actor, incident, whom, now=now)


async def add_client(
    session: TenantSession, actor: Actor, incident_id: MajorIncidentId, client_id: ClientId, *, now: datetime
) -> MajorIncident:
    """Let it affect another client organization, to which progress is promised from now on.

    Raises:
        MajorIncidentNotFound, MajorIncidentEnded, ClientNotFound
    """
    incident = await _open(session, incident_id)
    await tenants.get_client(session, client_id)
    deed = Deed("major_incident.widened", telling.label(incident), after={"client_id": client_id})
    await audit.record(session, actor, deed, now=now)
    return await _widen(session, actor, incident, [client_id], now=now)


async def end(
    session: TenantSession, actor: Actor, incident_id: MajorIncidentId, text: str | None, *, now: datetime
) -> MajorIncident:
    """End it, with a last report if there is one. Nobody is owed a further one.

    Raises:
        MajorIncidentNotFound, MajorIncidentEnded
    """
    before = await _open(session, incident_id)
    incident = before
    if text is not None:
        incident, _ = await _report(session, actor, before, text, ReportAudience.CLIENTS, now=now)
    affected = [row.to_domain() for row in await store.affected(session, [incident_id])]
    await duties.cancel(session, affected, now=now)
    ended = replace(incident, state=State.ENDED, ended_at=now, version=incident.version + 1)
    await store.change(session, incident_id, **telling.columns(ended))
    await store.change_copies(session, incident_id, state=ended.state.value, ended_at=now)
    deed = Deed(
        "major_incident.ended",
        telling.label(ended),
        before=telling.fields(before),
        after=telling.fields(ended),
    )
    await audit.record(session, actor, deed, now=now)
    whom = [each.client_id for each in affected]
    return await telling.tell(session, ended, "major_incident.ended", [None, *whom], {}, now=now)


async def suspect(session: TenantSession, request_id: RequestId, *, now: datetime) -> None:
    """A rule found the request to be of one: look at it at once, where all clients can be seen."""
    await wakeups.schedule(session, [WakeUp(SUBJECT_KIND, request_id, now)])


async def advance(session: TenantSession, subject_id: UUID, *, now: datetime) -> None:
    """Declare the major incident that a rule found a request to be, or link the request to the one there is.

    Safe to repeat: a request that was ever linked to one is left as it is.

    Raises:
        RequestNotFound
    """
    request = await _lead(session, RequestId(subject_id))
    if await store.is_linked(session, request.id):
        return
    rule = Actor(name=BY_RULE)
    known = None if request.service_id is None else await store.open_of_service(session, request.service_id)
    if known is not None:
        await link(session, rule, MajorIncidentId(known.id), request.id, now=now)
        return
    title = request.title or f"{request.external_id} of {request.source}"
    await declare(session, rule, Declaration(request_id=request.id, title=title), now=now)


async def count(session: TenantSession) -> int:
    """How many are open."""
    return await store.open_count(session)


async def _lead(session: TenantSession, request_id: RequestId) -> Request:
    """The request, locked: its promises are to be made. Raises RequestNotFound."""
    return (await requests_store.get(session, request_id, client_id=None, lock=True)).to_domain()


async def _open(session: TenantSession, incident_id: MajorIncidentId) -> MajorIncident:
    """One that is open, locked, and its lead request before it. Raises MajorIncidentNotFound, -Ended."""
    await _lead(session, RequestId((await store.get(session, incident_id)).request_id))
    incident = (await store.get(session, incident_id, lock=True)).to_domain()
    if incident.state is State.ENDED:
        raise MajorIncidentEnded(incident_id)
    return incident


async def _widen(
    session: TenantSession,
    actor: Actor,
    incident: MajorIncident,
    clients: Collection[ClientId],
    *,
    now: datetime,
) -> MajorIncident:
    """Let it affect those of the client organizations that it does not yet, and tell them."""
    known = {row.client_id for row in await store.affected(session, [incident.id])}
    new = [client_id for client_id in clients if client_id not in known]
    if not new:
        return incident
    request = await _lead(session, incident.request_id)
    await duties.owe(session, incident, request, new, by=actor.name, now=now)
    changed = replace(incident, version=incident.version + 1)
    await store.change(session, incident.id, version=changed.version)
    return await telling.tell(session, changed, "major_incident.declared", new, {}, now=now)


async def _report(
    session: TenantSession,
    actor: Actor,
    incident: MajorIncident,
    text: str,
    audience: ReportAudience,
    *,
    now: datetime,
) -> tuple[MajorIncident, Report]:
    affected = [row.to_domain() for row in await store.affected(session, [incident.id])]
    whom = [each.client_id for each in affected] if audience is ReportAudience.CLIENTS else []
    rows = [
        MajorIncidentReportRow(
            tenant_id=session.tenant_id,
            id=ids.new_id(),
            major_incident_id=incident.id,
            client_id=client_id,
            audience=audience.value,
            text=text,
            reported_by=actor.name,
            reported_at=now,
        )
        for client_id in (None, *whom)
    ]
    await store.add_all(session, rows)
    if whom:
        await duties.fulfil(session, affected, now=now)
    deed = Deed(
        "major_incident.reported",
        telling.label(incident),
        after={"report_id": rows[0].id, "audience": audience.value, "clients": whom},
    )
    await audit.record(session, actor, deed, now=now)
    told = await telling.tell(
        session,
        replace(incident, version=incident.version + 1),
        "major_incident.reported",
        [None, *whom],
        {"text": text, "audience": audience.value},
        now=now,
    )
    await store.change(session, incident.id, version=told.version)
    return told, rows[0].to_domain()
