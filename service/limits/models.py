"""Tables of this slice."""

from datetime import datetime

from sqlalchemy import BigInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.db import TenantRow


class TenantLimitRow(TenantRow):
    """A value that the operator gave this tenant, in the place of the default."""

    __tablename__ = "tenant_limit"
    __table_args__ = (UniqueConstraint("tenant_id", "name"),)

    name: Mapped[str]
    value: Mapped[int] = mapped_column(BigInteger)
    changed_at: Mapped[datetime]


class RateBucketRow(TenantRow):
    """A bucket of tokens; its id is the tenant's or the application's. Not logged: a crash fills them all.

    Attributes:
        full_at: when it will be full again if nobody takes any.
        granted: how many tokens were taken last.
    """

    __tablename__ = "rate_bucket"

    full_at: Mapped[datetime]
    granted: Mapped[int] = mapped_column(BigInteger)
