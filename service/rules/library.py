"""Documents that were read, kept in memory. Versions never change, so a copy is never stale."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import structlog

from service.ids import TenantId
from service.recent import Recent
from service.rules import documents
from service.rules.domain import UNREADABLE, Document, Kind, Saved
from service.rules.errors import PolicyInvalid

BYTES_KEPT_MAX = 128 << 20
BYTES_OF_RULE = 500
BYTES_OF_CHARACTER = 40
"""Of a condition: its tree takes so much more than its text."""

log = structlog.stdlib.get_logger(__name__)


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
            document = await asyncio.to_thread(_read, version_id, saved, kinds[version_id])
            self._kept.put((tenant_id, version_id), document)

    def read(self, tenant_id: TenantId, version_id: UUID, stored: Saved | None, kind: Kind) -> Document:
        """The document of a version, which `stored` holds if it was missing."""
        key = (tenant_id, version_id)
        document = self._kept.get(key)
        if document is None:
            if stored is None:
                raise KeyError(f"version {version_id} was not loaded")
            document = _read(version_id, stored, kind)
            self._kept.put(key, document)
        return document


def _read(version_id: UUID, saved: Saved, kind: Kind) -> Document:
    """The document; UNREADABLE where a version was saved by a program that took what this one does not."""
    try:
        return documents.read(saved.document, kind, own=saved.declared, is_kept=True)
    except PolicyInvalid as refusal:
        faults = [f"{fault.pointer}: {fault.detail}" for fault in refusal.faults]
        log.error("a stored version cannot be read", version_id=str(version_id), faults=faults)  # noqa: TRY400 expected, told whole
        return UNREADABLE


def bytes_of(document: Document) -> int:
    """About what the document takes in memory."""
    return sum(BYTES_OF_RULE + BYTES_OF_CHARACTER * len(rule.when) for rule in document.rules)
