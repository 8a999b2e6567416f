"""Use cases of runs: begin those that are wanted, end those that are over, read them. Load, decide, save.

Nothing is told here but that a run began or ended: steps are told when a run wakes, in `climbing`. So every
use case that changes a promise may have its ladders follow it, whatever rows it holds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from service import ids
from service.audit import service as audit
from service.audit.domain import Deed
from service.commitments import service as promises
from service.commitments.models import Commitment
from service.db import TenantSession
from service.errors import Fault
from service.escalations.ladders import domain as ladders_domain
from service.escalations.ladders import service as ladders
from service.escalations.ladders.domain import Definition, ToManager
from service.escalations.ladders.models import LadderVersion
from service.escalations.runs import domain, following, keeping, store, telling
from service.escalations.runs.domain import Begun, EndCause, Ended, Entry, Raised, Standing, State, Telling
from service.escalations.runs.errors import EscalationInvalid, EscalationUnderWay
from service.escalations.runs.following import ROUNDS_MAX, Beginning
from service.escalations.runs.keeping import Held
from service.escalations.runs.models import Affair, EscalationRow, Notice, Responder, Run, Snapshot
from service.escalations.runs.store import Sought, SoughtNotices
from service.escalations.runs.telling import SUBJECT_KIND, Scene
from service.ids import CommitmentId, EscalationId, RequestId
from service.wakeups import service as wakeups
from service.wakeups.models import WakeUp

__all__ = [
    "AFFAIR_KIND",
    "SUBJECT_KIND",
    "Account",
    "Affair",
    "Sought",
    "SoughtNotices",
    "Start",
    "declined",
    "find",
    "follow",
    "get",
    "list_notices",
    "list_runs",
    "start",
]

AFFAIR_KIND = "affair"
"""A request whose ladders a client organization's own transaction could not look after."""


@dataclass(frozen=True, slots=True)
class Start:
    """What somebody begins by hand.

    Attributes:
        ladder: its name.
        reason: in the words of whoever does.
        commitment_id: the promise that it is climbed for; None for the one that is due next.
    """

    ladder: str
    reason: str
    commitment_id: CommitmentId | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """A run as it stands at the instant that was asked for, with all that explains it.

    Attributes:
        ledger: in order.
    """

    run: Run
    standing: Standing
    ledger: tuple[Entry, ...]

    @property
    def coming(self) -> tuple[Telling, ...]:
        """What is told next of each step, if nothing happens."""
        return (*self.standing.due, *self.standing.coming)


async def follow(
    session: TenantSession,
    commitments: Sequence[Commitment],
    *,
    affair: Affair | None = None,
    now: datetime,
) -> None:
    """Have the ladders of these promises follow them: begin, end and re-time runs.

    A transaction that is confined to a client organization knows no ladders; it notes what it knows of the
    request, and wakes whoever does.

    Args:
        session: of the tenant; the caller holds the rows of the promises locked.
        commitments: of one request, as they stand.
        affair: what is known of the request, if that may have changed.
        now: the tenant's now.
    """
    if not commitments:
        return
    request_id = commitments[0].request_id
    climbs_its_own = any(each.made.ladder is not None for each in commitments)
    known = await _noted(session, request_id, affair, now=now, always=climbs_its_own)
    if known is None:
        return
    if session.client_id is not None:
        await _leave(session, request_id, now=now)
        return
    await _follow(session, known, commitments, begun_at=now, now=now)


async def catch_up(session: TenantSession, commitments: Sequence[Commitment], *, now: datetime) -> None:
    """Do for the promises of a request what `follow` had to leave, as of when it was left."""
    if not commitments:
        return
    request_id = commitments[0].request_id
    known, left = await store.affair(session, request_id), await store.left_over(session, request_id)
    if known is None or left is None:
        return
    asked_at, refused = left
    await _follow(session, known, commitments, begun_at=min(asked_at, now), now=now)
    await store.caught_up(session, request_id)
    for commitment_id in refused:
        await _raise_to_manager(session, commitment_id, now=now)


