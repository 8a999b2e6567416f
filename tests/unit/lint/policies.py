"""Documents as lint is given them: with facts of any name, and outcomes that nobody reads."""

from collections.abc import Sequence
from typing import Any

from service.commitments.promises import COMMITMENT
from service.rules import documents, lint
from service.rules.domain import Document, HitPolicy, Rule, Scope
from service.rules.findings import Finding
from service.rules.language.parse import parse
from service.rules.language.syntax import Expression
from service.rules.language.types import Declarations

HOUR = {"promises": [{"metric": "resolve", "target": {"unit": "elapsed_time", "seconds": 3600}}]}


def document(
    conditions: Sequence[str | Expression],
    declarations: Declarations,
    *,
    hit_policy: HitPolicy = HitPolicy.FIRST,
    ranks: Sequence[int | None] = (),
    scope: Scope | None = None,
) -> Document:
    rules = [
        Rule(
            id=f"r{index}",
            when="",
            condition=parse(condition) if isinstance(condition, str) else condition,
            outcome=COMMITMENT.read_outcome(HOUR),
            because="It is so.",
            rank=ranks[index] if ranks else None,
        )
        for index, condition in enumerate(conditions)
    ]
    return Document(
        hit_policy=hit_policy,
        declarations=declarations,
        rules=tuple(rules),
        warnings=(),
        scope=Scope() if scope is None else scope,
    )


def findings(given: Document) -> list[Finding]:
    return lint.find({}, given, COMMITMENT)


def rule(name: str, when: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "when": when, "then": HOUR, "because": "It is so.", **more}


def of_written(written: dict[str, Any]) -> list[Finding]:
    """What is found in a document as it was written."""
    return lint.find(written, documents.read(written, COMMITMENT), COMMITMENT)
