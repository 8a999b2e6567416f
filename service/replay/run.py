"""Drives a log through the API on a sandbox tenant's own clock, then asks what became of its promises."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta

import msgspec

from service.errors import ServiceError
from service.instants import rfc3339
from service.replay import report as reporting
from service.replay import sandbox
from service.replay import setup as setting_up
from service.replay.client import Client, key_of
from service.replay.errors import ClockPast, ReplayRefused
from service.replay.log import Plan
from service.replay.progress import Advance
from service.replay.report import Outcome, Refusal, Report
from service.replay.setup import Setup
from service.replay.steps import Step
from service.replay.windows import windows
from service.requests.domain import AHEAD_MAX

CONCURRENCY = 16
"""How many requests are under way at once."""
REFUSALS_KEPT = 1_000
REFUSED_AT_FIRST_MAX = 20
"""So many requests refused before one was accepted are not bad rows: the replay stops."""
AFTER_THE_LAST = timedelta(seconds=1)
"""The clock ends so far behind the last event, so that what was due at that instant is overdue."""


class _Accepted(msgspec.Struct, frozen=True):
    id: str


class _Commitment(msgspec.Struct, frozen=True):
    request_id: str
    metric: str
    outcome: Outcome
    silent: bool = False


@dataclass(frozen=True, slots=True)
class _Found:
    """What became of each case; `silent` counts those that broke a promise without a word in advance."""

    outcomes: dict[str, Outcome]
    silent: int


@dataclass(slots=True)
class _Run:
    """What is known while a replay is under way. `requests` holds one entry for each case."""

    client: Client
    source: str
    advance: Advance
    gate: asyncio.Semaphore
    now: datetime
    clock_moves: int = 0
    sent: int = 0
    refused: int = 0
    requests: dict[str, str] = field(default_factory=dict[str, str])
    refusals: list[Refusal] = field(default_factory=list[Refusal])
    unknown: set[str] = field(default_factory=set[str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast to go.

    Attributes:
        concurrency: how many requests are under way at once.
        window: how much of the log's time is sent at one stand of the clock; at most AHEAD_MAX.
        stopwatch: seconds that only grow.
        advance: told how many steps more are done.
    """

    concurrency: int = CONCURRENCY
    window: timedelta = AHEAD_MAX
    stopwatch: Callable[[], float]
    advance: Advance


async def replay(client: Client, plan: Plan, setup: Setup, pace: Pace) -> tuple[Report, dict[str, str]]:
    """Replay the plan on the sandbox tenant of `client`, from its first to its last instant.

    Sending the same plan to the same tenant again sends nothing twice and goes on where it stopped.

    Args:
        client: of a sandbox tenant whose clock does not stand behind the plan's start.
        plan: the log, read.
        setup: calendars and policies, created and published before the first request.
        pace: how fast.

    Returns:
        The report, and the API's request id of each case.

    Raises:
        ReplayRefused, ServerUnreachable
    """
    began = pace.stopwatch()
    run = _Run(
        client, plan.source, pace.advance, asyncio.Semaphore(pace.concurrency), await sandbox.now(client)
    )
    await _start(run, plan, setup)
    for part in windows(plan.steps, span=pace.window):
        await _move_clock(run, part.clock_at)
        await _send(run, part.chains)
    await _move_clock(run, plan.last_at + AFTER_THE_LAST)
    found = await _outcomes(run, plan.metric)
    report = Report(
        cases=len(plan.verdicts),
        events=plan.events,
        sent=run.sent,
        decided=len(run.requests),
        groups=reporting.compare(plan.verdicts, found.outcomes),
        silent=found.silent,
        bad_rows=plan.bad_rows,
        refused=run.refused,
        refusals=tuple(run.refusals),
        clock_moves=run.clock_moves,
        seconds=pace.stopwatch() - began,
        repeats=dict(client.repeats),
    )
    return report, run.requests


def starts_at(plan: Plan) -> datetime:
    """Where a sandbox's clock should stand before the replay: midnight before the first event."""
    return datetime.combine((plan.first_at - timedelta(seconds=1)).date(), time(), UTC)


async def _start(run: _Run, plan: Plan, setup: Setup) -> None:
    """Set the clock before the first event, and publish. A clock that is past it is a replay gone on with."""
    stood_at, start_at = run.now, starts_at(plan)
    await _move_clock(run, start_at)
    goes_on = await setting_up.install(run.client, setup)
    if stood_at > plan.first_at and not goes_on:
        raise ClockPast(stood_at, start_at)


async def _move_clock(run: _Run, to: datetime) -> None:
    """Move the tenant's clock, and come back when everything due by then has happened. Never backward."""
    if to > run.now:
        await sandbox.move(run.client, to, key=key_of("clock", run.source, rfc3339(to)))
        run.now = to
        run.clock_moves += 1


async def _send(run: _Run, chains: Sequence[Sequence[Step]]) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for chain in chains:
                group.create_task(_send_chain(run, chain))
    except ExceptionGroup as failures:
        foreseen, others = failures.split(ServiceError)
        if foreseen is None or others is not None:
            raise
        raise foreseen.exceptions[0] from None


async def _send_chain(run: _Run, chain: Sequence[Step]) -> None:
    """One case's steps, one after the other."""
    for step in chain:
        if step.case not in run.unknown:
            async with run.gate:
                await _send_step(run, step)
        else:
            run.refused += 1
        run.advance(1)


async def _send_step(run: _Run, step: Step) -> None:
    path = "/v1/requests" if step.ordinal == 0 else f"/v1/requests/{run.requests[step.case]}/events"
    answer = await run.client.post(path, step.body, key=key_of(run.source, step.case, str(step.ordinal)))
    run.sent += 1
    if answer.problem is not None:
        _refuse(run, step, Refusal(step.line, step.case, answer.status, str(answer.problem)))
    elif step.ordinal == 0:
        run.requests[step.case] = answer.read(_Accepted).id


def _refuse(run: _Run, step: Step, refusal: Refusal) -> None:
    run.refused += 1
    if len(run.refusals) < REFUSALS_KEPT:
        run.refusals.append(refusal)
    if step.ordinal == 0:
        run.unknown.add(step.case)
    if not run.requests and len(run.unknown) >= REFUSED_AT_FIRST_MAX:
        raise ReplayRefused(
            f"the first {len(run.unknown)} requests, of line {refusal.line} for one,",
            status=refusal.status,
            reason=refusal.reason,
        )


async def _outcomes(run: _Run, metric: str) -> _Found:
    """What became of each case, read from the API as anyone would."""
    cases = {request_id: case for case, request_id in run.requests.items()}
    found: dict[str, list[Outcome]] = {}
    silent = set[str]()
    async for commitment in run.client.items("/v1/commitments", _Commitment):
        case = cases.get(commitment.request_id)
        if case is not None and commitment.metric == metric:
            found.setdefault(case, []).append(commitment.outcome)
            silent |= {case} if commitment.silent else set[str]()
    outcomes = {case: reporting.worst(each) for case, each in found.items()}
    return _Found(outcomes, len(silent))
