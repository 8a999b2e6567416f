"""The replay against the real API, in this process and on a real database."""

import dataclasses
import io
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any, cast

import pytest
from httpx2 import ASGITransport, AsyncBaseTransport, AsyncClient, ReadError, Request, Response
from litestar import Litestar
from rich.console import Console

from service import operations
from service.clock import SystemClock
from service.db import Sessions
from service.people.domain import Role
from service.replay import commands, demo, run
from service.replay import report as reporting
from service.replay.client import Access, Client
from service.replay.commands import Files, Prepared
from service.replay.errors import ClockPast, ReplayRefused
from service.replay.report import Outcome, Report
from service.replay.run import Pace
from service.tenants.domain import Tenant
from tests import factories
from tests.conftest import ISSUER
from tests.unit.replay import oracle

EXAMPLES = Path(__file__).parents[2] / "examples"
BY_CASE = Files(
    mapping=EXAMPLES / "by-case" / "mapping.yaml",
    log=EXAMPLES / "by-case" / "log.csv",
    policies=[EXAMPLES / "by-case" / "policy.json"],
    calendars=[EXAMPLES / "by-case" / "calendar.json"],
)
CASES = 12
LEARNT_FROM = 36
"""Enough for a forecast."""


class _LosesAnswers(AsyncBaseTransport):
    """Every third answer is lost on its way back, after the server has done its work."""

    def __init__(self, inner: AsyncBaseTransport) -> None:
        self.inner = inner
        self.count = 0

    async def handle_async_request(self, request: Request) -> Response:
        response = await self.inner.handle_async_request(request)
        self.count += 1
        if self.count % 3 == 0:
            await response.aread()
            raise ReadError("the connection was lost", request=request)
        return response


@asynccontextmanager
async def _client(
    app: Litestar, sessions: Sessions, tenant: Tenant, *, loses_answers: bool = False
) -> AsyncGenerator[Client]:
    client_id, client_secret = await factories.application(sessions, tenant)
    transport: AsyncBaseTransport = ASGITransport(cast("Any", app))
    if loses_answers:
        transport = _LosesAnswers(transport)
    async with AsyncClient(transport=transport, base_url=ISSUER) as http:
        yield Client(http, Access(base_url=ISSUER, client_id=client_id, client_secret=client_secret))


async def _replay(client: Client, prepared: Prepared) -> tuple[Report, dict[str, str]]:
    # One at a time: the sessions of a test share one connection.
    pace = Pace(concurrency=1, stopwatch=monotonic, advance=lambda _: None)
    return await run.replay(client, prepared.plan, prepared.setup, pace)


async def _events(client: Client) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    after: dict[str, str] = {}
    while True:
        page = await client.fetch("/v1/events", dict[str, Any], limit=200, **after)
        found += [(event["type"], event["subject"]) for event in page["items"]]
        if not page["more"]:
            return found
        after = {"cursor": page["next"]}


async def test_the_sample_comes_out_as_the_log_says(app: Litestar, sessions: Sessions) -> None:
    files = dataclasses.replace(demo.sample(), immaterial=None)
    with commands.prepared(files, limit=CASES) as prepared:
        tenant = await factories.tenant(sessions, sandbox_at=prepared.clock_at)
        async with _client(app, sessions, tenant) as client:
            report, requests = await _replay(client, prepared)

        assert (report.cases, report.decided, report.refused) == (CASES, CASES, 0)
        assert set(requests) == set(prepared.plan.verdicts)
        expected = {
            case: Outcome.KEPT if oracle.is_kept(row) else Outcome.BROKEN
            for case, row in oracle.last_rows().items()
            if case in requests
        }
        assert report.groups == reporting.compare(prepared.plan.verdicts, expected)


async def test_lost_answers_and_a_second_run_double_nothing(app: Litestar, sessions: Sessions) -> None:
    with commands.prepared(BY_CASE) as prepared:
        smooth = await factories.tenant(sessions, sandbox_at=prepared.clock_at)
        async with _client(app, sessions, smooth) as client:
            expected, _ = await _replay(client, prepared)
            expected_events = await _events(client)
        rough = await factories.tenant(sessions, sandbox_at=prepared.clock_at)
        async with _client(app, sessions, rough, loses_answers=True) as client:
            report, requests = await _replay(client, prepared)
            again, same_requests = await _replay(client, prepared)
            events = await _events(client)

    assert report.repeats["ReadError"] > 0
    assert requests == same_requests
    assert report.groups == again.groups == expected.groups
    assert sorted(kind for kind, _ in events) == sorted(kind for kind, _ in expected_events)


