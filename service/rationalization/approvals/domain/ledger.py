"""What can happen to an approval: the entries of its ledger, and whose word an answer is."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias

from service.ids import MemberId
from service.rationalization.involvement.domain import Hand, Hands

TWO = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Whose consent is wanted.

    Attributes:
        seats: roles and groups, as `role:manager` and `group:Change board`. Who holds one may answer.
        everyone: whether each seat must be taken; one member may take several that it holds.
        persons_min: how many different members at least.
    """

    seats: frozenset[str]
    everyone: bool = False
    persons_min: int = 1

    def __post_init__(self) -> None:
        if not self.seats:
            raise ValueError("an approval says by whom")
        if self.persons_min < 1:
            raise ValueError("an approval needs somebody")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """What every entry says. Entries come in the order in which they were recorded."""

    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked(_Entry):
    """It was asked for, or asked for anew: after what it is about was edited, or nobody answered in time.

    Attributes:
        requesters: those members who want what is to be approved.
        hands: those who had a hand in it besides. It is asked when somebody answers, and not recorded.
        deadline_at: the last instant at which an answer counts; None for none.
    """

    wanted: Wanted
    requesters: frozenset[MemberId] = frozenset()
    hands: Hands = field(default_factory=dict[Hand, frozenset[MemberId]])
    deadline_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered(_Entry):
    """Somebody answered.

    Attributes:
        seats: what the member held at that time; what the other held, where it answered for another.
        on_behalf_of: for whom, when it answered for somebody who is away.
        because: why; never empty where it refuses.
    """

    by: MemberId
    seats: frozenset[str]
    approves: bool
    on_behalf_of: MemberId | None = None
    because: str = ""

    @property
    def voice(self) -> MemberId:
        """Whose word it is."""
        return self.by if self.on_behalf_of is None else self.on_behalf_of

    @property
    def people(self) -> frozenset[MemberId]:
        """Who must be neither the requester nor have a hand in it."""
        return frozenset({self.by, self.voice})

    def says_the_same(self, other: "Answered") -> bool:
        """Whether the same member said the same before, for the same."""
        return (self.by, self.voice, self.approves) == (other.by, other.voice, other.approves)


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoNeeded(_Entry):
    """A high risk was found: from here on at least two different members must consent. Answers stay.

    Attributes:
        deadline_at: the last instant at which an answer counts from here on; None for none.
    """

    deadline_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lapsed(_Entry):
    """It was noticed that nobody answered in time: no answer counts any more, whatever time it names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn(_Entry):
    """What it is about is no longer wanted."""


Entry: TypeAlias = Asked | Answered | TwoNeeded | Lapsed | Withdrawn


def by_two(wanted: Wanted) -> Wanted:
    """The same, of at least two people."""
    return replace(wanted, persons_min=max(wanted.persons_min, TWO))


def voices(answers: Iterable[Answered]) -> int:
    """How many different people these are: each answers by itself, and each has one word.

    Whoever answers for itself and for another is one. So are two of whom one answered for the other, and the
    other then for itself: as many count as can be paired, a member each with a word of its own.
    """
    words: dict[MemberId, list[MemberId]] = {}
    for answer in answers:
        words.setdefault(answer.by, []).append(answer.voice)
    spoken: dict[MemberId, MemberId] = {}

    def finds_a_word(member: MemberId, tried: set[MemberId]) -> bool:
        for word in words[member]:
            if word in tried:
                continue
            tried.add(word)
            if word not in spoken or finds_a_word(spoken[word], tried):
                spoken[word] = member
                return True
        return False

    return sum(finds_a_word(member, set()) for member in words)
