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


@dataclass(frozen=True, slots=True, kw_only=True)
class Promised:
    """A promise that an outcome makes, as far as others must fit it.

    Attributes:
        pointer: where its target is in `then`.
        metric: what is promised.
        level: between whom: `sla`, `ola` or `uc`.
        part_of: the metric on whose way it lies, if any.
        unit: what its amount counts, such as `working_time`.
        amount: seconds, or days where the unit counts days.
        in_seconds: which of both.
        counted_by: whose time counts: the name of a calendar, and of what else comes before it; empty for the
            wall clock.
    """

    pointer: str
    metric: str
    level: str
    part_of: str | None
    unit: str
    amount: int
    in_seconds: bool
    counted_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Climbed:
    """A ladder that an outcome has climbed.

    Attributes:
        pointer: where it is named in `then`.
        metrics: of the promises that climb it; empty for all.
        levels: of the promises that climb it.
    """

    pointer: str
    ladder: str
    metrics: frozenset[str]
    levels: frozenset[str]

    def takes(self, promised: Promised) -> bool:
        """Does this promise climb it?"""
        return promised.level in self.levels and (not self.metrics or promised.metric in self.metrics)


class Register(StrEnum):
    """Where the tenant keeps what outcomes name, beside calendars and the ladders that promises climb."""

    GROUP = "group"
    LADDER = "ladder"
    QUESTIONNAIRE = "questionnaire"
    RANK = "rank"
    """Of how much is risked, by a questionnaire."""
    WORDING = "wording"


@dataclass(frozen=True, slots=True)
class Entry:
    """What a register is asked for.

    Attributes:
        of: of what, for a rank: the name of its questionnaire.
    """

    register: Register
    name: str
    of: str | None = None

    def __str__(self) -> str:
        return f"{self.register.value} {self.name!r}" + ("" if self.of is None else f" of {self.of!r}")


@dataclass(frozen=True, slots=True)
class Named:
    """What an outcome names, which is looked for only when it is needed.

    Attributes:
        pointer: where it is named in `then`.
    """

    pointer: str
    entry: Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """A deed that an outcome waits for, whose name is free.

    Attributes:
        pointer: where it is named in `then`.
        usual: the names that are usual there.
    """

    pointer: str
    name: str
    usual: frozenset[str]


def _first(outcomes: Sequence[object]) -> int:  # noqa: ARG001 whatever they are
    return 0


def _no_faults(outcome: object, declared: Declarations) -> Sequence[Fault]:  # noqa: ARG001 it reads no fact
    return ()


def _no_topics(outcome: object) -> frozenset[str]:  # noqa: ARG001 nothing in it is said by one rule only
    return frozenset()


def _no_targets(outcome: object) -> Sequence[Target]:  # noqa: ARG001 the outcome counts by no calendar
    return ()


def _no_promises(outcome: object) -> Sequence[Promised]:  # noqa: ARG001 it promises nothing
    return ()


def _no_deeds(outcome: object) -> Sequence[Deed]:  # noqa: ARG001 it waits for none
    return ()


def _no_ladders(outcome: object) -> Sequence[Climbed]:  # noqa: ARG001 it names none
    return ()


def _no_names(outcome: object) -> Sequence[Named]:  # noqa: ARG001 it names nothing
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
        promised_of: what it promises.
        deeds_of: the deeds that fulfil it, by their names.
        climbed_of: which ladders are climbed because of it.
        names_of: what else it names.
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
    promised_of: Callable[[object], Sequence[Promised]] = _no_promises
    deeds_of: Callable[[object], Sequence[Deed]] = _no_deeds
    climbed_of: Callable[[object], Sequence[Climbed]] = _no_ladders
    names_of: Callable[[object], Sequence[Named]] = _no_names
    topics_of: Callable[[object], frozenset[str]] = _no_topics
    faults_of: Callable[[object, Declarations], Sequence[Fault]] = _no_faults
    derives: Callable[[object], Mapping[str, object]] | None = None
