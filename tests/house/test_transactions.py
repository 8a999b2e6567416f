"""One request or job is one transaction, and only three modules end one."""

import ast
from collections.abc import Iterator
from pathlib import Path

import service

ROOT = Path(service.__file__).parent
ENDS_TRANSACTIONS = {"db.py", "platform.py", "schema.py"}
ENDINGS = {"commit", "rollback"}


def _calls(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr


def test_nobody_else_commits_or_rolls_back() -> None:
    offenders = {
        str(path.relative_to(ROOT))
        for path in ROOT.rglob("*.py")
        if str(path.relative_to(ROOT)) not in ENDS_TRANSACTIONS and ENDINGS & set(_calls(path))
    }
    assert offenders == set()
