"""Compiled calendars, kept in memory. Versions never change, so what is kept is never stale."""

from collections import OrderedDict
from uuid import UUID

from service.calendars.domain import WorkingTime
from service.ids import TenantId

KEPT_MAX = 512
"""A compiled calendar takes some 100 KB; one with the most intervals allowed, at most 10 MB."""


class Shelf:
    """The calendars used last, by tenant and version."""

    def __init__(self, *, kept_max: int = KEPT_MAX) -> None:
        self._kept_max = kept_max
        self._kept: OrderedDict[tuple[TenantId, UUID], WorkingTime] = OrderedDict()

    def get(self, tenant_id: TenantId, version_id: UUID) -> WorkingTime | None:
        found = self._kept.get((tenant_id, version_id))
        if found is not None:
            self._kept.move_to_end((tenant_id, version_id))
        return found

    def put(self, tenant_id: TenantId, version_id: UUID, working_time: WorkingTime) -> None:
        self._kept[tenant_id, version_id] = working_time
        while len(self._kept) > self._kept_max:
            self._kept.popitem(last=False)
