"""Members that an operator's command admits: they are there to be told, and nobody can log in as one."""

from service import operations
from service.clock import SystemClock
from service.db import Sessions, tenant_transaction
from service.people import service as people
from service.people.domain import MemberState, Role
from service.people.invitations import Invitee
from service.tenants.domain import Tenant
from tests import factories


async def test_who_is_admitted_is_active_at_once(sessions: Sessions, tenant: Tenant) -> None:
    invitee = Invitee(f"ada@{tenant.slug}.example", "Ada Byron", ("agent",))

    await operations.admit_member(sessions, SystemClock(), factories.VAULT, invitee, tenant=tenant.slug)

    async with tenant_transaction(sessions, tenant.id) as session:
        [member] = await people.list_members(session, after=None, limit=10)
    assert (member.name, member.state, member.roles) == ("Ada Byron", MemberState.ACTIVE, {Role.AGENT})
