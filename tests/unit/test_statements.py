"""Statements that become one: each keeps its own values, and JSON keeps its numbers."""

import re
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from service import ids, statements
from service.statements import PLACES_MAX, Statement

THING = Table("thing", MetaData(), Column("id", Uuid), Column("name", Text), Column("said", JSONB))
COUNT = Table("count", MetaData(), Column("n", Integer))


def _filled_in(statement: Statement) -> str:
    """The text with the values in their places."""
    return re.sub(r"\$(\d+)", lambda place: repr(statement.values[int(place[1]) - 1]), statement.text)


def test_rows_are_inserted_by_one_statement_and_json_is_written_out() -> None:
    rows = [{"name": "a", "said": {"at": 1.0}}, {"name": "b", "said": None}]

    insertion = statements.insertion(THING, rows)

    assert insertion.text == "insert into thing (name, said) values ($1, $2), ($3, $4)"
    assert insertion.values == ["a", '{"at":1.0}', "b", None]


def test_a_change_names_the_tenant_and_the_row_first() -> None:
    tenant_id, row_id = ids.new_id(), ids.new_id()

    change = statements.change(THING, tenant_id, row_id, {"said": [], "name": "b"})

    assert change.text == "update thing set said = $3, name = $4 where tenant_id = $1 and id = $2"
    assert change.values == [tenant_id, row_id, "[]", "b"]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([("insert into a values ($1)", 1)], "insert into a values ($1)"),
        (
            [("insert into a values ($1, $2)", 2), ("select $1 from b", 1)],
            "with part_1 as (insert into a values ($1, $2)) select $3 from b",
        ),
        (
            [("insert into a values ($2, $1)", 2), ("delete from b", 0), ("select $1", 1)],
            "with part_1 as (insert into a values ($2, $1)), part_2 as (delete from b) select $3",
        ),
    ],
)
def test_of_several_statements_the_last_one_answers(texts: Sequence[tuple[str, int]], expected: str) -> None:
    several = [Statement(text, [None] * places) for text, places in texts]

    assert statements.together(several).text == expected


@given(st.lists(st.lists(st.integers(), min_size=1, max_size=12), min_size=1, max_size=6))
def test_each_statement_keeps_its_own_values(values: list[list[int]]) -> None:
    several = [statements.insertion(COUNT, [{"n": n} for n in each]) for each in values]

    together = _filled_in(statements.together(several))

    for statement in several:
        assert _filled_in(statement) in together
    assert together.count("insert into") == len(several)


@given(st.lists(st.integers(min_value=0, max_value=PLACES_MAX), max_size=12))
def test_several_are_packed_into_statements_of_which_none_has_too_many_places(places: list[int]) -> None:
    several = [Statement(f"select {number}", [number] * each) for number, each in enumerate(places)]

    packed = statements.packed(several)

    assert [value for each in packed for value in each.values] == [v for each in several for v in each.values]
    assert all(len(each.values) <= PLACES_MAX for each in packed)
    assert all(len(one.values) + len(other.values) > PLACES_MAX for one, other in pairwise(packed))


def test_rows_of_too_many_places_are_inserted_by_several_statements() -> None:
    rows = [{"id": ids.new_id(), "name": str(number), "said": None} for number in range(PLACES_MAX // 3 + 1)]

    packed = statements.packed(statements.insertions(THING, rows))

    assert [len(each.values) for each in packed] == [PLACES_MAX // 3 * 3, 3]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_looks_like_one_however_large_it_is(value: float) -> None:
    written = statements.encode({"value": value})

    assert float(written.removeprefix('{"value":').removesuffix("}")) == value
    assert "." in written or "e-" in written
