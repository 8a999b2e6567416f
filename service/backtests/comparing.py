"""What a backtest compares: the versions in effect, and what is tried in their place."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from service import ids
from service.backtests import cataloguing, climbing, recalling, store
from service.backtests.basis import Basis, Escalations, Version
from service.backtests.errors import BacktestInvalid
from service.backtests.logs import service as logs
from service.backtests.spec import BacktestSpec, Candidate, TriedCalendar
from service.calendars import service as calendars
from service.calendars.domain import CalendarInvalid
from service.calendars.errors import CalendarsUnknown
from service.calendars.service import CalendarSource
from service.commitments import promises
from service.commitments.promises import Promises, Whose
from service.db import TenantSession
from service.errors import Fault, pointer_to
from service.escalations import climbs
from service.escalations.climbs import ESCALATION
from service.escalations.ladders import service as ladders
from service.escalations.rotas import service as rotas
from service.escalations.rotas.domain import calendars_of as rota_calendars
from service.ids import HistoryLogId, PolicyId
from service.people import groups
from service.rules import trying
from service.rules.domain import Saved
from service.rules.errors import PolicyInvalid, PolicyNotFound
from service.rules.facts import service as facts
from service.rules.service import Rulebook
from service.rules.trying import Trial
from service.tenants import registers

AFTER_THE_LAST = timedelta(seconds=1)
"""Promises to the requests of a log are looked at so long after its last event."""


async def history(session: TenantSession, spec: BacktestSpec, *, now: datetime) -> tuple[int, datetime]:
    """How many requests the history has, and as of when their promises are looked at."""
    asked = spec.history
    if asked.log_id is not None:
        log = await logs.get(session, HistoryLogId(asked.log_id), lock=True)
        if log.completed_at is None:
            detail = f"The log {log.name!r} is not complete yet; complete it first."
            raise BacktestInvalid([Fault("/history/log_id", detail)])
        return log.cases, (log.last_at or now) + AFTER_THE_LAST
    return await store.own_count(session, spec.period(now)), now


async def basis(
    session: TenantSession, rulebook: Rulebook, spec: BacktestSpec, *, until: datetime, now: datetime
) -> Basis:
    before = await trying.in_effect(session, rulebook, now=now)
    declared = await facts.declared(session)
    candidates: list[Trial] = []
    for place, candidate in enumerate(spec.policies):
        trial = await _candidate(session, rulebook, before, candidate, declared, place=place)
        for other in candidates:
            if trial.ref.policy_id == other.ref.policy_id or trial.label == other.label:
                detail = f"A candidate before this one stands in the place of {trial.name!r} already."
                raise BacktestInvalid([Fault(pointer_to("/policies", place), detail)])
        candidates.append(trial)
    after = trying.with_candidates(before, candidates)
    places = {
        trial.ref.version_id: place
        for place, trial in enumerate(candidates)
        if trial.ref.version == trying.UNSAVED
    }
    reads = frozenset[str]().union(*(trial.document.reads for trial in (*before, *after)))
    types = await cataloguing.types_of(session, spec, until=until)
    current = await calendars_of(
        session, rulebook, before, after, also=types.calendars, tried=spec.tried_calendars
    )
    cataloguing.check_calendars(types, current, spec)
    tried = await _tried(session, spec.tried_calendars, now=now)
    return Basis(
        before=[Version.of(trial, None) for trial in before],
        after=[Version.of(trial, places.get(trial.ref.version_id)) for trial in after],
        calendars=current,
        tried={name: each.version_id for name, each in tried.items()},
        sources={each.version_id: each.source for each in tried.values() if each.source is not None},
        history=[] if spec.history.log_id else recalling.asked(reads),
        declared=declared if places else {},
        until=until,
        escalations=await escalations_of(session, before, after),
        offered=types.offered,
        types=types.tried,
    )


async def escalations_of(session: TenantSession, *sides: Sequence[Trial]) -> Escalations:
    """The ladders that some rule names, as they stand now, with what they go by."""
    outcomes = [
        rule.outcome
        for side in sides
        for trial in side
        if trial.kind == ESCALATION.name
        for rule in trial.document.rules
    ]
    named = {name for outcome in outcomes for name in climbs.names_of(outcome)}
    found = await ladders.effective(session, named) if named else {}
    rota_names, hours = climbing.named(version.definition for version in found.values())
    plans = await rotas.plans(session, rota_names)
    hours |= rota_calendars(plans.values())
    return Escalations(
        ladders={name: dict(version.document) for name, version in found.items()},
        rotas=plans,
        hours=await calendars.current_versions(session, hours),
    )


async def _candidate(
    session: TenantSession,
    rulebook: Rulebook,
    before: Sequence[Trial],
    candidate: Candidate,
    declared: Mapping[str, Any],
    *,
    place: int,
) -> Trial:
    """What is tried, read. Raises BacktestInvalid with the places in the body."""
    pointer = pointer_to("/policies", place)
    try:
        return await trial_of(session, rulebook, before, candidate, declared)
    except PolicyInvalid as refusal:
        found = [replace(each, pointer=f"{pointer}{each.pointer}") for each in refusal.faults]
        raise BacktestInvalid(found) from refusal
    except PolicyNotFound as refusal:
        raise BacktestInvalid([Fault(pointer, str(refusal))]) from refusal


async def trial_of(
    session: TenantSession,
    rulebook: Rulebook,
    before: Sequence[Trial],
    candidate: Candidate,
    declared: Mapping[str, Any],
) -> Trial:
    """A candidate, read.

    Raises:
        PolicyNotFound; PolicyInvalid: with each fault's place in the candidate.
    """
    if candidate.policy_id is not None and candidate.version is not None:
        return await trying.stored(session, rulebook, PolicyId(candidate.policy_id), candidate.version)
    kind, name = candidate.kind or "", candidate.name or ""
    instead_of = next((each.ref.policy_id for each in before if (each.kind, each.name) == (kind, name)), None)
    saved = Saved(candidate.document or {}, declared)
    try:
        return await trying.written(rulebook, kind, name, saved, instead_of=instead_of)
    except PolicyInvalid as refusal:
        faults = [
            fault if fault.pointer == "/kind" else replace(fault, pointer=f"/document{fault.pointer}")
            for fault in refusal.faults
        ]
        raise PolicyInvalid(faults) from refusal


async def calendars_of(
    session: TenantSession,
    rulebook: Rulebook,
    *sides: Sequence[Trial],
    also: Collection[str] = (),
    tried: Sequence[TriedCalendar] = (),
) -> dict[str, UUID]:
    """The current version of each calendar that anything may count by; those tried need not be there yet.

    Args:
        session: of the tenant.
        rulebook: knows the kinds of policies.
        sides: what is compared.
        also: the names of others that something may count by, where there are such.
        tried: calendars that are tried.

    Raises:
        BacktestInvalid
    """
    named = {
        name
        for trial in (trial for side in sides for trial in side)
        for rule in trial.document.rules
        for name in rulebook.kinds[trial.kind].calendars_of(rule.outcome)
    }
    try:
        new = {each.name for each in tried}
        found = await calendars.current_versions(session, named - new, also=named & new)
    except CalendarsUnknown as refusal:
        raise BacktestInvalid([Fault("/policies", str(refusal))]) from refusal
    asked = frozenset[Whose]().union(
        *(
            promises.asked_of(rule.outcome)
            for trial in (trial for side in sides for trial in side)
            for rule in trial.document.rules
            if isinstance(rule.outcome, Promises)
        )
    )
    also = {*also, *(await _calendars_of(session, asked))}
    found |= await calendars.current_versions(session, (), also=also)
    for place, each in enumerate(tried):
        if each.name not in named | also:
            detail = f"Nothing goes by the calendar {each.name!r}; try one that a policy or a type names."
            raise BacktestInvalid([Fault(pointer_to("/calendars", place, "name"), detail)])
    return found


@dataclass(frozen=True, slots=True)
class _TriedVersion:
    """A version of a calendar; what it is computed from, where it is not saved."""

    version_id: UUID
    source: CalendarSource | None = None


async def _tried(
    session: TenantSession, tried: Sequence[TriedCalendar], *, now: datetime
) -> dict[str, _TriedVersion]:
    """The calendars that are tried, by name. Raises BacktestInvalid with the places in the body."""
    found: dict[str, _TriedVersion] = {}
    for place, each in enumerate(tried):
        pointer = pointer_to("/calendars", place)
        if each.name in found:
            detail = f"A calendar before this one stands in the place of {each.name!r} already."
            raise BacktestInvalid([Fault(pointer, detail)])
        found[each.name] = await _tried_version(session, each, pointer, now=now)
    return found


async def _tried_version(
    session: TenantSession, tried: TriedCalendar, pointer: str, *, now: datetime
) -> _TriedVersion:
    if tried.version is not None:
        version_id = await calendars.version_named(session, tried.name, tried.version)
        if version_id is None:
            detail = f"There is no version {tried.version} of a calendar {tried.name!r}."
            raise BacktestInvalid([Fault(pointer, detail)])
        return _TriedVersion(version_id)
    try:
        source = await calendars.source_of(tried.definition or {}, now=now)
    except CalendarInvalid as refusal:
        faults = [replace(fault, pointer=f"{pointer}{fault.pointer}") for fault in refusal.faults]
        raise BacktestInvalid(faults) from refusal
    return _TriedVersion(ids.new_id(), source)


async def _calendars_of(session: TenantSession, asked: Collection[Whose]) -> set[str]:
    """The names of the calendars that promises may count by, as the registers and the requests have them."""
    named = await registers.calendars_of_clients(session)
    if Whose.SERVICE in asked:
        named |= await registers.hours_of_services(session)
    if Whose.GROUP in asked:
        named |= set((await groups.calendars_of_groups(session)).values())
    if Whose.REQUEST in asked:
        named |= await calendars.names(session)
    return named
