"""Types of request over HTTP: written, approved, published; what requests of them are held to."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy import select

from service.db import Sessions, tenant_transaction
from service.outbox.models import EventRow
from service.people.domain import Role
from service.rationalization.catalogue import service
from service.tenants.domain import Approval, Tenant
from tests import factories
from tests.api import desk, kinds
from tests.conftest import SignIn
from tests.integration import sent

ROOT = "/v1/request-types"
LAPTOP: dict[str, Any] = {
    "title": "New laptop",
    "fields": {
        "type": "object",
        "properties": {
            "site": {"type": "string", "enum": ["harbour", "airport"], "title": "Site"},
            "screens": {"type": "integer", "minimum": 0, "maximum": 3},
            "needed_on": {"type": "string", "format": "date"},
            "assets": {"type": "array", "items": {"type": "string", "pattern": "^LT-[0-9]+$"}, "maxItems": 2},
        },
        "required": ["site"],
        "additionalProperties": False,
    },
    "steps": [
        {
            "name": "prepare",
            "title": "Prepare it",
            "role": "agent",
            "items": [
                {"name": "wiped", "title": "Disk wiped"},
                {"name": "desk", "title": "Desk clear", "kind": "5s", "part": "sort", "obligatory": False},
            ],
        }
    ],
}


ASKED: dict[str, Any] = {"site": "harbour", "screens": 2, "assets": ["LT-1"], "needed_on": "2026-02-01"}


Told = Callable[[str], Awaitable[list[EventRow]]]


@pytest.fixture
def told_of(sessions: Sessions, tenant: Tenant) -> Told:
    """What was told of a subject; the feed itself shows only what is committed."""

    async def told_of(about: str) -> list[EventRow]:
        async with tenant_transaction(sessions, tenant.id) as session:
            row = EventRow
            query = select(row).where(row.tenant_id == tenant.id, row.subject_id == UUID(about))
            return list(await session.db.scalars(query.order_by(row.sequence)))

    return told_of


async def put_into_effect(caller: AsyncClient, name: str, document: dict[str, Any], **said: Any) -> Any:
    """A type that is offered; an application of a tenant that reviews elsewhere needs nobody else."""
    body = {"name": name, "family": "service_request", "document": document} | said
    made = await desk.created(caller, ROOT, body)
    answer = await step(caller, made, "publish")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def step(caller: AsyncClient, of: dict[str, Any], deed: str, **body: Any) -> Response:
    path = f"{ROOT}/{of['id']}"
    tag = (await caller.get(path)).headers["ETag"]
    return await caller.post(
        f"{path}/{deed}", json=body or None, headers={**factories.key(), "If-Match": tag}
    )


def _pointers(answer: Response) -> list[str]:
    return [each["pointer"] for each in answer.json()["errors"]]


async def _submit(caller: AsyncClient, name: str, custom: dict[str, Any], **said: Any) -> Response:
    body = {"source": "desk", "external_id": factories.key()["Idempotency-Key"], "type": name} | said
    return await caller.post(
        "/v1/requests", json={**body, "facts": {"custom": custom}}, headers=factories.key()
    )


async def test_a_request_of_a_type_is_taken_with_its_family_and_keeps_its_version(
    caller: AsyncClient,
) -> None:
    made = await put_into_effect(caller, "laptop", LAPTOP)

    answer = await _submit(caller, "laptop", {"site": "harbour", "screens": 2, "assets": ["LT-1"]})
    shown = (await caller.get(answer.headers["Location"])).json()

    assert answer.status_code == 201, answer.text
    assert (shown["type"], shown["type_name"]) == ("service_request", "laptop")
    assert shown["type_version_id"] == made["shown_version_id"]
    assert (shown["standard"], shown["incomplete"]) == (False, [])


@pytest.mark.parametrize(
    ("custom", "pointers"),
    [
        ({}, ["/site"]),
        (ASKED | {"site": "moon"}, ["/site"]),
        (ASKED | {"site": None}, ["/site"]),
        (ASKED | {"screens": 4}, ["/screens"]),
        (ASKED | {"screens": -1}, ["/screens"]),
        (ASKED | {"screens": "2"}, ["/screens"]),
        (ASKED | {"screens": 2.0}, ["/screens"]),
        (ASKED | {"screens": True}, ["/screens"]),
        (ASKED | {"screens": 10**18}, ["/screens"]),
        (ASKED | {"needed_on": "tomorrow"}, ["/needed_on"]),
        (ASKED | {"needed_on": "2026-02-30"}, ["/needed_on"]),
        (ASKED | {"assets": ["LT-1", "PC-2"]}, ["/assets/1"]),
        (ASKED | {"assets": ["LT-1", 2]}, ["/assets/1"]),
        (ASKED | {"assets": ["LT-1", "LT-2", "LT-3"]}, ["/assets"]),
        (ASKED | {"colour": "red"}, ["/colour"]),
        (ASKED | {"a/b~c": 1}, ["/a~1b~0c"]),
        ({"screens": 9, "colour": "red"}, ["/colour", "/screens", "/site"]),
    ],
)
async def test_what_a_type_does_not_ask_for_is_refused_all_of_it_at_once(
    caller: AsyncClient, custom: dict[str, Any], pointers: list[str]
) -> None:
    await put_into_effect(caller, "laptop", LAPTOP)

    answer = await _submit(caller, "laptop", custom)

    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/request-invalid")
    assert _pointers(answer) == [f"/facts/custom{pointer}" for pointer in pointers]
    assert all(fault["detail"].endswith(".") for fault in answer.json()["errors"])


async def test_a_name_that_nothing_is_offered_under_is_told_with_what_is_near_and_all_else(
    caller: AsyncClient,
) -> None:
    await put_into_effect(caller, "laptop", LAPTOP)
    await desk.created(caller, ROOT, {"name": "labtop", "family": "other", "document": LAPTOP})

    answer = await _submit(caller, "labtop", {}, occurred_at="2027-01-05T12:00:00Z")

    by_pointer = {fault["pointer"]: fault["detail"] for fault in answer.json()["errors"]}
    assert answer.status_code == 422
    assert by_pointer.keys() == {"/type", "/occurred_at"}
    assert "`laptop`" in by_pointer["/type"]


async def test_a_kind_of_request_is_held_to_the_type_that_is_called_as_it_is(caller: AsyncClient) -> None:
    before = await _submit(caller, "incident", {"anything": "goes"})
    await put_into_effect(caller, "incident", LAPTOP, family="incident")

    after = await _submit(caller, "incident", {"anything": "goes"})
    another = await _submit(caller, "change", {"anything": "goes"})

    assert (before.status_code, after.status_code, another.status_code) == (201, 422, 201)
    assert _pointers(after) == ["/facts/custom/anything", "/facts/custom/site"]


async def test_a_type_that_is_called_as_a_kind_of_request_is_of_that_kind(caller: AsyncClient) -> None:
    body = {"name": "incident", "family": "change", "document": LAPTOP}

    answer = await caller.post(ROOT, json=body, headers=factories.key())

    assert (answer.status_code, _pointers(answer)) == (422, ["/family"])


async def test_what_is_told_later_is_laid_over_what_was_said_before(caller: AsyncClient) -> None:
    await put_into_effect(caller, "laptop", LAPTOP)
    request = (await _submit(caller, "laptop", ASKED)).json()
    path = f"/v1/requests/{request['id']}/events"

    async def told(**custom: Any) -> Response:
        body = {"type": "changed", "facts": {"custom": custom}}
        return await caller.post(path, json=body, headers=factories.key())

    taken = await told(screens=3)
    removed = await told(site=None)
    wrong = await told(screens=4, colour="red")
    beside = await caller.post(
        path, json={"type": "changed", "facts": {"priority": "P1"}}, headers=factories.key()
    )
    shown = (await caller.get(f"/v1/requests/{request['id']}")).json()

    assert (taken.status_code, beside.status_code) == (201, 201)
    assert (removed.status_code, _pointers(removed)) == (422, ["/facts/custom/site"])
    assert removed.json()["type"] == "/problems/event-invalid"
    assert _pointers(wrong) == ["/facts/custom/colour", "/facts/custom/screens"]
    assert shown["facts"] == {"priority": "P1", "custom": ASKED | {"screens": 3}}


async def test_a_type_that_flags_takes_what_comes_and_says_what_it_lacks_until_it_is_there(
    caller: AsyncClient, told_of: Told
) -> None:
    await put_into_effect(caller, "laptop", LAPTOP | {"intake": "flag"})

    answer = await _submit(caller, "laptop", {"screens": 9})
    request_id = answer.json()["id"]
    report = {"type": "changed", "facts": {"custom": {"site": "harbour"}}}
    await caller.post(f"/v1/requests/{request_id}/events", json=report, headers=factories.key())
    between = (await caller.get(f"/v1/requests/{request_id}")).json()["incomplete"]
    report = {"type": "changed", "facts": {"custom": {"screens": 1}}}
    await caller.post(f"/v1/requests/{request_id}/events", json=report, headers=factories.key())
    after = (await caller.get(f"/v1/requests/{request_id}")).json()["incomplete"]

    pointers = [each["pointer"] for each in answer.json()["incomplete"]]
    assert (answer.status_code, pointers) == (201, ["/facts/custom/screens", "/facts/custom/site"])
    assert [each["pointer"] for each in between] == ["/facts/custom/screens"]
    assert after == []
    told = [event for event in await told_of(request_id) if "incomplete" in event.payload]
    assert [len(event.payload["incomplete"]) for event in told if event.type != "request.unmatched"] == [
        2,
        1,
        0,
    ]


async def test_a_running_request_stays_on_its_version(caller: AsyncClient) -> None:
    made = await put_into_effect(caller, "laptop", LAPTOP)
    request = (await _submit(caller, "laptop", ASKED)).json()
    stricter = {**LAPTOP, "fields": {**LAPTOP["fields"], "required": ["site", "needed_on", "screens"]}}
    answer = await caller.put(f"{ROOT}/{made['id']}", json={"document": stricter}, headers={"If-Match": "*"})
    assert (await step(caller, made, "publish")).status_code == 200, answer.text

    new = await _submit(caller, "laptop", {"site": "harbour"})
    report = {"type": "changed", "facts": {"custom": {"screens": None}}}
    old = await caller.post(f"/v1/requests/{request['id']}/events", json=report, headers=factories.key())

    assert (new.status_code, old.status_code) == (422, 201)
    shown = (await caller.get(f"/v1/requests/{request['id']}")).json()
    assert shown["type_version_id"] == made["shown_version_id"]


async def test_a_type_names_the_service_that_its_requests_are_for(caller: AsyncClient) -> None:
    unknown = await caller.post(
        ROOT,
        json={"name": "laptop", "family": "service_request", "document": LAPTOP | {"service": "Laptops"}},
        headers=factories.key(),
    )
    service = await desk.created(caller, "/v1/services", {"name": "Laptops"})
    await desk.created(caller, "/v1/services", {"name": "Desks"})
    await put_into_effect(caller, "laptop", LAPTOP | {"service": "Laptops"})

    usual = await _submit(caller, "laptop", ASKED)
    named = await _submit(caller, "laptop", ASKED, service="Desks")
    shown = [(await caller.get(each.headers["Location"])).json()["service_id"] for each in (usual, named)]

    assert (unknown.status_code, _pointers(unknown)) == (422, ["/document/service"])
    assert shown[0] == service["id"] != shown[1]


async def test_the_fields_are_facts_of_their_type_once_it_is_published(caller: AsyncClient) -> None:
    fields = {**LAPTOP["fields"]["properties"], "due": {"type": "string", "format": "date-time"}}
    document = {**LAPTOP, "fields": {**LAPTOP["fields"], "properties": fields}}
    await put_into_effect(caller, "laptop", document)

    listed = (await caller.get("/v1/facts", params={"limit": 200})).json()["items"]

    own = {fact["name"].rpartition(".")[2]: fact["type"] for fact in listed if fact["id"] is not None}
    assert own == {
        "site": "string",
        "screens": "int",
        "needed_on": "string",
        "assets": "list<string>",
        "due": "timestamp",
    }


async def test_a_field_that_is_another_fact_already_is_refused_when_it_is_published(
    caller: AsyncClient,
) -> None:
    fact = {"name": "request.custom.screens", "type": "string", "description": "How many."}
    await desk.created(caller, "/v1/facts", fact)
    made = await desk.created(
        caller, ROOT, {"name": "laptop", "family": "service_request", "document": LAPTOP}
    )

    answer = await step(caller, made, "publish")

    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/request-type-invalid")
    assert _pointers(answer) == ["/document/fields/properties/screens/type"]
    assert (await caller.get(f"{ROOT}/{made['id']}")).json()["stage"] == "draft"


async def test_rules_read_the_types_name_and_whether_it_is_standard(caller: AsyncClient) -> None:
    rules = [
        {
            "id": "standard",
            "when": "request.standard && request.type_name == 'disk'",
            "then": desk.DOCUMENT["rules"][1]["then"],
            "because": "It is approved beforehand.",
        },
        {
            "id": "others",
            "when": "!request.standard && request.type_name == request.type",
            "then": desk.DOCUMENT["rules"][1]["then"],
            "because": "It is of no type of the catalogue.",
        },
    ]
    await desk.set_up(caller, {"rules": rules})
    await put_into_effect(caller, "disk", {"title": "Extend a disk", "standard": True}, family="change")

    standard = await _submit(caller, "disk", {})
    usual = await _submit(caller, "change", {})

    assert (standard.json()["rule_id"], usual.json()["rule_id"]) == ("standard", "others")


async def test_submitting_costs_one_statement_more_whether_it_is_of_a_type_or_not(
    caller: AsyncClient,
) -> None:
    await desk.set_up(caller)
    await put_into_effect(caller, "laptop", LAPTOP)
    await _submit(caller, "service_request", ASKED)
    with sent.statements() as plain:
        await _submit(caller, "service_request", ASKED)
    with sent.statements() as typed:
        answer = await _submit(caller, "laptop", ASKED)

    assert answer.status_code == 201
    assert _of_catalogue(plain) == _of_catalogue(typed) == 1


def _of_catalogue(statements: list[str]) -> int:
    """How many of these read the catalogue."""
    return len([each for each in statements if "request_type" in each and "insert into" not in each])


class TestLife:
    """A version's way into effect, where members approve."""

    @pytest.fixture
    async def tenant(self, sessions: Sessions) -> Tenant:
        return await factories.tenant(sessions, approval=Approval.MEMBERS)

    async def test_one_member_writes_another_approves_and_every_step_is_recorded(
        self, caller: AsyncClient, sign_in_as: SignIn
    ) -> None:
        ada, bob = await sign_in_as(Role.MANAGER), await sign_in_as(Role.MANAGER)
        body = {"name": "laptop", "family": "service_request", "document": LAPTOP}
        made = await desk.created(ada, ROOT, body)

        early = await step(ada, made, "publish")
        await step(ada, made, "submit", note="Please look at the fields.")
        own = await step(ada, made, "approve", version=1)
        machine = await step(caller, made, "approve", version=1)
        returned = await step(bob, made, "return", version=1, note="Which site?")
        again = await step(ada, made, "submit")
        approved = await step(bob, made, "approve", version=1)
        published = await step(ada, made, "publish")
        retired = await step(ada, made, "retire", note="Laptops are bought elsewhere.")
        twice = await step(ada, made, "retire")
        gone = await _submit(caller, "laptop", ASKED)

        assert (early.status_code, early.json()["type"]) == (409, "/problems/request-type-step-out-of-turn")
        assert (own.status_code, own.json()["type"]) == (403, "/problems/request-type-approver-involved")
        assert (machine.status_code, machine.json()["type"]) == (
            403,
            "/problems/request-type-member-needed",
        )
        stages = [each.json()["stage"] for each in (returned, again, approved, published, retired)]
        assert stages == ["draft", "in_review", "approved", "published", "retired"]
        assert (twice.status_code, twice.json()["type"]) == (409, "/problems/request-type-not-offered")
        assert (gone.status_code, _pointers(gone)) == (422, ["/type"])
        shown = (await ada.get(f"{ROOT}/{made['id']}/versions/1")).json()
        steps = ["written", "submitted", "returned", "submitted", "approved", "published", "retired"]
        assert [each["step"] for each in shown["steps"]] == steps
        audited = (
            await caller.get("/v1/audit-records", params={"subject": f"request_type:{made['id']}"})
        ).json()["items"]
        assert sorted(each["action"] for each in audited) == sorted(f"request_type.{each}" for each in steps)

    async def test_an_application_publishes_nothing_that_no_member_approved(
        self, caller: AsyncClient
    ) -> None:
        body = {"name": "laptop", "family": "service_request", "document": LAPTOP}
        made = await desk.created(caller, ROOT, body)

        answer = await step(caller, made, "publish")

        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/request-type-step-out-of-turn")


