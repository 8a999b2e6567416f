"""The engine's children: what they answer, and that nothing that befalls them reaches a caller."""

import asyncio
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from textwrap import dedent

import pytest

from service.rules import slot
from service.rules.frames import Limits
from service.rules.language.parse import parse
from service.rules.language.values import Facts
from service.rules.matching import Engine, Matches, MatchingTooSlow, RuleSet
from service.rules.pool import DurablePool, PoolLimits
from service.rules.reference import ReferenceEngine
from service.rules.slot import SlotLimits
from service.rules.vetting import vet
from tests.unit.engine.world import random_ruleset, random_snapshot
from tests.unit.language.generators import seeded

SMALL = RuleSet("small", tuple(map(parse, ['p == "P1"', "q < 5", "p + p == 'P1P1'"])))
FACTS: Facts = {"p": "P1"}
EXPECTED = ((0, 2), (1,))


UNHURRIED = SlotLimits(patience_seconds=10.0)
"""On a busy machine too it is the child that answers."""


@asynccontextmanager
async def running(
    *,
    reference: ReferenceEngine | None = None,
    limits: PoolLimits | None = None,
    slot_limits: SlotLimits | None = None,
    child_limits: Limits | None = None,
    clock: "Clock | None" = None,
) -> AsyncGenerator[DurablePool]:
    pool = DurablePool(
        reference=reference or ReferenceEngine(),
        sample=lambda: 0.5,
        limits=limits or PoolLimits(shadow_rate=0.0),
        slot_limits=slot_limits or UNHURRIED,
        child_limits=child_limits,
        **({} if clock is None else {"clock": clock}),
    )
    try:
        yield pool
    finally:
        await pool.close()


class Clock:
    """Seconds that pass only when told."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def _found(matches: Matches) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return matches.true, matches.errors


def _wait_for_end(pid: int) -> None:
    """Until the process has ended, at most ten seconds."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([handle], [], [], 10)[0], f"process {pid} is still there"
    finally:
        os.close(handle)


async def _with_child_stopped(pool: DurablePool, ruleset: RuleSet, facts: Facts) -> asyncio.Task[Matches]:
    """A match that is in flight in a child that does not run."""
    await pool.match(ruleset, facts)
    os.kill(pool.pids[0], signal.SIGSTOP)
    task = asyncio.create_task(pool.match(ruleset, facts))
    await asyncio.sleep(0)
    return task


async def test_a_child_answers() -> None:
    async with running() as pool:
        engine: Engine = pool

        assert await engine.match(SMALL, FACTS) == Matches((0, 2), (1,), "durable")


