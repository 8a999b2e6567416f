from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

from hypothesis import given
from hypothesis import strategies as st

from service.replay.sorting import Sorter
from tests.unit.replay import factories


@dataclass(frozen=True, slots=True)
class Item:
    key: int
    text: str
    at: datetime = factories.NOON


@given(
    keys=st.lists(st.integers(0, 9), max_size=60),
    run_length=st.integers(1, 70),
    size=st.sampled_from([0, 1, 70_000]),
)
def test_what_is_sorted_on_disk_is_sorted_as_in_memory(keys: list[int], run_length: int, size: int) -> None:
    items = [Item(key, str(index) + "x" * (size if index == 0 else 0)) for index, key in enumerate(keys)]

    with Sorter(Item, key=attrgetter("key"), run_length=run_length) as sorter:
        sorter.add(items)

        assert list(sorter) == sorted(items, key=attrgetter("key"))
        assert list(zip(sorter, sorter, strict=True)) == [(item, item) for item in sorter]
        assert sorter.count == len(items)
