"""Policies as files, JSON or YAML: a document, or an object that says its name and kind beside it."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from service.remote import notation
from service.remote.errors import PolicyFileUnusable
from service.remote.notation import NotationInvalid

FILE_BYTES_MAX = 10_000_000
KIND_DEFAULT = "commitment"
RULE = re.compile(r"/(?:rules|(?P<table>table/rows))/(?P<index>\d+)(?:/|$)", re.ASCII)


class _Wrapped(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    document: dict[str, Any]
    name: str | None = None
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """A policy, as it is kept in a file.

    Attributes:
        name: what it is called, in the file or by the file.
        kind: None where the file does not say.
        wrapped: whether the document stands under `document`.
    """

    path: Path
    name: str
    kind: str | None
    document: dict[str, Any]
    wrapped: bool

    def place_of(self, pointer: str) -> str:
        """Where in the file a pointer into an API body leads: with the name of the rule that it is in."""
        within = pointer.removeprefix("/document")
        place = f"{self.path}: {pointer if self.wrapped else within}".rstrip(": ")
        name = _rule_at(self.document, within)
        return f"{place} (rule {name!r})" if name else place


def read(path: Path) -> PolicyFile:
    """The policy in a file. Raises PolicyFileUnusable."""
    content = _object(path)
    if "document" not in content:
        if "rules" not in content and "table" not in content:
            raise PolicyFileUnusable(
                path, "a policy has `rules` or a `table`, or a `document` that has them."
            )
        return PolicyFile(path, path.stem, None, content, wrapped=False)
    try:
        wrapped = msgspec.convert(content, _Wrapped)
    except msgspec.ValidationError as error:
        raise PolicyFileUnusable(path, f"{error}.") from error
    return PolicyFile(path, wrapped.name or path.stem, wrapped.kind, wrapped.document, wrapped=True)


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object in a file. Raises PolicyFileUnusable."""
    return _object(path)


def _object(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise PolicyFileUnusable(path, f"it is larger than {FILE_BYTES_MAX:,} bytes.")
        content = path.read_bytes()
        if path.suffix in notation.SUFFIXES:
            return msgspec.convert(notation.read_yaml(content.decode()), dict[str, Any])
        return msgspec.json.decode(content, type=dict[str, Any])
    except OSError as error:
        raise PolicyFileUnusable(path, f"{error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise PolicyFileUnusable(path, f"it is not UTF-8: {error.reason} at byte {error.start}.") from error
    except msgspec.DecodeError as error:
        raise PolicyFileUnusable(path, f"it is not a JSON object: {error}.") from error
    except NotationInvalid as error:
        raise PolicyFileUnusable(path, str(error)) from error


def _rule_at(document: dict[str, Any], pointer: str) -> str | None:
    """The id of the rule or row that a pointer leads into, if it has one."""
    found = RULE.match(pointer)
    if found is None:
        return None
    try:
        rules = document["rules"] if found["table"] is None else document["table"]["rows"]
        return rules[int(found["index"])].get("id")
    except (AttributeError, IndexError, KeyError, TypeError):
        return None  # that is what is wrong with it
