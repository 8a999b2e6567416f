"""What one look at a promise leads to: entries, events, the next wake-up. Pure."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from service.commitments import domain, drafts, offers, risks
from service.commitments.domain import (
    Calendars,
    ClockState,
    EntryId,
    Happening,
    HappeningKind,
    LedgerEntry,
    Origin,
    Retermed,
    Standing,
    Started,
    Terms,
    Threshold,
    Told,
)
from service.commitments.domain.timeline import Interval, timeline
from service.commitments.domain.usage import Usage, usages
from service.commitments.drafts import SUBJECT_KIND
from service.commitments.forecasting.domain import Cohort
from service.commitments.forecasting.models import Curves
from service.commitments.models import Commitment, Made
from service.commitments.offers import Offer
from service.commitments.risks import Risk
from service.ids import ClientId, CommitmentId, RequestId, ServiceId
from service.outbox.models import EventDraft
from service.wakeups.models import WakeUp

OUTLIVING = frozenset({Origin.MAJOR_INCIDENT, Origin.OBJECTION, Origin.REVIEW, Origin.SPECIAL_METHOD})
"""What does not end with its request: the duties of a major incident, to decide an objection, to review what
was done, and to undo what was allowed."""
CORRECTED_BECAUSE = "a later entry of the ledger shows that the due was not missed"


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at promises works with.

    Attributes:
        calendars: those of all terms involved.
        now: the tenant's now.
        new_id: makes ids that grow.
        curves: what promises are compared with in forecasts; None where nothing is to be forecast.
    """

    calendars: Calendars
    now: datetime
    new_id: Callable[[], UUID]
    curves: Mapping[Cohort, Curves] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one look at a promise leads to, before anything is written.

    Attributes:
        standing: where the promise stands after it, with what is told.
        entries: what to append to its ledger.
        events: what to tell.
        wake_up: when to look again, if ever.
        woken_before: when it was to be looked at again before this step; the wake-up that is set now.
        risk: what is forecast of it.
    """

    commitment: Commitment
    standing: Standing
    entries: tuple[LedgerEntry, ...]
    events: tuple[EventDraft, ...]
    wake_up: WakeUp | None
    woken_before: WakeUp | None = None
    risk: Risk = risks.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A promise as it stands at the instant that was asked for, with all that explains it.

    Attributes:
        standing: what the ledger says at that instant, whether it was told of yet or not.
        intervals: how the time of its current cycle was spent.
        usages: who used the time of each of its cycles.
        revised_by: the promises that were made beside it when it could not be kept.
        risk: what is forecast of it.
    """

    commitment: Commitment
    standing: Standing
    entries: tuple[LedgerEntry, ...]
    intervals: tuple[Interval, ...]
    usages: tuple[tuple[Usage, ...], ...]
    revised_by: tuple[CommitmentId, ...] = ()
    risk: Risk = risks.NONE


def all_terms(ledgers: Iterable[Sequence[LedgerEntry]]) -> list[Terms]:
    return [entry.terms for ledger in ledgers for entry in ledger if isinstance(entry, (Started, Retermed))]


def _retermed(
    offer: Offer | None, terms: Terms | None, ledger: Sequence[LedgerEntry], look: Look
) -> list[LedgerEntry]:
    """The change of terms that an offer means to a promise; none when it has these terms already."""
    if offer is None or terms is None:
        return []
    current = domain.standing(ledger, look.calendars, offer.at).current
    if current.terms == terms or (offer.running_only and current.clock is ClockState.STOPPED):
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


def made_late(
    offer: Offer | None, known: Collection[str], past: Sequence[LedgerEntry], look: Look
) -> list[Step]:
    """What an offer promises for the first time to a request that has promises already.

    Args:
        offer: what was decided, if anything.
        known: the metrics that policies have promised already.
        past: what has happened to the request.
        look: what it works with.
    """
    if offer is None or offers.is_over(past, offer.at):
        return []
    offer = offers.knowing(offer, past)
    return [made(offer, terms, look) for terms in offer.terms if terms.metric not in known]


class _Of(NamedTuple):
    """What a promise is of."""

    request_id: RequestId
    client_id: ClientId | None
    service_id: ServiceId | None
    metric: str
    made: Made
    peers: str | None


