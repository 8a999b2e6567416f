"""Members over HTTP: invited, changed, deactivated; and what nobody may do to them."""

from typing import Any
from uuid import uuid4

import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy import select

from service.api.models import IdempotencyKeyRow
from service.audit.models import AuditRecordRow
from service.db import Sessions, TenantSession, tenant_transaction
from service.ids import MemberId
from service.limits import service as limits
from service.limits.domain.table import MEMBERS
from service.people import invitations
from service.people.domain import Origin, Role
from service.people.invitations import Acceptance
from service.people.models import InvitationRow, MemberRow
from service.tenants.domain import Tenant
from tests import factories
from tests.api import desk
from tests.conftest import SignIn
from tests.factories import VAULT, MovableClock

pytestmark = pytest.mark.usefixtures("cheap_passwords")

ADA = {"email": "ada@harbour.test", "name": "Ada Harbour", "roles": ["agent"]}
PASSWORD = "three boats in the old harbour"  # noqa: S105 - of a test


async def accept(sessions: Sessions, tenant: Tenant, invited: dict[str, Any], clock: MovableClock) -> None:
    secret = factories.secret_of(invited["invitation"]["url"])
    async with tenant_transaction(sessions, tenant.id) as session:
        acceptance = Acceptance(invited["name"], PASSWORD, Origin())
        await invitations.accept_invitation(session, VAULT, secret, acceptance, now=clock.now())


async def is_open(session: TenantSession, invited: dict[str, Any], clock: MovableClock) -> bool:
    secret = factories.secret_of(invited["invitation"]["url"])
    return await invitations.invitation(session, secret, now=clock.now()) is not None


async def change(caller: AsyncClient, member_id: object, **fields: Any) -> Response:
    """Change a member on the version that it has."""
    path = f"/v1/members/{member_id}"
    held = await caller.get(path)
    body = {name: held.json()[name] for name in ("name", "roles")} | fields
    return await caller.put(path, json=body, headers={"If-Match": held.headers["ETag"]})


async def act(caller: AsyncClient, member_id: object, what: str) -> Response:
    """Deactivate or reactivate a member on the version that it has."""
    path = f"/v1/members/{member_id}"
    tag = (await caller.get(path)).headers["ETag"]
    return await caller.post(f"{path}/{what}", headers={"If-Match": tag})


async def invite_again(caller: AsyncClient, member_id: object) -> dict[str, Any]:
    answer = await caller.post(f"/v1/members/{member_id}/invitations", headers=factories.key())
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_member_is_invited_and_the_link_is_shown_once(caller: AsyncClient, tenant: Tenant) -> None:
    key = factories.key()
    answer = await caller.post("/v1/members", json=ADA | {"email": " Ada@Harbour.TEST"}, headers=key)
    invited = answer.json()

    replayed = await caller.post("/v1/members", json=ADA | {"email": " Ada@Harbour.TEST"}, headers=key)
    shown = (await caller.get(f"/v1/members/{invited['id']}")).json()
    listed = (await caller.get("/v1/members")).json()

    assert answer.status_code == 201
    assert replayed.json() == invited
    link = invited.pop("invitation")
    assert link["url"].startswith(f"http://rooted.test/invitation/{tenant.id.hex}.")
    assert shown == invited
    assert (shown["email"], shown["roles"], shown["state"]) == ("ada@harbour.test", ["agent"], "invited")
    assert listed == {"items": [shown], "next": None}


async def test_no_link_can_be_read_from_the_database(caller: AsyncClient, session: TenantSession) -> None:
    invited = await desk.created(caller, "/v1/members", ADA)
    secret = factories.secret_of(invited["invitation"]["url"])

    rows = list(await session.db.scalars(select(InvitationRow)))
    answers = list(await session.db.scalars(select(IdempotencyKeyRow)))
    records = list(await session.db.scalars(select(AuditRecordRow)))

    kept = [row.digest for row in rows] + [answer.body for answer in answers]
    assert kept
    assert not [each for each in kept if secret.encode() in each]
    assert not [each for each in records if secret in str(each.changes)]


@pytest.mark.parametrize(
    ("fields", "status", "pointer"),
    [
        ({"email": "not an address"}, 422, "/email"),
        ({"email": "a@b\r\nBcc: c@d.test"}, 422, "/email"),
        ({"name": " "}, 422, "/name"),
        ({"roles": []}, 400, "/roles"),
        ({"roles": ["owner"]}, 400, "/roles/0"),
        ({"state": "active"}, 400, ""),
    ],
)
async def test_a_bad_invitation_is_refused(
    caller: AsyncClient, fields: dict[str, Any], status: int, pointer: str
) -> None:
    answer = await caller.post("/v1/members", json=ADA | fields, headers=factories.key())

    assert answer.status_code == status, answer.text
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]


