"""Promises over HTTP: what a caller sees, and what it does not."""

from datetime import timedelta
from uuid import UUID

import pytest
from httpx2 import Response

from service import ids
from service.audit.domain import Actor
from service.commitments import domain, service
from service.commitments.domain import ElapsedTarget, EntryId, Fulfilled, Paused
from service.commitments.models import Commitment
from service.db import Sessions, tenant_transaction
from service.ids import ClientId
from service.instants import rfc3339
from service.tenants import service as tenants
from service.tenants.domain import Tenant
from tests import factories
from tests.conftest import SignIn
from tests.factories import NOON

HOUR = timedelta(hours=1)
RESOLVE = domain.usual_terms("resolve", ElapsedTarget(4 * 3600), calendar=None)
RESPOND = domain.usual_terms("respond", ElapsedTarget(3600), calendar=None)


@pytest.fixture
async def tenant(sessions: Sessions) -> Tenant:
    """A sandbox, whose clock stands at noon."""
    return await factories.tenant(sessions, sandbox_at=NOON)


async def _promised(
    sessions: Sessions, tenant: Tenant, *, client_id: ClientId | None = None, paused: bool = False
) -> list[Commitment]:
    opened = NOON - HOUR
    async with tenant_transaction(sessions, tenant.id) as session:
        request_id = await factories.request(session, client_id=client_id, opened_at=opened)
        pause = Paused(
            at=opened + HOUR / 2,
            received_at=opened + HOUR / 2,
            id=EntryId(str(ids.new_id())),
            cause="waiting_requester",
            party="requester",
        )
        entries = [pause] if paused else []
        offer = factories.offer(request_id, RESOLVE, RESPOND, client_id=client_id, at=opened, entries=entries)
        return await service.promise(session, [offer], now=NOON)


async def test_a_promise_is_shown_with_how_its_due_was_found(
    sessions: Sessions, tenant: Tenant, sign_in: SignIn
) -> None:
    [promise, _] = await _promised(sessions, tenant)
    caller = await sign_in("commitments:read")

    answer = await caller.get(f"/v1/commitments/{promise.id}")

    shown = answer.json()
    assert answer.status_code == 200
    assert (shown["metric"], shown["clock"], shown["outcome"]) == ("resolve", "running", "pending")
    assert shown["target"] == {"unit": "elapsed_time", "seconds": 14_400}
    assert (shown["due_at"], shown["due_if_resumed_now"]) == ("2026-01-05T15:00:00Z", "2026-01-05T15:00:00Z")
    [cycle] = shown["cycles"]
    assert cycle["used_seconds"] == 3600
    assert [(one["rule"], one["verdict"]) for one in cycle["segments"]] == [("started", "stands")]


async def test_a_paused_promise_shows_the_due_if_it_were_resumed_now(
    sessions: Sessions, tenant: Tenant, sign_in: SignIn
) -> None:
    [promise, _] = await _promised(sessions, tenant, paused=True)
    caller = await sign_in("commitments:read")

    one = (await caller.get(f"/v1/commitments/{promise.id}")).json()
    [listed] = (await caller.get("/v1/commitments", params={"clock": "paused"})).json()["items"]

    assert (one["due_at"], one["due_if_resumed_now"]) == (None, "2026-01-05T15:30:00Z")
    assert [(pause["cause"], pause["end"]) for pause in one["pauses"]] == [("waiting_requester", None)]
    assert (listed["id"], listed["due_if_resumed_now"]) == (str(promise.id), "2026-01-05T15:30:00Z")


async def test_a_corrected_breach_says_when_it_was_told_and_why_it_was_none(
    sessions: Sessions, sign_in: SignIn
) -> None:
    done_at, told_at = NOON + HOUR, NOON + 6 * HOUR
    tenant = await factories.tenant(sessions, sandbox_at=told_at)
    [promise, _] = await _promised(sessions, tenant)
    late = Fulfilled(at=done_at, received_at=told_at, id=EntryId(str(ids.new_id())), by="resolved")
    async with tenant_transaction(sessions, tenant.id) as session:
        await service.advance(session, promise.id, now=NOON + 5 * HOUR)
        await service.record(session, promise.request_id, [late], now=told_at)
    caller = await sign_in("commitments:read", of=tenant)

    shown = (await caller.get(f"/v1/commitments/{promise.id}")).json()

    assert shown["outcome"] == "kept"
    assert [(told["threshold"], told["at"]) for told in shown["told"]] == [
        ("broken", rfc3339(NOON + 5 * HOUR)),
        ("corrected", rfc3339(told_at)),
    ]
    assert [told["reason"] is None for told in shown["told"]] == [True, False]


