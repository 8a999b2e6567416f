"""The JSON in which entries of a run's ledger are kept: what is written once is read for ever."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypedDict, cast
from uuid import UUID

from service import instants
from service.escalations.runs.domain import (
    Acknowledged,
    Begun,
    EndCause,
    Ended,
    Entry,
    HandedOver,
    Held,
    Raised,
    Released,
    Reopened,
    Sent,
    Snoozed,
)
from service.ids import MemberId

Document = dict[str, Any]

KINDS: Mapping[type[Entry], str] = {
    Begun: "begun",
    Sent: "sent",
    Acknowledged: "acknowledged",
    Snoozed: "snoozed",
    HandedOver: "handed_over",
    Raised: "raised",
    Reopened: "reopened",
    Held: "held",
    Released: "released",
    Ended: "ended",
}


class When(TypedDict):
    """What every entry says beside what happened."""

    at: datetime
    received_at: datetime
    id: str


def detail(entry: Entry) -> Document:
    """What an entry says beside when it happened."""
    return {name: _written(getattr(entry, name)) for name in _SAID[type(entry)]}


_SAID: Mapping[type[Entry], tuple[str, ...]] = {
    Begun: ("skips", "by", "reason"),
    Sent: ("step", "repeat", "planned_at", "staffed"),
    Acknowledged: ("by",),
    Snoozed: ("by", "until"),
    HandedOver: ("by", "to", "until"),
    Raised: ("by", "step"),
    Reopened: (),
    Held: ("until",),
    Released: (),
    Ended: ("cause", "by", "reason"),
}


def _written(value: Any) -> Any:
    match value:
        case datetime():
            return instants.rfc3339(value)
        case UUID():
            return str(value)
        case frozenset():
            return sorted(cast("frozenset[int]", value))
        case EndCause():
            return value.value
        case _:
            return value


def entry(kind: str, when: When, said: Mapping[str, Any]) -> Entry:
    """Read an entry.

    Args:
        kind: a value of KINDS.
        when: when it happened, and its id.
        said: its `detail`.

    Raises:
        KeyError: there is no such kind.
    """
    return _ENTRIES[kind](when, said)


_ENTRIES: Mapping[str, Callable[[When, Mapping[str, Any]], Entry]] = {
    "begun": lambda when, said: Begun(
        **when, skips=frozenset(said["skips"]), by=_member(said["by"]), reason=said["reason"]
    ),
    "sent": lambda when, said: Sent(
        **when,
        step=said["step"],
        repeat=said["repeat"],
        planned_at=datetime.fromisoformat(said["planned_at"]),
        staffed=said["staffed"],
    ),
    "acknowledged": lambda when, said: Acknowledged(**when, by=MemberId(UUID(said["by"]))),
    "snoozed": lambda when, said: Snoozed(
        **when, by=MemberId(UUID(said["by"])), until=datetime.fromisoformat(said["until"])
    ),
    "handed_over": lambda when, said: HandedOver(
        **when,
        by=MemberId(UUID(said["by"])),
        to=MemberId(UUID(said["to"])),
        until=datetime.fromisoformat(said["until"]),
    ),
    "raised": lambda when, said: Raised(**when, by=_member(said["by"]), step=said["step"]),
    "reopened": lambda when, _: Reopened(**when),
    "held": lambda when, said: Held(
        **when, until=None if said["until"] is None else datetime.fromisoformat(said["until"])
    ),
    "released": lambda when, _: Released(**when),
    "ended": lambda when, said: Ended(
        **when, cause=EndCause(said["cause"]), by=_member(said["by"]), reason=said["reason"]
    ),
}


def _member(text: str | None) -> MemberId | None:
    return None if text is None else MemberId(UUID(text))
