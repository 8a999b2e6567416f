"""The life of a version of a type: as that of a policy, but that none waits for its instant. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from service.rationalization.catalogue.errors import (
    RequestTypeApproverInvolved,
    RequestTypeMemberNeeded,
    RequestTypeStepOutOfTurn,
)
from service.rules import lifecycle
from service.rules.lifecycle import APPLICATION, LEADS_TO, MEMBER, Basis, Stage, Step, Taken
from service.tenants.domain import Approval

ACTIONS: Mapping[Step, str] = MappingProxyType(
    {
        Step.WRITTEN: "request_type.written",
        Step.SUBMITTED: "request_type.submitted",
        Step.RETURNED: "request_type.returned",
        Step.APPROVED: "request_type.approved",
        Step.PUBLISHED: "request_type.published",
        Step.REPLACED: "request_type.replaced",
        Step.RETIRED: "request_type.retired",
    }
)
"""The steps that there are, each as the audit trail calls it."""
TOLD = frozenset({Step.SUBMITTED, Step.PUBLISHED, Step.RETIRED})
"""The steps that are events too."""


def stage_of(taken: Sequence[Taken]) -> Stage:
    """The stage of a version, of which these are all steps, in their order."""
    return lifecycle.stage_of(taken)


def refuse_out_of_turn(version: int, stage: Stage, step: Step) -> None:
    """Raises RequestTypeStepOutOfTurn when a version in this stage cannot take the step."""
    if (stage, step) not in LEADS_TO:
        raise RequestTypeStepOutOfTurn(version, stage=stage, step=step)


def basis_of_approval(by: str, taken: Iterable[Taken], *, has_others: bool) -> Basis | None:
    """What the approval, or return, of a version by this actor stands on; None on itself.

    Raises:
        RequestTypeMemberNeeded: applications never approve.
        RequestTypeApproverInvolved: the actor wrote or submitted the version, and others could approve it.
    """
    if not by.startswith(MEMBER):
        raise RequestTypeMemberNeeded("Approving a version, or returning it,")
    if by not in lifecycle.involved(taken):
        return None
    if has_others:
        raise RequestTypeApproverInvolved
    return Basis.SOLE_ADMIN


def on_the_way(taken: Sequence[Taken], *, approval: Approval) -> tuple[Step, ...]:
    """The steps that a version takes by itself before it is published, since it is reviewed elsewhere."""
    is_draft = stage_of(taken) is Stage.DRAFT
    author = lifecycle.author_of(taken)
    if is_draft and lifecycle.is_reviewed_elsewhere(author, approval=approval):
        return (Step.SUBMITTED, Step.APPROVED)
    return ()


def refuse_to_retire(by: str, *, approval: Approval) -> None:
    """Raises RequestTypeMemberNeeded, unless types are reviewed elsewhere."""
    if not by.startswith(MEMBER) and not (approval is Approval.GIT and by.startswith(APPLICATION)):
        raise RequestTypeMemberNeeded("Taking a type out of the catalogue")
