"""Which version of each policy holds for a request at an instant. Pure.

The pointer of a kind lists the versions that were put into effect, each from an instant on: what is published
for later takes over by itself, at that instant.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from service.ids import PolicyId
from service.instants import rfc3339
from service.rules.domain import VersionRef


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
