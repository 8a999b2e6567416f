"""Where an arrangement stands: a pure function of what was decided, found and answered.

An arrangement is what became of a verdict. Whoever comes first decides: what has ended stays so, but that
another verdict may take its place, or an objection be upheld against it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from service.rationalization.arrangements.domain.ledger import (
    Accepted,
    Arranged,
    Entry,
    Lapsed,
    Looked,
    Objected,
    Overturned,
    Refused,
    Renewed,
    Superseded,
    VerdictKind,
    Withdrawn,
)

__all__ = [
    "AWAITING",
    "ENDED_BY_VERDICT",
    "GATED",
    "OVER",
    "WORKABLE",
    "Accepted",
    "Arranged",
    "Entry",
    "Lapsed",
    "Looked",
    "Objected",
    "Overturned",
    "Refusal",
    "Refused",
    "Renewed",
    "Standing",
    "State",
    "Superseded",
    "VerdictKind",
    "Withdrawn",
    "after",
    "at",
    "begun",
    "next_wake_up",
    "refusal",
    "standing",
]


class State(StrEnum):
    PROPOSED = "proposed"
    """A counter-proposal waits for the requester's answer."""
    AGREED = "agreed"
    """The requester took the counter-proposal: work may start on what was agreed."""
    HELD_UP = "held_up"
    """What the verdict requires is not all there: work may not start."""
    READY = "ready"
    """All that the verdict requires is there: work may start."""
    OBJECTED = "objected"
    """The requester objected to the counter-proposal; the objection is to be decided."""
    REFUSED = "refused"
    """Somebody whose consent is required refused it."""
    REDIRECTED = "redirected"
    DECLINED = "declined"
    LAPSED = "lapsed"
    """Nobody answered the counter-proposal in time: it is not worked on."""
    SUPERSEDED = "superseded"
    """Another verdict took its place."""
    WITHDRAWN = "withdrawn"
    """The request ended otherwise."""
    OVERTURNED = "overturned"
    """An objection was upheld: what was asked for is accepted as it was asked."""


ENDED_BY_VERDICT = frozenset({State.REFUSED, State.REDIRECTED, State.DECLINED})
"""The request is over, because of the verdict."""
AWAITING = frozenset({State.PROPOSED, State.OBJECTED, State.LAPSED})
"""The requester has the turn, or an objection of theirs is to be decided: the request waits for them."""
GATED = frozenset({State.HELD_UP, State.READY})
"""Gates are looked at."""
WORKABLE = frozenset({State.AGREED, State.READY, State.OVERTURNED})
"""Work may start."""
OVER = frozenset({State.SUPERSEDED, State.WITHDRAWN})
"""Nothing may follow."""


class Refusal(StrEnum):
    """Why an entry is not taken."""

    OVER = "over"
    """Another verdict took its place, or the request ended otherwise."""
    LAPSED = "lapsed"
    """The time for an answer is over."""
    ANSWERED = "answered"
    """The counter-proposal was answered before."""
    NOT_ASKED = "not_asked"
    """It is no counter-proposal, or waits for nothing of this kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where an arrangement stands.

    Attributes:
        since: when it came to stand so.
        answer_by: the last instant at which the counter-proposal may be answered.
        missing: what holds work up, in words.
        because: why it ended, or was objected to; empty where the verdict's own reason says it.
    """

    verdict: VerdictKind
    state: State
    since: datetime
    gated: bool = False
    answer_by: datetime | None = None
    missing: tuple[str, ...] = ()
    because: str = ""


def standing(entries: Sequence[Entry], now: datetime) -> Standing:
    """Where it stands at `now`. What cannot be taken, by `refusal`, counts for nothing.

    Raises:
        ValueError: the first entry arranges nothing.
    """
    if not entries or not isinstance(entries[0], Arranged):
        raise ValueError("nothing was arranged")
    found = begun(entries[0])
    for entry in entries[1:]:
        found = after(found, entry)
    return at(found, now)


