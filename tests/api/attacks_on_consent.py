"""Attacks on the authorization endpoint: where answers go, what is asked for, whose consent it is."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from httpx2 import Response

from service.people.domain import Role
from service.tenants.domain import GrantType
from tests import factories
from tests.api.attacks import (
    Act,
    Attack,
    asked,
    back_with,
    error_page,
    forged,
    log_in_first,
    says,
)
from tests.api.scene import BY_PEOPLE, CONSOLE, ISSUER, VERIFIER, Scene, challenge_of, hidden_fields

WEB_REDIRECTS: Mapping[str, str | None] = {
    "left out": None,
    "empty": "",
    "the path in other case": "https://app.test/CB",
    "the host in other case": "https://APP.test/cb",
    "the scheme in other case": "HTTPS://app.test/cb",
    "a slash more": "https://app.test/cb/",
    "two slashes": "https://app.test//cb",
    "the port that is implied": "https://app.test:443/cb",
    "another port": "https://app.test:8443/cb",
    "a query": "https://app.test/cb?next=https://evil.test",
    "an empty query": "https://app.test/cb?",
    "a fragment": "https://app.test/cb#top",
    "an empty fragment": "https://app.test/cb#",
    "a name before the host": "https://app.test@evil.test/cb",
    "our host as a name": "https://evil.test#@app.test/cb",
    "a backslash": "https://evil.test\\@app.test/cb",
    "a backslash in the host": "https://app.test\\.evil.test/cb",
    "an encoded dot in the host": "https://app%2etest/cb",
    "an encoded letter": "https://app.test/%63b",
    "a step up": "https://app.test/x/../cb",
    "an encoded step up": "https://app.test/cb/%2e%2e/cb",
    "a dot": "https://app.test/./cb",
    "a longer path": "https://app.test/cb/more",
    "a shorter path": "https://app.test/c",
    "a subdomain": "https://evil.app.test/cb",
    "a longer host": "https://app.test.evil.test/cb",
    "a dot behind the host": "https://app.test./cb",
    "without TLS": "http://app.test/cb",
    "without a scheme": "//app.test/cb",
    "only a path": "/cb",
    "a blank before it": " https://app.test/cb",
    "a blank behind it": "https://app.test/cb ",
    "a line break in it": "https://app.test/cb\r\nX-Evil: 1",
    "a script": "javascript:alert(1)//https://app.test/cb",
    "data": "data:text/html,https://app.test/cb",
    "a letter that looks alike": "https://\u0430pp.test/cb",
    "a wildcard": "https://*.test/cb",
    "another's": "https://evil.test/cb",
}
NATIVE_REDIRECTS: Mapping[str, str] = {
    "a port and a name before another host": "http://127.0.0.1:80@evil.test/callback",
    "a port that is none": "http://127.0.0.1:99999/callback",
    "port 0": "http://127.0.0.1:0/callback",
    "a port with a sign": "http://127.0.0.1:+80/callback",
    "an empty port": "http://127.0.0.1:/callback",
    "a longer host": "http://127.0.0.1.evil.test/callback",
    "another loopback address": "http://127.0.0.2:80/callback",
    "a name of loopback": "http://localhost:80/callback",
    "a short form": "http://127.1:80/callback",
    "one number": "http://2130706433/callback",
    "the other family": "http://[::1]:80/callback",
    "with TLS": "https://127.0.0.1:80/callback",
    "another path": "http://127.0.0.1:80/callback/more",
    "a query": "http://127.0.0.1:80/callback?next=1",
    "a fragment": "http://127.0.0.1:80/callback#top",
    "a backslash": "http://127.0.0.1:80\\@evil.test/callback",
}
CONSOLE_REDIRECTS: Mapping[str, str] = {
    "a web address": "https://app.test/cb",
    "another path": "http://127.0.0.1:80/other",
    "a name of loopback": "http://localhost:80/callback",
}
CHALLENGES: Mapping[str, Mapping[str, str | None]] = {
    "no challenge": {"code_challenge": None},
    "no challenge and no method": {"code_challenge": None, "code_challenge_method": None},
    "an empty challenge": {"code_challenge": ""},
    "no method, which means plain": {"code_challenge_method": None},
    "plain": {"code_challenge_method": "plain", "code_challenge": VERIFIER},
    "the method in lower case": {"code_challenge_method": "s256"},
    "another method": {"code_challenge_method": "S512"},
    "a short challenge": {"code_challenge": "a" * 42},
    "a long challenge": {"code_challenge": "a" * 129},
    "a challenge of other letters": {"code_challenge": challenge_of(VERIFIER)[:-1] + "+"},
}
RESPONSE_TYPES = ("token", "id_token", "code token", "code id_token", "none", "CODE", "device")


def _ask(client: str, **changes: str | None) -> Act:
    async def act(scene: Scene) -> Response:
        asking = CONSOLE if client == "console" else getattr(scene, client)
        return await scene.ask(asking, **changes)

    return act


async def _ask_unknown_member(scene: Scene) -> Response:
    """A person who is no member of the client's tenant."""
    other = await factories.tenant(scene.sessions)
    stranger = await scene.client(of=other, grant_types=BY_PEOPLE, redirect_uris=["https://app.test/cb"])
    return await scene.ask(stranger)


