"""What one look at a promise leads to: entries, events, the next wake-up. Pure."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from service.commitments import domain, risks
from service.commitments.domain import (
    CLOSED,
    RESOLVED,
    Assigned,
    Calendars,
    Cancelled,
    ClockState,
    EntryId,
    Fulfilled,
    Happening,
    HappeningKind,
    LedgerEntry,
    Level,
    Origin,
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
from service.commitments.domain.usage import Usage, usages
from service.commitments.forecasting.domain import Cohort
from service.commitments.forecasting.models import Curves
from service.commitments.models import BY_POLICY, Commitment, Made
from service.commitments.risks import Risk
from service.ids import ClientId, CommitmentId, DecisionId, RequestId, ServiceId
from service.outbox.models import EventDraft
from service.wakeups.models import WakeUp

SUBJECT_KIND = "commitment"

LATE_AFTER = timedelta(minutes=1)
"""What is told later than this after it came about is marked late."""

CORRECTED_BECAUSE = "a later entry of the ledger shows that the due was not missed"

STATES = (Fulfilled, Reopened, Cancelled)
"""Entries that tell of the request's state, or of what was done."""

WAITS = (Paused, Resumed, Assigned)
"""Entries that tell whose turn it is."""


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
class Offer:
    """What one decision promises to one request.

    Attributes:
        terms: one promise each; their metrics differ.
        at: from when they hold: the instant of the request's event that was decided on.
        entry_id: that event, which orders what happened at the same instant.
        entries: what else has happened to the request that new promises must know of.
        running_only: whether promises that have ended are left as they are, even for a reopening.
        made: how they come about.
        peers: see `Commitment.peers`.
    """

    request_id: RequestId
    client_id: ClientId | None
    service_id: ServiceId | None = None
    terms: tuple[Terms, ...]
    decision_id: DecisionId
    at: datetime
    source_sequence: int
    received_at: datetime
    entry_id: EntryId
    entries: tuple[LedgerEntry, ...] = ()
    running_only: bool = False
    made: Made = BY_POLICY
    peers: str | None = None

    def terms_of(self, metric: str) -> Terms | None:
        return next((terms for terms in self.terms if terms.metric == metric), None)


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


def past_of(ledgers: Iterable[Iterable[LedgerEntry]]) -> list[LedgerEntry]:
    """What has happened to a request, as its promises have recorded it; not what happened to one of them."""
    found: Mapping[tuple[type[LedgerEntry], str], LedgerEntry] = {
        (type(entry), entry.id): entry for ledger in ledgers for entry in ledger if _is_of_request(entry)
    }
    return list(found.values())


def _is_of_request(entry: LedgerEntry) -> bool:
    """Whether it happened to the request, and not to one of its promises alone."""
    match entry:
        case Fulfilled(by=by):
            return by != domain.DONE
        case Cancelled(because=because):
            return not because
        case _:
            return isinstance(entry, (*WAITS, Reopened))


def _is_over(past: Iterable[LedgerEntry], at: datetime) -> bool:
    """Whether the request was resolved, closed or cancelled at that instant."""
    states = [entry for entry in domain.in_order(past) if entry.at <= at and _is_state(entry)]
    return bool(states) and not isinstance(states[-1], Reopened)


def _is_state(entry: LedgerEntry) -> bool:
    ends = isinstance(entry, Fulfilled) and entry.by in {RESOLVED, CLOSED}
    return ends or isinstance(entry, (Reopened, Cancelled))


def knowing(offer: Offer, past: Iterable[LedgerEntry]) -> Offer:
    """The offer with what new promises must know of the request: all waiting, and what came later."""
    known = list(past)
    waits = [entry for entry in known if isinstance(entry, WAITS)]
    later = [entry for entry in known if isinstance(entry, STATES) and entry.at >= offer.at]
    return replace(offer, entries=(*offer.entries, *waits, *later))


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


def promised_by_policies(commitments: Iterable[Commitment]) -> set[str]:
    """The metrics of what policies promised."""
    return {one.metric for one in commitments if one.made.origin is Origin.POLICY}


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
    if offer is None or _is_over(past, offer.at):
        return []
    offer = knowing(offer, past)
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
    entries = [started, *offer.entries]
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
    is_of_policy = commitment.made.origin is Origin.POLICY
    if not is_of_policy:
        offer = None
    terms = None if offer is None else offer.terms_of(commitment.metric)
    if offer is not None and offer.peers is not None:
        commitment = replace(commitment, peers=offer.peers)
    added = [*_retermed(offer, terms, ledger, look), *entries]
    before = before or domain.standing(ledger, look.calendars, commitment.looked_at)
    after = domain.standing([*ledger, *added], look.calendars, max(look.now, commitment.looked_at))
    return _after(commitment, _Change(ledger, added, before, after), look)


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
        _event(
            after,
            happening,
            sequence=commitment.sequence + place,
            now=standing.now,
            risk=risk,
            because=_because(happening, change.entries),
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
    return [Happening(kind=HappeningKind.AT_RISK, cycle=current.cycle, at=risk.at, due_at=current.due_at)]


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
    cycle = standing.current.cycle
    at = [entry.at for entry in standing.told if entry.threshold is threshold and entry.cycle == cycle]
    return at[-1] if at else None


def _because(happening: Happening, entries: Iterable[LedgerEntry]) -> str:
    """What somebody said of a correction, or of a cancellation."""
    if happening.recorded is not None:
        return happening.recorded.because
    if happening.kind is not HappeningKind.CANCELLED:
        return ""
    return next((entry.because for entry in entries if isinstance(entry, Cancelled)), "")


def _event(
    commitment: Commitment,
    happening: Happening,
    *,
    sequence: int,
    now: datetime,
    risk: Risk,
    because: str,
) -> EventDraft:
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
            "silent": happening.silent,
            "because": because,
            "late": now - happening.at > LATE_AFTER,
            **(_forecast(risk) if happening.kind is HappeningKind.AT_RISK else {}),
        },
        client_id=commitment.client_id,
        internal=commitment.level is not Level.SLA,
    )


def _forecast(risk: Risk) -> dict[str, Any]:
    """What was forecast, for the event that tells of it; others may be told to clients."""
    curve_id = None if risk.curves is None else risk.curves.id
    return {"miss_chance": risk.chance, "curve_id": curve_id}


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
