"""What may be put on record for a gate, with the place of each fault."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from service.rationalization.gates import documents
from service.rationalization.gates.documents import Document
from service.rationalization.gates.domain.windows import Planned, Unclear

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
PLANNED = Planned(NOON, None)
UNKNOWN = Unclear("Say when.")

ROLLBACK: dict[str, Any] = {
    "kind": "rollback_plan",
    "steps": [{"what": "Put the old version back.", "who": "on duty", "seconds": 600}],
    "trigger": "The shop answers errors for five minutes.",
    "point_of_no_return": None,
    "duration_seconds": 900,
}
EVIDENCE: dict[str, Any] = {
    "kind": "test_evidence",
    "what": "The upgrade, with last night's data.",
    "where": "staging",
    "at": "2026-01-04T12:00:00Z",
    "by": "Ada Harbour",
    "result": "passed",
    "link": "https://tests.example.com/runs/7",
}
NOTICE: dict[str, Any] = {
    "client": True,
    "channel": "mail",
    "phase": "before",
    "offset_seconds": -86_400,
    "by": "service desk",
}


def faults(written: dict[str, Any], planned: Planned | Unclear = PLANNED) -> list[str]:
    document = msgspec.convert(written, Document)
    return [fault.pointer for fault in documents.faults_of(document, planned, NOON)]


def notices(**changed: Any) -> dict[str, Any]:
    notice = {name: said for name, said in {**NOTICE, **changed}.items() if said is not None}
    return {"kind": "communication_plan", "notices": [NOTICE, notice]}


@pytest.mark.parametrize("written", [ROLLBACK, EVIDENCE, notices()], ids=["plan", "evidence", "notices"])
def test_what_is_complete_has_no_faults(written: dict[str, Any]) -> None:
    assert faults(written) == []


@pytest.mark.parametrize(
    ("written", "pointers"),
    [
        pytest.param({**ROLLBACK, "duration_seconds": 599}, ["/duration_seconds"], id="too short for a step"),
        pytest.param({**EVIDENCE, "at": "2026-01-05T12:00:01Z"}, ["/at"], id="tried in time to come"),
        pytest.param({**EVIDENCE, "at": "1800-01-01T00:00:00Z"}, ["/at"], id="tried long ago"),
        pytest.param({**EVIDENCE, "link": None}, ["/reference"], id="no proof named"),
        pytest.param({**EVIDENCE, "link": "http://tests.example.com"}, ["/link"], id="not https"),
        pytest.param({**EVIDENCE, "link": "https://u:p@example.com/"}, ["/link"], id="a password"),
        pytest.param({**EVIDENCE, "link": "https://a b"}, ["/link"], id="a blank"),
        pytest.param({**EVIDENCE, "link": "javascript:alert(1)"}, ["/link"], id="a script"),
        pytest.param(notices(client=False), ["/notices/1"], id="nobody is told"),
        pytest.param(notices(offset_seconds=None), ["/notices/1"], id="no time"),
        pytest.param(notices(at="2026-01-04T12:00:00Z"), ["/notices/1"], id="two times"),
        pytest.param(notices(offset_seconds=0), ["/notices/1/offset_seconds"], id="before, at the start"),
        pytest.param(
            notices(phase="after", offset_seconds=-1), ["/notices/1/offset_seconds"], id="after, but before"
        ),
        pytest.param(
            notices(offset_seconds=None, at="2026-01-05T12:00:00Z"),
            ["/notices/1/at"],
            id="an instant that is not before",
        ),
        pytest.param(
            notices(offset_seconds=None, at="2400-01-05T12:00:00Z"), ["/notices/1/at"], id="no usable instant"
        ),
    ],
)
def test_each_fault_has_its_place(written: dict[str, Any], pointers: list[str]) -> None:
    assert faults(written) == pointers


def test_an_instant_is_not_held_against_a_start_that_nobody_knows() -> None:
    written = notices(offset_seconds=None, at="2026-01-05T12:00:00Z")

    assert faults(written, UNKNOWN) == []


@pytest.mark.parametrize(
    "written",
    [
        pytest.param({**ROLLBACK, "steps": []}, id="no steps"),
        pytest.param(
            {name: said for name, said in ROLLBACK.items() if name != "point_of_no_return"},
            id="not said whether there is a point of no return",
        ),
        pytest.param({**ROLLBACK, "trigger": "  "}, id="blank"),
        pytest.param({**EVIDENCE, "result": "perhaps"}, id="no result"),
        pytest.param({**EVIDENCE, "at": "2026-01-04T12:00:00"}, id="no offset"),
        pytest.param({**EVIDENCE, "more": 1}, id="what is unknown"),
        pytest.param({"kind": "approval"}, id="no document"),
        pytest.param({"kind": "withdrawal"}, id="no reason"),
        pytest.param({"kind": "communication_plan", "notices": []}, id="no notices"),
    ],
)
def test_what_is_of_another_form_is_not_read(written: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(written, Document)


def test_the_groups_that_are_named_are_found_with_their_places() -> None:
    document = msgspec.convert(notices(groups=["Change board", "Shop"]), Document)

    assert documents.groups_of(document) == {
        "/notices/1/groups/0": "Change board",
        "/notices/1/groups/1": "Shop",
    }