async def _ask_without_the_grant(scene: Scene) -> Response:
    machine = await scene.client(grant_types=[GrantType.CLIENT_CREDENTIALS])
    return await scene.ask(machine, redirect_uri="https://app.test/cb")


async def _ask_logged_out(scene: Scene, **changes: str | None) -> Response:
    return await scene.http.get("/oauth/authorize", params=scene.asking(scene.web, **changes))


async def _ask_before_choosing(scene: Scene) -> Response:
    browser = await scene.log_in(scene.member_id, chosen=False)
    return await browser.get("/oauth/authorize", params=scene.asking(CONSOLE))


async def _ask_twice(scene: Scene, name: str) -> Response:
    query = urlencode([*scene.asking(scene.web).items(), (name, "other")])
    return await scene.browser.get(f"/oauth/authorize?{query}")


async def _ask_of_an_auditor(scene: Scene) -> Response:
    """Asks for what the member's roles do not have."""
    browser = await scene.log_in(await factories.member(scene.sessions, scene.tenant, Role.AUDITOR))
    client = await scene.client(
        scopes=["requests:write"], grant_types=BY_PEOPLE, redirect_uris=["https://app.test/cb"]
    )
    return await browser.get("/oauth/authorize", params=scene.asking(client, scope="requests:write"))


async def _answer(scene: Scene, **changes: str | None) -> Response:
    return await scene.answer(await scene.ask(scene.web), **changes)


async def _answer_of_another_browser(scene: Scene) -> Response:
    """The form of the attacker's own page, sent by the member's browser."""
    attacker = await scene.log_in(await factories.member(scene.sessions, scene.tenant, Role.AGENT))
    page = await attacker.get("/oauth/authorize", params=scene.asking(scene.web))
    return await scene.answer(page)


async def _answer_with_headers(scene: Scene, headers: Mapping[str, str]) -> Response:
    form = {**hidden_fields(await scene.ask(scene.web)), "decision": "allow"}
    return await scene.browser.post("/oauth/authorize", data=form, headers=dict(headers))


async def _answer_by_link(scene: Scene) -> Response:
    """A consent in the address, as a picture on another page would send it."""
    form = {**hidden_fields(await scene.ask(scene.web)), "decision": "allow"}
    return await scene.browser.get("/oauth/authorize", params=form)


async def _answer_logged_out(scene: Scene) -> Response:
    form = {**hidden_fields(await scene.ask(scene.web)), "decision": "allow"}
    return await scene.http.post("/oauth/authorize", data=form)


async def _ask_again(scene: Scene) -> Response:
    await scene.code(scene.web)
    return await scene.ask(scene.web)


async def _frame(scene: Scene) -> Response:
    page = await scene.ask(scene.web)
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    return page


async def _metadata(scene: Scene) -> Response:
    return await scene.http.get("/.well-known/oauth-authorization-server")


def _allowed(answer: Response) -> None:
    """A code, and who gave it: the answer to no attack, or to a mix-up that fails because of it."""
    assert answer.status_code == 303
    location: str = answer.headers["location"]
    assert location.startswith("https://app.test/cb?code=")
    assert location.endswith("&state=state-1&iss=http%3A%2F%2Frooted.test")


def _changed(**changes: str | None) -> Act:
    async def act(scene: Scene) -> Response:
        return await _answer(scene, **changes)

    return act


def _called(function: Any, *arguments: Any, **named: Any) -> Act:
    async def act(scene: Scene) -> Response:
        return await function(scene, *arguments, **named)

    return act


BAD = "https://evil.test/cb"
CROSS_SITE = {"Sec-Fetch-Site": "cross-site"}

