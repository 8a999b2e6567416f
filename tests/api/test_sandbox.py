from datetime import timedelta

import pytest

from service.db import Sessions
from tests import factories
from tests.conftest import SignIn
from tests.factories import NOON

CLOCK = "/v1/sandbox/clock"


async def test_the_clock_moves_forward_and_says_where_it_stands(sign_in: SignIn, sessions: Sessions) -> None:
    caller = await sign_in(of=await factories.tenant(sessions, sandbox_at=NOON))

    moved = await caller.post(CLOCK, json={"now": (NOON + timedelta(days=30)).isoformat()})
    shown = await caller.get(CLOCK)

    assert moved.status_code == 200, moved.text
    assert moved.json() == {"now": "2026-02-04T12:00:00Z", "target": "2026-02-04T12:00:00Z", "pending": 0}
    assert shown.json() == moved.json()


async def test_repeating_a_move_does_no_harm(sign_in: SignIn, sessions: Sessions) -> None:
    caller = await sign_in(of=await factories.tenant(sessions, sandbox_at=NOON))
    body = {"now": (NOON + timedelta(hours=1)).isoformat()}

    answers = [await caller.post(CLOCK, json=body) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()


async def test_a_clock_that_is_told_to_go_back_says_where_it_stands(
    sign_in: SignIn, sessions: Sessions
) -> None:
    caller = await sign_in(of=await factories.tenant(sessions, sandbox_at=NOON))

    refused = await caller.post(CLOCK, json={"now": (NOON - timedelta(microseconds=1)).isoformat()})

    assert refused.status_code == 422
    assert refused.json()["type"] == "/problems/clock-moves-forward"
    assert refused.json()["errors"][0]["pointer"] == "/now"
    assert "2026-01-05T12:00:00Z" in refused.json()["detail"]


async def test_a_live_tenant_has_no_clock_of_its_own(sign_in: SignIn) -> None:
    caller = await sign_in()

    answers = [await caller.get(CLOCK), await caller.post(CLOCK, json={"now": NOON.isoformat()})]

    assert [answer.status_code for answer in answers] == [409, 409]
    assert {answer.json()["type"] for answer in answers} == {"/problems/sandbox-only"}


async def test_an_instant_without_a_zone_or_a_field_that_is_not_known_is_refused(
    sign_in: SignIn, sessions: Sessions
) -> None:
    caller = await sign_in(of=await factories.tenant(sessions, sandbox_at=NOON))

    answers = [
        await caller.post(CLOCK, json=body)
        for body in ({"now": "2026-02-01T00:00:00"}, {"now": "soon"}, {}, {"now": NOON.isoformat(), "x": 1})
    ]

    assert [answer.status_code for answer in answers] == [400] * 4


@pytest.mark.parametrize(
    "to",
    ["2150-01-01T00:00:01Z", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-14:00"],
)
async def test_a_clock_stays_within_the_years_of_calendars(
    sign_in: SignIn, sessions: Sessions, to: str
) -> None:
    caller = await sign_in(of=await factories.tenant(sessions, sandbox_at=NOON))

    refused = await caller.post(CLOCK, json={"now": to})

    assert refused.status_code == 422
    assert refused.json()["type"] == "/problems/clock-out-of-range"
    assert (await caller.get(CLOCK)).json()["now"] == "2026-01-05T12:00:00Z"


async def test_moving_and_reading_the_clock_need_a_scope_each(sign_in: SignIn, sessions: Sessions) -> None:
    sandbox = await factories.tenant(sessions, sandbox_at=NOON)
    reader, stranger = await sign_in("sandbox:read", of=sandbox), await sign_in("events:read", of=sandbox)

    assert (await reader.get(CLOCK)).status_code == 200
    assert (await reader.post(CLOCK, json={"now": NOON.isoformat()})).status_code == 403
    assert (await stranger.get(CLOCK)).status_code == 403


async def test_one_sandboxes_clock_is_not_anothers(sign_in: SignIn, sessions: Sessions) -> None:
    mine = await sign_in(of=await factories.tenant(sessions, sandbox_at=NOON))
    other = await sign_in(of=await factories.tenant(sessions, sandbox_at=NOON))

    await mine.post(CLOCK, json={"now": (NOON + timedelta(days=1)).isoformat()})

    assert (await other.get(CLOCK)).json()["now"] == "2026-01-05T12:00:00Z"