async def test_an_address_is_a_members_once_in_a_tenant(
    caller: AsyncClient, sign_in: SignIn, sessions: Sessions
) -> None:
    await desk.created(caller, "/v1/members", ADA)
    stranger = await sign_in(of=await factories.tenant(sessions))

    again = await caller.post("/v1/members", json=ADA, headers=factories.key())
    elsewhere = await stranger.post("/v1/members", json=ADA, headers=factories.key())

    assert again.status_code == 409
    assert again.json()["type"] == "/problems/email-taken"
    assert elsewhere.status_code == 201


async def test_who_accepts_is_active_and_acts_in_its_roles(
    caller: AsyncClient, sessions: Sessions, tenant: Tenant, clock: MovableClock, sign_in_as: SignIn
) -> None:
    invited = await desk.created(caller, "/v1/members", ADA)
    await accept(sessions, tenant, invited, clock)

    shown = (await caller.get(f"/v1/members/{invited['id']}")).json()
    ada = await sign_in_as(member_id=MemberId(invited["id"]))
    reads = await ada.get("/v1/members")
    invites = await ada.post("/v1/members", json=ADA, headers=factories.key())

    assert (shown["state"], shown["version"]) == ("active", 2)
    assert reads.status_code == 200
    assert invites.status_code == 403


async def test_only_admins_among_the_members_invite_and_change(
    caller: AsyncClient, sign_in_as: SignIn
) -> None:
    invited = await desk.created(caller, "/v1/members", ADA)
    for role in (Role.MANAGER, Role.AGENT, Role.AUDITOR):
        member = await sign_in_as(role)
        refused = await member.post("/v1/members", json=ADA, headers=factories.key())
        assert refused.status_code == 403, role
        assert (await change(member, invited["id"], roles=["admin"])).status_code == 403, role

    admin = await sign_in_as(Role.ADMIN)

    assert (await change(admin, invited["id"], roles=["admin"])).json()["roles"] == ["admin"]


async def test_nobody_gives_a_role_that_may_do_more_than_they_may(
    caller: AsyncClient, sign_in: SignIn, sign_in_as: SignIn
) -> None:
    admin = await desk.created(caller, "/v1/members", ADA | {"roles": ["admin"]})
    agent = await desk.created(caller, "/v1/members", ADA | {"email": "ben@harbour.test"})
    script = await sign_in("members:read", "members:write")
    through_an_application = await sign_in_as(Role.ADMIN, scopes=["members:read", "members:write"])

    for narrow in (script, through_an_application):
        refused = [
            await narrow.post(
                "/v1/members", json=ADA | {"email": "eve@harbour.test"}, headers=factories.key()
            ),
            await change(narrow, agent["id"], roles=["admin"]),
            await narrow.post(f"/v1/members/{admin['id']}/invitations", headers=factories.key()),
        ]
        renamed = await change(narrow, admin["id"], name="Ada", roles=["admin"])

        assert [each.status_code for each in refused] == [403, 403, 403]
        assert {each.json()["type"] for each in refused} == {"/problems/roles-beyond-own"}
        assert "applications:write" in refused[1].json()["detail"]
        assert renamed.status_code == 200


async def test_nobody_changes_the_own_roles(sign_in_as: SignIn, sessions: Sessions, tenant: Tenant) -> None:
    own = await factories.member(sessions, tenant, Role.ADMIN)
    await factories.member(sessions, tenant, Role.ADMIN)
    admin = await sign_in_as(member_id=own)

    refused = await change(admin, own, roles=["admin", "auditor"])
    renamed = await change(admin, own, name="Ada")

    assert refused.status_code == 403
    assert refused.json()["type"] == "/problems/own-roles"
    assert renamed.json()["name"] == "Ada"


async def test_the_last_active_admin_stays_one(
    caller: AsyncClient, sessions: Sessions, tenant: Tenant
) -> None:
    last = await factories.member(sessions, tenant, Role.ADMIN, Role.AGENT)
    await desk.created(caller, "/v1/members", ADA | {"roles": ["admin"]})  # who is only invited is none yet

    demoted = await change(caller, last, roles=["agent"])
    deactivated = await act(caller, last, "deactivate")
    await factories.member(sessions, tenant, Role.ADMIN)
    now_demoted = await change(caller, last, roles=["agent"])

    assert demoted.status_code == deactivated.status_code == 409
    assert demoted.json()["type"] == deactivated.json()["type"] == "/problems/last-admin"
    assert now_demoted.status_code == 200


async def test_a_deactivated_member_may_do_nothing_until_it_is_reactivated(
    caller: AsyncClient, sessions: Sessions, tenant: Tenant, clock: MovableClock
) -> None:
    invited = await desk.created(caller, "/v1/members", ADA)
    await accept(sessions, tenant, invited, clock)

    gone = await act(caller, invited["id"], "deactivate")
    twice = await act(caller, invited["id"], "deactivate")
    again = await caller.post(f"/v1/members/{invited['id']}/invitations", headers=factories.key())
    back = await act(caller, invited["id"], "reactivate")

    assert gone.json()["state"] == "deactivated"
    assert twice.json() == gone.json()
    assert again.status_code == 409
    assert back.json()["state"] == "active"


