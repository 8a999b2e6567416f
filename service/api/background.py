"""Answers about what goes on in the background: where it is, and when to look again."""

from typing import TypeVar

from litestar import Response

T = TypeVar("T")

LOOK_AGAIN_AFTER = {"Retry-After": "1"}


def accepted(view: T, *, address: str) -> Response[T]:
    """The answer to what was queued."""
    return Response(view, status_code=202, headers={"Location": address, **LOOK_AGAIN_AFTER})


def progress(view: T, *, is_under_way: bool) -> Response[T]:
    """The answer to how far it is."""
    return Response(view, headers=LOOK_AGAIN_AFTER if is_under_way else {})
