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


def as_page(handler: Handler) -> Callable[[AnyRequest, Any], Response[str]]:
    """The page that says what `handler` would answer to a program."""

    def show(request: AnyRequest, error: Exception) -> Response[str]:
        told = handler(request, error)
        problem = told.content
        page = rendering.answer(
            rendering.render(
                "refused.html",
                {
                    "title": TITLES.get(problem.status, OTHERWISE),
                    "reason": problem.detail,
                    "request_id": problem.request_id,
                },
            ),
            status=problem.status,
        )
        page.headers.update(told.headers)
        return page

    return show


HANDLERS: dict[int | type[Exception], Callable[[AnyRequest, Any], Response[str]]] = {
    kind: as_page(handler) for kind, handler in problems.HANDLERS.items()
}
