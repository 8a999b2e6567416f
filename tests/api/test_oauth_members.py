"""Tokens by which an application acts for a member: never more than its roles, as they are now."""

from collections.abc import Collection

import pytest
from httpx2 import AsyncClient
from sqlalchemy import update

from service.api.oauth.verification import STANDING_KEPT_FOR
from service.api.permissions import scopes_of
from service.db import Sessions, tenant_transaction
from service.people.domain import Role
from service.people.models import MemberRow
from service.tenants.domain import SCOPES, Tenant
from tests.api.scene import claims_of
from tests.conftest import SignIn
from tests.factories import MovableClock


def _scopes(caller: AsyncClient) -> set[str]:
    return set(claims_of(caller.headers["Authorization"])["scope"].split())


async def _give(sessions: Sessions, tenant: Tenant, roles: Collection[Role]) -> None:
    async with tenant_transaction(sessions, tenant.id) as session:
        await session.db.execute(
            update(MemberRow)
            .where(MemberRow.tenant_id == tenant.id)
            .values(roles=[role.value for role in roles])
        )


@pytest.mark.parametrize(
    "roles", [(role,) for role in Role] + [(Role.AGENT, Role.AUDITOR), tuple(Role)], ids="+".join
)
async def test_a_token_has_the_scopes_of_its_members_roles(
    sign_in_as: SignIn, roles: tuple[Role, ...]
) -> None:
    caller = await sign_in_as(*roles)
    assert _scopes(caller) == scopes_of(roles)
    assert (await caller.get("/v1/tenant")).status_code == 200


async def test_a_token_has_no_more_scopes_than_were_allowed(sign_in_as: SignIn) -> None:
    caller = await sign_in_as(Role.ADMIN, scopes=["clients:read"])
    assert _scopes(caller) == {"clients:read"}
    assert (await caller.get("/v1/clients")).status_code == 200
    assert (await caller.get("/v1/tenant")).status_code == 403


async def test_what_a_member_may_do_no_more_its_tokens_may_not_either(
    sign_in_as: SignIn, sessions: Sessions, tenant: Tenant, clock: MovableClock
) -> None:
    caller = await sign_in_as(Role.ADMIN)
    assert (await caller.get("/v1/webhook-endpoints")).status_code == 200
    await _give(sessions, tenant, [Role.AGENT])

    clock.move(STANDING_KEPT_FOR)

    answer = await caller.get("/v1/webhook-endpoints")
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/insufficient-scope")


async def test_what_a_member_may_do_newly_its_old_tokens_may_not(
    sign_in_as: SignIn, sessions: Sessions, tenant: Tenant, clock: MovableClock
) -> None:
    """A token allows what was allowed when it was given out: the application asks for more, and says so."""
    caller = await sign_in_as(Role.AGENT)
    await _give(sessions, tenant, list(Role))

    clock.move(STANDING_KEPT_FOR)

    assert (await caller.get("/v1/requests")).status_code == 200
    assert (await caller.get("/v1/webhook-endpoints")).status_code == 403


def test_all_roles_together_have_every_scope() -> None:
    assert scopes_of(Role) == set(SCOPES)