def _of(commitment: Commitment) -> _Of:
    return _Of(
        commitment.request_id,
        commitment.client_id,
        commitment.service_id,
        commitment.metric,
        commitment.made,
        commitment.peers,
    )


def made(offer: Offer, terms: Terms, look: Look) -> Step:
    """The first step of a promise that is new."""
    started = Started(
        at=offer.at,
        source_sequence=offer.source_sequence,
        received_at=offer.received_at,
        id=offer.entry_id,
        terms=terms,
        decision=str(offer.decision_id),
    )
    entries = [started, *_touching(offer.made.origin, offer.entries)]
    standing = domain.standing(entries, look.calendars, look.now)
    of = _Of(offer.request_id, offer.client_id, offer.service_id, terms.metric, offer.made, offer.peers)
    commitment = _commitment(CommitmentId(look.new_id()), standing, of=of)
    return _after(commitment, _Change((), entries, None, standing), look)


def next_step(
    commitment: Commitment,
    ledger: Sequence[LedgerEntry],
    entries: Sequence[LedgerEntry],
    offer: Offer | None,
    look: Look,
    *,
    before: Standing | None = None,
) -> Step:
    """From where the promise stood when it was last looked at, to where it stands with what is new.

    A look that is dated before the last one, as by a clock that was set back, sees what the last one saw.

    Args:
        commitment: the promise, as it was last looked at.
        ledger: all of its entries.
        entries: what happened to its request since.
        offer: new terms, if there are.
        look: what it works with.
        before: where it stood when it was last looked at, from whoever has that; else the ledger says it.
    """
    if offer is not None and commitment.made.origin is not Origin.POLICY:
        offer = None
    terms = None if offer is None else offer.terms_of(commitment.metric)
    if offer is not None and offer.peers is not None:
        commitment = replace(commitment, peers=offer.peers)
    added = [*_retermed(offer, terms, ledger, look), *_touching(commitment.made.origin, entries)]
    before = before or domain.standing(ledger, look.calendars, commitment.looked_at)
    after = domain.standing([*ledger, *added], look.calendars, max(look.now, commitment.looked_at))
    return _after(commitment, _Change(ledger, added, before, after), look)


def _touching(origin: Origin, entries: Sequence[LedgerEntry]) -> list[LedgerEntry]:
    """What happened to the request that concerns a promise of this origin: some outlive their request."""
    outlives = origin in OUTLIVING
    return [
        entry
        for entry in entries
        if not (outlives and isinstance(entry, domain.Cancelled) and not entry.because)
    ]


class _Change(NamedTuple):
    """What is new of a promise.

    Attributes:
        ledger: what it had recorded already.
        entries: what comes to that.
        before: where it stood; None for one that is new.
        after: where it stands.
    """

    ledger: Sequence[LedgerEntry]
    entries: Sequence[LedgerEntry]
    before: Standing | None
    after: Standing


def _after(commitment: Commitment, change: _Change, look: Look) -> Step:
    before, standing = change.before, change.after
    risk = _risk([*change.ledger, *change.entries], standing, look, peers=commitment.peers)
    found = [*domain.happenings(before, standing), *_at_risk(risk, standing)]
    happened = sorted(found, key=lambda happening: happening.at)
    told = [
        _told(happening, standing.now, look.new_id(), risk=risk, terms=standing.current.terms)
        for happening in happened
        if happening.kind in domain.THRESHOLDS and happening.recorded is None
    ]
    standing = replace(standing, told=(*standing.told, *told))
    after = _commitment(
        commitment.id,
        standing,
        of=_of(commitment),
        sequence=commitment.sequence + len(happened),
        miss_chance=risk.chance,
    )
    events = [
        drafts.event(
            after,
            happening,
            sequence=commitment.sequence + place,
            now=standing.now,
            risk=risk,
            because=drafts.because_of(happening, change.entries),
        )
        for place, happening in enumerate(happened, start=1)
    ]
    return Step(
        commitment=after,
        standing=standing,
        entries=(*change.entries, *told),
        events=tuple(events),
        wake_up=_wake_up(commitment.id, standing, risk),
        woken_before=None if before is None else _woken_before(commitment.id, before),
        risk=risk,
    )


