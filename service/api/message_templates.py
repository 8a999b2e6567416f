"""HTTP for message templates: parse, call one use case, render."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from service.api import conditional
from service.api.conditional import Precondition
from service.api.idempotency import Once
from service.api.message_template_views import (
    CreateMessageTemplate,
    MessagesView,
    MessageTemplateVersionView,
    MessageTemplateView,
    PreviewMessageTemplate,
    PreviewView,
    ReviseMessageTemplate,
)
from service.api.pagination import Page, Paging
from service.audit.domain import Actor
from service.db import TenantSession
from service.errors import Fault
from service.ids import RequestId, TemplateId
from service.rationalization.wording import service
from service.rationalization.wording.domain import MessageKind, Written
from service.rationalization.wording.errors import MessageTemplateInvalid
from service.rationalization.wording.models import Template
from service.rationalization.wording.service import Place
from service.rationalization.wording.store import Sought
from service.requests import previewing
from service.requests.previewing import Wanted


class MessageController(Controller):
    path = "/v1/messages"
    tags = ("Messages",)

    @get("/", operation_id="listMessages", sync_to_thread=False)
    def list_all(self) -> MessagesView:
        """List the messages that requesters are told, what each may speak of, and the product's words."""
        return MessagesView.all()


class MessageTemplateController(Controller):
    path = "/v1/message-templates"
    tags = ("Messages",)

    @post("/", operation_id="createMessageTemplate")
    async def create(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        data: JSONBody[CreateMessageTemplate],
    ) -> Response[MessageTemplateView]:
        """Write the tenant's words for a message in a language. They are told from now on."""

        async def effect() -> Response[MessageTemplateView]:
            made = await service.create(session, actor, data.place(), data.written(), now=now)
            address = f"/v1/message-templates/{made.id}"
            return conditional.created(MessageTemplateView.of(made), tag=_tag(made), address=address)

        return await once(effect)

    @get("/", operation_id="listMessageTemplates")
    async def list_all(
        self,
        session: NamedDependency[TenantSession],
        paging: NamedDependency[Paging],
        message: Annotated[MessageKind | None, QueryParameter(description="Of this message only.")] = None,
        wording: Annotated[
            str | None, QueryParameter(description="That rules call so only.", max_length=64)
        ] = None,
        language: Annotated[
            str | None, QueryParameter(description="In this language only.", max_length=35)
        ] = None,
        *,
        retired: Annotated[
            bool | None, QueryParameter(description="That are retired only, or that are not.")
        ] = None,
    ) -> Response[Page[MessageTemplateView]]:
        """List the message templates, oldest first."""
        sought = Sought(message=message, wording=wording, language=language, retired=retired)
        found = await service.list_templates(session, sought, after=paging.after(UUID), limit=paging.sought)
        return paging.page(found, position=lambda each: each.id, view=MessageTemplateView.of)

    @post("/preview", status_code=200, operation_id="previewMessageTemplate")
    async def preview(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        data: JSONBody[PreviewMessageTemplate],
    ) -> PreviewView:
        """Show what a template would say, or what is wrong with it. Nothing is told or written."""
        return PreviewView(*await previewing.preview(session, _wanted(data), now=now))

    @get("/{template_id:uuid}", operation_id="getMessageTemplate")
    async def get_one(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[TenantSession],
        template_id: FromPath[TemplateId],
    ) -> Response[MessageTemplateView]:
        """Show one template as it is now."""
        found = await service.get(session, template_id)
        return conditional.respond(request, MessageTemplateView.of(found), tag=_tag(found))

    @put("/{template_id:uuid}", operation_id="reviseMessageTemplate")
    async def revise(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        precondition: NamedDependency[Precondition],
        template_id: FromPath[TemplateId],
        data: JSONBody[ReviseMessageTemplate],
    ) -> Response[MessageTemplateView]:
        """Make a new version of what it says. A template that was retired is taken up again."""
        held = await service.get(session, template_id, lock=True)
        precondition.check(_tag(held))
        return _shown(await service.revise(session, actor, template_id, data.written(), now=now))

    @post("/{template_id:uuid}/retire", status_code=200, operation_id="retireMessageTemplate")
    async def retire(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        precondition: NamedDependency[Precondition],
        template_id: FromPath[TemplateId],
    ) -> Response[MessageTemplateView]:
        """Tell it no more: the next best words are told instead, in the end those of the product."""

        async def effect() -> Response[MessageTemplateView]:
            held = await service.get(session, template_id, lock=True)
            precondition.check(_tag(held))
            return _shown(await service.retire(session, actor, template_id, now=now))

        return await once(effect, status_code=200)

    @get("/{template_id:uuid}/versions", operation_id="listMessageTemplateVersions")
    async def list_versions(
        self,
        session: NamedDependency[TenantSession],
        paging: NamedDependency[Paging],
        template_id: FromPath[TemplateId],
    ) -> Response[Page[MessageTemplateVersionView]]:
        """List what a template has said, oldest version first."""
        found = await service.list_versions(
            session, template_id, after=paging.after(UUID), limit=paging.sought
        )
        return paging.page(
            found, position=lambda each: each[0], view=lambda each: MessageTemplateVersionView.of(*each)
        )


def _wanted(data: PreviewMessageTemplate) -> Wanted:
    if (data.subject is None) != (data.body is None):
        missing = "/subject" if data.subject is None else "/body"
        raise MessageTemplateInvalid([Fault(missing, "A template has a subject and a body.")])
    written = None
    if data.subject is not None and data.body is not None:
        written = Written(data.subject, data.body)
    return Wanted(
        place=Place(message=data.message, language=data.language),
        written=written,
        time_zone=data.time_zone,
        request_id=None if data.request_id is None else RequestId(data.request_id),
        said=data.values,
    )


def _shown(found: Template) -> Response[MessageTemplateView]:
    return Response(MessageTemplateView.of(found), headers={"ETag": _tag(found)})


def _tag(found: Template) -> str:
    return conditional.etag(found.id, found.version, int(found.retired_at is not None))