async def declined(session: TenantSession, commitment: Commitment, *, now: datetime) -> None:
    """The client declined what it was offered instead of a promise: a manager is told at once.

    The caller holds the row of the request locked.
    """
    if session.client_id is None:
        await _raise_to_manager(session, commitment.id, now=now)
        return
    left = await store.left_over(session, commitment.request_id)
    if left is not None:
        await store.set_declined(session, commitment.request_id, [*left[1], commitment.id])
        await _leave(session, commitment.request_id, now=now)


async def start(
    session: TenantSession,
    responder: Responder,
    affair: Affair,
    commitment: Commitment,
    wanted: Start,
    *,
    now: datetime,
) -> EscalationId:
    """Begin a ladder by hand: its first step is to be told at once, the others when their time comes.

    Args:
        session: of the tenant; the caller holds the rows of the request and of the promise locked.
        responder: who begins it.
        affair: what is known of the request.
        commitment: the promise that it is climbed for.
        wanted: what is begun.
        now: the tenant's now.

    Raises:
        EscalationInvalid, EscalationUnderWay
    """
    version = (await ladders.effective(session, [wanted.ladder])).get(wanted.ladder)
    if version is None:
        raise EscalationInvalid(Fault("/ladder", f"There is no ladder {wanted.ladder!r} in use."))
    await _noted(session, affair.request_id, affair, now=now, always=True)
    rows = await store.of_promises(session, [commitment.id])
    same = [run for row in rows if (run := row.to_domain()).ladder == wanted.ladder]
    running = next((run for run in same if not run.is_over), None)
    if running is not None:
        raise EscalationUnderWay(wanted.ladder, running.id)
    rounds = [run.round for run in same if run.cycle == commitment.cycle]
    run = replace(
        _new_run(
            Beginning(commitment=commitment, ladder=wanted.ladder, round=max(rounds, default=0) + 1),
            _snapshot(version),
            now,
        ),
        by_hand=True,
    )
    entries = [
        Begun(**keeping.when(now), by=responder.member_id, reason=wanted.reason),
        Raised(**keeping.when(now), by=responder.member_id, step=0),
    ]
    scene = Scene(run=run, affair=affair, commitment=commitment, now=now, new_id=ids.new_id)
    said = {"by": responder.member_id, "reason": wanted.reason}
    await _begin(session, run, entries, [telling.told("escalation.started", scene, said)], now=now)
    after = {"ladder": wanted.ladder, "commitment_id": commitment.id, **said}
    deed = Deed("escalation.started", f"escalation:{run.id}", after=after)
    await audit.record(session, responder.actor, deed, now=now)
    return run.id


async def get(session: TenantSession, escalation_id: EscalationId, *, now: datetime) -> Account:
    """One run, and how it came to stand where it stands. Raises EscalationNotFound."""
    row = await store.get(session, escalation_id)
    held = await keeping.foreseen(session, (await keeping.loaded(session, [row], now=now))[0], now=now)
    return Account(held.run, held.standing([], now), tuple(domain.in_order(held.ledger)))


async def find(session: TenantSession, escalation_id: EscalationId) -> Run:
    """A run as it was last looked at. Raises EscalationNotFound."""
    return (await store.get(session, escalation_id)).to_domain()


async def list_runs(session: TenantSession, sought: Sought, *, before: UUID | None, limit: int) -> list[Run]:
    """Runs as they were last looked at, the newest first."""
    return [row.to_domain() for row in await store.listed(session, sought, before=before, limit=limit)]


async def list_notices(
    session: TenantSession, sought: SoughtNotices, *, before: UUID | None, limit: int
) -> list[Notice]:
    """Notices, the newest first."""
    return [row.to_domain() for row in await store.notices(session, sought, before=before, limit=limit)]


async def _raise_to_manager(session: TenantSession, commitment_id: CommitmentId, *, now: datetime) -> None:
    rows = [
        row for row in await store.of_promises(session, [commitment_id]) if row.state != State.ENDED.value
    ]
    for held in await keeping.loaded(session, rows, now=now):
        step = _manager_step(held.run.snapshot.definition)
        await keeping.write(session, held, [Raised(**held.when(now), by=None, step=step)], [], now=now)


