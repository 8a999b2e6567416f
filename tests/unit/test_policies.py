import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.commitments.promises import COMMITMENT
from service.ids import TenantId
from service.rules import documents, domain
from service.rules.domain import HitPolicy, Saved
from service.rules.errors import PolicyInvalid
from service.rules.library import Library, bytes_of
from service.rules.matching import Matches
from service.rules.vocabulary import FACTS

GUIDES = Path(__file__).parents[2] / "docs" / "guides"
GUIDE = (GUIDES / "policies.md").read_text()
FACTS_GUIDE = (GUIDES / "facts.md").read_text()

INDEXES = st.lists(st.integers(0, 20), unique=True).map(sorted).map(tuple)
THEN = {"promises": [{"metric": "resolve", "target": {"unit": "elapsed_time", "seconds": 3600}}]}
TENANT = TenantId(UUID(int=1))


def _rule(rule_id: str = "r", when: str = "true", **overrides: Any) -> dict[str, Any]:
    return {"id": rule_id, "when": when, "then": THEN, "because": "It is so."} | overrides


@pytest.mark.parametrize(
    ("true", "errors", "winner", "degraded"),
    [
        ((), (), None, False),
        ((2, 4), (), 2, False),
        ((2,), (1,), 2, True),
        ((2,), (3,), 2, False),
        ((), (5,), None, True),
    ],
)
def test_the_first_rule_that_matches_counts(
    true: Sequence[int], errors: Sequence[int], winner: int | None, *, degraded: bool
) -> None:
    choice = domain.choose(HitPolicy.FIRST, (), Matches(tuple(true), tuple(errors), "reference"))

    assert (next(iter(choice.winners), None), bool(choice.doubts)) == (winner, degraded)


@given(true=INDEXES, errors=INDEXES)
def test_no_doubt_is_left_where_nothing_before_the_winner_failed(
    true: tuple[int, ...], errors: tuple[int, ...]
) -> None:
    choice = domain.choose(HitPolicy.FIRST, (), Matches(true, errors, "durable"))

    assert choice.winners == true[:1]
    assert bool(choice.doubts) == any(index < min(true, default=99) for index in errors)


@pytest.mark.parametrize(
    ("document", "pointers"),
    [
        ({}, ["/rules"]),
        ({"rules": []}, ["/rules"]),
        ({"rules": [_rule(when="request.priorty == 'P1'")]}, ["/rules/0/when"]),
        ({"rules": [_rule(when="request.priority == 1")]}, ["/rules/0/when"]),
        ({"rules": [_rule(when="request.title")]}, ["/rules/0/when"]),
        ({"rules": [_rule(when="(")]}, ["/rules/0/when"]),
        ({"rules": [_rule(), _rule()]}, ["/rules/1/id"]),
        ({"rules": [_rule(then={})]}, ["/rules/0/then"]),
        ({"rules": [_rule(because="")]}, ["/rules/0/because"]),
        ({"rules": [_rule(because=" \u3000\n")]}, ["/rules/0/because"]),
        ({"rules": [_rule()], "hit_policy": "LAST"}, ["/hit_policy"]),
        ({"rules": [_rule()], "facts": {"request.size": "int"}}, ["/facts/request.size"]),
        ({"rules": [_rule()], "facts": {"request.custom.size": "number"}}, ["/facts/request.custom.size"]),
        (
            {"rules": [_rule(when="(", then={}), _rule("s", when="1")]},
            ["/rules/0/when", "/rules/0/then", "/rules/1/when"],
        ),
    ],
)
def test_a_bad_document_names_every_place(document: dict[str, Any], pointers: list[str]) -> None:
    with pytest.raises(PolicyInvalid) as refused:
        documents.read(document, COMMITMENT)

    assert [fault.pointer for fault in refused.value.faults] == pointers


def test_a_fault_in_a_condition_has_its_line_and_column() -> None:
    with pytest.raises(PolicyInvalid) as refused:
        documents.read({"rules": [_rule(when="true &&\n  request.priorty == 'P1'")]}, COMMITMENT)

    (fault,) = refused.value.faults
    assert (fault.line, fault.column) == (2, 11)
    assert "request.priority" in fault.detail


def test_the_library_forgets_the_oldest_when_it_holds_too_much() -> None:
    library = Library(bytes_kept_max=2 * bytes_of(documents.read({"rules": [_rule()]}, COMMITMENT)))
    versions = [UUID(int=number) for number in range(3)]
    for version in versions:
        library.read(TENANT, version, Saved({"rules": [_rule()]}), COMMITMENT)

    assert library.missing(TENANT, versions) == versions[:1]
    assert library.read(TENANT, versions[2], None, COMMITMENT).rules[0].id == "r"
    assert library.missing(TenantId(UUID(int=2)), versions) == versions


def test_the_guides_document_is_accepted() -> None:
    example = json.loads(GUIDE.split("```json\n")[1].split("```")[0])

    assert [rule.id for rule in documents.read(example, COMMITMENT).rules] == ["harbour-p1"]


def test_the_guide_names_every_key_bound_and_fact() -> None:
    section = GUIDE[: GUIDE.index("## The language of conditions")]
    named = set(re.findall(r"`([a-z_.\[\]]+)`", section))

    assert named >= set(documents.DocumentForm.__struct_fields__)
    assert named >= {f"rules[].{name}" for name in documents.RuleForm.__struct_fields__}
    assert "(facts.md)" in section
    assert set(re.findall(r"^\| `([a-z0-9_.]+)`", FACTS_GUIDE, re.MULTILINE)) >= set(FACTS)
    assert f"{documents.RULES_MAX:,} rules" in section
    assert f"{documents.CONDITION_LENGTH_MAX:,} characters" in section
