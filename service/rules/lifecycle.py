"""The life of one version of a policy: its steps, which may follow which, and who may take them. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from service.ids import PolicyId
from service.rules.errors import ApproverInvolved, MemberNeeded, StepOutOfTurn
from service.tenants.domain import Approval

MEMBER, APPLICATION = "member:", "application:"
"""What the names of actors begin with."""


class Stage(StrEnum):
    """Where a version is in its life."""

    DRAFT = "draft"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    SCHEDULED = "scheduled"
    PUBLISHED = "published"
    RETIRED = "retired"


class Step(StrEnum):
    """What happened to a version."""

    WRITTEN = "written"
    SUBMITTED = "submitted"
    RETURNED = "returned"
    APPROVED = "approved"
    SCHEDULED = "scheduled"
    UNSCHEDULED = "unscheduled"
    PUBLISHED = "published"
    REPLACED = "replaced"
    RETIRED = "retired"
    REVERTED = "reverted"
    """It was made as a copy of a version that had been published."""


class Basis(StrEnum):
    """What a step stands on where it is not another member's approval."""

    SOLE_ADMIN = "sole_admin"
    """Nobody else could have approved it."""
    GIT = "git"
    """The tenant records that versions are reviewed where they are kept."""
    REVERT = "revert"
    """It says what had been published before."""
    MIGRATED = "migrated"
    """It was published before steps were recorded."""


LEADS_TO: Mapping[tuple[Stage | None, Step], Stage] = {
    (None, Step.WRITTEN): Stage.DRAFT,
    (None, Step.REVERTED): Stage.APPROVED,
    (Stage.DRAFT, Step.SUBMITTED): Stage.IN_REVIEW,
    (Stage.IN_REVIEW, Step.RETURNED): Stage.DRAFT,
    (Stage.IN_REVIEW, Step.APPROVED): Stage.APPROVED,
    (Stage.APPROVED, Step.RETURNED): Stage.DRAFT,
    (Stage.APPROVED, Step.SCHEDULED): Stage.SCHEDULED,
    (Stage.APPROVED, Step.PUBLISHED): Stage.PUBLISHED,
    (Stage.SCHEDULED, Step.UNSCHEDULED): Stage.APPROVED,
    (Stage.SCHEDULED, Step.PUBLISHED): Stage.PUBLISHED,
    (Stage.PUBLISHED, Step.REPLACED): Stage.RETIRED,
    (Stage.PUBLISHED, Step.RETIRED): Stage.RETIRED,
}
"""Every step that there is, from each stage that it may be taken in. No other is ever recorded."""

STAGE_OF: Mapping[Step, Stage] = {step: stage for (_, step), stage in LEADS_TO.items()}
"""A step leads to one stage, wherever it is taken: the last step says what the stage is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A step of a version, as it was recorded.

    Attributes:
        number: counts the steps of all versions of the policy; the next is greater.
        by: the name of the actor.
        effective_at: from when on the version holds, of one that was scheduled or published.
        basis: None where none is needed.
    """

    version: int
    number: int
    step: Step
    at: datetime
    by: str
    note: str | None = None
    effective_at: datetime | None = None
    basis: Basis | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A policy, with what its newest version and those in effect are.

    Attributes:
        version: the newest.
        stage: of the newest version.
        published_version: the one in effect.
        scheduled_version: the one that takes over at `scheduled_at`.
        applies_to: the scope of the newest version, as it was written.
        order: of the newest version.
        revision: grows with all that happens to it.
    """

    id: PolicyId
    name: str
    kind: str
    version: int
    stage: Stage
    published_version: int | None
    scheduled_version: int | None
    scheduled_at: datetime | None
    applies_to: Mapping[str, Any]
    order: int
    revision: int
    created_at: datetime


def stage_after(steps: Iterable[Step]) -> Stage:
    """The stage of a version that went through these steps.

    Raises:
        ValueError: no version can have gone through them.
    """
    stage: Stage | None = None
    for step in steps:
        stage = LEADS_TO.get((stage, step))
        if stage is None:
            raise ValueError(f"no version can have gone through {list(steps)}")
    if stage is None:
        raise ValueError("a version has at least the step by which it was made")
    return stage


def stage_of(taken: Sequence[Taken]) -> Stage:
    """The stage of a version, of which these are all steps, in their order."""
    return stage_after([each.step for each in taken])


def refuse_out_of_turn(version: int, stage: Stage, step: Step) -> None:
    """Raises StepOutOfTurn when a version in this stage cannot take the step."""
    if (stage, step) not in LEADS_TO:
        raise StepOutOfTurn(version, stage=stage, step=step)


def involved(taken: Iterable[Taken]) -> frozenset[str]:
    """Who wrote a version or submitted it: they have said already what they think of it."""
    made = {Step.WRITTEN, Step.REVERTED, Step.SUBMITTED}
    return frozenset(each.by for each in taken if each.step in made)


def author_of(taken: Sequence[Taken]) -> str:
    """Who made the version; its first step says it."""
    return taken[0].by


def basis_of_approval(by: str, taken: Iterable[Taken], *, has_others: bool) -> Basis | None:
    """What the approval, or return, of a version by this actor stands on; None on itself.

    Args:
        by: the name of the actor.
        taken: the steps of the version.
        has_others: whether another active member could do it.

    Raises:
        MemberNeeded: applications never approve.
        ApproverInvolved: the actor wrote or submitted the version, and others could approve it.
    """
    if not by.startswith(MEMBER):
        raise MemberNeeded("Approving a version, or returning it,")
    if by not in involved(taken):
        return None
    if has_others:
        raise ApproverInvolved
    return Basis.SOLE_ADMIN


def is_reviewed_elsewhere(author: str, *, approval: Approval) -> bool:
    """May a draft be published as it stands, since it was reviewed where it is kept?

    Only what an application drafted came from there.
    """
    return approval is Approval.GIT and author.startswith(APPLICATION)


def refuse_to_undo(by: str, *, what: str, approval: Approval) -> None:
    """Raises MemberNeeded: what takes effect at once without a review, an application does not do.

    It may where versions are reviewed elsewhere.
    """
    if not by.startswith(MEMBER) and not (approval is Approval.GIT and by.startswith(APPLICATION)):
        raise MemberNeeded(what)
