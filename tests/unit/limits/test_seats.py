"""Seats: nobody has all of them, nobody is overtaken by who has more, and none is ever lost."""

import asyncio
from collections import Counter
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.ids import TenantId
from service.limits.errors import TenantBusy
from service.limits.seats import Seats, share_of

A, B, C = (TenantId(UUID(int=number)) for number in (1, 2, 3))


class Guests:
    """Requests of tenants that sit until they are told to rise."""

    def __init__(self, seats: Seats) -> None:
        self.seats = seats
        self.seated: list[TenantId] = []
        self.tasks: list[tuple[TenantId, asyncio.Task[None], asyncio.Event]] = []

    async def come(self, tenant_id: TenantId) -> None:
        rise = asyncio.Event()
        self.tasks.append((tenant_id, asyncio.create_task(self._sit(tenant_id, rise)), rise))
        await settled()

    async def rise(self, tenant_id: TenantId) -> None:
        """The one of this tenant that sits longest rises."""
        if tenant_id in self.seated:
            next(rise for each, task, rise in self.tasks if each == tenant_id and not task.done()).set()
        await settled()

    async def go_away(self, index: int) -> None:
        if self.tasks:
            self.tasks[index % len(self.tasks)][1].cancel()
        await settled()

    async def _sit(self, tenant_id: TenantId, rise: asyncio.Event) -> None:
        async with self.seats.taken(tenant_id):
            self.seated.append(tenant_id)
            try:
                await rise.wait()
            finally:
                self.seated.remove(tenant_id)

    async def leave(self) -> None:
        for _, task, _ in self.tasks:
            task.cancel()
        await asyncio.gather(*(task for _, task, _ in self.tasks), return_exceptions=True)


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize(("total", "share"), [(1, 1), (2, 1), (4, 3), (8, 6)])
async def test_a_tenant_alone_takes_its_share_and_leaves_the_rest_to_others(total: int, share: int) -> None:
    guests = Guests(Seats(total))
    for _ in range(total + 1):
        await guests.come(A)
    alone = Counter(guests.seated)
    await guests.come(B)

    assert alone == {A: share}
    assert guests.seated.count(B) == (0 if total == share else 1)
    assert share_of(total) == share
    await guests.leave()


async def test_a_free_seat_goes_to_whoever_has_the_fewest_and_then_to_whoever_waits_longest() -> None:
    guests = Guests(Seats(4))
    for tenant_id in (A, A, A, B, A, C, B):
        await guests.come(tenant_id)
    before = Counter(guests.seated)
    await guests.rise(A)
    after_one = Counter(guests.seated)
    await guests.rise(A)

    assert before == {A: 3, B: 1}
    assert after_one == {A: 2, B: 1, C: 1}
    assert Counter(guests.seated) == {A: 2, B: 1, C: 1}
    await guests.leave()


async def test_a_seat_that_another_has_left_is_not_given_to_who_has_its_share() -> None:
    guests = Guests(Seats(4))
    for tenant_id in (A, A, A, A, B):
        await guests.come(tenant_id)
    await guests.rise(B)
    alone = Counter(guests.seated)
    await guests.come(C)

    assert alone == {A: 3}
    assert Counter(guests.seated) == {A: 3, C: 1}
    await guests.leave()


async def test_more_than_may_wait_are_refused() -> None:
    guests = Guests(Seats(1, waiting_max=2))
    for _ in range(3):
        await guests.come(A)

    with pytest.raises(TenantBusy, match="2 requests"):
        async with guests.seats.taken(A):
            pass
    await guests.come(B)

    assert len([task for _, task, _ in guests.tasks if not task.done()]) == 4
    await guests.leave()


@given(
    total=st.integers(1, 6),
    steps=st.lists(
        st.tuples(
            st.sampled_from(["come", "come", "rise", "go"]), st.sampled_from([A, B, C]), st.integers(0, 9)
        ),
        max_size=60,
    ),
)
def test_no_seat_is_ever_lost_or_given_twice_whoever_comes_rises_or_goes_away(
    total: int, steps: list[tuple[str, TenantId, int]]
) -> None:
    asyncio.run(_walk(total, steps))


async def _walk(total: int, steps: list[tuple[str, TenantId, int]]) -> None:
    guests = Guests(Seats(total, waiting_max=100))
    for step, tenant_id, index in steps:
        match step:
            case "come":
                await guests.come(tenant_id)
            case "rise":
                await guests.rise(tenant_id)
            case _:
                await guests.go_away(index)
        seated = Counter(guests.seated)
        waiting = Counter(each for each, task, _ in guests.tasks if not task.done()) - seated
        assert seated.total() <= total
        assert all(count <= share_of(total) for count in seated.values())
        entitled = [each for each in waiting if seated[each] < share_of(total)]
        assert seated.total() == total or not entitled
    await guests.leave()
    fresh = Guests(guests.seats)
    for tenant_id in (A, B, C) * total:
        await fresh.come(tenant_id)
    assert len(fresh.seated) == min(total, 3 * share_of(total))
    await fresh.leave()


async def test_a_seat_that_is_given_to_somebody_who_goes_away_that_moment_is_given_to_the_next() -> None:
    guests = Guests(Seats(1))
    seats = guests.seats
    async with seats.taken(A):
        await guests.come(B)
    guests.tasks[0][1].cancel()  # B was called and has not sat down yet
    await settled()

    async with asyncio.timeout(1), seats.taken(C):
        assert guests.seated == []