def begun(arranged: Arranged) -> Standing:
    """Where it stands when the verdict is given."""
    state = _BEGINS.get(arranged.verdict, State.HELD_UP if arranged.gated else State.READY)
    return Standing(
        verdict=arranged.verdict,
        state=state,
        since=arranged.at,
        gated=arranged.gated,
        answer_by=arranged.answer_by,
    )


_BEGINS = {
    VerdictKind.ADJUST: State.PROPOSED,
    VerdictKind.REDIRECT: State.REDIRECTED,
    VerdictKind.DECLINE: State.DECLINED,
}


def after(before: Standing, entry: Entry) -> Standing:
    """Where it stands when an entry was recorded; as before where the entry is not taken."""
    found = at(before, entry.at)
    if refusal(before, entry) is not None:
        return found
    match entry:
        case Accepted():
            return _changed(found, State.HELD_UP if found.gated else State.AGREED, entry.at)
        case Renewed(answer_by=answer_by):
            return replace(_changed(found, State.PROPOSED, entry.at), answer_by=answer_by)
        case Looked(missing=missing):
            return _looked(found, missing, entry.at)
        case _ if type(entry) in _LEADS_TO:
            because = getattr(entry, "because", "")
            return _changed(found, _LEADS_TO[type(entry)], entry.at, because=because)
        case _:
            return found


_LEADS_TO: Mapping[type[Entry], State] = MappingProxyType(
    {
        Objected: State.OBJECTED,
        Refused: State.REFUSED,
        Superseded: State.SUPERSEDED,
        Withdrawn: State.WITHDRAWN,
        Overturned: State.OVERTURNED,
    }
)

_OPEN = frozenset(State) - OVER - ENDED_BY_VERDICT - {State.OVERTURNED}
_TAKEN_IN: Mapping[type[Entry], frozenset[State]] = MappingProxyType(
    {
        Accepted: frozenset({State.PROPOSED}),
        Objected: frozenset({State.PROPOSED, State.LAPSED}),
        Renewed: frozenset({State.OBJECTED}),
        Lapsed: frozenset({State.LAPSED}),
        Looked: GATED,
        Refused: GATED,
        Withdrawn: _OPEN,
        Overturned: frozenset(State) - OVER - {State.OVERTURNED},
        Superseded: frozenset(State) - OVER,
    }
)
"""In which states each kind of entry says something new."""


def refusal(before: Standing, entry: Entry) -> Refusal | None:
    """Why an entry cannot be taken, if so.

    Args:
        before: where it stood before the entry.
        entry: the new one.
    """
    found = at(before, entry.at).state
    if found in _TAKEN_IN.get(type(entry), frozenset()):
        return None
    if found in OVER:
        return Refusal.OVER
    if found is State.LAPSED:
        return Refusal.LAPSED
    return Refusal.ANSWERED if before.verdict is VerdictKind.ADJUST else Refusal.NOT_ASKED


def at(found: Standing, now: datetime) -> Standing:
    """The same at a later instant: a counter-proposal that nobody answered in time has lapsed."""
    if found.state is State.PROPOSED and found.answer_by is not None and now > found.answer_by:
        return _changed(found, State.LAPSED, found.answer_by)
    return found


def next_wake_up(found: Standing) -> datetime | None:
    """When silence counts, if nobody answers until then."""
    if found.state is State.PROPOSED and found.answer_by is not None:
        return found.answer_by + found.answer_by.resolution
    return None


def _looked(found: Standing, missing: tuple[str, ...], now: datetime) -> Standing:
    state = State.HELD_UP if missing else State.READY
    return replace(found if state is found.state else _changed(found, state, now), missing=missing)


def _changed(found: Standing, state: State, since: datetime, *, because: str = "") -> Standing:
    return replace(found, state=state, since=since, missing=(), because=because)
