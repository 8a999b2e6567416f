"""The pages: who gets in, what forms are believed, where readers are sent, what headers go along."""

import re
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
from httpx2 import ASGITransport, AsyncClient, Response
from litestar import Litestar
from litestar.routes import HTTPRoute
from pyotp.totp import TOTP

from service.app import CONTROLLERS, create_app
from service.audit.domain import OPERATOR, Actor
from service.db import Sessions, create_engine, create_sessions, tenant_transaction
from service.ids import TenantId
from service.people import invitations, passwords
from service.people.domain import Origin, Role, read_invitation
from service.people.domain.sessions import HALFWAY_TTL
from service.people.invitations import Acceptance, Delivery, Invitee
from service.platform import platform_transaction
from service.settings import Settings
from service.tenants.domain import Tenant
from service.vault import Vault
from tests import factories
from tests.conftest import ISSUER
from tests.factories import MovableClock

pytestmark = pytest.mark.usefixtures("cheap_passwords")

PASSWORD, NEW_PASSWORD = "three quiet boats at noon", "four slow trains at dusk"
SHORT, WRONG = "short", "wrong"
TOKEN = re.compile(r'name="form_token" value="([^"]+)"')
STRICT = {
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src data: 'self'; form-action 'self';"
        " frame-ancestors 'none'; base-uri 'none'"
    ),
}
ELSEWHERE = ("https://evil.example", "//evil.example", "/\\evil.example", "/\t/evil.example", "javascript:x")
TENANT = re.compile(r'name="tenant" value="([^"]+)"')


@dataclass
class Browser:
    """Keeps cookies, and sends forms with the token of the page that it was shown."""

    http: AsyncClient

    async def get(self, path: str) -> Response:
        return await self.http.get(path)

    async def fill(self, path: str, /, *, at: str | None = None, **values: str) -> Response:
        """Send the form that is shown at `path`, to `at` if that is another place."""
        shown = TOKEN.search((await self.get(path)).text)
        assert shown, path
        return await self.http.post(at or path, data={"form_token": shown[1], **values})

    async def log_in(self, email: str, password: str = PASSWORD, **more: str) -> Response:
        return await self.fill("/login", email=email, password=password, **more)

    @property
    def token(self) -> str | None:
        return self.http.cookies.get("rooted_session")


Open = Callable[[], Browser]


@pytest.fixture
async def open_browser(app: Litestar) -> AsyncGenerator[Open]:
    opened: list[AsyncClient] = []

    def open_one() -> Browser:
        opened.append(AsyncClient(transport=ASGITransport(cast("Any", app)), base_url=ISSUER))
        return Browser(opened[-1])

    yield open_one
    for each in opened:
        await each.aclose()


@pytest.fixture
def browser(open_browser: Open) -> Browser:
    return open_browser()


@dataclass(frozen=True)
class Desk:
    """Invites people, as an operator does."""

    sessions: Sessions
    vault: Vault
    clock: MovableClock

    async def invite(self, tenant: Tenant, email: str, *roles: Role, name: str = "Ada Lovelace") -> str:
        """The path of the link."""
        invitee = Invitee(email, name, roles or (Role.AGENT,))
        delivery = Delivery(ISSUER, self.vault)
        async with tenant_transaction(self.sessions, tenant.id) as session:
            actor = Actor(name=OPERATOR)
            invited = await invitations.invite(session, actor, invitee, delivery, now=self.clock.now())
        return urlsplit(invited.link.url).path

    async def member(self, *tenants: Tenant, email: str = "ada@example.org") -> str:
        """The address of somebody who is a member of these tenants."""
        first, *others = tenants
        tenant_id, secret = _read(await self.invite(first, email))
        chosen, now = Acceptance("Ada Lovelace", PASSWORD, Origin()), self.clock.now()
        async with tenant_transaction(self.sessions, tenant_id) as session:
            joined = await invitations.accept_invitation(session, self.vault, secret, chosen, now=now)
        for other in others:
            tenant_id, secret = _read(await self.invite(other, email))
            async with tenant_transaction(self.sessions, tenant_id) as session:
                await invitations.accept_invitation_as(
                    session, secret, joined.person, origin=Origin(), now=now
                )
        return email

    async def reset_path(self, email: str) -> str:
        async with platform_transaction(self.sessions) as platform:
            link = await passwords.operators_reset(
                platform, email, clears_totp=False, issuer=ISSUER, now=self.clock.now()
            )
        return urlsplit(link.url).path


