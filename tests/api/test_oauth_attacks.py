"""Attacks on the authorization server, numbered O1 to O21, each with the answer that it has to get.

Left for later, and so only refused or absent here: resource indicators (O12), DPoP (O15), dynamic client
registration (O16). What access tokens withstand besides (O11) is in test_tokens.py.
"""

import asyncio

import pytest
from sqlalchemy import select

from service.api.oauth.granted.models import RefreshTokenRow
from service.app import create_app
from service.db import Sessions, tenant_transaction
from service.settings import Settings
from tests import factories
from tests.api import attacks_on_clients, attacks_on_codes, attacks_on_consent, attacks_on_tokens
from tests.api import scene as scenes
from tests.api.attacks import Attack
from tests.api.scene import Scene
from tests.factories import MovableClock

KINDS = (attacks_on_consent, attacks_on_codes, attacks_on_clients, attacks_on_tokens)
ATTACKS = [attack for kind in KINDS for attack in kind.ATTACKS]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
async def test_an_attack_gets_the_answer_that_it_has_to(scene: Scene, attack: Attack) -> None:
    attack.check(await attack.act(scene))


@pytest.mark.concurrent
async def test_o9_twenty_refreshes_at_once_get_one_successor(
    settings: Settings, own_sessions: Sessions, clock: MovableClock
) -> None:
    tenant = await factories.tenant(own_sessions)
    app = create_app(settings, own_sessions, vault=factories.VAULT, clock=clock)
    scene = await scenes.open_scene(app, own_sessions, tenant, clock)
    first = (await scene.tokens(scene.web))["refresh_token"]

    answers = await asyncio.gather(*[scene.refresh(scene.web, first) for _ in range(20)])

    assert {answer.status_code for answer in answers} == {200}
    (successor,) = {answer.json()["refresh_token"] for answer in answers}
    assert (await scene.refresh(scene.web, successor)).status_code == 200
    async with tenant_transaction(own_sessions, tenant.id) as session:
        kept = await session.db.scalars(
            select(RefreshTokenRow.generation).where(RefreshTokenRow.tenant_id == tenant.id)
        )
        assert sorted(kept) == [0, 1, 2]
    await scenes.close_scene(scene)


@pytest.mark.concurrent
async def test_o4_a_code_that_is_presented_twenty_times_at_once_gives_nothing_that_lasts(
    settings: Settings, own_sessions: Sessions, clock: MovableClock
) -> None:
    tenant = await factories.tenant(own_sessions)
    app = create_app(settings, own_sessions, vault=factories.VAULT, clock=clock)
    scene = await scenes.open_scene(app, own_sessions, tenant, clock)
    code = await scene.code(scene.web)

    answers = await asyncio.gather(*[scene.exchange(scene.web, code) for _ in range(20)])

    (won,) = [answer for answer in answers if answer.status_code == 200]
    assert {answer.status_code for answer in answers if answer is not won} == {400}
    assert (await scene.refresh(scene.web, won.json()["refresh_token"])).status_code == 400
    await scenes.close_scene(scene)


def test_there_are_attacks_of_every_kind() -> None:
    names = [attack.name for attack in ATTACKS]
    assert len(names) == len(set(names)) >= 300
    kinds = {name.partition(" ")[0] for name in names}
    assert kinds | {"O9"} == {f"O{number}" for number in range(1, 22)}
