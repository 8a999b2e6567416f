"""The facts of history, counted in the transaction that decides."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from service.db import TenantSession, run
from service.ids import ClientId, ServiceId
from service.requests.domain import Request
from service.rules.language.types import DOUBLE
from service.rules.service import History
from service.rules.vocabulary import HISTORY, read_by

COUNT_HISTORY = "select rooted.count_history($1, $2, $3, $4, $5, $6, $7, $8)::text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """What other requests may have in common with one; nothing is in common with what is absent.

    Attributes:
        requester: the contact, or the text that the source names the requester by.
    """

    client: ClientId | None
    service: ServiceId | None
    category: str | None
    requester: str | None


def history_of(session: TenantSession, request: Request, *, now: datetime) -> History:
    """What tells the history of a request, as of `now`: only what is asked for, and by one statement.

    It counts over all clients of the tenant, also where the session is confined to one.

    Args:
        session: of the tenant.
        request: which is decided; it does not count itself, be it written already or not.
        now: the instant of the decision.
    """

    async def history(names: frozenset[str]) -> Mapping[str, object]:
        asked = sorted(read_by(HISTORY, names))
        if not asked:
            return {}
        like = likeness_of(request)
        found = await run(
            session.db,
            COUNT_HISTORY,
            *(session.tenant_id, asked, request.id, like.client, like.service),
            *(like.category, like.requester, now),
        )
        told: dict[str, float | None] = msgspec.json.decode(found.scalar_one())
        return {name: _typed(name, value) for name, value in told.items() if value is not None}

    return history


def likeness_of(request: Request) -> Likeness:
    """What a request is counted by."""
    contact = None if request.contact_id is None else str(request.contact_id)
    return Likeness(
        client=request.client_id,
        service=request.service_id,
        category=request.facts.get("category"),
        requester=contact or request.facts.get("requester"),
    )


def _typed(name: str, value: float) -> float:
    """JSON as PostgreSQL writes it knows no difference between 1 and 1.0."""
    return float(value) if HISTORY[name].type == DOUBLE else value
