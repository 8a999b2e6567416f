"""The tenants, client organizations and objects that the probes are about, made through the API itself."""

import itertools
import secrets
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from httpx2 import ASGITransport, AsyncClient, Response
from litestar import Litestar
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from structlog.testing import capture_logs

from service import ids
from service.clock import SystemClock
from service.db import Base, Sessions, tenant_transaction
from service.ids import ClientId, TenantId
from service.tenants.domain import Tenant
from tests import factories
from tests.conftest import ISSUER
from tests.factories import NOON, MovableClock
from tests.probes import document
from tests.probes.bodies import BODIES, Given
from tests.probes.calls import Call
from tests.probes.document import Operation
from tests.probes.places import kind_at

MAKES = {
    "createCalendar": "calendar",
    "createClient": "client",
    "createPolicy": "policy",
    "createWebhookEndpoint": "endpoint",
    "registerService": "service",
    "submitRequest": "request",
}
"""What an operation makes: the kind of the id that it answers."""

STEPS = (
    *("createCalendar", "createCalendar", "reviseCalendar", "createPolicy", "createPolicy", "publishPolicy"),
    *("createClient", "createClient", "registerService", "registerService"),
    *("submitRequest", "submitRequest", "reportEvent", "createWebhookEndpoint", "createWebhookEndpoint"),
)
"""How a party comes to have something of each kind, and two of what is listed. Each is done if it may be."""

SHARED_WITH_CLIENTS = frozenset(
    {"calendar", "calendar name", "service", "service name", "policy", "policy name", "name", "etag"}
)
"""Kinds that the applications of client organizations may see of their tenant."""

PLAIN_VALUES = {"version": "1", "code": "internal-error"}
"""What stands in a path and names nothing."""

Rows = frozenset[tuple[str, str, str]]
"""Table, client organization and digest of each."""

ABSENT = frozenset({401, 403})


@dataclass(frozen=True, slots=True)
class Party:
    """A tenant's own application, or one of a client organization, and what it has.

    Attributes:
        held: ids, names, keys and cursors by kind; the first of each is what it uses itself.
    """

    name: str
    tenant: Tenant
    client_id: ClientId | None
    caller: AsyncClient
    held: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    @property
    def own(self) -> dict[str, str]:
        return {kind: values[0] for kind, values in self.held.items()}

    def keep(self, kind: str, value: str | None) -> None:
        if value:
            self.held.setdefault(kind, []).append(value)

    def call(self, operation: Operation, *, fresh: str | None = None) -> Call:
        """A right call of an operation, on what this party has."""
        fresh = fresh or f"{self.name}-{secrets.token_hex(6)}"
        own, headers = {**PLAIN_VALUES, **self.own}, dict[str, str]()
        for place in operation.at("header"):
            if place.required:
                headers[place.name] = "*" if place.name == "If-Match" else f"key-{fresh}"
        has_body = operation.takes_json and operation.id in BODIES
        return Call(
            method=operation.method.upper(),
            path=operation.path,
            path_values={
                place.name: own[kind_at(operation, place) or place.name] for place in operation.at("path")
            },
            query={
                place.name: own[kind_at(operation, place) or place.name]
                for place in operation.at("query")
                if place.required
            },
            headers=headers,
            body=BODIES[operation.id](Given(own, fresh)) if has_body else None,
            has_body=has_body,
        )

    def beside(self, other: "Party") -> dict[str, list[str]]:
        """What this party has, and the other has not."""
        theirs = {value for values in other.held.values() for value in values}
        return {
            kind: kept
            for kind, values in self.held.items()
            if (kept := [value for value in values if value not in theirs])
        }

    async def send(self, call: Call, **headers: str) -> Response:
        return await send(self.caller, call, **headers)


async def send(caller: AsyncClient, call: Call, **headers: str) -> Response:
    body: dict[str, Any] = {"json": call.body} if call.has_body else {}
    named = {**call.headers, **headers}
    return await caller.request(call.method, call.address, params=call.query, headers=named, **body)


@dataclass(frozen=True, slots=True)
class World:
    """Everything there is, on one connection whose changes nobody will see.

    Attributes:
        staff, neighbour, clerk: of one tenant: its own application, and those of two client organizations.
        stranger, visitor: of another tenant: its own application, and that of a client organization.
    """

    connection: AsyncConnection
    sessions: Sessions
    operations: Mapping[str, Operation]
    staff: Party
    neighbour: Party
    clerk: Party
    stranger: Party
    visitor: Party

    @asynccontextmanager
    async def undone(self) -> AsyncGenerator[None]:
        """What happens inside never did."""
        await self.connection.exec_driver_sql("savepoint probe")
        yield
        await self.connection.exec_driver_sql("rollback to savepoint probe")

    async def rows(self, tenant: Tenant) -> Rows:
        """Every row of a tenant: its table, its client organization, and a digest of all its columns."""
        return await _rows(self.sessions, tenant.id)


