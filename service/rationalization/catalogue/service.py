"""Use cases of the catalogue: types are written and shown; what intake and running requests go by.

See also `publishing`.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from service import ids
from service.audit.domain import Actor
from service.db import TenantSession
from service.errors import Fault
from service.ids import ClientId, RequestId, RequestTypeId, RequestTypeVersionId, ServiceId
from service.limits import service as limits
from service.limits.domain.table import REQUEST_TYPES
from service.rationalization.catalogue import (
    comparing,
    documents,
    domain,
    lifecycle,
    recording,
    store,
    validation,
)
from service.rationalization.catalogue.comparing import Difference
from service.rationalization.catalogue.documents import TypeForm
from service.rationalization.catalogue.domain import Mark, Offered, TypeDraft
from service.rationalization.catalogue.errors import (
    ChecklistNotesTooMany,
    RequestTypeInvalid,
    RequestTypeNotFound,
)
from service.rationalization.catalogue.models import OwnType, RequestTypeRow, TypeVersion
from service.rationalization.catalogue.recording import Entry
from service.rationalization.verdicts import Gate
from service.rules.lifecycle import STAGE_OF, Stage, Step, Taken
from service.rules.vocabulary import RequestType
from service.tenants import service as tenants
from service.tenants.errors import ServiceNotFound

VERSIONS = range(1, 2**31)
"""The numbers that a version may have; PostgreSQL knows no others."""
NOTES_MAX = 200
"""So often something may be noted of one item of a request's checklists."""
IN_BODY = "/document"
"""Where a version is written in a body."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A type with what it says: by the version in effect, or else by the newest."""

    own: OwnType
    version: TypeVersion


@dataclass(frozen=True, slots=True)
class Lived:
    """A version with what happened to it, and what it stands on where it was made from proven changes."""

    version: TypeVersion
    stage: Stage
    steps: tuple[Taken, ...]
    evidence: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class _Written:
    document: dict[str, Any]
    service_id: ServiceId | None
    evidence: dict[str, Any] | None = None


async def create(
    session: TenantSession,
    actor: Actor,
    draft: TypeDraft,
    *,
    now: datetime,
    evidence: dict[str, Any] | None = None,
) -> Shown:
    """Create a type with its first version, as a draft. Nothing goes by it before it is published.

    Raises:
        RequestTypeInvalid, RequestTypeNameTaken, RequestTypesTooMany
    """
    faults = _faults_of_name(draft)
    form = read(draft.document, draft.family, faults=faults)
    service_id = await _service_id(session, form)
    await limits.make_room(session, REQUEST_TYPES, lambda: store.count(session))
    type_id = RequestTypeId(ids.new_id())
    row = await store.add(session, type_id, name=draft.name, family=draft.family, now=now)
    await _write(session, actor, row, _Written(draft.document, service_id, evidence), now=now)
    return await get(session, type_id)


async def revise(
    session: TenantSession,
    actor: Actor,
    type_id: RequestTypeId,
    document: dict[str, Any],
    *,
    now: datetime,
) -> Shown:
    """Add a version, as a draft. The one in effect stays so until the new one is published.

    Raises:
        RequestTypeNotFound, RequestTypeInvalid
    """
    row = await store.get(session, type_id, lock=True)
    form = read(document, RequestType(row.family))
    service_id = await _service_id(session, form)
    row.version += 1
    await _write(session, actor, row, _Written(document, service_id), now=now)
    return await get(session, type_id)


def read(document: Mapping[str, Any], family: RequestType, *, faults: list[Fault] | None = None) -> TypeForm:
    """What a version says that is written in a body's `/document`. Raises RequestTypeInvalid."""
    found = list(faults or [])
    try:
        form = documents.read(document, family)
    except RequestTypeInvalid as error:
        placed = [Fault(f"{IN_BODY}{fault.pointer}", fault.detail) for fault in error.faults]
        raise RequestTypeInvalid([*found, *placed]) from error
    if found:
        raise RequestTypeInvalid(found)
    return form


async def count(session: TenantSession) -> int:
    """How many types there are, those that are retired included."""
    return await store.count(session)


async def get(
    session: TenantSession, type_id: RequestTypeId, *, client_id: ClientId | None = None, lock: bool = False
) -> Shown:
    """A type. A client's application sees those in effect, and of these what is in effect.

    Raises:
        RequestTypeNotFound
    """
    row = await store.get(session, type_id, lock=lock)
    if client_id is not None and row.published_version is None:
        raise RequestTypeNotFound(type_id)
    (shown,) = await _shown(session, [row], client_id=client_id)
    return shown


async def list_all(
    session: TenantSession, *, client_id: ClientId | None, after: UUID | None, limit: int
) -> list[Shown]:
    """Types in the order of their making, those that are retired included; to a client those in effect."""
    rows = await store.listed(session, after=after, limit=limit, offered_only=client_id is not None)
    return await _shown(session, rows, client_id=client_id)


async def list_versions(
    session: TenantSession,
    type_id: RequestTypeId,
    *,
    client_id: ClientId | None,
    before: int | None,
    limit: int,
) -> list[Lived]:
    """The versions of a type with their life, the newest first; to a client the one in effect, without.

    Raises:
        RequestTypeNotFound
    """
    if client_id is not None:
        version = (await get(session, type_id, client_id=client_id)).version
        is_asked = before is None or version.version < before
        return [Lived(version, Stage.PUBLISHED, (), None)] if is_asked else []
    await store.get(session, type_id)
    rows = await store.versions(session, type_id, before=before, limit=limit)
    steps = await store.steps(session, type_id, [row.version for row in rows])
    found: list[Lived] = []
    for row in rows:
        taken = tuple(step.to_domain() for step in steps[row.version])
        evidence = next((step.evidence for step in steps[row.version] if step.evidence is not None), None)
        found.append(Lived(row.to_domain(), lifecycle.stage_of(taken), taken, evidence))
    return found


