"""What is told of a run: its events, and the notices that its steps give. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

from service.commitments.models import Commitment
from service.escalations.ladders.domain import (
    Channel,
    Client,
    Endpoint,
    Member,
    Reassignment,
    Resolution,
    Skipped,
    Whom,
)
from service.escalations.runs.domain import Telling
from service.escalations.runs.models import Affair, Notice, Run
from service.ids import ClientId, EndpointId, NoticeId
from service.outbox.models import EventDraft

SUBJECT_KIND = "escalation"
NOTICE_KIND = "notice"

LATE_AFTER = timedelta(minutes=1)
"""What is told later than this after it was planned is marked late."""

Payload: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a run is about, as it stands when something is told of it."""

    run: Run
    affair: Affair
    commitment: Commitment
    now: datetime
    new_id: Callable[[], UUID]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An event of a run.

    Attributes:
        at: when it came about.
        endpoint_id: the only endpoint that it is delivered to, if it is for one.
        notice_id: of the notice that it tells a client organization of.
    """

    type: str
    at: datetime
    payload: Payload
    endpoint_id: EndpointId | None = None
    notice_id: NoticeId | None = None
    client_id: ClientId | None = None


def told(type_: str, scene: Scene, said: Mapping[str, Any], *, at: datetime | None = None) -> Told:
    """An event for the tenant's own applications."""
    return Told(type=type_, at=at or scene.now, payload={**_run_told(scene), **said}, client_id=None)


def unstaffed(scene: Scene, telling: Telling, skipped: Sequence[Skipped]) -> Told:
    """A step had nobody to tell."""
    said = {
        **_step_told(scene.run, telling),
        "skipped": [{"target": each.target, "cause": each.cause.value} for each in skipped],
    }
    return told("escalation.unstaffed", scene, said)


def shared(resolved: Sequence[tuple[Telling, Resolution]]) -> list[tuple[Telling, tuple[Whom, ...]]]:
    """Whom each step tells, where several are due at once: each is told once, by the highest step."""
    heard: set[Whom] = set()
    found: list[tuple[Telling, tuple[Whom, ...]]] = []
    for telling, resolution in sorted(resolved, key=lambda each: each[0].step, reverse=True):
        whom = tuple(each.whom for each in resolution.recipients if each.whom not in heard)
        heard |= {each for each in whom if not isinstance(each, Reassignment)}
        found.append((telling, whom))
    return sorted(found, key=lambda each: each[0])


def notice(scene: Scene, whom: Member | Client | Endpoint, telling: Telling | None) -> Notice:
    """That somebody is told now; without a telling, since it was handed over to them."""
    run = scene.run
    step = None if telling is None else run.snapshot.definition.steps[telling.step]
    planned_at = scene.now if telling is None else telling.planned_at
    is_client = isinstance(whom, Client)
    payload = {
        "promise": _promise_told(scene),
        "request": _request_told(scene.affair),
        **({} if is_client else {"ladder": run.ladder, "step": None if step is None else step.name}),
        **({} if is_client or telling is None else {"repeat": telling.repeat}),
    }
    member = whom if isinstance(whom, Member) else None
    return Notice(
        id=NoticeId(scene.new_id()),
        escalation_id=run.id,
        request_id=run.request_id,
        commitment_id=run.commitment_id,
        client_id=run.client_id,
        step=None if telling is None else telling.step,
        step_name=None if step is None else step.name,
        repeat=None if telling is None else telling.repeat,
        recipient=_key(whom),
        member_id=None if member is None else member.id,
        name=None if member is None else member.name,
        email=None if member is None else member.email,
        channel=Channel.WEBHOOK.value,
        planned_at=planned_at,
        given_at=scene.now,
        late=scene.now - planned_at > LATE_AFTER,
        payload=payload,
    )


def given(given_notice: Notice, whom: Member | Client | Endpoint, scene: Scene) -> Told:
    """The event by which a notice reaches whom it is for."""
    times = {
        "notice_id": given_notice.id,
        "planned_at": given_notice.planned_at,
        "late": given_notice.late,
    }
    match whom:
        case Client(id=client_id, contact_id=contact_id):
            return Told(
                type="notice.given",
                at=scene.now,
                payload={**times, "contact_id": contact_id, **given_notice.payload},
                notice_id=given_notice.id,
                client_id=client_id,
            )
        case Endpoint(id=endpoint_id):
            return Told(
                type="escalation.notice",
                at=scene.now,
                payload={**_of_run(scene.run), **times, "recipient": _shown(whom), **given_notice.payload},
                endpoint_id=endpoint_id,
            )
        case Member():
            return Told(
                type="escalation.notice",
                at=scene.now,
                payload={**_of_run(scene.run), **times, "recipient": _shown(whom), **given_notice.payload},
            )


def drafts(tellings: Sequence[Told], run: Run) -> list[tuple[EventDraft, EndpointId | None]]:
    """The events, those of the run numbered from where its sequence stands; and the only endpoint of each."""
    found: list[tuple[EventDraft, EndpointId | None]] = []
    sequence = run.sequence
    for each in tellings:
        is_of_notice = each.notice_id is not None
        sequence += 0 if is_of_notice else 1
        draft = EventDraft(
            type=each.type,
            subject_kind=NOTICE_KIND if is_of_notice else SUBJECT_KIND,
            subject_id=each.notice_id or run.id,
            sequence=1 if is_of_notice else sequence,
            occurred_at=each.at,
            payload=each.payload,
            client_id=each.client_id if is_of_notice else run.client_id,
        )
        found.append((draft, each.endpoint_id))
    return found


def _run_told(scene: Scene) -> Payload:
    return {
        **_of_run(scene.run),
        "ladder": scene.run.ladder,
        "promise": _promise_told(scene),
        "request": _request_told(scene.affair),
    }


def _of_run(run: Run) -> Payload:
    return {"escalation_id": run.id, "request_id": run.request_id, "commitment_id": run.commitment_id}


def _step_told(run: Run, telling: Telling) -> Payload:
    step = run.snapshot.definition.steps[telling.step]
    return {"step": step.name, "repeat": telling.repeat, "planned_at": telling.planned_at}


def _promise_told(scene: Scene) -> Payload:
    commitment = scene.commitment
    return {
        "commitment_id": commitment.id,
        "metric": commitment.metric,
        "what": commitment.made.what,
        "cycle": commitment.cycle,
        "clock": commitment.clock.value,
        "outcome": commitment.outcome.value,
        "due_at": commitment.due_at,
        "lateness_seconds": commitment.lateness(scene.now).total_seconds(),
    }


def _request_told(affair: Affair) -> Payload:
    return {
        "request_id": affair.request_id,
        "source": affair.source,
        "external_id": affair.external_id,
        "title": affair.title,
        "type": affair.type,
    }


def _key(whom: Member | Client | Endpoint) -> str:
    match whom:
        case Member(id=member_id):
            return f"member:{member_id}"
        case Client(id=client_id):
            return f"client:{client_id}"
        case Endpoint(id=endpoint_id):
            return f"endpoint:{endpoint_id}"


def _shown(whom: Member | Endpoint) -> Payload:
    match whom:
        case Member(id=member_id, name=name, email=email):
            return {"member_id": member_id, "name": name, "email": email}
        case Endpoint(id=endpoint_id):
            return {"endpoint_id": endpoint_id}