HOSTILE: list[tuple[str, list[str], Facts]] = [
    ("a division by zero", ["a / b > 1", "a % b == 0", "1 / 0 == 1"], {"a": 1, "b": 0}),
    ("the quotient that overflows", ["a / b > 1", "a * b > 1", "-a > 0"], {"a": -(2**63), "b": -1}),
    (
        "a match that takes for ever",
        ['a.matches("((a*)*)*")', 'a.matches("(a*)*(b*)*x")'],
        {"a": "a" * 5_000},
    ),
    ("classes beyond ASCII", ['a.matches("[一-龥]")', 'a.matches("[a-😀]")'], {"a": "验"}),
    ("a pattern of parentheses", [f'a.matches("{"(" * 1_000}")'], {"a": "a"}),
    ("512 conditions on one fact", [f"a == {n}" for n in range(512)], {"a": 511}),
    ("513 conditions on one fact", [f"a == {n}" for n in range(513)], {"a": 512}),
    ("128 absences", [f"!has(r.a{n})" for n in range(300)], {"r": {}}),
    ("identical conditions", ["a == 1"] * 600, {"a": 1}),
    ("70 matches at one time", [f"a >= {n}" for n in range(300)], {"a": 1_000}),
    ("300 errors at one time", [f"a >= {n}" for n in range(300)], {}),
    ("300 facts", [f"a{n} == {n}" for n in range(300)], {f"a{n}": n for n in range(300)}),
    ("41 tests in one rule", [" && ".join(f"a{n} != 1" for n in range(41))], {f"a{n}": 2 for n in range(41)}),
    ("reserved names", ["id == 'x'", "sid == 's'", "has(r.id)"], {"id": "x", "sid": "s", "r": {"id": 1}}),
    ("a long value", ["id == 'x'", "a == 'abc'"], {"id": "x" * 10_000_000, "a": "x" * 65_536 + "abc"}),
    ("a long name", [f"{'n' * 100} == 1", f"has(r.{'n' * 100})"], {"n" * 100: 1, "r": {"n" * 9_000_000: 1}}),
    ("deep facts", ["a.b == 1", "has(a.a)"], {"a": {"a": {"a": {"a": [[[[[[[[1]]]]]]]]}}}}),
    ("bool and int", ["a == 1", "a == true", "b == true", "b == 1"], {"a": True, "b": 1}),
    ("text and number", ["a == 5", "b == '5'", "a < 6"], {"a": "5", "b": 5}),
    ("null", ["a != 1", "a == null", "!(a == 1)"], {"a": None}),
    ("order before a quote", ["a < b", "a < 'a\"'", "a >= 'a!'"], {"a": "a!", "b": 'a"'}),
    ("the end of 64 bits", ["a == 9223372036854775807", "a > 9223372036854775806"], {"a": 2**63 - 2}),
    (
        "beyond 2^53",
        ["a == 9007199254740992", "a > 9007199254740992.0", "a == 9007199254740993"],
        {"a": 2**53 + 1},
    ),
    ("microseconds", ["a > 1772442000000000", "a < 1772442000000002"], {"a": 1_772_442_000_000_001}),
    ("exponents", ["a == 1e22", "b < 1e-6", "c > 1.0"], {"a": 1e22, "b": 1e-7, "c": float("inf")}),
    ("not a number", ["a == a", "a < 1", "a != 1", "!(a < 1)"], {"a": float("nan")}),
    ("accents", ["a == 'é'", "a == 'e\u0301'"], {"a": "é"}),
    ("a NUL", ["a == 'x\\u0000y'", "a == 'x'"], {"a": "x\0y"}),
    ("negations", ['!(p == "P1")', '!(p == "P1" && q == 1)', "!(q < 1) || q < 2"], {"q": "x"}),
]


@pytest.mark.parametrize(("sources", "facts"), [pytest.param(s, f, id=name) for name, s, f in HOSTILE])
async def test_what_breaks_the_engine_is_answered_as_the_evaluator_does(
    sources: list[str], facts: Facts
) -> None:
    ruleset = RuleSet("hostile", tuple(map(parse, sources)))
    async with running() as pool:
        found, expected = await pool.match(ruleset, facts), ReferenceEngine().match_now(ruleset, facts)

        assert (_found(found), found.engine) == (_found(expected), "durable")
        assert pool.counters["died"] == 0


async def test_many_callers_of_many_rule_sets_get_their_own_answers() -> None:
    rng = seeded(8)
    rulesets = [random_ruleset(rng, f"k:{place}", rules=30) for place in range(6)]
    asked = [(ruleset, random_snapshot(rng)) for _ in range(50) for ruleset in rulesets]
    async with running(limits=PoolLimits(children=2, shadow_rate=0.0)) as pool:
        found = await asyncio.gather(*(pool.match(ruleset, facts) for ruleset, facts in asked))

        reference = ReferenceEngine()
        assert [_found(matches) for matches in found] == [
            _found(reference.match_now(*pair)) for pair in asked
        ]
        assert {matches.engine for matches in found} == {"durable"}


async def test_a_child_killed_in_flight_is_replaced_and_nobody_notices() -> None:
    async with running() as pool:
        task = await _with_child_stopped(pool, SMALL, FACTS)
        waiting = asyncio.create_task(pool.match(SMALL, FACTS))
        await asyncio.sleep(0)
        killed = pool.pids[0]
        os.kill(killed, signal.SIGKILL)

        assert await task == await waiting == Matches(*EXPECTED, "reference")
        assert await pool.match(SMALL, FACTS) == Matches(*EXPECTED, "durable")
        assert pool.pids[0] != killed
        assert pool.counters["stood_in.died"] == 2


