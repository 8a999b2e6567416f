"""Use cases of this slice: what a tenant's limits are, to change them, and to hold to those that count."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

from service.audit import service as audit
from service.audit.domain import Actor, Deed
from service.db import TenantSession
from service.limits import store
from service.limits.domain.table import DEFAULTS, LIMITS, RULES, Limit, Limits, is_allowed
from service.limits.errors import EXCEEDED, LimitOutOfRange, LimitUnknown, RulesTooMany


def find(name: str) -> Limit:
    """The limit of this name. Raises LimitUnknown."""
    limit = LIMITS.get(name)
    if limit is None:
        raise LimitUnknown(name)
    return limit


async def get(session: TenantSession, *, defaults: Mapping[str, int] = DEFAULTS) -> Limits:
    """What holds for this tenant."""
    return Limits(await store.own(session), defaults)


async def change(
    session: TenantSession, actor: Actor, limit: Limit, value: int | None, *, now: datetime
) -> Limits:
    """Give the tenant a value of its own; None puts the default into its place again.

    Raises:
        LimitOutOfRange
    """
    if value is not None and not is_allowed(limit, value):
        raise LimitOutOfRange(limit, value)
    before = (await get(session)).of(limit)
    if value is None:
        await store.unset_own(session, limit)
    else:
        await store.set_own(session, limit, value, now=now)
    found = await get(session)
    deed = Deed(
        "limit.changed", f"limit:{limit.name}", before={"value": before}, after={"value": found.of(limit)}
    )
    await audit.record(session, actor, deed, now=now)
    return found


async def make_room(session: TenantSession, limit: Limit, count: Callable[[], Awaitable[int]]) -> None:
    """Let one more be added, and nobody else of this tenant until the transaction ends.

    Args:
        session: of the tenant.
        limit: one that counts what a tenant has.
        count: how many there are.

    Raises:
        QuotaExceeded: the limit's own kind of it.
    """
    await store.lock(session, limit)
    most = (await get(session)).of(limit)
    if await count() >= most:
        raise EXCEEDED[limit.problem](limit, most)


async def refuse_rules(session: TenantSession, rules: int) -> None:
    """Refuse a policy of more rules than the tenant's may have. Raises RulesTooMany."""
    most = (await get(session)).of(RULES)
    if rules > most:
        raise RulesTooMany(RULES, most, rules)