async def test_promises_are_listed_by_filter_and_page_by_page(
    sessions: Sessions, tenant: Tenant, sign_in: SignIn
) -> None:
    promises = [*await _promised(sessions, tenant), *await _promised(sessions, tenant)]
    caller = await sign_in("commitments:read")

    first = await caller.get("/v1/commitments", params={"limit": 3})
    second = await caller.get("/v1/commitments", params={"limit": 3, "cursor": first.json()["next"]})
    of_request = await caller.get("/v1/commitments", params={"request_id": str(promises[2].request_id)})
    soon = await caller.get("/v1/commitments", params={"due_before": "2026-01-05T13:00:00+01:00"})
    soonest = await caller.get("/v1/commitments", params={"due_before": "2026-01-05T13:00:01+01:00"})

    everything = [str(one.id) for one in promises]
    shown = [one["id"] for part in (first, second) for one in part.json()["items"]]
    assert shown == everything
    assert 'rel="next"' in first.headers["Link"]
    assert [one["id"] for one in of_request.json()["items"]] == everything[2:]
    assert soon.json()["items"] == []
    assert [one["id"] for one in soonest.json()["items"]] == [everything[1], everything[3]]


@pytest.mark.parametrize(
    "query",
    [
        {"outcome": "lost"},
        {"clock": "fast"},
        {"request_id": "7"},
        {"due_before": "soon"},
        {"due_before": "0001-01-01T00:00:00+14:00"},
        {"due_before": "9999-12-31T23:59:59-14:00"},
    ],
)
async def test_a_filter_that_means_nothing_is_refused(sign_in: SignIn, query: dict[str, str]) -> None:
    caller = await sign_in("commitments:read")

    answer = await caller.get("/v1/commitments", params=query)

    assert answer.status_code == 400
    assert next(iter(query)) in answer.text


def _answer(response: Response, named: UUID) -> dict[str, str]:
    """The body without the id that was asked for, and without the request's own."""
    body = response.json()
    body.pop("request_id")
    return {key: str(value).replace(str(named), "") for key, value in body.items()}


async def test_another_tenants_promise_answers_as_one_that_never_was(
    sessions: Sessions, tenant: Tenant, sign_in: SignIn
) -> None:
    [promise, _] = await _promised(sessions, tenant)
    stranger = await sign_in("commitments:read", of=await factories.tenant(sessions))

    foreign = await stranger.get(f"/v1/commitments/{promise.id}")
    other = ids.new_id()
    unknown = await stranger.get(f"/v1/commitments/{other}")

    assert foreign.status_code == unknown.status_code == 404
    assert _answer(foreign, promise.id) == _answer(unknown, other)
    assert (await stranger.get("/v1/commitments")).json()["items"] == []


async def test_a_clients_application_sees_its_own_promises_only(
    sessions: Sessions, tenant: Tenant, sign_in: SignIn
) -> None:
    async with tenant_transaction(sessions, tenant.id) as session:
        ours, theirs = [
            (await tenants.create_client(session, Actor(), tenants.ClientEntry(name=name), now=NOON)).id
            for name in ("Harbour", "Airport")
        ]
    [own, _] = await _promised(sessions, tenant, client_id=ours)
    [foreign, _] = await _promised(sessions, tenant, client_id=theirs)
    caller = await sign_in("commitments:read", client_id=ours)

    assert (await caller.get(f"/v1/commitments/{own.id}")).status_code == 200
    assert (await caller.get(f"/v1/commitments/{foreign.id}")).status_code == 404
    assert {one["client_id"] for one in (await caller.get("/v1/commitments")).json()["items"]} == {str(ours)}


async def test_a_local_time_is_refused_with_the_remedy(sign_in: SignIn) -> None:
    caller = await sign_in("commitments:read")

    answer = await caller.get("/v1/commitments", params={"due_before": "2026-01-05T13:00:00"})

    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/parameter-malformed")
    assert "2026-01-05T13:00:00Z" in answer.json()["detail"]


async def test_promises_need_their_scope(sign_in: SignIn) -> None:
    caller = await sign_in("requests:read")

    assert (await caller.get("/v1/commitments")).status_code == 403
    assert (await caller.get(f"/v1/commitments/{ids.new_id()}")).status_code == 403
