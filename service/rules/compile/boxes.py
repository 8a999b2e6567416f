"""Sets of coded facts as boxes: which meet, which hold one another, what of one the others leave open. Pure.

A term is a box: in each column it names, some codes; in the others all. Whether a union of boxes covers a box
is decided exactly: what lies outside of one is cut off, column by column, and held against the others. Sets
of terms are the bits of integers, so that thousands are told apart at once.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from service.rules.compile.terms import Term

Box = Mapping[int, int]
"""A column's index to the codes it may have, as bits; at least one in each."""

MASKS_PER_STEP = 64
NARROW_MAX = 64
"""Masks of so few codes are found by their codes."""


class Undecided(Exception):
    """It would take more steps than were given."""


class Steps:
    """How many steps are left."""

    def __init__(self, count: int) -> None:
        self._left = count

    def renew(self, count: int) -> None:
        """Give as many again, whatever is left."""
        self._left = count

    def take(self, count: int = 1) -> None:
        """Raises Undecided."""
        self._left -= count
        if self._left < 0:
            raise Undecided


@dataclass(frozen=True, slots=True)
class Cover:
    """How a box is covered.

    Attributes:
        part: a part of the box in which none of the terms holds; None when they cover all of it.
        used: the terms that cover it, as bits; they do so without any others.
    """

    part: dict[int, int] | None
    used: int


def narrowed(term: Term, space: Box) -> Term | None:
    """The term inside a space: without the columns that it leaves open; None when nothing is left."""
    masks: list[tuple[int, int]] = []
    for column, mask in term:
        inside = mask & space[column]
        if not inside:
            return None
        if inside != space[column]:
            masks.append((column, inside))
    return Term(masks)


def common(left: Box, term: Term) -> dict[int, int] | None:
    """The part of the box that the term holds; None when there is none."""
    part = dict(left)
    for column, mask in term:
        part[column] &= mask
        if not part[column]:
            return None
    return part


