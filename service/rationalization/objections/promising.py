"""How soon objections are decided, as a tenant says, and what is promised by that."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from service.audit import service as audit
from service.audit.domain import Actor, Deed
from service.calendars import service as calendars
from service.calendars.domain import BeyondHorizon
from service.calendars.errors import CalendarsUnknown
from service.commitments import duties, wire
from service.commitments.domain import ElapsedTarget, Level, Origin, Target
from service.commitments.duties import Duty
from service.commitments.models import Commitment, Made
from service.db import TenantSession
from service.errors import Fault
from service.ids import ClientId, ObjectionId
from service.rationalization.matters import Matter
from service.rationalization.objections import store
from service.rationalization.objections.domain import METRIC
from service.rationalization.objections.errors import ObjectionTermsInvalid
from service.rationalization.objections.models import ObjectionTermsRow

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectionTerms:
    """By when objections are decided, from when they are raised.

    Attributes:
        target: how long that may take.
        calendar: the name of the calendar that the target counts by; none for elapsed time.
        ladder: the name of the ladder that is climbed when it comes near, or has passed.
        warn_before: how long before, in the target's own clock; None is never.
        version: 0 where the tenant said nothing.
    """

    target: Target
    calendar: str | None = None
    ladder: str | None = None
    warn_before: timedelta | None = None
    version: int = 0


USUAL = ObjectionTerms(target=ElapsedTarget(int(timedelta(days=5).total_seconds())), warn_before=DAY)
"""What holds where a tenant said nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """Of which objection a decision is owed, and to whom.

    Attributes:
        client_id: None also for an affair of the tenant's own, which is no promise to a client.
    """

    objection_id: ObjectionId
    matter: Matter
    client_id: ClientId | None
    level: Level
    by: str


async def terms(session: TenantSession) -> ObjectionTerms:
    """What holds now."""
    row = await store.terms(session)
    return USUAL if row is None else _terms(row)


async def hold_terms(session: TenantSession) -> ObjectionTerms:
    """What holds now, which nobody else changes until the transaction ends."""
    await store.add_terms(session, _columns(USUAL))
    row = await store.terms(session, lock=True)
    return USUAL if row is None else _terms(row)


async def change_terms(
    session: TenantSession, actor: Actor, wanted: ObjectionTerms, ladders: Collection[str], *, now: datetime
) -> ObjectionTerms:
    """Say how soon objections are decided that are raised from now on.

    Args:
        session: of the tenant; the caller holds the terms.
        actor: who says so.
        wanted: the terms; their version is not looked at.
        ladders: those of the named ladder that there are.
        now: the tenant's now.

    Raises:
        ObjectionTermsInvalid
    """
    known = await calendars.names(session)
    if faults := list(_faults(wanted, known, ladders)):
        raise ObjectionTermsInvalid(faults)
    before = await terms(session)
    after = replace(wanted, version=before.version + 1)
    await store.save_terms(session, _columns(after))
    deed = Deed(
        "objection_terms.changed",
        f"tenant:{session.tenant_id}",
        before=_columns(before),
        after=_columns(after),
    )
    await audit.record(session, actor, deed, now=now)
    return after


async def promise(session: TenantSession, owed: Owed, *, now: datetime) -> Commitment:
    """The promise to decide, by the tenant's terms, or by the usual ones where those cannot be followed.

    Nobody is kept from objecting by a calendar that is gone, or that opens too seldom.
    """
    wanted = await terms(session)
    try:
        return await duties.owe(session, _duty(wanted, owed), now=now)
    except (BeyondHorizon, CalendarsUnknown):
        usual = replace(USUAL, ladder=wanted.ladder)
        return await duties.owe(session, _duty(usual, owed), now=now)


def _duty(terms: ObjectionTerms, owed: Owed) -> Duty:
    matter = owed.matter
    return Duty(
        request_id=matter.request_id,
        client_id=owed.client_id,
        service_id=matter.service_id,
        cause=owed.objection_id,
        metric=METRIC,
        target=terms.target,
        calendar=terms.calendar,
        warn_before=terms.warn_before,
        level=owed.level,
        made=Made(
            origin=Origin.OBJECTION,
            what="To decide on an objection.",
            by=owed.by,
            to=matter.contact_id,
            ladder=terms.ladder,
        ),
    )


def _faults(
    wanted: ObjectionTerms, calendars_known: Collection[str], ladders: Collection[str]
) -> Iterator[Fault]:
    by_calendar = not isinstance(wanted.target, ElapsedTarget)
    if by_calendar and wanted.calendar is None:
        yield Fault("/calendar", "A target in working time needs the name of a calendar.")
    if not by_calendar and wanted.calendar is not None:
        yield Fault("/calendar", "Elapsed time counts by no calendar; leave it out.")
    if wanted.calendar is not None and wanted.calendar not in calendars_known:
        yield Fault("/calendar", f"There is no calendar {wanted.calendar!r} that all clients share.")
    if wanted.ladder is not None and wanted.ladder not in ladders:
        yield Fault("/ladder", f"There is no ladder {wanted.ladder!r}.")


def _terms(row: ObjectionTermsRow) -> ObjectionTerms:
    seconds = row.warn_before_seconds
    return ObjectionTerms(
        target=wire.target_of(row.target),
        calendar=row.calendar,
        ladder=row.ladder,
        warn_before=None if seconds is None else timedelta(seconds=seconds),
        version=row.version,
    )


def _columns(terms: ObjectionTerms) -> dict[str, Any]:
    return {
        "target": wire.target_document(terms.target),
        "calendar": terms.calendar,
        "ladder": terms.ladder,
        "warn_before_seconds": None if terms.warn_before is None else int(terms.warn_before.total_seconds()),
        "version": terms.version,
    }
