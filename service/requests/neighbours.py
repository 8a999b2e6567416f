"""Other open changes of a service, for those who compare when work is planned."""

from sqlalchemy import select

from service.db import TenantSession
from service.ids import RequestId, ServiceId
from service.rationalization.gates.domain import windows
from service.rationalization.gates.domain.conflicts import OtherChange
from service.rationalization.gates.domain.windows import Planned
from service.requests.domain import State
from service.requests.models import RequestRow
from service.rules.vocabulary import RequestType

CHANGES = (RequestType.CHANGE, RequestType.PLAN_CHANGE)


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
        row.state == State.OPEN.value,
        row.type.in_([each.value for each in CHANGES]),
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


def _planned(start: object, end: object) -> Planned | None:
    planned = windows.planned({"custom": {windows.START: start, windows.END: end}})
    return planned if isinstance(planned, Planned) else None
