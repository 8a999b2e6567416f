"""Attacks with codes and refresh tokens: replayed, stolen, outlived, and asked for more than they give."""

from collections.abc import Callable, Mapping
from datetime import timedelta

from httpx2 import Response

from service.api.oauth.granted.domain import CODE_TTL, GRACE
from service.api.oauth.verification import STANDING_KEPT_FOR
from service.settings import Settings
from service.tenants.domain import AuthMethod
from tests import factories
from tests.api.attacks import Act, Attack, Check, invalid_client, refused, says, token_invalid
from tests.api.scene import (
    BY_PEOPLE,
    CONSOLE,
    ISSUER,
    NATIVE_URI,
    VERIFIER,
    WEB_URI,
    Client,
    Scene,
    challenge_of,
)

DEFAULTS = Settings()
MOMENT = timedelta(seconds=1)

invalid_grant: Check = refused("invalid_grant")
invalid_request: Check = refused("invalid_request")
works: Check = says(200, kind="live")
given: Check = says(200, expires_in=900)

VERIFIERS: Mapping[str, tuple[str | None, Check]] = {
    "a wrong verifier": ("b" * 43, invalid_grant),
    "no verifier": (None, invalid_request),
    "an empty verifier": ("", invalid_request),
    "the challenge as verifier": (challenge_of(VERIFIER), invalid_grant),
    "a short verifier": ("a" * 42, invalid_request),
    "a long verifier": ("a" * 129, invalid_request),
    "a verifier of other letters": ("a" * 42 + "+", invalid_request),
    "the verifier in other case": (VERIFIER.upper(), invalid_grant),
}
GRANT_TYPES = (
    "password",
    "implicit",
    "urn:ietf:params:oauth:grant-type:device_code",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
    "urn:ietf:params:oauth:grant-type:saml2-bearer",
    "urn:ietf:params:oauth:grant-type:token-exchange",
    "urn:openid:params:grant-type:ciba",
    "AUTHORIZATION_CODE",
    "authorization_code client_credentials",
    "<script>",
)


def _exchange(**changes: str | None) -> Act:
    async def act(scene: Scene) -> Response:
        return await scene.exchange(scene.web, await scene.code(scene.web), **changes)

    return act


def _exchange_after(age: timedelta) -> Act:
    async def act(scene: Scene) -> Response:
        code = await scene.code(scene.web)
        scene.clock.move(age)
        return await scene.exchange(scene.web, code)

    return act


async def _other(scene: Scene) -> Client:
    """Another client that leads to the same address."""
    return await scene.client(grant_types=BY_PEOPLE, redirect_uris=[WEB_URI])


async def _exchange_anothers(scene: Scene) -> Response:
    return await scene.exchange(await _other(scene), await scene.code(scene.web))


async def _exchange_as_public(scene: Scene) -> Response:
    """A confidential client's code, presented by its name alone."""
    code = await scene.code(scene.web)
    return await scene.exchange(scene.web, code, client_secret=None)


async def _exchange_native_as_console(scene: Scene) -> Response:
    return await scene.exchange(CONSOLE, await scene.code(scene.native), redirect_uri=NATIVE_URI)


async def _exchange_elsewhere(scene: Scene) -> Response:
    """A code of this tenant at a client of another."""
    other = await factories.tenant(scene.sessions)
    stranger = await scene.client(of=other, grant_types=BY_PEOPLE, redirect_uris=[WEB_URI])
    return await scene.exchange(stranger, await scene.code(scene.web))


def _exchange_text(changed: Callable[[str], str]) -> Act:
    async def act(scene: Scene) -> Response:
        return await scene.exchange(scene.web, changed(await scene.code(scene.web)))

    return act


async def _exchange_of_a_refresh_token(scene: Scene) -> Response:
    return await scene.exchange(scene.web, (await scene.tokens(scene.web))["refresh_token"])


async def _refresh_with_a_code(scene: Scene) -> Response:
    return await scene.refresh(scene.web, await scene.code(scene.web))


def _replay(then: str, **changes: str | None) -> Act:
    """A code is used, and used again with these changes; then something is tried with what it gave first."""

    async def act(scene: Scene) -> Response:
        code = await scene.code(scene.web)
        first = (await scene.exchange(scene.web, code)).json()
        again = await scene.exchange(scene.web, code, **changes)
        assert again.status_code == 400
        return again if then == "" else await _use(scene, first, then)

    return act


async def _replay_by_another(scene: Scene) -> Response:
    code = await scene.code(scene.web)
    first = (await scene.exchange(scene.web, code)).json()
    assert (await scene.exchange(await _other(scene), code)).status_code == 400
    return await _use(scene, first, "access")


async def _replay_late(scene: Scene) -> Response:
    """After the code's own time a replay ends what it gave all the same."""
    code = await scene.code(scene.web)
    first = (await scene.exchange(scene.web, code)).json()
    scene.clock.move(CODE_TTL + MOMENT)
    assert (await scene.exchange(scene.web, code)).status_code == 400
    return await scene.refresh(scene.web, first["refresh_token"])