async def test_children_killed_ten_times_under_load_cost_no_answer() -> None:
    rng = seeded(9)
    ruleset = random_ruleset(rng, "k", rules=20)
    snapshots = [random_snapshot(rng) for _ in range(40)]
    expected = [_found(ReferenceEngine().match_now(ruleset, facts)) for facts in snapshots]
    async with running() as pool:
        for _ in range(10):
            assert (await pool.match(ruleset, snapshots[0])).engine == "durable"
            tasks = [asyncio.create_task(pool.match(ruleset, facts)) for facts in snapshots]
            await asyncio.sleep(0)
            os.kill(pool.pids[0], signal.SIGKILL)
            assert [_found(matches) for matches in await asyncio.gather(*tasks)] == expected
        assert pool.counters["died"] == 10


async def test_a_child_that_does_not_answer_in_time_is_killed() -> None:
    async with running(slot_limits=SlotLimits(answer_seconds=0.1)) as pool:
        task = await _with_child_stopped(pool, SMALL, FACTS)
        late = pool.pids[0]

        assert await task == Matches(*EXPECTED, "reference")
        _wait_for_end(late)
        assert pool.counters["timeout"] == 1
        assert (await pool.match(SMALL, FACTS)).engine == "durable"


async def test_a_rule_set_that_eats_the_memory_only_costs_its_child() -> None:
    big = RuleSet("big", tuple(parse(f"a{n} == {n} && b < {n}") for n in range(1_500)))
    facts = {f"a{n}": n for n in range(1_500)} | {"b": 10}
    async with running(child_limits=Limits(memory_bytes=70 << 20)) as pool:
        found = await pool.match(big, facts)

        assert found == ReferenceEngine().match_now(big, facts)
        assert await pool.match(SMALL, FACTS) == Matches(*EXPECTED, "durable")


async def _fail(pool: DurablePool, ruleset: RuleSet) -> Matches:
    """A match whose child dies under it."""
    await pool.start()
    os.kill(pool.pids[0], signal.SIGSTOP)
    task = asyncio.create_task(pool.match(ruleset, FACTS))
    await asyncio.sleep(0)
    os.kill(pool.pids[0], signal.SIGKILL)
    return await task


async def test_three_failures_in_a_row_keep_a_rule_set_from_the_engine_for_a_while() -> None:
    clock = Clock()
    limits = PoolLimits(shadow_rate=0.0, strikes_max=3, quarantine_seconds=600)
    async with running(limits=limits, clock=clock) as pool:
        for _ in range(3):
            assert (await _fail(pool, SMALL)).engine == "reference"
            clock.now += 60
        await pool.start()

        assert await pool.match(SMALL, FACTS) == Matches(*EXPECTED, "reference")
        assert pool.counters["stood_in.quarantined"] == 1
        assert (await pool.match(RuleSet("other", SMALL.conditions), FACTS)).engine == "durable"
        clock.now += 600
        assert (await pool.match(SMALL, FACTS)).engine == "durable"


async def test_a_success_between_failures_forgives_them() -> None:
    clock = Clock()
    async with running(clock=clock) as pool:
        for _ in range(5):
            await _fail(pool, SMALL)
            clock.now += 60
            await pool.start()
            assert (await pool.match(SMALL, FACTS)).engine == "durable"

        assert pool.counters["quarantined"] == 0


async def test_a_child_that_keeps_dying_is_restarted_later_and_later() -> None:
    clock = Clock()
    limits = SlotLimits(respawn_seconds=5, respawn_seconds_max=8)
    async with running(
        limits=PoolLimits(shadow_rate=0.0, strikes_max=9), slot_limits=limits, clock=clock
    ) as pool:

        async def answers_after(seconds: float) -> str:
            clock.now += seconds
            await pool.start()
            return (await pool.match(SMALL, FACTS)).engine

        await _fail(pool, SMALL)
        await _fail(pool, SMALL)
        assert await answers_after(4.9) == "reference"
        clock.now += 0.2
        await _fail(pool, SMALL)
        assert await answers_after(7.9) == "reference"
        assert await answers_after(0.2) == "durable"
        assert pool.counters["stood_in.away"] == 2


class Liar(ReferenceEngine):
    """Stands for a reference that the engine differs from."""

    def match_now(self, ruleset: RuleSet, facts: Mapping[str, object]) -> Matches:
        honest = super().match_now(ruleset, facts)
        return Matches(honest.errors, honest.true, "reference")


