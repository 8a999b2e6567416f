"""What a rule of a classification policy derives: its JSON form, and the facts that follow."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any

import msgspec

from service import forms
from service.errors import Fault, pointer_to
from service.rules.domain import Kind, Reach
from service.rules.errors import OutcomeInvalid
from service.rules.language.bind import bind
from service.rules.language.types import Declarations

FACTS_SET_MAX = 50
NAME_LENGTH_MAX = 200
DERIVABLE = (
    "request.priority",
    "request.impact",
    "request.urgency",
    "request.category",
    "request.subcategory",
    "request.assignment_group",
    "client.tier",
    "service.criticality",
)
"""The facts that a rule may set, beside those under DERIVABLE_BELOW; all others are as they were given."""
DERIVABLE_BELOW = ("request.custom.", "client.custom.")

Value = bool | int | float | str | list[bool | int | float | str]


class Classification(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The outcome of a rule of a classification policy: facts by their dotted names, with what they are."""

    sets: Annotated[dict[str, Any], msgspec.Meta(min_length=1, max_length=FACTS_SET_MAX)] = msgspec.field(
        name="set"
    )


def read(then: object) -> Classification:
    """Read a rule's `then`. Raises OutcomeInvalid."""
    try:
        outcome = msgspec.convert(then, Classification)
    except msgspec.ValidationError as error:
        raise OutcomeInvalid([forms.fault_of(error)]) from error
    names = list(outcome.sets)
    faults = [*_unknown(names), *_inside_others(names), *_no_values(outcome.sets)]
    if faults:
        raise OutcomeInvalid(faults)
    return outcome


def _unknown(names: Sequence[str]) -> list[Fault]:
    own = " and ".join(f"`{below.rstrip('.')}`" for below in DERIVABLE_BELOW)
    faults: list[Fault] = []
    for name in names:
        if name not in DERIVABLE and not _is_below(name):
            near = get_close_matches(name[:NAME_LENGTH_MAX], DERIVABLE, n=1)
            meant = f"did you mean `{near[0]}`?" if near else f"it can set {', '.join(DERIVABLE)}."
            told = f"A rule cannot set this fact; {meant} Your own go under {own}."
            faults.append(Fault(pointer_to("/set", name), told))
    return faults


def _is_below(name: str) -> bool:
    return name.startswith(DERIVABLE_BELOW) and all(name.split(".")) and len(name) <= NAME_LENGTH_MAX


def _inside_others(names: Sequence[str]) -> list[Fault]:
    return [
        Fault(pointer_to("/set", name), f"`{other}` is set too, and cannot be both a value and a group.")
        for name in names
        for other in names
        if name.startswith(f"{other}.")
    ]


def _no_values(sets: Mapping[str, Any]) -> list[Fault]:
    faults: list[Fault] = []
    for name, value in sets.items():
        try:
            msgspec.convert(value, Value)
        except msgspec.ValidationError:
            told = "A fact is set to a text, a number, true or false, or a list of one of these."
            faults.append(Fault(pointer_to("/set", name), told))
    return faults


def faults_of(outcome: object, declared: Declarations) -> list[Fault]:
    """The values that their facts do not take as they are declared."""
    sets = _classification(outcome).sets
    return [
        Fault(pointer_to("/set", name), message)
        for name, value in sets.items()
        for message in _mismatches(name, value, declared)
    ]


def _mismatches(name: str, value: object, declared: Declarations) -> list[str]:
    if faults := bind({name: value}, declared).faults:
        return [fault.message for fault in faults]
    fact = declared.get(name)
    if fact is None or fact.values is None or value in fact.values:
        return []
    return [f"`{name}` is declared to be one of {', '.join(map(str, fact.values))}."]


def merged(outcomes: Sequence[object]) -> Classification:
    """What several outcomes derive together; of two that set the same fact the earlier one."""
    sets: dict[str, Any] = {}
    for outcome in outcomes:
        for name, value in _classification(outcome).sets.items():
            if not any(_overlap(name, other) for other in sets):
                sets[name] = value
    return Classification(sets)


def _overlap(name: str, other: str) -> bool:
    """Are they the same fact, or is one the group of the other?"""
    return f"{name}.".startswith(f"{other}.") or f"{other}.".startswith(f"{name}.")


def derived(outcome: object) -> Mapping[str, object]:
    return _classification(outcome).sets


def _classification(outcome: object) -> Classification:
    if not isinstance(outcome, Classification):
        raise TypeError(f"not the outcome of a classification policy: {outcome!r}")
    return outcome


CLASSIFICATION = Kind(
    name="classification",
    read_outcome=read,
    write_outcome=msgspec.to_builtins,
    merge=merged,
    reach=Reach.ALL,
    faults_of=faults_of,
    derives=derived,
)
