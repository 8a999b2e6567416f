"""The pages of requesters: the same things are said in every language, and each reader gets its own."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from string import Formatter
from typing import Any

import msgspec
import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from service.api.pages import requester_words
from service.commitments.domain import DELIVER, RESOLVE, RESPOND, UPDATE, VISIT
from service.commitments.renegotiation.domain import RemedyKind
from service.commitments.renegotiation.domain import State as RenegotiationState
from service.rationalization.arrangements.domain import State
from service.rationalization.specials.domain import State as SpecialState
from service.rationalization.wording import shipped
from service.rationalization.wording.domain import languages, spoken
from tests import factories

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
DOUBLED = regex.compile(r"\p{Po}{2}")
LOOSE = re.compile(r" [;:!?»]|« ")
"""A French mark that could stand alone at the beginning of a line."""


def _texts(language: str) -> dict[str, str]:
    def each(path: str, value: Any) -> Iterator[tuple[str, str]]:
        if isinstance(value, str):
            yield path, value
        else:
            for name, inner in value.items():
                yield from each(f"{path}/{name}", inner)

    return dict(each("", msgspec.to_builtins(requester_words.words(language))))


def _asked_for(text: str) -> set[str | None]:
    return {field for _, field, _, _ in Formatter().parse(text) if field is not None}


@pytest.mark.parametrize("language", shipped.LANGUAGES)
def test_every_language_says_all_that_english_says_of_the_same_values(language: str) -> None:
    found, english = _texts(language), _texts("en")

    assert found.keys() == english.keys()
    assert {path: _asked_for(text) for path, text in found.items()} == {
        path: _asked_for(text) for path, text in english.items()
    }


@pytest.mark.parametrize("language", shipped.LANGUAGES)
def test_nothing_is_blank_doubled_or_in_a_programs_words(language: str) -> None:
    texts = {path: text for path, text in _texts(language).items() if path not in ("/between", "/error")}

    assert [path for path, text in texts.items() if not text or text != text.strip()] == []
    assert [path for path, text in texts.items() if DOUBLED.search(text) or "_" in text] == []


def test_french_marks_never_begin_a_line() -> None:
    assert [path for path, text in _texts("fr").items() if LOOSE.search(text)] == []


@pytest.mark.parametrize("language", [each for each in shipped.LANGUAGES if each != "en"])
def test_what_is_in_another_language_is_not_left_in_english(language: str) -> None:
    same = {path for path, text in _texts(language).items() if text == _texts("en")[path]}

    assert same - {"/between", "/error", "/renegotiation/remedies/compensation"} == set()


@pytest.mark.parametrize("language", shipped.LANGUAGES)
def test_there_are_words_for_whatever_comes_about(language: str) -> None:
    words = requester_words.words(language)

    assert words.arrangement.states.keys() == set(State)
    assert words.arrangement.exceptions.keys() == set(SpecialState) - {
        SpecialState.REFUSED,
        SpecialState.WITHDRAWN,
    }
    assert words.renegotiation.remedies.keys() == set(RemedyKind)
    assert words.renegotiation.ends.keys() == set(RenegotiationState) - {RenegotiationState.WAITING}
    assert words.renegotiation.deeds.keys() == {RESPOND, UPDATE, RESOLVE, DELIVER, VISIT}


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        (None, ()),
        ("", ()),
        ("*", ()),
        ("de", ("de",)),
        ("de-at,de;q=0.9,en;q=0.8", ("de-AT", "de", "en")),
        ("en;q=0.1, ZH-hans-cn ; q=0.8, fr;q=0", ("zh-Hans-CN", "en")),
        ("es-419, nonsense!, q=1, ;;, de;q=5", ("es-419",)),
    ],
)
def test_a_browser_asks_for_languages_best_first(header: str | None, accepted: tuple[str, ...]) -> None:
    assert languages.accepted(header) == accepted


@pytest.mark.parametrize(
    ("own", "accepted", "language", "said"),
    [
        ("de-AT", "fr", "de", "Montag, 5. Jänner 2026, 13:00 MEZ"),
        ("zh-TW", "de", "de", "Montag, 5. Januar 2026, 13:00 MEZ"),
        ("zh-TW", None, "en", "Monday, 5 January 2026, 13:00 CET"),
        (None, "pl, es;q=0.5", "es", "lunes, 5 de enero de 2026, 13:00 CET"),
        (None, "zh", "zh", "2026年1月5日星期一 13:00 GMT+01:00"),
        ("fr", "en", "fr", "lundi 5 janvier 2026, 13:00 UTC+01:00"),
        ("en-US", "de", "en", "Monday, January 5, 2026, 1:00\u202fPM GMT+01:00"),
        (None, None, "en", "Monday, 5 January 2026, 13:00 CET"),
    ],
)
def test_the_contacts_language_comes_before_the_browsers_and_english_last(
    own: str | None, accepted: str | None, language: str, said: str
) -> None:
    found = requester_words.spoken(factories.contact(own, "Europe/Berlin"), accepted)

    assert found.language == language
    assert spoken.moment(NOON, found.manner) == said


@given(own=st.none() | st.text(max_size=20), header=st.none() | st.text(max_size=80))
def test_whatever_is_asked_for_there_are_words(own: str | None, header: str | None) -> None:
    found = requester_words.spoken(factories.contact(own, None), header)

    assert found.words == requester_words.words(found.language)


@given(
    own=st.sampled_from([*shipped.LANGUAGES, "de-AT", "fr-CA", "es-419", "zh-Hans-SG", "en-IN"]),
    header=st.text(alphabet="abcdefrszhnt-;q=0.19, *", max_size=60),
)
def test_no_browser_overrules_a_contact_whose_language_has_words(own: str, header: str) -> None:
    assert requester_words.spoken(factories.contact(own, None), header).language == own.partition("-")[0]
