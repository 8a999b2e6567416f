"""Tables of this slice, and what a promise is to those who read it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from service.commitments import wire
from service.commitments.domain import ClockState, EntryId, LedgerEntry, Level, Origin, Outcome, Target
from service.db import TenantRow
from service.ids import ClientId, CommitmentId, ContactId, RequestId, ServiceId


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """How a promise came about, which never changes.

    Attributes:
        what: is promised, in words, where somebody made the promise.
        by: who made it, as the audit trail calls them; None where a policy did.
        to: the contact to whom it was made, where that is known.
        revises: the promise that this one was made beside, once that could not be kept.
        ladder: the name of the ladder that is climbed for it, whatever policies say of its request.
    """

    origin: Origin = Origin.POLICY
    what: str | None = None
    by: str | None = None
    to: ContactId | None = None
    revises: CommitmentId | None = None
    ladder: str | None = None


BY_POLICY = Made()


@dataclass(frozen=True, slots=True, kw_only=True)
class Commitment:
    """One promise as it stood when it was last looked at.

    Attributes:
        peers: the kind of request that it is compared with in forecasts, such as `incident/2 - High`.
        cycle: counts from 1; a reopening may begin another.
        due_at: None while paused.
        due_if_resumed_now: the due, were every pause to end now.
        warned_at: when its current cycle was warned of.
        broken_at: the first instant at which its current cycle was broken.
        corrected_at: when a breach of it was marked as recorded wrongly, if none was recorded since.
        flags: what is doubtful about its ledger.
        looked_at: the instant of the last look that found a change; all of this has been true since.
        sequence: how many events were told of it.
        announced_at: when the user was told that its current cycle will be missed.
        silent: whether a breach of it stands that the user was not told of before it was due.
        used: time counted against the target of its current cycle when it was last looked at.
        miss_chance: the last forecast that it will be missed, from 0 to 1; None where none was made.
        at_risk_at: since when its current cycle is to be renegotiated.
    """

    id: CommitmentId
    request_id: RequestId
    client_id: ClientId | None
    service_id: ServiceId | None
    metric: str
    made: Made = BY_POLICY
    peers: str | None = None
    level: Level = Level.SLA
    held_by: str | None = None
    target: Target
    cycle: int
    clock: ClockState
    outcome: Outcome
    started_at: datetime
    due_at: datetime | None
    due_if_resumed_now: datetime | None
    warn_at: datetime | None
    fulfilled_at: datetime | None
    cancelled_at: datetime | None
    warned_at: datetime | None
    broken_at: datetime | None
    corrected_at: datetime | None
    flags: tuple[str, ...]
    looked_at: datetime
    sequence: int
    announced_at: datetime | None = None
    silent: bool = False
    used: timedelta | None = None
    miss_chance: float | None = None
    at_risk_at: datetime | None = None

    def lateness(self, now: datetime) -> timedelta:
        """Elapsed time past the due, so far or when it ended; zero unless broken."""
        if self.outcome is not Outcome.BROKEN or self.due_at is None:
            return timedelta(0)
        return (self.fulfilled_at or self.cancelled_at or max(now, self.looked_at)) - self.due_at


def _index_of_broken(column: str) -> Index:
    """Few promises are broken, and only those are in it."""
    name = f"ix_commitment_tenant_id_{column}_broken_at"
    return Index(name, "tenant_id", column, "broken_at", postgresql_where=text("broken_at is not null"))


class CommitmentRow(TenantRow):
    __tablename__ = "commitment"
    __table_args__ = (
        Index("ix_commitment_tenant_id_request_id", "tenant_id", "request_id"),
        Index("ix_commitment_tenant_id_due_at", "tenant_id", "due_at"),
        Index("ix_commitment_tenant_id_client_id_fulfilled_at", "tenant_id", "client_id", "fulfilled_at"),
        _index_of_broken("client_id"),
        _index_of_broken("service_id"),
        Index("ix_commitment_tenant_id_open", "tenant_id", postgresql_where=text("clock <> 'stopped'")),
        Index("ix_commitment_tenant_id_silent", "tenant_id", "broken_at", postgresql_where=text("silent")),
        Index(
            "ix_commitment_tenant_id_revises",
            "tenant_id",
            "revises",
            postgresql_where=text("revises is not null"),
        ),
        ForeignKeyConstraint(["tenant_id", "request_id"], ["request.tenant_id", "request.id"]),
        ForeignKeyConstraint(["tenant_id", "revises"], ["commitment.tenant_id", "commitment.id"]),
    )

    request_id: Mapped[UUID]
    client_id: Mapped[UUID | None]
    service_id: Mapped[UUID | None]
    metric: Mapped[str]
    origin: Mapped[str]
    what: Mapped[str | None]
    made_by: Mapped[str | None]
    made_to: Mapped[UUID | None]
    revises: Mapped[UUID | None]
    ladder: Mapped[str | None]
    peers: Mapped[str | None]
    level: Mapped[str]
    held_by: Mapped[str | None]
    target: Mapped[dict[str, Any]]
    cycle: Mapped[int]
    clock: Mapped[str]
    outcome: Mapped[str]
    started_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    warn_at: Mapped[datetime | None]
    fulfilled_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    warned_at: Mapped[datetime | None]
    broken_at: Mapped[datetime | None]
    corrected_at: Mapped[datetime | None]
    flags: Mapped[list[Any]]
    looked_at: Mapped[datetime]
    sequence: Mapped[int] = mapped_column(BigInteger)
    announced_at: Mapped[datetime | None]
    silent: Mapped[bool]
    used_seconds: Mapped[float | None]
    miss_chance: Mapped[float | None]
    at_risk_at: Mapped[datetime | None]

    def to_domain(self) -> Commitment:
        return Commitment(
            id=CommitmentId(self.id),
            request_id=RequestId(self.request_id),
            client_id=None if self.client_id is None else ClientId(self.client_id),
            service_id=None if self.service_id is None else ServiceId(self.service_id),
            metric=self.metric,
            made=Made(
                origin=Origin(self.origin),
                what=self.what,
                by=self.made_by,
                to=None if self.made_to is None else ContactId(self.made_to),
                revises=None if self.revises is None else CommitmentId(self.revises),
                ladder=self.ladder,
            ),
            peers=self.peers,
            level=Level(self.level),
            held_by=self.held_by,
            target=wire.target_of(self.target),
            cycle=self.cycle,
            clock=ClockState(self.clock),
            outcome=Outcome(self.outcome),
            started_at=self.started_at,
            due_at=self.due_at,
            due_if_resumed_now=self.due_at,
            warn_at=self.warn_at,
            fulfilled_at=self.fulfilled_at,
            cancelled_at=self.cancelled_at,
            warned_at=self.warned_at,
            broken_at=self.broken_at,
            corrected_at=self.corrected_at,
            flags=tuple(self.flags),
            looked_at=self.looked_at,
            sequence=self.sequence,
            announced_at=self.announced_at,
            silent=self.silent,
            used=None if self.used_seconds is None else timedelta(seconds=self.used_seconds),
            miss_chance=self.miss_chance,
            at_risk_at=self.at_risk_at,
        )


class CommitmentEntryRow(TenantRow):
    """A promise's own ledger. Append-only: the login role may insert and read, nothing else.

    Attributes:
        entry_id: orders what happened at the same instant; the request's event, where one told of it.
    """

    __tablename__ = "commitment_entry"
    __table_args__ = (
        Index("ix_commitment_entry_tenant_id_commitment_id", "tenant_id", "commitment_id"),
        ForeignKeyConstraint(["tenant_id", "commitment_id"], ["commitment.tenant_id", "commitment.id"]),
    )

    commitment_id: Mapped[UUID]
    request_id: Mapped[UUID]
    client_id: Mapped[UUID | None]
    entry_id: Mapped[UUID]
    kind: Mapped[str]
    occurred_at: Mapped[datetime]
    source_sequence: Mapped[int] = mapped_column(BigInteger)
    received_at: Mapped[datetime]
    detail: Mapped[dict[str, Any]]

    def to_domain(self) -> LedgerEntry:
        when = {
            "at": self.occurred_at,
            "source_sequence": self.source_sequence,
            "received_at": self.received_at,
            "id": EntryId(str(self.entry_id)),
        }
        return wire.entry(self.kind, when, self.detail)


def columns(commitment: Commitment) -> dict[str, Any]:
    """The columns of a promise that is new, but for its tenant."""
    return {
        "id": commitment.id,
        "request_id": commitment.request_id,
        "client_id": commitment.client_id,
        "service_id": commitment.service_id,
        "metric": commitment.metric,
        "origin": commitment.made.origin.value,
        "what": commitment.made.what,
        "made_by": commitment.made.by,
        "made_to": commitment.made.to,
        "ladder": commitment.made.ladder,
        "revises": commitment.made.revises,
        **changing_columns(commitment),
    }


def changing_columns(commitment: Commitment) -> dict[str, Any]:
    """The columns that a step may change."""
    return {
        "peers": commitment.peers,
        "level": commitment.level.value,
        "held_by": commitment.held_by,
        "target": wire.target_document(commitment.target),
        "cycle": commitment.cycle,
        "clock": commitment.clock.value,
        "outcome": commitment.outcome.value,
        "started_at": commitment.started_at,
        "due_at": commitment.due_at,
        "warn_at": commitment.warn_at,
        "fulfilled_at": commitment.fulfilled_at,
        "cancelled_at": commitment.cancelled_at,
        "warned_at": commitment.warned_at,
        "broken_at": commitment.broken_at,
        "corrected_at": commitment.corrected_at,
        "flags": list(commitment.flags),
        "looked_at": commitment.looked_at,
        "sequence": commitment.sequence,
        "announced_at": commitment.announced_at,
        "silent": commitment.silent,
        "used_seconds": None if commitment.used is None else commitment.used.total_seconds(),
        "miss_chance": commitment.miss_chance,
        "at_risk_at": commitment.at_risk_at,
    }


def entry_columns(commitment: Commitment, entry: LedgerEntry, row_id: UUID) -> dict[str, Any]:
    """The columns of an entry in the ledger of a promise, but for its tenant."""
    return {
        "id": row_id,
        "commitment_id": commitment.id,
        "request_id": commitment.request_id,
        "client_id": commitment.client_id,
        "entry_id": UUID(entry.id),
        "kind": wire.KINDS[type(entry)],
        "occurred_at": entry.at,
        "source_sequence": entry.source_sequence,
        "received_at": entry.received_at,
        "detail": wire.detail(entry),
    }
