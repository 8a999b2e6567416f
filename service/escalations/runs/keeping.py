"""What every use case of a run does: load its ledger, see where it stands, write what changed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from service import ids
from service.commitments import service as commitments
from service.commitments.domain import Outcome
from service.commitments.domain.marks import Anchor
from service.db import TenantSession
from service.escalations.runs import domain, store, telling
from service.escalations.runs.domain import Ended, Entry, Ladder, Standing
from service.escalations.runs.models import EscalationRow, Run
from service.escalations.runs.telling import SUBJECT_KIND, Told
from service.escalations.runs.wire import When
from service.ids import CommitmentId, EscalationId
from service.outbox import service as outbox
from service.wakeups import service as wakeups
from service.wakeups.models import WakeUp

Instants = Mapping[int, datetime | None]


@dataclass(frozen=True, slots=True)
class Held:
    """A run that is locked, with all that says where it stands.

    Attributes:
        ledger: all of its entries.
        instants: of its steps, by their index, as the promise stands.
    """

    row: EscalationRow
    run: Run
    ledger: tuple[Entry, ...]
    instants: Instants

    def standing(self, entries: Sequence[Entry], now: datetime) -> Standing:
        """Where it stands with these entries more. A look before its beginning sees its beginning."""
        ladder = Ladder.of(self.run.snapshot.definition)
        seen_at = max([now, *(entry.at for entry in self.ledger)])
        return domain.standing(ladder, [*self.ledger, *entries], self.instants, seen_at)

    def when(self, now: datetime) -> When:
        """When an entry counts that is made now: after all that there are, also if theirs began later."""
        return when(max([now, *(entry.at for entry in self.ledger)]))


async def hold(session: TenantSession, escalation_id: EscalationId, *, now: datetime) -> Held:
    """Lock a run and load what says where it stands. Raises EscalationNotFound."""
    row = await store.get(session, escalation_id, lock=True)
    return (await loaded(session, [row], now=now))[0]


async def loaded(session: TenantSession, rows: Sequence[EscalationRow], *, now: datetime) -> list[Held]:
    """Runs that the caller has locked, with what says where they stand."""
    runs = [row.to_domain() for row in rows]
    ledgers = await store.ledgers(session, [row.id for row in rows])
    instants = await _instants(session, runs, now=now)
    return [
        Held(row, run, tuple(ledgers[row.id]), instants[run.id]) for row, run in zip(rows, runs, strict=True)
    ]


async def foreseen(session: TenantSession, held: Held, *, now: datetime) -> Held:
    """The same run, with the steps that hang on the breach where they come if its promise is not kept.

    Only for whoever reads what is to come: nothing is told of a breach before it is on record.
    """
    steps = held.run.snapshot.definition.steps
    ahead = [index for index, step in enumerate(steps) if step.at.anchor is Anchor.BREACH]
    if not ahead or held.run.is_over:
        return held
    commitment_id = held.run.commitment_id
    promise = (await commitments.last_seen(session, [commitment_id]))[commitment_id]
    if promise.outcome is not Outcome.PENDING:
        return held
    marks = [replace(steps[index].at, anchor=Anchor.DUE) for index in ahead]
    found = (await commitments.instants(session, [commitment_id], marks, now=now))[commitment_id]
    late = {index: at + timedelta.resolution for index, at in zip(ahead, found, strict=True) if at}
    return replace(held, instants={**held.instants, **late})


async def write(
    session: TenantSession,
    held: Held,
    entries: Sequence[Entry],
    tellings: Sequence[Told],
    *,
    now: datetime,
    settled: bool | None = None,
) -> Run:
    """Append to a run's ledger, save where it stands then, tell it, and set its wake-up."""
    standing = held.standing(entries, now)
    events = telling.drafts(tellings, held.run)
    ended = next((entry for entry in entries if isinstance(entry, Ended)), None)
    run = replace(
        held.run,
        state=standing.state,
        held_by=standing.by,
        held_until=standing.until,
        next_at=standing.look_at,
        ended_at=held.run.ended_at if ended is None else ended.at,
        end_cause=held.run.end_cause if ended is None else ended.cause,
        settled=held.run.settled if settled is None else settled,
        sequence=held.run.sequence + sum(draft.subject_id == held.run.id for draft, _ in events),
    )
    if entries or run != held.run:
        run = replace(run, version=held.run.version + 1)
        await store.save(session, held.row, run)
        await store.add_entries(session, run, entries)
    for draft, endpoint_id in events:
        if endpoint_id is None:
            await outbox.append(session, [draft])
        else:
            await outbox.append_for(session, draft, endpoint_id)
    await sleep(session, [run])
    return run


async def sleep(session: TenantSession, runs: Collection[Run]) -> None:
    """Set the wake-ups of runs, or remove them."""
    awake = [WakeUp(SUBJECT_KIND, run.id, run.next_at) for run in runs if run.next_at is not None]
    await wakeups.schedule(session, awake)
    await wakeups.cancel(session, SUBJECT_KIND, [run.id for run in runs if run.next_at is None])


async def _instants(
    session: TenantSession, runs: Sequence[Run], *, now: datetime
) -> dict[EscalationId, Instants]:
    """Where the steps of each run lie now."""
    marks = {run.id: [step.at for step in run.snapshot.definition.steps] for run in runs}
    wanted = sorted({run.commitment_id for run in runs if marks[run.id] and not run.is_over})
    asked = list(dict.fromkeys(mark for each in marks.values() for mark in each))
    if not wanted:
        return {run.id: {} for run in runs}
    found = await commitments.instants(session, wanted, asked, now=now)
    known: dict[CommitmentId, Mapping[object, datetime | None]] = {
        commitment_id: dict(zip(asked, instants, strict=True)) for commitment_id, instants in found.items()
    }
    return {
        run.id: {
            index: known.get(run.commitment_id, {}).get(mark) for index, mark in enumerate(marks[run.id])
        }
        for run in runs
    }


def when(now: datetime) -> When:
    """When an entry counts that is made now, and what orders it."""
    return When(at=now, received_at=now, id=str(ids.new_id()))
