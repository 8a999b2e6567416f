"""Tables of this slice."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.db import Base, TenantRow
from service.ids import ApplicationId, ClientId, ServiceId, TenantId
from service.tenants.domain import Application, Client, OperatedService, Tenant, TenantKind


class TenantRecord(Base):
    """Platform table: read before a tenant is known."""

    __tablename__ = "tenant"
    __table_args__ = (UniqueConstraint("slug"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    slug: Mapped[str]
    name: Mapped[str]
    kind: Mapped[str]
    created_at: Mapped[datetime]

    def to_domain(self) -> Tenant:
        return Tenant(id=TenantId(self.id), slug=self.slug, name=self.name, kind=TenantKind(self.kind))


class SandboxClockRow(TenantRow):
    """What time it is for a sandbox tenant, and the time it was told to reach. Its id is the tenant's."""

    __tablename__ = "sandbox_clock"

    now_at: Mapped[datetime]
    target_at: Mapped[datetime]


class ClientRow(TenantRow):
    __tablename__ = "client"
    __table_args__ = (UniqueConstraint("tenant_id", "name"),)

    name: Mapped[str]
    tier: Mapped[str | None]
    version: Mapped[int]
    created_at: Mapped[datetime]

    def to_domain(self) -> Client:
        return Client(
            id=ClientId(self.id),
            name=self.name,
            tier=self.tier,
            version=self.version,
            created_at=self.created_at,
        )


class ApplicationRow(TenantRow):
    __tablename__ = "application"
    __table_args__ = (ForeignKeyConstraint(["tenant_id", "client_id"], ["client.tenant_id", "client.id"]),)

    client_id: Mapped[UUID | None]
    name: Mapped[str]
    secret_sha256: Mapped[bytes]
    scopes: Mapped[list[Any]]
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]

    def to_domain(self) -> Application:
        return Application(
            tenant_id=TenantId(self.tenant_id),
            id=ApplicationId(self.id),
            name=self.name,
            client_id=None if self.client_id is None else ClientId(self.client_id),
            scopes=frozenset(self.scopes),
            secret_sha256=self.secret_sha256,
            revoked_at=self.revoked_at,
        )


class ServiceRow(TenantRow):
    __tablename__ = "service"
    __table_args__ = (UniqueConstraint("tenant_id", "name"),)

    name: Mapped[str]
    owner_group: Mapped[str | None]
    criticality: Mapped[str | None]
    hours: Mapped[str | None]
    version: Mapped[int]
    created_at: Mapped[datetime]

    def to_domain(self) -> OperatedService:
        return OperatedService(
            id=ServiceId(self.id),
            name=self.name,
            owner_group=self.owner_group,
            criticality=self.criticality,
            hours=self.hours,
            version=self.version,
            created_at=self.created_at,
        )
