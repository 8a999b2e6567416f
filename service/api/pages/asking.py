"""What the authorization server shows: the question of consent, and that it goes no further."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from litestar import Response

from service.api.pages import places
from service.api.pages.site import AnyRequest, Site
from service.tenants.domain import SCOPES

ALLOW = "allow"
DENY = "deny"
DECISION = "decision"
"""The field of the consent form whose value is ALLOW or DENY."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What a person is asked to allow.

    Attributes:
        application: its name, which its owner chose.
        tenant: the name of the tenant that it would act in.
        person: the name or address of who is logged in.
        scopes: what it asks for.
        redirect_uri: where the answer goes; already checked against what is registered.
        fields: sent back with the answer, unchanged.
        action: where the form goes.
    """

    application: str
    tenant: str
    person: str
    scopes: Collection[str]
    redirect_uri: str
    fields: Mapping[str, str]
    action: str = "/oauth/authorize"


def consent(site: Site, request: AnyRequest, asked: Consent) -> Response[Any]:
    """The page that asks. Its form goes to `asked.action` with DECISION and `asked.fields`."""
    return site.page(
        request,
        "consent.html",
        form_targets=[places.form_target(asked.redirect_uri)],
        asked=asked,
        destination=places.destination(asked.redirect_uri),
        permissions=[SCOPES.get(scope, scope) for scope in sorted(asked.scopes)],
    )


def refused(
    site: Site,
    request: AnyRequest,
    reason: str,
    *,
    title: str = "This request cannot go on",
    status: int = 400,
) -> Response[Any]:
    """A page in the place of a redirect that would not be safe.

    Args:
        site: the pages.
        request: what was asked.
        reason: for people; plain text, escaped here.
        title: what happened.
        status: of the answer.
    """
    request_id = request.state.get("request_id", "")
    return site.page(
        request, "refused.html", status=status, title=title, reason=reason, request_id=request_id
    )
