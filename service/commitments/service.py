"""Use cases of this slice: make promises, record what touches them, look at one when it wakes.

Whatever comes goes the same way: append to the promise's ledger, recompute from the ledger, save the
difference, tell what happened, set the next wake-up.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Table

from service import ids
from service.calendars import service as calendars
from service.calendars.domain import WorkingTime
from service.commitments import domain, store, wire
from service.commitments.domain import (
    REPLY,
    CalendarKey,
    Cancelled,
    EntryId,
    Fulfilled,
    Happening,
    HappeningKind,
    LedgerEntry,
    Paused,
    Reopened,
    Resumed,
    Retermed,
    Standing,
    Started,
    Terms,
    Threshold,
    Told,
)
from service.commitments.domain.timeline import Interval, timeline
from service.commitments.models import Commitment, CommitmentRow
from service.commitments.store import Sought
from service.db import TenantSession
from service.ids import ClientId, CommitmentId, DecisionId, RequestId
from service.outbox import service as outbox
from service.outbox.models import EventDraft
from service.wakeups import service as wakeups
from service.wakeups.models import WakeUp

SUBJECT_KIND = "commitment"

LATE_AFTER = timedelta(minutes=1)
"""What is told later than this after it came about is marked late."""

CORRECTED_BECAUSE = "a later entry of the ledger shows that the due was not missed"

Calendars = Mapping[CalendarKey, WorkingTime]

STATES = (Fulfilled, Reopened, Cancelled)
"""Entries that tell of the request's state, or of a reply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What one decision promises to one request.

    Attributes:
        terms: one promise each; their metrics differ.
        at: from when they hold: the instant of the request's event that was decided on.
        entry_id: that event, which orders what happened at the same instant.
        entries: what else has happened to the request that new promises must know of.
    """

    request_id: RequestId
    client_id: ClientId | None
    terms: tuple[Terms, ...]
    decision_id: DecisionId
    at: datetime
    source_sequence: int
    received_at: datetime
    entry_id: EntryId
    entries: tuple[LedgerEntry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one look at a promise leads to, before anything is written.

    Attributes:
        entries: what to append to its ledger.
        events: what to tell.
        wake_up: when to look again, if ever.
        woken_before: when it was to be looked at again before this step; the wake-up that is set now.
    """

    commitment: Commitment
    entries: tuple[LedgerEntry, ...]
    events: tuple[EventDraft, ...]
    wake_up: WakeUp | None
    woken_before: WakeUp | None = None


PromiseMade = Step
"""A promise that is new: its first step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A promise as it stands at the instant that was asked for, with all that explains it.

    Attributes:
        standing: what the ledger says at that instant, whether it was told of yet or not.
        intervals: how the time of its current cycle was spent.
    """

    commitment: Commitment
    standing: Standing
    entries: tuple[LedgerEntry, ...]
    intervals: tuple[Interval, ...]


async def prepare(session: TenantSession, offers: Sequence[Offer], *, now: datetime) -> list[PromiseMade]:
    """Make the promises of these offers without writing them; see `rows`."""
    terms = [terms for offer in offers for terms in offer.terms]
    working = await _calendars(session, terms)
    return [_made(offer, terms, working, now) for offer in offers for terms in offer.terms]


def rows(made: Iterable[Step]) -> dict[Table, list[dict[str, Any]]]:
    """What new promises are in the tables, for a caller that writes them with rows of its own."""
    steps = list(made)
    return {
        store.COMMITMENTS: [_row(step.commitment) for step in steps],
        store.ENTRIES: [row for step in steps for row in _entry_rows(step)],
    }


async def promise(session: TenantSession, offers: Sequence[Offer], *, now: datetime) -> list[Commitment]:
    """Make the promises of these offers: rows, ledgers, wake-ups, events."""
    made = await prepare(session, offers, now=now)
    await _write_new(session, made)
    await _tell(session, made)
    return [step.commitment for step in made]


