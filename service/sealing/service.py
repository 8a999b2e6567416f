"""Use cases of this slice: seal what is in the clear, seal all anew under the current master key, count."""

from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog

from service.db import Sessions, tenant_transaction
from service.ids import TenantId
from service.platform import platform_transaction
from service.sealing import store
from service.sealing.domain import CLEAR, SEALED, SIGNING_KEY, ClearColumn, SealedColumn
from service.sealing.store import AnySession, Held
from service.tenants import service as tenants
from service.vault import MasterKeyUnknown, SealBroken, Vault

ROWS_AT_ONCE = 50
"""In one transaction, so that nobody waits long for a row."""

PASSES_MAX = 10
"""Another process may go on sealing under the older key for a second after the keys were changed."""

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rotation is, in its present pass."""

    tenants_done: int
    tenants: int
    sealed: int


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation did.

    Attributes:
        sealed: how many secrets it sealed under the current key.
        broken: places whose content does not open, as text; they stay as they are.
    """

    sealed: int
    broken: list[str]


@dataclass(frozen=True, slots=True)
class Standing:
    """Which master keys are still needed.

    Attributes:
        current: the key that new secrets are sealed under.
        rows: how many secrets are sealed under each key.
        in_clear: how many are not sealed at all.
    """

    current: str
    rows: Counter[str] = field(default_factory=Counter[str])
    in_clear: int = 0


async def prepare(sessions: Sessions, vault: Vault) -> None:
    """Seal what an older version left in the clear, and make sure of the keys. Cheap when all is well.

    Raises:
        MasterKeyUnknown: the keys that sign tokens are sealed under a master key that is not there.
    """
    for key_id in await missing_keys(sessions, vault):
        raise MasterKeyUnknown(key_id)
    async with platform_transaction(sessions) as platform:
        waiting = await store.tenants_in_clear(platform)
    sealed = await _seal_clear(sessions, vault, None)
    for tenant_id in waiting:
        sealed += await _seal_clear(sessions, vault, tenant_id)
        async with platform_transaction(sessions) as platform:
            await store.forget_tenant_in_clear(platform, tenant_id)
    if sealed or waiting:
        log.info("secrets sealed", sealed=sealed, tenants=len(waiting))


async def missing_keys(sessions: Sessions, vault: Vault) -> list[str]:
    """The master keys that the keys which sign tokens are sealed under, and that are not there."""
    async with platform_transaction(sessions) as platform:
        needed = await store.count_by_key(platform, SIGNING_KEY)
    return [key_id for key_id in needed if not vault.knows(key_id)]


async def rotate(sessions: Sessions, vault: Vault, *, report: Callable[[Progress], None]) -> Rotated:
    """Seal everything under the current master key, in small transactions, while others go on.

    It may be ended at any point and begun again, and run several times at once. It ends after a pass in which
    there was nothing left to do.
    """
    sealed, broken = 0, dict[str, None]()
    for _ in range(PASSES_MAX):
        done = await _pass(sessions, vault, broken, report)
        sealed += done
        if done == 0:
            break
    return Rotated(sealed, list(broken))


async def standing(sessions: Sessions, vault: Vault) -> Standing:
    """Count what is sealed under which key, tenant by tenant."""
    found = Standing(vault.current_key_id)
    rows, in_clear = Counter[str](), 0
    for tenant_id in [None, *await _everybody(sessions)]:
        async with _scope(sessions, tenant_id) as session:
            for column in _sealed_in(tenant_id):
                rows.update(await store.count_by_key(session, column))
            for clear in _clear_in(tenant_id):
                in_clear += await store.count_clear(session, clear)
    return Standing(found.current, rows, in_clear)


async def _pass(
    sessions: Sessions, vault: Vault, broken: dict[str, None], report: Callable[[Progress], None]
) -> int:
    """Look at every place once. Returns how many secrets were sealed."""
    everybody = [None, *await _everybody(sessions)]
    sealed = 0
    for number, tenant_id in enumerate(everybody):
        sealed += await _seal_clear(sessions, vault, tenant_id)
        for column in _sealed_in(tenant_id):
            sealed += await _reseal(sessions, vault, tenant_id, column, broken)
        report(Progress(number, len(everybody) - 1, sealed))
    return sealed


async def _reseal(
    sessions: Sessions,
    vault: Vault,
    tenant_id: TenantId | None,
    column: SealedColumn,
    broken: dict[str, None],
) -> int:
    sealed, after = 0, None
    while True:
        async with _scope(sessions, tenant_id) as session:
            found = await store.stale(
                session, column, current=vault.current_key_id, after=after, limit=ROWS_AT_ONCE
            )
            anew = [each for row in found if (each := _anew(session, vault, column, row, broken)) is not None]
            await store.replace(session, column, anew)
        sealed += len(anew)
        if len(found) < ROWS_AT_ONCE:
            return sealed
        after = found[-1].row


def _anew(
    session: AnySession, vault: Vault, column: SealedColumn, held: Held, broken: dict[str, None]
) -> Held | None:
    """The same secret sealed under the current key; None, and noted, when it does not open."""
    place = store.place(session, column, held.row)
    try:
        return Held(held.row, vault.seal(vault.open(held.content, place), place))
    except (SealBroken, MasterKeyUnknown) as error:
        broken[f"{place}: {error}"] = None
        return None


async def _seal_clear(sessions: Sessions, vault: Vault, tenant_id: TenantId | None) -> int:
    """Seal what is in the clear, of one tenant, or of the platform when it is None."""
    sealed = 0
    for column in _clear_in(tenant_id):
        while True:
            async with _scope(sessions, tenant_id) as session:
                await store.take_time(session)
                found = await store.clear(session, column, limit=ROWS_AT_ONCE)
                places = [store.place(session, column.sealed, each.row) for each in found]
                await store.seal_clear(
                    session,
                    column,
                    [
                        Held(each.row, vault.seal(each.content, place))
                        for each, place in zip(found, places, strict=True)
                    ],
                )
            sealed += len(found)
            if len(found) < ROWS_AT_ONCE:
                break
    return sealed


async def _everybody(sessions: Sessions) -> list[TenantId]:
    async with platform_transaction(sessions) as platform:
        return list(await tenants.ids_of_all(platform))


@asynccontextmanager
async def _scope(sessions: Sessions, tenant_id: TenantId | None) -> AsyncGenerator[AnySession]:
    """A transaction of this tenant, or of the platform."""
    if tenant_id is None:
        async with platform_transaction(sessions) as platform:
            yield platform
    else:
        async with tenant_transaction(sessions, tenant_id) as session:
            yield session


def _sealed_in(tenant_id: TenantId | None) -> list[SealedColumn]:
    return [column for column in SEALED if column.of_tenant is (tenant_id is not None)]


def _clear_in(tenant_id: TenantId | None) -> list[ClearColumn]:
    return [column for column in CLEAR if column.sealed.of_tenant is (tenant_id is not None)]
