"""The tenant, its clients and its service register over HTTP."""

from datetime import datetime
from typing import Any

import pytest
from httpx2 import AsyncClient
from sqlalchemy import select

from service.audit.models import AuditRecordRow
from service.db import Sessions, TenantSession, tenant_transaction
from service.people.domain import Role
from service.tenants import service
from service.tenants.domain import Approval, Tenant
from tests import factories
from tests.api import desk
from tests.conftest import SignIn

MAIL = {"name": "mail", "owner_group": "messaging", "criticality": "high", "hours": "office"}


async def test_a_tenant_knows_itself(caller: AsyncClient, tenant: Tenant) -> None:
    shown = (await caller.get("/v1/tenant")).json()

    named = {"id": str(tenant.id), "slug": tenant.slug, "name": tenant.name}
    assert shown == {**named, "kind": "live", "approval": "git"}


async def test_an_owner_records_where_policies_are_reviewed(
    caller: AsyncClient, sign_in: SignIn, sign_in_as: SignIn
) -> None:
    tag = (await caller.get("/v1/tenant")).headers["ETag"]
    body, based = {"approval": "members"}, {"If-Match": tag}
    owner, manager = await sign_in_as(Role.ADMIN), await sign_in_as(Role.MANAGER)
    reader = await sign_in("tenant:read")

    refused = [await each.patch("/v1/tenant", json=body, headers=based) for each in (manager, reader)]
    unbased = await owner.patch("/v1/tenant", json=body)
    changed = await owner.patch("/v1/tenant", json=body, headers=based)
    stale = await owner.patch("/v1/tenant", json={"approval": "git"}, headers=based)
    unknown = await owner.patch("/v1/tenant", json={"approval": "nobody"}, headers={"If-Match": "*"})

    assert [answer.status_code for answer in refused] == [403, 403]
    assert [unbased.status_code, stale.status_code, unknown.status_code] == [428, 412, 400]
    assert (changed.status_code, changed.json()["approval"]) == (200, "members")
    assert (await caller.get("/v1/tenant")).json()["approval"] == "members"
    (record,) = (await caller.get("/v1/audit-records", params={"action": "tenant.changed"})).json()["items"]
    assert record["changes"] == {"approval": {"before": "git", "after": "members"}}


async def test_an_application_does_not_let_itself_publish_what_nobody_has_approved(
    sign_in: SignIn, sign_in_as: SignIn, sessions: Sessions
) -> None:
    reviewed = await factories.tenant(sessions, approval=Approval.MEMBERS)
    script, owner = await sign_in(of=reviewed), await sign_in_as(Role.ADMIN, of=reviewed)
    based = {"If-Match": "*"}

    refused = await script.patch("/v1/tenant", json={"approval": "git"}, headers=based)
    unchanged = await script.patch("/v1/tenant", json={"approval": "members"}, headers=based)
    by_owner = await owner.patch("/v1/tenant", json={"approval": "git"}, headers=based)

    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/tenant-owner-needed")
    assert (unchanged.status_code, unchanged.json()["approval"]) == (200, "members")
    assert (by_owner.status_code, by_owner.json()["approval"]) == (200, "git")


@pytest.mark.parametrize(("sandbox_at", "approval"), [(None, "members"), (factories.NOON, "git")])
async def test_a_sandboxs_policies_are_reviewed_by_nobody_unless_that_is_said(
    sessions: Sessions, sandbox_at: datetime | None, approval: str
) -> None:
    async with tenant_transaction(sessions, service.new_tenant_id()) as session:
        made = await service.create(
            session, slug="harbour", name="Harbour", sandbox_at=sandbox_at, created_at=factories.NOON
        )

    assert made.approval == approval


