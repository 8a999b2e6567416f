"""Groups of members over HTTP."""

from typing import Any
from uuid import uuid4

import pytest
from httpx2 import AsyncClient
from sqlalchemy import select

from service.audit.models import AuditRecordRow
from service.db import Sessions, TenantSession
from service.ids import MemberId
from service.people.domain import Role
from service.tenants.domain import Tenant
from tests import factories
from tests.api import desk
from tests.conftest import SignIn

NETWORK = {"name": "Network", "manager_id": None}


@pytest.fixture
async def member(sessions: Sessions, tenant: Tenant) -> MemberId:
    return await factories.member(sessions, tenant, Role.AGENT)


@pytest.fixture
async def group(caller: AsyncClient) -> dict[str, Any]:
    return await desk.created(caller, "/v1/groups", NETWORK)


async def tag(caller: AsyncClient, group: dict[str, Any]) -> dict[str, str]:
    """The header of a change that is based on the group as it is."""
    return {"If-Match": (await caller.get(f"/v1/groups/{group['id']}")).headers["ETag"]}


async def test_a_group_is_created_shown_and_listed(caller: AsyncClient, group: dict[str, Any]) -> None:
    again = await caller.post("/v1/groups", json=NETWORK, headers=factories.key())

    assert (await caller.get(f"/v1/groups/{group['id']}")).json() == group
    assert (await caller.get("/v1/groups")).json() == {"items": [group], "next": None}
    assert again.status_code == 409
    assert again.json()["type"] == "/problems/group-name-taken"


async def test_a_group_has_a_manager_who_is_a_member(
    caller: AsyncClient, group: dict[str, Any], member: MemberId, sessions: Sessions
) -> None:
    path = f"/v1/groups/{group['id']}"
    foreign = await factories.member(sessions, await factories.tenant(sessions), Role.MANAGER)

    managed = await caller.put(
        path, json={"name": "Networks", "manager_id": str(member)}, headers=await tag(caller, group)
    )
    refused = [
        await caller.put(
            path, json={"name": "Networks", "manager_id": str(other)}, headers=await tag(caller, group)
        )
        for other in (foreign, uuid4())
    ]

    assert managed.json()["manager_id"] == str(member)
    assert [answer.json()["type"] for answer in refused] == ["/problems/member-not-found"] * 2
    assert [answer.status_code for answer in refused] == [404, 404]


async def test_members_are_put_into_a_group_and_taken_out(
    caller: AsyncClient, group: dict[str, Any], member: MemberId
) -> None:
    path = f"/v1/groups/{group['id']}/members"
    first = await tag(caller, group)

    added = await caller.put(f"{path}/{member}", headers=first)
    stale = await caller.put(f"{path}/{member}", headers=first)
    repeated = await caller.put(f"{path}/{member}", headers=await tag(caller, group))
    listed = (await caller.get(path)).json()
    removed = await caller.delete(f"{path}/{member}", headers=await tag(caller, group))
    absent = await caller.delete(f"{path}/{member}", headers=await tag(caller, group))

    assert [each.status_code for each in (added, stale, repeated)] == [200, 412, 200]
    assert added.json()["version"] == repeated.json()["version"] == 2
    assert [each["id"] for each in listed["items"]] == [str(member)]
    assert removed.json()["version"] == 3
    assert (await caller.get(path)).json()["items"] == []
    assert absent.json()["type"] == "/problems/group-member-not-found"


async def test_a_group_is_paged_like_every_list(
    caller: AsyncClient, group: dict[str, Any], sessions: Sessions, tenant: Tenant
) -> None:
    path = f"/v1/groups/{group['id']}/members"
    members = [await factories.member(sessions, tenant, Role.AGENT) for _ in range(3)]
    for member in members:
        await caller.put(f"{path}/{member}", headers=await tag(caller, group))

    first = (await caller.get(path, params={"limit": 2})).json()
    second = (await caller.get(path, params={"limit": 2, "cursor": first["next"]})).json()

    shown = [each["id"] for each in first["items"] + second["items"]]
    assert shown == sorted(str(member) for member in members)
    assert second["next"] is None


async def test_who_is_deactivated_is_given_nothing_to_do(
    caller: AsyncClient, group: dict[str, Any], member: MemberId
) -> None:
    held = await caller.get(f"/v1/members/{member}")
    await caller.post(f"/v1/members/{member}/deactivate", headers={"If-Match": held.headers["ETag"]})

    added = await caller.put(f"/v1/groups/{group['id']}/members/{member}", headers=await tag(caller, group))
    managed = await caller.post(
        "/v1/groups", json={"name": "Servers", "manager_id": str(member)}, headers=factories.key()
    )

    assert added.status_code == managed.status_code == 409
    assert added.json()["type"] == managed.json()["type"] == "/problems/member-deactivated"


