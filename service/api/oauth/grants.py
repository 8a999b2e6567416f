"""Authlib's authorization server, fed with what our use cases know. The only module that knows Authlib.

Authlib is synchronous and keeps what it serves in objects, so a server lives for one request. It runs inside
`AsyncSession.run_sync`, where what it asks for is answered by the desk of that request.
"""

import logging
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil
from typing import Any, TypeVar, cast

from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, OAuth2Error, OAuth2Request
from authlib.oauth2.rfc6749.errors import (
    InvalidClientError,
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
    UnsupportedGrantTypeError,
    UnsupportedResponseTypeError,
)
from authlib.oauth2.rfc6749.grants import (
    AuthorizationCodeGrant,
    ClientCredentialsGrant,
    RefreshTokenGrant,
)
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from sqlalchemy.util import await_only

from service.api.oauth.credentials import Credentials
from service.api.oauth.desk import Desk, Holder, Presented
from service.api.oauth.granted.domain import Consent
from service.api.oauth.granted.store import KeptCode
from service.api.oauth.tokens import Grant
from service.ids import MemberId
from service.tenants.domain import Application, AuthMethod

GRANT_TYPES = ("authorization_code", "client_credentials", "refresh_token")
TOKEN = "token"  # noqa: S105 - the endpoint's name
REVOCATION = RevocationEndpoint.ENDPOINT_NAME
INTROSPECTION = IntrospectionEndpoint.ENDPOINT_NAME
CHALLENGE_METHOD = "S256"

_ENDPOINT = "https://rooted.invalid/oauth"
"""Authlib wants an address with TLS, and uses it for nothing that we use."""

_UNKNOWN_CLIENT = "The client is not known, or has not proved who it is."
_Answer = TypeVar("_Answer")

logging.getLogger("authlib").setLevel(logging.INFO)  # at DEBUG it logs the tokens that it gives out


@dataclass(frozen=True, slots=True)
class EndpointRequest:
    """What came to an endpoint of clients, already read.

    Attributes:
        credentials: None when there are none, or none that can be read.
        grant: what the access token in the field `token` says, if that is one of ours.
    """

    fields: Mapping[str, str]
    credentials: Credentials | None
    grant: Grant | None = None


@dataclass(frozen=True, slots=True)
class EndpointResponse:
    """What goes back: what was asked for, or an error in the shape of RFC 6749 §5.2."""

    status: int
    body: dict[str, object]
    headers: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to the authorization endpoint, of a client and a redirect URI that have been checked.

    Attributes:
        scopes: what the application may have on behalf of the member, of what it asks for.
    """

    fields: Mapping[str, str]
    application: Application
    member_id: MemberId
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class AuthorizationRefused(Exception):
    """The error that is sent back to the client (RFC 6749 §4.1.2.1)."""

    error: str
    description: str


def respond(request: EndpointRequest, desk: Desk, *, endpoint: str = TOKEN) -> EndpointResponse:
    """An endpoint's answer to a client. Runs inside `AsyncSession.run_sync`."""
    server = _Server(request, desk)
    asked = _Request(request.fields)
    if endpoint != TOKEN:
        return cast("EndpointResponse", server.create_endpoint_response(endpoint, asked))
    if "grant_type" not in request.fields:
        return refusal("invalid_request", "The field grant_type is missing.")
    return cast("EndpointResponse", server.create_token_response(asked))  # pyright: ignore[reportUnknownMemberType] - open in the stubs


def check(asked: Asked, desk: Desk) -> None:
    """Is this something that a person can be asked to allow? Raises AuthorizationRefused."""
    _consented(asked, desk)


def allow(asked: Asked, desk: Desk) -> str:
    """Where to send the person who has allowed it, with a code. Raises AuthorizationRefused."""
    grant = _consented(asked, desk)
    _, _, headers = grant.create_authorization_response(grant.redirect_uri, asked.member_id)
    return dict(headers)["Location"]


def too_many(wait: timedelta) -> EndpointResponse:
    """The answer to a client that failed too often."""
    description = "Too many failed attempts for this client; wait."
    headers = {"Retry-After": str(ceil(wait.total_seconds()))}
    return EndpointResponse(429, {"error": "invalid_client", "error_description": description}, headers)


def unknown_client() -> EndpointResponse:
    return refusal("invalid_client", _UNKNOWN_CLIENT, status=401)


def refusal(error: str, description: str, *, status: int = 400) -> EndpointResponse:
    return EndpointResponse(status, {"error": error, "error_description": description})


