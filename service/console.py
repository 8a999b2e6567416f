"""Logs a person in from the command line: code flow and PKCE, as RFC 8252 has it for programs of one's own.

Whoever logs in does so in a browser, at the service itself; the code comes back to a listener on loopback,
which is there as long as that takes.
"""

import asyncio
import base64
import hashlib
import secrets
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import msgspec

from service.errors import Unavailable

CLIENT_ID = "rooted"
CALLBACK = "/callback"
REQUEST_BYTES_MAX = 16_384
PATIENCE = timedelta(minutes=10)
ANSWER_SECONDS_MAX = 30

PAGE = (
    "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
    "<title>{title}</title><h1>{title}</h1><p>You can close this page and go back to the command line."
)


class LogInFailed(Unavailable):
    """The log-in did not come to an end, or came to another one than a token."""

    code = "log-in-failed"


class Metadata(msgspec.Struct):
    """What we read of the authorization server's description (RFC 8414)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str


class Token(msgspec.Struct):
    """An access token, as the server gives it out."""

    access_token: str
    expires_in: int
    scope: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One log-in: what only we know of it.

    Attributes:
        state: comes back with the answer, so that no other one is taken for it.
        verifier: proves at the token endpoint that the code was asked for by us.
    """

    state: str
    verifier: str

    @classmethod
    def fresh(cls) -> "Attempt":
        return cls(secrets.token_urlsafe(32), secrets.token_urlsafe(64))

    @property
    def challenge(self) -> str:
        """S256 of the verifier (RFC 7636)."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def is_of(self, answer: dict[str, str]) -> bool:
        """Does this answer belong to this log-in?"""
        return secrets.compare_digest(answer.get("state", "").encode(), self.state.encode())


async def log_in(
    url: str,
    *,
    scopes: Sequence[str],
    show: Callable[[str], None],
    transport: httpx2.AsyncBaseTransport | None = None,
) -> Token:
    """A token of whoever logs in.

    Args:
        url: the service's address.
        scopes: what the token is for; empty asks for all that the roles permit.
        show: is given the address to open in a browser.
        transport: how the service is reached; by the network where none is given.

    Raises:
        LogInFailed
    """
    attempt = Attempt.fresh()
    async with (
        httpx2.AsyncClient(timeout=ANSWER_SECONDS_MAX, transport=transport) as client,
        _listening(attempt) as (port, answers),
    ):
        metadata = await _metadata(client, url)
        redirect_uri = f"http://127.0.0.1:{port}{CALLBACK}"
        show(address_of(metadata, attempt, redirect_uri, scopes))
        try:
            answer = await asyncio.wait_for(answers.get(), PATIENCE.total_seconds())
        except TimeoutError as error:
            raise LogInFailed("Nobody logged in within ten minutes; try again.") from error
        form = {
            "grant_type": "authorization_code",
            "client_id": CLIENT_ID,
            "code": code_of(answer, attempt, issuer=metadata.issuer),
            "redirect_uri": redirect_uri,
            "code_verifier": attempt.verifier,
        }
        return await _token(client, metadata.token_endpoint, form)


def address_of(metadata: Metadata, attempt: Attempt, redirect_uri: str, scopes: Sequence[str]) -> str:
    """Where a browser begins."""
    fields = {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": redirect_uri,
        "state": attempt.state,
        "code_challenge": attempt.challenge,
        "code_challenge_method": "S256",
    }
    asked = {"scope": " ".join(scopes)} if scopes else {}
    return f"{metadata.authorization_endpoint}?{urlencode({**fields, **asked})}"


def code_of(answer: dict[str, str], attempt: Attempt, *, issuer: str) -> str:
    """The code in an answer to this attempt, from the server that was asked (RFC 9207).

    Raises:
        LogInFailed
    """
    if not attempt.is_of(answer):
        raise LogInFailed("The answer belongs to another log-in; try again.")
    if answer.get("iss") != issuer:
        raise LogInFailed("The answer comes from another server than the one that was asked.")
    if "error" in answer:
        raise LogInFailed(f"The server refused: {answer.get('error_description', answer['error'])}")
    if "code" not in answer:
        raise LogInFailed("The answer has no code.")
    return answer["code"]


async def _metadata(client: httpx2.AsyncClient, url: str) -> Metadata:
    place = f"{url.rstrip('/')}/.well-known/oauth-authorization-server"
    try:
        answer = await client.get(place)
        answer.raise_for_status()
        return msgspec.json.decode(answer.content, type=Metadata)
    except (httpx2.HTTPError, httpx2.InvalidURL, msgspec.DecodeError) as error:
        raise LogInFailed(f"No authorization server answers at {url}: {error}") from error


async def _token(client: httpx2.AsyncClient, endpoint: str, form: dict[str, str]) -> Token:
    try:
        answer = await client.post(endpoint, data=form)
        if answer.is_success:
            return msgspec.json.decode(answer.content, type=Token)
        refusal: dict[str, Any] = msgspec.json.decode(answer.content, type=dict[str, Any])
    except (httpx2.HTTPError, msgspec.DecodeError) as error:
        raise LogInFailed(f"The token endpoint does not answer as it should: {error}") from error
    raise LogInFailed(f"The server gave no token: {refusal.get('error_description', refusal.get('error'))}")


Answers = asyncio.Queue[dict[str, str]]
"""The fields of each answer to this log-in that came to the callback."""


@asynccontextmanager
async def _listening(attempt: Attempt) -> AsyncGenerator[tuple[int, Answers]]:
    """A listener on a free port of loopback: its port, and the answers that come to it.

    Any page that is open in a browser can call it. What does not know the attempt's state ends nothing.
    """
    answers = Answers()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                fields = callback_of(await reader.readuntil(b"\r\n\r\n"))
                fields = fields if fields is not None and attempt.is_of(fields) else None
                writer.write(_page(fields))
                await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            fields = None  # whoever it was is gone, or spoke something else than HTTP
        finally:
            writer.close()
        if fields is not None:
            answers.put_nowait(fields)

    server = await asyncio.start_server(answer, "127.0.0.1", 0, limit=REQUEST_BYTES_MAX)
    async with server:
        yield server.sockets[0].getsockname()[1], answers


def callback_of(request: bytes) -> dict[str, str] | None:
    """The fields of a GET of the callback; None for any other request, such as that of an icon."""
    method, _, rest = request.partition(b" ")
    try:
        target = urlsplit(rest.partition(b" ")[0].decode("latin-1"))
    except ValueError:
        return None
    return dict(parse_qsl(target.query)) if (method, target.path) == (b"GET", CALLBACK) else None


def _page(fields: dict[str, str] | None) -> bytes:
    if fields is None:
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    body = PAGE.format(title="Not logged in" if "error" in fields else "Logged in").encode()
    head = (
        "HTTP/1.1 200 OK",
        "Content-Type: text/html; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'",
        "Referrer-Policy: no-referrer",
        "Cache-Control: no-store",
        "Connection: close",
    )
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body
