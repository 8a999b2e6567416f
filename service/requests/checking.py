"""Whether a request says what its type in the tenant's catalogue asks for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

from service.audit import service as audit
from service.audit.domain import Actor, Deed
from service.db import TenantSession
from service.errors import Fault
from service.ids import ClientId, EventId, RequestId
from service.outbox import service as outbox
from service.rationalization.catalogue import domain as catalogue_domain
from service.rationalization.catalogue import service as catalogue
from service.rationalization.catalogue.domain import Checked, Intake, Mark, Offered, Outcome
from service.rationalization.catalogue.errors import ChecklistItemNotFound, ChecklistNoteInvalid
from service.requests import domain, store, telling
from service.requests.domain import EventType, Facts, Request, RequestEvent, State, Typed
from service.requests.errors import EventInvalid
from service.requests.intake import Submission, Taken
from service.rules.vocabulary import RequestType

FIELDS = "/facts"
"""Where what a request does not say belongs; the items of its checklists belong elsewhere."""
OVER = frozenset({State.RESOLVED, State.CLOSED})


async def taken(session: TenantSession, submission: Submission) -> Taken:
    """What a demand of this type, a name of the catalogue or a kind of request, is taken for."""
    name = submission.type
    offered = await catalogue.offered(session, name)
    if offered is None and name in {each.value for each in RequestType}:
        return Taken(RequestType(name))
    if offered is None:
        return Taken(RequestType.OTHER, faults=(await catalogue.unknown(session, name),))
    faults = catalogue.faults_of(offered, _said(domain.merged({}, submission.facts)))
    items = catalogue_domain.open_items(offered.steps, {}) if submission.state in OVER else []
    is_refused = offered.intake is Intake.REFUSE
    return Taken(
        offered.family,
        typed=_typed(offered),
        service_id=offered.service_id,
        faults=tuple(faults) if is_refused else (),
        incomplete=tuple(items) if is_refused else (*faults, *items),
    )


async def lacking(session: TenantSession, before: Request, request: Request, event: RequestEvent) -> Request:
    """The request with what it lacks after an event that was brought before its ledger.

    Raises:
        EventInvalid: its source says what its type refuses.
    """
    if request.of_type is None:
        return replace(request, incomplete=())
    says_fields = "custom" in (event.facts or {})
    if not says_fields and request.state is before.state:
        return request
    offered = await catalogue.of_version(session, request.of_type.version_id)
    fields: Sequence[Fault] = _fields(before)
    if says_fields:
        fields = catalogue.faults_of(offered, _said(request.facts))
        if fields and offered.intake is Intake.REFUSE and event.type is EventType.CHANGED:
            raise EventInvalid(fields)
    items = await catalogue.open_items(session, offered, request.id) if request.state in OVER else []
    return replace(request, incomplete=(*fields, *items))


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """What somebody says of an item of a checklist."""

    item: str
    outcome: Outcome
    reason: str | None = None
    evidence: str | None = None


async def checklist(
    session: TenantSession, request_id: RequestId, *, client_id: ClientId | None
) -> list[Checked]:
    """The steps of a request's work with what was noted of their items; none of one without a type.

    Raises:
        RequestNotFound
    """
    request = (await store.get(session, request_id, client_id=client_id)).to_domain()
    if request.of_type is None:
        return []
    offered = await catalogue.of_version(session, request.of_type.version_id)
    marks = await catalogue.marks(session, request_id)
    return [
        Checked(step, {item.name: marks[item.name] for item in step.items if item.name in marks})
        for step in offered.steps
    ]


async def note(
    session: TenantSession, actor: Actor, request_id: RequestId, noted: Noted, *, now: datetime
) -> list[Checked]:
    """Note something of an item of a request's checklist; the last that was noted of it holds.

    Raises:
        RequestNotFound, ChecklistItemNotFound, ChecklistNoteInvalid, ChecklistNotesTooMany
    """
    request = (await store.get(session, request_id, client_id=None, lock=True)).to_domain()
    typed = request.of_type
    offered = None if typed is None else await catalogue.of_version(session, typed.version_id)
    if offered is None or noted.item not in offered.items:
        raise ChecklistItemNotFound(noted.item)
    if noted.outcome is Outcome.NOT_APPLICABLE and not (noted.reason or "").strip():
        raise ChecklistNoteInvalid([Fault("/reason", "Say why it does not apply.")])
    mark = Mark(
        item=noted.item,
        outcome=noted.outcome,
        reason=noted.reason,
        evidence=noted.evidence,
        by=actor.name,
        recorded_at=now,
    )
    mark_id = await catalogue.mark(session, request_id, mark, client_id=request.client_id)
    said = {
        "item": mark.item,
        "outcome": mark.outcome.value,
        "reason": mark.reason,
        "evidence": mark.evidence,
    }
    await audit.record(
        session, actor, Deed("request.checklist_noted", f"request:{request_id}", after=said), now=now
    )
    if request.state in OVER:
        await _tell(session, request, offered, EventId(mark_id), now=now)
    return await checklist(session, request_id, client_id=None)


async def _tell(
    session: TenantSession, request: Request, offered: Offered, mark_id: EventId, *, now: datetime
) -> None:
    """Tell of a request that is over what is still open of its checklists, where that changed."""
    items = await catalogue.open_items(session, offered, request.id)
    lacking = (*_fields(request), *items)
    if lacking == request.incomplete:
        return
    draft = telling.checked(replace(request, incomplete=lacking), mark_id, at=now)
    await store.save(session, replace(request, incomplete=lacking, sequence=draft.sequence))
    await outbox.append(session, [draft])


def _fields(request: Request) -> tuple[Fault, ...]:
    """What its source does not say of it, without the items of its checklists."""
    return tuple(fault for fault in request.incomplete if fault.pointer.startswith(FIELDS))


def _said(facts: Facts) -> Mapping[str, Any]:
    """What is said under `custom`; nothing where that is refused for being no object."""
    said = facts.get("custom")
    return cast("Mapping[str, Any]", said) if isinstance(said, dict) else {}


def _typed(offered: Offered) -> Typed:
    return Typed(
        version_id=offered.version_id,
        name=offered.name,
        family=offered.family,
        standard=offered.standard,
        gated=bool(offered.requires),
    )
