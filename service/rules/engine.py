"""The only module that knows durable-rules: its C module alone, never its Host, in one thread.

The C module can crash or hang its process on many inputs. It is given only what `compile` makes, and this
module runs only in the child process.
"""

from typing import Any, Final

import durable_rules_engine

from service.rules.compile.plan import Plan
from service.rules.compile.shards import RULE_DIGITS, SENTINEL, Codes, Shard

C: Any = durable_rules_engine  # no type stubs exist
HANDLED: Final = 0
NOT_HANDLED: Final = 1
SESSION: Final = "s"
PLACE: Final = slice(len('{"t'), len('{"t') + RULE_DIGITS)
WARM_UP: Final = f'{{"id":"e","sid":"{SESSION}","{SENTINEL}":1}}'


class EnginePoisoned(Exception):
    """The C module refused something or broke its word. Close the session, and answer elsewhere."""


class Session:
    """The C module's side of one rule set: a handle and a warmed session for each shard. Close it."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._opened: list[int] = []
        try:
            self._certain = [(self._open(shard), shard) for shard in plan.certain]
            self._possible = [(self._open(shard), shard) for shard in plan.possible]
        except EnginePoisoned:
            self.close()
            raise

    def match(self, codes: Codes) -> tuple[list[int], list[int]]:
        """Indexes of the rules that are true, and of those that are errors; both ascending.

        Raises:
            EnginePoisoned: the session must be closed.
        """
        true = set(self._plan.always_true)
        for handle, shard in self._certain:
            _match(handle, shard, codes, true)
        not_false = set(self._plan.never_false)
        for place in self._plan.in_doubt(codes):
            handle, shard = self._possible[place]
            _match(handle, shard, codes, not_false)
        return sorted(true), sorted(not_false - true)

    def close(self) -> None:
        """Free the C module's memory: sessions first, since deleting a rule set does not."""
        while self._opened:
            handle = self._opened.pop()
            C.delete_state(handle, SESSION)
            C.delete_ruleset(handle)

    def _open(self, shard: Shard) -> int:
        try:
            handle: int = C.create_ruleset("r", shard.text)
            _warm_up(handle)
        except (C.error, MemoryError) as error:
            raise EnginePoisoned(f"a shard of {len(shard.owners)} terms was refused: {error!r}") from error
        self._opened.append(handle)
        return handle


def _warm_up(handle: int) -> None:
    """Fire the sentinel once: one that never fired holds an uninitialised pointer, freed on deletion."""
    result, state = C.assert_fact(handle, WARM_UP)
    if result != HANDLED or C.start_action_for_state(handle, state) is None:
        raise EnginePoisoned(f"the sentinel did not fire: {result}")
    while C.complete_and_start_action(handle, state) is not None:
        pass
    C.retract_fact(handle, WARM_UP)


def _match(handle: int, shard: Shard, codes: Codes, found: set[int]) -> None:
    """Assert the fact, collect the owners of every term that fires, retract it."""
    fact = shard.fact(codes)
    try:
        result, state = C.assert_fact(handle, fact)
        if result == NOT_HANDLED:
            return
        if result != HANDLED:
            raise EnginePoisoned(f"a fact was answered with {result}")
        _, fired = C.start_action_for_state(handle, state)
        while fired is not None:
            found.update(shard.owners[int(fired[PLACE])])
            fired = C.complete_and_start_action(handle, state)
        C.retract_fact(handle, fact)
    except (C.error, MemoryError) as error:
        raise EnginePoisoned(f"a fact was refused: {error!r}") from error
