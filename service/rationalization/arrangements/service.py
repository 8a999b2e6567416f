"""Use cases of arrangements: begin one, record what happens to it, read them. Load, decide, save.

What follows above this slice is the caller's, which holds the request's row locked: see
`service.requests.rationalizing`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from service.audit import service as audit
from service.audit.domain import Actor
from service.db import TenantSession
from service.ids import ArrangementId, ClientId, DecisionId
from service.outbox import service as outbox
from service.rationalization.arrangements import domain, store, telling
from service.rationalization.arrangements.domain import Arranged, Entry
from service.rationalization.arrangements.errors import ArrangementNotOpen
from service.rationalization.arrangements.models import Arrangement
from service.rationalization.arrangements.store import Sought
from service.rationalization.arrangements.telling import SUBJECT_KIND
from service.rationalization.matters import Matter
from service.wakeups import service as wakeups
from service.wakeups.models import WakeUp

__all__ = [
    "SUBJECT_KIND",
    "Account",
    "Sought",
    "account",
    "begin",
    "confirm",
    "get",
    "hold",
    "leave",
    "list_arrangements",
    "look_again",
    "record",
    "these",
]


@dataclass(frozen=True, slots=True)
class Account:
    """An arrangement, and all that happened to it."""

    arrangement: Arrangement
    ledger: tuple[Entry, ...]


async def begin(session: TenantSession, actor: Actor, arrangement: Arrangement, arranged: Arranged) -> None:
    """Write a new arrangement, which stands as `arranged` says. Who is told of it is above."""
    new = replace(arrangement, version=1)
    await store.add(session, new, arranged)
    await audit.record(session, actor, telling.deed(arranged, new), now=arranged.at)
    await look_again(session, new)


async def hold(session: TenantSession, arrangement_id: ArrangementId) -> Arrangement:
    """One, locked. Raises ArrangementNotFound."""
    return (await store.get(session, arrangement_id, lock=True)).to_domain()


async def record(
    session: TenantSession,
    actor: Actor,
    matter: Matter,
    before: Arrangement,
    entry: Entry,
    *,
    message: Mapping[str, Any] | None = None,
) -> Arrangement:
    """Append to the ledger of an arrangement that is held locked, and tell what came of it.

    Args:
        session: of the tenant, or of one client organization.
        actor: who brought it about.
        matter: the request.
        before: as it was last written.
        entry: what happened.
        message: what the requester is told of it, if anything new.

    Raises:
        ArrangementNotOpen: the entry is not taken.
    """
    refusal = domain.refusal(before.standing, entry)
    if refusal is not None:
        state = domain.at(before.standing, entry.at).state
        raise ArrangementNotOpen(before.id, state, refusal)
    after = replace(
        before,
        standing=domain.after(before.standing, entry),
        version=before.version + 1,
        message=before.message if message is None else message,
    )
    kind = telling.told_of(before, after, entry)
    if kind is not None:
        after = telling.counted(after)
        await outbox.append(session, [telling.event(kind, matter, after, entry)])
    await store.save(session, before, after)
    await store.add_entry(session, after, entry)
    await audit.record(session, actor, telling.deed(entry, after, before=before), now=entry.at)
    await look_again(session, after)
    return after


async def confirm(session: TenantSession, arrangement: Arrangement, decision_id: DecisionId) -> Arrangement:
    """Another decision gave the same verdict."""
    after = replace(arrangement, decision_id=decision_id)
    await store.save(session, arrangement, after)
    return after


async def look_again(session: TenantSession, arrangement: Arrangement) -> None:
    """Set, or remove, the wake-up at which silence counts."""
    at = domain.next_wake_up(arrangement.standing)
    if at is None:
        await wakeups.cancel(session, SUBJECT_KIND, [arrangement.id])
    else:
        await wakeups.schedule(session, [WakeUp(SUBJECT_KIND, arrangement.id, at)])


async def leave(session: TenantSession, arrangement: Arrangement, *, now: datetime) -> None:
    """Have the worker see where it stands: a client organization's own transaction may not look at gates."""
    await wakeups.schedule(session, [WakeUp(SUBJECT_KIND, arrangement.id, now)])


async def get(
    session: TenantSession, arrangement_id: ArrangementId, *, client_id: ClientId | None
) -> Arrangement:
    """One of them; with a `client_id`, only if it is that client's. Raises ArrangementNotFound."""
    return (await store.get(session, arrangement_id, client_id=client_id)).to_domain()


async def account(
    session: TenantSession, arrangement_id: ArrangementId, *, client_id: ClientId | None
) -> Account:
    """One of them, with its ledger. Raises ArrangementNotFound."""
    found = await get(session, arrangement_id, client_id=client_id)
    return Account(found, tuple(await store.entries(session, arrangement_id)))


async def these(
    session: TenantSession, arrangement_ids: Collection[ArrangementId]
) -> dict[ArrangementId, Arrangement]:
    """These arrangements by their ids."""
    found = [row.to_domain() for row in await store.these(session, arrangement_ids)]
    return {arrangement.id: arrangement for arrangement in found}


async def list_arrangements(
    session: TenantSession, sought: Sought, *, after: UUID | None, limit: int
) -> list[Arrangement]:
    """Arrangements in the order of their making, as they were last looked at."""
    return [row.to_domain() for row in await store.listed(session, sought, after=after, limit=limit)]
