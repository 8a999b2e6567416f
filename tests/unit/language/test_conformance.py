"""CEL's own conformance tests: all that lie within the language pass, and what lies outside is refused.

`OUTSIDE` is kept honest both ways: a failing test that it does not name fails the suite, and so does a named
one that passes after all. What lies outside must never be answered wrongly.
"""

import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, cast

import pytest

from service.rules.language import times
from service.rules.language.bind import bind
from service.rules.language.evaluate import evaluate
from service.rules.language.faults import LanguageError
from service.rules.language.parse import parse
from service.rules.language.values import EvaluationError, Value

Test = dict[str, Any]
FILE = Path(__file__).parents[2] / "data" / "cel" / "conformance.json"
TESTS: list[Test] = json.loads(FILE.read_text())["tests"]

OUTSIDE = {
    "unsigned integers": (
        "basic/*/*_uint_*",
        "comparisons/*/*uint*",
        "comparisons/eq_literal/*_list_mixed_type_numbers",
        "conversions/double/uint_*",
        "conversions/string/uint",
        "conversions/uint/*",
        "integer_math/uint64_math/*",
        "integer_math/int64_math/unary_minus_no_overload",
        "lists/in/int_in_uints",
        "lists/in/last",
        "lists/in/singleton",
        "lists/in/uint_in_*",
    ),
    "bytes": (
        "basic/*/*_bytes_*",
        "comparisons/*/*bytes*",
        "conversions/*/bytes*",
        "conversions/bytes/*",
        "parse/bytes_literals/*",
        "string/bytes_concat/*",
        "string/size/bytes_*",
    ),
    "map literals": (
        "comparisons/*/*_map_*",
        "macros/*/map_*",
        "macros/exists/not_map_key",
        "comparisons/in_map_literal/*",
        "comparisons/bound/map_ne_right_false",
        "fields/in/*",
        "fields/map_fields/map_bad_key*",
        "fields/map_fields/map_key_*",
        "fields/map_fields/map_no_such_key*",
        "fields/map_fields/map_value_*",
        "fields/map_has/*",
        "fields/qualified_identifier_resolution/map_key_*",
        "fields/qualified_identifier_resolution/map_value_*",
        "fields/quoted_map_fields/*",
        "lists/size/map",
        "parse/nest/map_literal",
        "parse/selectors/*",
        "plumbing/eval_results/eval_map_results",
    ),
    "dyn(): facts without a declared type are dyn already": (
        "comparisons/*/*_dyn_*",
        "comparisons/*/*_double_int",
        "comparisons/*/*_int_double",
        "comparisons/*/*_int_double_nan",
        "conversions/dyn/*",
        "fields/map_fields/map_field_select_no_such_key_and_true",
        "lists/in/int_in_doubles",
        "lists/index/bad_index_type*",
        "lists/index/index_out_of_bounds_*",
        "lists/index/zero_based_double*",
    ),
    "types as values": ("conversions/type/*", "timestamps/*/toType_*"),
    "macros with two variables": ("macros2/*",),
    "containers and names with a leading dot": ("namespace/namespace/*", "namespace/namespace_shadowing/*"),
    "the strings extension": ("string_ext/*",),
    "null: a fact that is null is absent": ("comparisons/bound/null_eq_left_true",),
}
INSIDE_ALL_THE_SAME = (
    "conversions/type/dyn_no_denotation",
    "conversions/uint/double_uint_max_range",
    "namespace/namespace_shadowing/comprehension_shadowing_nesting",
    "namespace/namespace_shadowing/comprehension_shadowing_parse_only",
)
"""Named by a pattern above, but about something that the language has."""

CLAIMED_MIN = 417


def outside(test_id: str) -> str | None:
    if test_id in INSIDE_ALL_THE_SAME:
        return None
    patterns = ((reason, pattern) for reason, some in OUTSIDE.items() for pattern in some)
    return next((reason for reason, pattern in patterns if fnmatchcase(test_id, pattern)), None)


def value_of(encoded: dict[str, Any]) -> Value:
    """The file's form of a value as ours; KeyError for types that the language does not have."""
    kind, content = encoded["type"], encoded["value"]
    if kind == "list":
        return [value_of(item) for item in content]
    if kind == "map":
        return {str(value_of(key)): value_of(item) for key, item in content}
    plain = {"int": int, "double": float, "bool": bool, "string": str}
    return None if kind == "null" else cast("Value", plain[kind](content))


def is_passed(test: Test) -> bool:
    """Whether we give the answer that the file asks for, and not because we lack a function."""
    try:
        facts = {name: value_of(value) for name, value in test.get("bindings", {}).items()}
        wanted = value_of(test["value"]) if "value" in test else None
        tree = parse(test["expr"])
    except (KeyError, LanguageError):
        return False
    result = evaluate(tree, bind(facts, {}).facts)
    if "dyn(" in test["expr"]:
        return False
    if "error" in test:
        is_unknown = "no such function" in str(result) and not test["id"].startswith(
            "basic/functions/unbound"
        )
        return isinstance(result, EvaluationError) and not is_unknown
    return repr(result) == repr(wanted)


def is_right_or_no_answer(test: Test) -> bool:
    """Whether what lies outside is refused, an error, or a truth that absorbed the error."""
    try:
        result = evaluate(parse(test["expr"]), {})
    except LanguageError:
        return True
    return isinstance(result, EvaluationError) or ("value" in test and result == test["value"]["value"])


@pytest.mark.parametrize("test", [one for one in TESTS if not outside(one["id"])], ids=lambda one: one["id"])
def test_what_lies_within_the_language_is_as_cel_says(test: Test) -> None:
    assert is_passed(test), test


@pytest.mark.parametrize("test", [one for one in TESTS if outside(one["id"])], ids=lambda one: one["id"])
def test_what_lies_outside_is_never_answered_wrongly(test: Test) -> None:
    assert is_right_or_no_answer(test), (outside(test["id"]), test)
    assert not is_passed(test), "claim it: take it out of OUTSIDE"


def test_every_reason_and_pattern_is_needed() -> None:
    patterns = [pattern for some in OUTSIDE.values() for pattern in some]

    unused = [one for one in patterns if not any(fnmatchcase(test["id"], one) for test in TESTS)]

    assert not unused


def test_no_fewer_tests_are_claimed_than_before() -> None:
    assert sum(outside(test["id"]) is None for test in TESTS) >= CLAIMED_MIN


def test_timestamps_keep_nanoseconds() -> None:
    assert times.timestamp_from_text("2026-03-02T09:00:00.000000001Z") != times.timestamp_from_text(
        "2026-03-02T09:00:00Z"
    )
