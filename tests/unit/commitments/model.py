"""A second, slow opinion on where a promise stands: it counts slots of ten minutes, one by one.

Written from the words of the design and from nothing else: it shares no arithmetic with the domain. Slot 0
begins at midnight before a Monday. The office is open on working days from nine to five.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

SLOTS_A_DAY = 144
HORIZON = 120 * SLOTS_A_DAY
OPENS, CLOSES = 9 * 6, 17 * 6
WORKDAYS = 5
SPANS = frozenset({"working", "elapsed"})

Holds = Callable[[int], bool]


@dataclass(frozen=True)
class Rules:
    """Terms, in slots.

    Attributes:
        amount: of a span its slots; of an instant its slot; else how many working days.
        clock: the slot of the day, where a time of day is promised.
        office: whether it goes by the office's hours, or round the clock.
        group: whose time alone counts, if not everybody's.
        is_supplier: whether the group is a supplier, for whom one may also wait.
        replies: what a reply does: nothing, `fulfil` or `restart`.
        warn: so much before the due.
    """

    unit: str
    amount: int
    clock: int
    office: bool
    pausable_by: frozenset[str]
    on_change: str
    may_be_later: bool
    on_reopen: str
    group: str | None
    is_supplier: bool
    replies: str
    warn: int


@dataclass(frozen=True)
class Event:
    """What is told of a promise. `name` is a cause, a group, or what fulfils; None is any of them.

    Of a cancellation it is why the promise alone was taken back; None is that of its request. `since` is when
    the cycle began that is announced to be missed.
    """

    slot: int
    kind: str
    name: str | None = None
    party: str = ""
    rules: Rules | None = None
    since: int = 0
    sequence: int = 0


@dataclass
class Cycle:
    """What one cycle came to: its terms from slot to slot, and whether other terms only were offered."""

    number: int
    started: int
    terms: list[tuple[int, Rules, bool]]
    fulfilled: int | None = None
    cancelled: int | None = None
    taken_back: bool = False

    @property
    def ended(self) -> int | None:
        return self.fulfilled if self.fulfilled is not None else self.cancelled

    @property
    def rules(self) -> Rules:
        return self.terms[-1][1]


@dataclass
class Hold:
    """One waits, from one slot on and up to another."""

    cause: str
    party: str
    since: int
    until: int = HORIZON

    def holds(self, slot: int) -> bool:
        return self.since <= slot < self.until


@dataclass
class Story:
    """What has happened by some slot."""

    cycles: list[Cycle]
    holds: list[Hold] = field(default_factory=list[Hold])
    over: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    turns: list[tuple[int, str | None]] = field(default_factory=list[tuple[int, str | None]])
    announced: dict[int, int] = field(default_factory=dict[int, int])
    offered: Event | None = None
    is_over: bool = False
    """Whether the request is resolved or cancelled."""


@dataclass(frozen=True)
class Counted:
    """Terms that count from a slot on, with what was used before it."""

    rules: Rules
    since: int
    origin: int
    carried: int


@dataclass(frozen=True)
class View:
    clock: str
    outcome: str
    due: int | None
    warn: int | None
    fulfilled: int | None
    cancelled: int | None
    used: int
    silent: bool


class Model:
    """The events so far; everything else is worked out from them each time."""

    def __init__(self, start: int, rules: Rules) -> None:
        self.start = start
        self.first = rules
        self.events: list[Event] = []
        self.corrected: set[int] = set()
        """When the cycles began of whose breach somebody said that it was recorded wrongly."""

    def views(self, now: int) -> list[View]:
        story = self._story(now)
        return [self._view(cycle, story, now) for cycle in story.cycles]

    def _story(self, now: int) -> Story:
        story = Story([Cycle(1, self.start, [(self.start, self.first, False)])])
        for event in sorted(self.events, key=lambda event: (event.slot, event.sequence)):
            if event.slot <= max(now, self.start):
                self._happen(story, event)
        return story

    def _happen(self, story: Story, event: Event) -> None:
        slot = max(event.slot, self.start)
        match event.kind:
            case "pause" | "resume":
                _hold(story, event)
            case "assign":
                story.turns.append((event.slot, event.name))
            case "announce":
                story.announced.setdefault(event.since, event.slot)
            case "fulfil":
                _fulfil(story, slot, event.name)
            case "cancel":
                _cancel(story, slot, event.name)
            case "reopen":
                _reopen(story, slot)
            case "reterm":
                _reterm(story, slot, event)
            case _:
                raise ValueError(f"nothing is known of {event.kind}")

    def _view(self, cycle: Cycle, story: Story, now: int) -> View:
        until = cycle.ended if cycle.ended is not None else max(now, cycle.started)
        binding: list[tuple[Counted, int | None]] = []
        last: Counted | None = None
        for since, rules, kept in cycle.terms:
            if kept:
                continue
            counted = _counted(since, rules, last, cycle, story)
            missed = any(old is not None and old < since for _, old in binding)
            frees = rules.may_be_later and (rules.on_change == "from_origin" or not missed)
            binding = [] if frees else binding
            binding.append((counted, _due(counted, cycle, story, until)))
            last = counted
        if last is None:
            raise ValueError("a cycle without terms")
        dues = [(due, counted) for counted, due in reversed(binding) if due is not None]
        due, winner = min(dues, key=lambda each: each[0], default=(None, last))
        broken = due is not None and until > due
        told = story.announced.get(cycle.started)
        is_announced = told is not None and due is not None and told <= due
        return View(
            clock=_clock([counted for counted, _ in binding], cycle, story, until),
            outcome="broken" if broken else "pending" if cycle.fulfilled is None else "kept",
            due=due,
            warn=None if due is None else _warning(winner, due, cycle, story, until),
            fulfilled=cycle.fulfilled,
            cancelled=cycle.cancelled,
            used=_used(last, cycle, story, until),
            silent=broken and not is_announced and cycle.started not in self.corrected,
        )


def _hold(story: Story, event: Event) -> None:
    lasting = [hold for hold in story.holds if hold.until == HORIZON]
    if event.kind == "resume":
        for hold in lasting:
            if event.name in {None, hold.cause}:
                hold.until = event.slot
    elif event.name is not None and event.name not in {hold.cause for hold in lasting}:
        story.holds.append(Hold(event.name, event.party, event.slot))


def _cancel(story: Story, slot: int, because: str | None) -> None:
    cycle = story.cycles[-1]
    if cycle.ended is None:
        cycle.cancelled = slot
    if because is None:
        story.is_over = True
    elif cycle.fulfilled is None:
        cycle.taken_back = True


def _fulfil(story: Story, slot: int, by: str | None) -> None:
    cycle = story.cycles[-1]
    story.is_over = story.is_over or by == "resolved"
    if cycle.ended is not None or (by == "reply" and cycle.rules.replies == "nothing"):
        return
    cycle.fulfilled = slot
    if by == "reply" and cycle.rules.replies == "restart":
        story.cycles.append(Cycle(cycle.number + 1, slot, [(slot, cycle.rules, False)]))


def _reterm(story: Story, slot: int, event: Event) -> None:
    """Other terms; a promise that has ended hears of them when it is reopened."""
    cycle = story.cycles[-1]
    if cycle.ended is not None:
        story.offered = event
        return
    if event.rules is None:
        raise ValueError("new terms without terms")
    kept = event.rules.on_change == "keep"
    cycle.terms.append((slot, cycle.rules if kept else event.rules, kept))


def _reopen(story: Story, slot: int) -> None:
    """A request that goes on has been over; what was taken back alone stays so."""
    cycle, was_over = story.cycles[-1], story.is_over
    story.is_over = False
    is_final = cycle.rules.on_reopen == "final" and cycle.fulfilled is not None
    if cycle.ended is None or is_final or cycle.taken_back or not was_over:
        return
    offered, story.offered = story.offered, None
    if cycle.rules.on_reopen == "new_cycle":
        rules = cycle.rules
        if offered is not None and offered.rules is not None and offered.rules.on_change != "keep":
            rules = offered.rules
        story.cycles.append(Cycle(cycle.number + 1, slot, [(slot, rules, False)]))
        return
    story.over.append((cycle.ended, slot))
    cycle.fulfilled = cycle.cancelled = None
    if offered is not None:
        _reterm(story, slot, offered)


def _counted(since: int, rules: Rules, last: Counted | None, cycle: Cycle, story: Story) -> Counted:
    """From where new terms count, and how much of what was used before."""
    if last is None or rules.on_change == "restart":
        return Counted(rules, since, since, 0)
    if rules.on_change == "carry" and rules.unit in SPANS and rules.unit == last.rules.unit:
        return Counted(rules, since, since, _used(last, cycle, story, since))
    return Counted(rules, since, cycle.started, 0)


def _is_open(rules: Rules, slot: int) -> bool:
    if not rules.office or rules.unit == "elapsed":
        return True
    day, within = divmod(slot, SLOTS_A_DAY)
    return day % 7 < WORKDAYS and OPENS <= within < CLOSES


def _still(rules: Rules, cycle: Cycle, story: Story) -> Holds:
    """Does the clock of these terms stand still in that slot?"""
    holds = [hold for hold in story.holds if hold.cause in rules.pausable_by]
    waits = [hold for hold in story.holds if rules.is_supplier and hold.party == rules.group]

    def is_elsewhere(slot: int) -> bool:
        turn = [group for since, group in story.turns if since <= slot][-1:]
        return turn != [rules.group] and not any(hold.holds(slot) for hold in waits)

    def still(slot: int) -> bool:
        if slot < cycle.started or (cycle.ended is not None and slot >= cycle.ended):
            return False
        if any(hold.holds(slot) for hold in holds) or any(since <= slot < end for since, end in story.over):
            return True
        return rules.group is not None and is_elsewhere(slot)

    return still


def _still_since(counted: Counted, cycle: Cycle, story: Story, until: int) -> int:
    """Since when the clock has stood still without an end that is known; the horizon if it has not."""
    still = _still(counted.rules, cycle, story)
    if cycle.ended is not None or not still(until):
        return HORIZON
    since = until
    while since > counted.origin and still(since - 1):
        since -= 1
    return since


def _due(counted: Counted, cycle: Cycle, story: Story, until: int) -> int | None:
    rules, still = counted.rules, _still(counted.rules, cycle, story)
    limit = _still_since(counted, cycle, story, until)
    if rules.unit in SPANS:
        return _after(counted, rules.amount, still, limit)
    due, slot, stands_still = _named(rules, counted.origin), counted.origin, False
    while slot < limit and (slot < due or stands_still):
        stands_still = still(slot)
        if stands_still and _is_open(rules, slot):
            due = _next_open(rules, due) + 1
        slot += 1
    return None if due > limit else due


def _after(counted: Counted, amount: int, still: Holds, limit: int) -> int | None:
    """The end of the slot in which so much is used up."""
    left = amount - counted.carried
    slot = counted.origin
    while left > 0:
        if slot >= limit:
            return None
        left -= _is_open(counted.rules, slot) and not still(slot)
        slot += 1
    return slot


def _named(rules: Rules, origin: int) -> int:
    """What terms in days, or of an instant, mean without any pause."""
    if rules.unit == "instant":
        return rules.amount
    day = _working_day(rules, origin, rules.amount)
    if rules.unit == "end_of_business_day":
        return _close(rules, day)
    clock = origin % SLOTS_A_DAY if rules.unit == "business_days" else rules.clock
    due = min(day * SLOTS_A_DAY + clock, _close(rules, day))
    if due < origin:
        day = _working_day(rules, origin, rules.amount + 1)
        due = min(day * SLOTS_A_DAY + clock, _close(rules, day))
    return due


def _working_day(rules: Rules, origin: int, days: int) -> int:
    """So many working days later; today only as long as it is one, and not over."""
    day = origin // SLOTS_A_DAY
    if days == 0 and _is_working_day(rules, day) and origin <= _close(rules, day):
        return day
    left = max(days, 1)
    while left:
        day += 1
        left -= _is_working_day(rules, day)
    return day


def _is_working_day(rules: Rules, day: int) -> bool:
    return not rules.office or day % 7 < WORKDAYS


def _close(rules: Rules, day: int) -> int:
    return day * SLOTS_A_DAY + (CLOSES if rules.office else SLOTS_A_DAY)


def _next_open(rules: Rules, slot: int) -> int:
    while not _is_open(rules, slot):
        slot += 1
    return slot


def _warning(counted: Counted, due: int, cycle: Cycle, story: Story, until: int) -> int | None:
    """When so much of its own clock is left; not before the terms hold."""
    still = _still(counted.rules, cycle, story)
    if counted.rules.unit in SPANS:
        limit = _still_since(counted, cycle, story, until)
        reached = _after(counted, counted.rules.amount - counted.rules.warn, still, limit)
        return None if reached is None else max(counted.since, reached)
    slot, left = due, counted.rules.warn
    while left and slot > counted.since:
        slot -= 1
        left -= _is_open(counted.rules, slot) and not still(slot)
    return max(counted.since, slot)


def _clock(binding: list[Counted], cycle: Cycle, story: Story, until: int) -> str:
    if cycle.ended is not None:
        return "stopped"
    held = [_still(counted.rules, cycle, story)(until) for counted in binding]
    return "paused" if all(held) else "running"


def _used(counted: Counted, cycle: Cycle, story: Story, until: int) -> int:
    still = _still(counted.rules, cycle, story)
    slots = range(counted.origin, until)
    return counted.carried + sum(_is_open(counted.rules, slot) and not still(slot) for slot in slots)
