import copy
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.commitments.promises import COMMITMENT
from service.rules import canonical, documents
from service.rules.canonical import Change, Difference
from service.rules.compile.shape import shape
from service.rules.documents import DocumentForm
from service.rules.language.bind import bind
from service.rules.language.evaluate import evaluate
from service.rules.language.parse import parse
from service.rules.language.syntax import Expression
from service.rules.language.values import EvaluationError
from tests.unit.language.generators import Case, cases
from tests.unit.tables.test_table import TABLE

HOUR = {"promises": [{"metric": "resolve", "target": {"unit": "elapsed_time", "seconds": 3600}}]}
DAY = {"promises": [{"metric": "resolve", "target": {"unit": "elapsed_time", "seconds": 86400}}]}


def rule(
    name: str, when: str = "true", then: dict[str, Any] = HOUR, because: str = "It is so."
) -> dict[str, Any]:
    return {"id": name, "when": when, "then": then, "because": because}


def policy(*rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"rules": list(rules), **more}


TEST = {"name": "t", "facts": {"request.priority": "P1"}, "rules": ["a"]}
A, B, C = rule("a", "request.priority == 'P1'"), rule("b", "request.priority == 'P2'"), rule("c")


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        (policy(A, B), policy(A, B), []),
        (policy(A), policy(A | {"when": 'request.priority   ==  "P1"'}), []),
        (policy(A), policy(A, hit_policy="FIRST"), []),
        (policy(A), policy(A, C), [(Change.ADDED, "c", "")]),
        (policy(A, B), policy(B), [(Change.REMOVED, "a", "")]),
        (policy(A, B, C), policy(C, A, B), [(Change.MOVED, "c", "")]),
        (policy(A), policy(A | {"when": "true"}), [(Change.CHANGED, "a", "/when")]),
        (policy(A), policy(A | {"then": DAY}), [(Change.CHANGED, "a", "/then/promises/0/target/seconds")]),
        (policy(A), policy(A, facts={"request.custom.x": "int"}), [(Change.ADDED, None, "/facts")]),
        (policy(A), policy(A | {"rank": 2}), [(Change.ADDED, "a", "/rank")]),
        (policy(A), policy(A, order=500, applies_to={}, tests=[]), []),
        (policy(A), policy(A, order=7), [(Change.ADDED, None, "/order")]),
        (
            policy(A, applies_to={"clients": ["b", "a"]}),
            policy(A, applies_to={"clients": ["a", "b", "c"]}),
            [(Change.ADDED, None, "/applies_to/clients/2")],
        ),
        (
            policy(A, tests=[TEST]),
            policy(A, tests=[TEST | {"rules": []}]),
            [(Change.REMOVED, None, "/tests/0/rules/0")],
        ),
    ],
)
def test_what_differs(
    before: dict[str, Any], after: dict[str, Any], found: list[tuple[Change, str | None, str]]
) -> None:
    told = canonical.differences(before, after)

    assert [(one.change, one.rule, one.part) for one in told] == found


def test_tables_differ_by_cell() -> None:
    changed = copy.deepcopy(TABLE)
    changed["rows"][2]["when"][0] = "P3"
    changed["rows"][1]["then"] = [1_800]

    told = canonical.differences({"table": TABLE}, {"table": changed})

    assert told == [
        Difference(Change.CHANGED, "p1", "/then/0", 7_200, 1_800),
        Difference(Change.CHANGED, "others", "/when/0", "*", "P3"),
    ]


@pytest.mark.parametrize("cell", ["a  b", "  a  b ", "= request.title=='a  b'", '"a  b", c'])
def test_a_cell_asks_the_same_in_its_canonical_form(cell: str) -> None:
    row = {"when": [cell, "*"], "then": [60], "because": "x"}
    table = TABLE | {"inputs": [{"fact": "request.title"}, {"fact": "client.tier"}], "rows": [row]}
    written = canonical.canonical({"table": table})

    (before,) = documents.read({"table": table}, COMMITMENT).rules
    (after,) = documents.read(written, COMMITMENT).rules
    assert after.when == before.when
    assert canonical.canonical(written) == written


