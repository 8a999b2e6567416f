"""What a backtest compares: the versions in effect, and what is tried in their place."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from service.backtests import recalling, store
from service.backtests.basis import Basis, Version
from service.backtests.errors import BacktestInvalid
from service.backtests.logs import service as logs
from service.backtests.spec import BacktestSpec, Candidate
from service.calendars import service as calendars
from service.calendars.errors import CalendarsUnknown
from service.db import TenantSession
from service.errors import Fault, pointer_to
from service.ids import HistoryLogId, PolicyId
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
    return Basis(
        before=[Version.of(trial, None) for trial in before],
        after=[Version.of(trial, places.get(trial.ref.version_id)) for trial in after],
        calendars=await calendars_of(session, rulebook, before, after),
        history=[] if spec.history.log_id else recalling.asked(reads),
        declared=declared if places else {},
        until=until,
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
    session: TenantSession, rulebook: Rulebook, *sides: Sequence[Trial]
) -> dict[str, UUID]:
    """The current version of each calendar that anything may count by."""
    named = {
        name
        for trial in (trial for side in sides for trial in side)
        for rule in trial.document.rules
        for name in rulebook.kinds[trial.kind].calendars_of(rule.outcome)
    }
    try:
        found = await calendars.current_versions(session, named)
    except CalendarsUnknown as refusal:
        raise BacktestInvalid([Fault("/policies", str(refusal))]) from refusal
    for name in await registers.calendars_of_clients(session):
        with contextlib.suppress(CalendarsUnknown):  # requests of that client cannot be judged then
            found |= await calendars.current_versions(session, {name})
    return found
