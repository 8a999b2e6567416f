"""What is written of a ledger can be read again, unchanged."""

from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.commitments import wire
from service.commitments.domain import LedgerEntry, Terms, Threshold
from tests.unit.commitments.ledgers import Ledger, at, hours, patient, resolve
from tests.unit.commitments.test_properties import ANY, TERMS, Case, cases


def _through_json(document: dict[str, Any]) -> dict[str, Any]:
    return msgspec.json.decode(msgspec.json.encode(document))


@patient
@given(terms=TERMS)
def test_terms_survive_being_written(terms: Terms) -> None:
    assert wire.terms_of(_through_json(wire.terms_document(terms))) == terms


@patient
@given(case=cases(ANY), threshold=st.sampled_from(Threshold))
def test_entries_survive_being_written(case: Case, threshold: Threshold) -> None:
    case.ledger.told(at("10:00"), threshold)

    for entry in case.ledger.entries:
        when = {
            "at": entry.at,
            "source_sequence": entry.source_sequence,
            "received_at": entry.received_at,
            "id": entry.id,
        }
        assert wire.entry(wire.KINDS[type(entry)], when, _through_json(wire.detail(entry))) == entry


def test_every_kind_of_entry_can_be_written() -> None:
    assert set(wire.KINDS) == set(get_args(LedgerEntry))


def test_an_unknown_kind_is_not_taken_for_another() -> None:
    entry = Ledger().start(at("10:00"), resolve(hours(1))).entries[0]

    with pytest.raises(KeyError, match="forgotten"):
        wire.entry("forgotten", {}, wire.detail(entry))
