"""HTTP for approvals: parse, call one use case, render."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from service.api.approval_views import AnswerApproval, ApprovalInFullView, ApprovalView
from service.api.idempotency import Once
from service.api.pagination import Page, Paging
from service.api.security import Principal
from service.audit.domain import Actor
from service.db import TenantSession
from service.ids import GateId, MemberId, RequestId
from service.rationalization.approvals.answering import Answerer
from service.rationalization.approvals.domain import State
from service.rationalization.approvals.errors import ApprovalNeedsMember
from service.rationalization.approvals.service import Sought
from service.requests import approving, consenting
from service.rules.service import Rulebook

Mine = Annotated[
    bool,
    QueryParameter(description="Only what the member who asks may answer now; nothing for an application."),
]
NOBODY = MemberId(UUID(int=0))


class ApprovalController(Controller):
    path = "/v1/approvals"
    tags = ("Approvals",)

    @get("/", operation_id="listApprovals")
    async def list_all(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        now: NamedDependency[datetime],
        paging: NamedDependency[Paging],
        mine: Mine = False,  # noqa: FBT002 - a parameter of the query
        standing: Annotated[
            State | None, QueryParameter(name="state", description="That stand so only.")
        ] = None,
        request_id: Annotated[RequestId | None, QueryParameter(description="Of this request only.")] = None,
    ) -> Response[Page[ApprovalView]]:
        """List approvals, oldest first, as they stand now."""
        found = await consenting.list_approvals(
            session,
            Sought(request_id=request_id, state=standing, now=now),
            principal.member_id,
            open_to=(principal.member_id or NOBODY) if mine else None,
            after=paging.after(UUID),
            limit=paging.sought,
        )
        return paging.page(found, position=lambda shown: shown.approval.id, view=ApprovalView.of)

    @get("/{approval_id:uuid}", operation_id="getApproval")
    async def get_one(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        now: NamedDependency[datetime],
        approval_id: FromPath[GateId],
    ) -> ApprovalInFullView:
        """Show one approval: who answered, what is missing, until when, and whether the reader may answer."""
        found = await consenting.get(session, approval_id, principal.member_id, now=now)
        return ApprovalInFullView.in_full(found)

    @post("/{approval_id:uuid}/answers", status_code=200, operation_id="answerApproval")
    async def answer(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        rulebook: NamedDependency[Rulebook],
        approval_id: FromPath[GateId],
        data: JSONBody[AnswerApproval],
    ) -> Response[ApprovalInFullView]:
        """Approve or refuse: members only, never what they ask for themselves. The first decision counts."""
        if principal.member_id is None:
            await consenting.get(session, approval_id, None, now=now)
            raise ApprovalNeedsMember
        who = Answerer(actor, principal.member_id)

        async def effect() -> ApprovalInFullView:
            await approving.answer(session, rulebook, who, approval_id, data.said(), now=now)
            found = await consenting.get(session, approval_id, who.member_id, now=now)
            return ApprovalInFullView.in_full(found)

        return await once(effect, status_code=200)

    @post("/{approval_id:uuid}/ask-anew", status_code=200, operation_id="askApprovalAnew")
    async def ask_anew(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        rulebook: NamedDependency[Rulebook],
        approval_id: FromPath[GateId],
    ) -> Response[ApprovalInFullView]:
        """Ask anew what nobody answered in time: with as much time as before, and without the old answers."""

        async def effect() -> ApprovalInFullView:
            await approving.ask_anew(session, rulebook, actor, approval_id, now=now)
            found = await consenting.get(session, approval_id, principal.member_id, now=now)
            return ApprovalInFullView.in_full(found)

        return await once(effect, status_code=200)