def _consented(asked: Asked, desk: Desk) -> Any:
    server = _Server(EndpointRequest(asked.fields, None), desk, asked)
    try:
        return server.get_consent_grant(_Request(asked.fields), asked.member_id)
    except UnsupportedResponseTypeError as error:  # Authlib would repeat what the caller sent
        description = "The response type of this server is: code."
        raise AuthorizationRefused("unsupported_response_type", description) from error
    except OAuth2Error as error:
        raise AuthorizationRefused(str(error.error), error.get_error_description()) from error


def _wait_for(answer: Awaitable[_Answer]) -> _Answer:
    return await_only(answer)


class _Request(OAuth2Request):
    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("POST", _ENDPOINT)  # pyright: ignore[reportUnknownMemberType] - open in the stubs
        self.payload = BasicOAuth2Payload(dict(fields))

    @property
    def form(self) -> dict[str, str]:
        return self.payload.data


class _Client(ClientMixin):
    def __init__(self, application: Application, allowed: frozenset[str] = frozenset()) -> None:
        self.application = application
        self.allowed = allowed

    def check_grant_type(self, grant_type: str) -> bool:
        proves_itself = self.application.auth_method is not AuthMethod.NONE
        return grant_type in self.application.grant_types and (
            proves_itself or grant_type != ClientCredentialsGrant.GRANT_TYPE
        )

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code" and self.check_grant_type("authorization_code")

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """It has been checked before anything was shown."""
        return bool(redirect_uri)

    def get_allowed_scope(self, scope: str | None) -> str | None:  # noqa: ARG002 - known already
        return " ".join(sorted(self.allowed)) or None


class _Code:
    """An authorization code, as Authlib asks about it."""

    code_challenge_method = CHALLENGE_METHOD

    def __init__(self, kept: KeptCode) -> None:
        self.kept = kept
        self.code_challenge = kept.code.challenge

    def get_redirect_uri(self) -> str:
        return self.kept.code.redirect_uri

    def get_scope(self) -> str:
        return " ".join(self.kept.code.consent.scopes)


class _RefreshToken:
    """A refresh token, as Authlib asks about it."""

    def __init__(self, presented: Presented) -> None:
        self.presented = presented

    def check_client(self, client: _Client) -> bool:
        return client.application.id == self.presented.kept.family.consent.application_id

    def get_scope(self) -> str:
        return " ".join(self.presented.kept.family.consent.scopes)


class _ClientCredentials(ClientCredentialsGrant):
    def validate_requested_scope(self) -> None:
        """A scope that the application does not hold is refused, never left out in silence."""
        held = cast("_Client", self.request.client).application.scopes
        requested = frozenset((self.request.payload.scope or "").split() if self.request.payload else ())
        if not requested <= held:
            raise InvalidScopeError("The client does not hold all of the requested scopes.")


class _AuthorizationCode(AuthorizationCodeGrant):
    server: "_Server"

    def save_authorization_code(self, code: str, request: Any) -> None:
        """The desk made and kept it."""

    def generate_authorization_code(self) -> str:
        asked = self.server.asked
        if asked is None:
            raise RuntimeError("a code is asked for without a person")
        consent = Consent(
            application_id=asked.application.id,
            client=asked.fields["client_id"],
            member_id=asked.member_id,
            scopes=asked.scopes,
        )
        return _wait_for(
            self.server.desk.add_code(
                consent,
                redirect_uri=asked.fields["redirect_uri"],
                challenge=asked.fields["code_challenge"],
            )
        )

    def query_authorization_code(self, code: str, client: _Client) -> _Code | None:
        kept = _wait_for(self.server.desk.find_code(client.application, code))
        return None if kept is None else _Code(kept)

    def authenticate_user(self, authorization_code: _Code) -> Holder:
        """Asked for last, when client, redirect URI and verifier are right: only now a replay is believed."""
        client = cast("_Client", self.request.client)
        holder = _wait_for(self.server.desk.exchange(client.application, authorization_code.kept))
        if holder is None:
            raise InvalidGrantError("The code has expired, was used, or its member may do nothing any more.")
        return holder

    def delete_authorization_code(self, authorization_code: _Code) -> None:
        """It stays, so that a second use is noticed."""


class _Challenge(CodeChallenge):
    DEFAULT_CODE_CHALLENGE_METHOD = CHALLENGE_METHOD
    SUPPORTED_CODE_CHALLENGE_METHOD = (CHALLENGE_METHOD,)

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        """A challenge is asked for here: Authlib would first miss it at the token endpoint."""
        fields = grant.request.payload.data
        if fields.get("code_challenge_method") != CHALLENGE_METHOD or "code_challenge" not in fields:
            raise InvalidRequestError("Send a code_challenge with the code_challenge_method S256.")
        super().validate_code_challenge(grant, redirect_uri)


