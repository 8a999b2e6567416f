"""The table of renegotiations, and what its rows are to those who read them."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from service.commitments.domain import Silence
from service.commitments.renegotiation.domain import (
    Answered,
    Channel,
    Entry,
    Proposed,
    Remedy,
    RemedyKind,
    Reply,
    Settled,
    Standing,
    State,
    Withdrawn,
)
from service.db import TenantRow
from service.ids import ClientId, CommitmentId, RenegotiationId, RequestId
from service.instants import rfc3339

Said = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Renegotiation:
    """What is proposed instead of one promise, and what became of it.

    Attributes:
        client_id: whose promise it is; None also for one between groups, which clients are not told of.
        cycle: of the promise, which it was told in.
        proposed_by: who proposes, as the audit trail calls them.
        working_distance: how much later than the original, in the promise's own clock; None while paused.
        standing: as it was last looked at.
        answer: what the user said, if anything; `settlement` and `withdrawal` likewise.
        revised_id: the promise that was made beside the original, once this was understood.
        link_sha256: the digest of the link by which the requester may answer; None where there is none.
        sequence: how many events were told of it.
    """

    id: RenegotiationId
    commitment_id: CommitmentId
    request_id: RequestId
    client_id: ClientId | None
    metric: str
    cycle: int
    proposed_by: str
    proposed: Proposed
    working_distance: timedelta | None
    standing: Standing
    answer: Answered | None = None
    settlement: Settled | None = None
    withdrawal: Withdrawn | None = None
    revised_id: CommitmentId | None = None
    link_sha256: bytes | None = field(default=None, repr=False)
    sequence: int = 0

    @property
    def entries(self) -> list[Entry]:
        """All that was said, in the order in which it was recorded."""
        said = (self.answer, self.settlement, self.withdrawal)
        return [self.proposed, *(each for each in said if each is not None)]


class RenegotiationRow(TenantRow):
    """Of a promise one at most is open. What was said is written once and stays."""

    __tablename__ = "renegotiation"
    __table_args__ = (
        Index("ix_renegotiation_tenant_id_commitment_id", "tenant_id", "commitment_id"),
        Index("ix_renegotiation_tenant_id_request_id", "tenant_id", "request_id"),
        Index(
            "ix_renegotiation_tenant_id_commitment_id_open",
            *("tenant_id", "commitment_id"),
            unique=True,
            postgresql_where=text("state in ('waiting', 'countered')"),
        ),
        ForeignKeyConstraint(["tenant_id", "commitment_id"], ["commitment.tenant_id", "commitment.id"]),
        ForeignKeyConstraint(["tenant_id", "request_id"], ["request.tenant_id", "request.id"]),
        ForeignKeyConstraint(["tenant_id", "revised_id"], ["commitment.tenant_id", "commitment.id"]),
    )

    commitment_id: Mapped[UUID]
    request_id: Mapped[UUID]
    client_id: Mapped[UUID | None]
    metric: Mapped[str]
    cycle: Mapped[int]
    proposed_by: Mapped[str]
    proposed_at: Mapped[datetime]
    reason: Mapped[str]
    tried: Mapped[str]
    remedies: Mapped[list[Any]]
    original_due_at: Mapped[datetime | None]
    working_distance_seconds: Mapped[float | None]
    proposed_due_at: Mapped[datetime]
    answer_by: Mapped[datetime]
    silence: Mapped[str]
    state: Mapped[str]
    since: Mapped[datetime]
    due_at: Mapped[datetime]
    by_silence: Mapped[bool]
    answer: Mapped[dict[str, Any] | None]
    settlement: Mapped[dict[str, Any] | None]
    withdrawal: Mapped[dict[str, Any] | None]
    revised_id: Mapped[UUID | None]
    link_sha256: Mapped[bytes | None]
    sequence: Mapped[int] = mapped_column(BigInteger)

    def to_domain(self) -> Renegotiation:
        seconds = self.working_distance_seconds
        return Renegotiation(
            id=RenegotiationId(self.id),
            commitment_id=CommitmentId(self.commitment_id),
            request_id=RequestId(self.request_id),
            client_id=None if self.client_id is None else ClientId(self.client_id),
            metric=self.metric,
            cycle=self.cycle,
            proposed_by=self.proposed_by,
            proposed=self._proposed(),
            working_distance=None if seconds is None else timedelta(seconds=seconds),
            standing=Standing(
                state=State(self.state), since=self.since, due_at=self.due_at, by_silence=self.by_silence
            ),
            answer=None if self.answer is None else _answered(self.answer),
            settlement=None if self.settlement is None else _settled(self.settlement),
            withdrawal=None if self.withdrawal is None else _withdrawn(self.withdrawal),
            revised_id=None if self.revised_id is None else CommitmentId(self.revised_id),
            link_sha256=self.link_sha256,
            sequence=self.sequence,
        )

    def _proposed(self) -> Proposed:
        return Proposed(
            at=self.proposed_at,
            original_due_at=self.original_due_at,
            due_at=self.proposed_due_at,
            reason=self.reason,
            tried=self.tried,
            remedies=tuple(
                Remedy(RemedyKind(remedy["kind"]), remedy["description"]) for remedy in self.remedies
            ),
            answer_by=self.answer_by,
            silence=Silence(self.silence),
        )


def columns(renegotiation: Renegotiation) -> dict[str, Any]:
    """The columns of one that is new, but for its tenant."""
    proposed, distance = renegotiation.proposed, renegotiation.working_distance
    return {
        "id": renegotiation.id,
        "commitment_id": renegotiation.commitment_id,
        "request_id": renegotiation.request_id,
        "client_id": renegotiation.client_id,
        "metric": renegotiation.metric,
        "cycle": renegotiation.cycle,
        "proposed_by": renegotiation.proposed_by,
        "proposed_at": proposed.at,
        "reason": proposed.reason,
        "tried": proposed.tried,
        "remedies": remedies_document(proposed.remedies),
        "original_due_at": proposed.original_due_at,
        "working_distance_seconds": None if distance is None else distance.total_seconds(),
        "proposed_due_at": proposed.due_at,
        "answer_by": proposed.answer_by,
        "silence": proposed.silence.value,
        "link_sha256": renegotiation.link_sha256,
        **changing_columns(renegotiation),
    }


def changing_columns(renegotiation: Renegotiation) -> dict[str, Any]:
    """The columns that what is said may change."""
    standing, answer = renegotiation.standing, renegotiation.answer
    return {
        "state": standing.state.value,
        "since": standing.since,
        "due_at": standing.due_at,
        "by_silence": standing.by_silence,
        "answer": None if answer is None else _answer_document(answer),
        "settlement": None
        if renegotiation.settlement is None
        else _settlement_document(renegotiation.settlement),
        "withdrawal": None
        if renegotiation.withdrawal is None
        else _withdrawal_document(renegotiation.withdrawal),
        "revised_id": renegotiation.revised_id,
        "sequence": renegotiation.sequence,
    }


def remedies_document(remedies: tuple[Remedy, ...]) -> list[Said]:
    return [{"kind": remedy.kind.value, "description": remedy.description} for remedy in remedies]


def _answer_document(answer: Answered) -> Said:
    return {
        "at": rfc3339(answer.at),
        "reply": answer.reply.value,
        "due_at": None if answer.due_at is None else rfc3339(answer.due_at),
        "comment": answer.comment,
        "by": answer.by,
        "channel": answer.channel.value,
    }


def _answered(said: Said) -> Answered:
    due_at = said["due_at"]
    return Answered(
        at=datetime.fromisoformat(said["at"]),
        reply=Reply(said["reply"]),
        due_at=None if due_at is None else datetime.fromisoformat(due_at),
        comment=said["comment"],
        by=said["by"],
        channel=Channel(said["channel"]),
    )


def _settlement_document(settled: Settled) -> Said:
    return {
        "at": rfc3339(settled.at),
        "accepted": settled.accepted,
        "comment": settled.comment,
        "by": settled.by,
    }


def _settled(said: Said) -> Settled:
    return Settled(
        at=datetime.fromisoformat(said["at"]),
        accepted=said["accepted"],
        comment=said["comment"],
        by=said["by"],
    )


def _withdrawal_document(withdrawn: Withdrawn) -> Said:
    return {"at": rfc3339(withdrawn.at), "because": withdrawn.because, "by": withdrawn.by}


def _withdrawn(said: Said) -> Withdrawn:
    return Withdrawn(at=datetime.fromisoformat(said["at"]), because=said["because"], by=said["by"])
