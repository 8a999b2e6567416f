"""Speaks HTTP to the API: tokens, retries that cannot act twice, pages. Knows nothing of logs."""

import asyncio
import hashlib
import random
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar

import httpx2
import msgspec
from httpx2 import AsyncClient, Response, TransportError

from service.replay.errors import AddressUnusable, AnswerUnreadable, ReplayRefused, ServerUnreachable

T = TypeVar("T")

PATIENCE_SECONDS = 120.0
"""How long one request is repeated before the command gives up."""
FIRST_PATIENCE_SECONDS = 10.0
"""The same before anything was ever answered: then the address is likely to be wrong."""
WAIT_SECONDS_FIRST, WAIT_SECONDS_MAX = 0.05, 2.0
ANSWER_TIMEOUT_SECONDS = 60.0
PAGE_LIMIT = 200

PASSING = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
"""Answers that say nothing about the request: it may be sent again as it is."""
FATAL = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.INTERNAL_SERVER_ERROR})
"""Answers that no other row would change."""
IN_FLIGHT = "idempotency-key-in-flight"
"""An earlier attempt, whose connection was lost, is still being worked on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where a tenant is, and who acts for it: an OAuth client, or whoever has an access token already."""

    base_url: str
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


class _Token(msgspec.Struct, frozen=True):
    access_token: str


class ProblemFault(msgspec.Struct, frozen=True):
    """One thing wrong with what was sent; `line` and `column` are 1-based, inside a rule's text."""

    pointer: str = ""
    detail: str = ""
    line: int | None = None
    column: int | None = None


