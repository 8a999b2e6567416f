"""Fixtures of the tests that act as clients of the authorization server."""

from collections.abc import AsyncGenerator

import pytest
from litestar import Litestar

from service.db import Sessions
from service.tenants.domain import Tenant
from tests.api import scene as scenes
from tests.api.scene import Scene
from tests.factories import MovableClock


@pytest.fixture
async def scene(
    app: Litestar, sessions: Sessions, tenant: Tenant, clock: MovableClock
) -> AsyncGenerator[Scene]:
    opened = await scenes.open_scene(app, sessions, tenant, clock)
    yield opened
    await scenes.close_scene(opened)
