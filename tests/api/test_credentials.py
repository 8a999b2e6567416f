"""Every operation refuses every credential that does not suffice for it, whatever it is asked about.

Each is tried on what is there and on what never was: who may not ask learns nothing of either.
"""

import sys
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest
from httpx2 import Response
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db import Sessions
from service.people.domain import Role
from service.settings import Settings
from tests.factories import MovableClock
from tests.probes import calls, credentials, parties, world
from tests.probes.calls import Call
from tests.probes.credentials import Credential, Issuer
from tests.probes.document import Operation
from tests.probes.world import World

KEPT_OF_REFUSALS = frozenset({"audit_record", "audit_unlinked"})
"""Tables in which a refusal leaves its trace."""

OF_THEIR_OWN_ONLY = frozenset(
    {
        ("swapRotaShifts", "agent"),
        ("getDelegation", "agent"),
        ("endDelegation", "agent"),
        ("endDelegation", "auditor"),
        ("endSpecialMethod", "agent"),
        ("withdrawObjection", "admin"),
        ("withdrawObjection", "agent"),
        ("withdrawObjection", "manager"),
    }
)
"""What a role may do with what is its own, and the probe is on somebody else's."""

MADE_BY = {
    "getDelegation": "giveDelegation",
    "endDelegation": "giveDelegation",
    "withdrawObjection": "raiseObjection",
}
"""What makes a thing its maker's own: whoever may do it may do the operation with what it made itself."""


@pytest.fixture(scope="module")
async def here(
    engine: AsyncEngine, undone: Sessions, settings: Settings, wall_clock: MovableClock
) -> AsyncGenerator[World]:
    """The world that all probes of this module share."""
    async with world.standing(engine, undone, settings, wall_clock) as made:
        yield made


@pytest.fixture(scope="module")
async def shown(here: World) -> list[Credential]:
    return await credentials.all_of_them(here)


async def test_every_operation_refuses_every_credential_that_does_not_suffice(
    here: World, shown: list[Credential], capsys: pytest.CaptureFixture[str]
) -> None:
    before = _settled(await here.rows(here.staff.tenant))
    let_in: list[str] = []
    probes = 0
    for credential in shown:
        for operation in filter(credential.refused, here.operations.values()):
            call = credential.on(here.staff.call(operation, fresh="probe"))
            answers = [await _asked(here, credential, each) for each in (call, credentials.nowhere(call))]
            probes += len(answers)
            let_in += _told(credential, operation, answers)

    with capsys.disabled():
        sys.stdout.write(f"\n{probes} probes of {len(shown)} credentials\n")
    assert let_in == []
    assert _settled(await here.rows(here.staff.tenant)) == before
    assert probes >= 2 * len(here.operations) * 20


async def test_every_role_may_do_what_the_document_says_that_it_may(here: World) -> None:
    """Else the matrix would be content with an API that refuses everything."""
    issuer = Issuer(here.ground, here.staff)
    tokens = {role: (await issuer.member(role))[0] for role in Role}
    for operation in here.operations.values():
        assert operation.roles <= set(Role), operation.id
        for role in sorted(operation.roles):
            async with here.undone():
                headers = {"Authorization": f"Bearer {tokens[Role(role)]}"}
                for before in parties.first(here.staff, here.operations, operation):
                    await here.staff.send(before)
                answer = await here.staff.send(_by_itself(operation, here.staff.call(operation)), **headers)
            is_refused = (operation.id, role) in OF_THEIR_OWN_ONLY
            assert answer.is_success is not is_refused, (operation.id, role, answer.text)


async def test_every_role_may_do_with_its_own_what_it_may_not_with_that_of_others(here: World) -> None:
    issuer = Issuer(here.ground, here.staff)
    tokens = {role: (await issuer.member(role))[0] for role in Role}
    for name, maker in MADE_BY.items():
        operation = here.operations[name]
        for role in sorted(operation.roles):
            async with here.undone():
                headers = {"Authorization": f"Bearer {tokens[Role(role)]}"}
                made = await here.staff.send(here.staff.call(here.operations[maker]), **headers)
                assert made.status_code == 201, (maker, role, made.text)
                call = here.staff.call(operation)
                own = replace(call, path_values=dict.fromkeys(call.path_values, made.json()["id"]))
                answer = await here.staff.send(own, **headers)
            assert answer.is_success, (name, role, answer.text)


def _by_itself(operation: Operation, call: Call) -> Call:
    """The call of a member, which acts on an escalation as itself and names nobody."""
    if not operation.id.endswith("Escalation") or not call.has_body:
        return call
    return replace(call, body={name: value for name, value in call.body.items() if name != "by"})


async def _asked(here: World, credential: Credential, call: Call) -> Response:
    async with here.ground.calling() as caller:
        body = calls.sent(call)
        return await caller.request(
            call.method,
            call.address,
            params=dict(call.query),
            headers=[*call.headers.items(), *credential.headers],
            **body,  # pyright: ignore[reportArgumentType] - a body is any JSON
        )


def _told(credential: Credential, operation: Operation, answers: list[Response]) -> list[str]:
    """What is wrong with the two answers: let in, or not alike."""
    on = f"{credential.name} on {operation.id}"
    found = [f"{on}: {each.status_code}" for each in answers if each.status_code != credential.status]
    existing, nowhere = answers
    if calls.shown(existing, "") != calls.shown(nowhere, ""):
        found.append(f"{on}: {existing.text} but {nowhere.text} for what never was")
    return found


def _settled(rows: world.Rows) -> world.Rows:
    return frozenset(row for row in rows if row[0] not in KEPT_OF_REFUSALS)
