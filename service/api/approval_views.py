"""What HTTP accepts and shows of approvals."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from service.ids import ArrangementId, ClientId, CommitmentId, GateId, MemberId, RequestId
from service.people.domain import Member
from service.rationalization.approvals.answering import Said
from service.rationalization.approvals.domain import (
    Answered,
    Asked,
    Entry,
    Lapsed,
    State,
    TwoNeeded,
    WhyNot,
    Withdrawn,
)
from service.rationalization.approvals.seating import GROUP, ROLE
from service.rationalization.gates import domain as gates
from service.rationalization.gates.models import Gate
from service.requests.consenting import Shown
from service.requests.domain import Request
from service.requests.domain import State as RequestState
from service.rules.vocabulary import RequestType

Members = Mapping[MemberId, Member]
Reason = Annotated[str, msgspec.Meta(max_length=2_000)]


class AnswerApproval(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a member says. To refuse takes a reason, which the requester is told.

    `on_behalf_of` is the member for whom it answers; without it it answers by itself if it may, else for
    whoever delegated it.
    """

    approve: bool
    reason: Reason = ""
    on_behalf_of: MemberId | None = None

    def said(self) -> Said:
        return Said(approves=self.approve, because=self.reason, on_behalf_of=self.on_behalf_of)


class WhoView(msgspec.Struct, frozen=True):
    """A member, by name."""

    id: MemberId
    name: str | None

    @classmethod
    def of(cls, member_id: MemberId, members: Members) -> "WhoView":
        member = members.get(member_id)
        return cls(member_id, None if member is None else member.name)


class SeatsView(msgspec.Struct, frozen=True):
    """Roles and groups."""

    roles: list[str]
    groups: list[str]

    @classmethod
    def of(cls, seats: frozenset[str]) -> "SeatsView":
        named = sorted(seats)
        return cls(
            [seat.removeprefix(ROLE) for seat in named if seat.startswith(ROLE)],
            [seat.removeprefix(GROUP) for seat in named if seat.startswith(GROUP)],
        )


class AnswerView(msgspec.Struct, frozen=True, kw_only=True):
    """Who said what, for whom if for another, and what it held."""

    at: datetime
    by: WhoView
    on_behalf_of: WhoView | None
    seats: SeatsView
    approves: bool
    reason: str

    @classmethod
    def of(cls, answer: Answered, members: Members) -> "AnswerView":
        for_whom = answer.on_behalf_of
        return cls(
            at=answer.at,
            by=WhoView.of(answer.by, members),
            on_behalf_of=None if for_whom is None else WhoView.of(for_whom, members),
            seats=SeatsView.of(answer.seats),
            approves=answer.approves,
            reason=answer.because,
        )


class CapacityView(msgspec.Struct, frozen=True):
    """In which the reader may answer: for itself where `on_behalf_of` is null."""

    on_behalf_of: WhoView | None
    seats: SeatsView


class RequestRefView(msgspec.Struct, frozen=True, kw_only=True):
    """The request that it is about."""

    id: RequestId
    source: str
    external_id: str
    type: RequestType
    title: str | None
    state: RequestState
    client_id: ClientId | None

    @classmethod
    def of(cls, request: Request) -> "RequestRefView":
        return cls(
            id=request.id,
            source=request.source,
            external_id=request.external_id,
            type=request.type,
            title=request.title,
            state=request.state,
            client_id=request.client_id,
        )


class ApprovalView(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's consent that is wanted before work starts, and where that stands.

    Its id is that of its gate. `needed` is what the policy asks for; `persons_min` how many different people,
    which a high risk may have raised. `answers` are those that count; `seats_open` and `persons_missing` say
    what is missing. With `cannot_be_met` there are too few members to grant it. `why_not` says why the reader
    may not answer.
    """

    id: GateId
    name: str
    request: RequestRefView
    wanted_of: SeatsView
    needed: int | Literal["any", "all"]
    persons_min: int
    state: State
    since: datetime
    deadline_at: datetime | None
    commitment_id: CommitmentId | None
    answers: list[AnswerView]
    seats_open: SeatsView
    persons_missing: int
    cannot_be_met: bool
    may_answer: bool
    may_answer_as: list[CapacityView]
    why_not: WhyNot | None

    @classmethod
    def of(cls, shown: Shown) -> "ApprovalView":
        return cls(**_fields(shown))


class EvidenceView(msgspec.Struct, frozen=True, kw_only=True):
    """Another gate of the same verdict."""

    id: GateId
    kind: gates.Kind
    name: str
    state: gates.State
    missing: Sequence[str]

    @classmethod
    def of(cls, gate: Gate) -> "EvidenceView":
        return cls(id=gate.id, kind=gate.kind, name=gate.name, state=gate.state, missing=gate.missing)


class HappeningView(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to it: `answer` where somebody answered, `deadline_at` where it was asked."""

    at: datetime
    kind: str
    answer: AnswerView | None
    deadline_at: datetime | None


class ApprovalInFullView(ApprovalView, frozen=True, kw_only=True):
    """An approval with the verdict that requires it, what else that requires, and all that was answered.

    `history` has the answers too that are void, since what they were about was edited afterwards.
    """

    arrangement_id: ArrangementId | None
    verdict: str | None
    reason: str | None
    facts: dict[str, Any]
    gates: list[EvidenceView]
    history: list[HappeningView]

    @classmethod
    def in_full(cls, shown: Shown) -> "ApprovalInFullView":
        arrangement = shown.arrangement
        return cls(
            **_fields(shown),
            arrangement_id=None if arrangement is None else arrangement.id,
            verdict=None if arrangement is None else str(arrangement.verdict.__struct_config__.tag),
            reason=None if arrangement is None else arrangement.reason,
            facts=dict(shown.request.facts),
            gates=[EvidenceView.of(gate) for gate in shown.gates if gate.id != shown.approval.id],
            history=[_happening(entry, shown.members) for entry in shown.account.entries],
        )


KINDS: Mapping[type[Entry], str] = {
    Asked: "asked",
    Answered: "answered",
    TwoNeeded: "two_needed",
    Lapsed: "expired",
    Withdrawn: "withdrawn",
}


def _happening(entry: Entry, members: Members) -> HappeningView:
    return HappeningView(
        at=entry.at,
        kind=KINDS[type(entry)],
        answer=AnswerView.of(entry, members) if isinstance(entry, Answered) else None,
        deadline_at=entry.deadline_at if isinstance(entry, Asked | TwoNeeded) else None,
    )


def _fields(shown: Shown) -> dict[str, Any]:
    account, approval, standing = shown.account, shown.approval, shown.account.standing
    return {
        "id": approval.id,
        "name": approval.gate.name,
        "request": RequestRefView.of(shown.request),
        "wanted_of": SeatsView.of(approval.wanted.seats),
        "needed": approval.gate.needed,
        "persons_min": approval.wanted.persons_min,
        "state": standing.state,
        "since": standing.since,
        "deadline_at": standing.deadline_at,
        "commitment_id": approval.commitment_id,
        "answers": [AnswerView.of(answer, shown.members) for answer in standing.answers],
        "seats_open": SeatsView.of(standing.seats_open),
        "persons_missing": standing.persons_missing,
        "cannot_be_met": account.cannot_be_met,
        "may_answer": account.why_not is None,
        "may_answer_as": [
            CapacityView(
                None if each.on_behalf_of is None else WhoView.of(each.on_behalf_of, shown.members),
                SeatsView.of(each.seats),
            )
            for each in account.capacities
        ],
        "why_not": account.why_not,
    }
