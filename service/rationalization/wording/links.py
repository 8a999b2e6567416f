"""The link by which a requester reads what was decided, and answers, without logging in. Pure."""

from dataclasses import dataclass

from service import links
from service.ids import ArrangementId


@dataclass(frozen=True, slots=True)
class Link(links.Link):
    """A link to an arrangement."""

    @property
    def arrangement_id(self) -> ArrangementId:
        return ArrangementId(self.subject_id)

    @property
    def path(self) -> str:
        return f"/arrangement/{self.token}"


def read(text: str) -> Link | None:
    """The link whose path ends with this; None when it is none."""
    found = links.read(text)
    return None if found is None else Link(found.tenant_id, found.subject_id, found.secret)
