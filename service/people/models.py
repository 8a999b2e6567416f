"""Tables of this slice. A person, its log-in and its memberships are read before a tenant is known."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.db import Base, TenantRow
from service.ids import GroupId, MemberId, PersonId
from service.people.domain import Group, Member, MemberState, Role


class PersonRecord(Base):
    """Platform table: an account, which belongs to nobody but the person.

    Attributes:
        email: as `normal_email` writes it.
        sealed_totp_seed: as the vault gave it; counts once `totp_confirmed_at` is set.
        totp_used_step: the latest step whose code was used; none up to it counts again.
        tokens_valid_from: what was issued to the person before does not count any more, in any tenant.
    """

    __tablename__ = "person"
    __table_args__ = (UniqueConstraint("email"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str]
    name: Mapped[str]
    password_hash: Mapped[str]
    sealed_totp_seed: Mapped[bytes | None]
    totp_confirmed_at: Mapped[datetime | None]
    totp_used_step: Mapped[int | None] = mapped_column(BigInteger)
    tokens_valid_from: Mapped[datetime]
    created_at: Mapped[datetime]


class RecoveryCodeRecord(Base):
    """Platform table: what stands in for a second factor once. It is removed when it is used."""

    __tablename__ = "recovery_code"

    person_id: Mapped[UUID] = mapped_column(primary_key=True)
    digest: Mapped[bytes] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]


class LoginSessionRecord(Base):
    """Platform table: a browser in which a person is logged in, or halfway.

    Attributes:
        digest: SHA-256 of the cookie's token.
        factors: what the person has shown: `password`, and `totp` or `recovery`.
        expires_at: whatever happens; a session that is not used ends sooner.
    """

    __tablename__ = "login_session"
    __table_args__ = (
        Index("ix_login_session_person_id", "person_id"),
        Index("ix_login_session_expires_at", "expires_at"),
    )

    digest: Mapped[bytes] = mapped_column(primary_key=True)
    person_id: Mapped[UUID]
    tenant_id: Mapped[UUID | None]
    member_id: Mapped[UUID | None]
    factors: Mapped[list[Any]]
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class MembershipRecord(Base):
    """Platform table: mirrors the members that a person is, so that it finds its tenants before one is set.

    Attributes:
        active: false as long as an invitation is open; such a person may log in, to accept it.
    """

    __tablename__ = "membership"

    person_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[UUID]
    active: Mapped[bool]


class PasswordResetRecord(Base):
    """Platform table: a link by which a password may be set anew, once."""

    __tablename__ = "password_reset"
    __table_args__ = (
        Index("ix_password_reset_person_id", "person_id"),
        Index("ix_password_reset_expires_at", "expires_at"),
    )

    digest: Mapped[bytes] = mapped_column(primary_key=True)
    person_id: Mapped[UUID]
    clears_totp: Mapped[bool]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class ResetRequestRecord(Base):
    """Platform table: somebody asked for a link to set a password anew. Who it is for is seen later."""

    __tablename__ = "password_reset_request"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str]
    address: Mapped[str | None]
    http_request_id: Mapped[str | None]
    asked_at: Mapped[datetime]


class LogInFailureRecord(Base):
    """Platform table: how full a bucket of failures is; it leaks.

    Attributes:
        bucket: SHA-256 of what it is for, so that no address that was tried is kept.
        level: failures in it at `measured_at`.
        empty_at: when nothing will be left in it.
    """

    __tablename__ = "log_in_failure"
    __table_args__ = (Index("ix_log_in_failure_empty_at", "empty_at"),)

    bucket: Mapped[bytes] = mapped_column(primary_key=True)
    level: Mapped[float]
    measured_at: Mapped[datetime]
    empty_at: Mapped[datetime]


class LoginDeedRecord(Base):
    """Platform table: what was done at log-in, on its way to the audit trails of the person's tenants.

    Attributes:
        person_id: None when nobody has the address that was tried.
        tenant_id: None until it is known whose trails it belongs to; then there is one row for each.
        actor: who did it; None for the person itself.
    """

    __tablename__ = "login_deed"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID | None]
    member_id: Mapped[UUID | None]
    person_id: Mapped[UUID | None]
    actor: Mapped[str | None]
    action: Mapped[str]
    details: Mapped[dict[str, Any]]
    address: Mapped[str | None]
    http_request_id: Mapped[str | None]
    happened_at: Mapped[datetime]


class MemberRow(TenantRow):
    """A person in a tenant; `tokens_valid_from` as a person's, for what the tenant ends by itself."""

    __tablename__ = "member"
    __table_args__ = (
        UniqueConstraint("tenant_id", "email"),
        UniqueConstraint("tenant_id", "person_id"),
    )

    person_id: Mapped[UUID | None]
    email: Mapped[str]
    name: Mapped[str]
    roles: Mapped[list[Any]]
    state: Mapped[str]
    tokens_valid_from: Mapped[datetime]
    version: Mapped[int]
    created_at: Mapped[datetime]

    def to_domain(self) -> Member:
        return Member(
            id=MemberId(self.id),
            person_id=None if self.person_id is None else PersonId(self.person_id),
            email=self.email,
            name=self.name,
            roles=frozenset(Role(role) for role in self.roles),
            state=MemberState(self.state),
            version=self.version,
            created_at=self.created_at,
        )


class InvitationRow(TenantRow):
    """A link by which a member becomes active, once."""

    __tablename__ = "invitation"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "member_id"], ["member.tenant_id", "member.id"]),
        UniqueConstraint("tenant_id", "digest"),
        Index("ix_invitation_tenant_id_member_id", "tenant_id", "member_id"),
    )

    member_id: Mapped[UUID]
    digest: Mapped[bytes]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class MemberGroupRow(TenantRow):
    __tablename__ = "member_group"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "manager_id"], ["member.tenant_id", "member.id"]),
        UniqueConstraint("tenant_id", "name"),
    )

    name: Mapped[str]
    manager_id: Mapped[UUID | None]
    calendar: Mapped[str | None]
    version: Mapped[int]
    created_at: Mapped[datetime]

    def to_domain(self) -> Group:
        return Group(
            id=GroupId(self.id),
            name=self.name,
            manager_id=None if self.manager_id is None else MemberId(self.manager_id),
            calendar=self.calendar,
            version=self.version,
            created_at=self.created_at,
        )


class GroupCalendarRow(TenantRow):
    """What all may know of a group, be they confined to one client organization: by what it works."""

    __tablename__ = "group_calendar"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "id"], ["member_group.tenant_id", "member_group.id"]),
        UniqueConstraint("tenant_id", "name"),
    )

    name: Mapped[str]
    calendar: Mapped[str]


class GroupMemberRow(TenantRow):
    __tablename__ = "group_member"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "group_id"], ["member_group.tenant_id", "member_group.id"]),
        ForeignKeyConstraint(["tenant_id", "member_id"], ["member.tenant_id", "member.id"]),
        UniqueConstraint("tenant_id", "group_id", "member_id"),
        Index("ix_group_member_tenant_id_member_id", "tenant_id", "member_id"),
    )

    group_id: Mapped[UUID]
    member_id: Mapped[UUID]
    added_at: Mapped[datetime]
