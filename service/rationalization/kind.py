"""Rationalization as a kind of policy, and what its verdicts name. Pure."""

from service.errors import pointer_to
from service.rationalization import checking, verdicts
from service.rationalization.verdicts import (
    Adjust,
    ApprovalGate,
    Review,
    RiskAssessment,
    SpecialMethod,
    Undoing,
)
from service.rules.domain import Entry, Kind, Named, Reach, Register


def calendars_of(outcome: object) -> frozenset[str]:
    """The names of the calendars that the verdict speaks of."""
    verdict = verdicts.as_verdict(outcome)
    named = [getattr(gate, "calendar", None) for gate in verdict.requires]
    if isinstance(verdict, Adjust) and verdict.proposal.window is not None:
        named.append(verdict.proposal.window.calendar)
    if isinstance(verdict, SpecialMethod):
        named.append(verdict.undo.calendar)
    if verdict.review is not None:
        named.append(verdict.review.calendar)
    return frozenset(name for name in named if name is not None)


def names_of(outcome: object) -> list[Named]:
    """The groups, ladders, questionnaires, ranks and wordings that the verdict names, with their places."""
    verdict = verdicts.as_verdict(outcome)
    found: list[Named] = []
    for at, gate in enumerate(verdict.requires):
        pointer = pointer_to("/requires", at)
        match gate:
            case ApprovalGate():
                groups = (Entry(Register.GROUP, name) for name in gate.groups)
                found += [
                    Named(pointer_to(f"{pointer}/groups", index), entry) for index, entry in enumerate(groups)
                ]
                found += _ladder_of(gate, pointer)
            case RiskAssessment():
                found += _risk_of(gate, pointer)
            case _:
                continue
    if verdict.review is not None:
        found += _ladder_of(verdict.review, "/review")
    if isinstance(verdict, SpecialMethod):
        found += _ladder_of(verdict.undo, "/undo")
    if verdict.wording is not None:
        found.append(Named("/wording", Entry(Register.WORDING, verdict.wording)))
    return found


def _risk_of(gate: RiskAssessment, pointer: str) -> list[Named]:
    asked = gate.questionnaire
    found = [Named(f"{pointer}/questionnaire", Entry(Register.QUESTIONNAIRE, asked))]
    if gate.two_persons_from is not None:
        rank = Entry(Register.RANK, gate.two_persons_from, of=asked)
        found.append(Named(f"{pointer}/two_persons_from", rank))
    return found


def _ladder_of(each: ApprovalGate | Review | Undoing, pointer: str) -> list[Named]:
    return [] if each.ladder is None else [Named(f"{pointer}/ladder", Entry(Register.LADDER, each.ladder))]


RATIONALIZATION = Kind(
    name="rationalization",
    read_outcome=checking.read,
    write_outcome=verdicts.write,
    merge=verdicts.merged,
    leader=verdicts.strictest,
    reach=Reach.ALL,
    calendars_of=calendars_of,
    names_of=names_of,
)
