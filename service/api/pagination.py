"""Pages of lists: opaque cursors that we signed, a bounded `limit`, and `Link: …; rel="next"`."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import urlencode

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from service.api.errors import CursorUnknown, ParameterMalformed
from service.api.security import Principal

T = TypeVar("T")
V = TypeVar("V")
P = TypeVar("P")

LIMIT_DEFAULT = 50
LIMIT_MAX = 200
CURSOR_LENGTH_MAX = 1_024
MAC_BYTES = 16
WHOLE = re.compile(r"-?\d+", re.ASCII)


class Page(msgspec.Struct, Generic[T], frozen=True):
    """A part of a list. `next` is the cursor of the part after it, null at the end."""

    items: list[T]
    next: str | None


@dataclass(frozen=True, slots=True)
class CursorKeys:
    """The secrets that sign cursors, by name: the current one signs, each of them still counts."""

    current: str
    secrets: Mapping[str, bytes]


def sign(position: object, *, keys: CursorKeys, binding: str) -> str:
    """A cursor that stands at `position` of the list that `binding` names, and counts nowhere else."""
    content = msgspec.json.encode((keys.current, position))
    return _encode(_mac(keys.secrets[keys.current], binding, content) + content)


def read(cursor: str, kind: type[P], *, keys: CursorKeys, binding: str) -> P:
    """The position of a cursor that `sign` made for the same binding.

    Raises:
        CursorUnknown
    """
    try:
        mac, content = _split(cursor)
        name, position = msgspec.json.decode(content, type=tuple[str, msgspec.Raw])
        genuine = hmac.compare_digest(mac, _mac(keys.secrets[name], binding, content))
        if not genuine:
            raise CursorUnknown
        return msgspec.json.decode(position, type=kind)
    except (binascii.Error, ValueError, KeyError) as error:
        raise CursorUnknown from error


def coerced(limit: int) -> int:
    """A limit between 1 and LIMIT_MAX: what is beyond is taken for the nearest."""
    return max(1, min(limit, LIMIT_MAX))


@dataclass(frozen=True, slots=True)
class Paging:
    """Which part of a list is asked for. Injected as `paging: NamedDependency[Paging]`.

    Attributes:
        limit: how many items a page may have.
        cursor: where the page begins, as the caller sent it.
        address: the list's path and query, without the cursor.
        binding: what a cursor of this list is bound to: tenant, client organization and operation.
    """

    limit: int
    cursor: str | None
    address: tuple[str, tuple[tuple[str, str], ...]]
    binding: str
    keys: CursorKeys

    @property
    def sought(self) -> int:
        """How many rows to ask for: one more than a page holds tells whether another page follows."""
        return self.limit + 1

    def after(self, kind: type[P]) -> P | None:
        """The position that the page begins after, None for the first page. Raises CursorUnknown."""
        if self.cursor is None:
            return None
        return read(self.cursor, kind, keys=self.keys, binding=self.binding)

    def at(self, position: object) -> str:
        """The cursor that stands at `position`, for a list that can be followed beyond its present end."""
        return sign(position, keys=self.keys, binding=self.binding)

    def link(self, cursor: str) -> dict[str, str]:
        """The Link header of the page at `cursor`; relative, so that no host name can be smuggled in."""
        path, query = self.address
        return {"Link": f'<{path}?{urlencode([*query, ("cursor", cursor)])}>; rel="next"'}

    def page(
        self, found: Sequence[T], *, position: Callable[[T], object], view: Callable[[T], V]
    ) -> Response[Page[V]]:
        """The page that shows `found`, of which there may be `sought`."""
        shown = found[: self.limit]
        cursor = self.at(position(shown[-1])) if len(found) > self.limit else None
        return Response(
            Page([view(item) for item in shown], cursor), headers={} if cursor is None else self.link(cursor)
        )


def provide_paging(keys: Callable[[], Awaitable[CursorKeys]]) -> Callable[..., Awaitable[Paging]]:
    """The dependency `paging`, whose cursors are signed with what `keys` gives."""

    async def paging(
        request: Request[Any, Any, Any],
        principal: NamedDependency[Principal],
        limit: Annotated[
            int, QueryParameter(description=f"Items in a page, 1 to {LIMIT_MAX}; beyond is coerced.")
        ] = LIMIT_DEFAULT,
        cursor: Annotated[
            str | None, QueryParameter(description="`next` of the page before; opaque.")
        ] = None,
    ) -> Paging:
        _refuse_fraction(request.query_params.get("limit"))
        kept = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
        return Paging(
            limit=coerced(limit),
            cursor=cursor,
            address=(request.url.path, tuple(kept)),
            binding=f"{principal.tenant_id}\n{principal.client_id}\n{request.scope['path_template']}",
            keys=await keys(),
        )

    return paging


def _refuse_fraction(limit: str | None) -> None:
    """Litestar itself would take 0.0 for a whole number. Raises ParameterMalformed."""
    if limit is not None and not WHOLE.fullmatch(limit):
        raise ParameterMalformed("limit is a whole number, such as 50.")


def _mac(secret: bytes, binding: str, content: bytes) -> bytes:
    return hmac.digest(secret, binding.encode() + b"\n" + content, hashlib.sha256)[:MAC_BYTES]


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _split(cursor: str) -> tuple[bytes, bytes]:
    if not cursor.isascii() or len(cursor) > CURSOR_LENGTH_MAX:
        raise CursorUnknown
    content = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    return content[:MAC_BYTES], content[MAC_BYTES:]
