"""Use cases of questionnaires: load, decide, save. A version of a questionnaire never changes."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from service import ids
from service.audit import service as audit
from service.audit.domain import Actor, Deed
from service.db import TenantSession
from service.errors import Fault
from service.ids import QuestionnaireId
from service.limits import service as limits
from service.limits.domain.table import QUESTIONNAIRES
from service.rationalization.risks import domain, store, wire
from service.rationalization.risks.domain import Assessment, Questionnaire
from service.rationalization.risks.errors import AnswersInvalid, QuestionnaireInvalid, QuestionnaireNotFound
from service.rationalization.risks.models import (
    NamedQuestionnaire,
    QuestionnaireRow,
    QuestionnaireVersion,
    QuestionnaireVersionRow,
)

IN_BODY = "/definition"
"""Where what a questionnaire asks is in a body."""


async def create(
    session: TenantSession, actor: Actor, *, name: str, raw: Mapping[str, Any], now: datetime
) -> NamedQuestionnaire:
    """Create a questionnaire with its first version.

    Raises:
        QuestionnaireInvalid, QuestionnaireNameTaken, QuestionnairesTooMany
    """
    asked = _read(raw)
    await limits.make_room(session, QUESTIONNAIRES, lambda: store.count(session))
    questionnaire_id, version_id = QuestionnaireId(ids.new_id()), ids.new_id()
    row = await store.add(session, questionnaire_id, name=name, version_id=version_id, now=now)
    written = await _add_version(session, row, asked, now=now)
    after = {"name": name, "definition": written}
    deed = Deed("questionnaire.created", _label(questionnaire_id), after=after)
    await audit.record(session, actor, deed, now=now)
    return await get(session, questionnaire_id)


async def revise(
    session: TenantSession,
    actor: Actor,
    questionnaire_id: QuestionnaireId,
    *,
    raw: Mapping[str, Any],
    now: datetime,
    name: str | None = None,
) -> NamedQuestionnaire:
    """Add a version, which new assessments answer; those made before keep theirs.

    Args:
        session: of the tenant.
        actor: who revises.
        questionnaire_id: which one.
        raw: what it asks from now on.
        now: the tenant's now.
        name: its name, for a caller who sends back all there is; it cannot be changed.

    Raises:
        QuestionnaireNotFound, QuestionnaireInvalid
    """
    row, held = await store.get(session, questionnaire_id, lock=True)
    if name not in {None, row.name}:
        raise QuestionnaireInvalid(
            [Fault("/name", f"A questionnaire keeps its name, {row.name!r}: policies refer to it.")]
        )
    asked = _read(raw)
    before = {"version": row.version, "definition": held.definition}
    row.version, row.version_id = row.version + 1, ids.new_id()
    written = await _add_version(session, row, asked, now=now)
    await session.db.flush()
    after = {"version": row.version, "definition": written}
    deed = Deed("questionnaire.revised", _label(questionnaire_id), before=before, after=after)
    await audit.record(session, actor, deed, now=now)
    return await get(session, questionnaire_id)


async def get(
    session: TenantSession, questionnaire_id: QuestionnaireId, *, lock: bool = False
) -> NamedQuestionnaire:
    """A questionnaire with its current version. Raises QuestionnaireNotFound."""
    return _questionnaire(*await store.get(session, questionnaire_id, lock=lock))


async def named(session: TenantSession, name: str) -> QuestionnaireVersion | None:
    """What the questionnaire of this name asks now, if there is one."""
    found = await store.named(session, name)
    return None if found is None else _version(*found)


async def known(session: TenantSession, names: Collection[str]) -> frozenset[str]:
    """Those of these names that questionnaires have."""
    return await store.known(session, names) if names else frozenset()


async def ranks(session: TenantSession, names: Collection[str]) -> dict[str, tuple[str, ...]]:
    """What the questionnaires of these names call a risk now, from the least; of those that there are."""
    return {
        row.name: _version(row, current).asked.ranks for row, current in await store.these(session, names)
    }


async def list_questionnaires(
    session: TenantSession, *, after: UUID | None, limit: int
) -> list[NamedQuestionnaire]:
    return [_questionnaire(*stored) for stored in await store.listed(session, after=after, limit=limit)]


async def list_versions(
    session: TenantSession, questionnaire_id: QuestionnaireId, *, after: UUID | None, limit: int
) -> list[QuestionnaireVersion]:
    """The versions of a questionnaire, oldest first. Raises QuestionnaireNotFound."""
    found = await store.versions(session, questionnaire_id, after=after, limit=limit)
    if not found and after is None:
        raise QuestionnaireNotFound(questionnaire_id)
    return [_version(*stored) for stored in found]


async def count(session: TenantSession) -> int:
    """How many questionnaires there are."""
    return await store.count(session)


def assess(version: QuestionnaireVersion, answers: Mapping[str, str]) -> Assessment:
    """What answers come to. Raises AnswersInvalid."""
    faults = domain.faults_of_answers(version.asked, answers)
    if faults:
        raise AnswersInvalid(faults)
    return domain.assess(version.asked, answers)


def _read(raw: Mapping[str, Any]) -> Questionnaire:
    asked, faults = wire.read(raw)
    if asked is None or faults:
        raise QuestionnaireInvalid([replace(fault, pointer=f"{IN_BODY}{fault.pointer}") for fault in faults])
    return asked


async def _add_version(
    session: TenantSession, row: QuestionnaireRow, asked: Questionnaire, *, now: datetime
) -> dict[str, Any]:
    """Add the version that `row` points at; as it is written."""
    written = wire.document(asked)
    await store.add_version(
        session,
        row.version_id,
        questionnaire_id=row.id,
        version=row.version,
        definition=written,
        created_at=now,
    )
    return written


def _label(questionnaire_id: QuestionnaireId) -> str:
    return f"questionnaire:{questionnaire_id}"


def _questionnaire(row: QuestionnaireRow, current: QuestionnaireVersionRow) -> NamedQuestionnaire:
    return NamedQuestionnaire(
        id=QuestionnaireId(row.id),
        name=row.name,
        created_at=row.created_at,
        current=_version(row, current),
    )


def _version(row: QuestionnaireRow, version: QuestionnaireVersionRow) -> QuestionnaireVersion:
    return QuestionnaireVersion(
        id=version.id,
        questionnaire_id=QuestionnaireId(row.id),
        name=row.name,
        version=version.version,
        asked=wire.from_document(version.definition),
        created_at=version.created_at,
    )
