"""The only module that knows durable-rules: its C module alone, never its Host, in one thread.

The C module can crash or hang its process on many inputs. It is given only what `compile` makes, and this
module runs only in the child process.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import durable_rules_engine

from service.recent import Recent
from service.rules.compile.plan import Plan
from service.rules.compile.shards import RULE_DIGITS, SENTINEL, Codes, Shard, rule_name

C: Any = durable_rules_engine  # no type stubs exist
HANDLED: Final = 0
NOT_HANDLED: Final = 1
SESSION: Final = "s"
NAME: Final = slice(len('{"'), len('{"t') + RULE_DIGITS)
HANDLE, HOLDERS = 0, 1
REMEMBERED_MAX: Final = 256
RETRACTED: Final = f'{{"id":"e","sid":"{SESSION}"}}'
"""A fact goes by its id: the rest of it need not be read again."""
WARM_UP: Final = f'{{"id":"e","sid":"{SESSION}","{SENTINEL}":1}}'

Found: TypeAlias = tuple[list[int], list[int]]


class EnginePoisoned(Exception):
    """The C module refused something or broke its word. Close the session, and answer elsewhere."""


class Handles:
    """The rule sets of the C module that are open, by their text.

    Codes are ranks among a rule set's own constants, so that many rule sets which are built alike have shards
    of the same text. They share one: nothing of a fact is left after it was matched.

    Attributes:
        terms: how many are open; each takes about 29 KB.
    """

    def __init__(self) -> None:
        self.terms = 0
        self._open: dict[str, list[int]] = {}

    def take(self, shard: Shard) -> int:
        """The handle for a shard. Give it back once.

        Raises:
            EnginePoisoned
        """
        held = self._open.get(shard.text)
        if held is None:
            held = self._open[shard.text] = [_opened(shard), 0]
            self.terms += len(shard.owners)
        held[HOLDERS] += 1
        return held[HANDLE]

    def give_back(self, shard: Shard) -> None:
        """Free the C module's memory with the last holder: the session first, since it is not freed else."""
        held = self._open[shard.text]
        held[HOLDERS] -= 1
        if not held[HOLDERS]:
            del self._open[shard.text]
            self.terms -= len(shard.owners)
            C.delete_state(held[HANDLE], SESSION)
            C.delete_ruleset(held[HANDLE])


class Session:
    """The C module's side of one rule set. Close it.

    Shards that find errors are opened when a fact first leaves a doubt. What was found for some codes is
    remembered: it depends on nothing else.

    Args:
        plan: what to match by.
        handles: shared by the sessions of a process.
        remembered_max: how many answers are remembered.
    """

    def __init__(
        self, plan: Plan, handles: Handles | None = None, *, remembered_max: int = REMEMBERED_MAX
    ) -> None:
        self._plan = plan
        self._handles = handles or Handles()
        self._certain: list[Opened] = []
        self._possible: dict[int, Opened] = {}
        self._found: Recent[tuple[int, ...], Found] = Recent(remembered_max)
        try:
            for shard in plan.certain:
                self._certain.append(self._open(shard))
        except EnginePoisoned:
            self.close()
            raise

    def match(self, codes: Codes) -> Found:
        """Indexes of the rules that are true, and of those that are errors: ascending, to be left alone.

        Raises:
            EnginePoisoned: the session must be closed.
        """
        key = tuple(codes)
        found = self._found.get(key)
        if found is None:
            found = self.match_anew(codes)
            self._found.put(key, found)
        return found

    def match_anew(self, codes: Codes) -> Found:
        """As `match`, whatever is remembered.

        Raises:
            EnginePoisoned: the session must be closed.
        """
        true: list[int] = [*self._plan.always_true]
        for opened in self._certain:
            _match(opened, codes, true)
        not_false: list[int] = [*self._plan.never_false]
        for place in self._plan.in_doubt(codes):
            _match(self._possible_at(place), codes, not_false)
        return sorted({*true}), sorted({*not_false}.difference(true))

    def open_all(self) -> None:
        """Open what is opened when needed too. Raises EnginePoisoned."""
        for place in range(len(self._plan.possible)):
            self._possible_at(place)

    def close(self) -> None:
        """Free what nobody else holds."""
        for opened in (*self._certain, *self._possible.values()):
            self._handles.give_back(opened.shard)
        self._certain.clear()
        self._possible.clear()

    def _possible_at(self, place: int) -> "Opened":
        opened = self._possible.get(place)
        if opened is None:
            opened = self._possible[place] = self._open(self._plan.possible[place])
        return opened

    def _open(self, shard: Shard) -> "Opened":
        names = {rule_name(place): owners for place, owners in enumerate(shard.owners)}
        return Opened(self._handles.take(shard), shard, names)


@dataclass(frozen=True, slots=True)
class Opened:
    """A shard, its handle, and by the names of its rules in C the rules of ours that they stand for."""

    handle: int
    shard: Shard
    owners: Mapping[str, tuple[int, ...]]


def _opened(shard: Shard) -> int:
    try:
        handle: int = C.create_ruleset("r", shard.text)
        _warm_up(handle)
    except (C.error, MemoryError) as error:
        raise EnginePoisoned(f"a shard of {len(shard.owners)} terms was refused: {error!r}") from error
    return handle


def _warm_up(handle: int) -> None:
    """Fire the sentinel once: one that never fired holds an uninitialised pointer, freed on deletion."""
    result, state = C.assert_fact(handle, WARM_UP)
    if result != HANDLED or C.start_action_for_state(handle, state) is None:
        raise EnginePoisoned(f"the sentinel did not fire: {result}")
    while C.complete_and_start_action(handle, state) is not None:
        pass
    C.retract_fact(handle, WARM_UP)


def _match(opened: Opened, codes: Codes, found: list[int]) -> None:
    """Assert the fact, collect the owners of every term that fires, retract it."""
    handle, owners, fact = opened.handle, opened.owners, opened.shard.fact(codes)
    try:
        result, state = C.assert_fact(handle, fact)
        if result == NOT_HANDLED:
            return
        if result != HANDLED:
            raise EnginePoisoned(f"a fact was answered with {result}")
        _, fired = C.start_action_for_state(handle, state)
        while fired is not None:
            found += owners[fired[NAME]]
            fired = C.complete_and_start_action(handle, state)
        C.retract_fact(handle, RETRACTED)
    except (C.error, MemoryError) as error:
        raise EnginePoisoned(f"a fact was refused: {error!r}") from error
