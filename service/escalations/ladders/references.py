"""What a ladder names, looked up in the tenant's registers: members, groups, rotas, calendars, endpoints."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from service import ids
from service.calendars import service as calendars
from service.db import TenantSession
from service.errors import Fault
from service.escalations.ladders.wire import Place
from service.escalations.rotas import service as rotas
from service.ids import EndpointId, MemberId
from service.outbox import service as outbox
from service.outbox.errors import WebhookEndpointNotFound
from service.people import directory
from service.people.domain import Member, MemberState

LIKENESS_MIN = 0.85
"""What is less alike than a word with two letters swapped is not suggested."""

_REMEDIES = {
    "member": "Invite the member first, or name another.",
    "group": "Create it first.",
    "rota": "Create it first.",
    "hours": "Create the calendar first.",
    "webhook": "Register it first.",
}
_NOUNS = {
    "member": "member",
    "group": "group",
    "rota": "rota",
    "hours": "calendar that all clients share",
    "webhook": "webhook endpoint of the tenant's own",
}


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found.

    Attributes:
        members: by how they are named.
        known: the other names, by key, that there are.
    """

    members: Mapping[str, Member]
    known: Mapping[str, Collection[str]]

    @property
    def member_ids(self) -> dict[str, MemberId]:
        return {name: member.id for name, member in self.members.items()}


async def look_up(session: TenantSession, places: Sequence[Place]) -> Looked:
    named = {key: {place.name for place in places if place.key == key} for key in _NOUNS}
    return Looked(
        members=await directory.named(session, named["member"]),
        known={
            "group": await directory.team_names(session) if named["group"] else frozenset[str](),
            "rota": await rotas.rotas_named(session, named["rota"]),
            "hours": await calendars.names(session) if named["hours"] else frozenset[str](),
            "webhook": {each for each in named["webhook"] if await _is_own_endpoint(session, each)},
        },
    )


def faults(places: Sequence[Place], looked: Looked) -> list[Fault]:
    """What is named and cannot be told. Pure."""
    found: list[Fault] = []
    for place in places:
        if place.key == "member":
            member = looked.members.get(place.name)
            if member is None:
                found.append(_missing(place, ()))
            elif member.state is not MemberState.ACTIVE:
                detail = f"{member.name} is not active ({member.state}), and cannot be told. Name another."
                found.append(Fault(place.pointer, detail))
        elif place.name not in looked.known[place.key]:
            found.append(_missing(place, looked.known[place.key]))
    return found


def _missing(place: Place, known: Collection[str]) -> Fault:
    near = get_close_matches(place.name, known, n=1, cutoff=LIKENESS_MIN)
    remedy = f"Did you mean {near[0]!r}?" if near else _REMEDIES[place.key]
    return Fault(place.pointer, f"There is no {_NOUNS[place.key]} {place.name!r}. {remedy}")


async def _is_own_endpoint(session: TenantSession, name: str) -> bool:
    endpoint_id = EndpointId(ids.read_id(name))
    try:
        endpoint = await outbox.get_endpoint(session, endpoint_id, client_id=None)
    except WebhookEndpointNotFound:
        return False
    return endpoint.client_id is None
