import math
import time
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rules.language.bind import bind
from service.rules.language.closures import compile_closure
from service.rules.language.encode import json_value
from service.rules.language.evaluate import evaluate
from service.rules.language.parse import parse
from service.rules.language.syntax import Binary, BinaryOperator, Place
from service.rules.language.values import EvaluationError, Facts, Result, Value, equal
from service.rules.language.walk import ELEMENTS_MAX
from tests import effort
from tests.unit.language.generators import (
    DECLARATIONS,
    HERE,
    Case,
    cases,
    random_condition,
    random_facts,
    seeded,
)

FACTS: Facts = bind(
    {
        "request": {
            "priority": "P3",
            "impact": 2,
            "id": 2**53 + 1,
            "epoch_us": 1_772_442_000_000_001,
            "title": None,
            "tags": ["a", None],
            "custom": {"note": "x", "cost-center": 7, "empty": None},
        },
        "tags": [],
        "amount": 2.0**53,
    },
    {},
).facts


def value_of(source: str) -> Result:
    """The result of the plain walk, which the closure has to give as well."""
    tree = parse(source)
    result = evaluate(tree, FACTS)

    assert repr(compile_closure(tree)(FACTS)) == repr(result)
    return result


@pytest.mark.parametrize(
    ("source", "value"),
    [
        # One truth for numbers: compared by what they are worth, never rounded.
        ("request.id == 9007199254740992", False),
        ("request.id == 9007199254740993", True),
        ("request.id == amount", False),
        ("request.id > amount", True),
        ("9007199254740992 == amount", True),
        ("request.epoch_us == 1772442000000000", False),
        ("9223372036854775807 < 9223372036854775808.0", True),
        ("1 == 1.0", True),
        ("1 in [1.0]", True),
        ("[1, [2.0]] == [1.0, [2]]", True),
        ("true == 1", False),
        ("true in [1]", False),
        ('"5" == 5', False),
        ("null == false", False),
        ("0.0 == -0.0", True),
        # NaN is equal to nothing, and not ordered.
        ("0.0 / 0.0 == 0.0 / 0.0", False),
        ("0.0 / 0.0 != 0.0 / 0.0", True),
        ("[0.0 / 0.0] == [0.0 / 0.0]", False),
        ("0.0 / 0.0 in [0.0 / 0.0]", False),
        ("0.0 / 0.0 < 1.0 || 0.0 / 0.0 >= 1.0", False),
        # Strings are code points.
        ('"😀" > "\\uffff"', True),
        ('"é" == "e\\u0301"', False),
        ('"Z" < "a" && "" < "\\u0000"', True),
        ('size("😀é")', 2),
        # Integers cut towards zero; doubles follow IEEE 754.
        ("-7 / 2", -3),
        ("-7 % 3", -1),
        ("7 % -3", 1),
        ("1.0 / 0.0", math.inf),
        ("-1.0 / 0.0", -math.inf),
        ("1e308 * 10.0", math.inf),
        # Facts, absent facts, maps and lists.
        ("has(request.priority)", True),
        ("has(request.title)", False),
        ("has(request.custom.note) && !has(request.custom.empty)", True),
        ("has(nothing.at.all)", False),
        ("request.custom.`cost-center` + 1", 8),
        ('request.custom["cost-center"]', 7),
        ('"note" in request.custom', True),
        ('"empty" in request.custom', False),
        ("1 in request.custom", False),
        ("size(request.custom)", 2),
        ("request.tags.size()", 2),
        ("null in request.tags", True),
        ("request.tags[0.0]", "a"),
        ("[request][0].priority", "P3"),
        ("has([request][0].priority)", True),
        ("has([request][0].title)", False),
        ("request[request.tags[5] == 1 || true ? 'impact' : 'id']", 2),
        ("size(request.tags + [1, 2.5])", 4),
        ("-amount", -(2.0**53)),
        ('"x" in tags', False),
        # Errors are absorbed from both sides.
        ("request.title == 'x' || true", True),
        ("true || request.title == 'x'", True),
        ("1 / 0 == 1 && false", False),
        ("false && 'text'", False),
        ("'text' || true", True),
        ("false ? 1 / 0 : 2", 2),
        # Text.
        (r"'ticket 42'.matches(r'\d+$')", True),
        ("'abc'.matches('^b')", False),
        ("'naïve'.matches('^na.ve$')", True),
        ("matches('a', '[a-c]')", True),
        ("'ab'.startsWith('a') && 'ab'.endsWith('b') && 'ab'.contains('')", True),
        ("string(1e21) + string(0.5) + string(2.0)", "1e+210.52"),
        ("int('-5') + int(2.9) + int(-2.9)", -5),
        ("double('1e3')", 1000.0),
        ("bool('TRUE')", True),
    ],
)
def test_values(source: str, value: Value) -> None:
    found = value_of(source)

    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("request.title", "no such fact: request.title"),
        ("!(request.title == 'x')", "no such fact: request.title"),
        ("nothing.at.all", "no such fact: nothing.at.all"),
        ("request.`a b`.c", "no such fact: request.`a b`.c"),
        ("request.title == null", "no such fact: request.title"),
        ("request.priority.level", "request.priority is of type string and has no field level"),
        ("has(request.priority.level)", "request.priority is of type string and has no field level"),
        ("request.custom['empty']", "no such key: empty"),
        ("request.custom[1]", "no such key: 1"),
        ("request.tags[2]", "out of bounds"),
        ("request.tags[-1]", "out of bounds"),
        ("request.tags[0.5]", "list[double]"),
        ("request.tags[true]", "list[bool]"),
        ("'a' < 1", "string < int"),
        ("true < 1", "bool < int"),
        ("null < null", "null < null"),
        ("[1] < [2]", "list < list"),
        ("1 + 1.0", "int + double"),
        ("1 + true", "int + bool"),
        ("true + true", "bool + bool"),
        ("1 in 'a'", "int in string"),
        ("!1", "wants a bool, found int"),
        ("1 && true", "wants a bool, found int"),
        ("'a' ? 1 : 2", "wants a bool, found string"),
        ("-'a'", "-string"),
        ("9223372036854775807 + 1", "integer overflow"),
        ("-9223372036854775808 - 1", "integer overflow"),
        ("4611686018427387904 * 2", "integer overflow"),
        ("-(-9223372036854775808)", "integer overflow"),
        ("-9223372036854775808 / -1", "integer overflow"),
        ("-9223372036854775808 % -1", "integer overflow"),
        ("1 / 0", "division by zero"),
        ("1 % 0", "modulus by zero"),
        ("[1, 1 / 0]", "division by zero"),
        ("1 in [1, 1 / 0]", "division by zero"),
        ("int(1e19)", "does not fit"),
        ("int('1_0')", "no integer"),
        ("double('0x1p3')", "no double"),
        ("bool('yes')", "no bool"),
        ("size(1)", "size(int)"),
        ("'a'.startsWith(1)", "string.startsWith(int)"),
        ("startsWith('a', 'a')", "no such overload"),
        ("unheard_of(1)", "no such function: unheard_of"),
        ("'a'.matches('(')", "invalid regular expression"),
        (f"'a'.matches('{'a' * 257}')", "longer than 256"),
        ("'a'.matches('(((a{99}){99}){99})')", "invalid regular expression"),
        (r"'a'.matches(r'(a)\1')", "invalid regular expression"),
        ("[1].x", "of type list and has no field x"),
        ("[request][0].title", "no such key: title"),
        ("[request][1].title", "out of bounds"),
        ("has([request][1].title)", "out of bounds"),
        ("has([1].x)", "of type list and has no field x"),
        ("request.priority[0]", "string[int]"),
        ("request.tags[request.title]", "no such fact: request.title"),
        ("request.title[0]", "no such fact: request.title"),
        ("-request.title", "no such fact: request.title"),
        ("request.title + 1", "no such fact: request.title"),
        ("request.title in ['a']", "no such fact: request.title"),
        ("request.title in [1]", "no such fact: request.title"),
        ("size(request.title)", "no such fact: request.title"),
        ("request.title ? 1 : 2", "no such fact: request.title"),
    ],
)
def test_errors(source: str, told: str) -> None:
    found = value_of(source)

    assert isinstance(found, EvaluationError)
    assert told in found.message