async def furnish(party: Party, operations: Mapping[str, Operation]) -> None:
    """Let a party make what it may, and look at what it then has."""
    numbers = itertools.count(1)
    for step in STEPS:
        operation = operations[step]
        if not _has_path(party, operation):
            continue
        fresh = f"{party.name}-{next(numbers)}-{secrets.token_hex(4)}"
        call = party.call(operation, fresh=fresh)
        answer = await party.send(call)
        if answer.status_code in ABSENT:
            continue
        assert answer.status_code in (200, 201), (step, answer.text)
        _keep(party, operation, call, answer)
    for operation in operations.values():
        if operation.scope is not None and operation.method == "get" and not operation.at("path"):
            await _look(party, operation)


def _has_path(party: Party, operation: Operation) -> bool:
    return all(
        place.name in PLAIN_VALUES or kind_at(operation, place) in party.held
        for place in operation.at("path")
    )


def _keep(party: Party, operation: Operation, call: Call, answer: Response) -> None:
    shown: dict[str, Any] = answer.json()
    kind, sent = MAKES.get(operation.id), cast("dict[str, Any]", call.body or {})
    if kind is not None:
        party.keep(kind, shown["id"])
        name = sent.get("name")
        party.keep(f"{kind} name", name)
        party.keep("name", name)
    party.keep("external id", sent.get("external_id"))
    party.keep("key", call.headers.get("Idempotency-Key"))
    party.keep("etag", answer.headers.get("etag"))
    for promise in shown.get("commitments", ()):
        party.keep("commitment", promise["id"])


async def _look(party: Party, operation: Operation) -> None:
    """Keep a cursor of each list, and the ids of what nobody makes by hand."""
    answer = await party.caller.get(operation.path, params={"limit": 1})
    if answer.status_code == 200:
        shown: dict[str, Any] = answer.json()
        party.keep("cursor", shown.get("next"))


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

Calling = Callable[[], AsyncClient]


@asynccontextmanager
async def built(
    connection: AsyncConnection, sessions: Sessions, calling: Calling, operations: list[Operation]
) -> AsyncGenerator[World]:
    """The world, furnished: the clerk and the visitors last, so that what others have is there before."""
    named = {operation.id: operation for operation in operations if operation.scope is not None}
    here, elsewhere = [await factories.tenant(sessions, sandbox_at=NOON) for _ in range(2)]
    parties: dict[str, Party] = {}
    for name, tenant, of in (
        ("staff", here, None),
        ("neighbour", here, 0),
        ("stranger", elsewhere, None),
        ("visitor", elsewhere, 0),
        ("clerk", here, 1),
    ):
        owner = parties.get("staff" if tenant is here else "stranger")
        client_id = None if of is None or owner is None else ClientId(ids.UUID(owner.held["client"][of]))
        party = Party(name, tenant, client_id, calling())
        await authorize(party, sessions)
        if owner is not None and of is not None:
            party.keep("client", owner.held["client"][of])
        if owner is not None:  # what all of a tenant share
            for kind in SHARED_WITH_CLIENTS & owner.held.keys():
                party.held[kind] = list(owner.held[kind])
        await furnish(party, named)
        parties[name] = party
    await connection.exec_driver_sql("savepoint probe")
    yield World(connection=connection, sessions=sessions, operations=named, **parties)
    for party in parties.values():
        await party.caller.aclose()


@asynccontextmanager
async def standing(
    engine: AsyncEngine, sessions: Sessions, app: Litestar, wall_clock: MovableClock
) -> AsyncGenerator[World]:
    """The world as long as a module's tests need it. What is logged meanwhile is kept from the terminal."""

    def calling() -> AsyncClient:
        return AsyncClient(transport=ASGITransport(cast("Any", app)), base_url=ISSUER)

    with capture_logs():
        async with engine.connect() as connection, calling() as anybody:
            outer = await connection.begin()
            cast("Any", sessions).configure(bind=connection)
            wall_clock.at = SystemClock().now()
            described = (await anybody.get("/openapi.json")).json()
            async with built(connection, sessions, calling, document.operations(described)) as made:
                yield made
            await outer.rollback()


async def authorize(party: Party, sessions: Sessions) -> None:
    """Give a party's caller a token with every scope that it may have."""
    credentials = await factories.application(sessions, party.tenant, client_id=party.client_id)
    answer = await party.caller.post(
        "/oauth/token", data={"grant_type": "client_credentials"}, auth=credentials
    )
    assert answer.status_code == 200, answer.text
    party.caller.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
