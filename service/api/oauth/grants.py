"""Authlib's grants and endpoints, fed with what our use cases know.

Only this module and `service.api.oauth.server` know Authlib. It is synchronous, and runs inside
`AsyncSession.run_sync`, where what it asks for is answered by the desk of the request.
"""

import logging
from collections.abc import Awaitable
from typing import Any, TypeVar, cast

from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin
from authlib.oauth2.rfc6749.errors import InvalidGrantError, InvalidRequestError, InvalidScopeError
from authlib.oauth2.rfc6749.grants import (
    AuthorizationCodeGrant,
    ClientCredentialsGrant,
    RefreshTokenGrant,
)
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from sqlalchemy.util import await_only

from service.api.oauth import exchanges, inspection
from service.api.oauth.answers import Asked, EndpointRequest
from service.api.oauth.desk import Desk, Holder
from service.api.oauth.exchanges import Presented
from service.api.oauth.granted.domain import Consent
from service.api.oauth.granted.store import KeptCode
from service.tenants.domain import Application, AuthMethod

CHALLENGE_METHOD = "S256"

_Answer = TypeVar("_Answer")

logging.getLogger("authlib").setLevel(logging.INFO)  # at DEBUG it logs the tokens that it gives out


def wait_for(answer: Awaitable[_Answer]) -> _Answer:
    return await_only(answer)


class Serving(AuthorizationServer):
    """A server for one request, as its grants know it."""

    def __init__(self, asking: EndpointRequest, desk: Desk, asked: Asked | None = None) -> None:
        super().__init__()
        self.asking = asking
        self.desk = desk
        self.asked = asked


class KnownClient(ClientMixin):
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

    def get_allowed_scope(self, scope: Any) -> Any:  # noqa: ARG002 - known already
        return " ".join(sorted(self.allowed)) or None


class KnownCode:
    """An authorization code, as Authlib asks about it."""

    code_challenge_method = CHALLENGE_METHOD

    def __init__(self, kept: KeptCode) -> None:
        self.kept = kept
        self.code_challenge = kept.code.challenge

    def get_redirect_uri(self) -> str:
        return self.kept.code.redirect_uri

    def get_scope(self) -> str:
        return " ".join(self.kept.code.consent.scopes)


class PresentedToken:
    """A refresh token, as Authlib asks about it."""

    def __init__(self, presented: Presented) -> None:
        self.presented = presented

    def check_client(self, client: KnownClient) -> bool:
        return client.application.id == self.presented.kept.family.consent.application_id

    def get_scope(self) -> str:
        return " ".join(self.presented.kept.family.consent.scopes)


class ClientCredentials(ClientCredentialsGrant):
    def validate_requested_scope(self) -> None:
        """A scope that the application does not hold is refused, never left out in silence."""
        held = cast("KnownClient", self.request.client).application.scopes
        requested = frozenset((self.request.payload.scope or "").split() if self.request.payload else ())
        if not requested <= held:
            raise InvalidScopeError("The client does not hold all of the requested scopes.")


class AuthorizationCode(AuthorizationCodeGrant):
    server: Serving

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
        return wait_for(
            exchanges.add_code(
                self.server.desk,
                consent,
                redirect_uri=asked.fields["redirect_uri"],
                challenge=asked.fields["code_challenge"],
            )
        )

    def query_authorization_code(self, code: str, client: Any) -> KnownCode | None:
        kept = wait_for(exchanges.find_code(self.server.desk, client.application, code))
        return None if kept is None else KnownCode(kept)

    def authenticate_user(self, authorization_code: KnownCode) -> Holder:
        """Asked for last, when client, redirect URI and verifier are right: only now a replay is believed."""
        client = cast("KnownClient", self.request.client)
        holder = wait_for(exchanges.exchange(self.server.desk, client.application, authorization_code.kept))
        if holder is None:
            raise InvalidGrantError("The code has expired, was used, or its member may do nothing any more.")
        return holder

    def delete_authorization_code(self, authorization_code: KnownCode) -> None:
        """It stays, so that a second use is noticed."""


class Challenge(CodeChallenge):
    DEFAULT_CODE_CHALLENGE_METHOD = CHALLENGE_METHOD
    SUPPORTED_CODE_CHALLENGE_METHOD = [CHALLENGE_METHOD]  # noqa: RUF012 - as Authlib has it

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        """A challenge is asked for here: Authlib would first miss it at the token endpoint."""
        fields = grant.request.payload.data
        if fields.get("code_challenge_method") != CHALLENGE_METHOD or "code_challenge" not in fields:
            raise InvalidRequestError("Send a code_challenge with the code_challenge_method S256.")
        cast("Any", super()).validate_code_challenge(grant, redirect_uri)


class Refresh(RefreshTokenGrant):
    INCLUDE_NEW_REFRESH_TOKEN = True
    server: Serving

    def authenticate_refresh_token(self, refresh_token: str) -> Any:
        client = cast("KnownClient", self.request.client)
        found = wait_for(exchanges.find_refresh_token(self.server.desk, client.application, refresh_token))
        if found is None:
            raise InvalidGrantError("The refresh token does not count, or not any more.")
        return PresentedToken(found)

    def authenticate_user(self, refresh_token: PresentedToken) -> Holder:
        """Asked for last, when nothing can be refused any more: now the token is exchanged."""
        client = cast("KnownClient", self.request.client)
        asked = frozenset((self.request.payload.scope or "").split() if self.request.payload else ())
        holder = wait_for(
            exchanges.rotate(self.server.desk, client.application, refresh_token.presented, asked)
        )
        if holder is None:
            raise InvalidGrantError("The member may do nothing any more.")
        return holder

    def revoke_old_credential(self, refresh_token: Any) -> None:
        """The exchange did."""


class Revocation(RevocationEndpoint):
    server: Serving

    def authenticate_token(self, request: Any, client: Any) -> str:  # noqa: ARG002 - as Authlib calls it
        """Whose it is, is asked when it is revoked: a foreign token is answered like an unknown one."""
        _need_token(request)
        return request.form["token"]

    def revoke_token(self, token: str, request: Any) -> None:
        wait_for(
            inspection.revoke(self.server.desk, request.client.application, token, self.server.asking.grant)
        )


class Introspection(IntrospectionEndpoint):
    server: Serving

    def authenticate_token(self, request: Any, client: Any) -> Any:
        _need_token(request)
        found = inspection.introspect(
            self.server.desk, client.application, request.form["token"], self.server.asking.grant
        )
        return wait_for(found)

    def create_introspection_payload(self, token: dict[str, object]) -> dict[str, object]:
        return {"active": bool(token), **token}


def _need_token(request: Any) -> None:
    if "token" not in request.form:
        raise InvalidRequestError("The field token is missing.")
