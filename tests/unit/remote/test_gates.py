"""When a pipeline stops."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.remote import gates
from service.remote.gates import Count, Gates

COUNTS = st.integers(0, 50)


def counted(
    new_breaches: int, changed: int, *, listed_all: bool = True, judged: int = 200, unjudged: int = 0
) -> Count:
    return Count(
        new_breaches=new_breaches, changed=changed, listed_all=listed_all, judged=judged, unjudged=unjudged
    )


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
    found = gates.passage(limits, counted(new_breaches, changed))

    assert (found.exceeded, found.undecided) == (exceeded, None)


@given(limit=COUNTS, breaches=COUNTS, unlisted=COUNTS)
def test_what_is_not_listed_never_lets_a_gate_pass_that_it_would_exceed(
    limit: int, breaches: int, unlisted: int
) -> None:
    limits = Gates(new_breaches=limit)

    found = gates.passage(limits, counted(breaches, 100, listed_all=False))
    in_full = gates.passage(limits, counted(breaches + unlisted, 100))

    passes = not found.exceeded and found.undecided is None
    assert not passes
    assert not found.exceeded or in_full.exceeded


@given(limit=COUNTS, found=COUNTS, unjudged=COUNTS, of_breaches=st.booleans())
def test_what_could_not_be_judged_never_lets_a_gate_pass_that_it_might_exceed(
    limit: int, found: int, unjudged: int, *, of_breaches: bool
) -> None:
    limits = Gates(new_breaches=limit) if of_breaches else Gates(changed=limit)

    passage = gates.passage(limits, counted(found, found, unjudged=unjudged))

    assert bool(passage.exceeded) is (found > limit)
    assert (passage.undecided is not None) is (found <= limit < found + unjudged)


@pytest.mark.parametrize("unjudged", [0, 7])
def test_where_nothing_was_judged_no_gate_passes(unjudged: int) -> None:
    nothing = counted(0, 0, judged=0, unjudged=unjudged)

    assert gates.passage(Gates(new_breaches=50), nothing).undecided is not None
    assert gates.passage(Gates(changed=50), nothing).undecided is not None
    assert gates.passage(Gates(), nothing).undecided is None
