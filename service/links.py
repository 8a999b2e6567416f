"""Links by which somebody without a log-in is shown one thing, and answers it. Pure.

A link names its tenant and its subject, and carries a secret of which only a digest is kept. The digest is
over all three, so that the secret of one link opens no other.
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from uuid import UUID

from service.ids import TenantId, read_id

HEX_DIGITS = 32
"""Of an id."""
SECRET_BYTES = 32
SECRET_CHARACTERS_MAX = 64


@dataclass(frozen=True, slots=True)
class Link:
    """What a link says."""

    tenant_id: TenantId
    subject_id: UUID
    secret: str = field(repr=False)

    @property
    def token(self) -> str:
        """The last part of its path."""
        return f"{self.tenant_id.hex}.{self.subject_id.hex}.{self.secret}"

    @property
    def sha256(self) -> bytes:
        named = self.tenant_id.bytes + self.subject_id.bytes
        return hashlib.sha256(named + self.secret.encode()).digest()

    def is_kept_as(self, sha256: bytes | None) -> bool:
        """Is this the link that was given away? Compared in constant time."""
        return sha256 is not None and hmac.compare_digest(sha256, self.sha256)


def read(text: str) -> Link | None:
    """The link whose path ends with this; None when it is none."""
    tenant, _, rest = text.partition(".")
    subject, _, secret = rest.partition(".")
    if len(tenant) != HEX_DIGITS or len(subject) != HEX_DIGITS:
        return None
    if not secret.isascii() or not 0 < len(secret) <= SECRET_CHARACTERS_MAX:
        return None
    try:
        return Link(TenantId(read_id(tenant)), read_id(subject), secret)
    except ValueError:
        return None