async def test_a_new_version_replaces_the_one_before_and_the_difference_is_shown(caller: AsyncClient) -> None:
    made = await put_into_effect(caller, "laptop", LAPTOP)
    path = f"{ROOT}/{made['id']}"
    tag = (await caller.get(path)).headers["ETag"]
    longer: dict[str, Any] = {**LAPTOP, "title": "New laptop or tablet", "steps": []}
    revised = await caller.put(path, json={"document": longer}, headers={"If-Match": tag})
    stale = await caller.put(path, json={"document": longer}, headers={"If-Match": tag})
    between = (await caller.get(path)).json()
    compared = (await caller.get(f"{path}/differences")).json()
    await step(caller, made, "publish")
    versions = (await caller.get(f"{path}/versions")).json()["items"]

    assert (revised.status_code, stale.status_code) == (200, 412)
    assert (between["title"], between["stage"], between["published_version"]) == ("New laptop", "draft", 1)
    assert (compared["of"], compared["to"]) == (1, 2)
    assert [(each["change"], each["part"]) for each in compared["differences"]] == [
        ("removed", "/steps/0"),
        ("changed", "/title"),
    ]
    assert [(each["version"], each["stage"]) for each in versions] == [(2, "published"), (1, "retired")]
    assert versions[1]["document"] == LAPTOP


