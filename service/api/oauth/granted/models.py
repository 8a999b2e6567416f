"""Tables of what was granted. None of them holds a secret, only digests of secrets of 256 random bits."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped

from service.api.oauth.granted.domain import Code, Consent, Family
from service.db import TenantRow
from service.ids import ApplicationId, FamilyId, MemberId

OF_APPLICATION = (["tenant_id", "application_id"], ["application.tenant_id", "application.id"])
OF_FAMILY = (["tenant_id", "family_id"], ["token_family.tenant_id", "token_family.id"])


class TokenFamilyRow(TenantRow):
    __tablename__ = "token_family"
    __table_args__ = (
        ForeignKeyConstraint(*OF_APPLICATION),
        Index("ix_token_family_tenant_id_member_id", "tenant_id", "member_id"),
    )

    application_id: Mapped[UUID]
    client: Mapped[str]
    member_id: Mapped[UUID]
    scopes: Mapped[list[Any]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]

    def to_domain(self) -> Family:
        return Family(
            id=FamilyId(self.id),
            consent=_consent(self),
            created_at=self.created_at,
            expires_at=self.expires_at,
            used_at=self.used_at,
            revoked_at=self.revoked_at,
        )


class AuthorizationCodeRow(TenantRow):
    """Kept a while after its use, so that a second use is noticed."""

    __tablename__ = "authorization_code"
    __table_args__ = (
        UniqueConstraint("tenant_id", "digest"),
        ForeignKeyConstraint(*OF_APPLICATION),
        ForeignKeyConstraint(*OF_FAMILY),
        Index("ix_authorization_code_tenant_id_family_id", "tenant_id", "family_id"),
    )

    digest: Mapped[bytes]
    application_id: Mapped[UUID]
    client: Mapped[str]
    member_id: Mapped[UUID]
    scopes: Mapped[list[Any]]
    redirect_uri: Mapped[str]
    challenge: Mapped[str]
    expires_at: Mapped[datetime]
    family_id: Mapped[UUID | None]

    def to_domain(self) -> Code:
        return Code(
            consent=_consent(self),
            redirect_uri=self.redirect_uri,
            challenge=self.challenge,
            expires_at=self.expires_at,
            family_id=None if self.family_id is None else FamilyId(self.family_id),
        )


class RefreshTokenRow(TenantRow):
    """Each generation of a family, so that an old one is told from one that never was."""

    __tablename__ = "refresh_token"
    __table_args__ = (
        UniqueConstraint("tenant_id", "digest"),
        UniqueConstraint("tenant_id", "family_id", "generation"),
        ForeignKeyConstraint(*OF_FAMILY),
    )

    family_id: Mapped[UUID]
    generation: Mapped[int]
    digest: Mapped[bytes]
    used_at: Mapped[datetime | None]


class ClientAssertionRow(TenantRow):
    """The name of an assertion by which an application has authenticated: each counts once (RFC 7523 §3)."""

    __tablename__ = "client_assertion"
    __table_args__ = (
        UniqueConstraint("tenant_id", "application_id", "jti_sha256"),
        ForeignKeyConstraint(*OF_APPLICATION),
    )

    application_id: Mapped[UUID]
    jti_sha256: Mapped[bytes]
    expires_at: Mapped[datetime]


class RevokedTokenRow(TenantRow):
    """An access token that was revoked before its time; its id is the token's `jti`."""

    __tablename__ = "revoked_token"

    expires_at: Mapped[datetime]


class ClientFailureRow(TenantRow):
    """How often somebody failed lately to prove who it is: by the client, or by a share of unknown names."""

    __tablename__ = "client_failure"

    since: Mapped[datetime]
    failures: Mapped[int]


def _consent(row: TokenFamilyRow | AuthorizationCodeRow) -> Consent:
    return Consent(
        application_id=ApplicationId(row.application_id),
        client=row.client,
        member_id=MemberId(row.member_id),
        scopes=frozenset(row.scopes),
    )
