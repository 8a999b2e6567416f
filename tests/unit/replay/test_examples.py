"""The examples are read as they should be, and the sample agrees with the oracle."""

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.replay import log, parsing, setup
from tests.unit.replay import oracle

FOLDER = Path(__file__).parents[3] / "examples" / "uci498"


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        ("2016-03-04T23:00", "2016-03-07T01:00", 2.0),
        ("2016-03-05T01:00", "2016-03-06T23:00", 0.0),
        ("2016-02-29T06:00", "2016-03-07T06:00", 120.0),
    ],
)
def test_the_oracle_counts_weekdays(start: str, end: str, hours: float) -> None:
    assert oracle.weekday_seconds(_at(start), _at(end)) == hours * 3600


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_the_sample_agrees_with_the_oracle_as_the_whole_log_does() -> None:
    agree, of = Counter[str](), Counter[str]()
    for row in oracle.last_rows().values():
        agree[row["priority"]] += oracle.is_kept(row) is (row["made_sla"] == "true")
        of[row["priority"]] += 1

    assert of == {"1 - Critical": 20, "2 - High": 20, "3 - Moderate": 900, "4 - Low": 60}
    assert agree == {"1 - Critical": 20, "2 - High": 20, "3 - Moderate": 897, "4 - Low": 60}


def test_the_sample_is_read_without_loss_and_with_the_logs_verdicts() -> None:
    mapping = parsing.parse((FOLDER / "mapping.yaml").read_text(), name="mapping.yaml")
    rows = oracle.rows()
    closed = {row["number"]: row for row in rows if row["incident_state"] == "Closed"}

    with log.read(FOLDER / "sample.csv.xz", mapping) as plan:
        assert plan.bad_rows.count == 0
        assert plan.events == len(rows) == 6_882
        assert {case: verdict.kept for case, verdict in plan.verdicts.items()} == {
            number: row["made_sla"] == "true" for number, row in closed.items()
        }
        bodies = [step.body for step in plan.steps]

    told = json.dumps(bodies)
    hidden = {"made_sla", "resolved_by", "closed_code", *(row["resolved_by"] for row in rows)} - {"?"}
    assert not [text for text in hidden if f'"{text}"' in told]


def test_the_policy_promises_what_was_fitted() -> None:
    installed = setup.load([FOLDER / "calendar.json"], [FOLDER / "policy.json"])

    document = json.loads((FOLDER / "policy.json").read_text())["document"]
    seconds = {rule["when"]: rule["then"]["promises"][0]["target"]["seconds"] for rule in document["rules"]}
    assert seconds == {
        f'request.priority == "{name}"': target for name, target in oracle.TARGET_SECONDS.items()
    }
    assert installed.calendars[0]["name"] == "weekdays"
    assert installed.policies[0]["kind"] == "commitment"
