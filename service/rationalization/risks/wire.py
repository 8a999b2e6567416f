"""How a questionnaire is written in JSON."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from service import forms
from service.errors import Fault
from service.rationalization.risks import domain
from service.rationalization.risks.domain import (
    BANDS_MAX,
    OPTIONS_MAX,
    POINTS_MAX,
    QUESTIONS_MAX,
    Axis,
    Question,
    Questionnaire,
)

Name = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_]{0,63}$")]
Words = Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=r"\S")]
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=r"\S")]
Points = Annotated[int, msgspec.Meta(ge=0, le=POINTS_MAX)]
Bound = Annotated[int, msgspec.Meta(ge=0, le=POINTS_MAX * QUESTIONS_MAX)]
Bounds = Annotated[list[Bound], msgspec.Meta(max_length=BANDS_MAX - 1)]
Levels = Annotated[list[Label], msgspec.Meta(min_length=1, max_length=BANDS_MAX)]


class QuestionForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One question, with the points that each of its answers scores.

    What is not `required`, and is not answered, counts as the worst answer.
    """

    name: Name
    text: Words
    axis: Axis
    options: Annotated[dict[Label, Points], msgspec.Meta(min_length=2, max_length=OPTIONS_MAX)]
    required: bool = True


class QuestionnaireForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Questions, and the matrix that the sums of their points are placed in.

    `likelihood_from` and `consequence_from` are the points at which each band after the first begins.
    `levels` has a row for each band of likelihood, with a name for each band of consequence; `ranks` are
    those names from the least risk to the gravest.
    """

    questions: Annotated[list[QuestionForm], msgspec.Meta(min_length=1, max_length=QUESTIONS_MAX)]
    likelihood_from: Bounds
    consequence_from: Bounds
    levels: Annotated[list[Levels], msgspec.Meta(min_length=1, max_length=BANDS_MAX)]
    ranks: Annotated[list[Label], msgspec.Meta(min_length=1, max_length=BANDS_MAX * BANDS_MAX)]


def read(raw: Mapping[str, Any]) -> tuple[Questionnaire | None, list[Fault]]:
    """The questionnaire that is written so, and what is wrong with it; None where it cannot be read."""
    try:
        form = msgspec.convert(raw, QuestionnaireForm)
    except msgspec.ValidationError as error:
        return None, [forms.fault_of(error)]
    asked = of_form(form)
    return asked, domain.faults_of(asked)


def of_form(form: QuestionnaireForm) -> Questionnaire:
    return Questionnaire(
        questions=tuple(
            Question(
                name=question.name,
                text=question.text,
                axis=question.axis,
                options=question.options,
                required=question.required,
            )
            for question in form.questions
        ),
        likelihood_from=tuple(form.likelihood_from),
        consequence_from=tuple(form.consequence_from),
        levels=tuple(tuple(row) for row in form.levels),
        ranks=tuple(form.ranks),
    )


def from_document(document: Mapping[str, Any]) -> Questionnaire:
    """What was written before."""
    return of_form(msgspec.convert(document, QuestionnaireForm))


def document(asked: Questionnaire) -> dict[str, Any]:
    """The questionnaire as it is written."""
    return {
        "questions": [
            {
                "name": question.name,
                "text": question.text,
                "axis": question.axis.value,
                "options": dict(question.options),
                "required": question.required,
            }
            for question in asked.questions
        ],
        "likelihood_from": list(asked.likelihood_from),
        "consequence_from": list(asked.consequence_from),
        "levels": [list(row) for row in asked.levels],
        "ranks": list(asked.ranks),
    }
