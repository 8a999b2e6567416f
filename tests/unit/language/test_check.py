import time

import pytest
from hypothesis import given

from service.rules.language.bind import bind
from service.rules.language.check import FAULTS_MAX, check, check_condition
from service.rules.language.declare import declarations_from_json, inferred
from service.rules.language.evaluate import evaluate
from service.rules.language.parse import LIST_ITEMS_MAX, parse
from service.rules.language.types import (
    BOOL,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    LIST,
    MAP,
    NULL,
    STRING,
    TIMESTAMP,
    Type,
    TypeName,
    is_assignable,
    list_of,
)
from service.rules.language.values import Duration, EvaluationError, Timestamp, Value
from tests.unit.language.generators import DECLARATIONS, Case, cases

DECLARED = declarations_from_json(
    {
        "request.priority": {"type": "string", "values": ["P1", "P2", "P3"]},
        "request.impact": {"type": "int", "values": [1, 2, 3]},
        "request.opened_at": "timestamp",
        "request.custom": "map",
        "request.score": "double",
        "client.hours": "map<int>",
        "vip": "bool",
        "budget": "duration",
        "tags": "list<string>",
        "grid": "list<list<int>>",
        "anything": "dyn",
    }
).declarations

TYPES: dict[type, TypeName] = {
    bool: TypeName.BOOL,
    int: TypeName.INT,
    float: TypeName.DOUBLE,
    str: TypeName.STRING,
    type(None): TypeName.NULL,
    Timestamp: TypeName.TIMESTAMP,
    Duration: TypeName.DURATION,
    list: TypeName.LIST,
    dict: TypeName.MAP,
}


@pytest.mark.parametrize(
    ("source", "of"),
    [
        ("vip", BOOL),
        ("request.impact + 1", INT),
        ("-request.score", DOUBLE),
        ("request.priority + 'x'", STRING),
        ("null", NULL),
        ("request.custom", MAP),
        ("request.custom.anything.at.all", DYN),
        ("client.hours.monday", INT),
        ("client.hours['monday']", INT),
        ("client", MAP),
        ("tags[0]", STRING),
        ("grid[0]", list_of(INT)),
        ("grid[0][0]", INT),
        ("[]", LIST),
        ("[1, 2]", list_of(INT)),
        ("[1, 'a']", list_of(DYN)),
        ("[1] + [2]", list_of(INT)),
        ("request.opened_at - request.opened_at", DURATION),
        ("request.opened_at - budget", TIMESTAMP),
        ("request.opened_at - anything", DYN),
        ("request.opened_at.getHours('Asia/Shanghai')", INT),
        ("size(tags)", INT),
        ("vip ? 1 : 2", INT),
        ("vip ? 1 : 'a'", DYN),
        ("anything.deeper", DYN),
        ("has(request.custom.note)", BOOL),
        ("1 == 1.0", BOOL),
        ("request.impact < 2.5", BOOL),
        ("2.0 in [request.impact]", BOOL),
        ("'x' in request.custom", BOOL),
        ("anything < anything", BOOL),
    ],
)
def test_types(source: str, of: Type) -> None:
    checked = check(parse(source), DECLARED)

    assert (checked.type, checked.faults) == (of, ())


def test_every_node_has_a_type() -> None:
    tree = parse("request.impact < 2.5 && vip")

    checked = check(tree, DECLARED)

    assert sorted(map(str, checked.types)) == ["bool", "bool", "bool", "double", "int"]


