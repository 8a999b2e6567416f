"""The product's own words, read as a requester reads them: in each language, whatever there is to say."""

from datetime import UTC, datetime, timedelta

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from service.rationalization.wording import saying, shipped
from service.rationalization.wording.domain import VARIABLES, MessageKind, Value, spoken
from service.rationalization.wording.shipped import Letter
from service.rules.vocabulary import RequestType
from service.tenants.domain import Contact
from tests import factories

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
OVER = (MessageKind.DECLINE, MessageKind.REFUSED, MessageKind.REDIRECT, MessageKind.ADJUST_LAPSED)
"""What leaves a requester without what it asked for."""
DOUBLED = regex.compile(r"\p{Po}{2}|\n{3}|[^\S\n]{2}|[^\S\n]$")
PROGRAMS = regex.compile(r"[a-z]+_[a-z]+|\b[a-z]+\.[a-z]+_|\{|\}|%")
LOOSE = regex.compile(r" [;:!?»]|« ")
"""A French mark that could stand alone at the beginning of a line."""
ZONES = {
    "de": ("de-DE", "Europe/Berlin", "Samstag, 10. Januar 2026, 13:00 MEZ"),
    "en": ("en-GB", "Europe/London", "Saturday, 10 January 2026, 12:00 GMT"),
    "es": ("es-ES", "Europe/Madrid", "sábado, 10 de enero de 2026, 13:00 CET"),
    "fr": ("fr-FR", "Europe/Paris", "samedi 10 janvier 2026, 13:00 UTC+01:00"),
    "zh": ("zh-CN", "Asia/Shanghai", "2026年1月10日星期六 20:00 GMT+08:00"),
}
SAID: dict[str, Value | None] = {
    "request": "Payment gateway",
    "external_id": "CHG7",
    "source": "desk",
    "contact": "Ann",
    "reason": "Nobody is there who could undo it.",
    "awaited": ["approval", "rollback_plan"],
    "objections": "Board",
    "objections_url": "https://board.example/object",
    "channel": "Access desk",
    "channel_url": "https://access.example/new",
    "carried_to": "01890a5d-ac96-774b-bcce-b302099a8057",
    "proposed_start": NOON + timedelta(days=2),
    "proposed_end": NOON + timedelta(days=3),
    "proposed_priority": "P3",
    "proposed_scope": "The gateway alone.",
    "proposed_type": "service_request",
    "justification": "The patch needs it.",
    "way_back": "The login is locked.",
    "answer_by": NOON + timedelta(days=5),
    "expires_at": NOON + timedelta(days=5),
}
EACH = pytest.mark.parametrize("language", shipped.LANGUAGES)


def _contact(language: str) -> Contact:
    tag, zone, _ = ZONES[language]
    return factories.contact(tag, zone)


def _told(kind: MessageKind, language: str, **changes: Value | None) -> tuple[str, str]:
    told = saying.in_own_words(kind, {**SAID, **changes}, _contact(language), [language])
    assert not told.failed
    return told.subject, told.text


def _at(text: str, *parts: str) -> list[int]:
    """Where these stand, all of which have to be there."""
    return [text.index(part) for part in parts]


@EACH
@pytest.mark.parametrize("kind", [each for each in MessageKind if each is not MessageKind.ADJUST_AGREED])
def test_the_reason_follows_at_once_on_what_was_decided(kind: MessageKind, language: str) -> None:
    """But for what was agreed, which comes first: whoever reads it knows the reason."""
    _, text = _told(kind, language)
    greeting, decided, reason, *_ = text.split("\n\n")

    assert "Ann" in greeting
    assert "Payment gateway" in decided
    assert str(SAID["reason"]) in reason


@EACH
@pytest.mark.parametrize("kind", OVER)
def test_who_does_not_get_what_it_asked_for_is_told_where_to_object(kind: MessageKind, language: str) -> None:
    _, text = _told(kind, language)
    _, unnamed = _told(kind, language, objections=None)
    _, nowhere = _told(kind, language, objections=None, objections_url=None)

    assert _at(text, str(SAID["reason"]), "Board", "https://board.example/object") == sorted(
        _at(text, str(SAID["reason"]), "Board", "https://board.example/object")
    )
    assert "https://board.example/object" in unnamed
    before_place = text[: text.index("Board")].rpartition("\n")[2]
    assert before_place in nowhere
    assert not nowhere.endswith(before_place)


