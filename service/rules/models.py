"""Tables of this slice."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped

from service.db import TenantRow
from service.ids import PolicyId
from service.rules.domain import ORDER_DEFAULT, Saved
from service.rules.lifecycle import Basis, Policy, Stage, Step, Taken


class PolicyRow(TenantRow):
    """A policy. `revision` is the number of its last step or event: it grows with all that happens to it."""

    __tablename__ = "policy"
    __table_args__ = (UniqueConstraint("tenant_id", "name"),)

    name: Mapped[str]
    kind: Mapped[str]
    version: Mapped[int]
    published_version: Mapped[int | None]
    scheduled_version: Mapped[int | None]
    scheduled_at: Mapped[datetime | None]
    revision: Mapped[int]
    created_at: Mapped[datetime]

    def to_domain(self, stage: Stage, document: Mapping[str, Any]) -> Policy:
        """The policy, of whose newest version these are the stage and the document."""
        return Policy(
            id=PolicyId(self.id),
            name=self.name,
            kind=self.kind,
            version=self.version,
            stage=stage,
            published_version=self.published_version,
            scheduled_version=self.scheduled_version,
            scheduled_at=self.scheduled_at,
            applies_to=document.get("applies_to") or {},
            order=document.get("order", ORDER_DEFAULT),
            revision=self.revision,
            created_at=self.created_at,
        )


class PolicyVersionRow(TenantRow):
    """A version never changes. The login role may not update this table.

    `author` is the name of an actor; None of a version that is older than the column.
    """

    __tablename__ = "policy_version"
    __table_args__ = (
        UniqueConstraint("tenant_id", "policy_id", "version"),
        ForeignKeyConstraint(["tenant_id", "policy_id"], ["policy.tenant_id", "policy.id"]),
    )

    policy_id: Mapped[UUID]
    version: Mapped[int]
    document: Mapped[dict[str, Any]]
    declarations: Mapped[dict[str, Any]]
    author: Mapped[str | None]
    created_at: Mapped[datetime]

    @property
    def saved(self) -> Saved:
        return Saved(self.document, self.declarations)


class PolicyStepRow(TenantRow):
    """What happened to a version. Append-only; `number` counts the steps of the whole policy."""

    __tablename__ = "policy_step"
    __table_args__ = (
        UniqueConstraint("tenant_id", "policy_id", "number"),
        ForeignKeyConstraint(["tenant_id", "policy_id"], ["policy.tenant_id", "policy.id"]),
        Index(
            "ix_policy_step_tenant_id_policy_id_version_number",
            *("tenant_id", "policy_id", "version", "number"),
        ),
    )

    policy_id: Mapped[UUID]
    version: Mapped[int]
    number: Mapped[int]
    step: Mapped[str]
    at: Mapped[datetime]
    by: Mapped[str]
    note: Mapped[str | None]
    effective_at: Mapped[datetime | None]
    basis: Mapped[str | None]

    def to_domain(self) -> Taken:
        return Taken(
            version=self.version,
            number=self.number,
            step=Step(self.step),
            at=self.at,
            by=self.by,
            note=self.note,
            effective_at=self.effective_at,
            basis=None if self.basis is None else Basis(self.basis),
        )


class PolicyPointerRow(TenantRow):
    """What was put into effect, by kind: one row for each tenant, whose id is the tenant's.

    It is there from the tenant's beginning. Decisions read it FOR SHARE and publishing locks it FOR UPDATE,
    so that no decision commits on a version that was already replaced.
    """

    __tablename__ = "policy_pointer"

    effective: Mapped[dict[str, Any]]
    changed_at: Mapped[datetime]
