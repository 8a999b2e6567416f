"""What the demo tells of times to come, without a server."""

from datetime import UTC, datetime
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from service.replay import ahead, setup
from service.replay.ahead import Line
from service.replay.demo import EXAMPLE

NOON = datetime(2016, 4, 18, 12, tzinfo=UTC)


def test_each_line_begins_with_its_time_and_goes_on_below_its_text() -> None:
    text = "Proposed in advance: by Thu 28 Apr 17:39, with the reason and a workaround."

    assert list(ahead.told([Line(NOON, text), Line(NOON, "Closed.")])) == [
        "Mon 18 Apr 12:00  Proposed in advance: by Thu 28 Apr 17:39, with the reason and",
        "                  a workaround.",
        "Mon 18 Apr 12:00  Closed.",
    ]


@given(words=st.lists(st.text("abcdefgh", min_size=1, max_size=30), min_size=1, max_size=40))
def test_no_line_is_wider_than_eighty_columns_and_no_word_is_lost(words: list[str]) -> None:
    lines = list(ahead.told([Line(NOON, " ".join(words))]))

    assert max(map(len, lines)) <= 80
    assert " ".join(lines).split()[4:] == words


def test_the_policy_is_published_anew_with_a_level_for_each_promise() -> None:
    read = setup.load([EXAMPLE / "calendar.json"], [EXAMPLE / "policy.json"])
    document = cast("dict[str, Any]", read.policies[0]["document"])

    revised = ahead.renegotiating(document)

    promises = [promise for rule in revised["rules"] for promise in rule["then"]["promises"]]
    assert {promise.pop("renegotiate_above") for promise in promises} == {ahead.RENEGOTIATE_ABOVE}
    assert revised == document
