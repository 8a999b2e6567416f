import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rules.language import times
from service.rules.language.bind import FACTS_DEPTH_MAX, FACTS_VALUES_MAX, FAULTS_MAX, TOO_MANY, bind
from service.rules.language.declare import DECLARATIONS_MAX, declarations_from_json, inferred
from service.rules.language.faults import FactFault
from service.rules.language.types import INT, LIST, MAP, STRING, TIMESTAMP, FactType, list_of
from service.rules.language.values import Duration, Timestamp
from tests.effort import cpu_seconds
from tests.unit.language.generators import DECLARATIONS, random_facts, seeded

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(), max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


def declared(**forms: object) -> dict[str, FactType]:
    return dict(
        declarations_from_json({name.replace("__", "."): form for name, form in forms.items()}).declarations
    )


def test_facts_get_their_declared_types() -> None:
    bound = bind(
        {
            "request": {
                "opened_at": "2026-03-02T09:00:00Z",
                "budget": "90m",
                "score": 3,
                "impact": 3.0,
                "note": None,
            },
            "tags": ["a"],
            "undeclared": [1, "x", {"y": None}],
        },
        declared(
            request__opened_at="timestamp",
            request__budget="duration",
            request__score="double",
            request__impact="int",
            tags="list<string>",
        ),
    )

    request = bound.facts["request"]
    assert not bound.faults
    assert isinstance(request, dict)
    assert request["opened_at"] == times.timestamp_of(datetime(2026, 3, 2, 9, tzinfo=UTC))
    assert request["budget"] == Duration(5400 * times.NANOSECONDS)
    assert (type(request["score"]), type(request["impact"])) == (float, int)
    assert "note" not in request
    assert bound.facts["undeclared"] == [1, "x", {}]


def test_a_fact_below_a_declared_map_keeps_its_own_type() -> None:
    declarations = declared(request__custom="map<int>", request__custom__seen_at="timestamp")
    given = {"request": {"custom": {"seen_at": "1970-01-01T00:00:00Z", "count": 1, "odd": "x"}}}

    bound = bind(given, declarations)

    assert bound.facts == {"request": {"custom": {"seen_at": Timestamp(0), "count": 1}}}
    assert [fault.pointer for fault in bound.faults] == ["/request/custom/odd"]


def test_dotted_names_and_nesting_mean_the_same() -> None:
    declarations = declared(request__opened_at="timestamp")
    flat = {"request.opened_at": "2026-03-02T09:00:00Z", "request.priority": "P1", "client.tier": None}
    nested = {"request": {"opened_at": "2026-03-02T09:00:00Z", "priority": "P1"}}

    assert bind(flat, declarations) == bind(nested, declarations)


def test_the_longer_name_wins() -> None:
    assert bind({"a.b": 2, "a": {"b": 1, "c": 3}}, {}).facts == {"a": {"b": 2, "c": 3}}


def test_times_of_python_are_taken_as_they_are() -> None:
    bound = bind({"at": datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), "span": timedelta(hours=1)}, {})

    assert bound.facts == {"at": Timestamp(10**9), "span": Duration(3600 * 10**9)}


@pytest.mark.parametrize(
    ("facts", "pointer", "told"),
    [
        ({"n": "5"}, "/n", "Expected int, found string"),
        ({"n": True}, "/n", "Expected int, found bool"),
        ({"n": 1.5}, "/n", "Expected int, found double"),
        ({"n": 2**63}, "/n", "64 bits"),
        ({"n": 1e300}, "/n", "64 bits"),
        ({"x": "1"}, "/x", "Expected double, found string"),
        ({"x": 2**53 + 1}, "/x", "without rounding"),
        ({"x": math.nan}, "/x", "NaN"),
        ({"s": 1}, "/s", "Expected string, found int"),
        ({"s": "\ud800"}, "/s", "surrogate"),
        ({"b": 1}, "/b", "Expected bool, found int"),
        ({"at": "yesterday"}, "/at", "RFC 3339"),
        ({"at": 5}, "/at", "found int"),
        ({"at": datetime(2026, 3, 2)}, "/at", "no offset"),  # noqa: DTZ001  # that is the fault
        ({"span": "1d"}, "/span", "1h30m"),
        ({"span": timedelta(days=200_000)}, "/span", "292 years"),
        ({"list": "a"}, "/list", "Expected list<string>, found string"),
        ({"list": ["a", 1]}, "/list/1", "Expected string, found int"),
        ({"map": {"a/b": "x"}}, "/map/a~1b", "Expected int, found string"),
        ({"map": []}, "/map", "Expected map<int>, found list"),
        ({"deep": {"inner": -(2**63) - 1}}, "/deep/inner", "64 bits"),
        ({"deep.inner": math.inf}, "/deep.inner", "Infinity"),
        ({"deep": [1, [math.nan]]}, "/deep/1/0", "NaN"),
        ({"deep": {"\ud800": 1}}, "/deep", "surrogate"),
        ({"n": 1, "n.m": 2}, "/n.m", "itself a fact"),
        ({"group": 5}, "/group", "facts below `group`"),
        ({"odd": {1, 2}}, "/odd", "no value of JSON"),
        ({"odd": b"x"}, "/odd", "no value of JSON"),
    ],
)
def test_a_fault_is_pointed_at(facts: dict[str, object], pointer: str, told: str) -> None:
    declarations = declared(
        n="int",
        x="double",
        s="string",
        b="bool",
        at="timestamp",
        span="duration",
        list="list<string>",
        map="map<int>",
        group__fact="int",
    )

    (found,) = bind(facts, declarations).faults

    assert found.pointer == pointer
    assert told in found.message