async def test_nobody_is_let_in_again_beyond_the_limit(caller: AsyncClient, session: TenantSession) -> None:
    gone = await desk.created(caller, "/v1/members", ADA)
    await act(caller, gone["id"], "deactivate")
    await desk.created(caller, "/v1/members", ADA | {"email": "ben@harbour.test"})
    await limits.change(session, factories.OPERATOR, MEMBERS, 1, now=factories.NOON)

    refused = await act(caller, gone["id"], "reactivate")
    await limits.change(session, factories.OPERATOR, MEMBERS, 2, now=factories.NOON)
    back = await act(caller, gone["id"], "reactivate")

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/members-too-many")
    assert back.json()["state"] == "invited"


async def test_who_never_accepted_is_invited_again_and_the_old_link_ends(
    caller: AsyncClient, sessions: Sessions, tenant: Tenant, clock: MovableClock
) -> None:
    first = await desk.created(caller, "/v1/members", ADA)

    second = await invite_again(caller, first["id"])
    await act(caller, first["id"], "deactivate")
    back = await act(caller, first["id"], "reactivate")
    async with tenant_transaction(sessions, tenant.id) as session:
        ended = [await is_open(session, each, clock) for each in (first, second)]
    third = await invite_again(caller, first["id"])
    async with tenant_transaction(sessions, tenant.id) as session:
        at_last = [await is_open(session, each, clock) for each in (first, second, third)]

    assert back.json()["state"] == "invited"
    assert ended == [False, False]
    assert at_last == [False, False, True]


async def test_a_change_needs_the_version_that_was_read(caller: AsyncClient) -> None:
    invited = await desk.created(caller, "/v1/members", ADA)
    path, body = f"/v1/members/{invited['id']}", {"name": "Ada", "roles": ["agent"]}
    tag = {"If-Match": (await caller.get(path)).headers["ETag"]}

    blind = await caller.put(path, json=body)
    changed = await caller.put(path, json=body, headers=tag)
    stale = await caller.put(path, json=body, headers=tag)
    too_late = await caller.post(f"{path}/deactivate", headers=tag)

    assert [each.status_code for each in (blind, changed, stale, too_late)] == [428, 200, 412, 412]
    unchanged = await caller.get(path, headers={"If-None-Match": changed.headers["ETag"]})
    assert unchanged.status_code == 304


async def test_a_foreign_member_and_one_that_never_was_are_answered_alike(
    caller: AsyncClient, sessions: Sessions
) -> None:
    foreign = await factories.member(sessions, await factories.tenant(sessions), Role.ADMIN)
    random = uuid4()
    tag = {"If-Match": "*", **factories.key()}
    for method, path, body in (
        ("GET", "/v1/members/{}", None),
        ("PUT", "/v1/members/{}", {"name": "Ada", "roles": ["agent"]}),
        ("POST", "/v1/members/{}/deactivate", None),
        ("POST", "/v1/members/{}/reactivate", None),
        ("POST", "/v1/members/{}/invitations", None),
    ):
        answers = [
            await caller.request(method, path.format(member), json=body, headers=tag | factories.key())
            for member in (foreign, random)
        ]
        bodies = [
            answer.text.replace(str(member), "").replace(answer.json()["request_id"], "")
            for answer, member in zip(answers, (foreign, random), strict=True)
        ]
        assert [answer.status_code for answer in answers] == [404, 404], (method, path)
        assert bodies[0] == bodies[1]


async def test_an_application_of_a_client_organization_sees_no_members(
    sign_in: SignIn, sessions: Sessions, tenant: Tenant
) -> None:
    client_id = await factories.client_of(sessions, tenant)
    caller = await sign_in(client_id=client_id)
    await desk.created(await sign_in(), "/v1/members", ADA)

    assert (await caller.get("/v1/members")).status_code == 403
    for confined_to, seen in ((None, 1), (client_id, 0)):
        async with tenant_transaction(sessions, tenant.id, client_id=confined_to) as session:
            for row in (MemberRow, InvitationRow):
                assert len(list(await session.db.scalars(select(row.id)))) == seen, (row, confined_to)


async def test_each_change_is_recorded_with_what_was_before(
    caller: AsyncClient, session: TenantSession
) -> None:
    invited = await desk.created(caller, "/v1/members", ADA)
    await change(caller, invited["id"], roles=["manager"])
    await act(caller, invited["id"], "deactivate")

    found = await session.db.scalars(
        select(AuditRecordRow)
        .where(
            AuditRecordRow.tenant_id == session.tenant_id,
            AuditRecordRow.subject == f"member:{invited['id']}",
        )
        .order_by(AuditRecordRow.id)
    )
    records = {row.action: row.changes for row in found}

    assert records["member.invited"]["email"] == {"after": "ada@harbour.test"}
    assert records["member.changed"] == {"roles": {"before": ["agent"], "after": ["manager"]}}
    assert records["member.deactivated"] == {"state": {"before": "invited", "after": "deactivated"}}
