"""From what the policies say to what is promised: the record of a decision, and the terms. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from service.commitments import promises
from service.commitments.domain import CalendarKey, Terms
from service.commitments.promises import Promises, Whose
from service.ids import CalendarVersionId, DecisionId, PolicyVersionId
from service.requests.domain import Decision, Facts
from service.requests.kinds import KINDS
from service.rules.domain import Answer, Decided, VersionRef
from service.rules.records import AnswerRecord
from service.tenants.domain import Client


@dataclass(frozen=True, slots=True)
class Judged:
    """What was decided, and what is promised by it.

    Attributes:
        outcome: what is promised, as the rules say it.
        calendars: the names of the calendars that are still to be given a version, see `with_calendars`.
        chosen: the names of the calendars by which it is to be counted rather, as the registers and the
            request have them; one that is no calendar's counts for nothing.
        differed: the rule sets on which the engine was found to differ from the reference.
    """

    decision: Decision
    outcome: Promises
    calendars: frozenset[str]
    chosen: Mapping[Whose, str]
    differed: tuple[VersionRef, ...] = ()

    @property
    def wanted(self) -> frozenset[str]:
        """The names of calendars, of those `chosen`, that are to be given a version if there are such."""
        return frozenset(self.chosen.values()) - self.decision.calendars.keys()


def judge(
    decided: Decided,
    client: Client | None,
    before: Sequence[Decision],
    *,
    decision_id: DecisionId,
    now: datetime,
) -> Judged:
    """The decision on one snapshot of facts.

    A rule that was followed before keeps the calendar versions that it was followed by: a revised calendar
    moves no promise that was made.

    Args:
        decided: what the policies in effect say.
        client: the client organization that the request is of, whose calendar promises may count by.
        before: the decisions that were made on the request before.
        decision_id: of the decision.
        now: the tenant's now.
    """
    answer = decided.of(promises.COMMITMENT.name)
    outcome = answer.outcome if isinstance(answer.outcome, Promises) else promises.DEFAULT
    followed = _followed(answer)
    pinned = next(
        (one.calendars for one in before if (one.policy_version_id, one.rule_id) == followed),
        dict[str, str](),
    )
    decision = Decision(
        id=decision_id,
        decided_at=now,
        given=dict(decided.given),
        facts=dict(decided.facts),
        answers=tuple(AnswerRecord.of(each, KINDS[each.kind]) for each in decided.answers if each.versions),
        calendars=pinned,
        policy_version_id=followed[0],
        rule_id=followed[1],
        degraded=decided.degraded,
        engine=decided.engine,
    )
    facts = dict(decided.facts)
    if client is not None and client.calendar is not None:
        facts["client"] = {"calendar": client.calendar}
    return Judged(
        decision,
        outcome,
        promises.calendars_of(outcome) - pinned.keys(),
        _chosen(outcome, facts),
        decided.differed,
    )


def _chosen(outcome: Promises, facts: Facts) -> dict[Whose, str]:
    """The calendars that the outcome would count by, by the facts."""
    found: dict[Whose, str] = {}
    for whose in promises.asked_of(outcome):
        value: Any = facts
        for name in _PLACES[whose]:
            value = cast("Facts", value).get(name) if isinstance(value, dict) else None
        if isinstance(value, str):
            found[whose] = value
    return found


_PLACES: Mapping[Whose, tuple[str, ...]] = {
    Whose.CLIENT: ("client", "calendar"),
    Whose.SERVICE: ("service", "hours"),
    Whose.GROUP: ("group", "calendar"),
    Whose.REQUEST: ("request", "custom", "calendar"),
}


def with_calendars(judged: Judged, versions: Mapping[str, UUID]) -> tuple[Decision, tuple[Terms, ...]]:
    """The decision with the versions of its calendars, by name, and the terms of what it promises."""
    known = judged.decision.calendars | {name: str(version_id) for name, version_id in versions.items()}
    outcome = _counted(judged.outcome, judged.chosen, known)
    keys = {name: known[name] for name in sorted(promises.calendars_of(outcome))}
    return replace(judged.decision, calendars=keys), _terms(outcome, keys)


def _counted(outcome: Promises, chosen: Mapping[Whose, str], known: Mapping[str, str]) -> Promises:
    """The outcome, counted by those of the chosen calendars that there are."""
    return promises.counted_by(outcome, {whose: name for whose, name in chosen.items() if name in known})


def _terms(outcome: Promises, versions: Mapping[str, str]) -> tuple[Terms, ...]:
    keys = {name: CalendarKey(version) for name, version in versions.items()}
    return tuple(promises.terms_of(outcome, keys))


def recounted(decision: Decision, versions: Mapping[str, CalendarVersionId]) -> Decision:
    """The decision with other versions of its calendars, by name, where there are any."""
    counted = {name: str(versions.get(name, version)) for name, version in decision.calendars.items()}
    return replace(decision, calendars=counted)


def terms_of(decision: Decision) -> tuple[Terms, ...]:
    """The terms of what a decision promises, on the versions of the calendars that it names.

    None where no rule was followed, or where it was not kept what the rule promises.
    """
    outcome = decision.of(promises.COMMITMENT.name).outcome
    if decision.rule_id is None or outcome is None:
        return ()
    promised = promises.read(outcome)
    counted = _counted(promised, _chosen(promised, decision.facts), decision.calendars)
    return _terms(counted, decision.calendars)


def unfollowed(decision: Decision) -> Decision:
    """The decision when its rule cannot be followed: its calendars open too seldom for what it promises."""
    return replace(decision, policy_version_id=None, rule_id=None, calendars={}, degraded=True)


def _followed(answer: Answer) -> tuple[PolicyVersionId | None, str | None]:
    """The version and the rule that were followed, if any; of several the first in rank."""
    if not answer.winners:
        return None, None
    winner = answer.winners[0]
    return winner.ref.version_id, winner.rule.id