async def test_a_client_is_registered_once_and_listed(caller: AsyncClient) -> None:
    created = await desk.created(caller, "/v1/clients", {"name": "Harbour", "tier": "gold"})

    again = await caller.post("/v1/clients", json={"name": "Harbour"}, headers=factories.key())
    shown = (await caller.get(f"/v1/clients/{created['id']}")).json()
    listed = (await caller.get("/v1/clients")).json()

    tag = (await caller.get(f"/v1/clients/{created['id']}")).headers["ETag"]
    unchanged = await caller.get(f"/v1/clients/{created['id']}", headers={"If-None-Match": tag})

    assert again.status_code == 409
    assert unchanged.status_code == 304
    assert again.json()["type"] == "/problems/name-taken"
    assert shown == created
    assert listed == {"items": [created], "next": None}


async def test_a_list_is_paged_by_cursors(caller: AsyncClient) -> None:
    names = [f"Client {number}" for number in range(5)]
    for name in names:
        await desk.created(caller, "/v1/clients", {"name": name})

    found: list[str] = []
    params: dict[str, Any] = {"limit": 2}
    for _ in range(3):
        page = (await caller.get("/v1/clients", params=params)).json()
        found += [item["name"] for item in page["items"]]
        params = {"limit": 2, "cursor": page["next"]}

    assert found == names
    assert params["cursor"] is None


async def test_a_service_is_changed_only_on_the_version_that_was_read(caller: AsyncClient) -> None:
    created = await caller.post("/v1/services", json=MAIL, headers=factories.key())
    path = f"/v1/services/{created.json()['id']}"
    tag = {"If-Match": created.headers["ETag"]}

    blind = await caller.put(path, json=MAIL)
    changed = await caller.put(path, json=MAIL | {"criticality": "low"}, headers=tag)
    stale = await caller.put(path, json=MAIL, headers=tag)

    assert blind.status_code == 428
    assert changed.status_code == 200
    assert changed.json() | {"version": 1, "criticality": "high"} == created.json()
    assert changed.headers["ETag"] != created.headers["ETag"]
    assert stale.status_code == 412
    assert (await caller.get(path)).json()["criticality"] == "low"


async def test_a_service_cannot_take_another_ones_name(caller: AsyncClient) -> None:
    await desk.created(caller, "/v1/services", MAIL)
    files = await caller.post("/v1/services", json={"name": "files"}, headers=factories.key())

    refused = await caller.put(
        f"/v1/services/{files.json()['id']}", json=MAIL, headers={"If-Match": files.headers["ETag"]}
    )

    assert refused.status_code == 409


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/clients", {"name": " "}, 422),
        ("/v1/clients", {"name": "x" * 201}, 400),
        ("/v1/clients", {}, 400),
        ("/v1/services", {"name": "mail", "id": "1"}, 400),
    ],
)
async def test_a_bad_registration_is_refused(
    caller: AsyncClient, path: str, body: dict[str, Any], status: int
) -> None:
    answer = await caller.post(path, json=body, headers=factories.key())

    assert answer.status_code == status, answer.text
    assert answer.json()["errors"]


async def test_another_tenants_service_does_not_exist(
    caller: AsyncClient, sign_in: SignIn, sessions: Sessions
) -> None:
    created = await desk.created(caller, "/v1/services", MAIL)
    stranger = await sign_in(of=await factories.tenant(sessions))

    shown = await stranger.get(f"/v1/services/{created['id']}")
    own = await desk.created(stranger, "/v1/services", MAIL)

    assert shown.status_code == 404
    assert own["id"] != created["id"]


async def test_who_did_what_is_recorded(caller: AsyncClient, session: TenantSession) -> None:
    answer = await caller.post("/v1/services", json=MAIL, headers=factories.key())

    record = await session.db.scalar(
        select(AuditRecordRow).where(
            AuditRecordRow.tenant_id == session.tenant_id, AuditRecordRow.action == "service.registered"
        )
    )

    assert record is not None
    assert record.actor.startswith("application:")
    assert record.subject == f"service:{answer.json()['id']}"
    assert {name: change["after"] for name, change in record.changes.items()} == MAIL
    assert record.http_request_id == answer.headers["X-Request-Id"]