async def test_where_engine_and_evaluator_differ_the_evaluator_is_right() -> None:
    async with running(reference=Liar(), limits=PoolLimits(shadow_rate=1.0)) as pool:
        first, second = await pool.match(SMALL, FACTS), await pool.match(SMALL, FACTS)

        assert first == Matches((1,), (0, 2), "reference", differed=True)
        assert second == Matches((1,), (0, 2), "reference")
        assert (pool.counters["mismatch"], pool.counters["quarantined"]) == (1, 1)
        assert pool.counters["stood_in.quarantined"] == 1


async def test_a_child_that_lies_is_found_out_and_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slot, "CHILD", "tests.integration.lying_child")
    async with running(limits=PoolLimits(shadow_rate=1.0)) as pool:
        assert await pool.match(SMALL, FACTS) == Matches(*EXPECTED, "reference", differed=True)
        assert await pool.match(SMALL, FACTS) == Matches(*EXPECTED, "reference")
        assert (pool.counters["checked"], pool.counters["mismatch"], pool.counters["died"]) == (1, 1, 0)
        assert pool.counters["stood_in.quarantined"] == 1


async def test_an_answer_that_was_checked_is_the_engines() -> None:
    async with running(limits=PoolLimits(shadow_rate=1.0)) as pool:
        assert await pool.match(SMALL, FACTS) == Matches(*EXPECTED, "durable")
        assert pool.counters["checked"] == 1


async def test_rule_sets_beyond_a_childs_terms_are_forgotten_and_loaded_again() -> None:
    rulesets = [RuleSet(f"k:{n}", (parse(f"x == {n}"), parse("y == 1 || z < 2"))) for n in range(5)]
    async with running(child_limits=Limits(terms_max=10)) as pool:
        for turn in range(3):
            for place, ruleset in enumerate(rulesets):
                assert await pool.match(ruleset, {"x": place, "y": turn}) == Matches(
                    (0, 1) if turn == 1 else (0,), () if turn == 1 else (1,), "durable"
                )
        assert pool.counters["died"] == 0


async def test_a_rule_set_too_large_for_a_child_is_left_to_the_evaluator() -> None:
    async with running(child_limits=Limits(terms_max=2)) as pool:
        assert await pool.match(SMALL, FACTS) == Matches(*EXPECTED, "reference")
        assert (pool.counters["stood_in.refused"], pool.counters["quarantined"]) == (1, 1)


async def test_a_worn_child_is_replaced_without_a_missing_answer() -> None:
    async with running(child_limits=Limits(loads_max=2)) as pool:
        pids: list[int] = []
        for place in range(6):
            ruleset = RuleSet(f"k:{place}", (parse(f"x == {place}"),))
            assert await pool.match(ruleset, {"x": place}) == Matches((0,), (), "durable")
            pids += pool.pids

        assert pool.counters["retired"] == 3
        assert pool.counters["died"] == 0
        for pid in set(pids):
            await asyncio.to_thread(_wait_for_end, pid)


async def test_a_child_that_has_grown_large_is_replaced_without_a_missing_answer() -> None:
    async with running(child_limits=Limits(resident_bytes_max=1)) as pool:
        for place in range(3):
            ruleset = RuleSet(f"k:{place}", (parse(f"x == {place}"),))
            assert await pool.match(ruleset, {"x": place}) == Matches((0,), (), "durable")

        assert (pool.counters["retired"], pool.counters["died"]) == (3, 0)


async def test_rule_sets_used_longest_ago_go_first() -> None:
    rulesets = [RuleSet(f"k:{sign}", (parse(f"x == 1 || y {sign} 0"),)) for sign in ("!=", ">", "<")]
    async with running(child_limits=Limits(terms_max=4)) as pool:
        for place in (0, 1, 0, 2, 0, 1):
            assert (await pool.match(rulesets[place], {"x": 1, "y": 0})).true == (0,)

        assert (pool.counters["loaded"], pool.counters["evicted"]) == (4, 2)


async def test_conditions_that_take_the_evaluator_too_long_are_not_waited_for() -> None:
    async with running(child_limits=Limits(budget_seconds=0.0)) as pool:
        assert await pool.match(SMALL, FACTS) == Matches(*EXPECTED, "reference")
        assert pool.counters["stood_in.refused"] == 1


