"""Runs the tests that are stored with a policy: what follows from some facts, and what must. No database."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from service.errors import pointer_to
from service.ids import PolicyId, PolicyVersionId
from service.rules import deciding
from service.rules.deciding import Effective
from service.rules.documents import TestForm
from service.rules.domain import Document, Kind, VersionRef
from service.rules.errors import OutcomeInvalid
from service.rules.findings import Finding
from service.rules.language.bind import bind
from service.rules.matching import RuleSet
from service.rules.reference import ReferenceEngine

BUDGET_SECONDS = 2.0
"""Of processor time, for all tests of a policy."""

_NOBODY = UUID(int=0)
_REF = VersionRef(policy_id=PolicyId(_NOBODY), version_id=PolicyVersionId(_NOBODY), version=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TestResult:
    """What became of one test.

    Attributes:
        expected_outcome: None where the test does not say it.
        rules: the ids of the rules that count, in their order.
        outcome: what they say together, as JSON; None when none counts.
        fault: why the test could not be run, or what in it cannot be.
        passed: whether what followed is what must.
    """

    __test__ = False  # pytest takes it for one of ours otherwise

    name: str
    expected_rules: tuple[str, ...]
    expected_outcome: Mapping[str, Any] | None
    rules: tuple[str, ...] = ()
    outcome: Any = None
    fault: str | None = None
    passed: bool


def run(
    written: Mapping[str, Any],
    document: Document,
    kind: Kind,
    *,
    budget_seconds: float = BUDGET_SECONDS,
    clock: Callable[[], float] = time.thread_time,
) -> list[TestResult]:
    """Run the tests of a document, each by the policy alone. Not to be called where an event loop runs.

    Args:
        written: the document as it was written.
        document: the same, as the reader gave it.
        kind: of the policy.
        budget_seconds: of processor time; the tests that are left when it is used up count as failed.
        clock: seconds of processor time.
    """
    tests = msgspec.convert(written.get("tests") or [], list[TestForm])
    if not tests:
        return []
    engine = ReferenceEngine()
    ruleset = RuleSet("tested", tuple(rule.condition for rule in document.rules))
    policy, late_at = Effective(_REF, document, ruleset), clock() + budget_seconds
    results: list[TestResult] = []
    for test in tests:
        if clock() > late_at:
            too_slow = f"The tests take more than {budget_seconds:g} s; have fewer of them, or fewer rules."
            results.append(_result(test, fault=too_slow))
        else:
            results.append(_run(engine, kind, policy, test))
    return results


def findings(results: Sequence[TestResult]) -> list[Finding]:
    """The tests that failed, as findings of the document."""
    return [
        Finding(
            code="test-fails",
            pointer=pointer_to("/tests", index),
            reason=f"The test {result.name!r} fails: {_difference(result)}",
            remedy="Mend the rules, or the test.",
        )
        for index, result in enumerate(results)
        if not result.passed
    ]


def _run(engine: ReferenceEngine, kind: Kind, policy: Effective, test: TestForm) -> TestResult:
    unusable = bind(test.facts, policy.document.declarations).faults
    if unusable:
        return _result(test, fault=f"the fact at {unusable[0].pointer} is unusable: {unusable[0].message}")
    facts = _nested(test.facts)
    if test.rules and not policy.document.scope.covers(facts):
        return _result(test, fault="the policy is not for a request with these facts; see its `applies_to`.")
    try:
        wanted = None if test.outcome is None else kind.read_outcome(test.outcome)
    except OutcomeInvalid as error:
        told = "; ".join(f"{fault.pointer or '/'}: {fault.detail}" for fault in error.faults)
        return _result(test, fault=f"its outcome is not one of the policy's kind: {told}")
    decided = asyncio.run(deciding.decide(engine, [kind], {kind.name: [policy]}, facts))
    answer = decided.of(kind.name)
    rules = tuple(winner.rule.id for winner in answer.winners)
    as_wanted = test.outcome is None or answer.outcome == wanted
    return TestResult(
        name=test.name,
        expected_rules=tuple(test.rules),
        expected_outcome=test.outcome,
        rules=rules,
        outcome=kind.write_outcome(answer.outcome) if rules else None,
        passed=rules == tuple(test.rules) and as_wanted,
    )


def _result(test: TestForm, *, fault: str) -> TestResult:
    return TestResult(
        name=test.name,
        expected_rules=tuple(test.rules),
        expected_outcome=test.outcome,
        fault=fault,
        passed=False,
    )


def _nested(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """The facts, some of which may go by their dotted names, in the shape of a request's snapshot."""
    by_depth = sorted(facts.items(), key=lambda fact: fact[0].count("."))
    return deciding.overlaid({}, dict(by_depth))


def _difference(result: TestResult) -> str:
    if result.fault is not None:
        return result.fault
    if result.rules != result.expected_rules:
        return f"{_names(result.expected_rules)} should count, and {_names(result.rules)} does."
    wanted, got = (msgspec.json.encode(each).decode() for each in (result.expected_outcome, result.outcome))
    return f"{wanted} should follow, and {got} does."


def _names(rules: Sequence[str]) -> str:
    return ", ".join(f"`{rule}`" for rule in rules) or "no rule"
