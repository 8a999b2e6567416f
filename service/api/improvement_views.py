"""What HTTP accepts and shows of improvements."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from service.api.fields import Moment
from service.ids import AccidentId, GroupId, ImprovementId, MemberId, ReviewId
from service.rationalization.improvements.domain import (
    Change,
    EntryKind,
    Evidence,
    Improvement,
    Source,
    State,
)
from service.rationalization.improvements.models import ImprovementEntryRow
from service.requests.reviewing import Wish

EVIDENCE_MAX = 50

Title = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Words = Annotated[str, msgspec.Meta(min_length=1, max_length=2_000, pattern=r"\S")]
Kind = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_]{0,63}$")]


class EvidenceForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that shows it: its kind, its id here or elsewhere, when it was, and what it says."""

    kind: Kind
    id: Title
    at: Moment
    what: Words

    def evidence(self) -> Evidence:
        return Evidence(kind=self.kind, id=self.id, at=self.at, what=self.what)

    @classmethod
    def of(cls, evidence: Evidence) -> "EvidenceForm":
        return cls(kind=evidence.kind, id=evidence.id, at=evidence.at, what=evidence.what)


EvidenceList = Annotated[list[EvidenceForm], msgspec.Meta(max_length=EVIDENCE_MAX)]


class OpenImprovement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Something to be made better, and the accident or the review that showed it, if one did."""

    title: Title
    evidence: EvidenceList = []
    accident_id: AccidentId | None = None
    review_id: ReviewId | None = None
    owner_id: MemberId | None = None
    group_id: GroupId | None = None

    def wish(self) -> Wish:
        return Wish(
            title=self.title,
            evidence=tuple(each.evidence() for each in self.evidence),
            accident_id=self.accident_id,
            review_id=self.review_id,
            owner_id=self.owner_id,
            group_id=self.group_id,
        )


class ChangeImprovement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is left out stays as it is. Whoever changes `state` says why in `state_reason`."""

    title: Title | UnsetType = UNSET
    state: State | UnsetType = UNSET
    state_reason: Words | None = None
    owner_id: MemberId | UnsetType | None = UNSET
    group_id: GroupId | UnsetType | None = UNSET

    def change(self, held: Improvement) -> Change:
        return Change(
            title=held.title if self.title is UNSET else self.title,
            state=held.state if self.state is UNSET else self.state,
            because=self.state_reason,
            owner_id=held.owner_id if self.owner_id is UNSET else self.owner_id,
            group_id=held.group_id if self.group_id is UNSET else self.group_id,
        )


class ImprovementView(msgspec.Struct, frozen=True, kw_only=True):
    """`came_from` is the id of what `source` names; `evidence` is the latest, at most 200."""

    id: ImprovementId
    title: str
    source: Source
    came_from: UUID | None
    evidence: list[EvidenceForm]
    state: State
    state_reason: str | None
    owner_id: MemberId | None
    group_id: GroupId | None
    opened_by: str
    opened_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, improvement: Improvement) -> "ImprovementView":
        return cls(
            id=improvement.id,
            title=improvement.title,
            source=improvement.source,
            came_from=improvement.came_from,
            evidence=[EvidenceForm.of(each) for each in improvement.evidence],
            state=improvement.state,
            state_reason=improvement.because,
            owner_id=improvement.owner_id,
            group_id=improvement.group_id,
            opened_by=improvement.opened_by,
            opened_at=improvement.opened_at,
            ended_at=improvement.ended_at,
        )


class ImprovementEntryView(msgspec.Struct, frozen=True):
    """What was changed, by whom: each field as it was before and after."""

    version: int
    kind: EntryKind
    recorded_by: str
    recorded_at: datetime
    changes: dict[str, Any]

    @classmethod
    def of(cls, row: ImprovementEntryRow) -> "ImprovementEntryView":
        return cls(row.version, EntryKind(row.kind), row.recorded_by, row.recorded_at, row.changes)