async def record(
    session: TenantSession,
    request_id: RequestId,
    entries: Sequence[LedgerEntry],
    *,
    offer: Offer | None = None,
    now: datetime,
) -> list[Commitment]:
    """Append to the ledgers of all promises of a request, and see where each stands then.

    Args:
        session: of the tenant; the caller holds the request's row locked.
        request_id: whose promises.
        entries: what happened to the request, whether late or not.
        offer: new terms, when it was decided anew. A promise of the same metric goes on under them, unless
            they are those it has; a metric that was not promised yet is promised from then on; one that is
            promised no more stays as it was, since a promise is not withdrawn in silence.
        now: the tenant's now.

    Returns:
        All promises of the request.
    """
    found = await store.of_request(session, request_id, lock=True)
    ledgers = await store.ledgers(session, [row.id for row in found])
    new_terms = {} if offer is None else {terms.metric: terms for terms in offer.terms}
    working = await _calendars(session, [*new_terms.values(), *_all_terms(ledgers.values())])
    steps: list[Step] = []
    for row in found:
        ledger = ledgers[row.id]
        retermed = _retermed(offer, new_terms.get(row.metric), ledger, working)
        steps.append(_step(row, ledger, [*retermed, *entries], working, now=now))
    known = {row.metric for row in found}
    past = max(ledgers.values(), key=len, default=[])
    made = _made_late(offer, known, [*past, *entries], working, now)
    await _save(session, found, steps)
    await _write_new(session, made)
    await _tell(session, [*steps, *made])
    return [step.commitment for step in [*steps, *made]]


async def advance(session: TenantSession, subject_id: UUID, *, now: datetime) -> Commitment:
    """Look at one promise whose wake-up has come. Safe to repeat: it locks and decides again.

    Raises:
        CommitmentNotFound
    """
    row = await store.get(session, CommitmentId(subject_id), client_id=None, lock=True)
    ledger = (await store.ledgers(session, [row.id]))[row.id]
    working = await _calendars(session, _all_terms([ledger]))
    step = _step(row, ledger, [], working, now=now)
    await _save(session, [row], [step])
    used_up = WakeUp(SUBJECT_KIND, row.id, now)
    await _tell(session, [replace(step, woken_before=used_up)])
    return step.commitment


async def get(
    session: TenantSession, commitment_id: CommitmentId, *, client_id: ClientId | None, now: datetime
) -> Account:
    """One promise, and how it came to stand where it stands. Raises CommitmentNotFound."""
    row = await store.get(session, commitment_id, client_id=client_id)
    return (await _accounts(session, [row], now=now))[0]


async def accounts(session: TenantSession, request_id: RequestId, *, now: datetime) -> list[Account]:
    """The promises of a request, each with all that explains it."""
    return await _accounts(session, await store.of_request(session, request_id), now=now)


async def of_request(session: TenantSession, request_id: RequestId, *, now: datetime) -> list[Commitment]:
    """The promises of a request."""
    return await _shown(session, await store.of_request(session, request_id), now=now)


async def list_commitments(
    session: TenantSession, sought: Sought, *, after: UUID | None, limit: int, now: datetime
) -> list[Commitment]:
    """Promises in the order of their making, as they were last looked at."""
    return await _shown(session, await store.listed(session, sought, after=after, limit=limit), now=now)


async def _shown(
    session: TenantSession, found: Sequence[CommitmentRow], *, now: datetime
) -> list[Commitment]:
    """The promises; for those that are paused, with the due were they resumed now."""
    paused = [row for row in found if row.clock == domain.ClockState.PAUSED.value]
    resumed = {
        account.commitment.id: account.standing.current.due_if_resumed_now
        for account in await _accounts(session, paused, now=now)
    }
    shown = [row.to_domain() for row in found]
    return [
        replace(commitment, due_if_resumed_now=resumed.get(commitment.id, commitment.due_at))
        for commitment in shown
    ]


async def _accounts(
    session: TenantSession, found: Sequence[CommitmentRow], *, now: datetime
) -> list[Account]:
    if not found:
        return []
    ledgers = await store.ledgers(session, [row.id for row in found])
    working = await _calendars(session, _all_terms(ledgers.values()))
    return [_account(row.to_domain(), ledgers[row.id], working, now) for row in found]


def _account(
    commitment: Commitment, ledger: Sequence[LedgerEntry], working: Calendars, now: datetime
) -> Account:
    standing = domain.standing(ledger, working, now)
    current = standing.current
    of = (commitment.request_id, commitment.client_id, commitment.metric)
    return Account(
        commitment=_commitment(commitment.id, standing, of=of, sequence=commitment.sequence),
        standing=standing,
        entries=tuple(domain.in_order(ledger)),
        intervals=tuple(timeline(current, standing.pauses, working, until=max(now, current.started_at))),
    )


async def _calendars(session: TenantSession, terms: Iterable[Terms]) -> Calendars:
    """The calendars of these terms, ready to compute."""
    keys = {one.calendar for one in terms if one.calendar is not None}
    return {key: await calendars.working_time(session, UUID(key)) for key in sorted(keys)}


def _all_terms(ledgers: Iterable[Sequence[LedgerEntry]]) -> list[Terms]:
    return [entry.terms for ledger in ledgers for entry in ledger if isinstance(entry, (Started, Retermed))]


