import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from service.calendars.domain import zones
from service.escalations.rotas import domain as rotas
from service.escalations.rotas.domain import Gap, Override, Rota, Rotation, Unit
from service.ids import MemberId

ADA, BEN, CHI = (MemberId(UUID(int=number)) for number in (1, 2, 3))
NAMES = {ADA: "ada", BEN: "ben", CHI: "chi"}
BERLIN, SHANGHAI, APIA = (zones.zone(name) for name in ("Europe/Berlin", "Asia/Shanghai", "Pacific/Apia"))
LORD_HOWE = zones.zone("Australia/Lord_Howe")
MONDAY = datetime(2026, 1, 5, 8)  # noqa: DTZ001 a local time
HOUR = timedelta(hours=1)


class Mornings:
    """Open from 06:00 to 12:00 UTC."""

    def intervals(self, start: datetime, end: datetime) -> Sequence[tuple[datetime, datetime]]:
        days = (end.date() - start.date()).days + 1
        opens = [
            datetime(start.year, start.month, start.day, 6, tzinfo=UTC) + timedelta(d) for d in range(days)
        ]
        cut = [(max(each, start), min(each + 6 * HOUR, end)) for each in opens]
        return [(begins, ends) for begins, ends in cut if begins < ends]


def _rotation(name: str = "first", **changes: Any) -> Rotation:
    fields: dict[str, Any] = {
        "members": (ADA, BEN),
        "length": 1,
        "unit": Unit.DAYS,
        "first_handover": MONDAY,
    } | changes
    return Rotation(name=name, **fields)


def _rota(*rotations: Rotation, overrides: Sequence[Override] = ()) -> Rota:
    return Rota(zone=UTC, rotations=rotations, overrides=tuple(overrides))


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _told(rota: Rota, start: str, end: str) -> list[str]:
    found = rotas.shifts(rota, _at(start), _at(end))
    return [f"{shift.start:%dT%H}-{shift.end:%dT%H} {NAMES[shift.member]}" for shift in found]


@pytest.mark.parametrize(
    ("rota", "told"),
    [
        (_rota(_rotation()), ["05T08-06T08 ada", "06T08-07T08 ben", "07T08-08T00 ada"]),
        (_rota(_rotation(length=12, unit=Unit.HOURS)),
         ["05T08-05T20 ada", "05T20-06T08 ben", "06T08-06T20 ada", "06T20-07T08 ben", "07T08-07T20 ada",
          "07T20-08T00 ben"]),
        (_rota(_rotation(unit=Unit.WEEKS)), ["05T08-08T00 ada"]),
        (_rota(_rotation(ends_at=_at("2026-01-06T12:00"))), ["05T08-06T08 ada", "06T08-06T12 ben"]),
        (_rota(_rotation(hours=Mornings())),
         ["05T08-05T12 ada", "06T06-06T08 ada", "06T08-06T12 ben", "07T06-07T08 ben", "07T08-07T12 ada"]),
        (_rota(_rotation(unit=Unit.WEEKS), _rotation("second", members=(CHI,), hours=Mornings())),
         ["05T08-05T12 chi", "05T12-06T06 ada", "06T06-06T12 chi", "06T12-07T06 ada", "07T06-07T12 chi",
          "07T12-08T00 ada"]),
    ],
)  # fmt: skip
def test_members_take_turns_and_the_last_layer_counts(rota: Rota, told: list[str]) -> None:
    assert _told(rota, "2026-01-05T00:00", "2026-01-08T00:00") == told


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ([("05T10", "05T14", CHI, None)],
         ["05T08-05T10 ada", "05T10-05T14 chi", "05T14-06T08 ada", "06T08-07T00 ben"]),
        ([("05T10", "06T10", CHI, BEN)], ["05T08-06T08 ada", "06T08-06T10 chi", "06T10-07T00 ben"]),
        ([("05T10", "05T12", None, None)], ["05T08-05T10 ada", "05T12-06T08 ada", "06T08-07T00 ben"]),
        ([("05T08", "06T08", BEN, ADA), ("06T08", "07T08", ADA, BEN)],
         ["05T08-06T08 ben", "06T08-07T00 ada"]),
        ([("05T10", "05T14", CHI, None), ("05T11", "05T12", BEN, None)],
         ["05T08-05T10 ada", "05T10-05T11 chi", "05T11-05T12 ben", "05T12-05T14 chi", "05T14-06T08 ada",
          "06T08-07T00 ben"]),
        ([("04T00", "05T00", CHI, None)], ["05T08-06T08 ada", "06T08-07T00 ben"]),
    ],
)  # fmt: skip
def test_what_is_agreed_comes_before_the_turns(
    overrides: list[tuple[str, str, MemberId | None, MemberId | None]], told: list[str]
) -> None:
    agreed = [
        Override(start=_at(f"2026-01-{start}:00"), end=_at(f"2026-01-{end}:00"), member=by, instead_of=of)
        for start, end, by, of in overrides
    ]

    assert _told(_rota(_rotation(), overrides=agreed), "2026-01-05T00:00", "2026-01-07T00:00") == told


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-28", 23), ("2026-03-29", 24), ("2026-10-24", 25), ("2026-10-25", 24)]
)
def test_a_handover_stays_at_its_local_time_when_the_clocks_change(day: str, hours: int) -> None:
    rota = Rota(zone=BERLIN, rotations=(_rotation(),))
    begins = datetime.fromisoformat(f"{day}T08:00").replace(tzinfo=BERLIN)

    duty = rotas.on_duty(rota, begins + HOUR)

    assert duty.now is not None
    assert duty.now.start.astimezone(BERLIN).hour == duty.now.end.astimezone(BERLIN).hour == 8
    assert duty.now.end - duty.now.start == timedelta(hours=hours)


