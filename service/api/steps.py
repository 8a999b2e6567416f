"""Steps in the life of what has versions: each is taken once, on what the caller has read."""

from dataclasses import dataclass
from datetime import datetime

from litestar.di import NamedDependency

from service.api.conditional import Precondition
from service.api.idempotency import Once
from service.audit.domain import Actor
from service.db import TenantSession


@dataclass(frozen=True, slots=True)
class Step:
    """What an operation that takes a step works with. Injected as `step: NamedDependency[Step]`."""

    session: TenantSession
    actor: Actor
    now: datetime
    once: Once
    precondition: Precondition


async def step(
    session: NamedDependency[TenantSession],
    actor: NamedDependency[Actor],
    now: NamedDependency[datetime],
    once: NamedDependency[Once],
    precondition: NamedDependency[Precondition],
) -> Step:
    """The dependency `step`."""
    return Step(session, actor, now, once, precondition)
