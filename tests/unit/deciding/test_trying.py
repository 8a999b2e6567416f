"""Versions that are tried, among those in effect."""

from uuid import UUID

from service.commitments.promises import COMMITMENT
from service.ids import PolicyId, PolicyVersionId
from service.rules import documents, trying
from service.rules.domain import ORDER_DEFAULT, VersionRef
from service.rules.trying import UNSAVED, Trial
from tests.unit.lint.policies import rule


def _trial(name: str, number: int, *, version: int = 1, order: int = ORDER_DEFAULT) -> Trial:
    ref = VersionRef(
        policy_id=PolicyId(UUID(int=number)), version_id=PolicyVersionId(UUID(int=100)), version=version
    )
    document = documents.read({"rules": [rule("any", "true")], "order": order}, COMMITMENT)
    return Trial(kind="commitment", name=name, ref=ref, document=document)


def _labels(trials: list[Trial]) -> list[str]:
    return [trial.label for trial in trials]


def test_what_is_tried_takes_the_place_of_the_same_policy_and_the_order_that_it_says() -> None:
    standing = [_trial("first", 1), _trial("second", 2), _trial("third", 3)]

    in_place = trying.with_candidates(standing, [_trial("second", 2, version=UNSAVED)])
    moved = trying.with_candidates(standing, [_trial("third", 3, version=2, order=1)])

    assert _labels(in_place) == ["first@1", "second@document", "third@1"]
    assert _labels(moved) == ["third@2", "first@1", "second@1"]


def test_a_document_beside_the_others_is_asked_after_its_equals_whatever_its_id() -> None:
    standing = [_trial("first", 11), _trial("last", 12, order=900)]

    beside = [_trial("new", 7, version=UNSAVED), _trial("newer", 3, version=UNSAVED)]

    assert _labels(trying.with_candidates(standing, beside)) == [
        "first@1",
        "new@document",
        "newer@document",
        "last@1",
    ]


def test_a_stored_policy_that_is_not_in_effect_is_asked_in_the_order_of_its_creation() -> None:
    found = trying.with_candidates([_trial("first", 1), _trial("third", 3)], [_trial("second", 2, version=4)])

    assert _labels(found) == ["first@1", "second@4", "third@1"]
