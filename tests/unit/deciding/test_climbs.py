"""Which ladders are named, by one rule or by several."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.escalations import climbs
from service.escalations.climbs import ESCALATION
from service.rules.errors import OutcomeInvalid

NAMES = st.lists(st.sampled_from(["major", "night", "supplier"]), min_size=1, max_size=5)


@pytest.mark.parametrize(
    "then", [{}, {"ladder": ""}, {"ladder": 1}, {"ladders": []}, {"ladder": "a", "x": 1}]
)
def test_what_names_no_ladder_is_refused(then: dict[str, Any]) -> None:
    with pytest.raises(OutcomeInvalid):
        climbs.read(then)


@given(NAMES)
def test_ladders_are_united_in_their_order_and_read_as_they_are_written(names: list[str]) -> None:
    merged = climbs.merged([climbs.read({"ladder": name}) for name in names])

    written = ESCALATION.write_outcome(merged)
    assert climbs.names_of(merged) == list(dict.fromkeys(names)) == climbs.names_in(written)
    assert climbs.read(written) == merged
