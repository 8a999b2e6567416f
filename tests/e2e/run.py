"""Starts a server with people and applications, then tries it with a real browser and foreign OAuth clients.

`make e2e` runs this. It needs node, npm and Chromium, which no other test does.
"""

import argparse
import asyncio
import os
import secrets
import shutil
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import msgspec
from joserfc.jwk import ECKey

from service import operations
from service.audit.domain import OPERATOR, Actor
from service.clock import SystemClock
from service.db import Sessions, tenant_transaction
from service.ids import TenantId
from service.operations import NewTenant
from service.people import invitations
from service.people.domain import Origin, Person, Role, read_invitation
from service.people.invitations import Acceptance, Delivery, Invitee
from service.settings import Settings
from service.tenants import applications, domain
from service.tenants.domain import AuthMethod, GrantType, Tenant
from service.tenants.registration import Registration
from service.vault import Vault
from tests.e2e import requesters
from tests.e2e.requesters import Requester

HERE = Path(__file__).parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PASSWORD = "three quiet boats at noon"  # noqa: S105 - of people who exist only here
OPERATES = Actor(name=OPERATOR)
VARIANTS = ("320-light", "320-dark", "1280-light", "1280-dark")


@dataclass(frozen=True)
class Somebody:
    """One who goes through all pages.

    Attributes:
        join_url: an invitation of the account to one more tenant.
        newcomer_url: an invitation of somebody without an account.
    """

    email: str
    password: str
    join_url: str
    newcomer_url: str


@dataclass(frozen=True)
class Client:
    """An application, as those who wrote its OAuth client know it."""

    client_id: str
    client_secret: str | None
    private_jwk: Mapping[str, object] | None = None


@dataclass(frozen=True)
class World:
    """What the tests are told."""

    url: str
    mail_folder: str
    shots_folder: str
    browser: str
    callback: str
    people: dict[str, Somebody]
    requesters: dict[str, Requester]
    confidential: Client
    public: Client
    signing: Client


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--shots", type=Path, help="where screenshots go; a new folder when left out")
    arguments.add_argument("--only", default="", help="pages or oauth")
    given = arguments.parse_args()
    shots = given.shots or Path(tempfile.mkdtemp(prefix="rooted-shots-"))
    shots.mkdir(parents=True, exist_ok=True)
    raise SystemExit(asyncio.run(run(shots.resolve(), sorted(HERE.glob(f"*{given.only}.test.mjs")))))


