"""What is served is what is documented and probed, by these methods and no others (OWASP API5, API9)."""

from collections.abc import AsyncGenerator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db import Sessions
from service.settings import Settings
from tests.factories import MovableClock
from tests.probes import document, matrix, raw, world
from tests.probes.places import PUBLIC
from tests.probes.raw import Asked
from tests.probes.world import World

METHODS = (
    *("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "MOVE"),
    *("get", "GETT", "G\x00T", "X" * 1_000),
)


@pytest.fixture(scope="module")
async def here(
    engine: AsyncEngine, undone: Sessions, settings: Settings, wall_clock: MovableClock
) -> AsyncGenerator[World]:
    async with world.standing(engine, undone, settings, wall_clock) as made:
        yield made


def test_what_is_documented_is_probed(here: World) -> None:
    documented = {operation.id for operation in document.operations(here.document)}

    assert documented == here.operations.keys() | PUBLIC


async def test_a_method_that_is_not_documented_is_not_allowed_and_says_nothing(here: World) -> None:
    """To anybody, with or without a token: the address is no secret, what it holds is."""
    authorization = (b"authorization", here.staff.caller.headers["Authorization"].encode())
    hidden = matrix.hidden_from(here.stranger, [here.staff])
    allowed = _methods_by_address(here)
    probed = 0
    for address, methods in allowed.items():
        for method in (each for each in METHODS if each not in {*methods, "OPTIONS"}):
            for headers in ([], [authorization]):
                answered = await raw.ask(here.ground.app, Asked(method, address.encode(), headers))
                assert answered.status == 405, (method, address, answered)
                assert answered.is_problem or method == "HEAD"
                assert set(answered.header("allow").split(", ")) == {*methods, "OPTIONS"}
                assert not any(value in answered.body.decode() for value in hidden if value not in address)
                probed += 1

    assert probed >= 1_000


async def test_options_says_methods_that_are_documented_and_nothing_else(here: World) -> None:
    """Perhaps not all of them: Litestar answers for one of the routes that share an address."""
    for address, methods in _methods_by_address(here).items():
        answered = await raw.ask(here.ground.app, Asked("OPTIONS", address.encode()))

        assert (answered.status, answered.body) == (204, b""), address
        assert {"OPTIONS"} < set(answered.header("allow").split(", ")) <= {*methods, "OPTIONS"}, address
        assert not any(name.startswith(b"access-control-") for name, _ in answered.headers)


@pytest.mark.parametrize(
    "address",
    [
        *(
            "/",
            "/v1",
            "/v1/",
            "/v2/tenant",
            "/V1/tenant",
            "/admin",
            "/debug",
            "/.env",
            "/.git/config",
        ),
        *("/docs", "/schema", "/schema/openapi.json", "/swagger", "/redoc", "/openapi.yaml", "/v1/tenants"),
        *(
            "/v1/tenant/../tenants",
            "/v1/%2e%2e/metrics",
            "/v1/tenant;a=b",
            "/v1/requests/all",
        ),
        *("/static/../../etc/passwd", "/actuator", "/server-status", "/console", "/graphql"),
    ],
)
async def test_what_is_not_documented_is_not_there(here: World, address: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        answered = await raw.ask(here.ground.app, Asked(method, address.encode()))
        assert answered.status == 404, (method, answered)
        assert answered.is_problem


@pytest.mark.parametrize("address", ["/v1//tenant", "/v1/tenant/", "/v1/tenant%2f", "//v1/tenant"])
async def test_an_address_in_another_spelling_is_guarded_as_it_is(here: World, address: str) -> None:
    answered = await raw.ask(here.ground.app, Asked("GET", address.encode()))
    assert answered.status in (401, 404)


def _methods_by_address(here: World) -> dict[str, set[str]]:
    """The address of every documented operation, on what the staff has, and its methods."""
    found: dict[str, set[str]] = {}
    for operation in document.operations(here.document):
        address = here.staff.call(operation).address
        found.setdefault(address, set()).add(operation.method.upper())
    return found
