"""CEL's own conformance tests (google/cel-spec), run on our language: passed, failed, or not claimed and why.

What the language leaves out is named by patterns over the ids of the tests. It must never be answered
wrongly: a test that is not claimed and gets a wrong answer has failed too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, NotRequired, TypedDict, cast

import msgspec

from service.rules.language.bind import bind
from service.rules.language.evaluate import evaluate
from service.rules.language.faults import LanguageError
from service.rules.language.parse import parse
from service.rules.language.values import EvaluationError, Value

Encoded = Mapping[str, Any]
"""A value as the file has it: `{"type": "int", "value": "2"}`."""

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


class Sample(TypedDict):
    """One test of the file. It asks for a value, or for an error."""

    id: str
    expr: str
    value: NotRequired[Encoded]
    error: NotRequired[list[str]]
    bindings: NotRequired[dict[str, Encoded]]


class _File(msgspec.Struct):
    tests: list[Sample]


class Outcome(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    NOT_CLAIMED = "not claimed"


class Verdict(msgspec.Struct, frozen=True):
    """What became of one test. The reason says why it is not claimed, or what was answered instead."""

    id: str
    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Conformance:
    """What became of all tests, in the order of the file."""

    verdicts: Sequence[Verdict]

    def of(self, outcome: Outcome) -> list[Verdict]:
        return [verdict for verdict in self.verdicts if verdict.outcome is outcome]

    @property
    def claimed(self) -> int:
        return len(self.verdicts) - len(self.of(Outcome.NOT_CLAIMED))


def read(content: bytes) -> list[Sample]:
    """The tests of a file `{"tests": [{"id", "expr", …}]}`.

    Raises:
        ValueError: it is not such a file.
    """
    try:
        tests = msgspec.json.decode(content, type=_File).tests
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"not a file of conformance tests: {error}") from error
    return tests


def judge(tests: Sequence[Sample]) -> Conformance:
    return Conformance([_verdict(test) for test in tests])


def outside(test_id: str) -> str | None:
    """Why a test is not claimed; None for one that is."""
    if test_id in INSIDE_ALL_THE_SAME:
        return None
    patterns = ((reason, pattern) for reason, some in OUTSIDE.items() for pattern in some)
    return next((reason for reason, pattern in patterns if fnmatchcase(test_id, pattern)), None)


def is_passed(test: Sample) -> bool:
    """Whether we give the answer that the file asks for, and not because we lack a function."""
    try:
        facts = {name: _value(value) for name, value in test.get("bindings", {}).items()}
        wanted = _value(test["value"]) if "value" in test else None
        tree = parse(test["expr"])
    except (KeyError, LanguageError):
        return False
    if "dyn(" in test["expr"]:
        return False
    result = evaluate(tree, bind(facts, {}).facts)
    if "error" in test:
        is_unknown = "no such function" in str(result) and not test["id"].startswith(
            "basic/functions/unbound"
        )
        return isinstance(result, EvaluationError) and not is_unknown
    return repr(result) == repr(wanted)


def is_right_or_no_answer(test: Sample) -> bool:
    """Whether what lies outside is refused, an error, or a truth that absorbed the error."""
    try:
        result = evaluate(parse(test["expr"]), {})
    except LanguageError:
        return True
    return isinstance(result, EvaluationError) or ("value" in test and result == test["value"]["value"])


def _verdict(test: Sample) -> Verdict:
    reason = outside(test["id"])
    if reason is None:
        passed = is_passed(test)
        return Verdict(
            test["id"], Outcome.PASSED if passed else Outcome.FAILED, "" if passed else "answered otherwise"
        )
    if is_right_or_no_answer(test):
        return Verdict(test["id"], Outcome.NOT_CLAIMED, reason)
    return Verdict(test["id"], Outcome.FAILED, f"answered wrongly, though not claimed: {reason}")


def _value(encoded: Encoded) -> Value:
    """The file's form of a value as ours; KeyError for types that the language does not have."""
    kind, content = encoded["type"], encoded["value"]
    if kind == "list":
        return [_value(item) for item in content]
    if kind == "map":
        return {str(_value(key)): _value(item) for key, item in content}
    plain = {"int": int, "double": float, "bool": bool, "string": str}
    return None if kind == "null" else cast("Value", plain[kind](content))