async def test_a_row_for_each_case_is_judged_by_the_office_calendar(
    app: Litestar, sessions: Sessions
) -> None:
    with commands.prepared(BY_CASE) as prepared:
        tenant = await factories.tenant(sessions, sandbox_at=prepared.clock_at)
        async with _client(app, sessions, tenant) as client:
            report, _ = await _replay(client, prepared)

    assert {name: (group.agreement.agree, group.agreement.of) for name, group in report.groups.items()} == {
        "normal": (2, 2),
        "urgent": (2, 2),
    }


async def test_a_live_tenant_is_not_replayed_upon(app: Litestar, sessions: Sessions, tenant: Tenant) -> None:
    with commands.prepared(BY_CASE) as prepared:
        async with _client(app, sessions, tenant) as client:
            with pytest.raises(ReplayRefused, match="sandbox"):
                await _replay(client, prepared)


async def test_a_clock_that_has_passed_the_logs_beginning_is_refused(
    app: Litestar, sessions: Sessions
) -> None:
    with commands.prepared(BY_CASE) as prepared:
        tenant = await factories.tenant(sessions, sandbox_at=prepared.plan.first_at + timedelta(days=1))
        async with _client(app, sessions, tenant) as client:
            with pytest.raises(ClockPast, match=r"2025-03-03T00:00:00Z or earlier"):
                await _replay(client, prepared)


async def test_the_demo_is_legible_in_eighty_columns_without_colour(
    app: Litestar, sessions: Sessions
) -> None:
    written = io.StringIO()
    console = Console(file=written, width=80, no_color=True)

    with commands.prepared(demo.sample(), limit=LEARNT_FROM) as prepared:
        tenant = await factories.tenant(sessions, sandbox_at=prepared.clock_at)
        await operations.lift_rates(sessions, SystemClock(), tenant=tenant.slug)
        await factories.member(sessions, tenant, Role.AGENT)
        async with _client(app, sessions, tenant) as client:
            await demo.shown(client, prepared, console=console, serving=False, concurrency=1)

    lines = written.getvalue().splitlines()
    told, way_on = lines[: lines.index(next(line for line in lines if line.startswith("URL=")))], lines[-5:]
    assert max(len(line) for line in told) <= 80
    assert any("agrees with the log" in line for line in told)
    assert any("the promise to resolve was broken" in line for line in told)
    assert any("too late" in line for line in told)
    assert sum(line.startswith("curl ") for line in way_on) == 3
    assert not any("\x1b" in line for line in lines)
    _tells_of_a_renegotiation(told)
    _tells_of_an_escalation(told)


def _tells_of_a_renegotiation(told: list[str]) -> None:
    said = _story(told, "A promise that is renegotiated in advance")
    assert "A miss is " in said
    assert "likely by now, more than the 80% of the policy. It is to be renegotiated." in said
    assert "Proposed in advance: by " in said
    assert "The original is broken: announced, not silently." in said
    assert said.endswith("The revised promise is kept; the original stays broken.")


def _tells_of_an_escalation(told: list[str]) -> None:
    """Four of eight hours are used at noon; nobody is told once somebody has taken it, after two."""
    said = _story(told, "An escalation that climbs a ladder")
    assert re.findall(r"(\d\d:\d\d) half used: Ada Harbour is told", said) == [
        "12:00",
        "12:30",
        "13:00",
        "13:30",
        "14:00",
    ]
    assert "14:10 Ada Harbour has taken it. Nobody else is told." in said
    assert said.endswith("Closed: the promise is kept, the ladder is ended. Notices since then: 0.")


def _story(told: list[str], title: str) -> str:
    """What is told under a title, in one line."""
    [start] = [place for place, line in enumerate(told) if line.startswith(title)]
    end = told.index("", start)
    return " ".join(" ".join(told[start + 1 : end]).split())
