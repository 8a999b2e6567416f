"""The register of improvements over HTTP."""

from typing import Any
from uuid import UUID

import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy import select

from service import ids
from service.audit.domain import Actor
from service.db import Sessions, tenant_transaction
from service.limits import service as limits
from service.limits.domain.table import IMPROVEMENTS
from service.outbox.models import EventRow
from service.people.domain import Role
from service.tenants.domain import Tenant
from tests import factories
from tests.api import desk
from tests.conftest import SignIn
from tests.factories import MovableClock

PATH = "/v1/improvements"
EVIDENCE = {"kind": "ticket", "id": "INC-7", "at": "2026-01-05T11:00:00Z", "what": "The label was wrong."}


async def _patch(
    caller: AsyncClient, item: dict[str, Any], body: dict[str, Any], *, tag: str = "*"
) -> Response:
    return await caller.patch(f"{PATH}/{item['id']}", json=body, headers={"If-Match": tag})


async def _opened(caller: AsyncClient, **overrides: Any) -> dict[str, Any]:
    return await desk.created(caller, PATH, {"title": "Labels that stay", "evidence": [EVIDENCE]} | overrides)


async def test_an_item_is_opened_worked_on_and_done_and_nothing_of_that_is_lost(
    caller: AsyncClient, sessions: Sessions, tenant: Tenant
) -> None:
    item = await _opened(caller)
    shown = await caller.get(f"{PATH}/{item['id']}")

    begun = await _patch(
        caller, item, {"state": "in_progress", "state_reason": "It is begun."}, tag=shown.headers["ETag"]
    )
    done = await _patch(
        caller, item, {"state": "done", "state_reason": "They stay."}, tag=begun.headers["ETag"]
    )
    entries = (await caller.get(f"{PATH}/{item['id']}/entries")).json()["items"]

    assert (item["source"], item["state"], item["evidence"]) == ("person", "open", [EVIDENCE])
    assert begun.json()["state"] == "in_progress"
    assert (done.json()["state"], done.json()["state_reason"]) == ("done", "They stay.")
    assert done.json()["ended_at"] is not None
    assert [(each["version"], each["kind"]) for each in entries] == [
        (1, "opened"),
        (2, "changed"),
        (3, "changed"),
    ]
    assert entries[2]["changes"]["state"] == {"before": "in_progress", "after": "done"}
    assert entries[0]["changes"]["evidence"] == {"after": [EVIDENCE]}
    async with tenant_transaction(sessions, tenant.id) as session:
        told = (
            select(EventRow.type).where(EventRow.subject_id == UUID(item["id"])).order_by(EventRow.sequence)
        )
        types = list(await session.db.scalars(told))
    assert types == [
        "improvement.opened",
        "improvement.changed",
        "improvement.changed",
    ]


async def test_what_is_left_out_of_a_change_stays(caller: AsyncClient) -> None:
    group = await desk.created(caller, "/v1/groups", {"name": "Storage"})
    item = await _opened(caller, group_id=group["id"])

    renamed = (await _patch(caller, item, {"title": "Labels that last"})).json()
    taken_away = (await _patch(caller, item, {"group_id": None})).json()

    assert (renamed["title"], renamed["group_id"]) == ("Labels that last", group["id"])
    assert (taken_away["title"], taken_away["group_id"]) == ("Labels that last", None)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"state": "done"}, "/state_reason"),
        ({"owner_id": str(ids.derived_id(ids.UUID(int=1), "nobody"))}, "/owner_id"),
        ({"group_id": str(ids.derived_id(ids.UUID(int=1), "nobody"))}, "/group_id"),
    ],
)
async def test_a_bad_change_is_refused_with_its_place(
    caller: AsyncClient, body: dict[str, Any], pointer: str
) -> None:
    item = await _opened(caller)

    refused = await _patch(caller, item, body)

    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]


async def test_what_has_ended_is_not_changed_any_more(caller: AsyncClient) -> None:
    item = await _opened(caller)
    await _patch(caller, item, {"state": "dropped", "state_reason": "It costs more than it saves."})

    again = await _patch(caller, item, {"state": "open", "state_reason": "I was wrong."})

    assert (again.status_code, again.json()["type"]) == (409, "/problems/improvement-ended")


async def test_a_change_names_the_version_that_it_is_based_on(caller: AsyncClient) -> None:
    item = await _opened(caller)
    tag = (await caller.get(f"{PATH}/{item['id']}")).headers["ETag"]
    await _patch(caller, item, {"title": "Labels that last"})

    stale = await _patch(caller, item, {"title": "Labels"}, tag=tag)
    unnamed = await caller.patch(f"{PATH}/{item['id']}", json={"title": "Labels"})

    assert (stale.status_code, unnamed.status_code) == (412, 428)


async def test_evidence_that_was_before_there_were_clocks_is_refused(caller: AsyncClient) -> None:
    body = {"title": "Labels", "evidence": [EVIDENCE | {"at": "0001-01-01T00:00:00+14:00"}]}

    refused = await caller.post(PATH, json=body, headers=factories.key())

    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/evidence/0/at"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [({"accident_id": None}, "/accident_id"), ({"review_id": None}, "/review_id")],
    ids=["accident", "review"],
)
async def test_what_an_item_comes_of_must_exist(
    caller: AsyncClient, body: dict[str, Any], pointer: str
) -> None:
    unknown = {name: str(ids.new_id()) for name in body}

    refused = await caller.post(PATH, json={"title": "Labels"} | unknown, headers=factories.key())

    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]


async def test_the_list_is_filtered_by_who_sees_to_it_and_by_what_showed_it(
    caller: AsyncClient, sign_in_as: SignIn
) -> None:
    member = await sign_in_as(Role.AGENT)
    group = await desk.created(caller, "/v1/groups", {"name": "Storage"})
    first = await _opened(caller, group_id=group["id"])
    second = await _opened(member)
    await _patch(member, second, {"state": "dropped", "state_reason": "It is the same."})

    async def listed(**query: str) -> list[str]:
        return [each["id"] for each in (await caller.get(PATH, params=query)).json()["items"]]

    assert await listed() == [second["id"], first["id"]]
    assert await listed(group_id=group["id"]) == [first["id"]]
    assert await listed(state="dropped") == [second["id"]]
    assert await listed(source="review") == []
    assert await listed(came_from=group["id"]) == []


async def test_there_are_as_many_open_items_as_the_limit_says(
    caller: AsyncClient, sessions: Sessions, tenant: Tenant, clock: MovableClock
) -> None:
    async with tenant_transaction(sessions, tenant.id) as session:
        await limits.change(session, Actor(), IMPROVEMENTS, 1, now=clock.now())
    first = await _opened(caller)

    refused = await caller.post(PATH, json={"title": "Another"}, headers=factories.key())
    await _patch(caller, first, {"state": "dropped", "state_reason": "It is the same."})
    accepted = await caller.post(PATH, json={"title": "Another"}, headers=factories.key())

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/improvements-too-many")
    assert accepted.status_code == 201


async def test_an_auditor_reads_and_opens_nothing(caller: AsyncClient, sign_in_as: SignIn) -> None:
    auditor = await sign_in_as(Role.AUDITOR)
    item = await _opened(caller)

    assert (await auditor.get(f"{PATH}/{item['id']}")).status_code == 200
    assert (await auditor.post(PATH, json={"title": "x"}, headers=factories.key())).status_code == 403
