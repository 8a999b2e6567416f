"""What `rules` must know of a kind of policy; the slice that acts on its outcomes says it. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from service.errors import Fault
from service.rules.language.types import Declarations


class Reach(StrEnum):
    """How the policies of one kind stand beside one another."""

    FIRST = "first"
    """The first with a rule that counts is followed, and none after it is asked."""
    ALL = "all"
    """All are asked, and what they say is merged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """So much of a calendar's open time, or so many of its working days, that an outcome counts with.

    Attributes:
        pointer: where in `then`.
        calendar: its name.
        seconds: of open time; None when days are counted.
        days: working days; None when seconds are counted.
    """

    pointer: str
    calendar: str
    seconds: int | None = None
    days: int | None = None


def _first(outcomes: Sequence[object]) -> int:  # noqa: ARG001 whatever they are
    return 0


def _no_faults(outcome: object, declared: Declarations) -> Sequence[Fault]:  # noqa: ARG001 it reads no fact
    return ()


def _no_topics(outcome: object) -> frozenset[str]:  # noqa: ARG001 nothing in it is said by one rule only
    return frozenset()


def _no_targets(outcome: object) -> Sequence[Target]:  # noqa: ARG001 the outcome counts by no calendar
    return ()


def _no_calendars(outcome: object) -> frozenset[str]:  # noqa: ARG001 the outcome counts by none
    return frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What a policy decides. The slice that acts on the outcome says how one is written.

    Attributes:
        name: `classification`, `rationalization`, `commitment` or `escalation`.
        read_outcome: turns a rule's `then` into the typed outcome; raises OutcomeInvalid.
        write_outcome: the JSON form of an outcome, as a decision stores it.
        merge: one outcome of several, of which the earlier come first in rank. Never called with none.
        leader: which of several outcomes, by its index, is the one that is followed; its rule is the first of
            the winners, whose reason is told.
        reach: how its policies stand beside one another.
        calendars_of: the names of the calendars that an outcome counts by.
        targets_of: what it counts by them.
        topics_of: what it speaks of that only one of several rules can settle: the metrics that it promises.
        faults_of: what of an outcome does not fit the facts as they are declared, with its place in `then`.
        derives: the facts that an outcome sets, by their dotted names; None where it sets none. What a policy
            derives, every policy that is asked after it reads.
    """

    name: str
    read_outcome: Callable[[object], object]
    write_outcome: Callable[[object], Any]
    merge: Callable[[Sequence[object]], object]
    leader: Callable[[Sequence[object]], int] = _first
    reach: Reach = Reach.FIRST
    calendars_of: Callable[[object], frozenset[str]] = _no_calendars
    targets_of: Callable[[object], Sequence[Target]] = _no_targets
    topics_of: Callable[[object], frozenset[str]] = _no_topics
    faults_of: Callable[[object, Declarations], Sequence[Fault]] = _no_faults
    derives: Callable[[object], Mapping[str, object]] | None = None
