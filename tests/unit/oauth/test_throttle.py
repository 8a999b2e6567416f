"""How many failures of one client are answered before it has to wait."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.oauth import throttle
from service.api.oauth.throttle import FAILURES_MAX, SHARES, WINDOW
from tests.factories import NOON


@pytest.mark.parametrize(
    ("failures", "after", "wait"),
    [
        (1, timedelta(0), None),
        (FAILURES_MAX, timedelta(0), None),
        (FAILURES_MAX + 1, timedelta(0), WINDOW),
        (FAILURES_MAX + 1, timedelta(seconds=59), timedelta(seconds=1)),
        (10_000, timedelta(seconds=1), timedelta(seconds=59)),
    ],
)
def test_too_many_failures_wait_for_the_window_to_end(
    failures: int, after: timedelta, wait: timedelta | None
) -> None:
    assert throttle.wait_after(failures, NOON, NOON + after) == wait


@given(name=st.text(max_size=200))
def test_names_that_nobody_has_cannot_fill_the_database(name: str) -> None:
    assert 0 <= throttle.share_of(name).int < SHARES
    assert throttle.share_of(name) == throttle.share_of(name)
