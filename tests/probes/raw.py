"""Requests as a hostile client would write them: bytes that no library would send."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote

import msgspec
from litestar import Litestar

Headers = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: `target` is path and query as they stand in the request line."""

    method: str
    target: bytes
    headers: Headers = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answered:
    status: int
    headers: Headers
    body: bytes

    def header(self, name: str) -> str:
        """Its first value, or nothing."""
        sought = name.lower().encode()
        return next((value.decode("latin-1") for found, value in self.headers if found.lower() == sought), "")

    @property
    def is_problem(self) -> bool:
        """Is it a problem (RFC 9457) that says the same status as the answer?"""
        if self.header("content-type").partition(";")[0] != "application/problem+json":
            return False
        return msgspec.json.decode(self.body)["status"] == self.status


async def ask(app: Litestar, asked: Asked) -> Answered:
    """The answer of an application in this process, as an ASGI server would get it."""
    path, _, query = asked.target.partition(b"?")
    scope: Any = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": asked.method,
        "scheme": "http",
        "path": unquote(path.decode("latin-1"), errors="replace"),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in asked.headers],
        "client": ("127.0.0.1", 50_000),
        "server": ("rooted.test", 80),
        "state": {},
    }
    incoming: list[Any] = [{"type": "http.request", "body": asked.body, "more_body": False}]
    sent: list[dict[str, Any]] = []

    answered = asyncio.Event()

    async def receive() -> Any:
        if incoming:
            return incoming.pop(0)
        await answered.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(cast("dict[str, Any]", message))
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            answered.set()

    await app(scope, receive, send)
    body = b"".join(each.get("body", b"") for each in sent[1:])
    return Answered(sent[0]["status"], list(sent[0]["headers"]), body)
