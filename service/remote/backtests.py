"""Tries policies on past requests: starts a backtest, waits for its end, and reads what it found."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from service.errors import ServiceError
from service.instants import rfc3339
from service.remote import history, policies
from service.remote.errors import BacktestLost, NameUnknown
from service.remote.files import KIND_DEFAULT, PolicyFile
from service.remote.gates import Count
from service.replay.client import Client, new_key
from service.replay.progress import Advance

BACKTESTS = "/v1/backtests"
DONE, FAILED, CANCELLED = "done", "failed", "cancelled"
POLL_SECONDS_MIN, POLL_SECONDS_MAX = 0.2, 5.0
CANCEL_SECONDS_MAX = 5.0


class Promise(msgspec.Struct, frozen=True):
    """What became of a promise under the policies of one side."""

    metric: str
    outcome: str
    target: dict[str, Any] = {}
    due_at: str | None = None


class Notice(msgspec.Struct, frozen=True):
    """How often a step of a ladder tells somebody, or finds nobody to tell."""

    ladder: str
    step: str
    metric: str = ""
    told: int = 0
    nobody: int = 0
    to: list[str] = []


class Window(msgspec.Struct, frozen=True):
    """Where a freeze or a maintenance window stands, by when the work is planned."""

    gate: str
    calendar: str
    state: str
    missing: str = ""

    @property
    def is_shut(self) -> bool:
        return self.state != "satisfied"


class Side(msgspec.Struct, frozen=True):
    """What follows for one request under the policies of one side, and by which rules."""

    verdict: str = ""
    ladders: list[str] = []
    rules: dict[str, list[str]] = {}
    promises: list[Promise] = []
    notices: list[Notice] = []
    reason: str | None = None
    proposal: dict[str, Any] = {}
    gates: list[dict[str, Any]] = []
    windows: list[Window] = []

    @property
    def broken(self) -> frozenset[str]:
        """The metrics of its broken promises."""
        return frozenset(promise.metric for promise in self.promises if promise.outcome == "broken")


class Change(msgspec.Struct, frozen=True):
    """One request that differs."""

    source: str
    external_id: str
    opened_at: str
    kinds: list[str]
    before: Side
    after: Side
    agreements_left_out: int = 0


class Backtest(msgspec.Struct, frozen=True):
    """A backtest, as the API shows it."""

    id: str
    name: str
    state: str
    total: int = 0
    done: int = 0
    decisions_per_second: float | None = None
    result: dict[str, Any] | None = None
    failure: str | None = None

    @property
    def is_over(self) -> bool:
        return self.state in {DONE, FAILED, CANCELLED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is tried, on which past requests: a log by its name, or the tenant's own of a period.

    Attributes:
        calendars: that are tried, each with its name and definition.
        types: of request, that are tried, each with its name and document.
    """

    name: str
    files: Sequence[PolicyFile]
    log: str | None = None
    since: datetime | None = None
    to: datetime | None = None
    calendars: Sequence[Mapping[str, Any]] = ()
    types: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """What a backtest found.

    Attributes:
        changes: the first requests that differ, as many as are shown.
        new_breaches: promises that would be broken, and are not; counted over the changes that are listed.
        healed: the other way round.
        listed_all: whether every request that differs is listed, so that these counts are of all.
    """

    backtest: Backtest
    changes: Sequence[Change]
    new_breaches: int
    healed: int
    listed_all: bool

    @property
    def result(self) -> Mapping[str, Any]:
        return self.backtest.result or {}

    @property
    def count(self) -> Count:
        """What gates judge by."""
        judged = self.result.get("requests", 0)
        return Count(
            new_breaches=self.new_breaches,
            changed=self.result.get("changed", 0),
            listed_all=self.listed_all,
            judged=judged,
            unjudged=self.backtest.total - judged,
        )


async def start(client: Client, asked: Asked) -> Backtest:
    """Start a backtest. Raises NameUnknown, PolicyRefused, ReplayRefused."""
    body = {
        "name": asked.name,
        "policies": await _candidates(client, asked.files),
        "history": await _history(client, asked),
        **({"calendars": asked.calendars} if asked.calendars else {}),
        **({"types": asked.types} if asked.types else {}),
    }
    answer = await client.post(BACKTESTS, body, key=new_key())
    if answer.problem is not None and asked.files:
        raise policies.refusal_of_all(asked.files, answer.status, answer.problem)
    return answer.accepted("the backtest").read(Backtest)


