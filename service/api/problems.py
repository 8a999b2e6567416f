"""The one place where a failure becomes HTTP (RFC 9457), from one table: kind to status."""

import contextlib
import inspect
from collections.abc import Callable
from math import ceil
from typing import Annotated, Any

import msgspec
import structlog
from asyncpg import CannotConnectNowError, PostgresConnectionError, TooManyConnectionsError
from litestar import Controller, Request, Response, get
from litestar.enums import HttpMethod
from litestar.exceptions import (
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
)
from litestar.params import FromPath
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from service.api import errors
from service.api.errors import (
    AddressUnknown,
    BodyMalformed,
    BodyTooLarge,
    DatabaseUnavailable,
    InternalError,
    MethodNotAllowed,
    ParameterMalformed,
    ProblemUnknown,
)
from service.errors import (
    Conflict,
    Fault,
    Forbidden,
    Invalid,
    NotFound,
    ServiceError,
    TooMany,
    Unavailable,
)

STATUS: dict[type[ServiceError], int] = {
    errors.Malformed: 400,
    errors.Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    errors.MethodUnknown: 405,
    Conflict: 409,
    errors.PreconditionFailed: 412,
    errors.TooLarge: 413,
    errors.MediaTypeUnsupported: 415,
    Invalid: 422,
    errors.PreconditionRequired: 428,
    TooMany: 429,
    errors.Bug: 500,
    Unavailable: 503,
}
"""Every kind of failure, and how HTTP calls it."""

RETRY_AFTER_SECONDS = 1
"""What a caller waits who met an unavailable service."""

UNAVAILABLE_STATES = ("08", "53", "57P", "40001", "40P01", "55P03", "57014", "25P03")
"""What a SQLSTATE begins with that says: not now. Connection, resources, shutdown, serialization, deadlock,
lock and statement timeouts, and a transaction that was idle too long."""

MEDIA_TYPE = "application/problem+json"

log = structlog.stdlib.get_logger(__name__)