@pytest.fixture
def desk(sessions: Sessions, vault: Vault, clock: MovableClock) -> Desk:
    return Desk(sessions, vault, clock)


@pytest.fixture
async def ada(desk: Desk, tenant: Tenant) -> str:
    """The address of a member of `tenant`."""
    return await desk.member(tenant)


@pytest.mark.parametrize(
    "path",
    [
        *("/login", "/login/onward", "/password-reset", "/password-reset/unknown", "/invitation/unknown"),
        "/renegotiation/unknown",
    ],
)
async def test_every_page_has_the_strict_headers(browser: Browser, path: str) -> None:
    answer = await browser.get(path)

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert {name: answer.headers.get(name) for name in STRICT} == STRICT
    assert "<script" not in answer.text


async def test_the_stylesheet_is_kept_for_ever_and_is_the_one_that_pages_name(browser: Browser) -> None:
    named = re.search(r'rel="stylesheet" href="([^"]+)"', (await browser.get("/login")).text)
    assert named

    answer = await browser.get(named[1])

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in answer.headers["cache-control"]


async def test_who_logs_in_is_in_the_only_tenant_and_sees_the_account(
    browser: Browser, ada: str, tenant: Tenant
) -> None:
    answer = await browser.log_in(ada)
    account = await browser.get("/account")

    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    assert account.status_code == 200
    assert all(text in account.text for text in (ada, tenant.name, "Ada Lovelace", "Agent"))
    assert {name: account.headers.get(name) for name in STRICT} == STRICT


async def test_the_account_of_nobody_leads_to_the_log_in_and_back(browser: Browser, ada: str) -> None:
    answer = await browser.get("/account/password")
    page = await browser.get(answer.headers["location"])

    assert answer.headers["location"] == "/login?next=%2Faccount%2Fpassword"
    assert 'name="next" value="/account/password"' in page.text
    assert (await browser.log_in(ada, next="/account/password")).headers["location"] == "/account/password"


async def test_a_session_is_another_one_after_each_log_in_and_the_one_before_is_over(
    open_browser: Open, ada: str
) -> None:
    browser, thief = open_browser(), open_browser()
    await browser.log_in(ada)
    before = browser.token
    thief.http.cookies.set("rooted_session", before or "", domain="rooted.test")
    assert (await thief.get("/account")).status_code == 200

    await browser.fill("/account", at="/login", email=ada, password=PASSWORD)

    assert browser.token not in (None, before)
    assert (await browser.get("/account")).status_code == 200
    assert (await thief.get("/account")).status_code == 303


async def test_the_session_before_is_over_also_when_a_code_is_to_follow(
    open_browser: Open, ada: str, clock: MovableClock
) -> None:
    browser, thief = open_browser(), open_browser()
    await browser.log_in(ada)
    await _set_up(browser, clock)
    thief.http.cookies.set("rooted_session", browser.token or "", domain="rooted.test")

    answer = await browser.fill("/account", at="/login", email=ada, password=PASSWORD)

    assert answer.headers["location"] == "/login/code"
    assert (await thief.get("/account")).status_code == 303


async def test_a_token_that_somebody_planted_is_not_the_one_of_the_session(
    browser: Browser, ada: str
) -> None:
    browser.http.cookies.set("rooted_session", "planted", domain="rooted.test")

    await browser.log_in(ada)

    assert browser.token not in (None, "planted")


