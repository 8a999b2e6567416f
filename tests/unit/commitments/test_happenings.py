"""What is told, and that each threshold is told once."""

from dataclasses import replace
from datetime import timedelta

from service.commitments import domain
from service.commitments.domain import Flag, HappeningKind, OnChange, OnReopen, Outcome, Standing, Threshold
from tests.unit.commitments.ledgers import REQUESTER, Ledger, at, hours, resolve, step, told

WARNED = resolve(hours(4), warn_before=timedelta(hours=1))


def _new(ledger: Ledger) -> Standing:
    return step(ledger, None, at("10:00"))[1]


def test_a_promise_is_started_warned_and_broken_each_once() -> None:
    ledger = Ledger().start(at("10:00"), WARNED)
    before: Standing | None = None
    heard: list[list[str]] = []

    for now in (at("10:00"), at("12:00"), at("13:00"), at("13:30"), at("14:00"), at("14:01"), at("15:00")):
        happened, before = step(ledger, before, now)
        heard.append(happened)

    assert heard == [["started"], [], ["warned"], [], [], ["broken"], []]


def test_a_kept_promise_says_so_once() -> None:
    ledger = Ledger().start(at("10:00"), WARNED)
    before = _new(ledger)
    ledger.fulfil(at("12:00")).fulfil(at("12:30"), "closed")

    first, before = step(ledger, before, at("12:30"))
    second, _ = step(ledger, before, at("18:00"))

    assert (first, second) == (["kept"], [])


def test_a_late_fulfilment_follows_a_breach_that_was_told() -> None:
    ledger = Ledger().start(at("10:00"), WARNED)
    _, before = step(ledger, _new(ledger), at("15:00"))
    ledger.fulfil(at("16:00"))

    happened = domain.happenings(before, ledger.standing(at("16:00")))

    assert told(happened) == ["fulfilled_late"]
    assert happened[0].lateness == timedelta(hours=2)


def test_a_breach_found_with_its_fulfilment_is_one_happening() -> None:
    ledger = Ledger().start(at("10:00"), WARNED)
    before = _new(ledger)
    ledger.fulfil(at("16:00"))

    happened = domain.happenings(before, ledger.standing(at("16:00")))

    assert told(happened) == ["broken"]
    assert happened[0].fulfilled_at == at("16:00")


def test_after_an_outage_the_warning_that_came_too_late_is_not_told() -> None:
    ledger = Ledger().start(at("10:00"), WARNED)

    happened, _ = step(ledger, _new(ledger), at("10:00", day=4))

    assert happened == ["broken"]


def test_pausing_and_resuming_are_told_with_the_new_due() -> None:
    ledger = Ledger().start(at("10:00"), WARNED)
    before = _new(ledger)

    ledger.pause(at("11:00"))
    paused, before = step(ledger, before, at("11:00"))
    ledger.resume(at("12:00"))
    resumed = domain.happenings(before, ledger.standing(at("12:00")))

    assert paused == ["paused"]
    assert told(resumed) == ["resumed"]
    assert (resumed[0].at, resumed[0].due_at) == (at("12:00"), at("15:00"))


def test_a_clock_that_new_terms_set_going_resumes_when_they_come() -> None:
    ledger = Ledger().start(at("10:00"), WARNED).pause(at("11:00")).resume(at("11:30")).pause(at("12:00"))
    _, before = step(ledger, None, at("12:00"))
    ledger.reterm(at("12:30"), replace(WARNED, target=hours(6), pausable_by=frozenset()))

    happened = domain.happenings(before, ledger.standing(at("12:30")))

    assert [(one.kind, one.at) for one in happened] == [(HappeningKind.RESUMED, at("12:30"))]


def test_a_pause_that_was_over_when_we_heard_of_it_changes_the_due() -> None:
    ledger = Ledger().start(at("10:00"), WARNED)
    before = _new(ledger)
    ledger.pause(at("11:00"), received_at=at("12:30")).resume(at("12:00"), received_at=at("12:30"))

    happened = domain.happenings(before, ledger.standing(at("12:30")))

    assert [(one.kind, one.was_due_at, one.due_at) for one in happened] == [
        (HappeningKind.DUE_CHANGED, at("14:00"), at("15:00"))
    ]


def test_new_terms_tell_that_the_due_changed() -> None:
    ledger = Ledger().start(at("10:00"), WARNED)
    before = _new(ledger)
    ledger.reterm(at("11:00"), resolve(hours(3)))

    assert step(ledger, before, at("11:00"))[0] == ["due_changed"]


