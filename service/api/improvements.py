"""HTTP for the register of improvements: parse, call one use case, render."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from service.api import conditional
from service.api.conditional import Precondition
from service.api.idempotency import Once
from service.api.improvement_views import (
    ChangeImprovement,
    ImprovementEntryView,
    ImprovementView,
    OpenImprovement,
)
from service.api.pagination import Page, Paging
from service.audit.domain import Actor
from service.db import TenantSession
from service.ids import GroupId, ImprovementId, MemberId, SubjectId
from service.rationalization.improvements import service
from service.rationalization.improvements.domain import Improvement, Source, State
from service.rationalization.improvements.service import Sought
from service.requests import reviewing


class ImprovementController(Controller):
    path = "/v1/improvements"
    tags = ("Improvements",)

    @post("/", operation_id="openImprovement")
    async def open_one(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        once: NamedDependency[Once],
        data: JSONBody[OpenImprovement],
    ) -> Response[ImprovementView]:
        """Open an item of the register, for what somebody noticed, or what an accident or a review showed."""

        async def effect() -> Response[ImprovementView]:
            opened = await reviewing.open_improvement(session, actor, data.wish(), now=now)
            address = f"/v1/improvements/{opened.id}"
            return conditional.created(ImprovementView.of(opened), tag=_tag(opened), address=address)

        return await once(effect)

    @get("/", operation_id="listImprovements")
    async def list_all(
        self,
        session: NamedDependency[TenantSession],
        paging: NamedDependency[Paging],
        in_state: Annotated[
            State | None, QueryParameter(name="state", description="In this state only.")
        ] = None,
        source: Annotated[Source | None, QueryParameter(description="Of this source only.")] = None,
        came_from: Annotated[
            SubjectId | None, QueryParameter(description="What this accident, review or objection showed.")
        ] = None,
        owner_id: Annotated[MemberId | None, QueryParameter(description="That this member sees to.")] = None,
        group_id: Annotated[GroupId | None, QueryParameter(description="That this group sees to.")] = None,
    ) -> Response[Page[ImprovementView]]:
        """List improvements, the newest first."""
        sought = Sought(
            state=in_state, source=source, came_from=came_from, owner_id=owner_id, group_id=group_id
        )
        found = await service.list_improvements(
            session, sought, before=paging.after(UUID), limit=paging.sought
        )
        return paging.page(found, position=lambda each: each.id, view=ImprovementView.of)

    @get("/{improvement_id:uuid}", operation_id="getImprovement")
    async def get_one(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[TenantSession],
        improvement_id: FromPath[ImprovementId],
    ) -> Response[ImprovementView]:
        """Show one, with its evidence."""
        found = await service.get(session, improvement_id)
        return conditional.respond(request, ImprovementView.of(found), tag=_tag(found))

    @patch("/{improvement_id:uuid}", operation_id="changeImprovement")
    async def change(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        precondition: NamedDependency[Precondition],
        improvement_id: FromPath[ImprovementId],
        data: JSONBody[ChangeImprovement],
    ) -> Response[ImprovementView]:
        """Call it otherwise, give it to somebody, or let it go on or end, with the reason."""
        held = await service.get(session, improvement_id, lock=True)
        precondition.check(_tag(held))
        changed = await service.change(session, actor, improvement_id, data.change(held), now=now)
        return Response(ImprovementView.of(changed), headers={"ETag": _tag(changed)})

    @get("/{improvement_id:uuid}/entries", operation_id="listImprovementEntries")
    async def list_entries(
        self,
        session: NamedDependency[TenantSession],
        paging: NamedDependency[Paging],
        improvement_id: FromPath[ImprovementId],
    ) -> Response[Page[ImprovementEntryView]]:
        """List what became of it, in order: all that it ever said, and all evidence."""
        found = await service.entries(
            session, improvement_id, after=paging.after(int) or 0, limit=paging.sought
        )
        return paging.page(found, position=lambda row: row.version, view=ImprovementEntryView.of)


def _tag(improvement: Improvement) -> str:
    return conditional.etag(improvement.id, improvement.version)