async def test_a_group_is_removed_with_who_is_in_it(
    caller: AsyncClient, group: dict[str, Any], member: MemberId
) -> None:
    path = f"/v1/groups/{group['id']}"
    await caller.put(f"{path}/members/{member}", headers=await tag(caller, group))

    removed = await caller.delete(path, headers=await tag(caller, group))

    assert removed.status_code == 204
    assert (await caller.get(path)).status_code == 404
    assert (await caller.get(f"/v1/members/{member}")).status_code == 200


async def test_a_foreign_group_and_one_that_never_was_are_answered_alike(
    sign_in: SignIn, sessions: Sessions, group: dict[str, Any]
) -> None:
    other = await factories.tenant(sessions)
    stranger = await sign_in(of=other)
    own = await factories.member(sessions, other, Role.AGENT)
    ends = ("", "/members", f"/members/{own}")
    for end, method in [(end, method) for end in ends for method in ("GET", "PUT", "DELETE")]:
        body = NETWORK if (end, method) == ("", "PUT") else None
        answers = [
            await stranger.request(
                method, f"/v1/groups/{group_id}{end}", json=body, headers={"If-Match": "*"}
            )
            for group_id in (group["id"], uuid4())
        ]
        assert answers[0].status_code == answers[1].status_code, (method, end)
        assert answers[0].status_code in (404, 405), (method, end)
        assert answers[0].json()["type"] == answers[1].json()["type"]


@pytest.mark.parametrize(("role", "status"), [(Role.MANAGER, 201), (Role.AGENT, 403), (Role.AUDITOR, 403)])
async def test_groups_are_made_by_managers(sign_in_as: SignIn, role: Role, status: int) -> None:
    caller = await sign_in_as(role)

    answer = await caller.post("/v1/groups", json=NETWORK, headers=factories.key())

    assert answer.status_code == status


async def test_each_change_of_a_group_is_recorded(
    caller: AsyncClient, group: dict[str, Any], member: MemberId, session: TenantSession
) -> None:
    path = f"/v1/groups/{group['id']}"
    await caller.put(f"{path}/members/{member}", headers=await tag(caller, group))
    await caller.put(path, json=NETWORK | {"name": "Networks"}, headers=await tag(caller, group))
    await caller.delete(path, headers=await tag(caller, group))

    found = await session.db.scalars(
        select(AuditRecordRow)
        .where(
            AuditRecordRow.tenant_id == session.tenant_id, AuditRecordRow.subject == f"group:{group['id']}"
        )
        .order_by(AuditRecordRow.id)
    )

    absent = {"manager_id", "calendar"}
    assert [(row.action, row.changes) for row in found] == [
        ("group.created", {"name": {"after": "Network"}, **{field: {"after": None} for field in absent}}),
        ("group.member_added", {"member_id": {"after": str(member)}}),
        ("group.changed", {"name": {"before": "Network", "after": "Networks"}}),
        ("group.removed", {"name": {"before": "Networks"}, **{field: {"before": None} for field in absent}}),
    ]


async def test_a_group_works_by_a_calendar_that_there_is(caller: AsyncClient) -> None:
    refused = await caller.post(
        "/v1/groups", json={"name": "Nights", "calendar": "night"}, headers=factories.key()
    )
    assert refused.status_code == 422
    assert [each["pointer"] for each in refused.json()["errors"]] == ["/calendar"]

    calendar = {"name": "night", "definition": {"tz": "UTC", "weekly": {"mon": [["20:00", "23:00"]]}}}
    assert (await caller.post("/v1/calendars", json=calendar, headers=factories.key())).status_code == 201
    created = await caller.post(
        "/v1/groups", json={"name": "Nights", "calendar": "night"}, headers=factories.key()
    )
    assert (created.status_code, created.json()["calendar"]) == (201, "night")

    address, tag = created.headers["Location"], {"If-Match": created.headers["ETag"]}
    changed = await caller.put(address, json={"name": "Late shift"}, headers=tag)
    assert changed.json()["calendar"] is None
    assert (await caller.delete(address, headers={"If-Match": changed.headers["ETag"]})).status_code == 204
