"""Use cases of gates: lay them, put on record what satisfies them, see where they stand, let them go."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TypeAlias

from service.commitments.models import Commitment
from service.db import TenantSession
from service.ids import ArrangementId, RequestId, ServiceId
from service.rationalization import verdicts
from service.rationalization.gates.domain import GateStanding
from service.rationalization.gates.domain.conflicts import OtherChange
from service.rationalization.matters import Matter

FindChanges: TypeAlias = Callable[[TenantSession, ServiceId, RequestId], Awaitable[Sequence[OtherChange]]]
"""Other open changes of a service but for one: `requests.neighbours.changes`, which stands above."""


async def open_all(
    session: TenantSession,
    matter: Matter,
    arrangement_id: ArrangementId,
    requires: Sequence[verdicts.Gate],
    *,
    now: datetime,
) -> list[Commitment]:
    """Lay the gates of a verdict. Nothing is judged yet, so that a client's own transaction can do it."""
    raise NotImplementedError


async def standings(
    session: TenantSession,
    matter: Matter,
    arrangement_id: ArrangementId,
    *,
    changes: FindChanges,
    now: datetime,
) -> list[GateStanding]:
    """Judge the gates of an arrangement, and tell of those that came to stand otherwise.

    In a client's own transaction nothing is judged: they stand as they were judged last.
    """
    raise NotImplementedError


async def edited(
    session: TenantSession, matter: Matter, arrangement_id: ArrangementId, *, now: datetime
) -> list[Commitment]:
    """What was asked for was edited: approvals are asked for anew, and records are marked as older."""
    raise NotImplementedError


async def close(
    session: TenantSession, matter: Matter, arrangement_id: ArrangementId, *, now: datetime
) -> list[Commitment]:
    """Nothing is wanted any more."""
    raise NotImplementedError
