"""Documents that were read, kept in memory. Versions never change, so a copy is never stale."""

from collections.abc import Sequence
from uuid import UUID

from service.ids import TenantId
from service.recent import Recent
from service.rules import documents
from service.rules.domain import Document, Kind, Saved

RULES_KEPT_MAX = 50_000


class Library:
    """The documents used last, until they hold more than RULES_KEPT_MAX rules together."""

    def __init__(self, *, rules_kept_max: int = RULES_KEPT_MAX) -> None:
        self._kept: Recent[tuple[TenantId, UUID], Document] = Recent(rules_kept_max, weigh=_rules_of)

    def missing(self, tenant_id: TenantId, version_ids: Sequence[UUID]) -> list[UUID]:
        """Those of the versions that have to be loaded."""
        return [version_id for version_id in version_ids if (tenant_id, version_id) not in self._kept]

    def read(self, tenant_id: TenantId, version_id: UUID, stored: Saved | None, kind: Kind) -> Document:
        """The document of a version, which `stored` holds if it was missing."""
        key = (tenant_id, version_id)
        document = self._kept.get(key)
        if document is None:
            if stored is None:
                raise KeyError(f"version {version_id} was not loaded")
            document = documents.read(stored.document, kind, own=stored.declared)
            self._kept.put(key, document)
        return document


def _rules_of(document: Document) -> int:
    return len(document.rules)
