"""What is found of a change after it was made, and what of that cannot be. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from service.errors import Fault
from service.ids import (
    AccidentId,
    ArrangementId,
    ClientId,
    CommitmentId,
    ImprovementId,
    RequestId,
    ReviewId,
    ServiceId,
)
from service.rationalization.improvements.domain import Evidence, faults_of_evidence
from service.rules.vocabulary import RequestType

METRIC = "review"
"""The metric of the promise to review."""

CHANGES = frozenset({RequestType.CHANGE, RequestType.PLAN_CHANGE})
"""What counts into the share of changes that were successful."""


class State(StrEnum):
    OWED = "owed"
    DONE = "done"
    WITHDRAWN = "withdrawn"


class Result(StrEnum):
    SUCCESSFUL = "successful"
    SUCCESSFUL_WITH_DEVIATIONS = "successful_with_deviations"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"
    NOT_IMPLEMENTED = "not_implemented"
    """It was cancelled, and it was found that nothing had been done: there is nothing to count."""

    @property
    def is_success(self) -> bool:
        return self in {Result.SUCCESSFUL, Result.SUCCESSFUL_WITH_DEVIATIONS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What was found.

    Attributes:
        objectives_met: whether the change did what it was made for.
        deviations: what went otherwise than planned.
        lessons: what is done otherwise from now on.
        accident_id: the accident that it caused, where it caused one.
    """

    result: Result
    objectives_met: bool
    deviations: str | None = None
    lessons: str | None = None
    accident_id: AccidentId | None = None
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Concluded:
    """What was found, by whom and when."""

    findings: Findings
    by: str
    at: datetime
    improvement_id: ImprovementId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """The review of one piece of work, once it was done.

    Attributes:
        type: what kind of request it was done for, as it was when the review began.
        arrangement_id: of the verdict that asked for it; None where a person did.
        commitment_id: the promise to review it; None where nobody said by when.
        because: why it was withdrawn.
        owed_by: who asked for it, as the audit trail calls them.
        version: grows with each change.
        sequence: how many events were told of it.
    """

    id: ReviewId
    request_id: RequestId
    client_id: ClientId | None
    service_id: ServiceId | None
    type: RequestType
    arrangement_id: ArrangementId | None
    commitment_id: CommitmentId | None
    state: State
    because: str | None
    owed_by: str
    owed_at: datetime
    concluded: Concluded | None
    version: int
    sequence: int


def counts(type_: RequestType, result: Result) -> bool:
    """Whether it counts into the share of changes that were successful."""
    return type_ in CHANGES and result is not Result.NOT_IMPLEMENTED


def faults_of(findings: Findings, *, is_cancelled: bool) -> Iterator[Fault]:
    """What contradicts itself, or leaves out what others are to learn from.

    Args:
        findings: of a review.
        is_cancelled: whether the request was cancelled after its work was said to be done.
    """
    result = findings.result
    if result is Result.NOT_IMPLEMENTED and not is_cancelled:
        yield Fault("/result", "Its work is said to be done; only what was cancelled may turn out not to be.")
    yield from faults_of_evidence(findings.evidence)
    if result is Result.SUCCESSFUL and findings.deviations is not None:
        yield Fault("/deviations", "It deviated: that is `successful_with_deviations`.")
    if result is not Result.SUCCESSFUL and findings.deviations is None:
        yield Fault("/deviations", "Say what went otherwise than planned.")
    if result.is_success and not findings.objectives_met:
        yield Fault("/objectives_met", "What did not meet its objectives has `failed`, or was `rolled_back`.")
    if result in _UNDONE and findings.objectives_met:
        yield Fault("/objectives_met", "What was taken back, or never done, meets no objectives.")


_UNDONE = frozenset({Result.ROLLED_BACK, Result.NOT_IMPLEMENTED})
