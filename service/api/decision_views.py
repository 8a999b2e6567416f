"""What HTTP shows of a decision, and of why it was made so.

An application of a client organization is shown the verdict with its reason, the rule that was followed, and
nothing of which rules there are.
"""

from datetime import datetime
from typing import Any

import msgspec

from service.commitments.promises import Promise
from service.ids import DecisionId, PolicyId, PolicyVersionId, RequestId
from service.rationalization import verdicts
from service.rationalization.verdicts import Verdict
from service.requests.domain import Decision
from service.requests.reading import Why
from service.rules.domain import Consulted, Doubt, VersionRef
from service.rules.records import AnswerRecord, Followed
from service.rules.service import RuleWhy


class VersionRefView(msgspec.Struct, frozen=True):
    """One version of one policy."""

    policy_id: PolicyId
    version_id: PolicyVersionId
    version: int

    @classmethod
    def of(cls, ref: VersionRef) -> "VersionRefView":
        return cls(ref.policy_id, ref.version_id, ref.version)


class UnfitView(msgspec.Struct, frozen=True):
    """A fact that is not what it is declared to be: its place in the snapshot, and what is wrong with it."""

    pointer: str
    detail: str


class ConsultedView(msgspec.Struct, frozen=True):
    """A version that was asked: its rules that matched, those that could not be evaluated, and doubts.

    `unfit` are facts that are not what the version knows them to be. One of another type was taken for
    absent; one whose value is none of those declared was read as it came.
    """

    version_id: PolicyVersionId
    rules: list[str]
    errors: list[str]
    doubts: list[Doubt]
    unfit: list[UnfitView]

    @classmethod
    def of(cls, consulted: Consulted) -> "ConsultedView":
        return cls(
            consulted.ref.version_id,
            list(consulted.matched),
            list(consulted.errors),
            list(consulted.doubts),
            [UnfitView(fault.pointer, fault.message) for fault in consulted.unfit],
        )


class FollowedView(msgspec.Struct, frozen=True):
    """A rule that counts."""

    version_id: PolicyVersionId
    rule_id: str
    because: str

    @classmethod
    def of(cls, followed: Followed) -> "FollowedView":
        return cls(followed.version_id, followed.rule_id, followed.because)


class AnswerView(msgspec.Struct, frozen=True):
    """What the policies of one kind said.

    `versions` are all that were in effect, `consulted` those that were asked. The first of `winners` is the
    rule that was followed; `outcome` is what all of them say together, null when none counts.
    """

    kind: str
    versions: list[VersionRefView]
    consulted: list[ConsultedView]
    winners: list[FollowedView]
    outcome: dict[str, Any] | None

    @classmethod
    def of(cls, answer: AnswerRecord) -> "AnswerView":
        return cls(
            kind=answer.kind,
            versions=list(map(VersionRefView.of, answer.versions)),
            consulted=list(map(ConsultedView.of, answer.consulted)),
            winners=list(map(FollowedView.of, answer.winners)),
            outcome=answer.outcome,
        )


class DecisionView(msgspec.Struct, frozen=True):
    """What was decided, on which snapshot of facts, by which versions.

    `reason` tells why the verdict is what it is; null where no rule says anything of the demand. `facts` are
    those with what was `derived` from them by classification. `promises` is what the rules that were followed
    say, or the default; null where it was not kept, or cannot be, since its calendars leave no time for it.
    `degraded` means that something could not be evaluated which might have changed the answer: `doubts` of
    what was consulted say what. `answers` are those of the kinds that had a policy in effect.

    An application of a client organization does not see which rules there are: no versions, no `answers`, no
    promises as rules write them, no ladders, nothing that was derived.
    """

    id: DecisionId
    decided_at: datetime
    verdict: Verdict
    reason: str | None
    facts: dict[str, Any]
    derived: dict[str, Any]
    promises: list[Promise] | None
    ladders: list[str]
    answers: list[AnswerView]
    policy_version_id: PolicyVersionId | None
    rule_id: str | None
    degraded: bool
    engine: str

    @classmethod
    def of(cls, decision: Decision, *, in_full: bool) -> "DecisionView":
        return cls(
            id=decision.id,
            decided_at=decision.decided_at,
            verdict=verdicts.of(decision.verdict),
            reason=decision.reason,
            facts=decision.facts,
            derived=decision.derived if in_full else {},
            promises=msgspec.convert(decision.promises if in_full else None, list[Promise] | None),
            ladders=decision.ladders if in_full else [],
            answers=list(map(AnswerView.of, decision.answers)) if in_full else [],
            policy_version_id=decision.policy_version_id,
            rule_id=decision.rule_id,
            degraded=decision.degraded,
            engine=decision.engine,
        )


class DecisionsView(msgspec.Struct, frozen=True):
    """The decision that holds, and those that held before it."""

    request_id: RequestId
    decision: DecisionView
    earlier: list[DecisionView]

    @classmethod
    def of(cls, request_id: RequestId, decisions: list[Decision], *, in_full: bool) -> "DecisionsView":
        *earlier, holding = [DecisionView.of(decision, in_full=in_full) for decision in decisions]
        return cls(request_id, holding, earlier)


class RuleWhyView(msgspec.Struct, frozen=True):
    """One rule, matched or not, with the values that decided it.

    `counts` says whether it is one of the rules that count, `place` which of them: 1 is the rule that was
    followed. A policy that was not `asked` is for other requests, or comes after one that had an answer.
    An application of a client organization is told neither the version nor the condition: `policy_id`,
    `policy_version`, `when` and `explanation` are null.
    """

    kind: str
    policy_id: PolicyId | None
    policy_version: int | None
    rule_id: str
    when: str | None
    because: str
    asked: bool
    counts: bool
    place: int | None
    explanation: dict[str, Any] | None

    @classmethod
    def of(cls, why: RuleWhy, *, in_full: bool) -> "RuleWhyView":
        return cls(
            kind=why.kind,
            policy_id=why.ref.policy_id if in_full else None,
            policy_version=why.ref.version if in_full else None,
            rule_id=why.rule.id,
            when=why.rule.when if in_full else None,
            because=why.rule.because,
            asked=why.asked,
            counts=why.counts,
            place=why.place,
            explanation=dict(why.explanation) if in_full else None,
        )


class DoubtView(msgspec.Struct, frozen=True):
    """Something that leaves a doubt about what a policy said."""

    kind: str
    policy_id: PolicyId
    policy_version: int
    doubt: Doubt


class WhyView(msgspec.Struct, frozen=True):
    """Every rule of the versions that were in effect, on the facts that it was asked about, kind by kind.

    `facts` are those with what classification derived; its own rules were asked about the facts before.

    An application of a client organization sees the rules that were followed, in promising and for the
    verdict, what its source says of the request, and what else those rules have read.
    """

    decision_id: DecisionId
    verdict: Verdict
    reason: str | None
    facts: dict[str, Any]
    doubts: list[DoubtView]
    rules: list[RuleWhyView]

    @classmethod
    def of(cls, why: Why, *, in_full: bool) -> "WhyView":
        return cls(
            decision_id=why.decision.id,
            verdict=verdicts.of(why.decision.verdict),
            reason=why.decision.reason,
            facts=why.facts,
            doubts=_doubts(why.decision) if in_full else [],
            rules=[RuleWhyView.of(each, in_full=in_full) for each in why.rules],
        )


def _doubts(decision: Decision) -> list[DoubtView]:
    return [
        DoubtView(answer.kind, consulted.ref.policy_id, consulted.ref.version, doubt)
        for answer in decision.answers
        for consulted in answer.consulted
        for doubt in consulted.doubts
    ]
