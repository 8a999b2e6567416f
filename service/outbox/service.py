"""Use cases of this slice: tell what happened, read the feed, register endpoints, deliver to them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from service import ids
from service.audit import service as audit
from service.audit.domain import Actor, Deed
from service.db import TenantSession, gathering
from service.ids import ClientId, EndpointId
from service.jobs import service as jobs
from service.limits import service as limits
from service.limits.domain.table import CLIENT_WEBHOOK_ENDPOINTS, WEBHOOK_ENDPOINTS
from service.outbox import store
from service.outbox.domain import addresses, deliveries, events
from service.outbox.domain.addresses import Target
from service.outbox.domain.deliveries import DeliveryState
from service.outbox.domain.events import Interest
from service.outbox.errors import EventTypeUnknown, WebhookEndpointInvalid
from service.outbox.models import (
    Answer,
    Endpoint,
    EndpointDraft,
    Event,
    EventDraft,
    WebhookEndpointRow,
    secret_place,
)
from service.outbox.store import Delivery, Sought, Subscription
from service.vault import Vault

DELIVER = "outbox.deliver"
"""The job that makes one attempt to deliver one event to one endpoint."""

ANNOUNCE = "outbox.announce"
"""The job that has events delivered which a client organization's application has caused."""

Position = tuple[int, UUID]
"""Where a reader of the feed stands: the transaction and the id of the last event that it has seen."""

START: Position = (0, UUID(int=0))


@dataclass(frozen=True, slots=True)
class FeedPart:
    """Events of the feed, and where to go on.

    Attributes:
        next: valid beyond the present end, so that a reader polls with it.
        more: whether further events could be read at once.
    """

    events: list[Event]
    next: Position
    more: bool


async def append(session: TenantSession, drafts: Sequence[EventDraft]) -> None:
    """Tell what happened, in the transaction in which it happened, and have it delivered to webhooks.

    Raises:
        KeyError: a type is not in EVENT_TYPES.
    """
    if not drafts:
        return
    rows = _event_rows(session, drafts)
    async with gathering(session.db):
        await store.add_events(session, rows)
        await _announce(session, rows)


async def append_for(session: TenantSession, draft: EventDraft, endpoint_id: EndpointId) -> None:
    """Tell what happened, and have it delivered to one endpoint alone, whatever types that asks for.

    Args:
        session: of the tenant, not confined to a client organization.
        draft: what happened.
        endpoint_id: an enabled endpoint of the tenant's own.

    Raises:
        KeyError: the type is not in EVENT_TYPES.
    """
    rows = _event_rows(session, [draft])
    await store.add_events(session, rows)
    await _deliver(session, [(Subscription(endpoint_id, None, ()), rows[0]["id"])])


def _event_rows(session: TenantSession, drafts: Sequence[EventDraft]) -> list[dict[str, Any]]:
    """The rows of new events. Raises KeyError: a type is not in EVENT_TYPES."""
    return [store.event_values(session, ids.new_id(), draft) for draft in drafts]


async def _announce(session: TenantSession, rows: Sequence[dict[str, Any]]) -> None:
    """Enqueue the delivery of appended events to every endpoint that they concern: one statement if none.

    A transaction that is confined to a client organization cannot see the endpoints of others, and leaves
    that to a job: see `announce_later`.
    """
    if session.client_id is not None:
        numbered = {f"event_{number}": row["id"] for number, row in enumerate(rows)}
        await jobs.enqueue(session, ANNOUNCE, **numbered)
        return
    subscriptions = await store.subscriptions(session, {row["client_id"] for row in rows})
    wanted = [
        (subscription, row["id"])
        for row in rows
        for subscription in subscriptions
        if _concerns(subscription, row["type"], row["client_id"])
    ]
    await _deliver(session, wanted)


async def announce_later(session: TenantSession, event_ids: Collection[UUID]) -> None:
    """Do for these events what `append` left to a job. Safe to repeat: no delivery is added twice."""
    found = await store.events_named(session, event_ids)
    subscriptions = await store.subscriptions(session, {event.client_id for event in found})
    wanted = [
        (subscription, event.id)
        for event in found
        for subscription in subscriptions
        if _concerns(subscription, event.type, event.client_id)
    ]
    await _deliver(session, wanted)


async def feed(session: TenantSession, sought: Sought, *, after: Position | None, limit: int) -> FeedPart:
    """The next events of the feed. None is ever skipped, however late its transaction committed.

    Raises:
        EventTypeUnknown
    """
    faults = events.faults_of_types(sought.types)
    if faults:
        raise EventTypeUnknown([replace(fault, pointer="") for fault in faults])
    position = after or START
    horizon = await store.horizon(session)
    rows = await store.events(session, sought, after=position, below_tx=horizon, limit=limit + 1)
    shown, more = rows[:limit], len(rows) > limit
    seen_up_to = (shown[-1].tx, shown[-1].id) if more else max(position, (horizon, UUID(int=0)))
    return FeedPart([row.to_domain() for row in shown], seen_up_to, more)


