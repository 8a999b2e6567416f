"""Use cases of maintenance: plan a window, change it, call it off; go through requests as it begins and ends.

A window that begins or ends wakes each request of its service, one transaction each. What that request is
owed, it works out from all windows of the service and its own ledger: late, or twice, is the same.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from service import ids
from service.audit import service as audit
from service.audit.domain import Actor, Deed
from service.db import TenantSession
from service.ids import ClientId, MaintenanceId, RequestId, ServiceId
from service.limits import service as limits
from service.limits.domain.table import MAINTENANCE_WINDOWS
from service.outbox import service as outbox
from service.outbox.models import EventDraft
from service.requests import holding
from service.requests import service as requests
from service.requests import store as requests_store
from service.requests.maintenance import domain, store
from service.requests.maintenance.errors import MaintenanceWindowInvalid, MaintenanceWindowOver
from service.rules.service import Rulebook
from service.tenants import service as tenants
from service.tenants.models import MaintenanceWindowRow
from service.tenants.spells import MaintenanceWindow, WindowState
from service.wakeups import service as wakeups
from service.wakeups.models import WakeUp

SUBJECT_KIND = "maintenance"
REQUEST_KIND = holding.SUBJECT_KIND

WOKEN_AT_ONCE = 500
TOLD_FOR = timedelta(days=90)
"""Client organizations with a request on the service in so long are told of its maintenance."""
TOLD_AT_ONCE = 500
LATE_AFTER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is asked of a window."""

    starts_at: datetime
    ends_at: datetime
    reason: str | None = None


async def plan(
    session: TenantSession, actor: Actor, service_id: ServiceId, asked: Plan, *, now: datetime
) -> MaintenanceWindow:
    """Plan a window of maintenance.

    Raises:
        ServiceNotFound, MaintenanceWindowInvalid, MaintenanceWindowsTooMany
    """
    await tenants.get_service(session, service_id)
    _refuse(domain.faults_of_plan(asked.starts_at, asked.ends_at, now))
    await limits.make_room(session, MAINTENANCE_WINDOWS, lambda: store.count_not_over(session, now))
    window = MaintenanceWindow(
        id=MaintenanceId(ids.new_id()),
        service_id=service_id,
        starts_at=asked.starts_at,
        ends_at=asked.ends_at,
        reason=asked.reason,
        created_at=now,
    )
    await store.add(session, _row(session, window))
    await wakeups.schedule(session, [WakeUp(SUBJECT_KIND, window.id, window.starts_at)])
    deed = Deed("maintenance.planned", _label(window), after=_fields(window))
    await audit.record(session, actor, deed, now=now)
    return await _tell(session, window, "maintenance.planned", at=now, now=now)


async def change(
    session: TenantSession, actor: Actor, window_id: MaintenanceId, asked: Plan, *, now: datetime
) -> MaintenanceWindow:
    """Put a window that is not over to other times, or extend it while it runs.

    Raises:
        MaintenanceWindowNotFound, MaintenanceWindowOver, MaintenanceWindowInvalid
    """
    before = await _open(session, window_id, now=now)
    _refuse(domain.faults_of_change(before, asked.starts_at, asked.ends_at, now))
    changed = replace(
        before,
        starts_at=asked.starts_at,
        ends_at=asked.ends_at,
        reason=asked.reason,
        version=before.version + 1,
    )
    await store.change(
        session,
        window_id,
        starts_at=changed.starts_at,
        ends_at=changed.ends_at,
        reason=changed.reason,
        version=changed.version,
    )
    await _wake(session, changed, now=now)
    deed = Deed("maintenance.changed", _label(changed), before=_fields(before), after=_fields(changed))
    await audit.record(session, actor, deed, now=now)
    return await _tell(session, changed, "maintenance.planned", at=now, now=now)


async def call_off(
    session: TenantSession, actor: Actor, window_id: MaintenanceId, *, now: datetime
) -> MaintenanceWindow:
    """Let a window not take place, or end now.

    Raises:
        MaintenanceWindowNotFound, MaintenanceWindowOver
    """
    before = await _open(session, window_id, now=now)
    ended = replace(before, called_off_at=now, state=WindowState.CALLED_OFF, version=before.version + 1)
    await store.change(session, window_id, called_off_at=now, state=ended.state.value, version=ended.version)
    await _wake(session, ended, now=now)
    deed = Deed("maintenance.called_off", _label(ended), before=_fields(before), after=_fields(ended))
    await audit.record(session, actor, deed, now=now)
    return await _tell(session, ended, "maintenance.ended", at=now, now=now)


async def get(session: TenantSession, window_id: MaintenanceId, *, lock: bool = False) -> MaintenanceWindow:
    """One window. Raises MaintenanceWindowNotFound."""
    return (await store.get(session, window_id, lock=lock)).to_domain()


async def list_windows(
    session: TenantSession,
    *,
    service_id: ServiceId | None,
    over_after: datetime | None,
    after: UUID | None,
    limit: int,
) -> list[MaintenanceWindow]:
    """Windows in the order of their planning; with `over_after`, those that were not over by then."""
    rows = await store.listed(session, service_id=service_id, over_after=over_after, after=after, limit=limit)
    return [row.to_domain() for row in rows]


async def count(session: TenantSession) -> int:
    """How many windows are not over."""
    return await store.count_not_over(session, await tenants.now(session))