@pytest.mark.parametrize(
    ("source", "column", "told"),
    [
        ("request.priorty == 'P1'", 9, "Did you mean `request.priority`?"),
        ("tag == []", 1, "Did you mean `tags`?"),
        ("has(request.prio)", 13, "There is no fact `request.prio`"),
        ("request.priority.level == 1", 18, "has no field `level`"),
        ("sise(tags) == 1", 1, "Did you mean `size`?"),
        ("dyn(1) == 1", 1, "There is no function `dyn`"),
        ("startsWith(request.priority, 'P') ", 1, "`string.startsWith(string)`"),
        ("request.priority.timestamp() == 1", 18, "`timestamp(string)`"),
        ("size(1) == 1", 1, "`size(string)` or `size(list)`"),
        ("'a' < 1", 5, "string < int is never possible"),
        ("request.impact == '1'", 16, "Write the number without quotes"),
        ("request.opened_at < '2026-03-02T09:00:00Z'", 19, 'Write timestamp("…")'),
        ("budget == '1h'", 8, 'Write duration("…")'),
        ("'a' in request.priority", 5, "contains"),
        ("1 in tags", 3, "int in list<string>"),
        ("tags == 'a'", 6, "list<string> == string"),
        ("vip < 1", 5, "bool < int"),
        ("null < 1", 6, "null < int"),
        ("tags < tags", 6, "list<string> < list<string>"),
        ("request.impact + request.score > 1", 16, "Convert one of them"),
        ("request.impact + 'a' == 'a'", 16, "int + string is not possible"),
        ("-vip", 1, "-bool is not possible"),
        ("!request.impact", 10, "`!` wants true or false"),
        ("vip && request.priority", 16, "`&&` wants true or false here, found string"),
        ("request.impact ? vip : vip", 9, "`?` wants true or false"),
        ("tags['a'] == 'a'", 5, "indexed by int"),
        ("client.hours[1] == 1", 13, "indexed by string"),
        ("vip[0]", 4, "has no items"),
        ("timestamp('soon') < request.opened_at", 11, "RFC 3339"),
        ("duration('1 day') < budget", 10, "no duration"),
        ("request.priority.matches('P[')", 26, "invalid regular expression"),
        ("request.opened_at.getHours('Asia/Shangai') > 8", 28, "no time zone `Asia/Shangai`"),
        ("int('x') == 1", 5, "no integer"),
        ("request.impact", 9, "A condition is true or false; this one is of type int"),
    ],
)
def test_what_cannot_work_is_refused_with_a_remedy(source: str, column: int, told: str) -> None:
    (found,) = check_condition(parse(source), DECLARED).errors

    assert (found.line, found.column) == (1, column)
    assert told in found.message


@pytest.mark.parametrize(
    ("source", "column", "told"),
    [
        (
            "request.priority == 'p1'",
            21,
            'never is "p1"; its values are "P1", "P2", "P3". Did you mean `"P1"`?',
        ),
        ("'P9' != request.priority", 1, 'never is "P9"'),
        ("request.impact in [1, 4]", 23, "never is 4; its values are 1, 2, 3."),
        ("request.priority == null", 18, "Ask with `has(…)`"),
    ],
)
def test_what_looks_wrong_is_warned_of(source: str, column: int, told: str) -> None:
    checked = check_condition(parse(source), DECLARED)

    (found,) = checked.warnings
    assert not checked.errors
    assert (found.line, found.column) == (1, column)
    assert told in found.message


def test_one_mistake_is_told_once() -> None:
    checked = check(parse("request.priorty + 1 < size(request.priorty) && !request.priorty"), DECLARED)

    assert [one.column for one in checked.errors] == [9, 36, 57]


def test_faults_are_bounded_and_found_at_once() -> None:
    names = ", ".join(f"a{number}.b" for number in range(LIST_ITEMS_MAX))
    declarations = declarations_from_json(
        {f"fact.number_{number}": "int" for number in range(1_000)}
    ).declarations
    tree = parse(f"1 in [{names}]")
    started = time.process_time()

    checked = check(tree, declarations)

    assert len(checked.faults) == FAULTS_MAX
    assert time.process_time() - started < 1


