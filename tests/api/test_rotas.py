"""Rotas over HTTP: who is on duty, what is agreed beside it, and the calendar that programs subscribe to."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from httpx2 import AsyncClient, Response
from icalendar import Calendar

from service.calendars.domain import zones
from service.db import Sessions, TenantSession, tenant_transaction
from service.escalations.rotas import service
from service.ids import MemberId
from service.limits import service as limits
from service.limits.domain.table import ROTA_FEEDS, ROTA_OVERRIDES, ROTAS, Limit
from service.people.domain import Role
from service.people.models import MemberRow
from service.tenants.domain import Tenant
from tests import factories
from tests.api import desk
from tests.conftest import SignIn
from tests.factories import NOON

DAY = timedelta(days=1)
MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
JANUARY = {"start": "2026-01-05T00:00:00Z", "end": "2026-01-08T00:00:00Z"}


@pytest.fixture
async def tenant(sessions: Sessions) -> Tenant:
    """A sandbox in which it is Monday, the 5th, at midnight."""
    return await factories.tenant(sessions, sandbox_at=MONDAY)


@pytest.fixture
async def members(sessions: Sessions, tenant: Tenant) -> list[str]:
    """Ada, Ben and Chi."""
    return [str(await factories.member(sessions, tenant, Role.AGENT)) for _ in range(3)]


@pytest.fixture
async def rota(caller: AsyncClient, members: list[str]) -> dict[str, Any]:
    """Ada and Ben take turns from 08:00 to 08:00 in UTC."""
    return await desk.created(caller, "/v1/rotas", written("night", daily(*members[:2])))


def daily(*members: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": "first",
        "members": list(members),
        "unit": "days",
        "first_handover": "2026-01-05T08:00",
        **changes,
    }


def written(name: str, *rotations: dict[str, Any], zone: str = "UTC") -> dict[str, Any]:
    return {"name": name, "zone": zone, "rotations": list(rotations)}


async def tag(caller: AsyncClient, path: str) -> dict[str, str]:
    """The header of a change that is based on what is there."""
    return {"If-Match": (await caller.get(path)).headers["ETag"]}


async def told(
    caller: AsyncClient, rota: dict[str, Any], members: Sequence[str], **stretch: str
) -> list[str]:
    """The shifts, each as `day and hour from - to: which member`."""
    answer = await caller.get(f"/v1/rotas/{rota['id']}/shifts", params={**JANUARY, **stretch})
    assert answer.status_code == 200, answer.text
    return [
        f"{each['start'][8:13]}-{each['end'][8:13]} {members.index(each['member_id'])}"
        for each in answer.json()["items"]
    ]


async def agree(caller: AsyncClient, rota: dict[str, Any], **override: Any) -> Response:
    return await caller.post(f"/v1/rotas/{rota['id']}/overrides", json=override, headers=factories.key())


async def swap(caller: AsyncClient, rota: dict[str, Any], *seats: tuple[str, str]) -> Response:
    a, b = ({"member_id": member, "at": at} for member, at in seats)
    return await caller.post(f"/v1/rotas/{rota['id']}/swaps", json={"a": a, "b": b}, headers=factories.key())


async def deactivate(sessions: Sessions, tenant: Tenant, member: str) -> None:
    async with tenant_transaction(sessions, tenant.id) as session:
        row = await session.db.get(MemberRow, (tenant.id, UUID(member)))
        assert row is not None
        row.state = "deactivated"


async def test_a_rota_is_created_shown_and_listed(caller: AsyncClient, rota: dict[str, Any]) -> None:
    again = await caller.post(
        "/v1/rotas", json=written("night", rota["rotations"][0]), headers=factories.key()
    )

    assert (await caller.get(f"/v1/rotas/{rota['id']}")).json() == rota
    assert (await caller.get("/v1/rotas")).json() == {"items": [rota], "next": None}
    assert rota["rotations"][0]["first_handover"] == "2026-01-05T08:00:00"
    assert again.json()["type"] == "/problems/rota-name-taken"


async def test_members_are_named_by_their_e_mail_addresses_and_kept_by_their_ids(
    caller: AsyncClient, members: list[str]
) -> None:
    addresses = [f"{member[-12:]}@harbour.test" for member in members]

    rota = await desk.created(caller, "/v1/rotas", written("night", daily(*addresses[:2])))
    path = f"/v1/rotas/{rota['id']}"
    changed = await caller.put(
        path, json=written("night", daily(addresses[2].upper(), members[0])), headers=await tag(caller, path)
    )

    assert rota["rotations"][0]["members"] == members[:2]
    assert changed.json()["rotations"][0]["members"] == [members[2], members[0]]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"zone": "Europe/Berlyn"}, "/zone"),
        ({"rotations": [{"hours": "no calendar"}]}, "/rotations/0/hours"),
        ({"rotations": [{"members": [str(UUID(int=0))]}]}, "/rotations/0/members/0"),
        ({"rotations": [{}, {"name": "two", "members": ["nobody@harbour.test"]}]}, "/rotations/1/members/0"),
        ({"rotations": [{"first_handover": "2026-02-30T08:00"}]}, "/rotations/0/first_handover"),
        ({"rotations": [{"first_handover": "1066-10-14T08:00"}]}, "/rotations/0/first_handover"),
        ({"rotations": [{"ends_at": "2900-01-01T00:00:00Z"}]}, "/rotations/0/ends_at"),
        ({"rotations": [{"length": 1}, {"length": 2}]}, "/rotations/1/name"),
    ],
)
async def test_what_cannot_stand_is_refused_at_its_place(
    caller: AsyncClient, members: list[str], changes: dict[str, Any], pointer: str
) -> None:
    rotations = [daily(members[0]) | each for each in changes.pop("rotations", [{}])]

    refused = await caller.post(
        "/v1/rotas", json=written("night", *rotations) | changes, headers=factories.key()
    )

    assert refused.status_code == 422, refused.text
    assert [fault["pointer"] for fault in refused.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    "changes",
    [
        {"members": []},
        {"length": 0},
        {"unit": "months"},
        {"first_handover": "2026-01-05T08:00:00Z"},
        {"first_handover": "8 o'clock"},
    ],
)
async def test_what_is_no_rotation_at_all_is_malformed(
    caller: AsyncClient, members: list[str], changes: dict[str, Any]
) -> None:
    body = written("night", daily(members[0]) | changes)

    assert (await caller.post("/v1/rotas", json=body, headers=factories.key())).status_code == 400


async def test_a_change_names_the_version_it_is_based_on_and_the_name_stays(
    caller: AsyncClient, rota: dict[str, Any], members: list[str]
) -> None:
    path, body = f"/v1/rotas/{rota['id']}", written("night", daily(members[2]))
    based = await tag(caller, path)

    changed = await caller.put(path, json=body, headers=based)
    stale = await caller.put(path, json=body, headers=based)
    unnamed = await caller.put(path, json=body)
    renamed = await caller.put(path, json=body | {"name": "day"}, headers=await tag(caller, path))

    assert changed.json()["version"] == 2
    assert [each.status_code for each in (stale, unnamed, renamed)] == [412, 428, 422]
    assert await told(caller, rota, members) == ["05T08-08T00 2"]


async def test_members_take_turns_and_hours_are_those_of_a_calendar(
    caller: AsyncClient, rota: dict[str, Any], members: list[str]
) -> None:
    await desk.created(caller, "/v1/calendars", {"name": "office", "definition": desk.OFFICE})
    by_day = daily(members[2], name="by day", hours="office")
    layered = await desk.created(caller, "/v1/rotas", written("all", daily(*members[:2]), by_day))

    assert await told(caller, rota, members) == ["05T08-06T08 0", "06T08-07T08 1", "07T08-08T00 0"]
    assert await told(caller, layered, members, end="2026-01-06T12:00:00Z") == [
        "05T08-05T09 0",
        "05T09-05T17 2",
        "05T17-06T08 0",
        "06T08-06T09 1",
        "06T09-06T12 2",
    ]


async def test_who_is_on_duty_and_who_is_next(
    caller: AsyncClient, rota: dict[str, Any], members: list[str]
) -> None:
    path = f"/v1/rotas/{rota['id']}/on-duty"

    now = (await caller.get(path, params={"at": "2026-01-06T07:59:59Z"})).json()
    before = (await caller.get(path, params={"at": "2026-01-01T00:00:00Z"})).json()

    assert now["now"] == {
        "start": "2026-01-05T08:00:00Z",
        "end": "2026-01-06T08:00:00Z",
        "member_id": members[0],
        "name": "Ada Harbour",
        "email": f"{members[0][-12:]}@harbour.test",
        "rotation": "first",
    }
    assert (now["next"]["member_id"], now["next"]["start"]) == (members[1], "2026-01-06T08:00:00Z")
    assert (before["now"], before["next"]["member_id"]) == (None, members[0])


async def test_shifts_are_paged_and_asked_for_over_a_bounded_stretch(
    caller: AsyncClient, rota: dict[str, Any], members: list[str]
) -> None:
    path = f"/v1/rotas/{rota['id']}/shifts"
    whole = (await caller.get(path, params=JANUARY)).json()["items"]

    pages: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await caller.get(path, params={**JANUARY, "limit": 1} | ({"cursor": cursor} if cursor else {}))
        pages += page.json()["items"]
        cursor = page.json()["next"]
    refused = [
        await caller.get(path, params={**JANUARY, "end": end})
        for end in ("2027-06-01T00:00:00Z", JANUARY["start"], "2026-01-04T00:00:00Z")
    ]

    assert pages == whole
    assert len(whole) == 3
    assert {each["email"] for each in whole} == {f"{member[-12:]}@harbour.test" for member in members[:2]}
    assert {each.json()["type"] for each in refused} == {"/problems/shifts-too-many"}


async def test_gaps_say_why_nobody_is_on_duty(
    caller: AsyncClient, rota: dict[str, Any], members: list[str], sessions: Sessions, tenant: Tenant
) -> None:
    await agree(
        caller,
        rota,
        start_at="2026-01-07T10:00:00Z",
        end_at="2026-01-07T11:00:00Z",
        member_id=None,
    )
    await deactivate(sessions, tenant, members[1])

    gaps = (await caller.get(f"/v1/rotas/{rota['id']}/gaps", params=JANUARY)).json()["items"]
    duty = (await caller.get(f"/v1/rotas/{rota['id']}/on-duty?at=2026-01-06T12:00:00Z")).json()

    assert [(each["start"][8:13], each["end"][8:13], each["cause"]) for each in gaps] == [
        ("05T00", "05T08", "nobody"),
        ("06T08", "07T08", "member_inactive"),
        ("07T10", "07T11", "nobody"),
    ]
    assert gaps[1]["member_id"] == members[1]
    assert (duty["now"], duty["next"]["member_id"]) == (None, members[0])
    assert duty["inactive_member_id"] == members[1]


async def test_a_deactivated_member_keeps_its_place_and_is_given_no_other(
    caller: AsyncClient, rota: dict[str, Any], members: list[str], sessions: Sessions, tenant: Tenant
) -> None:
    path = f"/v1/rotas/{rota['id']}"
    await deactivate(sessions, tenant, members[1])
    await deactivate(sessions, tenant, members[2])

    kept = await caller.put(path, json=written("night", daily(*members[:2])), headers=await tag(caller, path))
    added = await caller.put(path, json=written("night", daily(members[2])), headers=await tag(caller, path))
    stand_in = await agree(
        caller,
        rota,
        start_at="2026-01-06T10:00:00Z",
        end_at="2026-01-07T00:00:00Z",
        member_id=members[2],
    )

    assert kept.status_code == 200
    assert [fault["pointer"] for fault in added.json()["errors"]] == ["/rotations/0/members/0"]
    assert [fault["pointer"] for fault in stand_in.json()["errors"]] == ["/member_id"]


async def test_an_override_counts_until_it_is_removed(
    caller: AsyncClient, rota: dict[str, Any], members: list[str]
) -> None:
    agreed = await agree(
        caller,
        rota,
        start_at="2026-01-05T10:00:00Z",
        end_at="2026-01-06T10:00:00Z",
        member_id=members[2],
        instead_of=members[1],
    )
    path = agreed.headers["Location"]

    during = await told(caller, rota, members)
    shown = (await caller.get(path)).json()
    listed = (await caller.get(f"/v1/rotas/{rota['id']}/overrides")).json()["items"]
    removed = await caller.delete(path, headers=await tag(caller, path))
    gone = await caller.get(path)

    assert during == ["05T08-06T08 0", "06T08-06T10 2", "06T10-07T08 1", "07T08-08T00 0"]
    assert listed == [shown] == [agreed.json()]
    assert (removed.status_code, gone.status_code) == (204, 404)
    assert await told(caller, rota, members) == ["05T08-06T08 0", "06T08-07T08 1", "07T08-08T00 0"]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"end_at": "2026-01-06T09:00:00Z"}, "/end_at"),
        ({"start_at": "2026-01-04T01:00:00Z", "end_at": "2026-01-05T00:00:00Z"}, "/end_at"),
        ({"instead_of": "itself"}, "/instead_of"),
        ({"instead_of": str(UUID(int=7))}, "/instead_of"),
        ({"member_id": str(UUID(int=7))}, "/member_id"),
    ],
)
async def test_an_override_that_makes_no_sense_is_refused(
    caller: AsyncClient, rota: dict[str, Any], members: list[str], changes: dict[str, Any], pointer: str
) -> None:
    member = members[2]
    usual = {"start_at": "2026-01-06T10:00:00Z", "end_at": "2026-01-07T00:00:00Z", "member_id": member}
    named = {name: member if value == "itself" else value for name, value in changes.items()}

    refused = await agree(caller, rota, **usual | named)

    assert refused.status_code == 422, refused.text
    assert [fault["pointer"] for fault in refused.json()["errors"]] == [pointer]


async def test_two_members_swap_whole_shifts_and_swap_them_back(
    caller: AsyncClient, rota: dict[str, Any], members: list[str]
) -> None:
    ada, ben, _ = members
    monday, tuesday = "2026-01-05T10:00:00Z", "2026-01-06T23:00:00Z"

    swapped = await swap(caller, rota, (ada, monday), (ben, tuesday))
    during = await told(caller, rota, members)
    back = await swap(caller, rota, (ben, monday), (ada, tuesday))

    assert swapped.status_code == 201, swapped.text
    assert (swapped.json()["a"]["member_id"], swapped.json()["a"]["instead_of"]) == (ben, ada)
    assert during == ["05T08-06T08 1", "06T08-07T08 0", "07T08-08T00 0"]
    assert back.status_code == 201
    assert await told(caller, rota, members) == ["05T08-06T08 0", "06T08-07T08 1", "07T08-08T00 0"]


async def test_who_is_not_on_that_shift_swaps_nothing(
    caller: AsyncClient, rota: dict[str, Any], members: list[str]
) -> None:
    ada, ben, chi = members
    alone = await desk.created(caller, "/v1/rotas", written("alone", daily(ada)))
    monday, tuesday = "2026-01-05T10:00:00Z", "2026-01-06T10:00:00Z"

    refused = [
        await swap(caller, rota, (chi, monday), (ben, tuesday)),
        await swap(caller, rota, (ben, monday), (ada, tuesday)),
        await swap(caller, rota, (ada, monday), (ada, "2026-01-07T10:00:00Z")),
        await swap(caller, alone, (ada, monday), (ben, tuesday)),
    ]
    await move(caller, MONDAY + DAY + timedelta(hours=9))
    refused.append(await swap(caller, rota, (ada, monday), (ben, tuesday)))

    assert [each.json()["type"].removeprefix("/problems/") for each in refused] == [
        "not-on-shift",
        "not-on-shift",
        "rota-invalid",
        "shift-not-swappable",
        "shift-not-swappable",
    ]
    assert (await caller.get(f"/v1/rotas/{rota['id']}/overrides")).json()["items"] == []


async def test_agents_swap_shifts_of_their_own_and_leads_those_of_all(
    sign_in_as: SignIn, sessions: Sessions, tenant: Tenant, rota: dict[str, Any], members: list[str]
) -> None:
    ada, ben, chi = members
    manager = await factories.member(sessions, tenant, Role.MANAGER)
    by = {each: await sign_in_as(member_id=MemberId(UUID(each))) for each in (ada, chi)}
    at = ["2026-01-05T10:00:00Z", "2026-01-06T10:00:00Z"]

    others = await swap(by[chi], rota, (ada, at[0]), (ben, at[1]))
    own = await swap(by[ada], rota, (ada, at[0]), (ben, at[1]))
    led = await swap(await sign_in_as(member_id=manager), rota, (ben, at[0]), (ada, at[1]))
    overridden = await agree(by[ada], rota, start_at=at[0], end_at=at[1], member_id=chi)

    assert others.json()["type"] == "/problems/insufficient-role"
    assert (own.status_code, led.status_code) == (201, 201)
    assert overridden.json()["type"] == "/problems/insufficient-role"


async def test_a_rota_that_a_ladder_names_is_not_removed(caller: AsyncClient, rota: dict[str, Any]) -> None:
    step = {"name": "duty", "at": {"anchor": "start"}, "tell": [{"rota": "night"}]}
    made = await caller.post(
        "/v1/ladders", json={"name": "up", "definition": {"steps": [step]}}, headers=factories.key()
    )
    assert made.status_code == 201, made.text
    path = f"/v1/rotas/{rota['id']}"

    refused = await caller.delete(path, headers=await tag(caller, path))

    assert refused.json()["type"] == "/problems/rota-in-use"
    assert "'up'" in refused.json()["detail"]


async def test_a_removed_rota_is_gone_with_its_links_and_overrides(
    caller: AsyncClient, rota: dict[str, Any], members: list[str], client: AsyncClient
) -> None:
    path = f"/v1/rotas/{rota['id']}"
    feed = await desk.created(caller, f"{path}/feeds", {"name": "Phone"})
    at = {"start_at": "2026-01-06T00:00:00Z", "end_at": "2026-01-07T00:00:00Z", "member_id": members[2]}
    assert (await agree(caller, rota, **at)).status_code == 201

    removed = await caller.delete(path, headers=await tag(caller, path))

    assert removed.status_code == 204
    assert (await caller.get(path)).status_code == 404
    assert (await client.get(feed["url"])).status_code == 404


async def test_a_feed_shows_the_shifts_to_whoever_has_its_link_until_it_is_revoked(
    caller: AsyncClient, rota: dict[str, Any], client: AsyncClient
) -> None:
    path = f"/v1/rotas/{rota['id']}"
    feed = await desk.created(caller, f"{path}/feeds", {"name": "Phone"})
    own = f"{path}/feeds/{feed['id']}"

    shown = await client.get(feed["url"])
    same = await client.get(feed["url"], headers={"If-None-Match": shown.headers["ETag"]})
    by_token = await caller.get(f"{path}/calendar.ics")
    listed = (await caller.get(f"{path}/feeds")).json()["items"]
    revoked = await caller.delete(own, headers=await tag(caller, own))
    gone = await client.get(feed["url"])
    never = await client.get(f"/rota-feeds/{uuid4().hex}.{'x' * 43}/calendar.ics")
    malformed = await client.get("/rota-feeds/nonsense/calendar.ics")

    assert shown.headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert shown.content == by_token.content
    assert same.status_code == 304
    assert "url" not in listed[0]
    assert revoked.status_code == 204
    answers = [each.json() | {"request_id": "", "instance": ""} for each in (gone, never, malformed)]
    assert answers[0]["status"] == 404
    assert answers[0] == answers[1] == answers[2]


async def test_the_calendar_reads_back_as_the_shifts_and_says_what_has_changed(
    caller: AsyncClient, members: list[str]
) -> None:
    rota = await desk.created(caller, "/v1/rotas", written("Nacht; früh, spät", daily(*members[:2])))
    path = f"/v1/rotas/{rota['id']}"

    before = (await caller.get(f"{path}/calendar.ics")).content
    again = (await caller.get(f"{path}/calendar.ics")).content
    await agree(
        caller, rota, start_at="2026-01-06T08:00:00Z", end_at="2026-01-07T08:00:00Z", member_id=members[0]
    )
    after = (await caller.get(f"{path}/calendar.ics")).content
    shifts = await caller.get(
        f"{path}/shifts", params={**JANUARY, "end": "2026-08-01T00:00:00Z", "limit": 200}
    )

    events, changed = (Calendar.from_ical(each).events for each in (before, after))
    assert before == again
    assert "\r\nNAME:Nacht\\; früh\\, spät\r\n" in before.decode()
    assert events[0].summary == "Ada Harbour (Nacht; früh, spät)"
    assert all(len(line) <= 75 for line in before.split(b"\r\n"))
    assert len({each.uid for each in events}) == len(events) > 150
    assert [(each.start, each.end) for each in events][:200] == [
        (datetime.fromisoformat(each["start"]), datetime.fromisoformat(each["end"]))
        for each in shifts.json()["items"]
    ]
    kept = {each.uid: each for each in events}
    taken = next(each for each in changed if each.start == datetime(2026, 1, 6, 8, tzinfo=UTC))
    assert (taken.sequence, kept[taken.uid].sequence) == (2, 1)


@pytest.mark.parametrize("limit", [ROTAS, ROTA_FEEDS, ROTA_OVERRIDES], ids=lambda limit: limit.name)
async def test_there_may_be_no_more_than_the_limit_says(
    caller: AsyncClient, session: TenantSession, rota: dict[str, Any], members: list[str], limit: Limit
) -> None:
    of_one = f"/v1/rotas/{rota['id']}"
    at = {"start_at": "2026-01-06T00:00:00Z", "end_at": "2026-01-07T00:00:00Z", "member_id": None}
    path, body = {
        ROTAS.name: ("/v1/rotas", written("another", daily(members[0]))),
        ROTA_FEEDS.name: (f"{of_one}/feeds", {"name": "Phone"}),
        ROTA_OVERRIDES.name: (f"{of_one}/overrides", at),
    }[limit.name]
    await limits.change(session, factories.OPERATOR, limit, 2, now=NOON)

    answers = [await caller.post(path, json=body, headers=factories.key()) for _ in range(3)]

    assert answers[-1].json()["type"] == f"/problems/{limit.problem}"
    assert answers[0].status_code == 201


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", "2026-03-29", 23.0),
        ("Europe/Berlin", "2026-10-25", 25.0),
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        ("Australia/Lord_Howe", "2026-10-04", 23.5),
        ("Pacific/Apia", "2011-12-31", 24.0),
    ],
)
async def test_a_handover_over_both_changes_of_the_clocks_stays_at_its_local_time(
    sign_in: SignIn, sessions: Sessions, zone: str, day: str, hours: float
) -> None:
    """The night shift from one midnight to the next, seen by whoever asks minute by minute in a sandbox."""
    local = datetime.fromisoformat(day)
    midnight = local.replace(tzinfo=zones.zone(zone)).astimezone(UTC)
    sandbox = await factories.tenant(sessions, sandbox_at=midnight - timedelta(minutes=1))
    caller = await sign_in(of=sandbox)
    three = [str(await factories.member(sessions, sandbox, Role.AGENT)) for _ in range(3)]
    first = (local - 4 * DAY).isoformat()[:16]
    rota = await desk.created(
        caller, "/v1/rotas", written("night", daily(*three, first_handover=first), zone=zone)
    )

    async def on_duty() -> dict[str, Any]:
        return (await caller.get(f"/v1/rotas/{rota['id']}/on-duty")).json()["now"]

    before = await on_duty()
    await move(caller, midnight)
    during = await on_duty()
    ends = datetime.fromisoformat(during["end"])
    await move(caller, ends)
    after = await on_duty()

    assert datetime.fromisoformat(during["start"]) == midnight
    assert ends - datetime.fromisoformat(during["start"]) == timedelta(hours=hours)
    assert before["member_id"] != during["member_id"] != after["member_id"]
    assert ends.astimezone(zones.zone(zone)).hour == 0


async def move(caller: AsyncClient, to: datetime) -> None:
    answer = await caller.post("/v1/sandbox/clock", json={"now": to.astimezone(UTC).isoformat()})
    assert answer.status_code == 200, answer.text


async def test_who_is_on_duty_is_found_by_name_and_another_tenants_rota_is_not(
    session: TenantSession, sessions: Sessions, rota: dict[str, Any], members: list[str]
) -> None:
    at = datetime(2026, 1, 5, 12, tzinfo=UTC)
    foreign = await factories.tenant(sessions)

    found = await service.members_on_duty(session, {"night", "no such"}, now=at)
    named = await service.rotas_named(session, {"night", "no such"})
    async with tenant_transaction(sessions, foreign.id) as elsewhere:
        hidden = await service.members_on_duty(elsewhere, {"night"}, now=at)

    assert rota["name"] == "night"
    assert found == {"night": MemberId(UUID(members[0])), "no such": None}
    assert named.keys() == {"night"}
    assert hidden == {"night": None}
