"""Use cases of the catalogue: what intake goes by, and what a type requires. Load, decide, save."""

from collections.abc import Mapping
from typing import Any

from service.db import TenantSession
from service.errors import Fault
from service.ids import RequestId, RequestTypeVersionId
from service.rationalization.catalogue import domain, store, validation
from service.rationalization.catalogue.domain import Offered
from service.rationalization.verdicts import Gate


async def offered(session: TenantSession, name: str) -> Offered | None:
    """The type that is offered under this name, if one is."""
    return await store.offered(session, name)


async def of_version(session: TenantSession, version_id: RequestTypeVersionId) -> Offered:
    """A version, whether it is in effect or not: a running request stays on its own."""
    return await store.of_version(session, version_id)


async def requires(session: TenantSession, version_id: RequestTypeVersionId) -> list[Gate]:
    """What requests of this version need before work starts, whatever their verdict."""
    return list((await store.of_version(session, version_id)).requires)


def faults_of(offered: Offered, said: Mapping[str, Any]) -> list[Fault]:
    """What is wrong with what a request of this type says under `custom`."""
    return [] if offered.fields is None else validation.faults_of(offered.fields, said)


async def unknown(session: TenantSession, name: str) -> Fault:
    """That nothing is offered under this name, and what is nearest."""
    return domain.unknown_name(name, await store.offered_names(session))


async def open_items(session: TenantSession, offered: Offered, request_id: RequestId) -> list[Fault]:
    """The obligatory items of a request's checklists of which nothing was noted."""
    if not any(item.obligatory for item in offered.items.values()):
        return []
    return domain.open_items(offered.steps, domain.marked(await store.marks(session, request_id)))