class FaultView(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing wrong with the request: where in its body, and what."""

    pointer: Annotated[
        str, msgspec.Meta(description="JSON Pointer (RFC 6901) into the body, empty for all of it.")
    ]
    detail: str
    line: int | None = None
    column: int | None = None
    code: Annotated[
        str | None,
        msgspec.Meta(description="What kind of fault, where there are several: docs/guides/lint.md."),
    ] = None
    remedy: Annotated[str, msgspec.Meta(description="The end of `detail`, if that says what to do.")] = ""

    @classmethod
    def of(cls, fault: Fault) -> "FaultView":
        return cls(fault.pointer, fault.detail, fault.line, fault.column, fault.code, fault.remedy)


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """A failure (RFC 9457). Clients match on `type`; `detail` is for people and may change."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: list[FaultView] = []


class ProblemKind(msgspec.Struct, frozen=True):
    """What a problem type means."""

    type: str
    title: str
    status: int
    description: str


def status_of(kind: type[ServiceError]) -> int:
    return next(status for ancestor, status in STATUS.items() if issubclass(kind, ancestor))


def title_of(kind: type[ServiceError]) -> str:
    return kind.code.replace("-", " ").capitalize()


def concrete_errors(kind: type[ServiceError] = ServiceError) -> dict[str, type[ServiceError]]:
    """Every error with a code that has been imported, by its code."""
    found = {kind.code: kind} if "code" in vars(kind) else {}
    for narrower in kind.__subclasses__():
        found |= concrete_errors(narrower)
    return found


def headers_of(error: ServiceError, *, issuer: str) -> dict[str, str]:
    """What goes with the answer to a failure: when to come again, or how to get in (RFC 9728 §5.1)."""
    match error:
        case TooMany():
            return {"Retry-After": str(max(1, ceil(error.retry_after.total_seconds())))}
        case Unavailable():
            return {"Retry-After": str(RETRY_AFTER_SECONDS)}
        case errors.Unauthenticated() | errors.ScopeInsufficient():
            place = f"{issuer}/.well-known/oauth-protected-resource"
            return {"WWW-Authenticate": f'{error.challenge}, resource_metadata="{place}"'}
        case MethodNotAllowed():
            return {"Allow": error.allow}
        case _:
            return {}


def problem(request: Request[Any, Any, Any], error: ServiceError) -> Response[Problem]:
    """The answer to a foreseen failure."""
    kind = type(error)
    body = Problem(
        type=f"/problems/{error.code}",
        title=title_of(kind),
        status=status_of(kind),
        detail=str(error),
        instance=request.scope["path"],
        request_id=request.state.get("request_id", ""),
        errors=[FaultView.of(fault) for fault in error.faults],
    )
    headers = headers_of(error, issuer=request.app.state["settings"].issuer)
    return Response(body, status_code=body.status, headers=headers, media_type=MEDIA_TYPE)


def http_problem(request: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    """The answer to what Litestar refused."""
    return problem(request, _translated(request, error))


def database_problem(request: Request[Any, Any, Any], error: DBAPIError) -> Response[Problem]:
    """503 when the database cannot answer now; anything else it says is a bug of ours."""
    state = str(getattr(error.orig, "sqlstate", None) or "")
    if error.connection_invalidated or state.startswith(UNAVAILABLE_STATES):
        return unavailable_problem(request, error)
    return unexpected_problem(request, error)


def unavailable_problem(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    log.warning("database unavailable", reason=type(error).__name__)
    return problem(request, DatabaseUnavailable())


def unexpected_problem(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """500 without anything of the inside; the log has it once, under the request id."""
    log.error("unexpected failure", exc_info=error)
    return problem(request, InternalError())


HANDLERS: dict[type[Exception], Callable[[Request[Any, Any, Any], Any], Response[Problem]]] = {
    ServiceError: problem,
    HTTPException: http_problem,
    DBAPIError: database_problem,
    PoolTimeoutError: unavailable_problem,
    PostgresConnectionError: unavailable_problem,
    CannotConnectNowError: unavailable_problem,
    TooManyConnectionsError: unavailable_problem,
    ConnectionError: unavailable_problem,
    Exception: unexpected_problem,
}


class ProblemController(Controller):
    path = "/problems"
    tags = ("Problems",)

    @get("/{code:str}", operation_id="getProblem", cache_control=None)
    async def show(self, code: FromPath[str]) -> ProblemKind:
        """Say what a problem type means: every problem's `type` leads here."""
        kind = concrete_errors().get(code)
        if kind is None:
            raise ProblemUnknown
        return ProblemKind(f"/problems/{code}", title_of(kind), status_of(kind), inspect.getdoc(kind) or "")


def _translated(request: Request[Any, Any, Any], error: HTTPException) -> ServiceError:
    match error:
        case NotFoundException():
            return AddressUnknown()
        case MethodNotAllowedException():
            allowed = _allowed(request)  # none: no id can be read from the address, so nothing is there
            return MethodNotAllowed(", ".join(allowed)) if allowed else AddressUnknown()
        case ValidationException():
            return _invalid_values(error)
        case HTTPException(status_code=413):
            return BodyTooLarge(request.app.state["settings"].body_bytes_max)
        case HTTPException(status_code=400):
            return ParameterMalformed(error.detail)
        case _:
            log.error("unexpected failure", exc_info=error)
            return InternalError()


def _allowed(request: Request[Any, Any, Any]) -> list[str]:
    """The methods that the address takes. Litestar knows, and does not say."""
    found: list[str] = []
    for method in sorted(HttpMethod):
        with contextlib.suppress(MethodNotAllowedException, NotFoundException):
            request.app.asgi_router.handle_routing(path=request.scope["path"], method=method.value)
            found.append(method.value)
    return found


def _invalid_values(error: ValidationException) -> ServiceError:
    found: list[Any] = error.extra if isinstance(error.extra, list) else []
    if not found:
        return ParameterMalformed(error.detail.partition(" for path ")[0] + ".")
    faults = [_fault(each) for each in found]
    if all(each.get("source") == "body" for each in found):
        return BodyMalformed("The body does not fit this operation.", faults=faults)
    return ParameterMalformed("A parameter of the request does not fit this operation.", faults=faults)


def _fault(found: dict[str, str]) -> Fault:
    name, source = found.get("key", ""), found.get("source", "")
    if source == "body":
        return Fault("", "This operation needs a JSON body." if name == "data" else found["message"])
    return Fault("", f"{source.capitalize() or 'Request'} parameter {name!r}: {found['message']}.")
