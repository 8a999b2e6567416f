"""Use cases of a tenant's own facts: declare, change, remove; and what the tenant's rules may read."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from service import ids
from service.audit import service as audit
from service.audit.domain import Actor, Deed
from service.db import TenantSession
from service.ids import FactId, PolicyVersionId
from service.limits import service as limits
from service.limits.domain.table import FACTS
from service.rules import pointers
from service.rules import store as policies
from service.rules.facts import domain, store
from service.rules.facts.domain import FactEntry, OwnFact
from service.rules.facts.errors import FactInUse, FactInvalid
from service.rules.facts.models import FactRow


async def declare(session: TenantSession, actor: Actor, entry: FactEntry, *, now: datetime) -> OwnFact:
    """Declare a fact, for the versions of policies that are saved from now on.

    Raises:
        FactInvalid, FactNameTaken, FactsTooMany
    """
    await limits.make_room(session, FACTS, lambda: store.count(session))
    await _refuse_faulty(session, entry)
    row = FactRow(tenant_id=session.tenant_id, id=ids.new_id(), version=1, created_at=now)
    row.take(entry)
    await store.add(session, row)
    deed = Deed("fact.declared", f"fact:{row.id}", after=asdict(entry))
    await audit.record(session, actor, deed, now=now)
    return row.to_domain()


async def get(session: TenantSession, fact_id: FactId, *, lock: bool = False) -> OwnFact:
    """One of the tenant's own facts. Raises FactNotFound."""
    return (await store.get(session, fact_id, lock=lock)).to_domain()


async def list_all(session: TenantSession) -> list[OwnFact]:
    """All of the tenant's own facts, by name."""
    return [row.to_domain() for row in await store.listed(session)]


async def declared(session: TenantSession) -> dict[str, Any]:
    """The tenant's own facts in the form of a document's `facts`."""
    return {row.name: row.to_domain().entry.form() for row in await store.listed(session)}


async def declared_in_effect(session: TenantSession, *, now: datetime) -> dict[str, dict[str, str]]:
    """What policies that requests are decided by declare for themselves: the types of facts, by policy."""
    versions = await _choosable(session, now=now)
    return {
        name: {fact: _type_in(form) for fact, form in document["facts"].items()}
        for name, document in await store.declaring(session, versions)
    }


async def count(session: TenantSession) -> int:
    return await store.count(session)


async def change(
    session: TenantSession, actor: Actor, fact_id: FactId, entry: FactEntry, *, now: datetime
) -> OwnFact:
    """Replace what is said of a fact but for its name. Versions saved before keep what was said then.

    Raises:
        FactNotFound, FactInvalid
    """
    row = await store.get(session, fact_id, lock=True)
    before = row.to_domain().entry
    entry = replace(entry, name=before.name)
    await _refuse_faulty(session, entry)
    row.take(entry)
    row.version += 1
    deed = Deed("fact.changed", f"fact:{fact_id}", before=asdict(before), after=asdict(entry))
    await audit.record(session, actor, deed, now=now)
    return row.to_domain()


async def remove(session: TenantSession, actor: Actor, fact_id: FactId, *, now: datetime) -> None:
    """Remove a fact that nothing published reads.

    Raises:
        FactNotFound, FactInUse
    """
    row = await store.get(session, fact_id, lock=True)
    versions = await _choosable(session, now=now)
    if readers := await store.readers(session, row.name, versions):
        raise FactInUse(row.name, readers)
    before = asdict(row.to_domain().entry)
    await store.remove(session, row)
    await audit.record(session, actor, Deed("fact.removed", f"fact:{fact_id}", before=before), now=now)


async def _choosable(session: TenantSession, *, now: datetime) -> set[PolicyVersionId]:
    """The versions that some request can still be decided by."""
    pointed = await policies.pointed(session)
    choosable = (pointers.choosable(entries, now=now) for entries in pointed.values())
    return {entry.ref.version_id for entries in choosable for entry in entries}


def _type_in(form: str | Mapping[str, Any]) -> str:
    """The type that a declaration names."""
    return form if isinstance(form, str) else form["type"]


async def _refuse_faulty(session: TenantSession, entry: FactEntry) -> None:
    others: Mapping[str, Any] = {
        name: form for name, form in (await declared(session)).items() if name != entry.name
    }
    if faults := domain.faults_of(entry, others):
        raise FactInvalid(faults)
