"""Use cases of promises that people make: promise, say that it is done, cancel.

They are promises like any other: their clocks, breaches and ladders are those of `commitments` and
`escalations`. What is said of one is said of all that stand in its place, which are about the same deed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from service import ids, instants
from service.audit import service as audit
from service.audit.domain import Actor, Deed
from service.calendars import service as calendars
from service.calendars.domain import BeyondHorizon
from service.calendars.errors import CalendarsUnknown
from service.commitments import service as commitments
from service.commitments.domain import (
    DONE,
    CalendarKey,
    Cancelled,
    ClockState,
    EntryId,
    Fulfilled,
    LedgerEntry,
    OnReopen,
    Origin,
    Target,
    Terms,
)
from service.commitments.errors import CommitmentEnded
from service.commitments.models import Commitment, Made
from service.commitments.service import Account, Offer
from service.db import TenantSession
from service.errors import Fault
from service.ids import CommitmentId, ContactId, DecisionId, RequestId
from service.requests import domain, renegotiating, store
from service.requests.domain import Request, State
from service.requests.errors import (
    BackdatingForbidden,
    CommitmentNotOfPerson,
    PromiseInvalid,
    RequestOver,
)
from service.requests.intake import Caller
from service.tenants import contacts
from service.tenants.errors import ContactNotFound

DUE_WITHIN = timedelta(days=3_660)


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What somebody promises: "I will call by Tuesday 15:00".

    Attributes:
        what: is promised, in words.
        metric: the name that ladders and lists know such promises by.
        target: when it is due.
        calendar: the name of the calendar that the target counts by; none for an instant or elapsed time.
        to: the contact to whom it is promised: its id, or what the client's own register calls it.
        fulfilled_by: what fulfils it besides that somebody says it is done.
    """

    what: str
    metric: str
    target: Target
    calendar: str | None = None
    to: str | None = None
    fulfilled_by: frozenset[str] = frozenset()
    pausable_by: frozenset[str] = frozenset()
    warn_before: timedelta | None = None


async def promise(
    session: TenantSession, actor: Actor, request_id: RequestId, word: Word, *, now: datetime
) -> Commitment:
    """Make a promise, which counts from now. The caller is who makes it.

    Raises:
        RequestNotFound, RequestOver, PromiseInvalid
    """
    request = (await store.get(session, request_id, client_id=None, lock=True)).to_domain()
    if request.state is State.CANCELLED:
        raise RequestOver(request_id)
    terms = await _terms(session, word)
    offer = Offer(
        request_id=request_id,
        client_id=request.client_id,
        service_id=request.service_id,
        terms=(terms,),
        decision_id=DecisionId(ids.new_id()),
        at=now,
        source_sequence=0,
        received_at=now,
        entry_id=_entry_id(),
        made=Made(
            origin=Origin.PERSON, what=word.what, by=actor.name, to=await _contact(session, request, word.to)
        ),
    )
    commitment = await _made(session, offer, now=now)
    deed = Deed("commitment.made", _label(commitment), after=_fields(commitment))
    await audit.record(session, actor, deed, now=now)
    await renegotiating.follow(session, [commitment], now=now)
    return commitment


async def fulfil(
    session: TenantSession, commitment_id: CommitmentId, *, caller: Caller, at: datetime | None, now: datetime
) -> Commitment:
    """Say that what was promised is done, at an instant that is not in the future.

    Raises:
        CommitmentNotFound, CommitmentNotOfPerson, CommitmentEnded, PromiseInvalid, BackdatingForbidden
    """
    chain = await _chain(session, commitment_id, now=now)
    done_at = now if at is None else at
    if not instants.is_usable(done_at) or done_at > now:
        raise PromiseInvalid([Fault("/at", f"It cannot be done later than now, {instants.rfc3339(now)}.")])
    if domain.is_backdated(done_at, now) and not caller.may_backdate:
        raise BackdatingForbidden
    entry = Fulfilled(at=done_at, received_at=now, id=_entry_id(), by=DONE)
    deed = Deed("commitment.fulfilled", f"commitment:{commitment_id}", after={"at": done_at})
    return await _said(session, chain, entry, deed, actor=caller.actor, now=now)


async def cancel(
    session: TenantSession, actor: Actor, commitment_id: CommitmentId, because: str, *, now: datetime
) -> Commitment:
    """Take back what a person promised; the client is told why. What is broken by now stays broken.

    Raises:
        CommitmentNotFound, CommitmentNotOfPerson, CommitmentEnded
    """
    chain = await _chain(session, commitment_id, now=now)
    entry = Cancelled(at=now, received_at=now, id=_entry_id(), because=because)
    deed = Deed("commitment.cancelled", f"commitment:{commitment_id}", after={"reason": because})
    return await _said(session, chain, entry, deed, actor=actor, now=now)