async def advance(session: TenantSession, subject_id: UUID, *, now: datetime) -> None:
    """Let a window begin or end if it is time to: wake the requests of its service. Safe to repeat.

    Raises:
        MaintenanceWindowNotFound
    """
    row = await store.get(session, MaintenanceId(subject_id), lock=True)
    window = row.to_domain()
    pass_at = domain.next_pass_at(window)
    if pass_at is None:
        return
    if pass_at > now:
        await wakeups.schedule(session, [WakeUp(SUBJECT_KIND, window.id, pass_at)])
        return
    window = await _turned(session, window, now=now)
    woken = await store.running_requests(
        session,
        window.service_id,
        received_since=domain.received_since(window),
        after=row.last_request_id,
        limit=WOKEN_AT_ONCE,
    )
    await wakeups.schedule(session, [WakeUp(REQUEST_KIND, request_id, now) for request_id in woken])
    if len(woken) == WOKEN_AT_ONCE:
        last, passed = woken[-1], window
    else:
        last, passed = None, replace(window, passes=window.passes + 1)
    await store.change(
        session,
        window.id,
        state=passed.state.value,
        passes=passed.passes,
        last_request_id=last,
        sequence=passed.sequence,
    )
    await _wake(session, passed, now=now)


async def look(session: TenantSession, request_id: UUID, *, rulebook: Rulebook, now: datetime) -> None:
    """Let a request's ledger say what its service's maintenance means to it. Safe to repeat.

    Raises:
        RequestNotFound
    """
    row = await requests_store.get(session, RequestId(request_id), client_id=None, lock=True)
    request = row.to_domain()
    for event in await holding.owed(session, request, now=now):
        request = (await requests.append(session, rulebook, request, event, Actor(), now=now)).request


async def _open(session: TenantSession, window_id: MaintenanceId, *, now: datetime) -> MaintenanceWindow:
    """A window that is not over, locked. Raises MaintenanceWindowNotFound, MaintenanceWindowOver."""
    window = (await store.get(session, window_id, lock=True)).to_domain()
    if domain.state_at(window, now) not in {WindowState.PLANNED, WindowState.RUNNING}:
        raise MaintenanceWindowOver(window_id)
    return window


async def _turned(session: TenantSession, window: MaintenanceWindow, *, now: datetime) -> MaintenanceWindow:
    """The window as what is true of it now was told; what was called off was told when it was."""
    state = domain.state_at(window, now)
    if state in {window.state, WindowState.CALLED_OFF}:
        return window
    began = state is WindowState.RUNNING
    kind, at = ("maintenance.began", window.starts_at) if began else ("maintenance.ended", window.over_at)
    return await _tell(session, replace(window, state=state), kind, at=at, now=now)


async def _wake(session: TenantSession, window: MaintenanceWindow, *, now: datetime) -> None:
    """Set the window's next wake-up, or remove the one it had."""
    pass_at = domain.next_pass_at(window)
    if pass_at is None:
        await wakeups.cancel(session, SUBJECT_KIND, [window.id])
    else:
        await wakeups.schedule(session, [WakeUp(SUBJECT_KIND, window.id, max(pass_at, now))])


async def _tell(
    session: TenantSession, window: MaintenanceWindow, kind: str, *, at: datetime, now: datetime
) -> MaintenanceWindow:
    """Tell the tenant, and each client organization that uses the service; the window as it was told."""
    service = await tenants.get_service(session, window.service_id)
    clients = await store.clients_of(session, window.service_id, received_since=now - TOLD_FOR)
    payload = {**_fields(window), "service": service.name, "late": now - at > LATE_AFTER}
    drafts = [
        EventDraft(
            type=kind,
            subject_kind=SUBJECT_KIND,
            subject_id=window.id,
            sequence=sequence,
            occurred_at=at,
            payload=payload,
            client_id=client_id,
        )
        for sequence, client_id in enumerate(_told(clients), start=window.sequence + 1)
    ]
    for first in range(0, len(drafts), TOLD_AT_ONCE):
        await outbox.append(session, drafts[first : first + TOLD_AT_ONCE])
    await store.change(session, window.id, sequence=drafts[-1].sequence)
    return replace(window, sequence=drafts[-1].sequence)


def _told(clients: Collection[ClientId]) -> list[ClientId | None]:
    return [None, *clients]


def _refuse(faults: list[Any]) -> None:
    if faults:
        raise MaintenanceWindowInvalid(faults)


def _label(window: MaintenanceWindow) -> str:
    return f"maintenance:{window.id}"


def _fields(window: MaintenanceWindow) -> dict[str, Any]:
    """What the audit trail and events say of a window."""
    return {
        "maintenance_id": window.id,
        "service_id": window.service_id,
        "from": window.starts_at,
        "until": window.ends_at,
        "called_off_at": window.called_off_at,
        "reason": window.reason,
        "state": window.state.value,
    }


def _row(session: TenantSession, window: MaintenanceWindow) -> MaintenanceWindowRow:
    return MaintenanceWindowRow(
        tenant_id=session.tenant_id,
        id=window.id,
        service_id=window.service_id,
        starts_at=window.starts_at,
        ends_at=window.ends_at,
        called_off_at=None,
        reason=window.reason,
        state=window.state.value,
        passes=window.passes,
        last_request_id=None,
        version=window.version,
        sequence=window.sequence,
        created_at=window.created_at,
    )