NAMES = st.lists(st.sampled_from("abcdef"), unique=True, min_size=1, max_size=6)


@given(before=NAMES, after=NAMES)
def test_a_rule_is_added_removed_moved_or_left_alone(before: list[str], after: list[str]) -> None:
    told = canonical.differences(policy(*map(rule, before)), policy(*map(rule, after)))
    by_change = {change: {one.rule for one in told if one.change is change} for change in Change}

    assert by_change[Change.ADDED] == set(after) - set(before)
    assert by_change[Change.REMOVED] == set(before) - set(after)
    assert not by_change[Change.CHANGED]
    still = [name for name in after if name in before and name not in by_change[Change.MOVED]]
    assert still == sorted(still, key=before.index)


@pytest.mark.parametrize("document", [policy(A, B, C, facts={"request.custom.x": "int"}), {"table": TABLE}])
def test_the_canonical_form_says_the_same_and_is_its_own(document: dict[str, Any]) -> None:
    written = canonical.canonical(document)

    assert canonical.canonical(written) == written
    assert canonical.differences(document, written) == []
    assert json.loads(canonical.text_of(written)) == written
    named = [(one.id, one.outcome) for one in documents.read(document, COMMITMENT).rules]
    assert [(one.id, one.outcome) for one in documents.read(written, COMMITMENT).rules] == named


def _told(expression: Expression, case: Case) -> str:
    """What it is worth for the facts of the case; of an error what is told, wherever it stands."""
    result = evaluate(expression, bind(case.facts, case.declarations).facts)
    return result.message if isinstance(result, EvaluationError) else repr(result)


@given(case=cases())
def test_a_condition_is_worth_the_same_in_its_canonical_form(case: Case) -> None:
    written = canonical.canonical(policy(rule("a", f"  {case.source}\n")))["rules"][0]["when"]

    assert canonical.canonical(policy(rule("a", written)))["rules"][0]["when"] == written
    assert _told(parse(written), case) == _told(case.expression, case)


NAMED = st.lists(st.sampled_from(["Acme", "Beta", "Mail"]), max_size=3)


@given(
    conditions=st.lists(cases(), min_size=1, max_size=4),
    ranks=st.lists(st.none() | st.integers(0, 9), min_size=4, max_size=4),
    hit_policy=st.sampled_from(["FIRST", "UNIQUE", "COLLECT"]),
    order=st.integers(0, 1000),
    scope=st.fixed_dictionaries({}, optional={"services": NAMED, "clients": NAMED}),
)
def test_a_document_decides_the_same_in_its_canonical_form(
    conditions: list[Case], ranks: list[int | None], hit_policy: str, order: int, scope: dict[str, list[str]]
) -> None:
    rules = [
        rule(f"r{index}", f" {case.source} ") | {"rank": rank}
        for index, (case, rank) in enumerate(zip(conditions, ranks, strict=False))
    ]
    given_form = policy(*rules, hit_policy=hit_policy, order=order, applies_to=scope, tests=[TEST])
    written = canonical.canonical(given_form)

    assert canonical.canonical(written) == written
    assert canonical.text_of(
        canonical.canonical(json.loads(canonical.text_of(written)))
    ) == canonical.text_of(written)
    assert _meaning(written) == _meaning(given_form)


def _meaning(written: dict[str, Any]) -> object:
    """All of a document that has a bearing on what is decided; its conditions need not fit any facts."""
    form = msgspec.convert(written, DocumentForm)
    rules = [(one.id, shape(parse(one.when)), one.then, one.because, one.rank) for one in form.rules]
    names = (set(form.applies_to.services), set(form.applies_to.clients), set(form.applies_to.request_types))
    return form.hit_policy, form.order, names, form.tests, rules
