"""The tests that are stored with a policy: what passes, and what is said of those that fail."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.commitments.promises import COMMITMENT
from service.rules import documents, testing
from service.rules.testing import TestResult


def _then(seconds: int) -> dict[str, Any]:
    return {"promises": [{"metric": "resolve", "target": {"unit": "elapsed_time", "seconds": seconds}}]}


def _rule(rule_id: str, when: str, seconds: int = 3600) -> dict[str, Any]:
    return {"id": rule_id, "when": when, "then": _then(seconds), "because": "It is so."}


RULES = [
    _rule("p1", "request.priority == 'P1'", 600),
    _rule("big", "request.custom.size > 10"),
    _rule("all", "true"),
]
OWN = {"request.custom.size": "int"}


def _run(*tests: dict[str, Any], **document: Any) -> list[TestResult]:
    written = {"facts": OWN, "rules": RULES, "tests": list(tests), **document}
    return testing.run(written, documents.read(written, COMMITMENT), COMMITMENT)


def _test(rules: list[str], outcome: Any = None, **facts: Any) -> dict[str, Any]:
    return {"name": "one", "facts": facts, "rules": rules} | ({} if outcome is None else {"outcome": outcome})


@pytest.mark.parametrize(
    ("test", "passed"),
    [
        (_test(["p1"], **{"request.priority": "P1"}), True),
        (_test(["p1"], request={"priority": "P1"}), True),
        (_test(["p1"], **{"request.custom.size": 1}, request={"priority": "P1"}), True),
        (_test(["big"], **{"request.custom.size": 11}), True),
        (_test(["all"]), True),
        (_test([]), False),
        (_test(["p1", "all"], **{"request.priority": "P1"}), False),
        (_test(["p1"], _then(600), **{"request.priority": "P1"}), True),
        (_test(["p1"], _then(601), **{"request.priority": "P1"}), False),
    ],
)
def test_a_test_passes_if_what_counts_and_what_follows_is_what_it_says(
    test: dict[str, Any], *, passed: bool
) -> None:
    (result,) = _run(test)

    assert result.passed is passed
    assert (testing.findings([result]) == []) is passed


@pytest.mark.parametrize(
    ("test", "document", "said"),
    [
        (_test(["all"], **{"request.priority": "P1"}), {}, "`all` should count, and `p1` does."),
        (_test([]), {}, "no rule should count, and `all` does."),
        (_test(["all"], _then(1)), {}, '"seconds":1}'),
        (_test(["big"], **{"request.custom.size": "large"}), {}, "the fact at /request.custom.size"),
        (_test(["all"], {"promises": []}), {}, "its outcome is not one of the policy's kind"),
        (_test(["all"]), {"applies_to": {"services": ["mail"]}}, "see its `applies_to`"),
    ],
)
def test_what_is_said_of_a_test_that_fails_names_what_was_expected_and_what_came(
    test: dict[str, Any], document: dict[str, Any], said: str
) -> None:
    (finding,) = testing.findings(_run(test, **document))

    assert (finding.code, finding.pointer) == ("test-fails", "/tests/0")
    assert "'one'" in finding.reason
    assert said in finding.reason


def test_a_finding_points_at_the_test_that_failed() -> None:
    results = _run(_test(["all"]), _test(["p1"]), _test(["all"]), _test([]))

    assert [finding.pointer for finding in testing.findings(results)] == ["/tests/1", "/tests/3"]


def test_tests_that_are_left_when_the_time_is_used_up_fail_and_say_so() -> None:
    written = {"facts": OWN, "rules": RULES, "tests": [_test(["all"])] * 3}
    times: Iterator[float] = iter([0.0, 1.0, 3.0, 3.0])

    results = testing.run(
        written,
        documents.read(written, COMMITMENT),
        COMMITMENT,
        budget_seconds=2,
        clock=lambda: next(times),
    )

    assert [result.passed for result in results] == [True, False, False]
    assert all("2 s" in finding.reason for finding in testing.findings(results))


def test_a_policy_without_tests_passes() -> None:
    assert _run() == []


@given(priority=st.sampled_from(["P1", "P2", None]), size=st.none() | st.integers(0, 20))
def test_a_test_that_says_what_follows_always_passes(priority: str | None, size: int | None) -> None:
    facts = {"request.priority": priority, "request.custom.size": size}
    (seen,) = _run(_test([], **facts))

    (again,) = _run(_test(list(seen.rules), seen.outcome, **facts))

    assert again.passed
