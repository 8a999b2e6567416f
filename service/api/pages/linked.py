"""What the pages behind a link share: a page for links that are not known, and a wait for who tries many."""

from datetime import timedelta
from typing import Any

from litestar import Response

from service.api.pages.log_in import THROTTLED_STATUS, retried_after, too_often
from service.api.pages.site import AnyRequest, Site
from service.people import throttling
from service.people.domain import throttle
from service.platform import platform_transaction

UNKNOWN_STATUS = 404


async def waits(site: Site, request: AnyRequest) -> timedelta:
    """How long whoever asks from there has to wait."""
    async with platform_transaction(site.sessions) as platform:
        buckets = throttle.link_buckets(site.whence(request).address)
        return (await throttling.glance(platform, buckets, now=site.clock.now())).wait


async def unknown(site: Site, request: AnyRequest) -> Response[Any]:
    """One page for all links that never were; who tries many of them has to wait."""
    now = site.clock.now()
    async with platform_transaction(site.sessions) as platform:
        buckets = throttle.link_buckets(site.whence(request).address)
        gate = await throttling.look(platform, buckets, now=now)
        await throttling.count_failure(platform, gate, now=now)
    return site.page(
        request,
        "renegotiation_unknown.html",
        status=UNKNOWN_STATUS,
        title="This link is not known",
        reason="Look whether all of it was copied, or ask whoever sent it to you for another one.",
    )


def throttled(site: Site, request: AnyRequest, wait: timedelta) -> Response[Any]:
    page = site.page(
        request,
        "renegotiation_unknown.html",
        status=THROTTLED_STATUS,
        title="That was too often",
        reason=too_often(wait),
    )
    return retried_after(page, wait)