async def _use(scene: Scene, tokens: Mapping[str, str], which: str) -> Response:
    if which == "refresh":
        return await scene.refresh(scene.web, tokens["refresh_token"])
    scene.clock.move(STANDING_KEPT_FOR)
    return await scene.call(tokens["access_token"])


def _reuse(then: str, *, after: timedelta = GRACE + MOMENT) -> Act:
    """A refresh token is used, and used again so much later; then something is tried with what it gave."""

    async def act(scene: Scene) -> Response:
        first = await scene.tokens(scene.web)
        second = (await scene.refresh(scene.web, first["refresh_token"])).json()
        scene.clock.move(after)
        again = await scene.refresh(scene.web, first["refresh_token"])
        return again if then == "" else await _use(scene, second, then)

    return act


async def _reuse_of_an_older(scene: Scene) -> Response:
    """The grace is for the token before the newest, however soon."""
    first = await scene.tokens(scene.web)
    second = (await scene.refresh(scene.web, first["refresh_token"])).json()
    await scene.refresh(scene.web, second["refresh_token"])
    return await scene.refresh(scene.web, first["refresh_token"])


async def _reuse_by_another(scene: Scene) -> Response:
    """Who is not its client does not even end it."""
    first = await scene.tokens(scene.web)
    second = (await scene.refresh(scene.web, first["refresh_token"])).json()
    scene.clock.move(GRACE + MOMENT)
    assert (await scene.refresh(await _other(scene), first["refresh_token"])).status_code == 400
    return await _use(scene, second, "access")


async def _repeat(scene: Scene) -> Response:
    """An answer that was lost is given again: the same successor."""
    first = await scene.tokens(scene.web)
    second = (await scene.refresh(scene.web, first["refresh_token"])).json()
    scene.clock.move(GRACE)
    again = await scene.refresh(scene.web, first["refresh_token"])
    assert again.json()["refresh_token"] == second["refresh_token"]
    return await scene.call(again.json()["access_token"])


async def _refresh_anothers(scene: Scene) -> Response:
    return await scene.refresh(await _other(scene), (await scene.tokens(scene.web))["refresh_token"])


async def _refresh_as_public(scene: Scene) -> Response:
    token = (await scene.tokens(scene.web))["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": scene.web.id}
    return await scene.http.post("/oauth/token", data=form)


async def _refresh_native_as_console(scene: Scene) -> Response:
    return await scene.refresh(CONSOLE, (await scene.tokens(scene.native))["refresh_token"])


async def _refresh_an_access_token(scene: Scene) -> Response:
    return await scene.refresh(scene.web, (await scene.tokens(scene.web))["access_token"])


async def _refresh_a_made_up_one(scene: Scene) -> Response:
    return await scene.refresh(scene.web, f"{scene.tenant.id.hex}.{'a' * 43}")


def _refresh_for(scope: str) -> Act:
    async def act(scene: Scene) -> Response:
        first = await scene.tokens(scene.web, scope="tenant:read requests:read")
        return await scene.refresh(scene.web, first["refresh_token"], scope=scope)

    return act


async def _narrow_and_widen(scene: Scene) -> Response:
    """Fewer scopes once do not mean fewer for ever: the consent stands."""
    first = await scene.tokens(scene.web, scope="tenant:read requests:read")
    narrow = await scene.refresh(scene.web, first["refresh_token"], scope="tenant:read")
    assert narrow.json()["scope"] == "tenant:read"
    return await scene.refresh(scene.web, narrow.json()["refresh_token"])


def _refresh_after(step: timedelta, steps: int) -> Act:
    """Refreshes after each of these steps; the last answer counts."""

    async def act(scene: Scene) -> Response:
        answer = (await scene.tokens(scene.web))["refresh_token"]
        last: Response | None = None
        for _ in range(steps):
            scene.clock.move(step)
            last = await scene.refresh(scene.web, answer)
            answer = last.json().get("refresh_token", answer)
        assert last is not None
        return last

    return act


def _asking_for(**form: str) -> Act:
    async def act(scene: Scene) -> Response:
        return await scene.http.post("/oauth/token", data={**scene.proof(scene.web), **form})

    return act


async def _grant_type_twice(scene: Scene) -> Response:
    content = "grant_type=client_credentials&grant_type=password"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    auth = (scene.web.id, scene.web.secret)
    return await scene.http.post("/oauth/token", content=content, headers=headers, auth=auth)


async def _client_credentials_of_public(scene: Scene) -> Response:
    form = {"grant_type": "client_credentials", "client_id": scene.native.id}
    return await scene.http.post("/oauth/token", data=form)


async def _code_without_the_grant(scene: Scene) -> Response:
    machine = await scene.client()
    return await scene.exchange(machine, await scene.code(scene.web), redirect_uri=WEB_URI)


async def _no_refresh_without_the_grant(scene: Scene) -> Response:
    once = await scene.client(
        auth_method=AuthMethod.NONE, grant_types=BY_PEOPLE[:1], redirect_uris=[NATIVE_URI]
    )
    answer = await scene.exchange(once, await scene.code(once))
    assert "refresh_token" not in answer.json()
    return answer


