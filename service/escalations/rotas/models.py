"""Tables of this slice."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped

from service.db import TenantRow
from service.escalations.rotas.domain import Feed, Layer, Override, PlannedOverride, WrittenRota
from service.ids import MemberId, RotaFeedId, RotaId, RotaOverrideId


class RotaRow(TenantRow):
    """A rota.

    Attributes:
        rotations: its layers as they are written, the lowest first.
        version: grows with each change, also of what is agreed beside the layers.
    """

    __tablename__ = "rota"
    __table_args__ = (UniqueConstraint("tenant_id", "name"),)

    name: Mapped[str]
    zone: Mapped[str]
    rotations: Mapped[list[Any]]
    version: Mapped[int]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]

    def to_domain(self) -> WrittenRota:
        return WrittenRota(
            id=RotaId(self.id),
            name=self.name,
            zone=self.zone,
            layers=msgspec.convert(self.rotations, tuple[Layer, ...]),
            version=self.version,
            created_at=self.created_at,
            changed_at=self.changed_at,
        )


class RotaOverrideRow(TenantRow):
    """Somebody else for a while. Of several that say something about an instant the last one made counts."""

    __tablename__ = "rota_override"
    __table_args__ = (
        Index("ix_rota_override_tenant_id_rota_id_end_at", "tenant_id", "rota_id", "end_at"),
        ForeignKeyConstraint(["tenant_id", "rota_id"], ["rota.tenant_id", "rota.id"]),
        ForeignKeyConstraint(["tenant_id", "member_id"], ["member.tenant_id", "member.id"]),
        ForeignKeyConstraint(["tenant_id", "instead_of"], ["member.tenant_id", "member.id"]),
    )

    rota_id: Mapped[UUID]
    start_at: Mapped[datetime]
    end_at: Mapped[datetime]
    member_id: Mapped[UUID | None]
    instead_of: Mapped[UUID | None]
    created_at: Mapped[datetime]

    def to_domain(self) -> PlannedOverride:
        return PlannedOverride(
            id=RotaOverrideId(self.id),
            override=Override(
                start=self.start_at,
                end=self.end_at,
                member=None if self.member_id is None else MemberId(self.member_id),
                instead_of=None if self.instead_of is None else MemberId(self.instead_of),
            ),
            created_at=self.created_at,
        )


class RotaFeedRow(TenantRow):
    """A secret link under which calendar programs read the rota.

    Attributes:
        digest: SHA-256 of the secret, which is shown once.
    """

    __tablename__ = "rota_feed"
    __table_args__ = (
        UniqueConstraint("tenant_id", "digest"),
        Index("ix_rota_feed_tenant_id_rota_id", "tenant_id", "rota_id"),
        ForeignKeyConstraint(["tenant_id", "rota_id"], ["rota.tenant_id", "rota.id"]),
    )

    rota_id: Mapped[UUID]
    name: Mapped[str]
    digest: Mapped[bytes]
    created_at: Mapped[datetime]

    def to_domain(self) -> Feed:
        return Feed(
            id=RotaFeedId(self.id), rota_id=RotaId(self.rota_id), name=self.name, created_at=self.created_at
        )
