"""What a ladder is: steps, each with the instant at which it is told, and whom it tells. Pure."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TypeAlias

from service.commitments.domain.marks import Mark
from service.ids import EndpointId, MemberId

STEPS_MAX = 20
TARGETS_MAX = 10
REPEATS_MAX = 100


@dataclass(frozen=True, slots=True)
class ToMember:
    """One member."""

    member_id: MemberId


@dataclass(frozen=True, slots=True)
class ToRole:
    """Every active member in a role."""

    role: str


@dataclass(frozen=True, slots=True)
class ToGroup:
    """Every active member of a group, by its name."""

    group: str


@dataclass(frozen=True, slots=True)
class ToRota:
    """Who is on duty by a rota, by its name."""

    rota: str


@dataclass(frozen=True, slots=True)
class ToSkill:
    """Members with a skill: none are recorded yet, so that it tells nobody and the next target is told."""

    skill: str


@dataclass(frozen=True, slots=True)
class ToOwner:
    """Whoever has the request, or else the group that has it."""


@dataclass(frozen=True, slots=True)
class ToManager:
    """The member above the group that has the request."""


@dataclass(frozen=True, slots=True)
class ToContact:
    """The contact who asks, by way of the client organization."""


@dataclass(frozen=True, slots=True)
class ToWebhook:
    """One webhook endpoint of the tenant's own."""

    endpoint_id: EndpointId


@dataclass(frozen=True, slots=True)
class Reassign:
    """Another group gets the request, and all of it are told: functional escalation."""

    group: str


Who: TypeAlias = (
    ToMember | ToRole | ToGroup | ToRota | ToSkill | ToOwner | ToManager | ToContact | ToWebhook | Reassign
)


class Channel(StrEnum):
    """How a notice reaches its target. Mail and chat follow."""

    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Whom a step tells.

    Attributes:
        hours: the name of the calendar in whose open time alone it is told; outside, and on its holidays, the
            step's next target is told instead. None for always.
    """

    who: Who
    channel: Channel = Channel.WEBHOOK
    hours: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step.

    Attributes:
        name: unique within the ladder.
        at: when it is told first.
        targets: all who have no hours, or whose hours it is, are told; `only_first` says whether the first of
            them is enough.
        repeat_every: how long after each telling it is told again; None for once.
        repeats_max: how often at most, after the first time.
    """

    name: str
    at: Mark
    targets: tuple[Target, ...]
    only_first: bool = False
    repeat_every: timedelta | None = None
    repeats_max: int = 0


class Maintenance(StrEnum):
    """What becomes of notices while the request's service is in maintenance."""

    HOLD = "hold"
    """They are given when it is over, if there is still reason to."""
    TELL = "tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A version of a ladder.

    Attributes:
        acknowledged_for: how long an acknowledgement keeps it quiet; None for good.
        manager_step: the name of the step that is told at once when a renegotiation is declined, if any.
    """

    steps: tuple[Step, ...]
    acknowledged_for: timedelta | None = None
    maintenance: Maintenance = Maintenance.HOLD
    manager_step: str | None = None
