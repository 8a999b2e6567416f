"""The life of a version: which steps follow which, and who may take them."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from service.rules import lifecycle
from service.rules.errors import ApproverInvolved, MemberNeeded, StepOutOfTurn
from service.rules.lifecycle import LEADS_TO, STAGE_OF, Basis, Stage, Step, Taken
from service.tenants.domain import Approval
from tests.factories import NOON

ADA, BOB, PIPELINE = "member:ada", "member:bob", "application:pipeline"


def _taken(*steps: tuple[Step, str]) -> list[Taken]:
    return [
        Taken(version=1, number=number, step=step, at=NOON, by=by) for number, (step, by) in enumerate(steps)
    ]


@pytest.mark.parametrize(
    ("steps", "stage"),
    [
        ([Step.WRITTEN], Stage.DRAFT),
        ([Step.WRITTEN, Step.SUBMITTED], Stage.IN_REVIEW),
        ([Step.WRITTEN, Step.SUBMITTED, Step.RETURNED], Stage.DRAFT),
        ([Step.WRITTEN, Step.SUBMITTED, Step.APPROVED], Stage.APPROVED),
        ([Step.WRITTEN, Step.SUBMITTED, Step.APPROVED, Step.RETURNED], Stage.DRAFT),
        ([Step.WRITTEN, Step.SUBMITTED, Step.APPROVED, Step.SCHEDULED], Stage.SCHEDULED),
        ([Step.WRITTEN, Step.SUBMITTED, Step.APPROVED, Step.SCHEDULED, Step.UNSCHEDULED], Stage.APPROVED),
        ([Step.WRITTEN, Step.SUBMITTED, Step.APPROVED, Step.SCHEDULED, Step.PUBLISHED], Stage.PUBLISHED),
        ([Step.WRITTEN, Step.SUBMITTED, Step.APPROVED, Step.PUBLISHED], Stage.PUBLISHED),
        ([Step.WRITTEN, Step.SUBMITTED, Step.APPROVED, Step.PUBLISHED, Step.REPLACED], Stage.RETIRED),
        ([Step.WRITTEN, Step.SUBMITTED, Step.APPROVED, Step.PUBLISHED, Step.RETIRED], Stage.RETIRED),
        ([Step.REVERTED, Step.PUBLISHED], Stage.PUBLISHED),
    ],
)
def test_the_stage_follows_from_the_steps(steps: list[Step], stage: Stage) -> None:
    assert lifecycle.stage_after(steps) is stage


@pytest.mark.parametrize(
    "steps",
    [
        [],
        [Step.SUBMITTED],
        [Step.WRITTEN, Step.APPROVED],
        [Step.WRITTEN, Step.PUBLISHED],
        [Step.WRITTEN, Step.SUBMITTED, Step.PUBLISHED],
        [Step.WRITTEN, Step.SUBMITTED, Step.SCHEDULED],
        [Step.REVERTED, Step.PUBLISHED, Step.REPLACED, Step.PUBLISHED],
        [Step.WRITTEN, Step.WRITTEN],
    ],
)
def test_no_version_goes_through_steps_that_do_not_follow(steps: list[Step]) -> None:
    with pytest.raises(ValueError, match="version"):
        lifecycle.stage_after(steps)


def test_a_step_leads_to_one_stage_wherever_it_is_taken() -> None:
    assert all(STAGE_OF[step] is stage for (_, step), stage in LEADS_TO.items())
    assert STAGE_OF.keys() == set(Step)


@given(st.lists(st.sampled_from(Step), max_size=8))
def test_the_last_step_says_what_the_stage_is(steps: list[Step]) -> None:
    """The list of policies asks PostgreSQL for the last step only."""
    try:
        stage = lifecycle.stage_after(steps)
    except ValueError:
        return
    assert stage is STAGE_OF[steps[-1]]


@given(st.lists(st.sampled_from(Step), max_size=8))
def test_nothing_is_in_effect_that_was_neither_approved_nor_in_effect_before(steps: list[Step]) -> None:
    try:
        lifecycle.stage_after(steps)
    except ValueError:
        return
    if Step.PUBLISHED in steps:
        before = steps[: steps.index(Step.PUBLISHED)]
        assert Step.APPROVED in before or before[0] is Step.REVERTED


class Life(RuleBasedStateMachine):
    """Takes any step in any stage: it is refused, or the stage is what the table says."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[Step] = []

    @initialize(first=st.sampled_from([Step.WRITTEN, Step.REVERTED]))
    def begin(self, first: Step) -> None:
        self.steps = [first]

    @rule(step=st.sampled_from([step for step in Step if step not in {Step.WRITTEN, Step.REVERTED}]))
    def take(self, step: Step) -> None:
        before = lifecycle.stage_after(self.steps)
        if (before, step) not in LEADS_TO:
            with pytest.raises(StepOutOfTurn, match=before.value.replace("_", " ")):
                lifecycle.refuse_out_of_turn(1, before, step)
            return
        lifecycle.refuse_out_of_turn(1, before, step)
        self.steps.append(step)
        assert lifecycle.stage_after(self.steps) is LEADS_TO[before, step]

    @invariant()
    def it_was_in_effect_at_most_once(self) -> None:
        assert self.steps.count(Step.PUBLISHED) <= 1

    @precondition(lambda self: self.steps and lifecycle.stage_after(self.steps) is Stage.RETIRED)
    @rule(step=st.sampled_from(Step))
    def stay_retired(self, step: Step) -> None:
        with pytest.raises(StepOutOfTurn):
            lifecycle.refuse_out_of_turn(1, Stage.RETIRED, step)


