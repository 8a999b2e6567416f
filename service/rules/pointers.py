"""Which version of each policy holds for a request at an instant. Pure.

For each kind, a tenant's pointer lists the versions that were put into effect, each from an instant on: what
is published for later takes over by itself, at that instant.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from service.ids import PolicyId
from service.instants import rfc3339
from service.rules.domain import VersionRef
from service.rules.errors import VersionsHeldTooMany

HELD_MAX = 20
"""Versions of one policy that may hold at once, each for the requests of its time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointed:
    """A version that was put into effect.

    Attributes:
        order: of its document; the lowest is asked first, and of equals the policy that was created first.
        effective_at: from then on it holds, instead of the version of the same policy before it.
        new_requests_only: whether requests that were received before then stay with the version before it.
    """

    ref: VersionRef
    order: int
    effective_at: datetime
    new_requests_only: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            **self.ref.to_json(),
            "order": self.order,
            "effective_at": rfc3339(self.effective_at),
            "new_requests_only": self.new_requests_only,
        }

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Pointed":
        return cls(
            ref=VersionRef.of(stored),
            order=stored["order"],
            effective_at=datetime.fromisoformat(stored["effective_at"]),
            new_requests_only=stored["new_requests_only"],
        )


@dataclass(frozen=True, slots=True)
class Received:
    """When a request was received.

    Attributes:
        again: when it was put on a policy's version then in effect: to that policy it was received then.
    """

    at: datetime
    again: Mapping[PolicyId, datetime] = field(default_factory=dict[PolicyId, datetime])

    def by(self, policy_id: PolicyId) -> datetime:
        return self.again.get(policy_id, self.at)


def in_effect(pointed: Sequence[Pointed], received: Received, *, now: datetime) -> list[VersionRef]:
    """The versions that a request is decided by, in the order in which they are asked.

    Args:
        pointed: of one kind; of one policy in the order in which they were put there.
        received: when the request was received.
        now: the tenant's now.
    """
    held: dict[PolicyId, Pointed] = {}
    for entry in pointed:
        held_from = received.by(entry.ref.policy_id) if entry.new_requests_only else now
        if entry.effective_at <= held_from:
            before = held.get(entry.ref.policy_id)
            if before is None or before.effective_at <= entry.effective_at:
                held[entry.ref.policy_id] = entry
    ordered = sorted(held.values(), key=lambda entry: (entry.order, entry.ref.policy_id))
    return [entry.ref for entry in ordered]


def choosable(pointed: Sequence[Pointed], *, now: datetime) -> list[Pointed]:
    """Those that some request can still be decided by, at `now` or after it.

    Args:
        pointed: of one kind; of one policy in the order in which they were put there.
        now: the tenant's now.
    """
    placed = list(enumerate(pointed))
    return [
        entry
        for place, entry in placed
        if not any(
            (entry.effective_at, place) < (other.effective_at, later) and _hides(other, entry, now=now)
            for later, other in placed
        )
    ]


def with_entry(pointed: Sequence[Pointed], entry: Pointed, *, now: datetime) -> list[Pointed]:
    """The entries once this one is put there, without those that cannot be chosen any more.

    Raises:
        VersionsHeldTooMany
    """
    held = choosable([*pointed, entry], now=now)
    if Counter(each.ref.policy_id for each in held)[entry.ref.policy_id] > HELD_MAX:
        raise VersionsHeldTooMany(HELD_MAX)
    return held


def without(pointed: Sequence[Pointed], policy_id: PolicyId) -> list[Pointed]:
    """The entries without those of a policy."""
    return [entry for entry in pointed if entry.ref.policy_id != policy_id]


def without_waiting(pointed: Sequence[Pointed], policy_id: PolicyId, *, now: datetime) -> list[Pointed]:
    """The entries without that of a policy which waits for its instant."""
    return [entry for entry in pointed if entry.ref.policy_id != policy_id or entry.effective_at <= now]


def taken_over_at(pointed: Sequence[Pointed], policy_id: PolicyId, *, waiting: int | None) -> list[datetime]:
    """When the versions of a policy took effect, but for the one that waits for its instant, if one does."""
    return [
        entry.effective_at
        for entry in pointed
        if entry.ref.policy_id == policy_id and entry.ref.version != waiting
    ]


def _hides(other: Pointed, entry: Pointed, *, now: datetime) -> bool:
    """Does the other, which comes after the entry, hold wherever the entry does from now on?"""
    if other.ref.policy_id != entry.ref.policy_id:
        return False
    if other.new_requests_only:
        return entry.new_requests_only and other.effective_at == entry.effective_at
    return other.effective_at <= max(now, entry.effective_at)