async def get_version(
    session: TenantSession, type_id: RequestTypeId, version: int, *, client_id: ClientId | None
) -> Lived:
    """One version; to a client only the one in effect. Raises RequestTypeNotFound."""
    if version not in VERSIONS:
        raise RequestTypeNotFound(type_id, version)
    before = min(version + 1, VERSIONS[-1])
    found = await list_versions(session, type_id, client_id=client_id, before=before, limit=1)
    if not found or found[0].version.version != version:
        raise RequestTypeNotFound(type_id, version)
    return found[0]


async def differences(
    session: TenantSession,
    type_id: RequestTypeId,
    *,
    client_id: ClientId | None,
    of: int | None,
    to: int | None,
) -> tuple[int, int, list[Difference]]:
    """What differs between two versions, and which they are.

    Args:
        session: of the tenant.
        type_id: which type.
        client_id: of a client, to whom there is only the version in effect.
        of: the version before; the one in effect when None, or else the one before `to`.
        to: the version after; the newest when None.

    Raises:
        RequestTypeNotFound
    """
    own = (await get(session, type_id, client_id=client_id)).own
    to = own.version if to is None else to
    of = (own.published_version or max(to - 1, 1)) if of is None else of
    found = [await get_version(session, type_id, each, client_id=client_id) for each in (of, to)]
    before, after = [each.version.document for each in found]
    return of, to, await asyncio.to_thread(comparing.differences, before, after)


async def offered(session: TenantSession, name: str) -> Offered | None:
    """The type that is offered under this name, if one is."""
    return await store.offered(session, name)


async def of_version(session: TenantSession, version_id: RequestTypeVersionId) -> Offered:
    """A version, whether it is in effect or not: a running request stays on its own."""
    return await store.of_version(session, version_id)


async def requires(session: TenantSession, version_id: RequestTypeVersionId) -> list[Gate]:
    """What requests of this version need before work starts, whatever their verdict."""
    return list((await store.of_version(session, version_id)).requires)


def faults_of(offered: Offered, said: Mapping[str, Any]) -> list[Fault]:
    """What is wrong with what a request of this type says under `custom`."""
    return [] if offered.fields is None else validation.faults_of(offered.fields, said)


async def unknown(session: TenantSession, name: str) -> Fault:
    """That nothing is offered under this name, and what is nearest."""
    return domain.unknown_name(name, await store.offered_names(session))


async def marks(session: TenantSession, request_id: RequestId) -> dict[str, Mark]:
    """What holds of each item of a request's checklists of which something was noted."""
    return domain.marked(await store.marks(session, request_id))


async def open_items(session: TenantSession, offered: Offered, request_id: RequestId) -> list[Fault]:
    """The obligatory items of a request's checklists of which nothing was noted."""
    if not any(item.obligatory for item in offered.items.values()):
        return []
    return domain.open_items(offered.steps, await marks(session, request_id))


async def mark(
    session: TenantSession, request_id: RequestId, noted: Mark, *, client_id: ClientId | None
) -> UUID:
    """Note something of an item; the id of the note. Raises ChecklistNotesTooMany."""
    if await store.mark_count(session, request_id, noted.item) >= NOTES_MAX:
        raise ChecklistNotesTooMany(noted.item, NOTES_MAX)
    return await store.add_mark(session, request_id, noted, client_id=client_id)


def _faults_of_name(draft: TypeDraft) -> list[Fault]:
    if not domain.NAME.fullmatch(draft.name):
        return [
            Fault(
                "/name",
                "A type is called by up to 64 lower-case letters, digits, underscores and hyphens, a letter"
                " first.",
            )
        ]
    if draft.name in {each.value for each in RequestType} and draft.name != draft.family.value:
        return [Fault("/family", f"A type called {draft.name} is of that family; write `{draft.name}`.")]
    return []


async def _service_id(session: TenantSession, form: TypeForm) -> ServiceId | None:
    """The service that a type names. Raises RequestTypeInvalid."""
    if form.service is None:
        return None
    try:
        return (await tenants.find_service(session, form.service)).id
    except ServiceNotFound as error:
        message = f"The service register has no {form.service!r}; register it, or name another."
        raise RequestTypeInvalid([Fault(f"{IN_BODY}/service", message)]) from error


async def _write(
    session: TenantSession, actor: Actor, row: RequestTypeRow, written: _Written, *, now: datetime
) -> None:
    """Add the version that `row` says is the newest."""
    document = written.document
    await store.add_version(
        session, row, document=document, service_id=written.service_id, author=actor.name, now=now
    )
    entry = Entry(version=row.version, step=Step.WRITTEN, document=document, evidence=written.evidence)
    await recording.take(session, actor, row, entry, now=now)
    await session.db.flush()


async def _shown(
    session: TenantSession, rows: list[RequestTypeRow], *, client_id: ClientId | None
) -> list[Shown]:
    said = {version.request_type_id: version for version in await store.said(session, rows)}
    steps = {} if client_id is not None else await store.newest_steps(session, rows)
    found: list[Shown] = []
    for row in rows:
        version = said[row.id].to_domain()
        own = row.to_domain(Stage.PUBLISHED if client_id is not None else STAGE_OF[steps[row.id]])
        if client_id is not None:
            own = replace(own, version=version.version)
        found.append(Shown(own, version))
    return found
