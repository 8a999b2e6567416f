"""Special methods over HTTP: asked for by a client, approved, used, ended, undone and checked."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy import select

from service.db import Sessions, tenant_transaction
from service.ids import ClientId, MemberId
from service.outbox.models import EventRow
from service.people.domain import Role
from service.tenants.domain import Tenant
from tests import factories
from tests.api import desk, kinds
from tests.api.desk import at
from tests.conftest import ISSUER, SignIn
from tests.factories import NOON

DEVIATION: dict[str, Any] = {
    "verdict": "special_method",
    "justification": "The supplier's office is closed.",
    "expires_in_days": 30,
    "way_back": "Take the firewall rule out.",
    "scope": "Port 22 of one host.",
    "proof": "It was done so in spring.",
    "requires": [{"gate": "approval", "name": "security", "roles": ["manager"]}],
}
REASONABLE = {"rules": [kinds.rule("deviation", "request.priority == 'P1'", DEVIATION)]}


@dataclass(frozen=True, slots=True)
class Scene:
    """A desk whose policy answers each P1 with a special method.

    Attributes:
        staff: an application of the tenant; `client` and `stranger`: of client organizations.
        manager: a member who approves; `agent`: one who works.
    """

    staff: AsyncClient
    client: AsyncClient
    stranger: AsyncClient
    manager: AsyncClient
    manager_id: MemberId
    agent: AsyncClient
    sessions: Sessions
    tenant: Tenant

    async def told(self, special: dict[str, Any], client_id: ClientId | None = None) -> list[EventRow]:
        """What was told of it; the feed does not show that before the test commits."""
        async with tenant_transaction(self.sessions, self.tenant.id, client_id=client_id) as session:
            about = select(EventRow).where(EventRow.subject_id == UUID(special["id"]))
            return list(await session.db.scalars(about.order_by(EventRow.sequence)))

    async def asked(self, caller: AsyncClient | None = None, **overrides: Any) -> dict[str, Any]:
        """A request that asks for a special method, as the register has that."""
        request = await desk.submitted(caller or self.client, type="change", **overrides)
        await desk.pass_time(self.staff, **SOON)
        return await self.of(request["id"])

    async def of(self, request_id: str) -> dict[str, Any]:
        (found,) = await self.listed(self.staff, request_id=request_id)
        return found

    async def listed(self, caller: AsyncClient, **sought: Any) -> list[dict[str, Any]]:
        answer = await caller.get("/v1/special-methods", params=sought)
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]

    async def shown(self, special: dict[str, Any], caller: AsyncClient | None = None) -> dict[str, Any]:
        answer = await (caller or self.staff).get(f"/v1/special-methods/{special['id']}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def answered(self, special: dict[str, Any], *, approve: bool) -> None:
        sought = {"arrangement_id": special["arrangement_id"], "kind": "approval"}
        (gate,) = (await self.staff.get("/v1/gates", params=sought)).json()["items"]
        body = {"approve": approve, "reason": "I looked at it."}
        answer = await _post(self.manager, f"/v1/approvals/{gate['id']}/answers", body)
        assert answer.status_code == 200, answer.text

    async def allowed(self, caller: AsyncClient | None = None, **overrides: Any) -> dict[str, Any]:
        special = await self.asked(caller, **overrides)
        await self.answered(special, approve=True)
        return await self.shown(special)

    async def uses(self, caller: AsyncClient, special: dict[str, Any], **said: Any) -> Response:
        body = {"who": "Ada", "what_for": "To let the engineer in.", **said}
        return await _post(caller, f"/v1/special-methods/{special['id']}/uses", body)


SOON = {"minutes": 1}


async def _post(caller: AsyncClient, path: str, body: dict[str, Any]) -> Response:
    return await caller.post(path, json=body, headers=factories.key())


def _problem(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


async def _end(caller: AsyncClient, special: dict[str, Any]) -> Response:
    return await _post(caller, f"/v1/special-methods/{special['id']}/end", {"reason": "They are back."})


async def _check(
    caller: AsyncClient, special: dict[str, Any], *, undone: bool, result: str = "The port is closed."
) -> Response:
    body = {"undone": undone, "result": result}
    return await _post(caller, f"/v1/special-methods/{special['id']}/check", body)


@pytest.fixture
async def tenant(sessions: Sessions) -> Tenant:
    """A sandbox, whose clock stands at noon."""
    return await factories.tenant(sessions, sandbox_at=NOON)


@pytest.fixture
async def scene(sessions: Sessions, tenant: Tenant, sign_in: SignIn, sign_in_as: SignIn) -> Scene:
    staff = await sign_in()
    await desk.set_up(staff)
    await kinds.in_effect(staff, "rationalization", REASONABLE)
    clients = [await factories.client_of(sessions, tenant, name=name) for name in ("Harbour", "Mill")]
    client, stranger = [await sign_in(client_id=client_id) for client_id in clients]
    manager_id = await factories.member(sessions, tenant, Role.MANAGER)
    manager, agent = await sign_in_as(member_id=manager_id), await sign_in_as(Role.AGENT)
    return Scene(staff, client, stranger, manager, manager_id, agent, sessions, tenant)


async def test_it_is_asked_for_approved_used_ended_by_itself_and_undone(scene: Scene) -> None:
    asked = await scene.asked()
    early = await scene.uses(scene.agent, asked)
    await scene.answered(asked, approve=True)
    allowed = await scene.shown(asked)
    used = await scene.uses(scene.agent, allowed)
    await desk.pass_time(scene.staff, days=30, minutes=1)
    last = await scene.uses(scene.agent, allowed)
    await desk.pass_time(scene.staff, days=30, minutes=1, microseconds=1)
    late = await scene.uses(scene.agent, allowed)
    expired = await scene.shown(asked)
    arrangement = (await scene.staff.get(f"/v1/arrangements/{asked['arrangement_id']}")).json()
    checked = await _check(scene.agent, asked, undone=True)

    assert (arrangement["state"], "while the special method is allowed" in arrangement["state_in_words"]) == (
        "ready",
        True,
    )
    assert (asked["state"], asked["ends_at"], asked["scope"]) == ("proposed", None, "Port 22 of one host.")
    assert _problem(early) == (409, "special-method-not-in-force")
    assert (allowed["state"], allowed["ends_at"]) == ("allowed", at(days=30, minutes=1))
    assert allowed["approved_by"] == [f"member:{scene.manager_id}"]
    assert (used.status_code, last.status_code) == (201, 201)
    assert _problem(late) == (409, "special-method-not-in-force")
    assert "submits a request for it anew" in late.json()["detail"]
    assert (expired["state"], expired["since"]) == ("expired", at(days=30, minutes=1))
    assert checked.json()["state"] == "checked"
    promise = await scene.staff.get(f"/v1/commitments/{expired['undo_commitment_id']}")
    assert (promise.json()["metric"], promise.json()["outcome"]) == ("undo", "kept")
    assert [row.type for row in await scene.told(asked)] == [
        *("special_method.allowed", "special_method.used", "special_method.expiring"),
        *("special_method.expiring", "special_method.used", "special_method.ended", "special_method.checked"),
    ]


async def test_the_requesters_page_says_how_an_exception_stands_and_that_it_is_over(scene: Scene) -> None:
    asked = await scene.asked()
    path = f"/v1/arrangements/{asked['arrangement_id']}/links"
    link = (await desk.created(scene.staff, path, {"expires_in_days": 90}))["url"].removeprefix(ISSUER)

    async def stands() -> str:
        page = await scene.staff.get(link, headers={"Accept-Language": "en-GB"})
        return page.text.partition("<dt>Where it stands</dt><dd>")[2].partition("</dd>")[0]

    said = [await stands()]
    await scene.answered(asked, approve=True)
    said.append(await stands())
    await desk.pass_time(scene.staff, days=30, minutes=1, microseconds=1)
    said.append(await stands())
    assert (await _check(scene.agent, asked, undone=True)).status_code == 200
    said.append(await stands())

    assert said == [
        "Whether it can be allowed as an exception is being examined.",
        "It is allowed as an exception until Wednesday, 4 February 2026, 12:01 UTC.",
        "The exception is over; it may not be used any more.",
        "The exception is over, and was undone.",
    ]


async def test_what_is_refused_may_never_be_used(scene: Scene) -> None:
    asked = await scene.asked()

    await scene.answered(asked, approve=False)

    assert (await scene.shown(asked))["state"] == "refused"
    assert _problem(await scene.uses(scene.agent, asked)) == (409, "special-method-not-in-force")


async def test_whoever_cancels_the_request_ends_what_was_allowed_for_it(scene: Scene) -> None:
    allowed = await scene.allowed()
    request = {"id": allowed["request_id"]}

    await desk.report(scene.client, request, type="changed", state="cancelled")

    ended = await scene.shown(allowed)
    promise = (await scene.staff.get(f"/v1/commitments/{ended['undo_commitment_id']}")).json()
    assert ended["state"] == "ended"
    assert (promise["clock"], promise["made"]["origin"]) == ("running", "special_method")
    assert _problem(await scene.uses(scene.agent, allowed)) == (409, "special-method-not-in-force")


async def test_a_client_sees_its_own_what_is_allowed_until_when_and_not_by_whom(scene: Scene) -> None:
    allowed = await scene.allowed()
    await scene.uses(scene.agent, allowed)

    seen = await scene.shown(allowed, scene.client)
    uses = (await scene.client.get(f"/v1/special-methods/{allowed['id']}/uses")).json()["items"]

    for name in ("scope", "way_back", "ends_at", "state", "reason", "justification"):
        assert seen[name] == allowed[name] is not None
    for name in ("approved_by", "policy_id", "rule_id", "for_group", "asked_by", "undo_commitment_id"):
        assert seen[name] is None
    assert uses == []
    assert await scene.listed(scene.client) == [seen]
    assert await scene.listed(scene.stranger) == []
    foreign = await scene.stranger.get(f"/v1/special-methods/{allowed['id']}")
    assert _problem(foreign) == (404, "special-method-not-found")
    assert (await scene.uses(scene.client, allowed)).status_code == 403


async def test_a_client_is_told_of_it_and_not_of_who_approved(scene: Scene) -> None:
    allowed = await scene.allowed()

    [told] = await scene.told(allowed, ClientId(UUID(allowed["client_id"])))

    assert told.type == "special_method.allowed"
    assert told.payload["ends_at"] == allowed["ends_at"]
    assert str(scene.manager_id) not in str(told.payload)


async def test_a_manager_or_who_asked_for_it_ends_it_early(scene: Scene) -> None:
    of_client, of_agent = await scene.allowed(), await scene.allowed(scene.agent)

    refused = await _end(scene.agent, of_client)
    by_lead = await _end(scene.manager, of_client)
    by_asker = await _end(scene.agent, of_agent)
    again = await _end(scene.manager, of_client)

    assert _problem(refused) == (403, "special-method-of-others")
    assert (by_lead.json()["state"], by_lead.json()["state_reason"]) == ("ended", "They are back.")
    assert by_asker.json()["state"] == "ended"
    assert _problem(again) == (409, "special-method-over")
    assert _problem(await _end(scene.manager, await scene.asked())) == (409, "special-method-not-approved")


async def test_what_is_not_undone_is_owed_until_it_is(scene: Scene) -> None:
    allowed = await scene.allowed()
    early = await _check(scene.agent, allowed, undone=True)
    await _end(scene.manager, allowed)

    left = await _check(scene.agent, allowed, undone=False, result="The window is on Sunday.")

    promise = f"/v1/commitments/{left.json()['undo_commitment_id']}"
    assert _problem(early) == (409, "special-method-not-over")
    assert (left.json()["state"], left.json()["undone"]) == ("ended", False)
    assert left.json()["result"] == "The window is on Sunday."
    assert (await scene.staff.get(promise)).json()["clock"] == "running"
    await desk.pass_time(scene.staff, days=3)
    assert (await scene.staff.get(promise)).json()["outcome"] == "broken"
    assert (await _check(scene.agent, allowed, undone=False, result=" ")).status_code == 400


async def test_a_use_told_late_counts_by_when_it_was_and_needs_a_scope_after_a_day(scene: Scene) -> None:
    allowed = await scene.allowed()
    await desk.pass_time(scene.staff, days=2)

    refused = await scene.uses(scene.agent, allowed, at=at(minutes=2))
    late = await scene.uses(scene.manager, allowed, at=at(minutes=2))
    before = await scene.uses(scene.manager, allowed, at=at(seconds=59))
    ahead = await scene.uses(scene.manager, allowed, at=at(days=2, seconds=1))

    assert _problem(refused) == (403, "backdating-forbidden")
    assert (late.status_code, late.json()["at"]) == (201, at(minutes=2))
    assert _problem(before) == (409, "special-method-not-in-force")
    assert (_problem(ahead), ahead.json()["errors"][0]["pointer"]) == ((422, "special-method-invalid"), "/at")


async def test_a_use_that_is_sent_again_is_recorded_once(scene: Scene) -> None:
    allowed = await scene.allowed()
    path, headers = f"/v1/special-methods/{allowed['id']}/uses", factories.key()
    body = {"who": "Ada", "what_for": "To let the engineer in."}

    answers = [await scene.agent.post(path, json=body, headers=headers) for _ in range(2)]

    uses = (await scene.staff.get(path)).json()["items"]
    assert [answer.json() for answer in answers] == [uses[0], uses[0]]
    assert len(uses) == 1
    assert (await scene.agent.post(path, json=body)).status_code == 400


async def test_what_is_edited_is_allowed_no_more_until_it_is_approved_anew(scene: Scene) -> None:
    allowed = await scene.allowed()
    request = {"id": allowed["request_id"]}

    await desk.report(scene.client, request, type="changed", facts={"custom": {"site": "harbour"}})

    ended, again = await scene.listed(scene.staff, request_id=allowed["request_id"])
    assert (ended["id"], ended["state"], again["state"]) == (allowed["id"], "ended", "proposed")


async def test_the_list_is_narrowed_and_paged(scene: Scene) -> None:
    allowed, asked = await scene.allowed(), await scene.asked()

    def ids(found: list[dict[str, Any]]) -> list[str]:
        return [each["id"] for each in found]

    assert ids(await scene.listed(scene.staff)) == [allowed["id"], asked["id"]]
    assert ids(await scene.listed(scene.staff, limit=1)) == [allowed["id"]]
    assert ids(await scene.listed(scene.staff, state="proposed")) == [asked["id"]]
    assert ids(await scene.listed(scene.staff, client_id=allowed["client_id"], state="allowed")) == [
        allowed["id"]
    ]
    assert ids(await scene.listed(scene.staff, expiring_before=at(days=31))) == [allowed["id"]]
    assert ids(await scene.listed(scene.staff, expiring_before=at(days=30))) == []
    assert (
        await scene.staff.get("/v1/special-methods", params={"expiring_before": "soon"})
    ).status_code == 400


async def test_the_third_of_one_kind_opens_an_improvement_with_the_evidence(scene: Scene) -> None:
    specials = [await scene.allowed() for _ in range(3)]

    await desk.pass_time(scene.staff, minutes=2)

    (item,) = (await scene.staff.get("/v1/improvements")).json()["items"]
    assert item["source"] == "special_method_pattern"
    assert [each["id"] for each in item["evidence"]] == [each["id"] for each in specials]


async def test_what_was_shown_and_has_not_changed_is_not_sent_again(scene: Scene) -> None:
    allowed = await scene.allowed()
    path = f"/v1/special-methods/{allowed['id']}"
    tag = (await scene.staff.get(path)).headers["ETag"]

    assert (await scene.staff.get(path, headers={"If-None-Match": tag})).status_code == 304
    await _end(scene.manager, allowed)
    assert (await scene.staff.get(path, headers={"If-None-Match": tag})).status_code == 200
