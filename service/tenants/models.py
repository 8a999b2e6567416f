"""Tables of this slice."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from service.db import Base, TenantRow
from service.ids import ApplicationId, ClientId, ContactId, MaintenanceId, ServiceId, TenantId
from service.tenants.domain import (
    SCOPES,
    Application,
    Approval,
    AuthMethod,
    Client,
    Contact,
    GrantType,
    OperatedService,
    Tenant,
    TenantKind,
    console_id,
)
from service.tenants.spells import MaintenanceWindow, WindowState


class TenantRecord(Base):
    """Platform table: read before a tenant is known."""

    __tablename__ = "tenant"
    __table_args__ = (UniqueConstraint("slug"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    slug: Mapped[str]
    name: Mapped[str]
    kind: Mapped[str]
    approval: Mapped[str]
    version: Mapped[int]
    created_at: Mapped[datetime]

    def to_domain(self) -> Tenant:
        return Tenant(
            id=TenantId(self.id),
            slug=self.slug,
            name=self.name,
            kind=TenantKind(self.kind),
            approval=Approval(self.approval),
            version=self.version,
        )


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
    profile: Mapped[dict[str, Any]]
    calendar: Mapped[str | None]
    version: Mapped[int]
    created_at: Mapped[datetime]

    def to_domain(self) -> Client:
        return Client(
            id=ClientId(self.id),
            name=self.name,
            tier=self.tier,
            profile=self.profile,
            calendar=self.calendar,
            version=self.version,
            created_at=self.created_at,
        )


class ContactRow(TenantRow):
    __tablename__ = "contact"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "client_id"], ["client.tenant_id", "client.id"]),
        Index(
            "ux_contact_tenant_id_client_id_external_id",
            "tenant_id",
            "client_id",
            "external_id",
            unique=True,
            postgresql_where=text("external_id is not null"),
            postgresql_nulls_not_distinct=True,
        ),
    )

    client_id: Mapped[UUID | None]
    external_id: Mapped[str | None]
    name: Mapped[str]
    email: Mapped[str | None]
    phone: Mapped[str | None]
    language: Mapped[str | None]
    time_zone: Mapped[str | None]
    version: Mapped[int]
    created_at: Mapped[datetime]

    def to_domain(self) -> Contact:
        return Contact(
            id=ContactId(self.id),
            client_id=None if self.client_id is None else ClientId(self.client_id),
            external_id=self.external_id,
            name=self.name,
            email=self.email,
            phone=self.phone,
            language=self.language,
            time_zone=self.time_zone,
            version=self.version,
            created_at=self.created_at,
        )


class ApplicationRow(TenantRow):
    __tablename__ = "application"
    __table_args__ = (ForeignKeyConstraint(["tenant_id", "client_id"], ["client.tenant_id", "client.id"]),)

    client_id: Mapped[UUID | None]
    name: Mapped[str]
    auth_method: Mapped[str]
    grant_types: Mapped[list[Any]]
    redirect_uris: Mapped[list[Any]]
    jwks: Mapped[dict[str, Any] | None]
    secret_sha256: Mapped[bytes | None]
    previous_secret_sha256: Mapped[bytes | None]
    previous_secret_until: Mapped[datetime | None]
    scopes: Mapped[list[Any]]
    version: Mapped[int]
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]

    @classmethod
    def of(cls, application: Application) -> "ApplicationRow":
        return cls(
            tenant_id=application.tenant_id,
            id=application.id,
            client_id=application.client_id,
            name=application.name,
            auth_method=application.auth_method.value,
            grant_types=sorted(application.grant_types),
            redirect_uris=list(application.redirect_uris),
            jwks=application.jwks,
            secret_sha256=application.secret_sha256,
            previous_secret_sha256=application.previous_secret_sha256,
            previous_secret_until=application.previous_secret_until,
            scopes=[] if application.is_console else sorted(application.scopes),
            version=application.version,
            created_at=application.created_at,
            revoked_at=application.revoked_at,
        )

    def to_domain(self) -> Application:
        is_console = self.id == console_id(TenantId(self.tenant_id))
        return Application(
            tenant_id=TenantId(self.tenant_id),
            id=ApplicationId(self.id),
            name=self.name,
            client_id=None if self.client_id is None else ClientId(self.client_id),
            scopes=frozenset(SCOPES if is_console else self.scopes),
            auth_method=AuthMethod(self.auth_method),
            grant_types=frozenset(GrantType(each) for each in self.grant_types),
            redirect_uris=tuple(self.redirect_uris),
            jwks=self.jwks,
            secret_sha256=self.secret_sha256,
            previous_secret_sha256=self.previous_secret_sha256,
            previous_secret_until=self.previous_secret_until,
            version=self.version,
            created_at=self.created_at,
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


class MaintenanceWindowRow(TenantRow):
    """When a service is in maintenance. It is here since what lies below requests reads it too."""

    __tablename__ = "maintenance_window"
    __table_args__ = (
        Index("ix_maintenance_window_tenant_id_service_id_ends_at", *("tenant_id", "service_id", "ends_at")),
        ForeignKeyConstraint(["tenant_id", "service_id"], ["service.tenant_id", "service.id"]),
    )

    service_id: Mapped[UUID]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    called_off_at: Mapped[datetime | None]
    reason: Mapped[str | None]
    state: Mapped[str]
    passes: Mapped[int]
    last_request_id: Mapped[UUID | None]
    version: Mapped[int]
    sequence: Mapped[int]
    created_at: Mapped[datetime]

    def to_domain(self) -> MaintenanceWindow:
        return MaintenanceWindow(
            id=MaintenanceId(self.id),
            service_id=ServiceId(self.service_id),
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            called_off_at=self.called_off_at,
            reason=self.reason,
            state=WindowState(self.state),
            passes=self.passes,
            version=self.version,
            sequence=self.sequence,
            created_at=self.created_at,
        )
