"""Versions that take effect at an instant: nobody has to do anything then, and what happened is recorded."""

from typing import Any

import pytest
from httpx2 import AsyncClient
from sqlalchemy import select

from service.db import Sessions, tenant_transaction
from service.tenants.domain import Tenant
from service.wakeups.models import WakeUpRow
from tests import factories
from tests.api import desk
from tests.api.test_policy_life import do, done, drafted, events, revised, steps
from tests.conftest import SignIn
from tests.factories import NOON

RULE = desk.DOCUMENT["rules"][1] | {"when": "true"}


def saying(name: str) -> dict[str, Any]:
    """A document whose only rule is called this."""
    return {"rules": [RULE | {"id": name}]}


@pytest.fixture
async def sandbox(sessions: Sessions) -> Tenant:
    return await factories.tenant(sessions, sandbox_at=NOON)


@pytest.fixture
async def here(sign_in: SignIn, sandbox: Tenant) -> AsyncClient:
    """An application of a sandbox whose clock stands at noon."""
    return await sign_in(of=sandbox)


@pytest.fixture
async def path(here: AsyncClient) -> str:
    """A policy whose first version is in effect and whose second one, a draft, is to be."""
    path = await drafted(here, document=saying("old"))
    await done(here, path, "publish")
    await revised(here, path, saying("new"))
    return path


async def rule_of(caller: AsyncClient) -> str:
    return (await desk.submitted(caller))["rule_id"]


async def wake_ups(sessions: Sessions, of: Tenant) -> list[str]:
    async with tenant_transaction(sessions, of.id) as session:
        query = select(WakeUpRow.subject_kind).where(WakeUpRow.tenant_id == of.id)
        return [kind for kind in await session.db.scalars(query) if kind == "policy"]


async def test_a_version_takes_over_at_its_instant_and_not_before(
    here: AsyncClient, sessions: Sessions, sandbox: Tenant, path: str
) -> None:
    scheduled = await done(here, path, "publish", {"effective_at": desk.at(hours=2)})

    await desk.pass_time(here, hours=1, minutes=59, seconds=59)
    before = await rule_of(here)
    assert (await here.get(path)).json() == {k: v for k, v in scheduled.items() if k != "findings"}
    await desk.pass_time(here, hours=2)
    after = await rule_of(here)
    shown = (await here.get(path)).json()

    assert (scheduled["stage"], scheduled["published_version"]) == ("scheduled", 1)
    assert (scheduled["scheduled_version"], scheduled["scheduled_at"]) == (2, desk.at(hours=2))
    assert (before, after) == ("old", "new")
    assert (shown["stage"], shown["published_version"], shown["scheduled_version"]) == ("published", 2, None)
    assert [step for step, _ in await steps(here, path, 1)][-2:] == ["published", "replaced"]
    assert [step for step, _ in await steps(here, path, 2)][-2:] == ["scheduled", "published"]
    told = [event.type for event in await events(sessions, sandbox)]
    assert told[-3:] == ["policy.scheduled", "policy.replaced", "policy.published"]
    assert await wake_ups(sessions, sandbox) == []


async def test_what_is_unscheduled_never_takes_over_and_stays_approved(
    here: AsyncClient, sessions: Sessions, sandbox: Tenant, path: str
) -> None:
    await done(here, path, "publish", {"effective_at": desk.at(hours=2)})
    waiting = await wake_ups(sessions, sandbox)

    unscheduled = await done(here, path, "unschedule")
    gone = await wake_ups(sessions, sandbox)
    twice = await do(here, path, "unschedule")
    await desk.pass_time(here, hours=3)

    assert (waiting, gone) == (["policy"], [])
    assert (unscheduled["stage"], unscheduled["scheduled_version"]) == ("approved", None)
    assert (twice.status_code, twice.json()["type"]) == (409, "/problems/policy-not-scheduled")
    assert await rule_of(here) == "old"
    again = await done(here, path, "publish")
    assert again["published_version"] == 2
    assert await rule_of(here) == "new"


async def test_one_version_waits_at_a_time_and_none_takes_effect_in_the_past(
    here: AsyncClient, path: str
) -> None:
    past = await do(here, path, "publish", {"effective_at": desk.at(seconds=-1)})
    await done(here, path, "publish", {"effective_at": desk.at(hours=2)})
    await revised(here, path, saying("newest"))

    second = await do(here, path, "publish", {"effective_at": desk.at(hours=1)})
    same = await do(here, path, "publish", {"version": 2})

    assert (past.status_code, past.json()["type"]) == (422, "/problems/policy-effective-at-past")
    assert past.json()["errors"][0]["pointer"] == "/effective_at"
    assert (second.status_code, second.json()["type"]) == (409, "/problems/policy-scheduled-already")
    assert same.status_code == 409
    assert (await here.get(path)).json()["stage"] == "draft"


async def test_what_is_published_at_once_holds_until_the_scheduled_one_takes_over(
    here: AsyncClient, path: str
) -> None:
    await done(here, path, "publish", {"effective_at": desk.at(hours=2)})
    await revised(here, path, saying("mended"))

    published = await done(here, path, "publish")
    between = await rule_of(here)
    await desk.pass_time(here, hours=2)

    assert (published["published_version"], published["scheduled_version"]) == (3, 2)
    assert (between, await rule_of(here)) == ("mended", "new")


async def test_a_policy_that_is_retired_takes_what_waits_with_it(
    here: AsyncClient, sessions: Sessions, sandbox: Tenant, path: str
) -> None:
    await done(here, path, "publish", {"effective_at": desk.at(hours=2)})

    retired = await done(here, path, "retire")
    await desk.pass_time(here, hours=3)

    assert (retired["published_version"], retired["scheduled_version"]) == (None, None)
    assert await wake_ups(sessions, sandbox) == []
    assert (await desk.submitted(here))["rule_id"] is None
    assert (await here.get(path)).json()["stage"] == "approved"


async def test_a_policy_whose_first_version_waits_decides_nothing_yet(here: AsyncClient) -> None:
    path = await drafted(here, document=saying("first"))

    await done(here, path, "publish", {"effective_at": desk.at(days=1)})
    before = await desk.submitted(here)
    await desk.pass_time(here, days=1)

    assert before["rule_id"] is None
    assert await rule_of(here) == "first"
