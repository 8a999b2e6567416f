"""A past request of a type of the catalogue is asked about as it was: by the type's name, and as standard."""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from service.backtests import tellings
from service.backtests.cases import Case
from service.backtests.typed import Types
from service.people.domain import Role
from service.rationalization.catalogue.trying import TypeTrial
from service.rationalization.verdicts import ApprovalGate, Gate, RollbackPlan
from service.rules.vocabulary import RequestType

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


VERSION = UUID(int=7)
PLAN, BOARD = RollbackPlan(), ApprovalGate(name="board", roles=[Role.MANAGER])
OWN = {VERSION: [PLAN]}


def trial(name: str) -> TypeTrial:
    return TypeTrial(name=name, family=RequestType.CHANGE, standard=False, requires=[BOARD])


@pytest.mark.parametrize(
    ("said", "tried", "required", "is_standard"),
    [
        ({}, [], [], False),
        ({"typed": TYPED}, [], [PLAN], True),
        ({"typed": TYPED}, ["extend-disk"], [BOARD], False),
        ({"typed": TYPED}, ["change", "other"], [PLAN], True),
        ({}, ["change"], [BOARD], False),
        ({"typed": TYPED, "type": "incident"}, ["extend-disk", "change"], [], False),
    ],
)
def test_a_request_is_held_to_the_type_of_its_name_that_is_tried_or_else_to_its_own_version(
    said: dict[str, Any], tried: list[str], required: list[Gate], *, is_standard: bool
) -> None:
    if "typed" in said:
        said = {**said, "typed": {**said["typed"], "version_id": str(VERSION)}}
    case = msgspec.convert({**CASE, "submission": {**CASE["submission"], **said}}, Case)
    (point,) = tellings.told(case, client=None, service=None).points

    seen, asked = Types.of([trial(name) for name in tried]).asked(point, OWN)

    assert list(asked) == required
    assert seen.facts["request"]["standard"] is is_standard
    assert {**seen.facts["request"], "standard": None} == {**point.facts["request"], "standard": None}
