"""What belongs to somebody else cannot be told from what never was: probes generated from the API document.

Every place of every operation that can name something is filled in with what another tenant has, or another
client organization of the same tenant, and once more with a value of the same form that nobody has. Status,
headers and body must not tell the two apart; nothing of the victim's may be shown, and nothing may change.
"""

import sys
from collections.abc import AsyncGenerator, Sequence
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
from tests.probes.document import Operation
from tests.probes.matrix import Pair
from tests.probes.parties import Party
from tests.probes.world import Rows, World

LEAKS_SHOWN = 20
"""After so many there is something to mend; the rest would say the same."""


@pytest.fixture(scope="module")
async def here(
    engine: AsyncEngine, undone: Sessions, settings: Settings, wall_clock: MovableClock
) -> AsyncGenerator[World]:
    """The world that all probes of this module share; each leaves it as it was."""
    async with world.standing(engine, undone, settings, wall_clock) as made:
        yield made


def _open_to(party: Party, here: World) -> list[Operation]:
    return [operation for operation in here.operations.values() if party.may(operation)]


async def test_everything_that_can_be_named_is_known_to_the_probes(served: Litestar) -> None:
    async with AsyncClient(transport=ASGITransport(cast("Any", served)), base_url=ISSUER) as anybody:
        described = (await anybody.get("/openapi.json")).json()

    assert places.unknown(document.operations(described)) == []


async def test_every_operation_does_what_it_should_for_who_may_call_it(here: World) -> None:
    """Without this, a probe that is refused would prove nothing."""
    for party in (here.staff, here.clerk):
        for operation in _open_to(party, here):
            async with here.undone():
                for before in parties.FIRST.get(operation.id, ()):
                    await party.send(party.call(here.operations[before]))
                answer = await party.send(party.call(operation))
            assert answer.is_success, (party.name, operation.id, answer.text)


@pytest.mark.parametrize(
    ("prober", "victims", "at_least"),
    [
        ("stranger", ("staff", "neighbour"), 2_500),
        ("visitor", ("staff", "neighbour"), 1_000),
        ("clerk", ("neighbour", "staff"), 1_000),
    ],
)
async def test_what_others_have_cannot_be_told_from_what_never_was(
    here: World, capsys: pytest.CaptureFixture[str], prober: str, victims: Sequence[str], at_least: int
) -> None:
    caller: Party = getattr(here, prober)
    owners: list[Party] = [getattr(here, name) for name in victims]
    probes = list(matrix.pairs(caller, owners, _open_to(caller, here)))
    before = await here.rows(owners[0].tenant)

    leaks: list[str] = []
    for probe in probes:
        if len(leaks) < LEAKS_SHOWN:
            leaks += await _leaks(here, caller, owners, probe, before)

    with capsys.disabled():
        sys.stdout.write(f"\n{2 * len(probes)} probes by the {prober}\n")
    assert leaks == []
    assert 2 * len(probes) >= at_least


async def _leaks(here: World, caller: Party, owners: list[Party], probe: Pair, before: Rows) -> list[str]:
    """What the two answers, and what they left behind, tell of the victims."""
    within = caller.tenant.id == owners[0].tenant.id
    async with here.undone():
        foreign = await caller.send(probe.foreign)
        after = before if probe.foreign.method == "GET" else await here.rows(owners[0].tenant)
    async with here.undone():
        random = await caller.send(probe.random)
    said = f"{foreign.headers}{foreign.text}"
    hidden = matrix.hidden_from(caller, owners) - {probe.foreign_value}
    found = [f"{probe}: shows {value}" for value in hidden if value in said]
    if calls.shown(foreign, probe.foreign_value) != calls.shown(random, probe.random_value):
        found.append(f"{probe}: {_said(foreign)} but {_said(random)} for {probe.random_value}")
    if probe.place.where == "path" and foreign.status_code != 404:
        found.append(f"{probe}: {_said(foreign)}")
    if _changed(before, after, str(caller.client_id) if within else None):
        found.append(f"{probe}: changed what the victim has")
    return found


def _changed(before: Rows, after: Rows, own: str | None) -> bool:
    """Did anything change but what the caller itself may?"""
    return any(own is None or client not in ("", own) for _, client, _ in before ^ after)


def _said(answer: Response) -> str:
    return f"{answer.status_code} {answer.text[:300]}"
