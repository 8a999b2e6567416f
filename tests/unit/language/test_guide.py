"""The examples of the guide are what the language does."""

import json
import re
from pathlib import Path

import pytest

from service.rules import documents, reference
from service.rules.language import bind, declare, lex, overloads, parse, patterns, walk
from service.rules.language.trial import evaluate_expression
from service.rules.tables import cells, table

GUIDE = (Path(__file__).parents[3] / "docs" / "guides" / "policies.md").read_text()
SECTION = GUIDE[GUIDE.index("### Examples") : GUIDE.index("### Bounds")]
FACTS = json.loads(re.findall(r"```json\n(.*?)```", SECTION, re.DOTALL)[0])
DECLARATIONS = {
    "request.priority": "string",
    "request.impact": "int",
    "request.opened_at": "timestamp",
    "request.budget": "duration",
    "request.tags": "list<string>",
    "request.custom": "map",
    "request.title": "string",
}
EXAMPLES = re.findall(r"^\| `{1,2}(.+?)`{1,2} \| (.+) \|$", SECTION, re.MULTILINE)
REFUSED_BY_TYPE = ("7 / 2.0", "request.priority == 2")
"""With declarations these do not get as far as evaluation."""


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 22


@pytest.mark.parametrize(("expression", "gives"), EXAMPLES)
def test_an_example_gives_what_the_guide_says(expression: str, gives: str) -> None:
    source = expression.replace("\\|", "|")
    flat = FACTS if source not in REFUSED_BY_TYPE else {"request": {"priority": "P2"}}

    answer = evaluate_expression(source, flat, None if source in REFUSED_BY_TYPE else DECLARATIONS)

    if gives.startswith("error: "):
        error = answer["error"]
        assert isinstance(error, dict)
        assert error["message"] == gives.removeprefix("error: ")
    else:
        assert answer["value"] == json.loads(gives.strip("`"))


def test_the_bounds_are_those_of_the_code() -> None:
    bounds = GUIDE[GUIDE.index("### Bounds") : GUIDE.index("### Left out")]

    for bound in (
        f"{lex.SOURCE_BYTES_MAX // 1024} KiB, {parse.NODES_MAX:,} parts, {parse.DEPTH_MAX} levels",
        f"{parse.LIST_ITEMS_MAX:,} items",
        f"{parse.MATCHES_MAX} calls; patterns of {patterns.PATTERN_LENGTH_MAX} characters",
        f"{bind.FACTS_VALUES_MAX:,} values, {bind.FACTS_DEPTH_MAX} levels",
        f"{overloads.TEXT_LENGTH_MAX:,} characters, {overloads.ITEMS_MAX:,} items",
        f"{documents.RULES_MAX:,} rules, whose conditions have {documents.CONDITIONS_LENGTH_MAX:,}",
        f"{documents.TESTS_MAX} tests",
        f"{table.COLUMNS_MAX} inputs, {table.ROWS_MAX:,} rows, {cells.CELL_LENGTH_MAX:,} characters",
        f"{cells.TESTS_MAX} values in a cell",
        f"{declare.DECLARATIONS_MAX:,}, each with {declare.VALUES_MAX} allowed values",
        f"{walk.ELEMENTS_MAX} elements; {parse.COST_MAX:,} parts",
        f"{reference.BUDGET_SECONDS} seconds",
    ):
        assert bound in bounds
