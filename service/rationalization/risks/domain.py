"""How risky a change is: the answers to a tenant's questionnaire, scored and placed in its risk matrix. Pure.

A question says something of how likely harm is, or of how bad it would be. What is said of each adds up; the
sums are placed in bands, and the matrix says what a pair of bands is called, as in ISO 31000 and IEC 31010
(consequence/likelihood matrix).
"""

import itertools
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from service.errors import Fault, pointer_to

QUESTIONS_MAX = 50
OPTIONS_MAX = 20
BANDS_MAX = 10
POINTS_MAX = 1_000


class Axis(StrEnum):
    LIKELIHOOD = "likelihood"
    CONSEQUENCE = "consequence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question, with the points that each of its answers scores.

    Attributes:
        name: unique within the questionnaire.
        options: points by answer, at least two.
        required: whether it must be answered; what need not be, and is not, counts as the worst answer.
    """

    name: str
    text: str
    axis: Axis
    options: Mapping[str, int]
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Questionnaire:
    """Questions, and the matrix that their scores are placed in.

    Attributes:
        likelihood_from: the points at which each band of likelihood after the first begins, ascending.
        consequence_from: the same of consequence.
        levels: what is said of each pair: a row for each band of likelihood, with one name for each band of
            consequence, from low to high.
        ranks: the names in `levels` from the least to the gravest.
    """

    questions: tuple[Question, ...]
    likelihood_from: tuple[int, ...]
    consequence_from: tuple[int, ...]
    levels: tuple[tuple[str, ...], ...]
    ranks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What the answers come to.

    Attributes:
        level: a name of the questionnaire's `ranks`.
        rank: its place there, from 0.
        assumed: the questions that nobody answered, taken to be as bad as can be.
    """

    likelihood: int
    consequence: int
    level: str
    rank: int
    assumed: tuple[str, ...]

    @property
    def score(self) -> int:
        """One number to compare by: the product, as risk matrices have it."""
        return self.likelihood * self.consequence


def faults_of(written: Questionnaire) -> list[Fault]:
    """What is wrong with a questionnaire, with its places."""
    return [*_faults_of_questions(written.questions), *_faults_of_matrix(written)]


def faults_of_answers(questionnaire: Questionnaire, answers: Mapping[str, str]) -> list[Fault]:
    """What is wrong with answers: unknown questions, options that there are not, and what is left out."""
    known = {question.name: question for question in questionnaire.questions}
    faults = [
        Fault(pointer_to("/answers", name), f"There is no question {name!r}; there are {', '.join(known)}.")
        for name in answers
        if name not in known
    ]
    for name, question in known.items():
        answer = answers.get(name)
        if answer is None and question.required:
            faults.append(Fault(pointer_to("/answers", name), f"Not answered: {question.text}"))
        elif answer is not None and answer not in question.options:
            options = ", ".join(question.options)
            faults.append(Fault(pointer_to("/answers", name), f"{answer!r} is no answer; say {options}."))
    return faults


def assess(questionnaire: Questionnaire, answers: Mapping[str, str]) -> Assessment:
    """Score answers in which no fault was found, by a questionnaire in which none was found either."""
    points = dict.fromkeys(Axis, 0)
    assumed: list[str] = []
    for question in questionnaire.questions:
        weight = _weight(question, answers.get(question.name))
        if weight.answer is None:
            assumed.append(question.name)
        points[question.axis] += weight.points
    row = bisect_right(questionnaire.likelihood_from, points[Axis.LIKELIHOOD])
    column = bisect_right(questionnaire.consequence_from, points[Axis.CONSEQUENCE])
    level = questionnaire.levels[row][column]
    return Assessment(
        likelihood=points[Axis.LIKELIHOOD],
        consequence=points[Axis.CONSEQUENCE],
        level=level,
        rank=questionnaire.ranks.index(level),
        assumed=tuple(assumed),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """How much one answer adds to the risk.

    Attributes:
        answer: None where nobody gave one, so that the worst counts.
        most: the points of the worst answer.
    """

    question: str
    text: str
    axis: Axis
    answer: str | None
    points: int
    most: int


def place(questionnaire: Questionnaire, assessment: Assessment) -> tuple[int, int]:
    """The row and the column of the matrix that it lies in, from 0."""
    return (
        bisect_right(questionnaire.likelihood_from, assessment.likelihood),
        bisect_right(questionnaire.consequence_from, assessment.consequence),
    )


def weights(questionnaire: Questionnaire, answers: Mapping[str, str]) -> list[Weight]:
    """What each answer adds, from the one that weighs most; as they are asked where they weigh the same."""
    found = [_weight(question, answers.get(question.name)) for question in questionnaire.questions]
    return sorted(found, key=lambda weight: -weight.points)


def _weight(question: Question, answer: str | None) -> Weight:
    most = max(question.options.values())
    return Weight(
        question=question.name,
        text=question.text,
        axis=question.axis,
        answer=answer,
        points=most if answer is None else question.options[answer],
        most=most,
    )


def _faults_of_questions(questions: Sequence[Question]) -> Iterator[Fault]:
    if not 1 <= len(questions) <= QUESTIONS_MAX:
        yield Fault("/questions", f"A questionnaire has 1 to {QUESTIONS_MAX} questions.")
    names = [question.name for question in questions]
    for index, question in enumerate(questions):
        pointer = f"/questions/{index}"
        if question.name in names[:index]:
            yield Fault(f"{pointer}/name", f"{question.name!r} is asked twice.")
        if not 2 <= len(question.options) <= OPTIONS_MAX:  # noqa: PLR2004 one answer asks nothing
            yield Fault(f"{pointer}/options", f"A question has 2 to {OPTIONS_MAX} answers.")
        for option, points in question.options.items():
            if not 0 <= points <= POINTS_MAX:
                place = pointer_to(f"{pointer}/options", option)
                yield Fault(place, f"An answer scores 0 to {POINTS_MAX} points.")


def _faults_of_matrix(written: Questionnaire) -> Iterator[Fault]:
    for name, bounds in (
        ("likelihood_from", written.likelihood_from),
        ("consequence_from", written.consequence_from),
    ):
        if len(bounds) >= BANDS_MAX or any(a >= b for a, b in itertools.pairwise(bounds)):
            yield Fault(f"/{name}", f"At most {BANDS_MAX - 1} bounds, each above the one before.")
    if len(set(written.ranks)) != len(written.ranks):
        yield Fault("/ranks", "Each rank is named once.")
    yield from _faults_of_levels(written)


def _faults_of_levels(written: Questionnaire) -> Iterator[Fault]:
    rows, columns = len(written.likelihood_from) + 1, len(written.consequence_from) + 1
    if len(written.levels) != rows or any(len(row) != columns for row in written.levels):
        yield Fault("/levels", f"{rows} rows, for the bands of likelihood, of {columns} names each.")
        return
    unknown = [
        (row, column)
        for row, names in enumerate(written.levels)
        for column, name in enumerate(names)
        if name not in written.ranks
    ]
    for row, column in unknown:
        level = written.levels[row][column]
        yield Fault(f"/levels/{row}/{column}", f"{level!r} is not among the ranks.")
    if not unknown and not _is_monotone(written):
        yield Fault("/levels", "What is more likely, or worse, is never called a lesser risk.")


def _is_monotone(written: Questionnaire) -> bool:
    """Whether no risk gets less from left to right, nor from one row to the next."""
    grid = [[written.ranks.index(level) for level in row] for row in written.levels]
    lines = [*grid, *map(list, zip(*grid, strict=True))]
    return all(less <= more for line in lines for less, more in itertools.pairwise(line))
