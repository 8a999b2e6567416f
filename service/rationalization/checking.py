"""Whether what a rule says of a demand makes sense. Pure."""

from collections.abc import Iterator

import msgspec

from service import forms
from service.commitments.targets import ElapsedTime
from service.errors import Fault, pointer_to
from service.rationalization import verdicts
from service.rationalization.verdicts import (
    ADDRESS,
    DAY_SECONDS,
    GATES_MAX,
    PROVING,
    Accept,
    Adjust,
    ApprovalGate,
    Channel,
    Decline,
    Gate,
    Proposal,
    Redirect,
    Review,
    SpecialMethod,
    Undoing,
    Verdict,
    Window,
)
from service.rules.errors import OutcomeInvalid


def read(then: object) -> Verdict:
    """Read a rule's `then`. Raises OutcomeInvalid."""
    try:
        outcome = verdicts.of(then)
    except msgspec.ValidationError as error:
        raise OutcomeInvalid([forms.fault_of(error)]) from error
    faults = [fault for at, gate in enumerate(outcome.requires) for fault in _faults_of_gate(gate, at)]
    faults += _faults_of_verdict(outcome)
    if faults:
        raise OutcomeInvalid(faults)
    return outcome


def _faults_of_gate(gate: Gate, at: int) -> Iterator[Fault]:
    pointer = pointer_to("/requires", at)
    if not isinstance(gate, ApprovalGate):
        return
    if not gate.roles and not gate.groups:
        yield Fault(pointer, "An approval says by whom: name `roles` or `groups`.")
    yield from faults_of_deadline(gate, pointer)
    if gate.ladder is not None and gate.within is None:
        yield Fault(f"{pointer}/ladder", "A ladder is climbed as a deadline comes near; say `within`.")


def _faults_of_verdict(verdict: Verdict) -> Iterator[Fault]:
    if len(verdict.requires) > GATES_MAX:
        yield Fault("/requires", f"A rule requires {GATES_MAX} things at most.")
    if verdict.review is not None:
        yield from faults_of_deadline(verdict.review, "/review")
    match verdict:
        case Accept():
            return
        case Adjust(proposal=proposal):
            yield from _faults_of_proposal(proposal)
        case SpecialMethod():
            yield from _faults_of_special_method(verdict)
        case Redirect(channel=channel):
            yield from _faults_of_channel(channel, "/channel")
        case Decline(objections=objections):
            yield from _faults_of_channel(objections, "/objections")


def _faults_of_special_method(verdict: SpecialMethod) -> Iterator[Fault]:
    if not any(isinstance(gate, ApprovalGate) for gate in verdict.requires):
        yield Fault("/requires", "A special method needs an approval; add a gate `approval`.")
    if verdict.proof is None and not any(isinstance(gate, PROVING) for gate in verdict.requires):
        detail = "Say here why it can be relied on, or add a gate `test_evidence` or `rollback_plan`."
        yield Fault("/proof", detail)
    for at, seconds in enumerate(verdict.remind_before_seconds or ()):
        if seconds >= verdict.expires_in_days * DAY_SECONDS:
            detail = f"It lasts {verdict.expires_in_days} days; remind later than when it begins."
            yield Fault(pointer_to("/remind_before_seconds", at), detail)
    yield from faults_of_deadline(verdict.undo, "/undo")


def faults_of_deadline(deadline: ApprovalGate | Review | Undoing, pointer: str) -> Iterator[Fault]:
    """What is wrong with how a deadline is counted; `pointer` is where the deadline stands."""
    counts_by_calendar = not isinstance(deadline.within, ElapsedTime | None)
    if counts_by_calendar and deadline.calendar is None:
        yield Fault(f"{pointer}/calendar", "A deadline in working time needs the name of a calendar.")
    if not counts_by_calendar and deadline.calendar is not None:
        yield Fault(f"{pointer}/calendar", "A calendar counts nothing here; leave it out.")


def _faults_of_proposal(proposal: Proposal) -> Iterator[Fault]:
    if proposal == Proposal():
        yield Fault("/proposal", "Say what is proposed: `window`, `priority`, `scope` or `type`.")
    if proposal.window == Window():
        yield Fault("/proposal/window", "Say when: `calendar`, `not_before_seconds` or both.")


def _faults_of_channel(channel: Channel, pointer: str) -> Iterator[Fault]:
    if ADDRESS.fullmatch(channel.url) is None:
        yield Fault(f"{pointer}/url", "An address begins with https://, http:// or mailto:, without spaces.")
