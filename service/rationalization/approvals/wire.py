"""The JSON forms of what happens to an approval."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from service import ids
from service.ids import MemberId
from service.instants import rfc3339
from service.rationalization.approvals.domain import (
    Answered,
    Asked,
    Entry,
    Lapsed,
    TwoNeeded,
    Wanted,
    Withdrawn,
)

KINDS: dict[type[Entry], str] = {
    Asked: "asked",
    Answered: "answered",
    TwoNeeded: "two_needed",
    Lapsed: "lapsed",
    Withdrawn: "withdrawn",
}
"""What an entry is called in its row."""


def detail(entry: Entry) -> dict[str, Any]:
    match entry:
        case Asked():
            return {
                **_wanted_document(entry.wanted),
                "requesters": sorted(str(member_id) for member_id in entry.requesters),
                "deadline_at": _written(entry.deadline_at),
            }
        case Answered():
            return {"seats": sorted(entry.seats), "approves": entry.approves, "because": entry.because}
        case TwoNeeded():
            return {"deadline_at": _written(entry.deadline_at)}
        case Lapsed() | Withdrawn():
            return {}


def asked_of(at: datetime, said: Mapping[str, Any]) -> Asked:
    return Asked(
        at=at,
        wanted=Wanted(
            seats=frozenset(said["seats"]), everyone=said["everyone"], persons_min=said["persons_min"]
        ),
        requesters=frozenset(MemberId(ids.read_id(member_id)) for member_id in said["requesters"]),
        deadline_at=_instant(said["deadline_at"]),
    )


def two_needed_of(at: datetime, said: Mapping[str, Any]) -> TwoNeeded:
    return TwoNeeded(at=at, deadline_at=_instant(said["deadline_at"]))


def _wanted_document(wanted: Wanted) -> dict[str, Any]:
    return {
        "seats": sorted(wanted.seats),
        "everyone": wanted.everyone,
        "persons_min": wanted.persons_min,
    }


def _written(at: datetime | None) -> str | None:
    return None if at is None else rfc3339(at)


def _instant(written: str | None) -> datetime | None:
    return None if written is None else datetime.fromisoformat(written)
