"""What is kept of the documents that were read."""

import asyncio
import tracemalloc

import pytest

from service import ids
from service.ids import TenantId
from service.requests.kinds import KINDS
from service.rules import documents
from service.rules.domain import UNREADABLE, Saved
from service.rules.errors import PolicyInvalid
from service.rules.library import Library, bytes_of
from tests.unit.engine.bombs import bombs

KIND = KINDS["commitment"]
TENANT = TenantId(ids.new_id())
LARGE = ("2000 rules", "1999 absent", "patterns in every rule")


def _saved(name: str) -> Saved:
    (document,) = (bomb.document for bomb in bombs() if bomb.name == name)
    return Saved(document, {})


async def test_what_is_prepared_is_not_missing_and_need_not_be_loaded_again() -> None:
    library, known, other = Library(), ids.new_id(), ids.new_id()

    await library.prepare(TENANT, {known: _saved("17 alternatives")}, {known: KIND})

    assert library.missing(TENANT, [known, other]) == [other]
    assert library.missing(TenantId(ids.new_id()), [known]) == [known]
    assert len(library.read(TENANT, known, None, KIND).rules) == 1
    with pytest.raises(KeyError):
        library.read(TENANT, other, None, KIND)


async def test_a_version_from_before_conditions_had_a_bound_together_is_still_decided_by() -> None:
    library, versions = Library(), [ids.new_id() for _ in range(2)]
    promises = [{"metric": "resolve", "target": {"unit": "elapsed_time", "seconds": 60}}]
    rule = {"when": f"request.title == '{'x' * 4_000}'", "then": {"promises": promises}, "because": "Long."}
    saved = Saved({"rules": [rule | {"id": f"rule-{number}"} for number in range(40)]}, {})
    with pytest.raises(PolicyInvalid):
        documents.read(saved.document, KIND)

    await library.prepare(TENANT, {versions[0]: saved}, {versions[0]: KIND})

    assert len(library.read(TENANT, versions[0], None, KIND).rules) == 40
    assert len(library.read(TENANT, versions[1], saved, KIND).rules) == 40


async def test_documents_are_kept_by_their_size_and_the_oldest_goes_first() -> None:
    small, versions = _saved("17 alternatives"), [ids.new_id() for _ in range(3)]
    weight = bytes_of(documents.read(small.document, KIND))
    library = Library(bytes_kept_max=2 * weight)

    for version in versions:
        await library.prepare(TENANT, {version: small}, {version: KIND})

    assert library.missing(TENANT, versions) == versions[:1]


async def test_a_large_document_is_read_while_others_are_served() -> None:
    turns, version = 0, ids.new_id()
    reading = asyncio.create_task(Library().prepare(TENANT, {version: _saved(LARGE[0])}, {version: KIND}))

    while not reading.done():
        await asyncio.sleep(0)
        turns += 1

    assert turns > 5


@pytest.mark.parametrize("name", LARGE)
def test_the_weight_of_a_document_is_about_its_memory(name: str) -> None:
    saved = _saved(name)
    tracemalloc.start()
    document = documents.read(saved.document, KIND)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert 0.5 < bytes_of(document) / used < 2


async def test_a_version_that_can_no_longer_be_read_stands_for_nothing_and_stops_nobody() -> None:
    library, prepared, loaded = Library(), ids.new_id(), ids.new_id()
    saved = Saved({"rules": [], "a key of another time": 1}, {})

    await library.prepare(TENANT, {prepared: saved}, {prepared: KIND})

    assert library.read(TENANT, prepared, None, KIND) is UNREADABLE
    assert library.read(TENANT, loaded, saved, KIND) is UNREADABLE
