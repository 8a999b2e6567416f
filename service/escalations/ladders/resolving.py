"""Loads what says whom a step tells: who there is, who is on duty, which calendars are open."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from service.calendars import service as calendars
from service.calendars.domain import BeyondHorizon, WorkingTime
from service.db import TenantSession
from service.escalations.ladders import domain
from service.escalations.ladders.domain import (
    Directory,
    Group,
    Member,
    Moment,
    Reassign,
    Resolution,
    Situation,
    Target,
    ToGroup,
    ToManager,
    ToMember,
    ToOwner,
    ToRole,
    ToRota,
    ToWebhook,
)
from service.escalations.rotas import domain as duty
from service.escalations.rotas import service as rotas
from service.ids import EndpointId, MemberId
from service.outbox import service as outbox
from service.outbox.errors import WebhookEndpointNotFound
from service.people import directory
from service.tenants import service as tenants


async def resolve(
    session: TenantSession,
    targets: Sequence[Target],
    situation: Situation,
    *,
    only_first: bool = False,
    now: datetime,
) -> Resolution:
    """Whom these targets of a step stand for now.

    Args:
        session: of the tenant, not confined to a client organization: that knows no members.
        targets: of the step, in its order.
        situation: of the request.
        only_first: whether the first target with anybody is enough.
        now: the tenant's now.
    """
    moment = await _moment(session, targets, now=now)
    on_duty = [member_id for member_id in moment.on_duty.values() if member_id is not None]
    known = await load_directory(session, targets, situation, besides=on_duty)
    return domain.recipients(targets, situation, known, moment, only_first=only_first)


async def load_directory(
    session: TenantSession, targets: Iterable[Target], situation: Situation, *, besides: Collection[MemberId]
) -> Directory:
    """Who may be meant by these targets, and `besides`."""
    wanted = [target.who for target in targets]
    owner_group = await _owner_group(session, situation)
    asks_for_owner = any(isinstance(who, ToOwner | ToManager) for who in wanted)
    behind = (situation.assignment_group, owner_group) if asks_for_owner else ()
    groups = {who.group for who in wanted if isinstance(who, ToGroup | Reassign)}
    teams = await directory.teams(session, groups | {name for name in behind if name is not None})
    roles = {who.role for who in wanted if isinstance(who, ToRole)}
    member_ids = {who.member_id for who in wanted if isinstance(who, ToMember)}.union(
        besides,
        *(team.members for team in teams.values()),
        (team.manager_id for team in teams.values() if team.manager_id is not None),
    )
    assignee = [situation.assignee] if asks_for_owner and situation.assignee is not None else []
    members = await directory.active(
        session, member_ids=member_ids | _ids_in(assignee), roles=roles, called=assignee
    )
    endpoints = {who.endpoint_id for who in wanted if isinstance(who, ToWebhook)}
    return Directory(
        members={each.id: Member(each.id, each.name, each.email) for each in members},
        roles={role: [each.id for each in members if role in each.roles] for role in roles},
        groups={name: Group(team.members, team.manager_id) for name, team in teams.items()},
        endpoints=frozenset([each for each in endpoints if await _is_told(session, each)]),
        owner_group=owner_group,
    )


async def load_hours(session: TenantSession, targets: Iterable[Target]) -> dict[str, WorkingTime]:
    """The calendars in whose hours these targets are told, as they are now."""
    wanted = {target.hours for target in targets if target.hours is not None}
    versions = await calendars.current_versions(session, wanted)
    return {name: await calendars.working_time(session, version) for name, version in versions.items()}


def is_closed(hours: WorkingTime, at: datetime) -> bool:
    """Beyond a calendar's horizon it is never open."""
    try:
        return not hours.is_open(at)
    except BeyondHorizon:
        return True


async def _moment(session: TenantSession, targets: Sequence[Target], *, now: datetime) -> Moment:
    hours = await load_hours(session, targets)
    named = {target.who.rota for target in targets if isinstance(target.who, ToRota)}
    found = await rotas.rotas_named(session, named, since=now)
    return Moment(
        on_duty={name: duty.member_at(rota, now) for name, rota in found.items()},
        closed=frozenset(name for name, each in hours.items() if is_closed(each, now)),
    )


async def _owner_group(session: TenantSession, situation: Situation) -> str | None:
    if situation.service_id is None:
        return None
    return (await tenants.get_service(session, situation.service_id)).owner_group


def _ids_in(names: Collection[str]) -> set[MemberId]:
    return {member_id for name in names if (member_id := directory.member_id_in(name)) is not None}


async def _is_told(session: TenantSession, endpoint_id: EndpointId) -> bool:
    try:
        endpoint = await outbox.get_endpoint(session, endpoint_id, client_id=None)
    except WebhookEndpointNotFound:
        return False
    return endpoint.enabled and endpoint.client_id is None
