"""A counter-proposal in concrete terms: instants instead of calendars, facts instead of words. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, cast

from service.calendars.domain import BeyondHorizon, WorkingTime
from service.instants import rfc3339
from service.rationalization.gates.domain import windows
from service.rationalization.gates.domain.windows import Planned
from service.rationalization.verdicts import Proposal, Window

SCOPE = "scope"
"""The fact under `request.custom` that says what the work covers, where that was agreed."""

LOOKED_AHEAD = timedelta(days=366)
"""How far ahead a window is looked for that is long enough."""


def moved(asked: Planned | None, window: Window, hours: WorkingTime | None, now: datetime) -> Planned:
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
    length = None if asked is None or asked.end is None else asked.end - asked.start
    if hours is not None:
        begin = _open_from(begin, length or timedelta(0), hours)
    return Planned(begin, None if length is None else begin + length)


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
        asked = windows.planned(facts)
        span = moved(asked if isinstance(asked, Planned) else None, proposal.window, hours, now)
        end = None if span.end is None else rfc3339(span.end)
        found["window"] = {"from": rfc3339(span.start), "to": end}
        custom |= {windows.START: rfc3339(span.start), windows.END: end}
    if proposal.scope is not None:
        custom[SCOPE] = found["scope"] = proposal.scope
    if proposal.priority is not None:
        set_facts["priority"] = found["priority"] = proposal.priority
    if proposal.type is not None:
        found["type"] = proposal.type.value
    if custom:
        set_facts["custom"] = custom
    return found


def instant(written: str | None) -> datetime | None:
    """An instant of a concrete proposal."""
    return None if written is None else datetime.fromisoformat(written)


def holds(proposal: Mapping[str, Any], facts: Mapping[str, Any], type_: str) -> bool:
    """Whether a request is still as was agreed."""
    return proposal.get("type", type_) == type_ and _are_in(proposal.get("facts", {}), facts)


def _are_in(agreed: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    for name, value in agreed.items():
        found = facts.get(name)
        if isinstance(value, dict):
            inner = cast("Mapping[str, Any]", found if isinstance(found, dict) else {})
            if not _are_in(cast("Mapping[str, Any]", value), inner):
                return False
        elif found != value:
            return False
    return True
