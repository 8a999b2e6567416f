"""How fast: a bucket of tokens that the processes share, and the leases that they take from it. Pure.

A bucket is one moment, that at which it will be full again (the generic cell rate algorithm). A process takes
tokens from it in chunks, a lease, and spends them without asking anybody. A lease ends LEASE_SECONDS after it
was had, spent or not. So however many processes there are, no more than
`burst + rate * (window + LEASE_SECONDS)` requests are let through in any window, but for what answers take.

Moments are seconds on a clock that never goes back; which one does not matter.
"""

from dataclasses import dataclass, replace
from math import ceil, floor

LEASE_SECONDS = 1.0
LEASE_SHARE = 0.5
"""The share of a second's tokens that one lease has at most."""

ROUNDING = 1e-6
"""Of a token: what a moment that is kept in microseconds may be off by."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests per second in the long run, and so many at once."""

    per_second: int
    burst: int

    @property
    def refill_seconds(self) -> float:
        """How long an empty bucket takes to be full."""
        return self.burst / self.per_second

    @property
    def lease_most(self) -> int:
        """How many tokens one lease has at most."""
        return max(1, min(floor(self.per_second * LEASE_SHARE), self.burst // 4))


@dataclass(frozen=True, slots=True)
class Grant:
    """What the store answered.

    Attributes:
        granted: tokens that it gave, at most as many as were asked for.
        left: tokens that are still in the bucket, not rounded.
        wait_seconds: how long until the next token is there; 0 when some were given.
    """

    granted: int
    left: float
    wait_seconds: float


@dataclass(frozen=True, slots=True)
class Lease:
    """What a process knows of a bucket.

    Attributes:
        asked: how many tokens it asked for last.
        granted: how many it got.
        spent: how many of them it has spent.
        ends_at: when the unspent ones are forfeit.
        refused_until: no token is to be had before then.
        left: tokens that were in the bucket at `asked_at`.
    """

    asked: int = 0
    granted: int = 0
    spent: int = 0
    asked_at: float = 0.0
    ends_at: float = 0.0
    refused_until: float = 0.0
    left: float = 0.0

    def in_hand(self, now: float) -> int:
        """Tokens that can be spent at once."""
        return self.granted - self.spent if now < self.ends_at else 0

    def wait_seconds(self, now: float) -> float:
        """How long no token is to be had; 0 when asking for one is worth it."""
        return max(0.0, self.refused_until - now)


def take(full_at: float, now: float, rate: Rate, asked: int) -> tuple[float, Grant]:
    """What the store does: the bucket afterwards, and what it gives.

    A bucket that seems to be full later than it can be, as after a clock went back or a rate was changed, is
    taken for empty.
    """
    debt = min(max(full_at - now, 0.0), rate.refill_seconds)
    available = rate.burst - debt * rate.per_second
    granted = max(0, min(asked, floor(available + ROUNDING)))
    full_at = now + debt + granted / rate.per_second
    wait = 0.0 if granted else (1 - available) / rate.per_second
    return full_at, Grant(granted, max(0.0, available - granted), max(0.0, wait))


def asked(lease: Lease, now: float, rate: Rate, *, waiting: int = 1) -> int:
    """How many tokens to ask for: twice as many while they are used up in time, else what was used.

    And one for each request that waits, as far as one lease goes.
    """
    used_up = lease.spent == lease.granted and now < lease.ends_at
    wanted = 2 * lease.asked if used_up else lease.spent
    return min(max(1, wanted, waiting), rate.lease_most)


def leased(grant: Grant, wanted: int, *, asked_at: float, answered_at: float) -> Lease:
    """What is known after the store has answered."""
    return Lease(
        asked=wanted,
        granted=grant.granted,
        asked_at=asked_at,
        ends_at=answered_at + LEASE_SECONDS,
        refused_until=answered_at + grant.wait_seconds,
        left=grant.left,
    )


def spend(lease: Lease) -> Lease:
    """One token less. Raises ValueError when there is none."""
    if lease.spent >= lease.granted:
        raise ValueError("a lease without tokens cannot be spent")
    return replace(lease, spent=lease.spent + 1)


def remaining(lease: Lease, now: float, rate: Rate) -> int:
    """How many requests would be let through at once, as far as this process knows."""
    refilled = lease.left + (now - lease.asked_at) * rate.per_second
    return max(0, min(floor(refilled) + lease.in_hand(now), rate.burst))


def whole_seconds(seconds: float) -> int:
    """Not sooner, and never at once."""
    return max(1, ceil(seconds))


def refilled_in_seconds(lease: Lease, now: float, rate: Rate) -> int:
    """Whole seconds until the bucket is full, if nobody asks meanwhile."""
    return ceil((rate.burst - remaining(lease, now, rate)) / rate.per_second)
