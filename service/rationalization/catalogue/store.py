"""Queries of the catalogue. Every statement names the tenant."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Select, and_, func, insert, select, tuple_
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.dialects.postgresql import insert as upsert

from service import ids
from service.db import Row, TenantSession, run
from service.ids import ClientId, RequestId, RequestTypeId, RequestTypeVersionId, ServiceId
from service.rationalization.catalogue.documents import TypeForm
from service.rationalization.catalogue.domain import Mark, Offered
from service.rationalization.catalogue.errors import RequestTypeNameTaken, RequestTypeNotFound
from service.rationalization.catalogue.models import (
    ChecklistRecordRow,
    RequestTypeRow,
    RequestTypeStepRow,
    RequestTypeVersionRow,
)
from service.rules.lifecycle import Step, Taken
from service.rules.vocabulary import RequestType

_LOOKED_UP = """
select version.id, type.id as type_id, type.name, type.family, version.document::text as document,
       version.service_id
from request_type as type
join request_type_version as version
  on version.tenant_id = type.tenant_id and version.request_type_id = type.id
"""
_OFFERED = (
    _LOOKED_UP
    + """
 and version.version = type.published_version
where type.tenant_id = $1 and version.tenant_id = $1 and type.name = $2
"""
)
_OF_TENANT = _LOOKED_UP + "where type.tenant_id = $1 and version.tenant_id = $1"
_OF_VERSION = _OF_TENANT + " and version.id = $2"
_OF_VERSIONS = _OF_TENANT + " and version.id = any($2)"
_OF_NUMBER = _OF_TENANT + " and type.id = $2 and version.version = $3"
_OFFERED_AS = _OF_TENANT + " and version.version = type.published_version and type.name = any($2)"


def _mine(session: TenantSession) -> Select[RequestTypeRow]:
    return select(RequestTypeRow).where(RequestTypeRow.tenant_id == session.tenant_id)


async def offered(session: TenantSession, name: str) -> Offered | None:
    """The version in effect of the type of this name. One statement, which every submission sends."""
    found = (await run(session.db, _OFFERED, session.tenant_id, name)).first()
    return None if found is None else _offered(found)


async def of_version(session: TenantSession, version_id: RequestTypeVersionId) -> Offered:
    return _offered((await run(session.db, _OF_VERSION, session.tenant_id, version_id)).one())


async def of_versions(session: TenantSession, version_ids: Collection[UUID]) -> list[Offered]:
    """These versions, whether they are in effect or not."""
    if not version_ids:
        return []
    return list(map(_offered, await run(session.db, _OF_VERSIONS, session.tenant_id, list(version_ids))))


async def of_number(session: TenantSession, type_id: UUID, number: int) -> Offered:
    """A version by its number, published or not. Raises RequestTypeNotFound."""
    found = (await run(session.db, _OF_NUMBER, session.tenant_id, type_id, number)).first()
    if found is None:
        raise RequestTypeNotFound(type_id, number)
    return _offered(found)


async def offered_as(session: TenantSession, names: Collection[str]) -> list[Offered]:
    """The versions in effect of the types of these names."""
    return list(map(_offered, await run(session.db, _OFFERED_AS, session.tenant_id, list(names))))


async def family_of(session: TenantSession, name: str) -> RequestType | None:
    """The family of the type of this name, if there is one, offered or not."""
    query = _mine(session).where(RequestTypeRow.name == name)
    found = await session.db.scalar(query.with_only_columns(RequestTypeRow.family))
    return None if found is None else RequestType(found)


async def offered_names(session: TenantSession) -> list[str]:
    """The names of the types that are offered."""
    query = _mine(session).where(RequestTypeRow.published_version.is_not(None))
    return sorted(await session.db.scalars(query.with_only_columns(RequestTypeRow.name)))


async def get(session: TenantSession, type_id: RequestTypeId, *, lock: bool = False) -> RequestTypeRow:
    query = _mine(session).where(RequestTypeRow.id == type_id)
    row = await session.db.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise RequestTypeNotFound(type_id)
    return row


async def listed(
    session: TenantSession, *, after: UUID | None, limit: int, offered_only: bool = False
) -> list[RequestTypeRow]:
    """Types in the order of their making."""
    query = _mine(session).order_by(RequestTypeRow.id).limit(limit)
    if after is not None:
        query = query.where(RequestTypeRow.id > after)
    if offered_only:
        query = query.where(RequestTypeRow.published_version.is_not(None))
    return list(await session.db.scalars(query))


async def count(session: TenantSession) -> int:
    query = select(func.count()).select_from(RequestTypeRow)
    return (await session.db.execute(query.where(RequestTypeRow.tenant_id == session.tenant_id))).scalar_one()


async def add(
    session: TenantSession, type_id: RequestTypeId, *, name: str, family: RequestType, now: datetime
) -> RequestTypeRow:
    """Insert a type whose first version is to follow. Raises RequestTypeNameTaken."""
    added = await session.db.scalar(
        upsert(RequestTypeRow)
        .values(
            tenant_id=session.tenant_id,
            id=type_id,
            name=name,
            family=family.value,
            version=1,
            revision=0,
            created_at=now,
        )
        .on_conflict_do_nothing()
        .returning(RequestTypeRow)
    )
    if added is None:
        raise RequestTypeNameTaken(name)
    return added


async def add_version(
    session: TenantSession,
    row: RequestTypeRow,
    *,
    document: dict[str, Any],
    service_id: ServiceId | None,
    author: str,
    now: datetime,
) -> None:
    """Insert the version that `row` says is the newest."""
    await session.db.execute(
        insert(RequestTypeVersionRow).values(
            tenant_id=session.tenant_id,
            id=ids.new_id(),
            request_type_id=row.id,
            version=row.version,
            document=document,
            service_id=service_id,
            author=author,
            created_at=now,
        )
    )


async def version(session: TenantSession, type_id: RequestTypeId, number: int) -> RequestTypeVersionRow:
    row = RequestTypeVersionRow
    found = await session.db.scalar(
        select(row).where(
            row.tenant_id == session.tenant_id, row.request_type_id == type_id, row.version == number
        )
    )
    if found is None:
        raise RequestTypeNotFound(type_id, number)
    return found


async def said(session: TenantSession, rows: Sequence[RequestTypeRow]) -> list[RequestTypeVersionRow]:
    """What each of these types says: the version in effect, or else the newest."""
    if not rows:
        return []
    row, its = RequestTypeRow, RequestTypeVersionRow
    query = (
        select(its)
        .join(row, and_(its.tenant_id == row.tenant_id, its.request_type_id == row.id))
        .where(
            row.tenant_id == session.tenant_id,
            its.tenant_id == session.tenant_id,
            row.id.in_([each.id for each in rows]),
            its.version == func.coalesce(row.published_version, row.version),
        )
    )
    return list(await session.db.scalars(query))


async def versions(
    session: TenantSession, type_id: RequestTypeId, *, before: int | None, limit: int
) -> list[RequestTypeVersionRow]:
    """Versions of a type, the newest first."""
    row = RequestTypeVersionRow
    query = select(row).where(row.tenant_id == session.tenant_id, row.request_type_id == type_id)
    if before is not None:
        query = query.where(row.version < before)
    return list(await session.db.scalars(query.order_by(row.version.desc()).limit(limit)))


async def steps(
    session: TenantSession, type_id: RequestTypeId, numbers: Sequence[int]
) -> dict[int, list[RequestTypeStepRow]]:
    """What happened to these versions of a type, by version, in its order."""
    row = RequestTypeStepRow
    found = await session.db.scalars(
        select(row)
        .where(row.tenant_id == session.tenant_id, row.request_type_id == type_id, row.version.in_(numbers))
        .order_by(row.number)
    )
    by_version: dict[int, list[RequestTypeStepRow]] = {number: [] for number in numbers}
    for step in found:
        by_version[step.version].append(step)
    return by_version


async def newest_steps(session: TenantSession, rows: Sequence[RequestTypeRow]) -> dict[UUID, Step]:
    """The last step of the newest version of each type."""
    step = RequestTypeStepRow
    newest = [(row.id, row.version) for row in rows]
    query = (
        select(step.request_type_id, step.step)
        .where(step.tenant_id == session.tenant_id, tuple_(step.request_type_id, step.version).in_(newest))
        .order_by(step.number)
    )
    found = await session.db.execute(query)
    return {type_id: Step(last) for type_id, last in found}


async def add_step(
    session: TenantSession, type_id: UUID, taken: Taken, *, evidence: dict[str, Any] | None
) -> None:
    await session.db.execute(
        insert(RequestTypeStepRow).values(
            tenant_id=session.tenant_id,
            id=ids.new_id(),
            request_type_id=type_id,
            version=taken.version,
            number=taken.number,
            step=taken.step.value,
            at=taken.at,
            by=taken.by,
            note=taken.note,
            basis=None if taken.basis is None else taken.basis.value,
            evidence=evidence,
        )
    )


async def marks(session: TenantSession, request_id: RequestId) -> list[Mark]:
    """What was noted last of each item of a request's checklist."""
    row = ChecklistRecordRow
    query = (
        select(row)
        .ext(distinct_on(row.item))
        .where(row.tenant_id == session.tenant_id, row.request_id == request_id)
        .order_by(row.item, row.recorded_at.desc(), row.id.desc())
    )
    return [each.to_domain() for each in await session.db.scalars(query)]


