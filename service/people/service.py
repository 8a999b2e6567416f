"""Use cases of members: load, decide, save. `now` is the wall clock's, which links and tokens go by."""

from service.db import TenantSession
from service.ids import MemberId
from service.people import store
from service.people.domain import Standing


async def standing(session: TenantSession, member_id: MemberId) -> Standing | None:
    """What a member may do now; None for one that is not there, or never accepted its invitation."""
    return await store.standing(session, member_id)