async def test_cookies_are_for_this_service_alone(browser: Browser, ada: str) -> None:
    answer = await browser.log_in(ada)

    cookies = answer.headers.get_list("set-cookie")
    assert {each.partition("=")[0] for each in cookies} == {"rooted_session", "rooted_device"}
    for each in cookies:
        assert {"httponly", "samesite=lax", "path=/"} <= _attributes(each)
        assert "domain" not in each.lower()


async def test_where_there_is_tls_cookies_are_bound_to_the_host(
    sessions: Sessions, vault: Vault, clock: MovableClock, ada: str
) -> None:
    settings = Settings.model_validate({"issuer": "https://rooted.test"})
    app = create_app(settings, sessions, vault=vault, clock=clock)
    async with AsyncClient(
        transport=ASGITransport(cast("Any", app)), base_url="https://rooted.test"
    ) as opened:
        answer = await Browser(opened).log_in(ada)

    cookies = answer.headers.get_list("set-cookie")
    assert {each.partition("=")[0] for each in cookies} == {"__Host-rooted_session", "__Host-rooted_device"}
    assert all({"secure", "httponly", "path=/"} <= _attributes(each) for each in cookies)


def _taking_forms() -> Sequence[str]:
    """Every address of a page that takes a form."""
    return sorted(
        f"{vars(controller).get('path', '')}{path}".rstrip("/")
        for controller in CONTROLLERS
        if "Pages" in (controller.tags or ())
        for handler in vars(controller).values()
        if "POST" in getattr(handler, "http_methods", ())
        for path in handler.paths or ["/"]
    )


def test_every_form_is_tried() -> None:
    assert len(_taking_forms()) >= 11
    assert {"/login", "/logout", "/account/everywhere", "/oauth/authorize"} <= set(_taking_forms())


@pytest.mark.parametrize("path", _taking_forms())
async def test_no_form_of_others_is_taken(open_browser: Open, ada: str, path: str) -> None:
    browser, other = open_browser(), open_browser()
    await browser.log_in(ada)
    before = browser.token
    own = TOKEN.findall((await browser.get("/account")).text)[0]
    others = TOKEN.findall((await other.get("/login")).text)[0]
    forgeries: list[tuple[str, dict[str, str]]] = [
        ("", {}),
        ("a guess", {}),
        (others, {}),
        (own, {"Origin": "https://evil.example"}),
        (own, {"Sec-Fetch-Site": "cross-site"}),
        (own, {"Sec-Fetch-Site": "same-site"}),
    ]

    for token, headers in forgeries:
        sent = {"form_token": token, "email": ada}
        answer = await browser.http.post(path.replace("{token:str}", "x"), data=sent, headers=headers)
        assert answer.status_code == 403, (token, headers, answer.text)
        assert answer.headers["content-type"] == "text/html; charset=utf-8"

    assert browser.token == before
    assert (await browser.get("/account")).status_code == 200


async def test_the_form_of_a_page_from_before_the_log_in_does_not_count_afterwards(
    browser: Browser, ada: str
) -> None:
    before = TOKEN.findall((await browser.get("/login")).text)[0]
    await browser.log_in(ada)

    answer = await browser.http.post("/logout", data={"form_token": before})

    assert answer.status_code == 403
    assert (await browser.get("/account")).status_code == 200


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
async def test_nobody_is_sent_elsewhere_after_logging_in(browser: Browser, ada: str, elsewhere: str) -> None:
    page = await browser.http.get("/login", params={"next": elsewhere})
    answer = await browser.log_in(ada, next=elsewhere)
    onward = await browser.http.get("/login/onward", params={"next": elsewhere})

    assert "evil" not in page.text
    assert answer.headers["location"] == "/account"
    assert "evil" not in onward.text


async def test_a_page_stands_between_the_log_in_and_what_may_leave_this_service(
    browser: Browser, ada: str
) -> None:
    asked = "/oauth/authorize?client_id=a&state=%22%3E"
    answer = await browser.log_in(ada, next=asked)
    page = await browser.get(answer.headers["location"])

    assert urlsplit(answer.headers["location"]).path == "/login/onward"
    assert 'http-equiv="refresh" content="0;url=/oauth/authorize?client_id=a&amp;state=%22%3E"' in page.text


