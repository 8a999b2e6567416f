"""What a rule of a rationalization policy says of a demand, in JSON, and the verdict of several. Pure."""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from service.commitments.targets import BusinessDays, ElapsedTime, EndOfBusinessDay, WorkingTime
from service.people.domain.members import Role
from service.rules.vocabulary import RequestType

GATES_MAX = 20
APPROVERS_MAX = 20
EXPIRY_DAYS_MAX = 3_660
SCORE_MAX = 1_000
FIELDS_MAX = 20
REMINDERS_MAX = 5
HOUR_SECONDS = 3_600
DAY_SECONDS = 86_400
SECONDS_MAX = 366 * DAY_SECONDS

Name = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_]{0,63}$")]
Title = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Words = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
Address = Annotated[str, msgspec.Meta(max_length=2_000)]
Seconds = Annotated[int, msgspec.Meta(ge=1, le=SECONDS_MAX)]
Parameter = Annotated[str, msgspec.Meta(pattern="^[A-Za-z][A-Za-z0-9_.-]{0,63}$")]

ADDRESS = re.compile(r"(https?://|mailto:)[^\s<>\"]+")


class _Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What a policy may write, and no more."""


class _Gate(_Form, frozen=True, tag_field="gate"):
    """Something that must be there before work starts."""


class ApprovalGate(_Gate, frozen=True, kw_only=True, tag="approval"):
    """The consent of people who have one of the roles, or are in one of the groups.

    Attributes:
        name: what this approval is called; two of one name are two approvals if they differ.
        needed: how many of them: one, all, or a number.
        within: how long they have, counted by `calendar`; without it there is no deadline.
        ladder: who is told when the deadline comes near.
    """

    name: Name
    roles: Annotated[list[Role], msgspec.Meta(max_length=APPROVERS_MAX)] = []
    groups: Annotated[list[Title], msgspec.Meta(max_length=APPROVERS_MAX)] = []
    needed: Annotated[int, msgspec.Meta(ge=1, le=APPROVERS_MAX)] | Literal["any", "all"] = "any"
    within: WorkingTime | ElapsedTime | BusinessDays | EndOfBusinessDay | None = None
    calendar: Title | None = None
    ladder: Title | None = None


class RiskAssessment(_Gate, frozen=True, tag="risk_assessment"):
    """The answers to a questionnaire, with a score of at most `score_max` where that is said.

    Attributes:
        two_persons_from: a rank of the questionnaire; from it on every approval needs two different persons.
    """

    questionnaire: Name
    score_max: Annotated[int, msgspec.Meta(ge=0, le=SCORE_MAX)] | None = None
    two_persons_from: Title | None = None


class RollbackPlan(_Gate, frozen=True, tag="rollback_plan"):
    """How it would be undone."""


class TestEvidence(_Gate, frozen=True, tag="test_evidence"):
    """Proof that it was tried."""


class CommunicationPlan(_Gate, frozen=True, tag="communication_plan"):
    """Who is told of it, and when."""


class FreezeWindow(_Gate, frozen=True, tag="freeze_window"):
    """No work in the open time of the calendar."""

    calendar: Title


class MaintenanceWindow(_Gate, frozen=True, tag="maintenance_window"):
    """Work in the open time of the calendar only."""

    calendar: Title


class ChangeConflict(_Gate, frozen=True, tag="change_conflict"):
    """No other change on the same service at that time, nor so many seconds before and after it.

    Attributes:
        assumed_seconds: how long another change is taken to last that does not say until when.
    """

    margin_seconds: Annotated[int, msgspec.Meta(ge=0, le=SECONDS_MAX)] = 0
    assumed_seconds: Seconds = 4 * HOUR_SECONDS


class Readiness(_Gate, frozen=True, tag="readiness"):
    """Spare parts and an emergency plan, for the case that it fails."""


Gate: TypeAlias = (
    ApprovalGate
    | RiskAssessment
    | RollbackPlan
    | TestEvidence
    | CommunicationPlan
    | FreezeWindow
    | MaintenanceWindow
    | ChangeConflict
    | Readiness
)


PROVING = (TestEvidence, RollbackPlan)
"""The gates that ask for proof that something can be relied on."""


class Window(_Form, frozen=True):
    """When instead: in the open time of a calendar, or so many seconds later, or both."""

    calendar: Title | None = None
    not_before_seconds: Seconds | None = None


class Proposal(_Form, frozen=True):
    """What is offered instead: what is left out stays as it was asked for."""

    window: Window | None = None
    priority: Title | None = None
    scope: Words | None = None
    type: RequestType | None = None


class Channel(_Form, frozen=True):
    """Where somebody turns to.

    Attributes:
        type: where the channel is this tenant's own: the type of request that the demand goes on as.
        fields: parameters of the address that say what was typed: the fact's name by the parameter's.
    """

    name: Title
    url: Address
    type: RequestType | None = None
    fields: Annotated[dict[Parameter, Title], msgspec.Meta(max_length=FIELDS_MAX)] = {}


class Review(_Form, frozen=True, kw_only=True):
    """What came of it is looked at after the work is done.

    Attributes:
        within: until when after the work is done, counted by `calendar`.
        ladder: who is told when it comes near.
    """

    within: WorkingTime | ElapsedTime | BusinessDays | EndOfBusinessDay
    calendar: Title | None = None
    ladder: Title | None = None


class Pattern(_Form, frozen=True, kw_only=True):
    """From how many similar exceptions in how many days on the norm itself is to be looked at."""

    count: Annotated[int, msgspec.Meta(ge=2, le=100)] = 3
    days: Annotated[int, msgspec.Meta(ge=1, le=EXPIRY_DAYS_MAX)] = 90


class Undoing(_Form, frozen=True, kw_only=True):
    """Within what time, from its end on, what deviated is undone and checked, as a review is told of."""

    within: WorkingTime | ElapsedTime | BusinessDays | EndOfBusinessDay = ElapsedTime(2 * DAY_SECONDS)
    calendar: Title | None = None
    ladder: Title | None = None


class _Verdict(_Form, frozen=True, kw_only=True, tag_field="verdict"):
    """What all verdicts may say.

    Attributes:
        wording: the message that tells the requester of it; without one the usual of its verdict.
    """

    requires: list[Gate] = []
    review: Review | None = None
    wording: Name | None = None


class Accept(_Verdict, frozen=True, kw_only=True, tag="accept"):
    """It is reasonable as it is."""


class Adjust(_Verdict, frozen=True, kw_only=True, tag="adjust"):
    """It would be reasonable otherwise: a counter-proposal.

    Attributes:
        answer_within_seconds: how long the requester may take to answer it, in wall time.
    """

    proposal: Proposal
    answer_within_seconds: Seconds = 5 * DAY_SECONDS


class SpecialMethod(_Verdict, frozen=True, kw_only=True, tag="special_method"):
    """It deviates from the norm, which is allowed for a while, with an approval.

    Attributes:
        justification: why the deviation may be allowed.
        way_back: how it is undone when it ends.
        scope: what exactly is allowed; without it what was asked for, and no more.
        proof: why it can be relied on, where no gate asks for the proof.
        remind_before_seconds: how long before its end that is told, each once; without it as is usual.
        undo: until when it is to be undone.
        pattern: from how many similar ones on the norm itself is to be looked at.
    """

    justification: Words
    expires_in_days: Annotated[int, msgspec.Meta(ge=1, le=EXPIRY_DAYS_MAX)]
    way_back: Words
    scope: Words | None = None
    proof: Words | None = None
    remind_before_seconds: Annotated[list[Seconds], msgspec.Meta(max_length=REMINDERS_MAX)] | None = None
    undo: Undoing = Undoing()
    pattern: Pattern = Pattern()


class Redirect(_Verdict, frozen=True, kw_only=True, tag="redirect"):
    """It belongs somewhere else."""

    channel: Channel


class Decline(_Verdict, frozen=True, kw_only=True, tag="decline"):
    """It is not reasonable. Whoever asked can object there."""

    objections: Channel


Verdict: TypeAlias = Accept | Adjust | SpecialMethod | Redirect | Decline

FROM_STRICTEST: tuple[type[Verdict], ...] = (Decline, Redirect, SpecialMethod, Adjust, Accept)
ACCEPTED = Accept()
"""The verdict on what no rule says anything about."""


def is_plain(verdict: Verdict) -> bool:
    """Whether nothing follows from it but that work may start."""
    return verdict == ACCEPTED


def of(written: object) -> Verdict:
    """The verdict that was written so. Raises msgspec.ValidationError."""
    return msgspec.convert(written, Verdict)


def write(outcome: object) -> Any:
    return msgspec.to_builtins(as_verdict(outcome))


def strictest(verdicts: Sequence[object]) -> int:
    """The index of the verdict that is followed: of the strictest the first."""
    return min(range(len(verdicts)), key=lambda at: FROM_STRICTEST.index(type(as_verdict(verdicts[at]))))


def merged(outcomes: Sequence[object]) -> Verdict:
    """The strictest verdict, with what all of them require; a review is owed if one of them asks for it."""
    gates: list[Gate] = []
    for outcome in outcomes:
        gates += [gate for gate in as_verdict(outcome).requires if gate not in gates]
    leader = as_verdict(outcomes[strictest(outcomes)])
    reviews = [leader.review, *(as_verdict(outcome).review for outcome in outcomes)]
    review = next((each for each in reviews if each is not None), None)
    return msgspec.structs.replace(leader, requires=gates, review=review)


def as_verdict(outcome: object) -> Verdict:
    """The outcome of a rule, which is one of this kind of policy."""
    if not isinstance(outcome, Verdict):
        raise TypeError(f"not the outcome of a rationalization policy: {outcome!r}")
    return outcome
