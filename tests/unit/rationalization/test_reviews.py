"""What of a review's findings cannot be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rationalization.improvements.domain import Evidence
from service.rationalization.reviews import domain
from service.rationalization.reviews.domain import Findings, Result
from service.rules.vocabulary import RequestType
from tests.factories import NOON

FINDINGS = st.builds(
    Findings,
    result=st.sampled_from(Result),
    objectives_met=st.booleans(),
    deviations=st.one_of(st.none(), st.just("One step took longer.")),
    lessons=st.one_of(st.none(), st.just("Try it before.")),
)


@pytest.mark.parametrize(
    ("result", "met", "deviated", "pointers"),
    [
        (Result.SUCCESSFUL, True, False, []),
        (Result.SUCCESSFUL, True, True, ["/deviations"]),
        (Result.SUCCESSFUL, False, False, ["/objectives_met"]),
        (Result.SUCCESSFUL_WITH_DEVIATIONS, True, True, []),
        (Result.SUCCESSFUL_WITH_DEVIATIONS, True, False, ["/deviations"]),
        (Result.SUCCESSFUL_WITH_DEVIATIONS, False, True, ["/objectives_met"]),
        (Result.FAILED, False, True, []),
        (Result.FAILED, True, True, []),
        (Result.FAILED, False, False, ["/deviations"]),
        (Result.ROLLED_BACK, False, True, []),
        (Result.ROLLED_BACK, True, True, ["/objectives_met"]),
        (Result.ROLLED_BACK, False, False, ["/deviations"]),
        (Result.NOT_IMPLEMENTED, False, True, []),
        (Result.NOT_IMPLEMENTED, True, True, ["/objectives_met"]),
        (Result.NOT_IMPLEMENTED, False, False, ["/deviations"]),
    ],
)
def test_findings_that_contradict_themselves_are_refused_with_their_place(
    result: Result, *, met: bool, deviated: bool, pointers: list[str]
) -> None:
    findings = Findings(result=result, objectives_met=met, deviations="It took longer." if deviated else None)

    assert [fault.pointer for fault in domain.faults_of(findings, is_cancelled=True)] == pointers


@pytest.mark.parametrize("result", Result)
def test_only_what_was_cancelled_may_turn_out_not_to_have_been_done(result: Result) -> None:
    findings = Findings(result=result, objectives_met=result.is_success, deviations="It took longer.")

    told = [fault.pointer for fault in domain.faults_of(findings, is_cancelled=False)]

    assert ("/result" in told) is (result is Result.NOT_IMPLEMENTED)


@pytest.mark.parametrize("type_", RequestType)
@pytest.mark.parametrize("result", Result)
def test_what_was_not_done_counts_for_nothing(type_: RequestType, result: Result) -> None:
    is_change = type_ in {RequestType.CHANGE, RequestType.PLAN_CHANGE}

    assert domain.counts(type_, result) is (is_change and result is not Result.NOT_IMPLEMENTED)


@given(FINDINGS)
def test_what_counts_as_a_success_met_its_objectives_and_what_did_not_go_as_planned_says_how(
    findings: Findings,
) -> None:
    if list(domain.faults_of(findings, is_cancelled=True)):
        return

    assert findings.objectives_met or not findings.result.is_success
    assert (findings.deviations is None) == (findings.result is Result.SUCCESSFUL)


def test_evidence_is_dated_within_the_years_that_there_are() -> None:
    evidence = Evidence(kind="ticket", id="1", at=NOON.replace(year=1), what="Long ago.")
    findings = Findings(result=Result.SUCCESSFUL, objectives_met=True, evidence=(evidence,))

    assert [fault.pointer for fault in domain.faults_of(findings, is_cancelled=False)] == ["/evidence/0/at"]
