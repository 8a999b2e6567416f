"""Use cases of this slice: set a wake-up, fire one that is due, move a sandbox's clock.

A wake-up only narrows: what is to happen is decided by the slice whose subject it is, in a function that the
composition root hands in, since this slice knows none of those above it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from service import instants
from service.audit import service as audit
from service.audit.domain import Actor, Deed
from service.db import TenantSession
from service.jobs import service as jobs
from service.platform import PlatformSession
from service.tenants import service as tenants
from service.wakeups import domain, store
from service.wakeups.errors import ClockMovesForward, ClockOutOfRange, SandboxOnly
from service.wakeups.models import Due, SandboxClock, WakeUp

MOVE_CLOCK = "wakeups.move_clock"
"""The job that goes on with a move of a sandbox's clock that is too long to be waited for."""


class Advance(Protocol):
    """Looks at one subject at `now`: decides, writes its state and events, and sets its next wake-up.

    Safe to repeat. What still needs looking at must have a wake-up when it returns; the one that led here is
    removed unless it was set anew.
    """

    async def __call__(self, session: TenantSession, subject_id: UUID, /, *, now: datetime) -> object: ...


@dataclass(frozen=True, slots=True)
class Advances:
    """Who looks at the subjects of each kind."""

    of_kind: Mapping[str, Advance]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockProgress:
    """How far a sandbox's clock has come.

    Attributes:
        pending: how many wake-ups are known to fire on the way; those that they lead to come on top.
    """

    now: datetime
    target: datetime
    pending: int

    @property
    def arrived(self) -> bool:
        return self.now == self.target


class WakeUpFailed(Exception):
    """Looking at a subject failed; the transaction is to be rolled back and the wake-up put off."""

    def __init__(self, due: Due) -> None:
        super().__init__(f"the wake-up of {due.subject_kind} {due.subject_id} failed")
        self.due = due


async def schedule(session: TenantSession, wake_ups: Sequence[WakeUp]) -> None:
    """Set the wake-ups of these subjects, replacing those they had."""
    if wake_ups:
        await store.schedule(session, wake_ups)


async def schedule_unless_set(session: TenantSession, wake_up: WakeUp) -> None:
    """Set the wake-up of a subject that has none."""
    await store.schedule_unless_set(session, wake_up)


async def cancel(session: TenantSession, subject_kind: str, subject_ids: Sequence[UUID]) -> None:
    """Remove the wake-ups of these subjects, if they have any."""
    if subject_ids:
        await store.cancel(session, subject_kind, subject_ids)


async def fire(session: TenantSession, due: Due, advances: Advances) -> timedelta:
    """Look at a claimed wake-up's subject, and say how late that was.

    Too early, by the database's clock, it is given back instead, and the answer is negative.
    """
    now = await tenants.now(session)
    if now < due.fire_at:
        await store.release(session, [due])
    else:
        await _look_at(session, due, advances, now=now)
        await store.finish(session, due)
    return now - due.fire_at


async def put_off(session: TenantSession, due: Due) -> bool:
    """Let a claimed wake-up that failed rest for a while. Says whether it has now been parked."""
    await store.put_off(session, due, attempts=due.attempts, delay=domain.retry_delay(due.attempts))
    return domain.is_parked(due.attempts)


async def count_failure(session: TenantSession, due: Due) -> bool:
    """Count a failed attempt in a sandbox, where nothing rests. Says whether it has now been parked.

    A parked wake-up is passed by: otherwise it would hold the tenant's clock for good.
    """
    await store.put_off(session, due, attempts=due.attempts + 1, delay=None)
    return domain.is_parked(due.attempts + 1)


async def parked(platform: PlatformSession) -> int:
    """How many wake-ups failed too often to be tried soon."""
    return await store.parked(platform)


async def lateness(platform: PlatformSession) -> timedelta:
    """How long the live wake-up that is due longest has waited; zero when none is due."""
    return await store.lateness(platform)


async def clock(session: TenantSession) -> ClockProgress:
    """Where a sandbox's clock stands. Raises SandboxOnly."""
    return await _progress(session, _sandbox(await store.clock(session)))


