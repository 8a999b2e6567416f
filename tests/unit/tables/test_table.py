import csv
import io
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.commitments.promises import COMMITMENT
from service.rules import documents, lint
from service.rules.errors import PolicyInvalid
from service.rules.tables import sheet, table
from service.rules.tables.table import RowForm, TableForm, TableInvalid
from service.rules.vocabulary import FACTS

THEN = {"promises": [{"metric": "resolve", "target": {"unit": "elapsed_time", "seconds": 86_400}}]}
TABLE: dict[str, Any] = {
    "inputs": [{"fact": "request.priority"}, {"fact": "client.tier", "name": "Tier"}],
    "outputs": [{"at": "/promises/0/target/seconds"}],
    "then": THEN,
    "rows": [
        {"when": ["P1", "gold, platinum"], "then": [3_600], "because": "Gold clients wait an hour at most."},
        {"when": ["P1", "*"], "then": [7_200], "because": "Urgent is two hours."},
        {"id": "others", "when": ["*", ""], "then": [None], "because": "Everybody else has a day."},
    ],
}


def form(**overrides: Any) -> TableForm:
    return msgspec.convert(TABLE | overrides, TableForm)


def seconds_of(rule: dict[str, Any]) -> int:
    return rule["then"]["promises"][0]["target"]["seconds"]


def test_each_row_is_a_rule_with_a_name_that_people_can_read() -> None:
    rules = table.rules_of(form(), FACTS)

    assert [(rule["id"], rule["when"], seconds_of(rule)) for rule in rules] == [
        ("p1.gold-platinum", 'request.priority == "P1" && client.tier in ["gold", "platinum"]', 3_600),
        ("p1", 'request.priority == "P1"', 7_200),
        ("others", "true", 86_400),
    ]
    assert len(documents.read({"rules": rules}, COMMITMENT).rules) == len(rules)


def test_a_row_may_have_a_rank() -> None:
    ranked = [*TABLE["rows"][:2], TABLE["rows"][2] | {"rank": 9}]

    document = documents.read({"table": TABLE | {"rows": ranked}, "hit_policy": "UNIQUE"}, COMMITMENT)

    assert [rule.rank for rule in document.rules] == [None, None, 9]


def test_a_policy_may_be_a_table() -> None:
    by_rows = documents.read({"table": TABLE}, COMMITMENT)
    by_rules = documents.read({"rules": table.rules_of(form(), FACTS)}, COMMITMENT)

    assert by_rows == by_rules


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({}, "/rules"),
        ({"table": TABLE, "rules": table.rules_of(form(), FACTS)}, "/table"),
        (
            {"table": TABLE | {"rows": [{"when": ["P1,", ""], "then": [1], "because": "x"}]}},
            "/table/rows/0/when/0",
        ),
        (
            {"table": TABLE | {"rows": [{"when": ["P1", ""], "then": [1], "because": " "}]}},
            "/table/rows/0/because",
        ),
        (
            {"table": TABLE | {"rows": [{"when": ["P1", ""], "then": [0], "because": "x"}]}},
            "/table/rows/0/then/0",
        ),
    ],
)
def test_what_is_wrong_with_a_table_is_pointed_at_in_the_policy(
    document: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(PolicyInvalid) as caught:
        documents.read(document, COMMITMENT)

    assert [fault.pointer for fault in caught.value.faults] == [pointer]


def test_rows_that_ask_the_same_have_names_of_their_own() -> None:
    rows = [RowForm(["P1"], "x"), RowForm(["p1"], "x", id="p1-2"), RowForm(["P1"], "x"), RowForm(["*"], "x")]

    assert table.row_names(rows) == ["p1", "p1-2", "p1-3", "otherwise"]


@pytest.mark.parametrize(
    ("overrides", "pointer"),
    [
        ({"inputs": [{"fact": "request.prioritty"}, {"fact": "client.tier"}]}, "/inputs/0/fact"),
        ({"rows": [{"when": ["P1"], "then": [1], "because": "x"}]}, "/rows/0/when"),
        ({"rows": [{"when": ["P1", "*"], "then": [], "because": "x"}]}, "/rows/0/then"),
        ({"rows": [{"when": ["P1,", "*"], "then": [1], "because": "x"}]}, "/rows/0/when/0"),
        ({"outputs": [{"at": "/promises/3/target"}]}, "/rows/0/then/0"),
        ({"outputs": [{"at": "/promises/0/target/seconds/more"}]}, "/rows/0/then/0"),
    ],
)
def test_what_is_wrong_is_pointed_at(overrides: dict[str, Any], pointer: str) -> None:
    with pytest.raises(TableInvalid) as caught:
        table.rules_of(form(**overrides), FACTS)

    assert caught.value.faults[0].pointer == pointer


def test_one_rows_outcome_does_not_reach_into_anothers() -> None:
    first, second, _ = table.rules_of(form(), FACTS)

    assert (seconds_of(first), seconds_of(second)) == (3_600, 7_200)
    assert THEN["promises"][0]["target"] == {"unit": "elapsed_time", "seconds": 86_400}


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**6), 10**6)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=12)


@given(
    rows=st.lists(
        st.builds(
            RowForm,
            when=st.lists(TEXTS, min_size=2, max_size=2),
            then=st.lists(SCALARS, min_size=1, max_size=1),
            because=TEXTS.filter(str.strip),
            id=st.none() | st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,9}", fullmatch=True),
            rank=st.none() | st.integers(0, 10_000),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_a_table_comes_back_from_a_spreadsheet(rows: list[RowForm]) -> None:
    written = form(rows=msgspec.to_builtins(rows), inputs=[{"fact": "a"}, {"fact": "b"}])

    text = sheet.write(written)

    assert sheet.read(text, then=THEN) == written
    assert sheet.titled(sheet.read(sheet.write(form()), then=THEN), form()) == form()
    cells = [cell for line in csv.reader(io.StringIO(text)) for cell in line]
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        ("", ""),
        ("id,because\n", "/0"),
        ("when request.priority,because\nP1,x\n", "/0"),
        ("id,when request.priority,because\n,P1\n", "/1"),
        ('id,when request.priority,because\n,"P1,x\n', ""),
        ("id,when request.priority,because\n", ""),
        ("id,when request.priority,because\n?,P1,x\n", ""),
        ("id,rank,because\n,1,x\n", "/0"),
        ("id,rank,when request.priority,because\n,P1,x\n", "/1"),
        ("id,rank,when request.priority,because\n,first,P1,x\n", "/1/1"),
        ("id,rank,when request.priority,because\n,-1,P1,x\n", "/1/1"),
        ("id,rank,when request.priority,because\n,1.0,P1,x\n", "/1/1"),
    ],
)
def test_a_sheet_that_is_no_table_is_refused(text: str, pointer: str) -> None:
    with pytest.raises(TableInvalid) as caught:
        sheet.read(text, then=THEN)

    assert caught.value.faults[0].pointer == pointer


def test_rules_beside_a_table_that_is_null_are_told_of_as_rules() -> None:
    rule = {"id": "a", "when": "request.priority == 'P1' && request.priority == 'P2'", "then": THEN}
    document = {"table": None, "rules": [rule | {"because": "It is so."}]}

    found = lint.find(document, documents.read(document, COMMITMENT), COMMITMENT)

    assert [(one.code, one.pointer) for one in found][:1] == [("never-matches", "/rules/0/when")]
