"""Attacks with access tokens: misplaced, forged, another's, and outlived by what they stand on."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid4

from httpx2 import Response
from joserfc.jwk import ECKey
from sqlalchemy import update

from service.api.oauth import store as keys
from service.api.oauth.verification import STANDING_KEPT_FOR
from service.db import TenantRow, tenant_transaction
from service.people.models import MemberRow
from service.platform import platform_transaction
from service.tenants.models import ApplicationRow
from tests import factories
from tests.api.attacks import (
    Act,
    Attack,
    Check,
    inactive,
    invalid_client,
    problem,
    refused,
    says,
    token_invalid,
)
from tests.api.scene import BY_PEOPLE, CONSOLE, ISSUER, WEB_URI, Client, Scene, assertion, claims_of
from tests.factories import VAULT

OTHER_KEY = ECKey.generate_key("P-256")
LATER = 2**40

works: Check = says(200, kind="live")
no_token: Check = problem(401, "token-missing")


async def _access_token(scene: Scene) -> str:
    return (await scene.tokens(scene.web))["access_token"]


def _in_place_of_the_header(**where: str) -> Act:
    """An access token anywhere but in the header."""

    async def act(scene: Scene) -> Response:
        token = await _access_token(scene)
        header = {name: value.format(token=token) for name, value in where.items() if name != "query"}
        query = {"access_token": token} if "query" in where else {}
        return await scene.http.get("/v1/tenant", headers=header, params=query)

    return act


async def _code_in_the_address(scene: Scene) -> Response:
    query = {"code": await scene.code(scene.web)}
    form = {"grant_type": "authorization_code", **scene.proof(scene.web)}
    return await scene.http.post("/oauth/token", params=query, data=form)


def _forged(*, header: Mapping[str, Any] | None = None, key: Any = None, **claims: Any) -> Act:
    """A token of ours by our own key, but for what the attack changes."""

    async def act(scene: Scene) -> Response:
        said = claims_of(await _access_token(scene))
        async with platform_transaction(scene.sessions) as platform:
            signing = (await keys.signing_keys(platform, VAULT))[0]
        asked = {"alg": "ES256", "typ": "at+jwt", "kid": signing.kid, **(header or {})}
        ours = Client("", "", key=signing.key)
        signed = assertion(ours, 0, header=asked, key=key, **{**said, **claims})
        return await scene.call(signed)

    return act


async def _at(scene: Scene, endpoint: str, client: Client, token: str) -> Response:
    form = {"token": token, **scene.proof(client)}
    return await scene.http.post(f"/oauth/{endpoint}", data=form)


async def _other(scene: Scene) -> Client:
    return await scene.client(grant_types=BY_PEOPLE, redirect_uris=[WEB_URI])


def _inspect(which: str, *, by: str) -> Act:
    async def act(scene: Scene) -> Response:
        tokens = await scene.tokens(scene.web)
        client = await _client(scene, by)
        return await scene.introspect(client, tokens[which])

    return act


async def _client(scene: Scene, by: str) -> Client:
    if by == "another":
        return await _other(scene)
    if by == "another tenant's":
        other = await factories.tenant(scene.sessions)
        return await scene.client(of=other)
    return CONSOLE if by == "the console" else getattr(scene, by)


def _revoke(which: str, *, by: str, then: str) -> Act:
    """A token is revoked; then this one is used."""

    async def act(scene: Scene) -> Response:
        tokens = await scene.tokens(scene.web)
        answer = await scene.revoke(await _client(scene, by), tokens[which])
        assert (answer.status_code, answer.json()) == (200, {})
        if then == "refresh_token":
            return await scene.refresh(scene.web, tokens[then])
        scene.clock.move(STANDING_KEPT_FOR)
        return await scene.call(tokens[then])

    return act


def _without_a_client(endpoint: str, **form: str) -> Act:
    async def act(scene: Scene) -> Response:
        token = await _access_token(scene)
        return await scene.http.post(f"/oauth/{endpoint}", data={"token": token, **form})

    return act


def _of_nothing(endpoint: str, token: str) -> Act:
    async def act(scene: Scene) -> Response:
        return await _at(scene, endpoint, scene.web, token)

    return act


async def _introspect_the_used(scene: Scene) -> Response:
    tokens = await scene.tokens(scene.web)
    await scene.refresh(scene.web, tokens["refresh_token"])
    return await scene.introspect(scene.web, tokens["refresh_token"])


async def _introspect_the_revoked(scene: Scene) -> Response:
    tokens = await scene.tokens(scene.web)
    await scene.revoke(scene.web, tokens["access_token"])
    return await scene.introspect(scene.web, tokens["access_token"])


def _changed(row: type[TenantRow], *, path: str = "/v1/tenant", **values: Any) -> Act:
    """Rows of the tenant change under a live token that has been used."""

    async def act(scene: Scene) -> Response:
        token = await _access_token(scene)
        works(await scene.call(token))
        async with tenant_transaction(scene.sessions, scene.tenant.id) as session:
            await session.db.execute(update(row).where(row.tenant_id == scene.tenant.id).values(**values))
        scene.clock.move(STANDING_KEPT_FOR)
        return await scene.call(token, path)

    return act


async def _refresh_of_a_deactivated(scene: Scene) -> Response:
    tokens = await scene.tokens(scene.web)
    async with tenant_transaction(scene.sessions, scene.tenant.id) as session:
        await session.db.execute(
            update(MemberRow).where(MemberRow.tenant_id == scene.tenant.id).values(state="deactivated")
        )
    return await scene.refresh(scene.web, tokens["refresh_token"])


async def _code_of_a_deactivated(scene: Scene) -> Response:
    code = await scene.code(scene.web)
    async with tenant_transaction(scene.sessions, scene.tenant.id) as session:
        await session.db.execute(
            update(MemberRow).where(MemberRow.tenant_id == scene.tenant.id).values(state="deactivated")
        )
    return await scene.exchange(scene.web, code)


async def _code_from_before_a_reset(scene: Scene) -> Response:
    code = await scene.code(scene.web)
    scene.clock.move(timedelta(seconds=2))
    async with tenant_transaction(scene.sessions, scene.tenant.id) as session:
        await session.db.execute(
            update(MemberRow)
            .where(MemberRow.tenant_id == scene.tenant.id)
            .values(tokens_valid_from=scene.clock.now() - timedelta(seconds=1))
        )
    return await scene.exchange(scene.web, code)


async def _expired(scene: Scene) -> Response:
    token = await _access_token(scene)
    scene.clock.move(timedelta(minutes=16))
    return await scene.call(token)


async def _dpop_scheme(scene: Scene) -> Response:
    token = await _access_token(scene)
    return await scene.http.get("/v1/tenant", headers={"Authorization": f"DPoP {token}"})


ATTACKS: list[Attack] = [
    Attack("O7 an access token in the address", _in_place_of_the_header(query=""), no_token),
    Attack(
        "O7 an access token in a cookie", _in_place_of_the_header(Cookie="access_token={token}"), no_token
    ),
    Attack(
        "O7 an access token as a password", _in_place_of_the_header(Authorization="Basic {token}"), no_token
    ),
    Attack("O7 an access token without a scheme", _in_place_of_the_header(Authorization="{token}"), no_token),
    Attack(
        "O7 an access token in a header of its own",
        _in_place_of_the_header(**{"X-Token": "{token}"}),
        no_token,
    ),
    Attack("O7 a code in the address", _code_in_the_address, refused("invalid_request")),
    Attack("O11 nothing changed", _forged(), works),
    Attack("O11 by another key", _forged(key=OTHER_KEY), token_invalid),
    Attack(
        "O11 by a key that it brings",
        _forged(header={"jwk": OTHER_KEY.as_dict(private=False)}, key=OTHER_KEY),
        token_invalid,
    ),
    Attack(
        "O11 by a key at an address", _forged(header={"jku": "https://evil.test/jwks.json"}), token_invalid
    ),
    Attack(
        "O11 by a certificate at an address",
        _forged(header={"x5u": "https://evil.test/cert.pem"}),
        token_invalid,
    ),
    Attack("O11 a kid that is a path", _forged(header={"kid": "../../dev/null"}), token_invalid),
    Attack("O11 a type that is not ours", _forged(header={"typ": "JWT"}), token_invalid),
    Attack("O11 a client's assertion", _forged(header={"typ": "client-authentication+jwt"}), token_invalid),
    Attack("O11 another issuer", _forged(iss="https://evil.test"), token_invalid),
    Attack("O11 another audience", _forged(aud="https://other.test"), token_invalid),
    Attack("O11 several audiences", _forged(aud=[ISSUER, "https://other.test"]), token_invalid),
    Attack("O11 expired", _forged(exp=1), token_invalid),
    Attack("O11 not yet", _forged(nbf=LATER), token_invalid),
    Attack("O11 another tenant", _forged(tenant_id=str(uuid4())), token_invalid),
    Attack("O11 another application", _forged(application_id=str(uuid4())), token_invalid),
    Attack("O11 another member", _forged(member_id=str(uuid4())), token_invalid),
    Attack("O11 another consent", _forged(fid=str(uuid4())), token_invalid),
    Attack("O15 the scheme DPoP", _dpop_scheme, no_token),
    Attack("O17 a key that nobody published", _forged(header={"kid": "never"}), token_invalid),
    Attack("O19 one's own token", _inspect("access_token", by="web"), says(200, active=True)),
    Attack("O19 one's own refresh token", _inspect("refresh_token", by="web"), says(200, active=True)),
    *(
        Attack(f"O19 introspection of {which} by {by}", _inspect(which, by=by), inactive)
        for which in ("access_token", "refresh_token")
        for by in ("another", "another tenant's", "native", "signer")
    ),
    Attack("O19 introspection by the console", _inspect("access_token", by="the console"), inactive),
    Attack("O19 introspection of a used refresh token", _introspect_the_used, inactive),
    Attack("O19 introspection of a revoked token", _introspect_the_revoked, inactive),
    Attack("O19 introspection of nothing known", _of_nothing("introspect", "abc"), inactive),
    Attack("O19 introspection of nothing", _of_nothing("introspect", ""), refused("invalid_request")),
    Attack("O19 introspection by nobody", _without_a_client("introspect"), invalid_client),
    *(
        Attack(f"O19 revocation of {which} by {by}", _revoke(which, by=by, then="access_token"), works)
        for which in ("access_token", "refresh_token")
        for by in ("another", "another tenant's", "native")
    ),
    Attack(
        "O19 revocation by the console",
        _revoke("refresh_token", by="the console", then="access_token"),
        works,
    ),
    Attack("O19 revocation of nothing known", _of_nothing("revoke", "abc"), says(200)),
    Attack("O19 revocation of nothing", _of_nothing("revoke", ""), refused("invalid_request")),
    Attack("O19 revocation by nobody", _without_a_client("revoke"), invalid_client),
    Attack(
        "O21 an access token revoked", _revoke("access_token", by="web", then="access_token"), token_invalid
    ),
    Attack(
        "O21 a refresh token revoked",
        _revoke("refresh_token", by="web", then="refresh_token"),
        refused("invalid_grant"),
    ),
    Attack("O21 what came from it", _revoke("refresh_token", by="web", then="access_token"), token_invalid),
    Attack("O21 a revoked application", _changed(ApplicationRow, revoked_at=factories.NOON), token_invalid),
    Attack("O21 a deactivated member", _changed(MemberRow, state="deactivated"), token_invalid),
    Attack(
        "O21 a member who ended all tokens",
        _changed(MemberRow, tokens_valid_from=factories.NOON.replace(year=2999)),
        token_invalid,
    ),
    Attack("O21 roles taken away", _changed(MemberRow, roles=[]), problem(403, "insufficient-scope")),
    Attack("O21 scopes taken away", _changed(ApplicationRow, scopes=[]), problem(403, "insufficient-scope")),
    Attack("O21 a refresh of a deactivated member", _refresh_of_a_deactivated, refused("invalid_grant")),
    Attack("O21 a code from before a reset", _code_from_before_a_reset, refused("invalid_grant")),
    Attack("O21 a code of a deactivated member", _code_of_a_deactivated, refused("invalid_grant")),
    Attack("O21 a token after its time", _expired, token_invalid),
]
