"""Who used the time of a promise: by party, group and person, in the promise's own clock. Decides nothing."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from service.commitments.domain import measures as measuring
from service.commitments.domain import replay
from service.commitments.domain.ledger import LedgerEntry
from service.commitments.domain.measures import ZERO, Calendars, Measure, Rule
from service.commitments.domain.pauses import Pause
from service.commitments.domain.replay import History

US = "us"
"""The party whose time it is while nobody is waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Whose time it was.

    Attributes:
        party: whom one waited for, or "us".
        group: whose turn it was, as far as that was told.
    """

    party: str
    group: str | None = None
    person: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """How much of the promise's own clock passed while it was somebody's.

    Attributes:
        used: counts against the target. Over all holders it is what the promise has used, to the microsecond.
        paused: passed while the clock stood still for them.
    """

    holder: Holder
    used: timedelta = ZERO
    paused: timedelta = ZERO


def usages(
    entries: Iterable[LedgerEntry], calendars: Calendars, now: datetime
) -> tuple[tuple[Usage, ...], ...]:
    """Who used the time of each cycle of the promise with this ledger, whoever used most first.

    It counts by the terms in force at the end of the cycle, as `Judgement.used` does. The time between an end
    and a reopening is nobody's.

    Raises:
        KeyError: a calendar of the terms was not given.
        ValueError: the ledger has no start, or two.
    """
    history = replay.read(entries, now)
    found: list[tuple[Usage, ...]] = []
    for cycle in history.cycles:
        measured = measuring.measures(cycle, history, calendars)
        until = cycle.ended_at or max(now, cycle.started_at)
        found.append(_summed(_spent(measured, history, until)))
    return tuple(found)


def by_party(found: Iterable[Usage]) -> tuple[Usage, ...]:
    """The same without groups and persons."""
    return _summed(replace(usage, holder=Holder(party=usage.holder.party)) for usage in found)


def _summed(found: Iterable[Usage]) -> tuple[Usage, ...]:
    sums: dict[Holder, Usage] = {}
    for usage in found:
        known = sums.get(usage.holder, Usage(holder=usage.holder))
        sums[usage.holder] = replace(known, used=known.used + usage.used, paused=known.paused + usage.paused)
    spent = [usage for usage in sums.values() if usage.used or usage.paused]
    return tuple(sorted(spent, key=lambda usage: (-usage.used, -usage.paused, _name(usage.holder))))


def _name(holder: Holder) -> tuple[str, str, str]:
    return (holder.party, holder.group or "", holder.person or "")


def _spent(measured: Sequence[Measure], history: History, until: datetime) -> Iterator[Usage]:
    """What the last measure counts: what was carried into it, and what passed since it began to count."""
    *before, last = measured
    begun = list(before)
    while begun and last.rule is Rule.KEEP:
        last = begun.pop()
    if last.rule is Rule.CARRY:
        yield from _spent(begun, history, last.segment.at)
    yield from _passed(last, history, until)


def _passed(measure: Measure, history: History, until: datetime) -> Iterator[Usage]:
    pauses = measuring.pauses_of(measure.terms, history.pauses, history.turns, since=measure.counted_from)
    waits = [pause for pause in history.pauses if not pause.is_after_end]
    for start, end in pairwise(_instants(measure, history, pauses, until)):
        passed = measure.meter.elapsed(start, end)
        stopping = [pause for pause in pauses if _covers(pause, start)]
        if any(pause.is_after_end for pause in stopping):
            continue
        holder = _holder(history, [*stopping, *(wait for wait in waits if _covers(wait, start))], start)
        yield Usage(holder=holder, paused=passed) if stopping else Usage(holder=holder, used=passed)


def _instants(measure: Measure, history: History, pauses: Sequence[Pause], until: datetime) -> list[datetime]:
    """All instants between which nothing changes, in order."""
    ends = [pause.end for pause in (*pauses, *history.pauses) if pause.end is not None]
    starts = [pause.start for pause in (*pauses, *history.pauses)]
    inside = {*ends, *starts, *(turn.at for turn in history.turns)}
    first = measure.counted_from
    return [first, *sorted(at for at in inside if first < at < until), max(first, until)]


def _covers(pause: Pause, at: datetime) -> bool:
    return pause.start <= at and (pause.end is None or at < pause.end)


def _holder(history: History, waits: Sequence[Pause], at: datetime) -> Holder:
    """Of several whom one waits for, the first; what stops the clock comes before what does not."""
    turns = [turn for turn in history.turns if turn.at <= at]
    group, person = (turns[-1].group, turns[-1].person) if turns else (None, None)
    party = next((wait.party for wait in waits if wait.party), US)
    return Holder(party=party, group=group, person=person)
