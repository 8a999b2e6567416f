"""What looks wrong with the rules of a policy, though each is right by itself. Pure.

Conditions are compared exactly, on the codes that the compiler gives to facts (`compile.columns`). What the
compiler leaves to the evaluator counts as a fact of its own: less is found then, and nothing claimed wrongly.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain

from service.rules.compile import boxes
from service.rules.compile.boxes import Steps, Undecided
from service.rules.compile.columns import FIRST_VALUE_CODE, Code, Column, Outcome
from service.rules.compile.shape import shape
from service.rules.compile.terms import Side, Term, Terms
from service.rules.language.encode import json_value
from service.rules.language.format import literal_text
from service.rules.language.syntax import Expression
from service.rules.language.types import Declarations, Type, TypeName
from service.rules.language.values import Duration, Timestamp
from service.rules.language.walk import path_text

STEPS_MAX = 50_000
"""Over all rules of a policy; what is not decided by then is not claimed."""

NAMED_MAX = 5
_CLASSES: Mapping[TypeName, tuple[type, ...]] = {
    TypeName.BOOL: (bool,),
    TypeName.INT: (int, float),
    TypeName.DOUBLE: (int, float),
    TypeName.STRING: (str,),
    TypeName.TIMESTAMP: (Timestamp,),
    TypeName.DURATION: (Duration,),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that can hardly be meant.

    Attributes:
        code: `never-matches`, `same-condition`, `shadowed` or `gap`.
        rule: the index of the rule; None for the policy as a whole.
        message: what is wrong, and the remedy.
    """

    code: str
    rule: int | None
    message: str


def find(conditions: Sequence[Expression], names: Sequence[str], declarations: Declarations) -> list[Finding]:
    """The findings for rules of which the first that matches counts, in the order of the rules.

    Args:
        conditions: of the rules, checked against the declarations.
        names: the rules' ids.
        declarations: of the facts.
    """
    terms = Terms(conditions)
    true = [sorted(terms.of(condition, Side.TRUE), key=sorted) for condition in conditions]
    space = {index: _possible(column, declarations) for index, column in enumerate(terms.columns)}
    steps = Steps(STEPS_MAX)
    findings: list[Finding] = []
    with suppress(Undecided):  # what was found until then stands
        for index in range(len(conditions)):
            findings += _of_rule(index, true, names, (space, steps))
        findings += _gaps(true, _ordinary(terms.columns, space, declarations), terms.columns, steps)
    return _with_repetitions(findings, conditions, names)


Space = tuple[Mapping[int, int], Steps]
"""All there can be, and how long we may look."""


def _of_rule(index: int, true: Sequence[Sequence[Term]], names: Sequence[str], space: Space) -> list[Finding]:
    if not true[index]:
        message = (
            "This condition is never true: parts of it exclude each other. Mend it, or leave the rule out."
        )
        return [Finding("never-matches", index, message)]
    before = [earlier for earlier in range(index) if true[earlier]]
    alone = next((one for one in before if _covers(true[index], true[one], space)), None)
    if alone is not None:
        message = f"This rule never counts: whenever it matches, {names[alone]!r} before it does."
        return [Finding("shadowed", index, f"{message} Move it up, narrow the other, or leave it out.")]
    if before and _covers(true[index], list(chain.from_iterable(true[one] for one in before)), space):
        others = _needed(index, before, true, space)
        shown = ", ".join(repr(names[one]) for one in others[:NAMED_MAX])
        more = f" and {len(others) - NAMED_MAX} more" if len(others) > NAMED_MAX else ""
        message = f"This rule never counts: whenever it matches, one of {shown}{more} before it does."
        return [Finding("shadowed", index, f"{message} Move it up, narrow the others, or leave it out.")]
    return []


def _covers(inner: Sequence[Term], outer: Sequence[Term], space: Space) -> bool:
    everything, steps = space
    found = (boxes.within(term, everything) for term in inner)
    return all(box is None or boxes.uncovered(box, outer, steps) is None for box in found)


