import math
import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rules.compile.columns import Code, Outcome, Scalar, column
from service.rules.language.values import Duration, Facts, Timestamp, Value
from tests.unit.language.generators import DOUBLES, INTS, STRINGS

NUMBERS = st.one_of(
    st.sampled_from([*INTS, *DOUBLES]), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False)
)
TEXTS = st.one_of(st.sampled_from(STRINGS), st.text(max_size=3))


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"request": {"impact": 2}}, 7),
        ({"request": {"impact": 1}}, 5),
        ({"request": {"impact": 0}}, 4),
        ({"request": {"impact": 1.5}}, 6),
        ({"request": {"impact": 3}}, 8),
        ({"request": {"impact": 2.0}}, 7),
        ({"request": {"impact": True}}, Code.OTHER),
        ({"request": {"impact": "1"}}, Code.OTHER),
        ({"request": {"impact": [1]}}, Code.OTHER),
        ({"request": {"impact": Timestamp(1)}}, Code.OTHER),
        ({"request": {"impact": math.nan}}, Code.NAN),
        ({"request": {"impact": None}}, Code.ABSENT),
        ({"request": {}}, Code.ABSENT),
        ({"request": None}, Code.ABSENT),
        ({}, Code.ABSENT),
        ({"request": "P1"}, Code.UNREACHABLE),
        ({"request": [1]}, Code.UNREACHABLE),
    ],
)
def test_a_value_is_placed_among_the_constants(facts: Facts, code: int) -> None:
    assert column(("request", "impact"), [2, 1, 1.0]).find(facts) == code


def test_every_kind_has_codes_of_its_own() -> None:
    constants: list[Scalar] = [1, "1", True, Timestamp(1), Duration(1)]
    coded = column(("x",), constants)

    assert len({coded.code(constant) for constant in constants}) == len(constants)
    assert max(coded.code(constant) for constant in constants) < coded.size


@pytest.mark.parametrize(
    "neighbours",
    [
        (2**53, 2**53 + 1),
        (2**63 - 2, 2**63 - 1),
        (-(2**63), -(2**63) + 1),
        (1_772_442_000_000_000, 1_772_442_000_000_001),
        (5e-324, 1e-300),
        ('a"', "a!"),
        ("x" * 65_539 + "abc", "abc"),
        ("é", "e\u0301"),
        (Timestamp(1), Timestamp(2)),
    ],
)
def test_neighbours_that_other_encodings_merge_have_different_codes(
    neighbours: tuple[Scalar, Scalar],
) -> None:
    coded = column(("x",), neighbours)

    assert coded.code(neighbours[0]) != coded.code(neighbours[1])


@given(constants=st.lists(NUMBERS, min_size=1), value=NUMBERS)
def test_codes_compare_with_constants_as_the_numbers_do(constants: list[int | float], value: float) -> None:
    coded = column(("x",), constants)

    for constant in constants:
        for compare in (operator.lt, operator.le, operator.eq, operator.ge, operator.gt):
            assert compare(coded.code(value), coded.code(constant)) is compare(value, constant)


@given(constants=st.lists(TEXTS, min_size=1), value=TEXTS)
def test_codes_compare_with_constants_as_the_strings_do(constants: list[str], value: str) -> None:
    coded = column(("x",), constants)

    for constant in constants:
        for compare in (operator.lt, operator.eq, operator.gt):
            assert compare(coded.code(value), coded.code(constant)) is compare(value, constant)


@given(
    constants=st.lists(st.one_of(NUMBERS, TEXTS)), value=st.one_of(NUMBERS, TEXTS, st.none(), st.booleans())
)
def test_a_code_is_always_within_the_column(constants: list[Scalar], value: Value) -> None:
    coded = column(("x",), constants)

    assert 0 <= coded.find({"x": value}) < coded.size


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (True, Outcome.TRUE),
        (False, Outcome.FALSE),
        (1, Outcome.ERROR),
        (0, Outcome.ERROR),
        (None, Outcome.ERROR),
    ],
)
def test_only_a_bool_is_an_outcome(result: object, code: int) -> None:
    assert Outcome(lambda _: result).find({}) == code
