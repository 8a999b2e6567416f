"""What an improvement is, where it came from, and how it may go on. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from service.errors import Fault, pointer_to
from service.ids import GroupId, ImprovementId, MemberId, SubjectId
from service.instants import is_usable, refusal

EVIDENCE_MAX = 200
"""So much evidence is shown with an item, the latest; what came before stays in its history."""


class Source(StrEnum):
    """What showed that something is to be made better."""

    SPECIAL_METHOD_PATTERN = "special_method_pattern"
    OBJECTION = "objection"
    REVIEW = "review"
    ACCIDENT = "accident"
    PERSON = "person"


class State(StrEnum):
    OPEN = "open"
    IN_PROGRESS = "in_progress"
    DONE = "done"
    DROPPED = "dropped"


NEXT: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        State.OPEN: frozenset({State.IN_PROGRESS, State.DONE, State.DROPPED}),
        State.IN_PROGRESS: frozenset({State.OPEN, State.DONE, State.DROPPED}),
        State.DONE: frozenset(),
        State.DROPPED: frozenset(),
    }
)
"""Where an item may go from each state. What has ended stays so: what comes back is another item."""

OPEN = frozenset({State.OPEN, State.IN_PROGRESS})


class EntryKind(StrEnum):
    OPENED = "opened"
    FOUND = "found"
    """More evidence came to an open item."""
    CHANGED = "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One thing that shows it.

    Attributes:
        kind: what it is: `special_method`, `request`, `objection`.
        id: of that thing, as it is called here or elsewhere.
        at: when it happened.
        what: in a sentence.
    """

    kind: str
    id: str
    at: datetime
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is to be made better, as it was found.

    Attributes:
        key: what two findings of the same have in common: of each at most one item is open, and what is found
            again adds its evidence to that. None where each is an item of its own.
        came_from: the special method, objection, review or accident that it was found by.
    """

    key: str | None = None
    title: str
    source: Source
    came_from: SubjectId | None = None
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Improvement:
    """One item of the register.

    Attributes:
        because: why it stands where it stands, as was said when it last changed its state.
        owner_id: the member who sees to it; `group_id`, the group that does.
        opened_by: as the audit trail calls them.
        version: grows with each change.
        sequence: how many events were told of it.
    """

    id: ImprovementId
    key: str | None
    title: str
    source: Source
    came_from: SubjectId | None
    evidence: tuple[Evidence, ...]
    state: State
    because: str | None
    owner_id: MemberId | None
    group_id: GroupId | None
    opened_by: str
    opened_at: datetime
    ended_at: datetime | None
    version: int
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What an item is to be from now on.

    Attributes:
        because: why its state changes; None where that stays as it is.
    """

    title: str
    state: State
    because: str | None
    owner_id: MemberId | None
    group_id: GroupId | None


def faults_of_evidence(evidence: Iterable[Evidence]) -> Iterator[Fault]:
    """What of it cannot be kept."""
    for at, each in enumerate(evidence):
        if not is_usable(each.at):
            yield Fault(pointer_to("/evidence", at, "at"), refusal(each.at))


def opened(finding: Finding, improvement_id: ImprovementId, *, by: str, at: datetime) -> Improvement:
    """A new item, which nobody sees to yet."""
    return Improvement(
        id=improvement_id,
        key=finding.key,
        title=finding.title,
        source=finding.source,
        came_from=finding.came_from,
        evidence=gathered((), finding.evidence),
        state=State.OPEN,
        because=None,
        owner_id=None,
        group_id=None,
        opened_by=by,
        opened_at=at,
        ended_at=None,
        version=1,
        sequence=0,
    )


def gathered(known: Iterable[Evidence], found: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """All evidence, each thing once, in the order in which it came; of more than is shown the latest."""
    by_thing = {(each.kind, each.id): each for each in known}
    for each in found:
        by_thing.setdefault((each.kind, each.id), each)
    return tuple(by_thing.values())[-EVIDENCE_MAX:]


def found_again(improvement: Improvement, finding: Finding) -> Improvement:
    """The item with what was found since; itself where that is nothing new."""
    evidence = gathered(improvement.evidence, finding.evidence)
    if evidence == improvement.evidence:
        return improvement
    return replace(improvement, evidence=evidence, version=improvement.version + 1)


def may_become(improvement: Improvement, state: State) -> bool:
    """Whether it may go on to that state; it may always stay where it is, unless it has ended."""
    if improvement.state not in OPEN:
        return False
    return state is improvement.state or state in NEXT[improvement.state]


def changed(improvement: Improvement, change: Change, *, at: datetime) -> Improvement:
    """The item after a change that it may go through. Raises ValueError where it may not."""
    if not may_become(improvement, change.state):
        raise ValueError(f"{improvement.state} does not become {change.state}")
    moves = change.state is not improvement.state
    return replace(
        improvement,
        title=change.title,
        state=change.state,
        because=change.because if moves else improvement.because,
        owner_id=change.owner_id,
        group_id=change.group_id,
        ended_at=None if change.state in OPEN else at,
        version=improvement.version + 1,
    )