async def test_an_unknown_address_and_a_wrong_password_look_alike(browser: Browser, ada: str) -> None:
    wrong = await browser.log_in(ada, "not the password at all")
    unknown = await browser.log_in("eve@example.org", "not the password at all")

    assert wrong.status_code == unknown.status_code == 422
    assert wrong.text == unknown.text.replace("eve@example.org", ada)
    assert 'aria-invalid="true"' in wrong.text
    assert "<title>Error: Log in" in wrong.text
    assert "not the password at all" not in wrong.text


async def test_what_is_missing_is_said_of_each_field(browser: Browser) -> None:
    answer = await browser.log_in("", "")

    assert answer.status_code == 422
    for name in ("email", "password"):
        assert f'aria-describedby="{name}-fault"' in answer.text
        assert f'<a href="#{name}">' in answer.text


async def test_too_many_wrong_passwords_are_answered_with_a_time_to_wait(browser: Browser, ada: str) -> None:
    answer = await browser.log_in(ada, "wrong")
    for _ in range(30):
        if answer.status_code != 422:
            break
        answer = await browser.log_in(ada, "wrong")

    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    assert "too many attempts" in answer.text


async def test_whoever_tries_passwords_does_not_lock_the_owner_out_of_a_browser_that_is_known(
    open_browser: Open, ada: str
) -> None:
    owner, attacker = open_browser(), open_browser()
    await owner.log_in(ada)
    await owner.fill("/account", at="/logout")
    answer = await attacker.log_in(ada, "wrong")
    for _ in range(30):
        if answer.status_code == 429:
            break
        answer = await attacker.log_in(ada, "wrong")

    assert (await attacker.log_in(ada)).status_code == 429
    assert (await owner.log_in(ada)).status_code == 303


async def test_who_logs_out_is_out_also_for_who_kept_the_cookie(open_browser: Open, ada: str) -> None:
    browser, thief = open_browser(), open_browser()
    await browser.log_in(ada)
    thief.http.cookies.set("rooted_session", browser.token or "", domain="rooted.test")

    answer = await browser.fill("/account", at="/logout")

    assert answer.headers["location"] == "/login?told=out"
    assert not browser.token
    assert (await thief.get("/account")).status_code == 303


async def test_logging_out_everywhere_ends_every_session(open_browser: Open, ada: str) -> None:
    browser, other = open_browser(), open_browser()
    await browser.log_in(ada)
    await other.log_in(ada)

    await browser.fill("/account", at="/account/everywhere")

    assert (await browser.get("/account")).status_code == 303
    assert (await other.get("/account")).status_code == 303


async def test_who_is_in_several_tenants_chooses_and_no_other_can_be_chosen(
    browser: Browser, desk: Desk, sessions: Sessions, tenant: Tenant
) -> None:
    second, foreign = await factories.tenant(sessions), await factories.tenant(sessions)
    email = await desk.member(tenant, second)

    answer = await browser.log_in(email)
    page = await browser.get(answer.headers["location"])
    offered = set(TENANT.findall(page.text))
    refused = [
        await browser.fill("/login/organisation", tenant=each)
        for each in (str(foreign.id), str(TenantId(factories.ids.new_id())), "none", "")
    ]
    undecided = await browser.get("/account")
    chosen = await browser.fill("/login/organisation", tenant=str(second.id))

    assert answer.headers["location"] == "/login/organisation"
    assert offered == {str(tenant.id), str(second.id)}
    assert {each.headers["location"] for each in refused} == {"/login"}
    assert "<dd>None</dd>" in undecided.text
    assert chosen.headers["location"] == "/account"


