"""The log-in: password, second factor, choice of the tenant; and the way out."""

from collections.abc import Mapping
from datetime import timedelta
from math import ceil
from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency

from service.api.pages import failures, places
from service.api.pages.site import AnyRequest, Form, Site, go_to
from service.ids import PersonId, TenantId, read_id
from service.people import logins
from service.people.domain.outcomes import (
    Attempt,
    Ended,
    FactorAttempt,
    FactorNeeded,
    LoggedInAnew,
    Refused,
    Throttled,
)
from service.platform import PlatformSession, platform_transaction

WRONG = "The email address or the password is not right."
WRONG_CODE = "This code is not right, or was used already."
ENDED = "Your log-in took too long, or was ended. Please log in again."
REFUSED_STATUS = 422
THROTTLED_STATUS = 429


class LogInController(Controller):
    tags = ("Pages",)
    include_in_schema = False
    exception_handlers = failures.HANDLERS

    @get("/login", operation_id="showLogIn")
    async def show(self, request: AnyRequest, site: NamedDependency[Site]) -> Response[Any]:
        """Ask for address and password, of who is not logged in already."""
        place = next_of(request)
        reader = await site.signed_in(request)
        if reader is not None:
            return go_to(_after_log_in(place, has_tenant=reader.tenant_id is not None))
        return _log_in_page(site, request, place)

    @post("/login", status_code=200, operation_id="logIn")
    async def log_in(self, request: AnyRequest, site: NamedDependency[Site]) -> Response[Any]:
        """Take address and password."""
        form = await site.form(request)
        place = places.local_place(form.get("next"))
        email, password = form.get("email").strip(), form.get("password")
        faults = _missing(
            email=(email, "Enter your email address."), password=(password, "Enter your password.")
        )
        if faults:
            return _log_in_page(site, request, place, email=email, faults=faults, status=REFUSED_STATUS)
        attempt, now = Attempt(email, password, site.whence(request)), site.clock.now()
        async with platform_transaction(site.sessions) as platform:
            outcome = await logins.log_in(platform, site.vault, attempt, now=now, lifetimes=site.lifetimes)
            has_tenant = await _entered(site, platform, request, outcome)
        match outcome:
            case LoggedInAnew(token, device):
                cookies = site.session(token, device)
                return go_to(_after_log_in(place, has_tenant=has_tenant), cookies=cookies)
            case FactorNeeded(token):
                return go_to(places.with_next("/login/code", place), cookies=site.session(token))
            case Refused():
                faults = {"email": WRONG}
                return _log_in_page(site, request, place, email=email, faults=faults, status=REFUSED_STATUS)
            case Throttled(wait):
                faults = {"": too_often(wait)}
                page = _log_in_page(site, request, place, email=email, faults=faults, status=THROTTLED_STATUS)
                return retried_after(page, wait)

    @get("/login/code", operation_id="showCode")
    async def show_code(self, request: AnyRequest, site: NamedDependency[Site]) -> Response[Any]:
        """Ask for a code."""
        place = next_of(request)
        if site.session_token(request) is None:
            return go_to(places.with_next("/login", place))
        return site.page(request, "factor.html", next=place, faults={})

    @post("/login/code", status_code=200, operation_id="confirmCode")
    async def confirm_code(self, request: AnyRequest, site: NamedDependency[Site]) -> Response[Any]:
        """Take the code; the session gets another token."""
        form = await site.form(request)
        place, code = places.local_place(form.get("next")), form.get("code").strip()
        if not code:
            return _code_page(site, request, place, {"code": "Enter the code."})
        attempt = FactorAttempt(site.session_token(request) or "", code, site.whence(request))
        now = site.clock.now()
        async with platform_transaction(site.sessions) as platform:
            outcome = await logins.confirm_factor(
                platform, site.vault, attempt, now=now, lifetimes=site.lifetimes
            )
            has_tenant = await _entered(site, platform, request, outcome)
        match outcome:
            case LoggedInAnew(token, device):
                cookies = site.session(token, device)
                return go_to(_after_log_in(place, has_tenant=has_tenant), cookies=cookies)
            case Refused():
                return _code_page(site, request, place, {"code": WRONG_CODE})
            case Throttled(wait):
                page = _code_page(site, request, place, {"": too_often(wait)}, status=THROTTLED_STATUS)
                return retried_after(page, wait)
            case Ended():
                return go_to("/login?told=ended", cookies=site.no_session())

    @get("/login/organisation", operation_id="showTenants")
    async def show_tenants(self, request: AnyRequest, site: NamedDependency[Site]) -> Response[Any]:
        """Ask in which tenant to work."""
        place, reader = next_of(request), await site.signed_in(request)
        if reader is None:
            return go_to(places.with_next("/login", place))
        async with platform_transaction(site.sessions) as platform:
            tenants = await logins.memberships(platform, reader.person.id)
        return site.page(
            request,
            "tenants.html",
            next=place,
            tenants=tenants,
            person=reader.person,
            current=reader.tenant_id,
        )

    @post("/login/organisation", status_code=200, operation_id="chooseTenant")
    async def choose_tenant(self, request: AnyRequest, site: NamedDependency[Site]) -> Response[Any]:
        """Go on in this tenant."""
        form = await site.form(request)
        place, tenant_id = places.local_place(form.get("next")), _tenant_of(form)
        token = site.session_token(request)
        if token is None or tenant_id is None:
            return go_to(places.with_next("/login", place))
        async with platform_transaction(site.sessions) as platform:
            chosen = await logins.choose_tenant(
                platform, token, tenant_id, now=site.clock.now(), lifetimes=site.lifetimes
            )
        return go_to(places.with_next("/login", place) if chosen is None else places.onward(place))

    @get("/login/onward", operation_id="goOnward")
    async def go_onward(self, request: AnyRequest, site: NamedDependency[Site]) -> Response[Any]:
        """Lead on to where the reader wanted to go: see `places.onward`."""
        return site.page(request, "onward.html", next=next_of(request))

    @post("/logout", status_code=200, operation_id="logOut")
    async def log_out(self, request: AnyRequest, site: NamedDependency[Site]) -> Response[Any]:
        """End the session of this browser."""
        form = await site.form(request)
        token, now = site.session_token(request), site.clock.now()
        if token is not None:
            async with platform_transaction(site.sessions) as platform:
                await logins.log_out(platform, token, now=now, origin=site.whence(request))
        place = places.local_place(form.get("next"))
        target = "/login?told=out" if place == places.HOME else places.with_next("/login", place)
        return go_to(target, cookies=site.no_session())


