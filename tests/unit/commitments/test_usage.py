"""Who used the time of a promise: it adds up, to the microsecond."""

from datetime import timedelta

from hypothesis import given

from service.commitments.domain import Level, OnChange, OnReopen, usual_terms
from service.commitments.domain.usage import Holder, Usage, by_party, usages
from tests.unit.commitments.ledgers import CALENDARS, OFFICE, Ledger, at, hours, patient, resolve
from tests.unit.commitments.test_properties import ANY, Case, cases

ZERO = timedelta(0)


def _hours(count: float) -> timedelta:
    return timedelta(hours=count)


def test_time_is_told_by_group_and_person_and_by_whom_one_waited_for() -> None:
    ledger = Ledger().start(at("09:00"), resolve(hours(8))).assign(at("09:00"), "desk", "ann")
    ledger.assign(at("11:00"), "network", "bob").pause(at("12:00")).resume(at("15:00"))
    ledger.fulfil(at("16:00"))

    (found,) = usages(ledger.entries, CALENDARS, at("17:00"))

    assert found == (
        Usage(holder=Holder(party="us", group="desk", person="ann"), used=_hours(2)),
        Usage(holder=Holder(party="us", group="network", person="bob"), used=_hours(2)),
        Usage(holder=Holder(party="requester", group="network", person="bob"), paused=_hours(3)),
    )


def test_who_is_waited_for_without_stopping_the_clock_uses_the_time() -> None:
    ledger = Ledger().start(at("09:00"), resolve(hours(8)))
    ledger.pause(at("10:00"), "waiting_supplier", party="supplier")

    (found,) = usages(ledger.entries, CALENDARS, at("12:00"))

    assert found == (
        Usage(holder=Holder(party="supplier"), used=_hours(2)),
        Usage(holder=Holder(party="us"), used=_hours(1)),
    )


def test_time_out_of_hours_is_nobodys() -> None:
    ledger = Ledger().start(at("16:00"), resolve(hours(8))).assign(at("20:00"), "night")

    (found,) = usages(ledger.entries, CALENDARS, at("10:00", day=1))

    assert found == (
        Usage(holder=Holder(party="us"), used=_hours(1)),
        Usage(holder=Holder(party="us", group="night"), used=_hours(1)),
    )


def test_the_time_between_an_end_and_a_reopening_is_nobodys() -> None:
    ledger = Ledger().start(at("09:00"), resolve(hours(8))).fulfil(at("10:00")).reopen(at("15:00"))

    (found,) = usages(ledger.entries, CALENDARS, at("16:00"))

    assert found == (Usage(holder=Holder(party="us"), used=_hours(2)),)


def test_each_cycle_has_figures_of_its_own() -> None:
    terms = resolve(hours(8), on_reopen=OnReopen.NEW_CYCLE)
    ledger = Ledger().start(at("09:00"), terms).assign(at("09:00"), "desk").fulfil(at("10:00"))
    ledger.reopen(at("12:00")).assign(at("13:00"), "network")

    first, second = usages(ledger.entries, CALENDARS, at("16:00"))

    assert first == (Usage(holder=Holder(party="us", group="desk"), used=_hours(1)),)
    assert second == (
        Usage(holder=Holder(party="us", group="network"), used=_hours(3)),
        Usage(holder=Holder(party="us", group="desk"), used=_hours(1)),
    )


def test_what_is_carried_is_told_by_whose_it_was() -> None:
    ledger = Ledger().start(at("09:00"), resolve(hours(8))).assign(at("09:00"), "desk")
    ledger.assign(at("11:00"), "network").reterm(at("12:00"), resolve(hours(6), on_change=OnChange.CARRY))

    (found,) = usages(ledger.entries, CALENDARS, at("13:00"))

    assert {usage.holder.group: usage.used for usage in found} == {"desk": _hours(2), "network": _hours(2)}


def test_of_a_groups_own_promise_the_others_time_is_paused() -> None:
    terms = resolve(hours(8), level=Level.OLA, held_by="network")
    ledger = Ledger().start(at("09:00"), terms).assign(at("09:00"), "desk").assign(at("10:00"), "network")

    (found,) = usages(ledger.entries, CALENDARS, at("12:00"))

    assert found == (
        Usage(holder=Holder(party="us", group="network"), used=_hours(2)),
        Usage(holder=Holder(party="us", group="desk"), paused=_hours(1)),
    )


@patient
@given(case=cases(ANY))
def test_the_parts_add_up_to_what_each_cycle_used(case: Case) -> None:
    found = usages(case.ledger.entries, CALENDARS, case.now)

    cycles = case.standing().cycles
    assert [sum((usage.used for usage in one), ZERO) for one in found] == [cycle.used for cycle in cycles]
    assert all(usage.used >= ZERO <= usage.paused for one in found for usage in one)


@patient
@given(case=cases(ANY))
def test_parties_alone_add_up_to_the_same(case: Case) -> None:
    for found in usages(case.ledger.entries, CALENDARS, case.now):
        parties = by_party(found)

        assert len({usage.holder.party for usage in parties}) == len(parties)
        assert sum((usage.used for usage in parties), ZERO) == sum((usage.used for usage in found), ZERO)


def test_a_duty_to_report_has_the_time_of_each_report() -> None:
    terms = usual_terms("update", hours(4), calendar=OFFICE)
    ledger = Ledger().start(at("09:00"), terms).fulfil(at("10:00"), "reply").fulfil(at("13:00"), "reply")

    found = usages(ledger.entries, CALENDARS, at("13:30"))

    assert [one[0].used for one in found] == [_hours(1), _hours(3), _hours(0.5)]
