"""Which facts are not what they are declared to be. Pure: nothing is refused for it."""

from service.errors import pointer_to
from service.rules.language.bind import FAULTS_MAX, Bound
from service.rules.language.encode import json_value
from service.rules.language.faults import FactFault
from service.rules.language.types import Declarations
from service.rules.language.values import Facts, Value, equal

VALUES_SHOWN_MAX = 8


def unfit(bound: Bound, declarations: Declarations) -> tuple[FactFault, ...]:
    """The facts that are not of their type, which count as absent, and those whose value is none of theirs.

    Args:
        bound: the facts, as conditions are evaluated on them.
        declarations: of the policy that reads them.
    """
    strange = [
        FactFault(pointer_to("", *name.split(".")), _expected(fact.values))
        for name, fact in declarations.items()
        if fact.values is not None and not _is_one_of(_value(bound.facts, name), fact.values)
    ]
    return (*bound.faults, *strange)[:FAULTS_MAX]


def _is_one_of(value: Value, allowed: tuple[bool | int | float | str, ...]) -> bool:
    return value is None or any(equal(value, each) for each in allowed)


def _value(facts: Facts, name: str) -> Value:
    found: Value = dict(facts)
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _expected(allowed: tuple[bool | int | float | str, ...]) -> str:
    shown = ", ".join(str(json_value(each)) for each in allowed[:VALUES_SHOWN_MAX])
    more = f" and {len(allowed) - VALUES_SHOWN_MAX} more" if len(allowed) > VALUES_SHOWN_MAX else ""
    return f"This is none of the values that the fact is declared to take: {shown}{more}."
