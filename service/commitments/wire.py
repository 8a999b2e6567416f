"""The JSON in which terms and ledger entries are kept: what is written once is read for ever."""

from collections.abc import Callable, Mapping
from datetime import datetime, time, timedelta
from typing import Any, cast

from service import instants
from service.commitments.domain import (
    Announced,
    Assigned,
    BusinessDaysTarget,
    CalendarKey,
    Cancelled,
    ElapsedTarget,
    EndOfBusinessDayTarget,
    Fulfilled,
    InstantTarget,
    LedgerEntry,
    Level,
    OnChange,
    OnReopen,
    Paused,
    Reopened,
    Resumed,
    Retermed,
    Silence,
    Started,
    Target,
    Terms,
    Threshold,
    TimeOfBusinessDayTarget,
    Told,
    Turn,
    WorkingTarget,
)
from service.commitments.domain.ledger import Entry

Document = dict[str, Any]

_MICROSECOND = timedelta(microseconds=1)

KINDS: Mapping[type[Entry], str] = {
    Started: "started",
    Retermed: "retermed",
    Paused: "paused",
    Resumed: "resumed",
    Fulfilled: "fulfilled",
    Reopened: "reopened",
    Cancelled: "cancelled",
    Assigned: "assigned",
    Announced: "announced",
    Told: "told",
}


def target_document(target: Target) -> Document:
    match target:
        case WorkingTarget(seconds=seconds):
            return {"unit": "working_time", "seconds": seconds}
        case ElapsedTarget(seconds=seconds):
            return {"unit": "elapsed_time", "seconds": seconds}
        case BusinessDaysTarget(days=days):
            return {"unit": "business_days", "days": days}
        case EndOfBusinessDayTarget(days=days):
            return {"unit": "end_of_business_day", "days": days}
        case TimeOfBusinessDayTarget(days=days, time=local):
            return {"unit": "time_of_business_day", "days": days, "time": local.isoformat()}
        case InstantTarget(at=at):
            return {"unit": "instant", "at": instants.rfc3339(at)}


def target_of(document: Mapping[str, Any]) -> Target:
    """Read a target. Raises KeyError for a unit that there is not."""
    return _TARGETS[document["unit"]](document)


_TARGETS: Mapping[str, Callable[[Mapping[str, Any]], Target]] = {
    "working_time": lambda document: WorkingTarget(document["seconds"]),
    "elapsed_time": lambda document: ElapsedTarget(document["seconds"]),
    "business_days": lambda document: BusinessDaysTarget(document["days"]),
    "end_of_business_day": lambda document: EndOfBusinessDayTarget(document["days"]),
    "time_of_business_day": lambda document: TimeOfBusinessDayTarget(
        document["days"], time.fromisoformat(document["time"])
    ),
    "instant": lambda document: InstantTarget(datetime.fromisoformat(document["at"])),
}


def terms_document(terms: Terms) -> Document:
    warn_before = terms.warn_before
    return {
        "metric": terms.metric,
        "target": target_document(terms.target),
        "calendar": terms.calendar,
        "pausable_by": sorted(terms.pausable_by),
        "on_change": terms.on_change.value,
        "may_be_later": terms.may_be_later,
        "warn_before_microseconds": None if warn_before is None else warn_before // _MICROSECOND,
        "fulfilled_by": sorted(terms.fulfilled_by),
        "on_reopen": terms.on_reopen.value,
        "level": terms.level.value,
        "held_by": terms.held_by,
        "restarts_by": sorted(terms.restarts_by),
        "renegotiate_above": terms.renegotiate_above,
        "answer_within_microseconds": None
        if terms.answer_within is None
        else terms.answer_within // _MICROSECOND,
        "silence": terms.silence.value,
    }


def terms_of(document: Mapping[str, Any]) -> Terms:
    calendar, warn_before = document["calendar"], document["warn_before_microseconds"]
    answer_within = document.get("answer_within_microseconds")
    return Terms(
        metric=document["metric"],
        target=target_of(document["target"]),
        calendar=None if calendar is None else CalendarKey(calendar),
        pausable_by=frozenset(document["pausable_by"]),
        on_change=OnChange(document["on_change"]),
        may_be_later=document["may_be_later"],
        warn_before=None if warn_before is None else timedelta(microseconds=warn_before),
        fulfilled_by=frozenset(document["fulfilled_by"]),
        on_reopen=OnReopen(document["on_reopen"]),
        level=Level(document.get("level", Level.SLA)),
        held_by=document.get("held_by"),
        restarts_by=frozenset(document.get("restarts_by", ())),
        renegotiate_above=document.get("renegotiate_above"),
        answer_within=None if answer_within is None else timedelta(microseconds=answer_within),
        silence=Silence(document.get("silence", Silence.DECLINED)),
    )


def detail(entry: LedgerEntry) -> Document:
    """What an entry says beside when it happened."""
    if isinstance(entry, Started | Retermed):
        return {"terms": terms_document(entry.terms), "decision": entry.decision}
    said = {name: getattr(entry, name) for name in _SAID[type(entry)]}
    return {name: _plain(value) for name, value in said.items()}


def _plain(value: object) -> object:
    if isinstance(value, frozenset):
        return sorted(cast("frozenset[Turn]", value))
    if isinstance(value, datetime):
        return instants.rfc3339(value)
    return value.value if isinstance(value, Threshold) else value


_SAID: Mapping[type[Entry], tuple[str, ...]] = {
    Paused: ("cause", "party"),
    Resumed: ("cause",),
    Assigned: ("group", "person", "keeps"),
    Fulfilled: ("by",),
    Reopened: (),
    Cancelled: ("because", "into"),
    Announced: ("cycle", "renegotiation", "taken_back", "since"),
    Told: ("cycle", "threshold", "because", "by", "since"),
}


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def entry(kind: str, when: Mapping[str, Any], said: Mapping[str, Any]) -> LedgerEntry:
    """Read an entry.

    Args:
        kind: a value of KINDS.
        when: `at`, `source_sequence`, `received_at` and `id` of the entry.
        said: its `detail`.

    Raises:
        KeyError: there is no such kind.
    """
    return _ENTRIES[kind](when, said)


_ENTRIES: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any]], LedgerEntry]] = {
    "started": lambda when, said: Started(**when, terms=terms_of(said["terms"]), decision=said["decision"]),
    "retermed": lambda when, said: Retermed(**when, terms=terms_of(said["terms"]), decision=said["decision"]),
    "paused": lambda when, said: Paused(**when, cause=said["cause"], party=said["party"]),
    "resumed": lambda when, said: Resumed(**when, cause=said["cause"]),
    "fulfilled": lambda when, said: Fulfilled(**when, by=said["by"]),
    "reopened": lambda when, _: Reopened(**when),
    "cancelled": lambda when, said: Cancelled(
        **when, because=said.get("because", ""), into=said.get("into", "")
    ),
    "assigned": lambda when, said: Assigned(
        **when,
        group=said["group"],
        person=said["person"],
        keeps=frozenset(Turn(kept) for kept in said.get("keeps", ())),
    ),
    "announced": lambda when, said: Announced(
        **when,
        cycle=said["cycle"],
        renegotiation=said["renegotiation"],
        taken_back=said.get("taken_back", False),
        since=_instant(said.get("since")),
    ),
    "told": lambda when, said: Told(
        **when,
        cycle=said["cycle"],
        threshold=Threshold(said["threshold"]),
        because=said["because"],
        by=said.get("by", ""),
        since=_instant(said.get("since")),
    ),
}
