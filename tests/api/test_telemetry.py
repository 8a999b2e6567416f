"""One line per request, as JSON, and in it nothing that a caller sent but the request id."""

import io
import json
import logging
import secrets
import sys
from collections.abc import Generator
from typing import Any

import pytest
import structlog
from httpx2 import AsyncClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError

from service import telemetry
from tests import factories


@pytest.fixture
def stderr(monkeypatch: pytest.MonkeyPatch) -> Generator[io.StringIO]:
    """What is logged while the test runs, configured as the service configures it."""
    written, handlers = io.StringIO(), list(logging.getLogger().handlers)
    monkeypatch.setattr(sys, "stderr", written)
    telemetry.configure_logging("debug")
    yield written
    structlog.reset_defaults()
    logging.basicConfig(handlers=handlers, level=logging.WARNING, force=True)


def _lines(stderr: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stderr.getvalue().splitlines()]


async def test_a_request_has_one_line_with_who_what_and_how_long(
    caller: AsyncClient, stderr: io.StringIO, tenant_id: object
) -> None:
    answer = await caller.post("/v1/clients", json={"name": "Harbour"}, headers=factories.key())

    (line,) = _lines(stderr)
    assert set(line) == {
        "application_id", "duration_ms", "event", "level", "method", "request_id", "route", "status",
        "tenant_id", "timestamp",
    }  # fmt: skip
    assert (line["method"], line["route"], line["status"]) == ("POST", "/v1/clients", 201)
    assert line["request_id"] == answer.headers["x-request-id"]
    assert line["tenant_id"] == str(tenant_id)


async def test_nothing_that_a_caller_sends_gets_into_the_log(
    caller: AsyncClient, stderr: io.StringIO
) -> None:
    canary = f"canary-{secrets.token_hex(8)}"
    headers = {"X-Canary": canary, "Cookie": canary, "Idempotency-Key": canary, "User-Agent": canary}
    for body in ({"name": canary}, {"name": canary, canary: 1}, {"name": [canary]}):
        await caller.post("/v1/clients", params={"q": canary}, json=body, headers=headers)
    await caller.get(f"/{canary}", headers={"Authorization": f"Bearer {canary}"})
    await caller.get(f"/problems/{canary}")
    del caller.headers["Authorization"]
    for grant_type in (canary, "client_credentials"):
        form = {"grant_type": grant_type, "client_secret": canary, "client_id": canary}
        assert (await caller.post("/oauth/token", data=form)).status_code in (400, 401)

    assert canary not in stderr.getvalue()
    assert len(_lines(stderr)) >= 6


async def test_the_request_of_one_caller_leaves_nothing_to_the_next(
    caller: AsyncClient, client: AsyncClient, stderr: io.StringIO
) -> None:
    await caller.get("/v1/tenant")
    await client.get("/livez")
    assert "tenant_id" not in _lines(stderr)[-1]


@given(value=st.text())
def test_a_line_stays_one_line_whatever_is_in_it(value: str) -> None:
    rendered = structlog.processors.JSONRenderer(sort_keys=True)(None, "info", {"event": value})
    assert isinstance(rendered, str)
    assert "\n" not in rendered
    assert "\x1b" not in rendered


def test_a_traceback_shows_no_values(stderr: io.StringIO) -> None:
    def fail(secret: bytes) -> None:
        raise RuntimeError(len(secret))

    try:
        fail(secrets.token_bytes(16))
    except RuntimeError:
        structlog.get_logger().exception("failed")

    (line,) = _lines(stderr)
    assert line["exception"][0]["exc_type"] == "RuntimeError"
    assert all(not frame.get("locals") for frame in line["exception"][0]["frames"])


def test_what_the_database_says_of_rows_is_not_logged(stderr: io.StringIO) -> None:
    canary = secrets.token_hex(8)
    failing_row = DBAPIError("insert", {"name": canary}, Exception(f"Failing row contains ({canary})"))
    later = RuntimeError(canary)
    later.__cause__ = failing_row

    for error in (failing_row, later):
        structlog.get_logger().error("failed", exc_info=error)

    assert canary not in stderr.getvalue()
    assert [line["exception"][0]["exc_type"] for line in _lines(stderr)] == ["DBAPIError", "RuntimeError"]


def test_what_libraries_log_is_a_line_like_ours(stderr: io.StringIO) -> None:
    logging.getLogger("a.library").warning("disk almost %s", "full")
    (line,) = _lines(stderr)
    assert (line["event"], line["level"]) == ("disk almost full", "warning")


@given(offered=st.text() | st.from_regex(telemetry.REQUEST_ID))
def test_a_request_id_is_harmless_whoever_made_it(offered: str) -> None:
    kept = telemetry.request_id(offered)
    assert kept.isascii()
    assert kept.isprintable()
    assert 8 <= len(kept) <= 128
    assert not set(kept) & set(' "\\<>')


def test_the_parts_of_a_process_share_its_metrics() -> None:
    metrics = telemetry.Metrics()
    metrics.counter("worker_rounds", "Rounds.").inc()
    metrics.gauge("children", "Children.", ["kind"]).labels("rules").set(2)
    metrics.histogram("match_seconds", "Time.").observe(0.2)
    text = metrics.exposition().decode()
    assert "worker_rounds_total 1.0" in text
    assert 'children{kind="rules"} 2.0' in text
    assert 'match_seconds_bucket{le="0.25"} 1.0' in text
