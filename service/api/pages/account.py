"""The account: who I am, in which tenant; password, second factor, and the end of everything."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import segno
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency

from service.api.pages import failures, wording
from service.api.pages.log_in import (
    REFUSED_STATUS,
    THROTTLED_STATUS,
    WRONG_CODE,
    retried_after,
    too_often,
)
from service.api.pages.site import AnyRequest, Site, go_to, log_in_first
from service.db import tenant_transaction
from service.people import logins, passwords, second_factors
from service.people import service as people
from service.people.domain import Role, in_order
from service.people.domain.outcomes import (
    CodesOutcome,
    Ended,
    FactorAttempt,
    LoggedIn,
    PasswordSet,
    RecoveryCodes,
    Refused,
    RemovalOutcome,
    Throttled,
    TotpRemoved,
)
from service.people.errors import PasswordUnfit, TotpAlreadyOn
from service.people.passwords import PasswordChange
from service.platform import platform_transaction

TOLD: Mapping[str, str] = {
    "password": "Your password is changed. All other browsers are logged out.",
    "removed": "Your authenticator is removed. Your password alone is asked for now.",
    "joined": "Welcome. You are a member now.",
}
GROUP = 4
"""So many characters of a secret stand together, for who types them."""

ENDED_PLACE = "/login?told=ended"


@dataclass(frozen=True, slots=True)
class Question:
    """What is done only by who shows a code first."""

    action: str
    title: str
    text: str
    label: str


RECOVERY = Question(
    "/account/recovery-codes",
    "Make new recovery codes",
    "The codes that you have now will not count any more.",
    "Make new codes",
)
REMOVAL = Question(
    "/account/authenticator/remove",
    "Remove the authenticator",
    "From then on, everybody who knows your password can log in as you.",
    "Remove it",
)


class AccountController(Controller):
    path = "/account"
    tags = ("Pages",)
    include_in_schema = False
    exception_handlers = failures.HANDLERS

    @get("/", operation_id="showAccount")
    async def show(self, request: AnyRequest, site: NamedDependency[Site]) -> Response[Any]:
        """Show who is logged in, and in which tenant."""
        reader = await site.signed_in(request)
        if reader is None:
            return log_in_first(request)
        async with platform_transaction(site.sessions) as platform:
            memberships = await logins.memberships(platform, reader.person.id)
        current = next((each for each in memberships if each.tenant_id == reader.tenant_id), None)
        return site.page(
            request,
            "account.html",
            person=reader.person,
            tenant_name=None if current is None else current.name,
            roles=[wording.ROLES[role] for role in await _roles(site, reader)],
            others=len(memberships) > (current is not None),
            notice=TOLD.get(request.query_params.get("told", "")),
        )

    @post("/everywhere", status_code=200, operation_id="logOutEverywhere")
    async def log_out_everywhere(self, request: AnyRequest, site: NamedDependency[Site]) -> Response[Any]:
        """End every session, and what applications were given."""
        await site.form(request)
        reader = await site.signed_in(request)
        if reader is None:
            return go_to(ENDED_PLACE, cookies=site.no_session())
        origin, now = site.whence(request), site.clock.now()
        async with platform_transaction(site.sessions) as platform:
            await logins.log_out_everywhere(platform, reader.person.id, now=now, origin=origin)
        return go_to("/login?told=everywhere", cookies=site.no_session())

    @get("/password", operation_id="showPassword")
    async def show_password(self, request: AnyRequest, site: NamedDependency[Site]) -> Response[Any]:
        """Ask for the present and a new password."""
        reader = await site.signed_in(request)
        return log_in_first(request) if reader is None else _password_page(site, request, reader)

    @post("/password", status_code=200, operation_id="changePassword")
    async def change_password(self, request: AnyRequest, site: NamedDependency[Site]) -> Response[Any]:
        """Take a new password."""
        form = await site.form(request)
        reader = await site.signed_in(request)
        if reader is None:
            return go_to(ENDED_PLACE, cookies=site.no_session())
        change = PasswordChange(
            site.session_token(request) or "",
            form.get("password"),
            form.get("new_password"),
            site.whence(request),
        )
        try:
            async with platform_transaction(site.sessions) as platform:
                outcome = await passwords.change_password(
                    platform, site.vault, change, now=site.clock.now(), lifetimes=site.lifetimes
                )
        except PasswordUnfit as error:
            return _password_page(site, request, reader, wording.faults_of(error))
        match outcome:
            case PasswordSet(device):
                return go_to("/account?told=password", cookies=[site.device(device)])
            case Refused():
                faults = {"password": "This is not your current password."}
                return _password_page(site, request, reader, faults)
            case Throttled(wait):
                page = _password_page(site, request, reader, {"": too_often(wait)}, status=THROTTLED_STATUS)
                return retried_after(page, wait)
            case _:
                return go_to(ENDED_PLACE, cookies=site.no_session())

    @get("/authenticator", operation_id="showAuthenticator")
    async def show_authenticator(self, request: AnyRequest, site: NamedDependency[Site]) -> Response[Any]:
        """Show what an authenticator is to be told."""
        return await _authenticator_page(site, request)

    @post("/authenticator", status_code=200, operation_id="confirmAuthenticator")
    async def confirm_authenticator(self, request: AnyRequest, site: NamedDependency[Site]) -> Response[Any]:
        """Take the first code, and show the recovery codes."""
        attempt = await _attempt(site, request)
        try:
            async with platform_transaction(site.sessions) as platform:
                outcome = await second_factors.confirm_totp(
                    platform, site.vault, attempt, now=site.clock.now(), lifetimes=site.lifetimes
                )
        except TotpAlreadyOn:
            return go_to("/account")
        if isinstance(outcome, Refused):
            return await _authenticator_page(site, request, {"code": WRONG_CODE})
        return _told(site, request, outcome, "Your authenticator is on.", RECOVERY)

    @get("/recovery-codes", operation_id="showRecoveryCodes")
    async def show_recovery_codes(self, request: AnyRequest, site: NamedDependency[Site]) -> Response[Any]:
        """Ask for a code before new recovery codes are made."""
        return await _asked_of_who_has_totp(site, request, RECOVERY)

    @post("/recovery-codes", status_code=200, operation_id="makeRecoveryCodes")
    async def make_recovery_codes(self, request: AnyRequest, site: NamedDependency[Site]) -> Response[Any]:
        """Make new recovery codes, and show them."""
        attempt = await _attempt(site, request)
        async with platform_transaction(site.sessions) as platform:
            outcome = await second_factors.new_recovery_codes(
                platform, site.vault, attempt, now=site.clock.now(), lifetimes=site.lifetimes
            )
        return _told(site, request, outcome, None, RECOVERY)

    @get("/authenticator/remove", operation_id="showRemoval")
    async def show_removal(self, request: AnyRequest, site: NamedDependency[Site]) -> Response[Any]:
        """Ask for a code before the authenticator is removed."""
        return await _asked_of_who_has_totp(site, request, REMOVAL)

    @post("/authenticator/remove", status_code=200, operation_id="removeAuthenticator")
    async def remove_authenticator(self, request: AnyRequest, site: NamedDependency[Site]) -> Response[Any]:
        """Remove the authenticator."""
        attempt = await _attempt(site, request)
        async with platform_transaction(site.sessions) as platform:
            outcome = await second_factors.remove_totp(
                platform, site.vault, attempt, now=site.clock.now(), lifetimes=site.lifetimes
            )
        return _told(site, request, outcome, None, REMOVAL)


def _password_page(
    site: Site,
    request: AnyRequest,
    reader: LoggedIn,
    faults: Mapping[str, str] | None = None,
    *,
    status: int = REFUSED_STATUS,
) -> Response[Any]:
    return site.page(
        request,
        "password.html",
        status=status if faults else 200,
        person=reader.person,
        faults=faults or {},
        password_hint=wording.PASSWORD_HINT,
    )


async def _authenticator_page(
    site: Site, request: AnyRequest, faults: Mapping[str, str] | None = None
) -> Response[Any]:
    token, now = site.session_token(request), site.clock.now()
    try:
        async with platform_transaction(site.sessions) as platform:
            enrolment = await second_factors.begin_totp(
                platform, site.vault, token or "", now=now, lifetimes=site.lifetimes
            )
    except TotpAlreadyOn:
        return go_to("/account")
    if enrolment is None:
        return log_in_first(request)
    secret = enrolment.secret
    return site.page(
        request,
        "authenticator.html",
        status=REFUSED_STATUS if faults else 200,
        qr=segno.make(enrolment.uri, micro=False).svg_data_uri(scale=4, border=3, light="#fff"),
        secret=" ".join(secret[at : at + GROUP] for at in range(0, len(secret), GROUP)),
        faults=faults or {},
    )


async def _asked_of_who_has_totp(site: Site, request: AnyRequest, question: Question) -> Response[Any]:
    reader = await site.signed_in(request)
    if reader is None:
        return log_in_first(request)
    return _question_page(site, request, question) if reader.person.has_totp else go_to("/account")


def _question_page(
    site: Site, request: AnyRequest, question: Question, faults: Mapping[str, str] | None = None
) -> Response[Any]:
    status = REFUSED_STATUS if faults else 200
    return site.page(request, "confirm.html", status=status, question=question, faults=faults or {})


async def _attempt(site: Site, request: AnyRequest) -> FactorAttempt:
    form = await site.form(request)
    return FactorAttempt(site.session_token(request) or "", form.get("code").strip(), site.whence(request))


def _told(
    site: Site,
    request: AnyRequest,
    outcome: CodesOutcome | RemovalOutcome,
    notice: str | None,
    question: Question,
) -> Response[Any]:
    """What follows a code: recovery codes, which are shown this once, or what was wrong with it."""
    match outcome:
        case RecoveryCodes(codes):
            return site.page(request, "recovery_codes.html", codes=codes, notice=notice)
        case TotpRemoved():
            return go_to("/account?told=removed")
        case Refused():
            return _question_page(site, request, question, {"code": WRONG_CODE})
        case Throttled(wait):
            return retried_after(
                site.page(
                    request,
                    "confirm.html",
                    status=THROTTLED_STATUS,
                    question=question,
                    faults={"": too_often(wait)},
                ),
                wait,
            )
        case Ended():
            return go_to(ENDED_PLACE, cookies=site.no_session())


async def _roles(site: Site, reader: LoggedIn) -> list[Role]:
    if reader.tenant_id is None or reader.member_id is None:
        return []
    async with tenant_transaction(site.sessions, reader.tenant_id) as session:
        standing = await people.standing(session, reader.member_id)
    return [] if standing is None else in_order(standing.roles)
