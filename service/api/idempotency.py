"""One intention acts once: `Idempotency-Key` in PostgreSQL, in the transaction of the effect.

A request costs two more statements: one finds the earlier answer or takes the lock, one records the answer.
Only answers of success are recorded; a refused request rolls back, and may be repeated with the same key.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any, Generic, TypeVar, cast
from uuid import UUID

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import HeaderParameter
from litestar.serialization import encode_json
from sqlalchemy import delete
from sqlalchemy.exc import DBAPIError

from service.api.errors import (
    IdempotencyKeyInFlight,
    IdempotencyKeyMalformed,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
)
from service.api.models import IdempotencyKeyRow
from service.api.security import Principal
from service.db import Row, TenantSession, run
from service.errors import ServiceError
from service.ids import ApplicationId, MemberId, TenantId
from service.vault import Place, Vault

T = TypeVar("T")

LOOK = """
select key.fingerprint, key.status, key.headers::text as headers, key.body, key.sealed_body,
       case when key.id is null then pg_try_advisory_xact_lock($3) end as locked
from (select) as sought
left join idempotency_key as key on key.tenant_id = $1 and key.id = $2
"""
RECORD = """
insert into idempotency_key
    (tenant_id, id, application_id, key, fingerprint, status, headers, body, sealed_body, recorded_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, now())
on conflict do nothing returning 1
"""

KEPT_FOR = timedelta(days=7)
"""How long at least an answer can be had again."""

KEY_LENGTH_MAX = 255
HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotency-Replayed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One request under one key.

    Attributes:
        member_id: the member who acts through the application. Members share an application, not their keys:
            the answer to one may show what another may not see.
        fingerprint: what tells this request from another one under the same key.
    """

    tenant_id: TenantId
    application_id: ApplicationId
    member_id: MemberId | None = None
    key: str
    fingerprint: bytes

    @property
    def row_id(self) -> UUID:
        return UUID(bytes=self._digest()[:16], version=5)

    @property
    def place(self) -> Place:
        """Where an answer that holds a secret lies."""
        return Place(self.tenant_id, IdempotencyKeyRow.__tablename__, "sealed_body", self.row_id)

    @property
    def lock(self) -> int:
        """The number of the advisory lock, signed 64 bits. Two keys with one number answer 409 in vain."""
        return int.from_bytes(self._digest()[16:24], "big", signed=True)

    def _digest(self) -> bytes:
        name = self.tenant_id.bytes + self.application_id.bytes + self.key.encode()
        if self.member_id is not None:
            name += b"\0" + self.member_id.bytes  # no key has a NUL
        return hashlib.sha256(name).digest()


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What was, or is to be, answered: the bytes, so that a repetition gets exactly the same."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def of(cls, outcome: T | Response[T], *, status_code: int) -> "Answer[T]":
        """The answer that shows `outcome`; a Response may bring headers such as Location and ETag."""
        if not isinstance(outcome, Response):
            return cls(status_code, encode_json(outcome))
        response = cast("Response[T]", outcome)
        headers = {name: str(value) for name, value in response.headers.items()}
        return cls(response.status_code or status_code, encode_json(response.content), headers)

    def response(self, *, replayed: bool = False) -> Response[T]:
        headers = {**self.headers, REPLAYED_HEADER: "true"} if replayed else dict(self.headers)
        response = Response(
            self.body, status_code=self.status, headers=headers, media_type="application/json"
        )
        return cast("Response[T]", response)