TOLD: Mapping[str, str] = {
    "out": "You are logged out.",
    "everywhere": "You are logged out everywhere.",
    "ended": ENDED,
    "reset": "Your new password is set. Log in with it.",
    "joined": "Welcome. Log in with the password that you have just chosen.",
}
"""What the log-in page may be asked to tell, by name: never a text out of an address."""


def next_of(request: AnyRequest) -> str:
    """Where the reader wants to go after this."""
    return places.local_place(request.query_params.get("next"))


def too_often(wait: timedelta) -> str:
    minutes = ceil(wait / timedelta(minutes=1))
    after = "in a minute" if minutes <= 1 else f"in {minutes} minutes"
    return f"There were too many attempts. Try again {after}, or set a new password."


def retried_after(page: Response[Any], wait: timedelta) -> Response[Any]:
    page.headers["Retry-After"] = str(max(1, ceil(wait.total_seconds())))
    return page


def _log_in_page(
    site: Site,
    request: AnyRequest,
    place: str,
    *,
    email: str = "",
    faults: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response[Any]:
    told = TOLD.get(request.query_params.get("told", "")) if not faults else None
    return site.page(
        request, "log_in.html", status=status, next=place, email=email, faults=faults or {}, notice=told
    )


def _code_page(
    site: Site, request: AnyRequest, place: str, faults: Mapping[str, str], *, status: int = REFUSED_STATUS
) -> Response[Any]:
    return site.page(request, "factor.html", status=status, next=place, faults=faults)


def _missing(**fields: tuple[str, str]) -> dict[str, str]:
    """What is to be said of each field that is empty."""
    return {name: text for name, (value, text) in fields.items() if not value}


def _after_log_in(place: str, *, has_tenant: bool) -> str:
    return places.onward(place) if has_tenant else places.with_next("/login/organisation", place)


async def _entered(site: Site, platform: PlatformSession, request: AnyRequest, outcome: object) -> bool:
    """End the session that the browser had before, and choose the tenant if there is only one.

    Returns whether one was chosen.
    """
    if not isinstance(outcome, LoggedInAnew | FactorNeeded):
        return False
    now, before = site.clock.now(), site.session_token(request)
    if before is not None:
        await logins.log_out(platform, before, now=now, origin=site.whence(request))
    if isinstance(outcome, FactorNeeded):
        return False
    return await _choose_the_only_one(platform, outcome.token, outcome.person.id, site)


async def _choose_the_only_one(
    platform: PlatformSession, token: str, person_id: PersonId, site: Site
) -> bool:
    tenants = await logins.memberships(platform, person_id)
    if len(tenants) != 1:
        return False
    chosen = await logins.choose_tenant(
        platform, token, tenants[0].tenant_id, now=site.clock.now(), lifetimes=site.lifetimes
    )
    return chosen is not None


def _tenant_of(form: Form) -> TenantId | None:
    try:
        return TenantId(read_id(form.get("tenant")))
    except ValueError:
        return None
