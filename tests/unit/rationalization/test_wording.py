"""Messages: which words are told to whom, and that something always is."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.rationalization.gates.domain import BY_RECORD, Kind
from service.rationalization.wording import checking, engine, saying, shipped
from service.rationalization.wording.domain import (
    VARIABLES,
    MessageKind,
    Value,
    ValueType,
    Written,
    characters,
    languages,
    values,
)
from service.rationalization.wording.domain.spoken import Manner
from service.rationalization.wording.engine import OUTPUT_CHARACTERS_MAX, Untold
from tests.unit.rationalization import hostile_templates
from tests.unit.rationalization.hostile_templates import ATTACKS, COSTLY, NOON

SECONDS_MAX = 0.5
KINDS = st.sampled_from(MessageKind)
ENGLISH = Manner.named("en", "Europe/Berlin")


@pytest.mark.parametrize(
    ("tag", "chain"),
    [
        ("de-AT", ("de-AT", "de-Latn", "de", "en")),
        ("de", ("de", "de-Latn", "en")),
        ("zh-CN", ("zh-CN", "zh-Hans", "zh", "en")),
        ("zh-TW", ("zh-TW", "zh-Hant", "en")),
        ("sr-Latn-RS", ("sr-Latn-RS", "sr-Latn", "en")),
        ("xx", ("xx", "en")),
        ("not a tag", ("en",)),
        (None, ("en",)),
    ],
)
def test_somebody_is_told_in_its_own_language_first_and_in_english_last(
    tag: str | None, chain: tuple[str, ...]
) -> None:
    assert languages.chain(tag) == chain


@given(tag=st.from_regex(languages.LANGUAGE, fullmatch=True))
def test_every_chain_ends_in_words_that_there_are(tag: str) -> None:
    chain = languages.chain(tag)

    assert chain[0] == tag
    assert languages.DEFAULT in chain
    assert len(set(chain)) == len(chain)


@pytest.mark.parametrize("language", shipped.LANGUAGES)
@pytest.mark.parametrize("kind", MessageKind)
def test_the_products_own_words_pass_what_templates_are_held_to(kind: MessageKind, language: str) -> None:
    manner = Manner.named(language, None)

    assert checking.faults_of(kind, shipped.words(language)[kind], manner, NOON) == []


def _draw_values(
    draw: Callable[[st.SearchStrategy[Value | None]], Value | None], kind: MessageKind
) -> dict[str, Value | None]:
    of_type: dict[ValueType, st.SearchStrategy[Value | None]] = {
        ValueType.TEXT: st.none() | st.text(max_size=40),
        ValueType.INSTANT: st.none()
        | st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - the zone comes beside
        ValueType.TEXTS: st.none() | st.lists(st.text(max_size=40), max_size=30),
    }
    return {variable.name: draw(of_type[variable.type]) for variable in VARIABLES[kind]}


@pytest.mark.parametrize("language", shipped.LANGUAGES)
def test_what_somebody_has_to_bring_for_a_gate_has_words_in_every_language(language: str) -> None:
    kinds = sorted(shipped.gates())

    said = shipped.in_words({"awaited": kinds}, language)["awaited"]

    assert shipped.gates() == {Kind.APPROVAL, *BY_RECORD}
    assert isinstance(said, list)
    assert len(set(said) - set(kinds)) == len(kinds) == 5


def test_gates_are_said_in_english_where_their_words_are_not_known_and_what_is_no_gate_as_it_is() -> None:
    assert shipped.in_words({"awaited": ["approval", "Ada's word"], "reason": "R"}, "pl") == {
        "awaited": ["an approval", "Ada's word"],
        "reason": "R",
    }


@pytest.mark.parametrize(
    ("language", "until"),
    [
        ("de", "bis {{ answer_by"),
        ("en", "by {{ answer_by"),
        ("es", "a más tardar el {{ answer_by"),
        ("fr", "au plus tard le {{ answer_by"),
    ],
)
def test_until_when_to_answer_is_said_alike_in_the_subject_and_below_it(language: str, until: str) -> None:
    adjust = shipped.words(language)[MessageKind.ADJUST]

    assert until in adjust.subject
    assert until in adjust.body


@given(data=st.data(), kind=KINDS, language=st.sampled_from([*shipped.LANGUAGES, "pt-BR", "zh-TW", "xx"]))
def test_whatever_is_missing_the_requester_is_told_all_that_is_there(
    data: st.DataObject, kind: MessageKind, language: str
) -> None:
    given_values = _draw_values(data.draw, kind) | {
        "request": "Printer",
        "external_id": "1",
        "source": "desk",
    }

    told = saying.in_own_words(kind, given_values, None, languages.chain(language))

    assert told.text
    assert told.subject
    assert len(told.text) <= OUTPUT_CHARACTERS_MAX
    bound = values.bound(kind, given_values, ENGLISH)
    for variable in VARIABLES[kind]:
        if variable.is_owed and variable.name in bound:
            assert " ".join(str(bound[variable.name]).split()) in " ".join(told.text.split())


PARTS = st.recursive(
    st.sampled_from(
        [
            *(
                "text ",
                "\n\n",
                "é\u0301 ",
                "{{ request }}",
                "{{ reason }}",
                "{{ reason | upcase }}",
                "{{ awaited }}",
            ),
            *("{{ awaited | join }}", "{{ awaited | first | truncate: 3 }}", "{{ contact | default: 'x' }}"),
            *(
                "{{ nobody }}",
                "{{ awaited.size }}",
                "{{ reason | date }}",
                "{{",
                "{% endif %}",
                "{{ (1..9) }}",
            ),
            *("{% assign a = 1 %}", "{{ request.__class__ }}", "{{ request | truncate: 0 }}", "\u202e"),
        ]
    ),
    lambda inner: st.builds(
        "".join,
        st.one_of(
            st.lists(inner, max_size=4),
            st.tuples(
                st.just("{% if reason %}"), inner, st.just("{% else %}"), inner, st.just("{% endif %}")
            ),
            st.tuples(st.just("{% unless contact %}"), inner, st.just("{% endunless %}")),
            st.tuples(
                st.just("{% if awaited %}{% for e in awaited %}"), inner, st.just("{% endfor %}{% endif %}")
            ),
            st.tuples(
                st.just("{% if awaited.size < 3 or reason == request %}"), inner, st.just("{% endif %}")
            ),
            st.tuples(st.just("{% case source %}{% when 'a', 'b' %}"), inner, st.just("{% endcase %}")),
        ),
    ),
    max_leaves=12,
)


@settings(max_examples=300)
@given(body=PARTS, data=st.data())
def test_no_template_that_is_taken_ever_blanks_exceeds_its_limits_or_fails_otherwise_than_foreseen(
    body: str, data: st.DataObject
) -> None:
    kind = MessageKind.ACCEPT_HELD_UP
    if checking.faults_of(kind, Written("x", body), ENGLISH, NOON):
        return
    given_values = _draw_values(data.draw, kind) | {
        "request": "Printer",
        "external_id": "1",
        "source": "desk",
    }

    try:
        _, text = saying.told(Written("x", body), values.bound(kind, given_values, ENGLISH))
    except Untold:
        return

    assert text.strip()
    assert len(text) <= OUTPUT_CHARACTERS_MAX


@given(body=st.text(alphabet="{}%|.[]()'\"-_ \nabreasonifdfo:,=<>0129\u202e", max_size=200))
def test_nothing_that_is_written_fails_otherwise_than_with_a_fault(body: str) -> None:
    for fault in checking.faults_of(MessageKind.DECLINE, Written("x", body), ENGLISH, NOON):
        assert fault.pointer == "/body"
        assert fault.line is None or 1 <= fault.line <= body.count("\n") + 1


def test_what_is_made_to_take_over_or_to_cost_much_is_refused_at_little_cost() -> None:
    """In a process of its own, which could not grow by more than SPARE_BYTES."""
    ran = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", hostile_templates.__name__],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )

    found = json.loads(ran.stdout)
    assert set(found) == {*ATTACKS, *COSTLY}
    assert [name for name in ATTACKS if not found[name]["faults"]] == []
    assert {name: each["seconds"] for name, each in found.items() if each["seconds"] > SECONDS_MAX} == {}


@pytest.mark.parametrize(
    ("text", "characters_max", "shortened"),
    [
        ("plain", 5, "plain"),
        ("plainer", 5, "plai…"),
        ("e\u0301e\u0301e\u0301", 4, "e\u0301…"),
        ("👩\u200d👩\u200d👧 family", 5, "…"),
        ("🇩🇪🇫🇷🇪🇸", 4, "🇩🇪…"),
    ],
)
def test_a_text_is_cut_between_what_is_one_character_to_its_reader(
    text: str, characters_max: int, shortened: str
) -> None:
    assert characters.shortened(text, characters_max) == shortened


@given(text=st.text(max_size=60), most=st.integers(1, 60))
def test_a_text_is_shortened_to_what_it_may_be_and_begins_as_it_did(text: str, most: int) -> None:
    shortened = characters.shortened(text, most)

    assert len(shortened) <= most
    assert text.startswith(shortened.removesuffix(characters.MORE)) or shortened == text


@given(text=st.text(max_size=60))
def test_what_others_wrote_is_made_harmless_and_otherwise_kept(text: str) -> None:
    harmless = characters.harmless(text)

    assert list(characters.faults_of_characters(harmless, "")) == []
    if not list(characters.faults_of_characters(text, "")):
        assert harmless == text


def test_a_loop_of_a_template_goes_round_no_more_than_it_may() -> None:
    program = engine.read("{% for a in awaited %}{% for b in awaited %}{% endfor %}{% endfor %}x")

    assert program.told({"awaited": ["x"] * 20}) == "x"
    with pytest.raises(Untold, match="more than 500 times"):
        program.told({"awaited": ["x"] * 23})


def test_an_instant_is_said_in_the_language_and_the_zone_of_whoever_is_told() -> None:
    program = engine.read("{{ answer_by }} | {{ answer_by | date: 'short' }} | {{ answer_by | time }}")
    at = {"answer_by": NOON + timedelta(hours=11, minutes=30)}

    said = program.told(values.bound(MessageKind.ADJUST, at, Manner.named("de", "Europe/Berlin")))

    assert said == "Dienstag, 6. Januar 2026, 00:30 MEZ | 06.01.26 | 00:30 MEZ"


def test_what_no_message_speaks_of_is_a_mistake_of_whoever_tells_it() -> None:
    with pytest.raises(ValueError, match="no message speaks of 'resaon'"):
        values.bound(MessageKind.DECLINE, {"resaon": "x"}, ENGLISH)
