"""What is wrong with a ladder among those who are there now: targets with nobody, at times or ever. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Protocol

from service.commitments.domain.marks import Anchor
from service.errors import pointer_to
from service.escalations.ladders import wording
from service.escalations.ladders.domain import (
    Definition,
    Directory,
    Moment,
    Reassign,
    Situation,
    SkipCause,
    Step,
    Target,
    ToGroup,
    ToMember,
    ToRole,
    ToRota,
    ToSkill,
    ToWebhook,
    recipients,
)
from service.escalations.rotas import domain as rotas
from service.escalations.rotas.domain import Rota
from service.rules.checks.ladders import Lead
from service.rules.findings import Finding

LOOKED_AHEAD = timedelta(weeks=4)
REPEATED_MAX = timedelta(days=31)
SHOWN_MAX = 3
"""Of the times at which a step has nobody to tell, so many are named."""

Span = tuple[datetime, datetime]


class Hours(Protocol):
    """A calendar, in whose open time a target is told."""

    @property
    def zone(self) -> tzinfo: ...

    def intervals(self, start: datetime, end: datetime) -> Sequence[Span]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """Who there is, and when.

    Attributes:
        rotas: by name, those that there are.
        hours: calendars, by name.
    """

    directory: Directory
    rotas: Mapping[str, Rota]
    hours: Mapping[str, Hours]


def find(definition: Definition, staff: Staff, now: datetime) -> list[Finding]:
    """What is found, with its place in the definition; it looks LOOKED_AHEAD."""
    until = now + LOOKED_AHEAD
    found: list[Finding] = []
    unstaffed = 0
    for index, step in enumerate(definition.steps):
        place = pointer_to("/steps", index)
        bare = uncovered(step, staff, now, until)
        if bare == [(now, until)]:
            unstaffed += 1
            found.append(_nobody(step, staff, place))
        else:
            found += _empty_targets(step, staff, place)
            found += _gap(step, staff, bare, place)
        found += _long_repeat(step, place)
    if unstaffed == len(definition.steps):
        reason = "No step has anybody to tell."
        found.append(Finding(code="empty-ladder", pointer="/steps", reason=reason, remedy="Name somebody."))
    return found


def leads(definition: Definition) -> list[Lead]:
    """The steps that come before the due."""
    return [
        Lead(step.name, -step.at.after // timedelta(seconds=1), step.at.working)
        for step in definition.steps
        if step.at.anchor is Anchor.DUE and step.at.after < timedelta(0)
    ]


def uncovered(step: Step, staff: Staff, since: datetime, until: datetime) -> list[Span]:
    """When a step has nobody to tell, as far as can be known without a request: owners count as somebody."""
    bare: list[Span] = [(since, until)]
    for target in step.targets:
        bare = _common(bare, _away(target, staff, since, until))
    return bare


def _away(target: Target, staff: Staff, since: datetime, until: datetime) -> list[Span]:
    """When nobody is behind a target."""
    whole = (since, until)
    away: list[Span] = []
    if isinstance(target.who, ToRota) and target.who.rota in staff.rotas:
        away = list(rotas.gaps(staff.rotas[target.who.rota], since, until))
    elif _why_empty(target, staff) is not None:
        return [whole]
    if target.hours is not None and target.hours in staff.hours:
        open_hours = staff.hours[target.hours].intervals(since, until)
        away = _union([*away, *_between(open_hours, since, until)])
    return away


def _why_empty(target: Target, staff: Staff) -> SkipCause | None:
    """Why nobody is behind a target whatever the request; None where somebody is, or may be."""
    match target.who:
        case ToMember() | ToRole() | ToGroup() | Reassign() | ToSkill() | ToWebhook():
            anybody = Target(who=target.who)
            passed = recipients([anybody], Situation(), staff.directory, Moment(on_duty={})).skipped
            return passed[0].cause if passed else None
        case ToRota(rota):
            return None if rota in staff.rotas else SkipCause.UNKNOWN
        case _:
            return None


def _nobody(step: Step, staff: Staff, place: str) -> Finding:
    reasons = [_emptiness(target, staff) for target in step.targets]
    weeks = LOOKED_AHEAD // timedelta(weeks=1)
    return Finding(
        code="nobody-told",
        pointer=place,
        reason=f"Step {step.name!r} has nobody to tell within {weeks} weeks: {'; '.join(reasons)}.",
        remedy="Name somebody else besides, or staff what is named.",
    )


def _emptiness(target: Target, staff: Staff) -> str:
    cause = _why_empty(target, staff)
    named = wording.target(target.who)
    if cause is not None:
        return f"{named} ({wording.because(cause)})"
    return f"{named} (never on duty)" if target.hours is None else f"{named} (never within its hours)"


def _empty_targets(step: Step, staff: Staff, place: str) -> Iterator[Finding]:
    for index, target in enumerate(step.targets):
        cause = _why_empty(target, staff)
        if cause is not None:
            yield Finding(
                code="empty-target",
                pointer=pointer_to(place, "tell", index),
                reason=f"Step {step.name!r} tells {wording.target(target.who)}: {wording.because(cause)}.",
                remedy="Staff it, or leave it out.",
            )


def _gap(step: Step, staff: Staff, bare: Sequence[Span], place: str) -> Iterator[Finding]:
    if not bare:
        return
    zone = _zone(step, staff)
    times = Counter(wording.stretch(start, end, zone) for start, end in bare)
    named = [text if count == 1 else f"{text} ({count} times)" for text, count in times.items()]
    more = f" and {len(named) - SHOWN_MAX} more" if len(named) > SHOWN_MAX else ""
    first = f"{bare[0][0].astimezone(zone):%Y-%m-%d}"
    yield Finding(
        code="gap-on-duty",
        pointer=place,
        reason=f"Step {step.name!r}: nobody on duty {', '.join(named[:SHOWN_MAX])}{more} ({zone}), first on"
        f" {first}.",
        remedy="Fill the rota, or add a target that bridges it; until then the next step is told at once.",
    )


def _long_repeat(step: Step, place: str) -> Iterator[Finding]:
    if step.repeat_every is None or step.repeat_every * step.repeats_max <= REPEATED_MAX:
        return
    days = step.repeat_every * step.repeats_max // timedelta(days=1)
    yield Finding(
        code="repeated-for-long",
        pointer=f"{place}/repeat",
        reason=f"Step {step.name!r} is repeated for {days} days, if nobody acknowledges.",
        remedy="Repeat it less often, and let a further step tell somebody else.",
    )


def _zone(step: Step, staff: Staff) -> tzinfo:
    for target in step.targets:
        if isinstance(target.who, ToRota) and target.who.rota in staff.rotas:
            return staff.rotas[target.who.rota].zone
        if target.hours is not None and target.hours in staff.hours:
            return staff.hours[target.hours].zone
    return UTC


def _between(spans: Sequence[Span], since: datetime, until: datetime) -> list[Span]:
    """What lies between spans, which are in order and disjoint."""
    edges = [since, *(edge for span in spans for edge in span), until]
    return [(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if start < end]


def _union(spans: Sequence[Span]) -> list[Span]:
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def _common(some: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """What lies in both; each in order and disjoint."""
    cut = [(max(a, start), min(b, end)) for a, b in some for start, end in others]
    return [(start, end) for start, end in cut if start < end]
