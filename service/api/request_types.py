"""HTTP for the catalogue of request types: parse, call one use case, render."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, Concatenate, ParamSpec
from uuid import UUID

from litestar import Controller, Request, Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from service.api import conditional, request_type_views
from service.api.conditional import Precondition
from service.api.idempotency import Once
from service.api.pagination import Page, Paging
from service.api.request_type_views import (
    ApproveRequestType,
    CreateRequestType,
    ProposeStandardChange,
    PublishRequestType,
    RequestTypeDifferencesView,
    RequestTypeInFullView,
    RequestTypeVersionView,
    RequestTypeView,
    RetireRequestType,
    ReturnRequestType,
    ReviseRequestType,
    SubmitRequestType,
    TakeTemplate,
    TemplateView,
)
from service.api.steps import Step, step
from service.audit.domain import Actor
from service.db import TenantSession
from service.ids import RequestTypeId
from service.rationalization.catalogue import publishing, service, templates
from service.rationalization.catalogue.domain import TypeDraft
from service.rationalization.catalogue.service import Shown
from service.requests import cataloguing
from service.requests.service import Caller

P = ParamSpec("P")


class RequestTypeController(Controller):
    path = "/v1/request-types"
    tags = ("Request types",)
    dependencies = {"step": step}  # noqa: RUF012 - Litestar reads a plain class attribute

    @post("/", operation_id="createRequestType")
    async def create(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        data: JSONBody[CreateRequestType],
    ) -> Response[RequestTypeInFullView]:
        """Create a type of request. Nothing goes by it before it is published."""

        async def effect() -> Response[RequestTypeInFullView]:
            return _created(await service.create(session, actor, data.draft(), now=now))

        return await once(effect)

    @get("/", operation_id="listRequestTypes")
    async def list_all(
        self,
        session: NamedDependency[TenantSession],
        caller: NamedDependency[Caller],
        paging: NamedDependency[Paging],
    ) -> Response[Page[RequestTypeView]]:
        """List the types, oldest first. A client's application sees those in effect."""
        found = await service.list_all(
            session, client_id=caller.client_id, after=paging.after(UUID), limit=paging.sought
        )
        return paging.page(found, position=lambda shown: shown.own.id, view=RequestTypeView.of)

    @get("/templates", operation_id="listRequestTypeTemplates")
    async def list_templates(self) -> Page[TemplateView]:
        """List the types that are shipped to begin with, one for each process: a single page."""
        return Page([TemplateView.of(each) for each in templates.shipped().values()], None)

    @post("/from-template", operation_id="createRequestTypeFromTemplate")
    async def take_template(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        data: JSONBody[TakeTemplate],
    ) -> Response[RequestTypeInFullView]:
        """Create a type from one that is shipped. It is a draft of your own, to be changed as you like."""

        async def effect() -> Response[RequestTypeInFullView]:
            template = templates.named(data.template)
            draft = TypeDraft(
                name=data.name or template.name, family=template.family, document=template.document
            )
            return _created(await service.create(session, actor, draft, now=now))

        return await once(effect)

    @post("/standard-changes", operation_id="proposeStandardChange")
    async def propose_standard_change(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        data: JSONBody[ProposeStandardChange],
    ) -> Response[RequestTypeInFullView]:
        """Propose a change that is approved beforehand, made from changes that were done.

        What they had in common is fixed in it, what varied is a field. It is a draft, which somebody else
        approves by the evidence that its version shows.
        """

        async def effect() -> Response[RequestTypeInFullView]:
            asked = cataloguing.Proposal(data.name, data.title, tuple(data.requests))
            return _created(await cataloguing.propose(session, actor, asked, now=now))

        return await once(effect)

    @get("/{type_id:uuid}", operation_id="getRequestType")
    async def get_one(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[TenantSession],
        caller: NamedDependency[Caller],
        type_id: FromPath[RequestTypeId],
    ) -> Response[RequestTypeInFullView]:
        """Show one type with what it says: by the version in effect, or else by the newest."""
        shown = await service.get(session, type_id, client_id=caller.client_id)
        view = RequestTypeInFullView.of(shown)
        return conditional.respond(request, view, tag=request_type_views.tag(shown.own))

    @put("/{type_id:uuid}", operation_id="reviseRequestType")
    async def revise(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        precondition: NamedDependency[Precondition],
        type_id: FromPath[RequestTypeId],
        data: JSONBody[ReviseRequestType],
    ) -> Response[RequestTypeInFullView]:
        """Add a version. The version in effect stays in effect until the new one is published."""
        await _held_as_read(session, type_id, precondition)
        return _answered(await service.revise(session, actor, type_id, data.document, now=now))

    @get("/{type_id:uuid}/versions", operation_id="listRequestTypeVersions")
    async def list_versions(
        self,
        session: NamedDependency[TenantSession],
        caller: NamedDependency[Caller],
        paging: NamedDependency[Paging],
        type_id: FromPath[RequestTypeId],
    ) -> Response[Page[RequestTypeVersionView]]:
        """List the versions of a type with what happened to each, newest first."""
        found = await service.list_versions(
            session, type_id, client_id=caller.client_id, before=paging.after(int), limit=paging.sought
        )
        return paging.page(
            found, position=lambda lived: lived.version.version, view=RequestTypeVersionView.of
        )

    @get("/{type_id:uuid}/versions/{version:int}", operation_id="getRequestTypeVersion")
    async def get_version(
        self,
        session: NamedDependency[TenantSession],
        caller: NamedDependency[Caller],
        type_id: FromPath[RequestTypeId],
        version: FromPath[int],
    ) -> RequestTypeVersionView:
        """Show one version. It never changes."""
        found = await service.get_version(session, type_id, version, client_id=caller.client_id)
        return RequestTypeVersionView.of(found)

    @get("/{type_id:uuid}/differences", operation_id="compareRequestTypeVersions")
    async def compare(
        self,
        session: NamedDependency[TenantSession],
        caller: NamedDependency[Caller],
        type_id: FromPath[RequestTypeId],
        of: Annotated[
            int | None,
            QueryParameter(name="from", description="The version before; the one in effect if left out."),
        ] = None,
        to: Annotated[
            int | None, QueryParameter(description="The version after; the newest if left out.")
        ] = None,
    ) -> RequestTypeDifferencesView:
        """Show what differs between two versions."""
        found = await service.differences(session, type_id, client_id=caller.client_id, of=of, to=to)
        return RequestTypeDifferencesView(*found)

    @post("/{type_id:uuid}/submit", status_code=200, operation_id="submitRequestType")
    async def submit(
        self,
        step: NamedDependency[Step],
        type_id: FromPath[RequestTypeId],
        data: JSONBody[SubmitRequestType | None] = None,
    ) -> Response[RequestTypeInFullView]:
        """Ask for the approval of a draft."""
        asked = data or SubmitRequestType()
        return await _taken(
            step, type_id, publishing.submit, version=asked.version, note=asked.note, now=step.now
        )

    @post("/{type_id:uuid}/approve", status_code=200, operation_id="approveRequestType")
    async def approve(
        self,
        step: NamedDependency[Step],
        type_id: FromPath[RequestTypeId],
        data: JSONBody[ApproveRequestType],
    ) -> Response[RequestTypeInFullView]:
        """Let a version be published. Takes a member who neither wrote nor submitted it."""
        return await _taken(
            step, type_id, publishing.approve, version=data.version, note=data.note, now=step.now
        )

    @post("/{type_id:uuid}/return", status_code=200, operation_id="returnRequestType")
    async def give_back(
        self,
        step: NamedDependency[Step],
        type_id: FromPath[RequestTypeId],
        data: JSONBody[ReturnRequestType],
    ) -> Response[RequestTypeInFullView]:
        """Send a version back to be mended. Takes a member who neither wrote nor submitted it."""
        return await _taken(
            step, type_id, publishing.give_back, version=data.version, note=data.note, now=step.now
        )

    @post("/{type_id:uuid}/publish", status_code=200, operation_id="publishRequestType")
    async def publish(
        self,
        step: NamedDependency[Step],
        type_id: FromPath[RequestTypeId],
        data: JSONBody[PublishRequestType | None] = None,
    ) -> Response[RequestTypeInFullView]:
        """Let intake go by an approved version. Its fields become facts that rules may read."""
        asked = data or PublishRequestType()
        return await _taken(step, type_id, cataloguing.publish, version=asked.version, now=step.now)

    @post("/{type_id:uuid}/retire", status_code=200, operation_id="retireRequestType")
    async def retire(
        self,
        step: NamedDependency[Step],
        type_id: FromPath[RequestTypeId],
        data: JSONBody[RetireRequestType | None] = None,
    ) -> Response[RequestTypeInFullView]:
        """Take a type out of the catalogue. Requests of it that run stay on their version."""
        asked = data or RetireRequestType()
        return await _taken(step, type_id, publishing.retire, note=asked.note, now=step.now)


