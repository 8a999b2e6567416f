"""What may be said of a client organization and of its people."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.tenants import profiles
from service.tenants.profiles import ContactEntry

ZONES = {"Europe/Berlin", "Etc/UTC"}


@pytest.mark.parametrize(
    ("profile", "pointers"),
    [
        ({}, []),
        ({"sites": 3, "on_site": True, "sector": "shipping", "share": 0.5}, []),
        ({"Sites": 3}, ["/profile/Sites"]),
        ({"1st": 3}, ["/profile/1st"]),
        ({"a.b": 3}, ["/profile/a.b"]),
        ({"a/b": 3}, ["/profile/a~1b"]),
        ({"": 3}, ["/profile/"]),
        ({"x" * 65: 3}, ["/profile/" + "x" * 65]),
        ({"a\n": 3}, ["/profile/a\n"]),
        ({"sector": ""}, ["/profile/sector"]),
        ({"sector": "a\x00b"}, ["/profile/sector"]),
        ({"sector": "x" * 501}, ["/profile/sector"]),
        ({"sector": None}, ["/profile/sector"]),
        ({"sector": ["a"]}, ["/profile/sector"]),
        ({"sector": {"a": 1}}, ["/profile/sector"]),
        ({"share": float("nan")}, ["/profile/share"]),
        ({"share": float("inf")}, ["/profile/share"]),
        ({"sites": 2**53 + 1}, ["/profile/sites"]),
        ({f"fact_{number}": number for number in range(50)}, []),
        ({f"fact_{number}": number for number in range(51)}, ["/profile"]),
    ],
)
def test_a_profile_is_flat_typed_and_named_as_rules_can_write(
    profile: dict[str, Any], pointers: list[str]
) -> None:
    assert [fault.pointer for fault in profiles.faults_of_profile(profile)] == pointers


@given(
    profile=st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True),
        st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False),
        max_size=50,
    )
)
def test_every_number_that_json_keeps_is_a_fact(profile: dict[str, Any]) -> None:
    assert profiles.faults_of_profile(profile) == []


@pytest.mark.parametrize(
    ("given", "pointers"),
    [
        ({}, []),
        ({"email": "ann@example.com"}, []),
        ({"email": "ann.o'neil+desk@mail.example.com"}, []),
        ({"phone": "+49 30 1234567"}, []),
        ({"phone": "(030) 123"}, ["/phone"]),
        ({"language": "de"}, []),
        ({"language": "zh-Hans-CN"}, []),
        ({"time_zone": "Europe/Berlin"}, []),
        ({"external_id": "4711"}, []),
        ({"name": ""}, ["/name"]),
        ({"external_id": " "}, ["/external_id"]),
        ({"email": "ann"}, ["/email"]),
        ({"email": "ann@"}, ["/email"]),
        ({"email": "ann@example.com\r\nBcc: eve@example.com"}, ["/email"]),
        ({"email": "Ann <ann@example.com>"}, ["/email"]),
        ({"phone": "call me"}, ["/phone"]),
        ({"language": "deutsch"}, ["/language"]),
        ({"language": "DE"}, ["/language"]),
        ({"time_zone": "Europe/Atlantis"}, ["/time_zone"]),
        ({"time_zone": "../../etc/passwd"}, ["/time_zone"]),
    ],
)
def test_a_contact_can_be_reached_as_it_says(given: dict[str, Any], pointers: list[str]) -> None:
    entry = ContactEntry(**{"name": "Ann", **given})

    assert [fault.pointer for fault in profiles.faults_of_contact(entry, ZONES)] == pointers


@given(text=st.text())
def test_no_line_break_gets_into_a_contact(text: str) -> None:
    entry = ContactEntry(name="Ann", email=text, phone=text, language=text, external_id=text)
    refused = {fault.pointer for fault in profiles.faults_of_contact(entry, ZONES)}

    if not text.isprintable():
        assert refused >= {"/email", "/phone", "/language", "/external_id"}
