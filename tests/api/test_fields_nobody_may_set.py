"""No body sets what the service itself sets, and no header makes a caller somebody else (OWASP API3, API8).

The names are those of every column of every tenant table and of every field that any answer shows.
"""

import sys
from collections.abc import AsyncGenerator, Iterator
from dataclasses import replace
from typing import Any, cast

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db import Base, Sessions
from service.settings import Settings
from tests.factories import MovableClock
from tests.probes import calls, document, matrix, world
from tests.probes.calls import Call
from tests.probes.document import Operation
from tests.probes.world import World

OPEN_OBJECTS = frozenset({"custom", "facts", "jwks", "profile"})
"""Objects whose names are the caller's own: what is in them is a value, and sets nothing else."""

PER_ITEM = frozenset({"computeWorkingTime"})
"""Operations that answer each item of a list with a result or an error, and store nothing."""

WITHIN = frozenset(
    {"client_id", "created_at", "id", "role", "roles", "scopes", "state", "tenant_id", "version"}
)
"""What is tried in the inner objects of a body as well."""

FORGED = "01890000-0000-7000-8000-000000000000"


@pytest.fixture(scope="module")
async def here(
    engine: AsyncEngine, undone: Sessions, settings: Settings, wall_clock: MovableClock
) -> AsyncGenerator[World]:
    async with world.standing(engine, undone, settings, wall_clock) as made:
        yield made


def _names_of_ours(described: document.Document) -> list[str]:
    """Every name that something of a tenant has in the database, or in an answer."""
    columns = {
        name
        for table in Base.metadata.sorted_tables
        if "tenant_id" in table.columns
        for name in table.columns.keys()  # noqa: SIM118 - SQLAlchemy's collection yields columns
    }
    shown = {
        name
        for item in described["paths"].values()
        for method in document.METHODS
        if method in item
        for name in document.shown_fields(described, item[method])
    }
    return sorted(columns | shown | {"is_admin", "role", "permissions", "__proto__", "constructor"})


def _objects(value: Any, steps: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where the objects of a body are, but for those whose names are the caller's own."""
    if isinstance(value, dict):
        yield steps
        for name, inner in cast("dict[str, Any]", value).items():
            if name not in OPEN_OBJECTS:
                yield from _objects(inner, (*steps, name))
    elif isinstance(value, list):
        yield from _objects(cast("list[Any]", value)[0], (*steps, 0)) if value else ()


def _foreign_names(
    operation: Operation, body: Any, steps: tuple[str | int, ...], names: list[str]
) -> list[str]:
    """Those of the names that the object at `steps` does not have."""
    found = body
    for step in steps:
        found = found[step]
    own = {place.name for place in operation.at("body")} if not steps else set[str]()
    return [name for name in names if name not in own and name not in found and (not steps or name in WITHIN)]


async def test_no_field_but_its_own_can_be_set_by_any_body(
    here: World, capsys: pytest.CaptureFixture[str]
) -> None:
    names, before = _names_of_ours(here.document), await here.rows(here.staff.tenant)
    taken: list[str] = []
    probes = 0
    for operation in here.operations.values():
        if not operation.takes_json or operation.id in PER_ITEM:
            continue
        call = here.staff.call(operation)
        for steps in _objects(call.body):
            for name in _foreign_names(operation, call.body, steps, names):
                status = await _status(here, replace(call, body=calls.put(call.body, (*steps, name), FORGED)))
                probes += 1
                if status not in (400, 422):
                    taken.append(f"{operation.id} {'/'.join(map(str, (*steps, name)))}: {status}")

    with capsys.disabled():
        sys.stdout.write(f"\n{probes} fields that nobody may set\n")
    assert taken == []
    assert await here.rows(here.staff.tenant) == before
    assert probes >= 1_000


async def test_no_header_makes_a_caller_somebody_else(here: World) -> None:
    """What a proxy or a careless program might believe changes neither the answer nor what is stored."""
    victim = here.staff
    before = await here.rows(victim.tenant)
    for operation in here.operations.values():
        for identity in (str(victim.tenant.id), victim.own["client"], "127.0.0.1"):
            call = here.stranger.call(operation, fresh="spoofing")
            plain = await _shown(here, operation, call)
            spoofed = await _shown(
                here, operation, replace(call, headers={**call.headers, **matrix.spoofed(identity)})
            )
            assert spoofed == plain, operation.id

    assert await here.rows(victim.tenant) == before


async def _shown(here: World, operation: Operation, call: Call) -> calls.Shown:
    async with here.undone():
        answer = await here.stranger.send(call)
        assert answer.status_code < 500, operation.id
    return calls.shown(answer, "")


async def _status(here: World, call: Call) -> int:
    async with here.undone():
        return (await here.staff.send(call)).status_code