async def _leave(session: TenantSession, request_id: RequestId, *, now: datetime) -> None:
    """Leave the request to whoever sees the tenant's ladders."""
    await store.leave(session, request_id, now=now)
    await wakeups.schedule(session, [WakeUp(AFFAIR_KIND, request_id, now)])


async def _noted(
    session: TenantSession,
    request_id: RequestId,
    affair: Affair | None,
    *,
    now: datetime,
    always: bool = False,
) -> Affair | None:
    """What is known of a request, with what is new; None where it never had a ladder to climb.

    Args:
        session: of the tenant.
        request_id: of the request.
        affair: what may be new.
        now: the tenant's now.
        always: whether it is noted even if no ladder is asked for.
    """
    kept = await store.affair(session, request_id)
    if affair is None:
        return kept
    if kept is None:
        if not affair.climbs and not always:
            return None
        kept = replace(affair, climbs=affair.climbs or ())
        await store.add_affair(session, kept, now=now)
        return kept
    changed = replace(affair, climbs=kept.climbs if affair.climbs is None else affair.climbs)
    await store.change_affair(session, changed, now=now)
    return changed


async def _follow(
    session: TenantSession,
    affair: Affair,
    commitments: Sequence[Commitment],
    *,
    begun_at: datetime,
    now: datetime,
) -> None:
    """Begin, end and re-time the runs of these promises."""
    concerned = {each.id for each in commitments} | {
        each.made.revises for each in commitments if each.made.revises is not None
    }
    rows = {row.id: row for row in await store.of_promises(session, concerned)}
    plan = following.plan(affair.climbs or (), commitments, [row.to_domain() for row in rows.values()])
    for run in plan.settled:
        await store.save(session, rows[run.id], replace(run, settled=True))
    known = {each.id: each for each in commitments}
    over = {ending.run.id: ending.cause for ending in plan.end}
    running = [row for row in rows.values() if row.state != State.ENDED.value and row.commitment_id in known]
    for held in await keeping.loaded(session, running, now=now):
        scene = _scene(held.run, affair, known[held.run.commitment_id], now)
        await _go_on(session, held, scene, over.get(held.run.id))
    stood_for = await _stood_for(
        session, {each.commitment.id: each.commitment for each in plan.begin}, now=now
    )
    begin = [each for each in plan.begin if each.commitment.id not in stood_for]
    await _begin_all(session, affair, begin, begun_at=begun_at, now=now)


async def _stood_for(
    session: TenantSession, wanted: Mapping[CommitmentId, Commitment], *, now: datetime
) -> set[CommitmentId]:
    """Those for which another promise stands by now, also where that is not among those that are followed.

    Nothing was ever proposed instead of one that is in its first cycle and was not announced.
    """
    found: set[CommitmentId] = set()
    for commitment_id, commitment in wanted.items():
        if commitment.cycle == 1 and commitment.announced_at is None:
            continue
        account = await promises.get(session, commitment_id, client_id=None, now=now)
        made_instead = [
            (await promises.get(session, each, client_id=None, now=now)).commitment
            for each in account.revised_by
        ]
        if any(following.stands_instead(each) for each in made_instead):
            found.add(commitment_id)
    return found


async def _go_on(session: TenantSession, held: Held, scene: Scene, cause: EndCause | None) -> None:
    """End a run, or see when it is to be looked at now that its promise may have moved."""
    if cause is None:
        run = await keeping.write(session, held, [], [], now=scene.now)
        if held.standing([], scene.now).held is not None:  # its maintenance may have changed
            await wakeups.schedule(session, [WakeUp(SUBJECT_KIND, run.id, scene.now)])
        return
    ended = Ended(**held.when(scene.now), cause=cause)
    event = telling.told("escalation.ended", scene, {"cause": cause.value, "by": None})
    settled = cause in following.SETTLING or cause is EndCause.NEXT_CYCLE
    await keeping.write(session, held, [ended], [event], now=scene.now, settled=settled)


