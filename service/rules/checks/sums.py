"""OLAs and UCs on the way of an SLA: together they have no more time than it. Pure.

A promise lies on the way of another when it says so (`part_of`). Those that one rule makes hold together;
under COLLECT those of several rules do, as far as facts are found for which all of these match.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from service.rules.checks import world as worlds
from service.rules.checks.conditions import Ranked
from service.rules.checks.places import Places
from service.rules.checks.world import World
from service.rules.compile import boxes
from service.rules.compile.boxes import Box
from service.rules.domain import HitPolicy, Kind, Promised, Rule
from service.rules.findings import Finding

SLA = "sla"
STEPS_PER_EXAMPLE = 10
_SPANS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True, slots=True)
class _Part:
    """A promise, and the rule that makes it."""

    rule: int
    promised: Promised


def exceeding(
    world: World, ranked: Ranked, rules: Sequence[Rule], kind: Kind, places: Places, hit_policy: HitPolicy
) -> Iterator[Finding]:
    """SLAs whose parts have more time than they, or count otherwise.

    Raises:
        Undecided
    """
    made = [
        [_Part(index, each) for each in kind.promised_of(rule.outcome)] for index, rule in enumerate(rules)
    ]
    parts = _parts(made)
    if not parts:
        return
    yield from _of_nothing(made, parts, places)
    for place, index in enumerate(ranked.order):
        for whole in made[index]:
            if whole.promised.level == SLA and whole.promised.metric in parts:
                wanted = parts[whole.promised.metric]
                together = hit_policy is HitPolicy.COLLECT
                held = _held(world, ranked, place, wanted) if together else _of_rule(wanted, index)
                yield from _judged(whole, held, rules, places)


def _parts(made: Sequence[Sequence[_Part]]) -> Mapping[str, list[_Part]]:
    """The parts, by the metric on whose way they lie."""
    found: defaultdict[str, list[_Part]] = defaultdict(list)
    for each in made:
        for part in each:
            if part.promised.part_of is not None:
                found[part.promised.part_of].append(part)
    return found


def _of_nothing(
    made: Sequence[Sequence[_Part]], parts: Mapping[str, Sequence[_Part]], places: Places
) -> Iterator[Finding]:
    wholes = {part.promised.metric for each in made for part in each if part.promised.level == SLA}
    for metric in parts.keys() - wholes:
        for part in parts[metric]:
            yield Finding(
                code="part-of-nothing",
                pointer=_place(part, places),
                reason=f"`{part.promised.metric}` lies on the way of `{metric}`, which no rule promises.",
                remedy="Promise both in one policy, so that their times can be compared.",
            )


def _of_rule(wanted: Sequence[_Part], index: int) -> list[_Part]:
    return [part for part in wanted if part.rule == index]


def _held(world: World, ranked: Ranked, place: int, wanted: Sequence[_Part]) -> list[_Part]:
    """The parts that hold together with what a rule promises: of one metric the first, as COLLECT has it."""
    index = ranked.order[place]
    joined = [index]
    held = {part.promised.metric: part for part in _of_rule(wanted, index)}
    together = _narrowed(world, ranked, world.meant, place, joined)
    for other, rival in enumerate(ranked.order):
        theirs = [part for part in _of_rule(wanted, rival) if part.promised.metric not in held]
        if rival == index or not theirs or together is None:
            continue
        both = _narrowed(world, ranked, together, other, [*joined, rival])
        if both is not None:
            together = both
            joined.append(rival)
            held |= {part.promised.metric: part for part in theirs}
    return list(held.values())


def _narrowed(world: World, ranked: Ranked, box: Box, place: int, rules: Sequence[int]) -> Box | None:
    """The part of a box in which a further rule matches, if facts are found for which all of these do."""
    for term in boxes.each(ranked.own[place]):
        part = boxes.common(box, ranked.pile.terms[term])
        if part is None:
            continue
        ranked.pile.take(STEPS_PER_EXAMPLE)
        if worlds.proven(world, part, rules, ranked.pile.take) is not None:
            return part
    return None


def _judged(whole: _Part, held: Sequence[_Part], rules: Sequence[Rule], places: Places) -> Iterator[Finding]:
    alike = [part for part in held if _clock(part.promised) == _clock(whole.promised)]
    for part in held:
        if part not in alike:
            yield _incomparable(whole.promised, part, places)
    spent = sum(part.promised.amount for part in alike)
    if spent <= whole.promised.amount or not _adds_up(whole.promised):
        return
    terms = " + ".join(_told(part, whole, rules) for part in alike)
    yield Finding(
        code="parts-exceed",
        pointer=_place(whole, places),
        reason=f"On the way of `{whole.promised.metric}` lie {terms} = {_amount(whole.promised, spent)}"
        f"{_by(whole.promised)}, and `{whole.promised.metric}` has {_amount(whole.promised)}.",
        remedy="Give the parts less, or promise more time.",
    )


def _incomparable(whole: Promised, part: _Part, places: Places) -> Finding:
    promised = part.promised
    return Finding(
        code="parts-incomparable",
        pointer=_place(part, places),
        reason=f"`{promised.metric}` has {_amount(promised)}{_by(promised)}, and `{whole.metric}`, on whose"
        f" way it lies, {_amount(whole)}{_by(whole)}: these cannot be compared.",
        remedy="Count both in one unit and by one calendar.",
    )


def _clock(promised: Promised) -> tuple[str, str]:
    return promised.unit, promised.counted_by


def _adds_up(promised: Promised) -> bool:
    """Of ends of days no sum can be made that says anything; of days themselves it can."""
    return promised.in_seconds or promised.unit == "business_days"


def _told(part: _Part, whole: _Part, rules: Sequence[Rule]) -> str:
    whose = "" if part.rule == whole.rule else f" of {rules[part.rule].id!r}"
    return f"{_amount(part.promised)} (`{part.promised.metric}`{whose})"


def _amount(promised: Promised, amount: int | None = None) -> str:
    count = promised.amount if amount is None else amount
    if not promised.in_seconds:
        unit = promised.unit.replace("_", " ")
        return f"{count} {unit.removesuffix('s') if count == 1 else unit}"
    parts: list[str] = []
    for seconds, unit in _SPANS:
        if promised.counted_by and unit == "d":  # a day of working time has not 24 hours
            continue
        if count >= seconds:
            parts.append(f"{count // seconds} {unit}")
            count %= seconds
    return " ".join(parts) or "0 s"


def _by(promised: Promised) -> str:
    return f" by {promised.counted_by}" if promised.counted_by else " of wall time"


def _place(part: _Part, places: Places) -> str:
    return places.outcome(part.rule, part.promised.pointer)