async def test_a_version_that_there_is_not_is_told_by_its_number(caller: AsyncClient) -> None:
    made = await put_into_effect(caller, "laptop", LAPTOP)

    unknown = await caller.get(f"{ROOT}/{made['id']}/versions/7")

    assert unknown.status_code == 404
    assert unknown.json()["detail"] == f"Request type {made['id']} does not exist, or has no version 7."


async def test_a_client_sees_what_is_offered_and_asks_for_it(
    caller: AsyncClient, sign_in: SignIn, sessions: Sessions, tenant: Tenant
) -> None:
    client_id = await factories.client_of(sessions, tenant)
    client = await sign_in(client_id=client_id)
    made = await put_into_effect(caller, "laptop", LAPTOP)
    draft = await desk.created(caller, ROOT, {"name": "secret", "family": "other", "document": LAPTOP})
    longer = {**LAPTOP, "title": "Secret title"}
    await caller.put(f"{ROOT}/{made['id']}", json={"document": longer}, headers={"If-Match": "*"})

    listed = (await client.get(ROOT)).json()["items"]
    shown = (await client.get(f"{ROOT}/{made['id']}")).json()
    versions = (await client.get(f"{ROOT}/{made['id']}/versions")).json()["items"]
    compared = await client.get(f"{ROOT}/{made['id']}/differences")
    hidden = [
        (await client.get(f"{ROOT}/{path}")).status_code
        for path in (draft["id"], f"{draft['id']}/versions", f"{made['id']}/versions/2")
    ]
    asked = await _submit(client, "laptop", ASKED)
    refused = await _submit(client, "laptop", {})

    assert [(each["name"], each["version"], each["stage"]) for each in listed] == [("laptop", 1, "published")]
    assert (shown["title"], shown["version"], shown["document"]) == ("New laptop", 1, LAPTOP)
    assert [(each["version"], each["steps"]) for each in versions] == [(1, [])]
    assert compared.json()["differences"] == []
    assert hidden == [404, 404, 404]
    assert (asked.status_code, refused.status_code) == (201, 422)


