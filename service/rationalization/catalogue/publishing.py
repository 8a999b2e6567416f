"""Use cases of the catalogue: a version is submitted, approved by somebody else, and put into effect."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from service import ids
from service.audit.domain import Actor
from service.calendars import service as calendars
from service.db import TenantSession
from service.errors import Fault, pointer_to
from service.ids import MemberId, RequestTypeId
from service.people import service as people
from service.rationalization import kind
from service.rationalization.catalogue import documents, fields, lifecycle, recording, service, store
from service.rationalization.catalogue.documents import TypeForm
from service.rationalization.catalogue.errors import RequestTypeInvalid, RequestTypeNotOffered
from service.rationalization.catalogue.models import RequestTypeRow
from service.rationalization.catalogue.recording import Entry
from service.rationalization.catalogue.service import Shown
from service.rationalization.verdicts import Accept
from service.rules.checks import surroundings
from service.rules.examining import Registers
from service.rules.facts import service as facts
from service.rules.facts.domain import FactEntry
from service.rules.facts.errors import FactInvalid
from service.rules.lifecycle import MEMBER, Basis, Step
from service.tenants import service as tenants


async def submit(
    session: TenantSession,
    actor: Actor,
    type_id: RequestTypeId,
    *,
    version: int | None,
    note: str | None,
    now: datetime,
) -> Shown:
    """Ask for the approval of a draft, of the newest version when None is named.

    Raises:
        RequestTypeNotFound, RequestTypeStepOutOfTurn
    """
    row = await store.get(session, type_id, lock=True)
    number = (await store.version(session, type_id, row.version if version is None else version)).version
    entry = Entry(version=number, step=Step.SUBMITTED, note=note)
    await recording.take(session, actor, row, entry, now=now)
    return await service.get(session, type_id)


async def approve(
    session: TenantSession,
    actor: Actor,
    type_id: RequestTypeId,
    *,
    version: int,
    note: str | None,
    now: datetime,
) -> Shown:
    """Let a version that was submitted be published.

    Raises:
        RequestTypeNotFound, RequestTypeStepOutOfTurn, RequestTypeMemberNeeded, RequestTypeApproverInvolved
    """
    entry = Entry(version=version, step=Step.APPROVED, note=note)
    return await _judge(session, actor, type_id, entry, now=now)


async def give_back(
    session: TenantSession,
    actor: Actor,
    type_id: RequestTypeId,
    *,
    version: int,
    note: str,
    now: datetime,
) -> Shown:
    """Send a version that was submitted, or approved, back to be mended; a further one mends it.

    Raises:
        RequestTypeNotFound, RequestTypeStepOutOfTurn, RequestTypeMemberNeeded, RequestTypeApproverInvolved
    """
    entry = Entry(version=version, step=Step.RETURNED, note=note)
    return await _judge(session, actor, type_id, entry, now=now)


async def publish(
    session: TenantSession,
    actor: Actor,
    type_id: RequestTypeId,
    *,
    version: int | None,
    registers: Registers,
    now: datetime,
) -> Shown:
    """Let intake go by an approved version, the newest when None is named; its fields become facts.

    A draft that was reviewed where it is kept takes all steps on the way, each recorded.

    Args:
        session: of the tenant.
        actor: who publishes.
        type_id: of the type.
        version: of it.
        registers: tells, of what its gates name, that which is there.
        now: the tenant's now.

    Raises:
        RequestTypeNotFound, RequestTypeStepOutOfTurn, RequestTypeInvalid, FactsTooMany
    """
    row = await store.get(session, type_id, lock=True)
    number = row.version if version is None else version
    form = documents.of((await store.version(session, type_id, number)).document)
    taken = [step.to_domain() for step in (await store.steps(session, type_id, [number]))[number]]
    approval = (await tenants.get(session, lock=True)).approval  # two types may declare the same facts
    for step in lifecycle.on_the_way(taken, approval=approval):
        await recording.take(session, actor, row, Entry(version=number, step=step, basis=Basis.GIT), now=now)
    await _refuse_unknown(session, form, registers)
    await _declare(session, actor, row, form, now=now)
    replaced, row.published_version = row.published_version, number
    if replaced is not None and replaced != number:
        gone = Entry(version=replaced, step=Step.REPLACED)
        await recording.take(session, actor, row, gone, now=now)
    await recording.take(session, actor, row, Entry(version=number, step=Step.PUBLISHED), now=now)
    await session.db.flush()
    return await service.get(session, type_id)


async def retire(
    session: TenantSession, actor: Actor, type_id: RequestTypeId, *, note: str | None, now: datetime
) -> Shown:
    """Take a type out of the catalogue. Requests of it that run stay on their version.

    Raises:
        RequestTypeNotFound, RequestTypeNotOffered, RequestTypeMemberNeeded
    """
    row = await store.get(session, type_id, lock=True)
    lifecycle.refuse_to_retire(actor.name, approval=(await tenants.get(session)).approval)
    if row.published_version is None:
        raise RequestTypeNotOffered(row.name)
    retired, row.published_version = row.published_version, None
    entry = Entry(version=retired, step=Step.RETIRED, note=note)
    await recording.take(session, actor, row, entry, now=now)
    await session.db.flush()
    return await service.get(session, type_id)


async def _judge(
    session: TenantSession, actor: Actor, type_id: RequestTypeId, entry: Entry, *, now: datetime
) -> Shown:
    row = await store.get(session, type_id, lock=True)
    await store.version(session, type_id, entry.version)
    steps = await store.steps(session, type_id, [entry.version])
    recording.stage_before(steps, entry)
    taken = [step.to_domain() for step in steps[entry.version]]
    has_others = await people.has_other_leads(session, _member_id(actor))
    basis = lifecycle.basis_of_approval(actor.name, taken, has_others=has_others)
    await recording.take(session, actor, row, replace(entry, basis=basis), now=now)
    return await service.get(session, type_id)


async def _declare(
    session: TenantSession, actor: Actor, row: RequestTypeRow, form: TypeForm, *, now: datetime
) -> None:
    """Declare the facts that the fields are, for those that are not declared yet.

    Raises:
        RequestTypeInvalid: a fact is declared otherwise.
    """
    declared = await facts.declared(session)
    asked = fields.facts_of(form.fields)
    found = _faults_of_facts(asked, {name: form["type"] for name, form in declared.items()}, "declared")
    for policy, of_its_own in (await facts.declared_in_effect(session, now=now)).items():
        found += _faults_of_facts(
            asked, of_its_own, f"declared by the policy {policy!r}, which is in effect,"
        )
    if found:
        raise RequestTypeInvalid(found)
    for name, of_type in asked.items():
        if name not in declared:
            entry = FactEntry(name=name, type=of_type, description=f"A field of requests of type {row.name}.")
            try:
                await facts.declare(session, actor, entry, now=now)
            except FactInvalid as error:
                message = " ".join(fault.detail for fault in error.faults)
                raise RequestTypeInvalid([Fault(_place(name), message)]) from error


async def _refuse_unknown(session: TenantSession, form: TypeForm, registers: Registers) -> None:
    """Raise RequestTypeInvalid unless everything is there that its gates name."""
    asked = Accept(requires=form.requires)
    named = kind.names_of(asked)
    found = await _faults_of_calendars(session, form)
    there = await registers({each.entry for each in named}) if named else ()
    found += [
        Fault(f"{service.IN_BODY}{each.pointer}", f"There is no {each.entry}. {surroundings.REMEDY}")
        for each in surroundings.missing(named, there)
    ]
    if found:
        raise RequestTypeInvalid(found)


def _faults_of_facts(asked: Mapping[str, str], declared: Mapping[str, str], how: str) -> list[Fault]:
    return [
        Fault(
            f"{_place(name)}/type",
            f"The fact `{name}` is {how} as {declared[name]}, and this would make it {of_type}; change the"
            " fact, or call the field otherwise.",
        )
        for name, of_type in asked.items()
        if not _takes(declared.get(name, of_type), of_type)
    ]


def _takes(declared: str, of_type: str) -> bool:
    """Whether what is declared so takes all values of a field: whole numbers are numbers."""
    return declared == of_type or (declared, of_type) == ("double", "int")


async def _faults_of_calendars(session: TenantSession, form: TypeForm) -> list[Fault]:
    named = {at: getattr(gate, "calendar", None) for at, gate in enumerate(form.requires)}
    if not any(named.values()):
        return []
    known = await calendars.names(session)
    return [
        Fault(
            pointer_to(f"{service.IN_BODY}/requires", at, "calendar"),
            f"There is no calendar {name!r}. {surroundings.REMEDY}",
        )
        for at, name in named.items()
        if name is not None and name not in known
    ]


def _place(fact: str) -> str:
    return pointer_to(f"{service.IN_BODY}/fields/properties", fact.removeprefix(fields.PREFIX))


def _member_id(actor: Actor) -> MemberId | None:
    return MemberId(ids.read_id(actor.name.removeprefix(MEMBER))) if actor.name.startswith(MEMBER) else None
