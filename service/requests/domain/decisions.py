"""What rules read of a request, what was decided on it, and who may see how much of that. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

from service.commitments.promises import COMMITMENT, DEFAULT
from service.escalations import climbs
from service.escalations.climbs import ESCALATION, Climb
from service.ids import DecisionId, PolicyVersionId
from service.instants import rfc3339
from service.rationalization.kind import RATIONALIZATION
from service.rationalization.verdicts import ACCEPTED
from service.requests.domain.facts import Facts
from service.requests.domain.ledger import Request
from service.rules.classification import CLASSIFICATION
from service.rules.records import AnswerRecord
from service.rules.vocabulary import HISTORY
from service.tenants.domain import Client, OperatedService

OF_OTHERS = frozenset(name for name in HISTORY if not name.startswith("client."))
"""The facts that are counted over other clients' requests too."""

OWN_AFFAIRS = frozenset({"requires", "review", "pattern", "wording", "undo"})
"""What a verdict says to the tenant, and not to the requester."""

MAJOR_INCIDENT = "request.custom.major_incident"
"""A fact that a tenant may declare; where a rule of classification sets it, a major incident is declared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided on one snapshot of facts, and all that is needed to say why.

    Attributes:
        given: the snapshot that the first policy was asked about.
        facts: the snapshot with what classification derived from it, which the policies after it read.
        answers: what the policies of each kind said, in the order in which they were asked; of those
            without a policy in effect nothing.
        calendars: the version that each calendar's name stood for.
        policy_version_id: the version whose rule was followed in promising; None when nothing matched.
        degraded: whether something could not be evaluated that might have changed the answer.
    """

    id: DecisionId
    decided_at: datetime
    given: Facts
    facts: Facts
    answers: tuple[AnswerRecord, ...]
    calendars: dict[str, str]
    policy_version_id: PolicyVersionId | None
    rule_id: str | None
    degraded: bool
    engine: str

    def of(self, kind: str) -> AnswerRecord:
        """What the policies of one kind said."""
        return next((each for each in self.answers if each.kind == kind), AnswerRecord(kind=kind))

    @property
    def verdict(self) -> dict[str, Any]:
        """Whether the demand is reasonable, as a rule writes it."""
        return self.of(RATIONALIZATION.name).outcome or RATIONALIZATION.write_outcome(ACCEPTED)

    @property
    def reason(self) -> str | None:
        """Why the verdict is what it is; None where no rule says anything of the demand."""
        winners = self.of(RATIONALIZATION.name).winners
        return winners[0].because if winners else None

    @property
    def derived(self) -> dict[str, Any]:
        """The facts that classification set, by their dotted names."""
        outcome = self.of(CLASSIFICATION.name).outcome
        return {} if outcome is None else outcome["set"]

    @property
    def is_of_major_incident(self) -> bool:
        """Whether classification found the request to be of a major incident, whatever its source says."""
        return self.derived.get(MAJOR_INCIDENT) is True

    @property
    def promises(self) -> list[Any] | None:
        """What is promised, as a rule writes it.

        None where it was not kept, and where a rule promises what its calendars never leave time for.
        """
        record = self.of(COMMITMENT.name)
        if not record.winners:
            return COMMITMENT.write_outcome(DEFAULT)["promises"]
        return None if record.outcome is None or self.rule_id is None else record.outcome["promises"]

    @property
    def climbs(self) -> list[Climb]:
        """The ladders that are to be climbed, and by which promises."""
        outcome = self.of(ESCALATION.name).outcome
        return [] if outcome is None else climbs.climbs_in(outcome)

    @property
    def ladders(self) -> list[str]:
        """The names of the ladders that are to be climbed."""
        outcome = self.of(ESCALATION.name).outcome
        return [] if outcome is None else climbs.names_in(outcome)