async def test_a_checklist_is_noted_item_by_item_and_the_last_note_holds(
    caller: AsyncClient, sign_in: SignIn, sessions: Sessions, tenant: Tenant, told_of: Told
) -> None:
    client = await sign_in(client_id=await factories.client_of(sessions, tenant))
    await put_into_effect(caller, "laptop", LAPTOP)
    request = (await _submit(client, "laptop", ASKED)).json()
    path = f"/v1/requests/{request['id']}"

    async def note(item: str, **said: Any) -> Response:
        return await caller.post(f"{path}/checklist/{item}", json=said, headers=factories.key())

    report = {"type": "changed", "state": "resolved"}
    resolved = await client.post(f"{path}/events", json=report, headers=factories.key())
    open_still = (await caller.get(path)).json()["incomplete"]
    unsaid = await note("wiped", outcome="not_applicable")
    unknown = await note("wings", outcome="done")
    first = await note("wiped", outcome="not_applicable", reason="It came without a disk.")
    last = await note("wiped", outcome="done", evidence="Log 4711")
    shown = (await caller.get(path)).json()
    seen = (await client.get(f"{path}/checklist")).json()
    refused = await client.post(f"{path}/checklist/wiped", json={"outcome": "done"}, headers=factories.key())

    assert resolved.status_code == 201
    assert [each["pointer"] for each in open_still] == ["/checklist/wiped"]
    assert (unsaid.status_code, _pointers(unsaid)) == (422, ["/reason"])
    assert (unknown.status_code, unknown.json()["type"]) == (404, "/problems/checklist-item-not-found")
    assert first.json()["steps"][0]["items"][0]["noted"]["reason"] == "It came without a disk."
    assert last.json()["steps"][0]["items"][0]["noted"]["evidence"] == "Log 4711"
    assert shown["incomplete"] == []
    (seen_step,) = seen["steps"]
    assert [(each["name"], each["noted"]) for each in seen_step["items"]] == [
        ("wiped", {"outcome": "done", "recorded_at": seen_step["items"][0]["noted"]["recorded_at"]}),
        ("desk", None),
    ]
    assert refused.status_code == 403
    told = [each for each in await told_of(request["id"]) if each.type == "request.changed"]
    assert [(each.payload["type"], len(each.payload["incomplete"])) for each in told] == [
        ("changed", 1),
        ("checked", 0),
    ]
    audited = (await caller.get("/v1/audit-records", params={"subject": f"request:{request['id']}"})).json()[
        "items"
    ]
    assert [each["action"] for each in audited].count("request.checklist_noted") == 2


