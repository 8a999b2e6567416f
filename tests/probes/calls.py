"""One request of a probe as a value, what is put into it, and what of its answer may not differ. Pure."""

import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any, cast

import msgspec
from httpx2 import Response

from tests.probes.document import Place

UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{32}")
SECRET_LINK = re.compile(r"/(?:arrangement|invitation|rota-feeds)/[\w.-]+")
"""A link with a secret in it."""

PASSING = frozenset(
    {"x-request-id", "date", "ratelimit", "ratelimit-policy", "retry-after", "content-length", "link"}
)
"""Headers that differ from one request to the next, whoever asks for what."""

MADE_EACH_TIME = frozenset({"client_secret", "next", "request_id", "secret"})
"""Fields of a body that do."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request without its token."""

    method: str
    path: str
    path_values: Mapping[str, str]
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: Any = None
    has_body: bool = False

    @property
    def address(self) -> str:
        return self.path.format(**self.path_values)

    def with_header(self, **headers: str) -> "Call":
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return replace(self, headers={**self.headers, **named})

    def put(self, place: Place, value: Any) -> "Call":
        """This call with `value` in that place."""
        match place.where:
            case "path":
                return replace(self, path_values={**self.path_values, place.name: value})
            case "query":
                return replace(self, query={**self.query, place.name: value})
            case "header":
                return replace(self, headers={**self.headers, place.name: value})
            case _:
                return replace(self, body=put(self.body, place.steps, value))


def sent(call: Call) -> dict[str, Any]:
    """The body as the HTTP client takes it; text is a sheet."""
    if not call.has_body:
        return {}
    if isinstance(call.body, str):
        return {"content": call.body.encode()}
    return {"json": call.body}


def put(body: Any, steps: tuple[str | int, ...], value: Any) -> Any:
    """A copy of `body` with `value` at the end of `steps`; what is missing on the way is made."""
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if isinstance(step, int):
        items = cast("list[Any]", body if isinstance(body, list) else [])
        return [put(items[0] if items else None, rest, value), *deepcopy(items[1:])]
    named = cast("dict[str, Any]", body if isinstance(body, dict) else {})
    return {**deepcopy(named), step: put(named.get(step), rest, value)}


@dataclass(frozen=True, slots=True)
class Shown:
    """An answer without what differs each time: two that are equal cannot be told from each other."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: str


def shown(answer: Response, sent: str) -> Shown:
    """What an answer says but for what was sent, for ids that are made each time, and for what passes."""
    headers = sorted(
        (name, _same(value, sent)) for name, value in answer.headers.items() if name not in PASSING
    )
    return Shown(answer.status_code, tuple(headers), _same(_body(answer), sent))


def _body(answer: Response) -> str:
    if "json" not in answer.headers.get("content-type", ""):
        return answer.text
    return msgspec.json.encode(_settled(answer.json()), order="sorted").decode()


def _settled(value: Any) -> Any:
    if isinstance(value, dict):
        named = cast("dict[str, Any]", value)
        return {name: "~" if name in MADE_EACH_TIME else _settled(inner) for name, inner in named.items()}
    return [_settled(inner) for inner in cast("list[Any]", value)] if isinstance(value, list) else value


def _same(text: str, sent: str) -> str:
    for form in (sent, sent.replace("-", "")):
        text = text.replace(form, "…") if form else text
    return UUID.sub("#", SECRET_LINK.sub("~", text))
