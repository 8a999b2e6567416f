"""What HTTP accepts and shows of renegotiations."""

from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec

from service import instants
from service.api.fields import Moment
from service.api.promises import Words
from service.commitments import targets
from service.commitments.domain import Silence
from service.commitments.renegotiation.domain import (
    REMEDIES_MAX,
    Answered,
    Channel,
    Remedy,
    RemedyKind,
    Reply,
    Settled,
    State,
    Withdrawn,
)
from service.commitments.renegotiation.errors import RenegotiationInvalid
from service.commitments.renegotiation.models import Renegotiation
from service.commitments.renegotiation.service import Proposal
from service.commitments.targets import PolicyTarget, Seconds
from service.errors import Fault
from service.ids import ClientId, CommitmentId, RenegotiationId, RequestId

Comment = Annotated[str, msgspec.Meta(max_length=2_000)]


class RemedyForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is offered so that the new promise stays close to the original one."""

    kind: RemedyKind
    description: Words


class ProposeRenegotiation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """That a promise will not be kept: why, what was tried, what is offered, and what is promised instead.

    Either `due_at`, or `target`, which counts from now in the promise's own clock. With `link` a link is made
    by which the requester can answer without logging in.
    """

    reason: Words
    tried: Comment = ""
    remedies: Annotated[list[RemedyForm], msgspec.Meta(max_length=REMEDIES_MAX)] = []
    due_at: Moment | None = None
    target: PolicyTarget | None = None
    answer_within_seconds: Seconds | None = None
    link: bool = False

    def proposal(self) -> Proposal:
        """Raises RenegotiationInvalid."""
        due = self.due_at if self.target is None else targets.target_of(self.target)
        if due is None or (self.due_at is not None and self.target is not None):
            detail = "Say what is promised instead: with `due_at`, or with `target`, and not with both."
            raise RenegotiationInvalid([Fault("", detail)])
        seconds = self.answer_within_seconds
        return Proposal(
            reason=self.reason,
            tried=self.tried,
            remedies=tuple(Remedy(remedy.kind, remedy.description) for remedy in self.remedies),
            due=due,
            answer_within=None if seconds is None else timedelta(seconds=seconds),
        )


class AnswerRenegotiation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the user says. With `counter`, `due_at` says what they ask for instead."""

    reply: Reply
    due_at: Moment | None = None
    comment: Comment = ""

    def answered(self, now: datetime, *, by: str, channel: Channel) -> Answered:
        """Raises RenegotiationInvalid."""
        if (self.reply is Reply.COUNTER) != (self.due_at is not None):
            detail = "A counter-proposal, and no other answer, says with `due_at` what is asked for instead."
            raise RenegotiationInvalid([Fault("/due_at", detail)])
        if self.due_at is not None and not instants.is_usable(self.due_at):
            raise RenegotiationInvalid([Fault("/due_at", instants.refusal(self.due_at))])
        return Answered(
            at=now, reply=self.reply, due_at=self.due_at, comment=self.comment, by=by, channel=channel
        )


class SettleRenegotiation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whether the counter-proposal is taken."""

    accepted: bool
    comment: Comment = ""


class WithdrawRenegotiation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Why it is offered no more: the promise will be kept after all."""

    reason: Words


class RemedyView(msgspec.Struct, frozen=True):
    kind: RemedyKind
    description: str


class AnswerView(msgspec.Struct, frozen=True):
    """What the user said. `by` is null for applications of the client organization."""

    at: datetime
    reply: Reply
    due_at: datetime | None
    comment: str
    channel: Channel
    by: str | None

    @classmethod
    def of(cls, said: Answered | None, *, in_full: bool) -> "AnswerView | None":
        if said is None:
            return None
        by = said.by if in_full else None
        return cls(said.at, said.reply, said.due_at, said.comment, said.channel, by)


class SettlementView(msgspec.Struct, frozen=True):
    """Whether the counter-proposal was taken."""

    at: datetime
    accepted: bool
    comment: str
    by: str | None

    @classmethod
    def of(cls, said: Settled | None, *, in_full: bool) -> "SettlementView | None":
        if said is None:
            return None
        return cls(said.at, said.accepted, said.comment, said.by if in_full else None)


class WithdrawalView(msgspec.Struct, frozen=True):
    """Why it is offered no more."""

    at: datetime
    reason: str
    by: str | None

    @classmethod
    def of(cls, said: Withdrawn | None, *, in_full: bool) -> "WithdrawalView | None":
        if said is None:
            return None
        return cls(said.at, said.because, (said.by or None) if in_full else None)


class RenegotiationView(msgspec.Struct, frozen=True, kw_only=True):
    """What is proposed instead of a promise, and where that stands.

    `due_at` is what is promised once it is understood: what was proposed, or what a counter-proposal asks
    for. `original_due_at`, and with it both distances, are null when the promise was paused. `revised_id` is
    the promise that was made beside the original. Who said what is null for applications of clients.
    """

    id: RenegotiationId
    commitment_id: CommitmentId
    request_id: RequestId
    client_id: ClientId | None
    metric: str
    cycle: int
    state: State
    since: datetime
    by_silence: bool
    proposed_at: datetime
    proposed_by: str | None
    reason: str
    tried: str
    remedies: list[RemedyView]
    original_due_at: datetime | None
    proposed_due_at: datetime
    due_at: datetime
    in_advance: bool
    distance_seconds: float | None
    working_distance_seconds: float | None
    answer_by: datetime
    silence: Silence
    answer: AnswerView | None
    settlement: SettlementView | None
    withdrawal: WithdrawalView | None
    revised_id: CommitmentId | None
    has_link: bool

    @classmethod
    def of(cls, found: Renegotiation, *, in_full: bool) -> "RenegotiationView":
        return cls(**_fields(found, in_full=in_full))


class ProposedView(RenegotiationView, frozen=True, kw_only=True):
    """What was proposed. `link`, if one was asked for, is shown this once; it counts until `answer_by`."""

    link: str | None

    @classmethod
    def made(cls, found: Renegotiation, link: str | None) -> "ProposedView":
        return cls(**_fields(found, in_full=True), link=link)


def _fields(found: Renegotiation, *, in_full: bool) -> dict[str, Any]:
    proposed, standing = found.proposed, found.standing
    return {
        "id": found.id,
        "commitment_id": found.commitment_id,
        "request_id": found.request_id,
        "client_id": found.client_id,
        "metric": found.metric,
        "cycle": found.cycle,
        "state": standing.state,
        "since": standing.since,
        "by_silence": standing.by_silence,
        "proposed_at": proposed.at,
        "proposed_by": found.proposed_by if in_full else None,
        "reason": proposed.reason,
        "tried": proposed.tried,
        "remedies": [RemedyView(remedy.kind, remedy.description) for remedy in proposed.remedies],
        "original_due_at": proposed.original_due_at,
        "proposed_due_at": proposed.due_at,
        "due_at": standing.due_at,
        "in_advance": proposed.in_advance,
        "distance_seconds": _seconds(proposed.distance),
        "working_distance_seconds": _seconds(found.working_distance),
        "answer_by": proposed.answer_by,
        "silence": proposed.silence,
        "answer": AnswerView.of(found.answer, in_full=in_full),
        "settlement": SettlementView.of(found.settlement, in_full=in_full),
        "withdrawal": WithdrawalView.of(found.withdrawal, in_full=in_full),
        "revised_id": found.revised_id,
        "has_link": found.link_sha256 is not None,
    }


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()
