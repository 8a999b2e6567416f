from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rationalization.risks import domain as risk
from service.rationalization.risks.domain import Axis, Question, Questionnaire

TESTED = Question(
    name="tested",
    text="Was it tried?",
    axis=Axis.LIKELIHOOD,
    options={"in production": 0, "elsewhere": 2, "no": 5},
)
DONE_BEFORE = Question(
    name="done_before",
    text="Was it done before?",
    axis=Axis.LIKELIHOOD,
    options={"often": 0, "never": 3},
    required=False,
)
USERS = Question(
    name="users",
    text="How many would notice?",
    axis=Axis.CONSEQUENCE,
    options={"nobody": 0, "a team": 3, "everybody": 9},
)
USUAL = Questionnaire(
    questions=(TESTED, DONE_BEFORE, USERS),
    likelihood_from=(3, 6),
    consequence_from=(3, 9),
    levels=(("low", "low", "medium"), ("low", "medium", "high"), ("medium", "high", "high")),
    ranks=("low", "medium", "high"),
)


@pytest.mark.parametrize(
    ("answers", "level", "likelihood", "consequence", "assumed"),
    [
        ({"tested": "in production", "done_before": "often", "users": "nobody"}, "low", 0, 0, ()),
        ({"tested": "in production", "users": "nobody"}, "low", 3, 0, ("done_before",)),
        ({"tested": "elsewhere", "done_before": "often", "users": "everybody"}, "medium", 2, 9, ()),
        ({"tested": "no", "done_before": "often", "users": "a team"}, "medium", 5, 3, ()),
        ({"tested": "no", "done_before": "never", "users": "everybody"}, "high", 8, 9, ()),
    ],
)
def test_answers_are_placed_in_the_matrix(
    answers: dict[str, str], level: str, likelihood: int, consequence: int, assumed: tuple[str, ...]
) -> None:
    found = risk.assess(USUAL, answers)

    assert (found.level, found.likelihood, found.consequence) == (level, likelihood, consequence)
    assert found.assumed == assumed
    assert found.score == likelihood * consequence


@pytest.mark.parametrize(
    ("answers", "pointers"),
    [
        ({"tested": "no", "users": "nobody"}, []),
        ({"users": "nobody"}, ["/answers/tested"]),
        ({"tested": "perhaps", "users": "nobody"}, ["/answers/tested"]),
        ({"tested": "no", "users": "nobody", "mood": "good"}, ["/answers/mood"]),
        ({}, ["/answers/tested", "/answers/users"]),
    ],
)
def test_faults_of_answers_name_their_places(answers: dict[str, str], pointers: list[str]) -> None:
    assert [fault.pointer for fault in risk.faults_of_answers(USUAL, answers)] == pointers


@pytest.mark.parametrize(
    ("written", "pointers"),
    [
        (USUAL, []),
        (replace(USUAL, questions=()), ["/questions"]),
        (replace(USUAL, questions=(TESTED, TESTED)), ["/questions/1/name"]),
        (replace(USUAL, questions=(replace(USERS, options={"yes": 1}),)), ["/questions/0/options"]),
        (
            replace(USUAL, questions=(replace(USERS, options={"a/b": -1, "c": 1_001}),)),
            ["/questions/0/options/a~1b", "/questions/0/options/c"],
        ),
        (replace(USUAL, likelihood_from=(6, 3)), ["/likelihood_from"]),
        (replace(USUAL, consequence_from=(3,)), ["/levels"]),
        (replace(USUAL, ranks=("low", "high")), ["/levels/0/2", "/levels/1/1", "/levels/2/0"]),
        (replace(USUAL, ranks=("low", "medium", "high", "low")), ["/ranks"]),
        (replace(USUAL, ranks=("high", "medium", "low")), ["/levels"]),
    ],
)
def test_faults_of_a_questionnaire_name_their_places(written: Questionnaire, pointers: list[str]) -> None:
    assert [fault.pointer for fault in risk.faults_of(written)] == pointers


ANSWERS = st.fixed_dictionaries(
    {question.name: st.sampled_from(sorted(question.options)) for question in USUAL.questions}
)


@given(ANSWERS, ANSWERS)
def test_an_answer_that_scores_more_is_never_a_lesser_risk(
    one: dict[str, str], other: dict[str, str]
) -> None:
    worse = {
        question.name: max(one[question.name], other[question.name], key=lambda name: question.options[name])
        for question in USUAL.questions
    }

    assert risk.assess(USUAL, worse).rank >= max(risk.assess(USUAL, each).rank for each in (one, other))


@given(ANSWERS)
def test_what_is_not_answered_counts_as_the_worst(answers: dict[str, str]) -> None:
    silent = {name: answer for name, answer in answers.items() if name != "done_before"}

    assert risk.assess(USUAL, silent).rank >= risk.assess(USUAL, answers).rank