def _is_over(past: Iterable[LedgerEntry], at: datetime) -> bool:
    """Whether the request was resolved, closed or cancelled at that instant."""
    states = [
        entry
        for entry in domain.in_order(past)
        if entry.at <= at
        and (isinstance(entry, (Reopened, Cancelled)) or (isinstance(entry, Fulfilled) and entry.by != REPLY))
    ]
    return bool(states) and not isinstance(states[-1], Reopened)


def _retermed(
    offer: Offer | None, terms: Terms | None, ledger: Sequence[LedgerEntry], working: Calendars
) -> list[LedgerEntry]:
    """The change of terms that an offer means to a promise; none when it has these terms already."""
    if offer is None or terms is None:
        return []
    if domain.standing(ledger, working, offer.at).current.terms == terms:
        return []
    return [
        Retermed(
            at=offer.at,
            source_sequence=offer.source_sequence,
            received_at=offer.received_at,
            id=offer.entry_id,
            terms=terms,
            decision=str(offer.decision_id),
        )
    ]


def _made_late(
    offer: Offer | None,
    known: Collection[str],
    past: Sequence[LedgerEntry],
    working: Calendars,
    now: datetime,
) -> list[PromiseMade]:
    """What an offer promises for the first time to a request that has promises already.

    Args:
        offer: what was decided, if anything.
        known: the metrics that are promised already.
        past: what has happened to the request, as one of its promises has recorded it.
        working: the calendars of the offer.
        now: the tenant's now.
    """
    if offer is None or _is_over(past, offer.at):
        return []
    waits = [entry for entry in past if isinstance(entry, (Paused, Resumed))]
    later = [entry for entry in past if isinstance(entry, STATES) and entry.at >= offer.at]
    offer = replace(offer, entries=(*offer.entries, *waits, *later))
    return [_made(offer, terms, working, now) for terms in offer.terms if terms.metric not in known]


def _made(offer: Offer, terms: Terms, working: Calendars, now: datetime) -> PromiseMade:
    started = Started(
        at=offer.at,
        source_sequence=offer.source_sequence,
        received_at=offer.received_at,
        id=offer.entry_id,
        terms=terms,
        decision=str(offer.decision_id),
    )
    entries = [started, *offer.entries]
    standing = domain.standing(entries, working, now)
    commitment = _commitment(
        CommitmentId(ids.new_id()), standing, of=(offer.request_id, offer.client_id, terms.metric)
    )
    return _after(commitment, entries, None, standing)


def _step(
    row: CommitmentRow,
    ledger: Sequence[LedgerEntry],
    entries: Sequence[LedgerEntry],
    working: Calendars,
    *,
    now: datetime,
) -> Step:
    """From where the promise stood when it was last looked at, to where it stands with the new entries."""
    before = domain.standing(ledger, working, row.looked_at)
    after = domain.standing([*ledger, *entries], working, max(now, row.looked_at))
    return _after(row.to_domain(), entries, before, after)


def _after(
    commitment: Commitment, entries: Sequence[LedgerEntry], before: Standing | None, standing: Standing
) -> Step:
    now = standing.now
    happened = domain.happenings(before, standing)
    told = [_told(happening, now) for happening in happened if happening.kind in domain.THRESHOLDS]
    standing = replace(standing, told=(*standing.told, *told))
    of = (commitment.request_id, commitment.client_id, commitment.metric)
    after = _commitment(commitment.id, standing, of=of, sequence=commitment.sequence + len(happened))
    events = [
        _event(after, happening, sequence=commitment.sequence + place, now=now)
        for place, happening in enumerate(happened, start=1)
    ]
    return Step(
        commitment=after,
        entries=(*entries, *told),
        events=tuple(events),
        wake_up=_wake_up(commitment.id, standing),
        woken_before=None if before is None else _wake_up(commitment.id, before),
    )


def _wake_up(commitment_id: CommitmentId, standing: Standing) -> WakeUp | None:
    fire_at = domain.next_wake_up(standing, standing.now)
    return None if fire_at is None else WakeUp(SUBJECT_KIND, commitment_id, fire_at)


def _told(happening: Happening, now: datetime) -> Told:
    return Told(
        at=now,
        received_at=now,
        id=EntryId(str(ids.new_id())),
        cycle=happening.cycle,
        threshold=domain.THRESHOLDS[happening.kind],
        because=CORRECTED_BECAUSE if happening.kind is HappeningKind.CORRECTED else "",
    )