ATTACKS: list[Attack] = [
    *(
        Attack(f"O3 {name}", _exchange(code_verifier=verifier), check)
        for name, (verifier, check) in VERIFIERS.items()
    ),
    Attack("O4 a second use", _replay(""), invalid_grant),
    Attack("O4 the access token after a second use", _replay("access"), token_invalid),
    Attack("O4 the refresh token after a second use", _replay("refresh"), invalid_grant),
    Attack("O4 a second use after the code's time", _replay_late, invalid_grant),
    Attack("O4 a second use with a wrong verifier", _replay("access", code_verifier="b" * 43), works),
    Attack("O4 a second use without a verifier", _replay("access", code_verifier=None), works),
    Attack("O4 a second use with a wrong address", _replay("access", redirect_uri=ISSUER), works),
    Attack("O4 a second use by another client", _replay_by_another, works),
    Attack("O5 another client's code", _exchange_anothers, invalid_grant),
    Attack("O5 a confidential client without proof", _exchange_as_public, invalid_client),
    Attack("O5 a native client's code at the console", _exchange_native_as_console, invalid_grant),
    Attack("O5 a code in another tenant", _exchange_elsewhere, invalid_grant),
    Attack("O5 a code in its last second", _exchange_after(CODE_TTL - MOMENT), given),
    Attack("O5 a code after its time", _exchange_after(CODE_TTL), invalid_grant),
    Attack("O5 a code in other case", _exchange_text(str.upper), invalid_grant),
    Attack("O5 a code cut short", _exchange_text(lambda code: code[:-1]), invalid_grant),
    Attack(
        "O5 a code of another tenant's name", _exchange_text(lambda code: "0" * 32 + code[32:]), invalid_grant
    ),
    Attack("O5 no code", _exchange_text(lambda _: ""), invalid_request),
    Attack("O5 a refresh token for a code", _exchange_of_a_refresh_token, invalid_grant),
    Attack("O5 without the redirect URI", _exchange(redirect_uri=None), invalid_grant),
    Attack("O5 with another redirect URI", _exchange(redirect_uri=f"{WEB_URI}/"), invalid_grant),
    *(
        Attack(f"O6 grant type {kind}", _asking_for(grant_type=kind), refused("unsupported_grant_type"))
        for kind in GRANT_TYPES
    ),
    Attack("O6 no grant type", _asking_for(scope="tenant:read"), invalid_request),
    Attack("O6 grant_type twice", _grant_type_twice, invalid_request),
    Attack(
        "O6 client credentials of a public client",
        _client_credentials_of_public,
        refused("unauthorized_client"),
    ),
    Attack("O6 a code without the grant", _code_without_the_grant, refused("unauthorized_client")),
    Attack("O6 no refresh token without the grant", _no_refresh_without_the_grant, given),
    Attack("O8 a second use after the grace", _reuse(""), invalid_grant),
    Attack("O8 the newest after a reuse", _reuse("refresh"), invalid_grant),
    Attack("O8 the access token after a reuse", _reuse("access"), token_invalid),
    Attack("O8 one before the last but one", _reuse_of_an_older, invalid_grant),
    Attack("O8 a reuse by another client", _reuse_by_another, works),
    Attack("O8 a lost answer within the grace", _repeat, works),
    Attack("O8 the newest after a lost answer", _reuse("access", after=GRACE), works),
    Attack("O8 another client's refresh token", _refresh_anothers, invalid_grant),
    Attack("O8 a confidential client without proof", _refresh_as_public, invalid_client),
    Attack("O8 a native client's at the console", _refresh_native_as_console, invalid_grant),
    Attack("O8 an access token for a refresh token", _refresh_an_access_token, invalid_grant),
    Attack("O8 a code for a refresh token", _refresh_with_a_code, invalid_grant),
    Attack("O8 one that never was", _refresh_a_made_up_one, invalid_grant),
    Attack("O8 none", _asking_for(grant_type="refresh_token"), invalid_request),
    Attack("O10 a scope more", _refresh_for("tenant:read calendars:read"), refused("invalid_scope")),
    Attack("O10 another scope", _refresh_for("calendars:read"), refused("invalid_scope")),
    Attack("O10 an unknown scope", _refresh_for("everything"), refused("invalid_scope")),
    Attack("O10 a scope in other case", _refresh_for("TENANT:READ"), refused("invalid_scope")),
    Attack("O10 fewer scopes once", _narrow_and_widen, says(200, scope="requests:read tenant:read")),
    Attack("O10 without use for too long", _refresh_after(DEFAULTS.refresh_token_idle, 1), invalid_grant),
    Attack("O10 in use, within its time", _refresh_after(timedelta(days=5), 5), given),
    Attack("O10 in use past its end", _refresh_after(timedelta(days=5), 6), invalid_grant),
    Attack(
        "O12 another resource at the token endpoint",
        _asking_for(grant_type="client_credentials", resource="https://other.test"),
        refused("invalid_target"),
    ),
]