def each(bits: int) -> Iterator[int]:
    """The places of the bits that are set, ascending."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


class _Masks:
    """The masks that terms have in one column, with the terms that have them, as bits."""

    def __init__(self) -> None:
        self.named = 0
        self._all_narrow = 0
        self._wide: dict[int, int] = {}
        self._narrow: dict[int, int] = {}
        self._masks_of: dict[int, dict[int, int]] = {}
        self._terms_of: dict[int, int] = {}

    def add(self, mask: int, term: int) -> None:
        self.named |= term
        if mask.bit_count() > NARROW_MAX:
            self._wide[mask] = self._wide.get(mask, 0) | term
            return
        self._narrow[mask] = self._narrow.get(mask, 0) | term
        self._all_narrow |= term
        for code in each(mask):
            masks = self._masks_of.setdefault(code, {})
            masks[mask] = masks.get(mask, 0) | term
            self._terms_of[code] = self._terms_of.get(code, 0) | term

    def meeting(self, mask: int, space: int, steps: Steps) -> int:
        """The terms that allow one of these codes."""
        found = _union(self._wide, lambda m: bool(m & mask), steps)
        outside = space & ~mask
        if mask.bit_count() <= NARROW_MAX:
            for code in each(mask):
                found |= self._terms_of.get(code, 0)
        elif outside.bit_count() <= NARROW_MAX:
            found |= self._narrow_but_outside(mask, outside, steps)
        else:
            found |= _union(self._narrow, lambda m: bool(m & mask), steps)
        return found

    def _narrow_but_outside(self, mask: int, outside: int, steps: Steps) -> int:
        """Of the terms with narrow masks, all but those that allow nothing but what lies outside."""
        excluded = 0
        for code in each(outside):
            excluded |= _union(self._masks_of.get(code, {}), lambda m: not m & mask, steps)
        return self._all_narrow & ~excluded

    def holding(self, mask: int, steps: Steps) -> int:
        """The terms that allow all of these codes."""
        found = _union(self._wide, lambda m: not mask & ~m, steps)
        if mask.bit_count() <= NARROW_MAX:
            masks = self._masks_of.get(next(each(mask)), {})
            found |= _union(masks, lambda m: not mask & ~m, steps)
        return found


def _union(masks: Mapping[int, int], wanted: Callable[[int], bool], steps: Steps) -> int:
    steps.take(len(masks) // MASKS_PER_STEP)
    found = 0
    for mask, terms in masks.items():
        if wanted(mask):
            found |= terms
    return found


class Pile:
    """Many terms over the same columns, each narrowed to the space."""

    def __init__(self, terms: Sequence[Term], space: Box, steps: Steps) -> None:
        self.terms = terms
        self.space = space
        self.all = (1 << len(terms)) - 1
        self._steps = steps
        self._masks: dict[int, _Masks] = {}
        self._single = 0
        for place, term in enumerate(terms):
            for column, mask in term:
                self._masks.setdefault(column, _Masks()).add(mask, 1 << place)
            self._single |= (len(term) == 1) << place
        self._met: dict[tuple[int, int], int] = {}
        self._held: dict[tuple[int, int], int] = {}

    def take(self, steps: int) -> None:
        """Spend steps. Raises Undecided."""
        self._steps.take(steps)

    def meeting(self, box: Box | Term, among: int) -> int:
        """Those of the terms that have something in common with the box, whose columns are in the space."""
        for column, mask in box.items() if isinstance(box, Mapping) else box:
            if not among:
                break
            among &= self._meeting(column, mask)
        return among

    def holding(self, box: Box | Term, among: int) -> int:
        """Those of the terms that hold all of the box; a column that it does not name is as in the space."""
        masks = dict(box)
        for column in self._masks:
            if not among:
                break
            among &= self._holding(column, masks.get(column, self.space[column]))
        return among

    def cover(self, box: Box | Term, among: int) -> Cover:
        """Whether the terms together hold all of the box.

        Raises:
            Undecided
        """
        whole = {**self.space, **dict(box)}
        used = 0
        pending = [(whole, self.meeting(whole, among))]
        while pending:
            part, live = pending.pop()
            self._steps.take()
            if not live:
                return Cover(part, 0)
            alone = self.holding(part, live)
            if alone:
                used |= alone & -alone
                continue
            single = live & self._single
            used |= single or live & -live
            if single:
                pending += self._outside_all(part, live ^ single, single)
            else:
                chosen = next(each(live))
                pending += self._outside(part, live ^ 1 << chosen, self.terms[chosen])
        return Cover(None, used)

    def _outside_all(self, part: dict[int, int], live: int, single: int) -> list[tuple[dict[int, int], int]]:
        """What of the part lies outside of terms that name one column each: one box at most."""
        left = dict(part)
        for place in each(single):
            ((column, mask),) = self.terms[place]
            left[column] &= ~mask
        self._steps.take(single.bit_count() // MASKS_PER_STEP)
        if not all(left.values()):
            return []
        changed = {column: mask for column, mask in left.items() if mask != part[column]}
        return [(left, self.meeting(changed, live))]

    def _outside(self, part: dict[int, int], live: int, term: Term) -> list[tuple[dict[int, int], int]]:
        """What of the part lies outside of a term, in boxes: the one that the fewest terms meet last."""
        left: list[tuple[dict[int, int], int]] = []
        inside = dict(part)
        for column, mask in term:
            outside = inside[column] & ~mask
            if outside:
                left.append((inside | {column: outside}, live & self._meeting(column, outside)))
                inside[column] &= mask
                live &= self._meeting(column, inside[column])
        return sorted(left, key=lambda one: -one[1].bit_count())

    def _meeting(self, column: int, mask: int) -> int:
        masks = self._masks.get(column)
        if masks is None:
            return self.all
        found = self._met.get((column, mask))
        if found is None:
            found = self.all & ~masks.named | masks.meeting(mask, self.space[column], self._steps)
            self._met[column, mask] = found
        return found

    def _holding(self, column: int, mask: int) -> int:
        found = self._held.get((column, mask))
        if found is None:
            masks = self._masks[column]
            found = self.all & ~masks.named | masks.holding(mask, self._steps)
            self._held[column, mask] = found
        return found
