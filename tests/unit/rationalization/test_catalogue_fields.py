"""The fields of a type: what may be written of them, what they are to rules, and what is said in them."""

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rationalization.catalogue import fields, validation
from service.rationalization.catalogue.fields import ENUM_MAX, FIELDS_MAX, FORMATS, KEYWORDS
from service.rules.language.declare import declarations_from_json
from service.rules.language.times import timestamp_from_text


def _schema(**properties: Any) -> dict[str, Any]:
    return _named(properties)


def _named(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def _pointers(schema: dict[str, Any]) -> list[str]:
    return [fault.pointer for fault in fields.faults_of(schema, "")]


AROUND: list[Any] = [
    (_schema(), []),
    (_schema(site={"type": "string"}) | {"required": ["site"], "additionalProperties": False}, []),
    (_schema(site={"type": "string"}) | {"title": "Fields", "description": "All of them."}, []),
    ({}, ["/type", "/properties"]),
    ({"type": "object"}, ["/properties"]),
    ({"type": "object", "properties": []}, ["/properties"]),
    (_schema() | {"additionalProperties": True}, ["/additionalProperties"]),
    (_schema() | {"additionalProperties": {"$ref": "#"}}, ["/additionalProperties"]),
    (_schema() | {"$ref": "https://example.com"}, ["/$ref"]),
    (_schema() | {"allOf": []}, ["/allOf"]),
    (_schema() | {"$defs": {}, "$id": "x"}, ["/$defs", "/$id"]),
    (_schema() | {"required": "site"}, ["/required"]),
    (
        _schema(a={"type": "string"}) | {"required": ["b", 1, "a", "a"]},
        [f"/required/{at}" for at in (0, 1, 3)],
    ),
    (_schema() | {"title": ""}, ["/title"]),
    (_named({"Größe": {"type": "string"}}), ["/properties/Größe"]),
    (_named({"a/b": {"type": "string"}}), ["/properties/a~1b"]),
    (_named({"": {"type": "string"}}), ["/properties/"]),
    (_named({"a.b": {"type": "string"}}), ["/properties/a.b"]),
]


@pytest.mark.parametrize(("schema", "pointers"), AROUND)
def test_what_is_wrong_around_the_fields_is_named_at_its_place(
    schema: dict[str, Any], pointers: list[str]
) -> None:
    assert _pointers(schema) == pointers


@pytest.mark.parametrize(
    ("field", "below"),
    [
        ({"type": "string", "minLength": 1, "maxLength": 1, "pattern": "^a+$", "format": "uri"}, []),
        ({"type": "integer", "minimum": -1, "maximum": 1, "enum": [1, 2], "const": 1}, []),
        ({"type": "number", "minimum": 0.5}, []),
        ({"type": "boolean", "const": True}, []),
        ({"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 2}, []),
        (True, [""]),
        ({}, ["/type"]),
        ({"type": ["string", "null"]}, ["/type"]),
        ({"type": "object"}, ["/type"]),
        ({"type": "string", "minimum": 1}, ["/minimum"]),
        ({"type": "string", "$ref": "#/x"}, ["/$ref"]),
        ({"type": "string", "anyOf": []}, ["/anyOf"]),
        ({"type": "string", "default": "x"}, ["/default"]),
        ({"type": "string", "minLength": 2, "maxLength": 1}, ["/maxLength"]),
        ({"type": "string", "minLength": True}, ["/minLength"]),
        ({"type": "string", "maxLength": 10**9}, ["/maxLength"]),
        ({"type": "string", "pattern": "("}, ["/pattern"]),
        ({"type": "string", "pattern": "(a)\\1"}, ["/pattern"]),
        ({"type": "string", "pattern": "a" * 257}, ["/pattern"]),
        ({"type": "string", "pattern": "((a{1,100}){1,100}){1,100}"}, ["/pattern"]),
        ({"type": "string", "pattern": 1}, ["/pattern"]),
        ({"type": "string", "format": "regex"}, ["/format"]),
        ({"type": "string", "enum": []}, ["/enum"]),
        ({"type": "string", "enum": ["a", 1]}, ["/enum"]),
        ({"type": "string", "enum": ["x"] * (ENUM_MAX + 1)}, ["/enum"]),
        ({"type": "string", "const": "x" * 501}, ["/const"]),
        ({"type": "integer", "const": 1.0}, ["/const"]),
        ({"type": "integer", "const": True}, ["/const"]),
        ({"type": "integer", "minimum": 2**60}, ["/minimum"]),
        ({"type": "number", "minimum": 2, "maximum": 1}, ["/maximum"]),
        ({"type": "array"}, ["/items"]),
        ({"type": "array", "items": {"type": "array", "items": {"type": "string"}}}, ["/items/type"]),
        ({"type": "array", "items": {"type": "object"}}, ["/items/type"]),
        ({"type": "array", "items": {"type": "string", "pattern": "("}}, ["/items/pattern"]),
        ({"type": "string", "title": "a\x00b"}, ["/title"]),
        ({"type": "string", "description": 7}, ["/description"]),
    ],
)
def test_what_is_wrong_with_a_field_is_named_at_its_place(field: Any, below: list[str]) -> None:
    found = _pointers(_schema(site=field))

    assert found == [f"/properties/site{each}" for each in below]


def test_a_thousand_fields_are_one_fault() -> None:
    schema = _named({f"f{at}": {"nonsense": {}} for at in range(1_000)})

    assert _pointers(schema) == ["/properties"]
    assert _pointers(_named({f"f{at}": {"type": "string"} for at in range(FIELDS_MAX)})) == []


def test_a_deep_schema_is_refused_at_its_second_level() -> None:
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(100_000):
        deep = {"type": "array", "items": deep}

    assert _pointers(_schema(site=deep)) == ["/properties/site/items/type"]


def test_no_fault_repeats_more_than_a_little_of_what_was_written() -> None:
    schema = _schema(site={"type": "string", "x" * 100_000: 1, "pattern": "(" * 200})

    assert all(len(fault.detail) < 600 and len(fault.pointer) < 100 for fault in fields.faults_of(schema, ""))


SCALARS = st.one_of(
    st.fixed_dictionaries(
        {"type": st.just("string")},
        optional={"maxLength": st.integers(5, 50), "minLength": st.integers(0, 5)},
    ),
    st.fixed_dictionaries({"type": st.just("string"), "format": st.sampled_from(FORMATS)}),
    st.fixed_dictionaries({"type": st.just("string"), "enum": st.lists(st.text(max_size=9), min_size=1)}),
    st.fixed_dictionaries(
        {"type": st.just("integer")},
        optional={"minimum": st.integers(-9, 0), "maximum": st.integers(0, 9), "const": st.integers(0, 0)},
    ),
    st.fixed_dictionaries({"type": st.just("number")}, optional={"minimum": st.floats(-9, 0)}),
    st.fixed_dictionaries({"type": st.just("boolean")}),
)
FIELD = st.one_of(
    SCALARS, st.fixed_dictionaries({"type": st.just("array"), "items": SCALARS, "maxItems": st.just(3)})
)
FIELDS = st.dictionaries(st.from_regex(r"\A[a-z][a-z0-9_]{0,9}\Z"), FIELD, max_size=6)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)),
    max_leaves=12,
)