def test_a_handover_in_the_hour_that_is_left_out_comes_an_hour_later() -> None:
    early = _rotation(first_handover=datetime(2026, 3, 1, 2, 30))  # noqa: DTZ001 a local time

    assert rotas.handover(early, BERLIN, 28) == _at("2026-03-29T01:30")


def test_a_handover_in_the_hour_that_comes_twice_is_the_first_of_both() -> None:
    early = _rotation(first_handover=datetime(2026, 10, 1, 2, 30))  # noqa: DTZ001 a local time

    assert rotas.handover(early, BERLIN, 24) == _at("2026-10-25T00:30")


def test_where_nobody_is_on_duty_is_found() -> None:
    rota = _rota(_rotation(hours=Mornings()))

    assert rotas.gaps(rota, _at("2026-01-05T06:00"), _at("2026-01-06T07:00")) == [
        (_at("2026-01-05T06:00"), _at("2026-01-05T08:00")),
        (_at("2026-01-05T12:00"), _at("2026-01-06T06:00")),
    ]
    assert rotas.on_duty(rota, _at("2026-01-05T13:00")).now is None


def test_the_shift_of_a_member_who_is_absent_is_a_gap_that_says_whose_it_would_be() -> None:
    agreed = Override(start=_at("2026-01-05T10:00"), end=_at("2026-01-05T11:00"), member=None)
    rota = replace(_rota(_rotation(), overrides=[agreed]), absent=frozenset({BEN}))
    start, end = _at("2026-01-05T00:00"), _at("2026-01-08T00:00")

    assert rotas.explained_gaps(rota, start, end) == [
        Gap(start, _at("2026-01-05T08:00")),
        Gap(_at("2026-01-05T10:00"), _at("2026-01-05T11:00")),
        Gap(_at("2026-01-06T08:00"), _at("2026-01-07T08:00"), BEN),
    ]
    assert rotas.member_at(rota, _at("2026-01-06T12:00")) is None


@pytest.mark.parametrize(
    ("member", "at", "found"),
    [
        (ADA, "2026-01-05T08:00", "05T08-06T08"),
        (ADA, "2026-01-06T07:59", "05T08-06T08"),
        (ADA, "2026-01-06T08:00", None),
        (BEN, "2026-01-06T08:00", "06T08-07T08"),
        (CHI, "2026-01-06T08:00", None),
        (ADA, "2026-01-04T08:00", None),
    ],
)
def test_a_member_is_on_the_shift_that_an_instant_lies_in(
    member: MemberId, at: str, found: str | None
) -> None:
    shift = rotas.shift_of(_rota(_rotation()), member, _at(at))

    assert (None if shift is None else f"{shift.start:%dT%H}-{shift.end:%dT%H}") == found


def test_a_shift_that_nobody_ends_is_endless() -> None:
    at = _at("2026-06-05T08:00")
    alone, turns = (
        rotas.shift_of(_rota(_rotation(members=who)), ADA, at) for who in ((ADA,), (ADA, BEN, BEN))
    )

    assert alone is not None
    assert rotas.is_endless(alone, at)
    assert turns is None or not rotas.is_endless(turns, at)


def test_who_is_next_is_the_shift_that_begins_next() -> None:
    duty = rotas.on_duty(_rota(_rotation()), _at("2026-01-06T07:59"))

    assert duty.now is not None
    assert duty.next is not None
    assert (duty.now.member, duty.next.member, duty.next.start) == (ADA, BEN, _at("2026-01-06T08:00"))


