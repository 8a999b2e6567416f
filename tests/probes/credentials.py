"""Tokens that do not suffice, each with the answer that every operation must give to it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from httpx2 import AsyncClient
from litestar import Litestar
from sqlalchemy import update

from service.clock import SystemClock
from service.db import Base, tenant_transaction
from service.ids import ClientId, MemberId
from service.people.domain import MemberState, Role
from service.tenants.domain import CLIENT_SCOPES, SCOPES
from tests import factories
from tests.probes.calls import Call
from tests.probes.document import Operation
from tests.probes.matrix import like
from tests.probes.parties import Party
from tests.probes.world import Ground, World

ELSEWHERE = "http://elsewhere.test"
AN_HOUR = timedelta(hours=1)

Refused = Callable[[Operation], bool]


def _always(_: Operation) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Credential:
    """What a caller shows in place of a token that would do.

    Attributes:
        status: of the answer of every operation that `refused` says.
        query: what is added to the address.
    """

    name: str
    status: int
    headers: tuple[tuple[str, str], ...] = ()
    refused: Refused = _always
    query: Mapping[str, str] = field(default_factory=dict[str, str])

    def on(self, call: Call) -> Call:
        return replace(call, query={**call.query, **self.query})


def bearing(name: str, token: str, status: int, refused: Refused = _always) -> Credential:
    return Credential(name, status, (("Authorization", f"Bearer {token}"),), refused)


def nowhere(call: Call) -> Call:
    """The same call of objects that never were."""
    values = {name: like(value) if len(value) > 8 else value for name, value in call.path_values.items()}
    return replace(call, path_values=values)


@dataclass(frozen=True, slots=True)
class Issuer:
    """Gets tokens for the tenant of a party, as its applications and members do."""

    ground: Ground
    of: Party

    async def machine(
        self, *scopes: str, client_id: ClientId | None = None, at: Litestar | None = None
    ) -> str:
        """The token of a new application with these scopes; `at` is the API that issues it."""
        sessions, tenant = self.ground.sessions, self.of.tenant
        credentials = await factories.application(sessions, tenant, scopes=scopes, client_id=client_id)
        form = {"grant_type": "client_credentials"}
        async with self.ground.calling(at) as caller:
            return await _token(caller, form, auth=credentials)

    async def member(self, *roles: Role, scopes: tuple[str, ...] = ()) -> tuple[str, MemberId]:
        """The token of a new member in these roles, through the console."""
        sessions, tenant = self.ground.sessions, self.of.tenant
        member_id = await factories.member(sessions, tenant, *roles)
        now = self.ground.wall_clock.now()
        code, proof = await factories.code(sessions, tenant, member_id, scopes=scopes, now=now)
        async with self.ground.calling() as caller:
            return await _token(caller, {**proof, "code": code}), member_id

    async def change(self, table: str, where: Mapping[str, Any], **values: Any) -> None:
        """Change rows as an operator would, behind the back of the API."""
        rows = Base.metadata.tables[table]
        matching = [rows.columns[name] == value for name, value in where.items()]
        async with tenant_transaction(self.ground.sessions, self.of.tenant.id) as session:
            own = rows.columns["tenant_id"] == session.tenant_id
            await session.db.execute(update(rows).where(own, *matching).values(**values))


async def _token(caller: AsyncClient, form: Mapping[str, str], **options: Any) -> str:
    answer = await caller.post("/oauth/token", data=dict(form), **options)
    assert answer.status_code == 200, answer.text
    return answer.json()["access_token"]


async def all_of_them(world: World) -> list[Credential]:
    """Every credential that some operation must refuse."""
    issuer = Issuer(world.ground, world.staff)
    good = await issuer.machine()
    return [
        *_without_token(good),
        *await _not_counting(issuer),
        *await _revoked(issuer),
        *await _of_scopes(issuer, world.clerk),
        *await _of_roles(issuer),
    ]


def _without_token(good: str) -> list[Credential]:
    head, claims, signature = good.split(".")
    other = "B" if signature[0] == "A" else "A"
    once = ("Authorization", f"Bearer {good}")
    return [
        Credential("no token", 401),
        Credential("a token in the address", 401, query={"access_token": good}),
        Credential("two tokens", 401, (once, once)),
        Credential("another scheme", 401, (("Authorization", f"Basic {good}"),)),
        Credential("a cookie", 401, (("Cookie", f"access_token={good}; Authorization=Bearer {good}"),)),
        bearing("no signature", f"{head}.{claims}.", 401),
        bearing("another signature", f"{head}.{claims}.{other}{signature[1:]}", 401),
        bearing("no token of ours", "tok_0123456789", 401),
    ]


async def _not_counting(issuer: Issuer) -> list[Credential]:
    clock = issuer.ground.wall_clock
    elsewhere = issuer.ground.another(issuer=ELSEWHERE)
    foreign = await issuer.machine(at=elsewhere)
    clock.move(-AN_HOUR)
    expired, (expired_member, _) = await issuer.machine(), await issuer.member(Role.ADMIN)
    clock.move(AN_HOUR)
    clock.move(AN_HOUR)
    early = await issuer.machine()
    clock.move(-AN_HOUR)
    return [
        bearing("another issuer and audience", foreign, 401),
        bearing("an expired token", expired, 401),
        bearing("an expired token of a member", expired_member, 401),
        bearing("a token from the future", early, 401),
    ]


async def _revoked(issuer: Issuer) -> list[Credential]:
    """Each is revoked before it is first used: what was seen is believed for a while."""
    now = SystemClock().now()
    application = await issuer.machine()
    await issuer.change("application", {"name": "Service desk", "revoked_at": None}, revoked_at=now)
    deactivated, member_id = await issuer.member(Role.ADMIN)
    await issuer.change("member", {"id": member_id}, state=MemberState.DEACTIVATED.value)
    logged_out, member_id = await issuer.member(Role.ADMIN)
    await issuer.change("member", {"id": member_id}, tokens_valid_from=now + AN_HOUR)
    family, member_id = await issuer.member(Role.ADMIN)
    await issuer.change("token_family", {"member_id": member_id}, revoked_at=now)
    demoted, member_id = await issuer.member(Role.ADMIN)
    await issuer.change("member", {"id": member_id}, roles=[Role.AUDITOR.value])
    return [
        bearing("a revoked application", application, 401),
        bearing("a deactivated member", deactivated, 401),
        bearing("a member whose tokens were withdrawn", logged_out, 401),
        bearing("a revoked family", family, 401),
        bearing("a member who lost the role", demoted, 403, lambda each: Role.AUDITOR not in each.roles),
    ]


async def _of_scopes(issuer: Issuer, client: Party) -> list[Credential]:
    found: list[Credential] = []
    for scope in SCOPES:
        others = await issuer.machine(*(each for each in SCOPES if each != scope))
        found += [
            bearing(f"only {scope}", await issuer.machine(scope), 403, _lacking(scope)),
            bearing(f"all but {scope}", others, 403, _needing(scope)),
        ]
    token = await issuer.machine(client_id=client.client_id)
    closed: Refused = lambda each: each.scope not in CLIENT_SCOPES  # noqa: E731 - like those beside it
    return [*found, bearing("a client organization's application", token, 403, closed)]


async def _of_roles(issuer: Issuer) -> list[Credential]:
    return [
        bearing(f"the role {role}", (await issuer.member(role))[0], 403, _closed_to(role)) for role in Role
    ]


def _lacking(scope: str) -> Refused:
    return lambda operation: operation.scope != scope


def _needing(scope: str) -> Refused:
    return lambda operation: operation.scope == scope


def _closed_to(role: Role) -> Refused:
    return lambda operation: role not in operation.roles
