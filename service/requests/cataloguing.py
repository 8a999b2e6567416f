"""Use cases of the catalogue with what stands beside it: changes that are proven, and what types name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, cast

import msgspec

from service.audit.domain import Actor
from service.db import TenantSession
from service.ids import RequestId, RequestTypeId
from service.rationalization.catalogue import proofs, proposals, publishing
from service.rationalization.catalogue import service as catalogue
from service.rationalization.catalogue.domain import TypeDraft
from service.rationalization.catalogue.errors import RequestTypeInvalid
from service.rationalization.catalogue.proposals import Custom, Proven, Shared
from service.rationalization.catalogue.service import Shown
from service.requests import registers, store
from service.requests.domain import DONE, Request
from service.tenants import service as tenants

LOOKED_BACK = timedelta(days=365)
ALIKE_MAX = 1_000
"""How many changes are looked at at most, the newest first."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A standard change to be, and the changes that it is made from."""

    name: str
    title: str
    requests: tuple[RequestId, ...]


async def propose(session: TenantSession, actor: Actor, proposal: Proposal, *, now: datetime) -> Shown:
    """Write a type that is approved beforehand, as a draft, with the evidence for whoever approves it.

    Raises:
        RequestNotFound, RequestTypeInvalid, RequestTypeNameTaken, RequestTypesTooMany
    """
    ids = list(dict.fromkeys(proposal.requests))
    named = [(await store.get(session, each, client_id=None)).to_domain() for each in ids]
    family = named[0].type
    faults = [
        fault
        for at, request in enumerate(named)
        for fault in proposals.faults_of(at, request.type, wanted=family, is_done=request.state in DONE)
    ]
    if faults:
        raise RequestTypeInvalid(faults)
    shared = proposals.shared([_said(request) for request in named])
    proven = await _proven(session, named, shared, now=now)
    document = proposals.document(proposal.title, shared, proven, service=await _service_of(session, named))
    draft = TypeDraft(name=proposal.name, family=family, document=document)
    evidence = cast("dict[str, Any]", msgspec.to_builtins(proven))
    return await catalogue.create(session, actor, draft, evidence=evidence, now=now)


async def publish(
    session: TenantSession, actor: Actor, type_id: RequestTypeId, *, version: int | None, now: datetime
) -> Shown:
    """Let intake go by a version of a type, if everything is there that its gates name.

    Raises:
        see `publishing.publish`
    """
    there = partial(registers.there, session)
    return await publishing.publish(session, actor, type_id, version=version, registers=there, now=now)


async def _proven(
    session: TenantSession, named: Sequence[Request], shared: Shared, *, now: datetime
) -> Proven:
    since = now - LOOKED_BACK
    category = named[0].facts.get("category")
    rows = await store.changes_done(
        session,
        named[0].type,
        service_id=named[0].service_id,
        category=category if all(each.facts.get("category") == category for each in named) else None,
        since=since,
        limit=ALIKE_MAX,
    )
    done = {row.id for row in rows if proposals.is_alike(_custom(row.facts), shared.fixed)}
    done |= {request.id for request in named}
    reviewed = await proofs.reviewed(session, done)
    return Proven(
        requests=[request.id for request in named],
        since=since,
        alike=len(done),
        reviewed=len(reviewed),
        succeeded=sum(reviewed.values()),
        with_accidents=len(await proofs.with_accidents(session, done)),
        fixed=sorted(shared.fixed),
        varied=sorted(shared.varied),
        left_out=list(shared.left_out),
    )


async def _service_of(session: TenantSession, named: Sequence[Request]) -> str | None:
    """The name of the service that all of them are for."""
    services = {request.service_id for request in named}
    service_id = services.pop() if len(services) == 1 else None
    return None if service_id is None else (await tenants.get_service(session, service_id)).name


def _said(request: Request) -> Custom:
    return _custom(request.facts)


def _custom(facts: Mapping[str, Any]) -> Custom:
    return facts.get("custom") or {}
