"""What is recorded of a special method that is locked, and what is told, owed and waited for by that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from service.commitments.models import Commitment
from service.db import TenantSession
from service.ids import SpecialMethodId
from service.outbox import service as outbox
from service.rationalization.matters import Matter
from service.rationalization.specials import domain, store, telling, undoing
from service.rationalization.specials.domain import Ended, Entry, Expired, State
from service.rationalization.specials.models import SpecialMethod
from service.wakeups import service as wakeups
from service.wakeups.models import WakeUp


@dataclass(frozen=True, slots=True)
class Changed:
    """A special method, and the promises that ladders are to follow now."""

    special: SpecialMethod
    commitments: tuple[Commitment, ...] = ()


@dataclass(frozen=True, slots=True)
class Happening:
    """Something new of a special method.

    Attributes:
        kind: of the event that tells of it; None where none does.
        said: what that says besides.
    """

    entry: Entry
    kind: str | None = None
    said: Mapping[str, Any] = field(default_factory=dict[str, Any])


async def seen(session: TenantSession, matter: Matter, before: SpecialMethod, *, now: datetime) -> Changed:
    """Where one stands that is locked: that its end has come is told as soon as anybody notices."""
    ends_at = before.standing.ends_at
    if before.state is not State.ALLOWED or ends_at is None or now <= ends_at:
        return Changed(before)
    owed = await undoing.owe(session, matter, before, since=ends_at, now=now)
    found = replace(before, commitment_id=owed.id)
    expired = Happening(Expired(at=domain.after(ends_at)), "ended")
    return Changed(await entered(session, matter, before, found, expired), (owed,))


async def ended(
    session: TenantSession,
    matter: Matter,
    before: SpecialMethod,
    because: str,
    *,
    by: str = "",
    now: datetime,
) -> Changed:
    """End one that is open. What was only proposed is withdrawn: nothing is to be undone, or told."""
    entry = Ended(at=max(now, before.standing.since), because=because, by=by)
    found = replace(before, end_because=because)
    if before.state is State.PROPOSED:
        return Changed(await entered(session, matter, before, found, Happening(entry)))
    owed = await undoing.owe(session, matter, before, since=entry.at, now=entry.at)
    found = replace(found, commitment_id=owed.id)
    told = Happening(entry, "ended", {"state_reason": because})
    return Changed(await entered(session, matter, before, found, told), (owed,))


async def entered(
    session: TenantSession,
    matter: Matter,
    before: SpecialMethod,
    found: SpecialMethod,
    happening: Happening,
) -> SpecialMethod:
    """Append to the ledger of one that is locked, and write, tell and sleep as it says from now on.

    Args:
        session: of the tenant.
        matter: the request.
        before: as it is written.
        found: the same with what is noted besides where it stands.
        happening: the entry, and what is told of it.
    """
    entry = happening.entry
    ledger = [*await store.entries(session, before.id), entry]
    after = replace(found, standing=domain.standing(ledger, entry.at), version=len(ledger))
    await store.add_entry(session, after, entry)
    if happening.kind is not None:
        after = replace(after, sequence=after.sequence + 1)
        event = telling.event(happening.kind, matter, after, happening.said, at=entry.at)
        await outbox.append(session, [event])
    await store.save(session, before, after)
    await sleep(session, after.id, ledger, now=entry.at)
    return after


async def sleep(
    session: TenantSession, special_method_id: SpecialMethodId, ledger: Sequence[Entry], *, now: datetime
) -> None:
    """Set the wake-up at which something follows by itself, or remove it."""
    wake_up = domain.next_wake_up(ledger, now)
    if wake_up is None:
        await wakeups.cancel(session, telling.SUBJECT_KIND, [special_method_id])
    else:
        await wakeups.schedule(session, [WakeUp(telling.SUBJECT_KIND, special_method_id, wake_up)])
