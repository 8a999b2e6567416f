"""Policies as files: how they are read, and where in them a fault is."""

from pathlib import Path

import pytest

from service.remote import files
from service.remote.errors import PolicyFileUnusable

BARE = '{"rules": [{"id": "a", "when": "true", "because": "b", "then": {}}]}'
WRAPPED = f'{{"name": "Desk", "kind": "commitment", "document": {BARE}}}'
TABLE = '{"table": {"inputs": [], "rows": [{"id": "r", "when": []}]}}'


def _file(folder: Path, text: str) -> Path:
    path = folder / "desk.json"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "name", "kind", "wrapped"),
    [
        (BARE, "desk", None, False),
        (TABLE, "desk", None, False),
        (WRAPPED, "Desk", "commitment", True),
        (f'{{"document": {TABLE}}}', "desk", None, True),
    ],
    ids=["a document", "a table", "in an object", "in an object without a name"],
)
def test_a_policy_is_called_as_it_says_or_by_its_file(
    tmp_path: Path, text: str, name: str, kind: str | None, *, wrapped: bool
) -> None:
    found = files.read(_file(tmp_path, text))

    assert (found.name, found.kind, found.wrapped) == (name, kind, wrapped)
    assert {"rules", "table"} & set(found.document)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "it is not"),
        ("[]", "object"),
        ('{"name": "x"}', "a policy has `rules` or a `table`"),
        ('{"document": []}', "Expected `object`"),
        (f'{{"document": {BARE}, "kinds": "x"}}', "kinds"),
    ],
    ids=["no JSON", "a list", "no policy", "no document", "an unknown key"],
)
def test_what_is_no_policy_is_refused_with_the_file_and_the_reason(
    tmp_path: Path, text: str, reason: str
) -> None:
    with pytest.raises(PolicyFileUnusable, match=f"desk.json cannot be used: .*{reason}"):
        files.read(_file(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "pointer", "place"),
    [
        (BARE, "/document/rules/0/when", ": /rules/0/when (rule 'a')"),
        (WRAPPED, "/document/rules/0/when", ": /document/rules/0/when (rule 'a')"),
        (TABLE, "/document/table/rows/0/when/1", ": /table/rows/0/when/1 (rule 'r')"),
        (BARE, "/document/rules/7/when", ": /rules/7/when"),
        (BARE, "/document/rules", ": /rules"),
        ('{"rules": {}}', "/document/rules/0/id", ": /rules/0/id"),
        (BARE, "", ""),
    ],
)
def test_a_place_in_a_body_is_a_place_in_the_file(
    tmp_path: Path, text: str, pointer: str, place: str
) -> None:
    path = _file(tmp_path, text)

    assert files.read(path).place_of(pointer) == f"{path}{place}"