async def test_a_reopened_request_is_not_reproached_with_its_open_items(caller: AsyncClient) -> None:
    await put_into_effect(caller, "laptop", LAPTOP)
    request = (await _submit(caller, "laptop", ASKED)).json()
    path = f"/v1/requests/{request['id']}"
    found: list[int] = []
    for state in ("closed", "open", "resolved"):
        report = {"type": "changed", "state": state}
        await caller.post(f"{path}/events", json=report, headers=factories.key())
        found.append(len((await caller.get(path)).json()["incomplete"]))

    assert found == [1, 0, 1]


async def test_a_request_that_is_over_when_it_comes_lacks_its_items_at_once(caller: AsyncClient) -> None:
    await put_into_effect(caller, "laptop", LAPTOP)

    answer = await _submit(caller, "laptop", ASKED, state="closed")

    assert [each["pointer"] for each in answer.json()["incomplete"]] == ["/checklist/wiped"]


async def test_of_one_item_so_many_notes_are_kept_and_no_more(
    caller: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "NOTES_MAX", 2)
    await put_into_effect(caller, "laptop", LAPTOP)
    request = (await _submit(caller, "laptop", ASKED)).json()
    path = f"/v1/requests/{request['id']}/checklist"

    async def note(item: str, evidence: str) -> Response:
        said = {"outcome": "done", "evidence": evidence}
        return await caller.post(f"{path}/{item}", json=said, headers=factories.key())

    answers = [await note("wiped", each) for each in ("first", "second", "third")]
    other = await note("desk", "fourth")

    assert [each.status_code for each in (*answers, other)] == [200, 200, 409, 200]
    assert answers[2].json()["type"] == "/problems/checklist-notes-too-many"
    noted = [item["noted"] for step in other.json()["steps"] for item in step["items"]]
    assert [each["evidence"] for each in noted if each] == ["second", "fourth"]


