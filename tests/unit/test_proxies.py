"""Who calls: whoever connects, unless that is a proxy that the operator trusts."""

from typing import Any

import pytest

from service import serving
from service.settings import Settings


async def _caller(trusted: str, forwarded: str | None, *, peer: str = "10.0.0.2") -> str:
    """The address that the service takes for the caller's."""
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001 - as ASGI has it
        seen.append(scope["client"][0])

    headers = [] if forwarded is None else [(b"x-forwarded-for", forwarded.encode())]
    configured: Any = serving.config(Settings(trusted_proxies=trusted), app)
    configured.load()
    scope: Any = {"type": "http", "headers": headers, "client": (peer, 1), "scheme": "http"}
    await configured.loaded_app(scope, None, None)
    return seen[0]


@pytest.mark.parametrize(
    ("trusted", "forwarded", "caller"),
    [
        ("", None, "10.0.0.2"),
        ("", "192.0.2.1", "10.0.0.2"),
        ("10.0.0.3", "192.0.2.1", "10.0.0.2"),
        ("10.0.0.2", "192.0.2.1", "192.0.2.1"),
        ("10.0.0.0/8", "192.0.2.1", "192.0.2.1"),
        ("10.0.0.0/8", "203.0.113.9, 192.0.2.1, 10.0.0.7", "192.0.2.1"),
        ("10.0.0.0/8", None, "10.0.0.2"),
    ],
)
async def test_only_a_trusted_proxy_says_who_calls(trusted: str, forwarded: str | None, caller: str) -> None:
    assert await _caller(trusted, forwarded) == caller
