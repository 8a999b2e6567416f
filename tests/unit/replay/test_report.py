import io
import json
from collections import Counter

import pytest
from rich.console import Console

from service.replay import report as reporting
from service.replay.log import BadRow, BadRows
from service.replay.report import Outcome, Refusal, Report
from service.replay.steps import Verdict

VERDICTS = {
    "1": Verdict("high", kept=True),
    "2": Verdict("high", kept=False),
    "3": Verdict("low", kept=True),
    "4": Verdict("low", kept=None),
    "5": Verdict("", kept=False),
}
OUTCOMES = {"1": Outcome.KEPT, "2": Outcome.KEPT, "3": Outcome.BROKEN, "4": Outcome.KEPT}


def _report() -> Report:
    bad_rows = BadRows()
    for line in range(2, 32):
        bad_rows.add(BadRow(line, "bad time", "'[red]' in column 'at' is not a time"))
    return Report(
        cases=5,
        events=1_000,
        sent=1_005,
        decided=4,
        groups=reporting.compare(VERDICTS, OUTCOMES),
        silent=1,
        bad_rows=bad_rows,
        refused=1,
        refusals=(Refusal(7, "5", 422, "no"),),
        clock_moves=3,
        seconds=10.0,
        repeats=Counter({"503": 2}),
    )


@pytest.mark.parametrize(
    ("outcome", "kept", "expected"),
    [
        (Outcome.KEPT, True, True),
        (Outcome.KEPT, False, False),
        (Outcome.BROKEN, False, True),
        (Outcome.BROKEN, True, False),
        (Outcome.PENDING, False, False),  # not kept, but not judged either
        (Outcome.NOT_PROMISED, False, False),
    ],
)
def test_agreement_is_the_same_judgement(outcome: Outcome, *, kept: bool, expected: bool) -> None:
    assert reporting.agrees(outcome, kept=kept) is expected


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([], Outcome.NOT_PROMISED),
        ([Outcome.KEPT], Outcome.KEPT),
        ([Outcome.KEPT, Outcome.PENDING], Outcome.PENDING),
        ([Outcome.KEPT, Outcome.BROKEN, Outcome.PENDING], Outcome.BROKEN),
    ],
)
def test_of_several_promises_the_worst_counts(outcomes: list[Outcome], expected: Outcome) -> None:
    assert reporting.worst(outcomes) is expected


def test_cases_are_compared_by_the_group_of_their_end() -> None:
    groups = reporting.compare(VERDICTS, OUTCOMES)

    assert list(groups) == ["(none)", "high", "low"]
    assert (groups["high"].agreement.agree, groups["high"].agreement.of) == (1, 2)
    assert (groups["low"].agreement.agree, groups["low"].agreement.of) == (0, 1)
    assert groups["low"].outcomes == {Outcome.BROKEN: 1, Outcome.KEPT: 1}
    assert groups["(none)"].outcomes == {Outcome.NOT_PROMISED: 1}


def test_json_is_one_object_with_the_promised_names() -> None:
    content = json.loads(reporting.to_json(_report()))

    assert {
        "cases": 5,
        "events": 1_000,
        "decided": 4,
        "kept": 3,
        "broken": 1,
        "broken_silently": 1,
        "bad_rows": 30,
        "seconds": 10.0,
        "agreement": {
            "(none)": {"agree": 0, "of": 1},
            "high": {"agree": 1, "of": 2},
            "low": {"agree": 0, "of": 1},
        },
    }.items() <= content.items()
    assert content["bad_rows_first"][0] == {"line": 2, "detail": "'[red]' in column 'at' is not a time"}
    assert content["refusals_first"] == [{"line": 7, "case": "5", "status": 422, "reason": "no"}]


def test_people_see_the_table_and_the_bad_rows_in_eighty_columns_without_colour() -> None:
    written = io.StringIO()

    reporting.show(_report(), Console(file=written, width=80, no_color=True))

    lines = written.getvalue().splitlines()
    assert max(len(line) for line in lines) <= 80
    assert any("high" in line and "1 of 2" in line and "50.00 %" in line for line in lines)
    assert "  line 2: '[red]' in column 'at' is not a time" in lines
    assert "  and 10 more" in lines
    assert "  line 7 (5): 422 no" in lines
