from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rationalization.risks import domain as risk
from service.rationalization.risks import wire
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


def test_the_place_in_the_matrix_is_that_of_the_level() -> None:
    answers = {"tested": "no", "done_before": "often", "users": "everybody"}
    found = risk.assess(USUAL, answers)

    row, column = risk.place(USUAL, found)

    assert (row, column) == (1, 2)
    assert USUAL.levels[row][column] == found.level


def test_the_heaviest_answer_comes_first_and_what_nobody_said_is_the_worst() -> None:
    weights = risk.weights(USUAL, {"tested": "elsewhere", "users": "a team"})

    assert [(each.question, each.answer, each.points, each.most) for each in weights] == [
        ("done_before", None, 3, 3),
        ("users", "a team", 3, 9),
        ("tested", "elsewhere", 2, 5),
    ]


REPOSITORY = Path(__file__).parents[3]
EXAMPLE: dict[str, Any] = msgspec.json.decode((REPOSITORY / "examples/changes/change_risk.json").read_bytes())
USUAL_CHANGE = {
    "done_before": "often",
    "tried": "with real data",
    "users": "a team",
    "downtime": "not at all",
}
THAT_OF_THE_GUIDE = {
    "done_before": "never",
    "tried": "in part",
    "way_back": "written down",
    "users": "everybody",
    "downtime": "up to an hour",
}


def example() -> Questionnaire:
    asked, faults = wire.read(EXAMPLE["definition"])
    assert asked is not None
    assert faults == []
    return asked


@pytest.mark.parametrize(
    ("answers", "level", "score"),
    [
        pytest.param({**USUAL_CHANGE, "way_back": "tried", "others": "none"}, "low", 1, id="done every week"),
        pytest.param(USUAL_CHANGE, "medium", 12, id="what nobody said is the worst"),
        pytest.param(THAT_OF_THE_GUIDE, "high", 49, id="that of the guide"),
        pytest.param(
            {"done_before": "never", "tried": "no", "users": "everybody", "downtime": "longer"},
            "high",
            99,
            id="the worst there is",
        ),
    ],
)
def test_the_example_scores_changes_as_one_would_expect(
    answers: dict[str, str], level: str, score: int
) -> None:
    asked = example()
    assert risk.faults_of_answers(asked, answers) == []

    found = risk.assess(asked, answers)

    assert (found.level, found.score) == (level, score)


@given(st.data())
def test_in_the_example_a_worse_answer_never_makes_a_lesser_risk(data: st.DataObject) -> None:
    asked = example()
    answers = {
        question.name: data.draw(st.sampled_from(sorted(question.options))) for question in asked.questions
    }
    question = data.draw(st.sampled_from(asked.questions))
    worse = [
        name
        for name, points in question.options.items()
        if points >= question.options[answers[question.name]]
    ]

    changed = {**answers, question.name: data.draw(st.sampled_from(worse))}

    before, after = risk.assess(asked, answers), risk.assess(asked, changed)
    assert before.rank <= after.rank
    assert before.score <= after.score


def test_the_guide_draws_the_matrix_of_the_example() -> None:
    asked = example()
    guide = (REPOSITORY / "docs/guides/gates.md").read_text()

    starts = ["0", *(f"from {bound}" for bound in asked.likelihood_from)]
    for start, levels in zip(starts, asked.levels, strict=True):
        assert f"| {start} | {' | '.join(levels)} |" in guide
    assert " | ".join(f"from {bound}" for bound in asked.consequence_from) in guide


def test_a_questionnaire_reads_as_it_is_written() -> None:
    written = wire.document(example())

    assert wire.from_document(written) == example()
    assert written["questions"][0] == {**EXAMPLE["definition"]["questions"][0], "required": True}