def test_a_breach_that_a_late_report_shows_to_be_wrong_is_corrected_and_not_erased() -> None:
    ledger = Ledger().start(at("10:00"), WARNED)
    _, before = step(ledger, _new(ledger), at("15:00"))
    ledger.fulfil(at("13:00"), received_at=at("15:30"))

    happened, after = step(ledger, before, at("15:30"))
    again, _ = step(ledger, after, at("16:00"))

    assert sorted(happened) == ["corrected", "kept"]
    assert again == []
    assert after.current.outcome is Outcome.KEPT
    assert [entry.threshold for entry in after.told] == [Threshold.BROKEN, Threshold.CORRECTED]


def test_a_corrected_promise_that_is_broken_after_all_is_told_again() -> None:
    ledger = Ledger().start(at("10:00"), WARNED)
    _, before = step(ledger, _new(ledger), at("15:00"))
    ledger.pause(at("12:00"), received_at=at("15:10")).resume(at("14:00"), received_at=at("15:10"))

    corrected, before = step(ledger, before, at("15:10"))
    broken, before = step(ledger, before, at("16:01"))
    again, _ = step(ledger, before, at("17:00"))

    assert (corrected, broken, again) == (["warned", "due_changed", "corrected"], ["broken"], [])


def test_judging_all_of_it_by_new_terms_corrects_a_breach_and_other_changes_do_not() -> None:
    for on_change, outcome in ((OnChange.FROM_ORIGIN, Outcome.PENDING), (OnChange.CARRY, Outcome.BROKEN)):
        ledger = Ledger().start(at("10:00"), WARNED)
        _, before = step(ledger, _new(ledger), at("15:00"))
        ledger.reterm(at("15:00"), resolve(hours(8), on_change=on_change, may_be_later=True))

        happened, after = step(ledger, before, at("15:00"))

        assert after.current.outcome is outcome
        assert ("corrected" in happened) is (outcome is Outcome.PENDING)


def test_cancelling_is_told_and_silences_the_rest() -> None:
    ledger = Ledger().start(at("10:00"), WARNED)
    before = _new(ledger)
    ledger.cancel(at("11:00"))

    cancelled, before = step(ledger, before, at("11:00"))
    later, _ = step(ledger, before, at("17:00"))

    assert (cancelled, later) == (["cancelled"], [])


def test_a_reopening_is_told_and_a_new_cycle_has_its_own_thresholds() -> None:
    ledger = Ledger().start(at("10:00"), replace(WARNED, on_reopen=OnReopen.NEW_CYCLE))
    _, before = step(ledger, _new(ledger), at("13:30"))
    ledger.fulfil(at("13:40"))
    kept, before = step(ledger, before, at("13:40"))
    ledger.reopen(at("09:00", day=1))

    reopened, before = step(ledger, before, at("09:00", day=1))
    warned, before = step(ledger, before, at("12:00", day=1))
    broken, _ = step(ledger, before, at("13:01", day=1))

    assert (kept, reopened, warned, broken) == (["kept"], ["reopened"], ["warned"], ["broken"])


def test_a_cycle_that_ended_while_nobody_looked_is_still_told() -> None:
    ledger = Ledger().start(at("10:00"), replace(WARNED, on_reopen=OnReopen.NEW_CYCLE))
    before = _new(ledger)
    ledger.fulfil(at("11:00")).reopen(at("12:00"))

    assert step(ledger, before, at("12:00"))[0] == ["kept", "reopened"]


def test_a_breach_of_a_cycle_that_a_late_report_undoes_is_corrected() -> None:
    terms = resolve(hours(1), on_reopen=OnReopen.NEW_CYCLE)
    ledger = Ledger().start(at("10:00"), terms).fulfil(at("10:30")).reopen(at("11:00"))
    _, before = step(ledger, None, at("12:01"))
    ledger.reterm(at("10:10"), replace(terms, on_reopen=OnReopen.RESUME), received_at=at("13:00"))

    happened = domain.happenings(before, ledger.standing(at("13:00")))

    assert [(one.kind, one.cycle) for one in happened if one.kind in domain.THRESHOLDS] == [
        (HappeningKind.BROKEN, 1),
        (HappeningKind.CORRECTED, 2),
    ]


def test_a_promise_that_begins_paused_says_so() -> None:
    ledger = Ledger().start(at("10:00"), WARNED).pause(at("10:00"), REQUESTER)

    assert told(domain.happenings(None, ledger.standing(at("10:00")))) == ["started", "paused"]


def test_a_resumption_without_a_pause_and_a_late_report_are_flagged() -> None:
    ledger = Ledger().start(at("10:00"), WARNED).resume(at("11:00"), received_at=at("12:00"))

    assert ledger.standing(at("12:00")).flags == {Flag.UNMATCHED_RESUME, Flag.BACKDATED}
