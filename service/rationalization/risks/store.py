"""Queries of questionnaires. Every statement names the tenant."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from service.db import TenantSession
from service.ids import QuestionnaireId
from service.rationalization.risks.errors import QuestionnaireNameTaken, QuestionnaireNotFound
from service.rationalization.risks.models import QuestionnaireRow, QuestionnaireVersionRow

Stored = tuple[QuestionnaireRow, QuestionnaireVersionRow]


def _mine(session: TenantSession) -> Select[QuestionnaireRow, QuestionnaireVersionRow]:
    """Questionnaires, each with its current version."""
    row, version = QuestionnaireRow, QuestionnaireVersionRow
    current = and_(version.tenant_id == row.tenant_id, version.id == row.version_id)
    return (
        select(row, version)
        .join(version, current)
        .where(row.tenant_id == session.tenant_id, version.tenant_id == session.tenant_id)
    )


async def get(session: TenantSession, questionnaire_id: QuestionnaireId, *, lock: bool = False) -> Stored:
    """A questionnaire and its current version. Raises QuestionnaireNotFound.

    The lock is taken by a statement of its own: one that waits for a lock and joins at once would join what
    it waited for with the version before it, and find nothing.
    """
    if lock:
        mine = QuestionnaireRow.tenant_id == session.tenant_id, QuestionnaireRow.id == questionnaire_id
        await session.db.execute(select(QuestionnaireRow.id).where(*mine).with_for_update())
    query = _mine(session).where(QuestionnaireRow.id == questionnaire_id)
    for row, current in await session.db.execute(query):
        return row, current
    raise QuestionnaireNotFound(questionnaire_id)


async def named(session: TenantSession, name: str) -> Stored | None:
    """The questionnaire of this name, if there is one."""
    for row, current in await session.db.execute(_mine(session).where(QuestionnaireRow.name == name)):
        return row, current
    return None


async def these(session: TenantSession, names: Collection[str]) -> list[Stored]:
    """The questionnaires of these names."""
    found = await session.db.execute(_mine(session).where(QuestionnaireRow.name.in_(names)))
    return [(row, current) for row, current in found]


async def known(session: TenantSession, names: Collection[str]) -> frozenset[str]:
    """Those of these names that questionnaires have."""
    row = QuestionnaireRow
    query = select(row.name).where(row.tenant_id == session.tenant_id, row.name.in_(names))
    return frozenset(await session.db.scalars(query))


async def listed(session: TenantSession, *, after: UUID | None, limit: int) -> list[Stored]:
    """Questionnaires in the order of their making."""
    query = _mine(session).order_by(QuestionnaireRow.id).limit(limit)
    if after is not None:
        query = query.where(QuestionnaireRow.id > after)
    return [(row, current) for row, current in await session.db.execute(query)]


async def versions(
    session: TenantSession, questionnaire_id: QuestionnaireId, *, after: UUID | None, limit: int
) -> list[Stored]:
    """Versions of a questionnaire in the order of their making."""
    row, version = QuestionnaireRow, QuestionnaireVersionRow
    its = and_(row.tenant_id == version.tenant_id, row.id == version.questionnaire_id)
    query = (
        select(row, version)
        .join(version, its)
        .where(
            row.tenant_id == session.tenant_id,
            version.tenant_id == session.tenant_id,
            version.questionnaire_id == questionnaire_id,
        )
        .order_by(version.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(version.id > after)
    return [(found, its_version) for found, its_version in await session.db.execute(query)]


async def count(session: TenantSession) -> int:
    """How many questionnaires there are."""
    mine = QuestionnaireRow.tenant_id == session.tenant_id
    return (await session.db.execute(select(func.count()).where(mine))).scalar_one()


async def add(
    session: TenantSession, questionnaire_id: QuestionnaireId, *, name: str, version_id: UUID, now: datetime
) -> QuestionnaireRow:
    """Insert a questionnaire that points at its first version. Raises QuestionnaireNameTaken."""
    added = await session.db.scalar(
        upsert(QuestionnaireRow)
        .values(
            tenant_id=session.tenant_id,
            id=questionnaire_id,
            name=name,
            version=1,
            version_id=version_id,
            created_at=now,
        )
        .on_conflict_do_nothing()
        .returning(QuestionnaireRow)
    )
    if added is None:
        raise QuestionnaireNameTaken(name)
    return added


async def add_version(session: TenantSession, version_id: UUID, **values: Any) -> None:
    await session.db.execute(
        insert(QuestionnaireVersionRow).values(tenant_id=session.tenant_id, id=version_id, **values)
    )
