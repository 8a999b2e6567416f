"""Approvals over HTTP: asked by a verdict, answered by members who may, in time, and by others in absence."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy import select

from service import ids
from service.db import Sessions, tenant_transaction
from service.ids import GateId, MemberId
from service.outbox.models import EventRow
from service.people import service as people
from service.people.domain import Role
from service.rationalization.approvals import service as approvals
from service.rationalization.approvals.errors import ApprovalNotFound
from service.tenants.domain import Tenant
from tests import factories
from tests.api import desk, kinds
from tests.api.desk import at
from tests.conftest import SignIn
from tests.factories import NOON

HOURS = 3_600
WITHIN = {"unit": "elapsed_time", "seconds": 8 * HOURS}


def _policy(**gate: Any) -> dict[str, Any]:
    """Every change that is not urgent is accepted once this approval is given."""
    board = {"gate": "approval", "name": "board", "roles": ["manager"], "within": WITHIN} | gate
    return {"rules": [kinds.rule("board", "true", {"verdict": "accept", "requires": [board]})]}


@dataclass(frozen=True, slots=True)
class Member:
    """A member, and how it calls."""

    id: MemberId
    caller: AsyncClient


@dataclass(frozen=True, slots=True)
class Desk:
    """A service desk whose policy wants an approval of each request.

    Attributes:
        staff: an application of the tenant with all scopes.
        mia, max: managers; `ann` an agent, who submits the requests.
        sessions: on the connection of the test, whose events the feed does not show before it commits.
    """

    staff: AsyncClient
    mia: Member
    max: Member
    ann: Member
    sessions: Sessions
    tenant: Tenant

    async def submitted(self, by: AsyncClient | None = None, **more: Any) -> dict[str, Any]:
        return await desk.submitted(by or self.ann.caller, type="change", **more)

    async def asked(self, by: AsyncClient | None = None, **more: Any) -> dict[str, Any]:
        """The approval that a new request needs."""
        return await self.approval_of(await self.submitted(by, **more))

    async def approval_of(self, request: dict[str, Any]) -> dict[str, Any]:
        listed = await self.staff.get("/v1/approvals", params={"request_id": request["id"]})
        (found,) = listed.json()["items"]
        return found

    async def shown(self, approval: dict[str, Any], to: AsyncClient | None = None) -> dict[str, Any]:
        answer = await (to or self.staff).get(f"/v1/approvals/{approval['id']}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def request_of(self, approval: dict[str, Any]) -> dict[str, Any]:
        return (await self.staff.get(f"/v1/requests/{approval['request']['id']}")).json()

    async def told(self, approval: dict[str, Any]) -> list[tuple[int, str, str]]:
        async with tenant_transaction(self.sessions, self.tenant.id) as session:
            query = select(EventRow).where(EventRow.subject_id == UUID(approval["id"]))
            found = list(await session.db.scalars(query.order_by(EventRow.sequence)))
        return [(event.sequence, event.type, event.payload["state"]) for event in found]

    async def ledger(self, approval: dict[str, Any]) -> list[str]:
        return [each["kind"] for each in (await self.shown(approval))["history"]]

    async def promise(self, approval: dict[str, Any]) -> dict[str, Any]:
        return (await self.staff.get(f"/v1/commitments/{approval['commitment_id']}")).json()


@pytest.fixture
async def tenant(sessions: Sessions) -> Tenant:
    """A sandbox, whose clock stands at noon."""
    return await factories.tenant(sessions, sandbox_at=NOON)


async def _member(sign_in_as: SignIn, sessions: Sessions, tenant: Tenant, *roles: Role) -> Member:
    member_id = await factories.member(sessions, tenant, *roles)
    return Member(member_id, await sign_in_as(member_id=member_id))


async def _publish(staff: AsyncClient, document: dict[str, Any]) -> None:
    body = {"name": "reasonable", "kind": "rationalization", "document": document}
    policy = await desk.created(staff, "/v1/policies", body)
    published = await staff.post(f"/v1/policies/{policy['id']}/publish", headers=factories.key())
    assert published.status_code == 200, published.text


@pytest.fixture
async def bare(sessions: Sessions, tenant: Tenant, sign_in: SignIn, sign_in_as: SignIn) -> Desk:
    """Without a policy of rationalization yet."""
    staff = await sign_in()
    await desk.set_up(staff)
    return Desk(
        staff,
        await _member(sign_in_as, sessions, tenant, Role.MANAGER),
        await _member(sign_in_as, sessions, tenant, Role.MANAGER),
        await _member(sign_in_as, sessions, tenant, Role.AGENT),
        sessions,
        tenant,
    )


@pytest.fixture
async def board(bare: Desk) -> Desk:
    await _publish(bare.staff, _policy())
    return bare


async def _answer(
    member: Member, approval: dict[str, Any], *, approve: bool = True, reason: str = "", **more: Any
) -> Response:
    body = {"approve": approve, "reason": reason} | more
    return await member.caller.post(
        f"/v1/approvals/{approval['id']}/answers", json=body, headers=factories.key()
    )


async def _answered(member: Member, approval: dict[str, Any], **said: Any) -> dict[str, Any]:
    answer = await _answer(member, approval, **said)
    assert answer.status_code == 200, answer.text
    return answer.json()


def _problem(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


async def test_a_verdict_asks_and_shows_all_that_is_needed_to_decide(board: Desk) -> None:
    approval = await board.asked(title="New firewall rules")

    shown = await board.shown(approval, board.mia.caller)

    assert (shown["state"], shown["needed"], shown["persons_missing"]) == ("pending", "any", 1)
    assert shown["wanted_of"] == {"roles": ["manager"], "groups": []}
    assert shown["deadline_at"] == at(hours=8)
    assert (shown["request"]["title"], shown["verdict"]) == ("New firewall rules", "accept")
    assert shown["reason"] == "Because of board."
    assert (shown["may_answer"], shown["why_not"], shown["cannot_be_met"]) == (True, None, False)
    assert shown["may_answer_as"] == [{"on_behalf_of": None, "seats": {"roles": ["manager"], "groups": []}}]
    assert await board.told(approval) == [(1, "approval.asked", "pending")]


async def test_who_approves_lets_work_start(board: Desk) -> None:
    approval = await board.asked()

    granted = await _answered(board.mia, approval, reason="Tried on the test system.")

    assert (granted["state"], granted["since"], granted["persons_missing"]) == ("granted", at(), 0)
    (said,) = granted["answers"]
    assert (said["by"]["id"], said["reason"]) == (str(board.mia.id), "Tried on the test system.")
    assert (await board.request_of(approval))["arrangement"]["state"] == "ready"
    assert await board.told(approval) == [
        (1, "approval.asked", "pending"),
        (2, "approval.answered", "granted"),
        (3, "approval.settled", "granted"),
    ]
    assert (await board.promise(approval))["outcome"] == "kept"


async def test_who_refuses_says_why_and_the_request_ends(board: Desk) -> None:
    approval = await board.asked()

    unfounded = await _answer(board.mia, approval, approve=False, reason=" ")
    refused = await _answered(board.mia, approval, approve=False, reason="Not in the busy season.")

    assert _problem(unfounded) == (422, "approval-invalid")
    assert unfounded.json()["errors"][0]["pointer"] == "/reason"
    assert refused["state"] == "refused"
    request = await board.request_of(approval)
    assert (request["state"], request["arrangement"]["state"]) == ("cancelled", "refused")


async def test_nobody_decides_on_what_they_ask_for(board: Desk) -> None:
    own = await board.asked(board.mia.caller)

    refused = await _answer(board.mia, own)

    assert _problem(refused) == (403, "approval-of-own-request")
    assert (await board.shown(own, board.mia.caller))["why_not"] == "own_request"
    assert (await _answered(board.max, own))["state"] == "granted"


@pytest.mark.parametrize("named_by", ["contact", "fact"])
async def test_whoever_has_the_askers_mail_address_is_the_asker(board: Desk, named_by: str) -> None:
    async with tenant_transaction(board.sessions, board.tenant.id) as session:
        email = (await people.get_member(session, board.mia.id)).email.upper()
    contact = await desk.created(
        board.staff, "/v1/contacts", {"name": "Mia", "email": email, "external_id": "mia"}
    )
    named = {"requester": contact["id"]} if named_by == "contact" else {"facts": {"requester": email}}
    approval = await board.asked(board.staff, **named)

    refused = await _answer(board.mia, approval)

    assert _problem(refused) == (403, "approval-of-own-request")
    assert (await board.mia.caller.get("/v1/approvals", params={"mine": True})).json()["items"] == []
    assert len((await board.max.caller.get("/v1/approvals", params={"mine": True})).json()["items"]) == 1


async def test_only_who_holds_a_seat_may_answer(board: Desk) -> None:
    approval = await board.asked(board.staff)

    refused = await _answer(board.ann, approval)

    assert _problem(refused) == (403, "approval-not-asked")
    assert "is of the role manager; one of these must answer" in refused.json()["detail"]
    assert (await board.shown(approval, board.ann.caller))["why_not"] == "not_asked"


async def test_an_application_by_itself_never_approves(board: Desk) -> None:
    approval = await board.asked()

    refused = await board.staff.post(
        f"/v1/approvals/{approval['id']}/answers", json={"approve": True}, headers=factories.key()
    )

    assert _problem(refused) == (403, "approval-needs-member")
    assert (await board.shown(approval))["why_not"] == "not_a_member"


async def test_what_is_decided_stays_so_and_the_same_again_changes_nothing(board: Desk) -> None:
    approval = await board.asked()
    first = await _answered(board.mia, approval)

    again = await _answered(board.mia, approval)
    another = await _answer(board.max, approval, approve=False, reason="Too late.")

    assert again["history"] == first["history"]
    assert _problem(another) == (409, "approval-decided")
    assert len(await board.told(approval)) == 3


async def test_after_the_deadline_no_answer_counts_until_it_is_asked_anew(board: Desk) -> None:
    approval = await board.asked()
    await desk.pass_time(board.staff, hours=8, microseconds=1)

    late = await _answer(board.mia, approval)
    expired = await board.shown(approval, board.max.caller)

    assert _problem(late) == (409, "approval-expired")
    assert (expired["state"], expired["since"], expired["why_not"]) == ("expired", at(hours=8), "expired")
    assert await board.told(approval) == [
        (1, "approval.asked", "pending"),
        (2, "approval.settled", "expired"),
    ]
    assert (await board.promise(approval))["outcome"] == "broken"
    assert (await board.request_of(approval))["arrangement"]["state"] == "held_up"

    anew = await board.max.caller.post(f"/v1/approvals/{approval['id']}/ask-anew", headers=factories.key())
    assert (anew.json()["state"], anew.json()["deadline_at"]) == ("pending", at(hours=16, microseconds=1))
    assert (await board.promise(approval))["outcome"] == "broken"
    assert (await _answered(board.mia, approval))["state"] == "granted"
    assert (await board.promise(await board.shown(approval)))["outcome"] == "kept"
    assert await board.ledger(approval) == ["asked", "expired", "asked", "answered"]


async def test_only_leads_ask_anew_and_only_what_has_expired(board: Desk) -> None:
    approval = await board.asked()
    path = f"/v1/approvals/{approval['id']}/ask-anew"

    too_early = await board.mia.caller.post(path, headers=factories.key())
    by_an_agent = await board.ann.caller.post(path, headers=factories.key())

    assert _problem(too_early) == (409, "approval-not-expired")
    assert by_an_agent.status_code == 403


async def test_two_persons_are_two_and_one_who_approved_may_still_refuse(bare: Desk) -> None:
    await _publish(bare.staff, _policy(needed=2))
    first, second = await bare.asked(), await bare.asked()

    one = await _answered(bare.mia, first)
    assert (one["state"], one["persons_missing"], one["why_not"]) == ("pending", 1, "answered")
    assert (await _answered(bare.mia, first))["persons_missing"] == 1
    assert (await _answered(bare.max, first))["state"] == "granted"
    await _answered(bare.mia, second)
    assert (await _answered(bare.mia, second, approve=False, reason="I read it again."))["state"] == "refused"


async def test_all_means_that_each_seat_is_taken(bare: Desk) -> None:
    group = await desk.created(bare.staff, "/v1/groups", {"name": "Change board"})
    member = f"/v1/groups/{group['id']}/members/{bare.max.id}"
    assert (await bare.staff.put(member, headers={"If-Match": "*"})).status_code == 200
    await _publish(bare.staff, _policy(needed="all", groups=["Change board"]))
    approval = await bare.asked()

    half = await _answered(bare.mia, approval)
    whole = await _answered(bare.max, approval)

    assert half["seats_open"] == {"roles": [], "groups": ["Change board"]}
    assert (half["state"], whole["state"]) == ("pending", "granted")


async def test_what_too_few_members_could_grant_says_so(bare: Desk) -> None:
    await _publish(bare.staff, _policy(needed=2))

    by_ann, by_mia = await bare.asked(), await bare.asked(bare.mia.caller)

    assert (by_ann["cannot_be_met"], by_mia["cannot_be_met"]) == (False, True)
    async with tenant_transaction(bare.sessions, bare.tenant.id) as session:
        query = select(EventRow).where(EventRow.subject_id == UUID(by_mia["id"]))
        (asked,) = await session.db.scalars(query)
    assert asked.payload["cannot_be_met"] is True


async def test_a_member_finds_what_waits_for_it(board: Desk) -> None:
    mine, own = await board.asked(), await board.asked(board.mia.caller)

    async def waiting(member: Member) -> list[str]:
        listed = await member.caller.get("/v1/approvals", params={"mine": True})
        return [each["id"] for each in listed.json()["items"]]

    assert await waiting(board.mia) == [mine["id"]]
    assert await waiting(board.max) == [mine["id"], own["id"]]
    assert await waiting(board.ann) == []
    await _answered(board.mia, mine)
    assert await waiting(board.max) == [own["id"]]
    await desk.pass_time(board.staff, hours=9)
    assert await waiting(board.max) == []
    expired = await board.staff.get("/v1/approvals", params={"state": "expired"})
    assert [each["id"] for each in expired.json()["items"]] == [own["id"]]


async def test_what_was_edited_is_asked_anew(board: Desk) -> None:
    request = await board.submitted(facts={"priority": "P1", "custom": {"site": "harbour"}})
    approval = await board.approval_of(request)
    await _answered(board.mia, approval)

    await desk.pass_time(board.staff, hours=1)
    await desk.report(
        board.ann.caller,
        request,
        type="changed",
        occurred_at=at(hours=1),
        facts={"priority": "P1", "custom": {"site": "inland"}},
    )

    shown = await board.shown(approval)
    assert (shown["state"], shown["answers"], shown["deadline_at"]) == ("pending", [], at(hours=9))
    assert [each["kind"] for each in shown["history"]] == ["asked", "answered", "asked"]


async def test_what_is_not_wanted_any_more_takes_no_answer(board: Desk) -> None:
    request = await board.submitted()
    approval = await board.approval_of(request)

    await desk.report(board.ann.caller, request, type="changed", state="cancelled", occurred_at=at())

    assert _problem(await _answer(board.mia, approval)) == (409, "approval-withdrawn")
    assert (await board.promise(approval))["cancelled_at"] == at()


async def test_to_a_client_there_are_no_approvals(board: Desk, sign_in: SignIn) -> None:
    client_id = await factories.client_of(board.sessions, board.tenant)
    client = await sign_in(client_id=client_id)
    request = await desk.submitted(client, type="change")
    approval = await board.approval_of(request)

    for path in ("", f"/{approval['id']}", f"/{ids.new_id()}"):
        refused = await client.get(f"/v1/approvals{path}")
        assert _problem(refused) == (403, "insufficient-scope")
    async with tenant_transaction(board.sessions, board.tenant.id, client_id=client_id) as session:
        sought = approvals.Sought(now=NOON)
        assert await approvals.list_approvals(session, sought, after=None, limit=9) == []
        with pytest.raises(ApprovalNotFound):
            await approvals.get(session, GateId(UUID(approval["id"])))


async def test_what_a_clients_application_submits_is_told_by_whoever_sees_the_members(
    board: Desk, sign_in: SignIn
) -> None:
    client = await sign_in(client_id=await factories.client_of(board.sessions, board.tenant))
    approval = await board.approval_of(await desk.submitted(client, type="change"))
    assert await board.told(approval) == []

    await desk.pass_time(board.staff, seconds=1)

    assert await board.told(approval) == [(1, "approval.asked", "pending")]
    assert (await _answered(board.mia, approval))["state"] == "granted"


def _absence(deputy: Member, **more: Any) -> dict[str, Any]:
    return {"deputy_id": str(deputy.id), "from_at": at(), "until_at": at(hours=24)} | more


async def _away(member: Member, deputy: Member, **more: Any) -> dict[str, Any]:
    return await desk.created(member.caller, "/v1/delegations", _absence(deputy, **more))


async def test_a_deputy_answers_for_who_is_away(board: Desk) -> None:
    approval = await board.asked(board.staff)
    await _away(board.mia, board.ann, reason="On holiday.")

    open_to = await board.ann.caller.get("/v1/approvals", params={"mine": True})
    granted = await _answered(board.ann, approval)

    assert [each["id"] for each in open_to.json()["items"]] == [approval["id"]]
    (said,) = granted["answers"]
    assert (said["by"]["id"], said["on_behalf_of"]["id"]) == (str(board.ann.id), str(board.mia.id))
    assert granted["state"] == "granted"


async def test_nobody_answers_for_the_requester(board: Desk) -> None:
    own = await board.asked(board.mia.caller)
    await _away(board.mia, board.ann)

    assert _problem(await _answer(board.ann, own)) == (403, "approval-of-own-request")
    assert (await board.ann.caller.get("/v1/approvals", params={"mine": True})).json()["items"] == []


async def test_a_deputy_does_not_pass_on_what_was_passed_to_it(
    board: Desk, sessions: Sessions, sign_in_as: SignIn
) -> None:
    approval = await board.asked(board.staff)
    third = await _member(sign_in_as, sessions, board.tenant, Role.AGENT)
    await _away(board.mia, board.ann)
    await _away(board.ann, third)

    assert _problem(await _answer(third, approval)) == (403, "approval-not-asked")


async def test_one_person_in_two_capacities_is_one(bare: Desk) -> None:
    await _publish(bare.staff, _policy(needed=2))
    approval = await bare.asked()
    await _away(bare.mia, bare.max)

    for_itself = await _answered(bare.max, approval)
    for_mia = await _answered(bare.max, approval, on_behalf_of=str(bare.mia.id))

    assert [len(each["answers"]) for each in (for_itself, for_mia)] == [1, 2]
    assert (for_mia["state"], for_mia["persons_missing"]) == ("pending", 1)


async def test_a_delegation_counts_in_its_time_and_for_what_it_names(board: Desk) -> None:
    approval = await board.asked(board.staff)
    await _away(board.mia, board.ann, roles=["auditor"])
    await _away(board.max, board.ann, from_at=at(hours=1), until_at=at(hours=2))

    assert _problem(await _answer(board.ann, approval)) == (403, "approval-not-asked")
    await desk.pass_time(board.staff, hours=2)
    assert _problem(await _answer(board.ann, approval)) == (403, "approval-not-asked")


async def test_a_delegation_is_taken_back_by_who_gave_it(board: Desk) -> None:
    approval = await board.asked(board.staff)
    given = await _away(board.mia, board.ann)
    path = f"/v1/delegations/{given['id']}"
    tag = (await board.mia.caller.get(path)).headers["ETag"]

    by_the_deputy = await board.ann.caller.delete(path, headers={"If-Match": tag})
    ended = await board.mia.caller.delete(path, headers={"If-Match": tag})
    again = await board.mia.caller.delete(path, headers={"If-Match": "*"})

    assert _problem(by_the_deputy) == (403, "delegation-of-another")
    assert ended.status_code == 204
    assert _problem(again) == (409, "delegation-ended")
    assert (await board.mia.caller.get(path)).json()["state"] == "ended"
    assert _problem(await _answer(board.ann, approval)) == (403, "approval-not-asked")


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"until_at": at()}, "/until_at"),
        ({"from_at": at(hours=-3), "until_at": at(hours=-1)}, "/until_at"),
        ({"until_at": at(days=400)}, "/until_at"),
        ({"deputy_id": "itself"}, "/deputy_id"),
        ({"deputy_id": "nobody"}, "/deputy_id"),
        ({"groups": ["No such group"]}, "/groups/0"),
    ],
)
async def test_a_delegation_that_makes_no_sense_is_refused(
    board: Desk, more: dict[str, Any], pointer: str
) -> None:
    named = {"itself": str(board.mia.id), "nobody": str(ids.new_id())}
    body = _absence(board.ann) | {key: named.get(str(value), value) for key, value in more.items()}

    refused = await board.mia.caller.post("/v1/delegations", json=body, headers=factories.key())

    assert _problem(refused) == (422, "delegation-invalid")
    assert pointer in [each["pointer"] for each in refused.json()["errors"]]


async def test_of_one_seat_two_members_are_not_deputies_at_once(board: Desk) -> None:
    await _away(board.mia, board.ann)

    refused = await board.mia.caller.post(
        "/v1/delegations", json=_absence(board.max, from_at=at(hours=23)), headers=factories.key()
    )

    assert _problem(refused) == (422, "delegation-invalid")
    await _away(board.mia, board.max, from_at=at(hours=24), until_at=at(hours=48))


async def test_leads_delegate_for_others_and_others_do_not(board: Desk) -> None:
    for_mia = _absence(board.ann, member_id=str(board.mia.id))

    by_ann = await board.ann.caller.post("/v1/delegations", json=for_mia, headers=factories.key())
    given = await desk.created(board.max.caller, "/v1/delegations", for_mia)

    assert _problem(by_ann) == (403, "delegation-of-another")
    assert given["given_by"] == f"member:{board.max.id}"


async def test_a_member_sees_the_delegations_that_concern_it(
    board: Desk, sessions: Sessions, sign_in_as: SignIn
) -> None:
    outsider = await _member(sign_in_as, sessions, board.tenant, Role.AGENT)
    given = await _away(board.mia, board.ann)

    seen = {
        member.id: [each["id"] for each in (await member.caller.get("/v1/delegations")).json()["items"]]
        for member in (board.ann, board.max, outsider)
    }

    assert seen == {board.ann.id: [given["id"]], board.max.id: [given["id"]], outsider.id: []}
    assert (await outsider.caller.get(f"/v1/delegations/{given['id']}")).status_code == 404


async def test_what_a_member_delegated_ends_when_it_is_deactivated(
    board: Desk, sessions: Sessions, sign_in_as: SignIn
) -> None:
    approval = await board.asked(board.staff)
    given = await _away(board.mia, board.ann)
    admin = await _member(sign_in_as, sessions, board.tenant, Role.ADMIN)
    path = f"/v1/members/{board.mia.id}"

    gone = await admin.caller.post(f"{path}/deactivate", headers={"If-Match": "*"})
    back = await admin.caller.post(f"{path}/reactivate", headers={"If-Match": "*"})

    assert (gone.status_code, back.status_code) == (200, 200)
    assert (await board.max.caller.get(f"/v1/delegations/{given['id']}")).json()["state"] == "ended"
    assert _problem(await _answer(board.ann, approval)) == (403, "approval-not-asked")


async def test_a_ladder_tells_of_the_deadline_before_it_comes(bare: Desk, sign_in: SignIn) -> None:
    await desk.created(
        bare.staff,
        "/v1/ladders",
        {
            "name": "approvers",
            "definition": {
                "steps": [
                    {
                        "name": "soon",
                        "at": {"anchor": "due", "after_seconds": -2 * HOURS},
                        "tell": [{"role": "manager"}],
                    }
                ]
            },
        },
    )
    await _publish(bare.staff, _policy(ladder="approvers"))
    client = await sign_in(client_id=await factories.client_of(bare.sessions, bare.tenant))
    await bare.submitted()
    await desk.submitted(client, type="change")

    await desk.pass_time(bare.staff, hours=6, seconds=-1)
    before = (await bare.mia.caller.get("/v1/notices", params={"mine": True})).json()["items"]
    await desk.pass_time(bare.staff, hours=6, seconds=1)
    after = (await bare.mia.caller.get("/v1/notices", params={"mine": True})).json()["items"]

    assert (len(before), len(after)) == (0, 2)
    assert {notice["planned_at"] for notice in after} == {at(hours=6)}


async def test_that_it_is_asked_is_told_before_what_is_answered_at_once(board: Desk, sign_in: SignIn) -> None:
    client = await sign_in(client_id=await factories.client_of(board.sessions, board.tenant))
    approval = await board.approval_of(await desk.submitted(client, type="change"))

    await _answered(board.mia, approval)

    assert [kind for _, kind, _ in await board.told(approval)] == [
        "approval.asked",
        "approval.answered",
        "approval.settled",
    ]
