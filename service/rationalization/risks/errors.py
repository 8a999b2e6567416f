"""Expected failures of questionnaires."""

from collections.abc import Sequence

from service.errors import Conflict, Fault, Invalid, NotFound
from service.ids import QuestionnaireId


class QuestionnaireNotFound(NotFound):
    """There is no such questionnaire, or not for this caller."""

    code = "questionnaire-not-found"

    def __init__(self, questionnaire_id: QuestionnaireId) -> None:
        super().__init__(f"Questionnaire {questionnaire_id} does not exist.")


class QuestionnaireNameTaken(Conflict):
    """There is a questionnaire of this name. Revise that one, or take another name."""

    code = "questionnaire-name-taken"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is a questionnaire {name!r} already.")


class QuestionnaireInvalid(Invalid):
    """What is asked, or how it is scored, does not hold together. Each entry of `errors` says where."""

    code = "questionnaire-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("This is no questionnaire that answers could be scored by.", faults=faults)


class AnswersInvalid(Invalid):
    """The answers do not fit the questionnaire. Each entry of `errors` says why."""

    code = "answers-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("These answers do not fit the questionnaire.", faults=faults)


class QuestionnaireMissing(Conflict):
    """A policy names a questionnaire that nobody has written yet. Create it under that name."""

    code = "questionnaire-missing"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no questionnaire {name!r} yet; create it, and answer it then.")