async def register(
    session: TenantSession,
    draft: EndpointDraft,
    vault: Vault,
    *,
    key: bytes,
    now: datetime,
    loopback_allowed: bool,
) -> tuple[Endpoint, str]:
    """Register an endpoint. The secret that comes with it is shown this once.

    Args:
        session: the tenant's.
        draft: as it is to be.
        vault: seals the secret.
        key: SECRET_BYTES random bytes.
        now: the tenant's.
        loopback_allowed: whether http to this machine is allowed, as in tests and demonstrations.

    Raises:
        WebhookEndpointInvalid, WebhookEndpointsTooMany, ClientWebhookEndpointsTooMany
    """
    target = addresses.target(draft.url, loopback_allowed=loopback_allowed)
    faults = [] if isinstance(target, Target) else [target]
    faults += events.faults_of_types(draft.types)
    if faults:
        raise WebhookEndpointInvalid(faults)
    limit = WEBHOOK_ENDPOINTS if draft.client_id is None else CLIENT_WEBHOOK_ENDPOINTS
    await limits.make_room(session, limit, lambda: store.endpoint_count(session, draft.client_id))
    secret, endpoint_id = deliveries.secret_of(key), ids.new_id()
    row = WebhookEndpointRow(
        tenant_id=session.tenant_id,
        id=endpoint_id,
        client_id=draft.client_id,
        url=draft.url,
        types=sorted(set(draft.types)),
        sealed_secret=vault.seal(secret.encode(), secret_place(session.tenant_id, endpoint_id)),
        enabled=True,
        version=1,
        created_at=now,
    )
    await store.add_endpoint(session, row)
    endpoint = row.to_domain()
    deed = Deed("webhook_endpoint.created", f"webhook_endpoint:{endpoint.id}", after=_fields(endpoint))
    await audit.record(session, draft.by, deed, now=now)
    return endpoint, secret


async def endpoint_count(session: TenantSession, client_id: ClientId | None) -> int:
    """How many endpoints a client organization has, or, without one, the tenant itself."""
    return await store.endpoint_count(session, client_id)


async def get_endpoint(
    session: TenantSession, endpoint_id: EndpointId, *, client_id: ClientId | None, lock: bool = False
) -> Endpoint:
    """One endpoint; an application of a client organization knows those of its own only.

    Raises:
        WebhookEndpointNotFound
    """
    return (await store.endpoint(session, endpoint_id, client_id=client_id, lock=lock)).to_domain()


async def list_endpoints(
    session: TenantSession, *, client_id: ClientId | None, after: UUID | None, limit: int
) -> list[Endpoint]:
    rows = await store.endpoints(session, client_id=client_id, after=after, limit=limit)
    return [row.to_domain() for row in rows]


async def remove_endpoint(session: TenantSession, actor: Actor, endpoint: Endpoint, *, now: datetime) -> None:
    """Remove an endpoint that the caller has locked, with what was on its way to it."""
    await store.remove_endpoint(session, endpoint.id)
    deed = Deed("webhook_endpoint.removed", f"webhook_endpoint:{endpoint.id}", before=_fields(endpoint))
    await audit.record(session, actor, deed, now=now)


async def outstanding(
    session: TenantSession, delivery_id: UUID, vault: Vault, *, attempt: int
) -> Delivery | None:
    """The delivery, if its `attempt`-th attempt is still to be made."""
    found = await store.delivery(session, delivery_id, vault)
    if found is None or not found.enabled or found.state is not DeliveryState.PENDING:
        return None
    return found if found.attempts == attempt - 1 else None


async def record_attempt(
    session: TenantSession, delivery_id: UUID, *, attempt: int, answer: Answer
) -> DeliveryState:
    """Write down what became of an attempt, and enqueue the next one if it failed and one is left."""
    succeeded = answer.status is not None and deliveries.is_success(answer.status)
    state = deliveries.state_after(attempt, succeeded=succeeded)
    recorded = await store.record_attempt(
        session, delivery_id, attempts=attempt, state=state, status=answer.status, error=answer.error
    )
    delay = deliveries.retry_delay(attempt)
    if recorded and state is DeliveryState.PENDING and delay is not None:
        await jobs.enqueue(session, DELIVER, delay=delay, delivery_id=delivery_id, attempt=attempt + 1)
    return state


def body(event: Event) -> bytes:
    """What a webhook receives: `type` and `timestamp` as Standard Webhooks has them, and the event."""
    return msgspec.json.encode({"type": event.type, "timestamp": event.occurred_at, "data": event})


async def _deliver(session: TenantSession, wanted: Sequence[tuple[Subscription, UUID]]) -> None:
    added = await store.add_deliveries(session, wanted)
    if added:
        await jobs.enqueue_all(
            session, DELIVER, [{"delivery_id": delivery_id, "attempt": 1} for delivery_id in added]
        )


def _fields(endpoint: Endpoint) -> dict[str, Any]:
    """What the audit trail says of an endpoint."""
    return {"url": endpoint.url, "types": endpoint.types, "client_id": endpoint.client_id}


def _concerns(subscription: Subscription, event_type: str, client_id: ClientId | None) -> bool:
    return events.concerns(Interest(subscription.client_id, subscription.types), event_type, client_id)
