"""A deed whose name is nearly a usual one is pointed out; all others are the tenant's own words."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.commitments.domain.terms import USUAL_DEEDS
from service.rules.findings import Finding
from tests.unit.lint.policies import of_written

TARGET = {"unit": "elapsed_time", "seconds": 3600}


def found(*deeds: str) -> list[Finding]:
    promise: dict[str, Any] = {"metric": "resolve", "target": TARGET, "fulfilled_by": list(deeds)}
    rule = {"id": "all", "when": "true", "because": "It is so.", "then": {"promises": [promise]}}
    return [each for each in of_written({"rules": [rule]}) if each.code == "misspelt-deed"]


@pytest.mark.parametrize(
    ("deed", "meant"), [("resolve", "resolved"), ("delivery", "delivered"), ("close", "closed")]
)
def test_a_name_that_is_nearly_a_usual_one_is_told_with_it(deed: str, meant: str) -> None:
    (finding,) = found("reply", deed)

    assert finding.pointer == "/rules/0/then/promises/0/fulfilled_by/1"
    assert finding.remedy == f"Did you mean '{meant}'?"


@pytest.mark.parametrize("deed", [*sorted(USUAL_DEEDS), "installed", "done", "removed", "part_shipped"])
def test_usual_names_and_other_words_are_not_told(deed: str) -> None:
    assert found(deed) == []


@given(st.sampled_from(sorted(each for each in USUAL_DEEDS if len(each) > 5)), st.data())
def test_a_letter_that_is_left_out_is_noticed(deed: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(1, len(deed) - 1))

    (finding,) = found(deed[:place] + deed[place + 1 :])

    assert finding.remedy == f"Did you mean {deed!r}?"