def test_deep_facts_are_refused() -> None:
    deep: object = 1
    for _ in range(100_000):
        deep = [deep]

    (found,) = bind({"deep": deep}, {}).faults

    assert f"deeper than {FACTS_DEPTH_MAX} levels" in found.message
    assert found.pointer == "/deep" + "/0" * FACTS_DEPTH_MAX


def test_very_many_values_are_refused() -> None:
    (found,) = bind({"many": [0] * 20_000}, {}).faults

    assert "more than 10,000 values" in found.message


@pytest.mark.parametrize("item", [0, None, []])
def test_a_million_items_cost_no_more_than_those_that_are_allowed(item: object) -> None:
    facts = {"request": {"custom": {"d": [item] * 10**6}}}

    assert cpu_seconds(lambda: bind(facts, {})) < 0.1
    assert bind(facts, {}).facts == {"request": {"custom": {}}}
    assert ["more than 10,000 values" in fault.message for fault in bind(facts, {}).faults] == [True]


def test_a_map_of_a_million_entries_costs_no_more_either() -> None:
    facts = {"request": {"custom": {str(number): number for number in range(10**6)}}}

    assert cpu_seconds(lambda: bind(facts, {})) < 0.1
    assert ["more than 10,000 values" in fault.message for fault in bind(facts, {}).faults] == [True]


def test_faults_are_bounded() -> None:
    assert len(bind({"many": [math.nan] * 1_000}, {}).faults) == FAULTS_MAX


@given(facts=st.dictionaries(st.text(st.characters(), max_size=8), JSON, max_size=5))
def test_any_json_is_bound_or_faulted(facts: dict[str, object]) -> None:
    bound = bind(facts, DECLARATIONS)

    if not bound.faults:
        assert repr(bind(dict(bound.facts), DECLARATIONS).facts) == repr(dict(bound.facts))


@given(seed=st.integers(0, 2**32))
def test_binding_twice_is_binding_once(seed: int) -> None:
    once = bind(random_facts(seeded(seed)), DECLARATIONS)

    assert bind(dict(once.facts), DECLARATIONS) == once


def test_declarations_are_read() -> None:
    found = declarations_from_json(
        {
            "request.priority": "string",
            "request.impact": {"type": "int", "values": [1, 2, 3]},
            "tags": "list<string>",
            "request.custom": "map",
            "request.custom.cost": "int",
        }
    )

    assert not found.faults
    assert found.declarations == {
        "request.priority": FactType(STRING),
        "request.impact": FactType(INT, (1, 2, 3)),
        "tags": FactType(list_of(STRING)),
        "request.custom": FactType(MAP),
        "request.custom.cost": FactType(INT),
    }


@pytest.mark.parametrize(
    ("form", "pointer", "told"),
    [
        ({"a": "text"}, "/a", "known are bool, int"),
        ({"a": "list<text>"}, "/a", "no type"),
        ({"a": "null"}, "/a", "no type"),
        ({"a": "list<" * 10_000}, "/a", "no type"),
        ({"a": 1}, "/a", "write the name of a type"),
        ({"a": {}}, "/a/type", "missing"),
        ({"a": {"type": "int", "values": 1}}, "/a/values", "a list"),
        ({"a": {"type": "int", "values": []}}, "/a/values", "Between 1 and"),
        ({"a": {"type": "int", "values": [1, "2"]}}, "/a/values/1", "not of type int"),
        ({"a": {"type": "int", "values": [True]}}, "/a/values/0", "not of type int"),
        ({"a": {"type": "timestamp", "values": ["x"]}}, "/a/values", "cannot have"),
        ({"a..b": "int"}, "/a..b", "joined by dots"),
        ({"a": "int", "a.b": "int"}, "/a.b", "`a` is declared as int"),
    ],
)
def test_a_bad_declaration_is_pointed_at(form: dict[str, object], pointer: str, told: str) -> None:
    (found,) = declarations_from_json(form).faults

    assert found.pointer == pointer
    assert told in found.message


@pytest.mark.parametrize(
    "many",
    [
        {f"n{number}": number for number in range(FACTS_VALUES_MAX + 1)},
        {"list": list(range(FACTS_VALUES_MAX - 10)), "others": [1] * 20},
        {"list": list(range(FACTS_VALUES_MAX - 10)), **{f"n{number}": number for number in range(20)}},
    ],
)
def test_which_facts_are_left_out_does_not_hang_on_the_order_in_which_they_come(
    many: dict[str, object],
) -> None:
    client = {"tier": "gold"}
    as_they_came = bind({"request": {"custom": many}, "client": client}, {})
    as_they_are_kept = bind({"client": client, "request": {"custom": dict(reversed(many.items()))}}, {})

    assert as_they_came == as_they_are_kept
    assert as_they_came.facts["client"] == client
    assert any(fault.message == TOO_MANY for fault in as_they_came.faults)


def test_declarations_are_bounded() -> None:
    found = declarations_from_json({f"a{number}": "int" for number in range(DECLARATIONS_MAX + 1)})

    assert found.faults == (FactFault("", f"More than {DECLARATIONS_MAX:,} facts are declared."),)


def test_declarations_are_inferred() -> None:
    bound = bind(
        {
            "a": {"b": 1, "c": {"d": []}},
            "e": ["x"],
            "f": None,
            "g": {},
            "h": datetime(2026, 3, 2, tzinfo=UTC),
        },
        {},
    )

    assert inferred(bound.facts) == {
        "a.b": FactType(INT),
        "a.c.d": FactType(LIST),
        "e": FactType(list_of(STRING)),
        "g": FactType(MAP),
        "h": FactType(TIMESTAMP),
    }