@given(schema=JSON)
def test_whatever_is_written_is_read_or_refused(schema: Any) -> None:
    written = cast("dict[str, Any]", schema) if isinstance(schema, dict) else _schema(site=schema)

    for fault in fields.faults_of(written, "/fields"):
        assert fault.pointer.startswith("/fields")
        assert fault.detail


@given(properties=FIELDS)
def test_what_may_be_written_can_be_validated_and_declared(properties: dict[str, Any]) -> None:
    schema = _named(properties)

    assert fields.faults_of(schema, "") == []
    assert validation.faults_of(schema, {}) == []
    assert declarations_from_json(fields.facts_of(schema)).faults == ()


@given(properties=FIELDS, said=st.dictionaries(st.text(max_size=10), JSON, max_size=6))
def test_a_validator_finds_a_place_and_a_remedy_for_whatever_is_said(
    properties: dict[str, Any], said: dict[str, Any]
) -> None:
    said |= dict(zip(properties, said.values(), strict=False))

    found = validation.faults_of(_named(properties), said)

    assert all(fault.pointer.startswith("/facts/custom/") and fault.detail.endswith(".") for fault in found)
    unknown = {name for name in said if name not in properties}
    assert len({fault.pointer for fault in found}) >= len({name[:100] for name in unknown})
    assert sorted(fault.pointer for fault in found) == [fault.pointer for fault in found]


@given(properties=FIELDS, data=st.data())
def test_what_is_of_another_type_is_always_found(properties: dict[str, Any], data: st.DataObject) -> None:
    if not properties:
        return
    name = data.draw(st.sampled_from(sorted(properties)))

    found = validation.faults_of(_named(properties), {name: {"an": "object"}})

    assert [fault.pointer for fault in found] == [f"/facts/custom/{name}"]


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-05T12:00:00Z",
        "2026-01-05t12:00:00.5+08:00",
        "2016-12-31T23:59:60Z",
        "2026-01-05",
        "",
        "x" * 99,
    ],
)
def test_an_instant_is_one_that_rules_can_read(text: str) -> None:
    schema = _schema(at={"type": "string", "format": "date-time"})

    assert (validation.faults_of(schema, {"at": text}) == []) is (timestamp_from_text(text) is not None)


def test_a_pattern_takes_no_longer_than_it_may_however_long_the_text_is() -> None:
    schema = _schema(text={"type": "string", "pattern": "^(a+)+$"})

    assert validation.faults_of(schema, {"text": "a" * 50}) == []
    assert [fault.pointer for fault in validation.faults_of(schema, {"text": "a" * 50 + "b"})] == [
        "/facts/custom/text"
    ]
    assert "too long" in validation.faults_of(schema, {"text": "a" * 10_000_000})[0].detail


def test_ten_thousand_strange_fields_are_told_of_within_bounds() -> None:
    found = validation.faults_of(_schema(), {f"f{at}": at for at in range(10_000)})

    assert len(found) == validation.FAULTS_MAX


def test_every_type_that_can_be_written_has_a_fact() -> None:
    scalars = {name: {"type": name} for name in KEYWORDS if name != "array"}
    lists = {f"{name}s": {"type": "array", "items": each} for name, each in scalars.items()}

    assert fields.facts_of(_named({**scalars, **lists})) == {
        "request.custom.string": "string",
        "request.custom.integer": "int",
        "request.custom.number": "double",
        "request.custom.boolean": "bool",
        "request.custom.strings": "list<string>",
        "request.custom.integers": "list<int>",
        "request.custom.numbers": "list<double>",
        "request.custom.booleans": "list<bool>",
    }
    assert fields.facts_of(None) == {}
