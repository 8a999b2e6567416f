"""The tables of special methods, and what their rows are to those who read them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from service.db import TenantRow
from service.ids import (
    ArrangementId,
    ClientId,
    CommitmentId,
    ContactId,
    MemberId,
    PolicyId,
    PolicyVersionId,
    RequestId,
    ServiceId,
    SpecialMethodId,
)
from service.rationalization import verdicts
from service.rationalization.specials import wire
from service.rationalization.specials.domain import (
    USUAL_REMINDERS,
    Entry,
    Proposed,
    Ruling,
    Standing,
    State,
)
from service.rationalization.specials.wire import Written
from service.rationalization.verdicts import SpecialMethod as Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecialMethod:
    """One deviation from the norm, and what became of it.

    Attributes:
        contact_id: for whom: who asks; `for_group`: the group that works on the request.
        asked_by: the member who brought the request in, if a member did.
        verdict: what is allowed, and how it is undone.
        approved_by: as the audit trail calls them.
        end_because: why it was refused, withdrawn, or ended before its time.
        result: what the last check found.
        commitment_id: the promise to undo it, from its end on.
        version: how many entries its ledger has; also the version of the representation.
        sequence: how many events were told of it.
    """

    id: SpecialMethodId
    arrangement_id: ArrangementId
    request_id: RequestId
    client_id: ClientId | None
    service_id: ServiceId | None
    contact_id: ContactId | None
    for_group: str | None
    asked_by: MemberId | None
    ruling: Ruling
    verdict: Verdict
    proposed_at: datetime
    standing: Standing
    approved_by: tuple[str, ...] = ()
    end_because: str | None = None
    result: str | None = None
    commitment_id: CommitmentId | None = None
    version: int = 0
    sequence: int = 0

    @property
    def state(self) -> State:
        return self.standing.state

    @property
    def proposed(self) -> Proposed:
        """What its ledger begins with."""
        asked = self.verdict.remind_before_seconds
        spans = USUAL_REMINDERS if asked is None else {timedelta(seconds=each) for each in asked}
        return Proposed(
            at=self.proposed_at,
            lasts=timedelta(days=self.verdict.expires_in_days),
            remind_before=frozenset(spans),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """That it was used.

    Attributes:
        recorded_by: as the audit trail calls them.
    """

    id: UUID
    at: datetime
    who: str
    what_for: str
    recorded_at: datetime
    recorded_by: str


class SpecialMethodRow(TenantRow):
    """Of one arrangement one at most is open."""

    __tablename__ = "special_method"
    __table_args__ = (
        Index("ix_special_method_tenant_id_request_id", "tenant_id", "request_id"),
        Index("ix_special_method_tenant_id_state_ends_at", "tenant_id", "state", "ends_at"),
        Index(
            "ix_special_method_tenant_id_policy_id_rule_id_approved_at",
            *("tenant_id", "policy_id", "rule_id", "approved_at"),
        ),
        Index(
            "ix_special_method_tenant_id_arrangement_id_open",
            *("tenant_id", "arrangement_id"),
            unique=True,
            postgresql_where=text("state in ('proposed', 'allowed')"),
        ),
        ForeignKeyConstraint(["tenant_id", "arrangement_id"], ["arrangement.tenant_id", "arrangement.id"]),
        ForeignKeyConstraint(["tenant_id", "request_id"], ["request.tenant_id", "request.id"]),
        ForeignKeyConstraint(["tenant_id", "commitment_id"], ["commitment.tenant_id", "commitment.id"]),
    )

    arrangement_id: Mapped[UUID]
    request_id: Mapped[UUID]
    client_id: Mapped[UUID | None]
    service_id: Mapped[UUID | None]
    contact_id: Mapped[UUID | None]
    for_group: Mapped[str | None]
    asked_by: Mapped[UUID | None]
    policy_id: Mapped[UUID]
    policy_version_id: Mapped[UUID]
    rule_id: Mapped[str]
    because: Mapped[str | None]
    verdict: Mapped[dict[str, Any]]
    proposed_at: Mapped[datetime]
    state: Mapped[str]
    since: Mapped[datetime]
    approved_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    approved_by: Mapped[list[Any]]
    end_because: Mapped[str | None]
    undone: Mapped[bool | None]
    result: Mapped[str | None]
    commitment_id: Mapped[UUID | None]
    version: Mapped[int]
    sequence: Mapped[int] = mapped_column(BigInteger)

    def to_domain(self) -> SpecialMethod:
        verdict = verdicts.of(self.verdict)
        if not isinstance(verdict, Verdict):
            raise TypeError(f"special method {self.id} was ruled otherwise")
        return SpecialMethod(
            id=SpecialMethodId(self.id),
            arrangement_id=ArrangementId(self.arrangement_id),
            request_id=RequestId(self.request_id),
            client_id=None if self.client_id is None else ClientId(self.client_id),
            service_id=None if self.service_id is None else ServiceId(self.service_id),
            contact_id=None if self.contact_id is None else ContactId(self.contact_id),
            for_group=self.for_group,
            asked_by=None if self.asked_by is None else MemberId(self.asked_by),
            ruling=self._ruling(),
            verdict=verdict,
            proposed_at=self.proposed_at,
            standing=Standing(
                state=State(self.state),
                since=self.since,
                approved_at=self.approved_at,
                ends_at=self.ends_at,
                undone=self.undone,
            ),
            approved_by=tuple(self.approved_by),
            end_because=self.end_because,
            result=self.result,
            commitment_id=None if self.commitment_id is None else CommitmentId(self.commitment_id),
            version=self.version,
            sequence=self.sequence,
        )

    def _ruling(self) -> Ruling:
        return Ruling(
            policy_id=PolicyId(self.policy_id),
            policy_version_id=PolicyVersionId(self.policy_version_id),
            rule_id=self.rule_id,
            because=self.because,
        )


class SpecialMethodEntryRow(TenantRow):
    """Append-only: what happened to a special method, numbered from 1."""

    __tablename__ = "special_method_entry"
    __table_args__ = (
        UniqueConstraint("tenant_id", "special_method_id", "number"),
        ForeignKeyConstraint(
            ["tenant_id", "special_method_id"], ["special_method.tenant_id", "special_method.id"]
        ),
    )

    special_method_id: Mapped[UUID]
    client_id: Mapped[UUID | None]
    number: Mapped[int]
    kind: Mapped[str]
    at: Mapped[datetime]
    detail: Mapped[dict[str, Any]]

    def to_domain(self) -> Entry:
        return wire.read(self.kind, self.at, self.detail)


class SpecialMethodUseRow(TenantRow):
    """Append-only: a use, which was within the time that was allowed."""

    __tablename__ = "special_method_use"
    __table_args__ = (
        Index("ix_special_method_use_tenant_id_special_method_id", "tenant_id", "special_method_id"),
        ForeignKeyConstraint(
            ["tenant_id", "special_method_id"], ["special_method.tenant_id", "special_method.id"]
        ),
    )

    special_method_id: Mapped[UUID]
    at: Mapped[datetime]
    who: Mapped[str]
    what_for: Mapped[str]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str]

    def to_domain(self) -> Use:
        return Use(
            id=self.id,
            at=self.at,
            who=self.who,
            what_for=self.what_for,
            recorded_at=self.recorded_at,
            recorded_by=self.recorded_by,
        )


def columns(special: SpecialMethod) -> Written:
    """The columns of one that is new, but for its tenant."""
    ruling = special.ruling
    return {
        "id": special.id,
        "arrangement_id": special.arrangement_id,
        "request_id": special.request_id,
        "client_id": special.client_id,
        "service_id": special.service_id,
        "contact_id": special.contact_id,
        "for_group": special.for_group,
        "asked_by": special.asked_by,
        "policy_id": ruling.policy_id,
        "policy_version_id": ruling.policy_version_id,
        "rule_id": ruling.rule_id,
        "because": ruling.because,
        "verdict": verdicts.write(special.verdict),
        "proposed_at": special.proposed_at,
        **changing_columns(special),
    }


def changing_columns(special: SpecialMethod) -> Written:
    """The columns that what happens may change."""
    standing = special.standing
    return {
        "state": standing.state.value,
        "since": standing.since,
        "approved_at": standing.approved_at,
        "ends_at": standing.ends_at,
        "approved_by": list(special.approved_by),
        "end_because": special.end_because,
        "undone": standing.undone,
        "result": special.result,
        "commitment_id": special.commitment_id,
        "version": special.version,
        "sequence": special.sequence,
    }


def entry_columns(special: SpecialMethod, entry: Entry, entry_id: UUID) -> Written:
    """Of an entry that the special method's version counts already."""
    return {
        "id": entry_id,
        "special_method_id": special.id,
        "client_id": special.client_id,
        "number": special.version,
        "kind": wire.KINDS[type(entry)],
        "at": entry.at,
        "detail": wire.detail_of(entry),
    }
