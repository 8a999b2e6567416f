"""Queries of message templates and of links. Every statement names the tenant."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from service.db import TenantSession
from service.ids import ArrangementId, TemplateId
from service.rationalization.wording.domain import MessageKind
from service.rationalization.wording.errors import MessageTemplateExists, MessageTemplateNotFound
from service.rationalization.wording.models import (
    USUAL,
    ArrangementLinkRow,
    MessageTemplateRow,
    MessageTemplateVersionRow,
)

Stored = tuple[MessageTemplateRow, MessageTemplateVersionRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Which templates are wanted; None means any."""

    message: MessageKind | None = None
    wording: str | None = None
    language: str | None = None
    retired: bool | None = None


def _mine(session: TenantSession) -> Select[MessageTemplateRow, MessageTemplateVersionRow]:
    """Templates, each with its current version."""
    row, version = MessageTemplateRow, MessageTemplateVersionRow
    current = and_(version.tenant_id == row.tenant_id, version.id == row.version_id)
    return (
        select(row, version)
        .join(version, current)
        .where(row.tenant_id == session.tenant_id, version.tenant_id == session.tenant_id)
    )


async def get(session: TenantSession, template_id: TemplateId, *, lock: bool = False) -> Stored:
    """A template and its current version. Raises MessageTemplateNotFound.

    The lock is taken by a statement of its own: one that waits for a lock and joins at once would join what
    it waited for with the version before it, and find nothing.
    """
    row = MessageTemplateRow
    if lock:
        mine = row.tenant_id == session.tenant_id, row.id == template_id
        await session.db.execute(select(row.id).where(*mine).with_for_update())
    for template, current in await session.db.execute(_mine(session).where(row.id == template_id)):
        return template, current
    raise MessageTemplateNotFound(template_id)


async def listed(session: TenantSession, sought: Sought, *, after: UUID | None, limit: int) -> list[Stored]:
    """Templates in the order of their making."""
    row = MessageTemplateRow
    query = _mine(session).order_by(row.id).limit(limit)
    if after is not None:
        query = query.where(row.id > after)
    if sought.message is not None:
        query = query.where(row.message == sought.message.value)
    if sought.wording is not None:
        query = query.where(row.wording == sought.wording)
    if sought.language is not None:
        query = query.where(row.language == sought.language)
    if sought.retired is not None:
        query = query.where(row.retired_at.is_not(None) if sought.retired else row.retired_at.is_(None))
    return [(template, current) for template, current in await session.db.execute(query)]


async def versions(
    session: TenantSession, template_id: TemplateId, *, after: UUID | None, limit: int
) -> list[Stored]:
    """Versions of a template in the order of their making, each with its template."""
    row, version = MessageTemplateRow, MessageTemplateVersionRow
    its = and_(row.tenant_id == version.tenant_id, row.id == version.template_id)
    query = (
        select(row, version)
        .join(version, its)
        .where(row.tenant_id == session.tenant_id, version.tenant_id == session.tenant_id)
        .where(version.template_id == template_id)
    )
    if after is not None:
        query = query.where(version.id > after)
    found = await session.db.execute(query.order_by(version.id).limit(limit))
    return [(template, each) for template, each in found]


async def candidates(
    session: TenantSession, message: MessageKind, *, wording: str | None, languages: Collection[str]
) -> list[Stored]:
    """What could be told of this message, in one of these languages: by this wording, or the usual."""
    row = MessageTemplateRow
    wordings = [USUAL] if wording is None else [wording, USUAL]
    query = _mine(session).where(
        row.message == message.value,
        row.wording.in_(wordings),
        row.language.in_(languages),
        row.retired_at.is_(None),
    )
    return [(template, current) for template, current in await session.db.execute(query)]


async def wordings(session: TenantSession, names: Collection[str]) -> frozenset[str]:
    """Those of these wordings that some message is told in."""
    row = MessageTemplateRow
    query = select(row.wording).where(
        row.tenant_id == session.tenant_id, row.wording.in_(names), row.retired_at.is_(None)
    )
    return frozenset(await session.db.scalars(query))


async def count(session: TenantSession) -> int:
    """How many templates are not retired."""
    row = MessageTemplateRow
    mine = row.tenant_id == session.tenant_id, row.retired_at.is_(None)
    return (await session.db.execute(select(func.count()).where(*mine))).scalar_one()


async def add(session: TenantSession, template_id: TemplateId, **values: Any) -> MessageTemplateRow:
    """Insert a template that points at its first version. Raises MessageTemplateExists."""
    added = await session.db.scalar(
        upsert(MessageTemplateRow)
        .values(tenant_id=session.tenant_id, id=template_id, version=1, **values)
        .on_conflict_do_nothing()
        .returning(MessageTemplateRow)
    )
    if added is None:
        raise MessageTemplateExists(values["message"], values["language"])
    return added


async def add_version(session: TenantSession, version_id: UUID, **values: Any) -> None:
    await session.db.execute(
        insert(MessageTemplateVersionRow).values(tenant_id=session.tenant_id, id=version_id, **values)
    )


async def add_link(session: TenantSession, link_id: UUID, **values: Any) -> None:
    await session.db.execute(
        insert(ArrangementLinkRow).values(tenant_id=session.tenant_id, id=link_id, **values)
    )


async def links(
    session: TenantSession, arrangement_id: ArrangementId, *, now: datetime
) -> list[ArrangementLinkRow]:
    """The links to an arrangement that have not expired."""
    row = ArrangementLinkRow
    query = select(row).where(
        row.tenant_id == session.tenant_id, row.arrangement_id == arrangement_id, row.expires_at > now
    )
    return list(await session.db.scalars(query))
