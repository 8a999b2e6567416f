"""What HTTP accepts and shows of repinnings."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from service import instants
from service.api.fields import Moment, Name, Text
from service.audit.domain import Actor
from service.db import TenantSession
from service.errors import Fault
from service.ids import CalendarId, ClientId, PolicyId, PolicyVersionId, RepinningId, RequestId
from service.requests.repinning import service
from service.requests.repinning.domain import Effect, Phase, PromiseChange, Reach, Subject
from service.requests.repinning.errors import RepinningInvalid
from service.requests.repinning.models import Outcome, Repinning, RequestChange
from service.rules.vocabulary import RequestType

NAMES_MAX = 200

Names = Annotated[list[Name], msgspec.Meta(max_length=NAMES_MAX)]


class RepinningScope(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which running requests are meant; what is left out names all."""

    clients: Names = []
    services: Names = []
    request_types: Annotated[list[RequestType], msgspec.Meta(max_length=len(RequestType))] = []
    received_after: Moment | None = None

    def faults(self) -> list[Fault]:
        if self.received_after is None or instants.is_usable(self.received_after):
            return []
        return [Fault("/scope/received_after", instants.refusal(self.received_after))]

    async def reach(self, session: TenantSession) -> Reach:
        return await service.reach(
            session,
            clients=self.clients,
            services=self.services,
            request_types=self.request_types,
            received_after=self.received_after,
        )


class Repin(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Put running requests on the version in effect: first a preview, then what it has shown.

    With `preview` it is found out what would change, and nothing is. Without, `preview_id` names a preview
    that is done and not older than an hour; its scope holds.
    """

    preview: bool
    preview_id: RepinningId | None = None
    scope: RepinningScope | None = None
    note: Text | None = None

    async def begun(self, session: TenantSession, actor: Actor, subject: Subject, now: datetime) -> Repinning:
        """Begin what is asked for. Raises RepinningInvalid, and what the use cases raise."""
        if faults := list(self._faults()):
            raise RepinningInvalid(faults)
        if self.preview_id is not None:
            return await service.carry_out(session, actor, subject, self.preview_id, note=self.note, now=now)
        within = await (self.scope or RepinningScope()).reach(session)
        return await service.preview(session, actor, subject, within, note=self.note, now=now)

    def _faults(self) -> list[Fault]:
        if self.preview:
            doubled = [Fault("/preview_id", "A preview is of nothing; leave it out.")]
            scope = [] if self.scope is None else self.scope.faults()
            return [*([] if self.preview_id is None else doubled), *scope]
        missing = Fault(
            "/preview_id", "Name the preview whose consequences are wanted; make one with `preview`: true."
        )
        doubled = Fault("/scope", "The preview's scope holds; leave it out.")
        return [*([missing] if self.preview_id is None else []), *([] if self.scope is None else [doubled])]


class PromiseTotalsView(msgspec.Struct, frozen=True):
    """How many promises get other terms; how many of these fall due earlier, later, at the same time.

    `new` were not promised before. `held_back` would fall due later, were an earlier due not promised
    already. `broken` are broken by their new terms at once.
    """

    changed: int
    earlier: int
    later: int
    same: int
    new: int
    held_back: int
    broken: int


class DeviationView(msgspec.Struct, frozen=True):
    """Requests that changed and would not have by the preview, and the other way round."""

    unforeseen: int
    fallen_away: int


class RepinningView(msgspec.Struct, frozen=True, kw_only=True):
    """Of `total` running requests in the scope, `done` were looked at.

    `repinned` are put on the version, or would be; `changed` of them have a promise that changes. The list of
    changes has these, and those that `failed`. A preview is as of when it was created.
    """

    id: RepinningId
    preview: bool
    preview_id: RepinningId | None
    policy_id: PolicyId | None
    calendar_id: CalendarId | None
    version: int
    version_id: UUID
    scope: RepinningScope
    note: str | None
    asked_by: str
    state: Phase
    failure: str | None
    total: int | None
    done: int
    repinned: int
    changed: int
    failed: int
    promises: PromiseTotalsView
    differs_from_preview: DeviationView | None
    created_at: datetime
    ended_at: datetime | None

    @classmethod
    def of_domain(cls, found: Repinning) -> "RepinningView":
        subject, reach, deviation = found.subject, found.reach, found.deviation
        return cls(
            id=found.id,
            preview=found.is_preview,
            preview_id=found.preview_id,
            policy_id=subject.policy_id,
            calendar_id=subject.calendar_id,
            version=subject.version,
            version_id=subject.version_id,
            scope=RepinningScope(
                clients=sorted(reach.clients),
                services=sorted(reach.services),
                request_types=sorted(reach.request_types),
                received_after=reach.received_after,
            ),
            note=found.note,
            asked_by=found.actor.name,
            state=found.phase,
            failure=found.reason,
            total=found.total,
            done=found.done,
            repinned=found.repinned,
            changed=found.changed,
            failed=found.failed,
            promises=msgspec.convert(found.promises, PromiseTotalsView, from_attributes=True),
            differs_from_preview=(
                None if deviation is None else msgspec.convert(deviation, DeviationView, from_attributes=True)
            ),
            created_at=found.created_at,
            ended_at=found.ended_at,
        )


class PromiseChangeView(msgspec.Struct, frozen=True):
    """A promise that gets other terms.

    While it is paused its dues are those were it resumed now. `held_back_due_at` is the later due that does
    not take effect, since an earlier one was promised.
    """

    metric: str
    effect: Effect
    was_due_at: datetime | None
    due_at: datetime
    held_back_due_at: datetime | None
    breaks: bool

    @classmethod
    def of(cls, change: PromiseChange) -> "PromiseChangeView":
        return msgspec.convert(change, cls, from_attributes=True)


class RuleView(msgspec.Struct, frozen=True):
    """A rule, named by its policy's version and its id."""

    version_id: PolicyVersionId
    rule_id: str


class RequestChangeView(msgspec.Struct, frozen=True, kw_only=True):
    """A request whose promises change, with the rule followed before and after; or one that failed."""

    request_id: RequestId
    client_id: ClientId | None
    outcome: Outcome
    reason: str | None
    rule_before: RuleView | None
    rule_after: RuleView | None
    promises: list[PromiseChangeView]

    @classmethod
    def of(cls, change: RequestChange) -> "RequestChangeView":
        before, after = change.rules.before, change.rules.after
        return cls(
            request_id=change.request_id,
            client_id=change.client_id,
            outcome=change.outcome,
            reason=change.reason,
            rule_before=None if before is None else RuleView(before.version_id, before.rule_id),
            rule_after=None if after is None else RuleView(after.version_id, after.rule_id),
            promises=[PromiseChangeView.of(each) for each in change.promises],
        )
