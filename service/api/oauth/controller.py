"""HTTP of the authorization server: the token endpoint, the key set and the metadata."""

from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency

from service.api.oauth.authority import Authority
from service.api.oauth.keys import KEY_SET_KEPT

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
KEPT_A_WHILE = {"Cache-Control": f"public, max-age={int(KEY_SET_KEPT.total_seconds())}"}


class OAuthController(Controller):
    tags = ("OAuth",)

    @post("/oauth/token", status_code=200, operation_id="createToken")
    async def token(
        self, request: Request[Any, Any, Any], authority: NamedDependency[Authority]
    ) -> Response[dict[str, object]]:
        """Get an access token by client credentials (RFC 6749 §4.4)."""
        headers = request.headers
        answer = await authority.token(
            headers.get("content-type", ""), headers.get("authorization"), await request.body()
        )
        challenge = {"WWW-Authenticate": 'Basic realm="rooted"'} if answer.status == 401 else {}  # noqa: PLR2004
        return Response(
            answer.body, status_code=answer.status, headers={**NO_STORE, **challenge, **answer.headers}
        )

    @get("/.well-known/jwks.json", operation_id="getKeySet")
    async def key_set(
        self, authority: NamedDependency[Authority]
    ) -> Response[dict[str, list[dict[str, Any]]]]:
        """The public keys that verify access tokens (RFC 7517)."""
        return Response(await authority.key_set(), headers=KEPT_A_WHILE)

    @get("/.well-known/oauth-authorization-server", operation_id="getAuthorizationServer")
    async def metadata(self, authority: NamedDependency[Authority]) -> Response[dict[str, object]]:
        """What the authorization server supports (RFC 8414)."""
        return Response(authority.metadata(), headers=KEPT_A_WHILE)