async def move_clock(
    session: TenantSession, actor: Actor, *, to: datetime, advances: Advances, wake_ups_max: int
) -> ClockProgress:
    """Move a sandbox's clock, stopping at each wake-up on the way and firing it there.

    After `wake_ups_max` of them a job goes on, enqueued in this transaction. While one is under way, only its
    target is moved.

    Raises:
        SandboxOnly, ClockMovesForward, ClockOutOfRange
        WakeUpFailed: roll back, and let `aim_clock` have the job do it, one transaction for each wake-up.
    """
    clock = await _movable(session, to=to)
    await _record_move(session, actor, clock, to=to)
    if clock.now_at < clock.target_at:
        return await _aim(session, clock, to=to)
    moved = await _advance_clock(session, clock, to=to, advances=advances, wake_ups_max=wake_ups_max)
    if moved.now_at < to:
        await jobs.enqueue(session, MOVE_CLOCK)
    return await _progress(session, moved)


async def aim_clock(session: TenantSession, actor: Actor, *, to: datetime) -> ClockProgress:
    """Tell a sandbox's clock where to go, and leave all of the way to a job.

    Raises:
        SandboxOnly, ClockMovesForward, ClockOutOfRange
    """
    clock = await _movable(session, to=to)
    await _record_move(session, actor, clock, to=to)
    return await _aim(session, clock, to=to)


async def continue_clock(session: TenantSession, *, advances: Advances, wake_ups_max: int) -> bool:
    """Go on towards the clock's target; says whether it is reached.

    Raises:
        WakeUpFailed: roll back, put that wake-up off, and go on.
    """
    clock = _sandbox(await store.lock_clock(session))
    moved = await _advance_clock(
        session, clock, to=clock.target_at, advances=advances, wake_ups_max=wake_ups_max
    )
    return moved.now_at == moved.target_at


async def _advance_clock(
    session: TenantSession, clock: SandboxClock, *, to: datetime, advances: Advances, wake_ups_max: int
) -> SandboxClock:
    """The clock after at most `wake_ups_max` wake-ups; the caller has locked it."""
    now_at = clock.now_at
    for _ in range(wake_ups_max):
        due = await store.next_due(session, until=to)
        if due is None:
            return await _set_clock(session, clock, SandboxClock(now_at=to, target_at=to))
        now_at = domain.next_stand(now_at, due.fire_at)
        clock = await _set_clock(session, clock, SandboxClock(now_at=now_at, target_at=to))
        await _look_at(session, due, advances, now=now_at)
        await store.finish(session, due)
    if await store.next_due(session, until=to) is None:
        now_at = to
    return await _set_clock(session, clock, SandboxClock(now_at=now_at, target_at=to))


async def _set_clock(session: TenantSession, clock: SandboxClock, to: SandboxClock) -> SandboxClock:
    if clock != to:
        await store.set_clock(session, now_at=to.now_at, target_at=to.target_at)
    return to


async def _look_at(session: TenantSession, due: Due, advances: Advances, *, now: datetime) -> None:
    try:
        await advances.of_kind[due.subject_kind](session, due.subject_id, now=now)
    except Exception as error:
        raise WakeUpFailed(due) from error


async def _movable(session: TenantSession, *, to: datetime) -> SandboxClock:
    clock = _sandbox(await store.lock_clock(session))
    if not instants.is_usable(to):
        raise ClockOutOfRange(to)
    if not domain.may_move(clock.target_at, to):
        raise ClockMovesForward(clock.target_at)
    return clock


async def _aim(session: TenantSession, clock: SandboxClock, *, to: datetime) -> ClockProgress:
    """A job is under way already if the clock is; a farther target gets one more, as that may be ending."""
    if clock.target_at < to:
        await store.set_clock(session, now_at=clock.now_at, target_at=to)
        await jobs.enqueue(session, MOVE_CLOCK)
    return await _progress(session, SandboxClock(now_at=clock.now_at, target_at=to))


async def _record_move(session: TenantSession, actor: Actor, clock: SandboxClock, *, to: datetime) -> None:
    """Record where the clock is sent, at the time that it shows."""
    deed = Deed(
        "sandbox_clock.moved",
        f"tenant:{session.tenant_id}",
        before={"target": clock.target_at},
        after={"target": to},
    )
    await audit.record(session, actor, deed, now=clock.now_at)


async def _progress(session: TenantSession, clock: SandboxClock) -> ClockProgress:
    arrived = clock.now_at == clock.target_at
    pending = 0 if arrived else await store.pending(session, until=clock.target_at)
    return ClockProgress(now=clock.now_at, target=clock.target_at, pending=pending)


def _sandbox(clock: SandboxClock | None) -> SandboxClock:
    if clock is None:
        raise SandboxOnly
    return clock