def test_suggestions_are_found_at_once_among_names_made_to_be_alike() -> None:
    alike = {f"fact.{'ab' * 20}{number:04d}": "int" for number in range(1_000)}
    tree = parse(" + ".join(f"fact.{'ba' * 20}{number}" for number in range(9)))
    started = time.process_time()

    assert check(tree, declarations_from_json(alike).declarations).errors
    assert time.process_time() - started < 1


def test_long_names_and_values_are_not_repeated_in_messages() -> None:
    declared = declarations_from_json({"fact": {"type": "string", "values": ["y" * 9_000] * 9}}).declarations

    (found,) = check(parse(f"fact == '{'x' * 9_000}'"), declared).warnings

    assert len(found.message) < 1_000


def test_facts_that_are_not_declared_are_dyn_when_the_world_is_open() -> None:
    checked = check(parse("request.new_thing + 1"), DECLARED, is_closed=False)

    assert (checked.type, checked.faults) == (INT, ())


@pytest.mark.parametrize(
    ("wanted", "given_type", "fits"),
    [
        (INT, INT, True),
        (INT, DOUBLE, False),
        (DYN, INT, True),
        (INT, DYN, True),
        (LIST, list_of(INT), True),
        (list_of(INT), LIST, True),
        (list_of(INT), list_of(STRING), False),
        (list_of(list_of(INT)), list_of(list_of(STRING)), False),
        (Type(TypeName.MAP, INT), LIST, False),
    ],
)
def test_assignability(wanted: Type, given_type: Type, *, fits: bool) -> None:
    assert is_assignable(wanted, given_type) is fits


def _is_value_of(value: Value, of: Type) -> bool:
    if of == DYN:
        return True
    if TYPES[type(value)] is not of.name:
        return False
    inner = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []
    return of.element is None or all(_is_value_of(one, of.element) for one in inner)


@given(case=cases())
def test_a_value_is_of_the_type_that_was_foreseen(case: Case) -> None:
    checked = check(case.expression, DECLARATIONS)
    result = evaluate(case.expression, bind(case.facts, case.declarations).facts)

    if not checked.errors and not isinstance(result, EvaluationError):
        assert _is_value_of(result, checked.type)


@given(case=cases())
def test_what_passed_the_check_meets_no_missing_overload(case: Case) -> None:
    checked = check(case.expression, DECLARATIONS)
    result = evaluate(case.expression, bind(case.facts, case.declarations).facts)

    if not checked.faults and DYN not in checked.types and isinstance(result, EvaluationError):
        assert "no such overload" not in result.message
        assert "no such function" not in result.message


@given(case=cases())
def test_facts_suit_the_declarations_inferred_from_them(case: Case) -> None:
    facts = bind(case.facts, {}).facts

    assert not bind(dict(facts), inferred(facts)).faults


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("tags.exists(tag, tag == 1)", "string == int is never possible"),
        ("tags.all(tag, size(tag))", "`all` wants true or false here, found int"),
        ("request.impact.exists(one, true)", "goes through a list or a map; found int"),
        ("tags.exists(tag, tagg == 'x')", "There is no fact `tagg`"),
        ("tags.exists(tag, tag.length > 1)", "is of type string and has no field `length`"),
        ("tags.exists(tag, true) && tag == 'x'", "There is no fact `tag`"),
        ("tags.exists(request, request == 'x')", "`request` hides the facts of that name"),
    ],
)
def test_what_is_wrong_inside_of_a_macro_is_told(source: str, wanted: str) -> None:
    (found,) = check(parse(source), DECLARED).faults

    assert wanted in found.message


@pytest.mark.parametrize(
    ("source", "of"),
    [
        ("tags.map(tag, size(tag))", list_of(INT)),
        ("grid.filter(row, row.exists(cell, cell > 1))", list_of(list_of(INT))),
        ("client.hours.exists_one(day, day == 'mon')", BOOL),
        ("anything.all(one, one == 1)", BOOL),
    ],
)
def test_the_type_of_a_macro(source: str, of: Type) -> None:
    assert check(parse(source), DECLARED).type == of
