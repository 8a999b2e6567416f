"""HTTP for promises: parse, call one use case, render."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from service.api import fields
from service.api.commitment_views import CommitmentDetailView, CommitmentView
from service.api.pagination import Page, Paging
from service.api.security import Principal
from service.commitments import service
from service.commitments.domain import ClockState, Level, Origin, Outcome
from service.commitments.service import Sought
from service.db import TenantSession
from service.ids import CommitmentId, RequestId


class CommitmentController(Controller):
    path = "/v1/commitments"
    tags = ("Commitments",)

    @get("/", operation_id="listCommitments")
    async def list_all(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        now: NamedDependency[datetime],
        paging: NamedDependency[Paging],
        request_id: Annotated[UUID | None, QueryParameter(description="Of this request only.")] = None,
        outcome: Annotated[Outcome | None, QueryParameter(description="With this outcome only.")] = None,
        clock_state: Annotated[
            ClockState | None, QueryParameter(name="clock", description="Whose clock does this.")
        ] = None,
        due_before: Annotated[str | None, fields.instant_parameter("Due before this")] = None,
        metric: Annotated[str | None, QueryParameter(description="Of this metric only.")] = None,
        level: Annotated[Level | None, QueryParameter(description="Of this level only.")] = None,
        origin: Annotated[Origin | None, QueryParameter(description="That came about like this.")] = None,
        silent: Annotated[
            bool | None, QueryParameter(description="Whether a breach stands that nobody announced.")
        ] = None,
        corrected: Annotated[
            bool | None, QueryParameter(description="Whether a breach was marked as recorded wrongly.")
        ] = None,
    ) -> Response[Page[CommitmentView]]:
        """List promises, oldest first. A client's application sees what its own client was promised."""
        sought = Sought(
            client_id=principal.client_id,
            request_id=None if request_id is None else RequestId(request_id),
            outcome=outcome,
            clock=clock_state,
            due_before=fields.instant("due_before", due_before),
            metric=metric,
            level=level,
            origin=origin,
            silent=silent,
            corrected=corrected,
        )
        found = await service.list_commitments(
            session, sought, after=paging.after(UUID), limit=paging.sought, now=now
        )
        return paging.page(
            found,
            position=lambda commitment: commitment.id,
            view=lambda commitment: CommitmentView.of(commitment, now, in_full=principal.client_id is None),
        )

    @get("/{commitment_id:uuid}", operation_id="getCommitment")
    async def get_one(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        now: NamedDependency[datetime],
        commitment_id: FromPath[CommitmentId],
    ) -> CommitmentDetailView:
        """Show one promise, and how its due was found."""
        account = await service.get(session, commitment_id, client_id=principal.client_id, now=now)
        return CommitmentDetailView.detailed(account, now, in_full=principal.client_id is None)
