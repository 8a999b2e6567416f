"""What a page shows when something was refused or failed: the same statuses as elsewhere, in plain words."""

from collections.abc import Callable
from typing import Any

from litestar import Response

from service.api import problems
from service.api.pages import rendering
from service.api.pages.site import AnyRequest
from service.api.problems import Problem

TITLES = {
    400: "This cannot be read",
    403: "This was refused",
    404: "There is nothing here",
    413: "This is too large",
    429: "That was too often",
    503: "Not available at this moment",
}
OTHERWISE = "Something went wrong"

Handler = Callable[[AnyRequest, Any], Response[Problem]]
Teller = Callable[[AnyRequest, Problem], str]


def as_page(handler: Handler, tell: Teller) -> Callable[[AnyRequest, Any], Response[str]]:
    """The page by which `tell` says what `handler` would answer to a program."""

    def show(request: AnyRequest, error: Exception) -> Response[str]:
        told = handler(request, error)
        page = rendering.answer(tell(request, told.content), status=told.content.status)
        page.headers.update(told.headers)
        return page

    return show


def handlers(tell: Teller) -> dict[int | type[Exception], Callable[[AnyRequest, Any], Response[str]]]:
    """What pages do with whatever is refused or fails, each telling it its own way."""
    return {kind: as_page(handler, tell) for kind, handler in problems.HANDLERS.items()}


def _refused(_: AnyRequest, problem: Problem) -> str:
    title = TITLES.get(problem.status, OTHERWISE)
    values = {"title": title, "reason": problem.detail, "request_id": problem.request_id}
    return rendering.render("refused.html", values)


HANDLERS = handlers(_refused)