def _commitment(
    commitment_id: CommitmentId,
    standing: Standing,
    *,
    of: tuple[RequestId, ClientId | None, str],
    sequence: int = 0,
) -> Commitment:
    current = standing.current
    request_id, client_id, metric = of
    warned = [
        entry.at
        for entry in standing.told
        if entry.threshold is Threshold.WARNED and entry.cycle == current.cycle
    ]
    corrected = [entry.at for entry in standing.told if entry.threshold is Threshold.CORRECTED]
    return Commitment(
        id=commitment_id,
        request_id=request_id,
        client_id=client_id,
        metric=metric,
        target=current.terms.target,
        cycle=current.cycle,
        clock=current.clock,
        outcome=current.outcome,
        started_at=current.started_at,
        due_at=current.due_at,
        due_if_resumed_now=current.due_if_resumed_now,
        warn_at=current.warn_at,
        fulfilled_at=current.fulfilled_at,
        cancelled_at=current.cancelled_at,
        warned_at=warned[-1] if warned else None,
        broken_at=current.broken_at,
        corrected_at=corrected[-1] if corrected else None,
        flags=tuple(sorted(flag.value for flag in standing.flags)),
        looked_at=standing.now,
        sequence=sequence,
    )


def _event(commitment: Commitment, happening: Happening, *, sequence: int, now: datetime) -> EventDraft:
    kind = "made" if happening.kind is HappeningKind.STARTED else happening.kind.value
    return EventDraft(
        type=f"{SUBJECT_KIND}.{kind}",
        subject_kind=SUBJECT_KIND,
        subject_id=commitment.id,
        sequence=sequence,
        occurred_at=happening.at,
        payload={
            "commitment_id": commitment.id,
            "request_id": commitment.request_id,
            "metric": commitment.metric,
            "cycle": happening.cycle,
            "clock": commitment.clock.value,
            "outcome": commitment.outcome.value,
            "due_at": happening.due_at,
            "was_due_at": happening.was_due_at,
            "fulfilled_at": happening.fulfilled_at,
            "lateness_seconds": happening.lateness.total_seconds(),
            "born_broken": happening.born_broken,
            "late": now - happening.at > LATE_AFTER,
        },
        client_id=commitment.client_id,
    )


def _row(commitment: Commitment) -> dict[str, Any]:
    return {
        "id": commitment.id,
        "request_id": commitment.request_id,
        "client_id": commitment.client_id,
        "metric": commitment.metric,
        **_changing(commitment),
    }


def _changing(commitment: Commitment) -> dict[str, Any]:
    """The columns that a step may change."""
    return {
        "target": wire.target_document(commitment.target),
        "cycle": commitment.cycle,
        "clock": commitment.clock.value,
        "outcome": commitment.outcome.value,
        "started_at": commitment.started_at,
        "due_at": commitment.due_at,
        "warn_at": commitment.warn_at,
        "fulfilled_at": commitment.fulfilled_at,
        "cancelled_at": commitment.cancelled_at,
        "warned_at": commitment.warned_at,
        "broken_at": commitment.broken_at,
        "corrected_at": commitment.corrected_at,
        "flags": list(commitment.flags),
        "looked_at": commitment.looked_at,
        "sequence": commitment.sequence,
    }


def _entry_rows(step: Step) -> list[dict[str, Any]]:
    commitment = step.commitment
    return [
        {
            "id": ids.new_id(),
            "commitment_id": commitment.id,
            "request_id": commitment.request_id,
            "client_id": commitment.client_id,
            "entry_id": UUID(entry.id),
            "kind": wire.KINDS[type(entry)],
            "occurred_at": entry.at,
            "source_sequence": entry.source_sequence,
            "received_at": entry.received_at,
            "detail": wire.detail(entry),
        }
        for entry in step.entries
    ]


async def _write_new(session: TenantSession, made: Sequence[PromiseMade]) -> None:
    written = rows(made)
    await store.add_commitments(session, written[store.COMMITMENTS])
    await store.add_entries(session, written[store.ENTRIES])


async def _save(session: TenantSession, found: Sequence[CommitmentRow], steps: Sequence[Step]) -> None:
    """Write what changed of promises that the caller has locked."""
    for row, step in zip(found, steps, strict=True):
        for column, value in _changing(step.commitment).items():
            if getattr(row, column) != value:
                setattr(row, column, value)
    await store.save(session)
    await store.add_entries(session, [row for step in steps for row in _entry_rows(step)])


async def _tell(session: TenantSession, steps: Sequence[Step]) -> None:
    """Append the events, and set or remove the wake-ups that changed."""
    await outbox.append(session, [event for step in steps for event in step.events])
    changed = [step for step in steps if step.wake_up != step.woken_before]
    await wakeups.schedule(session, [step.wake_up for step in changed if step.wake_up is not None])
    asleep = [step.commitment.id for step in changed if step.wake_up is None]
    await wakeups.cancel(session, SUBJECT_KIND, asleep)
