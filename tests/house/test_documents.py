"""Documents name what is there, and tracked files name no machine and no registry."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOP = ("bench", "docs", "examples", "migrations", "scripts", "service", "tests")
CODE = re.compile(r"`([^`\s]+)`")
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")
MACHINE = re.compile(rb"(?<![\w.-])/(?:work|root|home/(?!ada)\w+|tmp)/\w")
"""Absolute paths of a developer's machine. `/home/ada` is the home of nobody, in tests."""
REGISTRY = re.compile(rb"pypi\.org|pythonhosted\.org|registry\.npmjs|crates\.io|://[^\s\"']*/simple\b")


def _documents() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])


def _named_paths(document: Path) -> set[str]:
    named = {each.rstrip("/") for each in CODE.findall(document.read_text())}
    return {each for each in named if each.partition("/")[0] in TOP and "/" in each and "<" not in each}


@pytest.mark.parametrize("document", _documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_document_names_only_paths_that_exist(document: Path) -> None:
    missing = {each for each in _named_paths(document) if not list(ROOT.glob(each))}
    assert missing == set()


@pytest.mark.parametrize("document", _documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_documents_links_lead_somewhere(document: Path) -> None:
    broken = {each for each in LINK.findall(document.read_text()) if not (document.parent / each).exists()}
    assert broken == set()


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True)  # noqa: S607
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("pattern", [MACHINE, REGISTRY], ids=["machine", "registry"])
def test_no_tracked_file_names_a_machine_or_a_registry(
    tracked: list[Path], pattern: re.Pattern[bytes]
) -> None:
    guard = Path(__file__)
    naming = {
        f"{path.relative_to(ROOT)}: {found[0].decode(errors='replace')}"
        for path in tracked
        if path != guard and (found := pattern.search(path.read_bytes()))
    }
    assert naming == set()
