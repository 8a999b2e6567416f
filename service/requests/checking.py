"""Whether a request says what its type in the tenant's catalogue asks for."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from service.db import TenantSession
from service.rationalization.catalogue import service as catalogue
from service.rationalization.catalogue.domain import Intake, Offered
from service.requests import domain
from service.requests.domain import EventType, Facts, Request, RequestEvent, State, Typed
from service.requests.errors import EventInvalid
from service.requests.intake import Taken
from service.rules.vocabulary import RequestType

FIELDS = "/facts"
"""Where what a request does not say belongs; the items of its checklists belong elsewhere."""
OVER = frozenset({State.RESOLVED, State.CLOSED})


async def taken(session: TenantSession, name: str, facts: Facts) -> Taken:
    """What a demand of this type, a name of the catalogue or a kind of request, is taken for."""
    offered = await catalogue.offered(session, name)
    if offered is None and name in {each.value for each in RequestType}:
        return Taken(RequestType(name))
    if offered is None:
        return Taken(RequestType.OTHER, faults=(await catalogue.unknown(session, name),))
    faults = catalogue.faults_of(offered, _said(domain.merged({}, facts)))
    is_refused = offered.intake is Intake.REFUSE
    return Taken(
        offered.family,
        typed=_typed(offered),
        service_id=offered.service_id,
        faults=tuple(faults) if is_refused else (),
        incomplete=() if is_refused else tuple(faults),
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
    fields = [fault for fault in before.incomplete if fault.pointer.startswith(FIELDS)]
    if says_fields:
        fields = catalogue.faults_of(offered, _said(request.facts))
        if fields and offered.intake is Intake.REFUSE and event.type is EventType.CHANGED:
            raise EventInvalid(fields)
    items = await catalogue.open_items(session, offered, request.id) if request.state in OVER else []
    return replace(request, incomplete=(*fields, *items))


def _said(facts: Facts) -> Mapping[str, Any]:
    """What is said under `custom`; nothing where that is refused for being no object."""
    said = facts.get("custom")
    return cast("Mapping[str, Any]", said) if isinstance(said, dict) else {}


def _typed(offered: Offered) -> Typed:
    return Typed(
        version_id=offered.version_id, name=offered.name, family=offered.family, standard=offered.standard
    )