def test_an_error_knows_its_place() -> None:
    assert value_of("true &&\n  request.title == 'x'") == EvaluationError(
        "no such fact: request.title", Place(2, 11)
    )


def test_the_leftmost_error_is_told() -> None:
    found = value_of("request.a == 1 && (request.b == 1 || request.c == 1)")

    assert cast("EvaluationError", found).message == "no such fact: request.a"


def test_a_long_text_is_refused_by_a_costly_pattern_at_once() -> None:
    facts: Facts = {"text": "a" * 1_000_000}
    expression = parse(r"text.matches('(a?){500}(a|b|[^x]|\\pL){100}$')")

    found = evaluate(expression, facts)

    assert isinstance(found, EvaluationError)
    assert "too long for this pattern" in found.message
    assert effort.cpu_seconds(lambda: evaluate(expression, facts)) < 0.1


def test_a_long_text_is_matched_by_an_ordinary_pattern() -> None:
    facts: Facts = {"text": "a" * 100_000 + "printer"}

    assert evaluate(parse("text.matches('(?i)(printer|scanner)$')"), facts) is True


def test_texts_cannot_be_grown_without_bound() -> None:
    found = evaluate(parse("size(text + text + text)"), {"text": "a" * 40_000})

    assert isinstance(found, EvaluationError)