def rule_facts(
    request: Request,
    own: Facts,
    *,
    client: Client | None,
    service: OperatedService | None,
    group_calendar: str | None = None,
) -> Facts:
    """The snapshot that rules read: what is absent here is absent to them."""
    of_type = request.of_type
    snapshot: Facts = {
        "request": own
        | {
            "type": request.type.value,
            "type_name": request.type.value if of_type is None else of_type.name,
            "standard": of_type is not None and of_type.standard,
            "source": request.source,
            "external_id": request.external_id,
            "opened_at": rfc3339(request.opened_at),
        }
        | ({} if request.title is None else {"title": request.title}),
    }
    if client is not None:
        snapshot["client"] = _present({"name": client.name, "tier": client.tier, "calendar": client.calendar})
        if client.profile:
            snapshot["client"]["custom"] = dict(client.profile)
    if service is not None:
        snapshot["service"] = _present(
            {
                "name": service.name,
                "owner_group": service.owner_group,
                "criticality": service.criticality,
                "hours": service.hours,
            }
        )
    if group_calendar is not None:
        snapshot["group"] = {"calendar": group_calendar}
    return snapshot


def with_verdict(decision: Decision, verdict: dict[str, Any]) -> Decision:
    """The decision as if its rules had given this verdict."""
    answers = (
        replace(each, outcome=verdict) if each.kind == RATIONALIZATION.name else each
        for each in decision.answers
    )
    return replace(decision, answers=tuple(answers))


TURNS = frozenset({"assignment_group", "assignee"})
"""Whose turn it is: what changes with the work, and not what is asked for."""


def is_rewritten(before: Request, after: Request) -> bool:
    """Whether a report changed what is asked for, whatever rules make of that."""
    return before.type is not after.type or _wished(before) != _wished(after)


def _wished(request: Request) -> Facts:
    return {name: value for name, value in request.facts.items() if name not in TURNS}


def is_edited(before: Decision, after: Decision) -> bool:
    """Whether what is asked for is not what it was, by what its source says."""
    return _asked(before) != _asked(after)


def _asked(decision: Decision) -> Facts:
    return {name: value for name, value in decision.given.get("request", {}).items() if name not in TURNS}


def peers_of(facts: Facts) -> str:
    """The kind of request that forecasts compare one with, by the facts that were decided on."""
    said = facts["request"]
    return f"{said['type']}/{said.get('priority') or ''}".rstrip("/")


def _present(facts: Mapping[str, str | None]) -> Facts:
    return {key: value for key, value in facts.items() if value is not None}


def for_client(decision: Decision) -> Decision:
    """What an application of the client organization may know of a decision: not which rules there are.

    It is told the verdict and its reason, and not what the tenant asks of itself before it starts.
    """
    given = facts_for_client(decision, frozenset())
    said = decision.of(RATIONALIZATION.name)
    verdict = {name: value for name, value in decision.verdict.items() if name not in OWN_AFFAIRS}
    told = AnswerRecord(kind=said.kind, winners=said.winners[:1], outcome=verdict)
    return replace(decision, given=given, facts=given, answers=(told,), policy_version_id=None)


def facts_for_client(decision: Decision, read: Collection[tuple[str, ...]]) -> Facts:
    """What its client organization may know of a snapshot: what the request says, and what was `read`.

    What the tenant notes of the client, or makes of the request, is shown only where it was the reason for a
    decision; what tells of other requests never is.

    Args:
        decision: with its snapshots.
        read: the facts that were the reason, by the steps of their names.
    """
    shown: Facts = {"request": decision.given.get("request", {})}
    for path in (each for each in read if ".".join(each) not in OF_OTHERS):
        value: Any = decision.facts
        for name in path:
            value = cast("Facts", value).get(name) if isinstance(value, dict) else None
        if value is not None and not isinstance(value, dict):
            _put(shown, path, value)
    return shown


def _put(shown: Facts, path: tuple[str, ...], value: object) -> None:
    """Show a value at its place; the groups on the way are copied, since others hold them too."""
    place = shown
    for name in path[:-1]:
        place[name] = dict(place.get(name) or {})
        place = place[name]
    place[path[-1]] = value
