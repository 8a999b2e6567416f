"""Calendars that are revised while work is planned by them: what was compared with them is compared anew."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from service.audit.domain import Actor
from service.calendars import service as calendars
from service.calendars.service import Calendar
from service.db import TenantSession
from service.ids import CalendarId
from service.rationalization.arrangements import service as arrangements
from service.requests import neighbours
from service.wakeups import service as wakeups
from service.wakeups.models import WakeUp


async def revise(
    session: TenantSession,
    actor: Actor,
    calendar_id: CalendarId,
    *,
    raw: Mapping[str, Any],
    now: datetime,
    name: str | None = None,
) -> Calendar:
    """Make a new version current; see `calendars.revise`. The worker looks at what is planned by it.

    Raises:
        CalendarNotFound, CalendarInvalid
    """
    revised = await calendars.revise(session, actor, calendar_id, raw=raw, now=now, name=name)
    planned = await neighbours.planned_by(session, revised.name)
    await wakeups.schedule(session, [WakeUp(arrangements.SUBJECT_KIND, each, now) for each in planned])
    return revised
