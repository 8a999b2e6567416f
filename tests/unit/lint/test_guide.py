import re
from pathlib import Path

from service.rules.findings import CHECKS, Finding, Refused, Severity

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "guides" / "lint.md").read_text()


def test_the_guide_lists_every_code_as_it_is() -> None:
    section = GUIDE.split("## All codes")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]

    assert rows == [
        f"| `{code}` | {check.severity} | {check.refused} | {check.meaning} |"
        for code, check in CHECKS.items()
    ]


def test_only_errors_hold_anything_up() -> None:
    for check in CHECKS.values():
        assert (check.severity is Severity.ERROR) == (check.refused is not Refused.NOTHING)


def test_every_code_is_found_somewhere_and_none_beside_them() -> None:
    """A code that nothing finds is one that the guide promises in vain."""
    sources = [path for path in (ROOT / "service").rglob("*.py") if path.name != "findings.py"]
    text = "\n".join(path.read_text() for path in sources)

    assert [code for code in CHECKS if code != "malformed" and f'"{code}"' not in text] == []
    named = set(re.findall(r'code=(?:MISTYPED|"([a-z-]+)")', text)) - {""}
    assert named <= set(CHECKS)


def test_a_finding_as_a_fault_says_the_same() -> None:
    finding = Finding(
        code="gap", pointer="/table/rows", reason="Some match no row.", remedy="Add one.", line=2, column=3
    )

    assert Finding.of(finding.fault) == finding
    assert finding.fault.detail == "Some match no row. Add one."
