"""The guide shows every message with what it may speak of.

After a change: `pytest tests/house/test_messages_guide.py --update-generated`.
"""

from pathlib import Path

import pytest

from service.rationalization.wording import checking, engine
from service.rationalization.wording.domain import VARIABLES, MessageKind, Variable, scanning
from service.rationalization.wording.reading import STEPS_MAX

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "messages.md"
BEGINNING = "Generated from `service/rationalization/wording/domain/messages.py`.\n"


def rendered() -> str:
    rows = [_row(kind, variable) for kind in MessageKind for variable in VARIABLES[kind]]
    head = ["", "| message | variable | type | always there | owed | meaning |", "|---|---|---|:-:|:-:|---|"]
    return "\n".join([*head, *rows]) + "\n"


def _row(kind: MessageKind, variable: Variable) -> str:
    always, owed = ("✓" if held else "" for held in (variable.is_always_there, variable.is_owed))
    return f"| `{kind}` | `{variable.name}` | {variable.type} | {always} | {owed} | {variable.meaning} |"


def test_the_guide_shows_every_message_with_its_variables(pytestconfig: pytest.Config) -> None:
    before, beginning, _ = GUIDE.read_text().partition(BEGINNING)
    wanted = before + beginning + rendered()

    if pytestconfig.getoption("--update-generated"):
        GUIDE.write_text(wanted)

    assert GUIDE.read_text() == wanted, "run with --update-generated, and read the difference"


def test_the_guide_names_every_tag_filter_and_limit() -> None:
    guide = GUIDE.read_text()

    words = [tag for tag in scanning.TAGS if not tag.startswith("end")] + list(engine.FILTERS)
    assert [word for word in words if f"`{word}`" not in guide] == []
    limits = [*checking.limits().values(), engine.ROUNDS_MAX, STEPS_MAX]
    assert [most for most in limits if f"{most:,}" not in guide] == []