async def test_with_an_authenticator_the_password_alone_opens_nothing(
    open_browser: Open, ada: str, clock: MovableClock
) -> None:
    browser, halfway = open_browser(), open_browser()
    await browser.log_in(ada)
    totp, codes = await _set_up(browser, clock)
    answer = await halfway.log_in(ada)
    half = halfway.token

    assert len(codes) == 10
    assert answer.headers["location"] == "/login/code"
    assert (await halfway.get("/account")).status_code == 303
    assert (await halfway.get("/login")).status_code == 200
    wrong = await halfway.fill("/login/code", code="000000")
    assert wrong.status_code == 422
    assert 'autocomplete="one-time-code"' in wrong.text

    clock.move(timedelta(seconds=30))
    right = await halfway.fill("/login/code", code=totp.at(clock.now()))
    assert right.headers["location"] == "/account"
    assert halfway.token not in (None, half)
    assert (await halfway.get("/account")).status_code == 200


async def test_a_recovery_code_opens_once_and_new_ones_replace_the_old(
    open_browser: Open, ada: str, clock: MovableClock
) -> None:
    browser, other = open_browser(), open_browser()
    await browser.log_in(ada)
    _, (first, second, third, *_) = await _set_up(browser, clock)

    await other.log_in(ada)
    assert (await other.fill("/login/code", code=first.lower())).status_code == 303
    await other.fill("/account", at="/logout")
    await other.log_in(ada)
    assert (await other.fill("/login/code", code=first)).status_code == 422

    anew = await browser.fill("/account/recovery-codes", code=second)
    assert anew.status_code == 200
    assert "-" in second
    assert (await other.fill("/login/code", code=third)).status_code == 422


async def test_half_a_log_in_ends_by_itself(browser: Browser, ada: str, clock: MovableClock) -> None:
    await browser.log_in(ada)
    totp, _ = await _set_up(browser, clock)
    await browser.fill("/account", at="/logout")
    await browser.log_in(ada)
    clock.move(HALFWAY_TTL)

    answer = await browser.fill("/login/code", code=totp.at(clock.now()))

    assert answer.headers["location"] == "/login?told=ended"
    assert "took too long" in (await browser.get("/login?told=ended")).text


async def test_an_authenticator_is_removed_only_by_who_shows_a_code(
    browser: Browser, ada: str, clock: MovableClock
) -> None:
    await browser.log_in(ada)
    totp, _ = await _set_up(browser, clock)

    refused = await browser.fill("/account/authenticator/remove", code="000000")
    clock.move(timedelta(seconds=30))
    removed = await browser.fill("/account/authenticator/remove", code=totp.at(clock.now()))

    assert refused.status_code == 422
    assert removed.headers["location"] == "/account?told=removed"
    assert "Set up an authenticator" in (await browser.get("/account")).text


async def test_a_password_is_changed_by_who_knows_it_and_other_browsers_are_out(
    open_browser: Open, ada: str
) -> None:
    browser, other = open_browser(), open_browser()
    await browser.log_in(ada)
    await other.log_in(ada)

    wrong = await browser.fill("/account/password", password=WRONG, new_password=NEW_PASSWORD)
    unfit = await browser.fill("/account/password", password=PASSWORD, new_password=SHORT)
    changed = await browser.fill("/account/password", password=PASSWORD, new_password=NEW_PASSWORD)

    assert (wrong.status_code, unfit.status_code) == (422, 422)
    assert 'id="password-fault"' in wrong.text
    assert 'id="new_password-fault"' in unfit.text
    assert changed.headers["location"] == "/account?told=password"
    assert (await browser.get("/account")).status_code == 200
    assert (await other.get("/account")).status_code == 303
    assert (await other.log_in(ada)).status_code == 422
    assert (await other.log_in(ada, NEW_PASSWORD)).status_code == 303


