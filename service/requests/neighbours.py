"""Other open changes of a service: which there are, and whom one of them concerns."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, exists, select, text

from service.db import TenantSession
from service.ids import ArrangementId, RequestId, ServiceId
from service.rationalization.arrangements import service as arrangements
from service.rationalization.gates import service as gates
from service.rationalization.gates.domain import Kind, windows
from service.rationalization.gates.domain import State as GateState
from service.rationalization.gates.domain.conflicts import OtherChange, has_come_near
from service.rationalization.gates.domain.windows import Planned
from service.rationalization.gates.models import OPEN_WINDOWS, Gate, GateRow
from service.rationalization.verdicts import ChangeConflict
from service.requests import store
from service.requests.domain import Request, State
from service.requests.models import OPEN_CHANGES, RequestRow
from service.rules.vocabulary import RequestType
from service.wakeups import service as wakeups
from service.wakeups.models import WakeUp

CHANGES = (RequestType.CHANGE, RequestType.PLAN_CHANGE)
SUBJECT_KIND = "change_moved"
"""A change that came, ended, or is planned otherwise: whose work that concerns is looked at again."""


async def changes(session: TenantSession, service_id: ServiceId, beside: RequestId) -> list[OtherChange]:
    """The open changes of a service but for one, whether anything was required of them or not.

    A change that was declined, refused or withdrawn is not open any more, so that the request says enough.
    """
    row, gate = RequestRow, GateRow
    custom = row.facts["custom"]
    waits = exists().where(
        gate.tenant_id == session.tenant_id,
        gate.request_id == row.id,
        gate.kind == Kind.CHANGE_CONFLICT.value,
        gate.state == GateState.OPEN.value,
        gate.closed_at.is_(None),
    )
    query = select(
        row.id,
        row.source,
        row.external_id,
        custom[windows.START].label("start"),
        custom[windows.END].label("end"),
        waits.label("waits"),
    ).where(
        row.tenant_id == session.tenant_id,
        row.service_id == service_id,
        text(OPEN_CHANGES),
        row.id != beside,
    )
    return [
        OtherChange(
            request_id=RequestId(found.id),
            source=found.source,
            external_id=found.external_id,
            planned=_planned(found.start, found.end),
            waits=found.waits,
        )
        for found in await session.db.execute(query)
    ]


def moved(before: Request | None, after: Request, *, now: datetime) -> list[WakeUp]:
    """What has the worker look for those whom a change concerns, where it holds another window than before.

    It is left to the worker: a client's own transaction sees nobody else's gates, and two that end at once
    would wait for one another.
    """
    was = None if before is None else _window(before)
    return [] if _window(after) == was else taken(after, now=now)


def taken(request: Request, *, now: datetime) -> list[WakeUp]:
    """The same, where it has got the window that it asked for, or has to wait for it from now on."""
    return [] if request.service_id is None else [WakeUp(SUBJECT_KIND, request.id, now)]


async def advance(session: TenantSession, subject_id: UUID, /, *, now: datetime) -> None:
    """Have those looked at again who waited for a free window, or in whose way a change has come.

    Raises:
        RequestNotFound
    """
    request = (await store.get(session, RequestId(subject_id), client_id=None)).to_domain()
    if request.service_id is None:
        return
    await gates.hold_changes(session, request.service_id)
    others = {each.request_id: each for each in await changes(session, request.service_id, request.id)}
    itself = OtherChange(
        request_id=request.id,
        source=request.source,
        external_id=request.external_id,
        planned=_window(request),
    )
    concerned = [
        gate.arrangement_id
        for gate in await gates.conflict_gates(session, others)
        if _is_concerned(gate, others[gate.request_id], itself, now)
    ]
    await wakeups.schedule(session, [WakeUp(arrangements.SUBJECT_KIND, each, now) for each in concerned])


async def planned_by(session: TenantSession, calendar: str) -> list[ArrangementId]:
    """The arrangements of open requests whose planned work is compared with a calendar, in order."""
    gate, request = GateRow, RequestRow
    query = (
        select(gate.arrangement_id)
        .join(request, and_(request.tenant_id == gate.tenant_id, request.id == gate.request_id))
        .where(
            gate.tenant_id == session.tenant_id,
            gate.name == calendar,
            text(OPEN_WINDOWS),
            request.arrangement_id == gate.arrangement_id,
            request.state == State.OPEN.value,
        )
    )
    return sorted({ArrangementId(found) for found in await session.db.scalars(query)})


def _is_concerned(gate: Gate, change: OtherChange, itself: OtherChange, now: datetime) -> bool:
    """Whether a gate is to be judged anew because of a change: it waits, or that came in its way."""
    asks = gate.asks
    if gate.state is GateState.OPEN:
        return True
    if change.planned is None or not isinstance(asks, ChangeConflict):
        return False
    lasting = itself.lasting(timedelta(seconds=asks.assumed_seconds))
    return has_come_near(change.planned, lasting, timedelta(seconds=asks.margin_seconds), now)


def _window(request: Request) -> Planned | None:
    """When the work of an open change is planned."""
    planned = windows.planned(request.facts)
    is_open_change = request.state is State.OPEN and request.type in CHANGES
    return planned if is_open_change and isinstance(planned, Planned) else None


def _planned(start: object, end: object) -> Planned | None:
    planned = windows.planned({"custom": {windows.START: start, windows.END: end}})
    return planned if isinstance(planned, Planned) else None
