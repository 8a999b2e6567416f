"""The guide to promises says what is so: its example is accepted, and it names everything there is."""

import json
import re
from pathlib import Path

from service.commitments import promises
from service.commitments.domain import CalendarKey, Flag, HappeningKind, OnChange, OnReopen, Verdict
from service.commitments.promises import Promise

GUIDE = (Path(__file__).parents[3] / "docs" / "guides" / "promises.md").read_text()


def _named() -> set[str]:
    return set(re.findall(r"`(?:commitment\.)?([a-z_]+)`", GUIDE))


def test_the_example_is_accepted_as_a_rules_outcome() -> None:
    [example] = re.findall(r"```json\n(.*?)```", GUIDE, flags=re.DOTALL)

    outcome = promises.read(json.loads(example))

    terms = promises.terms_of(outcome, {"Office": CalendarKey("office")})
    assert [one.metric for one in terms] == ["respond", "resolve"]


def test_every_field_of_a_promise_is_explained() -> None:
    assert set(Promise.__struct_fields__) - {"metric"} <= _named()


def test_every_word_that_a_promise_is_shown_with_is_explained() -> None:
    words = [*Verdict, *Flag, *OnChange, *OnReopen, *(set(HappeningKind) - {HappeningKind.STARTED})]

    assert {word.value for word in words} <= _named()
