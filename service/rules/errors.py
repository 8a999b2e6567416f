"""Expected failures of this slice."""

from collections.abc import Sequence
from datetime import datetime

from service.errors import Conflict, Fault, Forbidden, Invalid, NotFound
from service.ids import PolicyId
from service.instants import rfc3339


class PolicyNotFound(NotFound):
    """There is no such policy, or no such version of it."""

    code = "policy-not-found"

    def __init__(self, policy_id: PolicyId) -> None:
        super().__init__(f"Policy {policy_id} does not exist.")


class PolicyNameTaken(Conflict):
    """Another policy of the tenant has this name already."""

    code = "policy-name-taken"

    def __init__(self, name: str) -> None:
        super().__init__(f"A policy {name!r} exists already; add a version to it, or choose another name.")


class PolicyInvalid(Invalid):
    """A policy cannot be used as it stands. Each entry of `errors` points at a place in its document."""

    code = "policy-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("The policy cannot be used as it stands.", faults=faults)


class OutcomeInvalid(Invalid):
    """The `then` of a rule is not what a policy of its kind may promise."""

    code = "outcome-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("A rule's outcome is not one of its policy's kind.", faults=faults)


_WAYS_ON = {
    "draft": "submit it for review first",
    "in_review": "another admin or manager approves or returns it first",
    "approved": "publish it, or have it returned",
    "scheduled": "unschedule it first",
    "published": "write a further version, or retire the policy",
    "retired": "write a further version, or revert to it",
}


class StepOutOfTurn(Conflict):
    """The version is in another stage of its life than this takes."""

    code = "policy-step-out-of-turn"

    def __init__(self, version: int, *, stage: str, step: str) -> None:
        told = stage.replace("_", " ")
        super().__init__(f"Version {version} is {told} and cannot be {step}; {_WAYS_ON[stage]}.")


class MemberNeeded(Forbidden):
    """Only a member does this, not an application that acts by itself."""

    code = "policy-member-needed"

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} takes a member, who is an admin or a manager; log in as one.")


class ApproverInvolved(Forbidden):
    """Who wrote a version, or submitted it, does not approve it."""

    code = "policy-approver-involved"

    def __init__(self) -> None:
        super().__init__(
            "You wrote or submitted this version; another admin or manager approves or returns it."
        )


class EffectiveAtPast(Invalid):
    """A version cannot have been in effect before it was published."""

    code = "policy-effective-at-past"

    def __init__(self, now: datetime) -> None:
        detail = f"It is {rfc3339(now)}; name a later instant, or none to publish at once."
        super().__init__(detail, faults=[Fault("/effective_at", detail)])


class ScheduledAlready(Conflict):
    """One version of a policy is scheduled at a time."""

    code = "policy-scheduled-already"

    def __init__(self, version: int, at: datetime) -> None:
        super().__init__(f"Version {version} is scheduled for {rfc3339(at)}; unschedule it first.")


class VersionsHeldTooMany(Conflict):
    """Too many versions of a policy still hold for requests that were received before."""

    code = "policy-versions-held-too-many"

    def __init__(self, most: int) -> None:
        super().__init__(
            f"{most} versions of the policy hold already, each for the requests of its time; publish this one"
            ' with `"running": "keep"`, for all requests.'
        )


class VersionNeverPublished(Conflict):
    """Only what was published, and is not now, can be reverted to."""

    code = "policy-version-not-revertible"

    def __init__(self, version: int, *, stage: str) -> None:
        super().__init__(
            f"Version {version} is {stage}; revert to one that was published before, and is not any more."
        )


class NothingInEffect(Conflict):
    """The policy has no version in effect that could be taken out of it."""

    code = "policy-nothing-in-effect"

    def __init__(self) -> None:
        super().__init__("No version of the policy is in effect, so there is nothing to retire.")


class NothingScheduled(Conflict):
    """The policy has no version that waits for its instant."""

    code = "policy-not-scheduled"

    def __init__(self) -> None:
        super().__init__("No version of the policy is scheduled, so there is nothing to unschedule.")


class PolicyWithoutTable(Conflict):
    """The version has its rules one by one, and no table that could be a sheet."""

    code = "policy-without-table"

    def __init__(self, version: int) -> None:
        super().__init__(f"Version {version} has rules, not a table; read or change its document instead.")
