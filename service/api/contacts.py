"""HTTP for contacts: parse, call one use case, render."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, Request, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from service.api import conditional
from service.api.conditional import Precondition
from service.api.fields import Name, Text
from service.api.idempotency import Once
from service.api.pagination import Page, Paging
from service.api.security import Principal
from service.audit.domain import Actor
from service.calendars.domain import zones
from service.db import TenantSession
from service.ids import ClientId, ContactId
from service.tenants import contacts
from service.tenants.domain import Contact
from service.tenants.profiles import ContactEntry

Email = Annotated[str, msgspec.Meta(max_length=320)]
Short = Annotated[str, msgspec.Meta(max_length=64)]


class ChangeContact(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A person who is named on requests. `external_id` is what the client's own register calls it."""

    name: Name
    external_id: Text | None = None
    email: Email | None = None
    phone: Short | None = None
    language: Annotated[Short | None, msgspec.Meta(description="A language tag: de, de-AT.")] = None
    time_zone: Annotated[Short | None, msgspec.Meta(description="A name such as Europe/Berlin.")] = None

    def entry(self) -> ContactEntry:
        return ContactEntry(
            name=self.name,
            external_id=self.external_id,
            email=self.email,
            phone=self.phone,
            language=self.language,
            time_zone=self.time_zone,
        )


class CreateContact(ChangeContact, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A person of a client organization, or, without `client_id`, of the tenant itself.

    An application of a client organization registers people of that one, whatever `client_id` says.
    """

    client_id: ClientId | None = None


class ContactView(msgspec.Struct, frozen=True):
    id: ContactId
    client_id: ClientId | None
    external_id: str | None
    name: str
    email: str | None
    phone: str | None
    language: str | None
    time_zone: str | None
    version: int
    created_at: datetime

    @classmethod
    def of(cls, contact: Contact) -> "ContactView":
        return cls(
            id=contact.id,
            client_id=contact.client_id,
            external_id=contact.external_id,
            name=contact.name,
            email=contact.email,
            phone=contact.phone,
            language=contact.language,
            time_zone=contact.time_zone,
            version=contact.version,
            created_at=contact.created_at,
        )


class ContactController(Controller):
    path = "/v1/contacts"
    tags = ("Contacts",)

    @post("/", operation_id="createContact")
    async def create(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        once: NamedDependency[Once],
        data: JSONBody[CreateContact],
    ) -> Response[ContactView]:
        """Register a contact."""

        async def effect() -> Response[ContactView]:
            contact = await contacts.create(
                session,
                actor,
                data.entry(),
                client_id=principal.client_id or data.client_id,
                zones=zones.names(),
                now=now,
            )
            view, address = ContactView.of(contact), f"/v1/contacts/{contact.id}"
            return conditional.created(view, tag=_tag(contact), address=address)

        return await once(effect)

    @get("/", operation_id="listContacts")
    async def list_all(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        paging: NamedDependency[Paging],
        client_id: Annotated[UUID | None, QueryParameter(description="Only people of this client.")] = None,
    ) -> Response[Page[ContactView]]:
        """List contacts, oldest first. A client's application sees the people of its own client."""
        sought = principal.client_id or (None if client_id is None else ClientId(client_id))
        found = await contacts.list_contacts(
            session, client_id=sought, after=paging.after(UUID), limit=paging.sought
        )
        return paging.page(found, position=lambda contact: contact.id, view=ContactView.of)

    @get("/{contact_id:uuid}", operation_id="getContact")
    async def get_one(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[TenantSession],
        contact_id: FromPath[ContactId],
    ) -> Response[ContactView]:
        """Show one contact."""
        contact = await contacts.get(session, contact_id)
        return conditional.respond(request, ContactView.of(contact), tag=_tag(contact))

    @put("/{contact_id:uuid}", operation_id="changeContact")
    async def change(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        precondition: NamedDependency[Precondition],
        contact_id: FromPath[ContactId],
        data: JSONBody[ChangeContact],
    ) -> Response[ContactView]:
        """Replace what is registered of a contact. It stays a person of its client."""
        precondition.check(_tag(await contacts.get(session, contact_id, lock=True)))
        changed = await contacts.change(
            session, actor, contact_id, data.entry(), zones=zones.names(), now=now
        )
        return Response(ContactView.of(changed), headers={"ETag": _tag(changed)})

    @delete("/{contact_id:uuid}", operation_id="deleteContact", status_code=204)
    async def remove(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        precondition: NamedDependency[Precondition],
        contact_id: FromPath[ContactId],
    ) -> None:
        """Remove a contact that no request names."""
        precondition.check(_tag(await contacts.get(session, contact_id, lock=True)))
        await contacts.remove(session, actor, contact_id, now=now)


def _tag(contact: Contact) -> str:
    return conditional.etag(contact.id, contact.version)
