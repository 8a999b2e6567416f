from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.rules.checks import samples
from service.rules.compile.columns import column
from service.rules.language.bind import bind
from service.rules.language.types import BOOL, DOUBLE, DURATION, DYN, INT, STRING, TIMESTAMP, FactType, Type
from service.rules.language.values import Duration, Timestamp
from tests.unit.language.generators import DOUBLES, INTS, STRINGS

WHOLE = st.integers(-(2**63), 2**63 - 1) | st.sampled_from(INTS) | st.integers(-3, 3)
BROKEN = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(DOUBLES) | st.floats(-3, 3)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=3) | st.sampled_from(STRINGS)
SPANS = (st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3)).map(Duration)
MOMENTS = st.integers(-3, 3).map(Timestamp)
VALUES: dict[Type, st.SearchStrategy[Any]] = {
    BOOL: st.booleans(),
    INT: WHOLE,
    DOUBLE: BROKEN,
    STRING: TEXTS,
    DURATION: SPANS,
    TIMESTAMP: MOMENTS,
    DYN: st.booleans() | WHOLE | BROKEN | TEXTS,
}
CONSTANTS = st.lists(st.booleans() | WHOLE | BROKEN | TEXTS | SPANS | MOMENTS, max_size=6)


@pytest.mark.parametrize("of", list(VALUES), ids=str)
@settings(max_examples=150)
@given(drawn=st.data(), constants=CONSTANTS)
def test_there_is_a_value_for_every_code_that_a_fact_can_have(
    of: Type, drawn: st.DataObject, constants: list[Any]
) -> None:
    coded = column(("fact",), constants)
    found = samples.values_of(coded, of)

    value = bind({"fact": drawn.draw(VALUES[of])}, {"fact": FactType(of)}).facts.get("fact")
    assert value is None or coded.code(value) in found
    for code, sample in found.items():
        assert coded.code(sample) == code
        assert of == DYN or bind({"fact": sample}, {"fact": FactType(of)}).facts == {"fact": sample}