async def run(shots: Path, tests: Sequence[Path]) -> int:
    """The exit code of the tests."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None or shutil.which("node") is None:
        raise SystemExit(f"make e2e needs node and one of these on the PATH: {', '.join(BROWSERS)}.")
    with tempfile.TemporaryDirectory(prefix="rooted-e2e-") as folder:
        data = Path(folder) / "data"
        async with serving(data) as url:
            world = await prepare(data, url, shots=shots, browser=browser)
            described = Path(folder) / "world.json"
            described.write_bytes(msgspec.json.encode(asdict(world)))
            node = await asyncio.create_subprocess_exec(
                *("node", "--test", "--test-concurrency=1", *map(str, tests)),
                env={**_environment(data), "ROOTED_E2E": str(described)},
            )
            code = await node.wait()
    print(f"Screenshots: {shots}")  # noqa: T201 - said to who ran it
    return code


@asynccontextmanager
async def serving(data: Path) -> AsyncGenerator[str]:
    """A server of our own with a worker, until the block ends. Yields its address."""
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "service", "serve", "--port", "0", "--tied"),
        stdin=PIPE,
        stdout=PIPE,
        env=_environment(data),
    )
    try:
        yield await _address(server)
    finally:
        server.terminate()
        await server.wait()


async def prepare(data: Path, url: str, *, shots: Path, browser: str) -> World:
    """Tenants, people and applications, by the use cases that operators and members use."""
    settings = Settings.model_validate({"data_dir": data, "issuer": url})
    clock, callback = SystemClock(), "http://127.0.0.1:8000/callback"
    async with (
        operations.database(settings, data_folder=data) as database,
        operations.sessions(database, pool_size=1) as sessions,
        operations.prepared_vault(settings, sessions, data_folder=data) as vault,
    ):
        tenants = [
            await operations.create_tenant(sessions, clock, NewTenant(slug=slug, name=name))
            for slug, name in (("harbour", "Harbour Operations"), ("north", "Northern Light Hospitals"))
        ]
        guild = await operations.create_tenant(sessions, clock, NewTenant(slug="guild", name="Guild"))
        inviting = Inviting(sessions, Delivery(url, vault), clock.now())
        people = {each: await inviting.somebody(each, tenants, guild) for each in VARIANTS}
        registering = Registering(sessions, tenants[0], callback, clock.now())
        return World(
            url=url,
            mail_folder=str(data / "mail"),
            shots_folder=str(shots),
            browser=browser,
            callback=callback,
            people=people,
            requesters=await requesters.prepare(sessions, clock, url, VARIANTS),
            confidential=await registering.client("Desk Connector", AuthMethod.CLIENT_SECRET),
            public=await registering.client("Pocket Desk", AuthMethod.NONE),
            signing=await registering.client("Night Shift Reports", AuthMethod.PRIVATE_KEY_JWT),
        )


@dataclass(frozen=True)
class Inviting:
    """How people come to be members."""

    sessions: Sessions
    delivery: Delivery
    now: datetime

    async def somebody(self, variant: str, tenants: Sequence[Tenant], guild: Tenant) -> Somebody:
        email, first, second = f"ada-{variant}@example.org", *tenants
        person = await self._join(await self._invite(first, email, Role.ADMIN, Role.MANAGER))
        await self._join_too(await self._invite(second, email, Role.AGENT), person)
        return Somebody(
            email=email,
            password=PASSWORD,
            join_url=await self._invite(guild, email, Role.AUDITOR),
            newcomer_url=await self._invite(first, f"grace-{variant}@example.org", Role.AGENT),
        )

    async def _invite(self, tenant: Tenant, email: str, *roles: Role) -> str:
        invitee = Invitee(email, "Ada Lovelace" if email.startswith("ada") else "Grace Hopper", roles)
        async with tenant_transaction(self.sessions, tenant.id) as session:
            invited = await invitations.invite(session, OPERATES, invitee, self.delivery, now=self.now)
        return invited.link.url

    async def _join(self, url: str) -> Person:
        tenant_id, secret = _read(url)
        chosen = Acceptance("Ada Lovelace", PASSWORD, Origin())
        async with tenant_transaction(self.sessions, tenant_id) as session:
            admitted = await invitations.accept_invitation(
                session, self._vault(), secret, chosen, now=self.now
            )
        return admitted.person

    async def _join_too(self, url: str, person: Person) -> None:
        tenant_id, secret = _read(url)
        async with tenant_transaction(self.sessions, tenant_id) as session:
            await invitations.accept_invitation_as(session, secret, person, origin=Origin(), now=self.now)

    def _vault(self) -> Vault:
        if self.delivery.vault is None:
            raise ValueError("nothing can be sealed")
        return self.delivery.vault


@dataclass(frozen=True)
class Registering:
    """How applications come to be known."""

    sessions: Sessions
    tenant: Tenant
    callback: str
    now: datetime

    async def client(self, name: str, method: AuthMethod) -> Client:
        secret = secrets.token_urlsafe(32)
        key = ECKey.generate_key("P-256", {"kid": "night-1", "alg": "ES256", "use": "sig"})
        signs = method is AuthMethod.PRIVATE_KEY_JWT
        asked = Registration(
            name=name,
            scopes=("requests:read", "requests:write", "commitments:read", "tenant:read"),
            client_id=None,
            auth_method=method,
            grant_types=(
                *(GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN),
                *(() if method is AuthMethod.NONE else (GrantType.CLIENT_CREDENTIALS,)),
            ),
            redirect_uris=(self.callback,),
            jwks={"keys": [key.as_dict(private=False)]} if signs else None,
        )
        async with tenant_transaction(self.sessions, self.tenant.id) as session:
            made = await applications.create(
                session, applications.OPERATOR, asked, secret=secret, now=self.now
            )
        client_id = domain.oauth_client_id(self.tenant.slug, made.id)
        shared = secret if method is AuthMethod.CLIENT_SECRET else None
        return Client(client_id, shared, key.as_dict(private=True) if signs else None)


def _read(url: str) -> tuple[TenantId, str]:
    found = read_invitation(url.rpartition("/")[2])
    if found is None:
        raise ValueError(f"{url} is no invitation")
    return found


def _environment(data: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ROOTED_")}  # noqa: TID251
    return {**inherited, "ROOTED_DATA_DIR": str(data), "ROOTED_LOG_LEVEL": "warning"}


async def _address(server: Process) -> str:
    if server.stdout is None:
        raise ValueError("the server's standard output is not piped")
    line = (await server.stdout.readline()).decode()
    if not line:
        raise SystemExit("The server ended before it answered; what it said stands above.")
    return line.split()[-1]


if __name__ == "__main__":
    main()