async def lock(session: TenantSession, commitment_id: CommitmentId, *, now: datetime) -> RequestId:
    """Lock the request of a promise: what is said of its promises comes one after another."""
    found = await commitments.get(session, commitment_id, client_id=None, now=now)
    await store.get(session, found.commitment.request_id, client_id=None, lock=True)
    return found.commitment.request_id


async def _terms(session: TenantSession, word: Word) -> Terms:
    """Raises PromiseInvalid."""
    try:
        versions = await calendars.current_versions(session, [] if word.calendar is None else [word.calendar])
    except CalendarsUnknown as error:
        raise PromiseInvalid([Fault("/calendar", str(error))]) from error
    key = None if word.calendar is None else CalendarKey(str(versions[word.calendar]))
    try:
        return Terms(
            metric=word.metric,
            target=word.target,
            calendar=key,
            pausable_by=word.pausable_by,
            warn_before=word.warn_before,
            fulfilled_by=word.fulfilled_by | {DONE},
            on_reopen=OnReopen.FINAL,
        )
    except ValueError as error:
        detail = "A target in working time needs the name of a calendar."
        raise PromiseInvalid([Fault("/calendar", detail)]) from error


async def _made(session: TenantSession, offer: Offer, *, now: datetime) -> Commitment:
    """The promise, unless it would be due at once. Raises PromiseInvalid."""
    try:
        (commitment,) = await commitments.make(session, offer, now=now)
    except BeyondHorizon as error:
        detail = "The calendar opens too seldom for this; promise less, or name an instant."
        raise PromiseInvalid([Fault("/target", detail)]) from error
    due_at = commitment.due_if_resumed_now or now
    if due_at <= now:
        detail = f"{instants.rfc3339(due_at)} has passed: only what lies ahead can be promised."
        raise PromiseInvalid([Fault("/due_at", detail)])
    if due_at > now + DUE_WITHIN:
        raise PromiseInvalid([Fault("/due_at", f"Nothing is promised for more than {DUE_WITHIN.days} days.")])
    return commitment


async def _contact(session: TenantSession, request: Request, to: str | None) -> ContactId | None:
    """To whom it is promised; who asked, where nobody is named. Raises PromiseInvalid."""
    if to is None:
        return request.contact_id
    try:
        return (await contacts.named(session, to, client_id=request.client_id)).id
    except ContactNotFound as error:
        raise PromiseInvalid([Fault("/to", str(error))]) from error


async def _chain(session: TenantSession, commitment_id: CommitmentId, *, now: datetime) -> list[Account]:
    """The promise of a person that was named, and those in its place, or that it stands in the place of.

    Raises:
        CommitmentNotFound, CommitmentNotOfPerson, CommitmentEnded: none of them is open.
    """
    request_id = await lock(session, commitment_id, now=now)
    found = await commitments.accounts(session, request_id, client_id=None, now=now)
    chain = chained(found, commitment_id)
    if chain[0].commitment.made.origin is not Origin.PERSON:
        raise CommitmentNotOfPerson(commitment_id)
    named = next(each for each in chain if each.commitment.id == commitment_id)
    if named.standing.current.clock is ClockState.STOPPED:
        raise CommitmentEnded(commitment_id)
    return chain


def chained(found: Sequence[Account], commitment_id: CommitmentId) -> list[Account]:
    """The promises of a request that stand in one another's place with this one, the first one first."""
    by_id = {each.commitment.id: each for each in found}
    first = by_id[commitment_id]
    while (revises := first.commitment.made.revises) is not None and revises in by_id:
        first = by_id[revises]
    chain, reached = [first], {first.commitment.id}
    for each in found:
        if each.commitment.made.revises in reached:
            chain.append(each)
            reached.add(each.commitment.id)
    return chain


async def _said(
    session: TenantSession,
    chain: Sequence[Account],
    entry: LedgerEntry,
    deed: Deed,
    *,
    actor: Actor,
    now: datetime,
) -> Commitment:
    """Append what was said to each promise of a chain that is open, with all that follows."""
    after = [
        await commitments.append(
            session,
            each.commitment.id,
            [replace(entry, at=max(entry.at, each.standing.current.started_at))],
            now=now,
        )
        for each in chain
        if each.standing.current.clock is not ClockState.STOPPED
    ]
    await audit.record(session, actor, deed, now=now)
    await renegotiating.follow(session, after, now=now)
    return next(each for each in after if _label(each) == deed.subject)


def _entry_id() -> EntryId:
    return EntryId(str(ids.new_id()))


def _label(commitment: Commitment) -> str:
    return f"commitment:{commitment.id}"


def _fields(commitment: Commitment) -> dict[str, Any]:
    return {
        "request_id": commitment.request_id,
        "metric": commitment.metric,
        "what": commitment.made.what,
        "to": commitment.made.to,
        "due_at": commitment.due_at,
    }