async def test_if_the_evaluator_is_too_slow_as_well_the_caller_is_told() -> None:
    async with running(
        reference=ReferenceEngine(budget_seconds=-1.0), child_limits=Limits(budget_seconds=0.0)
    ) as pool:
        with pytest.raises(MatchingTooSlow):
            await pool.match(SMALL, FACTS)


@pytest.mark.parametrize("facts", [{"p": "\ud800"}, {"p": 2**80}])
async def test_facts_that_cannot_be_sent_are_matched_here(facts: Facts) -> None:
    async with running() as pool:
        assert (await pool.match(SMALL, facts)).engine == "reference"
        assert pool.counters["stood_in.unsendable"] == 1


async def test_a_caller_that_gives_up_leaves_the_others_alone() -> None:
    async with running() as pool:
        task = await _with_child_stopped(pool, SMALL, FACTS)
        other = asyncio.create_task(pool.match(SMALL, FACTS))
        await asyncio.sleep(0)
        task.cancel()
        os.kill(pool.pids[0], signal.SIGCONT)

        assert await other == Matches(*EXPECTED, "durable")
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_callers_beyond_the_queue_are_answered_here() -> None:
    async with running(slot_limits=SlotLimits(waiting_max=2)) as pool:
        first = await _with_child_stopped(pool, SMALL, FACTS)
        tasks = [asyncio.create_task(pool.match(SMALL, FACTS)) for _ in range(3)]
        assert (await tasks[2]).engine == "reference"
        os.kill(pool.pids[0], signal.SIGCONT)

        assert {(await task).engine for task in (first, *tasks[:2])} == {"durable"}
        assert pool.counters["stood_in.busy"] == 1


async def test_while_one_rule_set_takes_long_the_others_are_answered_here() -> None:
    async with running(slot_limits=SlotLimits(patience_seconds=0.05)) as pool:
        slow = await _with_child_stopped(pool, RuleSet("slow", SMALL.conditions), FACTS)
        waiting = asyncio.create_task(pool.match(SMALL, FACTS))

        assert await waiting == await pool.match(SMALL, FACTS) == Matches(*EXPECTED, "reference")
        assert pool.counters["stood_in.slow"] == 2
        os.kill(pool.pids[0], signal.SIGCONT)
        assert (await slow).engine == "durable"
        assert (await pool.match(SMALL, FACTS)).engine == "durable"


LONG: Facts = {"l": list(range(200)), "s": "a" * 45_000}
BOMB = 'l.exists(v, l.exists(w, s.contains(string(v) + "b")))'


async def test_the_bombs_of_one_tenant_do_not_keep_another_waiting() -> None:
    bomb = RuleSet("one", tuple(parse(BOMB.replace("b", f"b{n}")) for n in range(20)))
    other = RuleSet("other", SMALL.conditions)
    async with running(slot_limits=SlotLimits()) as pool:
        assert (await pool.match(other, FACTS)).engine == "durable"
        bombs = [asyncio.ensure_future(pool.match(bomb, LONG)) for _ in range(64)]
        seconds: list[float] = []
        for _ in range(100):
            started = time.monotonic()
            assert _found(await pool.match(other, FACTS)) == EXPECTED
            seconds.append(time.monotonic() - started)
            bombs.append(asyncio.ensure_future(pool.match(bomb, LONG)))
        outcomes = await asyncio.gather(*bombs, return_exceptions=True)

        assert {type(outcome) for outcome in outcomes} == {MatchingTooSlow}
        assert sum(seconds) < 3.0
        assert sorted(seconds)[90] < 0.25
        assert pool.counters["died"] == 0


async def test_without_a_child_to_start_the_evaluator_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slot.sys, "executable", "/nonexistent/python")
    async with running() as pool:
        assert await pool.match(SMALL, FACTS) == Matches(*EXPECTED, "reference")
        assert pool.counters["stood_in.unstartable"] == 1


async def test_closing_answers_who_waits_and_ends_the_children() -> None:
    async with running() as pool:
        task = await _with_child_stopped(pool, SMALL, FACTS)
        child = pool.pids[0]
        await pool.close()

        assert await task == Matches(*EXPECTED, "reference")
        _wait_for_end(child)
        with pytest.raises(RuntimeError):
            await pool.match(SMALL, FACTS)


