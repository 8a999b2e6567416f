"""Use cases of repinnings: preview one, carry it out, cancel it, resume it. `progress` does the work."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from service import ids
from service.audit import service as audit
from service.audit.domain import Actor, Deed
from service.calendars import service as calendars
from service.db import TenantSession
from service.ids import CalendarId, CalendarVersionId, PolicyId, RepinningId
from service.jobs import service as jobs
from service.limits import service as limits
from service.limits.domain.table import REPINNINGS_AT_ONCE
from service.requests.repinning import domain, ending, store
from service.requests.repinning.domain import (
    PREVIEW_HOLDS_FOR,
    UNDER_WAY,
    Phase,
    PromiseTotals,
    Reach,
    Subject,
)
from service.requests.repinning.errors import (
    PolicyNotInEffect,
    PreviewMissing,
    PreviewStale,
    RepinningEnded,
    RepinningNotResumable,
)
from service.requests.repinning.models import Outcome, Repinning, RequestChange
from service.rules import policies
from service.rules import service as rules
from service.rules.vocabulary import RequestType
from service.tenants import service as tenants

REPIN = "requests.repin"
"""The job that goes on with one repinning."""


async def of_policy(session: TenantSession, policy_id: PolicyId, *, now: datetime) -> Subject:
    """The version of a policy that is in effect. The policy stays locked until the transaction ends.

    Raises:
        PolicyNotFound, PolicyNotInEffect
    """
    await policies.get(session, policy_id, lock=True)
    ref = await rules.version_in_effect(session, policy_id, now=now)
    if ref is None:
        raise PolicyNotInEffect(policy_id)
    return Subject(policy_id=policy_id, version=ref.version, version_id=ref.version_id)


async def of_calendar(session: TenantSession, calendar_id: CalendarId) -> Subject:
    """The current version of a calendar, which stays locked until the transaction ends.

    Raises:
        CalendarNotFound
    """
    current = (await calendars.get(session, calendar_id, lock=True)).current
    return Subject(calendar_id=calendar_id, version=current.version, version_id=CalendarVersionId(current.id))


async def reach(
    session: TenantSession,
    *,
    clients: Collection[str],
    services: Collection[str],
    request_types: Collection[RequestType],
    received_after: datetime | None,
) -> Reach:
    """Which running requests are meant, by the names in the registers.

    Raises:
        ClientNotFound, ServiceNotFound
    """
    return Reach(
        clients={name: (await tenants.find_client(session, name)).id for name in sorted(set(clients))},
        services={name: (await tenants.find_service(session, name)).id for name in sorted(set(services))},
        request_types=frozenset(request_types),
        received_after=received_after,
    )


async def preview(
    session: TenantSession, actor: Actor, subject: Subject, within: Reach, *, note: str | None, now: datetime
) -> Repinning:
    """Have it found out what would change, as of `now`. Nothing of any request is written.

    Raises:
        RepinningsAtOnceTooMany
    """
    await store.drop_previews(session, subject, before=now - PREVIEW_HOLDS_FOR)
    asked = _new(actor, subject, within, note, now)
    return await _begin(session, asked, "repinning_previewed", now=now)


async def carry_out(
    session: TenantSession,
    actor: Actor,
    subject: Subject,
    preview_id: RepinningId,
    *,
    note: str | None,
    now: datetime,
) -> Repinning:
    """Put running requests on the version that a preview has shown the consequences of.

    Raises:
        RepinningNotFound, PreviewMissing, PreviewStale, RepinningUnderWay, RepinningsAtOnceTooMany
    """
    shown = (await store.get(session, preview_id)).to_domain()
    if not shown.is_preview or not shown.subject.is_of(subject) or shown.phase is not Phase.DONE:
        raise PreviewMissing(preview_id, subject.label)
    if shown.subject != subject:
        raise PreviewStale(preview_id, f"version {subject.version} is in effect, not {shown.subject.version}")
    if now - shown.created_at > PREVIEW_HOLDS_FOR:
        raise PreviewStale(preview_id, "it is older than an hour")
    asked = replace(_new(actor, subject, shown.reach, note, now), preview_id=preview_id)
    return await _begin(session, asked, "repinning_started", now=now)


async def cancel(
    session: TenantSession, actor: Actor, repinning_id: RepinningId, *, now: datetime
) -> Repinning:
    """Let it end after the request that it is at. What was done stays done.

    Raises:
        RepinningNotFound, RepinningEnded
    """
    row = await store.get(session, repinning_id, lock=True)
    held = row.to_domain()
    if held.phase not in UNDER_WAY:
        raise RepinningEnded(repinning_id)
    ended = await ending.end(session, held, Phase.CANCELLED, actor=actor, now=now)
    await store.save(session, ended, last_request_id=row.last_request_id)
    return ended


async def resume(
    session: TenantSession, actor: Actor, repinning_id: RepinningId, *, now: datetime
) -> Repinning:
    """Go on with what was cancelled or could not go on, and try again what failed.

    What is under way goes on anyway.

    Raises:
        RepinningNotFound, RepinningNotResumable, PreviewStale, RepinningUnderWay, RepinningsAtOnceTooMany
    """
    found = (await store.get(session, repinning_id)).to_domain()
    current = await _current(session, found.subject, now=now)
    row = await store.get(session, repinning_id, lock=True)
    held = row.to_domain()
    if held.phase in UNDER_WAY:
        return held
    if not domain.may_resume(held.phase, failed=held.failed):
        raise RepinningNotResumable(repinning_id)
    if current != held.subject:
        raise PreviewStale(
            repinning_id, f"version {current.version} is in effect, not {held.subject.version}"
        )
    if not held.is_preview:
        await store.refuse_under_way(session, held.subject)
    await limits.make_room(session, REPINNINGS_AT_ONCE, lambda: store.under_way_count(session))
    resumed = replace(held, phase=Phase.QUEUED, runs=held.runs + 1, reason=None, ended_at=None)
    await store.forgive(session, repinning_id)
    await store.save(session, resumed, last_request_id=row.last_request_id)
    await _have_done(session, resumed, actor, "repinning_resumed", now=now)
    return resumed


async def get(session: TenantSession, repinning_id: RepinningId) -> Repinning:
    """One repinning. Raises RepinningNotFound."""
    return (await store.get(session, repinning_id)).to_domain()


async def list_all(
    session: TenantSession,
    *,
    policy_id: PolicyId | None,
    calendar_id: CalendarId | None,
    before: UUID | None,
    limit: int,
) -> list[Repinning]:
    """Repinnings and previews, the youngest first."""
    rows = await store.listed(
        session, policy_id=policy_id, calendar_id=calendar_id, before=before, limit=limit
    )
    return [row.to_domain() for row in rows]


async def changes(
    session: TenantSession,
    repinning_id: RepinningId,
    *,
    outcome: Outcome | None,
    after: UUID | None,
    limit: int,
) -> list[RequestChange]:
    """The requests whose promises change, and those that failed. Raises RepinningNotFound."""
    await store.get(session, repinning_id)
    rows = await store.changes(session, repinning_id, outcome=outcome, after=after, limit=limit)
    return [row.to_domain() for row in rows]


def _new(actor: Actor, subject: Subject, within: Reach, note: str | None, now: datetime) -> Repinning:
    return Repinning(
        id=RepinningId(ids.new_id()),
        subject=subject,
        preview_id=None,
        reach=within,
        note=note,
        actor=actor,
        phase=Phase.QUEUED,
        runs=1,
        reason=None,
        total=None,
        done=0,
        repinned=0,
        changed=0,
        failed=0,
        promises=PromiseTotals(),
        deviation=None,
        created_at=now,
        ended_at=None,
    )


async def _current(session: TenantSession, subject: Subject, *, now: datetime) -> Subject:
    """The version in effect of what this is a version of."""
    if subject.policy_id is not None:
        return await of_policy(session, subject.policy_id, now=now)
    if subject.calendar_id is not None:
        return await of_calendar(session, subject.calendar_id)
    raise ValueError("a subject without a policy or a calendar")


async def _begin(session: TenantSession, asked: Repinning, action: str, *, now: datetime) -> Repinning:
    await limits.make_room(session, REPINNINGS_AT_ONCE, lambda: store.under_way_count(session))
    await store.add(session, asked)
    await _have_done(session, asked, asked.actor, action, now=now)
    return asked


async def _have_done(
    session: TenantSession, asked: Repinning, actor: Actor, action: str, *, now: datetime
) -> None:
    """Record who wants it, and leave it to the job."""
    subject = asked.subject
    after: dict[str, Any] = {
        "repinning_id": asked.id,
        "version": subject.version,
        "preview_id": asked.preview_id,
        "scope": asked.reach.to_json(),
        "note": asked.note,
    }
    await audit.record(session, actor, Deed(f"{subject.kind}.{action}", subject.label, after=after), now=now)
    await jobs.enqueue(session, REPIN, repinning_id=asked.id)
