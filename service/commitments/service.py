"""Use cases of this slice: make promises, record what touches them, look at one when it wakes.

Whatever comes goes the same way: append to the promise's ledger, recompute from the ledger, save the
difference, tell what happened, set the next wake-up.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Table

from service import ids
from service.calendars import service as calendars
from service.commitments import models, prospects, steps, store
from service.commitments import offers as offering
from service.commitments.domain import ClockState, LedgerEntry, Terms
from service.commitments.domain import marks as marking
from service.commitments.domain.marks import Mark
from service.commitments.drafts import SUBJECT_KIND
from service.commitments.forecasting import service as forecasting
from service.commitments.forecasting.domain import Cohort
from service.commitments.models import Commitment, CommitmentRow
from service.commitments.offers import Offer
from service.commitments.prospects import Prospect
from service.commitments.steps import Account, Look, Step
from service.commitments.store import Sought
from service.db import TenantSession
from service.ids import ClientId, CommitmentId, RequestId
from service.outbox import service as outbox
from service.wakeups import service as wakeups
from service.wakeups.models import WakeUp

__all__ = [
    "SUBJECT_KIND",
    "Account",
    "Offer",
    "Prospect",
    "Sought",
    "Step",
    "accounts",
    "advance",
    "append",
    "foresee",
    "get",
    "instants",
    "list_commitments",
    "make",
    "prepare",
    "promise",
    "record",
    "rows",
]

BY_LOOKING = frozenset({"looked_at", "used_seconds"})
"""What changes with time alone, and is not worth a write."""


async def prepare(session: TenantSession, offers: Sequence[Offer], *, now: datetime) -> list[Step]:
    """Make the promises of these offers without writing them; see `rows`."""
    terms = [terms for offer in offers for terms in offer.terms]
    watched = _watched(terms, {offer.peers for offer in offers})
    look = await _look(session, terms, now=now, cohorts=watched)
    return [steps.made(offer, terms, look) for offer in offers for terms in offer.terms]


def rows(made: Iterable[Step]) -> dict[Table, list[dict[str, Any]]]:
    """What new promises are in the tables, for a caller that writes them with rows of its own."""
    new = list(made)
    return {
        store.COMMITMENTS: [models.columns(step.commitment) for step in new],
        store.ENTRIES: _entry_rows(new),
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
        offer: new terms, when it was decided anew. What a policy promised of the same metric goes on under
            them, unless they are those it has; a metric that was not promised yet is promised from then on;
            one that is promised no more stays as it was, since a promise is not withdrawn in silence. What
            people promised stays as it is.
        now: the tenant's now.

    Returns:
        All promises of the request.
    """
    before = await store.hold_of_request(session, request_id)
    ledgers = await store.ledgers(session, [one.id for one in before])
    offered = () if offer is None else offer.terms
    terms = [*offered, *steps.all_terms(ledgers.values())]
    peers = {None if offer is None else offer.peers, *(one.peers for one in before)}
    look = await _look(session, terms, now=now, cohorts=_watched(terms, peers))
    taken = [steps.next_step(one, ledgers[one.id], entries, offer, look) for one in before]
    past = [*offering.past_of(ledgers.values()), *entries]
    made = steps.made_late(offer, offering.promised_by_policies(before), past, look)
    await _save(session, before, taken)
    await _write_new(session, made)
    await _tell(session, [*taken, *made])
    return [step.commitment for step in [*taken, *made]]


async def foresee(
    session: TenantSession, request_id: RequestId, offer: Offer, *, now: datetime
) -> list[Prospect]:
    """How each promise of a request stands, and how it would stand were this offer recorded: see `record`."""
    found = await store.of_request(session, request_id)
    ledgers = await store.ledgers(session, [row.id for row in found])
    look = await _look(session, [*offer.terms, *steps.all_terms(ledgers.values())], now=now)
    return prospects.foreseen([(row.to_domain(), ledgers[row.id]) for row in found], offer, look)


async def advance(session: TenantSession, subject_id: UUID, *, now: datetime) -> Commitment:
    """Look at one promise whose wake-up has come. Safe to repeat: it locks and decides again.

    Raises:
        CommitmentNotFound
    """
    before = await store.hold(session, CommitmentId(subject_id))
    step = await _step(session, before, [], now=now)
    used_up = WakeUp(SUBJECT_KIND, before.id, now)
    await _tell(session, [replace(step, woken_before=used_up)])
    return step.commitment


async def make(session: TenantSession, offer: Offer, *, now: datetime) -> list[Commitment]:
    """Make promises that no policy made; they know what the request waits for, and whose turn it is.

    Args:
        session: of the tenant; the caller holds the request's row locked.
        offer: what is promised, and how it came about: `Offer.made`.
        now: the tenant's now.
    """
    found = await store.hold_of_request(session, offer.request_id)
    ledgers = await store.ledgers(session, [one.id for one in found])
    return await promise(session, [offering.knowing(offer, offering.past_of(ledgers.values()))], now=now)


async def append(
    session: TenantSession, commitment_id: CommitmentId, entries: Sequence[LedgerEntry], *, now: datetime
) -> Commitment:
    """Append to the ledger of one promise what happened to it alone, and see where it stands then.

    Raises:
        CommitmentNotFound
    """
    step = await _step(session, await store.hold(session, commitment_id), entries, now=now)
    await _tell(session, [step])
    return step.commitment


