"""What every page stands on: who its reader is, the cookies, and forms that only our pages can send."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

from litestar import Request, Response
from litestar.datastructures import Cookie
from litestar.response import Redirect

from service.api.errors import Malformed
from service.api.pages import forgery, places, rendering
from service.api.pages.forgery import FormForged
from service.clock import Clock
from service.db import Sessions
from service.people import logins
from service.people.domain import Lifetimes, Origin
from service.people.domain.accounts import DEVICE_TTL
from service.people.domain.outcomes import LoggedIn
from service.platform import platform_transaction
from service.vault import Vault

AnyRequest = Request[Any, Any, Any]

FORM_TYPE = "application/x-www-form-urlencoded"
FIELDS_MAX = 64
TOKEN_BYTES = 32
TOKEN_CHARACTERS_MAX = 200


class FormMalformed(Malformed):
    """A form of a page cannot be read."""

    code = "form-malformed"

    def __init__(self) -> None:
        super().__init__("This form cannot be read. Go back, reload the page, and send the form again.")


@dataclass(frozen=True, slots=True)
class Form:
    """What was filled in, by the names of the fields."""

    values: Mapping[str, Sequence[str]]

    def get(self, name: str) -> str:
        """The one value of a field; empty when there is none, or more than one."""
        found = self.values.get(name, ())
        return found[0] if len(found) == 1 else ""

    def all(self, name: str) -> Sequence[str]:
        return self.values.get(name, ())


@dataclass(frozen=True, slots=True)
class Site:
    """The pages of one service. Handlers ask for it as `site`.

    Attributes:
        issuer: the public address of this service.
        lifetimes: of log-in sessions.
    """

    sessions: Sessions
    clock: Clock
    vault: Vault
    issuer: str
    lifetimes: Lifetimes

    @property
    def origin(self) -> str:
        return places.origin_of(self.issuer)

    @property
    def is_secure(self) -> bool:
        return self.issuer.startswith("https:")

    @property
    def session_cookie(self) -> str:
        return self._named("session")

    @property
    def browser_cookie(self) -> str:
        return self._named("browser")

    @property
    def device_cookie(self) -> str:
        return self._named("device")

    async def signed_in(self, request: AnyRequest) -> LoggedIn | None:
        """Who is logged in in this browser."""
        token = self.session_token(request)
        if token is None:
            return None
        async with platform_transaction(self.sessions) as platform:
            return await logins.session_of(platform, token, now=self.clock.now(), lifetimes=self.lifetimes)

    def whence(self, request: AnyRequest) -> Origin:
        """Where the request comes from."""
        return Origin(
            address=None if request.client is None else request.client.host,
            http_request_id=request.state.get("request_id"),
            device=_bounded(request.cookies.get(self.device_cookie)),
        )

    def session_token(self, request: AnyRequest) -> str | None:
        """The token of the log-in session that the browser says it has."""
        return _bounded(request.cookies.get(self.session_cookie))

    def page(
        self,
        request: AnyRequest,
        template: str,
        *,
        status: int = 200,
        form_targets: Sequence[str] = (),
        cookies: Sequence[Cookie] = (),
        **values: Any,
    ) -> Response[str]:
        """A page. Its forms carry the token of this browser, which is given a cookie if it has none."""
        secret, given = self._secret(request), list(cookies)
        if secret is None:
            secret = secrets.token_urlsafe(TOKEN_BYTES)
            given.append(self.cookie(self.browser_cookie, secret))
        html = rendering.render(
            template, {"form_field": forgery.FIELD, "form_token": forgery.form_token(secret), **values}
        )
        return rendering.answer(html, status=status, form_targets=form_targets, cookies=given)

    async def form(self, request: AnyRequest) -> Form:
        """The form that was sent. Raises FormForged, FormMalformed."""
        headers = request.headers
        if not forgery.is_from_here(
            headers.get("sec-fetch-site"), headers.get("origin"), own_origin=self.origin
        ):
            raise FormForged
        form = _read_form(headers.get("content-type", ""), await request.body())
        if not forgery.is_genuine(self._secret(request), form.get(forgery.FIELD)):
            raise FormForged
        return form

    def session(self, token: str, device: str | None = None) -> list[Cookie]:
        """The cookies of a browser in which somebody logs in."""
        cookies = [self.cookie(self.session_cookie, token)]
        return cookies if device is None else [*cookies, self.device(device)]

    def device(self, device: str) -> Cookie:
        """The cookie by which a browser is known again."""
        return self.cookie(self.device_cookie, device, kept_for=DEVICE_TTL)

    def no_session(self) -> list[Cookie]:
        return [self.cookie(self.session_cookie, "", kept_for=timedelta(0))]

    def cookie(self, name: str, value: str, *, kept_for: timedelta | None = None) -> Cookie:
        """A cookie for this browser, which forgets it when it is closed unless it is to be kept."""
        return Cookie(
            key=name,
            value=value,
            max_age=None if kept_for is None else int(kept_for.total_seconds()),
            path="/",
            secure=self.is_secure,
            httponly=True,
            samesite="lax",
        )

    def _named(self, what: str) -> str:
        return f"__Host-rooted_{what}" if self.is_secure else f"rooted_{what}"

    def _secret(self, request: AnyRequest) -> str | None:
        return self.session_token(request) or _bounded(request.cookies.get(self.browser_cookie))


def go_to(place: str, *, cookies: Sequence[Cookie] = ()) -> Response[Any]:
    """Send the reader on, after a form (303)."""
    return Redirect(place, status_code=303, headers=rendering.FOR_EVERY_PAGE, cookies=list(cookies))


def log_in_first(request: AnyRequest) -> Response[Any]:
    """Send the reader to the log-in, and back here afterwards."""
    query = request.scope["query_string"].decode("latin-1")
    here = request.scope["path"] + (f"?{query}" if query else "")
    return go_to(places.with_next("/login", here))


def _bounded(token: str | None) -> str | None:
    return token if token and len(token) <= TOKEN_CHARACTERS_MAX else None


def _read_form(content_type: str, body: bytes) -> Form:
    if content_type.partition(";")[0].strip().lower() != FORM_TYPE:
        raise FormMalformed
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAX
        )
    except ValueError as error:  # UnicodeDecodeError among them
        raise FormMalformed from error
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        if "\0" in value:
            raise FormMalformed
        values.setdefault(name, []).append(value)
    return Form(values)
