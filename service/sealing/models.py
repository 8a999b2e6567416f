"""Table of this slice."""

from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from service.db import Base


class TenantInClearRow(Base):
    """Platform table: tenants from before secrets were sealed, until theirs are."""

    __tablename__ = "tenant_in_clear"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
