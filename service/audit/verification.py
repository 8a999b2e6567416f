"""Whether the trail of a tenant is whole. It is read in parts, each in a transaction of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from service.audit import chain, drive, store
from service.audit.chain import GENESIS, Break, Flaw
from service.audit.domain import Link
from service.audit.store import State
from service.db import Sessions, tenant_transaction
from service.ids import TenantId

PART = 1_000
"""How many links, or records, are in memory at once."""

UNLINKED_MAX = timedelta(minutes=5)
"""How old a record without a link may be; a record's age counts from before its transaction ended."""

Told = Callable[[int], None]
"""Is told how many links have been followed, and records looked at, since the last time."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of one tenant's trail.

    Attributes:
        records: how many there are.
        head: the last link up to which the chain holds; its number is how many links were followed.
        broken: the first place where it does not hold.
        proven: whether a link on the way has the digest that was sought; None when none was.
    """

    records: int
    head: Link
    broken: Break | None
    proven: bool | None

    @property
    def sound(self) -> bool:
        return self.broken is None and self.proven is not False


async def verify(
    sessions: Sessions, tenant_id: TenantId, *, sought: bytes | None, now: datetime, told: Told
) -> Verdict:
    """Compute the tenant's chain anew, and look for records that are not in it.

    Args:
        sessions: on the login role.
        tenant_id: whose trail; PLATFORM's too.
        sought: the digest of a head that was written down before, which must be in the chain.
        now: the wall clock's.
        told: is told of the progress.
    """
    head, broken, proven = await _follow(sessions, tenant_id, sought, told)
    records, astray = await _look_for_astray(sessions, tenant_id, now, told)
    return Verdict(records, head, broken or astray, proven)


async def _follow(
    sessions: Sessions, tenant_id: TenantId, sought: bytes | None, told: Told
) -> tuple[Link, Break | None, bool | None]:
    head, proven = GENESIS, None if sought is None else sought == GENESIS.digest
    while True:
        async with tenant_transaction(sessions, tenant_id) as session:
            part = await store.chain(session, after=head.sequence, limit=PART)
        for found in part:
            after = chain.follow(head, found)
            if isinstance(after, Break):
                return head, after, proven
            head = after
            if head.digest == sought:
                proven = True
        told(len(part))
        if len(part) < PART:
            return head, None, proven


async def _look_for_astray(
    sessions: Sessions, tenant_id: TenantId, now: datetime, told: Told
) -> tuple[int, Break | None]:
    """How many records there are, and the first that is not in the chain though it should be."""
    records, after, astray = 0, UUID(int=0), None
    while True:
        async with tenant_transaction(sessions, tenant_id) as session:
            part = await store.states(session, after=after, limit=PART)
        for state in part:
            astray = astray or _astray(state, now)
        records += len(part)
        told(len(part))
        if len(part) < PART:
            return records, astray
        after = part[-1].id


def _astray(state: State, now: datetime) -> Break | None:
    if state.linked:
        return None
    if not state.listed:
        return Break(Flaw.NEVER_LISTED, None, state.id)
    too_old = now - drive.made_at(state.id) > UNLINKED_MAX
    return Break(Flaw.NOT_LINKED, None, state.id) if too_old else None
