"""The use cases of the authorization server: serve its clients, show the keys, describe itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from service.api.errors import TokenInvalid
from service.api.oauth import answers, assertions, credentials, deeds, grants, server, tokens
from service.api.oauth.answers import EndpointRequest, EndpointResponse
from service.api.oauth.credentials import CredentialsMalformed, RequestMalformed
from service.api.oauth.desk import Desk, Origin, Terms
from service.api.oauth.granted import domain
from service.api.oauth.ring import KeyRing
from service.api.oauth.tokens import Grant
from service.audit.domain import Actor, name_of
from service.audit.witness import EACH_MAX, Witness
from service.clock import Clock
from service.db import Sessions, TenantSession, tenant_transaction
from service.ids import ApplicationId, TenantId
from service.platform import platform_transaction
from service.tenants import service
from service.tenants.domain import SCOPES, Application, console_id
from service.tenants.errors import TenantNotFound

NOBODY = UUID(int=0)
"""Where an unknown client is looked for, so that it takes as long as a known one."""

CONSOLE = "rooted"
"""The client id of every tenant's console: the tenant is that of the person, the code or the token."""

SUCCESSION = b"rooted: successors of refresh tokens, 1"
"""What the secrets that refresh tokens are derived with are for."""

UNREADABLE = {"grant_type": "client_credentials", "token": ""}
"""What a client is taken to have sent whose credentials cannot be read."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """What came to an endpoint of clients, as it came."""

    content_type: str
    authorization: str | None = field(repr=False)
    body: bytes = field(repr=False)
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """The authorization server of one process.

    Attributes:
        successions: the secrets that refresh tokens are derived with, the current one first.
    """

    sessions: Sessions
    ring: KeyRing
    clock: Clock
    terms: Terms
    successions: Callable[[], Sequence[bytes]]
    witness: Witness

    async def serve(self, incoming: Incoming, *, endpoint: str) -> EndpointResponse:
        """Answer a client at the token, the revocation or the introspection endpoint."""
        try:
            fields = credentials.parse_form(incoming.content_type, incoming.body)
            presented = credentials.presented(incoming.authorization, fields)
        except RequestMalformed as error:
            return answers.refusal("invalid_request", str(error))
        except CredentialsMalformed:  # answered, and counted, as an unknown client
            fields, presented = UNREADABLE, None
        if fields.get("resource", self.terms.issuer) != self.terms.issuer:
            return answers.refusal("invalid_target", "This server gives out tokens for itself only.")
        request = EndpointRequest(fields, presented, await self._read(fields.get("token")))
        return await self._respond(request, endpoint, incoming.origin)

    async def key_set(self) -> dict[str, list[dict[str, Any]]]:
        """The published keys as a JSON Web Key Set; it always has the one that signs."""
        await self.ring.signing_key()
        return {"keys": [key.public_jwk() for key in (await self.ring.published()).values()]}

    def metadata(self) -> dict[str, object]:
        """What this server supports, and nothing else (RFC 8414)."""
        issuer, methods = self.terms.issuer, list(credentials.METHODS)
        return {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/oauth/authorize",
            "token_endpoint": f"{issuer}/oauth/token",
            "revocation_endpoint": f"{issuer}/oauth/revoke",
            "introspection_endpoint": f"{issuer}/oauth/introspect",
            "jwks_uri": f"{issuer}/.well-known/jwks.json",
            "scopes_supported": list(SCOPES),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": list(server.GRANT_TYPES),
            "code_challenge_methods_supported": [grants.CHALLENGE_METHOD],
            "authorization_response_iss_parameter_supported": True,
            "protected_resources": [issuer],
            **{
                f"{endpoint}_endpoint_{what}": supported
                for endpoint in ("token", "revocation", "introspection")
                for what, supported in (
                    ("auth_methods_supported", methods),
                    ("auth_signing_alg_values_supported", list(assertions.ALGORITHMS)),
                )
            },
        }

    def resource(self) -> dict[str, object]:
        """What the API asks of its callers (RFC 9728)."""
        issuer = self.terms.issuer
        return {
            "resource": issuer,
            "resource_name": "Rooted",
            "authorization_servers": [issuer],
            "jwks_uri": f"{issuer}/.well-known/jwks.json",
            "scopes_supported": list(SCOPES),
            "bearer_methods_supported": ["header"],
        }

    async def desk(
        self, session: TenantSession, client: str, application_id: ApplicationId, origin: Origin
    ) -> Desk:
        """A desk for one request, in the transaction of the client's tenant."""
        return Desk(
            session=session,
            client=client,
            application_id=application_id,
            key=await self.ring.signing_key(),
            successions=self.successions(),
            terms=self.terms,
            now=self.clock.now(),
            origin=origin,
        )

    async def place(self, client: str) -> tuple[TenantId, ApplicationId]:
        """Where to look for a client that names its tenant: there, or NOBODY's."""
        slug, application_id = credentials.parse_client(client) or ("", ApplicationId(NOBODY))
        async with platform_transaction(self.sessions) as session:
            try:
                tenant = await service.find(session, slug)
            except TenantNotFound:
                return TenantId(NOBODY), application_id
        is_console = application_id == console_id(tenant.id)  # which has a name of its own, and no other
        return tenant.id, ApplicationId(NOBODY) if is_console else application_id

    async def _respond(self, request: EndpointRequest, endpoint: str, origin: Origin) -> EndpointResponse:
        client = "" if request.credentials is None else request.credentials.client
        await self.ring.signing_key()  # made, if need be, before a connection is held
        if client == CONSOLE:
            tenant_id = _tenant_named(request)
            application_id = console_id(tenant_id)
        else:
            tenant_id, application_id = await self.place(client)
        async with tenant_transaction(self.sessions, tenant_id) as session:
            desk = await self.desk(session, client, application_id, origin)
            answer = await session.db.run_sync(lambda _: server.respond(request, desk, endpoint=endpoint))
            known = await service.find_application(session, application_id)
            failed = answer.body.get("error") == "invalid_client"
            wait = await desk.note_failure() if failed else None
        if known is not None:
            await self._tell(known, request, answer, endpoint, origin)
        return answer if wait is None else answers.too_many(wait)

    async def _tell(
        self,
        application: Application,
        request: EndpointRequest,
        answer: EndpointResponse,
        endpoint: str,
        origin: Origin,
    ) -> None:
        """Have the answer to a client that is known recorded, once its transaction has ended."""
        grant_type, token = request.fields.get("grant_type"), answer.body.get("access_token")
        grant = await self._read(token) if isinstance(token, str) else None
        deed = deeds.deed(
            answer,
            endpoint=endpoint,
            grant_type=grant_type if grant_type in server.GRANT_TYPES else None,
            grant=grant,
        )
        if deed is None:
            return
        actor = Actor(
            name=name_of(application.id, None if grant is None else grant.member_id),
            application_id=application.id,
            client_id=application.client_id,
            address=origin.address,
            http_request_id=origin.http_request_id,
        )
        each_max = deeds.ISSUED_EACH_MAX if deed.action == deeds.ISSUED else EACH_MAX
        await self.witness.note(application.tenant_id, actor, deed, each_max=each_max)

    async def _read(self, token: str | None) -> Grant | None:
        """What an access token says, if it is one of ours and has not expired."""
        if token is None:
            return None
        try:
            keys = await self.ring.published(sought=tokens.kid_of(token))
            return tokens.verify(token, keys, issuer=self.terms.issuer, now=self.clock.now())
        except TokenInvalid:
            return None


def _tenant_named(request: EndpointRequest) -> TenantId:
    """The tenant in the code or the token that the console presents."""
    if request.grant is not None:
        return request.grant.tenant_id
    presented = (request.fields.get(name, "") for name in ("code", "refresh_token", "token"))
    return next((found for each in presented if (found := domain.tenant_of(each))), TenantId(NOBODY))
