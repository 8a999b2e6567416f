"""What the pages behind a link share: the reader's language, links that open nothing, and all that fails."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from litestar import Response

from service.api.pages import failures, rendering, requester_words
from service.api.pages.log_in import THROTTLED_STATUS, retried_after
from service.api.pages.requester_words import Said, Spoken, Words
from service.api.pages.site import AnyRequest, Site
from service.api.problems import Problem
from service.people import throttling
from service.people.domain import throttle
from service.platform import platform_transaction
from service.tenants.domain import Contact

UNKNOWN_STATUS = 404

FAILURES: Mapping[int, Callable[[Words], Said]] = {
    400: lambda words: words.form,
    403: lambda words: words.form,
    413: lambda words: words.too_large,
    429: lambda words: words.too_often,
    503: lambda words: words.unavailable,
}
"""What a reader is told of each status; of any other, that something failed."""


def spoken(request: AnyRequest, contact: Contact | None = None) -> Spoken:
    """The words for whoever reads the page: the contact, where the link opens something of one."""
    return requester_words.spoken(contact, request.headers.get("accept-language"))


async def waits(site: Site, request: AnyRequest) -> timedelta:
    """How long whoever asks from there has to wait."""
    async with platform_transaction(site.sessions) as platform:
        buckets = throttle.link_buckets(site.whence(request).address)
        return (await throttling.glance(platform, buckets, now=site.clock.now())).wait


async def unknown(site: Site, request: AnyRequest) -> Response[Any]:
    """One page for all links that never were or have expired; who tries many of them has to wait."""
    now = site.clock.now()
    async with platform_transaction(site.sessions) as platform:
        buckets = throttle.link_buckets(site.whence(request).address)
        gate = await throttling.look(platform, buckets, now=now)
        await throttling.count_failure(platform, gate, now=now)
    found = spoken(request)
    return rendering.answer(_told(found, found.words.unknown), status=UNKNOWN_STATUS)


def throttled(request: AnyRequest, wait: timedelta) -> Response[Any]:
    found = spoken(request)
    return retried_after(rendering.answer(_told(found, found.words.too_often), status=THROTTLED_STATUS), wait)


def _failed(request: AnyRequest, problem: Problem) -> str:
    found = spoken(request)
    said = FAILURES.get(problem.status, lambda words: words.failed)(found.words)
    return _told(found, said, request_id=problem.request_id)


def _told(found: Spoken, said: Said, *, request_id: str = "") -> str:
    values = {"language": found.language, "words": found.words, "said": said, "request_id": request_id}
    return rendering.render("linked_told.html", values)


HANDLERS = failures.handlers(_failed)
