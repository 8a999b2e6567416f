"""HTTP for renegotiations: parse, call one use case, render."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from service.api.idempotency import Once
from service.api.pagination import Page, Paging
from service.api.renegotiation_views import (
    AnswerRenegotiation,
    ProposedView,
    ProposeRenegotiation,
    RenegotiationView,
    SettleRenegotiation,
    WithdrawRenegotiation,
)
from service.api.security import Principal
from service.audit.domain import Actor
from service.clock import Clock
from service.commitments.renegotiation import service
from service.commitments.renegotiation.domain import Channel, Settled, State, Withdrawn
from service.commitments.renegotiation.service import Sought
from service.db import TenantSession
from service.ids import CommitmentId, RenegotiationId, RequestId
from service.requests import answering, renegotiating
from service.requests.answering import Delivery
from service.settings import Settings
from service.vault import Vault


class CommitmentRenegotiationController(Controller):
    path = "/v1/commitments/{commitment_id:uuid}/renegotiations"
    tags = ("Commitments",)

    @post("/", operation_id="proposeRenegotiation")
    async def propose(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        clock: NamedDependency[Clock],
        settings: NamedDependency[Settings],
        vault: NamedDependency[Vault],
        commitment_id: FromPath[CommitmentId],
        data: JSONBody[ProposeRenegotiation],
    ) -> Response[ProposedView]:
        """Say that a promise will not be kept, and what is promised instead. An open proposal gives way."""

        async def effect() -> Response[ProposedView]:
            proposal, link = data.proposal(), None
            if data.link:
                delivery = Delivery(settings.issuer, vault, clock.now())
                made, link = await answering.propose_with_link(
                    session, actor, commitment_id, proposal, delivery, now=now
                )
            else:
                made = await renegotiating.propose(session, actor, commitment_id, proposal, now=now)
            view = ProposedView.made(made, link)
            return Response(view, headers={"Location": f"/v1/renegotiations/{made.id}"})

        return await once(effect, secret=data.link)


class RenegotiationController(Controller):
    path = "/v1/renegotiations"
    tags = ("Commitments",)

    @get("/", operation_id="listRenegotiations")
    async def list_all(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        paging: NamedDependency[Paging],
        commitment_id: Annotated[
            CommitmentId | None, QueryParameter(description="Of this promise only.")
        ] = None,
        request_id: Annotated[RequestId | None, QueryParameter(description="Of this request only.")] = None,
        standing: Annotated[
            State | None, QueryParameter(name="state", description="That stand so only.")
        ] = None,
    ) -> Response[Page[RenegotiationView]]:
        """List renegotiations, oldest first. A client's application sees those of its own client."""
        sought = Sought(
            client_id=principal.client_id, commitment_id=commitment_id, request_id=request_id, state=standing
        )
        found = await service.list_renegotiations(
            session, sought, after=paging.after(UUID), limit=paging.sought
        )
        in_full = principal.client_id is None
        return paging.page(
            found,
            position=lambda renegotiation: renegotiation.id,
            view=lambda renegotiation: RenegotiationView.of(renegotiation, in_full=in_full),
        )

    @get("/{renegotiation_id:uuid}", operation_id="getRenegotiation")
    async def get_one(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        renegotiation_id: FromPath[RenegotiationId],
    ) -> RenegotiationView:
        """Show one renegotiation, and where it stands."""
        found = await service.get(session, renegotiation_id, client_id=principal.client_id)
        return RenegotiationView.of(found, in_full=principal.client_id is None)

    @post("/{renegotiation_id:uuid}/answer", status_code=200, operation_id="answerRenegotiation")
    async def answer(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        renegotiation_id: FromPath[RenegotiationId],
        data: JSONBody[AnswerRenegotiation],
    ) -> Response[RenegotiationView]:
        """Answer for the client; members of the tenant say what the user said. The first answer counts."""

        async def effect() -> RenegotiationView:
            client_id = principal.client_id
            channel = Channel.ON_BEHALF if client_id is None else Channel.API
            said = data.answered(now, by=actor.name, channel=channel)
            answered = await renegotiating.answer(session, actor, renegotiation_id, said, client_id=client_id)
            return RenegotiationView.of(answered, in_full=client_id is None)

        return await once(effect, status_code=200)

    @post("/{renegotiation_id:uuid}/settlement", status_code=200, operation_id="settleRenegotiation")
    async def settle(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        renegotiation_id: FromPath[RenegotiationId],
        data: JSONBody[SettleRenegotiation],
    ) -> Response[RenegotiationView]:
        """Take the user's counter-proposal, or do not."""

        async def effect() -> RenegotiationView:
            settled = Settled(at=now, accepted=data.accepted, comment=data.comment, by=actor.name)
            after = await renegotiating.settle(session, actor, renegotiation_id, settled)
            return RenegotiationView.of(after, in_full=True)

        return await once(effect, status_code=200)

    @post("/{renegotiation_id:uuid}/withdrawal", status_code=200, operation_id="withdrawRenegotiation")
    async def withdraw(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        renegotiation_id: FromPath[RenegotiationId],
        data: JSONBody[WithdrawRenegotiation],
    ) -> Response[RenegotiationView]:
        """Take the proposal back: the promise will be kept after all, and counts as announced no more."""

        async def effect() -> RenegotiationView:
            withdrawn = Withdrawn(at=now, because=data.reason, by=actor.name)
            after = await renegotiating.withdraw(session, actor, renegotiation_id, withdrawn)
            return RenegotiationView.of(after, in_full=True)

        return await once(effect, status_code=200)
