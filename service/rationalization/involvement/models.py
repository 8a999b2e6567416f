"""The table of who had a hand in what."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped

from service.db import TenantRow


class InvolvementRow(TenantRow):
    """A member had a hand in a request: never changed, and taken back where it counts no more.

    Attributes:
        hand: see `domain.Hand`, and `domain.Chance`.
        subject_id: the gate that was assessed, or the arrangement that a link is about; of what was edited or
            agreed to, the request.
    """

    __tablename__ = "involvement"
    __table_args__ = (
        UniqueConstraint("tenant_id", "request_id", "member_id", "hand", "subject_id"),
        ForeignKeyConstraint(["tenant_id", "request_id"], ["request.tenant_id", "request.id"]),
    )

    request_id: Mapped[UUID]
    client_id: Mapped[UUID | None]
    member_id: Mapped[UUID]
    hand: Mapped[str]
    subject_id: Mapped[UUID]
    at: Mapped[datetime]
