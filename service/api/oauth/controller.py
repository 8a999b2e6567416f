"""HTTP of the authorization server, for clients: tokens, their revocation, keys and metadata."""

from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency

from service.api.oauth import server
from service.api.oauth.authority import Authority, Incoming
from service.api.oauth.desk import Origin
from service.api.oauth.keys import KEY_SET_KEPT

AnyRequest = Request[Any, Any, Any]
Answer = Response[dict[str, object]]

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
KEPT_A_WHILE = {"Cache-Control": f"public, max-age={int(KEY_SET_KEPT.total_seconds())}"}
UNAUTHORIZED = 401


class OAuthController(Controller):
    tags = ("OAuth",)

    @post("/oauth/token", status_code=200, operation_id="createToken")
    async def token(self, request: AnyRequest, authority: NamedDependency[Authority]) -> Answer:
        """Get tokens: by client credentials, for an authorization code, or for a refresh token."""
        return await _serve(request, authority, server.TOKEN)

    @post("/oauth/revoke", status_code=200, operation_id="revokeToken")
    async def revoke(self, request: AnyRequest, authority: NamedDependency[Authority]) -> Answer:
        """Revoke a token of the client's own (RFC 7009); a refresh token ends all tokens of its consent."""
        return await _serve(request, authority, server.REVOCATION)

    @post("/oauth/introspect", status_code=200, operation_id="introspectToken")
    async def introspect(self, request: AnyRequest, authority: NamedDependency[Authority]) -> Answer:
        """Say whether a token of the client's own counts, and for what (RFC 7662)."""
        return await _serve(request, authority, server.INTROSPECTION)

    @get("/.well-known/jwks.json", operation_id="getKeySet")
    async def key_set(
        self, authority: NamedDependency[Authority]
    ) -> Response[dict[str, list[dict[str, Any]]]]:
        """The public keys that verify access tokens (RFC 7517)."""
        return Response(await authority.key_set(), headers=KEPT_A_WHILE)

    @get("/.well-known/oauth-authorization-server", operation_id="getAuthorizationServer")
    async def metadata(self, authority: NamedDependency[Authority]) -> Answer:
        """What the authorization server supports (RFC 8414)."""
        return Response(authority.metadata(), headers=KEPT_A_WHILE)

    @get("/.well-known/oauth-protected-resource", operation_id="getProtectedResource")
    async def resource(self, authority: NamedDependency[Authority]) -> Answer:
        """Which tokens the API takes, and who gives them out (RFC 9728)."""
        return Response(authority.resource(), headers=KEPT_A_WHILE)


def origin_of(request: AnyRequest) -> Origin:
    """Where a request came from."""
    address = None if request.client is None else request.client.host
    return Origin(address, request.state.get("request_id"))


async def _serve(request: AnyRequest, authority: Authority, endpoint: str) -> Answer:
    headers = request.headers
    incoming = Incoming(
        headers.get("content-type", ""),
        headers.get("authorization"),
        await request.body(),
        origin_of(request),
    )
    answer = await authority.serve(incoming, endpoint=endpoint)
    challenge = {"WWW-Authenticate": 'Basic realm="rooted"'} if answer.status == UNAUTHORIZED else {}
    return Response(
        answer.body, status_code=answer.status, headers={**NO_STORE, **challenge, **answer.headers}
    )
