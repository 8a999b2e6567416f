"""When the requests of a service are gone through for its maintenance; which windows there may be. Pure."""

from datetime import datetime, timedelta

from service import instants
from service.errors import Fault
from service.instants import rfc3339
from service.tenants.spells import MaintenanceWindow, WindowState

SETTLES_AFTER = timedelta(minutes=1)
"""A request that was being submitted at the very beginning, or end, has been written by then."""

RECEIVED_BEFORE = timedelta(minutes=5)
"""How much older than the beginning, or end, a request that was missed by it can be."""

PASSES = 4
"""At the beginning, once more when that has settled; at the end, and once more."""

LENGTH_MAX = timedelta(days=366)


def state_at(window: MaintenanceWindow, now: datetime) -> WindowState:
    """What is true of a window at `now`, whether it was told already or not."""
    if window.called_off_at is not None:
        return WindowState.CALLED_OFF
    if now < window.starts_at:
        return WindowState.PLANNED
    return WindowState.RUNNING if now < window.over_at else WindowState.OVER


def next_pass_at(window: MaintenanceWindow) -> datetime | None:
    """When the requests of the service are to be gone through next; None when that was done for good."""
    begins, ends = window.starts_at, window.over_at
    if window.passes == 0 and ends <= begins:
        return None  # it never began
    instants_of_passes = (begins, min(begins + SETTLES_AFTER, ends), ends, ends + SETTLES_AFTER)
    return instants_of_passes[window.passes] if window.passes < PASSES else None


def received_since(window: MaintenanceWindow) -> datetime | None:
    """Which requests the next pass goes through: None for all, else those received since this instant."""
    match window.passes:
        case 1:
            return window.starts_at - RECEIVED_BEFORE
        case 3:
            return window.over_at - RECEIVED_BEFORE
        case _:
            return None


def faults_of_plan(starts_at: datetime, ends_at: datetime, now: datetime) -> list[Fault]:
    """What is wrong with a window that is to be planned."""
    faults = _faults_of_instants(starts_at, ends_at)
    if not faults and starts_at < now:
        faults.append(
            Fault(
                "/from",
                f"{rfc3339(starts_at)} is past; the tenant's now is {rfc3339(now)}. Leave `from` out for a"
                " window that begins now.",
            )
        )
    return faults


def faults_of_change(
    window: MaintenanceWindow, starts_at: datetime, ends_at: datetime, now: datetime
) -> list[Fault]:
    """What is wrong with a change of a window that is not over: what has begun has begun."""
    if now < window.starts_at:
        return faults_of_plan(starts_at, ends_at, now)
    faults = _faults_of_instants(starts_at, ends_at)
    if not faults and starts_at != window.starts_at:
        faults.append(Fault("/from", f"It began at {rfc3339(window.starts_at)}, and that stays so."))
    if not faults and ends_at <= now:
        faults.append(Fault("/until", f"{rfc3339(ends_at)} is past; call it off to have it end now."))
    return faults


def _faults_of_instants(starts_at: datetime, ends_at: datetime) -> list[Fault]:
    named = (("/from", starts_at), ("/until", ends_at))
    faults = [Fault(place, instants.refusal(at)) for place, at in named if not instants.is_usable(at)]
    if faults:
        return faults
    if ends_at <= starts_at:
        return [Fault("/until", "A window ends after it begins.")]
    if ends_at - starts_at > LENGTH_MAX:
        return [Fault("/until", f"A window is no longer than {LENGTH_MAX.days} days.")]
    return []
