"""Tables of message templates and of links to arrangements, and what a template is to those who read it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped

from service.db import TenantRow
from service.ids import TemplateId
from service.rationalization.wording.domain import MessageKind, Written

USUAL = ""
"""How the usual wording of a message is stored: what is null would be unique to no one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """The tenant's words for one message in one language. Once it is retired it is told no more.

    Attributes:
        wording: what rules call these words; None for the usual ones.
        language: a BCP 47 tag.
        version: of what it says; a version never changes.
    """

    id: TemplateId
    message: MessageKind
    wording: str | None
    language: str
    version: int
    written: Written
    created_at: datetime
    revised_at: datetime
    retired_at: datetime | None


class MessageTemplateRow(TenantRow):
    """A template's place and its current version. Older versions stay in `message_template_version`."""

    __tablename__ = "message_template"
    __table_args__ = (UniqueConstraint("tenant_id", "message", "wording", "language"),)

    message: Mapped[str]
    wording: Mapped[str]
    language: Mapped[str]
    version: Mapped[int]
    version_id: Mapped[UUID]
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]

    def to_domain(self, current: "MessageTemplateVersionRow") -> Template:
        return Template(
            id=TemplateId(self.id),
            message=MessageKind(self.message),
            wording=self.wording or None,
            language=self.language,
            version=current.version,
            written=Written(current.subject, current.body),
            created_at=self.created_at,
            revised_at=current.created_at,
            retired_at=self.retired_at,
        )


class MessageTemplateVersionRow(TenantRow):
    """Append-only: the login role may insert and read, nothing else."""

    __tablename__ = "message_template_version"
    __table_args__ = (
        UniqueConstraint("tenant_id", "template_id", "version"),
        ForeignKeyConstraint(
            ["tenant_id", "template_id"], ["message_template.tenant_id", "message_template.id"]
        ),
    )

    template_id: Mapped[UUID]
    version: Mapped[int]
    subject: Mapped[str]
    body: Mapped[str]
    created_at: Mapped[datetime]


class ArrangementLinkRow(TenantRow):
    """A link that was given to a requester: of its secret only a digest is kept."""

    __tablename__ = "arrangement_link"
    __table_args__ = (
        Index("ix_arrangement_link_tenant_id_arrangement_id", "tenant_id", "arrangement_id"),
        ForeignKeyConstraint(["tenant_id", "arrangement_id"], ["arrangement.tenant_id", "arrangement.id"]),
    )

    arrangement_id: Mapped[UUID]
    sha256: Mapped[bytes]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
