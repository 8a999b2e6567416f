"""Sets of coded facts as boxes: what of one box no other covers. Pure.

A term is a box: in each column it names, some codes; in the others all. Whether a union of boxes covers a box
is decided exactly: what lies outside of the first is cut off, column by column, and held against the others.
"""

from collections.abc import Mapping, Sequence

from service.rules.compile.terms import Term

Box = Mapping[int, int]
"""A column's index to the codes it may have, as bits; at least one in each."""


class Undecided(Exception):
    """It would take more steps than were given."""


class Steps:
    """How many steps are left."""

    def __init__(self, count: int) -> None:
        self._left = count

    def take(self) -> None:
        """Raises Undecided."""
        self._left -= 1
        if self._left < 0:
            raise Undecided


def within(term: Term, box: Box) -> dict[int, int] | None:
    """The part of the box that the term holds; None when there is none."""
    part = dict(box)
    for index, mask in term:
        part[index] &= mask
        if not part[index]:
            return None
    return part


def uncovered(box: Box, terms: Sequence[Term], steps: Steps) -> dict[int, int] | None:
    """A part of the box in which none of the terms holds; None when they cover all of it.

    Args:
        box: names every column.
        terms: in any order.
        steps: what may be spent.

    Raises:
        Undecided
    """
    pending: list[tuple[dict[int, int], int]] = [(dict(box), 0)]
    while pending:
        part, first = pending.pop()
        steps.take()
        while first < len(terms) and within(terms[first], part) is None:
            first += 1
        if first == len(terms):
            return part
        for index, mask in terms[first]:
            outside = part[index] & ~mask
            if outside:
                pending.append((part | {index: outside}, first + 1))
                part[index] &= mask
    return None
