"""Documents that were read, kept in memory. Versions never change, so a copy is never stale."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from service.ids import TenantId
from service.recent import Recent
from service.rules import documents
from service.rules.domain import Document, Kind, Saved

BYTES_KEPT_MAX = 128 << 20
BYTES_OF_RULE = 500
BYTES_OF_CHARACTER = 40
"""Of a condition: its tree takes so much more than its text."""


class Library:
    """The documents used last, until they hold more than BYTES_KEPT_MAX together, by estimate."""

    def __init__(self, *, bytes_kept_max: int = BYTES_KEPT_MAX) -> None:
        self._kept: Recent[tuple[TenantId, UUID], Document] = Recent(bytes_kept_max, weigh=bytes_of)

    def missing(self, tenant_id: TenantId, version_ids: Sequence[UUID]) -> list[UUID]:
        """Those of the versions that have to be loaded."""
        return [version_id for version_id in version_ids if (tenant_id, version_id) not in self._kept]

    async def prepare(
        self, tenant_id: TenantId, stored: Mapping[UUID, Saved], kinds: Mapping[Any, Kind]
    ) -> None:
        """Read what was missing in a thread: the largest documents take a quarter of a second.

        Args:
            tenant_id: whose they are.
            stored: by version.
            kinds: what the policy of each of these versions decides.
        """
        for version_id, saved in stored.items():
            document = await asyncio.to_thread(
                documents.read, saved.document, kinds[version_id], own=saved.declared, is_kept=True
            )
            self._kept.put((tenant_id, version_id), document)

    def read(self, tenant_id: TenantId, version_id: UUID, stored: Saved | None, kind: Kind) -> Document:
        """The document of a version, which `stored` holds if it was missing."""
        key = (tenant_id, version_id)
        document = self._kept.get(key)
        if document is None:
            if stored is None:
                raise KeyError(f"version {version_id} was not loaded")
            document = documents.read(stored.document, kind, own=stored.declared, is_kept=True)
            self._kept.put(key, document)
        return document


def bytes_of(document: Document) -> int:
    """About what the document takes in memory."""
    return sum(BYTES_OF_RULE + BYTES_OF_CHARACTER * len(rule.when) for rule in document.rules)
