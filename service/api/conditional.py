"""Strong ETags: a read that has not changed answers 304, a change names the version it is based on."""

import re
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, cast
from uuid import UUID

from litestar import Request, Response
from litestar.params import HeaderParameter

from service.api.errors import IfMatchMissing, VersionStale

T = TypeVar("T")

TAG = re.compile(r'(W/)?"([\x21\x23-\x7e]*)"')
ANY = "*"


def etag(row_id: UUID, *versions: int) -> str:
    """The strong ETag of one object, quotes included. All that is shown of it changes only with a version."""
    return f'"{".".join([row_id.hex, *map(str, versions)])}"'


def strong_tags(header: str) -> frozenset[str]:
    """The strong tags of an If-Match header, quotes included, or `*`; weak ones never match a change."""
    if header.strip() == ANY:
        return frozenset({ANY})
    return frozenset(f'"{tag}"' for weak, tag in TAG.findall(header) if not weak)


def matches_weakly(header: str, tag: str) -> bool:
    """Does an If-None-Match header name `tag`? Weak comparison: `W/` makes no difference (RFC 9110)."""
    return header.strip() == ANY or any(f'"{found}"' == tag for _, found in TAG.findall(header))


def respond(request: Request[Any, Any, Any], view: T, *, tag: str, status_code: int = 200) -> Response[T]:
    """`view` with its ETag, or 304 without a body when the caller has this version already."""
    if matches_weakly(request.headers.get("if-none-match", ""), tag):
        return cast("Response[T]", Response(None, status_code=304, headers={"ETag": tag}))
    return Response(view, status_code=status_code, headers={"ETag": tag})


def created(view: T, *, tag: str, address: str) -> Response[T]:
    """`view` of something new, with its ETag and where it can be read from now on."""
    return Response(view, status_code=201, headers={"ETag": tag, "Location": address})


@dataclass(frozen=True, slots=True)
class Precondition:
    """What If-Match said. Injected as `precondition: NamedDependency[Precondition]`."""

    tags: frozenset[str]

    def check(self, tag: str) -> None:
        """Let the change go on if it is based on what has this tag; call it with the row locked.

        Raises:
            VersionStale
        """
        if ANY not in self.tags and tag not in self.tags:
            raise VersionStale


def precondition(
    if_match: Annotated[
        str | None,
        HeaderParameter(name="If-Match", description="The ETag of the version that this change is based on."),
    ] = None,
) -> Precondition:
    """The dependency `precondition`. Raises IfMatchMissing."""
    if if_match is None:
        raise IfMatchMissing
    return Precondition(strong_tags(if_match))
