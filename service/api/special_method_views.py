"""What HTTP accepts and shows of special methods."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from service import instants
from service.api.fields import Moment, Name
from service.api.promises import Words
from service.errors import Fault
from service.ids import (
    ArrangementId,
    ClientId,
    CommitmentId,
    ContactId,
    MemberId,
    PolicyId,
    RequestId,
    ServiceId,
    SpecialMethodId,
)
from service.rationalization.specials.domain import Checked, State
from service.rationalization.specials.errors import SpecialMethodInvalid
from service.rationalization.specials.models import SpecialMethod, Use
from service.rationalization.specials.using import Usage


class UseSpecialMethod(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """That it was used: by whom, what for, and when; `at` is now where it is left out."""

    who: Name
    what_for: Words
    at: Moment | None = None

    def usage(self, now: datetime) -> Usage:
        """Raises SpecialMethodInvalid."""
        at = now if self.at is None else self.at
        if not instants.is_usable(at):
            raise SpecialMethodInvalid([Fault("/at", instants.refusal(at))])
        return Usage(who=self.who, what_for=self.what_for, at=at)


class EndSpecialMethod(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Why it is not needed any more, or may not go on."""

    reason: Words


class CheckSpecialMethod(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whether it is undone, and how it went; where it is not undone, why not."""

    undone: bool
    result: Words

    def checked(self, now: datetime, *, by: str) -> Checked:
        return Checked(at=now, undone=self.undone, result=self.result, by=by)


class UseView(msgspec.Struct, frozen=True):
    """That it was used."""

    id: UUID
    at: datetime
    who: str
    what_for: str
    recorded_at: datetime
    recorded_by: str

    @classmethod
    def of(cls, found: Use) -> "UseView":
        return cls(found.id, found.at, found.who, found.what_for, found.recorded_at, found.recorded_by)


class SpecialMethodView(msgspec.Struct, frozen=True, kw_only=True):
    """A deviation from the norm that is allowed for a while, and where it stands.

    It may be used from `approved_at` up to `ends_at`, both included, while it is `allowed`. `undo_by` names
    the promise to undo it, once it has ended. Clients are not told who approved it, whom it is for, which
    rule allows it, nor how it is undone and checked.
    """

    id: SpecialMethodId
    request_id: RequestId
    arrangement_id: ArrangementId
    client_id: ClientId | None
    service_id: ServiceId | None
    state: State
    since: datetime
    justification: str
    scope: str | None
    proof: str | None
    way_back: str
    reason: str | None
    expires_in_days: int
    proposed_at: datetime
    approved_at: datetime | None
    ends_at: datetime | None
    state_reason: str | None
    approved_by: list[str] | None
    contact_id: ContactId | None
    for_group: str | None
    asked_by: MemberId | None
    policy_id: PolicyId | None
    rule_id: str | None
    undone: bool | None
    result: str | None
    undo_commitment_id: CommitmentId | None

    @classmethod
    def of(cls, found: SpecialMethod, *, in_full: bool) -> "SpecialMethodView":
        standing, verdict = found.standing, found.verdict
        return cls(
            id=found.id,
            request_id=found.request_id,
            arrangement_id=found.arrangement_id,
            client_id=found.client_id,
            service_id=found.service_id,
            state=standing.state,
            since=standing.since,
            justification=verdict.justification,
            scope=verdict.scope,
            proof=verdict.proof,
            way_back=verdict.way_back,
            reason=found.ruling.because,
            expires_in_days=verdict.expires_in_days,
            proposed_at=found.proposed_at,
            approved_at=standing.approved_at,
            ends_at=standing.ends_at,
            contact_id=found.contact_id,
            **(_own_affairs(found) if in_full else _KEPT),
        )


def _own_affairs(found: SpecialMethod) -> dict[str, Any]:
    """What the tenant does not tell its clients."""
    return {
        "state_reason": found.end_because,
        "approved_by": list(found.approved_by),
        "for_group": found.for_group,
        "asked_by": found.asked_by,
        "policy_id": found.ruling.policy_id,
        "rule_id": found.ruling.rule_id,
        "undone": found.standing.undone,
        "result": found.result,
        "undo_commitment_id": found.commitment_id,
    }


_KEPT: dict[str, Any] = dict.fromkeys(
    (
        *("state_reason", "approved_by", "for_group", "asked_by", "policy_id", "rule_id"),
        *("undone", "result", "undo_commitment_id"),
    )
)
