"""The tenants and client organizations that the probes are about, on one connection that is rolled back."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import pytest
from httpx2 import ASGITransport, AsyncClient
from litestar import Litestar
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from structlog.testing import capture_logs

from service import ids
from service.app import create_app
from service.auditor import store as auditor
from service.auditor.domain import AlarmKind, Fault
from service.clock import SystemClock
from service.db import Base, Sessions, tenant_transaction
from service.ids import ClientId, SpecialMethodId, SubjectId, TenantId
from service.limits.domain.table import DEFAULTS, LIMITS, REQUESTS_ARE_METERED
from service.people.domain import Role
from service.rationalization.approvals import delegating
from service.rationalization.approvals.delegating import Wish
from service.rationalization.arrangements import service as arrangements
from service.rationalization.arrangements.domain import Looked
from service.rationalization.specials import service as specials
from service.requests import affairs
from service.requests import store as requests_store
from service.settings import Settings
from service.tenants.domain import Tenant
from service.wakeups import drive
from tests import factories
from tests.factories import NOON, MovableClock
from tests.probes import document, parties
from tests.probes.document import Document, Operation
from tests.probes.parties import SHARED_WITH_CLIENTS, Party

PARTIES = (
    ("staff", 0, None),
    ("neighbour", 0, 0),
    ("stranger", 1, None),
    ("visitor", 1, 0),
    ("clerk", 0, 1),
)
"""Name, tenant, and client organization if any. Those who come later probe those who were there before."""

UNMETERED = {
    name: LIMITS[name].most if LIMITS[name].problem == REQUESTS_ARE_METERED else value
    for name, value in DEFAULTS.items()
}
"""The limits of tenants, with room for all probes."""

WAKE_UPS_MAX = 2_000
"""Fired by one move of a sandbox's clock: no worker is there to go on with it."""

Rows = frozenset[tuple[str, str, str]]
"""Table, client organization and digest of each."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What a world stands on: the API, and the one connection that it works on."""

    app: Litestar
    connection: AsyncConnection
    sessions: Sessions
    settings: Settings
    wall_clock: MovableClock

    def calling(self, app: Litestar | None = None) -> AsyncClient:
        """A caller without a token, of this API or of another one."""
        served: Any = app or self.app
        issuer: str = served.state["settings"].issuer
        return AsyncClient(transport=ASGITransport(served), base_url=issuer)

    def another(self, **changed: Any) -> Litestar:
        """One more API on the same connection, with other settings."""
        return _api(self.settings.model_copy(update=changed), self.sessions, self.wall_clock)


@dataclass(frozen=True, slots=True)
class World:
    """Everything there is, on one connection whose changes nobody will see.

    Attributes:
        operations: those that ask for a token, by their id.
        staff, neighbour, clerk: of one tenant: its own application, and those of two client organizations.
        stranger, visitor: of another tenant: its own application, and that of a client organization.
    """

    ground: Ground
    document: Document
    operations: Mapping[str, Operation]
    staff: Party
    neighbour: Party
    clerk: Party
    stranger: Party
    visitor: Party

    @asynccontextmanager
    async def undone(self) -> AsyncGenerator[None]:
        """What happens inside never did."""
        await self.ground.connection.exec_driver_sql("savepoint probe")
        yield
        await self.ground.connection.exec_driver_sql("rollback to savepoint probe")
        await self.ground.connection.exec_driver_sql("release savepoint probe")

    async def begin_again(self) -> None:
        """Undo everything that was done since the world was furnished."""
        await self.ground.connection.exec_driver_sql("rollback to savepoint furnished")

    async def rows(self, tenant: Tenant) -> Rows:
        """Every row of a tenant: its table, its client organization, and a digest of all its columns."""
        return await _rows(self.ground.sessions, tenant.id)


@asynccontextmanager
async def standing(
    engine: AsyncEngine, sessions: Sessions, settings: Settings, wall_clock: MovableClock
) -> AsyncGenerator[World]:
    """The world as long as a module's tests need it. What is logged meanwhile is kept from the terminal."""
    wall_clock.at = SystemClock().now()
    app = _api(settings, sessions, wall_clock)
    with capture_logs(), pytest.MonkeyPatch.context() as patched:
        patched.setattr(drive, "WAKE_UPS_IN_ANSWER_MAX", WAKE_UPS_MAX)
        async with engine.connect() as connection:
            outer = await connection.begin()
            cast("Any", sessions).configure(bind=connection)
            async with _settled(Ground(app, connection, sessions, settings, wall_clock)) as made:
                yield made
            await outer.rollback()


