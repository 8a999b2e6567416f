"""The facts of history, counted in memory over a stream of what happened, in the order of time. Pure.

What `rooted.count_history` counts in the database, this counts without one: see `docs/guides/facts.md`.
"""

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import merge
from itertools import islice
from operator import itemgetter
from types import MappingProxyType
from typing import TypeAlias

from service.rules.vocabulary import HISTORY

COUNT_MAX = 10_000
"""No count goes further: what is more is told as this many."""
KEPT_MAX = 2 * COUNT_MAX
"""How many instants are kept under one key; the newest."""
SWEPT_EVERY = 10_000
"""So many entries are made between two looks for keys under which nothing is left."""

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)
MONTH = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What a request is counted by. Its names tell one thing from another, and mean nothing else.

    Attributes:
        received_at: when it was received, which is before all that happens to it.
        requester: the contact, or the text that the source names the requester by.
    """

    id: str
    received_at: datetime
    client: str | None = None
    service: str | None = None
    category: str | None = None
    requester: str | None = None


class Tally:
    """Counts what is told to it. What is told may be late, but `now` never goes back.

    It keeps the open requests, and of all others what lies within the longest span: KEPT_MAX instants for
    each client, service, category and requester.
    """

    def __init__(self) -> None:
        self._received = {
            "client": _Instants(MONTH),
            "service": _Instants(DAY),
            "category": _Instants(DAY),
            "requester": _Instants(WEEK),
        }
        self._broken = {"client": _Instants(MONTH), "service": _Instants(MONTH), "id": _Instants(MONTH)}
        self._kept = {"client": _Instants(MONTH), "id": _Instants(MONTH)}
        self._open: set[str] = set()
        self._open_of: Counter[Hashable] = Counter()
        self._until_swept = SWEPT_EVERY

    @property
    def size(self) -> int:
        """How many instants it keeps."""
        return sum(len(instants) for instants in self._ledgers())

    def at(
        self, case: Case, now: datetime, asked: Collection[str] = frozenset(HISTORY)
    ) -> Mapping[str, object]:
        """The facts of history for a request that is decided at `now`. It does not count itself.

        Args:
            case: the request, told of already or not.
            now: the instant of the decision.
            asked: the names of the facts that are wanted.
        """
        told = {name: _FACTS[name](self, case, now) for name in asked}
        return {name: value for name, value in told.items() if value is not None}

    def opened(self, case: Case) -> None:
        """A request was received, and is open."""
        for by, instants in self._received.items():
            instants.add(_key(case, by), (case.received_at, case.id))
        self.reopened(case)
        self._sweep(case.received_at)

    def changed(self, before: Case, after: Case) -> None:
        """A request that was received is of another category, or of another requester."""
        for by, instants in self._received.items():
            if _key(before, by) != _key(after, by):
                instants.remove(_key(before, by), (before.received_at, before.id))
                instants.add(_key(after, by), (after.received_at, after.id))

    def closed(self, case: Case) -> None:
        """A request is not open any more: it was resolved, closed or cancelled."""
        if case.id in self._open:
            self._open.remove(case.id)
            self._open_of.subtract(_owners(case))

    def reopened(self, case: Case) -> None:
        """A request is open again."""
        if case.id not in self._open:
            self._open.add(case.id)
            self._open_of.update(_owners(case))

    def kept(self, case: Case, at: datetime) -> None:
        """A promise of a request was fulfilled in time."""
        for by, instants in self._kept.items():
            instants.add(_key(case, by), (at, case.id))

    def breached(self, case: Case, at: datetime) -> None:
        """A promise of a request was broken."""
        for by, instants in self._broken.items():
            instants.add(_key(case, by), (at, case.id))

    def corrected(self, case: Case, at: datetime) -> None:
        """A promise of a request was not broken at that instant, though it was told so."""
        for by, instants in self._broken.items():
            instants.remove(_key(case, by), (at, case.id))

    def received_within(self, by: str, span: timedelta, case: Case, now: datetime) -> int:
        """How many other requests of the same kind were received in the span before `now`."""
        instants, key = self._received[by], _key(case, by)
        own = now - span < case.received_at <= now and instants.holds(key, (case.received_at, case.id))
        return min(instants.count(key, now - span, now) - own, COUNT_MAX)

    def open_of(self, by: str, case: Case) -> int:
        """How many other requests of the same client, or service, are open."""
        key = _key(case, by)
        own = key is not None and case.id in self._open
        return min(self._open_of[by, key] - own, COUNT_MAX)

    def broken_within(self, by: str, case: Case, now: datetime) -> int:
        """How many promises of other requests of the same client, or service, were broken in 30 days."""
        return min(_of_others(self._broken, by, case, now), COUNT_MAX)

    def kept_share(self, case: Case, now: datetime) -> float | None:
        """Of the promises to the same client that were settled in 30 days, the share that was kept."""
        kept = _of_others(self._kept, "client", case, now)
        broken = _of_others(self._broken, "client", case, now)
        if kept + broken > COUNT_MAX:
            kept, broken = self._newest(case, now)
        return kept / (kept + broken) if kept + broken else None

    def _newest(self, case: Case, now: datetime) -> tuple[int, int]:
        """Of the newest COUNT_MAX promises that were settled, how many were kept and how many broken."""
        kept, broken = (
            [(at, is_broken) for at, owner in ended["client"].newest(case.client, now) if owner != case.id]
            for is_broken, ended in ((False, self._kept), (True, self._broken))
        )
        taken = Counter(is_broken for _, is_broken in islice(merge(kept, broken, reverse=True), COUNT_MAX))
        return taken[False], taken[True]

    def _sweep(self, now: datetime) -> None:
        self._until_swept -= 1
        if self._until_swept:
            return
        self._until_swept = SWEPT_EVERY
        self._open_of = +self._open_of
        for instants in self._ledgers():
            instants.sweep(now)

    def _ledgers(self) -> Iterable["_Instants"]:
        return (*self._received.values(), *self._broken.values(), *self._kept.values())


Instant: TypeAlias = tuple[datetime, str]
"""When something happened, and to which request."""
_when: Callable[[Instant], datetime] = itemgetter(0)


class _Instants:
    """When something happened, by key, in order: as far back as the span from the last one under the key."""

    def __init__(self, span: timedelta) -> None:
        self._span = span
        self._of: dict[Hashable, list[Instant]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._of.values()))

    def add(self, key: Hashable, instant: Instant) -> None:
        if key is None:
            return
        kept = self._of.setdefault(key, [])
        insort(kept, instant)
        gone = max(bisect_right(kept, kept[-1][0] - self._span, key=_when), len(kept) - KEPT_MAX)
        if gone > 0:
            del kept[:gone]

    def remove(self, key: Hashable, instant: Instant) -> None:
        if self.holds(key, instant):
            kept = self._of[key]
            del kept[bisect_left(kept, instant)]

    def holds(self, key: Hashable, instant: Instant) -> bool:
        kept = self._of.get(key, ())
        place = bisect_left(kept, instant)
        return place < len(kept) and kept[place] == instant

    def count(self, key: Hashable, after: datetime, until: datetime) -> int:
        """How many there are later than `after`, and none later than `until`."""
        kept = self._of.get(key, ())
        return bisect_right(kept, until, key=_when) - bisect_right(kept, after, key=_when)

    def within(self, key: Hashable, now: datetime) -> int:
        """How many there are in the whole span before `now`."""
        return self.count(key, now - self._span, now)

    def newest(self, key: Hashable, now: datetime) -> list[Instant]:
        """Those in the whole span before `now`, the newest first."""
        kept = self._of.get(key, [])
        first = bisect_right(kept, now - self._span, key=_when)
        return kept[first : bisect_right(kept, now, key=_when)][::-1]

    def sweep(self, now: datetime) -> None:
        """Let go of the keys under which nothing lies within the span any more."""
        for key in [key for key, kept in self._of.items() if not kept or kept[-1][0] <= now - self._span]:
            del self._of[key]


def _of_others(instants: Mapping[str, _Instants], by: str, case: Case, now: datetime) -> int:
    """What happened to the same client, or service, but not to the request itself."""
    key = _key(case, by)
    return 0 if key is None else instants[by].within(key, now) - instants["id"].within(case.id, now)


def _key(case: Case, by: str) -> Hashable:
    """What a request is counted under; None where it is not counted."""
    if by == "requester":
        return None if case.requester is None else (case.client, case.requester)
    names = {"client": case.client, "service": case.service, "category": case.category, "id": case.id}
    return names[by]


def _owners(case: Case) -> list[Hashable]:
    return [(by, key) for by in ("client", "service") if (key := _key(case, by)) is not None]


_FACTS: Mapping[str, Callable[[Tally, Case, datetime], object]] = MappingProxyType(
    {
        "history.same_service_1h": lambda tally, case, now: tally.received_within("service", HOUR, case, now),
        "history.same_service_24h": lambda tally, case, now: tally.received_within("service", DAY, case, now),
        "history.same_client_24h": lambda tally, case, now: tally.received_within("client", DAY, case, now),
        "history.same_requester_7d": lambda tally, case, now: tally.received_within(
            "requester", WEEK, case, now
        ),
        "history.same_category_24h": lambda tally, case, now: tally.received_within(
            "category", DAY, case, now
        ),
        "client.open_requests": lambda tally, case, _: tally.open_of("client", case),
        "client.requests_30d": lambda tally, case, now: tally.received_within("client", MONTH, case, now),
        "client.breaches_30d": lambda tally, case, now: tally.broken_within("client", case, now),
        "client.kept_share_30d": Tally.kept_share,
        "service.open_requests": lambda tally, case, _: tally.open_of("service", case),
        "service.breaches_30d": lambda tally, case, now: tally.broken_within("service", case, now),
    }
)
