"""What follows from verdicts, and from what is found and answered afterwards.

The one place for decisions, the API, the signed link and the wake-ups. Each holds the request's row locked
first, and changes what it changes before it calls here.
"""

from datetime import datetime

from service.audit.domain import Actor
from service.db import TenantSession
from service.requests.domain import Decision, Request
from service.rules.service import Rulebook


async def follow(
    session: TenantSession,
    rulebook: Rulebook,
    request: Request,
    decision: Decision | None,
    actor: Actor,
    *,
    before: Decision | None,
    now: datetime,
) -> Request:
    """What follows from a decision on a request, whose row the caller holds locked.

    Args:
        session: of the tenant, or of one client organization.
        rulebook: decides anew where something is agreed.
        request: as it is now.
        decision: what was decided on it; None where nothing was.
        actor: who brought it about.
        before: the decision that held before.
        now: the tenant's now.
    """
    return request


async def settle(
    session: TenantSession, rulebook: Rulebook, request: Request, actor: Actor, *, now: datetime
) -> Request:
    """See where the request's arrangement stands, with all that follows.

    The caller holds the request's row locked, and has changed something of its gates, approvals, special
    methods or objections.
    """
    return request


async def overturn(
    session: TenantSession,
    rulebook: Rulebook,
    request: Request,
    actor: Actor,
    *,
    because: str,
    now: datetime,
) -> Request:
    """An objection to the verdict was upheld: what was asked for is accepted as it was asked.

    Raises:
        ArrangementNotOpen
    """
    return request


async def objected(
    session: TenantSession, request: Request, actor: Actor, *, because: str = "", now: datetime
) -> Request:
    """The requester objected to the counter-proposal.

    Raises:
        ArrangementNotOpen
    """
    return request
