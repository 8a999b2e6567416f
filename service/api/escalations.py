"""HTTP for runs of ladders and for notices: parse, call one use case, render."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Concatenate, ParamSpec
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from service.api.escalation_views import (
    AcknowledgeEscalation,
    EscalationDetailView,
    EscalationView,
    HandOverEscalation,
    NoticeView,
    RaiseEscalation,
    ResolveEscalation,
    SnoozeEscalation,
    StartEscalation,
)
from service.api.idempotency import Once
from service.api.pagination import Page, Paging
from service.api.security import Principal
from service.audit.domain import Actor
from service.db import TenantSession
from service.escalations.runs import acting, service, subjects
from service.escalations.runs.domain import State
from service.escalations.runs.models import Responder
from service.escalations.runs.service import Sought, SoughtNotices
from service.ids import CommitmentId, EscalationId, MemberId, RequestId
from service.requests import escalating
from service.rules.service import Rulebook

P = ParamSpec("P")
Mine = Annotated[
    bool, QueryParameter(description="Only what concerns the member who asks; nothing for an application.")
]
NOBODY = MemberId(UUID(int=0))


@dataclass(frozen=True, slots=True)
class Deed:
    """What an operation on one run works with. Injected as `deed: NamedDependency[Deed]`."""

    session: TenantSession
    actor: Actor
    principal: Principal
    once: Once
    now: datetime

    async def responder(self, by: str | None) -> Responder:
        return await acting.responder(self.session, self.actor, member_id=self.principal.member_id, by=by)

    async def done(
        self,
        escalation_id: EscalationId,
        by: str | None,
        do: Callable[Concatenate[TenantSession, Responder, EscalationId, P], Awaitable[object]],
        *args: P.args,
        **said: P.kwargs,
    ) -> Response[EscalationDetailView]:
        """Do it once, and show the run as it stands then."""

        async def effect() -> EscalationDetailView:
            await do(self.session, await self.responder(by), escalation_id, *args, **said)
            return await _shown(self.session, escalation_id, now=self.now)

        return await self.once(effect, status_code=200)


async def deed(
    session: NamedDependency[TenantSession],
    actor: NamedDependency[Actor],
    principal: NamedDependency[Principal],
    once: NamedDependency[Once],
    now: NamedDependency[datetime],
) -> Deed:
    """The dependency `deed`."""
    return Deed(session, actor, principal, once, now)


class RequestEscalationController(Controller):
    path = "/v1/requests/{request_id:uuid}/escalations"
    tags = ("Escalations",)
    dependencies = {"deed": deed}  # noqa: RUF012 - Litestar reads a plain class attribute

    @post("/", operation_id="startEscalation")
    async def start(
        self,
        deed: NamedDependency[Deed],
        rulebook: NamedDependency[Rulebook],
        request_id: FromPath[RequestId],
        data: JSONBody[StartEscalation],
    ) -> Response[EscalationDetailView]:
        """Climb a ladder by hand: its first step is told at once, the others when their time comes."""

        async def effect() -> Response[EscalationDetailView]:
            responder = await deed.responder(data.by)
            escalation_id = await escalating.start(
                deed.session, rulebook, responder, request_id, data.asked(), now=deed.now
            )
            view = await _shown(deed.session, escalation_id, now=deed.now)
            return Response(view, headers={"Location": f"/v1/escalations/{escalation_id}"})

        return await deed.once(effect)


class EscalationController(Controller):
    path = "/v1/escalations"
    tags = ("Escalations",)
    dependencies = {"deed": deed}  # noqa: RUF012 - Litestar reads a plain class attribute

    @get("/", operation_id="listEscalations")
    async def list_all(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        paging: NamedDependency[Paging],
        escalation_state: Annotated[
            State | None, QueryParameter(name="state", description="In this state only.")
        ] = None,
        request_id: Annotated[RequestId | None, QueryParameter(description="Of this request only.")] = None,
        commitment_id: Annotated[
            CommitmentId | None, QueryParameter(description="Of this promise only.")
        ] = None,
        mine: Mine = False,  # noqa: FBT002 - a parameter of the query
    ) -> Response[Page[EscalationView]]:
        """List runs of ladders, the newest first, as they were last looked at."""
        sought = Sought(
            state=escalation_state,
            request_id=request_id,
            commitment_id=commitment_id,
            of_member=_asking(principal) if mine else None,
        )
        found = await service.list_runs(session, sought, before=paging.after(UUID), limit=paging.sought)
        about = await subjects.of_runs(session, found)
        return paging.page(
            found, position=lambda run: run.id, view=lambda run: EscalationView.of(run, about[run.id])
        )

    @get("/{escalation_id:uuid}", operation_id="getEscalation")
    async def get_one(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        escalation_id: FromPath[EscalationId],
    ) -> EscalationDetailView:
        """Show one run, with its ledger and what is told next."""
        return await _shown(session, escalation_id, now=now)

    @post("/{escalation_id:uuid}/acknowledgement", status_code=200, operation_id="acknowledgeEscalation")
    async def acknowledge(
        self,
        deed: NamedDependency[Deed],
        escalation_id: FromPath[EscalationId],
        data: JSONBody[AcknowledgeEscalation | None] = None,
    ) -> Response[EscalationDetailView]:
        """Take it: nobody else is told, for as long as the ladder lets an acknowledgement count."""
        asked = data or AcknowledgeEscalation()
        return await deed.done(escalation_id, asked.by, acting.acknowledge, now=deed.now)

    @post("/{escalation_id:uuid}/snooze", status_code=200, operation_id="snoozeEscalation")
    async def snooze(
        self,
        deed: NamedDependency[Deed],
        escalation_id: FromPath[EscalationId],
        data: JSONBody[SnoozeEscalation],
    ) -> Response[EscalationDetailView]:
        """Put it off: nothing is told until then."""
        return await deed.done(escalation_id, data.by, acting.snooze, until=data.until, now=deed.now)

    @post("/{escalation_id:uuid}/hand-over", status_code=200, operation_id="handOverEscalation")
    async def hand_over(
        self,
        deed: NamedDependency[Deed],
        escalation_id: FromPath[EscalationId],
        data: JSONBody[HandOverEscalation],
    ) -> Response[EscalationDetailView]:
        """Give it to somebody, who is told, and who has a while to acknowledge it."""
        return await deed.done(escalation_id, data.by, acting.hand_over, to=data.to, now=deed.now)

    @post("/{escalation_id:uuid}/raise", status_code=200, operation_id="raiseEscalation")
    async def go_up(
        self,
        deed: NamedDependency[Deed],
        rulebook: NamedDependency[Rulebook],
        escalation_id: FromPath[EscalationId],
        data: JSONBody[RaiseEscalation],
    ) -> Response[EscalationDetailView]:
        """Go up to a step now, whoever had it."""

        async def go(session: TenantSession, responder: Responder, escalation_id: EscalationId) -> None:
            await escalating.raise_to(session, rulebook, responder, escalation_id, data.step, now=deed.now)

        return await deed.done(escalation_id, data.by, go)

    @post("/{escalation_id:uuid}/resolution", status_code=200, operation_id="resolveEscalation")
    async def resolve(
        self,
        deed: NamedDependency[Deed],
        escalation_id: FromPath[EscalationId],
        data: JSONBody[ResolveEscalation],
    ) -> Response[EscalationDetailView]:
        """End it: nobody need be told any more. The promise goes on as it is."""
        return await deed.done(escalation_id, data.by, acting.resolve, reason=data.reason, now=deed.now)


class NoticeController(Controller):
    path = "/v1/notices"
    tags = ("Escalations",)

    @get("/", operation_id="listNotices")
    async def list_all(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        paging: NamedDependency[Paging],
        escalation_id: Annotated[EscalationId | None, QueryParameter(description="Of this run only.")] = None,
        late: Annotated[
            bool | None, QueryParameter(description="Only those that were, or were not, late.")
        ] = None,
        mine: Mine = False,  # noqa: FBT002 - a parameter of the query
    ) -> Response[Page[NoticeView]]:
        """List who was told of what, the newest first."""
        sought = SoughtNotices(
            escalation_id=escalation_id, of_member=_asking(principal) if mine else None, late=late
        )
        found = await service.list_notices(session, sought, before=paging.after(UUID), limit=paging.sought)
        return paging.page(found, position=lambda notice: notice.id, view=NoticeView.of)


async def _shown(
    session: TenantSession, escalation_id: EscalationId, *, now: datetime
) -> EscalationDetailView:
    """Raises EscalationNotFound."""
    account = await service.get(session, escalation_id, now=now)
    about = await subjects.of_runs(session, [account.run])
    return EscalationDetailView.detailed(account, about[escalation_id])


def _asking(principal: Principal) -> MemberId:
    """The member who asks; nobody, where an application does."""
    return principal.member_id or NOBODY
