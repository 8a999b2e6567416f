"""Where an answer of the authorization endpoint may be sent. Pure."""

import re
from collections.abc import Iterable
from urllib.parse import urlencode, urlsplit

LOOPBACK = ("http://127.0.0.1", "http://[::1]")
AFTER_HOST = re.compile(r"(?::(?P<port>[1-9][0-9]{0,4}))?(?P<rest>(?:/[^?#\\]*)?(?:\?[^#\\]*)?)")
PORTS = range(1, 2**16)


def is_registered(asked: str, registered: Iterable[str]) -> bool:
    """Is `asked` one of these, to the letter? The port of a loopback address may differ (RFC 8252 §7.3)."""
    return any(asked == each or _same_but_port(asked, each) for each in registered)


def with_parameters(redirect_uri: str, parameters: Iterable[tuple[str, str]]) -> str:
    """The redirect URI with these added to its query, as the client registered it otherwise."""
    separator = "&" if urlsplit(redirect_uri).query else "?"
    return f"{redirect_uri.removesuffix('?')}{separator}{urlencode(list(parameters))}"


def origin_of(redirect_uri: str) -> str:
    """Scheme, host and port of a redirect URI that was registered."""
    parts = urlsplit(redirect_uri)
    return f"{parts.scheme}://{parts.netloc}"


def _same_but_port(asked: str, registered: str) -> bool:
    found = _without_port(registered)
    return found is not None and found == _without_port(asked)


def _without_port(uri: str) -> str | None:
    """A loopback URI without its port; None for what is not one, or not written as it should be."""
    host = next((host for host in LOOPBACK if uri.startswith(host)), None)
    found = None if host is None else AFTER_HOST.fullmatch(uri.removeprefix(host))
    if host is None or found is None or int(found["port"] or 80) not in PORTS:
        return None
    return host + found["rest"]