@dataclass(frozen=True, slots=True)
class Once:
    """Lets an effect happen once per key. Injected as `once: NamedDependency[Once]`."""

    session: TenantSession
    claim: Claim
    vault: Vault

    async def __call__(
        self,
        effect: Callable[[], Awaitable[T | Response[T]]],
        *,
        status_code: int = 201,
        secret: bool = False,
    ) -> Response[T]:
        """Answer as before, or let `effect` happen and record what it answers.

        Args:
            effect: what is to happen once.
            status_code: of the answer, unless `effect` answers a Response.
            secret: whether the answer shows a secret, and is recorded sealed.

        Raises:
            IdempotencyKeyReused: the key was used for another request.
            IdempotencyKeyInFlight: the same request is being worked on in another transaction.
        """
        earlier: Answer[T] | None = await self.earlier()
        if earlier is not None:
            return earlier.response(replayed=True)
        try:
            outcome = await effect()
        except ServiceError as refusal:
            if await self._is_overtaken():
                raise IdempotencyKeyInFlight(self.claim.key) from refusal
            raise
        answer = Answer[T].of(outcome, status_code=status_code)
        if not await self._record(answer, secret=secret):
            raise IdempotencyKeyInFlight(self.claim.key)
        return answer.response()

    async def earlier(self) -> Answer[Any] | None:
        """What was answered under this key; None once the lock is ours. Raises as `__call__`."""
        found = await look(self.session, self.claim)
        if found.fingerprint is None:
            if not found.locked:
                raise IdempotencyKeyInFlight(self.claim.key)
            return None
        if found.fingerprint != self.claim.fingerprint:
            raise IdempotencyKeyReused(self.claim.key)
        return Answer(found.status, self._body(found), msgspec.json.decode(found.headers))

    async def _is_overtaken(self) -> bool:
        """Was the same request answered between the look and the lock? What it made is in the way then.

        A transaction that the refusal has ended cannot be asked.
        """
        if not self.session.db.is_active:
            return False
        try:
            return (await look(self.session, self.claim)).fingerprint is not None
        except DBAPIError:
            return False

    async def _record(self, answer: Answer[Any], *, secret: bool) -> bool:
        sealed = self.vault.seal(answer.body, self.claim.place) if secret else None
        return await record(self.session, self.claim, answer, sealed_body=sealed)

    def _body(self, found: Row) -> bytes:
        if found.sealed_body is None:
            return found.body
        return self.vault.open(found.sealed_body, self.claim.place)


async def look(session: TenantSession, claim: Claim) -> Row:
    """One row: the earlier answer, or nulls and whether the lock is ours until the transaction ends."""
    return (await run(session.db, LOOK, claim.tenant_id, claim.row_id, claim.lock)).one()


async def record(
    session: TenantSession, claim: Claim, answer: Answer[Any], *, sealed_body: bytes | None = None
) -> bool:
    """Record an answer; False when another transaction has recorded one in the meantime.

    Args:
        session: that of the effect.
        claim: what is answered.
        answer: what is answered to it.
        sealed_body: recorded instead of the answer's own body.
    """
    recorded = await run(
        session.db,
        RECORD,
        *(claim.tenant_id, claim.row_id, claim.application_id, claim.key, claim.fingerprint),
        *(answer.status, msgspec.json.encode(answer.headers).decode()),
        *(answer.body if sealed_body is None else b"", sealed_body),
    )
    return recorded.first() is not None


async def purge(session: TenantSession, *, now: datetime) -> None:
    """Forget the answers of one tenant that were kept long enough. `now` is the database's time."""
    row = IdempotencyKeyRow
    await session.db.execute(
        delete(row).where(row.tenant_id == session.tenant_id, row.recorded_at < now - KEPT_FOR)
    )


def parse_key(header: str | None) -> str:
    """The key of an Idempotency-Key header; the quotes of the IETF draft do not belong to it.

    Raises:
        IdempotencyKeyMissing, IdempotencyKeyMalformed
    """
    if header is None:
        raise IdempotencyKeyMissing
    quoted = len(header) > 1 and header[0] == header[-1] == '"'
    key = header[1:-1] if quoted else header
    if not 0 < len(key) <= KEY_LENGTH_MAX or not key.isascii() or not key.isprintable():
        raise IdempotencyKeyMalformed
    return key


def fingerprint(method: str, path: str, body: bytes) -> bytes:
    """SHA-256 over method, path and body, each marked off from the next."""
    digest = hashlib.sha256()
    for part in (method.encode(), path.encode(), body):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


async def once(
    request: Request[Any, Any, Any],
    principal: NamedDependency[Principal],
    session: NamedDependency[TenantSession],
    vault: NamedDependency[Vault],
    idempotency_key: Annotated[
        str | None,
        HeaderParameter(
            name=HEADER,
            description="Your own name for this one intention: 1 to 255 printable ASCII characters.",
        ),
    ] = None,
) -> Once:
    """The dependency `once`."""
    claim = Claim(
        tenant_id=principal.tenant_id,
        application_id=principal.application_id,
        member_id=principal.member_id,
        key=parse_key(idempotency_key),
        fingerprint=fingerprint(request.method, request.url.path, await request.body()),
    )
    return Once(session, claim, vault)