TestLife = Life.TestCase


@pytest.mark.parametrize(
    ("by", "steps", "has_others", "basis"),
    [
        (BOB, [(Step.WRITTEN, ADA), (Step.SUBMITTED, ADA)], True, None),
        (BOB, [(Step.WRITTEN, ADA), (Step.SUBMITTED, ADA)], False, None),
        (ADA, [(Step.WRITTEN, PIPELINE), (Step.SUBMITTED, PIPELINE)], True, None),
        (ADA, [(Step.WRITTEN, ADA), (Step.SUBMITTED, ADA)], False, Basis.SOLE_ADMIN),
        (ADA, [(Step.WRITTEN, BOB), (Step.SUBMITTED, ADA)], False, Basis.SOLE_ADMIN),
    ],
)
def test_another_member_approves_or_the_only_one(
    by: str, steps: Sequence[tuple[Step, str]], basis: Basis | None, *, has_others: bool
) -> None:
    assert lifecycle.basis_of_approval(by, _taken(*steps), has_others=has_others) is basis


@pytest.mark.parametrize(
    ("by", "steps", "error"),
    [
        (ADA, [(Step.WRITTEN, ADA), (Step.SUBMITTED, BOB)], ApproverInvolved),
        (BOB, [(Step.WRITTEN, ADA), (Step.SUBMITTED, BOB)], ApproverInvolved),
        (ADA, [(Step.REVERTED, ADA)], ApproverInvolved),
        (PIPELINE, [(Step.WRITTEN, ADA), (Step.SUBMITTED, ADA)], MemberNeeded),
        ("operator", [(Step.WRITTEN, ADA), (Step.SUBMITTED, ADA)], MemberNeeded),
    ],
)
def test_who_wrote_or_submitted_it_does_not_approve_and_no_application_ever_does(
    by: str, steps: Sequence[tuple[Step, str]], error: type[Exception]
) -> None:
    with pytest.raises(error):
        lifecycle.basis_of_approval(by, _taken(*steps), has_others=True)


@given(
    by=st.sampled_from([ADA, BOB, PIPELINE, "operator"]),
    writer=st.sampled_from([ADA, BOB, PIPELINE]),
    submitter=st.sampled_from([ADA, BOB, PIPELINE]),
    has_others=st.booleans(),
)
def test_nobody_approves_alone_what_is_their_own_as_long_as_there_is_somebody_else(
    by: str, writer: str, submitter: str, *, has_others: bool
) -> None:
    taken = _taken((Step.WRITTEN, writer), (Step.SUBMITTED, submitter))
    try:
        basis = lifecycle.basis_of_approval(by, taken, has_others=has_others)
    except (MemberNeeded, ApproverInvolved):
        return
    assert by.startswith("member:")
    assert (basis is Basis.SOLE_ADMIN) == (by in {writer, submitter})
    assert basis is None or not has_others


@pytest.mark.parametrize(
    ("author", "approval", "reviewed"),
    [
        (PIPELINE, Approval.GIT, True),
        (ADA, Approval.GIT, False),
        ("operator", Approval.GIT, False),
        (PIPELINE, Approval.MEMBERS, False),
        (ADA, Approval.MEMBERS, False),
    ],
)
def test_only_what_an_application_drafted_came_from_git(
    author: str, approval: Approval, *, reviewed: bool
) -> None:
    assert lifecycle.is_reviewed_elsewhere(author, approval=approval) is reviewed


@pytest.mark.parametrize(
    ("by", "approval", "refused"),
    [
        (ADA, Approval.MEMBERS, False),
        (ADA, Approval.GIT, False),
        (PIPELINE, Approval.GIT, False),
        (PIPELINE, Approval.MEMBERS, True),
        ("operator", Approval.GIT, True),
    ],
)
def test_an_application_undoes_only_where_versions_are_reviewed_elsewhere(
    by: str, approval: Approval, *, refused: bool
) -> None:
    if refused:
        with pytest.raises(MemberNeeded, match="Retiring"):
            lifecycle.refuse_to_undo(by, what="Retiring", approval=approval)
    else:
        lifecycle.refuse_to_undo(by, what="Retiring", approval=approval)
