"""The use cases of the authorization endpoint: whom to ask what, and where to send the answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from service.api.oauth import credentials, redirects, server
from service.api.oauth.answers import Asked, AuthorizationRefused
from service.api.oauth.authority import CONSOLE, NOBODY, Authority
from service.api.oauth.desk import Desk, Origin
from service.db import TenantSession, tenant_transaction
from service.ids import ApplicationId, MemberId, TenantId
from service.people import logins
from service.people.domain.outcomes import LoggedIn
from service.platform import platform_transaction
from service.tenants import service as tenants
from service.tenants.domain import Application, console_id, console_of

PLACE = "/oauth/authorize"
PARAMETERS = (
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
    "response_mode",
    "resource",
    "request",
    "request_uri",
)
"""What we read of a request; everything else is not for us."""

TENANT = "tenant"
"""The field of the consent form that names the tenant that was shown."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The person is told, and sent nowhere: who asks, or where the answer would go, is not known."""

    reason: str


@dataclass(frozen=True, slots=True)
class LogInFirst:
    """Nobody is logged in, or in no tenant yet; afterwards the person comes back to `place`."""

    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """The person is to be asked.

    Attributes:
        person: who that is, in words.
        fields: comes back with the answer.
    """

    application: str
    tenant: str
    person: str
    scopes: frozenset[str]
    redirect_uri: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SendBack:
    """The person is sent to the client, with a code or an error."""

    location: str


Outcome = Refused | LogInFirst | Ask | SendBack


@dataclass(frozen=True, slots=True)
class _Client:
    """The client of a request, and where its answer goes.

    Attributes:
        tenant_id: NOBODY's for the console, as long as nobody is logged in.
    """

    tenant_id: TenantId
    application: Application
    redirect_uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What came to the authorization endpoint.

    Attributes:
        login: who is logged in in the browser.
        allowed: the person's answer; None when it has not been asked yet.
    """

    fields: Mapping[str, str]
    login: LoggedIn | None
    origin: Origin
    allowed: bool | None = None


def read(encoded: bytes) -> Mapping[str, str]:
    """The parameters of a query or a form. Raises RequestMalformed."""
    fields = credentials.parse_fields(encoded)
    return {name: fields[name] for name in (*PARAMETERS, TENANT) if name in fields}


async def receive(authority: Authority, visit: Visit) -> Outcome:
    """Decide what becomes of a request, or of a person's answer to it."""
    login = visit.login
    found = await _client(authority, visit.fields, login)
    if isinstance(found, Refused):
        return found
    if login is None or found.tenant_id == NOBODY:
        return LogInFirst(f"{PLACE}?{urlencode(_parameters(visit.fields))}")
    member_id = await _member_in(authority, login, found.tenant_id)
    try:
        _refuse_unsupported(visit.fields, issuer=authority.terms.issuer)
        if member_id is None:
            raise AuthorizationRefused("access_denied", "The person is not a member of this tenant.")  # noqa: TRY301
        return await _judge(authority, visit, found, _Person(login, member_id))
    except AuthorizationRefused as refused:
        return _send_back(authority, visit.fields, found.redirect_uri, refused)


@dataclass(frozen=True, slots=True)
class _Person:
    login: LoggedIn
    member_id: MemberId


async def _judge(authority: Authority, visit: Visit, client: _Client, person: _Person) -> Outcome:
    """Ask the person, or do what it answered. Raises AuthorizationRefused."""
    await authority.ring.signing_key()  # made, if need be, before a connection is held
    async with tenant_transaction(authority.sessions, client.tenant_id) as session:
        application = client.application
        desk = await authority.desk(session, visit.fields["client_id"], application.id, visit.origin)
        asked = await _asked(desk, visit.fields, application, person.member_id)
        if visit.allowed is False:
            raise AuthorizationRefused("access_denied", "The person has not allowed it.")
        shown = visit.fields.get(TENANT) == client.tenant_id.hex  # it may have changed tenants meanwhile
        if visit.allowed and shown:
            location = await session.db.run_sync(lambda _: server.allow(asked, desk))
            return SendBack(redirects.with_parameters(location, [("iss", authority.terms.issuer)]))
        await session.db.run_sync(lambda _: server.check(asked, desk))
        return await _question(session, visit.fields, asked, person)


