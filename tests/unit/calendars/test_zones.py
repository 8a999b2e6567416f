"""Zones come from the locked package, and are as tame as the arithmetic takes them to be."""

import struct
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from service.calendars.domain import zones

YEAR_1900 = -2_208_988_800


def _changes(tzif: bytes) -> list[tuple[int, int]]:
    """(second since 1970, offset from then on) of every change that a TZif file lists from 1900 on."""
    first = struct.unpack(">6l", tzif[20:44])
    body = 44 + first[3] * 5 + first[4] * 6 + first[5] + first[2] * 8 + first[1] + first[0]
    *_, times, types, _characters = struct.unpack(">6l", tzif[body + 20 : body + 44])
    at = body + 44
    moments = struct.unpack(f">{times}q", tzif[at : at + 8 * times])
    kinds = tzif[at + 8 * times : at + 9 * times]
    records = at + 9 * times
    offsets = [struct.unpack_from(">l", tzif, records + 6 * kind)[0] for kind in range(types)]
    return [
        (moment, offsets[kind]) for moment, kind in zip(moments, kinds, strict=True) if moment >= YEAR_1900
    ]


def test_the_reading_of_the_zone_files_finds_a_known_change() -> None:
    summer_1981_begins = int(datetime(1981, 3, 29, 1, tzinfo=UTC).timestamp())

    assert (summer_1981_begins, 7_200) in _changes(zones.rules("Europe/Berlin"))


def test_no_zone_changes_its_offset_twice_within_two_days() -> None:
    hasty = [
        (name, earlier[0], later[0])
        for name in sorted(zones.names())
        for earlier, later in pairwise(_changes(zones.rules(name)))
        if later[0] - earlier[0] < 2 * 86_400
    ]

    assert hasty == []


def test_every_zone_can_be_loaded() -> None:
    loaded = {name: zones.zone(name).key for name in zones.names()}

    assert len(loaded) > 400
    assert all(name == key for name, key in loaded.items())


def test_kept_rules_give_the_same_zone() -> None:
    kept = zones.from_rules("Europe/Berlin", zones.rules("Europe/Berlin"))
    noon = datetime(2026, 7, 1, 12, tzinfo=kept)

    assert noon.utcoffset() == noon.replace(tzinfo=zones.zone("Europe/Berlin")).utcoffset()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Europe/Berln", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("Berlin", "Europe/Berlin"),
        ("America/New York", "America/New_York"),
        ("new_york", "America/New_York"),
        ("Asia/Shangai", "Asia/Shanghai"),
        ("Mars/Olympus", None),
        ("", None),
        ("x" * 100_000, None),
    ],
)
def test_the_nearest_name(written: str, meant: str | None) -> None:
    assert zones.nearest(written) == meant


@pytest.mark.parametrize("name", ["../zones", "/etc/passwd", "zones", "Europe", "Europe/Berlin/..", ""])
def test_a_name_is_never_a_path(name: str) -> None:
    with pytest.raises(KeyError):
        zones.rules(name)