@EACH
def test_a_counter_proposal_says_why_then_what_then_by_when(language: str) -> None:
    subject, text = _told(MessageKind.ADJUST, language)
    by, offered = ZONES[language][2], str(SAID["proposed_scope"])

    assert _at(text, str(SAID["reason"]), offered, by) == sorted(_at(text, str(SAID["reason"]), offered, by))
    assert (
        spoken.day(NOON + timedelta(days=5), saying.manner_for(language, _contact(language)), "long")
        in subject
    )


@EACH
def test_an_exception_says_until_when_and_how_it_is_undone(language: str) -> None:
    _, text = _told(MessageKind.SPECIAL_METHOD_ALLOWED, language)

    assert ZONES[language][2] in text
    assert "The login is locked." in text


@EACH
@pytest.mark.parametrize("carried_to", [None, "01890a5d-ac96-774b-bcce-b302099a8057"])
def test_who_is_redirected_is_told_where_to_and_no_number_of_ours(
    carried_to: str | None, language: str
) -> None:
    _, text = _told(MessageKind.REDIRECT, language, carried_to=carried_to)

    assert _at(text, "Access desk", "https://access.example/new")
    assert "01890a5d" not in text


@EACH
@given(
    kind=st.sampled_from(MessageKind),
    missing=st.sets(st.sampled_from(sorted(SAID))),
    type_=st.sampled_from(RequestType),
)
def test_whatever_is_missing_nothing_is_doubled_or_in_a_programs_words(
    language: str, kind: MessageKind, missing: set[str], type_: RequestType
) -> None:
    always = {variable.name for variable in VARIABLES[kind] if variable.is_always_there}
    left_out: dict[str, Value | None] = dict.fromkeys(missing - always)

    subject, text = _told(kind, language, **({"proposed_type": type_.value} | left_out))

    read = text.replace("https://", "")
    assert DOUBLED.search(read) is None, read
    assert PROGRAMS.search(read) is None, read
    assert "Payment gateway" in subject
    assert "\n" not in subject
    if language == "fr":
        assert LOOSE.search(text) is None, text


@EACH
def test_every_type_of_request_has_words(language: str) -> None:
    types = {each.value: shipped.type_in_words(each.value, language) for each in RequestType}

    assert len(set(types.values())) == len(RequestType)
    assert all(words and "_" not in words for words in types.values())
    assert shipped.type_in_words("Our own type", language) == "Our own type"
    assert shipped.type_in_words(None, language) is None


@EACH
@pytest.mark.parametrize(("name", "until"), [(Letter.VERDICT, "expires_at"), (Letter.PROPOSAL, "answer_by")])
def test_a_mail_says_what_for_and_by_when_the_link_is(name: Letter, until: str, language: str) -> None:
    given_values = {
        "contact": "Ann",
        "tenant": "Harbour",
        "request": "Payment gateway",
        "external_id": "CHG7",
        "reason": "The part is late.",
        "subject": "Declined",
        "text": "The part is late.",
        "url": "https://rooted.example/link",
        until: NOON + timedelta(days=5),
    }

    subject, text = saying.in_letter(name, language, given_values, _contact(language))

    assert subject
    places = _at(text, "The part is late.", ZONES[language][2], "https://rooted.example/link")
    assert places == sorted(places)
    assert DOUBLED.search(text.replace("https://", "")) is None
    assert PROGRAMS.search(text) is None


@EACH
def test_a_mail_says_what_silence_counts_as(language: str) -> None:
    given_values = {"tenant": "Harbour", "request": "X", "external_id": "X", "reason": "R", "url": "U"}

    texts = {
        saying.in_letter(
            Letter.PROPOSAL,
            language,
            {**given_values, "answer_by": NOON, "agrees": agrees},
            _contact(language),
        )[1]
        for agrees in ("yes", None)
    }

    assert len(texts) == 2