def _needed(index: int, before: Sequence[int], true: Sequence[Sequence[Term]], space: Space) -> Sequence[int]:
    """Of the rules that cover this one together, those without which the others would not."""
    needed = list(before)
    for one in before:
        rest = [other for other in needed if other != one]
        if _covers(true[index], list(chain.from_iterable(true[other] for other in rest)), space):
            needed = rest
    return needed


def _with_repetitions(
    findings: Sequence[Finding], conditions: Sequence[Expression], names: Sequence[str]
) -> list[Finding]:
    """The findings, where a rule that only repeats an earlier one is said to do just that."""
    first: dict[object, int] = {}
    repeated: dict[int, Finding] = {}
    for index, condition in enumerate(conditions):
        earlier = first.setdefault(shape(condition), index)
        if earlier != index:
            message = f"This rule never counts: {names[earlier]!r} before it asks the same. Leave one out."
            repeated[index] = Finding("same-condition", index, message)
    kept = [finding for finding in findings if finding.rule not in repeated]
    last = len(conditions)
    return sorted(
        [*kept, *repeated.values()], key=lambda finding: last if finding.rule is None else finding.rule
    )


def _gaps(
    true: Sequence[Sequence[Term]],
    ordinary: Mapping[int, int],
    columns: Sequence[Column | Outcome],
    steps: Steps,
) -> list[Finding]:
    """Whether something that may well come matches no rule; with an example."""
    part = boxes.uncovered(ordinary, list(chain.from_iterable(true)), steps)
    if part is None:
        return []
    told = (_example(columns[index], mask) for index, mask in part.items() if mask != ordinary[index])
    shown = [one for one in told if one is not None][:NAMED_MAX]
    when = f", as when {' and '.join(shown)}" if shown else ""
    message = (
        f"Some requests match no rule{when}. Add a last rule with the condition `true` if that is not meant."
    )
    return [Finding("gap", None, message)]


def _ordinary(
    columns: Sequence[Column | Outcome], space: Mapping[int, int], declarations: Declarations
) -> dict[int, int]:
    """Of all there can be, what may well come: facts that are there, of their declared types and values."""
    return {index: _usual(column, space[index], declarations) for index, column in enumerate(columns)}


def _usual(column: Column | Outcome, mask: int, declarations: Declarations) -> int:
    if isinstance(column, Outcome):
        return 1 << Outcome.TRUE | 1 << Outcome.FALSE
    declared = declarations.get(".".join(column.path))
    if declared is None:
        return mask
    if declared.values is not None:
        return _bits({column.code(value) for value in declared.values})
    return _of_type(column, declared.type)


def _possible(column: Column | Outcome, declarations: Declarations) -> int:
    """The codes that facts of the declared type can have at all: they are bound to it beforehand."""
    declared = None if isinstance(column, Outcome) else declarations.get(".".join(column.path))
    if isinstance(column, Outcome) or declared is None:
        return (1 << column.size) - 1
    return _of_type(column, declared.type) | _bits({Code.UNREACHABLE, Code.ABSENT})


def _of_type(column: Column, of: Type) -> int:
    """The codes of the values of a type; OTHER where no constant is of it."""
    classes = _CLASSES.get(of.name)
    if classes is None:
        return (1 << column.size) - (1 << Code.OTHER)
    scales = [column.scales[each] for each in classes if each in column.scales]
    codes = {code for scale in scales for code in range(scale.low, scale.high + 1)}
    return _bits(codes or {Code.OTHER})


def _bits(codes: AbstractSet[int]) -> int:
    return sum(1 << code for code in codes)


def _example(column: Column | Outcome, mask: int) -> str | None:
    """What a part says of one fact, in words: one of its values, or that it has none that the rules name."""
    if isinstance(column, Outcome):
        return None
    name = path_text(column.path)
    for scale in column.scales.values():
        for value, code in scale.codes.items():
            if mask >> code & 1:
                return f"{name} is {_value_text(value)}"
    return f"{name} is none of the values named" if mask >> FIRST_VALUE_CODE else f"{name} is absent"


def _value_text(value: object) -> str:
    if isinstance(value, Timestamp | Duration):
        return str(json_value(value))
    return literal_text(value) if isinstance(value, bool | int | float | str) else str(value)
