"""What HTTP accepts and shows of objections."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec

from service.api.promises import Words
from service.ids import (
    ClientId,
    CommitmentId,
    DecisionId,
    MemberId,
    ObjectionId,
    PolicyId,
    RequestId,
    ServiceId,
)
from service.rationalization.objections.domain import Cause, State, SubjectKind
from service.rationalization.objections.models import Objection, ObjectionEntryRow, Plea, Subject
from service.requests.objecting import Judgement

Wish = Annotated[str, msgspec.Meta(max_length=2_000)]


class ObjectionSubject(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is objected to.

    A verdict is named by its `arrangement`, or by its `decision`; a promise is a `commitment`.
    """

    kind: SubjectKind
    id: UUID


class RaiseObjection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is held against something, and what is asked for instead."""

    subject: ObjectionSubject
    cause: Cause
    words: Words
    asks_for: Wish = ""

    def plea(self) -> Plea:
        return Plea(
            subject=Subject(kind=self.subject.kind, id=self.subject.id),
            cause=self.cause,
            words=self.words,
            asks_for=self.asks_for,
        )


class DecideObjection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whether the objection is right, and why. The reason is told to whoever objected."""

    upheld: bool
    reason: Words

    def judgement(self, by: MemberId | None) -> Judgement:
        return Judgement(by=by, upholds=self.upheld, reason=self.reason)


class RemedyLink(msgspec.Struct, frozen=True):
    """How people put right what was objected to."""

    name: str
    url: str


class ObjectionView(msgspec.Struct, frozen=True, kw_only=True):
    """An objection, and what came of it.

    `commitment_id` is the promise that it is decided by `due_at`; `overdue` says that it was not, so far or
    at all. `remedies` are the ways to put right what was upheld, where that is left to people. Applications
    of clients are told by `raised_by` only whether a member, an application or a contact did, and neither
    the rule nor who decided.
    """

    id: ObjectionId
    request_id: RequestId
    client_id: ClientId | None
    service_id: ServiceId | None
    subject: ObjectionSubject
    decision_id: DecisionId | None
    policy_id: PolicyId | None
    policy_version: int | None
    rule_id: str | None
    commitment_id: CommitmentId
    raised_by: str
    raised_at: datetime
    cause: Cause
    words: str
    asks_for: str
    due_at: datetime
    overdue: bool
    state: State
    since: datetime
    decided_by: str | None
    reason: str | None
    remedies: list[RemedyLink]

    @classmethod
    def of(cls, found: Objection, now: datetime, *, in_full: bool) -> "ObjectionView":
        return cls(**_fields(found, now, in_full=in_full))


class ObjectionEntryView(msgspec.Struct, frozen=True, kw_only=True):
    """What was said. `by` is null for applications of clients where it was not themselves."""

    number: int
    kind: str
    at: datetime
    by: str | None
    detail: dict[str, Any]


class OneObjectionView(ObjectionView, frozen=True, kw_only=True):
    """An objection with all that was said of it.

    `barred` are the members who may not decide, for the part that they have in it. `can_be_decided` is false
    where all admins and managers are among them: invite or appoint another one. Both are null for
    applications of clients, and once it has ended.
    """

    entries: list[ObjectionEntryView]
    barred: list[MemberId] | None
    can_be_decided: bool | None


def one(
    found: Objection,
    entries: list[ObjectionEntryRow],
    now: datetime,
    *,
    barred: frozenset[MemberId] | None = None,
    can_be_decided: bool | None = None,
    in_full: bool,
) -> OneObjectionView:
    """An objection with all that was said of it."""
    said = [
        ObjectionEntryView(
            number=row.number, kind=row.kind, at=row.at, by=row.by if in_full else None, detail=row.detail
        )
        for row in entries
    ]
    return OneObjectionView(
        **_fields(found, now, in_full=in_full),
        entries=said,
        barred=None if barred is None else sorted(barred),
        can_be_decided=can_be_decided,
    )


def _fields(found: Objection, now: datetime, *, in_full: bool) -> dict[str, Any]:
    plea, ruled, standing = found.plea, found.ruled, found.standing
    return {
        "id": found.id,
        "request_id": found.request_id,
        "client_id": found.client_id,
        "service_id": found.service_id,
        "subject": ObjectionSubject(plea.subject.kind, plea.subject.id),
        "decision_id": ruled.decision_id,
        "policy_id": ruled.policy_id if in_full else None,
        "policy_version": ruled.policy_version if in_full else None,
        "rule_id": ruled.rule_id if in_full else None,
        "commitment_id": found.commitment_id,
        "raised_by": found.raised_by if in_full else found.raised_by.partition(":")[0],
        "raised_at": found.raised_at,
        "cause": plea.cause,
        "words": plea.words,
        "asks_for": plea.asks_for,
        "due_at": standing.due_at,
        "overdue": standing.is_overdue(now),
        "state": standing.state,
        "since": standing.since,
        "decided_by": found.decided_by if in_full else None,
        "reason": standing.reason,
        "remedies": _remedies(found) if in_full else [],
    }


def _remedies(found: Objection) -> list[RemedyLink]:
    subject = found.plea.subject
    if found.standing.state is not State.UPHELD or subject.kind is not SubjectKind.COMMITMENT:
        return []
    place = f"/v1/commitments/{subject.id}"
    return [
        RemedyLink("renegotiate", f"{place}/renegotiations"),
        RemedyLink("correct_breach", f"{place}/corrections"),
    ]