async def get(client: Client, backtest_id: str) -> Backtest:
    return await client.fetch(f"{BACKTESTS}/{backtest_id}", Backtest)


async def wait(client: Client, backtest: Backtest, advance: Advance) -> Backtest:
    """The backtest at its end; `advance` is told how many more requests are done. Raises BacktestLost."""
    done = 0
    while True:
        answer = await client.get(f"{BACKTESTS}/{backtest.id}")
        found = answer.accepted(f"backtest {backtest.id}").read(Backtest)
        advance(found.done - done)
        done = found.done
        if found.state == DONE:
            return found
        if found.is_over:
            raise BacktestLost(found.id, found.state, found.failure)
        pause = min(max(answer.retry_after_seconds, POLL_SECONDS_MIN), POLL_SECONDS_MAX)
        await client.wait(pause)


async def watch(
    client: Client, backtest: Backtest, advance: Advance, tell: Callable[[str], None], *, is_ours: bool
) -> Backtest:
    """The same; but whoever began it and waits no longer does not want it either: it is cancelled.

    `tell` is told what has become of it then.

    Raises:
        BacktestLost, ReplayRefused, ServerUnreachable
    """
    try:
        return await wait(client, backtest, advance)
    except asyncio.CancelledError:
        if not is_ours:
            tell(f"Backtest {backtest.id} goes on. Its result: {again(backtest)}")
            raise
        try:
            async with asyncio.timeout(CANCEL_SECONDS_MAX):
                await cancel(client, backtest)
        except (ServiceError, TimeoutError) as error:
            tell(f"Backtest {backtest.id} may go on ({error}). Its result: {again(backtest)}")
        else:
            tell(f"Backtest {backtest.id} is cancelled.")
        raise


def again(backtest: Backtest) -> str:
    """The command that shows it."""
    return f"rooted backtest --again {backtest.id}"


async def cancel(client: Client, backtest: Backtest) -> None:
    """Stop a backtest. Raises ReplayRefused, ServerUnreachable."""
    key = {"Idempotency-Key": new_key()}
    answer = await client.send("POST", f"{BACKTESTS}/{backtest.id}/cancel", headers=key)
    answer.accepted(f"to cancel backtest {backtest.id}")


async def found_by(client: Client, backtest: Backtest, *, shown: int) -> Found:
    """What a backtest that is done found; the first `shown` changes of it."""
    first: list[Change] = []
    new = healed = 0
    async for change in _changes(client, backtest):
        if len(first) < shown:
            first.append(change)
        new += len(change.after.broken - change.before.broken)
        healed += len(change.before.broken - change.after.broken)
    result = backtest.result or {}
    listed_all = result.get("changes_listed", 0) >= result.get("changed", 0)
    return Found(backtest, first, new, healed, listed_all)


async def changes_as_csv(client: Client, backtest: Backtest) -> bytes:
    """Every request that differs and is listed, as CSV."""
    answer = await client.get(f"{BACKTESTS}/{backtest.id}/changes.csv")
    return answer.accepted(f"the changes of backtest {backtest.id}").body


def _changes(client: Client, backtest: Backtest) -> AsyncIterator[Change]:
    return client.items(f"{BACKTESTS}/{backtest.id}/changes", Change)


async def _candidates(client: Client, files: Sequence[PolicyFile]) -> list[dict[str, object]]:
    known = {} if all(file.kind for file in files) else await policies.named(client)
    return [
        {
            "kind": file.kind or (known[file.name].kind if file.name in known else KIND_DEFAULT),
            "name": file.name,
            "document": file.document,
        }
        for file in files
    ]


async def _history(client: Client, asked: Asked) -> dict[str, object]:
    if asked.since is not None and asked.to is not None:
        return {"from": rfc3339(asked.since), "to": rfc3339(asked.to)}
    log = await history.find(client, asked.log or "")
    if log is None:
        names = [each.name async for each in client.items(history.LOGS, history.Log)]
        raise NameUnknown("history log", asked.log or "", names)
    return {"log_id": log.id}
