"""What a record of a gate keeps, and what that says of the gate. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

from service.rationalization.gates import documents
from service.rationalization.gates.documents import Document, RiskAnswers
from service.rationalization.gates.domain.judging import Scored
from service.rationalization.gates.models import GateRecord
from service.rationalization.risks import domain as risk
from service.rationalization.risks.domain import Assessment
from service.rationalization.risks.models import QuestionnaireVersion


def of_document(document: Document) -> dict[str, Any]:
    """A document as it is kept."""
    return msgspec.to_builtins(document)


def of_assessment(
    version: QuestionnaireVersion, answers: Mapping[str, str], found: Assessment
) -> dict[str, Any]:
    """Answers with what they came to, where that lies in the matrix, and what weighs most."""
    row, column = risk.place(version.asked, found)
    return {
        **of_document(RiskAnswers(answers=dict(answers))),
        "questionnaire": version.name,
        "questionnaire_id": str(version.questionnaire_id),
        "questionnaire_version": version.version,
        "likelihood": found.likelihood,
        "consequence": found.consequence,
        "score": found.score,
        "level": found.level,
        "rank": found.rank,
        "ranks": list(version.asked.ranks),
        "assumed": list(found.assumed),
        "matrix": {
            "likelihood_from": list(version.asked.likelihood_from),
            "consequence_from": list(version.asked.consequence_from),
            "levels": [list(levels) for levels in version.asked.levels],
            "row": row,
            "column": column,
        },
        "weights": [
            {
                "question": weight.question,
                "text": weight.text,
                "axis": weight.axis.value,
                "answer": weight.answer,
                "points": weight.points,
                "most": weight.most,
            }
            for weight in risk.weights(version.asked, answers)
        ],
    }


def scored(record: GateRecord) -> Scored:
    """What a recorded assessment came to."""
    kept = record.document
    return Scored(score=kept["score"], level=kept["level"], rank=kept["rank"], ranks=kept["ranks"])


def is_withdrawal(record: GateRecord) -> bool:
    return record.kind == documents.WITHDRAWAL


def is_failed_test(record: GateRecord) -> bool:
    return record.document.get("result") == "failed"
