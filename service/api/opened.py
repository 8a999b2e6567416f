"""Dependencies that open something, and whose end no failure of another dependency may prevent.

Litestar ends generators together with their operation. When a dependency fails before the operation begins,
it forgets those that are open already: a transaction would keep its connection and its locks until the
garbage collector finds it.
"""

from collections.abc import AsyncGenerator
from typing import Any

import structlog
from litestar.di import Provide
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send
from sqlalchemy.exc import SQLAlchemyError

_KEY = "opened"

_log = structlog.get_logger(__name__)


class Opens(Provide):
    """Provides what an asynchronous generator yields; it takes the `request` among its parameters."""

    async def __call__(self, **kwargs: Any) -> Any:
        generator = await super().__call__(**kwargs)
        kwargs["request"].scope["state"].setdefault(_KEY, []).append(generator)
        return generator


class Ending(ASGIMiddleware):
    """Ends whatever is still open when a request is over."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        try:
            await next_app(scope, receive, send)
        finally:
            for generator in scope["state"].pop(_KEY, []):
                await _end(generator)


async def _end(generator: AsyncGenerator[Any]) -> None:
    """Nothing happens to one that has ended; in another, the transaction is rolled back."""
    try:
        await generator.aclose()
    except (SQLAlchemyError, OSError) as error:
        _log.warning("database unavailable", reason=type(error).__name__)
