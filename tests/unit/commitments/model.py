"""A second, slow opinion on where a promise stands: it counts slots of ten minutes, one by one.

Written from the words of the design and from nothing else: it shares no arithmetic with the domain.
"""

from dataclasses import dataclass, field

SLOTS_A_DAY = 144
HORIZON = 40 * SLOTS_A_DAY
OPENS, CLOSES = 9 * 6, 17 * 6
WORKDAYS = 5


@dataclass(frozen=True)
class Rules:
    """Terms, in slots."""

    target: int
    pausable_by: frozenset[str]
    on_change: str
    may_be_later: bool
    on_reopen: str


@dataclass(frozen=True)
class Event:
    slot: int
    kind: str
    cause: str | None = None
    rules: Rules | None = None


@dataclass
class Cycle:
    """What one cycle came to."""

    started: int
    fulfilled: int | None = None
    cancelled: int | None = None
    terms: list[tuple[int, Rules, bool]] = field(default_factory=list[tuple[int, Rules, bool]])

    @property
    def ended(self) -> int | None:
        return self.fulfilled if self.fulfilled is not None else self.cancelled


@dataclass(frozen=True)
class View:
    clock: str
    outcome: str
    due: int | None
    fulfilled: int | None
    used: int


def is_open(slot: int) -> bool:
    day, within = divmod(slot, SLOTS_A_DAY)
    return day % 7 < WORKDAYS and OPENS <= within < CLOSES


class Model:
    """The events so far; everything else is worked out from them each time."""

    def __init__(self, start: int, rules: Rules) -> None:
        self.start = start
        self.first = rules
        self.events: list[Event] = []

    def views(self, now: int) -> list[View]:
        cycles, stopped = self._read(now)
        return [self._view(cycle, stopped, now) for cycle in cycles]

    def _read(self, now: int) -> tuple[list[Cycle], dict[str, set[int]]]:
        """The cycles, and for each cause the slots in which it held."""
        cycles = [Cycle(self.start, terms=[(self.start, self.first, False)])]
        stopped: dict[str, set[int]] = {}
        waiting: list[Event] = []
        for event in sorted(self.events, key=lambda event: event.slot):
            if event.slot <= now:
                self._apply(event, cycles, stopped, waiting)
        return cycles, stopped

    def _apply(
        self, event: Event, cycles: list[Cycle], stopped: dict[str, set[int]], waiting: list[Event]
    ) -> None:
        cycle, slot = cycles[-1], max(event.slot, self.start)
        if event.kind in {"pause", "resume"}:
            self._hold(event, stopped)
        elif event.kind == "fulfil" and cycle.ended is None:
            cycle.fulfilled = slot
        elif event.kind == "cancel" and cycle.ended is None:
            cycle.cancelled = slot
        elif event.kind == "reopen":
            self._reopen(slot, cycles, stopped, waiting)
        elif event.kind == "reterm" and cycle.ended is not None:
            waiting[:] = [event]
        elif event.kind == "reterm":
            self._reterm(cycle, slot, event)

    @staticmethod
    def _hold(event: Event, stopped: dict[str, set[int]]) -> None:
        for cause in stopped if event.cause is None else [event.cause]:
            held = stopped.get(cause, set())
            if event.kind == "pause":
                stopped[cause] = held | set(range(event.slot, HORIZON))
            else:
                stopped[cause] = {slot for slot in held if slot < event.slot}

    @staticmethod
    def _reterm(cycle: Cycle, slot: int, event: Event) -> None:
        if event.rules is None:
            raise ValueError("new terms without terms")
        kept = event.rules.on_change == "keep"
        cycle.terms.append((slot, cycle.terms[-1][1] if kept else event.rules, kept))

    def _reopen(
        self, slot: int, cycles: list[Cycle], stopped: dict[str, set[int]], waiting: list[Event]
    ) -> None:
        cycle = cycles[-1]
        rules = cycle.terms[-1][1]
        if cycle.ended is None or (rules.on_reopen == "final" and cycle.fulfilled is not None):
            return
        if rules.on_reopen != "new_cycle":
            stopped.setdefault("ended", set()).update(range(cycle.ended, slot))
            cycle.fulfilled = cycle.cancelled = None
            for event in waiting:
                self._reterm(cycle, slot, event)
        else:
            offered = [event.rules for event in waiting if event.rules and event.rules.on_change != "keep"]
            cycles.append(Cycle(slot, terms=[(slot, (offered or [rules])[-1], False)]))
        waiting.clear()

    def _view(self, cycle: Cycle, stopped: dict[str, set[int]], now: int) -> View:
        until = cycle.ended if cycle.ended is not None else max(now, cycle.started)
        binding: list[tuple[int | None, bool]] = []
        before: tuple[int, int, Rules] | None = None
        for slot, rules, kept in cycle.terms:
            if kept:
                continue
            origin, carried = slot, 0
            if before is not None and rules.on_change == "carry":
                carried = self._used(before, cycle, stopped, slot)
            if before is not None and rules.on_change == "from_origin":
                origin = cycle.started
            due = self._due(origin, rules.target - carried, self._still(rules, cycle, stopped))
            missed = any(old is not None and old < slot for old, _ in binding)
            if before is None or (rules.may_be_later and (rules.on_change == "from_origin" or not missed)):
                binding = []
            held = cycle.ended is None and self._is_held(rules, stopped, until)
            binding.append((due, held))
            before = (origin, carried, rules)
        dues = [due for due, _ in binding if due is not None]
        due = min(dues, default=None)
        if before is None:
            raise ValueError("a cycle without terms")
        return View(
            clock="stopped" if cycle.ended is not None else self._clock([held for _, held in binding]),
            outcome=self._outcome(cycle, due, until),
            due=due,
            fulfilled=cycle.fulfilled,
            used=self._used(before, cycle, stopped, until),
        )

    @staticmethod
    def _clock(held: list[bool]) -> str:
        return "paused" if all(held) else "running"

    @staticmethod
    def _outcome(cycle: Cycle, due: int | None, until: int) -> str:
        if due is not None and until > due:
            return "broken"
        return "pending" if cycle.fulfilled is None else "kept"

    @staticmethod
    def _is_held(rules: Rules, stopped: dict[str, set[int]], now: int) -> bool:
        return any(now in stopped.get(cause, set()) for cause in rules.pausable_by)

    @staticmethod
    def _still(rules: Rules, cycle: Cycle, stopped: dict[str, set[int]]) -> set[int]:
        slots = set[int]().union(*(stopped.get(cause, set()) for cause in (*rules.pausable_by, "ended")))
        return slots if cycle.ended is None else {slot for slot in slots if slot < cycle.ended}

    @staticmethod
    def _due(origin: int, left: int, still: set[int]) -> int | None:
        if left <= 0:
            return origin
        for slot in range(origin, HORIZON):
            if is_open(slot) and slot not in still:
                left -= 1
                if left == 0:
                    return slot + 1
        return None

    def _used(
        self, before: tuple[int, int, Rules], cycle: Cycle, stopped: dict[str, set[int]], until: int
    ) -> int:
        origin, carried, rules = before
        still = self._still(rules, cycle, stopped)
        return carried + sum(is_open(slot) and slot not in still for slot in range(origin, until))
