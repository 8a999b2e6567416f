"""A past request of a type of the catalogue is asked about as it was: by the type's name, and as standard."""

from typing import Any

import msgspec
import pytest

from service.backtests import tellings
from service.backtests.cases import Case

CASE: dict[str, Any] = {
    "id": "019b0000-0000-7000-8000-000000000001",
    "submission": {
        "source": "desk",
        "external_id": "CHG-1",
        "type": "change",
        "occurred_at": "2026-01-05T12:00:00Z",
    },
    "events": [],
}
TYPED = {"name": "extend-disk", "family": "change", "standard": True, "gated": False}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, ("change", False)),
        ({"typed": TYPED}, ("extend-disk", True)),
        ({"typed": TYPED, "type": "incident"}, ("incident", False)),
    ],
)
def test_rules_read_the_type_of_a_past_request(said: dict[str, object], expected: tuple[str, bool]) -> None:
    case = msgspec.convert({**CASE, "submission": {**CASE["submission"], **said}}, Case)

    told = tellings.told(case, client=None, service=None)

    asked = told.tellings[0].points[0].facts["request"]
    assert (asked["type_name"], asked["standard"]) == expected
