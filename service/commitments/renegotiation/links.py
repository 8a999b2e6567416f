"""The link by which a requester answers without logging in. Pure.

It names its tenant and its renegotiation, and carries a secret of which only a digest is kept. The digest is
over all three, so that the secret of one link opens no other.
"""

import hashlib
import hmac
from dataclasses import dataclass, field

from service.commitments.renegotiation.models import Renegotiation
from service.ids import RenegotiationId, TenantId, read_id

HEX_DIGITS = 32
"""Of an id."""
SECRET_CHARACTERS_MAX = 64


@dataclass(frozen=True, slots=True)
class Link:
    """What a link says."""

    tenant_id: TenantId
    renegotiation_id: RenegotiationId
    secret: str = field(repr=False)

    @property
    def path(self) -> str:
        return f"/renegotiation/{self.tenant_id.hex}.{self.renegotiation_id.hex}.{self.secret}"

    @property
    def sha256(self) -> bytes:
        named = self.tenant_id.bytes + self.renegotiation_id.bytes
        return hashlib.sha256(named + self.secret.encode()).digest()

    def opens(self, renegotiation: Renegotiation) -> bool:
        """Is this the link that was given away with it? Compared in constant time."""
        kept = renegotiation.link_sha256
        return kept is not None and hmac.compare_digest(kept, self.sha256)


def read(text: str) -> Link | None:
    """The link whose path ends with this; None when it is none."""
    tenant, _, rest = text.partition(".")
    renegotiation, _, secret = rest.partition(".")
    if len(tenant) != HEX_DIGITS or len(renegotiation) != HEX_DIGITS:
        return None
    if not secret.isascii() or not 0 < len(secret) <= SECRET_CHARACTERS_MAX:
        return None
    try:
        return Link(TenantId(read_id(tenant)), RenegotiationId(read_id(renegotiation)), secret)
    except ValueError:
        return None
