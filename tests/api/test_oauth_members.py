"""Tokens by which an application acts for a member: what they allow, and when they cease to."""

from service.people.domain import Role
from tests.conftest import SignIn


async def test_a_member_acts_through_the_console(sign_in_as: SignIn) -> None:
    caller = await sign_in_as(Role.ADMIN)
    assert (await caller.get("/v1/tenant")).status_code == 200
