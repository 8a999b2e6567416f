"""HTTP for questionnaires by which risks are assessed: parse, call one use case, render."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, Request, Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from service.api import conditional
from service.api.conditional import Precondition
from service.api.idempotency import Once
from service.api.pagination import Page, Paging
from service.audit.domain import Actor
from service.db import TenantSession
from service.ids import QuestionnaireId
from service.rationalization.risks import domain, service, wire
from service.rationalization.risks.domain import Axis
from service.rationalization.risks.models import NamedQuestionnaire, QuestionnaireVersion
from service.rationalization.risks.wire import Name

Definition = Annotated[
    dict[str, Any],
    msgspec.Meta(
        description="`questions`, `likelihood_from`, `consequence_from`, `levels`, `ranks`."
        " See docs/guides/gates.md."
    ),
]
Answers = Annotated[dict[str, str], msgspec.Meta(max_length=domain.QUESTIONS_MAX)]


class CreateQuestionnaire(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A questionnaire with its first version. Gates refer to it by its name."""

    name: Name
    definition: Definition


class ReviseQuestionnaire(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What it asks from now on. Its name may be sent along, and stays as it is."""

    definition: Definition
    name: Name | None = None


class TryQuestionnaire(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Answers, by the names of the questions. Nothing is recorded."""

    answers: Answers


class QuestionnaireView(msgspec.Struct, frozen=True, kw_only=True):
    """A questionnaire and its current version, which new assessments answer."""

    id: QuestionnaireId
    name: str
    version: int
    definition: Mapping[str, Any]
    created_at: datetime
    revised_at: datetime

    @classmethod
    def of(cls, found: NamedQuestionnaire) -> "QuestionnaireView":
        return cls(
            id=found.id,
            name=found.name,
            version=found.current.version,
            definition=wire.document(found.current.asked),
            created_at=found.created_at,
            revised_at=found.current.created_at,
        )


class QuestionnaireVersionView(msgspec.Struct, frozen=True, kw_only=True):
    """What a questionnaire asked from `created_at` on. It never changes."""

    id: UUID
    questionnaire_id: QuestionnaireId
    version: int
    definition: Mapping[str, Any]
    created_at: datetime

    @classmethod
    def of(cls, found: QuestionnaireVersion) -> "QuestionnaireVersionView":
        return cls(
            id=found.id,
            questionnaire_id=found.questionnaire_id,
            version=found.version,
            definition=wire.document(found.asked),
            created_at=found.created_at,
        )


class CellView(msgspec.Struct, frozen=True):
    """A field of the matrix: from how many points on it begins, and whether the change lies in it."""

    likelihood_from: int
    consequence_from: int
    level: str
    here: bool


class WeightView(msgspec.Struct, frozen=True):
    """How much an answer adds; `answer` is null where nobody gave one, so that the worst counts."""

    question: str
    text: str
    axis: Axis
    answer: str | None
    points: int
    most: int


class TriedView(msgspec.Struct, frozen=True, kw_only=True):
    """What answers come to: where that lies in the matrix, and which of them weigh most, heaviest first."""

    version: int
    likelihood: int
    consequence: int
    score: int
    level: str
    assumed: Sequence[str]
    matrix: list[list[CellView]]
    weights: list[WeightView]

    @classmethod
    def of(cls, version: QuestionnaireVersion, answers: Mapping[str, str]) -> "TriedView":
        found = service.assess(version, answers)
        asked, here = version.asked, domain.place(version.asked, found)
        rows, columns = (0, *asked.likelihood_from), (0, *asked.consequence_from)
        return cls(
            version=version.version,
            likelihood=found.likelihood,
            consequence=found.consequence,
            score=found.score,
            level=found.level,
            assumed=found.assumed,
            matrix=[
                [
                    CellView(likelihood, consequence, asked.levels[row][column], (row, column) == here)
                    for column, consequence in enumerate(columns)
                ]
                for row, likelihood in enumerate(rows)
            ],
            weights=[
                WeightView(each.question, each.text, each.axis, each.answer, each.points, each.most)
                for each in domain.weights(asked, answers)
            ],
        )


class QuestionnaireController(Controller):
    path = "/v1/questionnaires"
    tags = ("Questionnaires",)

    @post("/", operation_id="createQuestionnaire")
    async def create(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        data: JSONBody[CreateQuestionnaire],
    ) -> Response[QuestionnaireView]:
        """Create a questionnaire by which risks are assessed."""

        async def effect() -> Response[QuestionnaireView]:
            made = await service.create(session, actor, name=data.name, raw=data.definition, now=now)
            address = f"/v1/questionnaires/{made.id}"
            return conditional.created(QuestionnaireView.of(made), tag=_tag(made), address=address)

        return await once(effect)

    @get("/", operation_id="listQuestionnaires")
    async def list_all(
        self, session: NamedDependency[TenantSession], paging: NamedDependency[Paging]
    ) -> Response[Page[QuestionnaireView]]:
        """List the questionnaires, oldest first."""
        found = await service.list_questionnaires(session, after=paging.after(UUID), limit=paging.sought)
        return paging.page(found, position=lambda each: each.id, view=QuestionnaireView.of)

    @get("/{questionnaire_id:uuid}", operation_id="getQuestionnaire")
    async def get_one(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[TenantSession],
        questionnaire_id: FromPath[QuestionnaireId],
    ) -> Response[QuestionnaireView]:
        """Show one questionnaire as it is now."""
        found = await service.get(session, questionnaire_id)
        return conditional.respond(request, QuestionnaireView.of(found), tag=_tag(found))

    @put("/{questionnaire_id:uuid}", operation_id="reviseQuestionnaire")
    async def revise(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        precondition: NamedDependency[Precondition],
        questionnaire_id: FromPath[QuestionnaireId],
        data: JSONBody[ReviseQuestionnaire],
    ) -> Response[QuestionnaireView]:
        """Make a new version current. What was assessed before keeps the version that it answered."""
        precondition.check(_tag(await service.get(session, questionnaire_id, lock=True)))
        revised = await service.revise(
            session, actor, questionnaire_id, raw=data.definition, now=now, name=data.name
        )
        return Response(QuestionnaireView.of(revised), headers={"ETag": _tag(revised)})

    @get("/{questionnaire_id:uuid}/versions", operation_id="listQuestionnaireVersions")
    async def list_versions(
        self,
        session: NamedDependency[TenantSession],
        paging: NamedDependency[Paging],
        questionnaire_id: FromPath[QuestionnaireId],
    ) -> Response[Page[QuestionnaireVersionView]]:
        """List what the questionnaire has asked, oldest version first."""
        found = await service.list_versions(
            session, questionnaire_id, after=paging.after(UUID), limit=paging.sought
        )
        return paging.page(found, position=lambda version: version.id, view=QuestionnaireVersionView.of)

    @post("/{questionnaire_id:uuid}/trial", status_code=200, operation_id="tryQuestionnaire")
    async def try_out(
        self,
        session: NamedDependency[TenantSession],
        questionnaire_id: FromPath[QuestionnaireId],
        data: JSONBody[TryQuestionnaire],
    ) -> TriedView:
        """Score answers, and see where they lie in the matrix. Nothing is recorded."""
        found = await service.get(session, questionnaire_id)
        return TriedView.of(found.current, data.answers)


def _tag(found: NamedQuestionnaire) -> str:
    return conditional.etag(found.id, found.current.version)
