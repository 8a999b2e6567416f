"""Reviews of work that was done, over HTTP: owed, recorded, withdrawn, and what rules read of them."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy import select

from service import ids
from service.db import Sessions, tenant_transaction
from service.outbox.models import EventRow
from service.people.domain import Role
from service.tenants.domain import Tenant
from tests import factories
from tests.api import desk
from tests.api.desk import at
from tests.conftest import SignIn
from tests.factories import NOON

PATH = "/v1/reviews"
GOOD = {"result": "successful", "objectives_met": True}
BAD = {"result": "failed", "objectives_met": False, "deviations": "The index was lost."}
WITHIN = {"within": {"unit": "elapsed_time", "seconds": 86_400}}
REVIEWED: dict[str, Any] = {
    "rules": [
        {
            "id": "change",
            "when": "request.type == 'change'",
            "because": "What came of a change is looked at.",
            "then": {"verdict": "accept", "review": WITHIN},
        }
    ]
}
CAREFUL: dict[str, Any] = {
    "rules": [
        {
            "id": "careful",
            "when": "has(change.success_rate) && change.success_rate < 0.55",
            "because": "Most changes failed.",
            "then": {"promises": [{"metric": "call", "target": {"unit": "elapsed_time", "seconds": 60}}]},
        },
        {
            "id": "usual",
            "when": "!has(change.success_rate) || change.success_rate >= 0.55",
            "because": "It is as usual.",
            "then": {"promises": [{"metric": "resolve", "target": {"unit": "elapsed_time", "seconds": 60}}]},
        },
    ]
}


@pytest.fixture
async def tenant(sessions: Sessions) -> Tenant:
    """A sandbox, whose clock stands at noon."""
    return await factories.tenant(sessions, sandbox_at=NOON)


@dataclass(frozen=True, slots=True)
class Bench:
    """Where changes are made and looked at afterwards."""

    caller: AsyncClient
    sessions: Sessions
    tenant: Tenant

    async def done(self, **overrides: Any) -> dict[str, Any]:
        """A change that was made."""
        request = await desk.submitted(self.caller, **({"type": "change"} | overrides))
        await desk.report(self.caller, request, type="changed", state="resolved")
        return request

    async def started(self, request: dict[str, Any], **overrides: Any) -> dict[str, Any]:
        return await desk.created(self.caller, PATH, {"request_id": request["id"]} | overrides)

    async def conclude(
        self, review: dict[str, Any], body: dict[str, Any] = GOOD, *, by: AsyncClient | None = None
    ) -> Response:
        path = f"{PATH}/{review['id']}/result"
        return await (by or self.caller).post(path, json=body, headers=factories.key())

    async def listed(self, **query: str) -> list[dict[str, Any]]:
        return (await self.caller.get(PATH, params=query)).json()["items"]

    async def promise(self, review: dict[str, Any]) -> dict[str, Any]:
        return (await self.caller.get(f"/v1/commitments/{review['commitment_id']}")).json()

    async def told(self, about: str) -> list[EventRow]:
        async with tenant_transaction(self.sessions, self.tenant.id) as session:
            query = select(EventRow).where(EventRow.subject_id == UUID(about)).order_by(EventRow.sequence)
            return list(await session.db.scalars(query))


@pytest.fixture
async def bench(caller: AsyncClient, sessions: Sessions, tenant: Tenant) -> Bench:
    return Bench(caller, sessions, tenant)


async def _verdicts(caller: AsyncClient) -> None:
    body = {"name": "reviews", "kind": "rationalization", "document": REVIEWED}
    policy = await desk.created(caller, "/v1/policies", body)
    published = await caller.post(f"/v1/policies/{policy['id']}/publish", headers=factories.key())
    assert published.status_code == 200, published.text


async def test_a_review_that_is_owed_is_a_promise_which_its_result_keeps(bench: Bench) -> None:
    review = await bench.started(await bench.done(), **WITHIN)
    owed = await bench.promise(review)
    await desk.pass_time(bench.caller, hours=1)

    concluded = await bench.conclude(review)
    kept = await bench.promise(review)
    shown = (await bench.caller.get(f"{PATH}/{review['id']}")).json()

    assert (owed["metric"], owed["level"], owed["due_at"]) == ("review", "ola", at(days=1))
    assert (concluded.status_code, concluded.json()["state"]) == (200, "done")
    assert (kept["outcome"], kept["fulfilled_at"]) == ("kept", at(hours=1))
    assert (shown["result"]["result"], shown["result"]["reviewed_at"]) == ("successful", at(hours=1))
    told = await bench.told(review["id"])
    assert [each.type for each in told] == ["review.owed", "review.done"]
    assert {(each.payload["source"], each.payload["request_id"]) for each in told} == {
        ("desk", review["request_id"])
    }


async def test_a_verdict_asks_for_a_review_of_what_is_done_and_again_of_what_was_reopened(
    bench: Bench,
) -> None:
    await _verdicts(bench.caller)
    request = await bench.done()
    (first,) = await bench.listed()
    await desk.report(bench.caller, request, type="changed", state="closed")
    still = await bench.listed()
    await desk.report(bench.caller, request, type="changed", state="open")
    (withdrawn,) = await bench.listed()
    promise = await bench.promise(withdrawn)
    await desk.report(bench.caller, request, type="changed", state="resolved")
    again, before = await bench.listed()

    assert (first["state"], first["arrangement_id"] is not None) == ("owed", True)
    assert [each["id"] for each in still] == [first["id"]]
    assert (withdrawn["id"], withdrawn["state"]) == (first["id"], "withdrawn")
    assert promise["clock"] == "stopped"
    assert (again["state"], before["id"]) == ("owed", first["id"])
    assert [each.type for each in await bench.told(first["id"])] == ["review.owed", "review.withdrawn"]


async def test_what_was_done_is_reviewed_also_where_its_request_is_cancelled_then(bench: Bench) -> None:
    await _verdicts(bench.caller)
    request = await bench.done()

    await desk.report(bench.caller, request, type="changed", state="cancelled")

    (review,) = await bench.listed()
    promise = await bench.promise(review)
    assert (review["state"], promise["outcome"], promise["clock"]) == ("owed", "pending", "running")
    assert (await bench.conclude(review)).status_code == 200
    assert (await bench.promise(review))["outcome"] == "kept"


async def test_what_was_cancelled_before_anything_was_done_is_not_reviewed(bench: Bench) -> None:
    await _verdicts(bench.caller)
    request = await desk.submitted(bench.caller, type="change")

    await desk.report(bench.caller, request, type="changed", state="cancelled")
    await desk.report(bench.caller, request, type="changed", state="open")
    await desk.report(bench.caller, request, type="changed", state="cancelled")

    assert await bench.listed() == []


async def test_what_was_done_reopened_and_given_up_is_reviewed_after_all(bench: Bench) -> None:
    await _verdicts(bench.caller)
    request = await bench.done()
    (first,) = await bench.listed()
    await desk.report(bench.caller, request, type="changed", state="open")
    await desk.pass_time(bench.caller, hours=1)

    await desk.report(bench.caller, request, type="changed", state="cancelled")
    again, before = await bench.listed()
    promise = await bench.promise(again)
    await desk.report(bench.caller, request, type="changed", state="open")
    reopened = [each["state"] for each in await bench.listed()]

    assert (before["id"], before["state"]) == (first["id"], "withdrawn")
    assert (again["state"], again["arrangement_id"]) == ("owed", first["arrangement_id"])
    assert (promise["due_at"], promise["clock"]) == (at(days=1, hours=1), "running")
    assert reopened == ["withdrawn", "withdrawn"]


async def test_what_goes_on_after_it_was_cancelled_is_reviewed_once_it_is_done_again(bench: Bench) -> None:
    await _verdicts(bench.caller)
    request = await bench.done()
    await desk.report(bench.caller, request, type="changed", state="cancelled")

    await desk.report(bench.caller, request, type="changed", state="open")
    going_on = [each["state"] for each in await bench.listed()]
    await desk.report(bench.caller, request, type="changed", state="resolved")

    assert going_on == ["withdrawn"]
    assert [each["state"] for each in await bench.listed()] == ["owed", "withdrawn"]


async def test_what_was_reviewed_before_it_went_on_is_not_reviewed_again_when_it_is_given_up(
    bench: Bench,
) -> None:
    await _verdicts(bench.caller)
    request = await bench.done()
    (review,) = await bench.listed()
    assert (await bench.conclude(review, BAD)).status_code == 200

    await desk.report(bench.caller, request, type="changed", state="open")
    await desk.report(bench.caller, request, type="changed", state="cancelled")

    assert [each["state"] for each in await bench.listed()] == ["done"]


async def test_a_cancelled_change_that_was_never_made_counts_for_nothing(bench: Bench) -> None:
    await desk.set_up(bench.caller, CAREFUL)
    never = {"result": "not_implemented", "objectives_met": False, "deviations": "It was closed by mistake."}
    for body in (GOOD, GOOD, GOOD, BAD, BAD):
        await bench.conclude(await bench.started(await bench.done()), body)
    request = await bench.done()
    review = await bench.started(request)
    refused = await bench.conclude(review, never)
    await desk.report(bench.caller, request, type="changed", state="cancelled")

    concluded = await bench.conclude(review, never)

    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/result")
    assert (concluded.status_code, concluded.json()["result"]["result"]) == (200, "not_implemented")
    assert (await desk.submitted(bench.caller, type="change"))["rule_id"] == "usual"
    again = await bench.done()
    await bench.conclude(await bench.started(again), BAD)
    assert (await desk.submitted(bench.caller, type="change"))["rule_id"] == "careful"


async def test_a_review_that_a_person_asked_for_is_withdrawn_when_its_request_goes_on(
    bench: Bench, sign_in: SignIn
) -> None:
    theirs = await sign_in(client_id=await factories.client_of(bench.sessions, bench.tenant))
    request = await desk.submitted(theirs, type="change")
    await desk.report(theirs, request, type="changed", state="resolved")
    review = await bench.started(request, **WITHIN)

    await desk.report(theirs, request, type="changed", state="open")

    (withdrawn,) = await bench.listed()
    assert (withdrawn["id"], withdrawn["state"]) == (review["id"], "withdrawn")
    assert (await bench.promise(review))["clock"] == "stopped"
    await desk.report(theirs, request, type="changed", state="resolved")
    assert [each["state"] for each in await bench.listed()] == ["withdrawn"], "nobody asked for another"


async def test_a_client_that_closes_its_request_owes_nothing_and_is_told_nothing(
    bench: Bench, sign_in: SignIn
) -> None:
    await _verdicts(bench.caller)
    theirs = await sign_in(client_id=await factories.client_of(bench.sessions, bench.tenant))
    request = await desk.submitted(theirs, type="change")
    await desk.report(theirs, request, type="changed", state="resolved")

    (review,) = await bench.listed()
    promises = (await theirs.get("/v1/commitments", params={"request_id": request["id"]})).json()["items"]

    assert (review["state"], review["request_id"]) == ("owed", request["id"])
    assert review["commitment_id"] not in [each["id"] for each in promises]
    assert (await theirs.get(f"/v1/commitments/{review['commitment_id']}")).status_code == 404
    assert (await theirs.get(PATH)).status_code == 403
    assert [each.type for each in await bench.told(review["id"])] == ["review.owed"]


async def test_only_what_was_done_is_reviewed_and_once_at_a_time(bench: Bench) -> None:
    request = await desk.submitted(bench.caller, type="change")
    body = {"request_id": request["id"]}

    early = await bench.caller.post(PATH, json=body, headers=factories.key())
    await desk.report(bench.caller, request, type="changed", state="resolved")
    review = await bench.started(request)
    twice = await bench.caller.post(PATH, json=body, headers=factories.key())
    await desk.report(bench.caller, request, type="changed", state="open")
    going_on = await bench.conclude(review)
    unknown = await bench.caller.post(PATH, json={"request_id": str(ids.new_id())}, headers=factories.key())

    assert (early.status_code, early.json()["type"]) == (409, "/problems/request-not-done")
    assert (twice.status_code, twice.json()["type"]) == (409, "/problems/review-owed")
    assert (going_on.status_code, going_on.json()["type"]) == (409, "/problems/request-not-done")
    assert unknown.status_code == 404
    assert review["commitment_id"] is None


@pytest.mark.parametrize("assigned", ["id", "email", "name"])
async def test_nobody_reviews_their_own_work(
    bench: Bench, sign_in_as: SignIn, sessions: Sessions, assigned: str
) -> None:
    member_id = await factories.member(sessions, bench.tenant, Role.AGENT)
    themself, other = await sign_in_as(member_id=member_id), await sign_in_as(Role.AGENT)
    renamed = {"name": "Grace Harbour", "roles": ["agent"]}
    path, headers = f"/v1/members/{member_id}", {"If-Match": "*"}
    member = (await bench.caller.put(path, json=renamed, headers=headers)).json()
    review = await bench.started(await bench.done(facts={"assignee": member[assigned].upper()}))

    own = await bench.conclude(review, by=themself)
    nobody = await bench.conclude(review)
    for_them = await bench.conclude(review, GOOD | {"by": member["email"]})
    by_other = await bench.conclude(review, by=other)

    assert (own.status_code, own.json()["type"]) == (403, "/problems/review-of-own-work")
    assert (nobody.status_code, nobody.json()["errors"][0]["pointer"]) == (422, "/by")
    assert for_them.status_code == 403
    assert by_other.status_code == 200


async def test_handing_work_on_that_was_done_does_not_make_it_anothers(
    bench: Bench, sign_in_as: SignIn, sessions: Sessions
) -> None:
    did_it, has_it = [await factories.member(sessions, bench.tenant, Role.AGENT) for _ in range(2)]
    request = await bench.done(facts={"assignee": str(did_it)})
    handed_on = await sign_in_as(member_id=did_it)
    await desk.report(handed_on, request, type="changed", facts={"assignee": str(has_it)})
    review = await bench.started(request)

    own = await bench.conclude(review, by=handed_on)
    for_them = await bench.conclude(review, GOOD | {"by": str(did_it)})
    by_who_has_it = await bench.conclude(review, by=await sign_in_as(member_id=has_it))
    by_other = await bench.conclude(review, by=await sign_in_as(Role.AGENT))

    refused = [(each.status_code, each.json()["type"]) for each in (own, for_them, by_who_has_it)]
    assert refused == [(403, "/problems/review-of-own-work")] * 3
    assert by_other.status_code == 200


async def test_a_result_stays_and_a_later_review_takes_its_place(bench: Bench) -> None:
    request = await bench.done()
    review = await bench.started(request)
    await bench.conclude(review)

    twice = await bench.conclude(review, BAD)
    later = await bench.started(request)
    await bench.conclude(later, BAD)

    assert (twice.status_code, twice.json()["type"]) == (409, "/problems/review-over")
    assert [each["id"] for each in await bench.listed(result="failed")] == [later["id"]]
    assert [each["id"] for each in await bench.listed(state="done")] == [later["id"], review["id"]]


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        (GOOD | {"deviations": "One step took longer."}, ["/deviations"]),
        (GOOD | {"objectives_met": False}, ["/objectives_met"]),
        ({"result": "failed", "objectives_met": False}, ["/deviations"]),
        (BAD | {"accident_id": "00000000-0000-7000-8000-000000000000"}, ["/accident_id"]),
        (GOOD | {"by": "nobody@example.org"}, ["/by"]),
    ],
)
async def test_a_result_that_contradicts_itself_is_refused_with_its_place(
    bench: Bench, body: dict[str, Any], pointers: list[str]
) -> None:
    review = await bench.started(await bench.done())

    refused = await bench.conclude(review, body)

    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == pointers
    assert (await bench.caller.get("/v1/improvements")).json()["items"] == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"calendar": "office"}, "/within"),
        (WITHIN | {"calendar": "office"}, "/calendar"),
        ({"within": {"unit": "business_days", "days": 1}}, "/calendar"),
        ({"within": {"unit": "business_days", "days": 1}, "calendar": "moon"}, "/calendar"),
        (WITHIN | {"ladder": "reviews"}, "/ladder"),
    ],
)
async def test_a_deadline_that_cannot_be_counted_is_refused_with_its_place(
    bench: Bench, body: dict[str, Any], pointer: str
) -> None:
    request = await bench.done()

    refused = await bench.caller.post(
        PATH, json={"request_id": request["id"]} | body, headers=factories.key()
    )

    assert refused.status_code == 422, refused.text
    assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]


async def test_a_failed_change_opens_an_improvement_and_names_its_accident(bench: Bench) -> None:
    await desk.created(bench.caller, "/v1/services", {"name": "Mail"})
    effects = [{"affects": "integrity", "amount": 300, "measure": "records"}]
    accident = await desk.created(
        bench.caller,
        "/v1/accidents",
        {"title": "x", "what_happened": "y", "service": "Mail", "began_at": at(), "effects": effects},
    )
    review = await bench.started(await bench.done())

    concluded = (
        await bench.conclude(review, BAD | {"accident_id": accident["id"], "improvement": "Copies first"})
    ).json()
    (item,) = (await bench.caller.get("/v1/improvements")).json()["items"]

    assert concluded["result"]["accident_id"] == accident["id"]
    assert concluded["result"]["improvement_id"] == item["id"]
    assert (item["title"], item["source"], item["came_from"]) == ("Copies first", "review", review["id"])
    assert item["evidence"][0]["what"] == BAD["deviations"]


async def test_rules_read_the_share_of_changes_that_were_successful(bench: Bench) -> None:
    await desk.set_up(bench.caller, CAREFUL)
    found: list[str] = []
    for body in (GOOD, BAD, BAD, BAD, GOOD):
        change = await bench.done()
        await bench.conclude(await bench.started(change), body)
        found.append((await desk.submitted(bench.caller, type="change"))["rule_id"])
    reopened = await bench.listed(result="failed")
    await bench.conclude(await bench.started({"id": reopened[0]["request_id"]}), GOOD)
    found.append((await desk.submitted(bench.caller, type="change"))["rule_id"])

    assert found == ["usual"] * 4 + ["careful", "usual"]


async def test_another_tenants_review_is_not_there(bench: Bench, sessions: Sessions, sign_in: SignIn) -> None:
    theirs = await sign_in(of=await factories.tenant(sessions, sandbox_at=NOON))
    review = await bench.started(await bench.done())

    refused = await bench.conclude(review, by=theirs)
    unknown = await bench.conclude({"id": str(ids.new_id())}, by=theirs)

    assert (await theirs.get(f"{PATH}/{review['id']}")).status_code == 404
    assert (refused.status_code, unknown.status_code) == (404, 404)


async def test_who_reviewed_what_is_in_the_audit_trail(bench: Bench) -> None:
    review = await bench.started(await bench.done())
    await bench.conclude(review, BAD)

    query = {"subject": f"review:{review['id']}"}
    records = (await bench.caller.get("/v1/audit-records", params=query)).json()["items"]

    assert [each["action"] for each in records] == ["review.done", "review.owed"]
    assert records[0]["changes"]["result"] == {"after": "failed"}
