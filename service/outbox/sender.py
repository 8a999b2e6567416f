"""Sends one signed message to one URL, past a wall that lets it reach public addresses only.

The name is resolved once, all its addresses are judged, and the connection goes to one that was judged; the
name itself is only used for the Host header and the certificate. So there is nothing to rebind.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address

import httpx2

from service.outbox.domain import addresses, deliveries
from service.outbox.domain.addresses import Target
from service.outbox.models import Answer

TIMEOUT = timedelta(seconds=15)
"""For all of it: the name, the connection, the request and the answer."""

ANSWER_BYTES_MAX = 65_536
USER_AGENT = "Rooted-Webhooks/1"

Resolve = Callable[[str, int], Awaitable[list[str]]]


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent: `id` is the same in every attempt, and `body` is signed as it is sent."""

    id: str
    url: str
    secret: str = field(repr=False)
    body: bytes


class Unreachable(Exception):
    """The message was not sent, for a reason that its sender may know."""


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, as the system resolves it."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class Sender:
    """Keeps what all deliveries share. No connection is kept: one made for a name may serve no other."""

    def __init__(
        self, *, loopback_allowed: bool, resolve: Resolve = resolve, trust: ssl.SSLContext | None = None
    ) -> None:
        self._loopback_allowed = loopback_allowed
        self._resolve = resolve
        self._client = httpx2.AsyncClient(
            verify=True if trust is None else trust,
            trust_env=False,
            follow_redirects=False,
            timeout=TIMEOUT.total_seconds(),
            limits=httpx2.Limits(max_keepalive_connections=0),
        )

    async def aclose(self) -> None:
        await self._client.aclose()

    async def send(self, message: Message, *, at: datetime) -> Answer:
        """Make one attempt. A failure of the receiver or of the way to it is an answer, not an error."""
        try:
            async with asyncio.timeout(TIMEOUT.total_seconds()):
                return await self._send(message, at=at)
        except TimeoutError:
            return Answer(None, f"no answer within {TIMEOUT.total_seconds():.0f} s")
        except Unreachable as error:
            return Answer(None, str(error))
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            return Answer(None, type(error).__name__)

    async def _send(self, message: Message, *, at: datetime) -> Answer:
        target = addresses.target(message.url, loopback_allowed=self._loopback_allowed)
        if not isinstance(target, Target):
            raise Unreachable(target.detail)
        address = await self._address(target)
        async with self._client.stream(
            "POST",
            _url(target, address),
            content=message.body,
            headers=_headers(message, target, at=at),
            extensions={"sni_hostname": target.host},
        ) as response:
            await _read(response)
        return Answer(response.status_code, None)

    async def _address(self, target: Target) -> IPv4Address | IPv6Address:
        """The address to call: the first of the name's, once every one of them has been judged."""
        try:
            found = [ip_address(each) for each in await self._resolve(target.host, target.port)]
        except (OSError, UnicodeError, ValueError) as error:
            raise Unreachable(f"{target.host} cannot be resolved") from error
        closed = [
            each
            for each in found
            if not addresses.may_be_called(each, loopback_allowed=self._loopback_allowed)
        ]
        if closed or not found:
            raise Unreachable(f"{target.host} does not resolve to public addresses only")
        return found[0]


async def _read(response: httpx2.Response) -> None:
    """Take the answer's body as it comes over the wire, and no more of it than ANSWER_BYTES_MAX."""
    taken = 0
    async for chunk in response.aiter_raw():
        taken += len(chunk)
        if taken >= ANSWER_BYTES_MAX:
            return


def _url(target: Target, address: IPv4Address | IPv6Address) -> str:
    host = f"[{address}]" if isinstance(address, IPv6Address) else str(address)
    return f"{target.scheme}://{host}:{target.port}{target.path}"


def _headers(message: Message, target: Target, *, at: datetime) -> dict[str, str]:
    timestamp = int(at.timestamp())
    return {
        "host": target.authority,
        "user-agent": USER_AGENT,
        "content-type": "application/json",
        "accept-encoding": "identity",
        "webhook-id": message.id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": deliveries.signature(
            message.secret, message_id=message.id, timestamp=timestamp, body=message.body
        ),
    }
