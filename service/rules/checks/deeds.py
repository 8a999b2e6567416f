"""Deeds that fulfil a promise, by names that look misspelt: nobody would report them. Pure."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from service.rules.checks.places import Places
from service.rules.domain import Kind, Rule
from service.rules.findings import Finding

LIKENESS = 0.82
"""From here on, of 1 for the same name, a name is nearly another one."""


def misspelt(rules: Sequence[Rule], kind: Kind, places: Places) -> Iterator[Finding]:
    for index, rule in enumerate(rules):
        for deed in kind.deeds_of(rule.outcome):
            near = get_close_matches(deed.name, sorted(deed.usual), n=1, cutoff=LIKENESS)
            if near and deed.name not in deed.usual:
                yield Finding(
                    code="misspelt-deed",
                    pointer=places.outcome(index, deed.pointer),
                    reason=f"{deed.name!r} fulfils this promise only where an event `done` names it so.",
                    remedy=f"Did you mean {near[0]!r}?",
                )
