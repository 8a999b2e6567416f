"""Use cases of wording: write templates, try them, and tell the requester."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from service import ids
from service.audit import service as audit
from service.audit.domain import Actor, Deed
from service.db import TenantSession
from service.errors import Fault
from service.ids import TemplateId
from service.limits import service as limits
from service.limits.domain.table import MESSAGE_TEMPLATES
from service.outbox import service as outbox
from service.outbox.models import EventDraft
from service.rationalization.wording import checking, saying, store
from service.rationalization.wording.domain import (
    Message,
    MessageKind,
    Told,
    Value,
    Written,
    languages,
    values,
)
from service.rationalization.wording.domain.spoken import Manner
from service.rationalization.wording.engine import Unreadable, Untold
from service.rationalization.wording.errors import MessageTemplateInvalid, MessageTemplateRetired
from service.rationalization.wording.models import USUAL, Template
from service.rationalization.wording.store import Sought
from service.tenants import contacts
from service.tenants.domain import Contact

SUBJECT_KIND = "message_template"

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a template is for: a message, by what a rule calls its words, in a language."""

    message: MessageKind
    language: str
    wording: str | None = None


async def wordings(session: TenantSession, names: Collection[str]) -> frozenset[str]:
    """Those of these wordings that some message is told in."""
    return await store.wordings(session, names)


async def tell(session: TenantSession, message: Message, *, now: datetime) -> Told:
    """What the requester is told: in its language by the rule's wording, the tenant's usual or the product's.

    It always is told something. Where the tenant's template cannot be told of what is there, the product's
    words are, marked `failed`, and the tenant is told of that.

    Raises:
        ValueError: no message speaks of one of the values.
    """
    matter = message.matter
    contact = None if matter.contact_id is None else await contacts.get(session, matter.contact_id)
    chain = languages.chain(None if contact is None else contact.language)
    given = {**of_matter(message, contact), **message.values}
    found = await store.candidates(session, message.kind, wording=message.wording, languages=chain)
    chosen = saying.chosen(found, message.wording, chain)
    if chosen is None:
        return saying.in_own_words(message.kind, given, contact, chain)
    try:
        return saying.said(chosen, given, contact)
    except (Unreadable, Untold) as error:
        await _fail(session, message, chosen, error.detail, now=now)
        return saying.in_own_words(message.kind, given, contact, chain, failed=True)


def of_matter(message: Message, contact: Contact | None) -> dict[str, Value | None]:
    """What every message may speak of."""
    matter = message.matter
    return {
        "request": matter.title or matter.external_id,
        "external_id": matter.external_id,
        "source": matter.source,
        "contact": None if contact is None else contact.name,
    }


async def create(
    session: TenantSession, actor: Actor, place: Place, written: Written, *, now: datetime
) -> Template:
    """Write a template. Raises MessageTemplateInvalid, MessageTemplateExists, MessageTemplatesTooMany."""
    _refuse([*languages.faults_of_language(place.language), *faults_of(place, written, now=now)])
    await limits.make_room(session, MESSAGE_TEMPLATES, lambda: store.count(session))
    template_id, version_id = TemplateId(ids.new_id()), ids.new_id()
    place_of = {
        "message": place.message.value,
        "wording": place.wording or USUAL,
        "language": place.language,
    }
    await store.add(session, template_id, version_id=version_id, created_at=now, **place_of)
    await _add_version(session, template_id, version_id, 1, written, now=now)
    after = {**place_of, "subject": written.subject, "body": written.body}
    deed = Deed("message_template.created", f"message_template:{template_id}", after=after)
    await audit.record(session, actor, deed, now=now)
    return await get(session, template_id)


async def revise(
    session: TenantSession, actor: Actor, template_id: TemplateId, written: Written, *, now: datetime
) -> Template:
    """Write a version that is told from now on; a template that was retired is taken up again.

    Raises:
        MessageTemplateNotFound, MessageTemplateInvalid, MessageTemplatesTooMany
    """
    row, current = await store.get(session, template_id, lock=True)
    held = row.to_domain(current)
    place = Place(message=held.message, language=held.language, wording=held.wording)
    _refuse(faults_of(place, written, now=now))
    if row.retired_at is not None:
        await limits.make_room(session, MESSAGE_TEMPLATES, lambda: store.count(session))
    row.version, row.version_id, row.retired_at = row.version + 1, ids.new_id(), None
    await _add_version(session, template_id, row.version_id, row.version, written, now=now)
    await session.db.flush()
    before = {"version": held.version, **_fields(held.written), "retired": held.retired_at is not None}
    after = {"version": row.version, **_fields(written), "retired": False}
    deed = Deed("message_template.revised", f"message_template:{template_id}", before=before, after=after)
    await audit.record(session, actor, deed, now=now)
    return await get(session, template_id)