def _risk(ledger: Sequence[LedgerEntry], standing: Standing, look: Look, *, peers: str | None) -> Risk:
    if look.curves is None:
        return risks.NONE
    return risks.risk(ledger, standing, look.calendars, look.curves, peers=peers)


def _at_risk(risk: Risk, standing: Standing) -> list[Happening]:
    """That a promise is to be renegotiated, if that is to be told now."""
    if risk.at is None or not risks.is_to_be_told(risk, standing):
        return []
    current = standing.current
    return [
        Happening(
            kind=HappeningKind.AT_RISK,
            cycle=current.cycle,
            since=current.started_at,
            at=risk.at,
            due_at=current.due_at,
        )
    ]


def _wake_up(commitment_id: CommitmentId, standing: Standing, risk: Risk) -> WakeUp | None:
    instants = [domain.next_wake_up(standing, standing.now), risks.next_look(risk, standing)]
    fire_at = min((at for at in instants if at is not None), default=None)
    return None if fire_at is None else WakeUp(SUBJECT_KIND, commitment_id, fire_at)


def _woken_before(commitment_id: CommitmentId, before: Standing) -> WakeUp | None:
    """The wake-up that is set now; for one that is forecast it is not known, and so never the next one."""
    if before.current.terms.renegotiate_above is not None:
        return WakeUp(SUBJECT_KIND, commitment_id, before.now)
    return _wake_up(commitment_id, before, risks.NONE)


def _told(happening: Happening, now: datetime, entry_id: UUID, *, risk: Risk, terms: Terms) -> Told:
    because = {
        HappeningKind.CORRECTED: CORRECTED_BECAUSE,
        HappeningKind.AT_RISK: risks.because(risk, terms.renegotiate_above),
    }
    return Told(
        at=now,
        received_at=now,
        id=EntryId(str(entry_id)),
        cycle=happening.cycle,
        threshold=domain.THRESHOLDS[happening.kind],
        because=because.get(happening.kind, ""),
        since=happening.since,
    )


def _commitment(
    commitment_id: CommitmentId,
    standing: Standing,
    *,
    of: _Of,
    sequence: int = 0,
    miss_chance: float | None = None,
) -> Commitment:
    current = standing.current
    breaches = [
        entry for entry in standing.told if entry.threshold in {Threshold.BROKEN, Threshold.CORRECTED}
    ]
    is_corrected = bool(breaches) and breaches[-1].threshold is Threshold.CORRECTED
    return Commitment(
        id=commitment_id,
        request_id=of.request_id,
        client_id=of.client_id,
        service_id=of.service_id,
        metric=of.metric,
        made=of.made,
        peers=of.peers,
        level=current.terms.level,
        held_by=current.terms.held_by,
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
        warned_at=_told_at(standing, Threshold.WARNED),
        broken_at=current.broken_at,
        corrected_at=breaches[-1].at if is_corrected else None,
        flags=tuple(sorted(flag.value for flag in standing.flags)),
        looked_at=standing.now,
        sequence=sequence,
        announced_at=current.announced_at,
        silent=any(cycle.is_silent for cycle in standing.cycles),
        used=current.used,
        miss_chance=miss_chance,
        at_risk_at=_told_at(standing, Threshold.AT_RISK),
    )


def _told_at(standing: Standing, threshold: Threshold) -> datetime | None:
    """When that was last told of the current cycle."""
    since = standing.current.started_at
    at = [entry.at for entry in standing.told if entry.threshold is threshold and entry.since == since]
    return at[-1] if at else None


def account(
    commitment: Commitment,
    ledger: Sequence[LedgerEntry],
    look: Look,
    *,
    revised_by: Sequence[CommitmentId] = (),
) -> Account:
    """Explain a promise by its ledger."""
    standing = domain.standing(ledger, look.calendars, look.now)
    current = standing.current
    until = max(look.now, current.started_at)
    risk = _risk(ledger, standing, look, peers=commitment.peers)
    return Account(
        commitment=_commitment(
            commitment.id,
            standing,
            of=_of(commitment),
            sequence=commitment.sequence,
            miss_chance=risk.chance,
        ),
        standing=standing,
        entries=tuple(domain.in_order(ledger)),
        intervals=tuple(timeline(standing, look.calendars, until=until)),
        usages=usages(ledger, look.calendars, look.now),
        revised_by=tuple(revised_by),
        risk=risk,
    )
