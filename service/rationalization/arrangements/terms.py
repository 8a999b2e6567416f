"""A counter-proposal in concrete terms: instants instead of calendars, facts instead of words. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from service.calendars.domain import BeyondHorizon, WorkingTime
from service.instants import is_usable, rfc3339
from service.rationalization.verdicts import Proposal, Window

PLANNED_START = "planned_start"
PLANNED_END = "planned_end"
SCOPE = "scope"
"""Facts under `request.custom` that say when the work is planned, and what it covers."""

LOOKED_AHEAD = timedelta(days=366)
"""How far ahead a window is looked for that is long enough."""


@dataclass(frozen=True, slots=True)
class Span:
    """When the work is planned; `end` is None where only its start is known."""

    start: datetime
    end: datetime | None

    @property
    def length(self) -> timedelta:
        return timedelta(0) if self.end is None else self.end - self.start


def planned(facts: Mapping[str, Any]) -> Span | None:
    """When the request says that the work is planned; None where it does not, or not in RFC 3339."""
    own: Any = facts.get("custom")
    custom = cast("Mapping[str, Any]", own) if isinstance(own, dict) else {}
    start, end = _instant(custom.get(PLANNED_START)), _instant(custom.get(PLANNED_END))
    if start is None:
        return None
    return Span(start, end if end is not None and end > start else None)


def _instant(written: object) -> datetime | None:
    if not isinstance(written, str):
        return None
    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        return None
    return at if at.tzinfo is not None and is_usable(at) else None


def moved(asked: Span | None, window: Window, hours: WorkingTime | None, now: datetime) -> Span:
    """When instead.

    It begins when it was planned, or now where nothing was planned or that has passed; as many seconds later
    as the window says; and then at the next open time of the calendar that is long enough. Where none within
    LOOKED_AHEAD is, it begins at the next opening; where it never opens, the calendar moves nothing.

    Args:
        asked: what was asked for.
        window: what the rule offers.
        hours: of the window's calendar; None where it names none.
        now: the tenant's now.
    """
    begin = max(now, now if asked is None else asked.start)
    begin += timedelta(seconds=window.not_before_seconds or 0)
    length = timedelta(0) if asked is None else asked.length
    if hours is not None:
        begin = _open_from(begin, length, hours)
    return Span(begin, begin + length if length else None)


def _open_from(begin: datetime, length: timedelta, hours: WorkingTime) -> datetime:
    try:
        opening = hours.next_open(begin)
        intervals = hours.intervals(begin, begin + LOOKED_AHEAD)
    except BeyondHorizon:
        return begin
    long_enough = (start for start, end in intervals if end - start >= length)
    return next(long_enough, opening)


def concrete(
    proposal: Proposal, facts: Mapping[str, Any], hours: WorkingTime | None, now: datetime
) -> dict[str, Any]:
    """What the request becomes if the proposal is accepted: `facts` that are set, `type`, `window`, `scope`.

    Args:
        proposal: as the rule writes it.
        facts: the request's own.
        hours: of the calendar that the proposal's window names.
        now: the tenant's now.
    """
    set_facts: dict[str, Any] = {}
    custom: dict[str, Any] = {}
    found: dict[str, Any] = {"facts": set_facts}
    if proposal.window is not None:
        span = moved(planned(facts), proposal.window, hours, now)
        written = {PLANNED_START: rfc3339(span.start)}
        written |= {} if span.end is None else {PLANNED_END: rfc3339(span.end)}
        custom |= written
        found["window"] = {"from": written[PLANNED_START], "to": written.get(PLANNED_END)}
    if proposal.scope is not None:
        custom[SCOPE] = found["scope"] = proposal.scope
    if proposal.priority is not None:
        set_facts["priority"] = found["priority"] = proposal.priority
    if proposal.type is not None:
        found["type"] = proposal.type.value
    if custom:
        set_facts["custom"] = custom
    return found


def holds(proposal: Mapping[str, Any], facts: Mapping[str, Any], type_: str) -> bool:
    """Whether a request is still as was agreed."""
    return proposal.get("type", type_) == type_ and _are_in(proposal.get("facts", {}), facts)


def _are_in(agreed: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    for name, value in agreed.items():
        found = facts.get(name)
        if isinstance(value, dict):
            inner = cast("Mapping[str, Any]", found) if isinstance(found, dict) else {}
            if not _are_in(cast("Mapping[str, Any]", value), inner):
                return False
        elif found != value:
            return False
    return True
