"""Which addresses a webhook may lead to: public ones only. Pure.

The ranges are those of the IANA special-purpose address registries, and what clouds answer metadata on.
Python's own `is_global` differs between its patch releases, so it is not asked.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

from service.errors import Fault

URL_LENGTH_MAX = 2_000
HOST_LENGTH_MAX = 253
PORT_UNPRIVILEGED_MIN = 1_024
PORTS = {"https": 443, "http": 80}

LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
PRINTABLE = re.compile(r"[!-~]+")
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")

CLOSED_IPV4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # the metadata service of Azure
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
OPEN_IPV6 = IPv6Network("2000::/3")
"""Loopback, mapped and translated (64:ff9b::/96) addresses, ULA, link-local and multicast lie outside it."""
CLOSED_IPV6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # Teredo, ORCHID and other protocol assignments
        "2001:db8::/32",
        "2002::/16",  # 6to4: may carry any IPv4 address
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)
CLOSED_PORTS = frozenset(
    {1433, 1521, 2049, 2375, 2376, 2379, 3306, 3389, 5432, 5984, 6379, 9200, 11211, 27017}
)
"""Unprivileged ports on which databases and the like listen: nobody receives webhooks there."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a webhook is sent: the parts of its URL, read once, by one parser."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """What the Host header says: the default port is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def may_be_called(address: IPv4Address | IPv6Address, *, loopback_allowed: bool) -> bool:
    """Is this a public address, or loopback where a setting allows it?"""
    if loopback_allowed and _is_plain_loopback(address):
        return True
    if isinstance(address, IPv4Address):
        return not any(address in network for network in CLOSED_IPV4)
    if address.scope_id is not None or address not in OPEN_IPV6:
        return False
    return not any(address in network for network in CLOSED_IPV6)


def target(url: str, *, loopback_allowed: bool) -> Target | Fault:
    """The parts of a webhook's URL, or what is wrong with it.

    Addresses that a name resolves to are judged when it is called, by `may_be_called`; one that stands in the
    URL is judged here as well, so that a mistake is seen when the endpoint is registered.
    """
    split = _split(url)
    if isinstance(split, Fault):
        return split
    parts, port = split
    host = parts.hostname or ""
    found = Target(parts.scheme, host, port, _path(parts))
    return _fault(found, loopback_allowed=loopback_allowed) or found


def _fault(found: Target, *, loopback_allowed: bool) -> Fault | None:
    literal = _literal(found.host)
    on_loopback = loopback_allowed and (
        found.host == "localhost" or (literal is not None and _is_plain_loopback(literal))
    )
    if on_loopback:
        return None
    if found.scheme != "https":
        return Fault("/url", "A webhook's URL begins with https://.")
    if literal is None and not _is_name(found.host):
        return Fault("/url", f"{found.host!r} is not a host name; write it in ASCII, without a final dot.")
    if literal is not None and not may_be_called(literal, loopback_allowed=False):
        return Fault("/url", f"{found.host} is not a public address.")
    if found.port != PORTS["https"] and (found.port < PORT_UNPRIVILEGED_MIN or found.port in CLOSED_PORTS):
        return Fault("/url", f"Port {found.port} cannot receive webhooks; use 443 or one above 1023.")
    return None


def _split(url: str) -> tuple[SplitResult, int] | Fault:
    if len(url) > URL_LENGTH_MAX or not PRINTABLE.fullmatch(url) or "\\" in url:
        return Fault(
            "/url",
            f"A URL has at most {URL_LENGTH_MAX} ASCII characters, none of them a space or a backslash.",
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return Fault("/url", "This URL cannot be read; write it as https://host/path.")
    if parts.scheme not in PORTS or not parts.hostname:
        return Fault("/url", "A webhook's URL begins with https:// and a host.")
    if "@" in parts.netloc or "#" in url:
        return Fault("/url", "A webhook's URL has no user, no password and no fragment.")
    return parts, PORTS[parts.scheme] if port is None else port


def _path(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _is_name(host: str) -> bool:
    """A DNS name of two labels or more whose last is no number: `127.1` and `0x7f000001` are addresses."""
    labels = host.split(".")
    well_formed = len(host) <= HOST_LENGTH_MAX and all(LABEL.fullmatch(label) for label in labels)
    return well_formed and len(labels) > 1 and not NUMBER.fullmatch(labels[-1])


def _is_plain_loopback(address: IPv4Address | IPv6Address) -> bool:
    return address == IPv6Address("::1") or (isinstance(address, IPv4Address) and address.is_loopback)
