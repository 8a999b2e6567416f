"""JSON from outside, read strictly: what RFC 8259 leaves open, and what PostgreSQL cannot keep, is refused.

Refused are repeated names, NaN, numbers beyond 64 bits, NUL and half surrogate pairs in text, deep nesting.
"""

import json
import math
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NoReturn, cast
from urllib.parse import unquote_to_bytes

import msgspec
from litestar import Request
from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.serialization import default_deserializer
from litestar.types import ASGIApp, Receive, Scope, Send

from service import forms
from service.api.errors import BodyMalformed, BodyMediaTypeUnsupported, ParameterMalformed
from service.errors import Fault, pointer_to

DEPTH_MAX = 64
CONTAINERS = (dict, list)
FAULTS_MAX = 20
INT64 = range(-(2**63), 2**63)
JSON_TYPE = re.compile(r"application/(json|[\w.-]+\+json)", re.IGNORECASE)
SUSPECT = re.compile(rb"\\u|[0-9]{19}|[0-9][eE]\+?[0-9]{3}")
"""Bytes without which no text or number of a body can be one that we refuse."""


class _Repeating(dict[str, Any]):
    """An object in which a name occurs twice; `repeated` is the first such name."""

    repeated: str = ""


class _Names:
    """Builds the objects of one body, and notes whether a name is repeated in any."""

    def __init__(self) -> None:
        self.repeat = False

    def object(self, pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        self.repeat = True
        marked, seen = _Repeating(found), set[str]()
        marked.repeated = next(name for name, _ in pairs if name in seen or seen.add(name))
        return marked


def decode(body: bytes) -> object:
    """The JSON value of a body.

    Raises:
        BodyMalformed: with a pointer to each place that is wrong, as far as one can be named.
    """
    names = _Names()
    value = _parse(body, names)
    if _is_deep(value):
        raise BodyMalformed(f"The body is nested more than {DEPTH_MAX} levels deep.")
    if names.repeat or SUSPECT.search(body):
        faults = list(islice(_faults(value), FAULTS_MAX))
        if faults:
            raise BodyMalformed("The body holds values that this service does not take.", faults=faults)
    return value


def convert(value: object, kind: Any) -> Any:
    """`value` as the type that an operation declares; nothing is converted that JSON tells apart.

    Raises:
        BodyMalformed: with a pointer to the value that does not fit.
    """
    try:
        return msgspec.convert(value, kind, dec_hook=default_deserializer)
    except msgspec.ValidationError as error:
        raise BodyMalformed(
            "The body does not fit this operation.", faults=[forms.fault_of(error)]
        ) from error


class StrictRequest(Request[Any, Any, Any]):
    """A request whose JSON is read by this module, and whose media type is checked before."""

    async def json(self) -> Any:
        media_type = self.headers.get("content-type", "").partition(";")[0].strip()
        if (
            not JSON_TYPE.fullmatch(media_type)
            or self.headers.get("content-encoding", "identity") != "identity"
        ):
            raise BodyMediaTypeUnsupported("application/json, without a content coding")
        return convert(decode(await self.body()), _declared_type(self.route_handler))


class Screening(ASGIMiddleware):
    """Refuses a path or a query that holds what no text of ours may hold, before anything is read."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        refuse_text("path", scope["raw_path"] or scope["path"].encode())
        refuse_text("query", scope["query_string"])
        await next_app(scope, receive, send)


def refuse_text(what: str, raw: bytes) -> None:
    """Refuse a path or query that PostgreSQL could not keep: with NUL, or not UTF-8 once decoded.

    Raises:
        ParameterMalformed
    """
    decoded = unquote_to_bytes(raw) if b"%" in raw else raw
    if b"\0" in decoded:
        raise ParameterMalformed(f"The {what} holds a NUL character.")
    try:
        decoded.decode()
    except UnicodeDecodeError as error:
        raise ParameterMalformed(f"The {what} is not UTF-8.") from error


def _declared_type(handler: BaseRouteHandler) -> Any:
    declared = handler.parsed_fn_signature.parameters.get("data")
    return Any if declared is None else declared.annotation


def _parse(body: bytes, names: "_Names") -> object:
    decoder = json.JSONDecoder(object_pairs_hook=names.object, parse_constant=_constant)
    try:
        return decoder.decode(body.decode())
    except UnicodeDecodeError as error:
        raise BodyMalformed(f"The body is not UTF-8 at byte {error.start}.") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        raise BodyMalformed(f"The body is not JSON: {error.msg} at {place}.") from error
    except RecursionError as error:
        raise BodyMalformed(f"The body is nested more than {DEPTH_MAX} levels deep.") from error
    except ValueError as error:  # an integer of more digits than Python reads
        raise BodyMalformed("The body holds a number that does not fit into 64 bits.") from error


def _constant(name: str) -> NoReturn:
    raise BodyMalformed(f"The body holds {name}, which is not JSON.")


def _is_deep(value: object) -> bool:
    """Does anything hold something more than DEPTH_MAX levels deep? Looked at level by level."""
    level = [value]
    for _ in range(DEPTH_MAX):
        level = [inner for found in level for _, inner in _inside(found) if inner and _holds(inner)]
    return bool(level)


def _faults(value: object) -> Iterator[Fault]:
    """Walk the value, which is not deep, and name each place that cannot be kept."""
    path: list[str | int] = []
    if complaint := _complaint(value):
        yield Fault("", complaint)
    walks = [_inside(value)]
    while walks:
        for step, found in walks[-1]:
            if complaint := _complaint(found):
                yield Fault(pointer_to("", *map(_sendable, [*path, step])), complaint)
            if found and _holds(found):
                path.append(step)
                walks.append(_inside(found))
                break
        else:
            walks.pop()
            del path[-1:]


def _holds(found: object) -> bool:
    return isinstance(found, CONTAINERS)


def _inside(found: object) -> Iterator[tuple[str | int, object]]:
    if isinstance(found, dict):
        return iter(cast("dict[str, object]", found).items())
    return enumerate(cast("list[object]", found)) if isinstance(found, list) else iter(())


def _complaint(found: object) -> str | None:
    if isinstance(found, str):
        return _complaint_of_text(found)
    if isinstance(found, int):
        return None if found in INT64 else "This integer does not fit into 64 bits."
    if isinstance(found, float):
        return None if math.isfinite(found) else "This number is too large."
    return _complaint_of_names(cast("dict[str, object]", found)) if isinstance(found, dict) else None


def _complaint_of_names(found: dict[str, object]) -> str | None:
    if isinstance(found, _Repeating):
        return f"The name {_sendable(found.repeated)!r} occurs twice; send it once."
    return next((complaint for name in found if (complaint := _complaint_of_text(name))), None)


def _sendable(step: str | int) -> str:
    """A name as it may stand in an answer: what UTF-8 and PostgreSQL cannot hold is replaced."""
    return str(step).encode(errors="replace").decode().replace("\0", "�")


def _complaint_of_text(text: str) -> str | None:
    if "\0" in text:
        return "Text must not hold the NUL character (\\u0000)."
    if text.isascii():
        return None
    try:
        text.encode()
    except UnicodeEncodeError:
        return "Text must not hold half a surrogate pair (\\ud800 to \\udfff)."
    return None
