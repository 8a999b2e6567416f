"""Platform table of the keys that sign access tokens."""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from service.api.oauth.keys import SigningKey
from service.db import Base
from service.vault import Place, Vault


class SigningKeyRow(Base):
    """Retired keys stay: cursors that they signed go on to count.

    `private_jwk` is what came before `sealed_jwk`; it is emptied when the key is sealed.
    """

    __tablename__ = "signing_key"

    kid: Mapped[str] = mapped_column(primary_key=True)
    private_jwk: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    sealed_jwk: Mapped[bytes | None]
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]

    def to_domain(self, vault: Vault) -> SigningKey:
        return SigningKey(
            kid=self.kid, jwk=self._jwk(vault), created_at=self.created_at, retired_at=self.retired_at
        )

    def _jwk(self, vault: Vault) -> dict[str, Any]:
        if self.private_jwk is not None:
            return self.private_jwk
        return msgspec.json.decode(vault.open(self.sealed_jwk or b"", place(self.kid)), type=dict[str, Any])


def place(kid: str) -> Place:
    """Where the sealed key of this name lies."""
    return Place(None, SigningKeyRow.__tablename__, "sealed_jwk", kid)
