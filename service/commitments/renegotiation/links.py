"""The link by which a requester answers without logging in. Pure."""

from dataclasses import dataclass

from service import links
from service.commitments.renegotiation.models import Renegotiation
from service.ids import RenegotiationId


@dataclass(frozen=True, slots=True)
class Link(links.Link):
    """A link to a renegotiation."""

    @property
    def renegotiation_id(self) -> RenegotiationId:
        return RenegotiationId(self.subject_id)

    @property
    def path(self) -> str:
        return f"/renegotiation/{self.token}"

    def opens(self, renegotiation: Renegotiation) -> bool:
        """Is this the link that was given away with it?"""
        return self.is_kept_as(renegotiation.link_sha256)


def read(text: str) -> Link | None:
    """The link whose path ends with this; None when it is none."""
    found = links.read(text)
    return None if found is None else Link(found.tenant_id, found.subject_id, found.secret)
