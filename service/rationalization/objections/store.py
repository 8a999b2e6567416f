"""Queries of objections. Every statement names the tenant on every table that it touches."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Table, func, select

from service import ids, queries
from service.db import TenantSession, insert_new, insert_rows, update_row
from service.ids import ClientId, DecisionId, ObjectionId, RequestId
from service.rationalization.objections.domain import DECIDED, Cause, State, SubjectKind
from service.rationalization.objections.errors import ObjectionNotFound
from service.rationalization.objections.models import (
    Objection,
    ObjectionEntryRow,
    ObjectionRow,
    ObjectionTermsRow,
    Subject,
    changing_columns,
)

OBJECTIONS = cast("Table", ObjectionRow.__table__)
ENTRIES = cast("Table", ObjectionEntryRow.__table__)
TERMS = cast("Table", ObjectionTermsRow.__table__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Which objections of the list are asked for; None leaves a filter out.

    Attributes:
        overdue: those that were not decided in time, so far or at all; or those that were, or still may be.
    """

    client_id: ClientId | None = None
    request_id: RequestId | None = None
    subject_kind: SubjectKind | None = None
    subject_id: UUID | None = None
    state: State | None = None
    cause: Cause | None = None
    overdue: bool | None = None


def _mine(session: TenantSession, client_id: ClientId | None = None) -> Select[ObjectionRow]:
    return queries.of_client(queries.mine(session, ObjectionRow), ObjectionRow.client_id, client_id)


async def get(
    session: TenantSession,
    objection_id: ObjectionId,
    *,
    client_id: ClientId | None = None,
    lock: bool = False,
) -> ObjectionRow:
    """One; with a `client_id`, only if it is that client's. Raises ObjectionNotFound."""
    query = _mine(session, client_id).where(ObjectionRow.id == objection_id)
    return await queries.one(session, query, or_else=ObjectionNotFound(objection_id), lock=lock)


async def decided_on(
    session: TenantSession, subject: Subject, decision_id: DecisionId | None
) -> ObjectionRow | None:
    """The last objection to this, as that decision left it, that was decided."""
    row = ObjectionRow
    query = (
        _mine(session)
        .where(
            row.subject_kind == subject.kind.value,
            row.subject_id == subject.id,
            row.decision_id.is_not_distinct_from(decision_id),
            row.state.in_([state.value for state in DECIDED]),
        )
        .order_by(row.since.desc())
        .limit(1)
    )
    return await session.db.scalar(query)


async def open_count(session: TenantSession, request_id: RequestId) -> int:
    """How many objections about one request nobody has decided on."""
    row = ObjectionRow
    query = select(func.count()).where(
        row.tenant_id == session.tenant_id, row.request_id == request_id, row.state == State.OPEN.value
    )
    return (await session.db.scalars(query)).one()


async def listed(
    session: TenantSession, sought: Sought, *, before: UUID | None, limit: int, now: datetime
) -> list[ObjectionRow]:
    """Objections, the youngest first."""
    query = _mine(session, sought.client_id).where(*_sought(sought, now))
    found = queries.page_back(query, ObjectionRow, before=before, limit=limit)
    return list(await session.db.scalars(found))


def is_overdue(now: datetime) -> ColumnElement[bool]:
    """As `Standing.is_overdue`."""
    is_open = ObjectionRow.state == State.OPEN.value
    return (is_open & (ObjectionRow.due_at < now)) | (~is_open & (ObjectionRow.since > ObjectionRow.due_at))


async def add(session: TenantSession, row: dict[str, Any]) -> bool:
    """Insert one, unless the same objector has one open against the same; say whether it was inserted."""
    return await insert_new(session.db, OBJECTIONS, {"tenant_id": session.tenant_id, **row})


async def add_entry(session: TenantSession, row: dict[str, Any]) -> None:
    """Insert what was said."""
    await insert_rows(session.db, ENTRIES, [{"tenant_id": session.tenant_id, "id": ids.new_id(), **row}])


async def entries(session: TenantSession, objection_id: ObjectionId) -> list[ObjectionEntryRow]:
    """What was said of one, in its order."""
    row = ObjectionEntryRow
    query = (
        select(row)
        .where(row.tenant_id == session.tenant_id, row.objection_id == objection_id)
        .order_by(row.number)
    )
    return list(await session.db.scalars(query))


async def raised_for(session: TenantSession, objection_id: ObjectionId) -> ClientId | None:
    """The client organization whose application raised it; None where none of any did."""
    raised = (await entries(session, objection_id))[0].detail
    return ClientId(UUID(raised["client_id"])) if "client_id" in raised else None


async def save(session: TenantSession, objection: Objection) -> None:
    """Write what became of one that the caller has locked."""
    await update_row(session, OBJECTIONS, objection.id, changing_columns(objection))


async def terms(session: TenantSession, *, lock: bool = False) -> ObjectionTermsRow | None:
    """What the tenant said of how soon objections are decided."""
    row = ObjectionTermsRow
    return await queries.find(session, queries.mine(session, row), lock=lock)


async def add_terms(session: TenantSession, row: dict[str, Any]) -> None:
    """Write them where there are none yet; the id of the one row follows from the tenant's."""
    key = {"tenant_id": session.tenant_id, "id": _terms_id(session)}
    await insert_new(session.db, TERMS, {**key, **row})


async def save_terms(session: TenantSession, row: dict[str, Any]) -> None:
    """Write the terms, which the caller has locked."""
    await update_row(session, TERMS, _terms_id(session), row)


def _terms_id(session: TenantSession) -> UUID:
    return ids.derived_id(session.tenant_id, "objection terms")


def _sought(sought: Sought, now: datetime) -> list[ColumnElement[bool]]:
    row = ObjectionRow
    found = queries.equal(
        {
            row.request_id: sought.request_id,
            row.subject_kind: sought.subject_kind,
            row.subject_id: sought.subject_id,
            row.state: sought.state,
            row.cause: sought.cause,
        }
    )
    if sought.overdue is not None:
        found.append(is_overdue(now) if sought.overdue else ~is_overdue(now))
    return found