ATTACKS: list[Attack] = [
    *(Attack(f"O1 {name}", _ask("web", redirect_uri=uri), error_page) for name, uri in WEB_REDIRECTS.items()),
    *(
        Attack(f"O1 native: {name}", _ask("native", redirect_uri=uri), error_page)
        for name, uri in NATIVE_REDIRECTS.items()
    ),
    *(
        Attack(f"O1 console: {name}", _ask("console", redirect_uri=uri), error_page)
        for name, uri in CONSOLE_REDIRECTS.items()
    ),
    Attack(
        "O1 another port of loopback", _ask("native", redirect_uri="http://127.0.0.1:51234/callback"), asked
    ),
    Attack("O1 the other family's console", _ask("console", redirect_uri="http://[::1]:9/callback"), asked),
    Attack("O1 a NUL in it", _ask("web", redirect_uri="https://app.test/cb\0"), error_page),
    Attack("O2 a bad scope", _ask("web", scope="everything", redirect_uri=BAD), error_page),
    Attack("O2 a bad response type", _ask("web", response_type="token", redirect_uri=BAD), error_page),
    Attack("O2 no challenge", _ask("web", code_challenge=None, redirect_uri=BAD), error_page),
    Attack("O2 an unknown client", _ask("web", client_id="acme.0123"), error_page),
    Attack("O2 no client", _ask("web", client_id=None), error_page),
    Attack("O2 a client of no tenant", _ask("web", client_id="nobody." + "0" * 32), error_page),
    Attack("O2 redirect_uri twice", _called(_ask_twice, "redirect_uri"), error_page),
    Attack("O2 client_id twice", _called(_ask_twice, "client_id"), error_page),
    Attack("O2 state twice", _called(_ask_twice, "state"), error_page),
    Attack("O2 a bad scope of nobody", _called(_ask_logged_out, scope="everything"), log_in_first),
    Attack("O2 a bad redirect of nobody", _called(_ask_logged_out, redirect_uri=BAD), error_page),
    Attack("O2 a tenant not chosen yet", _ask_before_choosing, log_in_first),
    Attack("O2 a bad scope of a known person", _ask("web", scope="everything"), back_with("invalid_scope")),
    Attack("O2 a scope beyond the member's", _ask_of_an_auditor, back_with("invalid_scope")),
    Attack("O2 a client without the grant", _ask_without_the_grant, error_page),
    Attack("O2 a person of another tenant", _ask_unknown_member, back_with("access_denied")),
    *(
        Attack(f"O3 {name}", _ask("web", **changes), back_with("invalid_request"))
        for name, changes in CHALLENGES.items()
    ),
    Attack("O3 a public client without", _ask("native", code_challenge=None), back_with("invalid_request")),
    *(
        Attack(
            f"O6 response type {kind}",
            _ask("web", response_type=kind),
            back_with("unsupported_response_type"),
        )
        for kind in RESPONSE_TYPES
    ),
    Attack("O6 no response type", _ask("web", response_type=None), back_with("unsupported_response_type")),
    Attack("O6 a form post", _ask("web", response_mode="form_post"), back_with("invalid_request")),
    Attack("O6 a request object", _ask("web", request="e30.e30."), back_with("request_not_supported")),
    Attack(
        "O6 a request's address",
        _ask("web", request_uri="http://169.254.169.254/"),
        back_with("request_uri_not_supported"),
    ),
    Attack("O12 another resource", _ask("web", resource="https://other.test"), back_with("invalid_target")),
    Attack("O12 our own resource", _ask("web", resource=ISSUER), asked),
    Attack("O13 a code says who gave it", _answer, _allowed),
    Attack("O13 a denial says who gave it", _changed(decision="deny"), back_with("access_denied")),
    Attack(
        "O13 the metadata says so",
        _metadata,
        says(200, issuer=ISSUER, authorization_response_iss_parameter_supported=True),
    ),
    Attack("O18 a form without its token", _changed(form_token=None), forged),
    Attack("O18 a form with a made-up token", _changed(form_token="a" * 43), forged),
    Attack("O18 the form of another's page", _answer_of_another_browser, forged),
    Attack("O18 a form from another site", _called(_answer_with_headers, CROSS_SITE), forged),
    Attack(
        "O18 a form from another origin",
        _called(_answer_with_headers, {"Origin": "https://evil.test"}),
        forged,
    ),
    Attack("O18 a consent by a link", _answer_by_link, asked),
    Attack("O18 a form of nobody", _answer_logged_out, forged),
    Attack("O18 neither yes nor no", _changed(decision="perhaps"), error_page),
    Attack("O18 another redirect than shown", _changed(redirect_uri=BAD), error_page),
    Attack("O18 a tenant that was not shown", _changed(tenant="0" * 32), asked),
    Attack("O18 no tenant", _changed(tenant=None), asked),
    Attack("O18 a challenge taken out", _changed(code_challenge=None), back_with("invalid_request")),
    Attack("O18 asked every time", _ask_again, asked),
    Attack("O18 a page in a frame", _frame, asked),
]
