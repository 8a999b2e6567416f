"""What HTTP shows and takes of runs of ladders and of notices."""

from datetime import datetime
from typing import Annotated, Any

import msgspec

from service.api import fields
from service.commitments.domain import ClockState, Level, Outcome
from service.escalations.runs import wire
from service.escalations.runs.domain import EndCause, Entry, State, Telling
from service.escalations.runs.models import Notice, Run
from service.escalations.runs.service import Account, Start
from service.escalations.runs.subjects import Subject
from service.ids import (
    ClientId,
    CommitmentId,
    EscalationId,
    LadderId,
    LadderVersionId,
    MemberId,
    NoticeId,
    RequestId,
)

By = Annotated[
    fields.Name | None,
    msgspec.Meta(
        description="The member that an application acts for: id or e-mail address. A member leaves it out."
    ),
]


class StartEscalation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A ladder to be climbed now, for the promise that is due next unless `commitment_id` names another."""

    ladder: fields.Name
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=2_000, pattern=r"\S")]
    commitment_id: CommitmentId | None = None
    by: By = None

    def asked(self) -> Start:
        return Start(self.ladder, self.reason, self.commitment_id)


class AcknowledgeEscalation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whoever takes it. A member needs no body."""

    by: By = None


class SnoozeEscalation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Until when nothing is to be told, at most seven days ahead."""

    until: fields.Moment
    by: By = None


class HandOverEscalation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """To whom: id or e-mail address of a member; one's own takes it from whoever has it."""

    to: fields.Name
    by: By = None


class RaiseEscalation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The step to go up to, by its name."""

    step: fields.Name
    by: By = None


class ResolveEscalation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Why nobody need be told any more."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=2_000, pattern=r"\S")]
    by: By = None


class EscalatedRequestView(msgspec.Struct, frozen=True):
    """The request of a run, as its ladders last knew it."""

    source: str
    external_id: str
    type: str
    title: str | None


class EscalatedPromiseView(msgspec.Struct, frozen=True):
    """The promise of a run, as it was last looked at. `what` is what a person promised, in words."""

    metric: str
    what: str | None
    level: Level
    clock: ClockState
    outcome: Outcome
    due_at: datetime | None


class HolderView(msgspec.Struct, frozen=True):
    """The member who has a run."""

    name: str
    email: str


class EscalationView(msgspec.Struct, frozen=True, kw_only=True):
    """A run of a ladder.

    `held_by` has acknowledged it, was given it, or put it off; `held_until` is when that ends by itself.
    `next_at` is when something is to be told, or quiet ends. `round` counts how often the ladder began for
    one cycle of the promise.
    """

    id: EscalationId
    request_id: RequestId
    request: EscalatedRequestView
    commitment_id: CommitmentId
    promise: EscalatedPromiseView
    client_id: ClientId | None
    cycle: int
    round: int
    ladder: str
    ladder_id: LadderId | None
    ladder_version_id: LadderVersionId | None
    ladder_version: int | None
    by_hand: bool
    state: State
    held_by: MemberId | None
    holder: HolderView | None
    held_until: datetime | None
    begun_at: datetime
    ended_at: datetime | None
    end_cause: EndCause | None
    next_at: datetime | None

    @classmethod
    def of(cls, run: Run, subject: Subject) -> "EscalationView":
        return cls(**_fields(run, subject))


class EntryView(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to the run. `step` is the name of the step, where one is meant."""

    at: datetime
    kind: str
    step: str | None
    detail: dict[str, Any]

    @classmethod
    def of(cls, entry: Entry, run: Run) -> "EntryView":
        detail = wire.detail(entry)
        index: int | None = detail.pop("step", None)
        return cls(
            at=entry.at,
            kind=wire.KINDS[type(entry)],
            step=None if index is None else run.snapshot.definition.steps[index].name,
            detail=detail,
        )


class TellingView(msgspec.Struct, frozen=True):
    """A step that is to be told if nothing happens; `repeat` is 0 for the first time."""

    at: datetime
    step: str
    repeat: int

    @classmethod
    def of(cls, telling: Telling, run: Run) -> "TellingView":
        return cls(telling.planned_at, run.snapshot.definition.steps[telling.step].name, telling.repeat)


class EscalationDetailView(EscalationView, frozen=True, kw_only=True):
    """A run with the ladder as it began, its ledger, and what is told next of each step if nothing happens.

    `maintenance_until` says until when it tells nothing as the service is in maintenance.
    """

    definition: dict[str, Any]
    maintenance_until: datetime | None
    entries: list[EntryView]
    coming: list[TellingView]

    @classmethod
    def detailed(cls, account: Account, subject: Subject) -> "EscalationDetailView":
        run, held = account.run, account.standing.held
        return cls(
            **_fields(run, subject),
            definition=dict(run.snapshot.document),
            maintenance_until=None if held is None else held.end,
            entries=[EntryView.of(entry, run) for entry in account.ledger],
            coming=[TellingView.of(telling, run) for telling in account.coming],
        )


class NoticeView(msgspec.Struct, frozen=True, kw_only=True):
    """That somebody was told, and of what. `late` if notably later than planned, as after an outage."""

    id: NoticeId
    escalation_id: EscalationId
    request_id: RequestId
    commitment_id: CommitmentId
    client_id: ClientId | None
    step: str | None
    repeat: int | None
    recipient: str
    member_id: MemberId | None
    name: str | None
    email: str | None
    channel: str
    planned_at: datetime
    given_at: datetime
    late: bool
    payload: dict[str, Any]

    @classmethod
    def of(cls, notice: Notice) -> "NoticeView":
        return cls(
            id=notice.id,
            escalation_id=notice.escalation_id,
            request_id=notice.request_id,
            commitment_id=notice.commitment_id,
            client_id=notice.client_id,
            step=notice.step_name,
            repeat=notice.repeat,
            recipient=notice.recipient,
            member_id=notice.member_id,
            name=notice.name,
            email=notice.email,
            channel=notice.channel,
            planned_at=notice.planned_at,
            given_at=notice.given_at,
            late=notice.late,
            payload=dict(notice.payload),
        )


def _fields(run: Run, subject: Subject) -> dict[str, Any]:
    affair, promise, holder = subject.affair, subject.commitment, subject.holder
    return {
        "id": run.id,
        "request_id": run.request_id,
        "request": EscalatedRequestView(affair.source, affair.external_id, affair.type, affair.title),
        "commitment_id": run.commitment_id,
        "promise": EscalatedPromiseView(
            metric=promise.metric,
            what=promise.made.what,
            level=promise.level,
            clock=promise.clock,
            outcome=promise.outcome,
            due_at=promise.due_at,
        ),
        "client_id": run.client_id,
        "cycle": run.cycle,
        "round": run.round,
        "ladder": run.ladder,
        "ladder_id": run.snapshot.ladder_id,
        "ladder_version_id": run.snapshot.version_id,
        "ladder_version": run.snapshot.version,
        "by_hand": run.by_hand,
        "state": run.state,
        "held_by": run.held_by,
        "holder": None if holder is None else HolderView(holder.name, holder.email),
        "held_until": run.held_until,
        "begun_at": run.begun_at,
        "ended_at": run.ended_at,
        "end_cause": run.end_cause,
        "next_at": run.next_at,
    }