async def test_a_child_has_nothing_of_its_parents(tmp_path: Path) -> None:
    with (tmp_path / "secret").open("w") as secret:
        os.set_inheritable(secret.fileno(), True)  # noqa: FBT003 its signature
        async with running(child_limits=Limits(memory_bytes=1 << 30)) as pool:
            await pool.match(SMALL, FACTS)
            proc = Path("/proc") / str(pool.pids[0])

            assert (proc / "environ").read_bytes() == b""
            assert sorted(int(entry.name) for entry in (proc / "fd").iterdir()) == [0, 1, 2]
            limits = (proc / "limits").read_text()
            assert "Max core file size        0                    0" in limits
            assert f"Max address space         {1 << 30}" in limits
            status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
            assert int(status["SigCgt"], 16) == 0
            assert int(status["SigBlk"], 16) == 0
            ordinary = (1 << signal.SIGRTMIN - 3) - 1  # those above are the C library's own
    assert int(status["SigIgn"], 16) & ordinary & ~(1 << signal.SIGPIPE - 1) == 0


ORPHAN = """
    import asyncio, sys
    from service.rules.language.parse import parse
    from service.rules.matching import RuleSet
    from service.rules.pool import DurablePool
    from service.rules.reference import ReferenceEngine

    async def main():
        pool = DurablePool(reference=ReferenceEngine(), sample=lambda: 1.0)
        await pool.match(RuleSet("k", (parse("x == 1"),)), {"x": 1})
        print(pool.pids[0], flush=True)
        sys.stdin.read()

    asyncio.run(main())
"""


@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_child_ends_with_its_parent(*, is_stopped: bool) -> None:
    with subprocess.Popen(  # noqa: S603 our own interpreter and script
        [sys.executable, "-c", dedent(ORPHAN)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        if is_stopped:
            os.kill(child, signal.SIGSTOP)
        parent.kill()
        parent.wait()

        _wait_for_end(child)


def test_a_child_without_its_parent_does_not_start() -> None:
    done = _child('{"parent_pid": 1}', b"")

    assert (done.returncode, done.stdout) == (3, b"")


@pytest.mark.parametrize(
    "request_bytes", [b"\xff\xff\xff\xff", b"\x00\x00\x00\x03abc", b"\x00\x00\x00\x09abc"]
)
def test_a_child_ends_when_it_is_told_nonsense(request_bytes: bytes) -> None:
    done = _child(f'{{"parent_pid": {os.getpid()}}}', request_bytes)

    assert done.returncode == 1
    assert done.stdout == b""


def _child(limits: str, requests: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # noqa: S603 our own interpreter and module
        [sys.executable, "-m", "service.rules.child", limits],
        input=requests,
        capture_output=True,
        timeout=20,
        check=False,
    )


async def test_a_good_rule_set_passes_its_trial() -> None:
    vetted = await vet(random_ruleset(seeded(4), "k", rules=60))

    assert vetted.refusal is None
    assert vetted.terms > 60


@pytest.mark.parametrize(
    ("limits", "seconds", "refusal"),
    [
        (Limits(terms_max=50), 20.0, "terms"),
        (Limits(cpu_seconds=1), 20.0, "the process ended with -"),
        (Limits(memory_bytes=60 << 20), 20.0, "MemoryError|the process ended with -"),
        (Limits(), 0.001, "it took longer"),
    ],
)
async def test_a_rule_set_that_cannot_be_held_does_not_pass(
    limits: Limits, seconds: float, refusal: str
) -> None:
    line = "(a{0} == 1 || b{0} == 2) && (c == {0} || d == {0}) && (e != {0} || f != {0})"

    vetted = await vet(
        RuleSet("k", tuple(parse(line.format(n)) for n in range(1_000))), limits=limits, seconds=seconds
    )

    assert vetted.refusal is not None
    assert re.search(refusal, vetted.refusal)


async def test_counters_say_what_happened() -> None:
    async with running() as pool:
        for _ in range(3):
            await pool.match(SMALL, FACTS)

        assert pool.counters == Counter(spawned=1, loaded=1, durable=3)
