"""Queries of this slice. Every statement names the tenant."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Select, Table, delete, func, select, text, tuple_, update

from service import ids
from service.db import TenantSession, insert_new, insert_rows, run_beside
from service.ids import ClientId, EndpointId
from service.outbox.domain.deliveries import DeliveryState
from service.outbox.domain.events import EVENT_TYPES, Audience
from service.outbox.errors import WebhookEndpointNotFound
from service.outbox.models import (
    Event,
    EventDraft,
    EventRow,
    WebhookDeliveryRow,
    WebhookEndpointRow,
)
from service.vault import Vault

EVENTS = cast("Table", EventRow.__table__)
DELIVERIES = cast("Table", WebhookDeliveryRow.__table__)

SUBSCRIPTIONS = """
select id, client_id, types::text from webhook_endpoint
where tenant_id = $1 and enabled and (client_id is null or client_id = any($2::uuid[])) for key share
"""

HORIZON = text("select pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
"""Below it every transaction has ended: what it committed is visible, and nothing more can appear there."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """An enabled endpoint, as far as it decides what it is told."""

    id: EndpointId
    client_id: ClientId | None
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is to be sent: an event, and where to."""

    id: UUID
    attempts: int
    state: DeliveryState
    url: str
    secret: str = field(repr=False)
    enabled: bool
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Which events of the feed are asked for; None leaves a filter out."""

    client_id: ClientId | None = None
    types: tuple[str, ...] = ()
    subject_id: UUID | None = None


def event_values(session: TenantSession, event_id: UUID, draft: EventDraft) -> dict[str, Any]:
    """The columns of a new event; PostgreSQL adds `tx` and `recorded_at`.

    Raises:
        KeyError: the type is not in EVENT_TYPES.
    """
    return {
        "tenant_id": session.tenant_id,
        "id": event_id,
        "type": draft.type,
        "subject_kind": draft.subject_kind,
        "subject_id": draft.subject_id,
        "sequence": draft.sequence,
        "client_id": draft.client_id,
        "audience": (Audience.INTERNAL if draft.internal else EVENT_TYPES[draft.type].audience).value,
        "occurred_at": draft.occurred_at,
        "payload": draft.payload,
    }


async def add_events(session: TenantSession, rows: Sequence[dict[str, Any]]) -> None:
    await insert_rows(session.db, EVENTS, rows)


async def subscriptions(
    session: TenantSession, client_ids: Collection[ClientId | None]
) -> list[Subscription]:
    """The enabled endpoints of the tenant itself and of these client organizations.

    They are held till the transaction ends, so that none is removed under a delivery. What was gathered is
    written by the same statement.
    """
    concerned = [client_id for client_id in client_ids if client_id is not None]
    return [
        Subscription(
            EndpointId(row.id),
            None if row.client_id is None else ClientId(row.client_id),
            msgspec.json.decode(row.types, type=tuple[str, ...]),
        )
        for row in await run_beside(session.db, SUBSCRIPTIONS, session.tenant_id, concerned)
    ]


async def events_named(session: TenantSession, event_ids: Collection[UUID]) -> list[Event]:
    row = EventRow
    found = select(row).where(row.tenant_id == session.tenant_id, row.id.in_(event_ids)).order_by(row.id)
    return [event.to_domain() for event in await session.db.scalars(found)]


async def horizon(session: TenantSession) -> int:
    """The oldest transaction that has not ended yet."""
    return (await session.db.execute(HORIZON)).scalar_one()


async def events(
    session: TenantSession, sought: Sought, *, after: tuple[int, UUID], below_tx: int, limit: int
) -> list[EventRow]:
    """Events of transactions before `below_tx`, in the order of the feed."""
    row = EventRow
    query = (
        select(row)
        .where(
            row.tenant_id == session.tenant_id,
            tuple_(row.tx, row.id) > after,
            row.tx < below_tx,
            *_wanted(sought),
        )
        .order_by(row.tx, row.id)
        .limit(limit)
    )
    return list(await session.db.scalars(query))


def _wanted(sought: Sought) -> list[ColumnElement[bool]]:
    row = EventRow
    wanted: list[ColumnElement[bool]] = []
    if sought.client_id is not None:
        wanted += [row.client_id == sought.client_id, row.audience == Audience.CLIENT.value]
    if sought.types:
        wanted.append(row.type.in_(sought.types))
    if sought.subject_id is not None:
        wanted.append(row.subject_id == sought.subject_id)
    return wanted


def _mine(session: TenantSession) -> Select[WebhookEndpointRow]:
    return select(WebhookEndpointRow).where(WebhookEndpointRow.tenant_id == session.tenant_id)


async def endpoint(
    session: TenantSession, endpoint_id: EndpointId, *, client_id: ClientId | None, lock: bool = False
) -> WebhookEndpointRow:
    """One endpoint; another client organization's does not exist for this one."""
    query = _mine(session).where(WebhookEndpointRow.id == endpoint_id)
    if client_id is not None:
        query = query.where(WebhookEndpointRow.client_id == client_id)
    row = await session.db.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise WebhookEndpointNotFound(endpoint_id)
    return row


