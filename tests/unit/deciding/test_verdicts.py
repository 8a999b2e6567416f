"""What a rule may say of a demand, and what several say together."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rationalization import checking, verdicts
from service.rationalization.kind import RATIONALIZATION
from service.rationalization.verdicts import FROM_STRICTEST
from service.rules.errors import OutcomeInvalid

APPROVAL = {"gate": "approval", "name": "board", "roles": ["manager"]}
PORTAL = {"name": "Portal", "url": "https://portal.example"}
SPECIAL = {
    "verdict": "special_method",
    "justification": "The supplier is closed.",
    "expires_in_days": 30,
    "way_back": "Take the rule out.",
    "requires": [APPROVAL, {"gate": "rollback_plan"}],
}
TESTED = SPECIAL | {
    "scope": "Port 22 of one host.",
    "proof": "It has been done so since spring.",
    "remind_before_seconds": [3_600],
    "undo": {"within": {"unit": "business_days", "days": 1}, "calendar": "office", "ladder": "undoing"},
    "requires": [APPROVAL],
}
GATES = [
    APPROVAL,
    {"gate": "approval", "name": "risk", "groups": ["security"], "needed": 2},
    {
        "gate": "approval",
        "name": "cab",
        "roles": ["manager"],
        "needed": "all",
        "within": {"unit": "working_time", "seconds": 3600},
        "calendar": "office",
        "ladder": "cab",
    },
    {"gate": "risk_assessment", "questionnaire": "change", "score_max": 40},
    {"gate": "rollback_plan"},
    {"gate": "test_evidence"},
    {"gate": "communication_plan"},
    {"gate": "freeze_window", "calendar": "year end"},
    {"gate": "maintenance_window", "calendar": "sundays"},
    {"gate": "change_conflict", "margin_seconds": 3600},
    {"gate": "readiness"},
]
PROPOSALS = [
    {"window": {"calendar": "sundays", "not_before_seconds": 86_400}},
    {"priority": "P3"},
    {"scope": "One site first."},
    {"type": "service_request"},
]
VERDICTS = [
    {"verdict": "accept"},
    *({"verdict": "adjust", "proposal": proposal} for proposal in PROPOSALS),
    SPECIAL,
    TESTED,
    {"verdict": "redirect", "channel": PORTAL},
    {"verdict": "decline", "objections": {"name": "The desk", "url": "mailto:desk@harbour.example"}},
]
REVIEWS = [
    {"within": {"unit": "elapsed_time", "seconds": 86_400}},
    {"within": {"unit": "business_days", "days": 5}, "calendar": "office", "ladder": "reviews"},
]
SOME_GATES = st.lists(st.sampled_from(GATES), max_size=4, unique_by=str)


def _with_gates(
    verdict: dict[str, Any], gates: list[dict[str, Any]], review: dict[str, Any] | None
) -> dict[str, Any]:
    required = [
        *verdict.get("requires", []),
        *(gate for gate in gates if gate not in verdict.get("requires", [])),
    ]
    reviewed = {} if review is None else {"review": review}
    return verdict | reviewed | ({"requires": required} if required else {})


WRITTEN = st.builds(
    _with_gates, st.sampled_from(VERDICTS), SOME_GATES, st.one_of(st.none(), st.sampled_from(REVIEWS))
)


@given(WRITTEN)
def test_a_verdict_is_written_as_it_was_read(written: dict[str, Any]) -> None:
    assert verdicts.write(checking.read(written)) == written


@pytest.mark.parametrize(
    ("then", "pointers"),
    [
        ({}, [""]),
        ({"verdict": "maybe"}, ["/verdict"]),
        ({"verdict": "accept", "note": "x"}, [""]),
        ({"verdict": "accept", "requires": [{"gate": "luck"}]}, ["/requires/0/gate"]),
        ({"verdict": "accept", "requires": [{"gate": "approval", "name": "cab"}]}, ["/requires/0"]),
        (
            {"verdict": "accept", "requires": [APPROVAL | {"within": {"unit": "business_days", "days": 1}}]},
            ["/requires/0/calendar"],
        ),
        ({"verdict": "accept", "requires": [APPROVAL | {"calendar": "office"}]}, ["/requires/0/calendar"]),
        ({"verdict": "accept", "requires": [APPROVAL | {"ladder": "cab"}]}, ["/requires/0/ladder"]),
        ({"verdict": "accept", "requires": [APPROVAL | {"needed": 0}]}, ["/requires/0/needed"]),
        ({"verdict": "accept", "requires": [APPROVAL | {"roles": ["king"]}]}, ["/requires/0/roles/0"]),
        ({"verdict": "accept", "requires": [{"gate": "readiness"}] * 21}, ["/requires"]),
        ({"verdict": "accept", "review": {}}, ["/review"]),
        ({"verdict": "accept", "review": REVIEWS[0] | {"calendar": "office"}}, ["/review/calendar"]),
        (
            {"verdict": "accept", "review": {"within": {"unit": "business_days", "days": 1}}},
            ["/review/calendar"],
        ),
        ({"verdict": "adjust"}, [""]),
        ({"verdict": "adjust", "proposal": {}}, ["/proposal"]),
        ({"verdict": "adjust", "proposal": {"window": {}}}, ["/proposal/window"]),
        ({"verdict": "adjust", "proposal": {"type": "wish"}}, ["/proposal/type"]),
        (TESTED | {"requires": []}, ["/requires"]),
        (SPECIAL | {"requires": []}, ["/requires", "/proof"]),
        (SPECIAL | {"requires": [APPROVAL]}, ["/proof"]),
        (SPECIAL | {"remind_before_seconds": [3_600, 30 * 86_400]}, ["/remind_before_seconds/1"]),
        (TESTED | {"undo": {"within": {"unit": "business_days", "days": 1}}}, ["/undo/calendar"]),
        (TESTED | {"undo": {"calendar": "office"}}, ["/undo/calendar"]),
        (SPECIAL | {"expires_in_days": 0}, ["/expires_in_days"]),
        ({"verdict": "redirect", "channel": {"name": "Portal", "url": "portal"}}, ["/channel/url"]),
        ({"verdict": "decline"}, [""]),
        (
            {"verdict": "decline", "objections": {"name": "x", "url": "javascript:alert(1)"}},
            ["/objections/url"],
        ),
    ],
)
def test_a_bad_verdict_names_the_place(then: dict[str, Any], pointers: list[str]) -> None:
    with pytest.raises(OutcomeInvalid) as refused:
        checking.read(then)

    assert [fault.pointer for fault in refused.value.faults] == pointers


@pytest.mark.parametrize(
    ("said", "followed"),
    [
        (["accept", "accept"], 0),
        (["accept", "adjust"], 1),
        (["adjust", "accept", "adjust"], 0),
        (["special_method", "adjust"], 0),
        (["special_method", "redirect"], 1),
        (["redirect", "decline", "decline"], 1),
    ],
)
def test_of_several_verdicts_the_first_of_the_strictest_is_followed(said: list[str], followed: int) -> None:
    by_name = {verdict["verdict"]: verdict for verdict in VERDICTS}
    outcomes = [checking.read(by_name[name]) for name in said]

    assert verdicts.strictest(outcomes) == followed
    assert verdicts.write(verdicts.merged(outcomes))["verdict"] == said[followed]


@given(st.lists(WRITTEN, min_size=1, max_size=5))
def test_together_they_are_as_strict_as_the_strictest_and_require_what_each_does(
    written: list[dict[str, Any]],
) -> None:
    outcomes = [checking.read(one) for one in written]

    merged = verdicts.merged(outcomes)

    assert FROM_STRICTEST.index(type(merged)) == min(FROM_STRICTEST.index(type(one)) for one in outcomes)
    gates = [gate for one in outcomes for gate in one.requires]
    assert all(gate in merged.requires for gate in gates)
    assert all(gate in gates for gate in merged.requires)
    assert len({str(gate) for gate in merged.requires}) == len(merged.requires)
    reviews = [one.review for one in outcomes if one.review is not None]
    leader = outcomes[verdicts.strictest(outcomes)]
    assert merged.review == (leader.review or (reviews[0] if reviews else None))
    assert verdicts.of(verdicts.write(merged)) == merged
    assert type(verdicts.merged(outcomes[::-1])) is type(merged)


def test_the_calendars_of_gates_proposals_undoing_and_reviews_are_known_when_it_is_published() -> None:
    window = {"calendar": "sundays"}
    said = {"verdict": "adjust", "proposal": {"window": window}, "requires": [GATES[2], GATES[7]]}

    assert RATIONALIZATION.calendars_of(checking.read(said)) == {"sundays", "office", "year end"}
    assert RATIONALIZATION.calendars_of(checking.read(TESTED)) == {"office"}
    reviewed = {"verdict": "accept", "review": REVIEWS[1]}
    assert RATIONALIZATION.calendars_of(checking.read(reviewed)) == {"office"}
    assert RATIONALIZATION.calendars_of(verdicts.ACCEPTED) == frozenset()
