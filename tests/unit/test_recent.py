from hypothesis import given
from hypothesis import strategies as st

from service.recent import Recent


def test_what_is_remembered_is_bounded_and_the_least_used_goes_first() -> None:
    recent: Recent[int, str] = Recent(3)
    for number in range(3):
        recent.put(number, str(number))

    recent.get(0)
    recent.put(3, "3")

    assert len(recent) == 3
    assert [recent.get(number) for number in range(4)] == ["0", None, "2", "3"]


@given(puts=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9))), most=st.integers(1, 12))
def test_what_is_kept_weighs_no_more_than_it_may_but_for_the_last(
    puts: list[tuple[int, int]], most: int
) -> None:
    recent: Recent[int, tuple[int]] = Recent(most, weigh=lambda value: value[0])

    for key, weight in puts:
        recent.put(key, (weight,))

        kept = [found[0] for number in range(6) if (found := recent.get(number)) is not None]
        assert sum(kept) <= most or len(kept) == 1
        assert key in recent
