from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.calendars import countries
from service.calendars.domain import WorkingTime, compile_calendar, parse_definition
from service.commitments.promises import COMMITMENT
from service.rationalization.kind import RATIONALIZATION
from service.requests.kinds import KINDS
from service.rules import documents, lint
from service.rules.checks import surroundings
from service.rules.domain import Entry, Named, Register
from service.rules.findings import Finding, Refused, Severity
from service.rules.lint import Neighbour, Surroundings
from tests.unit.lint.policies import rule

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
OFFICE: dict[str, Any] = {"tz": "UTC", "weekly": {"mon": [["09:00", "17:00"]]}}
NEVER: dict[str, Any] = {"tz": "UTC", "weekly": {}}
ONCE: dict[str, Any] = {"tz": "UTC", "weekly": {}, "openings": [["2026-03-03T09:00", "2026-03-03T17:00"]]}
LATER: dict[str, Any] = {"tz": "UTC", "weekly": {}, "openings": [["2028-03-03T09:00", "2028-03-03T17:00"]]}


def calendar(definition: Mapping[str, Any]) -> WorkingTime:
    return compile_calendar(parse_definition(definition, country_dates=countries.dates))


CALENDARS = {
    name: calendar(each)
    for name, each in (("office", OFFICE), ("never", NEVER), ("once", ONCE), ("later", LATER))
}


def promise(calendar_name: str, unit: str = "working_time", **amount: int) -> dict[str, Any]:
    target = {"unit": unit, **(amount or {"seconds": 3600})}
    return {"promises": [{"metric": "resolve", "target": target, "calendar": calendar_name}]}


def around(written: dict[str, Any], *, kind: str = "commitment", **more: Any) -> list[tuple[str, str]]:
    found = looked(written, kind=kind, **more)
    return [(finding.code, finding.pointer) for finding in found]


def looked(written: dict[str, Any], *, kind: str = "commitment", **more: Any) -> list[Finding]:
    surroundings = replace(Surroundings(calendars=CALENDARS, now=NOW), **more)
    return lint.find_around(written, documents.read(written, KINDS[kind]), KINDS[kind], surroundings)


@pytest.mark.parametrize(
    ("then", "codes"),
    [
        (promise("office"), []),
        (promise("office", "business_days", days=3), []),
        (promise("offic"), [("unknown-calendar", "/rules/0/then")]),
        (promise("never"), [("closed-calendar", "/rules/0/then/promises/0/target")]),
        (promise("once", seconds=28_800), []),
        (promise("once", seconds=28_801), [("beyond-horizon", "/rules/0/then/promises/0/target")]),
        (promise("once", "business_days", days=2), [("beyond-horizon", "/rules/0/then/promises/0/target")]),
        (promise("once", "end_of_business_day", days=1), []),
        (promise("later"), [("closed-for-long", "/rules/0/then/promises/0/target")]),
    ],
)
def test_a_calendar_has_to_reach_the_target(then: dict[str, Any], codes: list[tuple[str, str]]) -> None:
    assert around({"rules": [rule("a", "true", then=then)]}) == codes


def test_what_no_calendar_can_reach_holds_publication_up() -> None:
    (finding,) = looked({"rules": [rule("a", "true", then=promise("never"))]})

    assert (finding.severity, finding.refused) == (Severity.ERROR, Refused.PUBLISHING)
    assert looked({"rules": [rule("a", "true", then=promise("never"))]}, calendars=None) == []


def test_in_a_table_the_cell_or_the_template_is_meant() -> None:
    table: dict[str, Any] = {
        "inputs": [{"fact": "request.priority"}],
        "outputs": [{"at": "/promises/0/target/seconds"}],
        "then": promise("once"),
        "rows": [
            {"when": ["P1"], "then": [60], "because": "x"},
            {"when": ["P2"], "then": [99_999], "because": "x"},
        ],
    }

    assert around({"table": table}) == [("beyond-horizon", "/table/rows/1/then/0")]
    rows = [row | {"then": [None]} for row in table["rows"]]
    assert around({"table": table | {"then": promise("never"), "rows": rows}}) == [
        ("closed-calendar", "/table/then/promises/0/target")
    ]


def test_names_of_the_scope_are_looked_up() -> None:
    scope = {"services": ["Mail", "Netwrk"], "clients": ["Acme"]}
    written = {"applies_to": scope, "rules": [rule("a", "true")]}

    (finding,) = looked(written, services={"Mail", "Network"}, clients=None)

    assert (finding.code, finding.pointer) == ("unknown-name", "/applies_to/services")
    assert finding.remedy == "Did you mean 'Network'?"
    assert around(written, services=None, clients=set()) == [("unknown-name", "/applies_to/clients")]


