"""Lets requests in at the rates of their tenant and application. One per process.

Most requests cost no statement: they spend tokens of a lease. One that is refused costs none either, until
the next token is due. When the store does not answer, what it raised is raised: it keeps all else as well.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from service.db import Sessions, tenant_transaction
from service.ids import ApplicationId, TenantId
from service.limits import service, store
from service.limits.domain import rates
from service.limits.domain.rates import Grant, Lease, Rate
from service.limits.domain.table import (
    APPLICATION_BURST,
    APPLICATION_RATE,
    BURST,
    DEFAULTS,
    RATE,
    Limit,
    Limits,
)
from service.limits.errors import RateLimitExceeded
from service.recent import Recent

TENANTS_KEPT = 10_000
APPLICATIONS_KEPT = 1_000
"""Of each tenant. What is forgotten costs the tokens of one lease."""

LIMITS_KEPT_SECONDS = 5.0
"""How long a tenant's limits are believed to be as they were."""

TENANT = "tenant"
APPLICATION = "application"
NOTHING = Lease()


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a request stands with one of the two rates."""

    name: str
    limit: Limit
    rate: Rate
    lease: Lease

    def policy(self) -> str:
        """An item of `RateLimit-Policy`: after so many seconds of rest, so many requests at once."""
        return f'"{self.name}";q={self.rate.burst};w={rates.whole_seconds(self.rate.refill_seconds)}'

    def state(self, now: float) -> str:
        """An item of `RateLimit`: what is left, and in how many seconds all of it is there again."""
        left = rates.remaining(self.lease, now, self.rate)
        return f'"{self.name}";r={left};t={rates.refilled_in_seconds(self.lease, now, self.rate)}'

    def refusal(self, now: float) -> RateLimitExceeded | None:
        if self.lease.in_hand(now) or not (wait := self.lease.wait_seconds(now)):
            return None
        return RateLimitExceeded(self.limit, self.rate.per_second, retry_after=timedelta(seconds=wait))


@dataclass(frozen=True, slots=True)
class Admission:
    """What became of a request at the gate.

    Attributes:
        policy: the value of its answer's `RateLimit-Policy`.
        state: the value of its answer's `RateLimit`.
        application_state: the same for who is not to know what others of the tenant ask.
        refusal: why it is not let in, if it is not.
    """

    limits: Limits
    policy: str
    state: str
    application_state: str
    refusal: RateLimitExceeded | None


@dataclass(slots=True)
class _Book:
    """What is known of one tenant."""

    tenant_id: TenantId
    limits: Limits | None = None
    read_at: float = 0.0
    lease: Lease = NOTHING
    applications: Recent[UUID, Lease] = field(default_factory=lambda: Recent[UUID, Lease](APPLICATIONS_KEPT))
    asking: asyncio.Task[float] | None = None
    waiting: int = 0


class Gate:
    """The rates of all tenants, as far as this process spends them.

    Args:
        sessions: on the login role.
        monotonic: seconds on a clock that never goes back.
        defaults: the limits of a tenant that has none of its own, unless a test brings others.
    """

    def __init__(
        self,
        sessions: Sessions,
        *,
        monotonic: Callable[[], float],
        defaults: Mapping[str, int] = DEFAULTS,
    ) -> None:
        self._sessions = sessions
        self._monotonic = monotonic
        self._defaults = defaults
        self._books: Recent[TenantId, _Book] = Recent(TENANTS_KEPT)

    async def admit(self, tenant_id: TenantId, application_id: ApplicationId) -> Admission:
        """Let a request in, or say why not."""
        book = self._book(tenant_id)
        now = self._monotonic()
        while True:
            if book.limits is None:
                now = await self._ask(book, application_id)
                continue
            standings = _standings(book, book.limits, application_id)
            refusal = next((found for each in standings if (found := each.refusal(now))), None)
            if refusal is None and not all(each.lease.in_hand(now) for each in standings):
                now = await self._ask(book, application_id)
                continue
            if refusal is None:
                _spend(book, application_id)
                standings = _standings(book, book.limits, application_id)
            return Admission(
                book.limits,
                ", ".join(each.policy() for each in standings),
                ", ".join(each.state(now) for each in standings),
                ", ".join(each.state(now) for each in standings if each.name == APPLICATION),
                refusal,
            )

    def _book(self, tenant_id: TenantId) -> _Book:
        book = self._books.get(tenant_id)
        if book is None:
            book = _Book(tenant_id)
            self._books.put(tenant_id, book)
        return book

    async def _ask(self, book: _Book, application_id: ApplicationId) -> float:
        """Have the store asked, once for all requests that wait; one that is cancelled cancels no other.

        Returns when the answer came. All that waited are judged at that moment: were it each at its own, a
        crowd would find the next token due before all of it has been refused, and wait again.
        """
        if book.asking is None:
            book.asking = asyncio.create_task(self._lease_and_tell(book, application_id))
            book.asking.add_done_callback(_heed)
        book.waiting += 1
        try:
            return await asyncio.shield(book.asking)
        finally:
            book.waiting -= 1

    async def _lease_and_tell(self, book: _Book, application_id: ApplicationId) -> float:
        """A task that has ended must not be awaited in a loop: whoever comes after it has to ask anew."""
        try:
            return await self._lease(book, application_id)
        finally:
            book.asking = None

    async def _lease(self, book: _Book, application_id: ApplicationId) -> float:
        now = self._monotonic()
        async with tenant_transaction(self._sessions, book.tenant_id) as session:
            limits = book.limits
            if limits is None or now - book.read_at >= LIMITS_KEPT_SECONDS:
                limits = await service.get(session, defaults=self._defaults)
            wanted = {
                each.name: rates.asked(each.lease, now, each.rate, waiting=book.waiting)
                for each in _standings(book, limits, application_id)
                if not each.lease.in_hand(now)
            }
            grants: dict[str, Grant] = {}
            for each in _standings(book, limits, application_id):
                if each.name in wanted:
                    bucket = book.tenant_id if each.name == TENANT else application_id
                    grants[each.name] = await store.take(session, bucket, each.rate, wanted[each.name])
        answered_at = self._monotonic()
        if limits is not book.limits:
            book.limits, book.read_at = limits, now
        for name, grant in grants.items():
            lease = rates.leased(grant, wanted[name], asked_at=now, answered_at=answered_at)
            _put(book, application_id, name, lease)
        return answered_at


def _standings(book: _Book, limits: Limits, application_id: ApplicationId) -> Collection[Standing]:
    """The tenant's first: always in this order, so that no two transactions lock each other out."""
    of_application = book.applications.get(application_id) or NOTHING
    return (
        Standing(TENANT, RATE, Rate(limits.of(RATE), limits.of(BURST)), book.lease),
        Standing(
            APPLICATION,
            APPLICATION_RATE,
            Rate(limits.of(APPLICATION_RATE), limits.of(APPLICATION_BURST)),
            of_application,
        ),
    )


def _spend(book: _Book, application_id: ApplicationId) -> None:
    book.lease = rates.spend(book.lease)
    book.applications.put(application_id, rates.spend(book.applications.get(application_id) or NOTHING))


def _put(book: _Book, application_id: ApplicationId, name: str, lease: Lease) -> None:
    if name == TENANT:
        book.lease = lease
    else:
        book.applications.put(application_id, lease)


def _heed(task: asyncio.Task[float]) -> None:
    if not task.cancelled():
        task.exception()  # told to those who wait; nobody may be left
