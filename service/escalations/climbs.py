"""Which ladders are climbed as a rule of an escalation policy says: its JSON form. Pure.

A ladder goes by its name only, and nothing climbs one yet.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec

from service import forms
from service.rules.domain import Kind
from service.rules.errors import OutcomeInvalid

LADDERS_MAX = 20

Ladder = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Climb(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One ladder: what a rule writes."""

    ladder: Ladder


class Climbs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Several ladders, each climbed by itself: what several rules say together, or one of them."""

    ladders: Annotated[list[Ladder], msgspec.Meta(min_length=1, max_length=LADDERS_MAX)]


def read(then: object) -> Climb | Climbs:
    """Read a rule's `then`. Raises OutcomeInvalid."""
    wanted = Climbs if isinstance(then, dict) and "ladders" in then else Climb
    try:
        return msgspec.convert(then, wanted)
    except msgspec.ValidationError as error:
        raise OutcomeInvalid([forms.fault_of(error)]) from error


def names_of(outcome: object) -> list[str]:
    """The names of the ladders, in the order of the rules that name them."""
    match outcome:
        case Climb(ladder=ladder):
            return [ladder]
        case Climbs(ladders=ladders):
            return ladders
        case _:
            raise TypeError(f"not the outcome of an escalation policy: {outcome!r}")


def names_in(written: Mapping[str, Any]) -> list[str]:
    """The same, of an outcome as it is written."""
    return written["ladders"] if "ladders" in written else [written["ladder"]]


def merged(outcomes: Sequence[object]) -> Climb | Climbs:
    """All ladders that the outcomes name, each once."""
    names = list(dict.fromkeys(name for outcome in outcomes for name in names_of(outcome)))
    return Climb(names[0]) if len(names) == 1 else Climbs(names)


ESCALATION = Kind(
    name="escalation",
    read_outcome=read,
    write_outcome=msgspec.to_builtins,
    merge=merged,
)
