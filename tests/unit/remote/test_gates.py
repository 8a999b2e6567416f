"""When a pipeline stops."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.remote import gates
from service.remote.gates import Gates

COUNTS = st.integers(0, 50)


@pytest.mark.parametrize(
    ("limits", "new_breaches", "changed", "exceeded"),
    [
        (Gates(), 7, 9, ()),
        (Gates(new_breaches=7, changed=9), 7, 9, ()),
        (
            Gates(new_breaches=6),
            7,
            9,
            ("7 promises would be broken that are not, and --max-new-breaches is 6",),
        ),
        (Gates(changed=8), 7, 9, ("9 requests change, and --max-changed is 8",)),
        (Gates(new_breaches=0), 0, 9, ()),
    ],
    ids=["no gates", "at the gates", "breaches", "changes", "no breach"],
)
def test_a_gate_is_exceeded_by_more_than_it_lets_through(
    limits: Gates, new_breaches: int, changed: int, exceeded: tuple[str, ...]
) -> None:
    found = gates.passage(limits, new_breaches=new_breaches, changed=changed, listed_all=True)

    assert (found.exceeded, found.undecided) == (exceeded, None)


@given(limit=COUNTS, counted=COUNTS, unlisted=COUNTS)
def test_what_is_not_listed_never_lets_a_gate_pass_that_it_would_exceed(
    limit: int, counted: int, unlisted: int
) -> None:
    limits = Gates(new_breaches=limit)

    found = gates.passage(limits, new_breaches=counted, changed=100, listed_all=False)
    in_full = gates.passage(limits, new_breaches=counted + unlisted, changed=100, listed_all=True)

    passes = not found.exceeded and found.undecided is None
    assert not passes
    assert not found.exceeded or in_full.exceeded
