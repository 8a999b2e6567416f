"""What the real API rarely does: slow clocks, refusals. The usual way is tested against the real one."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from operator import attrgetter
from typing import cast

import pytest
from httpx2 import AsyncClient, MockTransport, Request, Response

from service.replay import run
from service.replay.client import Access, Client
from service.replay.errors import ReplayRefused
from service.replay.log import BadRows, Plan
from service.replay.report import Outcome, Report
from service.replay.run import Pace
from service.replay.setup import Setup
from service.replay.sorting import Sorter
from service.replay.steps import Step, Verdict
from tests.unit.replay import factories

Accepts = Callable[[str], bool]


class _Api:
    """Keeps a clock that arrives only when it was looked at so often, and refuses what it is told to."""

    def __init__(self, *, looks: int = 0, accepts: Accepts = lambda _: True) -> None:
        self.now = self.target = factories.NOON - timedelta(days=1)
        self.looks = looks
        self.looked = 0
        self.accepts = accepts
        self.posted: list[tuple[str, datetime]] = []

    def __call__(self, request: Request) -> Response:
        path, body = request.url.path, _body(request)
        if path == "/oauth/token":
            return Response(200, json={"access_token": "t"})
        if path == "/v1/sandbox/clock":
            return self._clock(body)
        if path == "/v1/commitments":
            return Response(200, json={"items": [], "next": None})
        name = body.get("external_id", path.split("/")[3] if path.count("/") > 2 else "")
        if not self.accepts(name):
            return Response(422, json={"type": "/problems/odd", "detail": f"{name} is odd."})
        self.posted.append((name, self.now))
        return Response(201, json={"id": name})

    def _clock(self, body: dict[str, str]) -> Response:
        if body:
            self.target, self.looked = datetime.fromisoformat(body["now"]), 0
        else:
            self.looked += 1
        if self.looked >= self.looks:
            self.now = self.target
        status = 202 if body and self.now != self.target else 200
        view = {"now": self.now.isoformat(), "target": self.target.isoformat(), "pending": 0}
        return Response(status, json=view)


def _body(request: Request) -> dict[str, str]:
    is_json = "json" in request.headers.get("content-type", "")
    return cast("dict[str, str]", json.loads(request.content)) if is_json else {}


def _steps(*cases: str) -> Iterator[Step]:
    for index, case in enumerate(cases):
        yield _step(case, 0, index, {"external_id": case})
        yield _step(case, 1, index + 7, {"type": "noted"})


def _step(case: str, ordinal: int, minutes: int, body: dict[str, object]) -> Step:
    step = factories.step(case, ordinal, minutes)
    return Step(case=case, ordinal=ordinal, post_at=step.post_at, line=step.line, body=body)


async def _replay(api: _Api, *cases: str) -> Report:
    async def at_once(_: float) -> None:
        """Wait for nothing."""

    with Sorter(Step, key=attrgetter("post_at", "case", "ordinal")) as steps:
        steps.add(_steps(*cases))
        planned = list(steps)
        plan = Plan(
            source="desk",
            metric="resolve",
            steps=steps,
            verdicts={case: Verdict("high", kept=True) for case in cases},
            bad_rows=BadRows(),
            events=len(planned),
            first_at=planned[0].post_at,
            last_at=planned[-1].post_at,
        )
        access = Access(base_url="http://127.0.0.1:1", client_id="desk.1", client_secret="")
        async with AsyncClient(transport=MockTransport(api), base_url=access.base_url) as http:
            pace = Pace(stopwatch=lambda: 0.0, advance=lambda _: None)
            client = Client(http, access, wait=at_once)
            report, _ = await run.replay(client, plan, Setup((), ()), pace)
    return report


@pytest.mark.parametrize("looks", [0, 1, 3])
async def test_nothing_is_sent_before_the_clock_has_arrived(looks: int) -> None:
    api = _Api(looks=looks)

    report = await _replay(api, "A", "B")

    first, second = factories.NOON, factories.NOON + timedelta(minutes=7)
    assert sorted(api.posted) == [("A", first), ("A", second), ("B", first), ("B", second)]
    assert api.now == second + timedelta(minutes=1) + run.AFTER_THE_LAST
    assert report.clock_moves == 4


async def test_what_is_refused_is_listed_and_its_events_are_not_sent() -> None:
    report = await _replay(_Api(accepts=lambda name: name != "B"), "A", "B")

    assert (report.decided, report.sent, report.refused) == (1, 3, 2)
    assert [(one.line, one.case, one.status, one.reason) for one in report.refusals] == [
        (2, "B", 422, "B is odd.")
    ]
    assert report.total(Outcome.NOT_PROMISED) == 2


async def test_a_server_that_refuses_everything_ends_the_replay() -> None:
    cases = [f"C{number:02}" for number in range(run.REFUSED_AT_FIRST_MAX + 1)]

    with pytest.raises(ReplayRefused, match=r"the first 20 requests.*is odd"):
        await _replay(_Api(accepts=lambda _: False), *cases)