async def endpoints(
    session: TenantSession, *, client_id: ClientId | None, after: UUID | None, limit: int
) -> list[WebhookEndpointRow]:
    query = _mine(session).order_by(WebhookEndpointRow.id).limit(limit)
    if client_id is not None:
        query = query.where(WebhookEndpointRow.client_id == client_id)
    if after is not None:
        query = query.where(WebhookEndpointRow.id > after)
    return list(await session.db.scalars(query))


async def endpoint_count(session: TenantSession, client_id: ClientId | None) -> int:
    """How many endpoints a client organization has, or, without one, the tenant itself."""
    row = WebhookEndpointRow
    query = select(func.count()).where(row.tenant_id == session.tenant_id, row.client_id == client_id)
    return (await session.db.execute(query)).scalar_one()


async def add_endpoint(session: TenantSession, row: WebhookEndpointRow) -> None:
    session.db.add(row)
    await session.db.flush()


async def remove_endpoint(session: TenantSession, endpoint_id: EndpointId) -> None:
    """Remove an endpoint and what was on its way to it."""
    delivery, row = WebhookDeliveryRow, WebhookEndpointRow
    await session.db.execute(
        delete(delivery).where(delivery.tenant_id == session.tenant_id, delivery.endpoint_id == endpoint_id)
    )
    await session.db.execute(delete(row).where(row.tenant_id == session.tenant_id, row.id == endpoint_id))


async def add_deliveries(session: TenantSession, wanted: Sequence[tuple[Subscription, UUID]]) -> list[UUID]:
    """Add a delivery for each (endpoint, event) that has none yet. Returns their ids.

    The id follows from both, so that the same event is never told twice to the same endpoint.
    """
    rows: list[dict[str, Any]] = [
        {
            "tenant_id": session.tenant_id,
            "id": ids.derived_id(subscription.id, event_id.hex),
            "client_id": subscription.client_id,
            "endpoint_id": subscription.id,
            "event_id": event_id,
            "attempts": 0,
            "state": DeliveryState.PENDING.value,
        }
        for subscription, event_id in wanted
    ]
    return [row["id"] for row in rows if await insert_new(session.db, DELIVERIES, row)]


async def delivery(session: TenantSession, delivery_id: UUID, vault: Vault) -> Delivery | None:
    row, endpoint_row, event_row = WebhookDeliveryRow, WebhookEndpointRow, EventRow
    found = await session.db.execute(
        select(row, endpoint_row, event_row)
        .join(
            endpoint_row,
            (endpoint_row.tenant_id == row.tenant_id) & (endpoint_row.id == row.endpoint_id),
        )
        .join(event_row, (event_row.tenant_id == row.tenant_id) & (event_row.id == row.event_id))
        .where(
            row.tenant_id == session.tenant_id,
            endpoint_row.tenant_id == session.tenant_id,
            event_row.tenant_id == session.tenant_id,
            row.id == delivery_id,
        )
    )
    first = found.first()
    return None if first is None else _delivery(vault, *first)


async def record_attempt(
    session: TenantSession,
    delivery_id: UUID,
    *,
    attempts: int,
    state: DeliveryState,
    status: int | None,
    error: str | None,
) -> bool:
    """Write down what became of the `attempts`-th attempt; False when another worker already has."""
    row = WebhookDeliveryRow
    delivered = state is DeliveryState.DELIVERED
    found = await session.db.execute(
        update(row)
        .where(row.tenant_id == session.tenant_id, row.id == delivery_id, row.attempts == attempts - 1)
        .values(
            attempts=attempts,
            state=state.value,
            last_status=status,
            last_error=error,
            attempted_at=func.now(),
            delivered_at=func.now() if delivered else None,
        )
        .returning(row.id)
    )
    return found.first() is not None


def _delivery(
    vault: Vault, row: WebhookDeliveryRow, endpoint_row: WebhookEndpointRow, event_row: EventRow
) -> Delivery:
    return Delivery(
        id=row.id,
        attempts=row.attempts,
        state=DeliveryState(row.state),
        url=endpoint_row.url,
        secret=endpoint_row.opened_secret(vault),
        enabled=endpoint_row.enabled,
        event=event_row.to_domain(),
    )
