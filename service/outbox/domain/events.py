"""Which events there are, and who is told of them. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from service.errors import Fault
from service.ids import ClientId


class Audience(StrEnum):
    INTERNAL = "internal"
    """The tenant's own applications."""
    CLIENT = "client"
    """Also the applications of the client organization that the event concerns."""


@dataclass(frozen=True, slots=True)
class EventType:
    description: str
    audience: Audience


EVENT_TYPES: Mapping[str, EventType] = MappingProxyType(
    {
        "request.accepted": EventType("A request was accepted and decided on.", Audience.CLIENT),
        "request.unmatched": EventType(
            "No rule matched a request; the tenant's default promise was made.", Audience.INTERNAL
        ),
        "request.rationalized": EventType(
            "A request was found to be other than reasonable as it is, or reasonable after all.",
            Audience.CLIENT,
        ),
        "request.changed": EventType("The state or the facts of a request changed.", Audience.CLIENT),
        "request.degraded": EventType(
            "A request was decided without the rules engine, or a rule could not be evaluated.",
            Audience.INTERNAL,
        ),
        "rules.engine_differed": EventType(
            "The rules engine found other rules to match than the reference evaluator, which counts.",
            Audience.INTERNAL,
        ),
        "commitment.made": EventType("A promise was made.", Audience.CLIENT),
        "commitment.warned": EventType("A promise will soon be broken.", Audience.INTERNAL),
        "commitment.broken": EventType("A promise was not kept in time.", Audience.CLIENT),
        "commitment.kept": EventType("What was promised was done in time.", Audience.CLIENT),
        "commitment.fulfilled_late": EventType(
            "What was promised was done after its time; the promise stays broken.", Audience.CLIENT
        ),
        "commitment.paused": EventType("The clock of a promise stopped for a while.", Audience.CLIENT),
        "commitment.resumed": EventType("The clock of a promise runs again.", Audience.CLIENT),
        "commitment.due_changed": EventType("A promise is due at another time.", Audience.CLIENT),
        "commitment.corrected": EventType(
            "A breach that was recorded turned out to be none; it stays on record, marked so.",
            Audience.CLIENT,
        ),
        "commitment.cancelled": EventType("A promise ended with its request.", Audience.CLIENT),
        "commitment.reopened": EventType("A promise runs again, as its request does.", Audience.CLIENT),
        "commitment.at_risk": EventType(
            "A promise is more likely to be missed than its policy allows: it is to be renegotiated.",
            Audience.INTERNAL,
        ),
        "renegotiation.proposed": EventType(
            "A promise will not be kept as it was made: why, and what is offered instead.", Audience.CLIENT
        ),
        "renegotiation.answered": EventType(
            "What is offered instead of a promise was answered, or nobody answered in time.", Audience.CLIENT
        ),
        "renegotiation.settled": EventType(
            "A counter-proposal to a renegotiated promise was taken, or not.", Audience.CLIENT
        ),
        "renegotiation.withdrawn": EventType(
            "What was offered instead of a promise is offered no more.", Audience.CLIENT
        ),
        "escalation.started": EventType("A ladder is climbed for a promise.", Audience.INTERNAL),
        "escalation.notice": EventType("Somebody was told by a step of a ladder.", Audience.INTERNAL),
        "escalation.unstaffed": EventType(
            "A step of a ladder had nobody to tell, and went on to the next target or step.",
            Audience.INTERNAL,
        ),
        "escalation.acknowledged": EventType("Somebody took an escalation.", Audience.INTERNAL),
        "escalation.reopened": EventType(
            "Nothing came of an acknowledgement in time, or quiet ended: it climbs on.", Audience.INTERNAL
        ),
        "escalation.snoozed": EventType("An escalation is to be quiet for a while.", Audience.INTERNAL),
        "escalation.handed_over": EventType("An escalation is somebody else's now.", Audience.INTERNAL),
        "escalation.raised": EventType("Somebody went up to a step of a ladder by hand.", Audience.INTERNAL),
        "escalation.ended": EventType("A ladder is climbed no more.", Audience.INTERNAL),
        "notice.given": EventType(
            "A client organization was told of a promise by a step of a ladder.", Audience.CLIENT
        ),
        "maintenance.planned": EventType("A service will be in maintenance.", Audience.CLIENT),
        "maintenance.began": EventType("A service is in maintenance.", Audience.CLIENT),
        "maintenance.ended": EventType(
            "A service's maintenance is over, or was called off.", Audience.CLIENT
        ),
        "major_incident.declared": EventType("A major incident was declared.", Audience.CLIENT),
        "major_incident.reported": EventType("How a major incident goes on was reported.", Audience.CLIENT),
        "major_incident.ended": EventType("A major incident is over.", Audience.CLIENT),
        "arrangement.held_up": EventType(
            "What a verdict requires is not all there: work may not start yet.", Audience.INTERNAL
        ),
        "arrangement.ready": EventType(
            "All that a verdict requires is there: work may start.", Audience.CLIENT
        ),
        "arrangement.answered": EventType(
            "A counter-proposal was accepted, objected to, or not answered in time.", Audience.CLIENT
        ),
        "arrangement.refused": EventType(
            "What a verdict requires was refused: the demand is not met so.", Audience.CLIENT
        ),
        "arrangement.ended": EventType(
            "A verdict counts no more: another took its place, or the demand was withdrawn.", Audience.CLIENT
        ),
        "approval.asked": EventType("Somebody's consent is wanted before work starts.", Audience.INTERNAL),
        "approval.answered": EventType("Somebody consented, or refused.", Audience.INTERNAL),
        "approval.settled": EventType(
            "An approval was granted, refused, not given in time, or is not wanted any more.",
            Audience.INTERNAL,
        ),
        "gate.recorded": EventType("A record was made of what a verdict requires.", Audience.INTERNAL),
        "gate.settled": EventType(
            "Something that a verdict requires is there, or is missing again.", Audience.INTERNAL
        ),
        "special_method.allowed": EventType(
            "A deviation from the norm is allowed for a while.", Audience.CLIENT
        ),
        "special_method.expiring": EventType("A special method will soon end.", Audience.CLIENT),
        "special_method.ended": EventType("A special method may be used no more.", Audience.CLIENT),
        "special_method.used": EventType("A special method was used.", Audience.INTERNAL),
        "special_method.checked": EventType(
            "What came of a special method was looked at after its end.", Audience.INTERNAL
        ),
        "objection.raised": EventType(
            "Somebody concerned objected to a verdict, a promise or an arrangement.", Audience.CLIENT
        ),
        "objection.decided": EventType("An objection was decided, with the reason.", Audience.CLIENT),
        "objection.withdrawn": EventType("Somebody objects no more.", Audience.CLIENT),
        "request_type.submitted": EventType(
            "A version of a type of request is to be approved.", Audience.INTERNAL
        ),
        "request_type.published": EventType("A version of a type of request took effect.", Audience.INTERNAL),
        "request_type.retired": EventType("A type of request is offered no more.", Audience.INTERNAL),
        "improvement.opened": EventType("Something is to be made better.", Audience.INTERNAL),
        "improvement.changed": EventType("An improvement stands otherwise.", Audience.INTERNAL),
        "accident.recorded": EventType(
            "An accident of operation or maintenance was recorded.", Audience.INTERNAL
        ),
        "accident.changed": EventType(
            "What is known of an accident, or done about it, changed.", Audience.INTERNAL
        ),
        "review.owed": EventType("The work was done: what came of it is to be reviewed.", Audience.INTERNAL),
        "review.withdrawn": EventType(
            "The work goes on after all: the review of it is not owed any more.", Audience.INTERNAL
        ),
        "review.done": EventType("What came of the work was reviewed.", Audience.INTERNAL),
        "template.failed": EventType(
            "A message could not be made from its template; plain words were told instead.", Audience.INTERNAL
        ),
        "alarm.raised": EventType(
            "The auditor found a promise, a run of a ladder or a worker that nobody looks after.",
            Audience.INTERNAL,
        ),
        "alarm.cleared": EventType("What the auditor had found is in order again.", Audience.INTERNAL),
        "policy.drafted": EventType("A version of a policy was written.", Audience.INTERNAL),
        "policy.submitted": EventType("A version of a policy is to be reviewed.", Audience.INTERNAL),
        "policy.returned": EventType("A version of a policy was sent back to be mended.", Audience.INTERNAL),
        "policy.approved": EventType("A version of a policy may be published.", Audience.INTERNAL),
        "policy.scheduled": EventType("A version of a policy will take effect by itself.", Audience.INTERNAL),
        "policy.unscheduled": EventType(
            "A version of a policy will not take effect by itself any more.", Audience.INTERNAL
        ),
        "policy.published": EventType("A version of a policy took effect.", Audience.INTERNAL),
        "policy.replaced": EventType(
            "A version of a policy gave way to another one of it.", Audience.INTERNAL
        ),
        "policy.retired": EventType("A policy was taken out of effect.", Audience.INTERNAL),
        "policy.reverted": EventType(
            "A version was made as a copy of an earlier one, to take effect again.", Audience.INTERNAL
        ),
        "policy.engine_refused": EventType(
            "The rules engine does not take a version of a policy; the reference evaluator decides by it.",
            Audience.INTERNAL,
        ),
        "policy.repinned": EventType(
            "Putting running requests on a version of a policy ended: its state, and how many were.",
            Audience.INTERNAL,
        ),
        "calendar.repinned": EventType(
            "Putting running requests on a version of a calendar ended: its state, and how many were.",
            Audience.INTERNAL,
        ),
    }
)
"""Every event there is: the feed, webhooks and the documentation know no others."""


@dataclass(frozen=True, slots=True)
class Interest:
    """What an endpoint, or a reader of the feed, may be told of and wants.

    Attributes:
        client_id: whose events alone may be told; None for the tenant's own applications.
        types: the events wanted; empty means all.
    """

    client_id: ClientId | None
    types: Collection[str]


def concerns(interest: Interest, event_type: str, client_id: ClientId | None) -> bool:
    """Is an event of this type, about this client organization, told to whoever has this interest?"""
    if interest.types and event_type not in interest.types:
        return False
    if interest.client_id is None:
        return True
    return client_id == interest.client_id and EVENT_TYPES[event_type].audience is Audience.CLIENT


def faults_of_types(types: Collection[str]) -> list[Fault]:
    return [
        Fault(f"/types/{index}", f"{name!r} is not an event; known are {', '.join(EVENT_TYPES)}.")
        for index, name in enumerate(types)
        if name not in EVENT_TYPES
    ]