async def _held_as_read(session: TenantSession, type_id: RequestTypeId, precondition: Precondition) -> None:
    """Lock the type, if it is as the caller has read it. Raises RequestTypeNotFound, VersionStale."""
    held = await service.get(session, type_id, lock=True)
    precondition.check(request_type_views.tag(held.own))


async def _taken(
    step: Step,
    type_id: RequestTypeId,
    take: Callable[Concatenate[TenantSession, Actor, RequestTypeId, P], Awaitable[Shown]],
    *args: P.args,
    **said: P.kwargs,
) -> Response[RequestTypeInFullView]:
    """Take a step in the life of a type, and show how it stands then."""

    async def effect() -> Response[RequestTypeInFullView]:
        await _held_as_read(step.session, type_id, step.precondition)
        return _answered(await take(step.session, step.actor, type_id, *args, **said))

    return await step.once(effect, status_code=200)


def _created(shown: Shown) -> Response[RequestTypeInFullView]:
    address = f"/v1/request-types/{shown.own.id}"
    return conditional.created(
        RequestTypeInFullView.of(shown), tag=request_type_views.tag(shown.own), address=address
    )


def _answered(shown: Shown) -> Response[RequestTypeInFullView]:
    return Response(RequestTypeInFullView.of(shown), headers={"ETag": request_type_views.tag(shown.own)})
