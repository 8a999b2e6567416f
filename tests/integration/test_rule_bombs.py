"""Documents and facts made to cost much: each is refused, or decided within a quarter of a second.

What counts is the processor time of the process that answers requests. A document is read once, when it is
saved and with the first decision by it: about a quarter of a second for the largest, of which the test allows
the double.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice

import pytest

from service import ids
from service.ids import PolicyId, PolicyVersionId
from service.requests.kinds import KINDS
from service.rules import deciding, documents
from service.rules.deciding import Effective
from service.rules.domain import Decided, Document, VersionRef
from service.rules.errors import PolicyInvalid
from service.rules.frames import Limits
from service.rules.matching import RuleSet
from service.rules.memory import resident_bytes
from service.rules.pool import DurablePool, PoolLimits
from service.rules.reference import ReferenceEngine
from service.rules.slot import SlotLimits
from tests.unit.engine.bombs import Bomb, bombs

KIND = KINDS["commitment"]
DECIDE_SECONDS_MAX = 0.25
READ_SECONDS_MAX = 0.5
TRIES = 4
"""The garbage collector counts too; the quickest of some tries is what the bomb itself costs."""
SAMPLE_STEP = 7
GROWTH_MAX = 24 << 20

REFUSED = {
    "65 parentheses": "nested deeper than 64 levels",
    "1001 items": "More than 1,000 items",
    "17 patterns": "More than 16 calls of `matches`",
    "pattern 19 on short": "longer than 256 characters",
    "400 digits, -999": "does not fit into 64 bits",
    "3 macros over 10": "200 elements at each level",
    "many arguments": "More than 8 items",
    "a rule that is too long": "<= 4096",
    "2001 rules": "<= 2000",
    "long rules": "at most 131,072",
    "a table of 1 by 2001": "<= 2000",
    "a table of 41 by 1": "<= 40",
    "3,000 facts declared": "More than 1,000 facts",
    "20,000 values declared": "Between 1 and 200",
    "too much in tests": "<= 500",
    "too much in applies_to": "<= 200",
}
"""Some that are refused, and what of the refusal names the limit."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a bomb. `refusal`: every fault of its document; empty where it was decided."""

    name: str
    refusal: tuple[str, ...]
    read_seconds: float
    decide_seconds: float


@asynccontextmanager
async def _pool(child_limits: Limits | None = None) -> AsyncGenerator[DurablePool]:
    """A pool in which the evaluator stands in where the child fails, not where it is merely busy."""
    pool = DurablePool(
        reference=ReferenceEngine(),
        sample=lambda: 1.0,
        limits=PoolLimits(children=1, shadow_rate=0.0),
        slot_limits=SlotLimits(patience_seconds=60.0),
        child_limits=child_limits,
    )
    try:
        await pool.start()
        yield pool
    finally:
        await pool.close()


def _read_in_time(bomb: Bomb) -> tuple[Document | tuple[str, ...], float]:
    started = time.process_time()
    found = _read(bomb)
    return found, time.process_time() - started


def _read(bomb: Bomb) -> Document | tuple[str, ...]:
    try:
        return documents.read(bomb.document, KIND)
    except PolicyInvalid as refused:
        return tuple(fault.detail for fault in refused.faults)


async def _decided(pool: DurablePool, effective: Effective, bomb: Bomb) -> tuple[Decided, float]:
    started = time.process_time()
    facts = {"request": {"custom": bomb.custom}}
    decided = await deciding.decide(pool, [KIND], {KIND.name: [effective]}, facts)
    return decided, time.process_time() - started


async def _set_off(pool: DurablePool, bomb: Bomb, *, key: str) -> Outcome:
    found, read_seconds = _read_in_time(bomb)
    for _ in range(TRIES - 1):
        if read_seconds > READ_SECONDS_MAX:
            read_seconds = min(read_seconds, _read_in_time(bomb)[1])
    if isinstance(found, tuple):
        return Outcome(bomb.name, found, read_seconds, 0.0)
    ref = VersionRef(policy_id=PolicyId(ids.new_id()), version_id=PolicyVersionId(ids.new_id()), version=1)
    effective = Effective(ref, found, RuleSet(key, tuple(rule.condition for rule in found.rules)))
    seconds: list[float] = []
    for _ in range(TRIES):
        seconds.append((await _decided(pool, effective, bomb))[1])
        if seconds[-1] <= DECIDE_SECONDS_MAX:
            break
    return Outcome(bomb.name, (), read_seconds, min(seconds))


async def _set_off_all(pool: DurablePool, chosen: Sequence[Bomb], *, turn: str) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for place, bomb in enumerate(chosen):
        outcomes.append(await _set_off(pool, bomb, key=f"{turn}:{place}"))
        await asyncio.sleep(0)
    return outcomes


def _check(outcomes: Sequence[Outcome]) -> None:
    slow = [
        each
        for each in outcomes
        if each.read_seconds > READ_SECONDS_MAX or each.decide_seconds > DECIDE_SECONDS_MAX
    ]
    silent = [each.name for each in outcomes if each.refusal and not all(each.refusal)]
    assert (slow, silent) == ([], [])


async def test_rule_bombs_are_refused_or_decided_in_time() -> None:
    chosen = list(islice(bombs(), 0, None, SAMPLE_STEP))
    async with _pool() as pool:
        (child,) = pool.pids

        outcomes = await _set_off_all(pool, chosen, turn="sample")

        assert len(outcomes) > 500 / SAMPLE_STEP
        _check(outcomes)
        assert pool.pids == [child]
        assert (pool.counters["died"], pool.counters["timeout"]) == (0, 0)
        assert pool.counters["durable"] > len(outcomes) / 3


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_names_the_limit(name: str) -> None:
    (bomb,) = (bomb for bomb in bombs() if bomb.name == name)

    found = _read(bomb)

    assert isinstance(found, tuple)
    assert REFUSED[name] in found[0]


@pytest.mark.prove
async def test_no_rule_bomb_costs_more_than_its_time_or_leaves_memory_behind() -> None:
    chosen = list(bombs())
    async with _pool(Limits(terms_max=4_000)) as pool:
        (child,) = pool.pids
        _check(await _set_off_all(pool, chosen, turn="first"))
        before = [resident_bytes(), resident_bytes(child)]

        for turn in ("second", "third"):
            _check(await _set_off_all(pool, chosen, turn=turn))

        after = [resident_bytes(), resident_bytes(child)]
        grown = [end - start for start, end in zip(before, after, strict=True)]
        assert len(chosen) >= 500
        assert pool.pids == [child]
        assert (pool.counters["died"], pool.counters["timeout"]) == (0, 0)
        assert max(grown) < GROWTH_MAX, f"bytes before {before}, after {after}"
