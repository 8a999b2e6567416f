"""How the records of a tenant are chained, and what is wrong with a chain. Pure.

A link's digest is SHA-256 over the 32 bytes of the digest before it (zeros before the first) and the record
in canonical form: the JSON of RFC 8785 in UTF-8, with those of MEMBERS that are not null, except that numbers
keep all their digits. Whoever has the records can compute the chain anew with a JCS library.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, cast

from service.audit.domain import Link, Record
from service.ids import AuditRecordId

GENESIS = Link(0, bytes(hashlib.sha256().digest_size))
"""What stands before the first link."""

MEMBERS = (
    "tenant_id",
    "id",
    "recorded_at",
    "actor",
    "application_id",
    "client_id",
    "action",
    "subject",
    "changes",
    "address",
    "http_request_id",
)


class Flaw(StrEnum):
    """What can be wrong with a chain."""

    LINK_MISSING = "link-missing"
    """The next link has not the next number: one or more were removed."""

    RECORD_MISSING = "record-missing"
    """The link's record was removed."""

    DIGEST_DIFFERS = "digest-differs"
    """The record, or the link, is not what was sealed: it was changed, inserted or moved."""

    NEVER_LISTED = "never-listed"
    """The record has no link and never will: it was not written by this service, or its link was removed."""

    NOT_LINKED = "not-linked"
    """The record has waited too long for its link: no worker seals."""


@dataclass(frozen=True, slots=True)
class Break:
    """A place where a chain does not hold.

    Attributes:
        sequence: of the link, or None for a record that has none.
    """

    flaw: Flaw
    sequence: int | None
    record_id: AuditRecordId


@dataclass(frozen=True, slots=True)
class Linked:
    """A link as it was found, with its record unless that is gone."""

    link: Link
    record_id: AuditRecordId
    record: Record | None


class _Number(str):
    """A number of a JSON text, digit by digit."""

    __slots__ = ()


def digest(before: bytes, record: Record) -> bytes:
    """The digest of a record that follows on `before`."""
    return hashlib.sha256(before + canonical(record)).digest()


def links(head: Link, records: Sequence[Record]) -> list[Link]:
    """The links of records that follow on `head`, in this order."""
    found: list[Link] = []
    for record in records:
        head = Link(head.sequence + 1, digest(head.digest, record))
        found.append(head)
    return found


def follow(head: Link, found: Linked) -> Link | Break:
    """The link after `head`, if it is what the record makes it."""
    if found.link.sequence != head.sequence + 1:
        return Break(Flaw.LINK_MISSING, head.sequence + 1, found.record_id)
    if found.record is None:
        return Break(Flaw.RECORD_MISSING, found.link.sequence, found.record_id)
    if digest(head.digest, found.record) != found.link.digest:
        return Break(Flaw.DIGEST_DIFFERS, found.link.sequence, found.record_id)
    return found.link


def canonical(record: Record) -> bytes:
    """The one way to write a record down: two that differ anywhere are written differently.

    Raises:
        ValueError: the record's changes are no JSON.
    """
    members: dict[str, Any] = {name: _plain(getattr(record, name)) for name in MEMBERS}
    members["changes"] = json.loads(
        record.changes, parse_int=_exact, parse_float=_exact, parse_constant=_refuse
    )
    present = {name: value for name, value in members.items() if value is not None}
    return _written(present).encode()


def _plain(value: object) -> str | None:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return None if value is None else str(value)


def _exact(digits: str) -> _Number:
    """A number without exponent, as PostgreSQL prints it; 1.50 is 1.5, and -0 is 0."""
    whole, _, fraction = digits.partition(".")
    fraction = fraction.rstrip("0")
    shortest = f"{whole}.{fraction}" if fraction else whole
    return _Number("0" if shortest == "-0" else shortest)


def _refuse(constant: str) -> _Number:
    raise ValueError(f"{constant} is no JSON")


def _written(value: object) -> str:
    match value:
        case _Number():
            return str(value)
        case dict():
            return _written_members(cast("Mapping[str, Any]", value))
        case list():
            return "[" + ",".join(_written(item) for item in cast("Sequence[Any]", value)) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def _written_members(members: Mapping[str, Any]) -> str:
    """In the order of UTF-16 code units, as RFC 8785 has it."""
    ordered = sorted(members.items(), key=lambda member: member[0].encode("utf-16-be"))
    return (
        "{"
        + ",".join(f"{json.dumps(name, ensure_ascii=False)}:{_written(value)}" for name, value in ordered)
        + "}"
    )
