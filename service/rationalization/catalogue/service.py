"""Use cases of the catalogue: what intake goes by, and what a type requires. Load, decide, save."""

from service.db import TenantSession
from service.ids import RequestTypeVersionId
from service.rationalization.catalogue import store
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
