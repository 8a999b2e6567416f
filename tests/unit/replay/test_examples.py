"""The sample against an oracle that shares nothing with the program but the CSV file."""

import csv
import json
import lzma
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.replay import log, setup
from service.replay import mapping as mappings

FOLDER = Path(__file__).parents[3] / "examples" / "uci498"
TARGET_SECONDS = {"3 - Moderate": 553_140, "4 - Low": 1_239_480}


def _rows() -> list[dict[str, str]]:
    with lzma.open(FOLDER / "sample.csv.xz", "rt", encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%d/%m/%Y %H:%M").replace(tzinfo=UTC)


def weekday_seconds(start: datetime, end: datetime) -> float:
    """Seconds from Monday 00:00 to Friday 24:00 between two instants, counted day by day."""
    total, at = 0.0, start
    while at < end:
        next_day = datetime(at.year, at.month, at.day, tzinfo=UTC) + timedelta(days=1)
        if at.isoweekday() <= 5:
            total += (min(end, next_day) - at).total_seconds()
        at = next_day
    return total


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        ("4/3/2016 23:00", "7/3/2016 01:00", 2.0),
        ("5/3/2016 01:00", "6/3/2016 23:00", 0.0),
        ("29/2/2016 06:00", "7/3/2016 06:00", 120.0),
    ],
)
def test_the_oracle_counts_weekdays(start: str, end: str, hours: float) -> None:
    assert weekday_seconds(_time(start), _time(end)) == hours * 3600


def test_the_sample_agrees_with_the_oracle_as_the_whole_log_does() -> None:
    last: dict[str, dict[str, str]] = {}
    for row in sorted(_rows(), key=lambda row: int(row["sys_mod_count"])):
        last[row["number"]] = row

    agree, of = Counter[str](), Counter[str]()
    for row in last.values():
        used = weekday_seconds(_time(row["opened_at"]), _time(row["closed_at"]))
        kept = used <= TARGET_SECONDS.get(row["priority"], 0)
        agree[row["priority"]] += kept is (row["made_sla"] == "true")
        of[row["priority"]] += 1

    assert of == {"1 - Critical": 20, "2 - High": 20, "3 - Moderate": 900, "4 - Low": 60}
    assert agree["3 - Moderate"] == 897
    assert agree["4 - Low"] == 60


def test_the_sample_is_read_without_loss_and_with_the_logs_verdicts() -> None:
    mapping = mappings.parse((FOLDER / "mapping.yaml").read_text(), name="mapping.yaml")
    rows = _rows()
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
    assert seconds["request.priority == '3 - Moderate'"] == TARGET_SECONDS["3 - Moderate"]
    assert seconds["request.priority == '4 - Low'"] == TARGET_SECONDS["4 - Low"]
    assert installed.calendars[0]["name"] == "weekdays"
    assert installed.policies[0]["kind"] == "commitment"