async def test_who_is_invited_chooses_a_password_and_is_in(
    browser: Browser, desk: Desk, tenant: Tenant
) -> None:
    path = await desk.invite(tenant, "grace@example.org", Role.MANAGER)

    page = await browser.get(path)
    unfit = await browser.fill(path, name="Grace Hopper", new_password=SHORT)
    joined = await browser.fill(path, name="Grace Hopper", new_password=NEW_PASSWORD)
    account = await browser.get("/account")

    assert all(text in page.text for text in (tenant.name, "grace@example.org", "Manager"))
    assert unfit.status_code == 422
    assert "Grace Hopper" in unfit.text
    assert joined.headers["location"] == "/account?told=joined"
    assert all(text in account.text for text in ("Grace Hopper", tenant.name))
    assert (await browser.get(path)).status_code == 404


async def test_an_address_is_not_offered_as_a_name(browser: Browser, desk: Desk, tenant: Tenant) -> None:
    named = await browser.get(await desk.invite(tenant, "grace@example.org"))
    unnamed = await browser.get(await desk.invite(tenant, "alan@example.org", name="Alan@example.org"))

    assert 'value="Ada Lovelace"' in named.text
    assert 'value="Alan' not in unnamed.text


async def test_who_has_an_account_joins_with_it_and_nobody_else_does(
    open_browser: Open, desk: Desk, sessions: Sessions, ada: str
) -> None:
    guild = await factories.tenant(sessions)
    eve = await desk.member(await factories.tenant(sessions), email="eve@example.org")
    path = await desk.invite(guild, ada)
    nobody, browser, other = open_browser(), open_browser(), open_browser()
    await browser.log_in(ada)
    await other.log_in(eve)

    shown = await nobody.get(path)
    refused = await other.fill(path)
    told = await other.get(path)
    anonymous = await nobody.fill("/login", at=path, name="Eve", new_password=NEW_PASSWORD)
    joined = await browser.fill(path)

    assert "Log in with it to join" in shown.text
    assert (refused.status_code, refused.headers["location"]) == (303, path)
    assert f"Log in as {ada}" in told.text
    assert (anonymous.status_code, anonymous.headers["location"]) == (303, path)
    assert joined.headers["location"] == "/account?told=joined"


@pytest.mark.parametrize("token", ["unknown", "0" * 32 + ".x", "." * 40, "a.b", "%2e%2e", "x" * 3_000])
async def test_an_invitation_that_never_was_looks_like_one_that_was_used(
    browser: Browser, desk: Desk, tenant: Tenant, token: str
) -> None:
    path = await desk.invite(tenant, "grace@example.org")
    await browser.fill(path, name="Grace Hopper", new_password=NEW_PASSWORD)

    used, unknown = await browser.get(path), await browser.get(f"/invitation/{token}")

    assert used.status_code == unknown.status_code == 404
    assert _without_ids(used.text) == _without_ids(unknown.text)


async def test_asking_for_a_new_password_tells_nothing_about_accounts(browser: Browser, ada: str) -> None:
    known = await browser.fill("/password-reset", email=ada)
    unknown = await browser.fill("/password-reset", email="eve@example.org")
    malformed = await browser.fill("/password-reset", email="eve")

    assert (known.status_code, known.headers["location"]) == (303, "/password-reset?asked")
    assert (unknown.status_code, unknown.headers["location"]) == (303, "/password-reset?asked")
    assert malformed.status_code == 422


async def test_a_link_sets_a_password_once_and_ends_all_sessions(
    open_browser: Open, desk: Desk, ada: str
) -> None:
    browser, forgetful = open_browser(), open_browser()
    await browser.log_in(ada)
    path = await desk.reset_path(ada)

    unfit = await forgetful.fill(path, new_password=SHORT)
    done = await forgetful.fill(path, new_password=NEW_PASSWORD)

    assert unfit.status_code == 422
    assert done.headers["location"] == "/login?told=reset"
    assert (await forgetful.get(path)).status_code == 404
    assert (await browser.get("/account")).status_code == 303
    assert (await forgetful.log_in(ada, NEW_PASSWORD)).status_code == 303


