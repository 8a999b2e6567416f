"""Table of this slice."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from service.db import Base


class MailRow(Base):
    """Platform table: a person gets mail before any tenant is chosen.

    Attributes:
        sealed_body: as the vault gave it; None once the mail is sent or given up.
        due_at: when to try next; while a worker is at it, when another may take over.
    """

    __tablename__ = "mail"
    __table_args__ = (Index("ix_mail_due_at", "due_at", postgresql_where=text("state = 'queued'")),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    recipient: Mapped[str]
    subject: Mapped[str]
    sealed_body: Mapped[bytes | None]
    state: Mapped[str]
    attempts: Mapped[int]
    last_error: Mapped[str | None]
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