class _Refresh(RefreshTokenGrant):
    INCLUDE_NEW_REFRESH_TOKEN = True
    server: "_Server"

    def authenticate_refresh_token(self, refresh_token: str) -> _RefreshToken:
        client = cast("_Client", self.request.client)
        found = _wait_for(self.server.desk.find_refresh_token(client.application, refresh_token))
        if found is None:
            raise InvalidGrantError("The refresh token does not count, or not any more.")
        return _RefreshToken(found)

    def authenticate_user(self, refresh_token: _RefreshToken) -> Holder:
        """Asked for last, when nothing can be refused any more: now the token is exchanged."""
        client = cast("_Client", self.request.client)
        asked = frozenset((self.request.payload.scope or "").split() if self.request.payload else ())
        holder = _wait_for(self.server.desk.rotate(client.application, refresh_token.presented, asked))
        if holder is None:
            raise InvalidGrantError("The member may do nothing any more.")
        return holder

    def revoke_old_credential(self, refresh_token: _RefreshToken) -> None:
        """The exchange did."""


class _Revocation(RevocationEndpoint):
    server: "_Server"

    def authenticate_token(self, request: Any, client: Any) -> str:  # noqa: ARG002 - as Authlib calls it
        """Whose it is, is asked when it is revoked: a foreign token is answered like an unknown one."""
        _need_token(request)
        return request.form["token"]

    def revoke_token(self, token: str, request: Any) -> None:
        _wait_for(self.server.desk.revoke(request.client.application, token, self.server.asking.grant))


class _Introspection(IntrospectionEndpoint):
    server: "_Server"

    def authenticate_token(self, request: Any, client: Any) -> Any:
        _need_token(request)
        found = self.server.desk.introspect(
            client.application, request.form["token"], self.server.asking.grant
        )
        return _wait_for(found)

    def create_introspection_payload(self, token: dict[str, object]) -> dict[str, object]:
        return {"active": bool(token), **token}


def _need_token(request: Any) -> None:
    if "token" not in request.form:
        raise InvalidRequestError("The field token is missing.")


class _Server(AuthorizationServer):
    def __init__(self, asking: EndpointRequest, desk: Desk, asked: Asked | None = None) -> None:
        super().__init__()
        self.asking = asking
        self.desk = desk
        self.asked = asked
        self.register_grant(_ClientCredentials)
        self.register_grant(_AuthorizationCode, [_Challenge(required=True)])
        self.register_grant(_Refresh)
        self.register_endpoint(_Revocation)
        self.register_endpoint(_Introspection)
        self.register_token_generator("default", cast("Any", self._token))

    def query_client(self, client_id: str) -> _Client | None:  # noqa: ARG002 - it has been found
        return None if self.asked is None else _Client(self.asked.application, self.asked.scopes)

    def authenticate_client(self, request: Any, methods: Any, endpoint: str = TOKEN) -> _Client:  # noqa: ARG002
        """One answer for every reason, so that nobody learns which clients exist."""
        presented = self.asking.credentials
        found = None if presented is None else _wait_for(self.desk.authenticate(presented))
        if presented is None or found is None:
            raise InvalidClientError(_UNKNOWN_CLIENT, status_code=401)
        request.auth_method = presented.method
        return _Client(found)

    def create_oauth2_request(self, request: Any) -> Any:
        return request

    def save_token(self, token: Any, request: Any) -> None:
        """What is kept of a token is kept where it is made."""

    def send_signal(self, name: Any, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""

    def handle_response(self, status: int, body: Any, headers: Any) -> EndpointResponse:  # noqa: ARG002
        return EndpointResponse(status, dict(body))

    def handle_error_response(self, request: Any, error: OAuth2Error) -> EndpointResponse:
        if isinstance(error, UnsupportedGrantTypeError):  # Authlib would repeat what the caller sent
            supported = ", ".join(GRANT_TYPES)
            return refusal("unsupported_grant_type", f"The grant types of this server are: {supported}.")
        return cast("EndpointResponse", super().handle_error_response(request, error))

    def _token(
        self, *, client: _Client, scope: str | None, user: Holder | None, **_others: Any
    ) -> dict[str, object]:
        if user is not None:
            return self.desk.issue(client.application, user.scopes, user)
        requested = frozenset((scope or "").split())
        return self.desk.issue(client.application, requested or client.application.scopes, None)