async def test_a_request_without_a_type_has_an_empty_checklist(caller: AsyncClient) -> None:
    await desk.set_up(caller)
    request = await desk.submitted(caller)

    shown = await caller.get(f"/v1/requests/{request['id']}/checklist")
    noted = await caller.post(
        f"/v1/requests/{request['id']}/checklist/wiped", json={"outcome": "done"}, headers=factories.key()
    )

    assert shown.json()["steps"] == []
    assert noted.status_code == 404


async def _changed(caller: AsyncClient, custom: dict[str, Any], *, done: bool = True, **said: Any) -> str:
    request = (await _submit(caller, "change", custom, **said)).json()
    if done:
        report = {"type": "changed", "state": "resolved"}
        await caller.post(f"/v1/requests/{request['id']}/events", json=report, headers=factories.key())
    return request["id"]


async def _propose(caller: AsyncClient, *requests: str, name: str = "extend-disk") -> Response:
    body = {"name": name, "title": "Extend a disk", "requests": requests}
    return await caller.post(f"{ROOT}/standard-changes", json=body, headers=factories.key())


async def test_a_proven_change_becomes_one_that_is_approved_beforehand(
    sign_in_as: SignIn, caller: AsyncClient
) -> None:
    ada, bob = await sign_in_as(Role.MANAGER), await sign_in_as(Role.MANAGER)
    await desk.created(caller, "/v1/services", {"name": "ERP"})
    start = "2026-01-05T09:00:00Z"
    done = [
        await _changed(caller, {"what": "disk", "gib": gib, "planned_start": start}, service="ERP")
        for gib in (100, 200, 300)
    ]
    await _changed(caller, {"what": "memory", "gib": 100}, service="ERP")
    await _changed(caller, {"what": "disk", "gib": 100}, done=False, service="ERP")

    proposed = await _propose(ada, *done[:2])
    made = proposed.json()
    await step(ada, made, "submit")
    own = await step(ada, made, "approve", version=1)
    approved = await step(bob, made, "approve", version=1)
    published = await step(ada, made, "publish")
    version = (await bob.get(f"{ROOT}/{made['id']}/versions/1")).json()
    asked = await _submit(caller, "extend-disk", {"what": "disk", "gib": 50, "planned_start": start})
    other = await _submit(caller, "extend-disk", {"what": "memory", "gib": 50, "planned_start": start})
    shown = (await caller.get(asked.headers["Location"])).json()

    assert (proposed.status_code, made["family"], made["standard"]) == (201, "change", True)
    assert (own.status_code, approved.status_code, published.status_code) == (403, 200, 200)
    evidence = version["evidence"]
    assert (evidence["requests"], evidence["alike"]) == (done[:2], 3)
    assert (evidence["fixed"], evidence["varied"]) == (["what"], ["gib", "planned_start"])
    assert (evidence["reviewed"], evidence["succeeded"], evidence["with_accidents"]) == (0, 0, 0)
    assert made["document"]["service"] == "ERP"
    assert (shown["standard"], shown["type"], shown["type_name"]) == (True, "change", "extend-disk")
    assert shown["service_id"] is not None
    assert (other.status_code, _pointers(other)) == (422, ["/facts/custom/what"])


