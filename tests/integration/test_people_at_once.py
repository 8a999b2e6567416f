"""What one person does in two places at the same moment. With real commits, on a database of its own."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from service.db import Sessions, tenant_transaction
from service.people import invitations, logins, passwords
from service.people.domain import Origin, Role
from service.people.domain.outcomes import Attempt, Ended, LoggedInAnew, PasswordSet, Refused
from service.people.invitations import Acceptance, Delivery, Invitee
from service.people.passwords import PasswordChange
from service.platform import PlatformSession, platform_transaction
from tests import factories, locks
from tests.factories import NOON, OPERATOR, VAULT

pytestmark = [pytest.mark.usefixtures("cheap_passwords"), pytest.mark.concurrent]

EMAIL = "ada@harbour.test"
OLD = "three boats in the old harbour"
NEW = "quiet water under the bridge"
THIRD = "a lantern over the long quay"
HOME = Origin(address="192.0.2.1")


@pytest.fixture
async def token(own_sessions: Sessions) -> str:
    """Of the session of a member whose password is OLD."""
    tenant = await factories.tenant(own_sessions)
    async with tenant_transaction(own_sessions, tenant.id) as session:
        invitee, delivery = Invitee(EMAIL, "Ada Harbour", (Role.ADMIN,)), Delivery("http://rooted.test", None)
        invited = await invitations.invite(session, OPERATOR, invitee, delivery, now=NOON)
        secret, acceptance = factories.secret_of(invited.link.url), Acceptance("Ada Harbour", OLD, HOME)
        return (await invitations.accept_invitation(session, VAULT, secret, acceptance, now=NOON)).token


@pytest.mark.usefixtures("token")
async def test_the_password_from_before_a_reset_opens_nothing_though_it_was_checked_before(
    own_sessions: Sessions,
) -> None:
    async def log_in(platform: PlatformSession) -> logins.LogInOutcome:
        return await logins.log_in(platform, VAULT, Attempt(EMAIL, OLD, HOME), now=NOON)

    async with _during_a_reset(own_sessions, log_in) as attempt:
        assert isinstance(await attempt, Refused)

    async with platform_transaction(own_sessions) as platform:
        anew = await logins.log_in(platform, VAULT, Attempt(EMAIL, NEW, HOME), now=NOON)
        assert isinstance(anew, LoggedInAnew)


async def test_who_was_changing_the_password_during_a_reset_changes_nothing(
    own_sessions: Sessions, token: str
) -> None:
    async def change(platform: PlatformSession) -> passwords.ChangeOutcome:
        wish = PasswordChange(token, OLD, THIRD, HOME)
        return await passwords.change_password(platform, VAULT, wish, now=NOON)

    async with _during_a_reset(own_sessions, change) as attempt:
        assert isinstance(await attempt, Ended)

    async with platform_transaction(own_sessions) as platform:
        anew = await logins.log_in(platform, VAULT, Attempt(EMAIL, NEW, HOME), now=NOON)
        assert isinstance(anew, LoggedInAnew)


@asynccontextmanager
async def _during_a_reset(
    sessions: Sessions, attempt: Callable[[PlatformSession], Coroutine[Any, Any, object]]
) -> AsyncGenerator[asyncio.Task[object]]:
    """An attempt that began while a reset to NEW had not ended, and went on once it had."""

    async def attempted() -> object:
        async with platform_transaction(sessions) as platform:
            return await attempt(platform)

    async with platform_transaction(sessions) as platform:
        link = await passwords.operators_reset(
            platform, EMAIL, clears_totp=False, issuer="http://rooted.test", now=NOON
        )
        secret = link.url.rpartition("/")[2]
        done = await passwords.reset_password(platform, VAULT, secret, NEW, origin=HOME, now=NOON)
        assert isinstance(done, PasswordSet)
        attempting = asyncio.create_task(attempted())
        await locks.is_waited_for(sessions)
    yield attempting
