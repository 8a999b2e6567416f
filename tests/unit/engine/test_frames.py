import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rules.documents import RULES_MAX
from service.rules.frames import (
    LENGTH_BYTES,
    REPLIES,
    REQUESTS,
    TERMS_LEAST,
    Answer,
    Answered,
    Ask,
    Failed,
    Limits,
    Load,
    Reads,
    frame,
    packed,
    reads,
)
from service.rules.language.closures import compile_closure
from service.rules.language.parse import parse
from service.rules.language.times import DURATION_MAX, DURATION_MIN, TIMESTAMP_MAX, TIMESTAMP_MIN
from service.rules.language.values import Duration, Facts, Timestamp, Value
from tests.unit.engine.world import random_ruleset, random_snapshot
from tests.unit.language.generators import seeded

EVERYTHING: Reads = {"x": None}


def _crossed(facts: Facts, read: Reads) -> Facts:
    request = REQUESTS.decode(frame(Ask("k", [packed(facts, read)]))[LENGTH_BYTES:])
    assert isinstance(request, Ask)
    return request.snapshots[0]


@pytest.mark.parametrize(
    ("source", "tree"),
    [
        ('request.priority == "P1"', {"request": {"priority": None}}),
        ("has(a.b.c) && x", {"a": {"b": {"c": None}}, "x": None}),
        ("a.b == 1 && a == c", {"a": None, "c": None}),
        ("a == c && a.b == 1", {"a": None, "c": None}),
        ('a["b"] == 1', {"a": None}),
        ("size(a.tags) > a.limit + 1", {"a": {"tags": None, "limit": None}}),
        ("true", {}),
    ],
)
def test_only_what_conditions_name_is_sent(source: str, tree: Reads) -> None:
    assert reads([parse(source)]) == tree


@pytest.mark.parametrize("seed", range(50))
def test_conditions_read_the_same_from_facts_that_crossed_the_pipe(seed: int) -> None:
    rng = seeded(seed)
    ruleset, facts = random_ruleset(rng, "k", rules=30), random_snapshot(rng)

    crossed = _crossed(facts, reads(ruleset.conditions))

    for condition in ruleset.conditions:
        run = compile_closure(condition)
        assert repr(run(crossed)) == repr(run(facts))


SCALARS = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(),
    st.integers(TIMESTAMP_MIN, TIMESTAMP_MAX).map(Timestamp),
    st.integers(DURATION_MIN, DURATION_MAX).map(Duration),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)


@given(VALUES)
def test_values_keep_their_type_and_worth(value: Value) -> None:
    crossed = _crossed({"x": value}, EVERYTHING)["x"]

    assert crossed == value
    assert repr(crossed) == repr(value)


@pytest.mark.parametrize("facts", [{"x": "\ud800"}, {"x": 2**70}, {"x": {1, 2}.__iter__()}])
def test_facts_that_cannot_be_sent_are_a_value_error(facts: Facts) -> None:
    with pytest.raises(ValueError, match="cannot be sent"):
        packed(facts, EVERYTHING)


def test_messages_come_out_as_they_went_in() -> None:
    ask = Ask("t:1", [packed({"x": 1}, EVERYTHING)])
    answered = Answered([Answer([1], [2]), Answer([], [], "late")], is_worn=False)

    assert REPLIES.decode(frame(answered)[LENGTH_BYTES:]) == answered
    assert REPLIES.decode(frame(Failed("no"))[LENGTH_BYTES:]) == Failed("no")
    crossed = REQUESTS.decode(frame(ask)[LENGTH_BYTES:])
    assert isinstance(crossed, Ask)
    assert crossed == Ask("t:1", [{"x": 1}])


def test_a_rule_set_key_that_is_no_text_cannot_be_sent() -> None:
    with pytest.raises(ValueError, match="cannot be sent"):
        frame(Load("\ud800", []))


def test_children_share_half_a_gigabyte_as_far_as_each_has_room_for_the_largest_policy() -> None:
    assert [Limits.shared_by(children).terms_max for children in (1, 2, 3, 4, 64)] == [
        Limits().terms_max,
        Limits().terms_max // 2,
        Limits().terms_max // 3,
        TERMS_LEAST,
        TERMS_LEAST,
    ]
    assert 2 * RULES_MAX < TERMS_LEAST