@asynccontextmanager
async def _settled(ground: Ground) -> AsyncGenerator[World]:
    """The world, furnished."""
    async with ground.calling() as anybody:
        described = (await anybody.get("/openapi.json")).json()
    operations = {each.id: each for each in document.operations(described) if each.scope is not None}
    tenants = [await factories.tenant(ground.sessions, sandbox_at=NOON) for _ in range(2)]
    made: dict[str, Party] = {}
    owners: dict[TenantId, Party] = {}
    for name, tenant_number, client_number in PARTIES:
        tenant = tenants[tenant_number]
        made[name] = _joined(ground, name, tenant, owners.get(tenant.id), client_number)
        owners.setdefault(tenant.id, made[name])
        await _authorize(ground, made[name])
        if client_number is None:
            responder = await factories.member(ground.sessions, tenant, Role.AGENT)
            made[name].keep("responder", str(responder))
        await plant(ground.sessions, made[name])
        await parties.furnish(made[name], operations)
        if made[name].client_id is None:
            await parties.finish(made[name], operations)
            await parties.change(made[name], operations)
        await parties.arrange(made[name], operations)
        await allow(ground.sessions, made[name])
        await parties.involve(owners[tenant.id], made[name], operations)
        if made[name].client_id is not None:
            await parties.propose(owners[tenant.id], made[name], operations)
    await ground.connection.exec_driver_sql("savepoint furnished")
    yield World(ground, described, operations, **made)
    for party in made.values():
        await party.caller.aclose()


def _joined(
    ground: Ground, name: str, tenant: Tenant, owner: Party | None, client_number: int | None
) -> Party:
    """A party that has so far what all of its tenant share."""
    if owner is None or client_number is None:
        return Party(name, tenant, None, ground.calling())
    client = owner.held["client"][client_number]
    shared = {kind: list(owner.held[kind]) for kind in SHARED_WITH_CLIENTS & owner.held.keys()}
    return Party(name, tenant, ClientId(ids.UUID(client)), ground.calling(), {**shared, "client": [client]})


async def _authorize(ground: Ground, party: Party) -> None:
    """Give a party's caller a token with every scope that it may have."""
    credentials = await factories.application(ground.sessions, party.tenant, client_id=party.client_id)
    form = {"grant_type": "client_credentials"}
    answer = await party.caller.post("/oauth/token", data=form, auth=credentials)
    assert answer.status_code == 200, answer.text
    party.caller.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


async def plant(sessions: Sessions, party: Party) -> None:
    """Let a tenant have what an application cannot make: an alarm, and somebody who answers for another."""
    if party.client_id is not None:
        return
    fault = Fault(
        kind=AlarmKind.WAKE_UP_OVERDUE,
        subject_kind="commitment",
        subject_id=SubjectId(ids.new_id()),
        detail=f"nobody looked at it: {ids.new_id()}",
    )
    async with tenant_transaction(sessions, party.tenant.id) as session:
        (alarm,) = await auditor.add(session, [fault], now=NOON)
        away, deputy = [await factories.member(sessions, party.tenant, Role.MANAGER) for _ in range(2)]
        wish = Wish(member_id=away, deputy_id=deputy, from_at=NOON, until_at=NOON + timedelta(days=9))
        given = await delegating.give(session, factories.OPERATOR, wish, now=NOON)
    party.keep("alarm", str(alarm.id))
    party.keep("delegation", str(given.id))


async def allow(sessions: Sessions, party: Party) -> None:
    """Let a party use what is proposed to it, as if those who are asked had consented."""
    async with tenant_transaction(sessions, party.tenant.id) as session:
        for special_id in party.held["special method"]:
            found = await specials.get(session, SpecialMethodId(ids.UUID(special_id)), client_id=None)
            request = (await requests_store.get(session, found.request_id, client_id=None)).to_domain()
            matter = affairs.matter(request)
            await specials.allow(session, matter, found.arrangement_id, now=NOON)
            held_up = await arrangements.hold(session, found.arrangement_id)
            await arrangements.record(session, factories.OPERATOR, matter, held_up, Looked(at=NOON))


def _api(settings: Settings, sessions: Sessions, wall_clock: MovableClock) -> Litestar:
    return create_app(settings, sessions, vault=factories.VAULT, clock=wall_clock, limits=UNMETERED)


async def _rows(sessions: Sessions, tenant_id: TenantId) -> Rows:
    async with tenant_transaction(sessions, tenant_id) as session:
        found = await session.db.execute(ROWS, {"tenant_id": tenant_id})
        return frozenset((row.name, row.client, row.digest) for row in found)


def _rows_statement() -> str:
    parts = [
        f"select '{table.name}' as name, md5(t::text) as digest,"  # noqa: S608 - names of ours
        f" coalesce({'t.client_id::text' if 'client_id' in table.columns else 'null'}, '') as client"
        f" from {table.name} t where tenant_id = :tenant_id"
        for table in Base.metadata.sorted_tables
        if "tenant_id" in table.columns
    ]
    return " union all ".join(parts)


ROWS = text(_rows_statement())
