"""What tests of the authorization server act in: a tenant, its clients, and a member with a browser."""

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from html import unescape
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from httpx2 import ASGITransport, AsyncClient, Response
from joserfc import jws
from joserfc.jwk import ECKey
from litestar import Litestar

from service.api.oauth.assertions import ASSERTION_TYPE
from service.db import Sessions, tenant_transaction
from service.ids import ApplicationId, MemberId, PersonId
from service.people.domain import Role, accounts
from service.people.domain.sessions import Factor
from service.people.models import LoginSessionRecord, MemberRow
from service.platform import platform_transaction
from service.tenants import applications, domain
from service.tenants.domain import AuthMethod, GrantType, Tenant
from service.tenants.registration import Registration
from tests import factories
from tests.factories import NOON, MovableClock

ISSUER = "http://rooted.test"
WEB_URI = "https://app.test/cb"
NATIVE_URI = "http://127.0.0.1/callback"
CONSOLE_URI = "http://127.0.0.1:8000/callback"
SCOPES = ("calendars:read", "requests:read", "tenant:read")
BY_PEOPLE = (GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN)
VERIFIER = "a-verifier-of-at-least-forty-three-characters"
HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')

Form = dict[str, str]


def challenge_of(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def sent_back(answer: Response) -> Form:
    """What a redirect to a client says."""
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query, strict_parsing=True))


def claims_of(token: str) -> dict[str, Any]:
    return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))


def hidden_fields(page: Response) -> Form:
    return {name: unescape(value) for name, value in HIDDEN.findall(page.text)}


@dataclass(frozen=True)
class Client:
    """An OAuth client, and what it proves itself with."""

    id: str
    redirect_uri: str
    secret: str = ""
    key: ECKey | None = None

    @property
    def application_id(self) -> ApplicationId:
        return ApplicationId(UUID(hex=self.id.rpartition(".")[2]))


CONSOLE = Client("rooted", CONSOLE_URI)


def assertion(
    client: Client,
    now: float,
    *,
    key: Any = None,
    header: Mapping[str, Any] | None = None,
    drop: Sequence[str] = (),
    **claims: Any,
) -> str:
    """What a client signs to prove who it is, but for what the test changes."""
    said = {
        "iss": client.id,
        "sub": client.id,
        "aud": ISSUER,
        "jti": secrets.token_hex(8),
        "iat": int(now),
        "exp": int(now) + 60,
        **claims,
    }
    kept = {name: value for name, value in said.items() if name not in drop}
    asked = {"alg": "ES256", "kid": "key-1", **(header or {})}
    registry = jws.JWSRegistry(algorithms=[asked["alg"]], strict_check_header=False)
    return jws.serialize_compact(asked, json.dumps(kept).encode(), key or client.key, registry=registry)


@dataclass
class Scene:
    """A tenant with clients of each kind, and an agent of it who is logged in."""

    app: Litestar
    sessions: Sessions
    clock: MovableClock
    tenant: Tenant
    member_id: MemberId
    http: AsyncClient
    browser: AsyncClient
    web: Client
    native: Client
    signer: Client
    opened: list[AsyncClient] = field(default_factory=list[AsyncClient])

    def proof(self, client: Client) -> Form:
        """What authenticates a client in a form."""
        if client.key is not None:
            signed = assertion(client, self.clock.now().timestamp())
            return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": signed}
        return {"client_id": client.id, **({"client_secret": client.secret} if client.secret else {})}

    def asking(self, client: Client, **changes: str | None) -> Form:
        """The query of an authorization request; None leaves a field out."""
        fields: dict[str, str | None] = {
            "response_type": "code",
            "client_id": client.id,
            "redirect_uri": client.redirect_uri,
            "scope": " ".join(SCOPES),
            "state": "state-1",
            "code_challenge": challenge_of(VERIFIER),
            "code_challenge_method": "S256",
            **changes,
        }
        return {name: value for name, value in fields.items() if value is not None}

    async def ask(self, client: Client, **changes: str | None) -> Response:
        """The answer to the browser that comes with an authorization request."""
        return await self.browser.get("/oauth/authorize", params=self.asking(client, **changes))

    async def answer(self, page: Response, **changes: str | None) -> Response:
        """The answer to the consent form of a page, which is yes unless `decision` says otherwise."""
        fields: dict[str, str | None] = {**hidden_fields(page), "decision": "allow", **changes}
        form = {name: value for name, value in fields.items() if value is not None}
        return await self.browser.post("/oauth/authorize", data=form)

    async def code(self, client: Client, **changes: str | None) -> str:
        """A code that the member has allowed."""
        page = await self.ask(client, **changes)
        assert page.status_code == 200, (page.status_code, page.headers, page.text)
        back = await self.answer(page)
        assert back.status_code == 303, (back.status_code, back.text)
        return sent_back(back)["code"]

    async def exchange(self, client: Client, code: str, **changes: str | None) -> Response:
        """The answer to a client that presents a code."""
        fields: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": client.redirect_uri,
            "code_verifier": VERIFIER,
            **self.proof(client),
            **changes,
        }
        form = {name: value for name, value in fields.items() if value is not None}
        return await self.http.post("/oauth/token", data=form)

    async def tokens(self, client: Client, **changes: str | None) -> Form:
        """The token response to a code that the member has allowed."""
        answer = await self.exchange(client, await self.code(client, **changes))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def refresh(self, client: Client, token: str, **changes: str) -> Response:
        form = {"grant_type": "refresh_token", "refresh_token": token, **self.proof(client), **changes}
        return await self.http.post("/oauth/token", data=form)

    async def call(self, token: str, path: str = "/v1/tenant") -> Response:
        return await self.http.get(path, headers={"Authorization": f"Bearer {token}"})

    async def introspect(self, client: Client, token: str) -> Response:
        return await self.http.post("/oauth/introspect", data={"token": token, **self.proof(client)})

    async def revoke(self, client: Client, token: str) -> Response:
        return await self.http.post("/oauth/revoke", data={"token": token, **self.proof(client)})

    async def client(self, *, of: Tenant | None = None, **registered: Any) -> Client:
        """Another client, of this tenant when no other is named."""
        return await register(self.sessions, of or self.tenant, **registered)

    async def log_in(self, member_id: MemberId, *, chosen: bool = True) -> AsyncClient:
        """Another browser, in which a member of this tenant is logged in."""
        browser = visitor(self.app)
        self.opened.append(browser)
        token = await log_in(self.sessions, self.tenant, member_id, self.clock, chosen=chosen)
        browser.cookies.set("rooted_session", token)
        return browser


