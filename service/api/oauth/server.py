"""Authlib's authorization server: one object for each request, so that nothing of a request is shared."""

from collections.abc import Mapping
from typing import Any, cast

from authlib.oauth2.rfc6749 import OAuth2Error, OAuth2Request
from authlib.oauth2.rfc6749.errors import (
    InvalidClientError,
    UnsupportedGrantTypeError,
    UnsupportedResponseTypeError,
)
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload

from service.api.oauth import answers
from service.api.oauth.answers import Asked, AuthorizationRefused, EndpointRequest, EndpointResponse
from service.api.oauth.desk import Desk, Holder
from service.api.oauth.grants import (
    AuthorizationCode,
    Challenge,
    ClientCredentials,
    Introspection,
    KnownClient,
    Refresh,
    Revocation,
    Serving,
    wait_for,
)

GRANT_TYPES = ("authorization_code", "client_credentials", "refresh_token")
TOKEN = "token"  # noqa: S105 - the endpoint's name
REVOCATION = Revocation.ENDPOINT_NAME
INTROSPECTION = Introspection.ENDPOINT_NAME

_ENDPOINT = "https://rooted.invalid/oauth"
"""Authlib wants an address with TLS, and uses it for nothing that we use."""


def respond(request: EndpointRequest, desk: Desk, *, endpoint: str = TOKEN) -> EndpointResponse:
    """An endpoint's answer to a client. Runs inside `AsyncSession.run_sync`."""
    server, asked = cast("Any", _Server(request, desk)), _Request(request.fields)
    if endpoint != TOKEN:
        return server.create_endpoint_response(endpoint, asked)
    if "grant_type" not in request.fields:
        return answers.refusal("invalid_request", "The field grant_type is missing.")
    return server.create_token_response(asked)


def check(asked: Asked, desk: Desk) -> None:
    """Is this something that a person can be asked to allow? Raises AuthorizationRefused."""
    _consented(asked, desk)


def allow(asked: Asked, desk: Desk) -> str:
    """Where to send the person who has allowed it, with a code. Raises AuthorizationRefused."""
    grant = _consented(asked, desk)
    _, _, headers = grant.create_authorization_response(grant.redirect_uri, asked.member_id)
    return dict(headers)["Location"]


def _consented(asked: Asked, desk: Desk) -> Any:
    server: Any = _Server(EndpointRequest(asked.fields, None), desk, asked)
    try:
        return server.get_consent_grant(_Request(asked.fields), asked.member_id)
    except UnsupportedResponseTypeError as error:  # Authlib would repeat what the caller sent
        description = "The response type of this server is: code."
        raise AuthorizationRefused("unsupported_response_type", description) from error
    except OAuth2Error as error:
        raise AuthorizationRefused(str(error.error), error.get_error_description()) from error


class _Request(OAuth2Request):
    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("POST", _ENDPOINT)  # pyright: ignore[reportUnknownMemberType] - open in the stubs
        self._fields = dict(fields)
        self.payload = BasicOAuth2Payload(self._fields)

    @property
    def form(self) -> dict[str, str]:
        return self._fields


class _Server(Serving):
    def __init__(self, asking: EndpointRequest, desk: Desk, asked: Asked | None = None) -> None:
        super().__init__(asking, desk, asked)
        self.register_grant(ClientCredentials)
        self.register_grant(AuthorizationCode, [Challenge(required=True)])
        self.register_grant(Refresh)
        for endpoint in (Revocation, Introspection):
            cast("Any", self).register_endpoint(endpoint)
        self.register_token_generator("default", cast("Any", self._token))

    def query_client(self, client_id: str) -> Any:  # noqa: ARG002 - it has been found
        return None if self.asked is None else KnownClient(self.asked.application, self.asked.scopes)

    def authenticate_client(self, request: Any, methods: Any, endpoint: str = TOKEN) -> KnownClient:  # noqa: ARG002
        """One answer for every reason, so that nobody learns which clients exist."""
        presented = self.asking.credentials
        found = None if presented is None else wait_for(self.desk.authenticate(presented))
        if presented is None or found is None:
            raise InvalidClientError(answers.UNKNOWN_CLIENT, status_code=401)
        request.auth_method = presented.method
        return KnownClient(found)

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
            return answers.refusal(
                "unsupported_grant_type", f"The grant types of this server are: {supported}."
            )
        return cast("EndpointResponse", super().handle_error_response(request, error))

    def _token(
        self, *, client: KnownClient, scope: str | None, user: Holder | None, **_others: Any
    ) -> dict[str, object]:
        if user is not None:
            return self.desk.issue(client.application, user.scopes, user)
        requested = frozenset((scope or "").split())
        return self.desk.issue(client.application, requested or client.application.scopes, None)
