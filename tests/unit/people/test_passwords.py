"""Which passwords are taken."""

import string
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.people import hashing
from service.people.domain.passwords import (
    CHARACTERS_MAX,
    CHARACTERS_MIN,
    TYPED_CHARACTERS_MAX,
    faults_of_password,
    normal_password,
)

EMAIL = "ada.harbour@example.org"
NAME = "Ada Harbour"


def _refused(password: str) -> bool:
    return bool(faults_of_password(password, email=EMAIL, name=NAME))


@pytest.mark.parametrize(
    "password",
    [
        "",
        "elevenchars",
        "x" * 12,
        "abababababab",
        "aaaaaaaaaaaabcde",
        "abcdefghijklmnop",
        "123456789012",
        "987654321098",
        "qwertyuiopasdfgh",
        "poiuytrewqlkjhgf",
        "ada.harbour@example.org",
        "AdaHarbour2026",
        "ada harbour!",
        "Harbour-12345",
        "password1234",
        "Password2026!",
        "Welcome12345",
        "rootedadmin1",
        "changeme1234",
        "Summer2026!!",
        "iloveyou1234",
        "ＰＡＳＳＷＯＲＤ２０２６",  # noqa: RUF001 - full width, which looks the same
        "long enough for anybody " * 6,
    ],
)
def test_a_password_that_would_be_guessed_is_refused(password: str) -> None:
    (fault,) = faults_of_password(password, email=EMAIL, name=NAME)
    assert fault.pointer == "/password"
    assert password not in fault.detail or not password


@pytest.mark.parametrize(
    "password",
    [
        "three boats in the harbour at noon",
        "correct horse battery staple",
        "alllowercaseletters",
        "874 209 561 730",
        "Grüße aus dem Hafenviertel",
        "七つの海を渡る小さな船と猫",
        "x7#Qm!vR2$tL",
        "a" + "correct horse battery staple" + " " * 99,
    ],
)
def test_a_long_phrase_is_taken_whatever_it_is_composed_of(password: str) -> None:
    assert faults_of_password(password, email=EMAIL, name=NAME) == []


@given(st.text(max_size=CHARACTERS_MIN - 1) | st.text(min_size=CHARACTERS_MAX + 1, alphabet="ab cd ef"))
def test_no_password_of_another_length_is_taken(password: str) -> None:
    if not CHARACTERS_MIN <= len(normal_password(password)) <= CHARACTERS_MAX:
        assert _refused(password)


@given(st.text(alphabet=string.printable, min_size=CHARACTERS_MIN, max_size=40))
def test_case_and_composition_make_no_difference(password: str) -> None:
    assert _refused(password) == _refused(password.lower()) == _refused(password.upper())


@given(st.text(alphabet="xyz", min_size=1, max_size=3), st.integers(min_value=4, max_value=40))
def test_repetition_makes_no_password(part: str, times: int) -> None:
    assert _refused(part * times)


async def test_what_looks_the_same_is_the_same_password() -> None:
    async with hashing.turn() as turn:
        kept = await turn.hash("Grüße aus dem Hafen")
        assert await turn.matches(kept, "Gru\u0308ße aus dem Hafen")
        assert not await turn.matches(kept, "Grusse aus dem Hafen")


async def test_nobodys_password_takes_as_long_and_never_matches() -> None:
    assert not hashing.is_outdated(hashing.NOBODYS), "computed with other parameters than those of accounts"
    async with hashing.turn() as turn:
        assert not await turn.matches(None, "anything at all")
        assert not await turn.matches("not a hash", "anything at all")


async def test_a_text_that_no_keyboard_types_costs_nothing() -> None:
    """Marks in a bad order take seconds to sort, in which the process would answer nobody."""
    text = "a" + "\u0301" * 20_000 + "\u0316" * 20_000
    begun = time.process_time()

    assert _refused(text)
    async with hashing.turn() as turn:
        assert not await turn.matches(None, text)

    assert time.process_time() - begun < 1


@given(st.text(min_size=CHARACTERS_MIN, max_size=CHARACTERS_MAX))
def test_what_may_be_a_password_is_taken_however_it_is_composed(password: str) -> None:
    decomposed = unicodedata.normalize("NFKD", password)

    assert len(unicodedata.normalize("NFKC", password)) > CHARACTERS_MAX or (
        len(decomposed) <= TYPED_CHARACTERS_MAX and normal_password(decomposed) == normal_password(password)
    )
