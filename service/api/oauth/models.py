"""Platform table of the keys that sign access tokens."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from service.api.oauth.keys import SigningKey
from service.db import Base


class SigningKeyRow(Base):
    """Retired keys stay: cursors that they signed go on to count."""

    __tablename__ = "signing_key"

    kid: Mapped[str] = mapped_column(primary_key=True)
    private_jwk: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]

    def to_domain(self) -> SigningKey:
        return SigningKey(
            kid=self.kid, jwk=self.private_jwk, created_at=self.created_at, retired_at=self.retired_at
        )
