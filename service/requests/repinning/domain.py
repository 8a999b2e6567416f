"""What it means to a running promise to be put on another version, and how the operation goes on. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from service import ids
from service.commitments.domain import ClockState, Outcome, Standing, Verdict
from service.commitments.prospects import Prospect
from service.ids import CalendarId, CalendarVersionId, ClientId, PolicyId, PolicyVersionId, ServiceId
from service.instants import rfc3339
from service.requests.domain import Decision
from service.rules.domain import Doubt
from service.rules.vocabulary import RequestType

PREVIEW_HOLDS_FOR = timedelta(hours=1)
"""How long after a preview, by the tenant's clock, the operation may be carried out by it."""

TRIES_MAX = 3
"""How often a request is tried before it waits for somebody to resume the operation."""

HELD_BACK = frozenset({Verdict.LATER_THAN_PROMISED, Verdict.ALREADY_MISSED})


class Effect(StrEnum):
    """What becomes of the due of a promise whose terms change."""

    EARLIER = "earlier"
    LATER = "later"
    SAME = "same"
    NEW = "new"
    """It was not promised before."""


class Phase(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"
    """It could not go on: the version that it was for is in effect no more."""


UNDER_WAY = frozenset({Phase.QUEUED, Phase.RUNNING})
STOPPED = frozenset({Phase.CANCELLED, Phase.FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseChange:
    """What other terms change in one promise.

    Attributes:
        was_due_at: the due without them; while paused, the due were it resumed now. None for a new promise.
        due_at: the due with them.
        held_back_due_at: the later due that they would give, which does not take effect since an earlier one
            was promised.
        breaks: whether it is broken with them, or due at once, and was not without.
    """

    metric: str
    effect: Effect
    was_due_at: datetime | None
    due_at: datetime
    held_back_due_at: datetime | None
    breaks: bool

    def to_json(self) -> dict[str, Any]:
        return {
            "metric": self.metric,
            "effect": self.effect.value,
            "was_due_at": None if self.was_due_at is None else rfc3339(self.was_due_at),
            "due_at": rfc3339(self.due_at),
            "held_back_due_at": None if self.held_back_due_at is None else rfc3339(self.held_back_due_at),
            "breaks": self.breaks,
        }

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "PromiseChange":
        return cls(
            metric=stored["metric"],
            effect=Effect(stored["effect"]),
            was_due_at=_instant(stored["was_due_at"]),
            due_at=datetime.fromisoformat(stored["due_at"]),
            held_back_due_at=_instant(stored["held_back_due_at"]),
            breaks=stored["breaks"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseTotals:
    """How many promises get other terms, and what that means to them."""

    changed: int = 0
    earlier: int = 0
    later: int = 0
    same: int = 0
    new: int = 0
    held_back: int = 0
    broken: int = 0

    def plus(self, changes: Collection[PromiseChange]) -> "PromiseTotals":
        effects = [change.effect for change in changes]
        return PromiseTotals(
            changed=self.changed + len(changes),
            earlier=self.earlier + effects.count(Effect.EARLIER),
            later=self.later + effects.count(Effect.LATER),
            same=self.same + effects.count(Effect.SAME),
            new=self.new + effects.count(Effect.NEW),
            held_back=self.held_back + sum(change.held_back_due_at is not None for change in changes),
            broken=self.broken + sum(change.breaks for change in changes),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The version that requests are put on: of a policy, or of a calendar.

    Exactly one of `policy_id` and `calendar_id` is there.
    """

    policy_id: PolicyId | None = None
    calendar_id: CalendarId | None = None
    version: int
    version_id: PolicyVersionId | CalendarVersionId

    @property
    def kind(self) -> str:
        return "calendar" if self.policy_id is None else "policy"

    @property
    def label(self) -> str:
        """As the audit trail calls the policy or the calendar."""
        return f"{self.kind}:{self.policy_id or self.calendar_id}"

    def is_of(self, other: "Subject") -> bool:
        """Is it a version of the same policy or calendar?"""
        return self.label == other.label


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Which of the running requests are meant. What is empty names all.

    Attributes:
        clients: client organizations, by their names when it was asked for.
        services: services, by their names when it was asked for.
        received_after: only requests received after it.
    """

    clients: Mapping[str, ClientId] = field(default_factory=dict[str, ClientId])
    services: Mapping[str, ServiceId] = field(default_factory=dict[str, ServiceId])
    request_types: frozenset[RequestType] = frozenset()
    received_after: datetime | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "clients": {name: str(client_id) for name, client_id in self.clients.items()},
            "services": {name: str(service_id) for name, service_id in self.services.items()},
            "request_types": sorted(self.request_types),
            "received_after": None if self.received_after is None else rfc3339(self.received_after),
        }

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Reach":
        return cls(
            clients={name: ClientId(ids.read_id(text)) for name, text in stored["clients"].items()},
            services={name: ServiceId(ids.read_id(text)) for name, text in stored["services"].items()},
            request_types=frozenset(RequestType(text) for text in stored["request_types"]),
            received_after=_instant(stored["received_after"]),
        )


def change(prospect: Prospect) -> PromiseChange | None:
    """What new terms change in a promise; None where its terms stay as they are."""
    if not prospect.retermed:
        return None
    due_at = _due(prospect.after)
    was_due_at = None if prospect.before is None else _due(prospect.before)
    return PromiseChange(
        metric=prospect.metric,
        effect=_effect(was_due_at, due_at),
        was_due_at=was_due_at,
        due_at=due_at,
        held_back_due_at=_held_back(prospect.after, due_at),
        breaks=_is_lost(prospect.after) and (prospect.before is None or not _is_lost(prospect.before)),
    )


def changes(promised: Sequence[Prospect]) -> list[PromiseChange]:
    """What changes in the promises of a request."""
    return [found for prospect in promised if (found := change(prospect)) is not None]


def concerns(subject: Subject, *, held: Decision | None, anew: Decision) -> bool:
    """Does putting a request on this version mean anything to it?

    Not where the decision that holds was made by that version already, nor where the policy was not asked and
    would not be.

    Args:
        subject: the version.
        held: the decision that holds, if there is one.
        anew: the one that would take its place.
    """
    if held is None:
        return True
    if subject.policy_id is not None:
        before = _asked(held).get(subject.policy_id)
        return before != subject.version_id and (before is not None or subject.policy_id in _asked(anew))
    return held.calendars != anew.calendars


def was_left_aside(decision: Decision) -> bool:
    """Were rules left aside, too slow or unreadable? What is promised without them is nobody's wish."""
    doubts = {doubt for answer in decision.answers for each in answer.consulted for doubt in each.doubts}
    return bool(doubts & {Doubt.TOO_SLOW, Doubt.UNREADABLE})


def may_resume(phase: Phase, *, failed: int) -> bool:
    """May an operation be gone on with? One that is done, only for the requests that failed."""
    return phase in STOPPED or (phase is Phase.DONE and failed > 0)


def _asked(decision: Decision) -> dict[PolicyId, PolicyVersionId]:
    """The version of each policy that was asked."""
    return {
        consulted.ref.policy_id: consulted.ref.version_id
        for answer in decision.answers
        for consulted in answer.consulted
    }


def _due(standing: Standing) -> datetime:
    return standing.current.due_at or standing.current.due_if_resumed_now


def _effect(was_due_at: datetime | None, due_at: datetime) -> Effect:
    if was_due_at is None:
        return Effect.NEW
    if due_at == was_due_at:
        return Effect.SAME
    return Effect.EARLIER if due_at < was_due_at else Effect.LATER


def _held_back(after: Standing, due_at: datetime) -> datetime | None:
    last = after.current.segments[-1]
    if last.verdict not in HELD_BACK or last.due_at is None or last.due_at <= due_at:
        return None
    return last.due_at


def _is_lost(standing: Standing) -> bool:
    """Is it broken, or due this very instant, with nothing to be done any more?"""
    current = standing.current
    runs = current.clock is ClockState.RUNNING and current.due_at is not None
    return current.outcome is Outcome.BROKEN or (runs and _due(standing) <= standing.now)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
