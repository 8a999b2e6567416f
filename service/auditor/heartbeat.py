"""The heartbeat: as long as all is well, somebody outside hears of us, and misses us when it is not."""

import asyncio
from datetime import timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit

import httpx2
import structlog

from service.auditor.errors import HeartbeatAddressInvalid

INTERVAL = timedelta(seconds=30)
TIMEOUT = timedelta(seconds=5)
USER_AGENT = "Rooted-Heartbeat/1"

log = structlog.stdlib.get_logger(__name__)


class Heart:
    """Sends heartbeats to one address, which is a secret: whoever knows it can pretend that all is well."""

    def __init__(self, url: str) -> None:
        """Raises HeartbeatAddressInvalid."""
        if not _is_usable(url):
            raise HeartbeatAddressInvalid
        self._url = url
        self._client = httpx2.AsyncClient(
            trust_env=False, follow_redirects=False, timeout=TIMEOUT.total_seconds()
        )

    async def aclose(self) -> None:
        await self._client.aclose()

    async def beat(self) -> bool:
        """Send one. Says whether it arrived; one that did not is logged, and nothing waits for it."""
        try:
            async with asyncio.timeout(TIMEOUT.total_seconds()):
                answer = await self._client.post(self._url, headers={"User-Agent": USER_AGENT})
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, TimeoutError) as error:
            log.warning("heartbeat not sent", reason=type(error).__name__)
            return False
        if not answer.is_success:
            log.warning("heartbeat refused", status=answer.status_code)
        return answer.is_success


def _is_usable(url: str) -> bool:
    """Is it https, or http to this machine? The operator's own monitor may stand anywhere else."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host)))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