@pytest.mark.parametrize(
    ("own", "other", "is_told"),
    [
        ({}, {}, True),
        ({}, {"order": 600}, True),
        ({}, {"order": 400}, True),
        ({}, {"applies_to": {"clients": ["Acme"]}}, False),
        ({}, {"applies_to": {"clients": ["Acme"]}, "order": 600}, True),
        ({"applies_to": {"clients": ["Acme"]}}, {}, True),
        ({"applies_to": {"clients": ["Acme"]}}, {"applies_to": {"clients": ["Acme", "Beta"]}}, True),
        ({"applies_to": {"clients": ["Acme", "Beta"]}}, {"applies_to": {"clients": ["Acme"]}}, False),
        ({"applies_to": {"clients": ["Acme"]}}, {"order": 600}, False),
    ],
)
def test_a_policy_that_is_never_asked_is_told_of(
    own: dict[str, Any], other: dict[str, Any], *, is_told: bool
) -> None:
    neighbour = documents.read({"rules": [rule("b", "true")], **other}, COMMITMENT)
    found = looked(
        {"rules": [rule("a", "true")], **own}, neighbours=[Neighbour(name="other", document=neighbour)]
    )

    assert [finding.code for finding in found] == (["never-asked"] if is_told else [])


def test_policies_that_are_all_asked_hide_none() -> None:
    accept = {"rules": [rule("a", "true", then={"verdict": "accept"})]}
    neighbour = Neighbour(name="other", document=documents.read(accept, RATIONALIZATION))

    assert around(accept, kind="rationalization", neighbours=[neighbour]) == []


DEVIATION = {
    "verdict": "special_method",
    "justification": "The supplier's office is closed.",
    "expires_in_days": 14,
    "way_back": "Close the port.",
    "proof": "It was done so before.",
    "wording": "port",
    "undo": {"within": {"unit": "elapsed_time", "seconds": 3600}, "ladder": "undo"},
    "review": {"within": {"unit": "elapsed_time", "seconds": 3600}, "ladder": "review"},
    "requires": [
        {"gate": "risk_assessment", "questionnaire": "risk", "two_persons_from": "high"},
        {
            "gate": "approval",
            "name": "board",
            "groups": ["Board", "Guests"],
            "within": {"unit": "elapsed_time", "seconds": 3600},
            "ladder": "board",
        },
    ],
}
NAMED = {
    "/requires/0/questionnaire": Entry(Register.QUESTIONNAIRE, "risk"),
    "/requires/0/two_persons_from": Entry(Register.RANK, "high", of="risk"),
    "/requires/1/groups/0": Entry(Register.GROUP, "Board"),
    "/requires/1/groups/1": Entry(Register.GROUP, "Guests"),
    "/requires/1/ladder": Entry(Register.LADDER, "board"),
    "/review/ladder": Entry(Register.LADDER, "review"),
    "/undo/ladder": Entry(Register.LADDER, "undo"),
    "/wording": Entry(Register.WORDING, "port"),
}


def test_what_verdicts_name_and_no_register_has_is_told_at_its_place() -> None:
    written = {"rules": [rule("a", "true", then=DEVIATION)]}

    for pointer, missing in NAMED.items():
        there = set(NAMED.values()) - {missing}
        code = "unknown-wording" if pointer == "/wording" else "unknown-entry"
        assert around(written, kind="rationalization", there=there) == [(code, f"/rules/0/then{pointer}")]
    assert around(written, kind="rationalization", there=None) == []


@given(there=st.frozensets(st.sampled_from(sorted(NAMED.values(), key=str))))
def test_of_what_is_not_there_each_is_told_but_for_the_parts_of_what_is_gone(there: frozenset[Entry]) -> None:
    named = [Named(pointer, entry) for pointer, entry in NAMED.items()]

    told = {each.entry for each in surroundings.missing(named, there)}

    gone = set(NAMED.values()) - there
    asked, rank = NAMED["/requires/0/questionnaire"], NAMED["/requires/0/two_persons_from"]
    assert told == (gone - {rank} if asked in gone else gone)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (Entry(Register.GROUP, "Board"), "group 'Board'"),
        (Entry(Register.RANK, "high", of="risk"), "rank 'high' of 'risk'"),
    ],
)
def test_what_is_not_there_is_called_so(entry: Entry, words: str) -> None:
    assert str(entry) == words


def test_a_classification_needs_a_default() -> None:
    then = {"set": {"request.priority": "P1"}}
    kind = KINDS["classification"]

    def codes(*whens: str) -> list[str]:
        written = {"rules": [rule(f"r{place}", when, then=then) for place, when in enumerate(whens)]}
        return [finding.code for finding in lint.find(written, documents.read(written, kind), kind)]

    assert codes("request.impact == '1'") == ["no-default", "unmatched"]
    assert codes("request.impact == '1'", "true") == []