def test_a_lone_surrogate_is_an_error_and_no_crash() -> None:
    assert isinstance(evaluate(parse("text.matches('a')"), {"text": "\ud800"}), EvaluationError)


@given(case=cases())
def test_closures_give_what_the_plain_walk_gives(case: Case) -> None:
    facts = bind(case.facts, case.declarations).facts

    assert repr(compile_closure(case.expression)(facts)) == repr(evaluate(case.expression, facts))


@given(case=cases(ordinary=True))
def test_closures_give_what_the_plain_walk_gives_for_ordinary_conditions(case: Case) -> None:
    facts = bind(case.facts, case.declarations).facts

    assert repr(compile_closure(case.expression)(facts)) == repr(evaluate(case.expression, facts))


@given(left=cases(), right=cases(), operator=st.sampled_from([BinaryOperator.AND, BinaryOperator.OR]))
def test_and_and_or_do_not_care_for_order(left: Case, right: Case, operator: BinaryOperator) -> None:
    facts = bind(left.facts, left.declarations).facts

    one = evaluate(Binary(operator, left.expression, right.expression, HERE), facts)
    other = evaluate(Binary(operator, right.expression, left.expression, HERE), facts)

    assert one == other or (isinstance(one, EvaluationError) and isinstance(other, EvaluationError))


@given(case=cases(), data=st.data())
def test_the_order_of_facts_does_not_matter(case: Case, data: st.DataObject) -> None:
    shuffled: dict[str, object] = {}
    for group in data.draw(st.permutations(sorted(case.facts))):
        inner = cast("dict[str, object]", case.facts[group])
        shuffled[group] = {name: inner[name] for name in data.draw(st.permutations(sorted(inner)))}

    one = evaluate(case.expression, bind(case.facts, case.declarations).facts)
    other = evaluate(case.expression, bind(shuffled, case.declarations).facts)

    assert one == other or repr(one) == repr(other)


@given(case=cases())
def test_a_null_fact_is_as_good_as_a_missing_one(case: Case) -> None:
    missing = {
        group: {name: value for name, value in cast("dict[str, object]", inner).items() if value is not None}
        for group, inner in case.facts.items()
    }

    with_nulls = evaluate(case.expression, bind(case.facts, case.declarations).facts)

    assert repr(with_nulls) == repr(evaluate(case.expression, bind(missing, case.declarations).facts))


@given(case=cases())
def test_every_result_has_a_json_form(case: Case) -> None:
    result = evaluate(case.expression, bind(case.facts, case.declarations).facts)

    if not isinstance(result, EvaluationError):
        json_value(result)


@given(seed=st.integers(0, 2**32))
def test_equality_is_reflexive_but_for_nan_and_symmetric(seed: int) -> None:
    facts = bind(random_facts(seeded(seed)), {}).facts
    left, right = facts["request"], facts["client"]

    assert equal(left, left)
    assert equal(left, right) == equal(right, left)


def test_a_hundred_ordinary_conditions_take_little_of_a_millisecond() -> None:
    facts = bind(random_facts(seeded(1)), DECLARATIONS).facts
    conditions = [compile_closure(random_condition(seeded(seed), ordinary=True)) for seed in range(100)]
    seconds: list[float] = []
    for _ in range(50):
        started = time.process_time()
        for condition in conditions:
            condition(facts)
        seconds.append(time.process_time() - started)

    assert min(seconds) < 0.0005


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("request.tags.exists(tag, tag.startsWith('v'))", True),
        ("request.tags.all(tag, size(tag) > 2)", True),
        ("request.tags.exists_one(tag, tag == 'vpn')", True),
        ("request.tags.filter(tag, tag != 'vpn')", ["office"]),
        ("request.tags.map(tag, size(tag))", [3, 6]),
        ("request.custom.exists(key, key == 'site')", True),
        ("request.tags.exists(request, request == 'vpn') && request.impact == 2", True),
        ("request.tags.all(a, request.tags.exists(b, a == b))", True),
    ],
)
def test_a_macro_goes_through_a_list_or_the_keys_of_a_map(expression: str, wanted: Value) -> None:
    facts: Facts = {"request": {"tags": ["vpn", "office"], "impact": 2, "custom": {"site": "north"}}}

    assert evaluate(parse(expression), facts) == wanted


def test_a_macro_goes_through_a_bounded_number_of_elements() -> None:
    tree = parse("request.codes.all(code, code == 1)")

    ones: list[Value] = [1] * ELEMENTS_MAX

    within = evaluate(tree, {"request": {"codes": ones}})
    beyond = evaluate(tree, {"request": {"codes": [*ones, 1]}})

    assert within is True
    assert isinstance(beyond, EvaluationError)
    assert "200 elements at most" in beyond.message
