"""A backtest that runs elsewhere: waited for, given up, and read."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from httpx2 import AsyncClient, MockTransport, Request, Response

from service.remote import backtests
from service.remote.backtests import Backtest
from service.remote.errors import BacktestLost
from service.replay.client import Access, Client

ACCESS = Access(base_url="http://127.0.0.1:1", token="t")  # noqa: S106 - of nobody
STARTED = Backtest(id="1", name="June", state="queued", total=10)
Answer = Callable[[Request], Response]


def _shown(state: str, done: int = 0, **more: Any) -> Response:
    body = {"id": "1", "name": "June", "state": state, "total": 10, "done": done, **more}
    return Response(200, json=body, headers={"Retry-After": "1"} if state in {"queued", "running"} else {})


def _change(before: str, after: str) -> dict[str, Any]:
    sides = ({"promises": [{"metric": "resolve", "outcome": outcome}]} for outcome in (before, after))
    one, other = sides
    beside = {"source": "desk", "external_id": "1", "opened_at": "2026-01-05T12:00:00Z", "kinds": ["outcome"]}
    return {**beside, "before": one, "after": other}


async def _no_time(_: float) -> None:
    """Do not wait."""


def _client(answer: Answer, *, wait: Callable[[float], Any] = _no_time) -> Client:
    http = AsyncClient(transport=MockTransport(answer), base_url=ACCESS.base_url)
    return Client(http, ACCESS, wait=wait)


async def test_a_backtest_is_waited_for_as_long_as_the_server_says() -> None:
    answers = [_shown("queued"), _shown("running", 4), _shown("running", 4), _shown("done", 10, result={})]
    waited: list[float] = []
    steps: list[int] = []

    async def wait(seconds: float) -> None:
        waited.append(seconds)

    client = _client(lambda _: answers.pop(0), wait=wait)
    found = await backtests.wait(client, STARTED, steps.append)

    assert (found.state, waited, steps) == ("done", [1.0, 1.0, 1.0], [0, 4, 0, 6])


@pytest.mark.parametrize(
    ("state", "failure", "told"),
    [("failed", "A child died.", "failed: A child died."), ("cancelled", None, r"cancelled\.")],
)
async def test_another_end_than_a_result_is_a_failure(state: str, failure: str | None, told: str) -> None:
    client = _client(lambda _: _shown(state, failure=failure))

    with pytest.raises(BacktestLost, match=told):
        await backtests.wait(client, STARTED, lambda _: None)


@pytest.mark.parametrize(
    ("answer", "is_ours", "told"),
    [
        (_shown("cancelled"), True, "Backtest 1 is cancelled."),
        (Response(409, json={"detail": "It has ended."}), True, "rooted backtest --again 1"),
        (_shown("cancelled"), False, "Backtest 1 goes on. Its result: rooted backtest --again 1"),
    ],
    ids=["cancelled", "cannot be cancelled", "somebody else's"],
)
async def test_who_waits_no_longer_cancels_or_is_told_how_to_look_again(
    answer: Response, told: str, *, is_ours: bool
) -> None:
    asked = asyncio.Event()
    calls: list[str] = []
    lines: list[str] = []

    def serve(request: Request) -> Response:
        calls.append(f"{request.method} {request.url.path}")
        return _shown("running") if request.method == "GET" else answer

    async def for_ever(_: float) -> None:
        asked.set()
        await asyncio.Event().wait()

    client = _client(serve, wait=for_ever)
    watched = backtests.watch(client, STARTED, lambda _: None, lines.append, is_ours=is_ours)
    task = asyncio.create_task(watched)
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert calls == ["GET /v1/backtests/1", *(["POST /v1/backtests/1/cancel"] if is_ours else [])]
    assert told in lines[0]


async def test_new_breaches_are_counted_over_all_that_is_listed_and_the_first_are_kept() -> None:
    changes = [
        _change("kept", "broken"),
        _change("broken", "kept"),
        _change("pending", "broken"),
        _change("broken", "broken"),
    ]

    def serve(request: Request) -> Response:
        second = "cursor" in request.url.params
        page = changes[2:] if second else changes[:2]
        return Response(200, json={"items": page, "next": None if second else "more"})

    result = {"changed": 5, "changes_listed": 4}
    found = await backtests.found_by(
        _client(serve), Backtest(id="1", name="x", state="done", result=result), shown=1
    )

    assert (found.new_breaches, found.healed, found.listed_all) == (2, 1, False)
    assert [change.kinds for change in found.changes] == [["outcome"]]
