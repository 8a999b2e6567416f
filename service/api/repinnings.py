"""HTTP for putting running requests on a new version: parse, call one use case, render."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from service.api.fields import Moment, Name, Text
from service.api.idempotency import Once
from service.api.pagination import Page, Paging
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

    With `preview` it is found out what would change, and nothing is. Without, `of` names a preview that is
    done and not older than an hour; its scope holds.
    """

    preview: bool
    of: RepinningId | None = None
    scope: RepinningScope | None = None
    note: Text | None = None

    async def begun(self, session: TenantSession, actor: Actor, subject: Subject, now: datetime) -> Repinning:
        """Begin what is asked for. Raises RepinningInvalid, and what the use cases raise."""
        if faults := list(self._faults()):
            raise RepinningInvalid(faults)
        if self.of is not None:
            return await service.carry_out(session, actor, subject, self.of, note=self.note, now=now)
        within = await (self.scope or RepinningScope()).reach(session)
        return await service.preview(session, actor, subject, within, note=self.note, now=now)

    def _faults(self) -> list[Fault]:
        if self.preview:
            return [] if self.of is None else [Fault("/of", "A preview is of nothing; leave it out.")]
        missing = Fault(
            "/of", "Name the preview whose consequences are wanted; make one with `preview`: true."
        )
        doubled = Fault("/scope", "The preview's scope holds; leave it out.")
        return [*([missing] if self.of is None else []), *([] if self.scope is None else [doubled])]


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
    changes has these, and those that `failed`.
    """

    id: RepinningId
    preview: bool
    of: RepinningId | None
    policy_id: PolicyId | None
    calendar_id: CalendarId | None
    version: int
    version_id: UUID
    scope: RepinningScope
    note: str | None
    asked_by: str
    state: Phase
    reason: str | None
    total: int | None
    done: int
    repinned: int
    changed: int
    failed: int
    promises: PromiseTotalsView
    differs_from_preview: DeviationView | None
    as_of: datetime
    ended_at: datetime | None

    @classmethod
    def of_domain(cls, found: Repinning) -> "RepinningView":
        subject, reach, deviation = found.subject, found.reach, found.deviation
        return cls(
            id=found.id,
            preview=found.is_preview,
            of=found.preview_id,
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
            reason=found.reason,
            total=found.total,
            done=found.done,
            repinned=found.repinned,
            changed=found.changed,
            failed=found.failed,
            promises=msgspec.convert(found.promises, PromiseTotalsView, from_attributes=True),
            differs_from_preview=(
                None if deviation is None else msgspec.convert(deviation, DeviationView, from_attributes=True)
            ),
            as_of=found.created_at,
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


class PolicyRepinningController(Controller):
    path = "/v1/policies/{policy_id:uuid}/repinnings"
    tags = ("Policies",)

    @post("/", operation_id="repinPolicy")
    async def repin(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        policy_id: FromPath[PolicyId],
        data: JSONBody[Repin],
    ) -> Response[RepinningView]:
        """Put running requests on the policy's version in effect, or find out what that would change."""

        async def effect() -> Response[RepinningView]:
            subject = await service.of_policy(session, policy_id, now=now)
            return _begun(await data.begun(session, actor, subject, now))

        return await once(effect)


class CalendarRepinningController(Controller):
    path = "/v1/calendars/{calendar_id:uuid}/repinnings"
    tags = ("Calendars",)

    @post("/", operation_id="repinCalendar")
    async def repin(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        calendar_id: FromPath[CalendarId],
        data: JSONBody[Repin],
    ) -> Response[RepinningView]:
        """Have running promises count by the calendar's current version, or find out what would change."""

        async def effect() -> Response[RepinningView]:
            subject = await service.of_calendar(session, calendar_id)
            return _begun(await data.begun(session, actor, subject, now))

        return await once(effect)


class RepinningController(Controller):
    path = "/v1/repinnings"
    tags = ("Policies",)

    @get("/", operation_id="listRepinnings")
    async def list_all(
        self,
        session: NamedDependency[TenantSession],
        paging: NamedDependency[Paging],
        policy_id: Annotated[PolicyId | None, QueryParameter(description="Of this policy only.")] = None,
        calendar_id: Annotated[
            CalendarId | None, QueryParameter(description="Of this calendar only.")
        ] = None,
    ) -> Response[Page[RepinningView]]:
        """List repinnings and their previews, the youngest first."""
        found = await service.list_all(
            session,
            policy_id=policy_id,
            calendar_id=calendar_id,
            before=paging.after(UUID),
            limit=paging.sought,
        )
        return paging.page(found, position=lambda repinning: repinning.id, view=RepinningView.of_domain)

    @get("/{repinning_id:uuid}", operation_id="getRepinning")
    async def get_one(
        self, session: NamedDependency[TenantSession], repinning_id: FromPath[RepinningId]
    ) -> RepinningView:
        """Show one repinning, or preview, and how far it is."""
        return RepinningView.of_domain(await service.get(session, repinning_id))

    @get("/{repinning_id:uuid}/changes", operation_id="listRepinningChanges")
    async def list_changes(
        self,
        session: NamedDependency[TenantSession],
        paging: NamedDependency[Paging],
        repinning_id: FromPath[RepinningId],
        outcome: Annotated[
            Outcome | None, QueryParameter(description="Only those that changed, or that failed.")
        ] = None,
    ) -> Response[Page[RequestChangeView]]:
        """List the requests whose promises change, and those that could not be decided anew."""
        found = await service.changes(
            session, repinning_id, outcome=outcome, after=paging.after(UUID), limit=paging.sought
        )
        return paging.page(found, position=lambda change: change.id, view=RequestChangeView.of)

    @post("/{repinning_id:uuid}/cancel", status_code=200, operation_id="cancelRepinning")
    async def cancel(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        repinning_id: FromPath[RepinningId],
    ) -> Response[RepinningView]:
        """Let it end after the request that it is at. What was done stays done."""

        async def effect() -> Response[RepinningView]:
            ended = await service.cancel(session, actor, repinning_id, now=now)
            return Response(RepinningView.of_domain(ended))

        return await once(effect, status_code=200)

    @post("/{repinning_id:uuid}/resume", status_code=200, operation_id="resumeRepinning")
    async def resume(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        repinning_id: FromPath[RepinningId],
    ) -> Response[RepinningView]:
        """Go on with what was cancelled or could not go on, and try again what failed."""

        async def effect() -> Response[RepinningView]:
            resumed = await service.resume(session, actor, repinning_id, now=now)
            return Response(RepinningView.of_domain(resumed))

        return await once(effect, status_code=200)


def _begun(repinning: Repinning) -> Response[Any]:
    address = f"/v1/repinnings/{repinning.id}"
    return Response(RepinningView.of_domain(repinning), status_code=201, headers={"Location": address})
