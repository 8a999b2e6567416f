"""Other open changes of a service: which there are, and who waited for one of them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, select, text

from service.db import TenantSession
from service.ids import ArrangementId, RequestId, ServiceId
from service.rationalization.arrangements import service as arrangements
from service.rationalization.gates import service as gates
from service.rationalization.gates.domain import windows
from service.rationalization.gates.domain.conflicts import OtherChange
from service.rationalization.gates.domain.windows import Planned
from service.rationalization.gates.models import OPEN_WINDOWS, GateRow
from service.requests import store
from service.requests.domain import Request, State
from service.requests.models import OPEN_CHANGES, RequestRow
from service.rules.vocabulary import RequestType
from service.wakeups import service as wakeups
from service.wakeups.models import WakeUp

CHANGES = (RequestType.CHANGE, RequestType.PLAN_CHANGE)
SUBJECT_KIND = "change_given_way"
"""A change that ended, or was planned otherwise, by its client's own report: who waited for it is woken."""


async def changes(session: TenantSession, service_id: ServiceId, beside: RequestId) -> list[OtherChange]:
    """The open changes of a service but for one.

    A change that was declined, refused or withdrawn is not open any more, so that the request says enough.
    """
    row = RequestRow
    custom = row.facts["custom"]
    query = select(
        row.id,
        row.source,
        row.external_id,
        custom[windows.START].label("start"),
        custom[windows.END].label("end"),
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
        )
        for found in await session.db.execute(query)
    ]


async def let_go(session: TenantSession, before: Request, after: Request, *, now: datetime) -> None:
    """Have those looked at again who waited for a change that has ended, or is planned otherwise by now.

    It is done before anything of its own arrangement is: two that end at once would wait for one another.
    A client's own transaction sees nobody else's gates, and leaves it to the worker.
    """
    if before.service_id is None or not _gives_way(before, after):
        return
    if session.client_id is not None:
        await wakeups.schedule(session, [WakeUp(SUBJECT_KIND, before.id, now)])
        return
    await _wake(session, before.service_id, before.id, now=now)


async def advance(session: TenantSession, subject_id: UUID, /, *, now: datetime) -> None:
    """Have those looked at again who waited for a change. Raises RequestNotFound."""
    found = await store.get(session, RequestId(subject_id), client_id=None)
    if found.service_id is not None:
        await _wake(session, ServiceId(found.service_id), RequestId(found.id), now=now)


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


async def _wake(session: TenantSession, service_id: ServiceId, beside: RequestId, *, now: datetime) -> None:
    await gates.hold_changes(session, service_id)
    others = await changes(session, service_id, beside)
    waiting = await gates.waiting_for_others(session, [other.request_id for other in others])
    await wakeups.schedule(session, [WakeUp(arrangements.SUBJECT_KIND, each, now) for each in waiting])


def _gives_way(before: Request, after: Request) -> bool:
    """Whether it was an open change whose work was planned, and is not as it was."""
    planned = windows.planned(before.facts)
    if before.state is not State.OPEN or before.type not in CHANGES or not isinstance(planned, Planned):
        return False
    stays = after.state is State.OPEN and after.type in CHANGES
    return not stays or windows.planned(after.facts) != planned


def _planned(start: object, end: object) -> Planned | None:
    planned = windows.planned({"custom": {windows.START: start, windows.END: end}})
    return planned if isinstance(planned, Planned) else None
