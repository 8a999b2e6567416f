"""Facts that a tenant declares: what may be said of one, and what a version keeps of them."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.commitments.promises import COMMITMENT
from service.rules import documents, fitting
from service.rules.domain import Saved
from service.rules.facts import domain
from service.rules.facts.domain import FactEntry
from service.rules.language.bind import bind
from service.rules.language.declare import declarations_from_json
from service.rules.vocabulary import FACTS, HISTORY, Source, read_by

SITE = FactEntry(name="request.custom.site", type="string", description="Where the work is.")
THEN = {"promises": [{"metric": "resolve", "target": {"unit": "elapsed_time", "seconds": 3600}}]}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def _document(*conditions: str, **overrides: Any) -> dict[str, Any]:
    rules = [
        {"id": f"r{index}", "when": when, "then": THEN, "because": "It is so."}
        for index, when in enumerate(conditions)
    ]
    return {"rules": rules} | overrides


def _pinned(document: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    saved = Saved(document, own)
    return dict(domain.pinned(saved, documents.read(document, COMMITMENT, own=own)).declared)


@pytest.mark.parametrize(
    ("said", "pointers"),
    [
        ({}, []),
        ({"type": "list<int>"}, []),
        ({"values": ["harbour", "airport"]}, []),
        ({"type": "int", "unit": "hours"}, []),
        ({"name": "client.custom.vip"}, []),
        ({"name": "request.site"}, ["/name"]),
        ({"name": "request.custom."}, ["/name"]),
        ({"name": "request.custom.a..b"}, ["/name"]),
        ({"name": "request.custom.line\nfeed"}, ["/name"]),
        ({"name": "client.custom.Vip"}, ["/name"]),
        ({"name": f"request.custom.{'x' * 200}"}, ["/name"]),
        ({"type": "text"}, ["/type"]),
        ({"values": ["harbour", 7]}, ["/values/1"]),
        ({"values": []}, ["/values"]),
        ({"type": "timestamp", "values": ["2026-01-05T12:00:00Z"]}, ["/values"]),
        ({"unit": "hours"}, ["/unit"]),
        ({"type": "int", "unit": " "}, ["/unit"]),
        ({"description": ""}, ["/description"]),
        ({"type": "text", "name": "x", "description": " "}, ["/description", "/name", "/type"]),
    ],
    ids=str,
)
def test_a_declaration_is_refused_with_the_place_of_every_fault(
    said: dict[str, Any], pointers: list[str]
) -> None:
    faults = domain.faults_of(replace(SITE, **said), {})

    assert sorted(fault.pointer for fault in faults) == pointers


@pytest.mark.parametrize(
    "others", [{"request.custom.site.floor": {"type": "int"}}, {"request.custom": {"type": "int"}}]
)
def test_a_fact_is_not_declared_below_or_above_one_that_is_no_map(others: dict[str, Any]) -> None:
    assert [fault.pointer for fault in domain.faults_of(SITE, others)] == ["/name"]
    assert domain.faults_of(replace(SITE, type="map"), {"request.custom.site.floor": {"type": "int"}}) == []


@given(values=st.none() | st.lists(st.text(max_size=5), min_size=1, max_size=5))
def test_what_is_accepted_reads_as_a_document_would_declare_it(values: list[str] | None) -> None:
    entry = replace(SITE, values=values)

    declared = declarations_from_json({entry.name: entry.form()})

    assert domain.faults_of(entry, {}) == []
    assert declared.faults == ()
    assert declared.declarations[entry.name].values == (None if values is None else tuple(values))


def test_a_version_keeps_the_facts_that_it_reads_and_does_not_declare_itself() -> None:
    own = {
        "request.custom.site": {"type": "string"},
        "request.custom.floor": {"type": "int"},
        "request.custom.badge": {"type": "int"},
        "client.custom.vip": {"type": "bool"},
    }
    document = _document(
        "request.custom.site == 'harbour' && request.custom.badge == 'x'",
        facts={"request.custom.badge": "string"},
    )

    assert _pinned(document, own) == {"request.custom.site": {"type": "string"}}


def test_a_version_that_reads_a_group_by_an_index_keeps_all_of_it() -> None:
    own = {"request.custom.site": {"type": "string"}, "client.custom.vip": {"type": "bool"}}

    assert _pinned(_document("request.custom['site'] == 'harbour'"), own) == {
        "request.custom.site": {"type": "string"}
    }


@pytest.mark.parametrize(
    "when",
    [
        "history['same_service_1h'] > 2",
        "history.exists(name, history[name] > 2)",
        "has(history.same_service_1h) || true",
        "size(history) > 0 && request.priority == 'P1'",
        "true ? history.same_service_1h > 2 : false",
        "[history.same_service_1h].exists(count, count > 2)",
    ],
)
def test_no_way_of_reading_history_slips_past(when: str) -> None:
    read = documents.read(_document(when), COMMITMENT)

    assert "history.same_service_1h" in read_by(HISTORY, read.reads)


def test_a_rule_is_checked_against_what_the_tenant_declares() -> None:
    own = {"request.custom.floor": {"type": "int"}}
    document = _document("request.custom.floor == 'x'")

    assert documents.read(document, COMMITMENT).rules
    with pytest.raises(documents.PolicyInvalid):
        documents.read(document, COMMITMENT, own=own)


def test_history_is_of_numbers_that_have_a_unit() -> None:
    assert {fact.source for fact in HISTORY.values()} == {Source.HISTORY}
    assert all(fact.unit for fact in HISTORY.values())
    assert all(fact.description.endswith(".") for fact in FACTS.values())


@pytest.mark.parametrize(
    ("custom", "pointers"),
    [
        ({}, []),
        ({"site": None}, []),
        ({"site": "harbour", "floor": 2}, []),
        ({"floor": 2.0}, []),
        ({"site": "airport"}, ["/request/custom/site"]),
        ({"floor": True}, ["/request/custom/floor"]),
        ({"floor": "2"}, ["/request/custom/floor"]),
        ({"site": 7, "floor": 3}, ["/request/custom/site", "/request/custom/floor"]),
    ],
    ids=str,
)
def test_a_fact_that_is_not_what_it_is_declared_to_be_is_named(
    custom: dict[str, Any], pointers: list[str]
) -> None:
    declared = declarations_from_json(
        {
            "request.custom.site": {"type": "string", "values": ["harbour", "mill"]},
            "request.custom.floor": {"type": "int", "values": [1, 2]},
        }
    ).declarations

    unfit = fitting.unfit(bind({"request": {"custom": custom}}, declared), declared)

    assert [fault.pointer for fault in unfit] == pointers


@given(value=JSON, allowed=st.lists(st.integers(-3, 3), min_size=1, max_size=3))
def test_whatever_comes_fits_or_is_named_once(value: object, allowed: list[int]) -> None:
    declared = declarations_from_json({"request.custom.n": {"type": "int", "values": allowed}}).declarations

    unfit = fitting.unfit(bind({"request": {"custom": {"n": value}}}, declared), declared)

    fits = value is None or (
        not isinstance(value, bool) and isinstance(value, int | float) and value in allowed
    )
    assert len(unfit) == (0 if fits else 1)
