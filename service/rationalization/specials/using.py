"""Uses of what deviates from the norm: recorded where they were allowed, refused where not, and listed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from service import ids, instants
from service.audit import service as audit
from service.audit.domain import Actor
from service.db import TenantSession
from service.errors import Fault
from service.ids import ClientId, SpecialMethodId
from service.limits import service as limits
from service.limits.domain.table import SPECIAL_METHOD_USES
from service.outbox import service as outbox
from service.rationalization.matters import Matter
from service.rationalization.specials import domain, store, telling
from service.rationalization.specials.domain import Entry, State
from service.rationalization.specials.errors import SpecialMethodInvalid, SpecialMethodNotInForce
from service.rationalization.specials.models import Use

ANEW = "Whoever needs it submits a request for it anew."


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """A use, as it is reported.

    Attributes:
        at: when, not in the future.
    """

    who: str
    what_for: str
    at: datetime


async def use(
    session: TenantSession,
    actor: Actor,
    matter: Matter,
    special_method_id: SpecialMethodId,
    usage: Usage,
    *,
    now: datetime,
) -> Use:
    """Record a use. It counts by when it was, whatever happened since.

    Raises:
        SpecialMethodNotFound, SpecialMethodInvalid, SpecialMethodNotInForce, SpecialMethodUsesTooMany
    """
    before = await store.get(session, special_method_id, lock=True)
    if not instants.is_usable(usage.at) or usage.at > now:
        detail = f"It cannot have been used later than now, {instants.rfc3339(now)}."
        raise SpecialMethodInvalid([Fault("/at", detail)])
    ledger = await store.entries(session, special_method_id)
    if not domain.may_be_used(ledger, usage.at):
        raise SpecialMethodNotInForce(special_method_id, usage.at, _why_not(ledger, usage.at))
    await limits.make_room(session, SPECIAL_METHOD_USES, lambda: store.use_count(session, special_method_id))
    made = Use(
        id=ids.new_id(),
        at=usage.at,
        who=usage.who,
        what_for=usage.what_for,
        recorded_at=now,
        recorded_by=actor.name,
    )
    await store.add_use(session, special_method_id, made)
    said = {"use_id": made.id, "at": made.at, "who": made.who, "what_for": made.what_for}
    after = replace(before, sequence=before.sequence + 1)
    await outbox.append(session, [telling.event("used", matter, after, said, at=made.at)])
    await store.save(session, before, after)
    await audit.record(session, actor, telling.deed("used", before, said), now=now)
    return made


async def list_uses(
    session: TenantSession,
    special_method_id: SpecialMethodId,
    *,
    client_id: ClientId | None,
    after: UUID | None,
    limit: int,
) -> list[Use]:
    """Its uses, in the order in which they were recorded; a client organization is shown none.

    Raises:
        SpecialMethodNotFound
    """
    await store.get(session, special_method_id, client_id=client_id)
    if client_id is not None:
        return []
    return await store.uses(session, special_method_id, after=after, limit=limit)


def _why_not(ledger: Sequence[Entry], at: datetime) -> str:
    """Why it might not be used at an instant, and what to do about it."""
    found = domain.stood_at(ledger, at)
    match found.state:
        case State.PROPOSED:
            return "it was not approved by then. It may be used from its approval on."
        case State.REFUSED | State.WITHDRAWN:
            return f"it was {found.state} before it was allowed. {ANEW}"
        case _:
            return f"it had ended. {ANEW}"
