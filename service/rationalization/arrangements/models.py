"""The tables of arrangements, and what their rows are to those who read them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.db import TenantRow
from service.ids import (
    ArrangementId,
    ClientId,
    DecisionId,
    PolicyId,
    PolicyVersionId,
    RequestId,
)
from service.instants import rfc3339
from service.rationalization import verdicts
from service.rationalization.arrangements.domain import (
    Accepted,
    Arranged,
    Entry,
    Lapsed,
    Looked,
    Objected,
    Overturned,
    Refused,
    Renewed,
    Standing,
    State,
    Superseded,
    VerdictKind,
    Withdrawn,
)
from service.rationalization.verdicts import Verdict

Written = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RuledBy:
    """The rule that gave a verdict."""

    policy_id: PolicyId
    policy_version_id: PolicyVersionId
    rule_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement:
    """What became of the verdict on one request.

    Attributes:
        decision_id: the decision that gave the verdict, or the last one that gave the same.
        verdict: with what the request's type requires.
        ruled_by: None where no rule but the request's type requires something.
        reason: of the verdict, as the requester is told it.
        message: what the requester was told: `subject`, `text`, `language`, `template`; empty before.
        proposal: a counter-proposal in concrete terms: `facts` to be set, and the `type`; empty for others.
        carried: what was typed, of what is redirected, so that it need not be typed again.
        carried_to: the request that it goes on as.
        version: how many entries its ledger has; also the version of the representation.
        sequence: how many events were told of it.
    """

    id: ArrangementId
    request_id: RequestId
    client_id: ClientId | None
    decision_id: DecisionId
    verdict: Verdict
    ruled_by: RuledBy | None
    reason: str | None
    made_at: datetime
    standing: Standing
    message: Mapping[str, Any] = field(default_factory=dict[str, Any])
    proposal: Mapping[str, Any] = field(default_factory=dict[str, Any])
    carried: Mapping[str, Any] = field(default_factory=dict[str, Any])
    carried_to: RequestId | None = None
    version: int = 0
    sequence: int = 0

    @property
    def state(self) -> State:
        return self.standing.state


class ArrangementRow(TenantRow):
    """The one that counts is named by its request."""

    __tablename__ = "arrangement"
    __table_args__ = (
        Index("ix_arrangement_tenant_id_request_id", "tenant_id", "request_id"),
        Index("ix_arrangement_tenant_id_state_id", "tenant_id", "state", "id"),
        ForeignKeyConstraint(["tenant_id", "request_id"], ["request.tenant_id", "request.id"]),
        ForeignKeyConstraint(["tenant_id", "decision_id"], ["decision.tenant_id", "decision.id"]),
        ForeignKeyConstraint(["tenant_id", "carried_to"], ["request.tenant_id", "request.id"]),
    )

    request_id: Mapped[UUID]
    client_id: Mapped[UUID | None]
    decision_id: Mapped[UUID]
    kind: Mapped[str]
    verdict: Mapped[dict[str, Any]]
    policy_id: Mapped[UUID | None]
    policy_version_id: Mapped[UUID | None]
    rule_id: Mapped[str | None]
    reason: Mapped[str | None]
    made_at: Mapped[datetime]
    message: Mapped[dict[str, Any]]
    proposal: Mapped[dict[str, Any]]
    carried: Mapped[dict[str, Any]]
    carried_to: Mapped[UUID | None]
    state: Mapped[str]
    since: Mapped[datetime]
    gated: Mapped[bool]
    answer_by: Mapped[datetime | None]
    missing: Mapped[list[Any]]
    because: Mapped[str]
    version: Mapped[int]
    sequence: Mapped[int] = mapped_column(BigInteger)

    def to_domain(self) -> Arrangement:
        return Arrangement(
            id=ArrangementId(self.id),
            request_id=RequestId(self.request_id),
            client_id=None if self.client_id is None else ClientId(self.client_id),
            decision_id=DecisionId(self.decision_id),
            verdict=verdicts.of(self.verdict),
            ruled_by=self._ruled_by(),
            reason=self.reason,
            made_at=self.made_at,
            standing=Standing(
                verdict=VerdictKind(self.kind),
                state=State(self.state),
                since=self.since,
                gated=self.gated,
                answer_by=self.answer_by,
                missing=tuple(self.missing),
                because=self.because,
            ),
            message=self.message,
            proposal=self.proposal,
            carried=self.carried,
            carried_to=None if self.carried_to is None else RequestId(self.carried_to),
            version=self.version,
            sequence=self.sequence,
        )

    def _ruled_by(self) -> RuledBy | None:
        if self.policy_id is None or self.policy_version_id is None or self.rule_id is None:
            return None
        return RuledBy(PolicyId(self.policy_id), PolicyVersionId(self.policy_version_id), self.rule_id)


class ArrangementEntryRow(TenantRow):
    """Append-only: what happened to an arrangement, numbered from 1."""

    __tablename__ = "arrangement_entry"
    __table_args__ = (
        UniqueConstraint("tenant_id", "arrangement_id", "number"),
        ForeignKeyConstraint(["tenant_id", "arrangement_id"], ["arrangement.tenant_id", "arrangement.id"]),
    )

    arrangement_id: Mapped[UUID]
    client_id: Mapped[UUID | None]
    number: Mapped[int]
    kind: Mapped[str]
    at: Mapped[datetime]
    by: Mapped[str]
    detail: Mapped[dict[str, Any]]

    def to_domain(self) -> Entry:
        return _READERS[self.kind](self.at, self.by, self.detail)


def columns(arrangement: Arrangement) -> Written:
    """The columns of one that is new, but for its tenant."""
    ruled_by = arrangement.ruled_by
    return {
        "id": arrangement.id,
        "request_id": arrangement.request_id,
        "client_id": arrangement.client_id,
        "kind": arrangement.standing.verdict.value,
        "policy_id": None if ruled_by is None else ruled_by.policy_id,
        "policy_version_id": None if ruled_by is None else ruled_by.policy_version_id,
        "rule_id": None if ruled_by is None else ruled_by.rule_id,
        "reason": arrangement.reason,
        "made_at": arrangement.made_at,
        "proposal": dict(arrangement.proposal),
        **changing_columns(arrangement),
    }


def changing_columns(arrangement: Arrangement) -> Written:
    """The columns that what happens may change."""
    standing = arrangement.standing
    return {
        "decision_id": arrangement.decision_id,
        "verdict": verdicts.write(arrangement.verdict),
        "message": dict(arrangement.message),
        "carried": dict(arrangement.carried),
        "carried_to": arrangement.carried_to,
        "state": standing.state.value,
        "since": standing.since,
        "gated": standing.gated,
        "answer_by": standing.answer_by,
        "missing": list(standing.missing),
        "because": standing.because,
        "version": arrangement.version,
        "sequence": arrangement.sequence,
    }


def entry_columns(arrangement: Arrangement, entry: Entry, entry_id: UUID, number: int) -> Written:
    return {
        "id": entry_id,
        "arrangement_id": arrangement.id,
        "client_id": arrangement.client_id,
        "number": number,
        "kind": KINDS[type(entry)],
        "at": entry.at,
        "by": entry.by,
        "detail": detail_of(entry),
    }


KINDS: Mapping[type[Entry], str] = {
    Arranged: "arranged",
    Accepted: "accepted",
    Objected: "objected",
    Renewed: "renewed",
    Lapsed: "lapsed",
    Looked: "looked",
    Refused: "refused",
    Superseded: "superseded",
    Withdrawn: "withdrawn",
    Overturned: "overturned",
}


def detail_of(entry: Entry) -> Written:
    """What an entry says besides when and by whom."""
    match entry:
        case Arranged():
            by = entry.answer_by
            return {
                "verdict": entry.verdict.value,
                "gated": entry.gated,
                "answer_by": None if by is None else rfc3339(by),
            }
        case Renewed():
            return {"answer_by": rfc3339(entry.answer_by)}
        case Looked():
            return {"missing": list(entry.missing)}
        case Objected() | Refused() | Withdrawn() | Overturned():
            return {"reason": entry.because}
        case _:
            return {}


def _arranged(at: datetime, by: str, detail: Written) -> Entry:
    answer_by = detail["answer_by"]
    return Arranged(
        at=at,
        by=by,
        verdict=VerdictKind(detail["verdict"]),
        gated=detail["gated"],
        answer_by=None if answer_by is None else datetime.fromisoformat(answer_by),
    )


def _renewed(at: datetime, by: str, detail: Written) -> Entry:
    return Renewed(at=at, by=by, answer_by=datetime.fromisoformat(detail["answer_by"]))


def _looked(at: datetime, by: str, detail: Written) -> Entry:
    return Looked(at=at, by=by, missing=tuple(detail["missing"]))


Reader: TypeAlias = Callable[[datetime, str, Written], Entry]

_READERS: Mapping[str, Reader] = {
    "arranged": _arranged,
    "renewed": _renewed,
    "looked": _looked,
    "accepted": lambda at, by, _: Accepted(at=at, by=by),
    "lapsed": lambda at, by, _: Lapsed(at=at, by=by),
    "superseded": lambda at, by, _: Superseded(at=at, by=by),
    "objected": lambda at, by, detail: Objected(at=at, by=by, because=detail["reason"]),
    "refused": lambda at, by, detail: Refused(at=at, by=by, because=detail["reason"]),
    "withdrawn": lambda at, by, detail: Withdrawn(at=at, by=by, because=detail["reason"]),
    "overturned": lambda at, by, detail: Overturned(at=at, by=by, because=detail["reason"]),
}
