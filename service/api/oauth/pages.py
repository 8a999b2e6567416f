"""HTTP of the authorization server, for people: may this application act for you?"""

from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency

from service.api.oauth import authorization
from service.api.oauth.authority import Authority
from service.api.oauth.authorization import Ask, LogInFirst, Outcome, Refused, SendBack, Visit
from service.api.oauth.controller import origin_of
from service.api.oauth.credentials import RequestMalformed
from service.api.pages import asking, failures, places
from service.api.pages.site import Site, go_to

AnyRequest = Request[Any, Any, Any]


class AuthorizationController(Controller):
    path = authorization.PLACE
    tags = ("Pages",)
    include_in_schema = False
    exception_handlers = failures.HANDLERS

    @get("/", operation_id="showConsent")
    async def show(
        self, request: AnyRequest, authority: NamedDependency[Authority], site: NamedDependency[Site]
    ) -> Response[Any]:
        """Ask who is logged in whether an application may act for them (RFC 6749 §4.1)."""
        encoded = request.scope["query_string"]
        return await _answer(request, authority, site, encoded=encoded, allowed=None)

    @post("/", status_code=200, operation_id="decideConsent")
    async def decide(
        self, request: AnyRequest, authority: NamedDependency[Authority], site: NamedDependency[Site]
    ) -> Response[Any]:
        """Take the answer."""
        form = await site.form(request)
        decision = form.get(asking.DECISION)
        if decision not in (asking.ALLOW, asking.DENY):
            return asking.refused(site, request, "The answer is neither yes nor no.")
        encoded, allowed = await request.body(), decision == asking.ALLOW
        return await _answer(request, authority, site, encoded=encoded, allowed=allowed)


async def _answer(
    request: AnyRequest, authority: Authority, site: Site, *, encoded: bytes, allowed: bool | None
) -> Response[Any]:
    try:
        fields = authorization.read(encoded)
    except RequestMalformed as error:
        return asking.refused(site, request, str(error))
    visit = Visit(
        fields=fields, login=await site.signed_in(request), origin=origin_of(request), allowed=allowed
    )
    return _rendered(request, site, await authorization.receive(authority, visit))


def _rendered(request: AnyRequest, pages: Site, outcome: Outcome) -> Response[Any]:
    match outcome:
        case Refused(reason):
            return asking.refused(pages, request, reason)
        case LogInFirst(place):
            return go_to(places.with_next("/login", place))
        case SendBack(location):
            return go_to(location)
        case Ask():
            return asking.consent(
                pages,
                request,
                asking.Consent(
                    application=outcome.application,
                    tenant=outcome.tenant,
                    person=outcome.person,
                    scopes=outcome.scopes,
                    redirect_uri=outcome.redirect_uri,
                    fields=outcome.fields,
                ),
            )
