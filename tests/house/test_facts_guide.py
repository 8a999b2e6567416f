"""The guide shows the facts as they are declared.

After a change: `pytest tests/house/test_facts_guide.py --update-generated`.
"""

import re
from pathlib import Path

import pytest

from service.rules.vocabulary import FACTS, HISTORY, OWN_PREFIXES, Fact
from tests.histories import COUNT_MAX

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "facts.md"
HEAD = "| fact | type | unit | values | source | what it is |\n|---|---|---|---|---|---|\n"
AFTER = "\n## Facts of your own\n"


def _row(name: str, fact: Fact) -> str:
    values = ", ".join(f"`{value}`" for value in fact.values or ())
    below = "`, below it your own" if f"{name}." in OWN_PREFIXES else "`"
    cells = (f"`{name}{below}", str(fact.type), fact.unit or "", values, fact.source, fact.description)
    return f"| {' | '.join(cells)} |\n"


def rendered(guide: str) -> str:
    before, _, rest = guide.partition(HEAD)
    rows = "".join(_row(name, fact) for name, fact in FACTS.items())
    return f"{before}{HEAD}{rows}{AFTER}{rest.partition(AFTER)[2]}"


def test_the_guide_lists_every_fact_as_it_is_declared(pytestconfig: pytest.Config) -> None:
    if pytestconfig.getoption("--update-generated"):
        GUIDE.write_text(rendered(GUIDE.read_text()))
    guide = GUIDE.read_text()
    assert guide == rendered(guide), "run with --update-generated, and read the difference"


def test_the_guide_says_how_each_fact_of_history_is_counted() -> None:
    section = GUIDE.read_text().partition("## What is counted")[2]

    assert set(re.findall(r"`([a-z]+\.[a-z0-9_]+)`", section)) >= set(HISTORY)
    assert f"{COUNT_MAX:,}" in section