async def test_only_changes_that_were_done_are_proven(caller: AsyncClient) -> None:
    done = await _changed(caller, {"what": "disk"})
    open_still = await _changed(caller, {"what": "disk"}, done=False)
    incident = (await _submit(caller, "incident", {})).json()["id"]

    refused = await _propose(caller, done, open_still, incident)
    foreign = await _propose(caller, done, "019b0000-0000-7000-8000-000000000000")

    assert (refused.status_code, _pointers(refused)) == (422, ["/requests/1", "/requests/2"])
    assert (foreign.status_code, foreign.json()["type"]) == (404, "/problems/request-not-found")


async def test_what_a_type_requires_is_laid_to_what_the_verdict_requires(caller: AsyncClient) -> None:
    document = {"title": "Change", "requires": [{"gate": "rollback_plan"}]}
    await put_into_effect(caller, "careful", document, family="change")

    request = (await _submit(caller, "careful", {})).json()
    gates = (await caller.get("/v1/gates", params={"request_id": request["id"]})).json()["items"]

    assert [each["kind"] for each in gates] == ["rollback_plan"]


@pytest.mark.parametrize(
    ("document", "pointers"),
    [
        ({}, ["/document"]),
        ({"title": "Laptop", "fields": {"type": "object"}}, ["/document/fields/properties"]),
        (
            {"title": "L", "fields": {"type": "object", "properties": {"a": {"$ref": "file:///etc/passwd"}}}},
            ["/document/fields/properties/a/type"],
        ),
        ({"title": "Laptop", "requires": [{"gate": "freeze_window"}]}, ["/document/requires/0"]),
    ],
)
async def test_a_faulty_version_is_refused_with_its_places(
    caller: AsyncClient, document: dict[str, Any], pointers: list[str]
) -> None:
    body = {"name": "laptop", "family": "change", "document": document}

    answer = await caller.post(ROOT, json=body, headers=factories.key())

    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/request-type-invalid")
    assert _pointers(answer) == pointers


@pytest.mark.parametrize("name", ["", "Laptop", "9", "läptop", "a" * 65, "a b", "a\u0000"])
async def test_a_name_has_letters_that_an_address_can_have(caller: AsyncClient, name: str) -> None:
    body = {"name": name, "family": "change", "document": {"title": "Laptop"}}

    answer = await caller.post(ROOT, json=body, headers=factories.key())

    assert answer.status_code in {400, 422}, answer.text
    assert _pointers(answer) == ["/name"] or answer.status_code == 400


async def test_a_bomb_of_fields_is_refused_at_once(caller: AsyncClient) -> None:
    deep: Any = {"type": "string"}
    for _ in range(200):
        deep = {"type": "array", "items": deep}
    bombs = [
        {f"f{at}": {"type": "string", "pattern": "(a+)+$"} for at in range(1_000)},
        {"deep": deep},
        {"steps": {"type": "string", "pattern": "((a{1,99}){1,99}){1,99}"}},
    ]
    for bomb in bombs:
        document = {"title": "Bomb", "fields": {"type": "object", "properties": bomb}}
        body = {"name": "bomb", "family": "other", "document": document}
        answer = await caller.post(ROOT, json=body, headers=factories.key())

        assert answer.status_code in {400, 422}, answer.text
        assert len(answer.content) < 10_000


async def test_a_document_that_says_a_key_twice_is_refused(caller: AsyncClient) -> None:
    text = '{"name": "twice", "family": "other", "document": {"title": "A", "title": "B"}}'
    headers = {**factories.key(), "Content-Type": "application/json"}

    answer = await caller.post(ROOT, content=text, headers=headers)

    assert answer.status_code == 400, answer.text


async def test_a_calendar_that_a_gate_names_must_be_there_when_it_is_published(caller: AsyncClient) -> None:
    document = {"title": "Change", "requires": [{"gate": "freeze_window", "calendar": "quiet weeks"}]}
    made = await desk.created(caller, ROOT, {"name": "frozen", "family": "change", "document": document})

    refused = await step(caller, made, "publish")
    await desk.created(caller, "/v1/calendars", {"name": "quiet weeks", "definition": desk.OFFICE})
    published = await step(caller, made, "publish")

    assert (refused.status_code, _pointers(refused)) == (422, ["/document/requires/0/calendar"])
    assert published.status_code == 200


