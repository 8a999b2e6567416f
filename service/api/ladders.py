"""HTTP for ladders: parse, call one use case, render."""

from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Controller, Request, Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from service.api import conditional
from service.api.conditional import Precondition
from service.api.idempotency import Once
from service.api.ladder_previews import LadderPreview
from service.api.ladder_views import (
    CreateLadder,
    LadderVersionView,
    LadderView,
    PreviewLadder,
    ReviseLadder,
    SavedLadderView,
)
from service.api.pagination import Page, Paging
from service.audit.domain import Actor
from service.db import TenantSession
from service.errors import Fault
from service.escalations.ladders import examining, service
from service.escalations.ladders.models import Ladder
from service.escalations.previews import service as previews
from service.escalations.previews.errors import PreviewInvalid
from service.ids import LadderId
from service.rules import beside
from service.rules.service import Rulebook


class LadderController(Controller):
    path = "/v1/ladders"
    tags = ("Ladders",)

    @post("/", operation_id="createLadder")
    async def create(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        data: JSONBody[CreateLadder],
    ) -> Response[SavedLadderView]:
        """Create a ladder. Whatever it names must be there; what looks wrong with it comes as `findings`."""

        async def effect() -> Response[SavedLadderView]:
            ladder = await service.create(session, actor, name=data.name, raw=data.definition, now=now)
            found = await examining.examined(session, ladder.current.definition, now=now)
            address = f"/v1/ladders/{ladder.id}"
            return conditional.created(
                SavedLadderView.with_findings(ladder, found), tag=_tag(ladder), address=address
            )

        return await once(effect)

    @get("/", operation_id="listLadders")
    async def list_all(
        self, session: NamedDependency[TenantSession], paging: NamedDependency[Paging]
    ) -> Response[Page[LadderView]]:
        """List the ladders, oldest first, those that are retired included."""
        found = await service.list_ladders(session, after=paging.after(UUID), limit=paging.sought)
        return paging.page(found, position=lambda ladder: ladder.id, view=LadderView.of)

    @get("/{ladder_id:uuid}", operation_id="getLadder")
    async def get_one(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[TenantSession],
        ladder_id: FromPath[LadderId],
    ) -> Response[LadderView]:
        """Show one ladder as it is now."""
        ladder = await service.get(session, ladder_id)
        return conditional.respond(request, LadderView.of(ladder), tag=_tag(ladder))

    @put("/{ladder_id:uuid}", operation_id="reviseLadder")
    async def revise(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        precondition: NamedDependency[Precondition],
        ladder_id: FromPath[LadderId],
        data: JSONBody[ReviseLadder],
    ) -> Response[SavedLadderView]:
        """Make a new version current. What is climbed already keeps the version that it began with."""
        held = await service.get(session, ladder_id, lock=True)
        precondition.check(_tag(held))
        ladder = await service.revise(session, actor, ladder_id, raw=data.definition, now=now, name=data.name)
        found = await examining.examined(session, ladder.current.definition, now=now)
        return Response(SavedLadderView.with_findings(ladder, found), headers={"ETag": _tag(ladder)})

    @post("/{ladder_id:uuid}/retire", status_code=200, operation_id="retireLadder")
    async def retire(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        rulebook: NamedDependency[Rulebook],
        precondition: NamedDependency[Precondition],
        ladder_id: FromPath[LadderId],
    ) -> Response[LadderView]:
        """Let no promise begin to climb it any more. Those that do go on; a revision takes it up again.

        It is refused as long as a policy in effect has it climbed.
        """

        async def effect() -> Response[LadderView]:
            held = await service.get(session, ladder_id, lock=True)
            precondition.check(_tag(held))
            named_by = await beside.climbing(session, rulebook, held.name, now=now)
            return _shown(await service.retire(session, actor, ladder_id, named_by=named_by, now=now))

        return await once(effect, status_code=200)

    @get("/{ladder_id:uuid}/versions", operation_id="listLadderVersions")
    async def list_versions(
        self,
        session: NamedDependency[TenantSession],
        paging: NamedDependency[Paging],
        ladder_id: FromPath[LadderId],
    ) -> Response[Page[LadderVersionView]]:
        """List what the ladder has said, oldest version first."""
        found = await service.list_versions(session, ladder_id, after=paging.after(UUID), limit=paging.sought)
        return paging.page(found, position=lambda version: version.id, view=LadderVersionView.of)

    @post("/{ladder_id:uuid}/preview", status_code=200, operation_id="previewLadder")
    async def preview(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        ladder_id: FromPath[LadderId],
        data: JSONBody[PreviewLadder],
    ) -> LadderPreview:
        """Foresee who would be told, when and by what, had the promise climbed it since it began.

        Nothing is told, and nothing is written.
        """
        ladder = await service.get(session, ladder_id)
        asked = data.asked()
        if asked is None:
            detail = "Say either which promise, as `commitment_id`, or what to suppose, as `promise`."
            raise PreviewInvalid([Fault("", detail)])
        definition = ladder.current.definition
        if data.definition is not None:
            definition = await service.read(session, data.definition)
        return LadderPreview.of(await previews.preview(session, definition, asked, now=now))


def _shown(ladder: Ladder) -> Response[LadderView]:
    return Response(LadderView.of(ladder), headers={"ETag": _tag(ladder)})


def _tag(ladder: Ladder) -> str:
    return conditional.etag(ladder.id, ladder.current.version, int(ladder.retired_at is not None))
