"""Versions published one after the other while two processes' worth of API decide by them.

Each application has its own connections, library and engine, as a process has. What is checked is what
`bench.publishing` checks at greater length.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack
from time import monotonic
from typing import Any

import pytest
from httpx2 import ASGITransport, AsyncClient

from bench import publishing
from bench.publishing import Decision, Publications
from service import composition, operations
from service.app import create_app
from service.clock import SystemClock
from service.db import Sessions, create_engine, create_sessions
from service.embedded import EmbeddedDatabase
from service.settings import Settings
from service.telemetry import Metrics
from tests import factories
from tests.api import desk
from tests.conftest import ISSUER
from tests.factories import VAULT

pytestmark = pytest.mark.concurrent

VERSIONS = 20
SENDERS = 3
"""For each application."""


@pytest.fixture
async def callers(
    own_database: EmbeddedDatabase, own_sessions: Sessions
) -> AsyncGenerator[list[AsyncClient]]:
    """The same application of one tenant, before two of the API."""
    settings = Settings.model_validate({"issuer": ISSUER})
    async with AsyncExitStack() as stack:
        found: list[AsyncClient] = []
        for _ in range(2):
            engine = create_engine(own_database.app_url, pool_size=SENDERS + 1)
            stack.push_async_callback(engine.dispose)
            rules = await stack.enter_async_context(composition.rules_engine(settings, Metrics()))
            app: Any = create_app(
                settings, create_sessions(engine), vault=VAULT, engine=rules, clock=SystemClock()
            )
            client = AsyncClient(transport=ASGITransport(app), base_url=ISSUER)
            found.append(await stack.enter_async_context(client))
        tenant = await factories.tenant(own_sessions)
        await operations.lift_rates(own_sessions, SystemClock(), tenant=tenant.slug)
        credentials = await factories.application(own_sessions, tenant)
        form = {"grant_type": "client_credentials"}
        token = (await found[0].post("/oauth/token", data=form, auth=credentials)).json()["access_token"]
        for client in found:
            client.headers["Authorization"] = f"Bearer {token}"
        yield found


async def _send(caller: AsyncClient, is_over: asyncio.Event, decisions: list[Decision]) -> None:
    while not is_over.is_set():
        sent_at = monotonic()
        answer = await desk.submitted(caller)
        decisions.append(Decision(sent_at, monotonic(), publishing.version_of(answer)))


async def test_every_decision_names_a_version_that_was_in_effect(callers: list[AsyncClient]) -> None:
    policy_id, publications = await publishing.created_policy(callers[0]), Publications()
    await publishing.publish(callers[0], policy_id, publications, 1)
    decisions, is_over = list[Decision](), asyncio.Event()
    senders = [
        asyncio.create_task(_send(caller, is_over, decisions)) for caller in callers for _ in range(SENDERS)
    ]

    for version in range(2, VERSIONS + 1):
        await publishing.publish(callers[version % 2], policy_id, publications, version)
    is_over.set()
    await asyncio.gather(*senders)

    assert publishing.violations(publications, decisions) == []
    assert len({decision.version for decision in decisions}) > VERSIONS / 2


CASES: Sequence[tuple[float, float, int, bool]] = [
    (0.5, 0.7, 1, True),
    (1.5, 1.7, 1, True),
    (1.5, 1.7, 2, True),
    (0.5, 1.5, 2, True),
    (0.5, 0.7, 2, False),
    (2.5, 2.7, 1, False),
    (2.5, 2.7, 2, True),
    (2.5, 2.7, 3, False),
]


@pytest.mark.parametrize(("sent_at", "answered_at", "version", "is_right"), CASES)
def test_a_version_that_was_not_in_effect_would_be_seen(
    sent_at: float, answered_at: float, version: int, *, is_right: bool
) -> None:
    publications = Publications(asked_at=[-2.0, 1.0], answered_at=[-1.0, 2.0])

    found = publishing.violations(publications, [Decision(sent_at, answered_at, version)])

    assert (found == []) is is_right
