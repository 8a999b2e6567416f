"""What HTTP accepts and shows of reviews."""

from datetime import datetime
from typing import Annotated

import msgspec

from service.api.fields import Name
from service.api.improvement_views import EvidenceForm, EvidenceList
from service.commitments.targets import BusinessDays, ElapsedTime, EndOfBusinessDay, WorkingTime
from service.errors import Fault
from service.ids import (
    AccidentId,
    ArrangementId,
    CommitmentId,
    ImprovementId,
    RequestId,
    ReviewId,
    ServiceId,
)
from service.rationalization.reviews.domain import Concluded, Findings, Result, Review, State
from service.rationalization.reviews.errors import ReviewInvalid
from service.rationalization.verdicts import Review as Wanted
from service.rules.vocabulary import RequestType

Title = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Words = Annotated[str, msgspec.Meta(min_length=1, max_length=10_000, pattern=r"\S")]


class StartReview(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A review of work that was done. Without `within` it is owed without a deadline.

    `calendar` is the name of the calendar that `within` counts by, `ladder` of the one that is climbed.
    """

    request_id: RequestId
    within: WorkingTime | ElapsedTime | BusinessDays | EndOfBusinessDay | None = None
    calendar: Name | None = None
    ladder: Name | None = None

    def wanted(self) -> Wanted | None:
        """By when, if that is said. Raises ReviewInvalid."""
        if self.within is None and (self.calendar is not None or self.ladder is not None):
            raise ReviewInvalid([Fault("/within", "Say by when: there is nothing else to count.")])
        if self.within is None:
            return None
        return Wanted(within=self.within, calendar=self.calendar, ladder=self.ladder)


class ReviewResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What was found. `improvement` is the title of an item that is opened in the register, if one is.

    `by` is the member who reviewed it, by id or e-mail address, where an application says so.
    """

    result: Result
    objectives_met: bool
    deviations: Words | None = None
    lessons: Words | None = None
    accident_id: AccidentId | None = None
    evidence: EvidenceList = []
    improvement: Title | None = None
    by: Name | None = None

    def findings(self) -> Findings:
        return Findings(
            result=self.result,
            objectives_met=self.objectives_met,
            deviations=self.deviations,
            lessons=self.lessons,
            accident_id=self.accident_id,
            evidence=tuple(each.evidence() for each in self.evidence),
        )


class ReviewResultView(msgspec.Struct, frozen=True, kw_only=True):
    result: Result
    objectives_met: bool
    deviations: str | None
    lessons: str | None
    accident_id: AccidentId | None
    evidence: list[EvidenceForm]
    improvement_id: ImprovementId | None
    reviewed_by: str
    reviewed_at: datetime

    @classmethod
    def of(cls, concluded: Concluded) -> "ReviewResultView":
        findings = concluded.findings
        return cls(
            result=findings.result,
            objectives_met=findings.objectives_met,
            deviations=findings.deviations,
            lessons=findings.lessons,
            accident_id=findings.accident_id,
            evidence=[EvidenceForm.of(each) for each in findings.evidence],
            improvement_id=concluded.improvement_id,
            reviewed_by=concluded.by,
            reviewed_at=concluded.at,
        )


class ReviewView(msgspec.Struct, frozen=True, kw_only=True):
    """`commitment_id` is the promise to review it, null where nobody said by when."""

    id: ReviewId
    request_id: RequestId
    service_id: ServiceId | None
    type: RequestType
    arrangement_id: ArrangementId | None
    commitment_id: CommitmentId | None
    state: State
    state_reason: str | None
    owed_by: str
    owed_at: datetime
    result: ReviewResultView | None

    @classmethod
    def of(cls, review: Review) -> "ReviewView":
        return cls(
            id=review.id,
            request_id=review.request_id,
            service_id=review.service_id,
            type=review.type,
            arrangement_id=review.arrangement_id,
            commitment_id=review.commitment_id,
            state=review.state,
            state_reason=review.because,
            owed_by=review.owed_by,
            owed_at=review.owed_at,
            result=None if review.concluded is None else ReviewResultView.of(review.concluded),
        )
