"""JSON from outside: what is taken as it is, and what is refused at its place."""

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api import bodies
from service.api.errors import BodyMalformed, ParameterMalformed
from tests import effort

INT64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
SCALARS = st.none() | st.booleans() | INT64 | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)
STEPS = st.lists(st.integers(0, 3) | TEXT, max_size=6)


class Form(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    count: int = 0
    inner: list[dict[str, int]] = []


def _refused(body: bytes) -> BodyMalformed:
    with pytest.raises(BodyMalformed) as refused:
        bodies.decode(body)
    return refused.value


def _wrapped(value: Any, steps: list[int | str]) -> Any:
    for step in reversed(steps):
        value = {step: value} if isinstance(step, str) else [None] * step + [value]
    return value


def _at(value: Any, pointer: str) -> Any:
    """RFC 6901, written a second time."""
    found = value
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        found = found[name if hasattr(found, "keys") else int(name)]
    return found


@given(value=VALUES)
def test_every_ordinary_value_is_read_as_it_is(value: Any) -> None:
    assert bodies.decode(json.dumps(value).encode()) == value


@given(
    steps=STEPS, hostile=st.sampled_from(["\0", "a\0b", "\ud800", "\udfff!", 2**63, -(2**63) - 1, 10**100])
)
def test_a_hostile_value_is_refused_wherever_it_stands(steps: list[int | str], hostile: object) -> None:
    value = _wrapped(hostile, steps)

    refused = _refused(json.dumps(value).encode())

    assert [_at(value, fault.pointer) for fault in refused.faults] == [hostile]


@given(steps=STEPS)
def test_a_name_given_twice_is_refused_wherever_it_stands(steps: list[int | str]) -> None:
    text = json.dumps(_wrapped("HERE", steps)).replace('"HERE"', '{"a": 1, "b": 2, "a": 1}')

    refused = _refused(text.encode())

    assert [fault.detail for fault in refused.faults] == ["The name 'a' occurs twice; send it once."]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"{} {}", "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b'{"a": 1,}', "not JSON"),
        (b'{"a": "\x01"}', "not JSON"),
        (b"NaN", "NaN, which is not JSON"),
        (b"[-Infinity]", "-Infinity, which is not JSON"),
        (b"\xff", "not UTF-8 at byte 0"),
        (b'"\xed\xa0\x80"', "not UTF-8 at byte 1"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b"[" * 100_000, "nested more than 64 levels"),
        (b'{"a":' * 100_000, "nested more than 64 levels"),
        (b"9" * 5_000, "does not fit into 64 bits"),
    ],
)
def test_what_is_not_json_is_refused_with_the_place(body: bytes, said: str) -> None:
    assert said in str(_refused(body))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"a": [1e400]}', ("/a/0", "This number is too large.")),
        (b'{"a\\u0000": 1}', ("", "Text must not hold the NUL character (\\u0000).")),
        (b'{"a/b": {"~": "\\u0000"}}', ("/a~1b/~0", "Text must not hold the NUL character (\\u0000).")),
    ],
)
def test_what_cannot_be_kept_is_refused_with_a_pointer(body: bytes, said: tuple[str, str]) -> None:
    (fault,) = _refused(body).faults
    assert (fault.pointer, fault.detail) == said


def test_nesting_is_refused_one_level_past_the_limit() -> None:
    assert bodies.decode(b"[" * bodies.DEPTH_MAX + b"]" * bodies.DEPTH_MAX)
    assert "levels deep" in _refused(b"[" * 66 + b"]" * 66).faults[0].detail


def test_the_number_of_faults_is_bounded() -> None:
    assert len(_refused(json.dumps(["\0"] * 40_000).encode()).faults) == bodies.FAULTS_MAX


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b"0," * 131_000 + b'"\\u0041"]',
        b"[" + b"{}," * 87_000 + b'"\\u0041"]',
        b'{"a":' + b"[" * 60 + b"]" * 60 + b"," + b'"b":"' + b"\\u00e9" * 43_000 + b'"}',
        b"[" * 131_000 + b"]" * 131_000,
    ],
)
def test_the_largest_body_is_read_or_refused_quickly(body: bytes) -> None:
    def read() -> None:
        with contextlib.suppress(BodyMalformed):
            bodies.decode(body)

    assert effort.cpu_seconds(read) < 0.1


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        ({"name": 3}, "/name"),
        ({"name": "a", "count": "3"}, "/count"),
        ({"name": "a", "count": True}, "/count"),
        ({"name": "a", "inner": [{}, {"x": 1}, {"x": "1"}]}, "/inner/2"),
        ({"name": "a", "inner": [3]}, "/inner/0"),
        ({}, ""),
        ([], ""),
        ({"name": "a", "other": 1}, ""),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_at_its_place(value: object, pointer: str) -> None:
    with pytest.raises(BodyMalformed) as refused:
        bodies.convert(value, Form)
    assert [fault.pointer for fault in refused.value.faults] == [pointer]


@pytest.mark.parametrize("raw", [b"a%00b", b"a\0b", b"%ED%A0%80", b"\xff", b"%ff"])
def test_a_path_or_query_that_is_no_text_is_refused(raw: bytes) -> None:
    with pytest.raises(ParameterMalformed):
        bodies.refuse_text("query", raw)


@given(text=TEXT)
def test_a_query_of_ordinary_text_is_not_refused(text: str) -> None:
    bodies.refuse_text("query", text.encode())