async def retire(session: TenantSession, actor: Actor, template_id: TemplateId, *, now: datetime) -> Template:
    """Tell it no more: the next best words are told.

    Raises:
        MessageTemplateNotFound, MessageTemplateRetired
    """
    row, _ = await store.get(session, template_id, lock=True)
    if row.retired_at is not None:
        raise MessageTemplateRetired(template_id)
    row.retired_at = now
    await session.db.flush()
    sides = {"before": {"retired": False}, "after": {"retired": True}}
    deed = Deed("message_template.retired", f"message_template:{template_id}", **sides)
    await audit.record(session, actor, deed, now=now)
    return await get(session, template_id)


async def get(session: TenantSession, template_id: TemplateId, *, lock: bool = False) -> Template:
    """A template with its current version. Raises MessageTemplateNotFound."""
    row, current = await store.get(session, template_id, lock=lock)
    return row.to_domain(current)


async def list_templates(
    session: TenantSession, sought: Sought, *, after: UUID | None, limit: int
) -> list[Template]:
    """Templates, oldest first."""
    found = await store.listed(session, sought, after=after, limit=limit)
    return [row.to_domain(current) for row, current in found]


async def list_versions(
    session: TenantSession, template_id: TemplateId, *, after: UUID | None, limit: int
) -> list[tuple[UUID, Template]]:
    """What a template has said, oldest first, each with the id of the version.

    Raises:
        MessageTemplateNotFound
    """
    await store.get(session, template_id)
    found = await store.versions(session, template_id, after=after, limit=limit)
    return [(version.id, row.to_domain(version)) for row, version in found]


async def count(session: TenantSession) -> int:
    """How many templates are not retired."""
    return await store.count(session)


def faults_of(place: Place, written: Written, *, now: datetime) -> list[Fault]:
    """What is wrong with a template; it is tried with the longest values of all that it may speak of."""
    return checking.faults_of(place.message, written, Manner.named(place.language, None), now)


def preview(
    place: Place, written: Written, given: Mapping[str, Value | None], *, manner: Manner
) -> tuple[str, str]:
    """The subject and the text that a template without faults says of these values.

    Raises:
        MessageTemplateInvalid: it cannot be told of them.
    """
    bound = values.bound(place.message, given, manner)
    try:
        return saying.told(written, bound)
    except Untold as error:
        raise MessageTemplateInvalid([Fault("/values", error.detail)]) from error


async def _fail(
    session: TenantSession, message: Message, template: Template, detail: str, *, now: datetime
) -> None:
    matter = message.matter
    log.warning("message template failed", template_id=str(template.id), detail=detail)
    payload = {
        "template_id": str(template.id),
        "version": template.version,
        "message": template.message.value,
        "wording": template.wording,
        "language": template.language,
        "detail": detail,
        "request_id": str(matter.request_id),
        "source": matter.source,
        "external_id": matter.external_id,
    }
    draft = EventDraft(
        type="template.failed",
        subject_kind=SUBJECT_KIND,
        # Whoever tells by a template does not lock it, and so can count nothing in it.
        subject_id=ids.new_id(),
        sequence=1,
        occurred_at=now,
        payload=payload,
        client_id=matter.client_id,
    )
    await outbox.append(session, [draft])


async def _add_version(
    session: TenantSession,
    template_id: TemplateId,
    version_id: UUID,
    number: int,
    written: Written,
    *,
    now: datetime,
) -> None:
    await store.add_version(
        session, version_id, template_id=template_id, version=number, created_at=now, **_fields(written)
    )


def _fields(written: Written) -> dict[str, str]:
    return {"subject": written.subject, "body": written.body}


def _refuse(faults: list[Fault]) -> None:
    if faults:
        raise MessageTemplateInvalid(faults)