class Problem(msgspec.Struct, frozen=True):
    """What the API says when it says no (RFC 9457)."""

    type: str = ""
    title: str = ""
    detail: str = ""
    errors: list[ProblemFault] = []
    error_description: str = ""

    @property
    def code(self) -> str:
        return self.type.rpartition("/")[2]

    def __str__(self) -> str:
        said = self.detail or self.error_description or self.title or "no reason given"
        faults = "; ".join(f"{fault.pointer}: {fault.detail}" for fault in self.errors if fault.pointer)
        return f"{said} ({faults})" if faults else said


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API said.

    Attributes:
        problem: why not, unless the status is a success.
        tag: the ETag of what is shown, if it has one.
        replayed: the same intention was carried out before, and this is its answer.
    """

    address: str
    status: int
    body: bytes
    problem: Problem | None
    retry_after_seconds: float = 0.0
    replayed: bool = False
    tag: str = ""

    def accepted(self, what: str) -> "Answer":
        """The same, unless the server said no; `what` says in the refusal to what. Raises ReplayRefused."""
        if self.problem is not None:
            raise ReplayRefused(what, status=self.status, reason=str(self.problem))
        return self

    def read(self, kind: type[T]) -> T:
        """The body as what it should be. Raises AnswerUnreadable."""
        try:
            return msgspec.json.decode(self.body, type=kind)
        except msgspec.DecodeError as error:
            raise AnswerUnreadable(self.address, str(error)) from error


class _Page(msgspec.Struct, frozen=True):
    items: list[msgspec.Raw]
    next: str | None


def open_http(base_url: str, *, connections: int) -> AsyncClient:
    """An HTTP client with at most so many connections, which no proxy setting of the machine diverts.

    Raises:
        AddressUnusable: `base_url` is not the address of an HTTP server.
    """
    try:
        url = httpx2.URL(base_url)
    except httpx2.InvalidURL as error:
        raise AddressUnusable(base_url) from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise AddressUnusable(base_url)
    return AsyncClient(
        base_url=base_url,
        timeout=ANSWER_TIMEOUT_SECONDS,
        limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
        trust_env=False,
    )


def key_of(*parts: str) -> str:
    """The Idempotency-Key of one intention: the same parts give the same key in every run."""
    digest = hashlib.sha256(msgspec.json.encode(parts)).hexdigest()
    return f"replay-{digest[:40]}"


def new_key() -> str:
    """The Idempotency-Key of an intention that no run before had."""
    return secrets.token_hex(16)


class Client:
    """One tenant's API. Every POST carries a key, so sending it again after a lost answer is safe."""

    def __init__(
        self,
        http: AsyncClient,
        access: Access,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._http = http
        self._access = access
        self._patience_seconds = patience_seconds
        self.wait = wait
        self._jitter = jitter
        self._token = ""
        self._renewing = asyncio.Lock()
        self.repeats: Counter[str] = Counter()
        """How often something was sent again, by what made it necessary."""

    @property
    def base_url(self) -> str:
        return self._access.base_url

    async def token(self) -> str:
        """An access token that counts now."""
        if not self._token:
            await self._renew("")
        return self._token

    async def post(self, path: str, body: Mapping[str, object], *, key: str) -> Answer:
        """Send once, whatever happens to the connection."""
        return await self._authorised("POST", path, json=dict(body), headers={"Idempotency-Key": key})

    async def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send what may be repeated without a key; `headers` beside those that every request has.

        What stands in the body as JSON already may be an `msgspec.Raw`.
        """
        if body is None:
            return await self._authorised(method, path, headers=dict(headers or {}))
        typed = {**(headers or {}), "Content-Type": "application/json"}
        return await self._authorised(method, path, headers=typed, content=msgspec.json.encode(body))

    async def get(self, path: str, **params: str | int) -> Answer:
        return await self._authorised("GET", path, params=params)

    async def fetch(self, path: str, kind: type[T], **params: str | int) -> T:
        """What stands at `path`. Raises ReplayRefused when nothing does, AnswerUnreadable."""
        answer = await self.get(path, **params)
        return answer.accepted(f"GET {path}").read(kind)

    async def items(self, path: str, kind: type[T], **params: str | int) -> AsyncIterator[T]:
        """Everything that a list holds, page by page."""
        cursor: dict[str, str] = {}
        while True:
            page = await self.fetch(path, _Page, limit=PAGE_LIMIT, **params, **cursor)
            for item in page.items:
                yield msgspec.json.decode(item, type=kind)
            if page.next is None:
                return
            cursor = {"cursor": page.next}

    async def _authorised(self, method: str, path: str, **request: Any) -> Answer:
        headers = request.pop("headers", {})
        for renewed in (False, True):
            token = await self.token()
            authorised = {**headers, "Authorization": f"Bearer {token}"}
            answer = await self._answer(method, path, headers=authorised, **request)
            if answer.status != HTTPStatus.UNAUTHORIZED or renewed:
                break
            await self._renew(token)
        if answer.status in FATAL:
            raise ReplayRefused(f"{method} {path}", status=answer.status, reason=str(answer.problem))
        return answer

    async def _renew(self, expired: str) -> None:
        async with self._renewing:
            if self._token != expired:
                return
            if self._access.token:
                self._token = self._access.token
                return
            answer = await self._answer(
                "POST",
                "/oauth/token",
                data={"grant_type": "client_credentials"},
                auth=(self._access.client_id, self._access.client_secret),
            )
            self._token = answer.accepted("the client id and secret").read(_Token).access_token

    async def _answer(self, method: str, path: str, **request: Any) -> Answer:
        """Send until there is an answer that says something. Raises ServerUnreachable."""
        waited, attempt = 0.0, 0
        while True:
            wanted_seconds = 0.0
            try:
                answer = _answer_of(await self._http.request(method, path, **request))
                if not _is_passing(answer):
                    return answer
                reason = str(answer.status)
                wanted_seconds = answer.retry_after_seconds
            except TransportError as error:
                reason = type(error).__name__
            self.repeats[reason] += 1
            patience_seconds = self._patience_seconds if self._token else FIRST_PATIENCE_SECONDS
            if waited >= patience_seconds:
                raise ServerUnreachable(self.base_url, patience_seconds=waited, reason=reason)
            seconds = max(wanted_seconds, backoff_seconds(attempt, self._jitter()))
            await self.wait(seconds)
            waited, attempt = waited + seconds, attempt + 1


def backoff_seconds(attempt: int, jitter: float) -> float:
    """How long to wait after so many attempts; `jitter` in [0, 1) keeps many clients apart."""
    return min(WAIT_SECONDS_MAX, WAIT_SECONDS_FIRST * 2 ** min(attempt, 16)) * (0.5 + jitter / 2)


def _is_passing(answer: "Answer") -> bool:
    if answer.status in PASSING:
        return True
    return (
        answer.status == HTTPStatus.CONFLICT
        and answer.problem is not None
        and answer.problem.code == IN_FLIGHT
    )


def _answer_of(response: Response) -> Answer:
    retry_after = response.headers.get("Retry-After", "")
    return Answer(
        str(response.request.url.copy_with(query=None)),
        response.status_code,
        response.content,
        None if response.is_success else _problem(response.content),
        float(retry_after) if retry_after.isdecimal() else 0.0,
        response.headers.get("Idempotency-Replayed") == "true",
        response.headers.get("ETag", ""),
    )


def _problem(body: bytes) -> Problem:
    try:
        return msgspec.json.decode(body, type=Problem)
    except msgspec.DecodeError:
        return Problem(detail=body[:200].decode(errors="replace"))
