"""The doors for those who are not logged in: an invitation, and a password that was forgotten."""

from collections.abc import Mapping
from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from service.api.pages import asking, failures, wording
from service.api.pages.log_in import REFUSED_STATUS, THROTTLED_STATUS, retried_after, too_often
from service.api.pages.site import AnyRequest, Site, go_to
from service.db import tenant_transaction
from service.ids import TenantId
from service.people import invitations, logins, passwords
from service.people.domain import (
    Invitation,
    Person,
    faults_of_email,
    in_order,
    normal_email,
    read_invitation,
)
from service.people.domain.outcomes import LoggedIn, PasswordSet, Throttled
from service.people.errors import AccountExists, InvitationForAnother, InvitationNotFound, PasswordUnfit
from service.people.invitations import Acceptance
from service.platform import platform_transaction

GONE = "This link does not count any more"


class InvitationController(Controller):
    path = "/invitation"
    tags = ("Pages",)
    include_in_schema = False
    exception_handlers = failures.HANDLERS

    @get("/{token:str}", operation_id="showInvitation")
    async def show(
        self, request: AnyRequest, site: NamedDependency[Site], token: FromPath[str]
    ) -> Response[Any]:
        """Show who invites, and to what."""
        offered = await _offered(site, token)
        if offered is None:
            return _no_invitation(site, request)
        return _invitation_page(site, request, offered, await site.signed_in(request))

    @post("/{token:str}", status_code=200, operation_id="acceptInvitation")
    async def accept(
        self, request: AnyRequest, site: NamedDependency[Site], token: FromPath[str]
    ) -> Response[Any]:
        """Become a member: with a new account, or with that of who is logged in."""
        form = await site.form(request)
        offered = await _offered(site, token)
        reader = await site.signed_in(request)
        if offered is None:
            return _no_invitation(site, request)
        try:
            if not offered.has_account:
                chosen = Acceptance(form.get("name").strip(), form.get("new_password"), site.whence(request))
                return await _join_anew(site, request, token, chosen)
            if reader is not None:
                return await _join_as(site, request, token, reader)
        except (AccountExists, InvitationForAnother):
            pass  # the page says what to do instead
        except InvitationNotFound:
            return _no_invitation(site, request)
        except PasswordUnfit as error:
            faults = wording.faults_of(error)
            return _invitation_page(site, request, offered, reader, name=form.get("name"), faults=faults)
        return go_to(request.scope["path"])


class PasswordResetController(Controller):
    path = "/password-reset"
    tags = ("Pages",)
    include_in_schema = False
    exception_handlers = failures.HANDLERS

    @get("/", operation_id="showResetRequest")
    async def show_request(self, request: AnyRequest, site: NamedDependency[Site]) -> Response[Any]:
        """Ask for the address, or say that a mail is on its way."""
        return _request_page(site, request, asked="asked" in request.query_params)

    @post("/", status_code=200, operation_id="requestReset")
    async def request_reset(self, request: AnyRequest, site: NamedDependency[Site]) -> Response[Any]:
        """Have a link sent. Nothing tells whether there is an account."""
        form = await site.form(request)
        email = form.get("email")
        if faults_of_email(normal_email(email)):
            faults = {"email": "Enter an email address, such as ada@example.org."}
            return _request_page(site, request, email=email, faults=faults, status=REFUSED_STATUS)
        origin, now = site.whence(request), site.clock.now()
        async with platform_transaction(site.sessions) as platform:
            throttled = await passwords.request_reset(platform, email, origin, now=now)
        if isinstance(throttled, Throttled):
            faults = {"": too_often(throttled.retry_after)}
            page = _request_page(site, request, email=email, faults=faults, status=THROTTLED_STATUS)
            return retried_after(page, throttled.retry_after)
        return go_to("/password-reset?asked")

    @get("/{token:str}", operation_id="showReset")
    async def show(
        self, request: AnyRequest, site: NamedDependency[Site], token: FromPath[str]
    ) -> Response[Any]:
        """Ask for a new password."""
        person = await _resettable(site, token)
        return _no_reset(site, request) if person is None else _reset_page(site, request, person)

    @post("/{token:str}", status_code=200, operation_id="resetPassword")
    async def reset(
        self, request: AnyRequest, site: NamedDependency[Site], token: FromPath[str]
    ) -> Response[Any]:
        """Take a new password."""
        form = await site.form(request)
        person = await _resettable(site, token)
        if person is None:
            return _no_reset(site, request)
        origin, now = site.whence(request), site.clock.now()
        try:
            async with platform_transaction(site.sessions) as platform:
                outcome = await passwords.reset_password(
                    platform, site.vault, token, form.get("new_password"), origin=origin, now=now
                )
        except PasswordUnfit as error:
            return _reset_page(site, request, person, wording.faults_of(error))
        if not isinstance(outcome, PasswordSet):
            return _no_reset(site, request)
        return go_to("/login?told=reset", cookies=[*site.no_session(), site.device(outcome.device)])


