"""Tables of this slice."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped

from service.db import TenantRow
from service.ids import PolicyId
from service.rules.domain import Policy


class PolicyRow(TenantRow):
    __tablename__ = "policy"
    __table_args__ = (UniqueConstraint("tenant_id", "name"),)

    name: Mapped[str]
    kind: Mapped[str]
    version: Mapped[int]
    published_version: Mapped[int | None]
    created_at: Mapped[datetime]

    def to_domain(self) -> Policy:
        return Policy(
            id=PolicyId(self.id),
            name=self.name,
            kind=self.kind,
            version=self.version,
            published_version=self.published_version,
            created_at=self.created_at,
        )


class PolicyVersionRow(TenantRow):
    """A version never changes. The login role may not update this table."""

    __tablename__ = "policy_version"
    __table_args__ = (
        UniqueConstraint("tenant_id", "policy_id", "version"),
        ForeignKeyConstraint(["tenant_id", "policy_id"], ["policy.tenant_id", "policy.id"]),
    )

    policy_id: Mapped[UUID]
    version: Mapped[int]
    document: Mapped[dict[str, Any]]
    declarations: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class PolicyPointerRow(TenantRow):
    """The versions in effect for one kind, in their order.

    Decisions read it FOR SHARE and publishing locks it FOR UPDATE, so that no decision commits on a version
    that was already replaced.
    """

    __tablename__ = "policy_pointer"
    __table_args__ = (UniqueConstraint("tenant_id", "kind"),)

    kind: Mapped[str]
    effective: Mapped[list[Any]]
    changed_at: Mapped[datetime]