async def test_a_name_cannot_be_markup(browser: Browser, desk: Desk, tenant: Tenant) -> None:
    path = await desk.invite(tenant, "mallory@example.org")
    name = '<img src=x onerror="alert(1)">'

    await browser.fill(path, name=name, new_password=NEW_PASSWORD)
    page = await browser.get("/account")

    assert "<img" not in page.text
    assert "&lt;img src=x onerror=" in page.text


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b'{"form_token": "x"}', "application/json"),
        (b"form_token=%00", "application/x-www-form-urlencoded"),
        (b"form_token=%ff", "application/x-www-form-urlencoded"),
        (b"\xff\xfe", "application/x-www-form-urlencoded"),
        (b"&".join(b"a=b" for _ in range(100)), "application/x-www-form-urlencoded"),
        (b"", ""),
    ],
)
async def test_what_is_no_form_is_refused_by_a_page(
    browser: Browser, content: bytes, content_type: str
) -> None:
    answer = await browser.http.post("/login", content=content, headers={"Content-Type": content_type})

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == STRICT["content-security-policy"]


async def test_a_form_that_is_too_large_is_refused_by_a_page(browser: Browser) -> None:
    answer = await browser.fill("/login", email="a" * 300_000)

    assert answer.status_code == 413
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


async def test_a_database_that_does_not_answer_is_told_by_a_page(
    vault: Vault, settings: Settings, clock: MovableClock
) -> None:
    engine = create_engine("postgresql+asyncpg://nobody@127.0.0.1:1/nowhere", pool_size=1)
    app = create_app(settings, create_sessions(engine), vault=vault, clock=clock)
    async with AsyncClient(transport=ASGITransport(cast("Any", app)), base_url=ISSUER) as opened:
        opened.cookies.set("rooted_session", "some", domain="rooted.test")
        answer = await opened.get("/account")
    await engine.dispose()

    assert answer.status_code == 503
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["retry-after"]
    assert {name: answer.headers.get(name) for name in STRICT} == STRICT
    assert "Not available at this moment" in answer.text


def test_a_page_is_no_operation_of_the_api(app: Litestar) -> None:
    paths = {route.path for route in app.routes if isinstance(route, HTTPRoute)}
    assert {"/login", "/account", "/invitation/{token:str}"} <= paths


async def _set_up(browser: Browser, clock: MovableClock) -> tuple[TOTP, list[str]]:
    """Turn an authenticator on. Returns it, and the recovery codes."""
    page = await browser.get("/account/authenticator")
    secret = re.findall(r'class="secret"[^>]*>([^<]+)<', page.text)[0].replace(" ", "")
    totp = TOTP(secret)
    assert 'src="data:image/svg+xml' in page.text
    answer = await browser.fill("/account/authenticator", code=totp.at(clock.now()))
    assert answer.status_code == 200, answer.text
    return totp, re.findall(r"<li>([A-Z0-9-]+)</li>", answer.text)


def _read(path: str) -> tuple[TenantId, str]:
    found = read_invitation(path.rpartition("/")[2])
    assert found
    return found


def _attributes(cookie: str) -> set[str]:
    return {each.strip().lower() for each in cookie.split(";")[1:]}


def _without_ids(page: str) -> str:
    return re.sub(r"<code>[^<]+</code>", "", page)


async def test_how_long_people_stay_logged_in_is_the_operators_to_say(
    sessions: Sessions, tenant: Tenant, desk: Desk, clock: MovableClock, settings: Settings
) -> None:
    short = settings.model_copy(
        update={"log_in_ttl": timedelta(hours=2), "log_in_idle": timedelta(minutes=5)}
    )
    app = create_app(short, sessions, vault=factories.VAULT, clock=clock)
    email = await desk.member(tenant)
    async with AsyncClient(transport=ASGITransport(cast("Any", app)), base_url=ISSUER) as http:
        browser = Browser(http)
        await browser.log_in(email)
        clock.move(timedelta(minutes=4))
        at_work = await browser.get("/account")
        clock.move(timedelta(minutes=6))
        after_a_pause = await browser.get("/account")

    assert at_work.status_code == 200
    assert (after_a_pause.status_code, after_a_pause.headers["location"][:6]) == (303, "/login")
