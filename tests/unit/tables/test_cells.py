import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rules.language.evaluate import evaluate
from service.rules.language.parse import parse
from service.rules.language.types import (
    BOOL,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    STRING,
    TIMESTAMP,
    FactType,
    list_of,
)
from service.rules.language.values import EvaluationError
from service.rules.tables import cells
from service.rules.tables.cells import CellInvalid, Input

PRIORITY = Input("request.priority", FactType(STRING))
IMPACT = Input("request.impact", FactType(INT))
AMOUNT = Input("request.amount", FactType(DOUBLE))
OPENED_AT = Input("request.opened_at", FactType(TIMESTAMP))
BUDGET = Input("request.budget", FactType(DURATION))
VIP = Input("client.vip", FactType(BOOL))
TAGS = Input("request.tags", FactType(list_of(STRING)))
SITE = Input("request.custom.cost-center", FactType(DYN))


@pytest.mark.parametrize(
    ("cell", "of", "condition"),
    [
        ("", PRIORITY, None),
        (" * ", PRIORITY, None),
        ("-", IMPACT, None),
        ("P1", PRIORITY, 'request.priority == "P1"'),
        ("P1, P2", PRIORITY, 'request.priority in ["P1", "P2"]'),
        ('"a, b", c', PRIORITY, 'request.priority in ["a, b", "c"]'),
        ('">= 3"', PRIORITY, 'request.priority == ">= 3"'),
        (r'"say \"yes\""', PRIORITY, r'request.priority == "say \"yes\""'),
        ("3", IMPACT, "request.impact == 3"),
        (">= 3", IMPACT, "request.impact >= 3"),
        ("<-3", IMPACT, "request.impact < -3"),
        ("[9..17]", IMPACT, "request.impact >= 9 && request.impact <= 17"),
        ("]9..17[", IMPACT, "request.impact > 9 && request.impact < 17"),
        ("(9 .. 17]", IMPACT, "request.impact > 9 && request.impact <= 17"),
        ("1, [9..17]", IMPACT, "(request.impact == 1 || request.impact >= 9 && request.impact <= 17)"),
        ("not(1, 2)", IMPACT, "!(request.impact in [1, 2])"),
        ("null", IMPACT, "!has(request.impact)"),
        ("not(null)", IMPACT, "has(request.impact)"),
        ("[1..2.5)", AMOUNT, "request.amount >= 1.0 && request.amount < 2.5"),
        ("> 2026-03-01T00:00:00Z", OPENED_AT, 'request.opened_at > timestamp("2026-03-01T00:00:00Z")'),
        ("<= 1h30m", BUDGET, 'request.budget <= duration("1h30m")'),
        ("true", VIP, "client.vip == true"),
        ("vpn, mail", TAGS, '("vpn" in request.tags || "mail" in request.tags)'),
        ("not(vpn)", TAGS, '!("vpn" in request.tags)'),
        ("7", SITE, "request.custom.`cost-center` == 7"),
        ("north", SITE, 'request.custom.`cost-center` == "north"'),
        ("= request.impact < 2 || client.vip", PRIORITY, "(request.impact < 2 || client.vip)"),
    ],
)
def test_a_cell_as_a_condition(cell: str, of: Input, condition: str | None) -> None:
    assert cells.condition(cell, of) == condition


@pytest.mark.parametrize(
    ("cell", "of", "told"),
    [
        ("high", IMPACT, "a whole number"),
        ("3.5", IMPACT, "a whole number"),
        ("99999999999999999999", IMPACT, "64 bits"),
        ("soon", OPENED_AT, "2026-03-02T09:00:00Z"),
        ("long", BUDGET, "1h30m"),
        ("yes", VIP, "true or false"),
        ("> true", VIP, "not compared"),
        ("> vpn", TAGS, "not compared"),
        ("P1,", PRIORITY, "between two commas"),
        ("P1, null", PRIORITY, "stands alone"),
        ("P1, *", PRIORITY, "stands alone"),
        ('"P1', PRIORITY, "no end"),
        ('a "b"', PRIORITY, "around the whole value"),
        ("= request.impact <", IMPACT, "Expected a fact"),
        ("= true) || (true", IMPACT, "end of the condition"),
        ("x" * 1_001, PRIORITY, "1,000 characters"),
        (", ".join(map(str, range(201))), IMPACT, "200 values"),
    ],
)
def test_a_cell_that_cannot_be_read_says_why(cell: str, of: Input, told: str) -> None:
    with pytest.raises(CellInvalid, match=told):
        cells.condition(cell, of)


INTS = st.integers(-5, 5)


@given(values=st.lists(INTS, max_size=3), low=INTS, high=INTS, given_=INTS, negated=st.booleans())
def test_a_cell_holds_exactly_when_one_of_its_tests_does(
    values: list[int], low: int, high: int, given_: int, *, negated: bool
) -> None:
    cell = ", ".join([*map(str, values), f"[{low}..{high})"])
    condition = cells.condition(f"not({cell})" if negated else cell, IMPACT)

    held = given_ in values or low <= given_ < high
    assert condition is not None
    assert evaluate(parse(condition), {"request": {"impact": given_}}) is (held is not negated)


@given(text=st.text(max_size=20))
def test_any_text_can_be_asked_for_in_quotes(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')

    condition = cells.condition(f'"{escaped}"', PRIORITY)

    assert condition is not None
    assert evaluate(parse(condition), {"request": {"priority": text}}) is True


@given(cell=st.text(max_size=30))
def test_any_cell_is_read_or_refused(cell: str) -> None:
    try:
        condition = cells.condition(cell, PRIORITY)
    except CellInvalid:
        return
    if condition is not None:
        result = evaluate(parse(f"{condition} && true"), {"request": {"priority": "P1"}})
        assert isinstance(result, bool | EvaluationError)
