"""What is wrong with the ladders that a policy has climbed, where it is published. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from service.rules.checks.places import Places
from service.rules.domain import Climbed, Document, Kind, Promised
from service.rules.findings import Finding

ELAPSED = "elapsed_time"
"""The unit of which a second is one of the wall clock."""


@dataclass(frozen=True, slots=True)
class Lead:
    """A step that comes before the due.

    Attributes:
        seconds: how long before.
        in_own_clock: whether they count in the promise's own clock; else in wall time.
    """

    step: str
    seconds: int
    in_own_clock: bool


@dataclass(frozen=True, slots=True)
class Ladder:
    """A ladder that there is.

    Attributes:
        findings: what is wrong with it by itself.
        leads: its steps that come before the due.
    """

    findings: Sequence[Finding]
    leads: Sequence[Lead]


def ladders(
    document: Document,
    kind: Kind,
    known: Mapping[str, Ladder],
    promised: Sequence[Promised],
    places: Places,
) -> Iterator[Finding]:
    """Ladders that there are not, that are wrong by themselves, or that do not fit what is promised.

    Args:
        document: of the policy.
        kind: of the policy.
        known: the ladders that there are, by name.
        promised: what the commitment policies in effect promise; nothing is said of it where there is none.
        places: of the document.
    """
    for index, rule in enumerate(document.rules):
        for climbed in kind.climbed_of(rule.outcome):
            pointer = places.outcome(index, climbed.pointer)
            ladder = known.get(climbed.ladder)
            if ladder is None:
                yield _unknown(climbed, pointer, known)
                continue
            for finding in ladder.findings:
                yield replace(finding, pointer=pointer, reason=f"Ladder {climbed.ladder!r}: {finding.reason}")
            if promised:
                yield from _misfits(climbed, ladder, promised, pointer)


def _unknown(climbed: Climbed, pointer: str, known: Mapping[str, Ladder]) -> Finding:
    near = get_close_matches(climbed.ladder, known, n=1)
    return Finding(
        code="unknown-ladder",
        pointer=pointer,
        reason=f"There is no ladder {climbed.ladder!r}.",
        remedy=f"Did you mean {near[0]!r}?" if near else "Create it first, or take it up again.",
    )


def _misfits(
    climbed: Climbed, ladder: Ladder, promised: Sequence[Promised], pointer: str
) -> Iterator[Finding]:
    taken = [each for each in promised if climbed.takes(each)]
    if not taken:
        asked = ", ".join(sorted(climbed.metrics)) or "any metric"
        yield Finding(
            code="unclimbed",
            pointer=pointer,
            reason=f"No policy in effect promises {asked} of level {' or '.join(sorted(climbed.levels))}.",
            remedy="Mend the name, unless people promise it.",
        )
    for lead in ladder.leads:
        if taken and all(_is_shorter(each, lead) for each in taken):
            yield Finding(
                code="step-at-once",
                pointer=pointer,
                reason=f"Ladder {climbed.ladder!r}: step {lead.step!r} comes {lead.seconds} s before the due,"
                " and no promise of a policy in effect that climbs it lasts longer: it is told as soon as one"
                " begins.",
                remedy='Hang it on "used", or on "start".',
            )


def _is_shorter(promised: Promised, lead: Lead) -> bool:
    """Does the promise surely last no longer? Of working time only its own clock can say that."""
    comparable = promised.in_seconds and (lead.in_own_clock or promised.unit == ELAPSED)
    return comparable and promised.amount <= lead.seconds
