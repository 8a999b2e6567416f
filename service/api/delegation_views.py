"""What HTTP accepts and shows of delegations: who answers approvals for whom."""

from datetime import datetime
from typing import Annotated

import msgspec

from service.api.approval_views import Reason, SeatsView
from service.api.fields import Moment, Name
from service.ids import DelegationId, MemberId
from service.people.domain import Role
from service.rationalization.approvals.delegating import Wish
from service.rationalization.approvals.domain import delegations
from service.rationalization.approvals.domain.delegations import Delegation, State

SEATS_MAX = 20


class GiveDelegation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who answers for whom, and how long. `member_id` is whoever is away: without it, the caller.

    It is for the roles and groups that are named; where none is, for all that the member holds.
    """

    deputy_id: MemberId
    from_at: Moment
    until_at: Moment
    member_id: MemberId | None = None
    roles: Annotated[list[Role], msgspec.Meta(max_length=SEATS_MAX)] = []
    groups: Annotated[list[Name], msgspec.Meta(max_length=SEATS_MAX)] = []
    reason: Reason = ""

    def wish(self, member_id: MemberId) -> Wish:
        return Wish(
            member_id=member_id,
            deputy_id=self.deputy_id,
            from_at=self.from_at,
            until_at=self.until_at,
            roles=tuple(self.roles),
            groups=tuple(self.groups),
            because=self.reason,
        )


class DelegationView(msgspec.Struct, frozen=True, kw_only=True):
    """Who answers for whom, and how long. `only_for` is null where it is for all that the member holds."""

    id: DelegationId
    member_id: MemberId
    deputy_id: MemberId
    from_at: datetime
    until_at: datetime
    only_for: SeatsView | None
    reason: str
    state: State
    given_by: str
    created_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, found: Delegation, now: datetime) -> "DelegationView":
        return cls(
            id=found.id,
            member_id=found.member_id,
            deputy_id=found.deputy_id,
            from_at=found.from_at,
            until_at=found.until_at,
            only_for=None if found.seats is None else SeatsView.of(found.seats),
            reason=found.because,
            state=delegations.state(found, now),
            given_by=found.given_by,
            created_at=found.created_at,
            ended_at=found.ended_at,
        )
