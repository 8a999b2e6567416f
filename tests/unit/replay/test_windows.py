import itertools
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from service.replay.steps import Step
from service.replay.windows import windows
from service.requests.domain import AHEAD_MAX
from tests.unit.replay import factories

STEPS = st.lists(st.tuples(st.integers(0, 60), st.sampled_from("ABCD")), max_size=40).map(
    lambda drawn: [
        factories.step(case, ordinal, minutes) for ordinal, (minutes, case) in enumerate(sorted(drawn))
    ]
)


def test_a_window_opens_at_its_first_step_and_closes_five_minutes_later() -> None:
    steps = [factories.step("A", 0, 0), factories.step("B", 0, 5), factories.step("A", 1, 6)]

    cut = list(windows(steps))

    assert [window.clock_at for window in cut] == [factories.NOON, factories.NOON + timedelta(minutes=6)]
    assert [chain[0].case for chain in cut[0].chains] == ["A", "B"]


def test_no_steps_need_no_window() -> None:
    assert list(windows([])) == []


@given(steps=STEPS, span=st.integers(0, 5), steps_max=st.integers(1, 50))
def test_nothing_is_lost_and_nothing_is_sent_too_early(steps: list[Step], span: int, steps_max: int) -> None:
    cut = list(windows(steps, span=timedelta(minutes=span), steps_max=steps_max))

    sent = [step for window in cut for chain in window.chains for step in chain]
    assert sorted(sent, key=lambda step: step.ordinal) == steps
    assert all(
        timedelta(0) <= step.post_at - window.clock_at <= min(timedelta(minutes=span), AHEAD_MAX)
        for window in cut
        for chain in window.chains
        for step in chain
    )


@given(steps=STEPS, steps_max=st.integers(1, 50))
def test_each_case_keeps_its_order_and_the_clock_never_goes_back(steps: list[Step], steps_max: int) -> None:
    cut = list(windows(steps, steps_max=steps_max))

    assert all(before.clock_at <= after.clock_at for before, after in itertools.pairwise(cut))
    for case in "ABCD":
        chains = [chain for window in cut for chain in window.chains if chain[0].case == case]
        ordinals = [step.ordinal for chain in chains for step in chain]
        assert ordinals == sorted(ordinals)
        assert all(step.case == case for chain in chains for step in chain)
    assert all(len({chain[0].case for chain in window.chains}) == len(window.chains) for window in cut)
