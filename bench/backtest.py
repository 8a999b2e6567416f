"""Decisions of a backtest per second, in processes of its own, beside the full replay with clocks.

    python -m bench.backtest [LOG.csv.xz]

The log is a UCI 498 one: the sample of the repository, or what is named. A decision is what all policies of
one side say to one snapshot of facts; a snapshot that both sides are asked about counts as two. Facts that no
rule reads differ from incident to incident, so a backtest remembers decisions by those that are read; without
remembering, each is bound, matched, chosen and judged anew. Processes are started before the clock runs. The
numbers are of this run on this machine; the ratios are what to look at.
"""

import argparse
import asyncio
import copy
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from service.backtests import chunks as chunking
from service.backtests import crew, setup, tellings
from service.backtests.chunks import CASES, Chunk
from service.backtests.setup import Setup
from service.people.domain import Role
from service.rationalization.catalogue.trying import TypeTrial
from service.rationalization.verdicts import ApprovalGate
from service.rules.vocabulary import RequestType
from tests import past

GOAL_PER_SECOND = 17_000
PROCESSES = 2
CASES_IN_CHUNK = 250


def tried() -> dict[str, Any]:
    document = copy.deepcopy(past.policy())
    document["rules"][2]["then"]["promises"][0]["target"]["seconds"] = 400_000
    return document


def chunks(path: Path) -> list[Chunk]:
    found = past.cases(path)
    return [
        past.chunk(found[at : at + CASES_IN_CHUNK], number=at // CASES_IN_CHUNK)
        for at in range(0, len(found), CASES_IN_CHUNK)
    ]


async def deciding(found: Sequence[Chunk], told: Setup) -> tuple[int, float]:
    """Decisions of both sides in this process, without clocks: how many, and processor seconds."""
    comparison, decided, began = setup.comparison(told), 0, time.process_time()
    for raw in (raw for chunk in found for raw in chunk.cases):
        for point in tellings.told(CASES.decode(raw), client=None, service=None).points:
            await comparison.before.ruling(point, None)
            await comparison.after.ruling(point, None)
            decided += 2
    return decided, time.process_time() - began


def typed() -> Setup:
    """The same with a type of request that is tried, of which all of them are."""
    board = ApprovalGate(name="board", roles=[Role.MANAGER])
    trial = TypeTrial(name="incident", family=RequestType.INCIDENT, standard=False, requires=[board])
    return msgspec.structs.replace(past.setup(past.policy(), tried()), types=[trial])


async def judging(found: Sequence[Chunk], told: Setup) -> float:
    """All of a backtest but the database, in this process: processor seconds."""
    comparison, began = setup.comparison(told), time.process_time()
    for chunk in found:
        await chunking.judged(comparison, chunk)
    return time.process_time() - began


async def replaying(found: Sequence[Chunk], told: Setup, *, processes: int) -> tuple[int, float]:
    """All of a backtest but the database: decisions of both sides, and seconds of wall time."""
    async with crew.crew(told, size=processes) as hired:
        await asyncio.gather(*(hired.judge(found[0]) for _ in range(processes)))
        began = time.perf_counter()
        judged = await asyncio.gather(*(hired.judge(chunk) for chunk in found))
        seconds = time.perf_counter() - began
    return sum(each.totals[side]["decisions"] for each in judged for side in ("before", "after")), seconds


async def main(path: Path) -> None:
    found = chunks(path)
    remembering = past.setup(past.policy(), tried())
    anew = msgspec.structs.replace(remembering, rulings_kept=0)
    print(f"{sum(len(chunk.cases) for chunk in found):,} requests of {path.name}")
    for name, told in (("remembered by what is read", remembering), ("each decided anew", anew)):
        decisions, seconds = await deciding(found, told)
        rate = decisions / seconds
        print(
            f"decisions alone, {name}: {decisions:,}, {rate:,.0f}/s on one core,"
            f" {PROCESSES * rate / GOAL_PER_SECOND:.2f} of the goal of {GOAL_PER_SECOND:,}/s on {PROCESSES}"
        )
    rates = {count: (await replaying(found, remembering, processes=count)) for count in (1, PROCESSES)}
    for count, (decisions, seconds) in rates.items():
        requests = sum(len(chunk.cases) for chunk in found) / seconds
        print(
            f"full replay with clocks, {count} process(es): {decisions / seconds:,.0f} decisions/s,"
            f" {requests:,.0f} requests/s, {seconds:.1f} s"
        )
    speedup = rates[1][1] / rates[PROCESSES][1]
    print(f"{PROCESSES} processes take {1 / speedup:.2f} of the time of one")
    seconds = {name: await judging(found, told) for name, told in (("no", remembering), ("a", typed()))}
    print(f"all that is judged in one process with a type that is tried: {seconds['a'] / seconds['no']:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("log", nargs="?", type=Path, default=past.SAMPLE, help="a UCI 498 log")
    asyncio.run(main(parser.parse_args().log))
