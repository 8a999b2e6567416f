"""Which refusals are written down one by one, and which are only counted. Pure but for what it remembers."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

WINDOW = timedelta(minutes=1)
KINDS_KEPT = 10_000
"""Beyond, the kind that was quiet longest makes room: its count is told at once."""


@dataclass(slots=True)
class _Seen(Generic[V]):
    """What was seen of one kind in its window: how often, and the last that was not told by itself."""

    since: datetime
    count: int
    untold: int
    last: V


@dataclass(frozen=True, slots=True)
class Repeated(Generic[V]):
    """What happened again without being told by itself: the last time, and how often in that minute."""

    last: V
    times: int


class Tally(Generic[K, V]):
    """Counts by kind in windows of a minute that begin with the first of a kind.

    Whatever is counted is told: by itself, or as one `Repeated` when its window is over.
    """

    def __init__(self) -> None:
        self._kinds: OrderedDict[K, _Seen[V]] = OrderedDict()

    def note(self, kind: K, value: V, *, each_max: int, now: datetime) -> tuple[bool, list[Repeated[V]]]:
        """Count one more.

        Args:
            kind: of which so many are told one by one in a window.
            value: what happened.
            each_max: how many.
            now: the wall clock's.

        Returns:
            Whether to tell it by itself, and what else has become due to be told.
        """
        due = self._start(kind, value, now)
        seen = self._kinds[kind]
        seen.count += 1
        seen.last = value
        if seen.count <= each_max:
            return True, due
        seen.untold += 1
        return False, due

    def settle(self, now: datetime | None = None) -> list[Repeated[V]]:
        """Forget the windows that are over at `now`, or all: what was counted in them, to be told."""
        over = [kind for kind, seen in self._kinds.items() if now is None or now - seen.since >= WINDOW]
        return [repeated for kind in over for repeated in self._end(kind)]

    def _start(self, kind: K, value: V, now: datetime) -> list[Repeated[V]]:
        """See to it that the kind has a window at `now`."""
        due: list[Repeated[V]] = []
        seen = self._kinds.get(kind)
        if seen is not None and now - seen.since >= WINDOW:
            due += self._end(kind)
        self._kinds.setdefault(kind, _Seen(now, 0, 0, value))
        self._kinds.move_to_end(kind)
        if len(self._kinds) > KINDS_KEPT:
            due += self._end(next(iter(self._kinds)))
        return due

    def _end(self, kind: K) -> list[Repeated[V]]:
        seen = self._kinds.pop(kind)
        return [Repeated(seen.last, seen.untold)] if seen.untold else []
