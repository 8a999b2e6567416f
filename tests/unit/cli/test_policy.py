"""The offline commands, as somebody runs them who keeps policies in git."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from service.cli import main
from service.remote import notation
from service.remote.notation import NotationInvalid

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted(ROOT.glob("examples/*/policy.json"))
THEN: dict[str, Any] = {
    "promises": [{"metric": "resolve", "target": {"unit": "elapsed_time", "seconds": 3600}}]
}
TABLE: dict[str, Any] = {
    "inputs": [{"fact": "request.priority", "name": "Priority"}],
    "outputs": [{"at": "/promises/0/target/seconds"}],
    "then": THEN,
    "rows": [
        {"id": "urgent", "when": ["P1"], "then": [600], "because": "Urgent."},
        {"when": ["*"], "then": [None], "because": "The rest."},
    ],
}


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["policy", *map(str, arguments)])


def rule(name: str, when: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "when": when, "then": THEN, "because": "It is so.", **more}


def written(folder: Path, document: dict[str, Any], *, name: str = "p.json") -> Path:
    path = folder / name
    whole = {"name": "p", "kind": "commitment", "document": document}
    path.write_text(notation.write_yaml(whole) if name.endswith("yaml") else json.dumps(whole, indent=2))
    return path


def test_there_are_examples() -> None:
    assert EXAMPLES


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_what_is_shipped_is_clean_and_in_its_canonical_form(path: Path) -> None:
    calendar = path.parent / "calendar.json"
    linted = run("lint", path, *(["--calendars", calendar] if calendar.exists() else []), "--strict")
    formatted = run("fmt", path, "--check")

    assert linted.exit_code == 0, linted.output
    assert formatted.exit_code == 0, formatted.output


def test_a_finding_is_told_with_its_place_in_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, {"rules": [rule("a", "true && request.priorty == 'P1'")]})

    refused = run("lint", path)

    line = next(number for number, text in enumerate(path.read_text().splitlines(), 1) if "priorty" in text)
    column = path.read_text().splitlines()[line - 1].index("priorty") + 1
    assert refused.exit_code == 1
    assert refused.output.startswith(
        f"{path}:{line}:{column}: /rules/0/when: error unknown-fact: There is no fact `request.priorty`; "
        "Did you mean `request.priority`?"
    )


@pytest.mark.parametrize("name", ["p.json", "p.yaml"])
def test_warnings_pass_unless_strict(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, {"rules": [rule("a", "true"), rule("b", "client.tier == 'gold'")]}, name=name)

    lenient, strict = run("lint", path), run("lint", path, "--strict")

    assert (lenient.exit_code, strict.exit_code) == (0, 1)
    assert (
        "warning shadowed: This rule never counts: whenever it matches, 'a' before it does; " in strict.output
    )


def test_findings_can_be_read_by_programs(tmp_path: Path) -> None:
    path = written(tmp_path, {"table": TABLE | {"rows": TABLE["rows"][:1]}})

    found: dict[str, Any] = json.loads(run("lint", path, "--json").stdout)

    (finding,) = found["files"][0]["findings"]
    assert (finding["code"], finding["severity"], finding["pointer"]) == ("gap", "warning", "/table/rows")
    line = path.read_text().splitlines()[int(finding["line"]) - 1]
    assert line.strip() == '"rows": ['


def test_calendars_are_looked_at_when_they_are_given(tmp_path: Path) -> None:
    target = {"unit": "working_time", "seconds": 3600}
    then = {"promises": [{"metric": "resolve", "target": target, "calendar": "office"}]}
    path = written(tmp_path, {"rules": [rule("a", "true", then=then)]})
    closed = tmp_path / "office.json"
    closed.write_text(json.dumps({"tz": "UTC", "weekly": {}}))

    assert run("lint", path).exit_code == 0
    refused = run("lint", path, "--calendars", closed)
    unknown = run("lint", path, "--calendars", ROOT / "examples" / "uci498" / "calendar.json")

    assert "error closed-calendar" in refused.output
    assert "error unknown-calendar: There is no calendar 'office'" in unknown.output
    assert (refused.exit_code, unknown.exit_code) == (1, 1)


def test_policies_beside_one_another_are_told_of(tmp_path: Path) -> None:
    first = written(tmp_path, {"rules": [rule("a", "true")]}, name="first.json")
    second = written(tmp_path, {"rules": [rule("b", "true")]}, name="second.json")

    assert "notice never-asked: 'p' always answers before" in run("lint", first, second).output


def test_a_file_that_is_no_policy_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("rules: [\n")

    for command in ("lint", "fmt", "test"):
        refused = run(command, path)
        assert refused.exit_code == 1
        assert f"{path} cannot be used: it is not YAML in line 2" in refused.output


def test_formatting_changes_the_file_once(tmp_path: Path) -> None:
    path = written(tmp_path, {"rules": [rule("a", "  request.priority=='P1'||true ")]})

    checked, before = run("fmt", path, "--check"), path.read_text()
    formatted, after = run("fmt", path), path.read_text()
    again = run("fmt", path, "--check")

    assert (checked.exit_code, formatted.exit_code, again.exit_code) == (1, 0, 0)
    assert "request.priority=='P1'" in before
    assert json.loads(after)["document"]["rules"][0]["when"] == 'request.priority == "P1" || true'


def test_yaml_is_formatted_as_yaml_and_comments_are_not_lost(tmp_path: Path) -> None:
    path = written(tmp_path, {"rules": [rule("a", "true", because="So # it is.")]}, name="p.yaml")

    assert run("fmt", path).exit_code == 0
    formatted = path.read_text()
    path.write_text(f"{formatted}# Ours.\n")
    refused = run("fmt", path)

    assert yaml.safe_load(formatted)["document"]["rules"][0]["because"] == "So # it is."
    assert refused.exit_code == 1
    assert "comments, which would be lost" in refused.output
    assert path.read_text().endswith("# Ours.\n")


def test_a_difference_is_told_by_rule_and_column(tmp_path: Path) -> None:
    old = written(tmp_path, {"table": TABLE}, name="old.json")
    rows = [TABLE["rows"][0] | {"when": ["P1, P2"], "then": [900]}, *TABLE["rows"][1:]]
    new = written(tmp_path, {"table": TABLE | {"rows": rows}, "order": 3}, name="new.json")

    told = run("diff", old, new)

    assert told.output.splitlines() == [
        "the policy",
        "  + /order: 3",
        "urgent",
        '  ~ when request.priority: "P1" → "P1, P2"',
        "  ~ then /promises/0/target/seconds: 600 → 900",
    ]
    assert run("diff", old, old).output == "They say the same.\n"
    assert len(json.loads(run("diff", old, new, "--json").output)["differences"]) == 3


def test_stored_tests_are_run(tmp_path: Path) -> None:
    tests = [
        {"name": "urgent", "facts": {"request.priority": "P1"}, "rules": ["urgent"]},
        {"name": "other", "facts": {"request.priority": "P2"}, "rules": ["urgent"]},
    ]
    path = written(tmp_path, {"table": TABLE, "tests": tests})

    tried = run("test", path)

    assert tried.exit_code == 1
    assert "passed: urgent" in tried.output
    assert "error test-fails: The test 'other' fails" in tried.output


def test_a_table_goes_to_a_sheet_and_comes_back(tmp_path: Path) -> None:
    path, sheet = written(tmp_path, {"table": TABLE}), tmp_path / "table.csv"
    assert run("fmt", path).exit_code == 0
    before = path.read_text()

    sheet.write_text(run("table", "export", path).output)
    same = run("table", "import", path, sheet)
    unchanged = path.read_text()
    sheet.write_text(sheet.read_text().replace("600", "900"))
    changed = run("table", "import", path, sheet)

    assert (same.exit_code, changed.exit_code) == (0, 0), changed.output
    assert unchanged == before
    assert json.loads(path.read_text())["document"]["table"]["rows"][0]["then"] == [900]
    assert json.loads(path.read_text())["document"]["table"]["inputs"] == TABLE["inputs"]


def test_a_bad_sheet_is_refused_with_its_row_and_changes_nothing(tmp_path: Path) -> None:
    path, sheet = written(tmp_path, {"table": TABLE}), tmp_path / "table.csv"
    sheet.write_text("id,when request.priority,because\nurgent,P1\n")
    before = path.read_text()

    refused = run("table", "import", path, sheet)

    assert refused.exit_code == 1
    assert "row 2: Expected 3 cells, found 2." in refused.output
    assert path.read_text() == before


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12)
    | st.sampled_from(["yes", "null", "~", "1", "1e3", "0x1F", "2026-03-02", "- a", "# b", "a: b", "'", ""]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc-_.", max_size=5), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(value=JSON)
def test_what_is_written_as_yaml_reads_the_same(value: object) -> None:
    assert notation.read_yaml(notation.write_yaml(value)) == value


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: &x 1\nb: *x\n", "alias"),
        ("a: 1\na: 2\n", "`a` in line 2 is there already"),
        ("? [1]\n: 2\n", "the key in line 1 is no text"),
        ("[" * 100 + "]" * 100, "deeper than 64"),
    ],
)
def test_yaml_that_json_cannot_say_is_refused(text: str, told: str) -> None:
    with pytest.raises(NotationInvalid, match=told):
        notation.read_yaml(text)
