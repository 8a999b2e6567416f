"""What is wrong with a policy where it is published: beside calendars, registers and other policies. Pure.

A calendar is anything that computes as `service.calendars` does; what passes its horizon is an `Invalid`.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Protocol

from service.errors import Invalid, pointer_to
from service.rules.checks.places import Places
from service.rules.domain import Document, Entry, Kind, Named, Reach, Register, Scope, Target
from service.rules.findings import Finding
from service.rules.language.syntax import Literal

REMEDY = "Create it, or mend the name."
SOON = timedelta(days=366)


class Hours(Protocol):
    """What is asked of a calendar. Each raises Invalid beyond its horizon."""

    def next_open(self, at: datetime) -> datetime: ...

    def due(self, start: datetime, span: timedelta) -> datetime: ...

    def end_of_business_day(self, start: datetime, days: int) -> datetime: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """Another policy of the same kind, in effect beside the one that is looked at.

    Attributes:
        first_of_equals: whether it is asked before that one if both have one order.
    """

    name: str
    document: Document
    first_of_equals: bool = True


def calendars(
    document: Document, kind: Kind, hours: Mapping[str, Hours], now: datetime, places: Places
) -> Iterator[Finding]:
    """Calendars that there are not, or that are not open for long enough."""
    judged: dict[tuple[str, int | None, int | None], tuple[str, str, str] | None] = {}
    for index, rule in enumerate(document.rules):
        then = f"{places.rule(index)}/then"
        for name in sorted(kind.calendars_of(rule.outcome) - hours.keys()):
            near = get_close_matches(name, hours, n=1)
            remedy = f"Did you mean {near[0]!r}?" if near else "Create it first."
            reason = f"There is no calendar {name!r}."
            yield Finding(code="unknown-calendar", pointer=then, reason=reason, remedy=remedy)
        for target in kind.targets_of(rule.outcome):
            if target.calendar not in hours:
                continue
            key = (target.calendar, target.seconds, target.days)
            if key not in judged:
                judged[key] = _judged(target, hours[target.calendar], now)
            told = judged[key]
            if told is not None:
                pointer = places.outcome(index, target.pointer)
                yield Finding(code=told[0], pointer=pointer, reason=told[1], remedy=told[2])


def _judged(target: Target, hours: Hours, now: datetime) -> tuple[str, str, str] | None:
    """Code, reason and remedy of what is wrong with a target on its calendar."""
    name = repr(target.calendar)
    try:
        opens_at = hours.next_open(now)
    except Invalid:
        return "closed-calendar", f"The calendar {name} never opens.", "Give it hours, or name another."
    try:
        _ = _due(target, hours, now)
    except Invalid as error:
        return "beyond-horizon", f"The calendar {name} never reaches this target. {error}", "Ask for less."
    if opens_at > now + SOON:
        reason = f"The calendar {name} does not open before {opens_at:%Y-%m-%d}."
        return "closed-for-long", reason, "Look whether its holidays and closures are meant."
    return None


def _due(target: Target, hours: Hours, now: datetime) -> datetime:
    if target.seconds is not None:
        return hours.due(now, timedelta(seconds=target.seconds))
    return hours.end_of_business_day(now, target.days or 0)


def unknown_names(
    scope: Scope, *, services: Collection[str] | None, clients: Collection[str] | None
) -> Iterator[Finding]:
    """Names of the scope that are in no register. A register that is None is not known."""
    for key, asked, known in (
        ("services", scope.services, services),
        ("clients", scope.clients, clients),
    ):
        if known is None:
            continue
        for name in sorted(asked.difference(known)):
            near = get_close_matches(name, known, n=1)
            yield Finding(
                code="unknown-name",
                pointer=pointer_to("/applies_to", key),
                reason=f"There is no {key[:-1]} called {name!r}.",
                remedy=f"Did you mean {near[0]!r}?" if near else "Register it, or mend the name.",
            )


def unknown_entries(
    document: Document, kind: Kind, there: Collection[Entry], places: Places
) -> Iterator[Finding]:
    """What outcomes name and no register has; `there` is what they name and is in one."""
    for index, rule in enumerate(document.rules):
        for named in missing(kind.names_of(rule.outcome), there):
            yield Finding(
                code="unknown-wording" if named.entry.register is Register.WORDING else "unknown-entry",
                pointer=places.outcome(index, named.pointer),
                reason=f"There is no {named.entry}.",
                remedy=REMEDY,
            )


def missing(named: Iterable[Named], there: Collection[Entry]) -> list[Named]:
    """Those of which no register has an entry; of what is not there no parts are missing besides."""
    gone = [each for each in named if each.entry not in there]
    wholes = {each.entry.name for each in gone if each.entry.register is Register.QUESTIONNAIRE}
    return [each for each in gone if each.entry.of not in wholes]


def never_asked(document: Document, kind: Kind, neighbours: Sequence[Neighbour]) -> Iterator[Finding]:
    """Policies that always answer before others of their kind are asked.

    Args:
        document: of the policy.
        kind: of all of them.
        neighbours: the others in effect.
    """
    if kind.reach is not Reach.FIRST:
        return
    for other in neighbours:
        is_before = (other.document.order, not other.first_of_equals) <= (document.order, False)
        first, second = (other.document, document) if is_before else (document, other.document)
        if not (_always_answers(first) and _includes(first.scope, second.scope)):
            continue
        reason = f"{other.name!r} always answers before this policy is asked."
        if not is_before:
            reason = f"This policy always answers before {other.name!r} is asked."
        yield Finding(
            code="never-asked",
            pointer="/order",
            reason=reason,
            remedy="Give the narrower one the lower `order`, or narrow what the other `applies_to`.",
        )


def _always_answers(document: Document) -> bool:
    return any(
        isinstance(rule.condition, Literal) and rule.condition.value is True for rule in document.rules
    )


def _includes(wide: Scope, narrow: Scope) -> bool:
    return all(
        not wider or (bool(narrower) and narrower <= wider)
        for wider, narrower in (
            (wide.request_types, narrow.request_types),
            (wide.services, narrow.services),
            (wide.clients, narrow.clients),
        )
    )
