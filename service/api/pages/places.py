"""Where a page may send its reader: pure decisions about addresses."""

import re
from urllib.parse import quote, urlsplit

HOME = "/account"
PLACE_CHARACTERS_MAX = 4_096
PLACE = re.compile(r"/(?![/\\])[A-Za-z0-9/?&=%+.,:;@!$'()*_~\-\[\]#]*")
"""A path of this service, of what RFC 3986 lets a reference hold: no backslash, blank or control."""

THIS_DEVICE = frozenset({"127.0.0.1", "::1", "localhost"})
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")


def local_place(offered: str | None) -> str:
    """The path to go on to: what was offered if it cannot lead anywhere else, or HOME."""
    if offered is None or len(offered) > PLACE_CHARACTERS_MAX or not PLACE.fullmatch(offered):
        return HOME
    return offered


def onward(place: str) -> str:
    """Where a form of the log-in sends its reader, who wants to get to `place`.

    What follows an authorization request may leave this service at once. Browsers count such a redirect as
    the end of the form, which our content security policy lets end here only; so a page stands in between.
    """
    return with_next("/login/onward", place) if place.startswith("/oauth/") else place


def with_next(page: str, place: str) -> str:
    return page if place == HOME else f"{page}?next={quote(place, safe='')}"


def origin_of(url: str) -> str:
    """The origin of an http(s) address, as browsers write it: without a port that the scheme implies.

    Raises:
        ValueError: it has none.
    """
    parts = urlsplit(url)
    implied = {"http": 80, "https": 443}.get(parts.scheme)
    if implied is None or not parts.hostname:
        raise ValueError("not an http or https address")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return (
        f"{parts.scheme}://{host}"
        if parts.port in (None, implied)
        else f"{parts.scheme}://{host}:{parts.port}"
    )


def form_target(url: str) -> str:
    """What a content security policy calls the place that an answer to a form redirects to.

    The origin; the scheme where there is no origin, or where the policy's grammar has no word for it (an IPv6
    address).

    Raises:
        ValueError: there is no scheme that could be named.
    """
    parts = urlsplit(url)
    if not SCHEME.fullmatch(parts.scheme):
        raise ValueError("the address has no scheme")
    if parts.scheme not in ("http", "https") or ":" in (parts.hostname or ""):
        return f"{parts.scheme}:"
    return origin_of(url)


def destination(url: str) -> str:
    """Who gets the answer, in words that a person can compare with what it has in mind."""
    parts = urlsplit(url)
    if parts.hostname is None:
        return f"An app on this device ({parts.scheme})"
    return "An app on this device" if parts.hostname in THIS_DEVICE else parts.hostname
