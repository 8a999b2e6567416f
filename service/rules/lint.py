"""What looks wrong with a policy, though it can be read: by itself, and where it is published. Pure.

The errors of what cannot be read come from the reader (`rules.documents`), in the same form.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, cast

from service.errors import pointer_to
from service.rules.checks import conditions, deeds, gaps, ladders, overlaps, sums, surroundings, values
from service.rules.checks.conditions import Ranked
from service.rules.checks.ladders import Ladder
from service.rules.checks.places import Places
from service.rules.checks.surroundings import Hours, Neighbour
from service.rules.checks.world import World, world_of
from service.rules.compile.boxes import Steps, Undecided
from service.rules.domain import Document, Entry, HitPolicy, Kind, Promised
from service.rules.findings import Finding, gravest_first

STEPS_MAX = 100_000
"""What each comparison of rules may cost; what is not decided by then is not claimed, and that is said."""

SHOWN_MAX = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a policy is published into.

    Attributes:
        calendars: by name, ready to compute; None when they are not known.
        now: the tenant's now.
        ladders: by name, with what is found in each; None when they are not known.
        promised: what the commitment policies in effect promise.
        services: the names in the register; None when they are not known.
        clients: the names of the client organizations; None when they are not known.
        neighbours: the other policies of its kind in effect, in the order in which they are asked.
        there: of what its outcomes name, that which some register has; None when that is not known.
    """

    calendars: Mapping[str, Hours] | None
    now: datetime
    ladders: Mapping[str, Ladder] | None = None
    promised: Sequence[Promised] = ()
    services: Collection[str] | None = None
    clients: Collection[str] | None = None
    neighbours: Sequence[Neighbour] = ()
    there: Collection[Entry] | None = None


def find(written: Mapping[str, Any], document: Document, kind: Kind) -> list[Finding]:
    """What can be found in a policy by itself: the gravest first, at most SHOWN_MAX.

    Args:
        written: the document as it was written.
        document: the same, as the reader gave it.
        kind: of the policy.
    """
    rules = document.rules
    world = world_of([rule.condition for rule in rules], document.declarations, document.scope)
    steps = Steps(STEPS_MAX)
    ranked = Ranked.of(world, rules, document.hit_policy, steps)
    look = _Look(world, ranked, document, kind, Places.of(written), steps)
    repeated = list(conditions.repeated(rules, document.hit_policy, look.places))
    told_already = {finding.pointer for finding in repeated}
    compared = [finding for what, check in _COMPARISONS.items() for finding in _decided(look, what, check)]
    found = [
        *map(Finding.of, document.warnings),
        *conditions.never_true(world, look.places),
        *repeated,
        *(one for one in compared if one.code != "shadowed" or one.pointer not in told_already),
        *values.dead_values(world, look.places),
        *values.dead_branches(world, document.scope, look.places),
        *deeds.misspelt(rules, kind, look.places),
        *_unused_ranks(look),
        *_unread_facts(written, document),
    ]
    return shown(found)


def find_around(
    written: Mapping[str, Any], document: Document, kind: Kind, around: Surroundings
) -> list[Finding]:
    """What can be found in a policy only where it is to be published: the gravest first."""
    found = [
        *surroundings.unknown_names(document.scope, services=around.services, clients=around.clients),
        *surroundings.never_asked(document, kind, around.neighbours),
    ]
    if around.calendars is not None:
        found += surroundings.calendars(document, kind, around.calendars, around.now, Places.of(written))
    if around.ladders is not None:
        found += ladders.ladders(document, kind, around.ladders, around.promised, Places.of(written))
    if around.there is not None:
        found += surroundings.unknown_entries(document, kind, around.there, Places.of(written))
    return shown(found)


def shown(found: Sequence[Finding]) -> list[Finding]:
    """The gravest first; of many the first, and that there are more."""
    ordered = gravest_first(dict.fromkeys(found))
    if len(ordered) <= SHOWN_MAX:
        return ordered
    more = Finding(code="more", pointer="", reason="There are more findings.", remedy="Mend these first.")
    return [*ordered[:SHOWN_MAX], more]


@dataclass(frozen=True, slots=True)
class _Look:
    """One policy, and what its rules tell apart."""

    world: World
    ranked: Ranked
    document: Document
    kind: Kind
    places: Places
    steps: Steps


_Check = Callable[[_Look], Iterator[Finding]]


def _decided(look: _Look, what: str, check: _Check) -> list[Finding]:
    """What one comparison of the rules finds, until it has taken too many steps."""
    found: list[Finding] = []
    try:
        look.steps.renew(STEPS_MAX)
        found += islice(check(look), SHOWN_MAX + 1)
    except Undecided:
        reason = f"There are too many ways in which facts may come to find out {what}."
        remedy = "Ask for fewer facts in one policy, or make two of it."
        found.append(Finding(code="undecided", pointer=look.places.rules, reason=reason, remedy=remedy))
    return found


def _standing(look: _Look) -> Iterator[Finding]:
    yield from conditions.always_true(look.ranked, look.document.hit_policy, look.places)
    yield from conditions.shadowed(look.ranked, look.document.rules, look.places)


def _overlapping(look: _Look) -> Iterator[Finding]:
    rules = look.document.rules
    match look.document.hit_policy:
        case HitPolicy.FIRST:
            return
        case HitPolicy.UNIQUE:
            yield from overlaps.without_rank(look.world, look.ranked, rules, look.places)
        case HitPolicy.COLLECT:
            yield from overlaps.same_topic(look.world, look.ranked, rules, look.kind, look.places)


def _sums(look: _Look) -> Iterator[Finding]:
    document = look.document
    yield from sums.exceeding(
        look.world, look.ranked, document.rules, look.kind, look.places, document.hit_policy
    )


def _gaps(look: _Look) -> Iterator[Finding]:
    yield from gaps.no_default(look.ranked, look.kind.name, look.places)
    yield from gaps.gaps(look.world, look.ranked, look.document.hit_policy, look.places)


_COMPARISONS: Mapping[str, _Check] = {
    "whether every rule counts at times": _standing,
    "which rules overlap": _overlapping,
    "whether some rule always matches": _gaps,
    "whether OLAs and UCs fit into their SLA": _sums,
}


def _unused_ranks(look: _Look) -> Iterator[Finding]:
    if look.document.hit_policy is HitPolicy.UNIQUE:
        return
    for index, rule in enumerate(look.document.rules):
        if rule.rank is not None:
            yield Finding(
                code="rank-unused",
                pointer=f"{look.places.rule(index)}/rank",
                reason=f"A rank does not count under {look.document.hit_policy}.",
                remedy="Leave it out, or make the hit policy UNIQUE.",
            )


def _unread_facts(written: Mapping[str, Any], document: Document) -> Iterator[Finding]:
    for name in cast("Mapping[str, object]", written.get("facts") or {}):
        if not any(read == name or read.startswith(f"{name}.") for read in document.reads):
            yield Finding(
                code="unread-fact",
                pointer=pointer_to("/facts", name),
                reason=f"No rule reads `{name}`.",
                remedy="Leave the declaration out.",
            )
