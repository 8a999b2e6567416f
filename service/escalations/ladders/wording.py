"""Whom a step tells, and when, in words. Pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo

from service.escalations.ladders.domain import (
    Client,
    Endpoint,
    Member,
    Reassign,
    Reassignment,
    Recipient,
    SkipCause,
    Skipped,
    Target,
    ToContact,
    ToGroup,
    ToManager,
    ToMember,
    ToOwner,
    ToRole,
    ToRota,
    ToSkill,
    ToWebhook,
    Who,
)

_BECAUSE = {
    SkipCause.OUTSIDE_HOURS: "outside its hours",
    SkipCause.UNKNOWN: "not there any more",
    SkipCause.INACTIVE: "not active",
    SkipCause.NOBODY: "nobody there",
    SkipCause.TOLD_ALREADY: "told already",
}


def target(who: Who) -> str:
    """A target as people call it."""
    match who:
        case ToMember():
            return "member"
        case ToRole(role):
            return f"role {role}"
        case ToGroup(group):
            return f"group {group}"
        case ToRota(rota):
            return f"rota {rota}"
        case ToSkill(skill):
            return f"skill {skill}"
        case _:
            return _of_request(who)


def _of_request(who: ToOwner | ToManager | ToContact | ToWebhook | Reassign) -> str:
    match who:
        case ToOwner():
            return "owner"
        case ToManager():
            return "manager"
        case ToContact():
            return "contact"
        case ToWebhook(endpoint_id):
            return f"webhook {endpoint_id}"
        case Reassign(group):
            return f"reassign to {group}"


def recipient(told: Recipient, targets: tuple[Target, ...]) -> str:
    """Somebody who is told, and why it is them."""
    by = target(targets[told.target].who)
    match told.whom:
        case Member(name=name):
            return f"{name} ({by})"
        case Client(contact_id=contact_id):
            return "the client" if contact_id is None else "the client, for its contact"
        case Endpoint():
            return by
        case Reassignment(group=group):
            return f"the request goes to {group}"


def skipped(passed: Skipped, targets: tuple[Target, ...]) -> str:
    """A target that is passed by, and why."""
    return f"{target(targets[passed.target].who)}: {because(passed.cause)}"


def because(cause: SkipCause) -> str:
    """Why a target is passed by."""
    return _BECAUSE[cause]


def moment(at: datetime, zone: tzinfo) -> str:
    """An instant on the local clock, such as `Sun 2026-03-29 03:00`."""
    return f"{at.astimezone(zone):%a %Y-%m-%d %H:%M}"


def stretch(start: datetime, end: datetime, zone: tzinfo) -> str:
    """Some time on the local clock, such as `Sunday 02:00-06:00`; the zone is named where it is shown."""
    local_start, local_end = start.astimezone(zone), end.astimezone(zone)
    last = local_end - timedelta(microseconds=1)
    if local_start.date() == last.date() and _has_one_offset(local_start, local_end):
        until = "24:00" if local_end.date() != local_start.date() else f"{local_end:%H:%M}"
        return f"{local_start:%A} {local_start:%H:%M}-{until}"
    return " - ".join(_named(local_start, local_end))


def _named(local_start: datetime, local_end: datetime) -> Iterator[str]:
    """Both ends by themselves; with their offsets where the clocks change between them on one day."""
    clock = "%H:%M" if _has_one_offset(local_start, local_end) else "%H:%M UTC%z"
    for local in (local_start, local_end):
        yield f"{local:%A} {local:{clock}}"


def _has_one_offset(local_start: datetime, local_end: datetime) -> bool:
    return local_start.utcoffset() == local_end.utcoffset()
