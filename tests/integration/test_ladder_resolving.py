"""Whom a step tells among the members, groups, rotas, calendars and endpoints that a tenant has."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import update

from service import ids
from service.calendars import service as calendars
from service.db import Sessions, TenantSession
from service.escalations.ladders import resolving
from service.escalations.ladders.domain import (
    Client,
    Endpoint,
    Member,
    Reassign,
    Reassignment,
    Resolution,
    Situation,
    SkipCause,
    Target,
    ToContact,
    ToGroup,
    ToManager,
    ToMember,
    ToOwner,
    ToRole,
    ToRota,
    ToWebhook,
    Who,
)
from service.escalations.rotas import service as rotas
from service.escalations.rotas.domain import Layer, Unit
from service.escalations.rotas.service import RotaEntry
from service.ids import ClientId, EndpointId, MemberId
from service.outbox.models import WebhookEndpointRow
from service.people import groups
from service.people.domain import MemberState, Role
from service.people.groups import GroupEntry
from service.people.models import MemberRow
from service.tenants import service as tenants
from service.tenants.domain import Tenant
from service.tenants.service import ServiceEntry
from tests import factories
from tests.factories import NOON, OPERATOR

OFFICE = {"tz": "Europe/Berlin", "weekly": {"mon": [["09:00", "17:00"]]}}
MONDAY_NIGHT = NOON + timedelta(hours=10)

Resolve = Callable[..., Awaitable[Resolution]]


@pytest.fixture
async def people(sessions: Sessions, tenant: Tenant) -> list[MemberId]:
    """Two agents and a manager."""
    roles = (Role.AGENT, Role.AGENT, Role.MANAGER)
    return [await factories.member(sessions, tenant, role) for role in roles]


@pytest.fixture
def resolve(session: TenantSession) -> Resolve:
    async def resolve(
        *who: Who | Target, situation: Situation | None = None, at: datetime = NOON, only_first: bool = False
    ) -> Resolution:
        targets = [each if isinstance(each, Target) else Target(who=each) for each in who]
        return await resolving.resolve(
            session, targets, situation or Situation(), only_first=only_first, now=at
        )

    return resolve


def told(resolution: Resolution) -> list[MemberId]:
    return [each.whom.id for each in resolution.recipients if isinstance(each.whom, Member)]


def causes(resolution: Resolution) -> list[SkipCause]:
    return [each.cause for each in resolution.skipped]


async def group(session: TenantSession, name: str, manager: MemberId | None, *members: MemberId) -> None:
    made = await groups.create_group(session, OPERATOR, GroupEntry(name, manager), calendars=(), now=NOON)
    for member in members:
        await groups.add_group_member(session, OPERATOR, made.id, member, now=NOON)


async def deactivate(session: TenantSession, member_id: MemberId) -> None:
    mine = MemberRow.tenant_id == session.tenant_id, MemberRow.id == member_id
    await session.db.execute(update(MemberRow).where(*mine).values(state=MemberState.DEACTIVATED.value))


async def test_members_roles_and_groups_are_told_as_far_as_they_are_active(
    session: TenantSession, people: list[MemberId], resolve: Resolve
) -> None:
    ada, ben, cleo = people
    await group(session, "Network", cleo, ada, ben)

    assert told(await resolve(ToMember(ada))) == [ada]
    assert set(told(await resolve(ToRole("agent")))) == {ada, ben}
    assert set(told(await resolve(ToGroup("Network")))) == {ada, ben}

    await deactivate(session, ada)

    assert causes(await resolve(ToMember(ada))) == [SkipCause.INACTIVE]
    assert told(await resolve(ToRole("agent"))) == [ben]
    assert told(await resolve(ToGroup("Network"))) == [ben]


async def test_members_of_another_tenant_are_not_known(
    sessions: Sessions, people: list[MemberId], resolve: Resolve
) -> None:
    stranger = await factories.member(sessions, await factories.tenant(sessions), Role.AGENT)

    assert causes(await resolve(ToMember(stranger))) == [SkipCause.INACTIVE]
    assert stranger not in told(await resolve(ToRole("agent")))
    assert people[0] in told(await resolve(ToRole("agent")))


async def test_the_owner_is_found_by_id_address_or_name_and_else_is_the_group(
    session: TenantSession, people: list[MemberId], resolve: Resolve
) -> None:
    ada, ben, cleo = people
    await group(session, "Network", cleo, ben)
    mine = MemberRow.tenant_id == session.tenant_id, MemberRow.id == ada
    await session.db.execute(update(MemberRow).where(*mine).values(name="Ada Only", email="ada@pier.test"))

    for assignee in (str(ada), "ADA@pier.test", "ada only"):
        situation = Situation(assignee=assignee, assignment_group="Network")
        assert told(await resolve(ToOwner(), situation=situation)) == [ada], assignee

    await deactivate(session, ada)

    situation = Situation(assignee=str(ada), assignment_group="Network")
    assert told(await resolve(ToOwner(), situation=situation)) == [ben]


async def test_a_service_brings_the_group_that_operates_it(
    session: TenantSession, people: list[MemberId], resolve: Resolve
) -> None:
    ada, _, cleo = people
    await group(session, "Operations", cleo, ada)
    entry = ServiceEntry(name="Mail", owner_group="Operations", criticality=None, hours=None)
    mail = await tenants.register_service(session, OPERATOR, entry, now=NOON)
    situation = Situation(service_id=mail.id)

    assert told(await resolve(ToOwner(), situation=situation)) == [ada]
    assert told(await resolve(ToManager(), situation=situation)) == [cleo]
    nearer = replace(situation, assignment_group="Nobody's")
    assert told(await resolve(ToManager(), situation=nearer)) == [cleo]


async def test_whoever_is_on_duty_is_told_and_a_gap_is_bridged(
    session: TenantSession, people: list[MemberId], resolve: Resolve
) -> None:
    ada, ben, cleo = people
    layer = Layer(
        name="days",
        members=(ada, ben),
        length=12,
        unit=Unit.HOURS,
        first_handover=datetime.fromisoformat("2026-01-05T08:00"),
    )
    entry = RotaEntry(name="first line", zone="Europe/Berlin", layers=(layer,))
    await rotas.create(session, OPERATOR, entry, now=NOON)
    rota = ToRota("first line")

    assert told(await resolve(rota)) == [ada]
    assert told(await resolve(rota, at=MONDAY_NIGHT)) == [ben]
    assert causes(await resolve(rota, at=NOON - timedelta(days=7))) == [SkipCause.NOBODY]
    assert causes(await resolve(ToRota("no such"))) == [SkipCause.UNKNOWN]

    await deactivate(session, ada)
    bridged = await resolve(rota, ToMember(cleo), only_first=True)
    assert (told(bridged), causes(bridged)) == ([cleo], [SkipCause.NOBODY])


async def test_hours_are_those_of_the_calendar_as_it_is_now(
    session: TenantSession, people: list[MemberId], resolve: Resolve
) -> None:
    made = await calendars.create(session, OPERATOR, name="office", raw=OFFICE, now=NOON)
    target = Target(who=ToMember(people[0]), hours="office")

    assert told(await resolve(target)) == [people[0]]
    assert causes(await resolve(target, at=MONDAY_NIGHT)) == [SkipCause.OUTSIDE_HOURS]

    always = {"tz": "UTC", "always_open": True}
    await calendars.revise(session, OPERATOR, made.id, raw=always, now=NOON)

    assert told(await resolve(target, at=MONDAY_NIGHT)) == [people[0]]


async def test_contact_endpoint_and_another_group_are_recipients_of_their_own_kinds(
    session: TenantSession, people: list[MemberId], resolve: Resolve
) -> None:
    await group(session, "Second line", None, people[1])
    on, off = await endpoint(session, enabled=True), await endpoint(session, enabled=False)
    client_id = ClientId(ids.new_id())

    found = await resolve(
        ToContact(),
        ToWebhook(on),
        ToWebhook(off),
        Reassign("Second line"),
        situation=Situation(client_id=client_id),
    )

    whom = [each.whom for each in found.recipients]
    assert whom[:3] == [Client(client_id, None), Endpoint(on), Reassignment("Second line")]
    assert told(found) == [people[1]]
    assert causes(found) == [SkipCause.UNKNOWN]


async def endpoint(session: TenantSession, *, enabled: bool) -> EndpointId:
    row = WebhookEndpointRow(
        tenant_id=session.tenant_id,
        id=ids.new_id(),
        client_id=None,
        url="https://example.com/hook",
        types=[],
        sealed_secret=b"",
        enabled=enabled,
        version=1,
        created_at=NOON,
    )
    session.db.add(row)
    await session.db.flush()
    return EndpointId(UUID(str(row.id)))
