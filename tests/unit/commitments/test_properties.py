"""What holds of every ledger, whatever is in it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from service.commitments import domain
from service.commitments.domain import (
    BusinessDaysTarget,
    ElapsedTarget,
    EndOfBusinessDayTarget,
    EntryId,
    Fulfilled,
    InstantTarget,
    Judgement,
    LedgerEntry,
    Level,
    OnChange,
    OnReopen,
    Outcome,
    Paused,
    Resumed,
    Standing,
    Target,
    Terms,
    TimeOfBusinessDayTarget,
    WorkingTarget,
)
from tests.unit.commitments.ledgers import (
    ALWAYS,
    CALENDARS,
    MICROSECOND,
    MONDAY,
    OFFICE,
    REQUESTER,
    SUPPLIER,
    Ledger,
    patient,
    step,
    told,
)

SPAN_MINUTES = 5 * 24 * 60
MINUTES = st.integers(min_value=0, max_value=SPAN_MINUTES)
CAUSES = st.sampled_from([REQUESTER, SUPPLIER, "lunch"])


def _after(minutes: int) -> datetime:
    return MONDAY + timedelta(minutes=minutes)


TARGETS: st.SearchStrategy[Target] = st.one_of(
    st.builds(WorkingTarget, st.integers(1, 2 * 86_400)),
    st.builds(ElapsedTarget, st.integers(1, 4 * 86_400)),
    st.builds(BusinessDaysTarget, st.integers(1, 3)),
    st.builds(EndOfBusinessDayTarget, st.integers(0, 3)),
    st.builds(TimeOfBusinessDayTarget, st.integers(0, 3), st.integers(0, 23).map(time)),
    st.builds(InstantTarget, MINUTES.map(_after)),
)
GROUPS = st.sampled_from(["network", "desk"])
TERMS: st.SearchStrategy[Terms] = st.builds(
    Terms,
    metric=st.just("resolve"),
    target=TARGETS,
    calendar=st.sampled_from([OFFICE, ALWAYS]),
    pausable_by=st.frozensets(st.sampled_from([REQUESTER, SUPPLIER])),
    on_change=st.sampled_from(list(OnChange)),
    may_be_later=st.booleans(),
    warn_before=st.one_of(st.none(), st.integers(1, 600).map(lambda minutes: timedelta(minutes=minutes))),
    fulfilled_by=st.just(frozenset({"resolved", "reply"})),
    on_reopen=st.sampled_from(list(OnReopen)),
    level=st.sampled_from(list(Level)),
    held_by=st.none() | GROUPS,
    restarts_by=st.sampled_from([frozenset[str](), frozenset({"reply"})]),
)

Append = Callable[[Ledger], object]


def _appending(method: str, *more: st.SearchStrategy[Any]) -> st.SearchStrategy[Append]:
    def append(minutes: int, *arguments: Any) -> Append:
        return lambda ledger: getattr(ledger, method)(_after(minutes), *arguments)

    return st.builds(append, MINUTES, *more)


PAUSING = (_appending("pause", CAUSES), _appending("resume", CAUSES))
ASSIGNING = _appending("assign", st.none() | GROUPS, st.none() | st.just("ann"))
OPEN_ENDED = st.lists(st.one_of(*PAUSING, ASSIGNING, _appending("reterm", TERMS)), max_size=8)
ANY = st.lists(
    st.one_of(
        *PAUSING,
        ASSIGNING,
        _appending("reterm", TERMS),
        _appending("fulfil", st.sampled_from(["resolved", "reply"])),
        _appending("reopen"),
        _appending("cancel"),
        _appending("announce", st.integers(1, 2)),
        _appending("resume", st.none()),
    ),
    max_size=10,
)
WITHOUT_RESUMING_ALL = st.lists(
    st.one_of(*PAUSING, _appending("reterm", TERMS), _appending("fulfil"), _appending("reopen")), max_size=10
)


@dataclass(frozen=True)
class Case:
    ledger: Ledger
    now: datetime

    def standing(self, now: datetime | None = None) -> Standing:
        return self.ledger.standing(now or self.now)


def cases(
    appends: st.SearchStrategy[list[Append]], terms: st.SearchStrategy[Terms] = TERMS
) -> st.SearchStrategy[Case]:
    def case(minutes: int, first: Terms, steps: list[Append], now: int) -> Case:
        ledger = Ledger().start(_after(minutes), first)
        for append in steps:
            append(ledger)
        return Case(ledger, _after(now))

    return st.builds(case, MINUTES, terms, appends, MINUTES)


def _lasting(judged: Judgement) -> tuple[object, ...]:
    """What is stored of a promise: all but the figures that grow with the clock."""
    return (
        judged.cycle,
        judged.clock,
        judged.outcome,
        judged.due_at,
        judged.warn_at,
        judged.paused_since,
        judged.fulfilled_at,
        judged.cancelled_at,
        judged.reopened_at,
        judged.broken_at,
    )


def _or_never(at: datetime | None) -> datetime:
    return datetime.max.replace(tzinfo=MONDAY.tzinfo) if at is None else at


def _pause(ledger: Ledger, since: datetime, until: datetime, cause: str = REQUESTER) -> list[LedgerEntry]:
    """A pause of a cause of its own kind, beside whatever the ledger holds."""
    number = len(ledger.entries)
    return [
        Paused(
            at=since,
            source_sequence=1,
            received_at=until,
            id=EntryId(f"p{number}"),
            cause=cause,
            party="requester",
        ),
        Resumed(at=until, source_sequence=1, received_at=until, id=EntryId(f"r{number}"), cause=cause),
    ]


@patient
@given(case=cases(ANY), later=MINUTES)
def test_time_alone_never_moves_a_commitment_backwards(case: Case, later: int) -> None:
    """With nothing more recorded, a due stays, a settled promise stays, and a broken one is never mended."""
    now = max([case.now, *(entry.at for entry in case.ledger.entries)])
    before, after = case.standing(now).current, case.standing(now + timedelta(minutes=later)).current

    assert after.due_at == before.due_at
    assert after.outcome in {before.outcome, Outcome.BROKEN}
    assert before.clock == after.clock
    assert after.lateness >= before.lateness
    assert after.used >= before.used


@patient
@given(case=cases(ANY), share=st.floats(0, 1))
def test_nothing_changes_before_the_next_wake_up(case: Case, share: float) -> None:
    standing = case.standing()
    wake_up = domain.next_wake_up(standing, case.now)
    last_instant = case.now + timedelta(days=30) if wake_up is None else wake_up - MICROSECOND
    between = case.now + (last_instant - case.now) * share

    for now in (between, last_instant):
        assert [_lasting(one) for one in case.standing(now).cycles] == [
            _lasting(one) for one in standing.cycles
        ]
        assert told(domain.happenings(standing, case.standing(now))) == told(
            domain.happenings(standing, standing)
        )


@patient
@given(case=cases(ANY))
def test_applying_twice_equals_applying_once(case: Case) -> None:
    _, after = step(case.ledger, None, case.now)

    again, unchanged = step(case.ledger, after, case.now)

    assert again == []
    assert unchanged == after


@patient
@given(case=cases(ANY), times=st.lists(MINUTES, max_size=6))
def test_each_threshold_is_told_once_for_each_cycle(case: Case, times: list[int]) -> None:
    before: Standing | None = None
    for minutes in sorted(times):
        _, before = step(case.ledger, before, _after(minutes))

    fired = [] if before is None else [(entry.cycle, entry.threshold) for entry in before.told]
    for cycle in {cycle for cycle, _ in fired}:
        breaches = [what for of, what in fired if of == cycle and what is not domain.Threshold.WARNED]
        alternating = [domain.Threshold.BROKEN, domain.Threshold.CORRECTED] * len(breaches)
        assert breaches == alternating[: len(breaches)]
        assert fired.count((cycle, domain.Threshold.WARNED)) <= 1


@patient
@given(case=cases(OPEN_ENDED), since=MINUTES, lasting=st.integers(1, 3 * 24 * 60))
def test_adding_a_pause_never_makes_the_due_earlier(case: Case, since: int, lasting: int) -> None:
    now = _after(SPAN_MINUTES * 3)
    without = case.standing(now).current
    pause = _pause(case.ledger, _after(since), _after(since + lasting), cause="supplier_two")
    entries = [_with_cause(entry, "supplier_two") for entry in case.ledger.entries]
    plain = domain.standing(entries, CALENDARS, now).current

    paused = domain.standing([*entries, *pause], CALENDARS, now).current

    assert plain.due_at == without.due_at
    assert _or_never(paused.due_at) >= _or_never(plain.due_at)


def _with_cause(entry: LedgerEntry, cause: str) -> LedgerEntry:
    """The same entry, its terms pausable by one cause more."""
    if isinstance(entry, (domain.Started, domain.Retermed)):
        return replace(entry, terms=replace(entry.terms, pausable_by=entry.terms.pausable_by | {cause}))
    return entry


@patient
@given(
    case=cases(WITHOUT_RESUMING_ALL),
    since=MINUTES,
    first=st.integers(1, 2_000),
    second=st.integers(1, 2_000),
)
def test_splitting_a_pause_changes_nothing(case: Case, since: int, first: int, second: int) -> None:
    start, middle, end = (_after(since + minutes) for minutes in (0, first, first + second))
    now = _after(SPAN_MINUTES * 2)
    entries = [_with_cause(entry, "a") for entry in case.ledger.entries]
    entries = [_with_cause(entry, "b") for entry in entries]
    whole = [*entries, *_pause(case.ledger, start, end, "a")]
    parts = [*entries, *_pause(case.ledger, start, middle, "a"), *_pause(case.ledger, middle, end, "b")]

    expected, split = (domain.standing(one, CALENDARS, now) for one in (whole, parts))

    assert [_lasting(one) for one in split.cycles] == [_lasting(one) for one in expected.cycles]


@patient
@given(case=cases(OPEN_ENDED), since=MINUTES, lasting=st.integers(0, 3 * 24 * 60))
def test_pause_and_resume_never_shorten_the_deadline(case: Case, since: int, lasting: int) -> None:
    now = _after(SPAN_MINUTES * 3)
    before = case.standing(now).current.due_at

    paused = [*case.ledger.entries, *_pause(case.ledger, _after(since), _after(since + lasting), "own")]
    entries = [_with_cause(entry, "own") for entry in paused]

    assert _or_never(domain.standing(entries, CALENDARS, now).current.due_at) >= _or_never(before)


@patient
@given(case=cases(ANY), data=st.data())
def test_order_of_arrival_does_not_matter(case: Case, data: st.DataObject) -> None:
    """Where (occurred_at, source sequence) differ; what arrived when may still raise a flag."""
    numbered = [replace(entry, source_sequence=place) for place, entry in enumerate(case.ledger.entries)]
    arrived = data.draw(st.permutations(numbered))
    ids = [replace(entry, id=EntryId(f"{place:09}")) for place, entry in enumerate(arrived)]

    expected = domain.standing(numbered, CALENDARS, case.now)
    shuffled = domain.standing(ids, CALENDARS, case.now)

    assert shuffled.cycles == expected.cycles
    assert shuffled.flags == expected.flags


@patient
@given(case=cases(OPEN_ENDED), more=st.integers(1, 86_400))
def test_a_longer_target_is_never_due_earlier(case: Case, more: int) -> None:
    now = _after(SPAN_MINUTES * 3)
    longer = [_lengthened(entry, more) for entry in case.ledger.entries]

    first = _only_started(case.ledger.entries)
    before = domain.standing(first, CALENDARS, now).current.due_at
    after = domain.standing(_only_started(longer), CALENDARS, now).current.due_at

    assert _or_never(after) >= _or_never(before)


def _lengthened(entry: LedgerEntry, more: int) -> LedgerEntry:
    if isinstance(entry, domain.Started) and isinstance(entry.terms.target, WorkingTarget):
        return replace(
            entry, terms=replace(entry.terms, target=WorkingTarget(entry.terms.target.seconds + more))
        )
    return entry


def _only_started(entries: list[LedgerEntry]) -> list[LedgerEntry]:
    return [entry for entry in entries if not isinstance(entry, domain.Retermed)]


@patient
@given(case=cases(OPEN_ENDED), by=MINUTES)
def test_kept_if_and_only_if_fulfilled_by_the_due(case: Case, by: int) -> None:
    moment = _after(by) if by else case.standing(_after(SPAN_MINUTES)).current.due_at or case.now
    case.ledger.entries.append(
        Fulfilled(at=moment, received_at=moment, source_sequence=9, id=EntryId("f"), by="resolved")
    )

    settled = case.standing(_after(SPAN_MINUTES * 9)).current

    if settled.fulfilled_at is not None and settled.due_at is not None:
        assert (settled.outcome is Outcome.KEPT) == (settled.fulfilled_at <= settled.due_at)
        assert settled.outcome is not Outcome.PENDING


@patient
@given(case=cases(OPEN_ENDED))
def test_terms_that_may_not_be_later_never_are(case: Case) -> None:
    """Without any that may, each change of terms leaves the due where it was or makes it earlier."""
    entries = [
        replace(entry, terms=replace(entry.terms, may_be_later=False))
        if isinstance(entry, (domain.Started, domain.Retermed))
        else entry
        for entry in case.ledger.entries
    ]
    now = _after(SPAN_MINUTES * 3)

    assert _or_never(domain.standing(entries, CALENDARS, now).current.due_at) <= _or_never(
        domain.standing(_only_started(entries), CALENDARS, now).current.due_at
    )


@patient
@given(case=cases(ANY))
def test_the_trace_names_one_segment_whose_due_stands(case: Case) -> None:
    for judged in case.standing().cycles:
        standing = [line for line in judged.segments if line.verdict is domain.Verdict.STANDS]

        assert len(standing) == 1
        assert standing[0].due_at == judged.due_at
