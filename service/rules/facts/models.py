"""The table of a tenant's own facts."""

from datetime import datetime
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped

from service.db import TenantRow
from service.ids import FactId
from service.rules.facts.domain import FactEntry, OwnFact


class FactRow(TenantRow):
    __tablename__ = "fact"
    __table_args__ = (UniqueConstraint("tenant_id", "name"),)

    name: Mapped[str]
    type: Mapped[str]
    allowed: Mapped[list[Any] | None]
    unit: Mapped[str | None]
    description: Mapped[str]
    version: Mapped[int]
    created_at: Mapped[datetime]

    def to_domain(self) -> OwnFact:
        return OwnFact(
            id=FactId(self.id),
            entry=FactEntry(
                name=self.name,
                type=self.type,
                values=self.allowed,
                unit=self.unit,
                description=self.description,
            ),
            version=self.version,
            created_at=self.created_at,
        )

    def take(self, entry: FactEntry) -> None:
        """Write down what is said of it."""
        self.name = entry.name
        self.type = entry.type
        self.allowed = None if entry.values is None else list(entry.values)
        self.unit = entry.unit
        self.description = entry.description
