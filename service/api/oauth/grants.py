"""Authlib's authorization server, fed with what our use cases know. The only module that knows Authlib.

Authlib is synchronous and keeps what it serves in objects, so a server lives for one request. It runs inside
`AsyncSession.run_sync`, where what it asks for may be answered by our asynchronous use cases.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil
from typing import Any, cast

from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, OAuth2Error, OAuth2Request
from authlib.oauth2.rfc6749.errors import (
    InvalidClientError,
    InvalidScopeError,
    UnsupportedGrantTypeError,
)
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload

from service.api.oauth.credentials import Credentials
from service.tenants.domain import Application

GRANT_TYPES = ("client_credentials",)
AUTH_METHODS = ("client_secret_basic", "client_secret_post")

_ENDPOINT = "https://rooted.invalid/oauth/token"
"""Authlib wants an address with TLS, and uses it for nothing that we use."""

Find = Callable[[Credentials], Application | None]
Issue = Callable[[Application, frozenset[str]], dict[str, object]]


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """What came to the token endpoint, already read.

    Attributes:
        credentials: None when there are none, or none that can be read.
    """

    fields: Mapping[str, str]
    credentials: Credentials | None


@dataclass(frozen=True, slots=True)
class TokenResponse:
    """What goes back: an access token, or an error in the shape of RFC 6749 §5.2."""

    status: int
    body: dict[str, object]
    headers: dict[str, str] = field(default_factory=dict[str, str])


def respond(request: TokenRequest, *, find: Find, issue: Issue) -> TokenResponse:
    """The token endpoint's answer, in the shapes of RFC 6749 §5.

    Args:
        request: what came.
        find: the application with these credentials; None when it is unknown, revoked, or the secret wrong.
        issue: the token response for an application and the scopes that it gets.
    """
    server = _Server(request.credentials, find, issue)
    if "grant_type" not in request.fields:
        return refusal("invalid_request", "The field grant_type is missing.")
    answer = server.create_token_response(_Request(request.fields))  # pyright: ignore[reportUnknownMemberType] - open in the stubs
    return cast("TokenResponse", answer)


def too_many(wait: timedelta) -> TokenResponse:
    """The answer to a client that failed too often."""
    description = "Too many failed attempts for this client; wait."
    headers = {"Retry-After": str(ceil(wait.total_seconds()))}
    return TokenResponse(429, {"error": "invalid_client", "error_description": description}, headers)


def refusal(error: str, description: str, *, status: int = 400) -> TokenResponse:
    return TokenResponse(status, {"error": error, "error_description": description})


class _Request(OAuth2Request):
    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("POST", _ENDPOINT)  # pyright: ignore[reportUnknownMemberType] - open in the stubs
        self.payload = BasicOAuth2Payload(dict(fields))


class _Client(ClientMixin):
    def __init__(self, application: Application) -> None:
        self.application = application

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in GRANT_TYPES


class _ClientCredentials(ClientCredentialsGrant):
    def validate_requested_scope(self) -> None:
        """A scope that the application does not hold is refused, never left out in silence."""
        held = cast("_Client", self.request.client).application.scopes
        requested = frozenset((self.request.payload.scope or "").split() if self.request.payload else ())
        if not requested <= held:
            raise InvalidScopeError("The client does not hold all of the requested scopes.")


class _Server(AuthorizationServer):
    def __init__(self, credentials: Credentials | None, find: Find, issue: Issue) -> None:
        super().__init__()
        self._credentials = credentials
        self._find = find
        self._issue = issue
        self.register_grant(_ClientCredentials)
        self.register_token_generator("default", cast("Any", self._token))

    def authenticate_client(self, request: Any, methods: Any, endpoint: str = "token") -> _Client:  # noqa: ARG002
        """One answer for every reason, so that nobody learns which clients exist."""
        found = None if self._credentials is None else self._find(self._credentials)
        if found is None:
            raise InvalidClientError("The client is not known, or its secret is wrong.", status_code=401)
        return _Client(found)

    def create_oauth2_request(self, request: Any) -> Any:
        return request

    def save_token(self, token: Any, request: Any) -> None:
        """A token says all by itself; there is nothing to save."""

    def send_signal(self, name: Any, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""

    def handle_response(self, status: int, body: Any, headers: Any) -> TokenResponse:  # noqa: ARG002
        return TokenResponse(status, dict(body))

    def handle_error_response(self, request: Any, error: OAuth2Error) -> TokenResponse:
        if isinstance(error, UnsupportedGrantTypeError):  # Authlib would repeat what the caller sent
            supported = ", ".join(GRANT_TYPES)
            return refusal("unsupported_grant_type", f"The grant types of this server are: {supported}.")
        return cast("TokenResponse", super().handle_error_response(request, error))

    def _token(self, *, client: _Client, scope: str | None, **_others: Any) -> dict[str, object]:
        requested = frozenset((scope or "").split())
        return self._issue(client.application, requested or client.application.scopes)
