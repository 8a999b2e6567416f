"""What the preview of a ladder says is what a run then does, on the sandbox's clock."""

import random
from datetime import datetime, timedelta
from typing import Any

import pytest

from service.db import Sessions
from tests import factories
from tests.api import desk, watch
from tests.api.watch import Watch
from tests.conftest import SignIn

EVENINGS = ("2026-03-28T20:00:00+00:00", "2026-10-24T20:00:00+00:00")
"""Of the Saturdays before the clocks change in Berlin."""

HOURS = 30
QUARTER = 900
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MANNED = [["00:00", "02:00"], ["06:00", "24:00"]]
WHOM: list[dict[str, Any]] = [{"rota": "night"}, {"group": "Network"}, {"manager": True}, {"owner": True}]
AWAKE = [["07:00", "22:00"]]


@pytest.fixture(params=EVENINGS)
async def on_watch(request: pytest.FixtureRequest, sign_in: SignIn, sessions: Sessions) -> Watch:
    """Ada and Ben take turns of five hours at night, with nobody from two to six; Mail is in maintenance."""
    began_at = datetime.fromisoformat(request.param)
    tenant = await factories.tenant(sessions, sandbox_at=began_at)
    opened = await watch.opened(await sign_in(of=tenant), sessions, tenant)
    for name, hours in (("manned", MANNED), ("awake", AWAKE)):
        definition = {"tz": "Europe/Berlin", "weekly": dict.fromkeys(DAYS, hours)}
        await desk.created(opened.caller, "/v1/calendars", {"name": name, "definition": definition})
    turns = {
        "name": "turns",
        "members": [str(opened.people["ada"]), str(opened.people["ben"])],
        "length": 5,
        "unit": "hours",
        "first_handover": f"{began_at:%Y-%m-%dT%H:%M}",
        "hours": "manned",
    }
    rota = {"name": "night", "zone": "Europe/Berlin", "rotations": [turns]}
    await desk.created(opened.caller, "/v1/rotas", rota)
    service = await desk.created(opened.caller, "/v1/services", {"name": "Mail"})
    window = {
        "from": (began_at + timedelta(hours=5)).isoformat(),
        "until": (began_at + timedelta(hours=7)).isoformat(),
        "reason": "Patches",
    }
    await desk.created(opened.caller, f"/v1/services/{service['id']}/maintenance-windows", window)
    return opened


def drawn(draw: random.Random) -> dict[str, Any]:
    """A ladder of a few steps, on which several may be due at once and some find nobody."""
    return {
        "steps": [_step(draw, f"step {number}") for number in range(draw.randint(2, 5))],
        "maintenance": draw.choice(["hold", "tell"]),
    }


def _step(draw: random.Random, name: str) -> dict[str, Any]:
    after = QUARTER * draw.randint(0, 24)
    at = draw.choice(
        [
            {"anchor": "start", "after_seconds": after},
            {"anchor": "used", "share": draw.choice([0.25, 0.5, 1.0])},
            {"anchor": "due", "after_seconds": after - 12 * QUARTER},
            {"anchor": "breach", "after_seconds": after},
        ]
    )
    tell = [
        whom | ({"hours": "awake"} if draw.random() < 0.4 else {})
        for whom in draw.sample(WHOM, draw.randint(1, 3))
    ]
    step: dict[str, Any] = {"name": name, "at": at, "tell": tell, "only_first": draw.random() < 0.5}
    if draw.random() < 0.5:
        step["repeat"] = {"every_seconds": QUARTER * draw.randint(1, 9), "times": draw.randint(1, 6)}
    return step


@pytest.mark.parametrize("seed", range(4))
async def test_a_preview_says_what_a_run_then_tells(on_watch: Watch, seed: int) -> None:
    await on_watch.ladder("drawn", **drawn(random.Random(seed)))  # noqa: S311 - a case, not a secret
    await on_watch.climbed({"ladder": "drawn"})
    began_at = datetime.fromisoformat(await on_watch.now())
    request = await on_watch.submitted(
        occurred_at=began_at.isoformat(), service="Mail", facts={"assignment_group": "Network"}
    )
    asked = {"commitment_id": request["commitments"][0]["id"], "from": began_at.isoformat(), "hours": HOURS}

    answer = await on_watch.caller.post(f"/v1/ladders/{on_watch.ladders['drawn']['id']}/preview", json=asked)

    assert answer.status_code == 200, answer.text
    await on_watch.pass_time_to((began_at + timedelta(hours=HOURS, microseconds=-1)).isoformat())
    tellings = answer.json()["tellings"]
    assert sorted(
        (each["at"], each["step"], each["repeat"], f"member:{whom['member_id']}")
        for each in tellings
        for whom in each["recipients"]
    ) == sorted(
        (each["given_at"], each["step"], each["repeat"], each["recipient"])
        for each in await on_watch.notices()
    )
    assert [(each["at"], each["step"], each["repeat"]) for each in tellings if _finds_nobody(each)] == [
        (event.payload["planned_at"], event.payload["step"], event.payload["repeat"])
        for event in await on_watch.events("escalation.unstaffed")
    ]


def _finds_nobody(telling: dict[str, Any]) -> bool:
    return not telling["recipients"] and all(each["cause"] != "told_already" for each in telling["passed_by"])
