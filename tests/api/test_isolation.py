"""What belongs to somebody else cannot be told from what never was: probes generated from the API document.

Every place of every operation that can name something is filled in with what another tenant has, or another
client organization of the same tenant, and once more with a value of the same form that nobody has. Status,
headers and body must not tell the two apart; nothing of the victim's may be shown, and nothing may change.
"""

import statistics
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pytest
from httpx2 import ASGITransport, AsyncClient, Response
from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db import Sessions
from service.settings import Settings
from tests.conftest import ISSUER
from tests.factories import MovableClock
from tests.probes import calls, document, matrix, parties, places, world
from tests.probes.matrix import Pair
from tests.probes.parties import Party
from tests.probes.world import Rows, World

PROBERS = [
    ("stranger", ("staff", "neighbour")),
    ("visitor", ("staff", "neighbour")),
    ("clerk", ("neighbour", "staff")),
]
"""Who asks, and whose things it asks about."""

PAIRS_TIMED = 200
LEAKS_SHOWN = 20
"""After so many there is something to mend; the rest would say the same."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What the victims have: every row, and what no answer may show."""

    rows: Rows
    hidden: set[str]


@pytest.fixture(scope="module")
async def here(
    engine: AsyncEngine, undone: Sessions, settings: Settings, wall_clock: MovableClock
) -> AsyncGenerator[World]:
    """The world that all probes of this module share; each leaves it as it was."""
    async with world.standing(engine, undone, settings, wall_clock) as made:
        yield made


async def test_everything_that_can_be_named_is_known_to_the_probes(served: Litestar) -> None:
    async with AsyncClient(transport=ASGITransport(cast("Any", served)), base_url=ISSUER) as anybody:
        described = (await anybody.get("/openapi.json")).json()

    assert places.unknown(document.operations(described)) == []


async def test_every_operation_does_what_it_should_for_who_may_call_it(here: World) -> None:
    """Without this, a probe that is refused would prove nothing."""
    for party in (here.staff, here.clerk):
        for operation in filter(party.may, here.operations.values()):
            async with here.undone():
                for before in parties.first(party, here.operations, operation):
                    await party.send(before)
                answer = await party.send(party.call(operation))
            refused = answer.status_code == 403 and operation.id in parties.MEMBERS_ONLY
            assert answer.is_success or refused, (party.name, operation.id, answer.text)


def test_there_are_probes_of_every_operation_and_more_than_three_thousand(here: World) -> None:
    made = [_probes(here, *_named(here, prober, victims), each=2) for prober, victims in PROBERS]

    assert {probe.operation.id for probe in made[0]} == here.operations.keys()
    assert 2 * sum(map(len, made)) >= 3_000


async def test_reading_changes_nothing(here: World) -> None:
    before = await here.rows(here.staff.tenant)

    for operation in here.operations.values():
        if operation.method == "get":
            assert (await here.staff.send(here.staff.call(operation))).is_success

    assert await here.rows(here.staff.tenant) == before


@pytest.mark.parametrize(("prober", "victims"), PROBERS)
async def test_what_others_have_cannot_be_told_from_what_never_was(
    here: World, capsys: pytest.CaptureFixture[str], prober: str, victims: Sequence[str]
) -> None:
    await _probed(here, prober, victims, capsys, each=2)


@pytest.mark.prove
@pytest.mark.parametrize(("prober", "victims"), PROBERS)
async def test_nothing_at_all_that_others_have_can_be_told_from_what_never_was(
    here: World, capsys: pytest.CaptureFixture[str], prober: str, victims: Sequence[str]
) -> None:
    await _probed(here, prober, victims, capsys, each=100)


async def _probed(
    here: World, prober: str, victims: Sequence[str], capsys: pytest.CaptureFixture[str], *, each: int
) -> None:
    """Send the probes, let nothing leak, and say how many there were."""
    caller, owners = _named(here, prober, victims)
    probes = _probes(here, caller, owners, each=each)
    sight = Sight(await here.rows(owners[0].tenant), matrix.hidden_from(caller, owners))
    leaks: list[str] = []
    for probe in probes:
        if len(leaks) < LEAKS_SHOWN:
            leaks += await _leaks(here, caller, owners[0], probe, sight)
    with capsys.disabled():
        sys.stdout.write(f"\n{2 * len(probes)} probes by the {prober}, {len(leaks)} leaks\n")
    assert leaks == []


def _named(here: World, prober: str, victims: Sequence[str]) -> tuple[Party, list[Party]]:
    return getattr(here, prober), [getattr(here, name) for name in victims]


def _probes(here: World, caller: Party, owners: list[Party], *, each: int) -> list[Pair]:
    operations = filter(caller.may, here.operations.values())
    return list(matrix.pairs(caller, owners, operations, each=each))


async def _leaks(here: World, caller: Party, owner: Party, probe: Pair, sight: Sight) -> list[str]:
    """What the two answers, and what they left behind, tell of the victims."""
    within = caller.tenant.id == owner.tenant.id
    async with here.undone():
        foreign = await caller.send(probe.foreign)
        after = sight.rows if probe.foreign.method == "GET" else await here.rows(owner.tenant)
    async with here.undone():
        random = await caller.send(probe.random)
    said = f"{foreign.headers}{foreign.text}"
    found = [
        f"{probe}: shows {value}" for value in sight.hidden if value in said and value != probe.foreign_value
    ]
    if calls.shown(foreign, probe.foreign_value) != calls.shown(random, probe.random_value):
        found.append(f"{probe}: {_said(foreign)} but {_said(random)} for {probe.random_value}")
    if probe.place.where == "path" and foreign.status_code != 404:
        found.append(f"{probe}: {_said(foreign)}")
    if _changed(sight.rows, after, str(caller.client_id) if within else None):
        found.append(f"{probe}: changed what the victim has")
    return found


def _changed(before: Rows, after: Rows, own: str | None) -> bool:
    """Did anything change but what the caller itself may?"""
    return any(own is None or client not in ("", own) for _, client, _ in before ^ after)


def _said(answer: Response) -> str:
    return f"{answer.status_code} {answer.text[:300]}"


@pytest.mark.prove
async def test_time_tells_no_more_than_the_answer(here: World, capsys: pytest.CaptureFixture[str]) -> None:
    """The median difference of 200 pairs is told, and bounded only by what no noise explains."""
    operation = here.operations["getRequest"]
    place = operation.at("path")[0]
    call = here.stranger.call(operation)
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(PAIRS_TIMED):
        foreign = here.staff.own["request"]
        for is_foreign, value in ((True, foreign), (False, matrix.like(foreign))):
            begun = time.perf_counter()
            answer = await here.stranger.send(call.put(place, value))
            seconds[is_foreign].append(time.perf_counter() - begun)
            assert answer.status_code == 404

    medians = {each: statistics.median(found) for each, found in seconds.items()}
    with capsys.disabled():
        sys.stdout.write(
            f"\nforeign {medians[True] * 1_000:.3f} ms, random {medians[False] * 1_000:.3f} ms\n"
        )
    assert abs(medians[True] - medians[False]) < max(medians.values())