async def mark_count(session: TenantSession, request_id: RequestId, item: str) -> int:
    """How often something was noted of one item."""
    row = ChecklistRecordRow
    query = select(func.count()).where(
        row.tenant_id == session.tenant_id, row.request_id == request_id, row.item == item
    )
    return (await session.db.execute(query)).scalar_one()


async def add_mark(
    session: TenantSession, request_id: RequestId, mark: Mark, *, client_id: ClientId | None
) -> UUID:
    mark_id = ids.new_id()
    await session.db.execute(
        insert(ChecklistRecordRow).values(
            tenant_id=session.tenant_id,
            id=mark_id,
            request_id=request_id,
            client_id=client_id,
            item=mark.item,
            outcome=mark.outcome.value,
            reason=mark.reason,
            evidence=mark.evidence,
            by=mark.by,
            recorded_at=mark.recorded_at,
        )
    )
    return mark_id


def _offered(found: Row) -> Offered:
    form = msgspec.json.decode(found.document, type=TypeForm)
    return Offered(
        version_id=RequestTypeVersionId(found.id),
        type_id=RequestTypeId(found.type_id),
        name=found.name,
        family=RequestType(found.family),
        fields=form.fields,
        intake=form.intake,
        service_id=None if found.service_id is None else ServiceId(found.service_id),
        standard=form.standard,
        requires=tuple(form.requires),
        steps=form.work,
    )