NAMED: list[dict[str, Any]] = [
    {"gate": "risk_assessment", "questionnaire": "port_risk", "two_persons_from": "dire"},
    {
        "gate": "approval",
        "name": "board",
        "roles": ["manager"],
        "groups": ["Change board"],
        "within": {"unit": "elapsed_time", "seconds": 3_600},
        "ladder": "board",
    },
]
RISK: dict[str, Any] = {
    "questions": [
        {"name": "tried", "text": "Tried?", "axis": "likelihood", "options": {"yes": 1, "no": 5}},
        {"name": "noticed", "text": "By whom?", "axis": "consequence", "options": {"few": 1, "all": 5}},
    ],
    "likelihood_from": [],
    "consequence_from": [5],
    "levels": [["fine", "dire"]],
    "ranks": ["fine", "dire"],
}


async def test_whatever_a_gate_names_must_be_there_when_it_is_published(caller: AsyncClient) -> None:
    document = {"title": "Change", "requires": NAMED}
    made = await desk.created(caller, ROOT, {"name": "guarded", "family": "change", "document": document})
    told: list[list[str]] = []
    missing: list[tuple[str, dict[str, Any]]] = [
        ("/v1/questionnaires", {"name": "port_risk", "definition": RISK | {"ranks": ["fine", "dire"]}}),
        ("/v1/groups", {"name": "Change board"}),
        ("/v1/ladders", {"name": "board", "definition": kinds.LADDER}),
    ]

    for path, body in missing:
        refused = await step(caller, made, "publish")
        assert refused.status_code == 422
        told.append(_pointers(refused))
        await desk.created(caller, path, body)
    published = await step(caller, made, "publish")

    assert told == [
        [f"/document/requires/{each}" for each in ("0/questionnaire", "1/groups/0", "1/ladder")],
        [f"/document/requires/{each}" for each in ("1/groups/0", "1/ladder")],
        ["/document/requires/1/ladder"],
    ]
    assert published.status_code == 200


async def test_a_rank_that_a_questionnaire_does_not_know_is_told_with_both_names(caller: AsyncClient) -> None:
    calm = RISK | {"levels": [["fine", "grave"]], "ranks": ["fine", "grave"]}
    await desk.created(caller, "/v1/questionnaires", {"name": "port_risk", "definition": calm})
    document = {"title": "Change", "requires": NAMED[:1]}
    made = await desk.created(caller, ROOT, {"name": "guarded", "family": "change", "document": document})

    refused = await step(caller, made, "publish")

    (fault,) = refused.json()["errors"]
    assert fault["pointer"] == "/document/requires/0/two_persons_from"
    assert fault["detail"] == "There is no rank 'dire' of 'port_risk'. Create it, or mend the name."


@pytest.mark.parametrize(
    ("declared", "field", "status"),
    [
        ("int", {"type": "string"}, 422),
        ({"type": "int", "values": [1, 2]}, {"type": "string"}, 422),
        ({"type": "string", "values": ["a"]}, {"type": "string"}, 200),
        ("int", {"type": "number"}, 422),
        ("double", {"type": "integer"}, 200),
        ("list<string>", {"type": "array", "items": {"type": "string"}}, 200),
    ],
    ids=["another", "another with values", "same", "no whole number", "a whole number", "list"],
)
async def test_a_field_is_held_against_what_a_policy_in_effect_declares_for_itself(
    caller: AsyncClient, declared: Any, field: dict[str, Any], status: int
) -> None:
    rule = kinds.rule("all", "true", {"verdict": "accept"})
    policy = {"facts": {"request.custom.ports": declared}, "rules": [rule]}
    await kinds.in_effect(caller, "rationalization", policy)
    fields = {"type": "object", "properties": {"ports": field}}
    made = await desk.created(
        caller, ROOT, {"name": "port", "family": "change", "document": {"title": "Port", "fields": fields}}
    )

    answer = await step(caller, made, "publish")

    assert answer.status_code == status, answer.text
    if status == 422:
        (fault,) = answer.json()["errors"]
        assert fault["pointer"] == "/document/fields/properties/ports/type"
        assert "declared by the policy 'rationalization" in fault["detail"]


async def test_what_a_policy_declared_that_is_not_in_effect_any_more_holds_nothing_up(
    caller: AsyncClient,
) -> None:
    rule = kinds.rule("all", "true", {"verdict": "accept"})
    document = {"facts": {"request.custom.ports": "int"}, "rules": [rule]}
    policy = await kinds.in_effect(caller, "rationalization", document)
    fields = {"type": "object", "properties": {"ports": {"type": "string"}}}
    made = await desk.created(
        caller, ROOT, {"name": "port", "family": "change", "document": {"title": "Port", "fields": fields}}
    )
    headers = {**factories.key(), "If-Match": "*"}
    retired = await caller.post(f"/v1/policies/{policy['id']}/retire", json={}, headers=headers)
    assert retired.status_code == 200, retired.text

    assert (await step(caller, made, "publish")).status_code == 200