async def _offered(site: Site, token: str) -> Invitation | None:
    tenant_id, secret = _read(token)
    if tenant_id is None:
        return None
    async with tenant_transaction(site.sessions, tenant_id) as session:
        return await invitations.invitation(session, secret, now=site.clock.now())


async def _join_anew(site: Site, request: AnyRequest, token: str, chosen: Acceptance) -> Response[Any]:
    tenant_id, secret = _read(token)
    if tenant_id is None:
        raise InvitationNotFound
    async with tenant_transaction(site.sessions, tenant_id) as session:
        admitted = await invitations.accept_invitation(
            session, site.vault, secret, chosen, now=site.clock.now(), lifetimes=site.lifetimes
        )
    before = site.session_token(request)
    if before is not None:
        async with platform_transaction(site.sessions) as platform:
            await logins.log_out(platform, before, now=site.clock.now(), origin=chosen.origin)
    return go_to("/account?told=joined", cookies=site.session(admitted.token, admitted.device))


async def _join_as(site: Site, request: AnyRequest, token: str, reader: LoggedIn) -> Response[Any]:
    tenant_id, secret = _read(token)
    if tenant_id is None:
        raise InvitationNotFound
    origin, now = site.whence(request), site.clock.now()
    async with tenant_transaction(site.sessions, tenant_id) as session:
        await invitations.accept_invitation_as(session, secret, reader.person, origin=origin, now=now)
    async with platform_transaction(site.sessions) as platform:
        await logins.choose_tenant(
            platform, site.session_token(request) or "", tenant_id, now=now, lifetimes=site.lifetimes
        )
    return go_to("/account?told=joined")


async def _resettable(site: Site, token: str) -> Person | None:
    async with platform_transaction(site.sessions) as platform:
        return await passwords.resettable(platform, token, now=site.clock.now())


def _read(token: str) -> tuple[TenantId | None, str]:
    return read_invitation(token) or (None, "")


def _no_invitation(site: Site, request: AnyRequest) -> Response[Any]:
    return asking.refused(site, request, str(InvitationNotFound()), title=GONE, status=404)


def _no_reset(site: Site, request: AnyRequest) -> Response[Any]:
    reason = "It was used, replaced by a newer one, or has expired. Ask for another at the log-in."
    return asking.refused(site, request, reason, title=GONE, status=404)


def _invitation_page(
    site: Site,
    request: AnyRequest,
    offered: Invitation,
    reader: LoggedIn | None,
    *,
    name: str | None = None,
    faults: Mapping[str, str] | None = None,
) -> Response[Any]:
    return site.page(
        request,
        "invitation.html",
        status=REFUSED_STATUS if faults else 200,
        action=request.scope["path"],
        invitation=offered,
        roles=[wording.ROLES[role] for role in in_order(offered.roles)],
        is_logged_in_as_invited=reader is not None and reader.person.email == offered.email,
        is_logged_in_as_another=reader is not None and reader.person.email != offered.email,
        name=_name_of(offered) if name is None else name,
        faults=faults or {},
        password_hint=wording.PASSWORD_HINT,
    )


def _name_of(offered: Invitation) -> str:
    """What the invited is called, unless that is only its address."""
    return "" if normal_email(offered.name) == offered.email else offered.name


def _request_page(
    site: Site,
    request: AnyRequest,
    *,
    asked: bool = False,
    email: str = "",
    faults: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response[Any]:
    return site.page(
        request, "reset_request.html", status=status, asked=asked, email=email, faults=faults or {}
    )


def _reset_page(
    site: Site, request: AnyRequest, person: Person, faults: Mapping[str, str] | None = None
) -> Response[Any]:
    return site.page(
        request,
        "reset.html",
        status=REFUSED_STATUS if faults else 200,
        action=request.scope["path"],
        email=person.email,
        faults=faults or {},
        password_hint=wording.PASSWORD_HINT,
    )
