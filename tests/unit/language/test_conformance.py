"""CEL's own conformance tests: all that lie within the language pass, and what lies outside is refused.

The patterns are kept honest both ways: a failing test that they do not name fails the suite, and so does a
named one that passes after all.
"""

from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.cli import main
from service.rules import conformance
from service.rules.conformance import OUTSIDE, Outcome, Sample
from service.rules.language import times

ROOT = Path(__file__).parents[3]
FILE = ROOT / "tests" / "data" / "cel" / "conformance.json"
GUIDE = ROOT / "docs" / "guides" / "cel-conformance.md"
TESTS = conformance.read(FILE.read_bytes())
CLAIMED_MIN = 417


def named(*, claimed: bool) -> list[Sample]:
    return [one for one in TESTS if (conformance.outside(one["id"]) is None) is claimed]


@pytest.mark.parametrize("test", named(claimed=True), ids=lambda one: one["id"])
def test_what_lies_within_the_language_is_as_cel_says(test: Sample) -> None:
    assert conformance.is_passed(test), test


@pytest.mark.parametrize("test", named(claimed=False), ids=lambda one: one["id"])
def test_what_lies_outside_is_never_answered_wrongly(test: Sample) -> None:
    assert conformance.is_right_or_no_answer(test), (conformance.outside(test["id"]), test)
    assert not conformance.is_passed(test), "claim it: take it out of OUTSIDE"


def test_every_reason_and_pattern_is_needed() -> None:
    patterns = [pattern for some in OUTSIDE.values() for pattern in some]

    unused = [one for one in patterns if not any(fnmatchcase(test["id"], one) for test in TESTS)]

    assert not unused


def test_no_fewer_tests_are_claimed_than_before() -> None:
    assert conformance.judge(TESTS).claimed >= CLAIMED_MIN


def test_the_command_says_what_became_of_each_test(tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text(
        '{"tests": [{"id": "basic/wrong", "expr": "1 + 1", "value": {"type": "int", "value": "3"}}]}'
    )

    told = CliRunner().invoke(main, ["rules", "conformance", str(FILE)])
    wrong = CliRunner().invoke(main, ["rules", "conformance", str(bad), "--json"])

    assert (told.exit_code, wrong.exit_code) == (0, 1)
    assert f"{len(TESTS)} tests" in told.output
    assert "macros2/exists/list_empty" in told.output
    assert '"failed": 1' in wrong.output


def test_the_guide_lists_what_is_not_claimed(pytestconfig: pytest.Config) -> None:
    """After a change: `pytest tests/unit/language/test_conformance.py --update-generated`."""
    if pytestconfig.getoption("--update-generated"):
        GUIDE.write_text(rendered())
    assert GUIDE.read_text() == rendered(), "run with --update-generated, and read the difference"


def rendered() -> str:
    found = conformance.judge(TESTS)
    passed, failed, others = (len(found.of(outcome)) for outcome in Outcome)
    lines = [
        "# CEL conformance",
        "",
        "Made by `pytest tests/unit/language/test_conformance.py --update-generated` from the tests of",
        "google/cel-spec (commit 508bd98, Apache-2.0) but for those on protocol buffers.",
        "`rooted rules conformance FILE` runs them.",
        "",
        f"Of {len(TESTS)} tests {passed} pass, {failed} fail, and {others} are not claimed: each of those is",
        "refused or an error here, never answered wrongly.",
    ]
    for reason in OUTSIDE:
        ids = [one.id for one in found.of(Outcome.NOT_CLAIMED) if one.reason == reason]
        lines += ["", f"## Not claimed: {reason} ({len(ids)})", "", *(f"- `{one}`" for one in ids)]
    return "\n".join([*lines, ""])


def test_timestamps_keep_nanoseconds() -> None:
    assert times.timestamp_from_text("2026-03-02T09:00:00.000000001Z") != times.timestamp_from_text(
        "2026-03-02T09:00:00Z"
    )
