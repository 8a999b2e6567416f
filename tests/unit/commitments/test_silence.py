"""A breach that nobody announced is silent; one that somebody corrects counts and is told no more."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.commitments import domain
from service.commitments.domain import HappeningKind, OnReopen, Outcome, Standing, Threshold
from tests.unit.commitments.ledgers import MICROSECOND, Ledger, at, hours, patient, resolve, step
from tests.unit.commitments.test_properties import ANY, Case, cases


def _broken(*, announced_at: datetime | None = None) -> Ledger:
    """Four hours from 09:00, not kept."""
    ledger = Ledger().start(at("09:00"), resolve(hours(4)))
    return ledger if announced_at is None else ledger.announce(announced_at)


@pytest.mark.parametrize(
    ("announced_at", "silent"),
    [
        (None, True),
        (at("11:00"), False),
        (at("13:00"), False),
        (at("13:00") + MICROSECOND, True),
        (at("14:00"), True),
    ],
    ids=["never", "before the due", "at the due", "just after it", "after it"],
)
def test_a_breach_is_silent_unless_it_was_announced_by_its_due(
    announced_at: datetime | None, *, silent: bool
) -> None:
    current = _broken(announced_at=announced_at).standing(at("15:00")).current

    assert (current.outcome, current.is_silent) == (Outcome.BROKEN, silent)
    assert current.announced_at == announced_at


def test_what_is_not_broken_is_not_silent() -> None:
    assert not _broken().standing(at("12:00")).current.is_silent


def test_what_was_announced_of_one_cycle_says_nothing_of_the_next() -> None:
    ledger = (
        Ledger().start(at("09:00"), resolve(hours(1), on_reopen=OnReopen.NEW_CYCLE)).announce(at("09:30"))
    )
    ledger.fulfil(at("11:00")).reopen(at("12:00"))

    cycles = ledger.standing(at("15:00")).cycles

    assert [cycle.is_silent for cycle in cycles] == [False, True]


def test_a_breach_says_whether_it_is_silent() -> None:
    for announced_at, silent in ((None, True), (at("10:00"), False)):
        ledger = _broken(announced_at=announced_at)
        happened = domain.happenings(ledger.standing(at("12:00")), ledger.standing(at("15:00")))

        assert [(one.kind, one.silent) for one in happened] == [(HappeningKind.BROKEN, silent)]


def test_a_breach_that_somebody_corrected_is_neither_silent_nor_told_again() -> None:
    ledger = _broken()
    _, before = step(ledger, None, at("14:00"))
    ledger.told(at("15:00"), Threshold.CORRECTED, by="member:ann")

    happened, after = step(ledger, before, at("15:00"))
    again, _ = step(ledger, after, at("20:00"))

    assert (happened, again) == (["corrected"], [])
    assert after.current.outcome is Outcome.BROKEN
    assert not after.current.is_silent
    assert [entry.threshold for entry in after.told] == [Threshold.BROKEN, Threshold.CORRECTED]


def test_a_correction_by_the_ledger_holds_only_as_long_as_the_ledger_says_so() -> None:
    ledger = _broken()
    _, before = step(ledger, None, at("14:00"))
    ledger.fulfil(at("12:00"), received_at=at("14:30"))
    corrected, before = step(ledger, before, at("14:30"))
    ledger.reopen(at("12:30"))

    broken_again, _ = step(ledger, before, at("16:00"))

    assert "corrected" in corrected
    assert "broken" in broken_again


def test_somebodys_correction_is_of_one_cycle() -> None:
    ledger = Ledger().start(at("09:00"), resolve(hours(1), on_reopen=OnReopen.NEW_CYCLE))
    _, before = step(ledger, None, at("11:00"))
    ledger.told(at("11:00"), Threshold.CORRECTED, by="member:ann").fulfil(at("11:30")).reopen(at("12:00"))

    _, after = step(ledger, before, at("15:00"))

    assert [cycle.is_silent for cycle in after.cycles] == [False, True]


@patient
@given(case=cases(ANY), minutes=st.lists(st.integers(0, 5 * 24 * 60), max_size=5))
def test_a_breach_once_recorded_is_never_erased(case: Case, minutes: list[int]) -> None:
    """Whatever comes later, what was told of it stays in the ledger, in its order."""
    before: Standing | None = None
    known: tuple[domain.Told, ...] = ()
    for later in sorted(minutes):
        _, before = step(
            case.ledger, before, case.now.replace(hour=0) + domain.RESOLUTION * later * 60_000_000
        )

        assert before.told[: len(known)] == known
        known = before.told
