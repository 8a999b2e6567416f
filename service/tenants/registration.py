"""What an application may be registered as: how it proves itself, where codes go, what it may do. Pure."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from service.errors import Fault
from service.ids import ClientId
from service.names import faults_of_name
from service.tenants.domain import AuthMethod, GrantType, faults_of_scopes

REDIRECT_URIS_MAX = 10
REDIRECT_URI_CHARACTERS_MAX = 2_000
LOOPBACK = frozenset({"127.0.0.1", "::1"})
HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
"""A name or an address, and nothing that would end it in a content security policy, where it will stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What is asked for of an application; see `domain.Application`."""

    name: str
    scopes: Sequence[str]
    client_id: ClientId | None = None
    auth_method: AuthMethod = AuthMethod.CLIENT_SECRET
    grant_types: Sequence[GrantType] = (GrantType.CLIENT_CREDENTIALS,)
    redirect_uris: Sequence[str] = ()
    jwks: Mapping[str, Any] | None = None


def faults(asked: Registration) -> list[Fault]:
    """What is wrong with it, but for its keys, which `keysets` reads."""
    return [
        *faults_of_name(asked.name),
        *faults_of_scopes(asked.scopes, client_id=asked.client_id),
        *_faults_of_grants(asked),
        *_faults_of_redirects(asked),
    ]


def beyond(held: Collection[str], *scopes: Collection[str]) -> list[str]:
    """The scopes, of all of these, that somebody who holds `held` does not."""
    return sorted({scope for each in scopes for scope in each} - set(held))


def _faults_of_grants(asked: Registration) -> list[Fault]:
    grants, is_public = set(asked.grant_types), asked.auth_method is AuthMethod.NONE
    has_code = GrantType.AUTHORIZATION_CODE in grants
    checks = (
        (not grants, "Name at least one grant type."),
        (
            is_public and GrantType.CLIENT_CREDENTIALS in grants,
            "A public application cannot prove itself, so it has no client_credentials.",
        ),
        (
            GrantType.REFRESH_TOKEN in grants and not has_code,
            "Only authorization_code gives refresh tokens; add it, or leave refresh_token out.",
        ),
        (
            asked.client_id is not None and grants - {GrantType.CLIENT_CREDENTIALS} != set(),
            "A client organization's application acts by itself: client_credentials only.",
        ),
    )
    return [Fault("/grant_types", detail) for is_wrong, detail in checks if is_wrong]


def _faults_of_redirects(asked: Registration) -> list[Fault]:
    uris, needed = asked.redirect_uris, GrantType.AUTHORIZATION_CODE in asked.grant_types
    found = [
        Fault(f"/redirect_uris/{index}", detail)
        for index, uri in enumerate(uris)
        if (detail := _doubt(uri, uris[:index])) is not None
    ]
    if len(uris) > REDIRECT_URIS_MAX:
        found.append(Fault("/redirect_uris", f"At most {REDIRECT_URIS_MAX} are allowed."))
    if needed and not uris:
        found.append(Fault("/redirect_uris", "authorization_code needs an address to send the code to."))
    if uris and not needed:
        found.append(Fault("/redirect_uris", "Without authorization_code nothing is ever sent there."))
    return found


def _doubt(uri: str, before: Sequence[str]) -> str | None:
    if uri in before:
        return "This address is in the list already."
    if not 0 < len(uri) <= REDIRECT_URI_CHARACTERS_MAX or not _is_plain(uri):
        return f"An address is plain ASCII without spaces, at most {REDIRECT_URI_CHARACTERS_MAX} characters."
    if "#" in uri or "*" in uri:
        return "An address has no fragment and no wildcard: it is compared exactly as it is written."
    if not _is_allowed(uri):
        return "An address begins with https:// and a host, or with http://127.0.0.1 or http://[::1]."
    return None


def _is_plain(uri: str) -> bool:
    return uri.isascii() and uri.isprintable() and not any(character in ' "<>\\^`{|}' for character in uri)


def _is_allowed(uri: str) -> bool:
    """Is it https to a host without user info and dot segments, or http to this machine?"""
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if (
        not host
        or not HOST.fullmatch(host)
        or "@" in parts.netloc
        or {".", ".."} & set(parts.path.split("/"))
    ):
        return False
    scheme = uri.partition("://")[0]
    return scheme == "https" or (scheme == "http" and host in LOOPBACK)
