"""HTTP for the alarms of the auditor: parse, call one use case, render."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from service.api.pagination import Page, Paging
from service.auditor import service
from service.auditor.domain import AlarmKind
from service.auditor.models import Alarm
from service.db import TenantSession
from service.ids import AlarmId, SubjectId


class AlarmView(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the auditor found nobody looked after.

    With `mended` it has it looked at again itself. `cleared_at` is null as long as it stands.
    """

    id: AlarmId
    kind: AlarmKind
    subject_kind: str
    subject_id: SubjectId
    detail: str
    mended: bool
    first_seen_at: datetime
    last_seen_at: datetime
    cleared_at: datetime | None

    @classmethod
    def of(cls, alarm: Alarm) -> "AlarmView":
        return cls(
            id=alarm.id,
            kind=alarm.kind,
            subject_kind=alarm.subject_kind,
            subject_id=alarm.subject_id,
            detail=alarm.detail,
            mended=alarm.mended,
            first_seen_at=alarm.first_seen_at,
            last_seen_at=alarm.last_seen_at,
            cleared_at=alarm.cleared_at,
        )


class AlarmController(Controller):
    path = "/v1/alarms"
    tags = ("Auditor",)

    @get("/", operation_id="listAlarms")
    async def list_all(
        self,
        session: NamedDependency[TenantSession],
        paging: NamedDependency[Paging],
        stands: Annotated[
            bool | None, QueryParameter(description="Only those that stand, or, if false, that are cleared.")
        ] = None,
    ) -> Response[Page[AlarmView]]:
        """List what the auditor found wrong, the newest first."""
        found = await service.list_alarms(
            session, stands=stands, before=paging.after(UUID), limit=paging.sought
        )
        return paging.page(found, position=lambda alarm: alarm.id, view=AlarmView.of)

    @get("/{alarm_id:uuid}", operation_id="getAlarm")
    async def get_one(
        self, session: NamedDependency[TenantSession], alarm_id: FromPath[AlarmId]
    ) -> AlarmView:
        """Show one alarm."""
        return AlarmView.of(await service.get(session, alarm_id))