async def _question(session: TenantSession, fields: Mapping[str, str], asked: Asked, person: _Person) -> Ask:
    """What is shown is what comes back: not more scopes, and no other tenant."""
    scope = " ".join(sorted(asked.scopes))
    who = person.login.person
    return Ask(
        application=asked.application.name,
        tenant=(await tenants.get(session)).name,
        person=who.name or who.email,
        scopes=asked.scopes,
        redirect_uri=fields["redirect_uri"],
        fields={**_parameters(fields), "scope": scope, TENANT: session.tenant_id.hex},
    )


async def _asked(
    desk: Desk, fields: Mapping[str, str], application: Application, member_id: MemberId
) -> Asked:
    wanted = frozenset(fields.get("scope", "").split()) or application.scopes
    scopes = await desk.scopes_now(application, member_id, wanted, since=desk.now)
    return Asked(fields, application, member_id, scopes)


async def _client(
    authority: Authority, fields: Mapping[str, str], login: LoggedIn | None
) -> _Client | Refused:
    client, redirect_uri = fields.get("client_id"), fields.get("redirect_uri")
    if client is None:
        return Refused("The application did not say which one it is: client_id is missing.")
    tenant_id, application = await _application(authority, client, login)
    if application is None or application.revoked_at is not None:
        return Refused("There is no application of this client_id.")
    if redirect_uri is None:
        return Refused("The application did not say where to go on: redirect_uri is missing.")
    if not redirects.is_registered(redirect_uri, application.redirect_uris):
        return Refused("The application asked to go on at an address that is not registered for it.")
    return _Client(tenant_id, application, redirect_uri)


async def _application(
    authority: Authority, client: str, login: LoggedIn | None
) -> tuple[TenantId, Application | None]:
    if client == CONSOLE:
        tenant_id = TenantId(NOBODY) if login is None or login.tenant_id is None else login.tenant_id
        if tenant_id == NOBODY:  # what all consoles have in common is enough to see where answers may go
            return tenant_id, console_of(tenant_id, authority.clock.now())
        return tenant_id, await _find(authority, tenant_id, console_id(tenant_id))
    tenant_id, application_id = await authority.place(client)
    return tenant_id, await _find(authority, tenant_id, application_id)


async def _find(
    authority: Authority, tenant_id: TenantId, application_id: ApplicationId
) -> Application | None:
    async with tenant_transaction(authority.sessions, tenant_id) as session:
        return await tenants.find_application(session, application_id)


async def _member_in(authority: Authority, login: LoggedIn, tenant_id: TenantId) -> MemberId | None:
    """The person's membership of the client's tenant, whichever it has chosen: the page says which it is."""
    if login.tenant_id == tenant_id:
        return login.member_id
    async with platform_transaction(authority.sessions) as platform:
        found = await logins.memberships(platform, login.person.id)
    return next((each.member_id for each in found if each.tenant_id == tenant_id), None)


def _refuse_unsupported(fields: Mapping[str, str], *, issuer: str) -> None:
    """Raises AuthorizationRefused."""
    if "request" in fields or "request_uri" in fields:
        kind = "request" if "request" in fields else "request_uri"
        raise AuthorizationRefused(f"{kind}_not_supported", "Send the parameters in the query.")
    if fields.get("response_mode", "query") != "query":
        raise AuthorizationRefused("invalid_request", "The response mode of this server is: query.")
    if fields.get("resource", issuer) != issuer:
        raise AuthorizationRefused("invalid_target", "This server gives out tokens for itself only.")


def _send_back(
    authority: Authority, fields: Mapping[str, str], redirect_uri: str, refused: AuthorizationRefused
) -> SendBack:
    answer = [("error", refused.error), ("error_description", refused.description)]
    state = [("state", fields["state"])] if "state" in fields else []
    issuer = [("iss", authority.terms.issuer)]
    return SendBack(redirects.with_parameters(redirect_uri, [*answer, *state, *issuer]))


def _parameters(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if name in PARAMETERS}