async def instants(
    session: TenantSession, commitment_ids: Sequence[CommitmentId], marks: Sequence[Mark], *, now: datetime
) -> dict[CommitmentId, list[datetime | None]]:
    """When each mark of each promise comes, or came, as things stand at `now`; see `marks.instants`."""
    ledgers = await store.ledgers(session, commitment_ids)
    look = await _look(session, steps.all_terms(ledgers.values()), now=now)
    return {
        CommitmentId(commitment_id): marking.instants(ledger, look.calendars, marks, now)
        for commitment_id, ledger in ledgers.items()
    }


async def get(
    session: TenantSession, commitment_id: CommitmentId, *, client_id: ClientId | None, now: datetime
) -> Account:
    """One promise, and how it came to stand where it stands. Raises CommitmentNotFound."""
    row = await store.get(session, commitment_id, client_id=client_id)
    return (await _accounts(session, [row], now=now))[0]


async def accounts(
    session: TenantSession, request_id: RequestId, *, client_id: ClientId | None, now: datetime
) -> list[Account]:
    """The promises of a request, each with all that explains it; for a client, those that it was made."""
    found = await store.of_request(session, request_id, client_id=client_id)
    return await _accounts(session, found, now=now)


async def list_commitments(
    session: TenantSession, sought: Sought, *, after: UUID | None, limit: int, now: datetime
) -> list[Commitment]:
    """Promises in the order of their making, as they were last looked at."""
    return await _shown(session, await store.listed(session, sought, after=after, limit=limit), now=now)


async def last_seen(
    session: TenantSession, commitment_ids: Collection[CommitmentId]
) -> dict[CommitmentId, Commitment]:
    """These promises by their ids, as they were last looked at."""
    found = [row.to_domain() for row in await store.these(session, commitment_ids)]
    return {commitment.id: commitment for commitment in found}


async def open_count(session: TenantSession) -> int:
    """How many promises have a clock that has not stopped."""
    return await store.open_count(session)


async def _shown(
    session: TenantSession, found: Sequence[CommitmentRow], *, now: datetime
) -> list[Commitment]:
    """The promises; for those that are paused, with the due were they resumed now."""
    paused = [row for row in found if row.clock == ClockState.PAUSED.value]
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
    terms = steps.all_terms(ledgers.values())
    look = await _look(session, terms, now=now, cohorts=_cohorts(terms, {row.peers for row in found}))
    revisions = await store.revisions(session, [row.id for row in found])
    return [
        steps.account(row.to_domain(), ledgers[row.id], look, revised_by=revisions[row.id]) for row in found
    ]


async def _look(
    session: TenantSession, terms: Sequence[Terms], *, now: datetime, cohorts: Collection[Cohort] = ()
) -> Look:
    """What a look at promises of these terms works with; those of these cohorts are forecast."""
    keys = {one.calendar for one in terms if one.calendar is not None}
    working = {key: await calendars.working_time(session, UUID(key)) for key in sorted(keys)}
    curves = await forecasting.of_cohorts(session, cohorts) if cohorts else None
    return Look(working, now, ids.new_id, curves)


def _cohorts(terms: Iterable[Terms], peers: Collection[str | None]) -> set[Cohort]:
    found = (Cohort.of(one.metric, one.target, each) for one in terms for each in peers)
    return {cohort for cohort in found if cohort is not None}


def _watched(terms: Iterable[Terms], peers: Collection[str | None]) -> set[Cohort]:
    """Of promises that are to be renegotiated at some risk: of others none is known as they move on."""
    return _cohorts((one for one in terms if one.renegotiate_above is not None), peers)


def _entry_rows(taken: Sequence[Step]) -> list[dict[str, Any]]:
    return [
        models.entry_columns(step.commitment, entry, ids.new_id()) for step in taken for entry in step.entries
    ]


async def _write_new(session: TenantSession, made: Sequence[Step]) -> None:
    written = rows(made)
    await store.add_commitments(session, written[store.COMMITMENTS])
    await store.add_entries(session, written[store.ENTRIES])


async def _step(
    session: TenantSession, before: Commitment, entries: Sequence[LedgerEntry], *, now: datetime
) -> Step:
    """The next step of one promise that is locked, written but not told."""
    ledger = (await store.ledgers(session, [before.id]))[before.id]
    terms = steps.all_terms([ledger])
    look = await _look(session, terms, now=now, cohorts=_watched(terms, {before.peers}))
    step = steps.next_step(before, ledger, entries, None, look)
    await _save(session, [before], [step])
    return step


async def _save(session: TenantSession, found: Sequence[Commitment], taken: Sequence[Step]) -> None:
    """Write what changed of promises that the caller has locked; a look that found nothing is not kept."""
    for before, step in zip(found, taken, strict=True):
        was, is_now = models.changing_columns(before), models.changing_columns(step.commitment)
        changed = {name: value for name, value in is_now.items() if was[name] != value}
        if not changed.keys() <= BY_LOOKING:
            await store.change(session, before.id, changed)
    await store.add_entries(session, _entry_rows(taken))


async def _tell(session: TenantSession, taken: Sequence[Step]) -> None:
    """Append the events, set or remove the wake-ups that changed, and see to what ended becoming history."""
    if any(step.events and step.commitment.fulfilled_at is not None for step in taken):
        await forecasting.wake(session, now=max(step.commitment.looked_at for step in taken))
    await outbox.append(session, [event for step in taken for event in step.events])
    changed = [step for step in taken if step.wake_up != step.woken_before]
    await wakeups.schedule(session, [step.wake_up for step in changed if step.wake_up is not None])
    asleep = [step.commitment.id for step in changed if step.wake_up is None]
    await wakeups.cancel(session, SUBJECT_KIND, asleep)