ROTATIONS = st.builds(
    _rotation,
    st.sampled_from(["first", "second"]),
    members=st.lists(st.sampled_from([ADA, BEN, CHI]), min_size=1, max_size=4).map(tuple),
    length=st.integers(1, 36),
    unit=st.sampled_from(Unit),
    first_handover=st.datetimes(datetime(2011, 11, 1), datetime(2012, 3, 1)),  # noqa: DTZ001 local times
)
ZONES = st.sampled_from([UTC, BERLIN, SHANGHAI, APIA, LORD_HOWE])
INSTANTS = st.datetimes(datetime(2011, 12, 1), datetime(2012, 12, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(rotation=ROTATIONS, zone=ZONES, turn=st.integers(0, 2_000))
def test_no_turn_begins_before_the_one_before_it(rotation: Rotation, zone: zones.ZoneInfo, turn: int) -> None:
    assert rotas.handover(rotation, zone, turn) <= rotas.handover(rotation, zone, turn + 1)


@given(rotation=ROTATIONS, zone=ZONES, at=INSTANTS)
def test_the_turn_at_an_instant_has_begun_and_not_ended(
    rotation: Rotation, zone: zones.ZoneInfo, at: datetime
) -> None:
    turn = rotas.turn_at(rotation, zone, at)

    if turn is None:
        assert at < rotas.handover(rotation, zone, 0)
    else:
        assert rotas.handover(rotation, zone, turn) <= at < rotas.handover(rotation, zone, turn + 1)


@st.composite
def _overrides(draw: st.DrawFn) -> Override:
    start = draw(INSTANTS)
    return Override(
        start=start,
        end=start + timedelta(hours=draw(st.integers(1, 400))),
        member=draw(st.sampled_from([ADA, BEN, CHI, None])),
        instead_of=draw(st.sampled_from([ADA, BEN, None])),
    )


@given(
    rotations=st.lists(ROTATIONS, max_size=3).map(tuple),
    overrides=st.lists(_overrides(), max_size=3).map(tuple),
    zone=ZONES,
    start=INSTANTS,
    hours=st.integers(0, 24 * 40),
    place=st.floats(0, 1, exclude_max=True),
)
def test_shifts_and_gaps_share_out_all_time_and_agree_with_a_closer_look(
    rotations: tuple[Rotation, ...],
    overrides: tuple[Override, ...],
    zone: zones.ZoneInfo,
    start: datetime,
    hours: int,
    place: float,
) -> None:
    rota = Rota(zone=zone, rotations=rotations, overrides=overrides)
    end = start + timedelta(hours=hours)
    at = start + place * (end - start)

    found = rotas.shifts(rota, start, end)
    spans = sorted([(shift.start, shift.end) for shift in found] + rotas.gaps(rota, start, end))

    assert [begins for begins, _ in spans] + [end] == [start] + [ends for _, ends in spans]
    if at < end:
        there = [shift.member for shift in found if shift.start <= at < shift.end]
        assert there == [member for member in [rotas.member_at(rota, at)] if member is not None]


@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=2),
    overrides=st.lists(_overrides(), max_size=3).map(tuple),
    zone=ZONES,
    at=INSTANTS,
    place=st.integers(0, 5),
)
def test_a_swap_lets_both_stand_in_for_one_another_and_undoes_itself(
    lengths: list[int], overrides: tuple[Override, ...], zone: zones.ZoneInfo, at: datetime, place: int
) -> None:
    rotations = tuple(
        _rotation(f"{length}", members=(ADA, BEN, CHI), length=length, first_handover=datetime(2011, 11, 1))  # noqa: DTZ001 a local time
        for length in lengths
    )
    rota = Rota(zone=zone, rotations=rotations, overrides=overrides)
    found = rotas.shifts(rota, at, at + timedelta(days=90))
    pairs = [(a, b) for a, b in itertools.pairwise(found) if a.member != b.member]
    assume(pairs)
    a, b = pairs[place % len(pairs)]

    swapped = replace(rota, overrides=(*rota.overrides, *rotas.swapped(a, b)))
    back = rotas.swapped(replace(a, member=b.member), replace(b, member=a.member))
    twice = replace(swapped, overrides=(*swapped.overrides, *back))

    assert [rotas.member_at(swapped, each.start) for each in (a, b)] == [b.member, a.member]
    assert rotas.gaps(swapped, at, at + 90 * 24 * HOUR) == rotas.gaps(rota, at, at + 90 * 24 * HOUR)
    assert _members(twice, at) == _members(rota, at)


def _members(rota: Rota, at: datetime) -> list[MemberId | None]:
    """Who is on duty, every eleven hours for ten days."""
    return [rotas.member_at(rota, at + hours * HOUR) for hours in range(0, 24 * 10, 11)]


@given(
    rotations=st.lists(ROTATIONS, max_size=3).map(tuple), zone=ZONES, start=INSTANTS, days=st.integers(1, 20)
)
def test_gaps_are_the_same_with_and_without_their_reasons(
    rotations: tuple[Rotation, ...], zone: zones.ZoneInfo, start: datetime, days: int
) -> None:
    rota = Rota(zone=zone, rotations=rotations, absent=frozenset({BEN}))
    end = start + timedelta(days=days)

    explained = rotas.explained_gaps(rota, start, end)

    assert sum((each.end - each.start for each in explained), timedelta(0)) == sum(
        (end - start for start, end in rotas.gaps(rota, start, end)), timedelta(0)
    )
    assert all(each.absent in {None, BEN} for each in explained)
