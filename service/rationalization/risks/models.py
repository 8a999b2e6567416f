"""Tables of questionnaires, and what a questionnaire is to those who read it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped

from service.db import TenantRow
from service.ids import QuestionnaireId
from service.rationalization.risks.domain import Questionnaire


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionnaireVersion:
    """What a questionnaire asked from `created_at` on. It never changes."""

    id: UUID
    questionnaire_id: QuestionnaireId
    name: str
    version: int
    asked: Questionnaire
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedQuestionnaire:
    """A questionnaire, with the version that new assessments answer."""

    id: QuestionnaireId
    name: str
    created_at: datetime
    current: QuestionnaireVersion


class QuestionnaireRow(TenantRow):
    """A questionnaire's name and its current version. Older ones stay in `questionnaire_version`."""

    __tablename__ = "questionnaire"
    __table_args__ = (UniqueConstraint("tenant_id", "name"),)

    name: Mapped[str]
    version: Mapped[int]
    version_id: Mapped[UUID]
    created_at: Mapped[datetime]


class QuestionnaireVersionRow(TenantRow):
    """Append-only: the login role may insert and read, nothing else."""

    __tablename__ = "questionnaire_version"
    __table_args__ = (
        UniqueConstraint("tenant_id", "questionnaire_id", "version"),
        ForeignKeyConstraint(
            ["tenant_id", "questionnaire_id"], ["questionnaire.tenant_id", "questionnaire.id"]
        ),
    )

    questionnaire_id: Mapped[UUID]
    version: Mapped[int]
    definition: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
