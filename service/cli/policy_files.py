"""Policy files as the offline commands look at them: read, examined, and where in the file a finding lies."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import msgspec

from service.remote import files as reading
from service.remote import notation
from service.remote.errors import PolicyFileUnusable
from service.remote.files import KIND_DEFAULT, PolicyFile
from service.remote.notation import Position
from service.requests.kinds import KINDS
from service.rules import canonical, documents, lint, testing
from service.rules.domain import Document, Kind
from service.rules.errors import PolicyInvalid
from service.rules.findings import Finding, gravest_first
from service.rules.language.faults import LanguageError
from service.rules.lint import Surroundings


@dataclass(frozen=True)
class Opened:
    """A policy file and its text."""

    file: PolicyFile
    kind: Kind
    text: str

    @cached_property
    def positions(self) -> Mapping[str, Position]:
        return notation.positions(self.text)

    @property
    def is_yaml(self) -> bool:
        return self.file.path.suffix in notation.SUFFIXES

    @property
    def canonical_text(self) -> str:
        """The file as it is best written; its document is one that can be read."""
        return self.written(canonical.canonical(self.file.document))

    def written(self, document: Mapping[str, Any]) -> str:
        """The file with this document."""
        whole = document
        if self.file.wrapped:
            whole = {"name": self.file.name, "kind": self.kind.name, "document": document}
        return notation.write_yaml(whole) if self.is_yaml else canonical.text_of(whole)

    def position_of(self, finding: Finding) -> Position | None:
        """Where in the file a finding lies: at the part itself, or what is around it."""
        pointer = self._in_file(finding.pointer)
        for above in _and_above(pointer):
            found = self.positions.get(above)
            if found is not None:
                return self._inside(found, finding) if above == pointer else found
        return None

    def place_of(self, finding: Finding) -> str:
        """`policy.json:12:15`, or only the file where it is not known better."""
        found = self.position_of(finding)
        return str(self.file.path) if found is None else f"{self.file.path}:{found.line}:{found.column}"

    def _in_file(self, pointer: str) -> str:
        return f"/document{pointer}" if self.file.wrapped else pointer

    def _inside(self, start: Position, finding: Finding) -> Position:
        """The place in a condition that stands on one line of the file, as it is, without escapes."""
        condition = _at(self.file.document, finding.pointer)
        if finding.line != 1 or finding.column is None or not isinstance(condition, str):
            return start
        line = self.text.splitlines()[start.line - 1]
        quote = 1 if line[start.column - 1 : start.column] in {'"', "'"} else 0
        first = start.column - 1 + quote
        is_as_written = line[first:].startswith(condition[: finding.column])
        return replace(start, column=first + finding.column) if is_as_written else start


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found in a file; without a document when it cannot be read."""

    opened: Opened
    document: Document | None
    findings: list[Finding]

    def to_json(self) -> dict[str, object]:
        return {
            "file": str(self.opened.file.path),
            "findings": [_told(finding, self.opened.position_of(finding)) for finding in self.findings],
        }


def opened(path: Path) -> Opened:
    """A policy file. Raises PolicyFileUnusable."""
    file = reading.read(path)
    kind = KINDS.get(file.kind or KIND_DEFAULT)
    if kind is None:
        known = ", ".join(KINDS)
        raise PolicyFileUnusable(path, f"{file.kind!r} is not a kind of policy; known are {known}.")
    return Opened(file, kind, path.read_text(encoding="utf-8"))


def looked_at(opened: Opened, own: Mapping[str, Any], around: Surroundings | None) -> Seen:
    """What a server would find in a policy when it is saved; and where it is published, if that is known.

    Args:
        opened: the file.
        own: the tenant's own facts, in the form of a document's `facts`.
        around: where it is to be published.
    """
    written, kind = opened.file.document, opened.kind
    try:
        document = documents.read(written, kind, own=own)
    except PolicyInvalid as refused:
        return Seen(opened, None, list(map(Finding.of, refused.faults)))
    found = [
        *lint.find(written, document, kind),
        *testing.findings(testing.run(written, document, kind)),
        *([] if around is None else lint.find_around(written, document, kind, around)),
    ]
    return Seen(opened, document, gravest_first(found))


def formatted(opened: Opened) -> str:
    """The file in its canonical form. Raises PolicyFileUnusable."""
    path = opened.file.path
    refuse_unreadable(opened)
    if opened.is_yaml and notation.has_comments(opened.text):
        raise PolicyFileUnusable(
            path, "it has comments, which would be lost; say it in `because`, or leave them out."
        )
    return opened.canonical_text


def refuse_unreadable(opened: Opened) -> None:
    """Raises PolicyFileUnusable where the form of the document is wrong; not where it names unknown facts."""
    try:
        canonical.canonical(opened.file.document)
    except (msgspec.ValidationError, LanguageError) as error:
        raise PolicyFileUnusable(
            opened.file.path, f"{error}. Run `rooted policy lint` for the place."
        ) from error


def _and_above(pointer: str) -> Iterator[str]:
    """The pointer, and those of all that it lies in, the nearest first."""
    yield pointer
    while pointer:
        pointer = pointer.rpartition("/")[0]
        yield pointer


def _at(document: object, pointer: str) -> object:
    found = document
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, Mapping):
            found = cast("Mapping[str, object]", found).get(name)
        elif isinstance(found, list) and name.isdecimal():
            items = cast("list[object]", found)
            found = items[int(name)] if int(name) < len(items) else None
        else:
            return None
    return found


def _told(finding: Finding, position: Position | None) -> dict[str, object]:
    place = {} if position is None else {"line": position.line, "column": position.column}
    return {
        "code": finding.code,
        "severity": finding.severity,
        "refused": finding.refused,
        "pointer": finding.pointer,
        "reason": finding.reason,
        "remedy": finding.remedy,
        **place,
    }
