"""From what the policies say to what is promised: the record of a decision, and the terms. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from service.commitments import promises
from service.commitments.domain import CalendarKey, Terms
from service.commitments.promises import Promises
from service.ids import CalendarVersionId, DecisionId, PolicyVersionId
from service.requests.domain import Decision
from service.requests.kinds import KINDS
from service.rules.domain import Answer, Decided, VersionRef
from service.rules.records import AnswerRecord
from service.tenants.domain import Client


@dataclass(frozen=True, slots=True)
class Judged:
    """What was decided, and what is promised by it.

    Attributes:
        outcome: what is promised, counted by the client's own calendar where it is to be.
        calendars: the names of the calendars that are still to be given a version, see `with_calendars`.
        differed: the rule sets on which the engine was found to differ from the reference.
    """

    decision: Decision
    outcome: Promises
    calendars: frozenset[str]
    differed: tuple[VersionRef, ...] = ()


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
    outcome = promises.counted_by(outcome, None if client is None else client.calendar)
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
    return Judged(decision, outcome, promises.calendars_of(outcome) - pinned.keys(), decided.differed)


def with_calendars(judged: Judged, versions: Mapping[str, UUID]) -> tuple[Decision, tuple[Terms, ...]]:
    """The decision with the versions of its calendars, by name, and the terms of what it promises."""
    keys = judged.decision.calendars | {name: str(version_id) for name, version_id in versions.items()}
    calendar_keys = {name: CalendarKey(version) for name, version in keys.items()}
    return (
        replace(judged.decision, calendars=keys),
        tuple(promises.terms_of(judged.outcome, calendar_keys)),
    )


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
    client = decision.facts.get("client", {})
    counted = promises.counted_by(promises.read(outcome), client.get("calendar"))
    keys = {name: CalendarKey(version) for name, version in decision.calendars.items()}
    return tuple(promises.terms_of(counted, keys))


def unfollowed(decision: Decision) -> Decision:
    """The decision when its rule cannot be followed: its calendars open too seldom for what it promises."""
    return replace(decision, policy_version_id=None, rule_id=None, calendars={}, degraded=True)


def _followed(answer: Answer) -> tuple[PolicyVersionId | None, str | None]:
    """The version and the rule that were followed, if any; of several the first in rank."""
    if not answer.winners:
        return None, None
    winner = answer.winners[0]
    return winner.ref.version_id, winner.rule.id