def visitor(app: Litestar) -> AsyncClient:
    return AsyncClient(transport=ASGITransport(cast("Any", app)), base_url=ISSUER)


async def open_scene(app: Litestar, sessions: Sessions, tenant: Tenant, clock: MovableClock) -> Scene:
    member_id = await factories.member(sessions, tenant, Role.AGENT)
    key = ECKey.generate_key("P-256", {"kid": "key-1", "use": "sig", "alg": "ES256"})
    scene = Scene(
        app=app,
        sessions=sessions,
        clock=clock,
        tenant=tenant,
        member_id=member_id,
        http=visitor(app),
        browser=visitor(app),
        web=await register(sessions, tenant, grant_types=tuple(GrantType), redirect_uris=(WEB_URI,)),
        native=await register(
            sessions,
            tenant,
            auth_method=AuthMethod.NONE,
            grant_types=BY_PEOPLE,
            redirect_uris=(NATIVE_URI,),
        ),
        signer=await register(
            sessions,
            tenant,
            key=key,
            auth_method=AuthMethod.PRIVATE_KEY_JWT,
            grant_types=tuple(GrantType),
            redirect_uris=(WEB_URI,),
            jwks={"keys": [key.as_dict(private=False)]},
        ),
    )
    scene.opened += [scene.http, scene.browser]
    token = await log_in(sessions, tenant, member_id, clock)
    scene.browser.cookies.set("rooted_session", token)
    return scene


async def close_scene(scene: Scene) -> None:
    for each in scene.opened:
        await each.aclose()


async def register(
    sessions: Sessions, tenant: Tenant, *, key: ECKey | None = None, **registered: Any
) -> Client:
    """An application of a tenant, made by an operator."""
    secret = secrets.token_urlsafe(32)
    values: dict[str, Any] = {"name": "Desk App", "scopes": SCOPES, **registered}
    asked = Registration(**values)
    async with tenant_transaction(sessions, tenant.id) as session:
        made = await applications.create(session, applications.OPERATOR, asked, secret=secret, now=NOON)
    has_secret = made.auth_method is AuthMethod.CLIENT_SECRET
    uri = made.redirect_uris[0] if made.redirect_uris else ""
    name = domain.oauth_client_id(tenant.slug, made.id)
    return Client(name, uri, secret if has_secret else "", key)


async def log_in(
    sessions: Sessions, tenant: Tenant, member_id: MemberId, clock: MovableClock, *, chosen: bool = True
) -> str:
    """The token of a new log-in session of a member, which has chosen the tenant unless told otherwise."""
    token, now = secrets.token_urlsafe(32), clock.now()
    async with tenant_transaction(sessions, tenant.id) as session:
        row = await session.db.get_one(MemberRow, (tenant.id, member_id))
        person_id = PersonId(cast("UUID", row.person_id))
    async with platform_transaction(sessions) as platform:
        platform.db.add(
            LoginSessionRecord(
                digest=accounts.digest(token),
                person_id=person_id,
                tenant_id=tenant.id if chosen else None,
                member_id=member_id if chosen else None,
                factors=[Factor.PASSWORD.value],
                created_at=now,
                seen_at=now,
                expires_at=now + timedelta(hours=12),
                revoked_at=None,
            )
        )
    return token
