"""Tables of this slice."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped

from service.db import TenantRow


class CalendarRow(TenantRow):
    """A calendar's name and its current version. Older versions stay in `calendar_version`.

    Attributes:
        client_id: the client organization that it belongs to; None for one that all of them share.
    """

    __tablename__ = "calendar"
    __table_args__ = (
        UniqueConstraint("tenant_id", "name"),
        ForeignKeyConstraint(["tenant_id", "client_id"], ["client.tenant_id", "client.id"]),
    )

    client_id: Mapped[UUID | None]
    name: Mapped[str]
    version: Mapped[int]
    version_id: Mapped[UUID]
    created_at: Mapped[datetime]


class CalendarVersionRow(TenantRow):
    """Append-only. Whatever time was computed with it can be computed again: it needs nothing from outside.

    Attributes:
        definition: as it was given.
        expanded: the same in its fixed spelling, with the country's holidays as dates.
        tzdata_version: release of the IANA database that `zone_rules` come from.
        zone_rules: the time zone's rules, as a TZif file.
    """

    __tablename__ = "calendar_version"
    __table_args__ = (
        UniqueConstraint("tenant_id", "calendar_id", "version"),
        ForeignKeyConstraint(["tenant_id", "calendar_id"], ["calendar.tenant_id", "calendar.id"]),
    )

    calendar_id: Mapped[UUID]
    client_id: Mapped[UUID | None]
    version: Mapped[int]
    definition: Mapped[dict[str, Any]]
    expanded: Mapped[dict[str, Any]]
    tzdata_version: Mapped[str]
    zone_rules: Mapped[bytes]
    created_at: Mapped[datetime]
