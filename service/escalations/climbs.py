"""Which ladders a rule of an escalation policy has climbed, and by which promises: its JSON form. Pure."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec

from service import forms
from service.commitments.domain import Level
from service.commitments.promises import Name
from service.rules.domain import Climbed, Kind
from service.rules.errors import OutcomeInvalid

LADDERS_MAX = 20

Ladder = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]

LEVELS_UNLESS_SAID = (Level.SLA,)
"""What was promised to the client."""


class Climb(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One ladder, and the promises of the request that climb it: what a rule writes.

    Attributes:
        ladder: its name.
        metrics: those of the promises; all where none is named.
        levels: those of the promises.
    """

    ladder: Ladder
    metrics: Annotated[tuple[Name, ...], msgspec.Meta(max_length=20)] = ()
    levels: Annotated[tuple[Level, ...], msgspec.Meta(min_length=1, max_length=3)] = LEVELS_UNLESS_SAID

    def takes(self, metric: str, level: Level) -> bool:
        """Does a promise of this metric and level climb it?"""
        return level in self.levels and (not self.metrics or metric in self.metrics)


class Climbs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Several ladders, each climbed by itself: what several rules say together, or one of them.

    A name alone stands for a ladder of which nothing more is said.
    """

    ladders: Annotated[list[Ladder | Climb], msgspec.Meta(min_length=1, max_length=LADDERS_MAX)]


def read(then: object) -> Climb | Climbs:
    """Read a rule's `then`. Raises OutcomeInvalid."""
    wanted = Climbs if isinstance(then, dict) and "ladders" in then else Climb
    try:
        return msgspec.convert(then, wanted)
    except msgspec.ValidationError as error:
        raise OutcomeInvalid([forms.fault_of(error)]) from error


def climbs_of(outcome: object) -> list[Climb]:
    """The ladders that an outcome names, each once, in the order of the rules that name them."""
    match outcome:
        case Climb():
            return [outcome]
        case Climbs(ladders=ladders):
            return list(dict.fromkeys(map(_climb, ladders)))
        case _:
            raise TypeError(f"not the outcome of an escalation policy: {outcome!r}")


def climbs_in(written: Mapping[str, Any]) -> list[Climb]:
    """The same, of an outcome as a decision keeps it, however many ladders several rules named."""
    named = written.get("ladders", [written])
    return list(dict.fromkeys(msgspec.convert(_spelled(each), Climb) for each in named))


def climbed_of(outcome: object) -> list[Climbed]:
    """The same, with their places."""
    places = ["/ladder"]
    named: Sequence[str | Climb] = climbs_of(outcome)
    if isinstance(outcome, Climbs):
        named = outcome.ladders
        places = [f"/ladders/{index}" for index in range(len(named))]
    return [
        Climbed(
            pointer=place,
            ladder=climb.ladder,
            metrics=frozenset(climb.metrics),
            levels=frozenset(level.value for level in climb.levels),
        )
        for place, climb in zip(places, map(_climb, named), strict=True)
    ]


def names_of(outcome: object) -> list[str]:
    """The names of the ladders, each once, in the order of the rules that name them."""
    return list(dict.fromkeys(climb.ladder for climb in climbs_of(outcome)))


def names_in(written: Mapping[str, Any]) -> list[str]:
    """The same, of an outcome as it is written."""
    return list(dict.fromkeys(climb.ladder for climb in climbs_in(written)))


def merged(outcomes: Sequence[object]) -> Climb | Climbs:
    """All that the outcomes say is climbed, each once."""
    united = list(dict.fromkeys(climb for outcome in outcomes for climb in climbs_of(outcome)))
    if len(united) == 1:
        return united[0]
    return Climbs([climb.ladder if climb == Climb(climb.ladder) else climb for climb in united])


def written(outcome: object) -> Any:
    """An outcome in JSON."""
    return msgspec.json.decode(msgspec.json.encode(outcome))


def _climb(named: str | Climb) -> Climb:
    return Climb(named) if isinstance(named, str) else named


def _spelled(named: str | Mapping[str, Any]) -> Mapping[str, Any]:
    return {"ladder": named} if isinstance(named, str) else named


ESCALATION = Kind(
    name="escalation",
    read_outcome=read,
    write_outcome=written,
    merge=merged,
    climbed_of=climbed_of,
)
"""Ladders: who is to be told of a promise, when, and by what."""