async def _begin_all(
    session: TenantSession,
    affair: Affair,
    beginnings: Sequence[Beginning],
    *,
    begun_at: datetime,
    now: datetime,
) -> None:
    names = {each.ladder for each in beginnings if each.snapshot is None}
    found = await ladders.effective(session, names) if names else {}
    for beginning in beginnings:
        version = found.get(beginning.ladder)
        snapshot = beginning.snapshot or (None if version is None else _snapshot(version))
        if snapshot is None and beginning.before is not None:
            continue
        run = _new_run(beginning, snapshot or Snapshot(ladder=beginning.ladder, document={}), begun_at)
        scene = _scene(run, affair, beginning.commitment, now)
        await _begin_one(session, beginning, scene, is_known=snapshot is not None)


async def _begin_one(session: TenantSession, beginning: Beginning, scene: Scene, *, is_known: bool) -> None:
    run, now = scene.run, scene.now
    skipped = frozenset[int]()
    if beginning.before is not None:
        skipped = following.skips((await store.ledgers(session, [beginning.before.id]))[beginning.before.id])
    entries: list[Entry] = [replace(Begun(**keeping.when(now), skips=skipped), at=run.begun_at)]
    events = [telling.told("escalation.started", scene, {"by": None, "reason": None})]
    cause = None
    if not is_known:
        cause = EndCause.NO_SUCH_LADDER
    elif beginning.round > ROUNDS_MAX:
        cause = EndCause.TOO_MANY_ROUNDS
    if cause is not None:
        entries.append(Ended(**keeping.when(now), cause=cause))
        events.append(telling.told("escalation.ended", scene, {"cause": cause.value, "by": None}))
    await _begin(session, run, entries, events, now=now, settled=cause in following.SETTLING)


async def _begin(
    session: TenantSession,
    run: Run,
    entries: Sequence[Entry],
    events: Sequence[telling.Told],
    *,
    now: datetime,
    settled: bool = False,
) -> None:
    """Write a run that is new, with its ledger, its events and its wake-up."""
    await store.add_runs(session, [run])
    row: EscalationRow = await store.get(session, run.id, lock=True)
    held = (await keeping.loaded(session, [row], now=now))[0]
    await keeping.write(session, held, entries, events, now=now, settled=settled)


def _new_run(beginning: Beginning, snapshot: Snapshot, begun_at: datetime) -> Run:
    commitment = beginning.commitment
    return Run(
        id=EscalationId(ids.new_id()),
        request_id=commitment.request_id,
        commitment_id=commitment.id,
        client_id=commitment.client_id,
        service_id=commitment.service_id,
        cycle=commitment.cycle,
        round=beginning.round,
        snapshot=snapshot,
        by_hand=beginning.by_hand,
        state=State.CLIMBING,
        held_by=None,
        held_until=None,
        begun_at=begun_at,
        ended_at=None,
        end_cause=None,
        settled=False,
        next_at=None,
        sequence=0,
        version=0,
    )


def _snapshot(version: LadderVersion) -> Snapshot:
    return Snapshot(
        ladder=version.name,
        ladder_id=version.ladder_id,
        version_id=version.id,
        version=version.version,
        document=version.document,
    )


def _scene(run: Run, affair: Affair, commitment: Commitment, now: datetime) -> Scene:
    return Scene(run=run, affair=affair, commitment=commitment, now=now, new_id=ids.new_id)


def _manager_step(definition: Definition) -> int:
    """The step that is told when a client declines: the one named, else one for a manager, else the last."""
    names = [step.name for step in definition.steps]
    if definition.manager_step in names:
        return names.index(definition.manager_step)
    to_manager = [index for index, step in enumerate(definition.steps) if _tells_manager(step)]
    return to_manager[0] if to_manager else len(names) - 1


def _tells_manager(step: ladders_domain.Step) -> bool:
    return any(isinstance(target.who, ToManager) for target in step.targets)
